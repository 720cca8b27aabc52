#include "dataplane/decide/facts.h"
#include "dataplane/decide/stages.h"
#include "common/banned.h"

static enum sp_step deny(struct sp_call *c, enum sp_reason why)
{
	c->reason = why;
	return SP_STEP_DENY;
}

/// A route's list of methods is about what is passed upstream; what the gateway answers itself, and
/// the notes that go with it, are not passed.
static bool route_passes(const struct sp_snap_route *route, enum sp_method m)
{
	return m == SP_METHOD_OTHER || sp_method_flags(m) & (SP_M_LOCAL | SP_M_NOTE) ||
	       route->methods >> m & 1;
}

/// What the judge said, as a step. A call that needs review goes through the questions that are
/// left, for one of them may refuse it.
static enum sp_step judged(struct sp_call *c, enum sp_reason why)
{
	const struct sp_judge_verdict *v = &c->verdict;

	if (v->audit_level > (uint32_t)c->level)
		c->level = (enum sp_audit_level)v->audit_level;
	if (why == SP_REASON_NONE)
		return SP_STEP_CONTINUE;
	c->reason = why;
	c->wire_reason = v->wire_reason;
	return v->review ? SP_STEP_REVIEW : SP_STEP_DENY;
}

/// Default deny. A tool the agent may not call looks to it like one that does not exist.
enum sp_step sp_stage_authorize(struct sp_call *c)
{
	enum sp_reason why;

	if (c->agent == SP_SNAP_NONE)
		return deny(c, SP_REASON_AGENT_UNKNOWN);
	if (!route_passes(sp_call_route(c), c->method))
		return deny(c, SP_REASON_METHOD_DENIED);
	if (c->method != SP_METHOD_TOOLS_CALL)
		return SP_STEP_CONTINUE;
	sp_count(c->w, SP_STAT_CALLS);
	why = (enum sp_reason)sp_facts_gather(c);
	if (why)
		return deny(c, why);
	c->judged = true;
	return judged(c, sp_judge_authorize(&c->w->facts->call, &c->verdict));
}

/// What for: entitlement beyond identity. The route's scopes are checked where the token is.
enum sp_step sp_stage_intent(struct sp_call *c)
{
	if (c->method != SP_METHOD_TOOLS_CALL)
		return SP_STEP_CONTINUE;
	return judged(c, sp_judge_intent(&c->w->facts->call, &c->verdict));
}

/// Headers that repeat arguments agree with them; SQL styles, endpoints, paths, sizes.
enum sp_step sp_stage_validate(struct sp_call *c)
{
	int r = sp_relay_params_agree(c);

	if (r)
		return deny(c, (enum sp_reason)r);
	if (c->method != SP_METHOD_TOOLS_CALL)
		return SP_STEP_CONTINUE;
	return judged(c, sp_judge_arguments(&c->w->facts->call, &c->verdict));
}

/// The order of calls, and the risk of this one.
enum sp_step sp_stage_score(struct sp_call *c)
{
	const struct sp_judge_call *call = &c->w->facts->call;
	enum sp_step step;
	enum sp_reason why;

	if (c->method != SP_METHOD_TOOLS_CALL)
		return SP_STEP_CONTINUE;
	why = (enum sp_reason)sp_facts_past(c);
	if (why)
		return deny(c, why);
	step = judged(c, sp_judge_sequences(call, &c->verdict));
	if (step != SP_STEP_CONTINUE)
		return step;
	c->scored = true;
	step = judged(c, sp_judge_score(call, &c->verdict));
	if (step == SP_STEP_CONTINUE)
		sp_shadow_judge(c);
	return step;
}
