/// The table of constraints, and what it shares with the other tables of the policy part.
#pragma once

#include "config/snapshot_policy_build.h"

void sp_snap_put_tools(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out);
/// Strings of a list, each text once in the blob.
struct sp_snap_table sp_snap_put_strs_of(struct sp_snap_put *p, const struct sp_policy_strs *s);
/// A file's name without its folder.
struct sp_snap_str sp_snap_put_source(struct sp_snap_put *p, const char *file);
