#include "tests/support/policy_dice.h"
#include "tests/support/policy_made.h"
#include "config/diff.h"
#include "config/standing.h"
#include "common/banned.h"

static char told[16384];

static void tell(void *user, const struct sp_change *c)
{
	char line[SP_CHANGE_TEXT];
	size_t at = strlen(told);

	(void)user;
	sp_change_text(c, line, sizeof(line));
	if (c->kind != SP_CHANGE_IDENTITY)
		snprintf(told + at, sizeof(told) - at, "%s\n", line);
}

static const char *diff(struct made *a, struct made *b)
{
	int64_t n;

	told[0] = 0;
	n = sp_snap_diff(&a->s, &b->s, tell, NULL);
	assert_true(n >= 0);
	assert_int_equal(sp_snap_diff(&a->s, &b->s, NULL, NULL), n);
	return told;
}

static struct sp_policy *before(void)
{
	struct sp_policy *p = new_policy();

	make_agent(p, "bot", "staff", NULL);
	make_agent(p, "dev", "engineering", NULL);
	make_rule(p, "read", SP_EFFECT_ALLOW, "", "staff", "read");
	make_rule(p, "write", SP_EFFECT_ALLOW, "bot dev", "", "write");
	make_rule(p, "drop", SP_EFFECT_ALLOW, "dev", "", "drop");
	make_limit(p, "rate", 5, "", "", "");
	return p;
}

static void a_diff_tells_which_decisions_change_and_what_changed_them(void **state)
{
	struct made a = good(before()), same = good(before()), b;
	struct sp_policy *p = before();

	(void)state;
	assert_string_equal(diff(&a, &same), "");
	make_rule(p, "no drop", SP_EFFECT_DENY, "", "", "d*");
	make_when(p, make_rule(p, "mail", SP_EFFECT_ALLOW, "bot", "", "mail"), "1 == 1");
	make_tool(p, "write")->require_approval = true;
	p->limit[0].max = 6;
	b = good(p);
	assert_string_equal(diff(&a, &b),
		"rule mail: new; agents (1): bot; tools (1): mail\n"
		"rule no drop: new; agents (2): bot, dev; tools (2): drop, d*\n"
		"limit rate: changed; agents (2): bot, dev; tools (4): drop, mail, read, write\n"
		"tool write: new; agents (2): bot, dev; tools (1): write\n"
					  "agent bot: may now call mail where conditions hold\n"
					  "agent bot: may call write after review, was always\n"
					  "agent dev: may no longer call drop\n"
					  "agent dev: may call write after review, was always\n");
	diff(&b, &a);
	assert_non_null(strstr(told, "agent bot: may no longer call mail\n"));
	assert_non_null(strstr(told, "agent dev: may now call drop\n"));
	assert_non_null(strstr(told, "agent dev: may call write always, was after review\n"));
	free(a.blob);
	free(b.blob);
	free(same.blob);
}

static void a_condition_that_changed_tells_whose_decisions_may_change(void **state)
{
	static const char *const when[] = {"1 == 1", "1 == 2"};
	struct made m[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sp_policy *p = before();

		make_agent(p, i ? "new" : "old", "staff", NULL);
		make_when(p, make_rule(p, "staff mail", SP_EFFECT_ALLOW, "", "staff", "mail m* post?"), when[i]);
		make_when(p, make_rule(p, "dev post", SP_EFFECT_ALLOW, "dev", "", i ? "post" : "send"), when[0]);
		make_when(p, make_rule(p, "nobody's", SP_EFFECT_DENY, "", "other", "mail"), when[i]);
		m[i] = good(p);
	}
	diff(&m[0], &m[1]);
	assert_non_null(
		strstr(told, "rule staff mail: changed; agents (3): bot, new, old; tools (3): mail, post?, m*\n"));
	assert_non_null(strstr(told, "rule dev post: changed; agents (1): dev; tools (2): post, send\n"));
	assert_non_null(strstr(told, "rule nobody's: changed; agents (0); tools (1): mail\n"));
	assert_null(strstr(told, "rule read"));
	free(m[0].blob);
	free(m[1].blob);
}

static void whom_a_changed_rule_binds_is_counted_and_the_first_are_named(void **state)
{
	struct made m[2];
	char name[20][16];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sp_policy *p = before();

		for (unsigned k = 0; k < 20; k++) {
			snprintf(name[k], sizeof(name[k]), "b%02u", k);
			make_agent(p, name[k], "staff", NULL);
		}
		make_when(p, make_rule(p, "all", SP_EFFECT_DENY, "", "", "write"), i ? "1 == 2" : "2 == 2");
		m[i] = good(p);
	}
	assert_string_equal(diff(&m[0], &m[1]),
		"rule all: changed; agents (22): b00, b01, b02, b03, b04, b05, b06, b07, ...; tools (1): write\n");
	free(m[0].blob);
	free(m[1].blob);
}

static void a_diff_tells_of_roles_that_change_what_an_agent_may(void **state)
{
	struct made a = good(before()), b;
	struct sp_policy *p = before();

	(void)state;
	p->agent[1].roles = words(p, "engineering staff");
	b = good(p);
	assert_string_equal(diff(&a, &b), "agent dev: roles, environment or attributes changed\n"
					  "agent dev: may now call read\n");
	free(a.blob);
	free(b.blob);
}

/// Every pair asked, one after the other, without the diff's short cuts.
static void diffs_miss_no_decision_that_changes(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 60; seed++) {
		struct made m[2];
		uint64_t want = 0, got = 0;

		for (uint32_t i = 0; i < 2; i++) {
			struct sp_policy *p;

			dice = seed;
			p = by_dice();
			dice = seed + i * 1000;
			p->rule[roll(p->rules_n)].effect = roll(2) ? SP_EFFECT_DENY : SP_EFFECT_REVIEW;
			p->rule[roll(p->rules_n)].roles = some(p, role_words, 3, 1);
			p->agent[roll(p->agents_n)].environment = roll(2) ? "dev" : "prod";
			m[i] = good(p);
		}
		for (size_t a = 0; a < SP_ARRAY_LEN(agent_words); a++) {
			for (uint32_t t = 0; t < m[1].s.h->actions.n; t++) {
				struct sp_bytes name = sp_snap_str(&m[1].s,
					SP_SNAP_GET(&m[1].s, m[1].s.h->actions, sp_snap_action, t)->name);
				struct sp_snap_who x = who(&m[0].s, agent_words[a], ""), y = x;

				x.tool = y.tool = name;
				x.action = sp_snap_find_action(&m[0].s, name);
				y.agent = sp_snap_find_agent(&m[1].s, sp_bytes_cstr(agent_words[a]));
				y.action = t;
				want += sp_standing_of(&m[0].s, &x) != sp_standing_of(&m[1].s, &y);
			}
		}
		diff(&m[0], &m[1]);
		for (const char *at = told; (at = strstr(at, " call ")); at++)
			got++;
		assert_int_equal(got, want);
		free(m[0].blob);
		free(m[1].blob);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_diff_tells_which_decisions_change_and_what_changed_them, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_condition_that_changed_tells_whose_decisions_may_change, fresh, done),
		cmocka_unit_test_setup_teardown(
			whom_a_changed_rule_binds_is_counted_and_the_first_are_named, fresh, done),
		cmocka_unit_test_setup_teardown(
			a_diff_tells_of_roles_that_change_what_an_agent_may, fresh, done),
		cmocka_unit_test_setup_teardown(diffs_miss_no_decision_that_changes, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
