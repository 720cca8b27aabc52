/// Limits and budgets: taken all or none, exact across workers.
#include "dataplane/decide/facts.h"
#include "dataplane/decide/stages.h"
#include "common/banned.h"

/// Calls that cost their agent something: what the limits and budgets count.
static bool counts(enum sp_method m)
{
	return m == SP_METHOD_TOOLS_CALL || m == SP_METHOD_PROMPTS_GET ||
	       m == SP_METHOD_RESOURCES_READ || m == SP_METHOD_COMPLETE;
}

/// An estimate: a token is four bytes of the arguments as sent, rounded up.
static uint64_t estimate_tokens(uint64_t bytes)
{
	return (bytes + 3) / 4;
}

static enum sp_reason take(struct sp_call *c)
{
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	struct sp_window_ask ask[SP_JUDGE_LIMITS_MAX];
	uint32_t n = sp_judge_limits(&c->w->facts->call, &c->verdict, limit, SP_JUDGE_LIMITS_MAX);
	unsigned refused;
	int err;

	sp_judge_limit_asks(limit, n, &c->verdict, c->tokens, ask);
	err = sp_windows_take(&c->w->history.windows, ask, n, c->w->now_ns, &refused, &c->retry_ms);
	if (err == 0)
		return SP_REASON_NONE;
	if (err != -EDQUOT) {
		sp_count(c->w, SP_STAT_SHED_WINDOW);
		return SP_REASON_LIMIT_UNAVAILABLE;
	}
	return sp_judge_limit_reason(&limit[refused]);
}

static enum sp_reason enter(struct sp_call *c)
{
	const struct sp_snap_agent *a = sp_snap_agent(c->snap, c->agent);

	if (a->limit_slot >= c->w->history.agents ||
		c->w->agent_calls[a->limit_slot] >= c->w->plan->max_calls_per_agent) {
		sp_count(c->w, SP_STAT_SHED_CALL);
		return SP_REASON_OVERLOAD;
	}
	c->limit_slot = a->limit_slot;
	c->w->agent_calls[c->limit_slot]++;
	c->counted = true;
	return SP_REASON_NONE;
}

enum sp_step sp_stage_limits(struct sp_call *c)
{
	if (!counts(c->method))
		return SP_STEP_CONTINUE;
	if (c->env.arguments != SP_JSON_NONE)
		c->args_bytes = sp_json_raw(&c->doc, c->env.arguments).n;
	c->tokens = estimate_tokens(c->args_bytes);
	if (c->method != SP_METHOD_TOOLS_CALL)
		c->reason = (enum sp_reason)sp_facts_gather(c);
	if (c->reason == SP_REASON_NONE)
		c->reason = enter(c);
	if (c->reason == SP_REASON_NONE)
		c->reason = take(c);
	return c->reason == SP_REASON_NONE ? SP_STEP_CONTINUE : SP_STEP_DENY;
}
