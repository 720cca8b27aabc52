/// One exchange with one upstream: the request's headers, and the answer gathered or followed as a stream until
/// the one message that ends it.
#include "dataplane/mcp/headers.h"
#include "dataplane/mcp/mcp.h"
#include "common/sha256.h"
#include "common/banned.h"

/// However often progress extends the deadline, a call ends after this many times the upstream's own.
#define DEADLINE_STRETCH 20u

#define SERVER_REQUESTS_MAX 16u ///< of an upstream within one call

static struct sp_exchange *const no_exchange = NULL;

/// Unique over the workers: the upper bits of a number below 2^53 say which one it was.
#define WORKER_SHIFT 46u

void sp_south_mint(struct sp_call *c)
{
	struct sp_out o = sp_out_init(c->south.id, sizeof(c->south.id));
	uint64_t n = ++c->w->south_counter & ((1ull << WORKER_SHIFT) - 1);

	sp_out_u64(&o, (uint64_t)c->w->index << WORKER_SHIFT | n);
	c->south.id_len = (uint32_t)o.len;
}

void sp_south_mint_own(struct sp_call *c)
{
	struct sp_out o = sp_out_init(c->south.id, sizeof(c->south.id));
	uint8_t digest[SP_SHA256];

	if (!c->has_session) {
		sp_south_mint(c);
		return;
	}
	sp_cancel_digest(c, digest);
	sp_out_lit(&o, "\"");
	sp_out_hex(&o, sp_bytes(digest, 10));
	sp_out_lit(&o, "\"");
	c->south.id_len = (uint32_t)o.len;
}

void sp_south_stop(struct sp_call *c)
{
	struct sp_south *s = &c->south;

	if (s->x)
		sp_exchange_cancel(s->x);
	s->x = no_exchange;
	sp_timer_stop(&c->w->wheel, &s->timer);
	if (c->ended)
		sp_call_release(c->w, &s->buf, &s->cap, s->is_sse ? s->cap : s->len);
}

static void fail(struct sp_call *c, enum sp_reason why)
{
	c->south.x = no_exchange;
	sp_timer_stop(&c->w->wheel, &c->south.timer);
	c->reason = why;
	c->south.on_answer(c, NULL, NULL);
}

static void abandon(struct sp_call *c, enum sp_reason why)
{
	if (c->south.x)
		sp_exchange_cancel(c->south.x);
	fail(c, why);
}

static void put_mcp_name(struct sp_out *o, struct sp_bytes name)
{
	if (name.n == 0)
		return;
	sp_out_lit(o, "Mcp-Name: ");
	sp_headers_put_value(o, name);
	sp_out_lit(o, "\r\n");
}

static void put_headers(struct sp_out *o, const struct sp_call *c, const struct sp_south_ask *ask)
{
	const struct sp_south_session *session = &c->south.session;

	if (ask->body.n)
		sp_out_lit(o, "Content-Type: application/json\r\n");
	sp_out_lit(o, "Accept: application/json, text/event-stream\r\n");
	if (ask->modern) {
		sp_out_lit(o, "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: ");
		sp_out_bytes(o, sp_method_name(ask->method));
		sp_out_lit(o, "\r\n");
		put_mcp_name(o, ask->name);
		sp_out_bytes(o, ask->params);
		return;
	}
	if (ask->method == SP_METHOD_INITIALIZE)
		return;
	if (session->revision >= SP_REV_2025_06_18) {
		sp_out_lit(o, "MCP-Protocol-Version: ");
		sp_out_bytes(o, sp_revision_name((enum sp_revision)session->revision));
		sp_out_lit(o, "\r\n");
	}
	if (session->len) {
		sp_out_lit(o, "Mcp-Session-Id: ");
		sp_out_put(o, session->id, session->len);
		sp_out_lit(o, "\r\n");
	}
}

static bool is_event_stream(struct sp_bytes type)
{
	struct sp_bytes sse = SP_LIT("text/event-stream");

	return type.n >= sse.n && sp_bytes_ieq(sp_bytes(type.p, sse.n), sse);
}

static void on_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	struct sp_call *c = user;
	struct sp_south *s = &c->south;
	struct sp_bytes id = sp_http_get(buf, h->header[SP_HDR_SESSION_ID]);

	s->status = h->status;
	s->is_sse = h->status == 200 &&
		is_event_stream(sp_http_get(buf, h->header[SP_HDR_CONTENT_TYPE]));
	s->new_session_len = 0;
	if (id.n && id.n <= SP_SOUTH_SESSION_MAX && sp_http_value_ok(id)) {
		memcpy(s->new_session, id.p, id.n);
		s->new_session_len = (uint32_t)id.n;
	}
	if (s->is_sse && sp_call_grow(c->w, &s->buf, &s->cap, 0, c->w->large.bytes) == 0)
		sp_sse_init(&s->sse, s->buf, s->cap);
	else if (s->is_sse) // no large buffer: on_body says so
		sp_call_release(c->w, &s->buf, &s->cap, 0);
}

/// An error may lack the id, or carry null, when the upstream could not read ours; a result may not.
static bool answers_us(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	if (e->id == SP_JSON_NONE || sp_json_type(j, e->id) == SP_JSON_NULL)
		return e->kind == SP_RPC_ERROR;
	return sp_bytes_eq(sp_json_raw(j, e->id), sp_bytes(c->south.id, c->south.id_len));
}

/// The one answer: read it once more where it lies, check that it is ours, and hand it on.
static void deliver(struct sp_call *c)
{
	const struct sp_plan *p = c->w->plan;
	struct sp_south *s = &c->south;
	struct sp_envelope e;
	struct sp_json j;

	sp_timer_stop(&c->w->wheel, &s->timer);
	if (s->note) {
		if (s->status >= 200 && s->status < 300)
			s->on_answer(c, NULL, NULL);
		else
			fail(c, SP_REASON_UPSTREAM_REFUSED);
		return;
	}
	if (s->status == 401 || s->status == 403) {
		fail(c, SP_REASON_UPSTREAM_REFUSED);
		return;
	}
	if (sp_json_scan(s->message, p->max_json_depth, c->w->tok_south, p->max_json_tokens, &j, NULL) < 0 ||
		sp_envelope_read(&j, &e)) {
		fail(c, SP_REASON_UPSTREAM_INVALID);
		return;
	}
	if (e.kind != SP_RPC_RESULT && e.kind != SP_RPC_ERROR) {
		fail(c, SP_REASON_UPSTREAM_INVALID);
		return;
	}
	if (!answers_us(c, &j, &e)) {
		sp_count(c->w, SP_STAT_UP_STRAY);
		fail(c, SP_REASON_UPSTREAM_INVALID);
		return;
	}
	s->on_answer(c, &j, &e);
}

static void on_final_timer(struct sp_timer *t)
{
	struct sp_call *c = sp_container_of(t, struct sp_call, south.timer);

	if (c->south.x)
		sp_exchange_cancel(c->south.x);
	c->south.x = no_exchange;
	deliver(c);
}

/// A server asks its client something. A ping is answered; what the gateway does not carry is refused, so that
/// the server never waits.
static void answer_server(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_out o = sp_out_init(c->w->scratch, SP_SCRATCH_BYTES);
	const struct sp_south_session *session = &c->south.session;

	sp_out_lit(&o, "{\"jsonrpc\":\"2.0\",\"id\":");
	sp_out_bytes(&o, sp_json_raw(j, e->id));
	if (e->method == SP_METHOD_PING)
		sp_out_lit(&o, ",\"result\":{}}");
	else
		sp_out_lit(&o, ",\"error\":{\"code\":-32601,\"message\":\"not carried by this client\"}}");
	sp_south_tell(c->w, c->snap, c->south.upstream, SP_HTTP_POST,
		(enum sp_revision)session->revision, sp_bytes(session->id, session->len),
		sp_bytes(o.p, o.len));
}

static void begin_stream(struct sp_call *c);

static void on_keepalive(struct sp_timer *t)
{
	struct sp_call *c = sp_container_of(t, struct sp_call, keepalive);

	if (c->conn && !sp_conn_congested(c->conn))
		sp_conn_stream_keepalive(c->conn);
	sp_timer_arm(&c->w->wheel, &c->keepalive, c->w->now_ns + c->w->plan->sse_keepalive_ns);
}

static void begin_stream(struct sp_call *c)
{
	c->streaming = true;
	c->keepalive.fn = on_keepalive;
	sp_timer_arm(&c->w->wheel, &c->keepalive, c->w->now_ns + c->w->plan->sse_keepalive_ns);
	if (c->conn->state != SP_CONN_STREAMING) // an element before may have begun it
		sp_conn_stream_begin(c->conn, c->headers);
}

/// A modern server knows what each request asked for; a legacy one only what was set for its session.
static bool log_wanted(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	return !c->modern || c->south.modern || sp_severity_passes(c->log_level, j, e->params);
}

/// Progress and log notifications of this very call go to the agent at once, its own token restored.
static void relay_notification(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e)
{
	struct sp_south *s = &c->south;
	struct sp_bytes part[3] = {j->text};
	unsigned n = 1;

	if (!s->relay || !c->conn)
		return;
	if (e->method == SP_METHOD_N_PROGRESS) {
		struct sp_bytes raw;

		if (e->progress_token == SP_JSON_NONE || c->progress_len == 0)
			goto stray;
		raw = sp_json_raw(j, e->progress_token);
		if (!sp_bytes_eq(raw, sp_bytes(s->id, s->id_len)))
			goto stray;
		part[0].n = (size_t)(raw.p - j->text.p);
		part[1] = sp_bytes(c->progress, c->progress_len);
		part[2] = sp_bytes(raw.p + raw.n, (size_t)(j->text.p + j->text.n - raw.p - raw.n));
		n = 3;
	} else if (e->method != SP_METHOD_N_MESSAGE) {
		goto stray;
	} else if (!log_wanted(c, j, e)) {
		return;
	}
	if (!c->streaming)
		begin_stream(c);
	sp_count(c->w, SP_STAT_SSE_EVENTS);
	sp_conn_stream_event(c->conn, part, n);
	if (sp_conn_congested(c->conn))
		sp_exchange_pause(s->x);
	return;
stray:
	sp_count(c->w, SP_STAT_UP_STRAY);
}

static void stretch_deadline(struct sp_call *c)
{
	uint64_t each = sp_snap_upstream(c->snap, c->south.upstream)->response_ns;
	uint64_t most = c->south.started_ns + DEADLINE_STRETCH * each;

	if (c->south.until_ns)
		return;
	sp_exchange_deadline(c->south.x, sp_min(c->w->now_ns + each, most));
}

/// Event parser's callback: non-zero stops it, either at the final message or at a violation.
static int on_event(void *user, const struct sp_sse_event *ev)
{
	struct sp_call *c = user;
	struct sp_south *s = &c->south;
	const struct sp_plan *p = c->w->plan;
	struct sp_envelope e;
	struct sp_json j;

	if (ev->data.n == 0)
		return 0; // a priming event, or a server's own keep-alive
	for (size_t i = 0; i < ev->data.n; i++)
		if (ev->data.p[i] == '\n')
			((uint8_t *)ev->data.p)[i] = ' '; // lines of one event: blanks between tokens
	if (sp_json_scan(ev->data, p->max_json_depth, c->w->tok_south, p->max_json_tokens, &j, NULL) < 0 ||
		sp_envelope_read(&j, &e))
		return -EBADMSG;
	switch (e.kind) {
	case SP_RPC_RESULT:
	case SP_RPC_ERROR:
		s->message = ev->data;
		s->final = true;
		return 1;
	case SP_RPC_REQUEST:
		if (s->modern)
			return -EBADMSG; // never on a modern stream
		if (++s->asked > SERVER_REQUESTS_MAX)
			return -EBADMSG;
		answer_server(c, &j, &e);
		break;
	case SP_RPC_NOTIFICATION:
		relay_notification(c, &j, &e);
		break;
	}
	stretch_deadline(c);
	return 0;
}

static void on_body(void *user, const uint8_t *p, size_t n)
{
	struct sp_call *c = user;
	struct sp_south *s = &c->south;

	if (s->final)
		return;
	if (s->is_sse) {
		int r = s->buf ? sp_sse_feed(&s->sse, p, n, on_event, c) : -ENOBUFS;

		if (r < 0)
			abandon(c, r == -EMSGSIZE ? SP_REASON_UPSTREAM_TOO_LARGE :
				r == -ENOBUFS	  ? SP_REASON_OVERLOAD :
						    SP_REASON_UPSTREAM_INVALID);
		else if (s->final) // most servers end the stream in the same breath: then the
			sp_timer_arm(&c->w->wheel, &s->timer, c->w->now_ns); // connection lives on
		return;
	}
	if (s->len + n > c->w->plan->max_answer_bytes) {
		abandon(c, SP_REASON_UPSTREAM_TOO_LARGE);
		return;
	}
	if (sp_call_grow(c->w, &s->buf, &s->cap, s->len, s->len + n) < 0) {
		sp_count(c->w, SP_STAT_SHED_MEMORY);
		abandon(c, SP_REASON_OVERLOAD);
		return;
	}
	memcpy(s->buf + s->len, p, n);
	s->len += n;
}

static void on_done(void *user)
{
	struct sp_call *c = user;
	struct sp_south *s = &c->south;

	s->x = no_exchange;
	if (s->is_sse && !s->final) {
		fail(c, SP_REASON_UPSTREAM_CLOSED);
		return;
	}
	if (!s->is_sse)
		s->message = sp_bytes(s->buf, s->len);
	deliver(c);
}

static void on_failed(void *user, enum sp_reason why, bool sent)
{
	struct sp_call *c = user;

	c->south.sent = sent;
	c->unsent = !sent;
	c->south.x = no_exchange;
	if (why == SP_REASON_UPSTREAM_TIMEOUT && sent && !c->south.final)
		sp_south_expired(c);
	if (c->south.final)
		deliver(c); // the answer was whole before the connection went
	else
		fail(c, why);
}

static const struct sp_exchange_ops exchange_ops = {on_head, on_body, on_done, on_failed};

int sp_south_start(struct sp_call *c, const struct sp_south_ask *ask)
{
	struct sp_south *s = &c->south;
	uint8_t headers[4096];
	struct sp_out o = sp_out_init(headers, sizeof(headers));
	struct sp_exchange_req req;

	put_headers(&o, c, ask);
	if (o.overflow)
		return SP_REASON_PARAMS_INVALID;
	s->on_answer = ask->on_answer;
	s->upstream = ask->upstream;
	s->relay = ask->relay;
	s->modern = ask->modern;
	s->until_ns = ask->until_ns;
	s->note = sp_method_flags(ask->method) & SP_M_NOTE || ask->verb == SP_HTTP_DELETE;
	s->cancellable = !s->note && ask->method != SP_METHOD_INITIALIZE;
	s->is_sse = s->final = s->sent = false;
	c->unsent = false;
	s->asked = 0;
	s->status = 0;
	s->len = 0;
	s->timer.fn = on_final_timer;
	if (s->started_ns == 0)
		s->started_ns = c->w->now_ns;
	req = (struct sp_exchange_req){
		.upstream = ask->upstream,
		.snap = c->snap,
		.verb = ask->verb,
		.headers = sp_bytes(headers, o.len),
		.body = ask->body,
		.idempotent = ask->idempotent,
		.deadline_ns = ask->until_ns,
		.ops = &exchange_ops,
		.user = c,
	};
	return sp_upstream_start(c->w->upstreams, &req, &s->x);
}
