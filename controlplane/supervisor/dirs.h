/// The folders the gateway keeps its state in.
#pragma once

#include "common/plan.h"

/// Make state_dir (with control's and audit's own folders in it) and run_dir where they are
/// missing, and give each the owner and mode it must have. Logs and returns -errno.
SP_MUST_CHECK int sp_dirs_make(const struct sp_plan *plan);
/// One gateway a state folder: *ret is a lock that ends with this process. -EWOULDBLOCK when taken.
SP_MUST_CHECK int sp_dirs_lock(const struct sp_plan *plan, int *ret);
