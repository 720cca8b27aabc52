/// HTTP/2 connections: their life, their streams, and what they send, once a turn.
#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

static int make_option(nghttp2_option **ret)
{
	if (nghttp2_option_new(ret) != 0)
		return -ENOMEM;
	nghttp2_option_set_no_auto_window_update(*ret, 1);
	nghttp2_option_set_peer_max_concurrent_streams(*ret, UP_H2_STREAMS_HOPED);
	nghttp2_option_set_max_outbound_ack(*ret, 64);
	nghttp2_option_set_max_settings(*ret, 32);
	nghttp2_option_set_max_continuations(*ret, 8);
	return 0;
}

int up_h2_shared_new(struct sp_upstreams *u)
{
	struct up_h2_shared *s = u->h2 = calloc(1, sizeof(*s));

	if (!s || make_option(&s->option) < 0 ||
		nghttp2_session_callbacks_new(&s->callbacks) != 0 || up_h2_mem_new(&s->mem) < 0)
		return -ENOMEM;
	up_h2_set_callbacks(s->callbacks);
	return 0;
}

void up_h2_shared_free(struct sp_upstreams *u)
{
	if (!u->h2)
		return;
	nghttp2_option_del(u->h2->option);
	nghttp2_session_callbacks_del(u->h2->callbacks);
	up_h2_mem_free(u->h2->mem);
	free(u->h2);
	u->h2 = NULL;
}

static int greet(struct up_h2 *h)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UP_H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->conn->u->head_cap},
	};

	if (nghttp2_submit_settings(
		    h->session, NGHTTP2_FLAG_NONE, settings, SP_ARRAY_LEN(settings)) != 0)
		return -ENOMEM;
	return nghttp2_session_set_local_window_size(
		       h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)UP_H2_WINDOW) == 0
		       ? 0
		       : -ENOMEM;
}

int up_h2_open(struct up_conn *c)
{
	struct up_h2_shared *s = c->u->h2;
	struct up_h2 *h = calloc(1, sizeof(*h) + c->pool->line_tail.n);

	if (!h)
		return -ENOMEM;
	h->conn = c;
	h->credit = UP_H2_CREDIT_MAX;
	h->credit_ns = h->heard_ns = up_now(c->u);
	c->h2 = h;
	up_h2_prepare(h);
	if (nghttp2_session_client_new3(&h->session, s->callbacks, h, s->option, up_h2_mem_ops(s->mem)) != 0 ||
		greet(h) < 0) {
		up_count(c->u, SP_STAT_SHED_MEMORY);
		up_h2_free(c);
		return -ENOMEM;
	}
	return 0;
}

static void clean(struct up_h2 *h)
{
	struct up_h2 **at = &h->conn->u->dirty;

	if (!h->dirty)
		return;
	while (*at != h)
		at = &(*at)->dirty_next;
	*at = h->dirty_next;
	h->dirty = false;
}

void up_h2_free(struct up_conn *c)
{
	struct up_h2 *h = c->h2;

	if (!h)
		return;
	clean(h);
	nghttp2_session_del(h->session);
	sp_wipe(h->text, c->pool->line_tail.n);
	free(h);
	c->h2 = NULL;
}

/// Before it says so a server is thought to take as many as it did on the connection before, or
/// one.
static bool has_room(const struct up_h2 *h)
{
	uint32_t most = sp_max(h->conn->pool->streams_most, 1u);

	if (h->settled)
		most = nghttp2_session_get_remote_settings(
			h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	return !h->retired && h->streams_n < sp_min(most, UP_H2_STREAMS_MAX);
}

struct up_conn *up_h2_room(const struct up_pool *p)
{
	struct up_conn *c = p->shared;

	while (c && !has_room(c->h2))
		c = c->next;
	return c;
}

bool up_h2_is_settled(const struct up_conn *c)
{
	return c->h2->settled;
}

bool up_h2_is_retired(const struct up_conn *c)
{
	return c->h2->retired;
}

enum sp_reason up_h2_reason(int error)
{
	return error == -E2BIG ? SP_REASON_PARAMS_INVALID : SP_REASON_OVERLOAD;
}

uint32_t up_h2_streams_hoped(const struct up_pool *p)
{
	return p->streams_most ? sp_min(p->streams_most, UP_H2_STREAMS_MAX) : UP_H2_STREAMS_HOPED;
}

bool up_h2_hoped(const struct up_pool *p)
{
	return p->speaks != SP_UP_HTTP_1;
}

void up_h2_settled(struct up_h2 *h)
{
	struct up_pool *p = h->conn->pool;

	if (!h->settled)
		p->dialing_n--;
	h->settled = true;
	p->streams_most = nghttp2_session_get_remote_settings(
		h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (p->wait_head)
		up_serve_waiting(p);
}

void up_h2_mark(struct up_conn *c)
{
	struct up_h2 *h = c->h2;

	if (h->dirty)
		return;
	h->dirty = true;
	h->dirty_next = c->u->dirty;
	c->u->dirty = h;
}

bool up_h2_unused(const struct up_conn *c)
{
	return !c->h2->streams_n;
}

void up_h2_retire(struct up_conn *c)
{
	struct up_h2 *h = c->h2;

	if (!h->settled)
		c->pool->dialing_n--; // nobody need wait for it
	c->pool->leaving_n += !h->retired;
	h->settled = h->retired = true;
	up_h2_mark(c);
}

void up_h2_silent(const struct sp_exchange *x)
{
	const struct up_conn *c = x->conn;

	if (c && c->state == UP_SHARED && c->h2->heard_ns < x->begun_ns)
		up_h2_retire(x->conn);
}

static void attach(struct up_h2 *h, struct sp_exchange *x)
{
	x->conn = h->conn;
	x->state = UP_X_CONN;
	x->prev = NULL;
	x->next = h->streams;
	if (h->streams)
		h->streams->prev = x;
	h->streams = x;
	h->streams_n++;
}

int up_h2_begin(struct up_conn *c, struct sp_exchange *x)
{
	struct up_h2 *h = c->h2;
	int r;

	x->began = x->head_shown = x->reset = false;
	x->interim = 0;
	x->held = 0;
	x->begun_ns = up_now(c->u);
	r = up_h2_submit(h, x);
	if (r == -EAGAIN)
		up_h2_retire(c);
	if (r < 0)
		return r == -E2BIG ? r : -ENOBUFS;
	if (c->warm)
		up_count(c->u, SP_STAT_UP_REUSED);
	up_count(c->u, SP_STAT_UP_STREAMS);
	attach(h, x);
	up_h2_mark(c);
	if (nghttp2_session_get_next_stream_id(h->session) > INT32_MAX)
		up_h2_retire(c); // it was the last
	return 0;
}

void up_h2_detach(struct sp_exchange *x, bool reset)
{
	struct up_conn *c = x->conn;
	struct up_h2 *h = c->h2;

	if (x->prev)
		x->prev->next = x->next;
	else
		h->streams = x->next;
	if (x->next)
		x->next->prev = x->prev;
	h->streams_n--;
	x->conn = NULL;
	if (h->reading == x)
		h->reading = NULL;
	if (c->state != UP_SHARED)
		return;
	nghttp2_session_set_stream_user_data(h->session, x->stream_id, NULL);
	// What the peer sent before it knew is dropped without being told of.
	h->unknown -= 2 * (int64_t)UP_H2_STREAM_WINDOW;
	if (reset)
		(void)nghttp2_submit_rst_stream(
			h->session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_CANCEL);
	up_h2_mark(c);
	if (!h->streams_n)
		up_conn_unused(c);
}

void up_h2_resume(struct sp_exchange *x)
{
	(void)nghttp2_session_consume_stream(x->conn->h2->session, x->stream_id, x->held);
	x->held = 0;
	up_h2_mark(x->conn);
}

void up_h2_answered(struct sp_exchange *x)
{
	struct up_conn *c = x->conn;
	struct up_h2 *h = c->h2;
	struct up_pool *p = c->pool;

	// Without waiting for the end of the request, the peer may answer (RFC 9113 8.1).
	up_h2_detach(x, !nghttp2_session_get_stream_local_close(h->session, x->stream_id));
	h->credit = sp_min(h->credit + UP_H2_CREDIT_ANSWER, UP_H2_CREDIT_MAX);
	h->unknown = sp_min(h->unknown, 0);
	c->warm = true;
	up_breaker_success(p);
	if (p->wait_head)
		up_serve_waiting(p);
	up_exchange_done(x);
}

void up_h2_refused(struct sp_exchange *x)
{
	x->sent = x->in_doubt;
	if (x->retried)
		up_exchange_fail(x, SP_REASON_UPSTREAM_CLOSED);
	else
		up_exchange_retry(x);
}

void up_h2_lost(struct up_conn *c, enum sp_reason why)
{
	struct up_h2 *h = c->h2;
	bool counted = false;

	up_conn_drop(c);
	while (h->streams) {
		struct sp_exchange *x = h->streams;
		bool again = !x->sent || (c->warm && x->idempotent && !x->began);

		up_h2_detach(x, false);
		if (again && !x->retried && why == SP_REASON_UPSTREAM_CLOSED) {
			up_exchange_retry(x);
			continue;
		}
		x->excused = counted && !x->probe;
		counted = true;
		up_exchange_fail(x, why);
	}
}

/// What the peer did ends the connection.
static void violated(struct up_conn *c)
{
	up_count(c->u, SP_STAT_UP_VIOLATIONS);
	up_h2_lost(c, SP_REASON_UPSTREAM_INVALID);
}

static void starved(struct up_conn *c)
{
	up_count(c->u, SP_STAT_SHED_MEMORY);
	up_h2_lost(c, SP_REASON_OVERLOAD);
}

void up_h2_data(struct up_conn *c, const uint8_t *p, size_t n)
{
	struct up_h2 *h = c->h2;
	ssize_t r;

	h->heard_ns = up_now(c->u);
	h->unknown += (int64_t)n;
	h->taken = 0;
	h->inside = true;
	r = nghttp2_session_mem_recv(h->session, p, n);
	h->inside = false;
	if (c->state != UP_SHARED)
		return;
	if (r >= 0 && h->taken && nghttp2_session_consume_connection(h->session, h->taken) < 0)
		r = NGHTTP2_ERR_NOMEM;
	if (r == NGHTTP2_ERR_NOMEM)
		starved(c);
	else if (r < 0 || h->unknown > UP_H2_UNKNOWN_MAX)
		violated(c);
	else
		up_h2_mark(c);
}

static int put(struct up_conn *c, const uint8_t *p, size_t n)
{
	return c->tls ? up_secure_write(c, p, n) : sp_stream_send(c->stream, p, n);
}

/// Frames of one turn go out in as few pieces, of which each is a record or less than a block, as
/// they fit, whatever comes next. Callbacks run meanwhile, which may use u->out. Returns the bytes
/// gathered; *ret and *ret_n are a frame too large for that, if any.
static ssize_t gather(struct up_h2 *h, const uint8_t **ret, size_t *ret_n)
{
	struct sp_upstreams *u = h->conn->u;
	size_t have = 0;

	*ret_n = 0;
	while (have + UP_H2_FRAME_ROOM <= UP_H2_RECORD_MAX) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(h->session, &p);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		if ((size_t)n > UP_H2_FRAME_ROOM) {
			*ret = p;
			*ret_n = (size_t)n;
			break;
		}
		memcpy(u->gather + have, p, (size_t)n);
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/// What nghttp2 gave is lost when it does not fit, so that room is had first. Returns 0 when nothing is
/// left.
static ssize_t send_some(struct up_h2 *h)
{
	struct up_conn *c = h->conn;
	const uint8_t *p;
	size_t room, large;
	ssize_t n;

	if (!sp_stream_reserve(c->stream, UP_H2_ROOM, &room))
		return -EAGAIN;
	sp_stream_commit(c->stream, 0);
	h->inside = c->u->pumping = true;
	n = gather(h, &p, &large);
	h->inside = c->u->pumping = false;
	if (c->state != UP_SHARED)
		return 0;
	if (n < 0 || (n && put(c, c->u->gather, (size_t)n) < 0) || (large && put(c, p, large) < 0))
		return -ENOBUFS;
	return n + (ssize_t)large;
}

/// All that nghttp2 has to say, as far as the queue takes it: 0, -EAGAIN (blocks ran out for now),
/// or the connection is of no use any more.
static int pump(struct up_h2 *h)
{
	ssize_t n = 1;

	while (n > 0 && nghttp2_session_want_write(h->session) &&
		sp_stream_queued(h->conn->stream) < SP_IO_TX_HIGH)
		n = send_some(h);
	return (int)sp_min(n, (ssize_t)0);
}

void up_h2_goodbye(struct up_conn *c)
{
	struct up_h2 *h = c->h2;

	if (h->inside || c->u->pumping) // the frames of another are being gathered
		return;
	(void)nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
	(void)pump(h);
}

/// True when blocks ran out: it has to be tried again.
static bool flush(struct up_h2 *h)
{
	struct up_conn *c = h->conn;
	int r;

	if (c->state != UP_SHARED)
		return false;
	r = pump(h);
	if (r == -EAGAIN || c->state != UP_SHARED)
		return r == -EAGAIN;
	if (h->violated) {
		violated(c);
	} else if (r < 0) {
		starved(c);
	} else if (!nghttp2_session_want_read(h->session) &&
		   !nghttp2_session_want_write(h->session)) {
		up_h2_lost(c, SP_REASON_UPSTREAM_CLOSED);
	} else {
		if (c->pool->wait_head) // a stream came free, or the connection leaves
			up_serve_waiting(c->pool);
		if (h->retired && !h->streams_n)
			up_conn_close(c);
	}
	return false;
}

void sp_upstreams_flush(struct sp_upstreams *u)
{
	struct up_h2 *again = NULL, *h;

	while ((h = u->dirty)) {
		u->dirty = h->dirty_next;
		h->dirty = false;
		if (!flush(h) || h->dirty)
			continue;
		h->dirty = true; // it is listed, if elsewhere
		h->dirty_next = again;
		again = h;
	}
	u->dirty = again;
}
