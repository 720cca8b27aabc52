/// Eras and sessions. North, the gateway is the server: it answers initialize and server/discover itself,
/// from what its upstreams say. South it is the client: it probes eras, opens legacy sessions, and
/// keeps some for modern agents.
#include "dataplane/mcp/handshake.h"

#include "dataplane/decide/stages.h"
#include "dataplane/mcp/compose.h"
#include "dataplane/worker_shared.h"
#include "common/sha256.h"

#include <openssl/rand.h>
#include "common/banned.h"

#define GATEWAY_INFO "{\"name\":\"sallyport\",\"version\":\"" SP_VERSION "\"}"

static const struct {
	uint32_t cap;
	const char *member;
	enum sp_method method; ///< passed by the route, or the capability is not offered
} capabilities[] = {
	{SP_CAP_TOOLS, "tools", SP_METHOD_TOOLS_LIST},
	{SP_CAP_PROMPTS, "prompts", SP_METHOD_PROMPTS_LIST},
	{SP_CAP_RESOURCES, "resources", SP_METHOD_RESOURCES_LIST},
	{SP_CAP_COMPLETIONS, "completions", SP_METHOD_COMPLETE},
	{SP_CAP_LOGGING, "logging", SP_METHOD_SET_LEVEL},
};

uint32_t sp_handshake_upstream(const struct sp_call *c, uint32_t i)
{
	const uint32_t *numbers = sp_snap_at(c->snap, sp_call_route(c)->upstreams, 0, sizeof(uint32_t));

	return numbers[i];
}

uint32_t sp_handshake_capabilities(const struct sp_json *j, uint32_t result)
{
	uint32_t object = sp_json_get(j, result, SP_LIT("capabilities")), caps = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(capabilities); i++)
		if (sp_json_get(j, object, sp_bytes_cstr(capabilities[i].member)) != SP_JSON_NONE)
			caps |= capabilities[i].cap;
	return caps;
}

void sp_handshake_put_capabilities(struct sp_out *o, const struct sp_call *c)
{
	bool first = true;

	sp_out_lit(o, "{");
	for (size_t i = 0; i < SP_ARRAY_LEN(capabilities); i++) {
		if (!(c->caps & capabilities[i].cap) ||
			!(sp_call_route(c)->methods >> capabilities[i].method & 1))
			continue;
		if (c->modern && capabilities[i].cap == SP_CAP_LOGGING)
			continue; // a method of the legacy revisions only
		if (!first)
			sp_out_lit(o, ",");
		first = false;
		sp_out_lit(o, "\"");
		sp_out_bytes(o, sp_bytes_cstr(capabilities[i].member));
		sp_out_lit(o, "\":{}");
	}
	sp_out_lit(o, "}");
}

// South: opening a legacy session

static int ask_initialize(struct sp_call *c, uint32_t upstream, enum sp_revision revision, sp_south_fn fn)
{
	struct sp_out o = sp_out_init(c->w->scratch, SP_SCRATCH_BYTES);
	struct sp_south_ask ask = {
		.upstream = upstream,
		.verb = SP_HTTP_POST,
		.method = SP_METHOD_INITIALIZE,
		.idempotent = true,
		.on_answer = fn,
	};

	c->south.session = (struct sp_south_session){
		.upstream = sp_snap_upstream(c->snap, upstream)->identity};
	sp_south_mint(c);
	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_put(&o, c->south.id, c->south.id_len);
	sp_out_lit(&o, ",\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"");
	sp_out_bytes(&o, sp_revision_name(revision));
	sp_out_lit(&o, "\",\"capabilities\":{},\"clientInfo\":" GATEWAY_INFO "}}");
	ask.body = sp_bytes(o.p, o.len);
	return sp_south_start(c, &ask);
}

/// A server that answers the probe, or refuses it in modern words, is modern; any other refusal
/// makes it legacy. No answer at all is no verdict.
static bool sounds_modern(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	int64_t code = 0;

	if (!j)
		return false;
	if (e->kind == SP_RPC_RESULT)
		return true;
	(void)!sp_json_i64(j, sp_json_get(j, e->error, SP_LIT("code")), &code);
	return (code <= -32020 && code >= -32022) || (c->south.status == 404 && code == -32601);
}

/// What an upstream's answer to initialize says: 0, or the reason why it is no use.
static enum sp_reason read_initialized(struct sp_call *c, const struct sp_json *j,
	const struct sp_envelope *e, struct sp_south_session *ret)
{
	struct sp_bytes text;
	enum sp_revision revision;
	uint8_t buf[32];

	if (!j)
		return c->reason;
	if (e->kind != SP_RPC_RESULT)
		return sounds_modern(c, j, e) ? SP_REASON_ERA_UNSERVED : SP_REASON_UPSTREAM_REFUSED;
	if (sp_json_str(j, sp_json_get(j, e->result, SP_LIT("protocolVersion")), buf, sizeof(buf), &text) < 0)
		return SP_REASON_UPSTREAM_INVALID;
	if (sp_revision_parse(text, &revision) < 0 || sp_revision_modern(revision))
		return SP_REASON_ERA_UNSERVED;
	*ret = c->south.session;
	ret->revision = revision;
	ret->len = c->south.new_session_len;
	memcpy(ret->id, c->south.new_session, ret->len);
	c->south.caps = sp_handshake_capabilities(j, e->result);
	c->caps |= c->south.caps;
	return SP_REASON_NONE;
}

static int tell_initialized(struct sp_call *c, uint32_t upstream, const struct sp_south_session *session,
	sp_south_fn fn)
{
	struct sp_south_ask ask = {
		.upstream = upstream,
		.verb = SP_HTTP_POST,
		.method = SP_METHOD_N_INITIALIZED,
		.body = SP_LIT("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"),
		.idempotent = true,
		.on_answer = fn,
	};

	c->south.session = *session;
	return sp_south_start(c, &ask);
}

// South: era and session of one upstream, for a modern agent

static void go_on(struct sp_call *c, enum sp_reason why)
{
	int r = SP_REASON_INTERNAL;

	c->reason = why;
	if (c->conn && sp_call_rescan(c) == 0)
		r = c->ready(c);
	if (r && !why && r != SP_REASON_INTERNAL) {
		c->reason = (enum sp_reason)r; // it could not be asked after all
		r = c->ready(c);
	}
	if (r)
		sp_call_fail(c, (enum sp_reason)r);
}

static void on_pooled_ready(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	(void)j;
	(void)e;
	if (!c->reason)
		sp_south_put(&c->w->eras, c->principal.id, &c->south.session, c->south.caps, c->w->now_ns);
	go_on(c, c->reason);
}

static void on_pooled_initialize(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_south_session session;
	enum sp_reason r = read_initialized(c, j, e, &session);
	int err = r ? (int)r : tell_initialized(c, c->south.upstream, &session, on_pooled_ready);

	if (err)
		go_on(c, (enum sp_reason)err);
}

static int ready_legacy(struct sp_call *c, uint32_t upstream)
{
	uint64_t identity = sp_snap_upstream(c->snap, upstream)->identity;
	struct sp_south_entry *kept = sp_south_get(&c->w->eras, identity, c->principal.id, c->w->now_ns);

	c->south.modern = false;
	c->south.pooled = true;
	c->south.upstream = upstream;
	if (!kept)
		return ask_initialize(c, upstream, SP_REV_2025_11_25, on_pooled_initialize);
	c->south.session = kept->session;
	c->caps |= kept->caps;
	return c->ready(c);
}

bool sp_handshake_lost(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	int64_t code = 0;

	if (c->south.modern || c->south.session.len == 0)
		return false;
	if (c->south.status == 404)
		return true;
	if (c->south.status != 400 || !j || e->kind != SP_RPC_ERROR)
		return false;
	return sp_json_i64(j, sp_json_get(j, e->error, SP_LIT("code")), &code) == 0 && code == -32000;
}

bool sp_handshake_renew(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e,
	int (*go)(struct sp_call *))
{
	int r;

	if (!sp_handshake_lost(c, j, e))
		return false;
	if (c->south.pooled)
		sp_south_drop(&c->w->eras, c->south.session.upstream, c->principal.id);
	if (c->tried_session)
		return false;
	c->tried_session = c->south.pooled;
	c->ready = go;
	c->reason = SP_REASON_NONE;
	r = ready_legacy(c, c->south.upstream);
	if (r)
		go_on(c, (enum sp_reason)r);
	return true;
}

static int ready_modern(struct sp_call *c, uint32_t upstream)
{
	c->south.modern = true;
	c->south.upstream = upstream;
	return c->ready(c);
}

int sp_handshake_ask_discover(struct sp_call *c, uint32_t upstream, sp_south_fn fn)
{
	struct sp_out o = sp_out_init(c->w->scratch, SP_SCRATCH_BYTES);
	struct sp_south_ask ask = {
		.upstream = upstream,
		.modern = true,
		.verb = SP_HTTP_POST,
		.method = SP_METHOD_DISCOVER,
		.idempotent = true,
		.on_answer = fn,
	};

	sp_south_mint(c);
	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_put(&o, c->south.id, c->south.id_len);
	sp_out_lit(&o, ",\"method\":\"server/discover\",\"params\":{\"_meta\":{"
		       "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
		       "\"io.modelcontextprotocol/clientCapabilities\":{},"
		       "\"io.modelcontextprotocol/clientInfo\":" GATEWAY_INFO "}}}");
	ask.body = sp_bytes(o.p, o.len);
	return sp_south_start(c, &ask);
}

static void on_probe(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	uint32_t upstream = c->south.upstream;
	bool modern = sounds_modern(c, j, e);
	int r;

	if (!j && (c->reason != SP_REASON_UPSTREAM_INVALID || c->south.status >= 500)) {
		go_on(c, c->reason);
		return;
	}
	sp_era_put(&c->w->eras, sp_snap_upstream(c->snap, upstream)->identity, modern, c->w->now_ns);
	if (modern) {
		c->south.modern = true;
		go_on(c, SP_REASON_NONE);
		return;
	}
	c->reason = SP_REASON_NONE;
	r = c->conn && sp_call_rescan(c) == 0 ? ready_legacy(c, upstream) : (int)SP_REASON_INTERNAL;
	if (r)
		go_on(c, (enum sp_reason)r);
}

static int ready_for_modern(struct sp_call *c, uint32_t upstream)
{
	const struct sp_snap_upstream *u = sp_snap_upstream(c->snap, upstream);
	int known;

	if (u->era == SP_ERA_MODERN || u->era == SP_ERA_BOTH)
		return ready_modern(c, upstream);
	if (u->era == SP_ERA_LEGACY)
		return ready_legacy(c, upstream);
	known = sp_era_get(&c->w->eras, u->identity, c->w->now_ns);
	if (known < 0)
		return sp_handshake_ask_discover(c, upstream, on_probe);
	return known ? ready_modern(c, upstream) : ready_legacy(c, upstream);
}

static int ready_for_legacy(struct sp_call *c, uint32_t upstream)
{
	const struct sp_snap_upstream *u = sp_snap_upstream(c->snap, upstream);

	if (u->era == SP_ERA_MODERN)
		return SP_REASON_ERA_UNSERVED;
	for (uint32_t i = 0; i < c->session.south_n; i++) {
		if (c->session.south[i].upstream == u->identity) {
			c->south.session = c->session.south[i];
			c->south.modern = c->south.pooled = false;
			c->south.upstream = upstream;
			return c->ready(c);
		}
	}
	// Not of the session: it was down then, or has changed since. It gets one as for modern agents.
	return ready_legacy(c, upstream);
}

int sp_handshake_ready(struct sp_call *c, uint32_t upstream, int (*go)(struct sp_call *))
{
	c->ready = go;
	c->reason = SP_REASON_NONE;
	return c->modern ? ready_for_modern(c, upstream) : ready_for_legacy(c, upstream);
}

static void count_left_out(struct sp_call *c)
{
	if (sp_call_route(c)->upstreams.n > 1)
		sp_count(c->w, SP_STAT_UP_LEFT_OUT);
}

int sp_handshake_each(struct sp_call *c, int (*ready)(struct sp_call *), void (*finish)(struct sp_call *))
{
	int why = (int)c->reason;

	for (; c->pos < sp_call_route(c)->upstreams.n; c->pos++) {
		int r;

		c->tried_session = false;
		r = sp_handshake_ready(c, sp_handshake_upstream(c, c->pos), ready);
		if (r == SP_REASON_NONE)
			return 0;
		count_left_out(c);
		why = r;
	}
	if (c->found == 0)
		return why;
	c->reason = SP_REASON_NONE;
	finish(c);
	return 0;
}

void sp_handshake_next(struct sp_call *c, int (*ready)(struct sp_call *), void (*finish)(struct sp_call *))
{
	int r;

	c->pos++;
	r = sp_handshake_each(c, ready, finish);
	if (r)
		sp_call_fail(c, (enum sp_reason)r);
}

void sp_handshake_skip(struct sp_call *c, int (*ready)(struct sp_call *), void (*finish)(struct sp_call *))
{
	count_left_out(c);
	sp_handshake_next(c, ready, finish);
}

// North: initialize

static void put_member(struct sp_out *o, const struct sp_json *j, uint32_t result, const char *member)
{
	uint32_t t = j ? sp_json_get(j, result, sp_bytes_cstr(member)) : SP_JSON_NONE;

	if (t == SP_JSON_NONE)
		return;
	sp_out_lit(o, ",\"");
	sp_out_bytes(o, sp_bytes_cstr(member));
	sp_out_lit(o, "\":");
	sp_out_bytes(o, sp_json_raw(j, t));
}

/// The session id, as a header line in c->out behind the body.
static int seal_session(struct sp_call *c)
{
	static const char name[] = "Mcp-Session-Id: ";
	struct sp_worker *w = c->w;
	struct sp_session *s = &c->session;
	uint8_t *at = c->out + c->out_len;
	size_t room = c->out_cap - c->out_len, len = 0;

	s->revision = c->revision;
	s->route = sp_snap_hash(sp_snap_str(c->snap, sp_call_route(c)->path));
	s->expires_s = (w->wall_ns + w->plan->session_ns) / SP_NS_PER_SEC;
	memcpy(s->principal, c->principal.id, sizeof(s->principal));
	if (RAND_bytes(s->number, sizeof(s->number)) != 1 || room < sizeof(name) + 2)
		return -EIO;
	memcpy(at, name, sizeof(name) - 1);
	SP_TRY(sp_session_seal(&w->session_keys, s, at + sizeof(name) - 1, room - sizeof(name) - 1, &len));
	len += sizeof(name) - 1;
	at[len++] = '\r';
	at[len++] = '\n';
	c->headers = sp_bytes(at, len);
	c->out_len += len;
	c->has_session = true;
	return 0;
}

/// `j` is the answer of a route's only upstream: its name and instructions are passed on.
static void finish_initialize(struct sp_call *c, const struct sp_json *j, uint32_t result)
{
	struct sp_out o;

	if (sp_call_grow(c->w, &c->out, &c->out_cap, 0,
		    SP_SESSION_TEXT_MAX + 1024 + (j ? j->text.n : 0)) < 0) {
		sp_call_fail(c, SP_REASON_OVERLOAD);
		return;
	}
	o = sp_compose_begin(c);
	sp_out_lit(&o, "{\"protocolVersion\":\"");
	sp_out_bytes(&o, sp_revision_name(c->revision));
	sp_out_lit(&o, "\",\"capabilities\":");
	sp_handshake_put_capabilities(&o, c);
	if (j && sp_json_get(j, result, SP_LIT("serverInfo")) != SP_JSON_NONE)
		put_member(&o, j, result, "serverInfo");
	else
		sp_out_lit(&o, ",\"serverInfo\":" GATEWAY_INFO);
	put_member(&o, j, result, "instructions");
	sp_out_lit(&o, "}");
	sp_compose_end(c, &o);
	if (o.overflow || seal_session(c) < 0)
		sp_call_fail(c, SP_REASON_INTERNAL);
	else
		sp_call_finish(c);
}

static int initialize_next(struct sp_call *c);

/// An upstream that is of no use now is left out of the session; only when all are is the agent told why.
static void on_initialize(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_south_session session;
	enum sp_reason r = read_initialized(c, j, e, &session);
	int err;

	if (r == SP_REASON_NONE && c->session.south_n < SP_SESSION_UPSTREAMS_MAX)
		c->session.south[c->session.south_n++] = session;
	c->reason = r;
	if (r)
		count_left_out(c);
	if (r == SP_REASON_NONE && sp_call_route(c)->upstreams.n == 1) {
		finish_initialize(c, j, e->result);
		return;
	}
	c->pos++;
	err = initialize_next(c);
	if (err)
		sp_call_fail(c, (enum sp_reason)err);
}

static int initialize_next(struct sp_call *c)
{
	for (; c->pos < sp_call_route(c)->upstreams.n; c->pos++) {
		uint32_t up = sp_handshake_upstream(c, c->pos);
		int r = SP_REASON_ERA_UNSERVED;

		if (sp_snap_upstream(c->snap, up)->era != SP_ERA_MODERN)
			r = ask_initialize(c, up, c->revision, on_initialize);
		if (r == SP_REASON_NONE)
			return 0;
		count_left_out(c);
		c->reason = (enum sp_reason)r;
	}
	if (c->session.south_n == 0)
		return (int)c->reason;
	c->reason = SP_REASON_NONE;
	finish_initialize(c, NULL, 0);
	return 0;
}

int sp_handshake_initialize(struct sp_call *c)
{
	uint32_t asked = sp_json_get(&c->doc, c->env.params, SP_LIT("protocolVersion"));
	enum sp_revision revision = SP_REV_2025_11_25;
	struct sp_bytes text;
	uint8_t buf[32];

	if (sp_json_str(&c->doc, asked, buf, sizeof(buf), &text) < 0)
		return SP_REASON_PARAMS_INVALID;
	if (sp_bytes_eq(text, SP_LIT("2024-11-05")))
		revision = SP_REV_2025_03_26; // the oldest that lives on this transport
	else if (sp_revision_parse(text, &revision) < 0 || sp_revision_modern(revision))
		revision = SP_REV_2025_11_25;
	c->revision = revision;
	return initialize_next(c);
}

static void on_initialized(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e);

static int tell_next_initialized(struct sp_call *c)
{
	for (; c->pos < c->session.south_n; c->pos++) {
		uint32_t up = sp_handshake_by_identity(c->snap, c->session.south[c->pos].upstream);

		if (up != SP_SNAP_NONE)
			return tell_initialized(c, up, &c->session.south[c->pos++], on_initialized);
	}
	sp_answer_accepted(c);
	return SP_REASON_NONE;
}

static void on_initialized(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	(void)j;
	(void)e;
	c->reason = SP_REASON_NONE; // an upstream that refuses will refuse the calls, and say so there
	if (tell_next_initialized(c))
		sp_answer_accepted(c);
}

int sp_handshake_initialized(struct sp_call *c)
{
	c->forwarded = true;
	return tell_next_initialized(c);
}

uint32_t sp_handshake_by_identity(const struct sp_snap *s, uint64_t identity)
{
	for (uint32_t i = 0; i < s->h->upstreams.n; i++)
		if (sp_snap_upstream(s, i)->identity == identity)
			return i;
	return SP_SNAP_NONE;
}

static void tell_control_ended(struct sp_worker *w, const struct sp_session *s)
{
	struct sp_control_msg m = {.type = SP_MSG_SESSION_END, .epoch = w->epoch};

	sp_sha256_of(sp_bytes(s->number, sizeof(s->number)), m.payload);
	sp_worker_tell_control(w, &m); // lost: the session still ends by its expiry
}

void sp_handshake_delete(struct sp_call *c)
{
	for (uint32_t i = 0; i < c->session.south_n; i++) {
		const struct sp_south_session *s = &c->session.south[i];
		uint32_t up = sp_handshake_by_identity(c->snap, s->upstream);

		if (up != SP_SNAP_NONE && s->len)
			sp_south_tell(c->w, c->snap, up, SP_HTTP_DELETE, (enum sp_revision)s->revision,
				sp_bytes(s->id, s->len), SP_NOBYTES);
	}
	tell_control_ended(c->w, &c->session);
	sp_conn_answer(c->conn, 200, SP_NOBYTES, NULL, 0);
	sp_call_answered(c);
}
