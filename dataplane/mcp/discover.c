/// server/discover: what the route's upstreams can do together, said by the gateway itself. An upstream that
/// does not answer is left out; when none does, the agent is told why.
#include "dataplane/mcp/compose.h"
#include "dataplane/mcp/handshake.h"
#include "common/banned.h"

static int on_ready(struct sp_call *c);

static void finish(struct sp_call *c)
{
	struct sp_out o;

	if (sp_call_grow(c->w, &c->out, &c->out_cap, 0, 2048) < 0) {
		sp_call_fail(c, SP_REASON_OVERLOAD);
		return;
	}
	o = sp_compose_begin(c);
	sp_out_lit(&o, "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":");
	sp_handshake_put_capabilities(&o, c);
	sp_out_lit(&o, ",\"ttlMs\":60000,\"cacheScope\":\"private\",\"_meta\":{"
		       "\"io.modelcontextprotocol/serverInfo\":"
		       "{\"name\":\"sallyport\",\"version\":\"" SP_VERSION "\"}}}");
	sp_compose_end(c, &o);
	sp_call_finish(c);
}

/// From the upstream at c->pos on; c->reason is why the last one was no use.
static int ask_next(struct sp_call *c)
{
	int why = (int)c->reason;

	for (; c->pos < sp_call_route(c)->upstreams.n; c->pos++) {
		int r = sp_handshake_ready(c, sp_handshake_upstream(c, c->pos), on_ready);

		if (r == SP_REASON_NONE)
			return 0;
		why = r;
	}
	if (c->found == 0)
		return why;
	c->reason = SP_REASON_NONE;
	finish(c);
	return 0;
}

static void next(struct sp_call *c)
{
	int r;

	c->pos++;
	r = ask_next(c);
	if (r)
		sp_call_fail(c, (enum sp_reason)r);
}

static void on_discovered(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (j && e->kind == SP_RPC_RESULT) {
		c->reason = SP_REASON_NONE;
		c->caps |= sp_handshake_capabilities(j, e->result);
		c->found++;
	} else if (j) {
		c->reason = SP_REASON_UPSTREAM_INVALID;
	}
	next(c);
}

/// The upstream's era is settled; a legacy one has said its capabilities when its session was opened.
static int on_ready(struct sp_call *c)
{
	if (c->reason == SP_REASON_NONE && c->south.modern)
		return sp_handshake_ask_discover(c, c->south.upstream, on_discovered);
	if (c->reason == SP_REASON_NONE)
		c->found++;
	next(c);
	return SP_REASON_NONE;
}

int sp_handshake_discover(struct sp_call *c)
{
	return ask_next(c);
}
