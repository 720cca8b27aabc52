/// What a worker takes from shared memory: published snapshots and secrets. Used by worker.c and main.c.
#pragma once

#include "dataplane/worker.h"

/// Something was published that the worker has not taken up yet.
bool sp_worker_outdated(const struct sp_worker *w);
/// Take up the published snapshot and secrets. What can not be taken up is left, counted by seen_*.
void sp_worker_refresh(struct sp_worker *w);
/// A reader of snapshots from here on, if it was resting: nothing may be pinned before.
void sp_worker_online(struct sp_worker *w);
/// Say something to control and wake it. Lost when its ring is full: it is behind, or hangs.
void sp_worker_tell_control(struct sp_worker *w, const struct sp_control_msg *m);
/// mcp/cancel.c: end the calls here that another worker was asked to cancel, now and then; what was asked
/// before this life is none of it.
void sp_cancels_look(struct sp_worker *w);
void sp_cancels_begin(struct sp_worker *w);
/// mcp/tell.c: as many streams may outlive their calls as there may be calls.
SP_MUST_CHECK int sp_partings_init(struct sp_partings *all, uint32_t count);
void sp_partings_done(struct sp_partings *all);
/// The life line broke: finish what is in flight and leave.
void sp_worker_orphaned(void *user);
