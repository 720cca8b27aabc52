/// Policy files named on the command line, read here.
#pragma once

#include "config/policy.h"

/// All files, and the policy files of all folders in the order of their names, as one sealed
/// policy. -EBADMSG with problems in `check`, -ENOMEM.
SP_MUST_CHECK int sp_local_policy(
	const char *const *path, int n, struct sp_check *check, struct sp_policy **ret);
