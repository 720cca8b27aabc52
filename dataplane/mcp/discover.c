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

static void on_discovered(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (!j || e->kind != SP_RPC_RESULT) {
		c->reason = j ? SP_REASON_UPSTREAM_INVALID : c->reason;
		sp_handshake_skip(c, on_ready, finish);
		return;
	}
	c->reason = SP_REASON_NONE;
	c->caps |= sp_handshake_capabilities(j, e->result);
	c->found++;
	sp_handshake_next(c, on_ready, finish);
}

/// The upstream's era is settled; a legacy one has said its capabilities when its session was opened.
static int on_ready(struct sp_call *c)
{
	if (c->reason == SP_REASON_NONE && c->south.modern)
		return sp_handshake_ask_discover(c, c->south.upstream, on_discovered);
	if (c->reason != SP_REASON_NONE) {
		sp_handshake_skip(c, on_ready, finish);
		return SP_REASON_NONE;
	}
	c->found++;
	sp_handshake_next(c, on_ready, finish);
	return SP_REASON_NONE;
}

int sp_handshake_discover(struct sp_call *c)
{
	return sp_handshake_each(c, on_ready, finish);
}
