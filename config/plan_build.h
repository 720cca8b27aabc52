/// The typed configuration as the plan of one life of the gateway (common/plan.h). Pure.
#pragma once

#include "config/gateway.h"

/// What the configuration does not say: looked up by the caller (config/load.h does).
struct sp_plan_facts {
	uint32_t cpus; ///< for workers: auto
	const char *config_path; ///< absolute
	uint32_t uid_worker, uid_control, uid_audit, gid; ///< 0 = stay
};

/// Fill all of *ret but its print, which belongs to the region's maker. 0, or -EINVAL with a
/// problem in `check` when sp_plan_check() would refuse.
SP_MUST_CHECK int sp_plan_build(const struct sp_gateway *g, const struct sp_plan_facts *facts,
	struct sp_check *check, struct sp_plan *ret);
