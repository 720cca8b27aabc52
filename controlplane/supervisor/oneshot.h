/// Runs of sallyport-control that end by themselves: the only reading of configuration before the
/// gateway runs, and never by the supervisor itself.
#pragma once

#include "common/plan.h"

/// Let control derive the plan of `config_path`, check it, and copy it into *ret. Blocks, at most a
/// minute. `uid` and `gid`: whom it runs as when we are root; 0 = as we are. Errors were logged.
SP_MUST_CHECK int sp_oneshot_plan(const char *exec_dir, const char *config_path, uint32_t uid,
	uint32_t gid, struct sp_plan *ret);
/// `sallyport-control --check`: its messages go where ours go. Its exit code, or -errno.
SP_MUST_CHECK int sp_oneshot_check(
	const char *exec_dir, const char *config_path, uint32_t uid, uint32_t gid);
