/// The shared regions of one life of the gateway, made and laid out by the supervisor before any
/// other process runs. Owner: the supervisor; descriptors are close-on-exec.
#pragma once

#include "common/plan.h"
#include "common/shm.h"

#define SP_CHANNELS_MAX (SP_WORKERS_MAX + 1) // one a worker, and control's

struct sp_region {
	struct sp_shm shm;
	int fd; ///< read and write
	int ro_fd; ///< read only, for those who may not write; -1 where there are none
};
struct sp_regions {
	struct sp_region root, plan, policy, secrets, revoked, limits;
	struct sp_region channel[SP_CHANNELS_MAX];
	uint32_t channels_n;
};

/// Make all of them from a checked plan. -errno; on failure nothing is left open.
SP_MUST_CHECK int sp_regions_init(const struct sp_plan *plan, struct sp_regions *ret);
void sp_regions_done(struct sp_regions *r);
static inline struct sp_root *sp_regions_root(const struct sp_regions *r)
{
	return (struct sp_root *)r->root.shm.base;
}
