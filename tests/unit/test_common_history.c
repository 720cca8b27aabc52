#include "common/history.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>
#include "common/banned.h"

#define SEC SP_NS_PER_SEC
#define AGENTS 100u

struct rig {
	struct sp_shm shm;
	struct sp_history h;
	int fd;
};
static const struct sp_history_sizes sizes = {AGENTS, 1024, 1024, 3600 * SEC, 100};

static int open_rig(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(sp_shm_create("limits", SP_REGION_LIMITS, sp_history_bytes(&sizes),
				 sizeof(struct sp_limits_region), &r->shm, &r->fd),
		0);
	assert_int_equal(sp_history_format(&r->shm, &sizes), 0);
	assert_int_equal(sp_history_attach(&r->shm, &r->h), 0);
	*state = r;
	return 0;
}

static int close_rig(void **state)
{
	struct rig *r = *state;

	sp_shm_detach(&r->shm);
	close(r->fd);
	free(r);
	return 0;
}

static struct sp_history_view view(struct rig *r, uint32_t agent, uint64_t pair, uint64_t now)
{
	struct sp_history_view v;

	sp_history_view(&r->h, agent, pair, now, &v);
	return v;
}

static void test_a_region_that_does_not_fit_its_numbers_is_refused(void **state)
{
	struct rig *r = *state;
	struct sp_limits_region *region = (struct sp_limits_region *)r->shm.base;
	struct sp_history h;

	assert_int_equal(
		sp_history_format(&r->shm, &(struct sp_history_sizes){0, 16, 16, 1, 100}), -EINVAL);
	assert_int_equal(
		sp_history_format(&r->shm, &(struct sp_history_sizes){8, 16, 17, 1, 100}), -EINVAL);
	assert_int_equal(sp_history_format(&r->shm, &(struct sp_history_sizes){1 << 24, 16, 16, 1, 100}),
		-EINVAL);
	region->capacity = UINT32_MAX;
	assert_int_equal(sp_history_attach(&r->shm, &h), -EINVAL);
	region->capacity = AGENTS;
	region->windows_off += 8;
	assert_int_equal(sp_history_attach(&r->shm, &h), -EINVAL);
}

static void test_slots_lie_inside_their_region_or_do_not_exist(void **state)
{
	struct rig *r = *state;

	assert_non_null(sp_history_slot(&r->shm, AGENTS - 1));
	assert_int_equal((uintptr_t)sp_history_slot(&r->shm, AGENTS - 1) % SP_CACHE_LINE, 0);
	assert_null(sp_history_slot(&r->shm, AGENTS));
	((struct sp_limits_region *)r->shm.base)->capacity = UINT32_MAX;
	assert_null(sp_history_slot(&r->shm, UINT32_MAX - 1));
}

static void test_refusals_and_failures_are_forgotten_after_ten_minutes(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 3; i++)
		sp_history_denied(&r->h, 5, SEC);
	sp_history_failed(&r->h, 5, 300 * SEC);
	assert_int_equal(view(r, 5, 1, 300 * SEC).denied, 3);
	assert_int_equal(view(r, 5, 1, 300 * SEC).failed, 1);
	assert_int_equal(view(r, 6, 1, 300 * SEC).denied, 0);
	assert_int_equal(view(r, 5, 1, 601 * SEC).denied, 0);
	assert_int_equal(view(r, 5, 1, 601 * SEC).failed, 1);
	sp_history_denied(&r->h, AGENTS, SEC); // no such agent: nothing happens
}

static void test_a_clock_behind_another_workers_does_not_forget(void **state)
{
	struct rig *r = *state;

	sp_history_denied(&r->h, 5, 10 * SEC);
	sp_history_denied(&r->h, 5, 10 * SEC - 5 * SP_NS_PER_MS);
	assert_int_equal(view(r, 5, 1, 10 * SEC - 5 * SP_NS_PER_MS).denied, 2);
}

static void test_what_is_usual_is_learnt_from_minutes_that_are_over(void **state)
{
	struct rig *r = *state;
	uint64_t now = SEC;

	assert_int_equal(view(r, 7, 1, now).usual, 0);
	for (int minute = 0; minute < 40; minute++, now += 61 * SEC)
		for (int i = 0; i < 10; i++)
			sp_history_called(&r->h, 7, 1, now);
	assert_in_range(view(r, 7, 1, now).usual, 9, 10);
	assert_int_equal(view(r, 7, 1, now).minute, 0);
	for (int i = 0; i < 200; i++)
		sp_history_called(&r->h, 7, 1, now);
	assert_int_equal(view(r, 7, 1, now).minute, 200);
	assert_in_range(view(r, 7, 1, now).usual, 9, 11);
}

static void test_calls_of_a_tool_are_counted_for_each_agent(void **state)
{
	struct rig *r = *state;
	uint64_t a = sp_history_pair(&r->h, 1, 2), b = sp_history_pair(&r->h, 2, 2);

	assert_int_not_equal(a, b);
	for (int i = 0; i < 4; i++)
		sp_history_called(&r->h, 1, a, SEC);
	assert_int_equal(view(r, 1, a, SEC).tool_calls, 4);
	assert_int_equal(view(r, 1, b, SEC).tool_calls, 0);
}

static void test_the_state_of_an_order_rule_lasts_for_its_window(void **state)
{
	struct rig *r = *state;

	assert_int_equal(sp_history_set(&r->h, NULL, 77, 60 * SEC, 1, 2, 100 * SEC, NULL), 0);
	assert_int_equal(sp_history_set(&r->h, NULL, 77, 60 * SEC, 2, 0, 150 * SEC, NULL), 0);
	assert_int_equal(sp_history_state(&r->h, 77, 1000 * SEC, 150 * SEC), 3);
	assert_int_equal(sp_history_state(&r->h, 77, 60 * SEC, 159 * SEC), 3);
	assert_int_equal(sp_history_state(&r->h, 77, 60 * SEC, 160 * SEC), 0);
	assert_int_equal(sp_history_set(&r->h, NULL, 77, 60 * SEC, 1, 2, 200 * SEC, NULL), 0);
	assert_int_equal(sp_history_state(&r->h, 77, 60 * SEC, 220 * SEC), 1);
	assert_int_equal(sp_history_set(&r->h, NULL, 77, 60 * SEC, 0, 3, 230 * SEC, NULL), 0);
	assert_int_equal(sp_history_state(&r->h, 77, 1000 * SEC, 230 * SEC), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
		T(test_a_region_that_does_not_fit_its_numbers_is_refused),
		T(test_slots_lie_inside_their_region_or_do_not_exist),
		T(test_refusals_and_failures_are_forgotten_after_ten_minutes),
		T(test_a_clock_behind_another_workers_does_not_forget),
		T(test_what_is_usual_is_learnt_from_minutes_that_are_over),
		T(test_calls_of_a_tool_are_counted_for_each_agent),
		T(test_the_state_of_an_order_rule_lasts_for_its_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
