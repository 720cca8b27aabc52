/// Starting a child: fork, descriptors to their fixed numbers, privileges dropped, exec. The child
/// sees exactly the descriptors named here and 0, 1, 2; a clean environment; default signals.
#pragma once

#include "common/base.h"

#include <sys/types.h>

#define SP_SPAWN_FDS_MAX 256u

struct sp_spawn_fd {
	int from; ///< the supervisor's, stays its own
	int to; ///< number in the child: 3 ..SP_FD__END - 1, each once
};
struct sp_spawn {
	const char *path; ///< absolute
	const char *const *argv; ///< NULL-terminated
	struct sp_spawn_fd fd[SP_SPAWN_FDS_MAX];
	uint32_t fds_n;
	uint32_t uid, gid; ///< uid 0 = stay what we are
	int cpu; ///< pinned there, -1 = not
};
/// Name one more descriptor for the child. Aborts when there are too many: counts come from a
/// checked plan.
void sp_spawn_give(struct sp_spawn *s, int from, int to);

/// Start it: *ret_pid once exec succeeded. -errno of whatever failed, in the child too (it is then
/// reaped already). Blocks until the child runs its program.
SP_MUST_CHECK int sp_spawn(const struct sp_spawn *s, pid_t *ret_pid);

/// Give up root for `uid` and `gid` with no way back, supplementary groups included, and verify it.
/// Nothing to do when uid is 0 or this process is not root. -EPERM when a trace of root remains.
SP_MUST_CHECK int sp_spawn_drop(uint32_t uid, uint32_t gid);
