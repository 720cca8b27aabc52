#include "dataplane/http/http1_int.h"
#include "common/banned.h"

size_t sp_http1_size(void)
{
	return sizeof(struct sp_http1);
}

static void begin(struct sp_http1 *p, bool is_response, const struct sp_http_limits *limits)
{
	memset(p, 0, SP_HTTP1_BEGIN_BYTES);
	p->limits = *limits;
	p->is_response = p->head.is_response = is_response;
	p->state = SP_HTTP1_HEAD;
	p->head.keep_alive = true;
}

void sp_http1_init(struct sp_http1 *p, bool is_response, const struct sp_http_limits *limits)
{
	begin(p, is_response, limits);
	// Spans are 32-bit.
	p->limits.max_head_bytes = sp_min(limits->max_head_bytes, 1u << 30);
	p->limits.max_body_bytes = sp_min(limits->max_body_bytes, (uint64_t)1 << 31);
}

void sp_http1_expect(struct sp_http1 *p, enum sp_http_verb of_request)
{
	p->is_head_answer = of_request == SP_HTTP_HEAD;
}

void sp_http1_next(struct sp_http1 *p)
{
	p->state = SP_HTTP1_HEAD;
	p->used_up = true;
	p->is_head_answer = false;
	p->scan = p->fed = p->recalled = 0;
	p->head.bytes = 0;
	p->head.verb = SP_HTTP_OTHER;
}

void sp_http1_begin_next(struct sp_http1 *p)
{
	struct sp_http_limits limits = p->limits;
	struct sp_http1_memo *memo = p->memo;
	bool is_head_answer = p->is_head_answer;

	begin(p, p->is_response, &limits);
	p->memo = memo;
	p->is_head_answer = is_head_answer;
}

const struct sp_http_head *sp_http1_head(const struct sp_http1 *p)
{
	return &p->head;
}

struct sp_http_span sp_http1_body(const struct sp_http1 *p)
{
	return (struct sp_http_span){p->head.bytes, (uint32_t)p->body_len};
}

struct sp_http_error sp_http1_error(const struct sp_http1 *p)
{
	return p->error;
}

static enum sp_http1_state done(struct sp_http1 *p, size_t used, size_t *ret_used)
{
	p->used = used;
	p->state = SP_HTTP1_DONE;
	*ret_used = used;
	return SP_HTTP1_DONE;
}

static enum sp_http1_state gather_chunks(
	struct sp_http1 *p, uint8_t *buf, size_t len, size_t *ret_used)
{
	for (;;) {
		struct sp_http_error err = {0, NULL};
		struct sp_bytes run;

		switch (sp_chunk_next(&p->chunk, buf, len, &p->at, &run, &err)) {
		case SP_CHUNK_DATA:
			memmove(buf + p->head.bytes + p->body_len, run.p, run.n);
			p->body_len += run.n;
			break;
		case SP_CHUNK_END:
			return done(p, p->at, ret_used);
		case SP_CHUNK_BAD:
			sp_http1_fail(p, err.status, err.what);
			return SP_HTTP1_ERROR;
		default:
			return SP_HTTP1_BODY;
		}
	}
}

static enum sp_http1_state gather(struct sp_http1 *p, uint8_t *buf, size_t len, size_t *ret_used)
{
	size_t have = len - p->head.bytes;

	switch (p->body_kind) {
	case SP_BODY_NONE:
		return done(p, p->head.bytes, ret_used);
	case SP_BODY_LENGTH:
		if (have < p->head.content_length)
			return SP_HTTP1_BODY;
		p->body_len = p->head.content_length;
		return done(p, p->head.bytes + (size_t)p->body_len, ret_used);
	case SP_BODY_CHUNKED:
		return gather_chunks(p, buf, len, ret_used);
	default:
		if (have > p->limits.max_body_bytes) {
			sp_http1_fail(p, 413, "body over the limit");
			return SP_HTTP1_ERROR;
		}
		p->body_len = have;
		p->used = len;
		return SP_HTTP1_BODY;
	}
}

enum sp_http1_state sp_http1_parse(struct sp_http1 *p, uint8_t *buf, size_t len, size_t *ret_used)
{
	if (p->state == SP_HTTP1_HEAD) {
		sp_http1_read_head(p, buf, len);
		p->at = p->head.bytes;
		if (p->state == SP_HTTP1_BODY && p->body_kind == SP_BODY_CHUNKED)
			sp_chunk_init(&p->chunk, p->is_response, p->limits.max_body_bytes,
				SP_CHUNK_FRAMING_MAX);
	}
	if (p->state == SP_HTTP1_BODY)
		return gather(p, buf, len, ret_used);
	if (p->state == SP_HTTP1_DONE)
		*ret_used = p->used;
	return p->state;
}

static enum sp_http1_state pass(
	struct sp_http1 *p, struct sp_bytes run, sp_http1_body_fn fn, void *user)
{
	p->body_len += run.n;
	if (run.n && fn(user, run.p, run.n))
		sp_http1_fail(p, 400, "stopped by the reader");
	return p->state;
}

static enum sp_http1_state stream_chunks(struct sp_http1 *p, const uint8_t *buf, size_t len,
	size_t *ret_used, sp_http1_body_fn fn, void *user)
{
	size_t at = 0;

	for (;;) {
		struct sp_http_error err = {0, NULL};
		struct sp_bytes run;
		enum sp_chunk_step step = sp_chunk_next(&p->chunk, buf, len, &at, &run, &err);

		*ret_used = at;
		if (step == SP_CHUNK_DATA) {
			if (pass(p, run, fn, user) == SP_HTTP1_ERROR)
				return SP_HTTP1_ERROR;
			continue;
		}
		if (step == SP_CHUNK_END)
			p->state = SP_HTTP1_DONE;
		else if (step == SP_CHUNK_BAD)
			sp_http1_fail(p, err.status, err.what);
		return p->state;
	}
}

static enum sp_http1_state stream_body(struct sp_http1 *p, const uint8_t *buf, size_t len,
	size_t *ret_used, sp_http1_body_fn fn, void *user)
{
	uint64_t left;

	switch (p->body_kind) {
	case SP_BODY_CHUNKED:
		return stream_chunks(p, buf, len, ret_used, fn, user);
	case SP_BODY_LENGTH:
		left = p->head.content_length - p->body_len;
		*ret_used = (size_t)sp_min(left, (uint64_t)len);
		if (pass(p, sp_bytes(buf, *ret_used), fn, user) == SP_HTTP1_BODY &&
			p->body_len == p->head.content_length)
			p->state = SP_HTTP1_DONE;
		return p->state;
	default:
		*ret_used = len;
		return pass(p, sp_bytes(buf, len), fn, user);
	}
}

enum sp_http1_state sp_http1_stream(struct sp_http1 *p, const uint8_t *buf, size_t len,
	size_t *ret_used, sp_http1_body_fn fn, void *user)
{
	*ret_used = 0;
	if (p->state == SP_HTTP1_BODY)
		return stream_body(p, buf, len, ret_used, fn, user);
	if (p->state != SP_HTTP1_HEAD)
		return p->state;
	sp_http1_read_head(p, buf, len);
	if (p->state == SP_HTTP1_BODY) {
		*ret_used = p->head.bytes;
		if (p->body_kind == SP_BODY_NONE)
			p->state = SP_HTTP1_DONE;
		else if (p->body_kind == SP_BODY_CHUNKED)
			sp_chunk_init(&p->chunk, p->is_response, UINT64_MAX, UINT64_MAX);
	}
	return p->state;
}

enum sp_http1_state sp_http1_finish(struct sp_http1 *p)
{
	if (p->state == SP_HTTP1_BODY && p->body_kind == SP_BODY_EOF)
		p->state = SP_HTTP1_DONE;
	else if (p->state != SP_HTTP1_DONE && p->state != SP_HTTP1_ERROR)
		sp_http1_fail(p, 400, "the connection ended within a message");
	return p->state;
}
