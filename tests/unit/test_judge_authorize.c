#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ASK(r, agent, tool, params) rig_ask((r), (agent), (tool), (params))
#define ALLOWED(x) assert_int_equal((x), SP_REASON_NONE)
#define REFUSED(x, why) assert_int_equal((x), SP_REASON_##why)

static void what_nothing_grants_looks_unknown(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "others", SP_EFFECT_ALLOW, "other", "read", NULL);
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "read", ""), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	assert_false(sp_judge_lists(&r.call));
	REFUSED(ASK(&r, "bot", "no_such_tool", ""), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	ALLOWED(ASK(&r, "other", "read", ""));
	assert_true(sp_judge_lists(&r.call));
	rig_done(&r);
}

static void an_allow_list_grants_and_bounds(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "read,list");
	rig_rule(r.p, "all may write", SP_EFFECT_ALLOW, NULL, "write", NULL);
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "read", ""));
	assert_int_equal(r.v.rule, SP_SNAP_NONE);
	REFUSED(ASK(&r, "bot", "write", ""), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	rig_done(&r);
}

static void a_rule_that_denies_wins_over_all_that_allow(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "write");
	rig_rule(r.p, "yes", SP_EFFECT_ALLOW, "bot", "write", NULL);
	rig_rule(r.p, "no", SP_EFFECT_DENY, "bot", "write", NULL)->reason = "ask finance";
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "write", ""), RULE_DENIED);
	assert_string_equal(r.v.detail, "no");
	assert_int_equal(r.v.rule, 1);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	assert_false(sp_judge_lists(&r.call));
	rig_done(&r);
}

static void a_denied_tool_without_a_reason_looks_unknown(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "write");
	rig_rule(r.p, "no", SP_EFFECT_DENY, NULL, "write", NULL);
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "write", ""), RULE_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	rig_done(&r);
}

static void all_conditions_of_a_rule_must_hold(void **state)
{
	struct rig r;
	struct sp_policy_agent *a;
	struct sp_policy_rule *rule;
	struct sp_policy_pair pair = {"user_id", "u7"};

	(void)state;
	rig_init(&r);
	a = rig_agent(r.p, "customer-service-bot");
	a->attributes = &pair;
	a->attributes_n = 1;
	rig_agent(r.p, "other-bot");
	rule = rig_rule(r.p, "own data", SP_EFFECT_ALLOW, NULL, "update_customer_data",
		"agent.identity == 'customer-service-bot'");
	rig_when(r.p, rule, "request.user_id == agent.identity.user_id");
	rig_publish(&r);
	ALLOWED(ASK(&r, "customer-service-bot", "update_customer_data",
		"{\"arguments\":{\"user_id\":\"u7\"}}"));
	assert_int_equal(r.v.rule, 0);
	REFUSED(ASK(&r, "customer-service-bot", "update_customer_data",
			"{\"arguments\":{\"user_id\":\"u8\"}}"),
		TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	assert_true(sp_judge_lists(&r.call));
	REFUSED(ASK(&r, "other-bot", "update_customer_data", "{\"arguments\":{\"user_id\":\"u7\"}}"),
		TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	assert_false(sp_judge_lists(&r.call));
	rig_done(&r);
}

static void a_condition_that_fails_in_a_denying_rule_denies(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "pay");
	rig_rule(r.p, "no big sums", SP_EFFECT_DENY, NULL, "pay", "request.arguments.sum > 100");
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{\"sum\":101}}"), RULE_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	ALLOWED(ASK(&r, "bot", "pay", "{\"arguments\":{\"sum\":100}}"));
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{}}"), CONDITION_FAILED);
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{\"sum\":\"101\"}}"), CONDITION_FAILED);
	assert_string_equal(r.v.detail, "no big sums");
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	rig_done(&r);
}

static void a_condition_holds_only_by_the_boolean_true(void **state)
{
	static const char *const no_booleans[] = {"1", "\"true\"", "{}", "null"};
	char params[64];
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_allow_list(r.p, "listed", "stop");
	rig_rule(r.p, "go", SP_EFFECT_ALLOW, "bot", "go", "request.arguments.flag");
	rig_rule(r.p, "stop", SP_EFFECT_DENY, NULL, "stop", "request.arguments.flag");
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "go", "{\"arguments\":{\"flag\":true}}"));
	REFUSED(ASK(&r, "bot", "go", "{\"arguments\":{\"flag\":false}}"), TOOL_DENIED);
	REFUSED(ASK(&r, "listed", "stop", "{\"arguments\":{\"flag\":true}}"), RULE_DENIED);
	ALLOWED(ASK(&r, "listed", "stop", "{\"arguments\":{\"flag\":false}}"));
	for (size_t i = 0; i < SP_ARRAY_LEN(no_booleans); i++) {
		snprintf(params, sizeof(params), "{\"arguments\":{\"flag\":%s}}", no_booleans[i]);
		REFUSED(ASK(&r, "bot", "go", params), CONDITION_FAILED);
		REFUSED(ASK(&r, "listed", "stop", params), CONDITION_FAILED);
	}
	rig_done(&r);
}

static void a_condition_that_fails_in_an_allowing_rule_grants_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "small sums", SP_EFFECT_ALLOW, "bot", "pay", "request.arguments.sum < 100");
	rig_rule(r.p, "any to self", SP_EFFECT_ALLOW, "bot", "pay", "request.to == 'self'");
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "pay", "{\"arguments\":{\"sum\":1,\"to\":\"x\"}}"));
	ALLOWED(ASK(&r, "bot", "pay", "{\"arguments\":{\"to\":\"self\"}}"));
	assert_int_equal(r.v.rule, 1);
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{\"to\":\"x\"}}"), CONDITION_FAILED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{\"sum\":100,\"to\":\"x\"}}"), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	rig_done(&r);
}

static void one_false_condition_settles_a_rule_whatever_the_others_lack(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "pay");
	rig_when(r.p,
		rig_rule(r.p, "no", SP_EFFECT_DENY, NULL, "pay", "request.arguments.sum > 100"),
		"request.arguments.to == 'x'");
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "pay", "{\"arguments\":{\"to\":\"y\"}}"));
	REFUSED(ASK(&r, "bot", "pay", "{\"arguments\":{\"to\":\"x\"}}"), CONDITION_FAILED);
	rig_done(&r);
}

static void rules_go_by_role_and_environment_too(void **state)
{
	struct rig r;
	struct sp_policy_agent *a;
	struct sp_policy_rule *rule;

	(void)state;
	rig_init(&r);
	a = rig_agent(r.p, "dev");
	a->roles = rig_list(r.p, "engineering");
	a->environment = "staging";
	a = rig_agent(r.p, "live");
	a->roles = rig_list(r.p, "engineering");
	a->environment = "production";
	rig_agent(r.p, "guest")->environment = "staging";
	rule = rig_rule(r.p, "engineers", SP_EFFECT_ALLOW, NULL, "deploy", NULL);
	rule->roles = rig_list(r.p, "engineering");
	rule->environments = rig_list(r.p, "staging");
	rig_publish(&r);
	ALLOWED(ASK(&r, "dev", "deploy", ""));
	REFUSED(ASK(&r, "live", "deploy", ""), TOOL_DENIED);
	REFUSED(ASK(&r, "guest", "deploy", ""), TOOL_DENIED);
	rig_done(&r);
}

static void a_rule_may_name_tools_by_glob(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_agent(r.p, "other");
	rig_rule(r.p, "reads", SP_EFFECT_ALLOW, "bot", "read_*", NULL);
	rig_rule(r.p, "not secrets", SP_EFFECT_DENY, NULL, "*_secrets", NULL);
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "read_mail", ""));
	assert_true(sp_judge_lists(&r.call));
	REFUSED(ASK(&r, "bot", "read_secrets", ""), RULE_DENIED);
	REFUSED(ASK(&r, "bot", "write_mail", ""), TOOL_DENIED);
	REFUSED(ASK(&r, "other", "read_mail", ""), TOOL_DENIED);
	rig_done(&r);
}

static void names_with_and_without_the_upstreams_prefix_both_bind(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "bare", SP_EFFECT_ALLOW, "bot", "read,write", NULL);
	rig_rule(r.p, "one upstream's", SP_EFFECT_DENY, NULL, "crm__write", NULL);
	rig_publish(&r);
	rig_call(&r, "bot", "crm__read", "");
	r.call.prefix = 5;
	ALLOWED(rig_judge(&r));
	rig_call(&r, "bot", "crm__write", "");
	r.call.prefix = 5;
	REFUSED(rig_judge(&r), RULE_DENIED);
	rig_call(&r, "bot", "erp__write", "");
	r.call.prefix = 5;
	ALLOWED(rig_judge(&r));
	ALLOWED(ASK(&r, "bot", "read", ""));
	REFUSED(ASK(&r, "bot", "crm__read", ""), TOOL_DENIED); // no prefix, another tool
	rig_done(&r);
}

static void allowed_for_grants_to_its_roles_and_denies_everybody_else(void **state)
{
	struct rig r;
	struct sp_policy_tool *t;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "helper")->roles = rig_list(r.p, "support");
	rig_allow_list(r.p, "listed", "query_database");
	rig_agent(r.p, "nobody");
	rig_allow_list(r.p, "bounded", "other_tool");
	rig_agent(r.p, "bounded")->roles = rig_list(r.p, "support");
	t = rig_tool(r.p, "query_database");
	t->has_allowed_for = true;
	t->allowed_for = rig_list(r.p, "support,engineering");
	t->max_calls = 50;
	rig_publish(&r);
	ALLOWED(ASK(&r, "helper", "query_database", ""));
	assert_int_equal(r.v.about.max_calls_session, 50);
	assert_int_equal(r.v.rule, SP_SNAP_NONE);
	REFUSED(ASK(&r, "listed", "query_database", ""), ROLE_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	REFUSED(ASK(&r, "nobody", "query_database", ""), ROLE_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	REFUSED(ASK(&r, "bounded", "query_database", ""), TOOL_DENIED);
	rig_done(&r);
}

static void environments_bind_agent_and_argument(void **state)
{
	struct rig r;
	struct sp_policy_tool *t;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "stage")->environment = "staging";
	rig_agent(r.p, "live")->environment = "production";
	rig_agent(r.p, "free");
	rig_rule(r.p, "all", SP_EFFECT_ALLOW, NULL, "deploy", NULL);
	t = rig_tool(r.p, "deploy");
	t->has_environments = true;
	t->allowed_environments = rig_list(r.p, "staging");
	rig_publish(&r);
	ALLOWED(ASK(&r, "stage", "deploy", ""));
	ALLOWED(ASK(&r, "stage", "deploy", "{\"arguments\":{\"environment\":\"staging\"}}"));
	REFUSED(ASK(&r, "stage", "deploy", "{\"arguments\":{\"environment\":\"production\"}}"),
		ENVIRONMENT_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	REFUSED(ASK(&r, "live", "deploy", "{\"arguments\":{\"environment\":\"staging\"}}"),
		ENVIRONMENT_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	REFUSED(ASK(&r, "free", "deploy", "{\"arguments\":{}}"), ENVIRONMENT_DENIED);
	assert_true(sp_judge_lists(&r.call));
	ALLOWED(ASK(&r, "free", "deploy", "{\"arguments\":{\"env\":\"staging\"}}"));
	REFUSED(ASK(&r, "free", "deploy", "{\"arguments\":{\"env\":\"staging\",\"environment\":\"x\"}}"),
		ENVIRONMENT_DENIED);
	REFUSED(ASK(&r, "free", "deploy", "{\"arguments\":{\"env\":[\"staging\"]}}"),
		ENVIRONMENT_DENIED);
	rig_done(&r);
}

static enum sp_reason with_claims(struct rig *r, const char *claims)
{
	rig_call(r, "bot", "delete_records", "");
	rig_claims(r, claims);
	return rig_judge(r);
}

static void only_the_token_says_that_a_person_started_a_call(void **state)
{
	struct rig r;
	struct sp_policy_tool *t;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "delete_records");
	t = rig_tool(r.p, "delete_records");
	t->has_allowed_for = true; // for no role
	t->require_human_initiated = true;
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "delete_records", "{\"arguments\":{\"initiated_by\":\"human\"}}"),
		HUMAN_REQUIRED);
	assert_int_equal(r.v.wire_reason, SP_REASON_NONE);
	ALLOWED(with_claims(&r, "{\"initiated_by\":\"human\"}"));
	ALLOWED(with_claims(&r, "{\"amr\":[\"pwd\",\"mfa\"]}"));
	REFUSED(with_claims(&r, "{\"amr\":[\"pwd\",\"hwk\"]}"), HUMAN_REQUIRED);
	REFUSED(with_claims(&r, "{\"amr\":\"mfa\"}"), HUMAN_REQUIRED);
	REFUSED(with_claims(&r, "{\"initiated_by\":\"agent\",\"amr\":[\"mfa\"]}"), HUMAN_REQUIRED);
	REFUSED(with_claims(&r, "{\"initiated_by\":true}"), HUMAN_REQUIRED);
	rig_done(&r);
}

static void a_tool_for_no_role_is_for_nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "drop");
	rig_agent(r.p, "bot")->roles = rig_list(r.p, "admin");
	rig_tool(r.p, "drop")->has_allowed_for = true;
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "drop", ""), ROLE_DENIED);
	rig_done(&r);
}

static void approval_and_review_wait_for_a_person_but_a_denial_goes_first(void **state)
{
	struct rig r;
	struct sp_policy_tool *t;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "deploy,mail");
	t = rig_tool(r.p, "deploy");
	t->require_approval = true;
	t->max_argument_bytes = 20;
	rig_rule(r.p, "look at mail", SP_EFFECT_REVIEW, NULL, "mail", "request.to != 'me'");
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "deploy", ""), REVIEW_APPROVAL);
	assert_true(r.v.review);
	REFUSED(ASK(&r, "bot", "deploy", "{\"arguments\":{\"a\":\"far more than twenty\"}}"),
		ARGUMENT_SIZE);
	assert_false(r.v.review);
	REFUSED(ASK(&r, "bot", "mail", "{\"arguments\":{\"to\":\"you\"}}"), REVIEW_RULE);
	assert_true(r.v.review);
	assert_int_equal(r.v.rule, 0);
	ALLOWED(ASK(&r, "bot", "mail", "{\"arguments\":{\"to\":\"me\"}}"));
	assert_false(r.v.review);
	rig_done(&r);
}

static void a_review_goes_on_until_the_last_question(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "deploy");
	rig_tool(r.p, "deploy")->require_approval = true;
	rig_publish(&r);
	rig_call(&r, "bot", "deploy", "");
	sp_judge_begin(&r.v);
	ALLOWED(sp_judge_authorize(&r.call, &r.v));
	assert_true(r.v.review);
	ALLOWED(sp_judge_intent(&r.call, &r.v));
	ALLOWED(sp_judge_arguments(&r.call, &r.v));
	ALLOWED(sp_judge_sequences(&r.call, &r.v));
	REFUSED(sp_judge_score(&r.call, &r.v), REVIEW_APPROVAL);
	rig_done(&r);
}

static void a_review_is_no_grant(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "look", SP_EFFECT_REVIEW, "bot", "mail", NULL);
	rig_publish(&r);
	REFUSED(ASK(&r, "bot", "mail", ""), TOOL_DENIED);
	rig_done(&r);
}

static void the_group_of_the_rule_says_how_a_call_is_audited(void **state)
{
	struct rig r;
	struct sp_policy_group *g;

	(void)state;
	rig_init(&r);
	assert_int_equal(sp_policy_group_add(r.p, (struct sp_at){"rig.yaml", 1, 1}, &g), 0);
	g->name = "financial";
	g->has_audit_level = true;
	g->audit_level = SP_AUDIT_STRICT;
	rig_rule(r.p, "f", SP_EFFECT_ALLOW, "bot", "read", NULL)->group = 0;
	rig_rule(r.p, "g", SP_EFFECT_ALLOW, "bot", "list", NULL);
	rig_publish(&r);
	ALLOWED(ASK(&r, "bot", "read", ""));
	assert_int_equal(r.v.audit_level, SP_AUDIT_STRICT);
	assert_int_equal(r.v.group, 0);
	ALLOWED(ASK(&r, "bot", "list", ""));
	assert_int_equal(r.v.group, SP_SNAP_NONE);
	assert_int_not_equal(r.v.audit_level, SP_AUDIT_STRICT);
	rig_done(&r);
}

static void request_is_arguments_then_context_then_scope(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "a", SP_EFFECT_ALLOW, "bot", "t", "request.scope == 'readonly'");
	rig_rule(r.p, "b", SP_EFFECT_ALLOW, "bot", "u", "request.ticket == 'T-1'");
	rig_publish(&r);
	rig_call(&r, "bot", "t", "{\"arguments\":{\"x\":1}}");
	REFUSED(rig_judge(&r), CONDITION_FAILED);
	r.call.scopes = SP_LIT("readonly");
	ALLOWED(rig_judge(&r));
	rig_call(&r, "bot", "t", "{\"arguments\":{\"scope\":\"all\"}}");
	r.call.scopes = SP_LIT("readonly");
	REFUSED(rig_judge(&r), TOOL_DENIED);
	ALLOWED(ASK(&r, "bot", "u",
		"{\"arguments\":{},\"_meta\":{\"sallyport/context\":{\"ticket\":\"T-1\"}}}"));
	REFUSED(ASK(&r, "bot", "u",
			"{\"arguments\":{\"ticket\":\"T-2\"},"
			"\"_meta\":{\"sallyport/context\":{\"ticket\":\"T-1\"}}}"),
		TOOL_DENIED);
	rig_done(&r);
}

/// A field of a variable is taken without making the variable; through a list the whole is made.
static void a_field_is_the_same_whether_or_not_its_map_is_made(void **state)
{
	static const char *const params[] = {"", "{\"arguments\":{}}", "{\"arguments\":{\"x\":5}}",
		"{\"arguments\":{\"x\":6}}", "{\"arguments\":{\"y\":5}}",
		"{\"arguments\":{\"\\u0078\":5}}", "{\"arguments\":{\"x\":\"\\u0035\"}}",
		"{\"arguments\":{\"x\":{\"x\":5}}}", "{\"arguments\":{\"x\":1e400}}",
		"{\"arguments\":{\"y\":1},\"_meta\":{\"sallyport/context\":{\"x\":5}}}",
		"{\"arguments\":{\"x\":1},\"_meta\":{\"sallyport/context\":{\"x\":5}}}",
		"{\"arguments\":{\"x\":5},\"_meta\":{\"sallyport/context\":{\"x\":1}}}"};
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "r0", SP_EFFECT_ALLOW, "bot", "field", "request.x == 5");
	rig_rule(r.p, "r1", SP_EFFECT_ALLOW, "bot", "whole", "[request].all(q, q.x == 5)");
	rig_rule(r.p, "r2", SP_EFFECT_ALLOW, "bot", "field", "request.arguments.x == '5'");
	rig_rule(r.p, "r3", SP_EFFECT_ALLOW, "bot", "whole", "[request.arguments].all(q, q.x == '5')");
	rig_publish(&r);
	for (size_t i = 0; i < SP_ARRAY_LEN(params); i++) {
		enum sp_reason whole = rig_ask(&r, "bot", "whole", params[i]);
		enum sp_reason field = rig_ask(&r, "bot", "field", params[i]);

		if (field != whole)
			fail_msg("%s: %d and %d", params[i], field, whole);
	}
	ALLOWED(rig_ask(&r, "bot", "field", params[2]));
	ALLOWED(rig_ask(&r, "bot", "field", params[6]));
	ALLOWED(rig_ask(&r, "bot", "field", params[9]));
	REFUSED(rig_ask(&r, "bot", "field", params[10]), TOOL_DENIED);
	REFUSED(rig_ask(&r, "bot", "field", params[4]), CONDITION_FAILED);
	rig_done(&r);
}

static void attributes_are_the_registrys_then_the_tokens(void **state)
{
	struct rig r;
	struct sp_policy_pair pair = {"team", "a"};
	struct sp_policy_agent *a;

	(void)state;
	rig_init(&r);
	a = rig_agent(r.p, "bot");
	a->attributes = &pair;
	a->attributes_n = 1;
	a->roles = rig_list(r.p, "r1,r2");
	a->owner = "ann";
	rig_rule(r.p, "team", SP_EFFECT_ALLOW, "bot", "t", "agent.identity.team == 'a'");
	rig_rule(r.p, "tenant", SP_EFFECT_ALLOW, "bot", "u", "agent.identity.tenant == 'b'");
	rig_rule(r.p, "rest", SP_EFFECT_ALLOW, "bot", "v",
		"'r2' in agent.roles && agent.owner == 'ann' && jwt.sub == 's' && "
		"source.address == '192.0.2.7' && mcp.tool.name == 'v' && mcp.route == '/mcp' && "
		"request.time > timestamp('2026-07-19T15:59:59Z')");
	rig_publish(&r);
	rig_call(&r, "bot", "t", "");
	rig_claims(&r, "{\"team\":\"b\",\"tenant\":\"b\"}");
	ALLOWED(rig_judge(&r));
	r.call.tool = SP_LIT("u");
	ALLOWED(rig_judge(&r));
	r.call.claims = NULL;
	REFUSED(rig_judge(&r), TOOL_DENIED); // hidden: no call of this token could pass
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	rig_call(&r, "bot", "v", "");
	rig_claims(&r, "{\"sub\":\"s\"}");
	ALLOWED(rig_judge(&r));
	rig_claims(&r, "{\"sub\":\"t\"}");
	REFUSED(rig_judge(&r), TOOL_DENIED);
	rig_done(&r);
}

static void lists_show_what_a_condition_on_arguments_decides(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_agent(r.p, "bot");
	rig_rule(r.p, "args", SP_EFFECT_ALLOW, "bot", "pay", "request.sum < 5");
	rig_rule(r.p, "never", SP_EFFECT_ALLOW, "bot", "fly",
		"request.sum < 5 && agent.name == 'bird'");
	rig_rule(r.p, "no", SP_EFFECT_DENY, "bot", "pay", "mcp.tool.arguments.to == 'x'");
	rig_publish(&r);
	rig_call(&r, "bot", "pay", "");
	assert_true(sp_judge_lists(&r.call));
	rig_call(&r, "bot", "fly", "");
	assert_false(sp_judge_lists(&r.call));
	REFUSED(ASK(&r, "bot", "fly", "{\"arguments\":{\"sum\":1}}"), TOOL_DENIED);
	assert_int_equal(r.v.wire_reason, SP_REASON_TOOL_UNKNOWN);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nothing_grants_looks_unknown),
		cmocka_unit_test(an_allow_list_grants_and_bounds),
		cmocka_unit_test(a_rule_that_denies_wins_over_all_that_allow),
		cmocka_unit_test(a_denied_tool_without_a_reason_looks_unknown),
		cmocka_unit_test(all_conditions_of_a_rule_must_hold),
		cmocka_unit_test(a_condition_that_fails_in_a_denying_rule_denies),
		cmocka_unit_test(a_condition_holds_only_by_the_boolean_true),
		cmocka_unit_test(a_condition_that_fails_in_an_allowing_rule_grants_nothing),
		cmocka_unit_test(one_false_condition_settles_a_rule_whatever_the_others_lack),
		cmocka_unit_test(rules_go_by_role_and_environment_too),
		cmocka_unit_test(a_rule_may_name_tools_by_glob),
		cmocka_unit_test(names_with_and_without_the_upstreams_prefix_both_bind),
		cmocka_unit_test(allowed_for_grants_to_its_roles_and_denies_everybody_else),
		cmocka_unit_test(environments_bind_agent_and_argument),
		cmocka_unit_test(only_the_token_says_that_a_person_started_a_call),
		cmocka_unit_test(a_tool_for_no_role_is_for_nobody),
		cmocka_unit_test(approval_and_review_wait_for_a_person_but_a_denial_goes_first),
		cmocka_unit_test(a_review_goes_on_until_the_last_question),
		cmocka_unit_test(a_review_is_no_grant),
		cmocka_unit_test(the_group_of_the_rule_says_how_a_call_is_audited),
		cmocka_unit_test(request_is_arguments_then_context_then_scope),
		cmocka_unit_test(a_field_is_the_same_whether_or_not_its_map_is_made),
		cmocka_unit_test(attributes_are_the_registrys_then_the_tokens),
		cmocka_unit_test(lists_show_what_a_condition_on_arguments_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
