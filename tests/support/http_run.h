/// Drives the HTTP parsers in tests: in one piece, in pieces, gathered, streamed, and llhttp alone
/// for comparison. Results own their memory; compare with http_same().
#pragma once

#include "dataplane/http/http1.h"

#include <llhttp.h>

struct http_result {
	enum sp_http1_state state;
	struct sp_http_error error;
	struct sp_http_head head;
	size_t used;
	uint8_t *body;
	size_t body_len;
};

static const struct sp_http_limits http_limits = {
	.max_head_bytes = 4096, .max_headers = 32, .max_body_bytes = 65536};

static inline void http_result_done(struct http_result *r)
{
	free(r->body);
	r->body = NULL;
}

static inline int http_take_body(void *user, const uint8_t *p, size_t n)
{
	struct http_result *r = user;

	r->body = realloc(r->body, r->body_len + n);
	SP_BUG_IF(!r->body);
	memcpy(r->body + r->body_len, p, n);
	r->body_len += n;
	return 0;
}

static inline void http_collect(struct http_result *r, struct sp_http1 *p, const uint8_t *buf)
{
	struct sp_http_span b;

	r->error = sp_http1_error(p);
	if (r->state == SP_HTTP1_DONE || r->state == SP_HTTP1_BODY)
		r->head = *sp_http1_head(p);
	if (r->state == SP_HTTP1_DONE && buf) {
		b = sp_http1_body(p);
		http_take_body(r, buf + b.off, b.len);
	}
}

/// Where the next piece ends; `cut` is called with the offset reached and the length.
typedef size_t (*http_cut_fn)(void *user, size_t at, size_t n);

/// Parse `msg` as it arrives in pieces; the buffer moves between calls, as a caller's may.
static inline struct http_result http_gather_on(
	struct sp_http1 *p, struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	struct http_result r = {.state = SP_HTTP1_HEAD};
	uint8_t *buf = NULL;
	size_t at = 0;

	do {
		size_t to = cut ? cut(user, at, msg.n) : msg.n;
		uint8_t *moved = malloc(to + 1);

		SP_BUG_IF(!moved);
		if (at)
			memcpy(moved, buf, at);
		if (to > at)
			memcpy(moved + at, msg.p + at, to - at);
		free(buf);
		buf = moved;
		at = to;
		r.state = sp_http1_parse(p, buf, at, &r.used);
	} while (at < msg.n && (r.state == SP_HTTP1_HEAD || r.state == SP_HTTP1_BODY));
	if (eof) {
		r.used = r.state == SP_HTTP1_DONE ? r.used : at;
		r.state = sp_http1_finish(p);
	}
	http_collect(&r, p, buf);
	free(buf);
	return r;
}

/// After a message that was read whole, or at first.
static inline void http_ready(struct sp_http1 *p, struct sp_http1_memo *m, bool is_response, bool after)
{
	if (after) {
		sp_http1_next(p);
		return;
	}
	sp_http1_init(p, is_response, &http_limits);
	sp_http1_remember(p, m);
}

/// The same, on a connection that remembers the heads of messages before it.
static inline struct http_result http_after(bool is_response, const struct sp_bytes *before, size_t n,
	struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	struct sp_http1 *p = malloc(sp_http1_size());
	struct sp_http1_memo *m = calloc(1, sp_http1_memo_size());
	struct http_result r;

	SP_BUG_IF(!p || !m);
	for (size_t i = 0; i < n; i++) {
		http_ready(p, m, is_response, i && r.state == SP_HTTP1_DONE);
		r = http_gather_on(p, before[i], false, NULL, NULL);
		http_result_done(&r);
	}
	http_ready(p, m, is_response, n && r.state == SP_HTTP1_DONE);
	r = http_gather_on(p, msg, eof, cut, user);
	sp_http1_forget(m);
	free(m);
	free(p);
	return r;
}

/// The same with the streaming calls: what was used is dropped from the buffer.
static inline struct http_result http_stream_on(
	struct sp_http1 *p, struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	struct http_result r = {.state = SP_HTTP1_HEAD};
	uint8_t *buf = malloc(msg.n + 1);
	size_t at = 0, dropped = 0;

	SP_BUG_IF(!buf);
	do {
		size_t to = cut ? cut(user, at, msg.n) : msg.n, used;
		bool again;

		if (to > at)
			memcpy(buf + at, msg.p + at, to - at);
		at = to;
		do {
			bool was_head = r.state == SP_HTTP1_HEAD;

			r.state = sp_http1_stream(p, buf + dropped, at - dropped, &used, http_take_body, &r);
			dropped += used;
			again = was_head && r.state == SP_HTTP1_BODY && dropped < at;
		} while (again);
	} while (at < msg.n && (r.state == SP_HTTP1_HEAD || r.state == SP_HTTP1_BODY));
	if (eof)
		r.state = sp_http1_finish(p);
	http_collect(&r, p, NULL);
	r.used = dropped;
	free(buf);
	return r;
}

/// By a parser of its own, in one of these two ways.
static inline struct http_result http_alone(
	struct http_result (*run)(struct sp_http1 *, struct sp_bytes, bool, http_cut_fn, void *),
	bool is_response, struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	struct sp_http1 *p = malloc(sp_http1_size());
	struct http_result r;

	SP_BUG_IF(!p);
	sp_http1_init(p, is_response, &http_limits);
	r = run(p, msg, eof, cut, user);
	free(p);
	return r;
}

static inline struct http_result http_gather(
	bool is_response, struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	return http_alone(http_gather_on, is_response, msg, eof, cut, user);
}

static inline struct http_result http_stream(
	bool is_response, struct sp_bytes msg, bool eof, http_cut_fn cut, void *user)
{
	return http_alone(http_stream_on, is_response, msg, eof, cut, user);
}

static inline bool http_same_head(const struct sp_http_head *a, const struct sp_http_head *b)
{
	return memcmp(a->header, b->header, sizeof(a->header)) == 0 && a->present == b->present &&
	       a->params_n == b->params_n &&
	       memcmp(a->param_name, b->param_name, a->params_n * sizeof(a->param_name[0])) == 0 &&
	       memcmp(a->param_value, b->param_value, a->params_n * sizeof(a->param_value[0])) == 0 &&
	       a->verb == b->verb && a->status == b->status &&
	       a->path.off == b->path.off && a->path.len == b->path.len &&
	       a->query.off == b->query.off && a->query.len == b->query.len &&
	       a->keep_alive == b->keep_alive && a->chunked == b->chunked &&
	       a->expect_continue == b->expect_continue && a->has_length == b->has_length &&
	       a->content_length == b->content_length && a->accept_json == b->accept_json &&
	       a->accept_sse == b->accept_sse && a->bytes == b->bytes;
}

static inline bool http_same(const struct http_result *a, const struct http_result *b)
{
	if (a->state != b->state || a->error.status != b->error.status || a->error.what != b->error.what)
		return false;
	if (a->state == SP_HTTP1_ERROR || a->state == SP_HTTP1_HEAD)
		return true;
	if (!http_same_head(&a->head, &b->head))
		return false;
	return a->state != SP_HTTP1_DONE ||
	       (a->used == b->used && a->body_len == b->body_len &&
		       (!a->body_len || memcmp(a->body, b->body, a->body_len) == 0));
}

/// llhttp alone, strict: does it accept the first message of `msg`, and with which body?
struct http_ref {
	llhttp_t ll;
	struct http_result r;
	bool complete;
};

static inline int http_ref_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_ref *f = sp_container_of(ll, struct http_ref, ll);

	return http_take_body(&f->r, (const uint8_t *)at, n);
}

static inline int http_ref_complete(llhttp_t *ll)
{
	struct http_ref *f = sp_container_of(ll, struct http_ref, ll);

	f->complete = true;
	return HPE_PAUSED;
}

/// A 304 may tell how its body would be framed, and has none (RFC 9112 6.3); llhttp leaves that to its user.
static inline int http_ref_headers(llhttp_t *ll)
{
	return ll->type == HTTP_RESPONSE && ll->status_code == 304;
}

static inline void http_ref_run(struct http_ref *f, bool is_response, struct sp_bytes msg, bool eof)
{
	static const llhttp_settings_t settings = {
		.on_headers_complete = http_ref_headers,
		.on_body = http_ref_body,
		.on_message_complete = http_ref_complete,
	};
	llhttp_errno_t e;

	*f = (struct http_ref){.complete = false};
	llhttp_init(&f->ll, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
	e = llhttp_execute(&f->ll, (const char *)msg.p, msg.n);
	f->r.used = e == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&f->ll) - (const char *)msg.p) : msg.n;
	if (e == HPE_OK && eof)
		llhttp_finish(&f->ll);
}
