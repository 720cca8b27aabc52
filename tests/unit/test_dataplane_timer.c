#include "dataplane/timer.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define MS SP_NS_PER_MS
#define START (1000000 * MS)

struct probe {
	struct sp_timer t;
	struct sp_wheel *w;
	struct sp_timer *stop, *put_off;
	uint64_t again_ns;
	unsigned ran;
};

static void probe_ran(struct sp_timer *t)
{
	struct probe *p = sp_container_of(t, struct probe, t);

	p->ran++;
	if (p->stop)
		sp_timer_stop(p->w, p->stop);
	if (p->put_off)
		sp_timer_arm(p->w, p->put_off, p->again_ns);
	else if (p->again_ns)
		sp_timer_arm(p->w, t, p->again_ns);
}

static struct sp_wheel wheel;

static struct probe probe(void)
{
	return (struct probe){.t.fn = probe_ran, .w = &wheel};
}

static void a_timer_runs_once_and_never_early(void **state)
{
	struct probe p = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	sp_timer_arm(&wheel, &p.t, START + 5 * MS + 1);
	assert_true(sp_timer_armed(&p.t));
	for (uint64_t at = START; at < START + 5 * MS + 1; at += MS / 4)
		assert_int_equal(sp_wheel_run(&wheel, at), 0);
	assert_int_equal(sp_wheel_run(&wheel, START + 6 * MS), 1);
	assert_false(sp_timer_armed(&p.t));
	assert_int_equal(sp_wheel_run(&wheel, START + 9000 * MS), 0);
	assert_int_equal(p.ran, 1);
	assert_int_equal(wheel.armed, 0);
}

static void far_deadlines_survive_many_rounds_of_the_wheel(void **state)
{
	struct probe p = probe();
	uint64_t due = START + 60000 * MS, at;

	(void)state;
	sp_wheel_init(&wheel, START);
	sp_timer_arm(&wheel, &p.t, due);
	for (at = START; at < due; at += 7 * MS)
		assert_int_equal(sp_wheel_run(&wheel, at), 0);
	assert_int_equal(sp_wheel_run(&wheel, due), 1);
}

static void a_long_sleep_runs_all_that_became_due(void **state)
{
	struct probe p[100];

	(void)state;
	sp_wheel_init(&wheel, START);
	for (unsigned i = 0; i < 100; i++) {
		p[i] = probe();
		sp_timer_arm(&wheel, &p[i].t, START + i * 977 * MS);
	}
	assert_int_equal(sp_wheel_run(&wheel, START + 50 * 977 * MS), 51);
	assert_int_equal(sp_wheel_run(&wheel, START + 5000000 * MS), 49);
}

static void a_stopped_timer_does_not_run_even_from_a_callback_of_the_same_tick(void **state)
{
	struct probe a = probe(), b = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	a.stop = &b.t;
	b.stop = &a.t;
	sp_timer_arm(&wheel, &a.t, START + MS);
	sp_timer_arm(&wheel, &b.t, START + MS);
	assert_int_equal(sp_wheel_run(&wheel, START + 2 * MS), 1);
	assert_int_equal(a.ran + b.ran, 1);
	assert_int_equal(wheel.armed, 0);
	sp_timer_stop(&wheel, &a.t);
}

static void a_timer_that_another_of_its_tick_puts_off_does_not_run(void **state)
{
	struct probe a = probe(), b = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	a.put_off = &b.t;
	b.put_off = &a.t;
	a.again_ns = b.again_ns = START + 9 * MS;
	sp_timer_arm(&wheel, &a.t, START + MS);
	sp_timer_arm(&wheel, &b.t, START + MS);
	assert_int_equal(sp_wheel_run(&wheel, START + 2 * MS), 1);
	assert_int_equal(a.ran + b.ran, 1);
	assert_int_equal(sp_wheel_run(&wheel, START + 8 * MS), 0);
	assert_int_equal(sp_wheel_run(&wheel, START + 9 * MS), 1);
	assert_int_equal(wheel.armed, 1);
}

static void a_timer_re_armed_in_its_callback_waits_for_a_later_run(void **state)
{
	struct probe p = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	p.again_ns = START; // in the past
	sp_timer_arm(&wheel, &p.t, START + MS);
	assert_int_equal(sp_wheel_run(&wheel, START + 10000 * MS), 1);
	assert_int_equal(sp_wheel_run(&wheel, START + 10000 * MS), 0);
	assert_int_equal(sp_wheel_run(&wheel, START + 10001 * MS), 1);
	p.again_ns = 0;
	assert_int_equal(sp_wheel_run(&wheel, START + 10002 * MS), 1);
	assert_int_equal(p.ran, 3);
}

static void re_arming_moves_the_deadline(void **state)
{
	struct probe p = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	sp_timer_arm(&wheel, &p.t, START + 3 * MS);
	sp_timer_arm(&wheel, &p.t, START + 8 * MS);
	assert_int_equal(wheel.armed, 1);
	assert_int_equal(sp_wheel_run(&wheel, START + 7 * MS), 0);
	assert_int_equal(sp_wheel_run(&wheel, START + 8 * MS), 1);
}

static void a_timer_put_off_again_and_again_runs_at_its_last_deadline(void **state)
{
	struct probe p = probe(), other = probe();
	uint64_t at = START, due = 0;

	(void)state;
	sp_wheel_init(&wheel, START);
	sp_timer_arm(&wheel, &other.t, START + 10 * MS);
	for (; at < START + 20000 * MS; at += 3 * MS) {
		due = at + (at / MS % 7 ? 10000 : 75) * MS; // by turns put off and brought forward
		sp_timer_arm(&wheel, &p.t, due);
		sp_wheel_run(&wheel, at);
		assert_int_equal(p.ran, 0);
		assert_int_equal(wheel.armed, other.ran ? 1 : 2);
	}
	sp_wheel_run(&wheel, due - 1);
	assert_int_equal(p.ran, 0);
	sp_wheel_run(&wheel, due);
	assert_int_equal(p.ran, 1);
	assert_int_equal(wheel.armed, 0);
}

static void a_timer_put_off_and_brought_forward_is_not_late(void **state)
{
	struct probe p = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	sp_timer_arm(&wheel, &p.t, START + 50 * MS);
	sp_timer_arm(&wheel, &p.t, START + 9000 * MS);
	assert_int_equal(sp_wheel_run(&wheel, START + 60 * MS), 0);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START + 60 * MS, 100 * MS), 100 * MS);
	sp_timer_arm(&wheel, &p.t, START + 70 * MS);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START + 60 * MS, 100 * MS), 10 * MS);
	assert_int_equal(sp_wheel_run(&wheel, START + 69 * MS), 0);
	assert_int_equal(sp_wheel_run(&wheel, START + 70 * MS), 1);
}

static void the_wait_ends_at_the_next_deadline(void **state)
{
	struct probe p = probe(), far = probe();

	(void)state;
	sp_wheel_init(&wheel, START);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START, 1000 * MS), 1000 * MS);
	sp_timer_arm(&wheel, &p.t, START + 20 * MS);
	sp_timer_arm(&wheel, &far.t, START + (4096 + 10) * MS);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START, 1000 * MS), 20 * MS);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START, 7 * MS), 7 * MS);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START + 30 * MS, 1000 * MS), 0);
	sp_wheel_run(&wheel, START + 30 * MS);
	assert_int_equal(sp_wheel_wait_ns(&wheel, START + 30 * MS, 1000 * MS), 1000 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_runs_once_and_never_early),
		cmocka_unit_test(far_deadlines_survive_many_rounds_of_the_wheel),
		cmocka_unit_test(a_long_sleep_runs_all_that_became_due),
		cmocka_unit_test(
			a_stopped_timer_does_not_run_even_from_a_callback_of_the_same_tick),
		cmocka_unit_test(a_timer_that_another_of_its_tick_puts_off_does_not_run),
		cmocka_unit_test(a_timer_re_armed_in_its_callback_waits_for_a_later_run),
		cmocka_unit_test(re_arming_moves_the_deadline),
		cmocka_unit_test(a_timer_put_off_again_and_again_runs_at_its_last_deadline),
		cmocka_unit_test(a_timer_put_off_and_brought_forward_is_not_late),
		cmocka_unit_test(the_wait_ends_at_the_next_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
