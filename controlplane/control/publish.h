/// Publishing snapshots: a free slot, the blob, the head, the wait for every worker. See
/// ARCHITECTURE.md "Snapshots and generations". Owner: control's one thread; a successor of a dead
/// control takes up the regions as they are.
#pragma once

#include "common/plan.h"
#include "common/shm.h"
#include "config/snapshot.h"

struct rte_rcu_qsbr;

struct sp_publisher {
	struct sp_root *root;
	struct sp_policy_region *region;
	struct sp_shm shm;
	struct rte_rcu_qsbr *rcu;
	uint32_t workers;
	int dir_fd; ///< control's state folder
	int worker_event0; ///< eventfd of worker i is this + i; -1 = none
	uint64_t effect_ns; ///< the last publish: from the head to the last worker; 0 = longer than it was watched
	uint64_t reserved_generation; ///< the highest ever given out, as the state folder knows
	bool retired[SP_POLICY_SLOTS];
	uint64_t token[SP_POLICY_SLOTS]; ///< of the grace period since it was retired
};

/// -EINVAL when a region does not hold what it should, or the state folder's error.
SP_MUST_CHECK int sp_publisher_init(struct sp_publisher *p, const struct sp_shm *root,
	const struct sp_shm *policy, int dir_fd, int worker_event0);
/// What is in force, in place: valid until the next publish. -ENOENT when nothing is.
SP_MUST_CHECK int sp_publisher_current(const struct sp_publisher *p, struct sp_snap *ret);
static inline uint64_t sp_publisher_generation(const struct sp_publisher *p)
{
	return atomic_load(&p->root->policy_head) >> 8;
}
/// The next generation, durably never given out again.
SP_MUST_CHECK int sp_publisher_reserve(struct sp_publisher *p, uint64_t *ret);
/// Put a blob of a reserved generation in force. -EFBIG larger than a slot, -EBUSY no slot became
/// free within `wait_ns` (calls in flight hold them), -EINVAL no newer generation.
SP_MUST_CHECK int sp_publish(struct sp_publisher *p, struct sp_bytes blob, uint64_t wait_ns);
/// Wait until every running worker judges by the generation in force: 0, or -ETIMEDOUT with the
/// first that does not.
SP_MUST_CHECK int sp_publish_wait(
	const struct sp_publisher *p, uint64_t wait_ns, uint32_t *ret_laggard);

/// Have a blob of a reserved generation judged beside what is in force, in the place of another
/// candidate, if any. Errors as of sp_publish(); -EBUSY also when it would leave no slot for a
/// publish.
SP_MUST_CHECK int sp_publish_shadow(struct sp_publisher *p, struct sp_bytes blob, uint64_t wait_ns);
void sp_publish_shadow_off(struct sp_publisher *p);
/// The candidate, in place: valid until the next call above. -ENOENT when there is none.
SP_MUST_CHECK int sp_publisher_shadow(const struct sp_publisher *p, struct sp_snap *ret);
/// Wait until every running worker judges by that candidate, or by none. As sp_publish_wait().
SP_MUST_CHECK int sp_publish_shadow_wait(
	const struct sp_publisher *p, uint64_t wait_ns, uint32_t *ret_laggard);
/// Wake every worker.
void sp_publisher_kick(const struct sp_publisher *p);
