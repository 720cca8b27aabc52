/// What is kept of an agent's calls of a tool changes nothing: neither a verdict nor a limit.
#include "common/windows.h"
#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define MANY (SP_JUDGE_KNOWN_RULES + 3)

static struct rig rig;

/// One that allows, the others each deny one number.
static void add_rules(const char *tool, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32], when[32];

		snprintf(name, sizeof(name), "%s %u", tool, i);
		snprintf(when, sizeof(when), "request.n == %u", i);
		rig_rule(rig.p, name, i ? SP_EFFECT_DENY : SP_EFFECT_ALLOW, "dev", tool, i ? when : NULL);
	}
}

static int fresh(void **state)
{
	struct sp_policy_tool *t;

	*state = &rig;
	rig_init(&rig);
	rig_allow_list(rig.p, "bot", "up__read,up__write,narrow");
	rig_agent(rig.p, "dev");
	t = rig_tool(rig.p, "up__write");
	t->cost_micros = 250;
	t->max_calls = 7;
	rig_tool(rig.p, "narrow")->max_argument_bytes = 20;
	rig_tool(rig.p, "wild-*")->cost_micros = 3;
	rig_rule(rig.p, "small", SP_EFFECT_ALLOW, "dev", "up__read,wild-*", "request.n < 5");
	rig_rule(rig.p, "three", SP_EFFECT_DENY, NULL, "read", "request.n == 3");
	add_rules("some", SP_JUDGE_KNOWN_RULES);
	add_rules("many", MANY);
	rig_limit(rig.p, "rate", SP_PER_MINUTE, 10);
	rig_limit(rig.p, "of tools", SP_PER_HOUR, 20)->by_tool = true;
	rig_limit(rig.p, "of writing", SP_PER_DAY, 5)->tools = rig_list(rig.p, "write");
	rig_limit(rig.p, "a session", SP_PER_SESSION, 9)->tools = rig_list(rig.p, "narrow");
	rig_publish(&rig);
	return 0;
}

struct outcome {
	enum sp_reason reason;
	struct sp_judge_verdict v;
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	uint32_t n;
};

static struct outcome judged(struct sp_judge_known *known)
{
	const struct sp_judge_limit *kept;
	struct outcome o = {0};

	rig.call.known = known;
	o.reason = rig_judge(&rig);
	o.v = rig.v;
	kept = sp_judge_limits_known(&rig.call, &rig.v, &o.n);
	if (kept)
		memcpy(o.limit, kept, o.n * sizeof(*kept));
	else
		o.n = sp_judge_limits(&rig.call, &rig.v, o.limit, SP_JUDGE_LIMITS_MAX);
	return o;
}

static void same_limits(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->n, b->n);
	for (uint32_t i = 0; i < a->n; i++) {
		assert_int_equal(a->limit[i].limit, b->limit[i].limit);
		assert_int_equal(a->limit[i].kind, b->limit[i].kind);
		assert_int_equal(a->limit[i].per, b->limit[i].per);
		assert_int_equal(a->limit[i].key, b->limit[i].key);
		assert_int_equal(a->limit[i].max, b->limit[i].max);
	}
}

static void same(const struct outcome *a, const struct outcome *b)
{
	const struct sp_judge_verdict *v = &a->v, *w = &b->v;

	assert_int_equal(a->reason, b->reason);
	assert_int_equal(v->wire_reason, w->wire_reason);
	assert_memory_equal(v->about.actions, w->about.actions, sizeof(v->about.actions));
	assert_memory_equal(v->about.tools, w->about.tools, sizeof(v->about.tools));
	assert_int_equal(v->rule, w->rule);
	assert_int_equal(v->group, w->group);
	assert_int_equal(v->about.cls, w->about.cls);
	assert_int_equal(v->audit_level, w->audit_level);
	assert_int_equal(v->score, w->score);
	assert_int_equal(v->about.cost_micros, w->about.cost_micros);
	assert_int_equal(v->about.max_calls_session, w->about.max_calls_session);
	assert_string_equal(v->detail, w->detail);
	assert_memory_equal(v->term, w->term, sizeof(v->term));
	same_limits(a, b);
}

static void a_call_is_judged_the_same_with_what_is_known_and_without(void **state)
{
	static const char *const agents[] = {"bot", "dev"};
	static const char *const tools[] = {"up__read", "up__write", "narrow", "wild-1", "unknown"};
	static const char *const params[] = {"{\"arguments\":{\"n\":4}}", "{\"arguments\":{\"n\":3}}",
		"{\"arguments\":{\"n\":9,\"text\":\"of more than twenty bytes\"}}", ""};
	unsigned allowed = 0, kept = 0;

	(void)state;
	for (size_t a = 0; a < SP_ARRAY_LEN(agents); a++)
		for (size_t t = 0; t < SP_ARRAY_LEN(tools); t++) {
			struct sp_judge_known known = {0};

			for (size_t i = 0; i < 2 * SP_ARRAY_LEN(params); i++) {
				struct outcome with, without;

				rig_call(&rig, agents[a], tools[t], params[i % SP_ARRAY_LEN(params)]);
				rig.call.prefix = strncmp(tools[t], "up__", 4) ? 0 : 4;
				without = judged(NULL);
				with = judged(&known);
				same(&with, &without);
				assert_true(known.looked_up && known.granted && known.ruled);
				assert_true(known.scored || with.reason != SP_REASON_NONE);
				allowed += with.reason == SP_REASON_NONE;
			}
			kept += known.limited;
		}
	assert_true(allowed > 8 && allowed < 2 * 5 * 8);
	assert_true(kept > 4 && kept < 2 * 5);
}

static unsigned denied_of(const char *tool, struct sp_judge_known *known)
{
	unsigned denied = 0;

	for (int n = 0; n < 2 * (int)MANY; n++) {
		struct outcome with, without;
		char params[40];

		snprintf(params, sizeof(params), "{\"arguments\":{\"n\":%d}}", n % (int)MANY);
		rig_call(&rig, "dev", tool, params);
		without = judged(NULL);
		with = judged(known);
		same(&with, &without);
		denied += with.reason == SP_REASON_RULE_DENIED;
	}
	return denied;
}

static void more_rules_than_are_kept_are_asked_for_each_time(void **state)
{
	struct sp_judge_known some = {0}, many = {0};

	(void)state;
	assert_int_equal(denied_of("some", &some), 2 * (SP_JUDGE_KNOWN_RULES - 1));
	assert_true(some.ruled);
	assert_int_equal(denied_of("many", &many), 2 * (MANY - 1));
	assert_false(many.ruled);
}

static void limits_of_a_session_are_asked_for_each_time(void **state)
{
	struct sp_judge_known known = {0};
	struct outcome one, other;

	(void)state;
	rig_call(&rig, "bot", "narrow", "");
	rig.call.session = SP_LIT("one");
	one = judged(&known);
	rig.call.session = SP_LIT("another");
	other = judged(&known);
	assert_false(known.limited);
	assert_int_equal(one.n, other.n);
	for (uint32_t i = 0; i < one.n; i++)
		assert_true((one.limit[i].key == other.limit[i].key) == (one.limit[i].per != SP_PER_SESSION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_call_is_judged_the_same_with_what_is_known_and_without, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(
			more_rules_than_are_kept_are_asked_for_each_time, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(limits_of_a_session_are_asked_for_each_time, fresh, rig_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
