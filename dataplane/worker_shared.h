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
/// The life line broke: finish what is in flight and leave.
void sp_worker_orphaned(void *user);
