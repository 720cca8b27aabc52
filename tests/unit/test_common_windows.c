#include "common/windows.h"

#include "common/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define SEC SP_NS_PER_SEC
#define CELLS 4096u

struct rig {
	struct sp_windows t;
	void *mem;
};

static int open_rig_of(void **state, uint32_t cells)
{
	struct rig *r = calloc(1, sizeof(*r));
	size_t n = sp_windows_bytes(cells);

	r->mem = aligned_alloc(SP_CACHE_LINE, n);
	memset(r->mem, 0, n);
	assert_int_equal(sp_windows_attach(r->mem, n, cells, 3600 * SEC, &r->t), 0);
	*state = r;
	return 0;
}

static int open_rig(void **state)
{
	return open_rig_of(state, CELLS);
}

static int open_small(void **state)
{
	return open_rig_of(state, 1);
}

static int close_rig(void **state)
{
	struct rig *r = *state;

	free(r->mem);
	free(r);
	return 0;
}

static int take(struct rig *r, struct sp_window_ask ask, uint64_t now, uint64_t *ret_ms)
{
	unsigned refused;
	uint64_t ms;
	int err = sp_windows_take(&r->t, NULL, &ask, 1, now, &refused, &ms);

	if (ret_ms)
		*ret_ms = ms;
	return err;
}

static struct sp_window_ask calls(uint64_t key, enum sp_limit_per per, uint64_t max)
{
	return (struct sp_window_ask){key, SP_LIMIT_CALLS, per, 1, max, 0};
}

static void test_each_window_lets_through_its_limit_and_opens_again_after_its_length(void **state)
{
	static const struct {
		enum sp_limit_per per;
		uint64_t ms;
	} windows[] = {{SP_PER_SECOND, 1000}, {SP_PER_MINUTE, 60000}, {SP_PER_HOUR, 3600000},
		{SP_PER_DAY, 86400000}};
	struct rig *r = *state;

	for (size_t i = 0; i < SP_ARRAY_LEN(windows); i++) {
		struct sp_window_ask ask = calls(sp_window_key(0, i + 1, 7, 0, 0), windows[i].per, 3);
		uint64_t now = 1000 * SEC, ms;

		for (int k = 0; k < 3; k++)
			assert_int_equal(take(r, ask, now, NULL), 0);
		assert_int_equal(take(r, ask, now, &ms), -EDQUOT);
		assert_int_equal(ms, windows[i].ms);
		assert_int_equal(
			take(r, ask, now + (windows[i].ms - 1) * SP_NS_PER_MS, &ms), -EDQUOT);
		assert_int_equal(ms, 1);
		assert_int_equal(take(r, ask, now + windows[i].ms * SP_NS_PER_MS, NULL), 0);
		assert_int_equal(sp_windows_read(&r->t, ask.key, SP_LIMIT_CALLS, ask.per,
					 now + windows[i].ms * SP_NS_PER_MS),
			1);
	}
}

static void test_tokens_and_money_are_counted_by_amount_and_rounded_up(void **state)
{
	struct rig *r = *state;
	struct sp_window_ask tokens = {11, SP_LIMIT_TOKENS, SP_PER_DAY, 600, 1000, 0};
	struct sp_window_ask money = {12, SP_LIMIT_MONEY, SP_PER_MINUTE, 2500001, 10000000, 0};
	uint64_t ms;

	assert_int_equal(take(r, tokens, SEC, NULL), 0);
	assert_int_equal(take(r, tokens, SEC, &ms), -EDQUOT);
	assert_in_range(ms / 1000, 24 * 60 * 60, 24 * 60 * 60 + 1);
	tokens.amount = 400;
	assert_int_equal(take(r, tokens, SEC, NULL), 0);
	tokens.amount = 1001;
	assert_int_equal(take(r, tokens, SEC, &ms), -EDQUOT);
	assert_int_equal(ms, 0); // alone over the budget: never
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(r, money, SEC, NULL), 0);
	assert_int_equal(take(r, money, SEC, &ms), -EDQUOT);
	assert_in_range(ms, 59000, 61000);
	assert_int_equal(
		sp_windows_read(&r->t, 12, SP_LIMIT_MONEY, SP_PER_MINUTE, SEC), 3 * 2500100);
}

static void test_a_request_limit_is_compared_and_not_counted(void **state)
{
	struct rig *r = *state;
	struct sp_window_ask ask = {13, SP_LIMIT_TOKENS, SP_PER_REQUEST, 1000, 1000, 0};
	uint64_t ms;

	for (int i = 0; i < 5; i++)
		assert_int_equal(take(r, ask, SEC, NULL), 0);
	ask.amount++;
	assert_int_equal(take(r, ask, SEC, &ms), -EDQUOT);
	assert_int_equal(ms, 0);
}

static void test_of_several_limits_all_are_taken_or_none(void **state)
{
	struct rig *r = *state;
	struct sp_window_ask ask[2] = {calls(21, SP_PER_MINUTE, 5), calls(22, SP_PER_HOUR, 2)};
	unsigned refused;
	uint64_t ms;

	assert_int_equal(sp_windows_take(&r->t, NULL, ask, 2, SEC, &refused, &ms), 0);
	assert_int_equal(sp_windows_take(&r->t, NULL, ask, 2, SEC, &refused, &ms), 0);
	assert_int_equal(sp_windows_take(&r->t, NULL, ask, 2, SEC, &refused, &ms), -EDQUOT);
	assert_int_equal(refused, 1);
	assert_int_equal(sp_windows_read(&r->t, 21, SP_LIMIT_CALLS, SP_PER_MINUTE, SEC), 2);
}

static void test_looking_whether_a_call_would_pass_changes_nothing(void **state)
{
	struct rig *r = *state;
	size_t n = sp_windows_bytes(CELLS);
	void *before = malloc(n);
	unsigned refused;

	assert_int_equal(take(r, calls(1, SP_PER_HOUR, 3), SEC, NULL), 0);
	for (uint64_t limit = 0; limit < 4; limit++) {
		struct sp_window_ask ask[] = {calls(9, SP_PER_DAY, 1), calls(1, SP_PER_HOUR, limit),
			{8, SP_LIMIT_TOKENS, SP_PER_REQUEST, 5, 5, 0}, {7, SP_LIMIT_TOKENS, SP_PER_DAY, 5, 5, 0}};

		memcpy(before, r->mem, n);
		for (unsigned again = 0; again < 3; again++)
			assert_int_equal(sp_windows_peek(&r->t, ask, 4, SEC, &refused), limit < 2 ? -EDQUOT : 0);
		assert_int_equal(refused, limit < 2 ? 1 : 0);
		assert_memory_equal(before, r->mem, n);
	}
	// more than a window that nobody opened may hold, and more than a request may
	assert_int_equal(sp_windows_peek(&r->t, &(struct sp_window_ask){6, SP_LIMIT_TOKENS, SP_PER_DAY, 9, 8, 0}, 1,
				 SEC, &refused),
		-EDQUOT);
	assert_int_equal(sp_windows_peek(&r->t, &(struct sp_window_ask){6, SP_LIMIT_TOKENS, SP_PER_REQUEST, 9, 8, 0},
				 1, SEC, &refused),
		-EDQUOT);
	// nothing more asked for: what stands there is held against the limit
	assert_int_equal(sp_windows_peek(&r->t, &(struct sp_window_ask){1, SP_LIMIT_CALLS, SP_PER_HOUR, 0, 1, 0}, 1,
				 SEC, &refused),
		0);
	assert_int_equal(sp_windows_peek(&r->t, &(struct sp_window_ask){1, SP_LIMIT_CALLS, SP_PER_HOUR, 0, 0, 0}, 1,
				 SEC, &refused),
		-EDQUOT);
	assert_memory_equal(before, r->mem, n);
	assert_int_equal(sp_windows_peek(&r->t, &(struct sp_window_ask){1, SP_LIMIT_CALLS, SP_PER_HOUR, 1, 1, 0}, 1,
				 SEC + 3601 * SEC, &refused),
		0); // over
	free(before);
}

static void test_calls_of_a_session_last_as_long_as_it_is_used(void **state)
{
	struct rig *r = *state;
	struct sp_window_ask ask = calls(31, SP_PER_SESSION, 3);
	uint64_t ms, now = SEC;

	for (int i = 0; i < 3; i++, now += 3000 * SEC)
		assert_int_equal(take(r, ask, now, NULL), 0);
	assert_int_equal(take(r, ask, now - 1000 * SEC, &ms), -EDQUOT);
	assert_int_equal(ms, 0);
	assert_int_equal(take(r, ask, now + 3700 * SEC, NULL), 0);
}

static int take_until(struct rig *r, uint64_t ends, uint64_t key, uint64_t now)
{
	const struct sp_window_owner owner = {.session_ends_ns = ends};
	struct sp_window_ask ask = calls(key, SP_PER_SESSION, 1);
	unsigned refused;
	uint64_t ms;

	return sp_windows_take(&r->t, &owner, &ask, 1, now, &refused, &ms);
}

static void test_calls_of_a_session_whose_end_is_told_last_until_then(void **state)
{
	static const uint64_t ends[] = {12, 60, 3600, 90000}; // a session unused ends after 3600 seconds
	struct rig *r = *state;

	for (size_t i = 0; i < SP_ARRAY_LEN(ends); i++) {
		assert_int_equal(take_until(r, ends[i] * SEC, 70 + i, 5 * SEC), 0);
		assert_int_equal(take_until(r, ends[i] * SEC, 70 + i, ends[i] * SEC), -EDQUOT);
		assert_int_equal(take_until(r, ends[i] * SEC, 70 + i, (ends[i] + 2) * SEC), 0);
	}
	assert_int_equal(take_until(r, UINT64_MAX, 80, 5 * SEC), 0);
	assert_int_equal(take_until(r, UINT64_MAX, 80, 29 * 86400 * SEC), -EDQUOT);
	assert_int_equal(take_until(r, UINT64_MAX, 80, 31 * 86400 * SEC), 0);
}

static void test_a_session_that_ended_makes_room(void **state)
{
	struct rig *r = *state;

	for (uint64_t i = 1; i <= 15; i++)
		assert_int_equal(take_until(r, 60 * SEC, i, 5 * SEC), 0);
	assert_int_equal(take_until(r, 60 * SEC, 99, 59 * SEC), -ENOSPC);
	assert_int_equal(take_until(r, 120 * SEC, 99, 62 * SEC), 0);
}

static void test_states_are_set_and_cleared_in_one_step_and_forgotten_when_unused(void **state)
{
	struct rig *r = *state;
	uint64_t was;

	assert_int_equal(sp_windows_state(&r->t, 41, false, SEC), 0);
	assert_int_equal(sp_windows_change(&r->t, NULL, 41, false, 5, 0, SEC, &was), 0);
	assert_int_equal(was, 0);
	assert_int_equal(sp_windows_change(&r->t, NULL, 41, false, 2, 4, 2 * SEC, &was), 0);
	assert_int_equal(was, 5);
	assert_int_equal(sp_windows_state(&r->t, 41, false, 3 * SEC), 3);
	assert_int_equal(sp_windows_state(&r->t, 41, false, 3700 * SEC), 0);
	assert_int_equal(sp_windows_change(&r->t, NULL, 41, true, 9, 0, SEC, &was), 0);
	assert_int_equal(was, 0);
	assert_int_equal(sp_windows_state(&r->t, 41, true, 29 * 86400 * SEC), 9);
	assert_int_equal(sp_windows_state(&r->t, 41, true, 31 * 86400 * SEC), 0);
}

static void test_what_is_given_back_is_there_again_but_not_in_a_window_that_came_later(void **state)
{
	struct rig *r = *state;
	struct sp_window_ask ask[3] = {calls(61, SP_PER_MINUTE, 1), calls(62, SP_PER_SESSION, 1),
		{63, SP_LIMIT_TOKENS, SP_PER_REQUEST, 5, 5, 0}};
	struct sp_window_ask later = calls(61, SP_PER_MINUTE, 1);
	uint64_t now = 100 * SEC, ms;
	unsigned refused;

	assert_int_equal(sp_windows_take(&r->t, NULL, ask, 3, now, &refused, &ms), 0);
	assert_int_equal(take(r, later, now, NULL), -EDQUOT);
	sp_windows_refund(&r->t, ask, 3, now + SEC);
	assert_int_equal(sp_windows_take(&r->t, NULL, ask, 3, now + 2 * SEC, &refused, &ms), 0);
	assert_int_equal(take(r, later, now + 2 * SEC, NULL), -EDQUOT);

	// of a refused take nothing is given back
	later = calls(61, SP_PER_MINUTE, 1);
	assert_int_equal(sp_windows_take(&r->t, NULL, &later, 1, now, &refused, &ms), -EDQUOT);
	sp_windows_refund(&r->t, &later, 1, now);
	assert_int_equal(take(r, later, now + 2 * SEC, NULL), -EDQUOT);

	assert_int_equal(take(r, later, now + 61 * SEC, NULL), 0);
	sp_windows_refund(&r->t, ask, 1, now + 62 * SEC);
	assert_int_equal(take(r, later, now + 62 * SEC, NULL), -EDQUOT);

	sp_windows_refund(&r->t, &ask[1], 1, now + 4000 * SEC);
	assert_int_equal(take(r, calls(62, SP_PER_SESSION, 1), now + 4000 * SEC, NULL), 0);
	sp_windows_refund(&r->t, &ask[1], 1, now + 4001 * SEC);
	assert_int_equal(take(r, calls(62, SP_PER_SESSION, 1), now + 4001 * SEC, NULL), -EDQUOT);
}

static void test_a_salt_moves_every_key(void **state)
{
	(void)state;
	assert_int_equal(sp_window_key(7, 1, 2, 3, 4), sp_window_key(7, 1, 2, 3, 4));
	assert_int_not_equal(sp_window_key(7, 1, 2, 3, 4), sp_window_key(8, 1, 2, 3, 4));
}

static uint64_t key_of(const uint64_t v[5])
{
	return sp_window_key(v[0], v[1], v[2], v[3], v[4]);
}

/// Salts of two like halves are those a rotation leaves as they are.
static void test_each_part_of_a_key_tells_and_so_does_its_place(void **state)
{
	static const uint64_t salts[] = {
		0, 1, 7, UINT64_MAX, 0x0123456701234567, 0x8000000080000000, 0xfedcba9876543210};

	(void)state;
	for (size_t s = 0; s < SP_ARRAY_LEN(salts); s++) {
		const uint64_t v[5] = {salts[s], 1, 0x5eed5eed5eed5eed, 3, 0xabcdef0123456789};
		uint64_t w[5];

		for (unsigned i = 0; i < 5; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				memcpy(w, v, sizeof(w));
				w[i] ^= 1ull << bit;
				assert_true(key_of(w) != key_of(v));
			}
		for (unsigned i = 1; i < 5; i++)
			for (unsigned k = 1; k < i; k++) {
				memcpy(w, v, sizeof(w));
				w[i] = v[k];
				w[k] = v[i];
				assert_true(key_of(w) != key_of(v));
			}
	}
}

static void test_a_full_bucket_refuses_until_a_window_in_it_is_over(void **state)
{
	struct rig *r = *state;
	uint64_t now = SEC;

	for (uint64_t i = 1; i <= 15; i++)
		assert_int_equal(take(r, calls(i, SP_PER_MINUTE, 1), now, NULL), 0);
	assert_int_equal(take(r, calls(99, SP_PER_MINUTE, 1), now, NULL), -ENOSPC);
	for (uint64_t i = 1; i <= 15; i++)
		assert_int_equal(take(r, calls(i, SP_PER_MINUTE, 1), now, NULL), -EDQUOT);
	now += 60 * SEC;
	assert_int_equal(take(r, calls(99, SP_PER_MINUTE, 1), now, NULL), 0);
	assert_int_equal(take(r, calls(99, SP_PER_MINUTE, 1), now, NULL), -EDQUOT);
}

// ---- several workers

#define THREADS 4
#define ROUNDS 300
#define KEYS 24
#define LIMIT 40

struct racer {
	struct rig *r;
	pthread_barrier_t *start;
	uint64_t taken[KEYS], no_room;
	unsigned seed;
};

static void *race(void *user)
{
	struct racer *me = user;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t now = (100 + round * 2) * SEC; // every second window is over by then

		pthread_barrier_wait(me->start);
		for (unsigned k = 0; k < KEYS * LIMIT / 2; k++) {
			unsigned key = (unsigned)rand_r(&me->seed) % KEYS;
			int err = take(me->r,
				calls(sp_window_key(0, key, 0, 0, 0), SP_PER_SECOND, LIMIT), now,
				NULL);

			if (!err)
				me->taken[key]++;
			else if (err == -ENOSPC)
				me->no_room++;
		}
		pthread_barrier_wait(me->start);
	}
	return NULL;
}

/// Every bucket is far too small for its keys, so cells change hands all the time.
static void run_race(struct rig *r, uint64_t *ret_taken, uint64_t *ret_no_room)
{
	struct racer racer[THREADS];
	pthread_t thread[THREADS];
	pthread_barrier_t start;
	uint64_t taken = 0, no_room = 0;

	pthread_barrier_init(&start, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		racer[i] = (struct racer){.r = r, .start = &start, .seed = i + 1};
		assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	for (unsigned k = 0; k < KEYS; k++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < THREADS; i++)
			n += racer[i].taken[k];
		assert_true(n <= (uint64_t)ROUNDS * LIMIT);
		taken += n;
	}
	for (unsigned i = 0; i < THREADS; i++)
		no_room += racer[i].no_room;
	*ret_taken = taken;
	*ret_no_room = no_room;
}

static void test_racing_workers_take_each_limit_exactly(void **state)
{
	uint64_t taken, no_room;

	run_race(*state, &taken, &no_room);
	assert_int_equal(no_room, 0);
	// a key is drawn 80 times a round on average; nearly all rounds exhaust all limits
	assert_true(taken > (uint64_t)ROUNDS * LIMIT * KEYS * 95 / 100);
}

static void test_racing_workers_never_pass_a_limit_while_cells_change_hands(void **state)
{
	uint64_t taken, no_room;

	run_race(*state, &taken, &no_room);
	assert_true(no_room > 0);
	assert_true(taken > (uint64_t)ROUNDS * LIMIT * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
#define S(name) cmocka_unit_test_setup_teardown(name, open_small, close_rig)
		T(test_each_window_lets_through_its_limit_and_opens_again_after_its_length),
		T(test_tokens_and_money_are_counted_by_amount_and_rounded_up),
		T(test_a_request_limit_is_compared_and_not_counted),
		T(test_of_several_limits_all_are_taken_or_none),
		T(test_looking_whether_a_call_would_pass_changes_nothing),
		T(test_calls_of_a_session_last_as_long_as_it_is_used),
		T(test_calls_of_a_session_whose_end_is_told_last_until_then),
		S(test_a_session_that_ended_makes_room),
		T(test_states_are_set_and_cleared_in_one_step_and_forgotten_when_unused),
		T(test_what_is_given_back_is_there_again_but_not_in_a_window_that_came_later),
		T(test_a_salt_moves_every_key),
		T(test_each_part_of_a_key_tells_and_so_does_its_place),
		S(test_a_full_bucket_refuses_until_a_window_in_it_is_over),
		T(test_racing_workers_take_each_limit_exactly),
		S(test_racing_workers_never_pass_a_limit_while_cells_change_hands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
