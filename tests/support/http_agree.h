/// One piece against random pieces, gathered against streamed, ours against llhttp alone: verdicts
/// agree, and what we accept llhttp accepts with the same body.
#pragma once

#include "tests/support/http_run.h"

static inline size_t http_cut_random(void *user, size_t at, size_t n)
{
	uint32_t *x = user;

	*x = *x * 1664525u + 1013904223u;
	return sp_min(at + 1 + (*x >> 24) % 61, n);
}

static inline void http_as_llhttp(
	const struct http_result *one, bool is_response, struct sp_bytes m, bool eof)
{
	struct http_ref f;

	http_ref_run(&f, is_response, m, eof);
	SP_BUG_IF(!f.complete || f.r.body_len != one->body_len);
	SP_BUG_IF(!is_response && f.r.used != one->used);
	SP_BUG_IF(one->body_len && memcmp(f.r.body, one->body, one->body_len) != 0);
	http_result_done(&f.r);
}

/// Whatever heads came before on its connection, a message is read as it is alone.
static inline void http_agree_after(
	const struct http_result *one, bool is_response, struct sp_bytes m, bool eof, uint32_t x)
{
	uint8_t *other = malloc(m.n + 1);
	const struct sp_bytes before[] = {sp_bytes(other, m.n), m, sp_bytes(other, m.n), m};

	SP_BUG_IF(!other);
	for (size_t n = 1; n <= SP_ARRAY_LEN(before); n++) {
		struct http_result r;

		if (m.n)
			memcpy(other, m.p, m.n);
		x = x * 1664525u + 1013904223u;
		if (m.n)
			other[(x >> 8) % m.n] = (uint8_t)"x\r\n: \x80,"[x >> 29];
		r = http_after(is_response, before, n, m, eof, NULL, NULL);
		SP_BUG_IF(!http_same(one, &r));
		http_result_done(&r);
		r = http_after(is_response, before, n, m, eof, http_cut_random, &x);
		SP_BUG_IF(!http_same(one, &r));
		http_result_done(&r);
	}
	free(other);
}

#define HTTP_VALUES_MAX 32u
/// Where the values of a head's headers lie, as far as it has any.
static inline size_t http_values(struct sp_bytes m, struct sp_bytes value[HTTP_VALUES_MAX])
{
	const uint8_t *line = memchr(m.p, '\n', m.n), *end = m.p + m.n;
	size_t n = 0;

	while (line && n < HTTP_VALUES_MAX) {
		const uint8_t *next = memchr(line + 1, '\n', (size_t)(end - line - 1)), *colon;

		if (!next || next - line <= 2)
			break;
		colon = memchr(line, ':', (size_t)(next - line));
		if (colon && next - colon > 3)
			value[n++] = sp_bytes(colon + 2, (size_t)(next - colon) - 3);
		line = next;
	}
	return n;
}

/// `m` with other values in these two places.
static inline struct sp_bytes http_with_values(struct sp_bytes m, struct sp_bytes a,
	struct sp_bytes b, uint32_t x, uint8_t *to, size_t cap)
{
	struct sp_out o = sp_out_init(to, cap);

	sp_out_bytes(&o, sp_bytes(m.p, (size_t)(a.p - m.p)));
	sp_out_u64(&o, x >> 8 & 1023);
	sp_out_bytes(&o, sp_bytes(a.p + a.n, (size_t)(b.p - a.p) - a.n));
	sp_out_u64(&o, x >> 20 & 1023);
	sp_out_bytes(&o, sp_bytes(b.p + b.n, (size_t)(m.p + m.n - b.p) - b.n));
	SP_BUG_IF(o.overflow);
	return sp_bytes(to, o.len);
}

/// Nor does it matter that heads before it were the same but for two values.
static inline void http_agree_after_values(
	const struct http_result *one, bool is_response, struct sp_bytes m, bool eof, uint32_t x)
{
	struct sp_bytes value[HTTP_VALUES_MAX], before[3];
	size_t n = m.n ? http_values(m, value) : 0, cap = m.n + 16, first, second;
	uint8_t *room;

	if (n < 2)
		return;
	room = malloc(SP_ARRAY_LEN(before) * cap);
	SP_BUG_IF(!room);
	x = x * 1664525u + 1013904223u;
	first = (x >> 8) % (n - 1);
	second = first + 1 + (x >> 16) % (n - 1 - first);
	for (size_t i = 0; i < SP_ARRAY_LEN(before); i++) {
		x = x * 1664525u + 1013904223u;
		before[i] = http_with_values(m, value[first], value[second], x, room + i * cap, cap);
	}
	for (size_t k = 2; k <= SP_ARRAY_LEN(before); k++) {
		struct http_result r = http_after(is_response, before, k, m, eof, NULL, NULL);

		SP_BUG_IF(!http_same(one, &r));
		http_result_done(&r);
		r = http_after(is_response, before, k, m, eof, http_cut_random, &x);
		SP_BUG_IF(!http_same(one, &r));
		http_result_done(&r);
	}
	free(room);
}

static inline void http_agree(bool is_response, struct sp_bytes m, bool eof)
{
	uint32_t x = (uint32_t)m.n * 2654435761u;
	struct http_result one = http_gather(is_response, m, eof, NULL, NULL);
	struct http_result cut = http_gather(is_response, m, eof, http_cut_random, &x);
	struct http_result str = http_stream(is_response, m, eof, NULL, NULL);
	struct http_result strcut = http_stream(is_response, m, eof, http_cut_random, &x);

	SP_BUG_IF(!http_same(&one, &cut));
	SP_BUG_IF(!http_same(&str, &strcut));
	http_agree_after(&one, is_response, m, eof, x);
	http_agree_after_values(&one, is_response, m, eof, x);
	if (one.state == SP_HTTP1_DONE) {
		SP_BUG_IF(!http_same(&one, &str));
		http_as_llhttp(&one, is_response, m, eof);
	}
	http_result_done(&one);
	http_result_done(&cut);
	http_result_done(&str);
	http_result_done(&strcut);
}
