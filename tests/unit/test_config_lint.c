#include "tests/support/lint_rig.h"
#include "config/load.h"
#include "config/policy_read.h"
#include "common/banned.h"

static void text(const char *yaml)
{
	struct sp_check check;

	sp_check_init(&check);
	if (sp_policy_read(p, sp_bytes_cstr(yaml), "p.yaml", &check) < 0)
		fail_msg("%s", check.n ? check.v[0].what : "?");
	sp_check_done(&check);
}

static struct sp_policy_tool *tool(const char *name)
{
	struct sp_policy_tool *t;

	assert_int_equal(
		sp_policy_tool_add(p, (struct sp_at){"p.yaml", 200 + p->tools_n, 5}, &t), 0);
	t->name = name;
	t->base_risk = -1;
	return t;
}

/// A policy without fault but for what a test adds: a limited agent with a token budget and an
/// audit level.
#define GOOD_AGENT                                                                                 \
	"tool_id: bot\nallowed_actions: [read_customer]\nrate_limits: {per_minute: 10, per_hour: " \
	"100}\n"                                                                                   \
	"budget_limits: {per_request_tokens: 10, daily_max_tokens: 100}\naudit_level: strict\n"

static void a_bounded_agent_with_risk_scoring_has_no_finding(void **state)
{
	(void)state;
	begin();
	text(GOOD_AGENT);
	text("risk_scoring: {high_risk_actions: [execute_shell], auto_block_threshold: 80}\n");
	end();
	for (uint32_t i = 0; i < lint.n; i++)
		fail_msg("%s: %s", sp_lint_rules[lint.v[i].id].id, lint.v[i].text);
	assert_false(sp_lint_has_errors(&lint));
	done();
}

static void an_allow_list_alone_is_the_seeds_third_anti_pattern(void **state)
{
	(void)state;
	begin();
	text(GOOD_AGENT);
	end();
	assert_non_null(found(SP_LINT_STATIC_ALLOW_LIST));
	assert_null(found(SP_LINT_APPLICATION_LAYER_ONLY));
	done();
}

static void names_of_tools_alone_are_the_seeds_first_anti_pattern(void **state)
{
	(void)state;
	begin();
	text("tool_id: bot\nallowed_actions: [read_customer]\naudit_level: basic\n");
	end();
	assert_non_null(found(SP_LINT_APPLICATION_LAYER_ONLY));
	assert_non_null(found(SP_LINT_STATIC_ALLOW_LIST));
	assert_non_null(found(SP_LINT_NO_RATE_LIMIT));
	assert_int_equal(found(SP_LINT_NO_RATE_LIMIT)->at.line, 1);
	assert_non_null(found(SP_LINT_NO_TOKEN_BUDGET));
	done();
	begin();
	text("tool_id: bot\nallowed_actions: [read_customer]\naudit_level: basic\n");
	tool("read_customer")->max_argument_bytes = 100;
	end();
	assert_null(found(SP_LINT_APPLICATION_LAYER_ONLY));
	done();
}

static void approval_for_nine_in_ten_tools_is_the_seeds_second_anti_pattern(void **state)
{
	static const char list[] = "tool_id: bot\nallowed_actions: [a, b, c, d, e, f, g, h, i, "
				   "j]\naudit_level: basic\n";
	static const char *const name[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

	(void)state;
	for (unsigned n = 8; n <= 10; n++) {
		begin();
		text(list);
		for (unsigned i = 0; i < n; i++)
			tool(name[i])->require_approval = true;
		end();
		assert_int_equal(found(SP_LINT_REVIEW_EVERYTHING) != NULL, n >= 9);
		done();
	}
	begin();
	text(list);
	rule("all", SP_EFFECT_REVIEW)->tools = STRS("*");
	end();
	assert_non_null(found(SP_LINT_REVIEW_EVERYTHING));
	done();
}

static void a_mode_in_which_every_read_is_reviewed_is_named(void **state)
{
	(void)state;
	begin();
	text(GOOD_AGENT);
	p->risk.on = true;
	p->risk.mode = SP_RISK_MANUAL;
	p->risk.review_at[SP_RISK_MANUAL] = 0;
	end();
	assert_non_null(found(SP_LINT_REVIEW_EVERYTHING));
	done();
}

static void a_score_that_leads_to_nothing_is_named(void **state)
{
	(void)state;
	begin();
	text(GOOD_AGENT);
	p->risk.on = true;
	p->risk.review_at[p->risk.mode] = p->risk.block_at[p->risk.mode] = 101;
	p->risk.block_given = 7;
	end();
	assert_non_null(found(SP_LINT_RISK_NEVER_ACTS));
	done();
}

static void a_rule_that_another_denies_is_an_error_with_both_places(void **state)
{
	struct sp_policy_rule *r;

	(void)state;
	begin();
	text(GOOD_AGENT);
	r = rule("narrow", SP_EFFECT_ALLOW);
	r->agents = STRS("bot");
	r->tools = STRS("read_customer");
	rule("wide", SP_EFFECT_DENY)->tools = STRS("read_*");
	end();
	assert_non_null(found(SP_LINT_UNREACHABLE_RULE));
	assert_int_equal(found(SP_LINT_UNREACHABLE_RULE)->at.line, 100);
	assert_non_null(strstr(found(SP_LINT_UNREACHABLE_RULE)->text, "'wide' at p.yaml:101"));
	assert_true(sp_lint_has_errors(&lint));
	done();
}

static void a_condition_or_a_narrower_match_keeps_a_rule_reachable(void **state)
{
	struct sp_policy_condition when = {"request.x == 1", {"p.yaml", 9, 9}, {0}};
	struct sp_policy_strs none = {NULL, 0};
	struct sp_policy_rule *r;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		begin();
		text(GOOD_AGENT);
		r = rule("allowed", SP_EFFECT_ALLOW);
		r->tools = i == 4 ? STRS("read_*") : STRS("read_customer");
		r->agents = i == 5 ? STRS("bot", "other") : STRS("bot");
		r = rule("denied", SP_EFFECT_DENY);
		r->tools = i == 3 ? STRS("write_*") : STRS("read_customer");
		r->when = (struct sp_policy_conditions){&when, i == 0};
		r->roles = i == 1 ? STRS("support") : none;
		r->environments = i == 2 ? STRS("staging") : none;
		r->agents = i == 5 ? STRS("bot") : none;
		end();
		assert_int_equal(times(SP_LINT_UNREACHABLE_RULE), i == 6);
		done();
	}
}

static void conditions_that_never_hold_are_named(void **state)
{
	struct sp_policy_condition when[2] = {
		{" (false) ", {"p.yaml", 7, 9}, {0}}, {"agent.identity == 'b'", {"p.yaml", 8, 9}, {0}}};
	struct sp_policy_condition pins[2] = {{"agent.identity == 'a'", {"p.yaml", 7, 9}, {0}},
		{"agent.identity == 'b'", {"p.yaml", 8, 9}, {0}}};
	struct sp_policy_condition fine[2] = {
		{"false || true", {"p.yaml", 7, 9}, {0}}, {"falsehood", {"p.yaml", 8, 9}, {0}}};
	struct sp_policy_rule *r;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin();
		r = rule("r", SP_EFFECT_ALLOW);
		r->tools = STRS("read_x");
		r->when = i == 0 ? (struct sp_policy_conditions){when, 2}
				 : (struct sp_policy_conditions){pins, 2};
		r->when.n = i == 2 ? 1 : 2;
		r->agents = i == 2 ? STRS("other") : r->agents;
		if (i == 3)
			r->when = (struct sp_policy_conditions){fine, 2};
		end();
		assert_int_equal(found(SP_LINT_UNREACHABLE_RULE) != NULL, i != 3);
		if (i == 0)
			assert_int_equal(found(SP_LINT_UNREACHABLE_RULE)->at.line, 7);
		done();
	}
}

static void a_rule_outside_every_allow_list_is_unreachable(void **state)
{
	struct sp_policy_rule *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		begin();
		text(GOOD_AGENT);
		r = rule("extra", SP_EFFECT_ALLOW);
		r->agents = i == 1 ? STRS("bot", "free") : STRS("bot");
		r->tools = i == 2 ? STRS("read_*") : STRS("write_customer");
		end();
		assert_int_equal(found(SP_LINT_UNREACHABLE_RULE) != NULL, i == 0);
		done();
	}
}

static void tools_closed_to_everybody_are_found_where_they_are_granted(void **state)
{
	(void)state;
	begin();
	text("tool_id: bot\nallowed_actions: [delete_records]\naudit_level: basic\n");
	text("TOOL_POLICIES:\n  delete_records: {allowed_for: []}\n");
	rule("r", SP_EFFECT_ALLOW)->tools = STRS("delete_records");
	end();
	assert_non_null(found(SP_LINT_UNREACHABLE_GRANT));
	assert_non_null(found(SP_LINT_UNREACHABLE_RULE));
	done();
}

static void a_tool_for_people_only_is_reached_through_whom_it_is_granted(void **state)
{
	(void)state;
	begin();
	text("tool_id: bot\nallowed_actions: [delete_records]\naudit_level: basic\n");
	text("TOOL_POLICIES:\n  delete_records: {allowed_for: [], require_human_initiated: "
	     "true}\n");
	rule("r", SP_EFFECT_ALLOW)->tools = STRS("delete_records");
	end();
	assert_null(found(SP_LINT_UNREACHABLE_GRANT));
	assert_null(found(SP_LINT_UNREACHABLE_RULE));
	done();
}

static void an_error_is_told_however_much_else_there_is(void **state)
{
	struct sp_policy_agent *a;
	char name[32];

	(void)state;
	begin();
	for (unsigned i = 0; i < SP_LINT_MAX; i++) {
		snprintf(name, sizeof(name), "agent%u", i);
		assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(name), (struct sp_at){"p.yaml", i + 1, 1}, &a),
			0);
	}
	text("version: 1\ntools:\n  - {name: a, paths: {parameters: path, roots: /}, allowed_for: [x]}\n"
	     "  - {name: b, paths: {parameters: path, roots: /}, allowed_for: [x]}\n");
	end();
	assert_int_equal(lint.n, SP_LINT_MAX);
	assert_true(lint.dropped > 2);
	assert_true(sp_lint_has_errors(&lint));
	assert_non_null(found(SP_LINT_BROAD_ROOT));
	done();
}

static void the_narrower_of_two_rules_is_shadowed_and_the_later_of_two_equal_ones_a_duplicate(
	void **state)
{
	struct sp_policy_rule *r;

	(void)state;
	begin();
	r = rule("narrow", SP_EFFECT_ALLOW);
	r->agents = STRS("a");
	r->tools = STRS("read_x", "read_y");
	r = rule("wide", SP_EFFECT_ALLOW);
	r->agents = STRS("a", "b");
	r->tools = STRS("read_*");
	end();
	assert_int_equal(times(SP_LINT_SHADOWED_RULE), 1);
	assert_int_equal(found(SP_LINT_SHADOWED_RULE)->at.line, 100);
	assert_int_equal(times(SP_LINT_DUPLICATE_RULE), 0);
	done();
	begin();
	rule("one", SP_EFFECT_ALLOW)->tools = STRS("read_x", "read_y");
	rule("two", SP_EFFECT_ALLOW)->tools = STRS("read_y", "read_x");
	end();
	assert_int_equal(times(SP_LINT_DUPLICATE_RULE), 1);
	assert_int_equal(found(SP_LINT_DUPLICATE_RULE)->at.line, 101);
	assert_int_equal(times(SP_LINT_SHADOWED_RULE), 0);
	done();
}

static void grants_without_bounds_are_named(void **state)
{
	struct sp_policy_rule *r;

	(void)state;
	begin();
	rule("all", SP_EFFECT_ALLOW)->tools = STRS("**");
	end();
	assert_int_equal(found(SP_LINT_BROAD_TOOLS)->severity, SP_LINT_ERROR);
	assert_null(found(SP_LINT_BROAD_AGENTS));
	done();
	begin();
	r = rule("some", SP_EFFECT_ALLOW);
	r->tools = STRS("*");
	r->roles = STRS("ops");
	end();
	assert_int_equal(found(SP_LINT_BROAD_TOOLS)->severity, SP_LINT_WARNING);
	done();
	begin();
	rule("any", SP_EFFECT_ALLOW)->tools = STRS("read_x");
	end();
	assert_non_null(found(SP_LINT_BROAD_AGENTS));
	assert_null(found(SP_LINT_BROAD_TOOLS));
	done();
}

static void the_same_grant_twice_is_named(void **state)
{
	struct sp_policy_rule *r;

	(void)state;
	begin();
	text(GOOD_AGENT);
	r = rule("again", SP_EFFECT_ALLOW);
	r->agents = STRS("bot");
	r->tools = STRS("read_*");
	end();
	assert_int_equal(times(SP_LINT_DUPLICATE_GRANT), 1);
	done();
}

static void missing_audit_levels_and_limits_are_named(void **state)
{
	(void)state;
	begin();
	text("tool_id: bot\nallowed_actions: [read_x]\nrate_limits: {per_minute: 10, per_hour: "
	     "600}\n"
	     "budget_limits: {per_request_tokens: 11, daily_max_tokens: 10}\n");
	text("policy_definitions:\n  - name: g\n    rules:\n      - action: read_y\n"
	     "        condition: \"agent.identity == 'bot2'\"\n        allowed: true\n");
	text("TOOL_POLICIES:\n  read_z: {allowed_for: [support]}\n");
	end();
	assert_int_equal(times(SP_LINT_NO_AUDIT_LEVEL), 2);
	assert_int_equal(times(SP_LINT_LIMIT_NEVER_REACHED), 1);
	assert_int_equal(times(SP_LINT_LIMIT_CONTRADICTION), 1);
	assert_int_equal(times(SP_LINT_NO_RATE_LIMIT), 2);
	done();
	begin();
	text("policy_definitions:\n  - name: g\n    rules:\n      - action: read_y\n"
	     "        condition: \"agent.identity == 'bot2'\"\n        allowed: true\n"
	     "    rate_limits: {requests_per_minute: 5}\n    audit: {log_level: strict}\n");
	end();
	assert_null(found(SP_LINT_NO_RATE_LIMIT));
	assert_null(found(SP_LINT_NO_AUDIT_LEVEL));
	done();
}

static void a_high_risk_tool_needs_approval(void **state)
{
	static const char list[] =
		"tool_id: bot\nallowed_actions: [execute_shell]\naudit_level: basic\n";

	(void)state;
	begin();
	text(list);
	tool("execute_shell")->high_risk = true;
	end();
	assert_int_equal(found(SP_LINT_HIGH_RISK_OPEN)->severity, SP_LINT_ERROR);
	done();
	begin();
	text(list);
	text("risk_scoring: {high_risk_actions: [execute_shell], auto_block_threshold: 80}\n");
	end();
	assert_int_equal(found(SP_LINT_HIGH_RISK_OPEN)->severity, SP_LINT_WARNING);
	done();
	begin();
	text(list);
	text("risk_scoring: {high_risk_actions: [execute_shell], auto_block_threshold: 80}\n");
	tool("execute_shell")->require_approval = true;
	end();
	assert_null(found(SP_LINT_HIGH_RISK_OPEN));
	done();
	begin();
	text(list);
	end();
	assert_non_null(found(SP_LINT_DANGEROUS_OPEN));
	assert_null(found(SP_LINT_HIGH_RISK_OPEN));
	done();
}

static void argument_rules_that_bind_nothing_are_named(void **state)
{
	struct sp_policy_tool *t;

	(void)state;
	begin();
	text(GOOD_AGENT);
	t = tool("read_customer");
	t->endpoint.on = t->sql.on = true;
	t->endpoint.allow = STRS("https://*/v1/*", "https://api.example.com/*", "*:8080/x", "/*");
	t->endpoint.private_hosts = true;
	t->path.roots = STRS("/srv", "/");
	end();
	assert_int_equal(times(SP_LINT_BROAD_ENDPOINTS), 3);
	assert_int_equal(times(SP_LINT_PRIVATE_ENDPOINTS), 1);
	assert_int_equal(times(SP_LINT_BROAD_ROOT), 1);
	assert_int_equal(times(SP_LINT_SQL_NO_DIALECT), 1);
	done();
	begin();
	text(GOOD_AGENT);
	t = tool("read_customer");
	t->endpoint.on = true;
	t->endpoint.forbid = STRS("/api/admin/*");
	tool("never_granted")->max_calls = 1;
	end();
	assert_int_equal(times(SP_LINT_BROAD_ENDPOINTS), 1);
	assert_int_equal(times(SP_LINT_UNUSED_CONSTRAINT), 1);
	done();
}

static void taint_needs_a_setter_and_a_sequence(void **state)
{
	const char *send[] = {"send"};
	struct sp_policy_sequence *s;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin();
		text(GOOD_AGENT);
		tool("fetch")->taints = i != 2;
		tool("send")->egress = true;
		if (i > 0) {
			assert_int_equal(
				sp_policy_sequence_add(p, (struct sp_at){"p.yaml", 50, 1}, &s), 0);
			s->name = "s";
			s->kind = i == 3 ? SP_SEQ_FORBID_AFTER : SP_SEQ_FORBID_AFTER_TAINT;
			s->first = s->then = (struct sp_policy_strs){send, 1};
		}
		end();
		assert_int_equal(times(SP_LINT_TAINT_OPEN), i == 0 || i == 3);
		assert_int_equal(times(SP_LINT_TAINT_NEVER), i == 2);
		done();
	}
}

static void a_policy_that_grants_nothing_and_a_refusal_without_reason_are_named(void **state)
{
	(void)state;
	begin();
	rule("no", SP_EFFECT_DENY)->reason = NULL;
	end();
	assert_non_null(found(SP_LINT_GRANTS_NOTHING));
	assert_non_null(found(SP_LINT_DENY_NO_REASON));
	assert_string_equal(found(SP_LINT_GRANTS_NOTHING)->at.file, "p.yaml");
	done();
	begin();
	end();
	assert_non_null(found(SP_LINT_GRANTS_NOTHING));
	done();
}

static void one_glob_covers_another_only_when_it_surely_does(void **state)
{
	(void)state;
	assert_true(sp_lint_glob_covers("read_*", "read_x"));
	assert_true(sp_lint_glob_covers("read_*", "read_a_*"));
	assert_true(sp_lint_glob_covers("*", "a*b"));
	assert_true(sp_lint_glob_covers("a*b", "a*b"));
	assert_false(sp_lint_glob_covers("read_a", "read_*"));
	assert_false(sp_lint_glob_covers("read_a_*", "read_*"));
	assert_false(sp_lint_glob_covers("?", "*"));
	assert_true(sp_lint_glob_covers("?x", "ax"));
}

static void problems_of_unreadable_policy_are_findings(void **state)
{
	struct sp_check check;

	(void)state;
	sp_check_init(&check);
	sp_check_add(&check, (struct sp_at){"x.yaml", 3, 4}, "do this", "that is wrong");
	sp_lint_init(&lint);
	assert_int_equal(sp_lint_problems(&lint, &check), 0);
	assert_int_equal(lint.n, 1);
	assert_true(sp_lint_has_errors(&lint));
	assert_string_equal(lint.v[0].text, "that is wrong (do this)");
	assert_int_equal(lint.v[0].at.line, 3);
	sp_lint_done(&lint);
	sp_check_done(&check);
}

static void ids_are_unique_and_lower_case(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SP_LINT__COUNT; i++) {
		const char *id = sp_lint_rules[i].id;

		assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz-"), strlen(id));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(id, sp_lint_rules[k].id);
	}
}

/// Reads ../shared/fixtures/seeds, or SP_SHARED; skipped when it is absent.
static void the_seeds_themselves_have_no_error(void **state)
{
	const char *shared = getenv("SP_SHARED");
	struct sp_check check;
	char dir[512];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/fixtures/seeds", shared ? shared : "../shared");
	if (access(dir, R_OK) < 0)
		skip();
	sp_check_init(&check);
	assert_int_equal(sp_load_policy(dir, &check, &p), 0);
	sp_lint_init(&lint);
	assert_int_equal(sp_lint_policy(&lint, p), 0);
	for (uint32_t i = 0; i < lint.n; i++)
		if (lint.v[i].severity == SP_LINT_ERROR)
			fail_msg("%s", lint.v[i].text);
	assert_non_null(found(SP_LINT_SQL_NO_DIALECT));
	sp_check_done(&check);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounded_agent_with_risk_scoring_has_no_finding),
		cmocka_unit_test(an_allow_list_alone_is_the_seeds_third_anti_pattern),
		cmocka_unit_test(names_of_tools_alone_are_the_seeds_first_anti_pattern),
		cmocka_unit_test(approval_for_nine_in_ten_tools_is_the_seeds_second_anti_pattern),
		cmocka_unit_test(a_mode_in_which_every_read_is_reviewed_is_named),
		cmocka_unit_test(a_score_that_leads_to_nothing_is_named),
		cmocka_unit_test(a_rule_that_another_denies_is_an_error_with_both_places),
		cmocka_unit_test(a_condition_or_a_narrower_match_keeps_a_rule_reachable),
		cmocka_unit_test(conditions_that_never_hold_are_named),
		cmocka_unit_test(a_rule_outside_every_allow_list_is_unreachable),
		cmocka_unit_test(tools_closed_to_everybody_are_found_where_they_are_granted),
		cmocka_unit_test(a_tool_for_people_only_is_reached_through_whom_it_is_granted),
		cmocka_unit_test(an_error_is_told_however_much_else_there_is),
		cmocka_unit_test(
			the_narrower_of_two_rules_is_shadowed_and_the_later_of_two_equal_ones_a_duplicate),
		cmocka_unit_test(grants_without_bounds_are_named),
		cmocka_unit_test(the_same_grant_twice_is_named),
		cmocka_unit_test(missing_audit_levels_and_limits_are_named),
		cmocka_unit_test(a_high_risk_tool_needs_approval),
		cmocka_unit_test(argument_rules_that_bind_nothing_are_named),
		cmocka_unit_test(taint_needs_a_setter_and_a_sequence),
		cmocka_unit_test(
			a_policy_that_grants_nothing_and_a_refusal_without_reason_are_named),
		cmocka_unit_test(one_glob_covers_another_only_when_it_surely_does),
		cmocka_unit_test(problems_of_unreadable_policy_are_findings),
		cmocka_unit_test(ids_are_unique_and_lower_case),
		cmocka_unit_test(the_seeds_themselves_have_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
