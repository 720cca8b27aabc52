/// What a snapshot keeps beside the policy's words so that a decision is quick: it opens only when it is true of them.
#include "common/clock.h"
#include "common/windows.h"
#include "tests/support/judge_rig.h"
#include "tests/support/snap_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static struct rig rig;

static int fresh(void **state)
{
	*state = &rig;
	rig_init(&rig);
	rig_agent(rig.p, "bot");
	rig_agent(rig.p, "dev");
	rig_tool(rig.p, "plain");
	rig_tool(rig.p, "narrow")->max_argument_bytes = 100;
	rig_rule(rig.p, "r1", SP_EFFECT_ALLOW, "bot", "plain,narrow", "request.n < 5");
	rig_rule(rig.p, "r2", SP_EFFECT_DENY, "bot", "plain", "request.n == 3");
	rig_limit(rig.p, "rate", SP_PER_MINUTE, 10);
	rig_publish(&rig);
	return 0;
}

static struct sp_snap_policy *policy(void)
{
	return &((struct sp_snap_header *)rig.blob)->policy;
}

#define AT(table, type, i) ((struct type *)(rig.blob + policy()->table.off) + (i))

static struct sp_snap_pair *pair_of(uint32_t n)
{
	struct sp_snap_pair *v = (struct sp_snap_pair *)(rig.blob + policy()->pairs.off);

	for (uint32_t i = 0; i <= policy()->pairs.mask; i++)
		if (v[i].n == n)
			return &v[i];
	fail();
	return NULL;
}

/// With the checksum made right, does it open with `word` as it is now changed?
static void refused_with(uint32_t *word, uint32_t wrong)
{
	uint32_t right = *word;
	size_t n = rig.snap.h->bytes;
	struct sp_snap s;

	*word = wrong;
	snap_stamp(rig.blob, n, 2, 2);
	assert_int_equal(sp_snap_open(rig.blob, n, &s), -EBADMSG);
	*word = right;
	snap_stamp(rig.blob, n, 2, 2);
	assert_int_equal(sp_snap_open(rig.blob, n, &s), 0);
}

static void what_is_kept_for_speed_has_to_be_true(void **state)
{
	struct sp_snap_agent_facts *bot = AT(agent_facts, sp_snap_agent_facts, 0);
	struct sp_snap_tool *tool = AT(tools, sp_snap_tool, 0);

	(void)state;
	refused_with((uint32_t *)&bot->name_hash, (uint32_t)bot->name_hash ^ 1);
	refused_with(&bot->ahead_rule, policy()->rules.n);
	refused_with(&bot->ahead_off, rig.snap.h->bytes);
	refused_with(&bot->ahead_bytes, rig.snap.h->bytes);
	refused_with(&tool[0].judges_arguments, !tool[0].judges_arguments);
	refused_with(&tool[1].judges_arguments, !tool[1].judges_arguments);
}

static void pairs_name_agents_tools_and_rules_that_are_there(void **state)
{
	struct sp_snap_pair *one = pair_of(1), *two = pair_of(2);

	(void)state;
	refused_with(&one->agent, rig.snap.h->agents.n);
	refused_with(&one->action, rig.snap.h->actions.n);
	refused_with(&one->at, policy()->rules.n);
	refused_with(&one->n, 0);
	refused_with(&two->at, rig.snap.h->bytes);
	refused_with(&two->n, rig.snap.h->bytes);
	refused_with(&policy()->pairs_n, 3);
	refused_with(&policy()->pairs.mask, policy()->pairs.mask + 1);
	refused_with(&policy()->pairs.mask, UINT32_MAX);
}

static void every_rule_of_a_pair_is_found(void **state)
{
	(void)state;
	assert_int_equal(rig_ask(&rig, "bot", "plain", "{\"arguments\":{\"n\":4}}"), SP_REASON_NONE);
	assert_int_equal(
		rig_ask(&rig, "bot", "plain", "{\"arguments\":{\"n\":3}}"), SP_REASON_RULE_DENIED);
	assert_int_equal(rig_ask(&rig, "bot", "narrow", "{\"arguments\":{\"n\":3}}"), SP_REASON_NONE);
	assert_int_equal(
		rig_ask(&rig, "dev", "narrow", "{\"arguments\":{\"n\":3}}"), SP_REASON_TOOL_DENIED);
}

/// Rows that decisions read lie on cache lines of their own.
static void rows_begin_on_a_line(void **state)
{
	(void)state;
	assert_int_equal(policy()->agent_facts.off % SP_SNAP_ROW, 0);
	assert_int_equal(policy()->rules.off % SP_SNAP_ROW, 0);
	assert_int_equal(policy()->tools.off % SP_SNAP_ROW, 0);
	assert_int_equal(policy()->pairs.off % SP_SNAP_ROW, 0);
	assert_int_equal(AT(agent_facts, sp_snap_agent_facts, 0)->ahead_rule, 0);
	assert_int_equal(AT(agent_facts, sp_snap_agent_facts, 1)->ahead_rule, SP_SNAP_NONE);
}

static void asking_ahead_takes_any_agent_and_tool(void **state)
{
	static const uint32_t agents[] = {0, 1, 2, SP_SNAP_NONE};
	struct sp_windows windows;
	void *mem = aligned_alloc(SP_CACHE_LINE, sp_windows_bytes(100));

	(void)state;
	assert_non_null(mem);
	memset(mem, 0, sp_windows_bytes(100));
	assert_int_equal(
		sp_windows_attach(mem, sp_windows_bytes(100), 100, SP_NS_PER_SEC, &windows), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(agents); i++) {
		sp_judge_ahead_agent(&rig.snap, agents[i]);
		sp_judge_ahead_rules(&rig.snap, agents[i]);
		sp_judge_ahead_tool(&rig.snap, agents[i], SP_LIT("plain"));
		sp_judge_ahead_tool(&rig.snap, agents[i], SP_LIT("unknown"));
		sp_judge_ahead_windows(&rig.snap, agents[i], 7, &windows);
	}
	for (size_t i = 0; i < sp_windows_bytes(100); i++)
		assert_int_equal(((uint8_t *)mem)[i], 0);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_kept_for_speed_has_to_be_true, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(
			pairs_name_agents_tools_and_rules_that_are_there, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(
			every_rule_of_a_pair_is_found, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(rows_begin_on_a_line, fresh, rig_tear_down),
		cmocka_unit_test_setup_teardown(
			asking_ahead_takes_any_agent_and_tool, fresh, rig_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
