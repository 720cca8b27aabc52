/// What one agent may hold of the table of windows, whatever keys it brings.
#include "common/clock.h"
#include "common/windows.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "common/banned.h"

#define SEC SP_NS_PER_SEC
#define BUCKETS 32u ///< of a table for 256
#define SHARE 5u ///< a third of a bucket
#define NOW (100 * SEC)

static struct sp_windows t;
static void *mem;

static int open_table(uint32_t cells)
{
	size_t n = sp_windows_bytes(cells);

	mem = aligned_alloc(SP_CACHE_LINE, n);
	assert_non_null(mem);
	memset(mem, 0, n);
	assert_int_equal(sp_windows_attach(mem, n, cells, 3600 * SEC, &t), 0);
	sp_windows_share(&t, 33);
	return 0;
}

static int open_small(void **state)
{
	(void)state;
	return open_table(256);
}

static int open_bucket(void **state)
{
	(void)state;
	return open_table(1);
}

static int close_table(void **state)
{
	(void)state;
	free(mem);
	return 0;
}

static uint64_t key_of(uint32_t agent, uint32_t session)
{
	return sp_window_key(7, 1, agent, 0, session);
}

static int take(uint32_t agent, uint64_t key, enum sp_limit_per per, uint64_t now)
{
	const struct sp_window_owner owner = {.agent = agent};
	struct sp_window_ask ask = {key, SP_LIMIT_CALLS, per, 1, 3, 0};
	unsigned refused;
	uint64_t ms;

	return sp_windows_take(&t, &owner, &ask, 1, now, &refused, &ms);
}

static void one_agents_sessions_leave_room_for_all_others(void **state)
{
	uint32_t held = 0, refused = 0;

	(void)state;
	for (uint32_t session = 0; session < 4000; session++) {
		int err = take(1, key_of(1, session), SP_PER_SESSION, NOW);

		held += err == 0;
		refused += err == -EUSERS;
	}
	assert_int_equal(held, SHARE * BUCKETS);
	assert_int_equal(refused, 4000 - SHARE * BUCKETS);
	for (uint32_t agent = 2; agent < 102; agent++)
		assert_int_equal(take(agent, key_of(agent, 0), SP_PER_DAY, NOW), 0);
}

static void what_an_agent_has_goes_on_when_its_share_is_used_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SHARE; i++)
		assert_int_equal(take(1, key_of(1, i), SP_PER_DAY, NOW), 0);
	assert_int_equal(take(1, key_of(1, SHARE), SP_PER_DAY, NOW), -EUSERS);
	for (uint32_t i = 0; i < SHARE; i++) {
		assert_int_equal(take(1, key_of(1, i), SP_PER_DAY, NOW), 0);
		assert_int_equal(take(1, key_of(1, i), SP_PER_DAY, NOW), 0);
		assert_int_equal(take(1, key_of(1, i), SP_PER_DAY, NOW), -EDQUOT);
	}
}

static void states_are_of_the_share_too(void **state)
{
	const struct sp_window_owner owner = {.agent = 1};

	(void)state;
	for (uint32_t i = 0; i < SHARE; i++)
		assert_int_equal(sp_windows_change(&t, &owner, key_of(1, i), i % 2, 1, 0, NOW, NULL), 0);
	assert_int_equal(sp_windows_change(&t, &owner, key_of(1, SHARE), true, 1, 0, NOW, NULL), -EUSERS);
	assert_int_equal(take(1, key_of(1, SHARE + 1), SP_PER_DAY, NOW), -EUSERS);
}

/// Else an agent would have its share, let it be over, have another, and then use the first again.
static void a_window_that_is_over_is_of_the_share_until_it_makes_room(void **state)
{
	uint64_t later = NOW + 2 * SEC;
	uint32_t open = 0;

	(void)state;
	for (uint32_t i = 0; i < SHARE; i++)
		assert_int_equal(take(1, key_of(1, i), SP_PER_SECOND, NOW), 0);
	assert_int_equal(take(1, key_of(1, SHARE), SP_PER_DAY, later), 0);
	for (uint32_t i = 0; i < SHARE; i++)
		open += take(1, key_of(1, i), SP_PER_DAY, later) == 0;
	assert_int_equal(open, SHARE - 1);
	for (uint32_t i = 0; i < SHARE; i++)
		assert_int_equal(take(1, key_of(1, i), SP_PER_SECOND, later), -EUSERS);
}

static void others_get_what_is_over_of_a_full_bucket(void **state)
{
	(void)state;
	for (uint32_t agent = 1; agent <= 3; agent++)
		for (uint32_t i = 0; i < SHARE; i++)
			assert_int_equal(take(agent, key_of(agent, i), SP_PER_SECOND, NOW), 0);
	assert_int_equal(take(4, key_of(4, 0), SP_PER_SECOND, NOW), -ENOSPC);
	for (uint32_t i = 0; i < SHARE; i++)
		assert_int_equal(take(4, key_of(4, i), SP_PER_DAY, NOW + 2 * SEC), 0);
	assert_int_equal(take(4, key_of(4, SHARE), SP_PER_DAY, NOW + 2 * SEC), -EUSERS);
}

/// A call that two limits of different length count.
static int take_two(uint32_t agent, uint32_t session, uint64_t now)
{
	const struct sp_window_owner owner = {.agent = agent};
	struct sp_window_ask ask[] = {{key_of(agent, session), SP_LIMIT_CALLS, SP_PER_MINUTE, 1, 3, 0},
		{key_of(agent, session + 1), SP_LIMIT_CALLS, SP_PER_DAY, 1, 3, 0}};
	unsigned refused;
	uint64_t ms;

	return sp_windows_take(&t, &owner, ask, SP_ARRAY_LEN(ask), now, &refused, &ms);
}

static void the_windows_of_one_call_take_no_cell_from_each_other(void **state)
{
	const uint64_t later = NOW + 2 * SEC;
	const uint32_t agents[] = {1, 4}; // one takes what is over of its own, one of the full bucket

	(void)state;
	for (uint32_t agent = 1; agent <= 3; agent++)
		for (uint32_t i = 0; i < SHARE; i++)
			assert_int_equal(take(agent, key_of(agent, i), SP_PER_SECOND, NOW), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(agents); i++) {
		assert_int_equal(take_two(agents[i], 100, later), 0);
		assert_int_equal(sp_windows_read(&t, key_of(agents[i], 100), SP_LIMIT_CALLS, SP_PER_MINUTE, later), 1);
		assert_int_equal(sp_windows_read(&t, key_of(agents[i], 101), SP_LIMIT_CALLS, SP_PER_DAY, later), 1);
	}
}

static void a_call_whose_windows_do_not_all_fit_is_refused_for_want_of_room(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < SHARE; i++)
		assert_int_equal(take(1, key_of(1, i), SP_PER_DAY, NOW), 0);
	assert_int_equal(take_two(1, 100, NOW), -ENOSPC);
	assert_int_equal(take(1, key_of(1, 200), SP_PER_DAY, NOW), 0);
	assert_int_equal(take_two(1, 100, NOW), -EUSERS);
}

static void windows_of_nobody_have_no_share(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(take(0, key_of(0, i), SP_PER_DAY, NOW), 0);
	assert_int_equal(take(0, key_of(0, 15), SP_PER_DAY, NOW), -ENOSPC);
}

static void the_share_is_as_configured(void **state)
{
	static const struct {
		uint32_t percent, cells;
	} shares[] = {{1, 1}, {7, 1}, {10, 2}, {33, 5}, {50, 8}, {99, 15}, {100, 15}};

	(void)state;
	for (size_t s = 0; s < SP_ARRAY_LEN(shares); s++) {
		uint32_t held = 0;

		memset(mem, 0, sp_windows_bytes(1));
		sp_windows_share(&t, shares[s].percent);
		for (uint32_t i = 0; i < 20; i++)
			held += take(1, key_of(1, i), SP_PER_DAY, NOW) == 0;
		assert_int_equal(held, shares[s].cells);
	}
}

#define THREADS 4u
#define AGENTS 2u
#define ROUNDS 10000u

struct racer {
	pthread_barrier_t *start;
	uint32_t agent, first, held[ROUNDS];
};

/// New keys of all, in one bucket; every second window is over by the next round.
static void *race(void *user)
{
	struct racer *me = user;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(me->start);
		for (uint32_t i = 0; i < 2 * SHARE; i++)
			me->held[round] += take(me->agent, key_of(me->agent, me->first + round * 100 + i),
						  SP_PER_SECOND, NOW + round * 2 * SEC) == 0;
		pthread_barrier_wait(me->start);
	}
	return NULL;
}

static void workers_that_race_for_one_agent_stay_within_its_share(void **state)
{
	static struct racer racer[THREADS];
	pthread_t thread[THREADS];
	pthread_barrier_t start;
	uint64_t all = 0;

	(void)state;
	pthread_barrier_init(&start, NULL, THREADS);
	for (uint32_t i = 0; i < THREADS; i++) {
		racer[i] = (struct racer){.start = &start, .agent = 1 + i % AGENTS, .first = i * 1000000};
		assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	for (uint32_t round = 0; round < ROUNDS; round++)
		for (uint32_t a = 0; a < AGENTS; a++) {
			uint32_t held = racer[a].held[round] + racer[a + AGENTS].held[round];

			assert_in_range(held, 0, SHARE);
			all += held;
		}
	assert_true(all > (uint64_t)ROUNDS * AGENTS * SHARE * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_small, close_table)
#define B(name) cmocka_unit_test_setup_teardown(name, open_bucket, close_table)
		T(one_agents_sessions_leave_room_for_all_others),
		B(what_an_agent_has_goes_on_when_its_share_is_used_up),
		B(states_are_of_the_share_too),
		B(a_window_that_is_over_is_of_the_share_until_it_makes_room),
		B(others_get_what_is_over_of_a_full_bucket),
		B(the_windows_of_one_call_take_no_cell_from_each_other),
		B(a_call_whose_windows_do_not_all_fit_is_refused_for_want_of_room),
		B(windows_of_nobody_have_no_share),
		B(the_share_is_as_configured),
		B(workers_that_race_for_one_agent_stay_within_its_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
