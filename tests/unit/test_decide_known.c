/// What a worker knows of an agent's calls of a tool is that agent's, that tool's and that policy's.
#include "common/fold.h"
#include "dataplane/decide/facts.h"
#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct rig rig;
static struct sp_worker *w;

static int begin(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_allow_list(rig.p, "bot", "demo__read,demo__write");
	rig_allow_list(rig.p, "dev", "demo__read");
	rig_publish(&rig);
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	assert_int_equal(sp_facts_new(&w->facts), 0);
	w->history.salt = 7;
	return 0;
}

static int end(void **state)
{
	(void)state;
	sp_facts_free(w->facts);
	free(w);
	rig_done(&rig);
	return 0;
}

static void set_generation(uint64_t to)
{
	((struct sp_snap_header *)rig.blob)->generation = to;
}

/// What there is for a call; known from the next time on.
static struct sp_facts_known *known(const char *agent, const char *tool, uint32_t prefix)
{
	struct sp_judge_call *j = &w->facts->call;
	struct sp_facts_known *k;
	struct sp_call c = {.w = w, .snap = &rig.snap};

	rig_call(&rig, agent, tool, "");
	*j = rig.call;
	j->prefix = prefix;
	c.agent = j->agent;
	k = sp_facts_known(&c, j);
	j->known = k ? &k->judge : NULL;
	return k;
}

static bool was_known(const char *agent, const char *tool, uint32_t prefix)
{
	struct sp_facts_known *k = known(agent, tool, prefix);
	bool was = k->judge.looked_up;

	k->judge.looked_up = true;
	return was;
}

static void each_agent_tool_prefix_and_policy_has_its_own(void **state)
{
	(void)state;
	assert_false(was_known("bot", "demo__read", 6));
	assert_true(was_known("bot", "demo__read", 6));
	assert_false(was_known("dev", "demo__read", 6));
	assert_false(was_known("bot", "demo__write", 6));
	assert_false(was_known("bot", "demo__read", 0));
	set_generation(rig.snap.h->generation + 1);
	assert_false(was_known("bot", "demo__write", 6));
	assert_true(was_known("bot", "demo__write", 6));
}

static void names_that_share_a_place_are_never_taken_for_each_other(void **state)
{
	char name[80];

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < 4 * SP_FACTS_KNOWN; i++) {
			struct sp_facts_known *k;

			snprintf(name, sizeof(name), "demo__%04u-of-many", i);
			k = known("bot", name, 6);
			assert_int_equal(k->name_len, strlen(name));
			assert_memory_equal(k->name, name, k->name_len);
			assert_true(!k->judge.looked_up || k->judge.about.cost_micros == i);
			k->judge.looked_up = true;
			k->judge.about.cost_micros = i;
		}
}

static void no_end_of_a_name_brings_all_that_have_it_to_one_place(void **state)
{
	const uint64_t nothing = SP_FOLD_0; // what is left of it without the secret
	char name[32] = {0};
	unsigned other = 0;
	struct sp_facts_known *first = NULL;

	(void)state;
	w->history.salt = 0x93c467e37db0c7a4ull; // as long as one that was drawn
	for (unsigned i = 0; i < 64; i++) {
		struct sp_facts_known *k;

		snprintf(name, sizeof(name), "demo__a-%08u", i);
		memcpy(name + 16, &nothing, sizeof(nothing));
		k = known("bot", name, 6);
		assert_non_null(k);
		first = first ? first : k;
		other += k != first;
	}
	assert_true(other > 32);
}

static void names_of_no_usual_length_have_no_place(void **state)
{
	char name[80];

	(void)state;
	memset(name, 'n', sizeof(name));
	for (unsigned n = 1; n < sizeof(name); n++) {
		name[n] = '\0';
		assert_int_equal(known("bot", name, 0) != NULL, n >= 8 && n <= 68);
		name[n] = 'n';
	}
}

static void agent_and_tool_in_the_history_are_what_they_would_be_anyway(void **state)
{
	struct sp_call c = {.w = w, .snap = &rig.snap};
	uint64_t first, again;

	(void)state;
	known("bot", "demo__read", 6);
	c.agent = w->facts->call.agent;
	first = sp_facts_pair(&c);
	known("bot", "demo__read", 6);
	again = sp_facts_pair(&c);
	w->facts->call.known = NULL;
	assert_int_equal(first, sp_facts_pair(&c));
	assert_int_equal(again, first);
	known("dev", "demo__read", 6);
	c.agent = w->facts->call.agent;
	assert_int_not_equal(first, sp_facts_pair(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_agent_tool_prefix_and_policy_has_its_own, begin, end),
		cmocka_unit_test_setup_teardown(
			names_that_share_a_place_are_never_taken_for_each_other, begin, end),
		cmocka_unit_test_setup_teardown(
			no_end_of_a_name_brings_all_that_have_it_to_one_place, begin, end),
		cmocka_unit_test_setup_teardown(names_of_no_usual_length_have_no_place, begin, end),
		cmocka_unit_test_setup_teardown(
			agent_and_tool_in_the_history_are_what_they_would_be_anyway, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
