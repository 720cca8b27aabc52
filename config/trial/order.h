/// What order rules and taint make of the calls that came before.
#pragma once

#include "config/trial/trial.h"

/// Changes `seen` (by sequence number) and the taint of `past` as a session's successful calls would.
void sp_trial_order(const struct sp_judge_call *who, const struct sp_trial_in *in,
	uint8_t seen[SP_SNAP_SEQUENCES_MAX], struct sp_judge_history *past);
/// Of `tool` the bytes that name the upstream, as names are prefixed: "<upstream>__<name>".
uint32_t sp_trial_prefix(struct sp_bytes tool, struct sp_bytes upstream);
