#include "dataplane/conn.h"

#include "dataplane/conn_private.h"
#include "dataplane/mcp/mcp.h"
#include "dataplane/soon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include "common/banned.h"

#define PIPELINED_MAX 16384u
#define CLOSE_LINGER_NS (5 * SP_NS_PER_SEC)

static void on_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n);
static void on_eof(struct sp_stream *s, void *user);
static void on_drained(struct sp_stream *s, void *user);
static void on_soon(const void *user);
static void on_closed(struct sp_stream *s, void *user, int err);

static const struct sp_stream_ops stream_ops = {
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_soon = on_soon,
	.on_closed = on_closed,
};

/// The request's head is complete: it is the body that is waited for.
static bool head_read(const struct sp_conn *c)
{
	return sp_http1_head(c->http)->bytes != 0;
}

static uint64_t state_deadline_ns(const struct sp_conn *c)
{
	const struct sp_plan *p = c->w->plan;

	switch (c->state) {
	case SP_CONN_HANDSHAKE:
		return p->tls_ns;
	case SP_CONN_IDLE:
		return p->idle_ns;
	case SP_CONN_READING:
		return head_read(c) ? p->body_ns : p->head_ns;
	case SP_CONN_FLUSHING:
		return CLOSE_LINGER_NS;
	default:
		return p->write_ns;
	}
}

void sp_conn_set_state(struct sp_conn *c, enum sp_conn_state state)
{
	c->state = state;
	sp_timer_arm(&c->w->wheel, &c->timer, c->w->now_ns + state_deadline_ns(c));
}

static enum sp_stat timeout_stat(const struct sp_conn *c)
{
	switch (c->state) {
	case SP_CONN_HANDSHAKE:
		return SP_STAT_TIMEOUT_TLS;
	case SP_CONN_IDLE:
		return SP_STAT_TIMEOUT_IDLE;
	case SP_CONN_READING:
		return head_read(c) ? SP_STAT_TIMEOUT_BODY : SP_STAT_TIMEOUT_HEAD;
	default:
		return SP_STAT_TIMEOUT_WRITE;
	}
}

static bool serving(const struct sp_conn *c)
{
	return c->state == SP_CONN_BUSY || c->state == SP_CONN_STREAMING;
}

/// A busy connection times out only when its peer does not take what is queued for it.
static bool peer_stalls(const struct sp_conn *c)
{
	if (c->state == SP_CONN_FLUSHING)
		return c->w->now_ns - sp_stream_progress_ns(c->stream) >= CLOSE_LINGER_NS;
	if (!serving(c))
		return true;
	return sp_stream_queued(c->stream) > 0 &&
		c->w->now_ns - sp_stream_progress_ns(c->stream) >= c->w->plan->write_ns;
}

void sp_conn_close(struct sp_conn *c)
{
	if (c->broken || c->state == SP_CONN_FLUSHING)
		return;
	sp_conn_greet_forget(c);
	if (c->tls)
		sp_tls_shutdown(c->tls);
	sp_conn_set_state(c, SP_CONN_FLUSHING);
	sp_stream_close(c->stream);
}

void sp_conn_abort(struct sp_conn *c)
{
	if (c->broken)
		return;
	sp_conn_greet_forget(c);
	c->broken = true;
	c->keep_alive = false;
	sp_stream_abort(c->stream);
}

static int buffer_take(struct sp_conn *c)
{
	if (c->in)
		return 0;
	c->in = sp_bufpool_get(&c->w->small);
	if (!c->in)
		return -ENOBUFS;
	c->in_cap = c->w->small.bytes;
	c->in_len = 0;
	return 0;
}

static void buffer_release(struct sp_conn *c)
{
	sp_call_release(c->w, &c->in, &c->in_cap, c->in_len);
	c->in_len = 0;
}

/// Room for the next bytes: what is over the small buffer moves to a large one, once.
static int buffer_room(struct sp_conn *c)
{
	const uint8_t *was;

	SP_TRY(buffer_take(c));
	if (c->in_len < c->in_cap)
		return 0;
	was = c->in;
	SP_TRY(sp_call_grow(c->w, &c->in, &c->in_cap, c->in_len, c->in_len + 1));
	if (c->call && c->call->body.n)
		c->call->body.p = c->in + (c->call->body.p - was);
	return 0;
}

/// A client that pipelines much behind a request that is being served is not read until that was answered.
static void hold_pipeline(struct sp_conn *c)
{
	if (serving(c) && c->in_len - c->request_bytes > PIPELINED_MAX)
		sp_stream_pause(c->stream);
}

static void refuse_http(struct sp_conn *c, struct sp_http_error e)
{
	struct sp_bytes body[] = {
		SP_LIT("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\""),
		sp_bytes_cstr(e.what),
		SP_LIT("\",\"data\":{\"reason\":\"http_invalid\"}}}"),
	};

	sp_count(c->w, SP_STAT_HTTP_REFUSED);
	c->keep_alive = false;
	sp_conn_set_state(c, SP_CONN_BUSY);
	sp_conn_answer(c, e.status, SP_NOBYTES, body, 3);
}

static void on_deadline(struct sp_timer *t)
{
	struct sp_conn *c = sp_container_of(t, struct sp_conn, timer);
	bool held = c->held;

	// Behind a message of TLS's that is unfinished at one deadline and at the next, too, bytes are held too long.
	c->held = serving(c) && c->tls && sp_tls_holds(c->tls);
	if (!peer_stalls(c) && !(held && c->held)) {
		sp_timer_arm(&c->w->wheel, &c->timer, c->w->now_ns + state_deadline_ns(c));
		return;
	}
	sp_count(c->w, timeout_stat(c));
	if (c->state == SP_CONN_READING)
		refuse_http(c, (struct sp_http_error){408, "the request did not come in time"});
	else if (c->state == SP_CONN_IDLE)
		sp_conn_close(c);
	else
		sp_conn_abort(c);
}

static void begin_request(struct sp_conn *c, size_t used)
{
	c->request_bytes = used;
	c->keep_alive = sp_http1_head(c->http)->keep_alive && !c->w->draining;
	c->held = false;
	sp_count(c->w, SP_STAT_REQUESTS);
	sp_conn_set_state(c, SP_CONN_BUSY);
	sp_mcp_request(c);
}

/// Parse what the buffer holds. True when a request was taken out and answered already, so that the
/// next one (pipelined) may begin.
static bool parse_one(struct sp_conn *c)
{
	size_t used = 0;
	bool had_head;

	if (c->state == SP_CONN_IDLE)
		sp_conn_set_state(c, SP_CONN_READING);
	had_head = head_read(c);
	switch (sp_http1_parse(c->http, c->in, c->in_len, &used)) {
	case SP_HTTP1_HEAD:
		return false;
	case SP_HTTP1_BODY:
		if (had_head)
			return false;
		sp_conn_set_state(c, SP_CONN_READING); // the body has a deadline of its own
		if (sp_http1_head(c->http)->expect_continue)
			sp_conn_write(c, SP_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
		return false;
	case SP_HTTP1_DONE:
		begin_request(c, used);
		break;
	case SP_HTTP1_ERROR:
		refuse_http(c, sp_http1_error(c->http));
		break;
	}
	return c->state == SP_CONN_IDLE && c->in_len > 0 && !c->broken;
}

/// Requests answered at once come back here through sp_conn_answered(): a loop, not recursion, so that
/// a full buffer of pipelined requests costs no stack.
void sp_conn_parse(struct sp_conn *c)
{
	if (c->parsing || c->in_len == 0 || c->broken)
		return;
	if (c->state != SP_CONN_IDLE && c->state != SP_CONN_READING)
		return;
	c->parsing = true;
	while (!sp_conn_congested(c) && parse_one(c))
		;
	c->parsing = false;
}

static void shed_memory(struct sp_conn *c)
{
	sp_count(c->w, SP_STAT_SHED_MEMORY);
	sp_conn_abort(c);
}

static void established(struct sp_conn *c)
{
	sp_tls_info(c->tls, &c->tls_info);
	sp_count(c->w, SP_STAT_HANDSHAKES);
	if (c->tls_info.resumed)
		sp_count(c->w, SP_STAT_RESUMED);
	sp_conn_set_state(c, SP_CONN_IDLE);
}

/// No client of ours half-closes and waits: a request still being served has lost its agent.
static void peer_ended(struct sp_conn *c)
{
	c->peer_eof = true;
	c->keep_alive = false;
	c->parts_n = 0; // they lie in the call
	if (c->call)
		sp_mcp_gone(c);
	sp_conn_close(c);
}

/// Decrypt into the buffer's room; with the buffer full behind a request that is being served, only see
/// whether there is more.
static int tls_take(struct sp_conn *c, size_t *ret_got)
{
	uint8_t probe;
	int r = buffer_room(c);

	if (r == 0)
		return sp_tls_read(c->tls, c->in + c->in_len, c->in_cap - c->in_len, ret_got);
	if (r != -EMSGSIZE || !serving(c))
		return r;
	r = sp_tls_read(c->tls, &probe, 1, ret_got);
	return r ? r : -EMSGSIZE;
}

static void tls_data(struct sp_conn *c, const uint8_t *data, size_t n)
{
	sp_tls_feed(c->tls, data, n);
	while (c->state != SP_CONN_FLUSHING && !c->broken) {
		size_t got = 0;
		int r = tls_take(c, &got);

		if (c->state == SP_CONN_HANDSHAKE && sp_tls_established(c->tls))
			established(c);
		if (r == -EAGAIN)
			break;
		if (r == -EMSGSIZE || r == -ENOBUFS) {
			shed_memory(c);
			return;
		}
		if (r < 0) {
			if (r == -EPROTO)
				sp_count(c->w, SP_STAT_TLS_FAILED);
			peer_ended(c);
			return;
		}
		c->w->stat[SP_STAT_BYTES_IN] += got;
		c->in_len += got;
		sp_conn_parse(c);
	}
	if (c->in && c->in_len == 0 && !serving(c))
		buffer_release(c);
}

void sp_conn_handshake(struct sp_conn *c, const uint8_t *data, size_t n)
{
	if (!c->tls && (!c->w->tls || sp_tls_accept(c->w->tls, c->stream, &c->tls) < 0)) {
		shed_memory(c);
		return;
	}
	tls_data(c, data, n);
}

static void handshake_data(struct sp_conn *c, const uint8_t *data, size_t n)
{
	if (sp_conn_greet_later(c, data, n) < 0) {
		sp_count(c->w, SP_STAT_SHED_HELLO);
		sp_conn_abort(c);
	}
}

static void plain_data(struct sp_conn *c, const uint8_t *data, size_t n)
{
	c->w->stat[SP_STAT_BYTES_IN] += n;
	while (n > 0 && c->state != SP_CONN_FLUSHING && !c->broken) {
		size_t take;

		if (buffer_room(c) < 0) {
			shed_memory(c);
			return;
		}
		take = sp_min(n, c->in_cap - c->in_len);
		memcpy(c->in + c->in_len, data, take);
		c->in_len += take;
		data += take;
		n -= take;
		sp_conn_parse(c);
	}
}

static void on_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct sp_conn *c = user;

	(void)s;
	if (c->agent != SP_SNAP_NONE && c->w->has_policy)
		sp_judge_ahead_agent(sp_worker_snap(c->w), c->agent);
	if (c->state == SP_CONN_HANDSHAKE)
		handshake_data(c, data, n);
	else if (c->secure)
		tls_data(c, data, n);
	else
		plain_data(c, data, n);
	if (!c->broken)
		hold_pipeline(c);
}

static void on_soon(const void *user)
{
	const struct sp_conn *c = user;

	if (c->tls)
		sp_tls_soon(c->tls);
	sp_prefetch(c->http, 2);
	if (!c->bearer_len)
		return;
	sp_prefetch(c->heads, 11);
	sp_prefetch(c->seen, 4);
}

static void on_eof(struct sp_stream *s, void *user)
{
	struct sp_conn *c = user;

	(void)s;
	peer_ended(c);
}

static void on_drained(struct sp_stream *s, void *user)
{
	struct sp_conn *c = user;

	(void)s;
	sp_conn_pump(c);
	if (c->parts_n == 0 && (c->call || c->batch))
		sp_mcp_drained(c);
	sp_conn_parse(c);
}

static void on_closed(struct sp_stream *s, void *user, int err)
{
	struct sp_conn *c = user;

	(void)s;
	(void)err;
	if (c->call)
		sp_mcp_gone(c);
	sp_timer_stop(&c->w->wheel, &c->timer);
	sp_conn_greet_forget(c);
	buffer_release(c);
	c->tls = sp_tls_free(c->tls);
	if (c->bearer_len) {
		sp_wipe(c->seen->bearer, sizeof(c->seen->bearer));
		sp_wipe(&c->seen->principal, sizeof(c->seen->principal));
		sp_wipe(&c->seen->who, sizeof(c->seen->who));
		sp_wipe(c->seen->stand_in, sizeof(c->seen->stand_in));
	}
	sp_http1_forget(c->heads);
	sp_count(c->w, SP_STAT_CLOSED);
	sp_conn_put(c);
}

/// The answer has left: make ready for the next request, or close.
void sp_conn_answered(struct sp_conn *c)
{
	if (!c->keep_alive || c->peer_eof || c->broken || c->w->draining) {
		sp_conn_close(c);
		return;
	}
	c->in_len -= c->request_bytes;
	if (c->in_len)
		memmove(c->in, c->in + c->request_bytes, c->in_len);
	else
		buffer_release(c);
	c->request_bytes = 0;
	sp_stream_resume(c->stream);
	sp_http1_next(c->http);
	sp_conn_set_state(c, SP_CONN_IDLE);
	sp_conn_parse(c);
}

static void out_ipv4(struct sp_out *o, const struct in_addr *a)
{
	uint8_t octet[4];

	memcpy(octet, a, sizeof(octet));
	for (unsigned i = 0; i < sizeof(octet); i++) {
		if (i)
			sp_out_lit(o, ".");
		sp_out_u64(o, octet[i]);
	}
}

/// Written without printf, which took longer than all else of accepting.
static void name_peer(struct sp_conn *c, const struct sockaddr_storage *peer)
{
	struct sp_out o = sp_out_init(c->peer_text, sizeof(c->peer_text) - 1);
	char text[INET6_ADDRSTRLEN] = "";
	unsigned port = 0;

	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *a = (const void *)peer;

		out_ipv4(&o, &a->sin_addr);
		port = ntohs(a->sin_port);
	} else if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const void *)peer;

		inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof(text));
		sp_out_bytes(&o, sp_bytes_cstr(text));
		port = ntohs(a->sin6_port);
	} else {
		sp_out_lit(&o, "unix");
	}
	sp_out_lit(&o, ":");
	sp_out_u64(&o, port);
	SP_BUG_IF(o.overflow);
	c->peer_text[o.len] = 0;
}

static int accept_conn(struct sp_worker *w, struct sp_stream *s, const struct sockaddr_storage *peer,
	bool tls)
{
	struct sp_conn *c;

	if (w->draining)
		return -ESHUTDOWN;
	c = sp_conn_get(w, peer);
	if (!c)
		return -ENOBUFS;
	c->stream = s;
	c->peer = *peer;
	name_peer(c, peer);
	c->timer.fn = on_deadline;
	sp_http1_init(c->http, false,
		&(struct sp_http_limits){w->plan->max_head_bytes, w->plan->max_headers,
			w->plan->max_body_bytes});
	sp_http1_remember(c->http, c->heads);
	c->secure = tls;
	sp_stream_set_ops(s, &stream_ops, c);
	sp_count(w, SP_STAT_ACCEPTED);
	sp_conn_set_state(c, tls ? SP_CONN_HANDSHAKE : SP_CONN_IDLE);
	return 0;
}

int sp_conn_accept_tls(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	struct sp_worker *w = user;

	return w->tls ? accept_conn(w, s, peer, true) : -EAGAIN;
}

int sp_conn_accept_plain(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	return accept_conn(user, s, peer, false);
}

void sp_conn_drain_all(struct sp_worker *w)
{
	for (uint32_t i = 0; i < w->conns.fresh; i++) {
		struct sp_conn *c = sp_conn_nth(w, i);

		if (c->state == SP_CONN_IDLE || c->state == SP_CONN_HANDSHAKE)
			sp_conn_close(c);
	}
}
