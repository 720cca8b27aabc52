/// The stages every call passes, in one list and one order (stages.c). A stage looks at a call and
/// says how it goes on; whoever is refused gets one reason. Stages run on the worker and never
/// block.
#pragma once

#include "dataplane/mcp/mcp.h"

enum sp_step {
	SP_STEP_CONTINUE = 0,
	SP_STEP_DENY, ///< call->reason (and wire_reason) say why
	SP_STEP_REVIEW, ///< a person must look; without a queue it is refused with that reason
	SP_STEP_WAIT, ///< goes on later through sp_stages_resume()
	SP_STEP_DONE, ///< answered, or given away: the call may be gone
};
struct sp_stage {
	const char *name;
	enum sp_step (*fn)(struct sp_call *c);
};
extern const struct sp_stage sp_stages[];
extern const unsigned sp_stages_n;
extern const unsigned sp_stage_forward_index; ///< up to here a call can be given up unexecuted

/// Run from the call's current stage. The call may be gone afterwards.
void sp_stages_run(struct sp_call *c);
/// A refusal (call->reason) is recorded like any decision, then answered; it is never forwarded.
void sp_stages_refuse(struct sp_call *c);
/// The stage that waited is over: go on with the next.
void sp_stages_resume(struct sp_call *c);

// limits.c, for who only looks (decide/shadow.c)
/// A limit or budget refused.
bool sp_limits_is_reason(enum sp_reason r);
/// Would the limits of policy `j` let the call pass, which was judged `v` by it? Counts nothing.
/// Windows that the policy in force counts the call in are read, without what this very call was
/// counted for; others let it pass unless it is over the limit by itself.
enum sp_reason sp_limits_peek(
	struct sp_call *c, const struct sp_judge_call *j, const struct sp_judge_verdict *v);

/// The record it waits for is not durable in time: the call is refused, unexecuted.
void sp_stages_give_up(struct sp_call *c);

// the stages, by file
enum sp_step sp_stage_parse(struct sp_call *c); // mcp/parse.c
enum sp_step sp_stage_identify(struct sp_call *c); // decide/identify.c
enum sp_step sp_stage_contain(struct sp_call *c); // decide/identify.c
/// Why the call's agent, token or session is over by now, or NONE.
enum sp_reason sp_contained(const struct sp_call *c);
enum sp_step sp_stage_route(struct sp_call *c); // decide/route.c
enum sp_step sp_stage_authorize(struct sp_call *c); // decide/authorize.c
enum sp_step sp_stage_intent(struct sp_call *c); // decide/authorize.c
enum sp_step sp_stage_limits(struct sp_call *c); // decide/limits.c
enum sp_step sp_stage_validate(struct sp_call *c); // decide/authorize.c
enum sp_step sp_stage_guard_in(struct sp_call *c); // decide/pass.c
enum sp_step sp_stage_score(struct sp_call *c); // decide/authorize.c
enum sp_step sp_stage_record_decision(struct sp_call *c); // record/record_call.c
enum sp_step sp_stage_forward(struct sp_call *c); // mcp/dispatch.c
enum sp_step sp_stage_guard_out(struct sp_call *c); // decide/pass.c
enum sp_step sp_stage_record_outcome(struct sp_call *c); // record/record_call.c
enum sp_step sp_stage_answer(struct sp_call *c); // mcp/answer.c
