/// The four forms of policy text that others wrote, each statement about them by name.
#include "config/load.h"

#include "common/sql/sql.h"
#include "tests/support/policy_text.h"

#include "common/banned.h"

static bool has_action(const struct sp_policy *p, const char *name)
{
	for (uint32_t i = 0; i < p->actions_n; i++)
		if (strcmp(p->action[i], name) == 0)
			return true;
	return false;
}

#define DEFS                                                                                       \
	"policy_definitions:\n"                                                                    \
	"  - name: \"customer-data-access\"\n"                                                     \
	"    description: \"客服機器人可以讀取客戶資料\"\n"                           \
	"    rules:\n"                                                                             \
	"      - action: \"read_customer_data\"\n"                                                 \
	"        condition: \"agent.identity == 'customer-service-bot'\"\n"                        \
	"        allowed: true\n"                                                                  \
	"      - action: update_customer_data\n"                                                   \
	"        condition: \"agent.identity == 'customer-service-bot'\"\n"                        \
	"        allowed: \"true\"\n"                                                              \
	"        condition: request.user_id == agent.identity.user_id\n"                           \
	"      - action: \"delete_customer_data\"\n"                                               \
	"        allowed: false\n"                                                                 \
	"        reason: \"修改資料要先申請\"\n"                                           \
	"    rate_limits:\n"                                                                       \
	"      requests_per_minute: 100\n"                                                         \
	"      tokens_per_request: 2000\n"                                                         \
	"    audit:\n"                                                                             \
	"      log_level: \"strict\"\n"                                                            \
	"      store_in: \"compliance_database\"\n"

static void two_conditions_in_one_rule_are_both_required(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_int_equal(p->rules_n, 3);
	assert_int_equal(p->rule[0].when.n, 1);
	assert_int_equal(p->rule[1].when.n, 2);
	assert_string_equal(p->rule[1].when.v[0].text, "agent.identity == 'customer-service-bot'");
	assert_string_equal(p->rule[1].when.v[1].text, "request.user_id == agent.identity.user_id");
	sp_policy_free(p);
}

static void conditions_know_where_their_text_begins(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_string_equal(p->rule[1].when.v[0].at.file, "p.yaml");
	assert_int_equal(p->rule[1].when.v[0].at.line, 9);
	assert_int_equal(p->rule[1].when.v[0].at.col, 21); // behind its quote
	assert_int_equal(p->rule[1].when.v[1].at.line, 11);
	assert_int_equal(p->rule[1].when.v[1].at.col, 20); // plain
	sp_policy_free(p);
}

static void allowed_makes_a_grant_and_not_allowed_a_denial_with_its_reason(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_int_equal(p->rule[0].effect, SP_EFFECT_ALLOW);
	assert_int_equal(p->rule[1].effect, SP_EFFECT_ALLOW);
	assert_int_equal(p->rule[2].effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[2].reason, "修改資料要先申請");
	assert_null(p->rule[0].reason);
	assert_string_equal(p->rule[2].tools.v[0], "delete_customer_data");
	assert_int_equal(p->rule[2].tools.n, 1);
	assert_string_equal(p->rule[2].name, "customer-data-access/3");
	sp_policy_free(p);
}

static void descriptions_are_kept_in_their_language(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_string_equal(p->group[0].description, "客服機器人可以讀取客戶資料");
	sp_policy_free(p);
}

static void the_limits_of_a_definition_are_each_agents_own_over_its_rules(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_int_equal(p->limits_n, 2);
	assert_string_equal(p->limit[0].name, "customer-data-access/requests_per_minute");
	assert_int_equal(p->limit[0].kind, SP_LIMIT_CALLS);
	assert_int_equal(p->limit[0].per, SP_PER_MINUTE);
	assert_int_equal(p->limit[0].max, 100);
	assert_int_equal(p->limit[0].group, 0);
	assert_true(p->limit[0].by_agent);
	assert_false(p->limit[0].by_tool);
	assert_int_equal(p->limit[1].kind, SP_LIMIT_TOKENS);
	assert_int_equal(p->limit[1].per, SP_PER_REQUEST);
	assert_int_equal(p->limit[1].max, 2000);
	sp_policy_free(p);
}

static void a_definition_says_how_its_calls_are_audited_and_where(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_true(p->group[0].has_audit_level);
	assert_int_equal(p->group[0].audit_level, SP_AUDIT_STRICT);
	assert_string_equal(p->group[0].store, "compliance_database");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(p->rule[i].group, 0);
	sp_policy_free(p);
}

static void an_agent_that_only_a_condition_names_is_known(void **state)
{
	struct sp_policy *p = yaml(DEFS);

	(void)state;
	assert_int_equal(p->agents_n, 1);
	assert_string_equal(p->agent[0].name, "customer-service-bot");
	assert_true(p->agent[0].implied);
	assert_false(p->agent[0].has_allow_list);
	assert_int_equal(p->agent[0].actions_n, 0);
	sp_policy_free(p);
}

static void agents_are_known_however_a_condition_pins_them(void **state)
{
	static const struct {
		const char *condition;
		unsigned agents;
	} of[] = {{"agent.identity == 'a'", 1}, {"'a' == agent.name && request.x > 1", 1},
		{"agent.identity in ['a', 'b'] && true", 2},
		{"agent.identity == 'a' || agent.name == 'b'", 0},
		{"agent.identity == 'a' || agent.identity == 'b'", 2},
		{"agent.identity.user_id == 'a'", 0}, {"agent.identity != 'a'", 0},
		{"agent.identity == 'a' || true", 0}, {"agent.identity == 'no agent'", 0},
		{"not CEL at all", 0}};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(of); i++) {
		char text[256];
		struct sp_policy *p;

		snprintf(text, sizeof(text),
			"policy_definitions: [{name: g, rules: [{action: t, allowed: true, "
			"condition: \"%s\"}]}]",
			of[i].condition);
		p = yaml(text);
		if (p->agents_n != of[i].agents)
			fail_msg("%s: %u agents", of[i].condition, p->agents_n);
		sp_policy_free(p);
	}
}

static void every_tool_named_exactly_is_an_action(void **state)
{
	struct sp_policy *p = both("{\"TOOL_POLICIES\": {\"zip\": {}, \"db_*\": {}}}",
		"{\"risk_scoring\": {\"high_risk_actions\": [\"a\"]}}");

	(void)state;
	assert_int_equal(p->actions_n, 2);
	assert_string_equal(p->action[0], "a");
	assert_string_equal(p->action[1], "zip");
	sp_policy_free(p);
}

static void definitions_may_be_json_with_conditions_in_a_list(void **state)
{
	struct sp_policy *p = json("{\"policy_definitions\": [{\"name\": \"g\", \"rules\": ["
				   "{\"action\": \"a\", \"allowed\": true, \"condition\": "
				   "[\"1 == 1\", \"2 == 2\"]}]}]}");

	(void)state;
	assert_int_equal(p->rule[0].when.n, 2);
	assert_string_equal(p->rule[0].when.v[1].text, "2 == 2");
	sp_policy_free(p);
}

static void wrong_definitions_are_told_with_place_and_mend(void **state)
{
	(void)state;
	bad_yaml("policy_definitions:\n  - name: g\n    rules:\n      - acton: a\n        allowed: "
		 "true\n",
		"p.yaml:4:9: unknown key 'acton' in a rule (did you mean 'action'?)");
	bad_yaml("policy_definitions:\n  - name: g\n    rules: [{action: a}]\n",
		"p.yaml:3:13: allowed is missing (true or false)");
	bad_yaml("policy_definitions: [{name: g, rules: [{action: a, allowed: yes}]}]",
		"allowed: 'yes' is neither true nor false");
	bad_yaml("policy_definitions: [{name: g, rules: [{allowed: true}]}]", "action is missing");
	bad_yaml("policy_definitions: [{rules: []}]", "name is missing");
	bad_yaml("policy_definitions: [{name: g}]", "rules is missing");
	bad_yaml("policy_definitions: {name: g}", "policy_definitions has to be a list");
	bad_yaml("policy_definitions: [{name: g, rules: [{action: a, allowed: true, allowed: "
		 "false}]}]",
		"allowed stands here a second time (keep one of them)");
	bad_yaml("policy_definitions: [{name: g, rules: [{action: a, allowed: true, condition: "
		 "' '}]}]",
		"condition: ' ' says nothing");
	bad_yaml("policy_definitions: [{name: g, rules: [{action: a, allowed: true, condition: "
		 "[]}]}]",
		"condition: the list is empty");
	bad_yaml("policy_definitions: [{name: g, rules: []}, {name: g, rules: []}]",
		"group 'g' stands at p.yaml:1 already");
	bad_yaml("policy_definitions: [{name: g, rules: [], rate_limits: {requests_per_minute: "
		 "0}}]",
		"requests_per_minute: 0 could mean nothing or everything");
	bad_yaml("policy_definitions: [{name: g, rules: [], rate_limits: {request_per_minute: "
		 "5}}]",
		"did you mean 'requests_per_minute'?");
	bad_yaml("policy_definitions: [{name: g, rules: [], audit: {log_level: loud}}]",
		"log_level: 'loud' is no audit level (basic, enhanced or strict)");
	bad_yaml("policy_definitions: [{name: g, rules: [{action: 'a b', allowed: true}]}]",
		"action: 'a b' has to be visible ASCII without blanks");
	bad_json("{\"policy_definitions\": [{\"name\": \"g\", \"rules\": [{\"action\": 5, "
		 "\"allowed\": true}]}]}",
		"action: '5' has to be a string");
	bad_json("{\"policy_definitions\": [{\"name\": \"g\", \"rules\": [{\"action\": \"a\", "
		 "\"condition\": \"x\", \"condition\": \"y\", \"allowed\": true}]}]}",
		"duplicate key");
}

#define STYLES                                                                                     \
	"{\"style_rules\": [{\"action\": \"write_database\",\n"                                    \
	" \"allowed_styles\": [\"select-only\", \"insert-only\"],\n"                               \
	" \"forbidden_styles\": [\"update\", \"delete\"]},\n"                                      \
	" {\"action\": \"call_api\", \"allowed_endpoints\": [\"/api/v1/external/*\"],\n"           \
	"  \"forbidden_endpoints\": [\"/api/admin/*\"]}],\n"                                       \
	" \"risk_scoring\": {\"high_risk_actions\": [\"execute_shell\", "                          \
	"\"access_network_socket\"],"                                                              \
	"\n  \"auto_block_threshold\": 70}}\n"

static void style_rules_restrict_the_sql_of_a_tool(void **state)
{
	struct sp_policy *p = json(STYLES);
	const struct sp_policy_tool *t = tool(p, "write_database");

	(void)state;
	assert_true(t->sql.on);
	assert_int_equal(t->sql.allow, SP_SQL_SELECT | SP_SQL_INSERT);
	assert_int_equal(t->sql.forbid, SP_SQL_UPDATE | SP_SQL_DELETE);
	assert_int_equal(t->sql.dialect, 0);
	assert_false(t->endpoint.on);
	assert_int_equal(t->base_risk, -1);
	assert_int_equal(t->at.line, 1);
	sp_policy_free(p);
}

static void style_rules_restrict_the_endpoints_of_a_tool(void **state)
{
	struct sp_policy *p = json(STYLES);
	const struct sp_policy_tool *t = tool(p, "call_api");

	(void)state;
	assert_true(t->endpoint.on);
	assert_false(t->sql.on);
	assert_string_equal(t->endpoint.allow.v[0], "/api/v1/external/*");
	assert_string_equal(t->endpoint.forbid.v[0], "/api/admin/*");
	assert_false(t->endpoint.private_hosts);
	sp_policy_free(p);
}

static void high_risk_actions_and_the_block_threshold_turn_scoring_on(void **state)
{
	struct sp_policy *p = json(STYLES);

	(void)state;
	assert_true(p->risk.on);
	assert_int_equal(p->risk.mode, SP_RISK_AUTOMATIC);
	assert_true(tool(p, "execute_shell")->high_risk);
	assert_true(tool(p, "access_network_socket")->high_risk);
	assert_false(tool(p, "call_api")->high_risk);
	assert_true(has_action(p, "execute_shell"));
	for (unsigned m = 0; m < 3; m++)
		assert_int_equal(p->risk.block_at[m], 70);
	assert_int_equal(p->risk.review_at[SP_RISK_AUTOMATIC], 50);
	sp_policy_free(p);
}

static void without_a_word_on_risk_scores_only_are_recorded(void **state)
{
	struct sp_policy *p = json("{\"TOOL_POLICIES\": {}}");
	const struct sp_policy_risk *r = &p->risk;

	(void)state;
	assert_false(r->on);
	assert_int_equal(r->block_at[SP_RISK_AUTOMATIC], 80);
	assert_int_equal(r->block_at[SP_RISK_MIXED], 80);
	assert_int_equal(r->block_at[SP_RISK_MANUAL], 101);
	assert_int_equal(r->review_at[SP_RISK_MIXED], 50);
	assert_int_equal(r->review_writes_at[SP_RISK_MIXED], 40);
	assert_int_equal(r->review_at[SP_RISK_MANUAL], 0);
	assert_int_equal(r->class_base[SP_CLASS_EXECUTE], 50);
	assert_int_equal(r->weight[SP_TERM_HIGH_RISK], 60);
	sp_policy_free(p);
}

static void wrong_style_rules_are_told_with_place_and_mend(void **state)
{
	(void)state;
	bad_json("{\"style_rules\": [{\"action\": \"a\", \"allowed_styles\": [\"selects\"]}]}",
		"allowed_styles: 'selects' is none of select, select-only");
	bad_json("{\"style_rules\": [{\"action\": \"a\",\n \"alowed_styles\": []}]}",
		"p.json:2:2: unknown key 'alowed_styles' in a style rule (did you mean "
		"'allowed_styles'?)");
	bad_json("{\"style_rules\": [{\"action\": \"a\"}]}", "the rule restricts nothing");
	bad_json("{\"style_rules\": [{\"action\": \"a\", \"allowed_styles\": []}]}",
		"an empty list of what is allowed");
	bad_json("{\"style_rules\": [{\"allowed_styles\": [\"select\"]}]}", "action is missing");
	bad_json("{\"style_rules\": [{\"action\": \"a\", \"allowed_styles\": [\"update\"], "
		 "\"forbidden_styles\": [\"update\"]}]}",
		"tool 'a': every SQL style that is allowed is forbidden too");
	bad_json("{\"style_rules\": {}}", "style_rules has to be a list");
	bad_json("{\"style_rules\": [5]}", "a style rule has to be an object");
	bad_json("{\"risk_scoring\": {\"auto_block_threshold\": 101}}",
		"auto_block_threshold: 101 is above the maximum of 100");
	bad_json("{\"risk_scoring\": {\"auto_block_threshold\": 0}}", "0 could mean nothing");
	bad_json("{\"risk_scoring\": {\"high_risk_action\": []}}",
		"did you mean 'high_risk_actions'?");
	bad_json("{\"risk_scoring\": []}", "risk_scoring has to be an object");
	bad_json("{\"style_rule\": []}",
		"unknown key 'style_rule' in policy text (did you mean 'style_rules'?)");
}

#define TOOLS                                                                                      \
	"{\"TOOL_POLICIES\": {\n"                                                                  \
	" \"query_database\": {\"allowed_for\": [\"support\", \"engineering\"], \"max_calls\": "   \
	"50,\n"                                                                                    \
	"  \"forbidden_tables\": [\"secrets\", \"credentials\"], \"require_approval\": false},\n"  \
	" \"deploy_service\": {\"allowed_for\": [\"engineering\"],\n"                              \
	"  \"allowed_environments\": [\"staging\"], \"require_approval\": true},\n"                \
	" \"delete_records\": {\"allowed_for\": [], \"require_human_initiated\": true}}}\n"

static void a_tool_is_granted_to_the_roles_it_names(void **state)
{
	struct sp_policy *p = json(TOOLS);
	const struct sp_policy_tool *t = tool(p, "query_database");

	(void)state;
	assert_true(t->has_allowed_for);
	assert_int_equal(t->allowed_for.n, 2);
	assert_string_equal(t->allowed_for.v[0], "support");
	assert_int_equal(p->roles_n, 2);
	assert_string_equal(p->role[0], "engineering");
	assert_string_equal(p->role[1], "support");
	sp_policy_free(p);
}

static void a_tool_that_names_no_role_is_for_no_agent(void **state)
{
	struct sp_policy *p = json(TOOLS);
	const struct sp_policy_tool *t = tool(p, "delete_records");

	(void)state;
	assert_true(t->has_allowed_for);
	assert_int_equal(t->allowed_for.n, 0);
	assert_true(t->require_human_initiated);
	sp_policy_free(p);
}

static void a_tool_that_does_not_speak_of_roles_grants_and_denies_nobody(void **state)
{
	struct sp_policy *p = json("{\"TOOL_POLICIES\": {\"a\": {\"max_calls\": 2}}}");

	(void)state;
	assert_false(tool(p, "a")->has_allowed_for);
	assert_false(tool(p, "a")->has_environments);
	assert_false(tool(p, "a")->sql.on);
	assert_int_equal(tool(p, "a")->max_calls, 2);
	sp_policy_free(p);
}

static void max_calls_forbidden_tables_environments_and_approval_are_kept(void **state)
{
	struct sp_policy *p = json(TOOLS);
	const struct sp_policy_tool *q = tool(p, "query_database");
	const struct sp_policy_tool *d = tool(p, "deploy_service");

	(void)state;
	assert_int_equal(q->max_calls, 50);
	assert_true(q->sql.on);
	assert_int_equal(q->sql.dialect, 0);
	assert_int_equal(q->sql.allow, 0);
	assert_int_equal(q->sql.deny_tables.n, 2);
	assert_string_equal(q->sql.deny_tables.v[1], "credentials");
	assert_false(q->require_approval);
	assert_true(d->require_approval);
	assert_true(d->has_environments);
	assert_string_equal(d->allowed_environments.v[0], "staging");
	assert_int_equal(p->environments_n, 1);
	sp_policy_free(p);
}

static void wrong_tool_policies_are_told_with_place_and_mend(void **state)
{
	(void)state;
	bad_json("{\"TOOL_POLICIES\": {\"a\": {\"max_call\": 5}}}",
		"p.json:1:26: unknown key 'max_call' in a tool policy (did you mean 'max_calls'?)");
	bad_json("{\"TOOL_POLICIES\": {\"a\": {\"require_approval\": 1}}}",
		"require_approval: '1' is neither true nor false");
	bad_json("{\"TOOL_POLICIES\": {\"a\": {\"max_calls\": -5}}}", "is no whole number");
	bad_json("{\"TOOL_POLICIES\": {\"a\": {\"allowed_for\": \"support\"}}}",
		"allowed_for has to be a list");
	bad_json("{\"TOOL_POLICIES\": {\"a\": {\"allowed_for\": [\"x\", \"x\"]}}}",
		"allowed_for: 'x' stands there twice");
	bad_json("{\"TOOL_POLICIES\": {\"a b\": {}}}", "a tool's name: 'a b' has to be visible");
	bad_json("{\"TOOL_POLICIES\": {\"a?\": {}}}", "the only wildcard is *");
	bad_json("{\"TOOL_POLICIES\": []}", "TOOL_POLICIES has to be an object");
	bad_json("{\"tool_policies\": {}}", "did you mean 'TOOL_POLICIES'?");
	bad_yaml("TOOL_POLICIES:\n  a: {}\n  a: {}\n", "p.yaml:3:3: tool 'a' stands here a second");
	bad_json("{}", "this is no policy");
}

static void several_documents_about_a_tool_are_all_in_force(void **state)
{
	struct sp_policy *p = both("{\"TOOL_POLICIES\": {\"q\": {\"allowed_for\": [\"a\", \"b\"], "
				   "\"max_calls\": 9, \"forbidden_tables\": [\"s\"]}}}",
		"{\"TOOL_POLICIES\": {\"q\": {\"allowed_for\": [\"b\", \"c\"], \"max_calls\": 5, "
		"\"require_approval\": true}},\n"
		" \"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"select\"]}],\n"
		" \"risk_scoring\": {\"high_risk_actions\": [\"q\"]}}");
	const struct sp_policy_tool *t = tool(p, "q");

	(void)state;
	assert_int_equal(p->tools_n, 1);
	assert_int_equal(t->allowed_for.n, 1);
	assert_string_equal(t->allowed_for.v[0], "b");
	assert_int_equal(t->max_calls, 5);
	assert_true(t->require_approval);
	assert_true(t->high_risk);
	assert_int_equal(t->sql.allow, SP_SQL_SELECT);
	assert_string_equal(t->sql.deny_tables.v[0], "s");
	assert_string_equal(t->at.file, "a.json");
	sp_policy_free(p);
}

static void the_narrower_of_two_documents_wins_list_by_list(void **state)
{
	struct sp_policy *p =
		both("{\"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"select\", "
		     "\"insert\"], \"allowed_endpoints\": [\"/api/*\", \"/x\"]}]}",
			"{\"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"select\"], "
			"\"forbidden_styles\": [\"ddl\"], \"allowed_endpoints\": [\"/api/v1/*\"], "
			"\"forbidden_endpoints\": [\"/api/v1/admin\"]}]}");
	const struct sp_policy_tool *t = tool(p, "q");

	(void)state;
	assert_int_equal(t->sql.allow, SP_SQL_SELECT);
	assert_int_equal(t->sql.forbid, SP_SQL_DDL);
	assert_int_equal(t->endpoint.allow.n, 1);
	assert_string_equal(t->endpoint.allow.v[0], "/api/v1/*");
	assert_int_equal(t->endpoint.forbid.n, 1);
	sp_policy_free(p);
	p = both("{\"risk_scoring\": {\"auto_block_threshold\": 60}}",
		"{\"risk_scoring\": {\"auto_block_threshold\": 90}}");
	assert_int_equal(p->risk.block_at[0], 60);
	sp_policy_free(p);
	p = both("{\"TOOL_POLICIES\": {\"q\": {\"allowed_for\": []}}}",
		"{\"TOOL_POLICIES\": {\"q\": {\"allowed_for\": [\"a\"]}}}");
	assert_int_equal(tool(p, "q")->allowed_for.n, 0);
	assert_true(tool(p, "q")->has_allowed_for);
	sp_policy_free(p);
}

static void documents_that_contradict_each_other_are_told_with_both_places(void **state)
{
	(void)state;
	bad_both("{\"TOOL_POLICIES\": {\n\"q\": {\"allowed_for\": [\"a\"]}}}",
		"{\"TOOL_POLICIES\": {\"q\": {\"allowed_for\": [\"b\"]}}}",
		"b.json:1:20: tool 'q': the roles allowed contradicts what a.json:2 says (both are "
		"in force: make them agree)");
	bad_both("{\"TOOL_POLICIES\": {\"q\": {\"allowed_environments\": [\"prod\"]}}}",
		"{\"TOOL_POLICIES\": {\"q\": {\"allowed_environments\": [\"staging\"]}}}",
		"the environments allowed contradicts");
	bad_both("{\"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"select\"]}]}",
		"{\"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"insert\"]}]}",
		"the SQL styles allowed contradicts");
	bad_both("{\"style_rules\": [{\"action\": \"q\", \"allowed_endpoints\": [\"/a/*\"]}]}",
		"{\"style_rules\": [{\"action\": \"q\", \"allowed_endpoints\": [\"/b/*\"]}]}",
		"the endpoints allowed contradicts");
	bad_both("{\"style_rules\": [{\"action\": \"q\", \"allowed_styles\": [\"select\"]}]}",
		"{\"style_rules\": [{\"action\": \"q\", \"forbidden_styles\": [\"select\"]}]}",
		"every SQL style that is allowed is forbidden too");
}

static void the_order_of_files_does_not_show(void **state)
{
	struct sp_policy *a = both(TOOLS, STYLES), *b = both(STYLES, TOOLS);

	(void)state;
	assert_int_equal(a->tools_n, b->tools_n);
	for (uint32_t i = 0; i < a->tools_n; i++)
		assert_string_equal(a->tool[i].name, b->tool[i].name);
	sp_policy_free(a);
	sp_policy_free(b);
}

static void more_roles_than_a_snapshot_has_bits_for_are_told(void **state)
{
	char text[4096] = "{\"TOOL_POLICIES\": {\"a\": {\"allowed_for\": [\"r0\"";

	(void)state;
	for (unsigned i = 1; i <= SP_POLICY_ROLES_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", \"r%u\"", i);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "]}}}");
	bad_json(text, "role 'r64' is one more than the 64 there may be");
}

static void forms_may_be_yaml_or_json_and_stand_in_one_file(void **state)
{
	struct sp_policy *p =
		yaml("TOOL_POLICIES:\n  q: {allowed_for: [support]}\n"
		     "style_rules:\n  - {action: q, allowed_styles: [select-only]}\n");

	(void)state;
	assert_int_equal(p->tools_n, 1);
	assert_int_equal(p->sources_n, 1);
	assert_string_equal(p->source[0].form, "style rules, tool policies");
	sp_policy_free(p);
	p = yaml("tool_id: bot\nallowed_actions: [read, write]\naudit_level: strict\n");
	assert_true(agent(p, "bot")->has_allow_list);
	assert_int_equal(agent(p, "bot")->actions_n, 2);
	assert_int_equal(agent(p, "bot")->audit_level, SP_AUDIT_STRICT);
	sp_policy_free(p);
}

static void every_truncation_and_every_changed_byte_is_survived(void **state)
{
	static const char *const texts[] = {DEFS, STYLES, TOOLS};
	static const char *const files[] = {"p.yaml", "p.json", "p.json"};

	(void)state;
	for (unsigned t = 0; t < SP_ARRAY_LEN(texts); t++) {
		size_t n = strlen(texts[t]);

		for (size_t cut = 0; cut < 2 * n; cut++) {
			char *text = strdup(texts[t]);
			struct sp_policy *p;

			assert_non_null(text);
			if (cut < n)
				text[cut] = 0;
			else
				text[cut - n] ^= 1;
			p = join((const char *const[3]){text}, (const char *const[3]){files[t]});
			if (cut + 1 < n && t)
				assert_null(p);
			sp_policy_free(p);
			sp_check_done(&check);
			free(text);
		}
	}
}

static void what_each_file_gave_is_kept(void **state)
{
	struct sp_policy *p = must(join((const char *const[3]){STYLES, DEFS},
		(const char *const[3]){"a.json", "b.yaml"}));

	(void)state;
	assert_int_equal(p->sources_n, 2);
	assert_string_equal(p->source[0].file, "a.json");
	assert_string_equal(p->source[0].form, "style rules, risk scoring");
	assert_int_equal(p->source[0].tools, 4);
	assert_true(p->source[0].risk);
	assert_string_equal(p->source[1].form, "policy definitions");
	assert_int_equal(p->source[1].rules, 3);
	assert_int_equal(p->source[1].groups, 1);
	assert_int_equal(p->source[1].limits, 2);
	assert_int_equal(p->source[1].tools, 0);
	assert_false(p->source[1].risk);
	sp_policy_free(p);
}

static void the_seeds_load_byte_for_byte_as_one_policy(void **state)
{
	const char *shared = getenv("SP_SHARED");
	struct sp_policy *p = NULL;
	char dir[512], all[4096];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/fixtures/seeds", shared ? shared : "../shared");
	if (access(dir, R_OK) < 0) {
		print_message("%s is absent: skipped\n", dir);
		skip();
	}
	sp_check_init(&check);
	if (sp_load_policy(dir, &check, &p) != 0) {
		all_problems(all, sizeof(all));
		fail_msg("%s", all);
	}
	sp_check_done(&check);
	assert_int_equal(p->sources_n, 4);
	assert_int_equal(p->rules_n, 4);
	assert_int_equal(p->groups_n, 2);
	assert_int_equal(p->limits_n, 4);
	assert_int_equal(p->agents_n, 3);
	assert_true(agent(p, "customer-support-bot")->has_allow_list);
	assert_true(agent(p, "customer-service-bot")->implied);
	assert_true(agent(p, "financial-analyst-bot")->implied);
	assert_int_equal(p->rule[1].when.n, 2);
	assert_int_equal(p->rule[3].effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[3].reason, "財務數據修改需要更高權限");
	assert_int_equal(p->tools_n, 8);
	assert_true(p->risk.on);
	assert_int_equal(p->risk.block_at[SP_RISK_MANUAL], 80);
	sp_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_conditions_in_one_rule_are_both_required),
		cmocka_unit_test(conditions_know_where_their_text_begins),
		cmocka_unit_test(allowed_makes_a_grant_and_not_allowed_a_denial_with_its_reason),
		cmocka_unit_test(descriptions_are_kept_in_their_language),
		cmocka_unit_test(the_limits_of_a_definition_are_each_agents_own_over_its_rules),
		cmocka_unit_test(a_definition_says_how_its_calls_are_audited_and_where),
		cmocka_unit_test(an_agent_that_only_a_condition_names_is_known),
		cmocka_unit_test(agents_are_known_however_a_condition_pins_them),
		cmocka_unit_test(every_tool_named_exactly_is_an_action),
		cmocka_unit_test(definitions_may_be_json_with_conditions_in_a_list),
		cmocka_unit_test(wrong_definitions_are_told_with_place_and_mend),
		cmocka_unit_test(style_rules_restrict_the_sql_of_a_tool),
		cmocka_unit_test(style_rules_restrict_the_endpoints_of_a_tool),
		cmocka_unit_test(high_risk_actions_and_the_block_threshold_turn_scoring_on),
		cmocka_unit_test(without_a_word_on_risk_scores_only_are_recorded),
		cmocka_unit_test(wrong_style_rules_are_told_with_place_and_mend),
		cmocka_unit_test(a_tool_is_granted_to_the_roles_it_names),
		cmocka_unit_test(a_tool_that_names_no_role_is_for_no_agent),
		cmocka_unit_test(a_tool_that_does_not_speak_of_roles_grants_and_denies_nobody),
		cmocka_unit_test(max_calls_forbidden_tables_environments_and_approval_are_kept),
		cmocka_unit_test(wrong_tool_policies_are_told_with_place_and_mend),
		cmocka_unit_test(several_documents_about_a_tool_are_all_in_force),
		cmocka_unit_test(the_narrower_of_two_documents_wins_list_by_list),
		cmocka_unit_test(documents_that_contradict_each_other_are_told_with_both_places),
		cmocka_unit_test(the_order_of_files_does_not_show),
		cmocka_unit_test(more_roles_than_a_snapshot_has_bits_for_are_told),
		cmocka_unit_test(forms_may_be_yaml_or_json_and_stand_in_one_file),
		cmocka_unit_test(every_truncation_and_every_changed_byte_is_survived),
		cmocka_unit_test(what_each_file_gave_is_kept),
		cmocka_unit_test(the_seeds_load_byte_for_byte_as_one_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
