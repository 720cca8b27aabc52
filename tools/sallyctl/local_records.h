/// What commands over recorded calls have in common: their options, and a policy to judge by.
#pragma once

#include "config/snapshot_policy.h"
#include "tools/sallyctl/args.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/records.h"

struct sp_records_line {
	const char *path[SP_ARRAY_LEN(((struct sp_line *)0)->argv)]; ///< policy files and folders
	int paths_n;
	const char *records;
	uint64_t days; ///< 0 = not given
	bool fail_on_change;
};
/// 0, or the exit code after a message. `want_paths`: the command takes policy.
SP_MUST_CHECK int sp_records_line_read(
	const struct sp_line *l, bool want_paths, struct sp_records_line *ret);

/// A command that asks a policy about recorded calls: reads its line and both, calls `look`, and tells what went wrong.
/// The command's exit code; what `look` returns is one, or below 0 an error.
typedef int sp_records_fn(const struct sp_line *l, const struct sp_records_line *what,
	const struct sp_snap *s, const struct sp_records *records);
int sp_records_ask(const struct sp_line *l, sp_records_fn *look);

/// Problems, and what else went wrong with `what`, on standard error.
void sp_records_tell(const struct sp_check *check, const char *what, int err);
/// A value made for `sallyctl`, for people or as JSON.
void sp_records_put_text(struct sp_cv_out *o, const char *key, struct sp_bytes v);
void sp_records_put_number(struct sp_cv_out *o, const char *key, uint64_t v);
int sp_records_print(const struct sp_line *l, struct sp_cv_out *o, const char *columns);
