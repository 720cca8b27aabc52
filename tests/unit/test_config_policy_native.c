/// The native form of policy text: every part of it, what is refused, and what is made from its
/// table.
#include "config/judge/judge_env.h"
#include "config/policy_native.h"
#include "config/policy_text.h"
#include "config/value.h"

#include "tests/support/policy_text.h"
#include "tests/support/sql_words.h"

#include "common/clock.h"
#include "common/banned.h"

#define V "version: 1\n"

static void an_agent_has_roles_environment_owner_and_attributes(void **state)
{
	struct sp_policy *p =
		yaml(V "agents:\n"
		       "  - name: bot\n"
		       "    description: 客服\n"
		       "    owner: Support Team\n"
		       "    environment: staging\n"
		       "    roles: [support, night]\n"
		       "    attributes: {user_id: u-1, level: 3}\n"
		       "    audit_level: strict\n"
		       "    limits: {per_minute: 5, per_hour: 50, tokens_per_request: "
		       "7, tokens_per_day: 70}\n");
	const struct sp_policy_agent *a = agent(p, "bot");

	(void)state;
	assert_string_equal(a->description, "客服");
	assert_string_equal(a->owner, "Support Team");
	assert_string_equal(a->environment, "staging");
	assert_int_equal(a->roles.n, 2);
	assert_string_equal(a->roles.v[1], "night");
	assert_int_equal(a->attributes_n, 2);
	assert_string_equal(a->attributes[0].name, "user_id");
	assert_string_equal(a->attributes[1].value, "3");
	assert_true(a->has_audit_level);
	assert_int_equal(a->audit_level, SP_AUDIT_STRICT);
	assert_int_equal(a->per_minute, 5);
	assert_int_equal(a->per_hour, 50);
	assert_int_equal(a->per_request_tokens, 7);
	assert_int_equal(a->daily_tokens, 70);
	assert_false(a->has_allow_list);
	assert_false(a->implied);
	assert_int_equal(a->at.line, 3);
	assert_int_equal(p->roles_n, 2);
	assert_int_equal(p->environments_n, 1);
	sp_policy_free(p);
}

static void an_allow_list_bounds_an_agent_also_an_empty_one(void **state)
{
	struct sp_policy *p =
		yaml(V "agents: [{name: a, allow: [x, y]}, {name: b, allow: []}, {name: c}]");

	(void)state;
	assert_true(agent(p, "a")->has_allow_list);
	assert_int_equal(agent(p, "a")->actions_n, 2);
	assert_true(agent(p, "b")->has_allow_list);
	assert_int_equal(agent(p, "b")->actions_n, 0);
	assert_false(agent(p, "c")->has_allow_list);
	assert_false(agent(p, "c")->has_audit_level);
	sp_policy_free(p);
}

static void an_allow_list_file_and_a_registry_entry_are_one_agent(void **state)
{
	struct sp_policy *p = must(
		join((const char *const[3]){"{\"tool_id\": \"bot\", \"allowed_actions\": [\"x\"], "
					    "\"rate_limits\": {\"per_minute\": 9}}",
			     V "agents: [{name: bot, roles: support, limits: {per_minute: 4}}]"},
			(const char *const[3]){"a.json", "b.yaml"}));
	const struct sp_policy_agent *a = agent(p, "bot");

	(void)state;
	assert_int_equal(p->agents_n, 1);
	assert_true(a->has_allow_list);
	assert_int_equal(a->actions_n, 1);
	assert_string_equal(a->roles.v[0], "support");
	assert_int_equal(a->per_minute, 4);
	sp_policy_free(p);
}

static void a_tool_has_every_constraint(void **state)
{
	struct sp_policy *p = yaml(V "tools:\n"
				     "  - name: query_*\n"
				     "    allowed_for: [support]\n"
				     "    environments: staging\n"
				     "    scopes: [db.read, db.list]\n"
				     "    max_calls_per_session: 50\n"
				     "    require_approval: true\n"
				     "    require_human_initiated: true\n"
				     "    class: admin\n"
				     "    sensitivity: restricted\n"
				     "    egress: true\n"
				     "    taints: true\n"
				     "    high_risk: true\n"
				     "    risk: 0\n"
				     "    cost: 0.25\n"
				     "    max_arguments: 4KiB\n");
	const struct sp_policy_tool *t = tool(p, "query_*");

	(void)state;
	assert_true(t->has_allowed_for);
	assert_true(t->has_environments);
	assert_string_equal(t->allowed_environments.v[0], "staging");
	assert_int_equal(t->required_scopes.n, 2);
	assert_int_equal(t->max_calls, 50);
	assert_true(t->require_approval);
	assert_true(t->require_human_initiated);
	assert_int_equal(t->cls, SP_CLASS_ADMIN);
	assert_int_equal(t->sensitivity, SP_SENSE_RESTRICTED);
	assert_true(t->egress);
	assert_true(t->taints);
	assert_true(t->high_risk);
	assert_int_equal(t->base_risk, 0);
	assert_int_equal(t->cost_micros, 250000);
	assert_int_equal(t->max_argument_bytes, 4096);
	assert_false(t->sql.on);
	assert_false(t->endpoint.on);
	assert_int_equal(p->actions_n, 0);
	sp_policy_free(p);
}

static void a_tool_restricts_sql_endpoints_and_paths(void **state)
{
	struct sp_policy *p =
		yaml(V "tools:\n"
		       "  - name: q\n"
		       "    sql: {dialect: postgres, parameters: q, styles: [select-only, insert], "
		       "forbid_styles: insert, tables: ['public.*'], forbid_tables: secrets, "
		       "functions: [now], returning: true}\n"
		       "    endpoints: {parameters: [to], allow: ['/api/*'], forbid: ['/api/x'], "
		       "private_hosts: true}\n"
		       "    paths: {parameters: file, roots: [/srv/data]}\n");
	const struct sp_policy_tool *t = tool(p, "q");

	(void)state;
	assert_true(t->sql.on);
	assert_int_equal(t->sql.dialect, SP_SQL_POSTGRES);
	assert_string_equal(t->sql.parameters.v[0], "q");
	assert_int_equal(t->sql.allow, SP_SQL_SELECT | SP_SQL_INSERT);
	assert_int_equal(t->sql.forbid, SP_SQL_INSERT);
	assert_string_equal(t->sql.allow_tables.v[0], "public.*");
	assert_string_equal(t->sql.deny_tables.v[0], "secrets");
	assert_string_equal(t->sql.allow_functions.v[0], "now");
	assert_true(t->sql.returning);
	assert_true(t->endpoint.on);
	assert_string_equal(t->endpoint.parameters.v[0], "to");
	assert_string_equal(t->endpoint.allow.v[0], "/api/*");
	assert_string_equal(t->endpoint.forbid.v[0], "/api/x");
	assert_true(t->endpoint.private_hosts);
	assert_string_equal(t->path.parameters.v[0], "file");
	assert_string_equal(t->path.roots.v[0], "/srv/data");
	assert_int_equal(t->base_risk, -1);
	sp_policy_free(p);
}

static void a_star_among_the_tables_allowed_holds_no_schema(void **state)
{
	struct sp_policy *p =
		yaml(V "tools:\n"
		       "  - {name: q, sql: {dialect: postgres, tables: ['shop_*', public.a]}}\n"
		       "  - {name: q, sql: {tables: [shop_a, shop_b.wages, 'public.*']}}\n");
	const struct sp_policy_tool *t = tool(p, "q");

	(void)state;
	assert_int_equal(t->sql.allow_tables.n, 2);
	assert_string_equal(t->sql.allow_tables.v[0], "public.a");
	assert_string_equal(t->sql.allow_tables.v[1], "shop_a");
	sp_policy_free(p);
}

static void the_deeper_of_two_roots_holds(void **state)
{
	struct sp_policy *p =
		yaml(V "tools:\n"
		       "  - {name: q, paths: {parameters: [a, b], roots: [/srv/data, /srvx]}}\n"
		       "  - {name: q, paths: {parameters: [b, c], roots: [/srv]}}\n");
	const struct sp_policy_tool *t = tool(p, "q");

	(void)state;
	assert_int_equal(t->path.roots.n, 1);
	assert_string_equal(t->path.roots.v[0], "/srv/data");
	assert_int_equal(t->path.parameters.n, 3);
	sp_policy_free(p);
	bad_yaml(V "limits: [{name: x, calls: 010, per: minute}]\n", "calls: '010' is not a number");
	bad_yaml(V "limits: [{name: x, money: 010, per: minute}]\n", "money: '010' is not an amount");
	bad_yaml(V "tools:\n  - {name: q, paths: {parameters: a, roots: /x}}\n"
		   "  - {name: q, paths: {parameters: a, roots: /y}}\n",
		"p.yaml:4:12: tool 'q': the roots contradicts what p.yaml:3 says");
}

static void an_empty_group_judges_by_its_defaults(void **state)
{
	struct sp_policy *p = yaml(V "tools: [{name: q, sql: {}, endpoints: {}}]\nrisk: {}\n");

	(void)state;
	assert_true(tool(p, "q")->sql.on);
	assert_int_equal(tool(p, "q")->sql.allow, 0);
	assert_true(tool(p, "q")->endpoint.on);
	assert_true(p->risk.on);
	sp_policy_free(p);
}

static void every_dialect_has_its_number(void **state)
{
	static const char *const words[] = {"postgres", "mysql", "mssql", "sqlite", "ansi"};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(words); i++) {
		char text[128];
		struct sp_policy *p;

		snprintf(text, sizeof(text), V "tools: [{name: q, sql: {dialect: %s}}]", words[i]);
		p = yaml(text);
		assert_int_equal(tool(p, "q")->sql.dialect, SP_SQL_POSTGRES + i);
		sp_policy_free(p);
	}
}

static void styles_are_those_that_sql_is_judged_by(void **state)
{
	static const char *const words[] = {"select", "select-only", "insert", "insert-only",
		"update", "delete", "explain", "ddl"};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(words); i++) {
		uint32_t bit = 0;

		assert_int_equal(sql_style_of(words[i], &bit), 0);
		assert_int_equal(sp_policy_style(words[i]), bit);
	}
	assert_int_equal(sp_policy_style("merge"), 0);
}

static void a_rule_names_who_where_what_for_and_when(void **state)
{
	struct sp_policy *p =
		yaml(V "rules:\n"
		       "  - name: readers\n"
		       "    effect: allow\n"
		       "    tools: [read_*, list]\n"
		       "    agents: bot\n"
		       "    roles: [support]\n"
		       "    environments: [prod]\n"
		       "    purposes: refund\n"
		       "    when:\n"
		       "      - agent.name == 'bot'\n"
		       "      - \"1 == 1\"\n"
		       "    reason: 可以\n"
		       "  - effect: review\n"
		       "    tools: x\n"
		       "    when: |\n"
		       "      1 == 1 &&\n"
		       "        2 == 2\n"
		       "  - {effect: deny, tools: x}\n"
		       "purposes: [{name: refund, tools: [read_*], roles: support}]\n");
	const struct sp_policy_rule *r = p->rule;

	(void)state;
	assert_string_equal(r[0].name, "readers");
	assert_int_equal(r[0].effect, SP_EFFECT_ALLOW);
	assert_int_equal(r[0].tools.n, 2);
	assert_string_equal(r[0].agents.v[0], "bot");
	assert_string_equal(r[0].roles.v[0], "support");
	assert_string_equal(r[0].environments.v[0], "prod");
	assert_string_equal(r[0].purposes.v[0], "refund");
	assert_string_equal(r[0].reason, "可以");
	assert_int_equal(r[0].group, UINT32_MAX);
	assert_int_equal(r[0].when.n, 2);
	assert_int_equal(r[0].when.v[0].at.line, 11);
	assert_int_equal(r[0].when.v[0].at.col, 9);
	assert_int_equal(r[0].when.v[1].at.col, 10);
	assert_string_equal(r[1].name, "p/2");
	assert_int_equal(r[1].effect, SP_EFFECT_REVIEW);
	assert_string_equal(r[1].when.v[0].text, "1 == 1 &&\n  2 == 2\n");
	assert_int_equal(r[1].when.v[0].at.line, 17);
	assert_int_equal(r[1].when.v[0].at.col, 7);
	assert_int_equal(r[2].effect, SP_EFFECT_DENY);
	assert_true(agent(p, "bot")->implied);
	assert_int_equal(p->purposes_n, 1);
	assert_string_equal(p->purpose[0].roles.v[0], "support");
	sp_policy_free(p);
}

static void a_group_shares_limits_and_audit(void **state)
{
	struct sp_policy *p = yaml(V "rules: [{effect: deny, tools: z}]\n"
				     "groups:\n"
				     "  - name: money\n"
				     "    description: finance\n"
				     "    audit_level: basic\n"
				     "    store: vault\n"
				     "    rules: [{effect: allow, tools: pay}]\n"
				     "    limits: [{name: pay-rate, calls: 3, per: minute}]\n");

	(void)state;
	assert_int_equal(p->rules_n, 2);
	assert_string_equal(p->rule[1].name, "money/1");
	assert_int_equal(p->rule[1].group, 0);
	assert_int_equal(p->limit[0].group, 0);
	assert_true(p->group[0].has_audit_level);
	assert_int_equal(p->group[0].audit_level, SP_AUDIT_BASIC);
	assert_string_equal(p->group[0].store, "vault");
	assert_string_equal(p->group[0].description, "finance");
	sp_policy_free(p);
}

static void a_limit_counts_calls_tokens_or_money_in_its_window(void **state)
{
	struct sp_policy *p =
		yaml(V "limits:\n"
		       "  - {name: a, calls: 5, per: second}\n"
		       "  - {name: b, tokens: 100, per: request, apart: []}\n"
		       "  - {name: c, money: 10.5, per: minute, apart: [agent, tool], "
		       "agents: x, roles: r, tools: 'pay_*'}\n"
		       "  - {name: d, calls: 1, per: session, apart: tool}\n"
		       "  - {name: e, calls: 1, per: hour}\n"
		       "  - {name: f, tokens: 1, per: day}\n");
	const struct sp_policy_limit *l = p->limit;

	(void)state;
	assert_int_equal(l[0].kind, SP_LIMIT_CALLS);
	assert_int_equal(l[0].per, SP_PER_SECOND);
	assert_int_equal(l[0].max, 5);
	assert_true(l[0].by_agent);
	assert_false(l[0].by_tool);
	assert_int_equal(l[0].group, UINT32_MAX);
	assert_int_equal(l[1].kind, SP_LIMIT_TOKENS);
	assert_int_equal(l[1].per, SP_PER_REQUEST);
	assert_false(l[1].by_agent);
	assert_int_equal(l[2].kind, SP_LIMIT_MONEY);
	assert_int_equal(l[2].max, 10500000);
	assert_true(l[2].by_agent && l[2].by_tool);
	assert_string_equal(l[2].tools.v[0], "pay_*");
	assert_int_equal(l[3].per, SP_PER_SESSION);
	assert_true(l[3].by_tool);
	assert_false(l[3].by_agent);
	assert_int_equal(l[4].per, SP_PER_HOUR);
	assert_int_equal(l[5].per, SP_PER_DAY);
	assert_true(agent(p, "x")->implied);
	sp_policy_free(p);
}

static void a_sequence_orders_a_session_or_a_window(void **state)
{
	struct sp_policy *p = yaml(V "sequences:\n"
				     "  - {name: v, kind: require-before, first: verify, between: "
				     "query, then: delete, effect: review, reason: verify first}\n"
				     "  - {name: t, kind: forbid-after-taint, then: ['send_*'], "
				     "window: 10m, agents: bot}\n"
				     "  - {name: f, kind: forbid-after, first: a, then: b}\n");
	const struct sp_policy_sequence *s = p->sequence;

	(void)state;
	assert_int_equal(s[0].kind, SP_SEQ_REQUIRE_BEFORE);
	assert_int_equal(s[0].effect, SP_EFFECT_REVIEW);
	assert_string_equal(s[0].first.v[0], "verify");
	assert_string_equal(s[0].between.v[0], "query");
	assert_string_equal(s[0].then.v[0], "delete");
	assert_string_equal(s[0].reason, "verify first");
	assert_int_equal(s[0].window_ns, 0);
	assert_int_equal(s[1].kind, SP_SEQ_FORBID_AFTER_TAINT);
	assert_int_equal(s[1].effect, SP_EFFECT_DENY);
	assert_int_equal(s[1].window_ns, 600 * SP_NS_PER_SEC);
	assert_int_equal(s[2].kind, SP_SEQ_FORBID_AFTER);
	sp_policy_free(p);
}

static void risk_has_modes_weights_classes_and_hours(void **state)
{
	struct sp_policy *p =
		yaml(V "risk:\n"
		       "  mode: mixed\n"
		       "  mixed: {review_at: 45, block_at: never}\n"
		       "  weights: {taint: 40, new-session: 0}\n"
		       "  class_base: {delete: 60}\n"
		       "  work_hours: {from: '08:30', until: '18:00', days: [mon, sun]}\n");
	const struct sp_policy_risk *r = &p->risk;

	(void)state;
	assert_true(r->on);
	assert_int_equal(r->mode, SP_RISK_MIXED);
	assert_int_equal(r->review_at[SP_RISK_MIXED], 45);
	assert_int_equal(r->review_writes_at[SP_RISK_MIXED], 40);
	assert_int_equal(r->block_at[SP_RISK_MIXED], 101);
	assert_int_equal(r->block_at[SP_RISK_AUTOMATIC], 80);
	assert_int_equal(r->weight[SP_TERM_TAINT], 40);
	assert_int_equal(r->weight[SP_TERM_NEW_SESSION], 0);
	assert_int_equal(r->weight[SP_TERM_RATE], 15);
	assert_int_equal(r->class_base[SP_CLASS_DELETE], 60);
	assert_int_equal(r->class_base[SP_CLASS_READ], 5);
	assert_int_equal(r->work_from_minute, 510);
	assert_int_equal(r->work_until_minute, 1080);
	assert_int_equal(r->work_days, 0x41);
	sp_policy_free(p);
}

static void an_empty_risk_part_gives_the_defaults_of_a_policy_without_one(void **state)
{
	struct sp_policy *with = yaml(V "risk:\n  mode: automatic\n"), *without = yaml(V);
	const struct sp_policy_risk *a = &with->risk, *b = &without->risk;

	(void)state;
	assert_true(a->on);
	assert_false(b->on);
	assert_int_equal(a->mode, b->mode);
	assert_memory_equal(a->review_at, b->review_at, sizeof(a->review_at));
	assert_memory_equal(a->review_writes_at, b->review_writes_at, sizeof(a->review_writes_at));
	assert_memory_equal(a->block_at, b->block_at, sizeof(a->block_at));
	assert_memory_equal(a->weight, b->weight, sizeof(a->weight));
	assert_memory_equal(a->class_base, b->class_base, sizeof(a->class_base));
	assert_int_equal(a->work_days, b->work_days);
	assert_int_equal(a->work_from_minute, a->work_until_minute);
	sp_policy_free(with);
	sp_policy_free(without);
}

static void the_lower_of_two_block_thresholds_holds(void **state)
{
	static const char style[] = "{\"risk_scoring\": {\"auto_block_threshold\": 70}}";
	struct sp_policy *p = must(
		join((const char *const[3]){style, V "risk: {automatic: {block_at: 60}, manual: "
						     "{block_at: 90}}"},
			(const char *const[3]){"a.json", "b.yaml"}));

	(void)state;
	assert_int_equal(p->risk.block_at[SP_RISK_AUTOMATIC], 60);
	assert_int_equal(p->risk.block_at[SP_RISK_MIXED], 70);
	assert_int_equal(p->risk.block_at[SP_RISK_MANUAL], 70);
	sp_policy_free(p);
}

static void intent_may_be_required(void **state)
{
	struct sp_policy *p = yaml(V "intent: {require_purpose: true}"), *q = yaml(V);

	(void)state;
	assert_true(p->purpose_required);
	assert_false(p->details_required);
	assert_false(q->purpose_required);
	sp_policy_free(p);
	sp_policy_free(q);
	p = yaml(V "intent: {require_authorization_details: true}");
	assert_true(p->details_required);
	sp_policy_free(p);
}

static void the_native_form_may_be_json(void **state)
{
	struct sp_policy *p = json("{\"version\": 1, \"rules\": [{\"effect\": \"allow\", "
				   "\"tools\": [\"a\"], \"when\": \"true\"}]}");

	(void)state;
	assert_int_equal(p->rule[0].when.v[0].at.line, 1);
	assert_int_equal(p->rule[0].when.v[0].at.col, 71);
	assert_string_equal(p->source[0].form, "native");
	sp_policy_free(p);
}

static void wrong_native_text_is_told_with_place_and_mend(void **state)
{
	(void)state;
	bad_yaml("rules: []\n", "p.yaml:1:1: version is missing (of the native form: 1)");
	bad_yaml("version: 2\n", "version: '2' is above the maximum of 1");
	bad_yaml(V "rule: []\n",
		"p.yaml:2:1: unknown key 'rule' in a native policy (did you mean 'rules'?)");
	bad_yaml(V "rules:\n  - efect: allow\n    tools: a\n",
		"p.yaml:3:5: unknown key 'efect' in a rule (did you mean 'effect'?)");
	bad_yaml(V "rules: [{tools: a}]", "effect is missing");
	bad_yaml(V "rules: [{effect: allow}]", "tools is missing");
	bad_yaml(V "rules: [{effect: permit, tools: a}]",
		"effect: 'permit' is not known here (one of deny review allow)");
	bad_yaml(V "rules: [{effect: allow, tools: []}]", "tools: 0 entries");
	bad_yaml(V "rules: [{effect: allow, tools: a, roles: []}]",
		"roles: an empty list could mean nothing or everything");
	bad_yaml(V "rules: [{effect: allow, tools: a, when: ' '}]", "when: ' ' says nothing");
	bad_yaml(V "rules: [{effect: allow, tools: a, purposes: refnd}]\n"
		   "purposes: [{name: refund, tools: a}]",
		"rule 'p/1': there is no purpose 'refnd' (did you mean 'refund'?)");
	bad_yaml(V "rules: [{name: x, effect: allow, tools: a}, {name: x, effect: deny, tools: a}]",
		"rule 'x' stands at p.yaml:2 already");
	bad_yaml(V "agents: [{name: 'a*'}]", "holds a *: names are exact");
	bad_yaml(V "agents: [{name: a}, {name: a, allow: [x, x]}]", "'x' stands there twice");
	bad_yaml(V "agents: [{name: a, allow: x}, {name: a, allow: y}]",
		"agent 'a' stands at p.yaml:2 already");
	bad_yaml(V "agents: [{name: a, owner: x}, {name: a, owner: y}]",
		"agent 'a': owner contradicts what p.yaml:2 says");
	bad_yaml(V "agents: [{name: a, attributes: {k: 1}}, {name: a, attributes: {k: 2}}]",
		"agent 'a': k contradicts");
	bad_yaml(V "agents: [{name: a, attributes: {k: [1]}}]", "a single value was expected");
	bad_yaml(V "agents: [{name: a, attributes: {k: 1, k: 2}}]", "k stands here a second time");
	bad_yaml(V "tools: [{name: q, sql: {dialect: oracle}}]", "'oracle' is not known here");
	bad_yaml(V "tools: [{name: q, sql: {styles: [merge]}}]", "styles: 'merge' is none of");
	bad_yaml(V "tools: [{name: q, sql: {styles: []}}]", "styles: an empty list");
	bad_yaml(V "tools: [{name: q, class: read}, {name: q, class: write}]",
		"tool 'q': class contradicts what p.yaml:2 says");
	bad_yaml(V "tools: [{name: q, paths: {parameters: f}}]", "roots is missing");
	bad_yaml(V "tools: [{name: q, paths: {parameters: f, roots: /srv/../x}}]",
		"roots: '/srv/../x' has dot segments");
	bad_yaml(V "tools: [{name: q, cost: 0.1234567}]", "'0.1234567' is not an amount");
	bad_yaml(V "limits: [{name: a, per: minute}]", "limit 'a': it limits nothing");
	bad_yaml(V "limits: [{name: a, calls: 1, tokens: 1, per: minute}]",
		"it limits several things at once");
	bad_yaml(V "limits: [{name: a, calls: 1, per: request}]",
		"calls cannot be limited per request");
	bad_yaml(V "limits: [{name: a, calls: 1, per: minute, apart: role}]",
		"apart: 'role' is neither agent nor tool");
	bad_yaml(V "sequences: [{name: s, kind: require-before, then: b}]", "first is missing");
	bad_yaml(V "sequences: [{name: s, kind: forbid-after-taint, first: a, then: b}]",
		"first has no meaning");
	bad_yaml(V "sequences: [{name: s, kind: forbid-after, first: a, between: c, then: b}]",
		"between has a meaning with require-before only");
	bad_yaml(V "sequences: [{name: s, kind: forbid-after, first: a, then: b, effect: allow}]",
		"effect: 'allow' is not known here (one of deny review)");
	bad_yaml(V "tools:\n  - name: q\n    sql:\n",
		"sql: nothing stands below it (write {} for its defaults, or leave it out)");
	bad_yaml(V "risk: {mode: auto}", "mode: 'auto' is not known here");
	bad_yaml(V "risk: {automatic: {block_at: 101}}", "above the maximum of 100"); // what 'never' is kept as
	bad_yaml(V "risk: {automatic: {block_at: 102}}", "above the maximum of 100");
	bad_yaml(V "risk: {work_hours: {from: '25:00', until: '26:00'}}", "no time of the day");
	bad_yaml(V "risk: {work_hours: {from: '09:00'}}", "half of the day's bounds is missing");
	wanted(join((const char *const[3]){V "risk: {}", V "risk: {}"},
		       (const char *const[3]){"a.yaml", "b.yaml"}),
		"b.yaml:2:7: risk stands at a.yaml:2 already");
}

static void an_amount_has_at_most_six_decimals_and_is_shown_as_it_was_written(void **state)
{
	static const struct {
		const char *text;
		uint64_t micros;
	} good[] = {{"0", 0}, {"10", 10000000}, {"0.25", 250000}, {"0.000001", 1}, {"1.5", 1500000},
		{"18446744073709.551615", UINT64_MAX}};
	static const char *const bad[] = {"", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000001",
		"1.5x", "18446744073709.551616", "18446744073710"};
	char shown[32];
	uint64_t v = 7;

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(good); i++) {
		assert_int_equal(sp_value_money(good[i].text, &v), 0);
		assert_int_equal(v, good[i].micros);
		sp_value_show_money(v, shown, sizeof(shown));
		assert_string_equal(shown, good[i].text);
	}
	v = 7;
	for (unsigned i = 0; i < SP_ARRAY_LEN(bad); i++)
		assert_true(sp_value_money(bad[i], &v) < 0);
	assert_int_equal(v, 7);
}

static void every_truncation_is_survived(void **state)
{
	static const char text[] =
		V "agents: [{name: bot, attributes: {a: b}}]\n"
		  "rules:\n  - effect: allow\n    tools: [a]\n    when: |\n      1 == 1\n"
		  "risk: {weights: {taint: 5}}\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *cut = strndup(text, n);

		assert_non_null(cut);
		sp_policy_free(join((const char *const[3]){cut}, (const char *const[3]){"p.yaml"}));
		sp_check_done(&check);
		free(cut);
	}
}

static void read_whole(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(buf, 1, cap - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = 0;
}

static void write_whole(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	fwrite(text, 1, n, f);
	fclose(f);
}

/// SP_UPDATE=1 in the environment writes it anew.
static void the_json_schema_in_the_tree_is_current(void **state)
{
	static char want[262144], have[262144];
	struct sp_out out = sp_out_init(want, sizeof(want) - 1);
	const char *path = "config/policy.schema.json";
	struct sp_tree tree;

	(void)state;
	sp_policy_json_schema(&out);
	assert_false(out.overflow);
	if (getenv("SP_UPDATE"))
		write_whole(path, want, out.len);
	read_whole(path, have, sizeof(have));
	assert_string_equal(have, want);
	sp_check_init(&check);
	assert_int_equal(sp_json_tree_parse(sp_bytes(want, out.len), path, &check, &tree), 0);
	assert_non_null(sp_node_get(sp_node_get(tree.root, "properties"), "rules"));
	sp_tree_done(&tree);
	sp_check_done(&check);
}

#define DOC "docs/policy.md"
#define MADE "writes what follows -->\n\n"

/// SP_UPDATE=1 in the environment writes it anew.
static void the_reference_in_the_docs_is_current(void **state)
{
	static char want[65536], have[131072];
	struct sp_out out = sp_out_init(want, sizeof(want) - 1);
	char *made;

	(void)state;
	sp_policy_reference(&out);
	assert_false(out.overflow);
	read_whole(DOC, have, sizeof(have));
	made = strstr(have, MADE);
	assert_non_null(made);
	made += strlen(MADE);
	if (getenv("SP_UPDATE")) {
		snprintf(made, sizeof(have) - (size_t)(made - have), "%s", want);
		write_whole(DOC, have, strlen(have));
	}
	assert_string_equal(made, want);
}

static void conditions_compile(const struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->rules_n; i++) {
		for (uint32_t k = 0; k < p->rule[i].when.n; k++) {
			const struct sp_policy_condition *c = &p->rule[i].when.v[k];
			const struct sp_cel_ask ask = {.text = sp_bytes_cstr(c->text),
				.env = sp_judge_env(),
				.phase = SP_CEL_PHASE_CALL,
				.want_bool = true,
				.at = c->at};
			uint8_t *code;
			size_t n;

			sp_check_init(&check);
			if (sp_cel_compile(&ask, &check, &code, &n) < 0)
				fail_msg("%s: %s", c->text, check.n ? check.v[0].what : "?");
			free(code);
			sp_check_done(&check);
		}
	}
}

/// Every fenced block of a language is a policy by itself.
static void every_example_in_the_docs_is_good(void **state)
{
	static char text[131072];
	unsigned n = 0;

	(void)state;
	read_whole(DOC, text, sizeof(text));
	for (char *at = text; (at = strstr(at, "\n```")); n++) {
		bool is_json = strncmp(at + 4, "json\n", 5) == 0;
		char *end = strstr(at + 4, "\n```\n");
		struct sp_policy *p;

		assert_non_null(end);
		if (!is_json && strncmp(at + 4, "yaml\n", 5) != 0)
			fail_msg("a block that is neither JSON nor YAML: %.40s", at);
		end[1] = 0;
		p = is_json ? json(at + 9) : yaml(at + 9);
		conditions_compile(p);
		sp_policy_free(p);
		at = end + 4;
	}
	assert_true(n >= 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_has_roles_environment_owner_and_attributes),
		cmocka_unit_test(an_allow_list_bounds_an_agent_also_an_empty_one),
		cmocka_unit_test(an_allow_list_file_and_a_registry_entry_are_one_agent),
		cmocka_unit_test(a_tool_has_every_constraint),
		cmocka_unit_test(a_tool_restricts_sql_endpoints_and_paths),
		cmocka_unit_test(a_star_among_the_tables_allowed_holds_no_schema),
		cmocka_unit_test(the_deeper_of_two_roots_holds),
		cmocka_unit_test(an_empty_group_judges_by_its_defaults),
		cmocka_unit_test(every_dialect_has_its_number),
		cmocka_unit_test(styles_are_those_that_sql_is_judged_by),
		cmocka_unit_test(a_rule_names_who_where_what_for_and_when),
		cmocka_unit_test(a_group_shares_limits_and_audit),
		cmocka_unit_test(a_limit_counts_calls_tokens_or_money_in_its_window),
		cmocka_unit_test(a_sequence_orders_a_session_or_a_window),
		cmocka_unit_test(risk_has_modes_weights_classes_and_hours),
		cmocka_unit_test(an_empty_risk_part_gives_the_defaults_of_a_policy_without_one),
		cmocka_unit_test(the_lower_of_two_block_thresholds_holds),
		cmocka_unit_test(intent_may_be_required),
		cmocka_unit_test(the_native_form_may_be_json),
		cmocka_unit_test(wrong_native_text_is_told_with_place_and_mend),
		cmocka_unit_test(an_amount_has_at_most_six_decimals_and_is_shown_as_it_was_written),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(the_json_schema_in_the_tree_is_current),
		cmocka_unit_test(the_reference_in_the_docs_is_current),
		cmocka_unit_test(every_example_in_the_docs_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
