#include "dataplane/decide/stages.h"
#include "common/banned.h"

static enum sp_step deny(struct sp_call *c, enum sp_reason why)
{
	c->reason = why;
	return SP_STEP_DENY;
}

static uint32_t route_upstream(const struct sp_call *c, uint32_t i)
{
	const uint32_t *numbers =
		sp_snap_at(c->snap, sp_call_route(c)->upstreams, 0, sizeof(uint32_t));

	return numbers[i];
}

/// "<upstream>__<name>": the upstream by its name, the rest is the name it knows.
static uint32_t prefixed_upstream(struct sp_call *c)
{
	const struct sp_snap_route *route = sp_call_route(c);
	struct sp_bytes name = sp_call_name(c);

	for (uint32_t i = 0; i < route->upstreams.n; i++) {
		uint32_t up = route_upstream(c, i);
		struct sp_bytes prefix = sp_snap_str(c->snap, sp_snap_upstream(c->snap, up)->name);

		if (name.n > prefix.n + 2 && sp_bytes_starts(name, prefix) &&
			name.p[prefix.n] == '_' && name.p[prefix.n + 1] == '_') {
			c->name_prefix = (uint32_t)prefix.n + 2;
			return up;
		}
	}
	return SP_SNAP_NONE;
}

static bool names_something(enum sp_method m)
{
	return m == SP_METHOD_TOOLS_CALL || m == SP_METHOD_PROMPTS_GET;
}

/// Which upstream serves the call, and which action of the policy it is.
enum sp_step sp_stage_route(struct sp_call *c)
{
	const struct sp_snap_route *route = sp_call_route(c);
	bool known;

	if (c->modern ? !route->modern : !route->legacy)
		return deny(c, SP_REASON_VERSION_UNSUPPORTED);
	known = sp_method_flags(c->method) & (c->modern ? SP_M_MODERN : SP_M_LEGACY);
	if (c->method == SP_METHOD_OTHER || !known || sp_method_flags(c->method) & SP_M_FROM_SERVER)
		return c->kind == SP_RPC_REQUEST ? deny(c, SP_REASON_METHOD_UNKNOWN)
						 : SP_STEP_CONTINUE;
	if (!c->modern && !c->has_session && c->method != SP_METHOD_INITIALIZE &&
		c->method != SP_METHOD_PING)
		return deny(c, SP_REASON_SESSION_MISSING);
	if (route->upstreams.n == 0)
		return deny(c, SP_REASON_UPSTREAM_CONNECT);
	c->upstream = route->prefixed && names_something(c->method) ? prefixed_upstream(c)
								    : route_upstream(c, 0);
	if (c->upstream == SP_SNAP_NONE) {
		c->wire_reason = SP_REASON_TOOL_UNKNOWN;
		return deny(c, SP_REASON_TOOL_UNKNOWN);
	}
	return SP_STEP_CONTINUE;
}
