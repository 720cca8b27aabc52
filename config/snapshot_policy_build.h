/// Writes the policy part of a snapshot; called by config/snapshot_build.c once agents and actions are written.
#pragma once

#include "config/compiled.h"
#include "config/snapshot_put.h"

/// `h->agents` and `h->actions` are those of the compiled policy, in its order.
void sp_snap_put_policy(struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_header *h);
/// Agents have their allow-lists and nothing else.
void sp_snap_put_no_policy(struct sp_snap_put *p, struct sp_snap_header *h);
