/// What commands over recorded calls have in common: their options, and a policy to judge by.
#pragma once

#include "config/policy.h"
#include "config/snapshot_policy.h"
#include "tools/sallyctl/args.h"
#include "tools/sallyctl/records.h"

struct sp_records_line {
	const char *path[SP_ARRAY_LEN(((struct sp_line *)0)->argv)]; ///< policy files and folders
	int paths_n;
	const char *records;
	uint64_t days; ///< 0 = not given
};
/// 0, or the exit code after a message. `want_paths`: the command takes policy.
SP_MUST_CHECK int sp_records_line_read(
	const struct sp_line *l, bool want_paths, struct sp_records_line *ret);

/// A policy as a publish without a gateway would make it.
struct sp_local_snap {
	struct sp_policy *policy;
	uint8_t *blob;
	struct sp_snap snap;
};
/// -EBADMSG with problems in `check`, -ENOMEM; then nothing is to be freed.
SP_MUST_CHECK int sp_local_snap(
	const char *const *path, int n, struct sp_check *check, struct sp_local_snap *ret);
void sp_local_snap_done(struct sp_local_snap *s);

/// Problems, and what else went wrong with `what`, on standard error.
void sp_records_tell(const struct sp_check *check, const char *what, int err);
/// A value made for `sallyctl`, for people or as JSON.
int sp_records_print(const struct sp_line *l, struct sp_cv_out *o, const char *columns);
