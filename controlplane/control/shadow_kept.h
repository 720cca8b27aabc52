/// What a candidate's limits, order rules and taint count of, while another policy is in force.
/// Control's one thread.
#pragma once

#include "common/ctlval.h"
#include "config/snapshot.h"

/// A member `not_judged` of an open map: what of `next` hangs on counts or states that `now` does
/// not keep, or not for all agents and tools it is about. A rule too large to be compared is listed.
void sp_put_not_judged(const struct sp_snap *now, const struct sp_snap *next, struct sp_cv_out *o);
