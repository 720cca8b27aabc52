#include "config/lint/lint_run.h"
#include "config/load.h"
#include "config/policy_read.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define STRS(...)                                                                                  \
	((struct sp_policy_strs){(const char *[]){__VA_ARGS__},                                    \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)})

static struct sp_policy *p;
static struct sp_lint lint;

static void begin(void)
{
	assert_int_equal(sp_policy_new(&p), 0);
}

static void text(const char *yaml)
{
	struct sp_check check;

	sp_check_init(&check);
	if (sp_policy_read(p, sp_bytes_cstr(yaml), "p.yaml", &check) < 0)
		fail_msg("%s", check.n ? check.v[0].what : "?");
	sp_check_done(&check);
}

static struct sp_policy_rule *rule(const char *name, enum sp_effect effect)
{
	struct sp_policy_rule *r;

	assert_int_equal(
		sp_policy_rule_add(p, (struct sp_at){"p.yaml", 100 + p->rules_n, 3}, &r), 0);
	r->name = name;
	r->effect = effect;
	r->group = UINT32_MAX;
	r->reason = "as asked";
	return r;
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

static void end(void)
{
	struct sp_check check;

	sp_check_init(&check);
	if (sp_policy_seal_in(p, &check) < 0)
		fail_msg("%s", check.n ? check.v[0].what : "?");
	sp_check_done(&check);
	sp_lint_init(&lint);
	assert_int_equal(sp_lint_policy(&lint, p), 0);
}

static void done(void)
{
	sp_lint_done(&lint);
	p = sp_policy_free(p);
}

static const struct sp_lint_finding *found(enum sp_lint_id id)
{
	for (uint32_t i = 0; i < lint.n; i++)
		if (lint.v[i].id == id)
			return &lint.v[i];
	return NULL;
}

static unsigned times(enum sp_lint_id id)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < lint.n; i++)
		n += lint.v[i].id == id;
	return n;
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
	struct sp_policy_condition when = {"request.x == 1", {"p.yaml", 9, 9}};
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
		{" (false) ", {"p.yaml", 7, 9}}, {"agent.identity == 'b'", {"p.yaml", 8, 9}}};
	struct sp_policy_condition pins[2] = {{"agent.identity == 'a'", {"p.yaml", 7, 9}},
		{"agent.identity == 'b'", {"p.yaml", 8, 9}}};
	struct sp_policy_condition fine[2] = {
		{"false || true", {"p.yaml", 7, 9}}, {"falsehood", {"p.yaml", 8, 9}}};
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
	text("TOOL_POLICIES:\n  delete_records: {allowed_for: [], require_human_initiated: "
	     "true}\n");
	rule("r", SP_EFFECT_ALLOW)->tools = STRS("delete_records");
	end();
	assert_non_null(found(SP_LINT_UNREACHABLE_GRANT));
	assert_non_null(found(SP_LINT_UNREACHABLE_RULE));
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

static char *printed(void (*print)(const struct sp_lint *l, FILE *f))
{
	char *buf = NULL;
	size_t n;
	FILE *f = open_memstream(&buf, &n);

	print(&lint, f);
	fclose(f);
	return buf;
}

static void print_sarif(const struct sp_lint *l, FILE *f)
{
	sp_lint_print_sarif(l, "1.2.3", f);
}

static json_t *must_parse(char *text)
{
	json_error_t err;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &err);

	if (!j)
		fail_msg("%s at %d: %s", err.text, err.position, text);
	free(text);
	return j;
}

static const char *str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	if (!s)
		fail_msg("no text '%s'", key);
	return s;
}

/// The policy of the printing tests: names that JSON and terminals stumble over, a file that is no
/// URI.
static void print_fixture(void)
{
	struct sp_policy_rule *r;

	begin();
	r = rule("quote \" back \\ 客", SP_EFFECT_ALLOW);
	r->at.file = sp_policy_file(p, "/tmp/my policies/ä%.yaml");
	r->tools = STRS("*");
	rule("no", SP_EFFECT_DENY)->reason = NULL;
	end();
}

/// What SARIF 2.1.0 requires of a log: sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.28-3.30, 3.49.
static void sarif_has_the_properties_its_standard_requires(void **state)
{
	json_t *log, *run, *driver, *rules, *results;
	size_t i;

	(void)state;
	print_fixture();
	log = must_parse(printed(print_sarif));
	assert_string_equal(str(log, "version"), "2.1.0");
	assert_non_null(strstr(str(log, "$schema"), "sarif-schema-2.1.0.json"));
	assert_int_equal(json_array_size(json_object_get(log, "runs")), 1);
	run = json_array_get(json_object_get(log, "runs"), 0);
	driver = json_object_get(json_object_get(run, "tool"), "driver");
	assert_string_equal(str(driver, "name"), "sallyctl policy lint");
	assert_string_equal(str(driver, "version"), "1.2.3");
	rules = json_object_get(driver, "rules");
	assert_int_equal(json_array_size(rules), SP_LINT__COUNT);
	for (i = 0; i < json_array_size(rules); i++) {
		json_t *r = json_array_get(rules, i);

		assert_true(strlen(str(r, "id")) > 0);
		assert_true(strlen(str(json_object_get(r, "shortDescription"), "text")) > 0);
		assert_true(strlen(str(json_object_get(r, "help"), "text")) > 0);
	}
	results = json_object_get(run, "results");
	assert_true(json_is_array(results));
	assert_int_equal(json_array_size(results), lint.n);
	for (i = 0; i < json_array_size(results); i++) {
		json_t *r = json_array_get(results, i);
		json_t *place = json_object_get(
			json_array_get(json_object_get(r, "locations"), 0), "physicalLocation");
		json_t *region = json_object_get(place, "region");
		const char *level = str(r, "level");
		const char *uri = str(json_object_get(place, "artifactLocation"), "uri");

		assert_string_equal(str(r, "ruleId"),
			str(json_array_get(rules,
				    (size_t)json_integer_value(json_object_get(r, "ruleIndex"))),
				"id"));
		assert_true(strcmp(level, "error") == 0 || strcmp(level, "warning") == 0 ||
			    strcmp(level, "note") == 0);
		assert_true(strlen(str(json_object_get(r, "message"), "text")) > 0);
		assert_true(strcmp(uri, "p.yaml") == 0 ||
			    strcmp(uri, "file:///tmp/my%20policies/%C3%A4%25.yaml") == 0);
		if (region) {
			assert_true(json_integer_value(json_object_get(region, "startLine")) >= 1);
			assert_true(
				json_integer_value(json_object_get(region, "startColumn")) >= 1);
		}
	}
	json_decref(log);
	done();
}

static void json_and_text_say_the_same(void **state)
{
	json_t *j;
	char *s;

	(void)state;
	print_fixture();
	j = must_parse(printed(sp_lint_print_json));
	assert_int_equal(json_array_size(json_object_get(j, "findings")), lint.n);
	assert_int_equal(json_integer_value(json_object_get(j, "errors")),
		times(SP_LINT_BROAD_TOOLS) + times(SP_LINT_UNREACHABLE_RULE));
	s = printed(sp_lint_print_text);
	for (uint32_t i = 0; i < lint.n; i++) {
		json_t *f = json_array_get(json_object_get(j, "findings"), i);

		assert_string_equal(str(f, "id"), sp_lint_rules[lint.v[i].id].id);
		assert_non_null(strstr(s, str(f, "text")));
		assert_non_null(strstr(s, sp_lint_rules[lint.v[i].id].id));
	}
	assert_non_null(strstr(
		s, "p.yaml:101:3: note: rule 'no' refuses without a reason [deny-without-reason]"));
	free(s);
	json_decref(j);
	done();
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

/// docs/lint.md is made from the table: SP_UPDATE=1 writes it anew.
static void the_manual_names_every_rule_as_the_table_does(void **state)
{
	char *want = NULL, *have = NULL;
	size_t n, have_n = 0;
	FILE *f = open_memstream(&want, &n);

	(void)state;
	fputs("# What `sallyctl policy lint` finds\n\n"
	      "`sallyctl policy lint PATH...` reads policy files without a gateway and tells what "
	      "is unwise in them. It exits\n"
	      "with 1 when a finding is an error. `--json` prints one object, `--sarif` SARIF "
	      "2.1.0 for code scanning. Ids are\n"
	      "stable; a finding may be milder or graver than usual where its text says why.\n\n"
	      "| id | usually | what it is | how to mend it |\n|---|---|---|---|\n",
		f);
	for (unsigned i = 0; i < SP_LINT__COUNT; i++)
		fprintf(f, "| `%s` | %s | %s | %s |\n", sp_lint_rules[i].id,
			sp_lint_severity_name(sp_lint_rules[i].severity), sp_lint_rules[i].says,
			sp_lint_rules[i].mend);
	fclose(f);
	if (getenv("SP_UPDATE")) {
		f = fopen("docs/lint.md", "w");
		assert_non_null(f);
		fputs(want, f);
		assert_int_equal(fclose(f), 0);
	}
	f = fopen("docs/lint.md", "r");
	assert_non_null(f);
	assert_true(getdelim(&have, &have_n, 0, f) > 0);
	fclose(f);
	assert_string_equal(have, want);
	free(have);
	free(want);
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
		cmocka_unit_test(sarif_has_the_properties_its_standard_requires),
		cmocka_unit_test(json_and_text_say_the_same),
		cmocka_unit_test(problems_of_unreadable_policy_are_findings),
		cmocka_unit_test(ids_are_unique_and_lower_case),
		cmocka_unit_test(the_manual_names_every_rule_as_the_table_does),
		cmocka_unit_test(the_seeds_themselves_have_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
