#include "tests/support/policy_dice.h"
#include "tests/support/policy_made.h"
#include "tests/support/snap_stamp.h"
#include "tests/support/snap_touch.h"
#include "config/judge/judge.h"
#include "config/policy_read.h"
#include "config/snapshot_build.h"
#include "common/url.h"
#include "common/banned.h"

static void refused(struct sp_policy *p, const char *want)
{
	uint8_t *blob = NULL;
	size_t n;

	assert_int_equal(make_blob(p, &check, &blob, &n), -EBADMSG);
	assert_null(blob);
	if (!strstr(first_problem(&check), want))
		print_message("%s\n", first_problem(&check));
	assert_non_null(strstr(first_problem(&check), want));
	sp_check_done(&check);
	sp_policy_free(p);
}

static const char *limits(const struct made *m, const char *agent, const char *tool, uint32_t group)
{
	static char text[4096];
	struct sp_snap_who w = who(&m->s, agent, tool);
	struct sp_out o = sp_out_init(text, sizeof(text) - 1);
	uint32_t v[64], n = sp_snap_limits_of(&m->s, &w, group, v, SP_ARRAY_LEN(v));

	for (uint32_t i = 0; i < n; i++) {
		const struct sp_snap_limit *l = SP_SNAP_POLICY(&m->s, limits, sp_snap_limit, v[i]);
		char max[32];

		snprintf(max, sizeof(max), "=%llu", (unsigned long long)l->max);
		if (o.len)
			sp_out_lit(&o, " ");
		sp_out_bytes(&o, sp_snap_str(&m->s, l->name));
		sp_out_bytes(&o, sp_bytes_cstr(max));
	}
	text[o.len] = 0;
	return text;
}

static const struct sp_snap_tool *tool(const struct made *m, const char *name)
{
	struct sp_snap_who w = {0, sp_snap_find_action(&m->s, sp_bytes_cstr(name)), sp_bytes_cstr(name)};
	uint32_t no = sp_snap_tool_of(&m->s, &w);

	return no == SP_SNAP_NONE ? NULL : SP_SNAP_POLICY(&m->s, tools, sp_snap_tool, no);
}

static void a_rule_concerns_the_agents_and_tools_it_names_and_no_others(void **state)
{
	struct sp_policy *p = new_policy();
	struct made m;

	(void)state;
	make_rule(p, "r1", SP_EFFECT_ALLOW, "a b", "", "read write");
	make_rule(p, "r2", SP_EFFECT_DENY, "b", "", "write");
	m = good(p);
	assert_string_equal(rules(&m, "a", "read"), "r1");
	assert_string_equal(rules(&m, "b", "write"), "r1 r2");
	assert_string_equal(rules(&m, "b", "other"), "");
	assert_string_equal(rules(&m, "c", "read"), "");
	assert_int_equal(sp_snap_pair_rules(&m.s, 0, 0).n, 1);
	assert_int_equal(sp_snap_pair_rules(&m.s, 7, 0).n, 0);
	free(m.blob);
}

static void a_rule_for_roles_or_environments_concerns_only_agents_that_have_one(void **state)
{
	struct sp_policy *p = new_policy();
	struct made m;

	(void)state;
	make_agent(p, "dev", "engineering staff", "staging");
	make_agent(p, "help", "support staff", "production");
	make_agent(p, "none", "", NULL);
	make_rule(p, "staff", SP_EFFECT_ALLOW, "", "staff", "read");
	make_rule(p, "eng", SP_EFFECT_ALLOW, "", "engineering admin", "read");
	make_rule(p, "staging", SP_EFFECT_ALLOW, "", "", "read")->environments = words(p, "staging test");
	make_rule(p, "all", SP_EFFECT_ALLOW, "", "", "read");
	make_rule(p, "both", SP_EFFECT_ALLOW, "help", "engineering", "read");
	m = good(p);
	assert_string_equal(rules(&m, "dev", "read"), "staff eng staging all");
	assert_string_equal(rules(&m, "help", "read"), "staff all");
	assert_string_equal(rules(&m, "none", "read"), "all");
	free(m.blob);
}

static void globs_reach_known_tools_and_names_nobody_wrote_down(void **state)
{
	struct sp_policy *p = new_policy();
	struct made m;

	(void)state;
	make_agent(p, "a", "", NULL);
	make_rule(p, "gh", SP_EFFECT_ALLOW, "", "", "github__* read");
	make_rule(p, "mine", SP_EFFECT_DENY, "a", "", "*delete*");
	make_rule(p, "exact", SP_EFFECT_ALLOW, "", "", "github__get_file");
	make_rule(p, "every", SP_EFFECT_REVIEW, "", "", "*");
	m = good(p);
	assert_string_equal(rules(&m, "a", "github__get_file"), "gh exact every");
	assert_string_equal(rules(&m, "a", "github__delete_repo"), "gh mine every");
	assert_int_equal(sp_snap_find_action(&m.s, SP_LIT("github__delete_repo")), SP_SNAP_NONE);
	assert_string_equal(rules(&m, "a", "read"), "gh every");
	assert_string_equal(rules(&m, "a", "github_"), "every");
	free(m.blob);
}

static void a_rule_of_many_agents_and_tools_is_kept_with_its_agents(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_rule *r;
	char names[2048] = "", tools[2048] = "";
	struct made m;

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "agent%d ", i);
		snprintf(tools + strlen(tools), sizeof(tools) - strlen(tools), "tool%d ", i);
	}
	r = make_rule(p, "wide", SP_EFFECT_ALLOW, "", "", "x");
	r->agents = words(p, names);
	r->tools = words(p, tools);
	make_rule(p, "narrow", SP_EFFECT_ALLOW, "agent1", "", "tool1 outside");
	m = good(p);
	assert_int_equal(m.s.h->policy.pairs_n, 2);
	assert_string_equal(rules(&m, "agent1", "tool1"), "wide narrow");
	assert_string_equal(rules(&m, "agent39", "tool39"), "wide");
	assert_string_equal(rules(&m, "agent39", "outside"), "");
	assert_string_equal(rules(&m, "agent1", "outside"), "narrow");
	free(m.blob);
}

/// What stands in the policy, read slowly.
static bool listed(const struct sp_policy_strs *s, const char *word)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], word) == 0)
			return true;
	return false;
}

static bool named(const struct sp_policy_strs *tools, const char *tool_name)
{
	for (uint32_t i = 0; i < tools->n; i++)
		if (sp_glob_match(sp_bytes_cstr(tools->v[i]), sp_bytes_cstr(tool_name), false))
			return true;
	return false;
}

static bool shares(const struct sp_policy_strs *a, const struct sp_policy_strs *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (listed(b, a->v[i]))
			return true;
	return false;
}

static const struct sp_policy_agent *agent_of(const struct sp_policy *p, const char *name)
{
	for (uint32_t i = 0; i < p->agents_n; i++)
		if (strcmp(p->agent[i].name, name) == 0)
			return &p->agent[i];
	return NULL;
}

static void expect_rules(const struct sp_policy *p, const char *agent, const char *tool_name, char *buf, size_t cap)
{
	const struct sp_policy_agent *a = agent_of(p, agent);

	buf[0] = 0;
	for (uint32_t i = 0; i < p->rules_n && a; i++) {
		const struct sp_policy_rule *r = &p->rule[i];

		if ((r->agents.n && !listed(&r->agents, agent)) ||
			(r->roles.n && !shares(&r->roles, &a->roles)) ||
			(r->environments.n && (!a->environment || !listed(&r->environments, a->environment))) ||
			!named(&r->tools, tool_name))
			continue;
		snprintf(buf + strlen(buf), cap - strlen(buf), "%s%s", buf[0] ? " " : "", r->name);
	}
}

static uint32_t expect_limits(const struct sp_policy *p, const char *agent, const char *tool_name, uint32_t group)
{
	const struct sp_policy_agent *a = agent_of(p, agent);
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->limits_n && a; i++) {
		const struct sp_policy_limit *l = &p->limit[i];

		n += (l->group == UINT32_MAX || l->group == group) &&
		     (!l->agents.n || listed(&l->agents, agent)) &&
		     (!l->roles.n || shares(&l->roles, &a->roles)) &&
		     (!l->tools.n || named(&l->tools, tool_name));
	}
	return n;
}

static void indexes_find_what_reading_the_whole_policy_finds(void **state)
{
	char want[1024];

	(void)state;
	for (dice = 1; dice < 400; dice++) {
		uint32_t seed = dice;
		struct sp_policy *p = by_dice();
		struct made m = {.blob = NULL};

		assert_int_equal(make_blob(p, &check, &m.blob, &m.n), 0);
		assert_int_equal(sp_snap_open(m.blob, m.n, &m.s), 0);
		for (size_t a = 0; a < SP_ARRAY_LEN(agent_words); a++) {
			for (size_t t = 0; t < SP_ARRAY_LEN(call_words); t++) {
				struct sp_snap_who w = who(&m.s, agent_words[a], call_words[t]);
				uint32_t v[32];

				expect_rules(p, agent_words[a], call_words[t], want, sizeof(want));
				assert_string_equal(rules(&m, agent_words[a], call_words[t]), want);
				for (uint32_t g = 0; g <= 2; g++)
					assert_int_equal(
						sp_snap_limits_of(&m.s, &w, g < 2 ? g : SP_SNAP_NONE, v, 32),
						expect_limits(p, agent_words[a], call_words[t],
							g < 2 ? g : UINT32_MAX - 1));
			}
		}
		touch_policy(&m.s);
		sp_policy_free(p);
		free(m.blob);
		dice = seed;
	}
}

static bool has_number(const uint32_t *v, uint32_t n, uint32_t number)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i] == number)
			return true;
	return false;
}

static void a_tools_other_name_adds_what_the_first_has_not_found(void **state)
{
	unsigned left_out = 0;

	(void)state;
	for (dice = 1; dice < 200; dice++) {
		uint32_t seed = dice, first[32], all[32], more[32];
		struct sp_policy *p = by_dice();
		struct made m = {.blob = NULL};

		assert_int_equal(make_blob(p, &check, &m.blob, &m.n), 0);
		assert_int_equal(sp_snap_open(m.blob, m.n, &m.s), 0);
		for (size_t i = 0; i < SP_ARRAY_LEN(agent_words) * SP_ARRAY_LEN(call_words); i++) {
			const char *agent = agent_words[i % SP_ARRAY_LEN(agent_words)];
			const char *tool_name = call_words[i / SP_ARRAY_LEN(agent_words)];
			struct sp_snap_who one = who(&m.s, agent, call_words[0]);
			struct sp_snap_who other = who(&m.s, agent, tool_name);
			uint32_t a = sp_snap_limits_of(&m.s, &one, 0, first, 32);
			uint32_t b = sp_snap_limits_of(&m.s, &other, 0, all, 32);
			uint32_t c = sp_snap_limits_besides(&m.s, &other, 0, more, 32);

			for (uint32_t k = 0; k < c; k++)
				assert_true(has_number(all, b, more[k]));
			for (uint32_t k = 0; k < b; k++)
				assert_true(has_number(first, a, all[k]) || has_number(more, c, all[k]));
			left_out += b - c;
		}
		sp_policy_free(p);
		free(m.blob);
		dice = seed;
	}
	assert_true(left_out > 0);
}

static void conditions_of_one_text_share_a_program_and_know_their_places(void **state)
{
	struct sp_policy *p = new_policy();
	const struct sp_snap_condition *a, *b;
	struct made m;

	(void)state;
	make_when(p, make_rule(p, "r1", SP_EFFECT_ALLOW, "x", "", "read"), "1 == 1");
	make_when(p, make_rule(p, "r2", SP_EFFECT_ALLOW, "y", "", "read"), "1 == 1");
	m = good(p);
	a = SP_SNAP_GET(&m.s, SP_SNAP_POLICY(&m.s, rules, sp_snap_rule, 0)->conditions, sp_snap_condition, 0);
	b = SP_SNAP_GET(&m.s, SP_SNAP_POLICY(&m.s, rules, sp_snap_rule, 1)->conditions, sp_snap_condition, 0);
	assert_true(sp_bytes_eq(sp_snap_str(&m.s, a->text), SP_LIT("1 == 1")));
	assert_int_equal(a->code.off, b->code.off);
	assert_int_equal(a->code.off % 8, 0);
	assert_true(a->code.len > 0);
	assert_int_equal(a->line, 9);
	assert_int_equal(a->col, 17);
	free(m.blob);
}

static void a_condition_that_pins_the_agent_makes_the_rule_its_own(void **state)
{
	struct sp_policy *p = new_policy();
	struct made m;

	(void)state;
	make_when(p, make_rule(p, "pinned", SP_EFFECT_ALLOW, "", "", "read"), "agent.identity == 'bot'");
	make_when(p, make_rule(p, "open", SP_EFFECT_ALLOW, "", "", "read"), "agent.identity != 'bot'");
	make_agent(p, "other", "", NULL);
	m = good(p);
	assert_string_equal(rules(&m, "bot", "read"), "pinned"); // what is for everybody is for who is declared
	assert_string_equal(rules(&m, "other", "read"), "open");
	assert_int_equal(SP_SNAP_POLICY(&m.s, agent_facts, sp_snap_agent_facts,
				 sp_snap_find_agent(&m.s, SP_LIT("bot")))->implied, 1);
	assert_int_equal(SP_SNAP_POLICY(&m.s, agent_facts, sp_snap_agent_facts,
				 sp_snap_find_agent(&m.s, SP_LIT("other")))->implied, 0);
	free(m.blob);
}

static void rates_of_allow_lists_are_limits_like_any_other(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_agent *a;
	struct made m;
	uint32_t v[4];
	struct sp_snap_who w;

	(void)state;
	for (const char *const *name = agent_words; name < agent_words + 3; name++) {
		assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(*name), made_at, &a), 0);
		a->has_allow_list = true;
		a->per_minute = **name == 'c' ? 7 : 5;
		a->daily_tokens = **name == 'a' ? 100 : 0;
	}
	m = good(p);
	assert_string_equal(limits(&m, "a", "read", SP_SNAP_NONE),
		"rate_limits.per_minute=5 budget_limits.daily_max_tokens=100");
	assert_string_equal(limits(&m, "b", "read", SP_SNAP_NONE), "rate_limits.per_minute=5");
	assert_string_equal(limits(&m, "c", "read", SP_SNAP_NONE), "rate_limits.per_minute=7");
	assert_int_equal(m.s.h->policy.limits.n, 3);
	w = who(&m.s, "a", "read");
	assert_int_equal(sp_snap_limits_of(&m.s, &w, SP_SNAP_NONE, v, 4), 2);
	assert_true(SP_SNAP_POLICY(&m.s, limits, sp_snap_limit, v[0])->id !=
		    sp_snap_hash(SP_LIT("rate_limits.per_minute")));
	assert_true(SP_SNAP_POLICY(&m.s, limits, sp_snap_limit, v[0])->by_agent);
	free(m.blob);
}

static void limits_of_a_definition_bind_only_calls_its_rules_allow(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_group *g;
	struct made m;

	(void)state;
	assert_int_equal(sp_policy_group_add(p, made_at, &g), 0);
	g->name = "data";
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "read")->group = 0;
	make_limit(p, "data/rate", 9, "", "", "")->group = 0;
	make_limit(p, "rest", 3, "", "", "");
	m = good(p);
	assert_string_equal(limits(&m, "a", "read", 0), "rest=3 data/rate=9");
	assert_string_equal(limits(&m, "a", "read", SP_SNAP_NONE), "rest=3");
	free(m.blob);
}

static void more_limits_on_one_call_than_can_be_taken_together_are_refused(void **state)
{
	struct sp_policy *p = new_policy();
	char name[16], tools[16];
	struct made m;

	(void)state;
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "read");
	for (unsigned i = 0; i < SP_JUDGE_LIMITS_MAX; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		make_limit(p, name, 1, i % 2 ? "a" : "", "", i % 3 ? "read" : "");
	}
	refused(p, "/some/where/made.yaml:3:5: a call of 'read' by agent 'a' could be bound by 17 limits");
	p = new_policy();
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "read");
	for (unsigned i = 0; i < SP_JUDGE_LIMITS_MAX; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		make_limit(p, name, 1, "", "", "re*");
	}
	refused(p, "limits, at most 16 can be");
	p = new_policy();
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		snprintf(tools, sizeof(tools), i % 2 ? "t%u" : "%u__*", i);
		make_limit(p, name, 1, "a", "", tools);
	}
	m = good(p);
	assert_string_equal(limits(&m, "a", "t7", SP_SNAP_NONE), "l7=1");
	assert_string_equal(limits(&m, "a", "8__x", SP_SNAP_NONE), "l8=1");
	free(m.blob);
}

static void what_is_said_of_a_tool_by_name_and_by_globs_adds_up(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_tool *t;
	struct made m;

	(void)state;
	t = make_tool(p, "*");
	t->max_calls = 100;
	t->taints = true;
	t->required_scopes = words(p, "mcp");
	t = make_tool(p, "db__*");
	t->max_calls = 10;
	t->sql.on = true;
	t->sql.deny_tables = words(p, "secrets");
	t = make_tool(p, "db__delete");
	t->require_approval = true;
	t->sql.on = true;
	t->sql.allow = 8;
	t->sql.deny_tables = words(p, "users");
	t->cls = SP_CLASS_ADMIN;
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "db__get other");
	m = good(p);
	assert_int_equal(tool(&m, "db__delete")->max_calls, 10);
	assert_int_equal(tool(&m, "db__delete")->require_approval, 1);
	assert_int_equal(tool(&m, "db__delete")->taints, 1);
	assert_int_equal(tool(&m, "db__delete")->sql.styles, 8);
	assert_int_equal(tool(&m, "db__delete")->sql.deny_tables.n, 2);
	assert_int_equal(tool(&m, "db__delete")->scopes.n, 1);
	assert_int_equal(tool(&m, "db__get")->max_calls, 10);
	assert_int_equal(tool(&m, "db__get")->require_approval, 0);
	assert_int_equal(tool(&m, "db__get")->taints, 1);
	assert_int_equal(tool(&m, "db__unknown")->max_calls, 10);
	assert_int_equal(tool(&m, "db__unknown")->taints, 1);
	assert_int_equal(tool(&m, "other")->max_calls, 100);
	assert_int_equal(tool(&m, "never named")->max_calls, 100);
	assert_int_equal(SP_SNAP_POLICY(&m.s, action_facts, sp_snap_action_facts,
				 sp_snap_find_action(&m.s, SP_LIT("db__delete")))->cls, SP_CLASS_ADMIN);
	assert_int_equal(m.s.h->policy.tools.n, 3);
	free(m.blob);
}

static void names_that_only_patterns_know_meet_every_pattern_that_matches(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_tool *t;
	struct made m;

	(void)state;
	t = make_tool(p, "gh__*");
	t->has_allowed_for = true;
	t->allowed_for = words(p, "eng ops");
	t->max_calls = 9;
	t = make_tool(p, "*delete*");
	t->has_allowed_for = true;
	t->allowed_for = words(p, "ops staff");
	t->require_approval = true;
	make_tool(p, "*_all")->max_calls = 3;
	make_tool(p, "db__*")->taints = true;
	m = good(p);
	assert_int_equal(tool(&m, "gh__delete")->require_approval, 1);
	assert_int_equal(tool(&m, "gh__delete")->max_calls, 9);
	assert_int_equal(__builtin_popcountll(tool(&m, "gh__delete")->allowed_for), 1);
	assert_int_equal(tool(&m, "gh__delete_all")->max_calls, 3);
	assert_int_equal(tool(&m, "gh__delete_all")->require_approval, 1);
	assert_int_equal(tool(&m, "gh__get")->require_approval, 0);
	assert_int_equal(__builtin_popcountll(tool(&m, "gh__get")->allowed_for), 2);
	assert_int_equal(tool(&m, "db__delete")->taints, 1);
	assert_int_equal(tool(&m, "db__delete")->max_calls, 0);
	assert_null(tool(&m, "read"));
	free(m.blob);
}

static void patterns_that_leave_nothing_allowed_are_told(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_tool *t;

	(void)state;
	t = make_tool(p, "db__*");
	t->has_environments = true;
	t->allowed_environments = words(p, "staging");
	t = make_tool(p, "db__drop");
	t->has_environments = true;
	t->allowed_environments = words(p, "production");
	refused(p, "tool 'db__drop': the environments allowed contradicts");
}

static void sql_and_endpoints_have_usual_parameters_and_no_style_that_is_forbidden(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_tool *t = make_tool(p, "q");
	struct made m;

	(void)state;
	t->sql.on = t->endpoint.on = true;
	t->sql.forbid = 4 | 8;
	m = good(p);
	assert_int_equal(tool(&m, "q")->sql.styles, 1 | 2 | 16);
	assert_int_equal(tool(&m, "q")->sql.parameters.n, 3);
	assert_int_equal(tool(&m, "q")->endpoint.parameters.n, 4);
	assert_int_equal(tool(&m, "q")->cls, SP_CLASS_WRITE);
	assert_int_equal(m.s.h->policy.uses_arguments, 1);
	free(m.blob);
}

static void purposes_and_sequences_name_actions_and_globs(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_purpose *u;
	struct sp_policy_sequence *q;
	const struct sp_snap_action_facts *f;
	struct made m;

	(void)state;
	assert_int_equal(sp_policy_purpose_add(p, made_at, &u), 0);
	u->name = "billing";
	u->tools = words(p, "read db__*");
	assert_int_equal(sp_policy_sequence_add(p, made_at, &q), 0);
	q->name = "verify first";
	q->kind = SP_SEQ_REQUIRE_BEFORE;
	q->first = words(p, "verify");
	q->then = words(p, "db__delete");
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "db__x")->purposes = words(p, "billing");
	m = good(p);
	assert_int_equal(SP_SNAP_POLICY(&m.s, purposes, sp_snap_purpose, 0)->actions.n, 3);
	assert_int_equal(SP_SNAP_POLICY(&m.s, rules, sp_snap_rule, 0)->purposes.n, 1);
	f = SP_SNAP_POLICY(&m.s, action_facts, sp_snap_action_facts,
		sp_snap_find_action(&m.s, SP_LIT("verify")));
	assert_int_equal(f->sequences.n, 1);
	f = SP_SNAP_POLICY(&m.s, action_facts, sp_snap_action_facts,
		sp_snap_find_action(&m.s, SP_LIT("read")));
	assert_int_equal(f->sequences.n, 0);
	assert_int_equal(m.s.h->policy.wild_sequences.n, 0);
	free(m.blob);
}

static void what_cannot_be_is_told_where_it_stands(void **state)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_sequence *q;
	char *name;

	(void)state;
	make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "");
	refused(p, "/some/where/made.yaml:3:5: rule 'r' names no tool (name tools, or \"*\" for every tool)");
	p = new_policy();
	make_when(p, make_rule(p, "r", SP_EFFECT_ALLOW, "a", "", "read"), "bad(");
	refused(p, "/some/where/made.yaml:9:");
	p = new_policy();
	for (unsigned i = 0; i <= SP_SNAP_SEQUENCES_MAX; i++) {
		assert_int_equal(sp_policy_sequence_add(p, made_at, &q), 0);
		name = sp_arena_alloc(&p->arena, 8);
		snprintf(name, 8, "s%u", i);
		q->name = name;
		q->kind = SP_SEQ_FORBID_AFTER;
		q->then = words(p, "t");
	}
	refused(p, "65 sequences are declared, at most 64 can be");
}

static void a_condition_written_with_escapes_is_told_of_in_its_line(void **state)
{
	static const char *const texts[] = {
		"{\"policy_definitions\": [{\"name\": \"g\", \"rules\": [\n"
		"{\"action\": \"a\", \"allowed\": true, "
		"\"condition\": \"1 == 1 &&\\n\\u0022\\u00e9\\\" == nobody\"}]}]}",
		"{\"version\": 1, \"rules\": [\n{\"name\": \"r\", \"effect\": \"allow\", \"tools\": \"a\", "
		"\"when\": \"1 == 1 &&\\n\\\"a\\\" == nobody\"}]}"};
	static const char *const files[] = {"p.json", "p.yaml"};
	char want[32];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		for (size_t k = 0; k < SP_ARRAY_LEN(files); k++) {
			struct sp_policy *p = new_policy();

			snprintf(want, sizeof(want), "%s:2:%d: ", files[k],
				(int)(strstr(texts[i], "nobody") - strchr(texts[i], '\n')));
			assert_int_equal(sp_policy_read(p, sp_bytes_cstr(texts[i]), files[k], &check), 0);
			refused(p, want);
		}
	}
}

static void the_same_policy_gives_the_same_bytes(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 20; seed++) {
		struct made m[2];

		for (int i = 0; i < 2; i++) {
			dice = seed;
			m[i] = good(by_dice());
		}
		assert_int_equal(m[0].n, m[1].n);
		assert_memory_equal(m[0].blob, m[1].blob, m[0].n);
		free(m[0].blob);
		free(m[1].blob);
	}
}

/// The checksum made right again: whatever still opens must be safe to read.
static void no_changed_word_of_a_policy_reaches_outside(void **state)
{
	static const uint32_t wild[] = {0, 1, 3, 0x7fffffff, 0xfffffff8, 0xffffffff};
	struct sp_policy *p;
	struct made m;
	uint32_t opened = 0, refusals = 0;

	(void)state;
	dice = 77;
	p = by_dice();
	make_when(p, make_rule(p, "when", SP_EFFECT_DENY, "a", "", "gh__*"), "1 == 1");
	make_tool(p, "gh__*")->sql.on = true;
	m = good(p);
	for (size_t off = 12; off + 4 <= m.n; off += 4) {
		for (size_t i = 0; i < SP_ARRAY_LEN(wild); i++) {
			uint8_t *bad = malloc(m.n);
			struct sp_snap s;

			memcpy(bad, m.blob, m.n);
			memcpy(bad + off, &wild[i], 4);
			snap_stamp(bad, m.n, 3, 9);
			if (sp_snap_open(bad, m.n, &s) == 0) {
				touch_policy(&s);
				opened++;
			} else {
				refusals++;
			}
			free(bad);
		}
	}
	assert_true(opened > 100 && refusals > 1000);
	free(m.blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_rule_concerns_the_agents_and_tools_it_names_and_no_others, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_rule_for_roles_or_environments_concerns_only_agents_that_have_one, fresh, done),
		cmocka_unit_test_setup_teardown(globs_reach_known_tools_and_names_nobody_wrote_down, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_rule_of_many_agents_and_tools_is_kept_with_its_agents, fresh, done),
		cmocka_unit_test_setup_teardown(indexes_find_what_reading_the_whole_policy_finds, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_tools_other_name_adds_what_the_first_has_not_found, fresh, done),
		cmocka_unit_test_setup_teardown(
			conditions_of_one_text_share_a_program_and_know_their_places, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_condition_that_pins_the_agent_makes_the_rule_its_own, fresh, done),
		cmocka_unit_test_setup_teardown(rates_of_allow_lists_are_limits_like_any_other, fresh, done),
		cmocka_unit_test_setup_teardown(
			limits_of_a_definition_bind_only_calls_its_rules_allow, fresh, done),
		cmocka_unit_test_setup_teardown(
			more_limits_on_one_call_than_can_be_taken_together_are_refused, fresh, done),
		cmocka_unit_test_setup_teardown(
			what_is_said_of_a_tool_by_name_and_by_globs_adds_up, fresh, done),
		cmocka_unit_test_setup_teardown(
			names_that_only_patterns_know_meet_every_pattern_that_matches, fresh, done),
		cmocka_unit_test_setup_teardown(patterns_that_leave_nothing_allowed_are_told, fresh, done),
		cmocka_unit_test_setup_teardown(
			sql_and_endpoints_have_usual_parameters_and_no_style_that_is_forbidden, fresh, done),
		cmocka_unit_test_setup_teardown(purposes_and_sequences_name_actions_and_globs, fresh, done),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_told_where_it_stands, fresh, done),
		cmocka_unit_test_setup_teardown(a_condition_written_with_escapes_is_told_of_in_its_line, fresh, done),
		cmocka_unit_test_setup_teardown(the_same_policy_gives_the_same_bytes, fresh, done),
		cmocka_unit_test_setup_teardown(no_changed_word_of_a_policy_reaches_outside, fresh, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
