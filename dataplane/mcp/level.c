/// logging/setLevel: a legacy agent before several upstreams sets the level at each of them; those
/// that refuse, or are down, are left out.
#include "dataplane/mcp/compose.h"
#include "dataplane/mcp/handshake.h"
#include "common/banned.h"

int sp_level_ask(struct sp_call *c, sp_south_fn fn)
{
	uint8_t text[160];
	struct sp_out o = sp_out_init(text, sizeof(text));
	struct sp_south_ask ask = {
		.upstream = c->south.upstream,
		.verb = SP_HTTP_POST,
		.method = SP_METHOD_SET_LEVEL,
		.idempotent = true,
		.on_answer = fn,
	};

	sp_south_mint(c);
	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_put(&o, c->south.id, c->south.id_len);
	sp_out_lit(&o, ",\"method\":\"logging/setLevel\",\"params\":{\"level\":\"");
	sp_out_bytes(&o, sp_bytes_cstr(sp_severity_name(c->log_level)));
	sp_out_lit(&o, "\"}}");
	if (o.overflow)
		return SP_REASON_INTERNAL;
	ask.body = sp_bytes(o.p, o.len);
	return sp_south_start(c, &ask);
}

/// A session the worker keeps for several agents' requests: what is set there is known.
static void keep(const struct sp_call *c)
{
	struct sp_south_entry *kept =
		c->south.pooled ? sp_south_get(&c->w->eras, c->south.session.upstream,
					  c->principal.id, c->w->now_ns)
				: NULL;

	if (kept)
		kept->log_level = c->log_level;
}

static int on_ready(struct sp_call *c);

static void finish(struct sp_call *c)
{
	int r = sp_compose_empty(c);

	if (r)
		sp_call_fail(c, (enum sp_reason)r);
	else
		sp_call_finish(c);
}

static void on_set(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (sp_handshake_renew(c, j, e, on_ready))
		return;
	if (!j || e->kind != SP_RPC_RESULT) {
		c->reason = j ? SP_REASON_UPSTREAM_REFUSED : c->reason;
		sp_handshake_skip(c, on_ready, finish);
		return;
	}
	keep(c);
	c->found++;
	c->reason = SP_REASON_NONE;
	sp_handshake_next(c, on_ready, finish);
}

static int on_ready(struct sp_call *c)
{
	if (c->reason == SP_REASON_NONE)
		return sp_level_ask(c, on_set);
	sp_handshake_skip(c, on_ready, finish);
	return SP_REASON_NONE;
}

int sp_level_start(struct sp_call *c)
{
	if (sp_call_route(c)->upstreams.n == 1)
		return sp_relay_start(c);
	c->log_level = sp_severity_parse(
		&c->doc, sp_json_get(&c->doc, c->env.params, SP_LIT("level")));
	if (!c->log_level)
		return SP_REASON_PARAMS_INVALID;
	return sp_handshake_each(c, on_ready, finish);
}
