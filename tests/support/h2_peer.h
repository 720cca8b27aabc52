/// A scripted HTTP/2 server in the same io as the upstream room under test: nghttp2's server session, or
/// bytes as they are told.
#pragma once

#include "tests/support/upstream_run.h"

#include <nghttp2/nghttp2.h>

#define PEERS 8u
#define PEER_PREFACE 24u

struct peer {
	nghttp2_session *session;
	struct sp_stream *stream;
	bool ended; ///< the client sent its FIN
	unsigned requests, resets, goaways;
	uint32_t reset_code;
	int32_t last_id;
	size_t body;        ///< of the last request
	char fields[32768]; ///< of the last request, "name: value\n" each
	char hidden[256];   ///< names of those among them that no table may keep, " name" each
	size_t seen;        ///< bytes of the client
};

static struct {
	struct peer peer[PEERS];
	unsigned n;
	/// Each request that is whole.
	void (*serve)(struct peer *p, int32_t id);
	/// Instead of a session: all the server will ever say, once it has the client's preface.
	struct sp_bytes raw;
	bool raw_close;
	uint32_t max_streams;
	nghttp2_settings_entry extra; ///< of its settings; none = 0
	int32_t connection_window;    ///< 0 = the protocol's
} lab;

struct peer_body {
	size_t left;
	bool pattern;
	const char *text;
};
static struct peer_body peer_bodies[256];
static unsigned peer_bodies_n;

static inline ssize_t peer_read(nghttp2_session *s, int32_t id, uint8_t *to, size_t cap, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct peer_body *b = source->ptr;
	size_t n = sp_min(cap, b->left);

	(void)s;
	(void)id;
	(void)user;
	if (b->text) {
		memcpy(to, b->text, n);
		b->text += n;
	} else {
		memset(to, 'x', n);
	}
	b->left -= n;
	if (!b->left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static inline nghttp2_data_provider peer_data_of(const char *text, size_t n)
{
	struct peer_body *b = &peer_bodies[peer_bodies_n++ % SP_ARRAY_LEN(peer_bodies)];

	*b = (struct peer_body){.left = n, .text = text};
	return (nghttp2_data_provider){{.ptr = b}, peer_read};
}

#define NV(n, v)                                                                                   \
	{                                                                                          \
		(uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, NGHTTP2_NV_FLAG_NONE \
	}

static inline void peer_answer(struct peer *p, int32_t id, const char *text)
{
	const nghttp2_nv v[] = {NV(":status", "200"), NV("content-type", "application/json")};
	nghttp2_data_provider body = peer_data_of(text, strlen(text));

	assert_int_equal(nghttp2_submit_response(p->session, id, v, 2, &body), 0);
}
static inline void peer_fine(struct peer *p, int32_t id)
{
	peer_answer(p, id, "fine");
}
static inline void peer_nothing(struct peer *p, int32_t id)
{
	(void)p;
	(void)id;
}

static inline void peer_flush(struct peer *p)
{
	const uint8_t *b;
	ssize_t n;

	while (p->session && p->stream && (n = nghttp2_session_mem_send(p->session, &b)) > 0)
		if (sp_stream_send(p->stream, b, (size_t)n) < 0)
			return; // the client is gone
}

static inline int peer_on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_n,
	const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct peer *p = user;
	size_t at = strlen(p->fields);

	(void)s;
	if (p->last_id != f->hd.stream_id)
		at = p->hidden[0] = 0;
	p->last_id = f->hd.stream_id;
	if (flags & NGHTTP2_NV_FLAG_NO_INDEX)
		snprintf(p->hidden + strlen(p->hidden), sizeof(p->hidden) - strlen(p->hidden), " %.*s", (int)name_n,
			(const char *)name);
	snprintf(p->fields + at, sizeof(p->fields) - at, "%.*s: %.*s\n", (int)name_n, (const char *)name,
		(int)value_n, (const char *)value);
	return 0;
}
static inline int peer_on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *b, size_t n, void *user)
{
	struct peer *p = user;

	(void)s;
	(void)flags;
	(void)id;
	(void)b;
	p->body += n;
	return 0;
}
static inline int peer_on_frame(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct peer *p = user;

	(void)s;
	if (f->hd.type == NGHTTP2_RST_STREAM) {
		p->resets++;
		p->reset_code = f->rst_stream.error_code;
	}
	p->goaways += f->hd.type == NGHTTP2_GOAWAY;
	if (f->hd.type == NGHTTP2_HEADERS)
		p->body = 0;
	if ((f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) ||
		!(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	p->requests++;
	lab.serve(p, f->hd.stream_id);
	return 0;
}

static inline void peer_bytes(struct sp_stream *s, void *user, const uint8_t *b, size_t n)
{
	struct peer *p = user;
	bool had = p->seen >= PEER_PREFACE;

	(void)s;
	p->seen += n;
	if (p->session) {
		(void)nghttp2_session_mem_recv(p->session, b, n);
		peer_flush(p);
	} else if (!had && p->seen >= PEER_PREFACE) {
		assert_int_equal(sp_stream_send(p->stream, lab.raw.p, lab.raw.n), 0);
		if (lab.raw_close)
			sp_stream_close(p->stream);
	}
}
static inline void peer_eof(struct sp_stream *s, void *user)
{
	struct peer *p = user;

	p->ended = true;
	sp_stream_close(s);
}
static inline void peer_gone(struct sp_stream *s, void *user, int err)
{
	struct peer *p = user;

	(void)s;
	(void)err;
	p->stream = NULL;
	p->ended = true;
}
static const struct sp_stream_ops peer_ops = {
	.on_data = peer_bytes, .on_eof = peer_eof, .on_closed = peer_gone};

static inline int peer_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *from)
{
	nghttp2_settings_entry said[2];
	size_t said_n = 0;
	struct peer *p = &lab.peer[lab.n++];
	nghttp2_session_callbacks *cb;

	(void)user;
	(void)from;
	assert_true(lab.n <= PEERS);
	p->stream = s;
	sp_stream_set_ops(s, &peer_ops, p);
	if (lab.raw.p)
		return 0;
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, peer_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, peer_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, peer_on_frame);
	assert_int_equal(nghttp2_session_server_new(&p->session, cb, p), 0);
	nghttp2_session_callbacks_del(cb);
	if (lab.max_streams)
		said[said_n++] = (nghttp2_settings_entry){
			NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, lab.max_streams};
	if (lab.extra.settings_id)
		said[said_n++] = lab.extra;
	assert_int_equal(nghttp2_submit_settings(p->session, 0, said, said_n), 0);
	if (lab.connection_window)
		assert_int_equal(nghttp2_session_set_local_window_size(
					 p->session, 0, 0, lab.connection_window),
			0);
	peer_flush(p);
	return 0;
}

static inline struct sp_snap_in_upstream lab_upstream(void)
{
	struct sp_snap_in_upstream up = upstream_at(7);

	up.breaker_failures = 0; // never opens
	up.http = SP_UP_HTTP_2;
	up.connect_ns = up.response_ns = up.idle_ns = 30 * SP_NS_PER_SEC; // no test takes that many turns
	return up;
}

static inline void lab_begin_with(struct client *k, const struct sp_io_conf *io, size_t piece,
	void (*serve)(struct peer *, int32_t))
{
	struct sp_snap_in_upstream up = lab_upstream();

	memset(k, 0, sizeof(*k));
	memset(&lab, 0, sizeof(lab));
	lab.serve = serve;
	k->in_memory = true;
	assert_int_equal(sp_io_mem_new(io, &k->io), 0);
	sp_io_mem_chunk(k->io, piece);
	assert_int_equal(sp_io_listen(k->io, 7, peer_accept, NULL), 0);
	client_begin(k, &up);
}

/// A client in memory whose upstream is the lab's server.
static inline void lab_begin(struct client *k, size_t piece, void (*serve)(struct peer *, int32_t))
{
	const struct sp_io_conf io = {.max_streams = 64, .blocks = 256, .recv_buffers = 64};

	lab_begin_with(k, &io, piece, serve);
}

static struct {
	size_t n;
	bool head, done;
} flow;
static inline void flow_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	(void)user;
	(void)h;
	(void)buf;
	flow.head = true;
}
static inline void flow_body(void *user, const uint8_t *p, size_t n)
{
	(void)user;
	(void)p;
	flow.n += n;
}
static inline void flow_done(void *user)
{
	(void)user;
	flow.done = true;
}
static inline void flow_failed(void *user, enum sp_reason why, bool sent)
{
	(void)user;
	(void)sent;
	fail_msg("failed: %s", sp_reason_info(why)->name);
}
static inline void serve_flood(struct peer *p, int32_t id)
{
	const nghttp2_nv v[] = {NV(":status", "200")};
	nghttp2_data_provider body = peer_data_of(NULL, 8u << 20);

	if (p->requests > 1) {
		peer_fine(p, id);
		return;
	}
	assert_int_equal(nghttp2_submit_response(p->session, id, v, 1, &body), 0);
}
/// An answer of 8 MiB whose head came.
static inline struct sp_exchange *flood_begin(struct client *k)
{
	static const struct sp_exchange_ops counting = {flow_head, flow_body, flow_done, flow_failed};
	struct sp_exchange_req req = {.verb = SP_HTTP_POST, .body = REQ, .ops = &counting};
	struct sp_exchange *x;

	memset(&flow, 0, sizeof(flow));
	lab_begin(k, 16384, serve_flood);
	req.snap = &k->snap;
	assert_int_equal(sp_upstream_start(k->u, &req, &x), 0);
	while (!flow.head)
		turn(k);
	return x;
}

static inline void lab_raw(struct client *k, struct sp_bytes raw, bool close)
{
	lab_begin(k, 16384, peer_nothing);
	lab.raw = raw;
	lab.raw_close = close;
}

static inline void lab_end(struct client *k)
{
	client_free(k);
	for (unsigned i = 0; i < lab.n; i++)
		nghttp2_session_del(lab.peer[i].session);
}
