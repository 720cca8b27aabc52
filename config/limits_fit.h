/// Whether the limits that can bind one call are few enough to be taken together. Control process, tools.
#pragma once

#include "config/compiled.h"

/// 0, or -EBADMSG with the first agent and tool of more than SP_JUDGE_LIMITS_MAX limits in `check`, -ENOMEM. `c` is
/// what `s` was built from.
SP_MUST_CHECK int sp_limits_fit(
	const struct sp_snap *s, const struct sp_compiled *c, struct sp_check *check);
