/// Requests that go to one upstream and come back as they are.
#include "dataplane/mcp/compose.h"
#include "dataplane/mcp/handshake.h"
#include "common/banned.h"

static void on_answer(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (!j) {
		sp_call_fail(c, c->reason);
		return;
	}
	sp_compose_answer(c, j, e);
	sp_call_finish(c);
}

static int go(struct sp_call *c);

static void on_relayed(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (!sp_handshake_lost(c, j, e)) {
		c->relayed(c, j, e);
		return;
	}
	if (!c->south.pooled) { // the agent starts anew, as it would with the upstream itself
		c->reason = SP_REASON_NONE;
		sp_call_fail(c, SP_REASON_SESSION_UNKNOWN);
		return;
	}
	c->set_level = false;
	if (!sp_handshake_renew(c, j, e, go))
		sp_call_fail(c, SP_REASON_UPSTREAM_INVALID);
}

int sp_relay_params_agree(struct sp_call *c)
{
	struct sp_bytes name = sp_bytes(c->name + c->name_prefix, c->name_len - c->name_prefix);

	if (!c->modern || c->method != SP_METHOD_TOOLS_CALL)
		return 0;
	return sp_param_cache_agree(&c->w->params, sp_snap_upstream(c->snap, c->upstream)->identity,
		name, sp_http1_head(c->conn->http), c->conn->in, &c->doc, c->env.arguments,
		c->w->now_ns);
}

static void put_param_headers(const struct sp_call *c, struct sp_out *o)
{
	const struct sp_http_head *head = sp_http1_head(c->conn->http);

	for (uint32_t i = 0; i < head->params_n; i++) {
		sp_out_lit(o, "Mcp-Param-");
		sp_out_bytes(o, sp_http_get(c->conn->in, head->param_name[i]));
		sp_out_lit(o, ": ");
		sp_out_bytes(o, sp_http_get(c->conn->in, head->param_value[i]));
		sp_out_lit(o, "\r\n");
	}
}

static bool safe_to_repeat(enum sp_method m)
{
	return m != SP_METHOD_TOOLS_CALL && m != SP_METHOD_SET_LEVEL &&
		m != SP_METHOD_RESOURCES_SUBSCRIBE && m != SP_METHOD_RESOURCES_UNSUBSCRIBE;
}

static int start(struct sp_call *c, uint8_t *text, size_t cap)
{
	struct sp_out o = sp_out_init(text, cap);
	uint8_t params[2048];
	struct sp_out h = sp_out_init(params, sizeof(params));
	struct sp_south_ask ask = {
		.upstream = c->upstream,
		.modern = c->south.modern,
		.verb = SP_HTTP_POST,
		.method = c->method,
		.idempotent = safe_to_repeat(c->method),
		.relay = true,
		.on_answer = on_relayed,
	};

	sp_compose_request(c, &o);
	if (ask.modern) {
		ask.name = sp_bytes(c->name + c->name_prefix, c->name_len - c->name_prefix);
		put_param_headers(c, &h);
	}
	if (o.overflow || h.overflow)
		return SP_REASON_BODY_TOO_LARGE;
	ask.body = sp_bytes(o.p, o.len);
	ask.params = sp_bytes(h.p, h.len);
	return sp_south_start(c, &ask);
}

/// The session at a legacy server, when its log level must be lowered for what this request asks.
static struct sp_south_entry *level_to_set(const struct sp_call *c)
{
	struct sp_south_entry *kept;

	if (!c->log_level || c->set_level || c->south.modern || !c->south.pooled)
		return NULL;
	kept = sp_south_get(&c->w->eras, c->south.session.upstream, c->principal.id, c->w->now_ns);
	if (!kept || !(kept->caps & SP_CAP_LOGGING))
		return NULL;
	return kept->log_level && kept->log_level <= c->log_level ? NULL : kept;
}

static void on_level_set(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_south_entry *kept = level_to_set(c);
	int r = SP_REASON_INTERNAL;

	if (kept && j && e->kind == SP_RPC_RESULT)
		kept->log_level = c->log_level;
	c->set_level = true; // a server that refuses still serves the call
	c->reason = SP_REASON_NONE;
	if (c->conn && sp_call_rescan(c) == 0)
		r = go(c);
	if (r)
		sp_call_fail(c, (enum sp_reason)r);
}

static int go(struct sp_call *c)
{
	size_t need = c->body.n + 128, cap = 0;
	uint8_t *big = NULL;
	int r;

	if (c->reason)
		return (int)c->reason;
	if (level_to_set(c))
		return sp_level_ask(c, on_level_set);
	sp_south_mint_own(c);
	if (need <= SP_SCRATCH_BYTES)
		return start(c, c->w->scratch, SP_SCRATCH_BYTES);
	if (sp_call_grow(c->w, &big, &cap, 0, need) < 0)
		return SP_REASON_OVERLOAD;
	r = start(c, big, cap);
	sp_call_release(c->w, &big, &cap, need);
	return r;
}

int sp_relay_start_with(struct sp_call *c, sp_south_fn fn)
{
	c->relayed = fn;
	return sp_handshake_ready(c, c->upstream, go);
}

int sp_relay_start(struct sp_call *c)
{
	return sp_relay_start_with(c, on_answer);
}
