/// One call that is made up, or rebuilt from its record, judged by a policy snapshot with no gateway behind it:
/// `policy explain`, `policy test`. Limits are named, never counted. Heap; tools; the same input gives the same
/// verdict and score.
#pragma once

#include "config/judge/judge.h"

#define SP_TRIAL_AFTER_MAX 64u

/// What is not there is empty. Texts are borrowed until the next call is set.
struct sp_trial_in {
	struct sp_bytes agent, tool; ///< tool as the agent sees it
	struct sp_bytes arguments, claims, context; ///< each a JSON object
	struct sp_bytes scopes; ///< empty = those of the claim `scope`
	struct sp_bytes purpose, peer, session, upstream, route;
	struct sp_bytes history; ///< as decisions record it: "denied=1 minute=12 new=1"; empty adds nothing
	struct sp_bytes after[SP_TRIAL_AFTER_MAX]; ///< tools called before in this session, each with success
	uint32_t after_n;
	uint64_t wall_ns;
	/// Order rules: their state was not recorded; all hold but the one so called (empty = all).
	bool order_known;
	struct sp_bytes order_broken;
};

struct sp_trial;
/// `snap` is borrowed. -ENOMEM.
SP_MUST_CHECK int sp_trial_new(const struct sp_snap *snap, struct sp_trial **ret);
struct sp_trial *sp_trial_free(struct sp_trial *t);
/// The call to judge. -EINVAL with *ret_wrong, a static text that says what cannot be used.
SP_MUST_CHECK int sp_trial_set(
	struct sp_trial *t, const struct sp_trial_in *in, const char **ret_wrong);
/// As a worker would, ending at the first refusal; with a trace every question is asked, and the score is always
/// worked out. `v` as config/judge/judge.h says.
enum sp_reason sp_trial_judge(
	struct sp_trial *t, struct sp_judge_trace *trace, struct sp_judge_verdict *v);

/// The text of a history, e.g. "denied=1 minute=12 usual=3 calls=0 new=1 tainted=1"; members left out are 0.
/// -EINVAL a member unknown, repeated or no number in range.
SP_MUST_CHECK int sp_trial_history(struct sp_bytes text, struct sp_judge_history *ret);
/// What a call's peer can be: an address without its port.
bool sp_trial_is_peer(struct sp_bytes s);
/// "allow", "review" or "deny", as decisions record it.
const char *sp_trial_decision(const struct sp_judge_verdict *v);
/// Whether policy alone decides it; what is counted (limits) or concerns token, session and upstream is not.
bool sp_trial_decides(enum sp_reason reason);
