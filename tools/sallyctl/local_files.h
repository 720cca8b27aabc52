/// Policy files named on the command line, read here.
#pragma once

#include "config/policy.h"
#include "config/snapshot.h"

#include <stdio.h>

/// All files, and the policy files of all folders in the order of their names, as one sealed
/// policy. -EBADMSG with problems in `check`, -ENOMEM.
SP_MUST_CHECK int sp_local_policy(
	const char *const *path, int n, struct sp_check *check, struct sp_policy **ret);
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
/// Its snapshot alone; free() *ret_blob. Errors are told on standard error.
SP_MUST_CHECK int sp_local_snapshot(
	const char *const *path, int n, uint8_t **ret_blob, struct sp_snap *ret);
/// Problems on standard error.
void sp_local_problems(const struct sp_check *check);
/// A file, or standard input by the name "-", as a whole; free() *ret. -E2BIG over `max`, -errno.
SP_MUST_CHECK int sp_local_read(const char *path, size_t max, uint8_t **ret, size_t *ret_n);

/// Options of local commands: each takes a value; what is no option is a path.
struct sp_local_option {
	const char *name;
	const char **value; ///< given once: NULL until it was given
	int *many; ///< or so many values, with room for as many as a command line has; NULL = once
};
/// How many paths, or -EINVAL after a message that names the command `words`.
struct sp_line;
SP_MUST_CHECK int sp_local_options(const struct sp_line *l, const struct sp_local_option *option,
	unsigned options_n, const char **path);
/// Quoted, on standard output.
void sp_local_put_json(struct sp_bytes s);
/// Without control characters, on standard output.
void sp_local_put_text(struct sp_bytes s);
