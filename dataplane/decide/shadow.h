/// A candidate policy judged beside the one in force, on the calls that come, without any effect on
/// them: no limit is taken, no state changed, no history added to. One worker; within the turn a
/// call is judged in, so no call holds the candidate and no pin is needed.
#pragma once

#include "common/reason.h"
#include "config/snapshot.h"

struct sp_worker;
struct sp_call;

/// What the candidate said of a call.
struct sp_shadow_verdict {
	bool judged, differs;
	bool review, scored;
	enum sp_reason reason; ///< NONE = it would be allowed
	uint32_t score; ///< once `scored`
	uint64_t generation;
	uint8_t sha256[16]; ///< of its sources
};

/// What a worker keeps of the candidate.
struct sp_shadow {
	bool on;
	struct sp_snap snap;
	uint32_t *twin; ///< by number of an order rule: which one of the policy in force keeps its
			///< state; shadow.c
};
SP_MUST_CHECK int sp_shadow_init(struct sp_shadow *s); ///< -ENOMEM
void sp_shadow_done(struct sp_shadow *s);
/// From here on `candidate` (NULL = none) is judged.
void sp_shadow_take(struct sp_worker *w, const struct sp_snap *candidate);
/// Say in the worker's slot which candidate is judged; another one's counts begin at 0.
void sp_shadow_tell(struct sp_worker *w, uint64_t generation);
void sp_shadow_policy_changed(struct sp_shadow *s);

/// Once the policy in force has allowed the call, sent it to review or refused it (c->reason):
/// judge it by the candidate, at most once. Does nothing for calls that something else than policy
/// refused.
void sp_shadow_judge(struct sp_call *c);
