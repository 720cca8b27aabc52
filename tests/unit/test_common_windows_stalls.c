/// The table of windows with workers that stop before any of their atomic steps while others go on:
/// whenever they come back, they neither lose nor give away what stands in a cell by then.
#include "common/clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>

static void step(void);
#undef atomic_load_explicit
#define atomic_load_explicit(p, order) (step(), *(p))
#undef atomic_compare_exchange_strong_explicit
#define atomic_compare_exchange_strong_explicit(p, old, new, yes, no)                              \
	(step(), atomic_compare_exchange_weak_explicit(p, old, new, yes, no))

#include "common/windows.c"
#include "common/windows_cell.c"
#include "common/banned.h"

#define SEC SP_NS_PER_SEC
#define LIMIT 3u
#define STEPS_MAX 100u ///< more than a take has when it is alone
#define STALLED 2u

/// A worker that takes once, and stops before step `stop`.
struct worker {
	const struct sp_windows *t;
	uint64_t key, now;
	uint32_t agent;
	unsigned stop, done;
	bool took;
	sem_t stopped, go;
	pthread_t thread;
};
static _Thread_local struct worker *self;

static void step(void)
{
	if (self && self->done++ == self->stop) {
		sem_post(&self->stopped);
		sem_wait(&self->go);
	}
}

static int take_for(const struct sp_windows *t, uint32_t agent, uint64_t key, enum sp_limit_per per,
	uint64_t now)
{
	const struct sp_window_owner owner = {.agent = agent};
	struct sp_window_ask ask = {key, SP_LIMIT_CALLS, per, 1, LIMIT, 0};
	unsigned refused;
	uint64_t ms;

	return sp_windows_take(t, &owner, &ask, 1, now, &refused, &ms);
}

static int take(const struct sp_windows *t, uint64_t key, enum sp_limit_per per, uint64_t now)
{
	return take_for(t, 0, key, per, now);
}

static void *work(void *user)
{
	self = user;
	self->took = take_for(self->t, self->agent, self->key, SP_PER_SECOND, self->now) == 0;
	if (self->done <= self->stop)
		sem_post(&self->stopped);
	return NULL;
}

static void start(struct worker *w, void *(*what)(void *))
{
	sem_init(&w->stopped, 0, 0);
	sem_init(&w->go, 0, 0);
	assert_int_equal(pthread_create(&w->thread, NULL, what, w), 0);
	sem_wait(&w->stopped);
}

static void finish_worker(struct worker *w)
{
	sem_post(&w->go);
	pthread_join(w->thread, NULL);
	sem_destroy(&w->stopped);
	sem_destroy(&w->go);
}

static uint64_t used(const struct sp_windows *t, uint64_t key, uint64_t now)
{
	return sp_windows_read(t, key, SP_LIMIT_CALLS, SP_PER_SECOND, now);
}

/// One cell is left of the bucket. It goes from FORMER to OTHER, by the hand of workers that stop,
/// and back to FORMER, which then uses up its limit; then the workers go on.
#define FORMER 1u
#define OTHER 2u
#define FILLER 100u
static void run(struct sp_windows *t, unsigned stop_a, unsigned stop_b, bool both_to_other)
{
	struct worker w[STALLED] = {{.t = t, .key = OTHER, .now = 103 * SEC, .stop = stop_a},
		{.t = t, .key = both_to_other ? OTHER : FORMER, .now = 103 * SEC, .stop = stop_b}};
	uint64_t now = 106 * SEC;

	for (unsigned i = 1; i < SP_CELLS; i++)
		assert_int_equal(take(t, FILLER + i, SP_PER_DAY, 100 * SEC), 0);
	assert_int_equal(take(t, FORMER, SP_PER_SECOND, 101 * SEC), 0);
	for (unsigned i = 0; i < STALLED; i++)
		start(&w[i], work);
	assert_int_equal(take(t, OTHER, SP_PER_SECOND, 104 * SEC) == -EDQUOT, 0);
	for (unsigned i = 0; i < LIMIT; i++)
		assert_int_equal(take(t, FORMER, SP_PER_SECOND, now), 0);
	for (unsigned i = 0; i < STALLED; i++)
		finish_worker(&w[i]);
	// a worker whose clock stood still may have counted for FORMER, or been refused
	assert_int_equal(used(t, FORMER, now), LIMIT);
	assert_int_equal(take(t, FORMER, SP_PER_SECOND, now), -EDQUOT);
	for (unsigned i = 1; i < SP_CELLS; i++)
		assert_int_equal(sp_windows_read(t, FILLER + i, SP_LIMIT_CALLS, SP_PER_DAY, now), 1);
}

static void a_worker_that_comes_late_takes_no_cell_from_a_key_that_came_back(void **state)
{
	size_t n = sp_windows_bytes(1);
	struct sp_window_bucket *mem = aligned_alloc(SP_CACHE_LINE, n);
	struct sp_windows t;

	(void)state;
	for (unsigned a = 0; a < STEPS_MAX; a++) {
		for (unsigned b = 0; b < STEPS_MAX; b++) {
			memset(mem, 0, n);
			assert_int_equal(sp_windows_attach(mem, n, 1, 3600 * SEC, &t), 0);
			run(&t, a, b, (a + b) % 2);
		}
	}
	free(mem);
}

/// A worker wants a cell that is empty, or whose window is over, and stops; others have it by then, for windows of
/// another length.
static void a_worker_that_comes_late_closes_no_window_that_was_opened_meanwhile(void **state)
{
	size_t n = sp_windows_bytes(1);
	struct sp_window_bucket *mem = aligned_alloc(SP_CACHE_LINE, n);
	struct sp_windows t;

	(void)state;
	for (unsigned stop = 0; stop < STEPS_MAX; stop++)
		for (unsigned was_over = 0; was_over < 2; was_over++) {
			struct worker w = {.t = &t, .key = OTHER, .now = 103 * SEC, .stop = stop};
			bool held[SP_CELLS + 1];

			memset(mem, 0, n);
			assert_int_equal(sp_windows_attach(mem, n, 1, 3600 * SEC, &t), 0);
			if (was_over)
				assert_int_equal(take(&t, FORMER, SP_PER_SECOND, 101 * SEC), 0);
			start(&w, work);
			for (unsigned i = 0; i <= SP_CELLS; i++)
				held[i] = take(&t, FILLER + i, SP_PER_DAY, 103 * SEC) == 0;
			finish_worker(&w);
			for (unsigned i = 0; i <= SP_CELLS; i++)
				assert_int_equal(sp_windows_read(&t, FILLER + i, SP_LIMIT_CALLS, SP_PER_DAY,
							 103 * SEC),
					held[i]);
		}
	free(mem);
}

/// Keys that agent `agent` gets when it wants as many as it may have.
static unsigned fill(const struct sp_windows *t, uint32_t agent, uint64_t now)
{
	unsigned held = 0;

	for (unsigned i = 0; i < SP_CELLS; i++)
		held += take_for(t, agent, FILLER * agent + i, SP_PER_SECOND, now) == 0;
	return held;
}

static void new_table(struct sp_window_bucket *mem, struct sp_windows *ret)
{
	size_t n = sp_windows_bytes(1);

	memset(mem, 0, n);
	assert_int_equal(sp_windows_attach(mem, n, 1, 3600 * SEC, ret), 0);
	sp_windows_share(ret, 33);
}

/// A cell's former life had the same sequence: 2048 claims of the bucket lie between.
static uint64_t live_through_all_sequences(const struct sp_windows *t)
{
	uint64_t now = 100 * SEC;

	assert_int_equal(take_for(t, 1, FORMER, SP_PER_DAY, now), 0);
	for (unsigned i = 1; i < 2048; i++, now += 2 * SEC)
		assert_int_equal(take_for(t, 3, 1000 * FILLER + i, SP_PER_SECOND, now), 0);
	return now + 24 * 60 * 60 * SEC;
}

static void an_agents_share_holds_whenever_a_worker_stops_that_makes_a_cell_for_it(void **state)
{
	struct sp_window_bucket *mem = aligned_alloc(SP_CACHE_LINE, sp_windows_bytes(1));
	struct sp_windows t;

	(void)state;
	for (unsigned stop = 0; stop < STEPS_MAX; stop++)
		for (unsigned again = 0; again < 2; again++) {
			struct worker w = {
				.t = &t, .key = OTHER, .agent = 2, .stop = stop, .now = 100 * SEC};
			unsigned held;

			new_table(mem, &t);
			if (again)
				w.now = live_through_all_sequences(&t);
			start(&w, work);
			held = fill(&t, 2, w.now);
			assert_in_range(fill(&t, 4, w.now), t.agent_cells - 1, t.agent_cells);
			finish_worker(&w);
			held += w.took;
			assert_int_equal(held, t.agent_cells);
			assert_int_equal(take_for(&t, 2, 7777, SP_PER_SECOND, w.now), -EUSERS);
		}
	free(mem);
}

static void *work_in_two(void *user)
{
	struct worker *w = user;
	struct sp_window_ask ask[] = {{FORMER, SP_LIMIT_CALLS, SP_PER_SECOND, 1, LIMIT, 0},
		{OTHER, SP_LIMIT_CALLS, SP_PER_SECOND, 1, LIMIT, 0}};
	unsigned refused;
	uint64_t ms;

	self = w;
	w->took = sp_windows_take(w->t, NULL, ask, SP_ARRAY_LEN(ask), w->now, &refused, &ms) == 0;
	if (w->done <= w->stop)
		sem_post(&w->stopped);
	return NULL;
}

static void a_worker_that_finds_its_second_window_full_leaves_nothing_in_its_first(void **state)
{
	size_t n = sp_windows_bytes(1);
	struct sp_window_bucket *mem = aligned_alloc(SP_CACHE_LINE, n);
	unsigned refused = 0;
	bool went_through = false; ///< the worker had no such step
	struct sp_windows t;

	(void)state;
	for (unsigned stop = 0; !went_through; stop++) {
		struct worker w = {.t = &t, .now = 103 * SEC, .stop = stop};
		unsigned others = 0;

		memset(mem, 0, n);
		assert_int_equal(sp_windows_attach(mem, n, 1, 3600 * SEC, &t), 0);
		start(&w, work_in_two);
		for (unsigned i = 0; i < LIMIT; i++)
			others += take(&t, OTHER, SP_PER_SECOND, w.now) == 0;
		finish_worker(&w);
		assert_int_equal(used(&t, FORMER, w.now), w.took);
		assert_int_equal(used(&t, OTHER, w.now), others + w.took);
		refused += !w.took;
		went_through = w.done <= stop;
	}
	assert_true(refused > 0);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agents_share_holds_whenever_a_worker_stops_that_makes_a_cell_for_it),
		cmocka_unit_test(a_worker_that_comes_late_closes_no_window_that_was_opened_meanwhile),
		cmocka_unit_test(a_worker_that_comes_late_takes_no_cell_from_a_key_that_came_back),
		cmocka_unit_test(a_worker_that_finds_its_second_window_full_leaves_nothing_in_its_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
