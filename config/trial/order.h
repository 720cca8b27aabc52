/// What order rules and taint make of the calls that came before.
#pragma once

#include "config/trial/trial.h"

/// Changes `seen` (by sequence number) and the taint of `past` as a session's successful calls would.
void sp_trial_order(const struct sp_judge_call *who, const struct sp_trial_in *in,
	uint8_t seen[SP_SNAP_SEQUENCES_MAX], struct sp_judge_history *past);
#define SP_TRIAL_NAME_MAX 1024u
/// A call's tool as the gateway names it to the judge: "<upstream>__<name>", also where the agent sees the name alone.
/// Borrows both, and `buf`.
void sp_trial_name(struct sp_judge_call *c, struct sp_bytes tool, struct sp_bytes upstream,
	uint8_t buf[SP_TRIAL_NAME_MAX]);
