#include "common/limits.h"

#include "common/clock.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define THREADS 4
#define MS SP_NS_PER_MS
#define SEC SP_NS_PER_SEC

static struct sp_limit_slot slot;

static int fresh(void **state)
{
	(void)state;
	memset(&slot, 0, sizeof(slot));
	return 0;
}

static enum sp_limit_verdict take(const struct sp_limit_ask *ask, uint64_t now, uint64_t *ret_ms)
{
	*ret_ms = 12345;
	return sp_limits_take(&slot, ask, now, ret_ms);
}

static void a_minute_passes_its_limit_and_tells_when_it_opens_again(void **state)
{
	const struct sp_limit_ask ask = {.per_minute = 3};
	const uint64_t t0 = 5000 * SEC + 1234567;
	uint64_t ms;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&ask, t0 + (uint64_t)i * SEC, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, t0 + 10 * SEC, &ms), SP_LIMIT_MINUTE);
	assert_int_equal(ms, 50000);
	assert_int_equal(take(&ask, t0 + 10 * SEC + 49999 * MS, &ms), SP_LIMIT_MINUTE);
	assert_int_equal(ms, 1);
	assert_int_equal(take(&ask, t0 + 60 * SEC, &ms), SP_LIMIT_OK);
	assert_int_equal(slot.minute & 0xffffff, 1);
}

static void the_wait_that_was_told_suffices_in_every_window(void **state)
{
	static const struct sp_limit_ask asks[] = {
		{.per_minute = 1, .tokens = 1},
		{.per_hour = 1, .tokens = 1},
		{.daily_tokens = 1, .tokens = 1},
		{.per_minute = 1, .per_hour = 1, .daily_tokens = 1, .tokens = 1},
	};
	static const enum sp_limit_verdict want[] = {
		SP_LIMIT_MINUTE, SP_LIMIT_HOUR, SP_LIMIT_DAY, SP_LIMIT_DAY};

	for (unsigned i = 0; i < SP_ARRAY_LEN(asks); i++) {
		for (uint64_t off = 0; off < 3000 * MS; off += 333333333) {
			uint64_t t0 = 1000 * SEC + 1, now = t0 + off, ms, last;

			fresh(state);
			assert_int_equal(take(&asks[i], t0, &ms), SP_LIMIT_OK);
			assert_int_equal(take(&asks[i], now, &ms), want[i]);
			assert_true(ms > 0);
			assert_int_equal(take(&asks[i], now + (ms - 1) * MS, &last), want[i]);
			assert_int_equal(take(&asks[i], now + ms * MS, &last), SP_LIMIT_OK);
		}
	}
}

static void a_refused_hour_leaves_the_minute_as_it_was(void **state)
{
	const struct sp_limit_ask ask = {
		.per_minute = 10, .per_hour = 2, .daily_tokens = 100, .tokens = 7};
	const uint64_t now = 77 * SEC;
	struct sp_limit_use use;
	uint64_t ms;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(&ask, now, &ms), i < 2 ? SP_LIMIT_OK : SP_LIMIT_HOUR);
	sp_limits_use(&slot, now, &use);
	assert_int_equal(use.minute, 2);
	assert_int_equal(use.hour, 2);
	assert_int_equal(use.day_tokens, 14);
	assert_int_equal(ms, 3600000);
}

static void tokens_over_the_whole_budget_never_pass_and_say_so(void **state)
{
	const struct sp_limit_ask ask = {.daily_tokens = 100, .tokens = 101};
	uint64_t ms;

	(void)state;
	assert_int_equal(take(&ask, 9 * SEC, &ms), SP_LIMIT_DAY);
	assert_int_equal(ms, 0);
	assert_int_equal(slot.day_tokens, 0);
}

static void charges_count_even_past_the_budget_and_stop_at_the_top(void **state)
{
	const struct sp_limit_ask ask = {.daily_tokens = 100, .tokens = 1};
	struct sp_limit_use use;
	uint64_t ms;

	(void)state;
	sp_limits_charge(&slot, 99, 9 * SEC);
	assert_int_equal(take(&ask, 9 * SEC, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, 9 * SEC, &ms), SP_LIMIT_DAY);
	sp_limits_charge(&slot, UINT64_MAX, 10 * SEC);
	sp_limits_use(&slot, 10 * SEC, &use);
	assert_true(use.day_tokens == SP_LIMIT_TOKENS_MAX);
	sp_limits_charge(&slot, 5, 10 * SEC);
	sp_limits_use(&slot, 10 * SEC, &use);
	assert_true(use.day_tokens == SP_LIMIT_TOKENS_MAX);
	sp_limits_use(&slot, (9 + 86400) * SEC, &use);
	assert_int_equal(use.day_tokens, 0);
}

static void a_clock_behind_another_workers_does_not_open_a_window(void **state)
{
	const struct sp_limit_ask ask = {.per_minute = 1};
	const uint64_t now = 100 * SEC;
	uint64_t ms;

	(void)state;
	assert_int_equal(take(&ask, now, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, now - 3 * MS, &ms), SP_LIMIT_MINUTE);
	assert_int_equal(ms, 60000);
}

static void a_limit_over_the_counter_holds_at_the_counters_top(void **state)
{
	const struct sp_limit_ask ask = {.per_minute = UINT32_MAX};
	const uint64_t now = 100 * SEC;
	uint64_t ms;

	(void)state;
	atomic_store(&slot.minute, (now / MS) << 24 | (SP_LIMIT_CALLS_MAX - 1));
	assert_int_equal(take(&ask, now, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, now, &ms), SP_LIMIT_MINUTE);
	assert_true(slot.minute >> 24 == now / MS);
}

static void windows_go_on_when_the_packed_start_wraps(void **state)
{
	const struct sp_limit_ask ask = {.per_minute = 2};
	const uint64_t wrap_ms = 1ull << 40, t0 = (wrap_ms - 1000) * MS;
	uint64_t ms;

	(void)state;
	assert_int_equal(take(&ask, t0, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, t0 + 2000 * MS, &ms), SP_LIMIT_OK);
	assert_int_equal(take(&ask, t0 + 3000 * MS, &ms), SP_LIMIT_MINUTE);
	assert_int_equal(ms, 57000);
	assert_int_equal(take(&ask, t0 + 60000 * MS, &ms), SP_LIMIT_OK);
}

static void no_limit_asks_nothing_and_counts_nothing(void **state)
{
	const struct sp_limit_ask ask = {.tokens = 5};
	uint64_t ms;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(take(&ask, 0, &ms), SP_LIMIT_OK);
	assert_int_equal(slot.minute | slot.hour | slot.day_tokens, 0);
}

struct racer {
	pthread_t thread;
	struct sp_limit_ask ask;
	uint64_t now;
	unsigned tries, passed;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	uint64_t ms;

	for (unsigned i = 0; i < r->tries; i++)
		r->passed += sp_limits_take(&slot, &r->ask, r->now, &ms) == SP_LIMIT_OK;
	return NULL;
}

static unsigned run_race(struct sp_limit_ask ask, unsigned tries, uint64_t now)
{
	struct racer r[THREADS];
	unsigned passed = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		r[i] = (struct racer){.ask = ask, .now = now, .tries = tries};
		assert_int_equal(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(r[i].thread, NULL);
		passed += r[i].passed;
	}
	return passed;
}

static void racing_calls_pass_exactly_as_many_as_each_window_has(void **state)
{
	static const struct {
		struct sp_limit_ask ask;
		unsigned want;
	} cases[] = {
		{{.per_minute = 20000}, 20000},
		{{.per_minute = 50000, .per_hour = 20000}, 20000},
		{{.per_minute = 20000, .per_hour = 50000, .daily_tokens = 1 << 30, .tokens = 3},
			20000},
		{{.per_minute = 50000, .per_hour = 50000, .daily_tokens = 70000, .tokens = 7},
			10000},
	};

	for (unsigned i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_limit_use use;

		fresh(state);
		assert_int_equal(run_race(cases[i].ask, 20000, 60 * SEC), cases[i].want);
		sp_limits_use(&slot, 60 * SEC, &use);
		assert_int_equal(use.minute, cases[i].want);
		if (cases[i].ask.per_hour)
			assert_int_equal(use.hour, cases[i].want);
		assert_int_equal(use.day_tokens,
			cases[i].ask.daily_tokens ? cases[i].want * cases[i].ask.tokens : 0);
	}
}

/// One thread keeps being refused by the day's budget: its refunds must not open room in the
/// minute.
static void *refused_by_day(void *arg)
{
	struct racer *r = arg;
	uint64_t ms;

	for (unsigned i = 0; i < r->tries; i++) {
		sp_limits_charge(&slot, 1, r->now);
		r->passed += sp_limits_take(&slot, &r->ask, r->now, &ms) == SP_LIMIT_OK;
	}
	return NULL;
}

static void refunds_never_let_more_through_than_the_limit(void **state)
{
	const uint64_t now = 60 * SEC;
	struct racer a[THREADS], big[2];
	struct sp_limit_use use;
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		big[i] = (struct racer){.now = now, .tries = 20000};
		big[i].ask = (struct sp_limit_ask){
			.per_minute = 15000, .daily_tokens = 20000, .tokens = 100};
		assert_int_equal(pthread_create(&big[i].thread, NULL, refused_by_day, &big[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		a[i] = (struct racer){.ask = {.per_minute = 15000}, .now = now, .tries = 10000};
		assert_int_equal(pthread_create(&a[i].thread, NULL, race, &a[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(big[i].thread, NULL);
		passed += big[i].passed;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(a[i].thread, NULL);
		passed += a[i].passed;
	}
	sp_limits_use(&slot, now, &use);
	assert_int_equal(use.minute, passed);
	assert_true(passed <= 15000);
	assert_true(passed > 10000);
}

/// Two threads step through rounds together: in each, both want the day's last token and take a
/// call of the minute on the way, so that now and then one has to give its call back.
#define ROUNDS 150000u
static struct sp_limit_slot rounds[ROUNDS];
static _Atomic unsigned arrived;

static void *want_the_last_token(void *arg)
{
	struct racer *r = arg;
	uint64_t ms;

	for (unsigned i = 0; i < ROUNDS; i++) {
		atomic_fetch_add(&arrived, 1);
		for (unsigned spins = 0; atomic_load(&arrived) < 2 * (i + 1); spins++)
			if (spins % 1024 == 1023)
				sched_yield();
		r->passed += sp_limits_take(&rounds[i], &r->ask, r->now, &ms) == SP_LIMIT_OK;
	}
	return NULL;
}

static void whoever_loses_the_last_token_gives_its_call_back(void **state)
{
	const struct sp_limit_ask ask = {
		.per_minute = 50, .per_hour = 50, .daily_tokens = 100, .tokens = 1};
	struct racer r[2];

	(void)state;
	memset(rounds, 0, sizeof(rounds));
	arrived = 0;
	for (unsigned i = 0; i < ROUNDS; i++)
		sp_limits_charge(&rounds[i], 99, 60 * SEC);
	for (unsigned i = 0; i < 2; i++) {
		r[i] = (struct racer){.ask = ask, .now = 60 * SEC};
		assert_int_equal(pthread_create(&r[i].thread, NULL, want_the_last_token, &r[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(r[i].thread, NULL);
	assert_int_equal(r[0].passed + r[1].passed, ROUNDS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sp_limit_use use;

		sp_limits_use(&rounds[i], 60 * SEC, &use);
		assert_int_equal(use.minute, 1);
		assert_int_equal(use.hour, 1);
		assert_int_equal(use.day_tokens, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_minute_passes_its_limit_and_tells_when_it_opens_again, fresh),
		cmocka_unit_test_setup(the_wait_that_was_told_suffices_in_every_window, fresh),
		cmocka_unit_test_setup(a_refused_hour_leaves_the_minute_as_it_was, fresh),
		cmocka_unit_test_setup(tokens_over_the_whole_budget_never_pass_and_say_so, fresh),
		cmocka_unit_test_setup(
			charges_count_even_past_the_budget_and_stop_at_the_top, fresh),
		cmocka_unit_test_setup(
			a_clock_behind_another_workers_does_not_open_a_window, fresh),
		cmocka_unit_test_setup(a_limit_over_the_counter_holds_at_the_counters_top, fresh),
		cmocka_unit_test_setup(windows_go_on_when_the_packed_start_wraps, fresh),
		cmocka_unit_test_setup(no_limit_asks_nothing_and_counts_nothing, fresh),
		cmocka_unit_test_setup(racing_calls_pass_exactly_as_many_as_each_window_has, fresh),
		cmocka_unit_test_setup(refunds_never_let_more_through_than_the_limit, fresh),
		cmocka_unit_test(whoever_loses_the_last_token_gives_its_call_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
