/// What the files of the replay share: one call being judged.
#pragma once

#include "config/trial/order.h"
#include "tools/sallyctl/replay.h"

#define REPLAY_OPEN_MAX 32u

/// What the rules of a call's tool could still say, had the record held more.
struct replay_open {
	bool allow, deny, review;
	const char *lacks; ///< the first of them
	uint32_t number[REPLAY_OPEN_MAX], n; ///< of them; more than that many: any
	uint32_t rule; ///< number of the one in the making: its conditions come before it
	bool unknown, settled_no;
	const char *rule_lacks;
};
struct replay_call {
	struct sp_replay *r;
	const struct sp_recorded_call *c;
	struct sp_judge_call call;
	uint8_t name[SP_TRIAL_NAME_MAX];
	struct sp_judge_verdict v;
	struct sp_judge_history past;
	struct sp_json doc;
	struct sp_judge_trace trace;
	struct replay_open open;
	struct sp_window_ask taken[SP_JUDGE_LIMITS_MAX];
	uint32_t taken_n;
	bool arguments_lost, past_lost, purpose_lost;
};

/// Told of every rule and condition while the call is judged.
void replay_trace(struct sp_judge_trace *t, const struct sp_trace_line *line);
/// NULL, or what the verdict `reason` hangs on.
const char *replay_lacks(const struct replay_call *k, enum sp_reason reason);
