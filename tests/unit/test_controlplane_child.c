#include "controlplane/supervisor/child.h"

#include "common/channel.h"
#include "common/childfd.h"
#include "common/clock.h"
#include "common/rcu.h"
#include "controlplane/supervisor/oneshot.h"
#include "tests/support/small_plan.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_plan plan_of_one_listener(void)
{
	struct sp_plan p = small_plan(2);
	struct sockaddr_in *in = (struct sockaddr_in *)&p.listener[0].addr;

	p.listeners_n = 1;
	p.first_cpu = -1;
	p.restart_min_ns = 100 * SP_NS_PER_MS;
	p.restart_max_ns = 1000 * SP_NS_PER_MS;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p.listener[0].addr_len = sizeof(*in);
	p.listener[0].backlog = 16;
	return p;
}

static struct sp_plan plan;
static struct sp_regions regions;
static struct sp_doors doors;

static int set_up(void **state)
{
	int which;

	(void)state;
	plan = plan_of_one_listener();
	assert_int_equal(sp_regions_init(&plan, &regions), 0);
	assert_int_equal(sp_doors_init(&plan, &doors, &which), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_doors_done(&doors);
	sp_regions_done(&regions);
	return 0;
}

static int given(const struct sp_spawn *s, int to)
{
	for (uint32_t i = 0; i < s->fds_n; i++)
		if (s->fd[i].to == to)
			return s->fd[i].from;
	return -1;
}

static void a_worker_gets_its_own_things_and_no_way_to_write_policy(void **state)
{
	struct sp_child c = {.role = SP_ROLE_WORKER, .index = 1};
	struct sp_spawn s = {0};
	struct sp_shm shm;

	(void)state;
	sp_child_give(&c, &plan, &regions, &doors, &s);
	assert_int_equal(given(&s, SP_FD_CHANNEL), regions.channel[1].fd);
	assert_int_equal(given(&s, SP_FD_CHANNEL + 1), -1);
	assert_int_equal(given(&s, SP_FD_LISTENER), doors.listener[1][0]);
	assert_int_equal(given(&s, SP_FD_EVENT), doors.worker_event[1]);
	assert_int_equal(given(&s, SP_FD_SUPERVISOR), -1);
	assert_int_equal(given(&s, SP_FD_WORKER_LIFE), doors.child_life[1].write_fd);
	for (int fd = SP_FD_POLICY; fd <= SP_FD_REVOKED; fd++) {
		assert_int_equal(fcntl(given(&s, fd), F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_ptr_equal(
			mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, given(&s, fd), 0), MAP_FAILED);
	}
	assert_int_equal(fcntl(given(&s, SP_FD_PLAN), F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(sp_shm_attach(given(&s, SP_FD_POLICY), SP_REGION_POLICY,
				 sizeof(struct sp_policy_region), false, &shm),
		0);
	sp_shm_detach(&shm);
}

static void audit_gets_every_channel_and_no_secret(void **state)
{
	struct sp_child c = {.role = SP_ROLE_AUDIT};
	struct sp_spawn s = {0};

	(void)state;
	sp_child_give(&c, &plan, &regions, &doors, &s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(given(&s, SP_FD_CHANNEL + i), regions.channel[i].fd);
		assert_int_equal(given(&s, SP_FD_WORKER_LIFE + i), doors.child_life[i].read_fd);
	}
	assert_int_equal(given(&s, SP_FD_POLICY), -1);
	assert_int_equal(given(&s, SP_FD_SECRETS), -1);
	assert_int_equal(given(&s, SP_FD_REVOKED), -1);
	assert_int_equal(given(&s, SP_FD_LISTENER), -1);
}

static void control_gets_its_own_channel_last_and_no_listener(void **state)
{
	struct sp_child c = {.role = SP_ROLE_CONTROL};
	struct sp_spawn s = {0};
	struct sp_channel channel;

	(void)state;
	sp_child_give(&c, &plan, &regions, &doors, &s);
	assert_int_equal(given(&s, SP_FD_CHANNEL + 2), regions.channel[2].fd);
	assert_int_equal(sp_channel_attach_worker(&regions.channel[2].shm, &channel), 0);
	assert_int_equal(channel.r->worker, 2);
	assert_int_equal(given(&s, SP_FD_SUPERVISOR), doors.orders.write_fd);
	assert_int_equal(given(&s, SP_FD_LISTENER), -1);
	assert_int_equal(fcntl(given(&s, SP_FD_SECRETS), F_GETFL) & O_ACCMODE, O_RDWR);
}

static void the_largest_gateway_has_room_for_all_descriptors(void **state)
{
	static struct sp_plan most;
	struct sp_spawn s = {0};

	(void)state;
	most = plan;
	most.workers = SP_WORKERS_MAX;
	for (enum sp_role r = SP_ROLE_CONTROL; r <= SP_ROLE_WORKER; r++) {
		struct sp_child c = {.role = r};

		s.fds_n = 0;
		sp_child_give(&c, &most, &regions, &doors, &s);
		for (uint32_t i = 0; i < s.fds_n; i++)
			for (uint32_t k = 0; k < i; k++)
				assert_int_not_equal(s.fd[i].to, s.fd[k].to);
	}
}

static void back_off_doubles_to_its_limit_and_starts_anew_after_a_long_run(void **state)
{
	struct sp_child c = {.role = SP_ROLE_WORKER};
	static const unsigned expected_ms[] = {100, 200, 400, 800, 1000, 1000};
	uint64_t now = 1000 * SP_NS_PER_SEC;

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(expected_ms); i++) {
		c.pid = 1;
		sp_child_started(&c, sp_regions_root(&regions), now);
		now += SP_NS_PER_SEC;
		sp_child_died(&c, &plan, &regions, now);
		assert_int_equal(c.start_at_ns - now, expected_ms[i] * SP_NS_PER_MS);
	}
	sp_child_started(&c, sp_regions_root(&regions), now);
	now += SP_CHILD_STABLE_NS;
	sp_child_died(&c, &plan, &regions, now);
	assert_int_equal(c.start_at_ns - now, 100 * SP_NS_PER_MS);
}

static void a_dead_worker_holds_no_snapshot_and_its_next_life_has_the_next_epoch(void **state)
{
	struct sp_root *root = sp_regions_root(&regions);
	struct rte_rcu_qsbr *v = sp_rcu_at(&regions.root.shm);
	struct sp_child c = {.role = SP_ROLE_WORKER, .index = 1};
	uint64_t token;

	(void)state;
	sp_child_announce(&c, root);
	assert_int_equal(atomic_load(&root->worker[1].epoch), 1);
	c.pid = 4242;
	sp_child_started(&c, root, 5);
	assert_int_equal(atomic_load(&root->worker[1].pid), 4242);
	sp_rcu_register(v, 1);
	rte_rcu_qsbr_thread_online(v, 1);
	atomic_store(&root->worker[1].pins[3], 7);
	token = rte_rcu_qsbr_start(v);
	assert_int_equal(rte_rcu_qsbr_check(v, token, false), 0);
	sp_child_died(&c, &plan, &regions, 6);
	assert_int_equal(rte_rcu_qsbr_check(v, token, false), 1);
	assert_int_equal(atomic_load(&root->worker[1].pins[3]), 0);
	assert_int_equal(atomic_load(&root->worker[1].pid), 0);
	sp_child_announce(&c, root);
	assert_int_equal(atomic_load(&root->worker[1].epoch), 2);
}

static void a_worker_is_stuck_only_when_it_neither_beats_nor_sleeps(void **state)
{
	struct sp_root *root = sp_regions_root(&regions);
	struct sp_child c = {.role = SP_ROLE_WORKER, .pid = 4242};
	const uint64_t s = SP_NS_PER_SEC;

	(void)state;
	sp_child_announce(&c, root);
	sp_child_started(&c, root, 100 * s);
	assert_false(sp_child_stuck(&c, root, 110 * s));
	assert_true(sp_child_stuck(&c, root, 170 * s)); // never came up
	atomic_store(&root->worker[0].beat_ns, 168 * s);
	assert_false(sp_child_stuck(&c, root, 170 * s));
	assert_true(sp_child_stuck(&c, root, 174 * s));
	atomic_store(&root->worker[0].sleeping, 1);
	assert_false(sp_child_stuck(&c, root, 174 * s));
	assert_true(sp_child_stuck(&c, root, 229 * s));
	atomic_store(&root->worker[0].sleeping, 0);
	atomic_store(&root->worker[0].beat_ns, 200 * s); // a beat since we looked at the clock
	assert_false(sp_child_stuck(&c, root, 174 * s));
}

static void a_store_that_was_refused_stays_refused_when_audit_is_gone(void **state)
{
	static const uint32_t before[] = {
		SP_STORE_STARTING, SP_STORE_READY, SP_STORE_LATCHED, SP_STORE_FULL};
	static const uint32_t after[] = {
		SP_STORE_STARTING, SP_STORE_STARTING, SP_STORE_LATCHED, SP_STORE_FULL};
	struct sp_plan p = plan_of_one_listener();
	struct sp_child c = {.role = SP_ROLE_AUDIT, .pid = 1};
	struct sp_root *root = sp_regions_root(&regions);

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(before); i++) {
		atomic_store(&root->audit.state, before[i]);
		sp_child_died(&c, &p, &regions, SP_NS_PER_SEC);
		assert_int_equal(atomic_load(&root->audit.state), after[i]);
	}
}

static void each_worker_has_a_listener_of_its_own_on_one_port(void **state)
{
	struct sp_plan p = plan_of_one_listener();
	struct sockaddr_in a, b;
	socklen_t n = sizeof(a);
	struct sp_doors d;
	int which;

	(void)state;
	assert_int_equal(getsockname(doors.listener[0][0], (struct sockaddr *)&a, &n), 0);
	memcpy(&p.listener[0].addr, &a, sizeof(a));
	assert_int_equal(sp_doors_init(&p, &d, &which), 0);
	for (unsigned w = 0; w < 2; w++) {
		n = sizeof(b);
		assert_int_equal(getsockname(d.listener[w][0], (struct sockaddr *)&b, &n), 0);
		assert_int_equal(a.sin_port, b.sin_port);
	}
	assert_int_not_equal(d.listener[0][0], d.listener[1][0]);
	sp_doors_done(&d);
}

static void a_listener_that_cannot_be_opened_is_named(void **state)
{
	struct sp_plan p = plan_of_one_listener();
	struct sp_doors d;
	int which = -5;

	(void)state;
	p.listeners_n = 2;
	p.listener[1] = p.listener[0];
	((struct sockaddr_in *)&p.listener[1].addr)->sin_addr.s_addr =
		htonl(0xc0000201); // 192.0.2.1
	assert_int_equal(sp_doors_init(&p, &d, &which), -EADDRNOTAVAIL);
	assert_int_equal(which, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_worker_gets_its_own_things_and_no_way_to_write_policy),
		CASE(audit_gets_every_channel_and_no_secret),
		CASE(control_gets_its_own_channel_last_and_no_listener),
		CASE(the_largest_gateway_has_room_for_all_descriptors),
		CASE(back_off_doubles_to_its_limit_and_starts_anew_after_a_long_run),
		CASE(a_dead_worker_holds_no_snapshot_and_its_next_life_has_the_next_epoch),
		CASE(a_worker_is_stuck_only_when_it_neither_beats_nor_sleeps),
		CASE(a_store_that_was_refused_stays_refused_when_audit_is_gone),
		CASE(each_worker_has_a_listener_of_its_own_on_one_port),
		CASE(a_listener_that_cannot_be_opened_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
