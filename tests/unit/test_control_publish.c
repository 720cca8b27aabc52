#include "controlplane/control/publish.h"

#include "common/clock.h"
#include "common/rcu.h"
#include "config/snapshot_build.h"
#include "controlplane/supervisor/regions.h"
#include "tests/support/small_plan.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define WORKERS 2u
#define SOON (5 * SP_NS_PER_MS)

struct world {
	char dir[64];
	int dir_fd;
	struct sp_regions regions;
	struct sp_publisher p;
	struct sp_root *root;
	struct rte_rcu_qsbr *rcu;
};
static struct world w;

static void start_control(void)
{
	assert_int_equal(
		sp_publisher_init(&w.p, &w.regions.root.shm, &w.regions.policy.shm, w.dir_fd, -1),
		0);
}

static int set_up(void **state)
{
	struct sp_plan plan = small_plan(WORKERS);

	(void)state;
	snprintf(w.dir, sizeof(w.dir), "/tmp/sp-publish-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	w.dir_fd = open(w.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(sp_regions_init(&plan, &w.regions), 0);
	w.root = sp_regions_root(&w.regions);
	w.rcu = sp_rcu_at(&w.regions.root.shm);
	start_control();
	return 0;
}

static int tear_down(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/generation", w.dir);
	unlink(path);
	rmdir(w.dir);
	close(w.dir_fd);
	sp_regions_done(&w.regions);
	return 0;
}

static int publish(uint64_t generation)
{
	struct sp_snap_in in = {.generation = generation, .profile = SP_LIT("development")};
	uint8_t *blob;
	size_t n;
	int err;

	assert_int_equal(sp_snap_build(&in, &blob, &n), 0);
	err = sp_publish(&w.p, sp_bytes(blob, n), SOON);
	free(blob);
	return err;
}

static uint64_t publish_next(void)
{
	uint64_t generation;

	assert_int_equal(sp_publisher_reserve(&w.p, &generation), 0);
	assert_int_equal(publish(generation), 0);
	return generation;
}

static uint32_t slot_in_force(void)
{
	return atomic_load(&w.root->policy_head) & 0xff;
}

static void worker_up(uint32_t i)
{
	atomic_store(&w.root->worker[i].pid, 100 + i);
	atomic_store(&w.root->worker[i].state, SP_STATE_READY);
	sp_rcu_register(w.rcu, i);
	rte_rcu_qsbr_thread_online(w.rcu, i);
}

static void what_is_published_is_what_is_in_force(void **state)
{
	struct sp_snap s;

	(void)state;
	assert_int_equal(sp_publisher_current(&w.p, &s), -ENOENT);
	assert_int_equal(publish_next(), 1);
	assert_int_equal(sp_publisher_current(&w.p, &s), 0);
	assert_int_equal(s.h->generation, 1);
	assert_int_equal(publish_next(), 2);
	assert_int_equal(sp_publisher_current(&w.p, &s), 0);
	assert_int_equal(s.h->generation, 2);
}

static void a_generation_is_never_given_out_twice_over_restarts_too(void **state)
{
	uint64_t generation;

	(void)state;
	assert_int_equal(publish_next(), 1);
	assert_int_equal(sp_publisher_reserve(&w.p, &generation), 0); // reserved, and control dies
	assert_int_equal(generation, 2);
	start_control();
	assert_int_equal(publish_next(), 3);
}

static void generations_survive_the_loss_of_all_shared_memory(void **state)
{
	struct sp_plan plan = small_plan(1);

	(void)state;
	publish_next();
	publish_next();
	sp_regions_done(&w.regions);
	assert_int_equal(sp_regions_init(&plan, &w.regions), 0);
	w.root = sp_regions_root(&w.regions);
	start_control();
	assert_int_equal(publish_next(), 3);
}

static void an_older_or_unreserved_generation_is_refused(void **state)
{
	(void)state;
	publish_next();
	publish_next();
	assert_int_equal(publish(2), -EINVAL);
	assert_int_equal(publish(1), -EINVAL);
	assert_int_equal(publish(9), -EINVAL);
	assert_int_equal(sp_publisher_generation(&w.p), 2);
}

static void a_slot_is_reused_only_after_every_worker_was_quiescent(void **state)
{
	uint32_t first;

	(void)state;
	worker_up(0);
	publish_next();
	first = slot_in_force();
	for (unsigned i = 1; i < SP_POLICY_SLOTS; i++)
		publish_next();
	w.p.reserved_generation = SP_POLICY_SLOTS + 1;
	assert_int_equal(
		publish(SP_POLICY_SLOTS + 1), -EBUSY); // the worker may still read any of them
	rte_rcu_qsbr_quiescent(w.rcu, 0);
	assert_int_equal(publish(SP_POLICY_SLOTS + 1), 0);
	assert_int_equal(slot_in_force(), first);
}

static void a_pinned_slot_is_not_reused(void **state)
{
	uint32_t pinned;

	(void)state;
	publish_next();
	pinned = slot_in_force();
	atomic_store(&w.root->worker[1].pins[pinned], 1);
	for (unsigned i = 0; i < 3 * SP_POLICY_SLOTS; i++) {
		publish_next();
		assert_int_not_equal(slot_in_force(), pinned);
	}
	atomic_store(&w.root->worker[1].pins[pinned], 0);
	for (unsigned i = 0; i < SP_POLICY_SLOTS && slot_in_force() != pinned; i++)
		publish_next();
	assert_int_equal(slot_in_force(), pinned);
}

static void a_successor_of_a_dead_control_waits_for_readers_of_what_it_left(void **state)
{
	(void)state;
	worker_up(0);
	for (unsigned i = 0; i < SP_POLICY_SLOTS; i++)
		publish_next();
	rte_rcu_qsbr_quiescent(w.rcu, 0); // which the successor cannot know
	start_control();
	w.p.reserved_generation = SP_POLICY_SLOTS + 1;
	assert_int_equal(publish(SP_POLICY_SLOTS + 1), -EBUSY);
	rte_rcu_qsbr_quiescent(w.rcu, 0);
	assert_int_equal(publish(SP_POLICY_SLOTS + 1), 0);
}

static void the_worker_that_does_not_acknowledge_is_named(void **state)
{
	uint32_t laggard = 77;

	(void)state;
	worker_up(0);
	worker_up(1);
	publish_next();
	atomic_store(&w.root->worker[0].seen_policy, 1);
	assert_int_equal(sp_publish_wait(&w.p, SOON, &laggard), -ETIMEDOUT);
	assert_int_equal(laggard, 1);
	atomic_store(&w.root->worker[1].seen_policy, 1);
	assert_int_equal(sp_publish_wait(&w.p, SOON, &laggard), 0);
}

static void a_snapshot_larger_than_a_slot_changes_nothing(void **state)
{
	static uint8_t large[70000];

	(void)state;
	publish_next();
	assert_int_equal(sp_publish(&w.p, sp_bytes(large, sizeof(large)), SOON), -EFBIG);
	assert_int_equal(sp_publisher_generation(&w.p), 1);
}

static int try_shadow(void)
{
	struct sp_snap_in in = {.profile = SP_LIT("development")};
	uint8_t *blob;
	size_t n;
	int err;

	assert_int_equal(sp_publisher_reserve(&w.p, &in.generation), 0);
	assert_int_equal(sp_snap_build(&in, &blob, &n), 0);
	err = sp_publish_shadow(&w.p, sp_bytes(blob, n), SOON);
	free(blob);
	return err;
}

static void shadow_next(void)
{
	assert_int_equal(try_shadow(), 0);
}

static void a_candidate_and_the_policy_never_share_a_slot(void **state)
{
	struct sp_snap now, next;

	(void)state;
	publish_next();
	assert_int_equal(sp_publisher_shadow(&w.p, &next), -ENOENT);
	for (unsigned i = 0; i < 3 * SP_POLICY_SLOTS; i++) {
		shadow_next();
		if (i % 3)
			publish_next();
		assert_int_equal(sp_publisher_current(&w.p, &now), 0);
		assert_int_equal(sp_publisher_shadow(&w.p, &next), 0);
		assert_ptr_not_equal(now.base, next.base);
		assert_int_equal(next.h->generation > now.h->generation, i % 3 == 0);
	}
	sp_publish_shadow_off(&w.p);
	assert_int_equal(sp_publisher_shadow(&w.p, &next), -ENOENT);
	sp_publish_shadow_off(&w.p);
	for (unsigned i = 0; i < 3 * SP_POLICY_SLOTS; i++)
		publish_next(); // its slot came back
}

static void the_slot_of_a_candidate_is_free_once_every_worker_was_quiescent(void **state)
{
	(void)state;
	worker_up(0);
	publish_next();
	for (unsigned i = 2; i < SP_POLICY_SLOTS; i++)
		shadow_next();
	assert_int_equal(try_shadow(), -EBUSY); // one slot is left, for a publish
	w.p.reserved_generation = 2 * SP_POLICY_SLOTS;
	assert_int_equal(publish(SP_POLICY_SLOTS), 0);
	sp_publish_shadow_off(&w.p);
	assert_int_equal(
		publish(SP_POLICY_SLOTS + 1), -EBUSY); // the worker may judge by any of them
	rte_rcu_qsbr_quiescent(w.rcu, 0);
	for (unsigned i = 1; i < SP_POLICY_SLOTS; i++)
		assert_int_equal(publish(SP_POLICY_SLOTS + i), 0);
}

static void a_successor_of_a_dead_control_finds_the_candidate_and_leaves_it_its_slot(void **state)
{
	struct sp_snap before, after;

	(void)state;
	publish_next();
	shadow_next();
	assert_int_equal(sp_publisher_shadow(&w.p, &before), 0);
	start_control();
	for (unsigned i = 0; i < 3 * SP_POLICY_SLOTS; i++)
		publish_next();
	assert_int_equal(sp_publisher_shadow(&w.p, &after), 0);
	assert_ptr_equal(before.base, after.base);
	assert_int_equal(after.h->generation, 2);
}

static void the_worker_that_does_not_judge_by_the_candidate_is_named(void **state)
{
	uint32_t laggard = 77;

	(void)state;
	worker_up(0);
	worker_up(1);
	publish_next();
	shadow_next();
	atomic_store(&w.root->worker[0].shadow_generation, 2);
	assert_int_equal(sp_publish_shadow_wait(&w.p, SOON, &laggard), -ETIMEDOUT);
	assert_int_equal(laggard, 1);
	atomic_store(&w.root->worker[1].shadow_generation, 2);
	assert_int_equal(sp_publish_shadow_wait(&w.p, SOON, &laggard), 0);
	sp_publish_shadow_off(&w.p);
	assert_int_equal(sp_publish_shadow_wait(&w.p, SOON, &laggard), -ETIMEDOUT);
	atomic_store(&w.root->worker[0].shadow_generation, 0);
	atomic_store(&w.root->worker[1].shadow_generation, 0);
	assert_int_equal(sp_publish_shadow_wait(&w.p, SOON, &laggard), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_published_is_what_is_in_force),
		CASE(a_generation_is_never_given_out_twice_over_restarts_too),
		CASE(generations_survive_the_loss_of_all_shared_memory),
		CASE(an_older_or_unreserved_generation_is_refused),
		CASE(a_slot_is_reused_only_after_every_worker_was_quiescent),
		CASE(a_pinned_slot_is_not_reused),
		CASE(a_successor_of_a_dead_control_waits_for_readers_of_what_it_left),
		CASE(the_worker_that_does_not_acknowledge_is_named),
		CASE(a_snapshot_larger_than_a_slot_changes_nothing),
		CASE(a_candidate_and_the_policy_never_share_a_slot),
		CASE(the_slot_of_a_candidate_is_free_once_every_worker_was_quiescent),
		CASE(a_successor_of_a_dead_control_finds_the_candidate_and_leaves_it_its_slot),
		CASE(the_worker_that_does_not_judge_by_the_candidate_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
