#include "dataplane/decide/stages.h"

#include "dataplane/decide/facts.h"
#include "common/banned.h"

/// What every call passes, in this order.
const struct sp_stage sp_stages[] = {
	{"parse", sp_stage_parse},
	{"identify", sp_stage_identify},
	{"contain", sp_stage_contain},
	{"route", sp_stage_route},
	{"authorize", sp_stage_authorize},
	{"intent", sp_stage_intent},
	{"limits", sp_stage_limits},
	{"validate", sp_stage_validate},
	{"guard-in", sp_stage_guard_in},
	{"score", sp_stage_score},
	{"record", sp_stage_record_decision},
	{"forward", sp_stage_forward},
	{"guard-out", sp_stage_guard_out},
	{"record", sp_stage_record_outcome},
	{"answer", sp_stage_answer},
};
const unsigned sp_stages_n = SP_ARRAY_LEN(sp_stages);

#define STAGE_RECORD 10u
const unsigned sp_stage_forward_index = 11;

void sp_stages_refuse(struct sp_call *c)
{
	if (c->wire_reason == SP_REASON_NONE)
		c->wire_reason = c->reason;
	if (c->verdict.review &&
		c->reason != c->verdict.reason) { // refused for something else after all
		c->verdict.review = false;
		c->verdict.detail[0] = '\0';
	}
	if (!c->recorded) {
		sp_shadow_judge(c); // by the history as it was before this refusal
		sp_remember_refusal(c);
		c->stage = STAGE_RECORD;
		if (sp_stage_record_decision(c) == SP_STEP_WAIT)
			return; // resumes behind "record", where forward sees the refusal
	}
	sp_answer_refusal(c);
}

void sp_stages_run(struct sp_call *c)
{
	while (c->stage < sp_stages_n) {
		enum sp_step step = sp_stages[c->stage].fn(c);

		switch (step) {
		case SP_STEP_CONTINUE:
			c->stage++;
			break;
		case SP_STEP_DENY:
		case SP_STEP_REVIEW:
			sp_stages_refuse(c);
			return;
		case SP_STEP_WAIT:
		case SP_STEP_DONE:
			return;
		}
	}
}

void sp_stages_resume(struct sp_call *c)
{
	if (c->stage == STAGE_RECORD && c->reason != SP_REASON_NONE) {
		sp_answer_refusal(c);
		return;
	}
	if (c->cancelled && c->stage == sp_stage_forward_index) {
		c->cancelled = false;
		sp_call_fail(c, SP_REASON_CANCELLED);
		return;
	}
	c->stage++;
	sp_stages_run(c);
}

void sp_stages_give_up(struct sp_call *c)
{
	sp_count(c->w, SP_STAT_AUDIT_REFUSED);
	if (c->reason != SP_REASON_NONE) {
		c->reason = c->wire_reason = SP_REASON_AUDIT_UNAVAILABLE;
		sp_answer_refusal(c);
		return;
	}
	c->stage = sp_stage_forward_index;
	sp_call_fail(c, SP_REASON_AUDIT_UNAVAILABLE);
}

/// South is done with the call: its answer lies in call->part, or call->reason says why there is
/// none.
void sp_call_finish(struct sp_call *c)
{
	sp_south_stop(c);
	sp_remember_outcome(c);
	c->upstream_us = c->forwarded ? (c->w->now_ns - c->south.started_ns) / SP_NS_PER_US : 0;
	sp_stages_resume(c);
}

/// Not answered here: the answer may let its connection parse the next message, and that may cancel
/// again. The list of waiting calls has no depth.
void sp_call_cancel(struct sp_call *c)
{
	sp_south_leave(c);
	sp_south_stop(c);
	c->cancelled = true;
	c->wait_seq = 0;
	sp_call_wait(c);
}

void sp_call_fail(struct sp_call *c, enum sp_reason why)
{
	if (c->forwarded && !c->modern && why != SP_REASON_CANCELLED && sp_cancel_heard(c))
		why = SP_REASON_CANCELLED; // what the upstream did, it did for that
	c->reason = c->wire_reason = why;
	if (c->outcome == SP_OUTCOME_NONE)
		c->outcome = why == SP_REASON_CANCELLED ? SP_OUTCOME_CANCELLED : SP_OUTCOME_FAILED;
	c->parts_n = 0;
	sp_call_finish(c);
}
