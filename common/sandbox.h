/// The cage a process enters once it has everything open: it can only be tightened, never left.
/// Needs libseccomp: a library of its own (sandbox_dep), used by worker, control and audit.
#pragma once

#include "common/base.h"

enum sp_sandbox_role {
	SP_SANDBOX_WORKER,  ///< io_uring, memory, clocks, stream sockets; no file, no process, no thread
	SP_SANDBOX_WORKER_PORT, ///< and what a DPDK driver does for its port: wake-ups, memif's shared memory
	SP_SANDBOX_CONTROL, ///< files, sockets, threads (name resolution); no other program
	SP_SANDBOX_AUDIT,   ///< files, io_uring, unix sockets; no network, no other program
};

/// No core dumps, not traceable, no new privileges, a seccomp filter that kills the process on a call
/// outside the role's list, and for workers an empty Landlock domain where the kernel has Landlock
/// (it also holds for opens asked of io_uring, which seccomp cannot see). Opening a file answers
/// -EACCES to a worker instead of killing it, since libraries try files they can do without.
/// Call after io_uring_setup, memory maps, TLS set-up. 0 or -errno: on failure the caller must leave.
SP_MUST_CHECK int sp_sandbox_enter(enum sp_sandbox_role role);
