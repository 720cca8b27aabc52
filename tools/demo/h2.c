#include "tools/demo/h2.h"

#include "common/clock.h"

#include <nghttp2/nghttp2.h>
#include "common/banned.h"

#define TEXT_MAX 4096u
#define STREAMS_MAX 256u
#define FIELDS_MAX 16u
#define WINDOW (8u << 20)

enum answer_state { ANSWER_HEAD, ANSWER_BODY, ANSWER_CHUNKS, ANSWER_OVER };

struct stream {
	struct stream *next;
	int32_t id;
	struct demo_request r;
	struct demo_buf body, raw,
		out; ///< raw: the answer as HTTP/1.1, as far as it is not yet in out
	size_t out_at, text_n;
	enum answer_state state;
	bool refused, waits; ///< waits: for more of its answer
	struct demo_slow *slow;
	uint64_t due_ns;
	uint8_t text[TEXT_MAX]; ///< what `r` borrows
};

struct demo_h2 {
	struct demo_mcp *m;
	nghttp2_session *session;
	struct stream *streams, *spare;
	struct demo_slow cancels;
	bool has_cancels;
};

static void stream_free(struct stream *s)
{
	demo_buf_done(&s->body);
	demo_buf_done(&s->raw);
	demo_buf_done(&s->out);
	free(s->slow);
	free(s);
}

static struct stream *stream_new(struct demo_h2 *h, int32_t id)
{
	struct stream *s = h->spare;
	struct demo_buf body, raw, out;

	if (s) {
		h->spare = s->next;
		body = s->body;
		raw = s->raw;
		out = s->out;
		body.len = raw.len = out.len = 0;
	} else {
		s = malloc(sizeof(*s));
		SP_BUG_IF(!s);
		body = raw = out = (struct demo_buf){0};
	}
	memset(s, 0, offsetof(struct stream, text));
	s->body = body;
	s->raw = raw;
	s->out = out;
	s->id = id;
	s->next = h->streams;
	h->streams = s;
	return s;
}

static struct stream *find(struct demo_h2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct stream *s = source->ptr;
	size_t n = sp_min(cap, s->out.len - s->out_at);

	(void)session;
	(void)id;
	(void)user;
	if (!n && s->state != ANSWER_OVER) {
		s->waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n)
		memcpy(to, s->out.p + s->out_at, n);
	s->out_at += n;
	if (s->out_at == s->out.len)
		s->out.len = s->out_at = 0;
	if (!s->out.len && s->state == ANSWER_OVER)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/// An answer that is none is how the tool `misbehave` breaks HTTP/1.1: here the stream is reset.
static void reset(struct demo_h2 *h, struct stream *s)
{
	s->state = ANSWER_OVER;
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

static bool is_of_http1(struct sp_bytes name)
{
	return sp_bytes_ieq(name, SP_LIT("connection")) ||
	       sp_bytes_ieq(name, SP_LIT("transfer-encoding"));
}

/// Status and fields of an HTTP/1.1 head: their number, 0 when it is none.
static size_t fields_of(struct sp_bytes head, nghttp2_nv *v, bool *ret_chunked)
{
	const uint8_t *p, *end = head.p + head.n, *line_end;
	size_t n = 1;

	*ret_chunked = false;
	if (head.n < 13 || memcmp(head.p, "HTTP/1.1 ", 9) != 0)
		return 0;
	v[0] = (nghttp2_nv){
		(uint8_t *)":status", (uint8_t *)head.p + 9, 7, 3, NGHTTP2_NV_FLAG_NONE};
	p = memmem(head.p, head.n, "\r\n", 2);
	for (p += 2; p < end && n < FIELDS_MAX; p = line_end + 2) {
		const uint8_t *colon;

		line_end = memmem(p, (size_t)(end - p), "\r\n", 2);
		colon = line_end ? memchr(p, ':', (size_t)(line_end - p)) : NULL;
		if (!colon || colon + 2 > line_end)
			return 0;
		*ret_chunked |=
			sp_bytes_ieq(sp_bytes(p, (size_t)(colon - p)), SP_LIT("transfer-encoding"));
		if (!is_of_http1(sp_bytes(p, (size_t)(colon - p))))
			v[n++] = (nghttp2_nv){(uint8_t *)p, (uint8_t *)colon + 2,
				(size_t)(colon - p), (size_t)(line_end - colon - 2),
				NGHTTP2_NV_FLAG_NONE};
	}
	return n;
}

static void take_head(struct demo_h2 *h, struct stream *s)
{
	const nghttp2_data_provider body = {{.ptr = s}, on_read};
	const uint8_t *end = s->raw.len ? memmem(s->raw.p, s->raw.len, "\r\n\r\n", 4) : NULL;
	nghttp2_nv v[FIELDS_MAX];
	bool chunked;
	size_t head = end ? (size_t)(end - s->raw.p) + 4 : 0;
	size_t n = end ? fields_of(sp_bytes(s->raw.p, head - 2), v, &chunked) : 0;

	if (!n) {
		reset(h, s);
		return;
	}
	nghttp2_submit_response(h->session, s->id, v, n, &body);
	memmove(s->raw.p, s->raw.p + head, s->raw.len - head);
	s->raw.len -= head;
	s->state = chunked ? ANSWER_CHUNKS : ANSWER_BODY;
}

/// Chunks are whole: this server wrote them.
static void take_chunks(struct stream *s)
{
	size_t at = 0;

	while (at < s->raw.len) {
		const uint8_t *line = memmem(s->raw.p + at, s->raw.len - at, "\r\n", 2);
		size_t n = strtoul((const char *)s->raw.p + at, NULL, 16);

		demo_put(&s->out, line + 2, n);
		at = (size_t)(line + 2 - s->raw.p) + n + 2;
		if (!n)
			s->state = ANSWER_OVER;
	}
	s->raw.len = 0;
}

/// What was written as HTTP/1.1 becomes fields and data.
static void take_answer(struct demo_h2 *h, struct stream *s)
{
	if (s->state == ANSWER_HEAD)
		take_head(h, s);
	if (s->state == ANSWER_CHUNKS)
		take_chunks(s);
	if (s->state == ANSWER_BODY) {
		demo_put(&s->out, s->raw.p, s->raw.len);
		s->raw.len = 0;
		s->state = ANSWER_OVER;
	}
	if (s->waits && (s->out.len || s->state == ANSWER_OVER)) {
		s->waits = false;
		nghttp2_session_resume_data(h->session, s->id);
	}
}

static void handle(struct demo_h2 *h, struct stream *s)
{
	struct demo_slow slow;

	s->r.body = demo_bytes(&s->body);
	if (s->refused)
		demo_http_empty(&s->raw, 400, SP_NOBYTES);
	switch (s->refused ? DEMO_ANSWERED : demo_mcp_handle(h->m, &s->r, &s->raw, &slow)) {
	case DEMO_STREAMS:
		s->slow = malloc(sizeof(*s->slow));
		SP_BUG_IF(!s->slow);
		*s->slow = slow;
		s->due_ns = sp_clock_boot_ns() + slow.delay_ms * SP_NS_PER_MS;
		break;
	case DEMO_HANGS:
		return;
	case DEMO_CANCELS:
		h->cancels = slow;
		h->has_cancels = true;
		break;
	case DEMO_LEAVES:
		nghttp2_submit_goaway(
			h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR, NULL, 0);
		break;
	case DEMO_CLOSES:
	case DEMO_ANSWERED:
		break;
	}
	take_answer(h, s);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		nghttp2_session_set_stream_user_data(
			session, frame->hd.stream_id, stream_new(user, frame->hd.stream_id));
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct stream *s = find(user, frame->hd.stream_id);
	struct sp_bytes n = sp_bytes(name, name_n), v;

	(void)session;
	(void)flags;
	if (!s || value_n > TEXT_MAX - s->text_n) {
		if (s)
			s->refused = true;
		return 0;
	}
	memcpy(s->text + s->text_n, value, value_n);
	v = sp_bytes(s->text + s->text_n, value_n);
	s->text_n += value_n;
	if (sp_bytes_eq(n, SP_LIT(":method")))
		s->r.verb = v;
	else if (sp_bytes_eq(n, SP_LIT(":path")))
		s->r.path = v;
	else if (n.p[0] != ':' && demo_http_field(n, v, &s->r) < 0)
		s->refused = true;
	return 0;
}

static int on_data(
	nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct stream *s = find(user, id);

	(void)session;
	(void)flags;
	if (s && s->body.len + n <= DEMO_BODY_MAX)
		demo_put(&s->body, p, n);
	else if (s)
		s->refused = true;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct stream *s = find(user, frame->hd.stream_id);

	(void)session;
	if (s && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		handle(user, s);
	return 0;
}

static void gone(struct demo_h2 *h, const struct stream *s)
{
	if (s->slow)
		demo_ledger_add(h->m->ledger,
			s->slow->modern ? SP_LIT("!cancelled") : SP_LIT("!left"),
			sp_bytes(s->slow->call_ref, s->slow->call_ref_n));
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct demo_h2 *h = user;
	struct stream **at = &h->streams, *s = find(h, id);

	(void)session;
	(void)error;
	if (!s)
		return 0;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	gone(h, s);
	free(s->slow);
	s->slow = NULL;
	s->next = h->spare;
	h->spare = s;
	return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
	nghttp2_session_callbacks *cb;

	SP_BUG_IF(nghttp2_session_callbacks_new(&cb) != 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

struct demo_h2 *demo_h2_new(struct demo_mcp *m)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	};
	nghttp2_session_callbacks *cb = callbacks();
	struct demo_h2 *h = calloc(1, sizeof(*h));

	SP_BUG_IF(!h);
	h->m = m;
	SP_BUG_IF(nghttp2_session_server_new(&h->session, cb, h) != 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, SP_ARRAY_LEN(settings));
	nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
	return h;
}

void demo_h2_free(struct demo_h2 *h)
{
	struct stream *s;

	if (!h)
		return;
	nghttp2_session_del(h->session);
	while ((s = h->streams)) {
		h->streams = s->next;
		gone(h, s);
		stream_free(s);
	}
	while ((s = h->spare)) {
		h->spare = s->next;
		stream_free(s);
	}
	free(h);
}

bool demo_h2_feed(struct demo_h2 *h, struct sp_bytes in)
{
	return nghttp2_session_mem_recv(h->session, in.p, in.n) >= 0;
}

bool demo_h2_drain(struct demo_h2 *h, struct demo_buf *out)
{
	const uint8_t *p;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(h->session, &p)) > 0)
		demo_put(out, p, (size_t)n);
	return n == 0 &&
	       (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session));
}

bool demo_h2_cancels(struct demo_h2 *h, struct demo_slow *ret)
{
	bool has = h->has_cancels;

	if (has)
		*ret = h->cancels;
	h->has_cancels = false;
	return has;
}

bool demo_h2_cancel(struct demo_h2 *h, const struct demo_slow *what)
{
	for (struct stream *s = h->streams; s; s = s->next) {
		if (!s->slow || !demo_slow_same(s->slow, what))
			continue;
		demo_ledger_add(h->m->ledger, SP_LIT("!cancelled"),
			sp_bytes(s->slow->call_ref, s->slow->call_ref_n));
		free(s->slow);
		s->slow = NULL;
		demo_http_chunk(&s->raw, SP_NOBYTES);
		take_answer(h, s);
		return true;
	}
	return false;
}

uint64_t demo_h2_due_ns(const struct demo_h2 *h)
{
	uint64_t due = UINT64_MAX;

	for (const struct stream *s = h->streams; s; s = s->next)
		if (s->slow)
			due = sp_min(due, s->due_ns);
	return due;
}

void demo_h2_run(struct demo_h2 *h, uint64_t now_ns)
{
	for (struct stream *s = h->streams; s; s = s->next) {
		if (!s->slow || s->due_ns > now_ns)
			continue;
		if (demo_mcp_step(h->m, s->slow, &s->raw)) {
			free(s->slow);
			s->slow = NULL;
		} else {
			s->due_ns = now_ns + s->slow->delay_ms * SP_NS_PER_MS;
		}
		take_answer(h, s);
	}
}
