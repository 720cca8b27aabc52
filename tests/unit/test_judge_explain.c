/// Limits that bind, explanations, and two properties over many policies.
#include "config/judge/explain.h"
#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ALLOWED(x) assert_int_equal((x), SP_REASON_NONE)
#define REFUSED(x, why) assert_int_equal((x), SP_REASON_##why)

static uint32_t limits_of(struct rig *r, const char *agent, const char *tool,
	struct sp_judge_limit ret[SP_JUDGE_LIMITS_MAX])
{
	ALLOWED(rig_ask(r, agent, tool, ""));
	r->call.session = SP_LIT("s1");
	return sp_judge_limits(&r->call, &r->v, ret, SP_JUDGE_LIMITS_MAX);
}

static void limits_bind_by_agent_role_tool_and_group(void **state)
{
	struct sp_judge_limit l[SP_JUDGE_LIMITS_MAX];
	struct sp_policy_limit *p;
	struct sp_policy_group *g;
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_int_equal(sp_policy_group_add(r.p, (struct sp_at){"rig.yaml", 1, 1}, &g), 0);
	g->name = "group";
	rig_agent(r.p, "a")->roles = rig_list(r.p, "fin");
	rig_agent(r.p, "b");
	rig_rule(r.p, "grouped", SP_EFFECT_ALLOW, NULL, "pay", NULL)->group = 0;
	rig_rule(r.p, "free", SP_EFFECT_ALLOW, NULL, "read", NULL);
	rig_limit(r.p, "all", SP_PER_MINUTE, 100);
	p = rig_limit(r.p, "fin", SP_PER_HOUR, 50);
	p->roles = rig_list(r.p, "fin");
	p = rig_limit(r.p, "pay", SP_PER_DAY, 5);
	p->tools = rig_list(r.p, "pay");
	p->by_tool = true;
	p = rig_limit(r.p, "grp", SP_PER_SECOND, 7);
	p->group = 0;
	rig_publish(&r);
	assert_int_equal(limits_of(&r, "a", "pay", l), 4);
	assert_int_equal(limits_of(&r, "b", "pay", l), 3);
	assert_int_equal(limits_of(&r, "a", "read", l), 2);
	assert_int_equal(limits_of(&r, "b", "read", l), 1);
	assert_int_equal(l[0].max, 100);
	assert_int_equal(l[0].per, SP_PER_MINUTE);
	assert_int_equal(l[0].kind, SP_LIMIT_CALLS);
	assert_int_equal(sp_judge_limits(&r.call, &r.v, l, 0), 0);
	rig_done(&r);
}

static uint64_t key_of(struct rig *r, const char *agent, const char *tool, struct sp_bytes session)
{
	struct sp_judge_limit l[SP_JUDGE_LIMITS_MAX];

	ALLOWED(rig_ask(r, agent, tool, ""));
	r->call.session = session;
	assert_int_equal(sp_judge_limits(&r->call, &r->v, l, SP_JUDGE_LIMITS_MAX), 1);
	return l[0].key;
}

static void limit_rig(struct rig *r, bool by_agent, bool by_tool, enum sp_limit_per per)
{
	struct sp_policy_limit *l;

	rig_init(r);
	rig_rule(r->p, "all", SP_EFFECT_ALLOW, "a,b", "t,u", NULL);
	l = rig_limit(r->p, "l", per, 5);
	l->by_agent = by_agent;
	l->by_tool = by_tool;
	rig_publish(r);
}

static void windows_are_apart_as_the_limit_says_and_outlive_the_snapshot(void **state)
{
	struct rig r, again;
	uint64_t key;

	(void)state;
	limit_rig(&r, true, false, SP_PER_MINUTE);
	key = key_of(&r, "a", "t", SP_LIT("s"));
	assert_int_equal(key, key_of(&r, "a", "u", SP_LIT("s2")));
	assert_int_not_equal(key, key_of(&r, "b", "t", SP_LIT("s")));
	rig_init(&again);
	rig_rule(again.p, "more agents", SP_EFFECT_ALLOW, "0,a,b", "s,t,u", NULL);
	rig_limit(again.p, "l", SP_PER_MINUTE, 9);
	rig_publish(&again);
	assert_int_equal(key, key_of(&again, "a", "t", SP_LIT("s")));
	rig_done(&again);
	rig_done(&r);
	limit_rig(&r, false, true, SP_PER_MINUTE);
	key = key_of(&r, "a", "t", SP_LIT("s"));
	assert_int_equal(key, key_of(&r, "b", "t", SP_LIT("s")));
	assert_int_not_equal(key, key_of(&r, "a", "u", SP_LIT("s")));
	rig_done(&r);
	limit_rig(&r, true, false, SP_PER_SESSION);
	key = key_of(&r, "a", "t", SP_LIT("s"));
	assert_int_not_equal(key, key_of(&r, "a", "t", SP_LIT("s2")));
	rig_done(&r);
}

static void max_calls_is_a_limit_of_the_session_too(void **state)
{
	struct sp_judge_limit l[SP_JUDGE_LIMITS_MAX];
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "a", "t");
	rig_tool(r.p, "t")->max_calls = 50;
	rig_publish(&r);
	assert_int_equal(limits_of(&r, "a", "t", l), 1);
	assert_int_equal(l[0].limit, SP_SNAP_NONE);
	assert_int_equal(l[0].per, SP_PER_SESSION);
	assert_int_equal(l[0].max, 50);
	rig_done(&r);
}

static void explain_rig(struct rig *r)
{
	rig_init(r);
	rig_agent(r->p, "bot")->roles = rig_list(r->p, "support");
	rig_rule(r->p, "small", SP_EFFECT_ALLOW, "bot", "pay", "request.sum < 100");
	rig_rule(r->p, "never", SP_EFFECT_DENY, NULL, "pay", "request.to == \"x\"")->reason = "no x";
	rig_limit(r->p, "per minute", SP_PER_MINUTE, 10);
	rig_tool(r->p, "pay")->max_argument_bytes = 1000;
	rig_sequence(r->p, "order", SP_SEQ_FORBID_AFTER, "mail", "pay");
	rig_publish(r);
}

static const char *explained(struct rig *r, const char *params, bool json)
{
	static char text[16384];
	struct sp_out out = sp_out_init(text, sizeof(text) - 1);
	struct sp_explain e;

	sp_explain_begin(&e, &out, json);
	rig_call(r, "bot", "pay", params);
	r->call.trace = &e.trace;
	rig_judge(r);
	sp_explain_end(&e);
	assert_false(out.overflow);
	text[out.len] = '\0';
	return text;
}

static void assert_tells(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void money_is_told_as_policy_writes_it(void **state)
{
	static const struct {
		uint64_t micros;
		const char *text;
	} amounts[] = {{1000000, "at most 1 of money"}, {1250000, "at most 1.25 of money"},
		{50000, "at most 0.05 of money"}, {10000001, "at most 10.000001 of money"}};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(amounts); i++) {
		struct rig r;

		rig_init(&r);
		rig_agent(r.p, "bot");
		rig_limit(r.p, "cost", SP_PER_MINUTE, amounts[i].micros)->kind = SP_LIMIT_MONEY;
		rig_publish(&r);
		assert_tells(explained(&r, "{}", false), amounts[i].text);
		rig_done(&r);
	}
}

static void an_explanation_tells_every_rule_condition_limit_and_term(void **state)
{
	const char *text;
	struct rig r;

	(void)state;
	explain_rig(&r);
	text = explained(&r, "{\"arguments\":{\"sum\":5,\"to\":\"x\"}}", false);
	assert_tells(text, "* rule small [rig.yaml:1]: allow: applies\n");
	assert_tells(text, "+ condition request.sum < 100 [rig.yaml:1]: true\n");
	assert_tells(text, "* rule never [rig.yaml:2]: deny: applies; reason: no x\n");
	assert_tells(text, "  limit per minute: at most 10 calls a minute, an agent\n");
	assert_tells(text, "+ argument pay [rig.yaml:100]: arguments: within max_argument_bytes\n");
	assert_tells(text, "+ sequence order: the order of calls allows it\n");
	for (unsigned t = 0; t < SP_TERM__COUNT; t++)
		assert_tells(text, sp_risk_term_name(t));
	assert_tells(text, "- verdict rule_denied: deny: a rule of the policy forbids this call (never);");
	text = explained(&r, "{\"arguments\":{\"sum\":500}}", false);
	assert_tells(text, "- condition request.sum < 100 [rig.yaml:1]: false\n");
	assert_tells(text, "- condition request.to == \"x\" [rig.yaml:2]: no value: ");
	rig_done(&r);
}

static void an_explanation_as_json_is_json(void **state)
{
	static struct sp_json_tok tok[4096];
	struct sp_json doc;
	const char *text;
	struct rig r;
	uint32_t t;

	(void)state;
	explain_rig(&r);
	text = explained(&r, "{\"arguments\":{\"sum\":5,\"to\":\"y\\n\\u001b[2J\\\"\"}}", true);
	assert_int_equal(
		sp_json_scan(sp_bytes_cstr(text), 8, tok, SP_ARRAY_LEN(tok), &doc, NULL), 0);
	assert_int_equal(sp_json_type(&doc, 0), SP_JSON_ARRAY);
	t = sp_json_first(&doc, 0);
	assert_true(sp_json_str_eq(&doc, sp_json_get(&doc, t, SP_LIT("kind")), SP_LIT("condition")));
	assert_true(sp_json_str_eq(
		&doc, sp_json_get(&doc, t, SP_LIT("name")), SP_LIT("request.sum < 100")));
	rig_done(&r);
}

static void explaining_changes_no_verdict(void **state)
{
	static const char *const params[] = {"", "{\"arguments\":{\"sum\":5}}",
		"{\"arguments\":{\"sum\":5,\"to\":\"y\"}}", "{\"arguments\":{\"sum\":500,\"to\":\"y\"}}",
		"{\"arguments\":{\"sum\":5,\"to\":\"x\"}}"};
	struct rig r;

	(void)state;
	explain_rig(&r);
	for (size_t i = 0; i < SP_ARRAY_LEN(params); i++) {
		struct sp_judge_verdict told;

		(void)explained(&r, params[i], false);
		told = r.v;
		rig_ask(&r, "bot", "pay", params[i]);
		assert_int_equal(told.reason, r.v.reason);
		assert_int_equal(told.wire_reason, r.v.wire_reason);
		assert_int_equal(told.rule, r.v.rule);
		assert_string_equal(told.detail, r.v.detail);
	}
	rig_done(&r);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#define PICK(s, list) ((list)[next_random(s) % SP_ARRAY_LEN(list)])
static const char *const agents[] = {"a", "b", "c"};
static const char *const tools[] = {"read", "write", "up__read", "other"};
static const char *const patterns[] = {"read", "write", "read,write", "*", "up__*", "re*"};
static const char *const texts[] = {NULL, "request.n > 3", "agent.name == 'a'",
	"request.s == 'x' && request.n < 9", "'r' in agent.roles", "request.absent == 1"};
static const char *const calls[] = {"", "{\"arguments\":{\"n\":1}}",
	"{\"arguments\":{\"n\":5,\"s\":\"x\"}}", "{\"arguments\":{\"s\":\"y\",\"n\":\"q\"}}"};

/// The same policy for the same seed; `skip_grant`: without its grant of this number. `deny`: and one that denies.
static void random_policy(struct rig *r, uint64_t seed, unsigned skip_grant, bool deny)
{
	uint64_t s = seed * 2654435761u + 88172645463325252u;
	unsigned grants = 0;

	rig_init(r);
	for (size_t i = 0; i < SP_ARRAY_LEN(agents); i++) {
		struct sp_policy_agent *a = rig_agent(r->p, agents[i]);

		if (next_random(&s) % 2)
			a->roles = rig_list(r->p, "r");
	}
	if (next_random(&s) % 3 == 0)
		rig_allow_list(r->p, "c", "read,write");
	for (unsigned i = 0; i < 5; i++) {
		enum sp_effect effect = next_random(&s) % 4 ? SP_EFFECT_ALLOW
					: next_random(&s) % 2 ? SP_EFFECT_DENY : SP_EFFECT_REVIEW;
		const char *who = next_random(&s) % 2 ? PICK(&s, agents) : NULL;
		const char *what = PICK(&s, patterns), *when = PICK(&s, texts);
		char name[16];

		if (effect == SP_EFFECT_ALLOW && grants++ == skip_grant)
			continue;
		snprintf(name, sizeof(name), "rule %u", i);
		rig_rule(r->p, name, effect, who, what, when);
	}
	if (deny)
		rig_rule(r->p, "one more", SP_EFFECT_DENY, next_random(&s) % 2 ? PICK(&s, agents) : NULL,
			PICK(&s, patterns), PICK(&s, texts));
	rig_publish(r);
}

static void ask_all(struct rig *r, enum sp_reason ret[SP_ARRAY_LEN(agents)][SP_ARRAY_LEN(tools)]
						     [SP_ARRAY_LEN(calls)])
{
	for (size_t a = 0; a < SP_ARRAY_LEN(agents); a++)
		for (size_t t = 0; t < SP_ARRAY_LEN(tools); t++)
			for (size_t c = 0; c < SP_ARRAY_LEN(calls); c++) {
				rig_call(r, agents[a], tools[t], calls[c]);
				r->call.prefix = tools[t][0] == 'u' ? 4 : 0;
				ret[a][t][c] = rig_judge(r);
				if (ret[a][t][c] == SP_REASON_NONE)
					assert_true(sp_judge_lists(&r->call));
			}
}

static void compare(unsigned skip, bool deny, uint64_t seed)
{
	static enum sp_reason was[SP_ARRAY_LEN(agents)][SP_ARRAY_LEN(tools)][SP_ARRAY_LEN(calls)],
		is[SP_ARRAY_LEN(agents)][SP_ARRAY_LEN(tools)][SP_ARRAY_LEN(calls)];
	struct rig r;

	random_policy(&r, seed, UINT32_MAX, false);
	ask_all(&r, was);
	rig_done(&r);
	random_policy(&r, seed, skip, deny);
	ask_all(&r, is);
	rig_done(&r);
	for (size_t i = 0; i < sizeof(was) / sizeof(was[0][0][0]); i++)
		if ((&was[0][0][0])[i] != SP_REASON_NONE && (&is[0][0][0])[i] == SP_REASON_NONE)
			fail_msg("policy %llu allows what it refused", (unsigned long long)seed);
}

static void one_more_rule_that_denies_never_allows_more(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++)
		compare(UINT32_MAX, true, seed);
}

static void one_grant_less_never_allows_more(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		for (unsigned skip = 0; skip < 3; skip++)
			compare(skip, false, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_bind_by_agent_role_tool_and_group),
		cmocka_unit_test(windows_are_apart_as_the_limit_says_and_outlive_the_snapshot),
		cmocka_unit_test(max_calls_is_a_limit_of_the_session_too),
		cmocka_unit_test(money_is_told_as_policy_writes_it),
		cmocka_unit_test(an_explanation_tells_every_rule_condition_limit_and_term),
		cmocka_unit_test(an_explanation_as_json_is_json),
		cmocka_unit_test(explaining_changes_no_verdict),
		cmocka_unit_test(one_more_rule_that_denies_never_allows_more),
		cmocka_unit_test(one_grant_less_never_allows_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
