#include "dataplane/decide/stages.h"

#include "common/limits.h"
#include "dataplane/decide/authorize.h"
#include "common/banned.h"

static enum sp_step deny(struct sp_call *c, enum sp_reason why)
{
	c->reason = why;
	return SP_STEP_DENY;
}

/// Calls that cost their agent something: what the limits and budgets count.
static bool counts(enum sp_method m)
{
	return m == SP_METHOD_TOOLS_CALL || m == SP_METHOD_PROMPTS_GET ||
		m == SP_METHOD_RESOURCES_READ || m == SP_METHOD_COMPLETE;
}

bool sp_authorize_tool(const struct sp_snap *s, const struct sp_snap_agent *agent, struct sp_bytes name,
	uint32_t prefix, uint32_t *ret_action)
{
	uint32_t action = sp_snap_find_action(s, name);

	if (action != SP_SNAP_NONE && sp_snap_allows(s, agent, action)) {
		*ret_action = action;
		return true;
	}
	if (prefix == 0)
		return false;
	action = sp_snap_find_action(s, sp_bytes(name.p + prefix, name.n - prefix));
	if (action == SP_SNAP_NONE || !sp_snap_allows(s, agent, action))
		return false;
	*ret_action = action;
	return true;
}

/// A route's list of methods is about what is passed upstream; what the gateway answers itself, and the notes
/// that go with it, are not passed.
static bool route_passes(const struct sp_snap_route *route, enum sp_method m)
{
	return m == SP_METHOD_OTHER || sp_method_flags(m) & (SP_M_LOCAL | SP_M_NOTE) ||
		route->methods >> m & 1;
}

/// Default deny. A tool the agent may not call looks to it like one that does not exist.
enum sp_step sp_stage_authorize(struct sp_call *c)
{
	const struct sp_snap_route *route = sp_call_route(c);

	if (c->agent == SP_SNAP_NONE)
		return deny(c, SP_REASON_AGENT_UNKNOWN);
	if (!route_passes(route, c->method))
		return deny(c, SP_REASON_METHOD_DENIED);
	if (c->method != SP_METHOD_TOOLS_CALL)
		return SP_STEP_CONTINUE;
	sp_count(c->w, SP_STAT_CALLS);
	if (!sp_authorize_tool(c->snap, sp_snap_agent(c->snap, c->agent), sp_call_name(c),
		    c->name_prefix, &c->action)) {
		c->wire_reason = SP_REASON_TOOL_UNKNOWN;
		return deny(c, SP_REASON_TOOL_DENIED);
	}
	return SP_STEP_CONTINUE;
}

/// What for: entitlement beyond identity. The route's scopes are checked where the token is.
enum sp_step sp_stage_intent(struct sp_call *c)
{
	(void)c;
	return SP_STEP_CONTINUE;
}

/// An estimate: a token is four bytes of the arguments as sent, rounded up.
static uint64_t estimate_tokens(uint64_t bytes)
{
	return (bytes + 3) / 4;
}

enum sp_step sp_stage_limits(struct sp_call *c)
{
	const struct sp_snap_agent *a = sp_snap_agent(c->snap, c->agent);
	struct sp_limit_ask ask = {a->per_minute, a->per_hour, a->daily_tokens, 0};

	if (!counts(c->method))
		return SP_STEP_CONTINUE;
	if (c->env.arguments != SP_JSON_NONE)
		c->args_bytes = sp_json_raw(&c->doc, c->env.arguments).n;
	c->tokens = ask.tokens = estimate_tokens(c->args_bytes);
	if (a->per_request_tokens && c->tokens > a->per_request_tokens)
		return deny(c, SP_REASON_BUDGET_REQUEST);
	if (a->limit_slot >= c->w->limit_slots_n ||
		c->w->agent_calls[a->limit_slot] >= c->w->plan->max_calls_per_agent) {
		sp_count(c->w, SP_STAT_SHED_CALL);
		return deny(c, SP_REASON_OVERLOAD);
	}
	switch (sp_limits_take(&c->w->limit_slots[a->limit_slot], &ask, c->w->now_ns, &c->retry_ms)) {
	case SP_LIMIT_OK:
		c->limit_slot = a->limit_slot;
		c->w->agent_calls[c->limit_slot]++;
		c->counted = true;
		return SP_STEP_CONTINUE;
	case SP_LIMIT_MINUTE:
		return deny(c, SP_REASON_RATE_MINUTE);
	case SP_LIMIT_HOUR:
		return deny(c, SP_REASON_RATE_HOUR);
	case SP_LIMIT_DAY:
		return deny(c, SP_REASON_BUDGET_DAY);
	}
	return deny(c, SP_REASON_INTERNAL);
}
