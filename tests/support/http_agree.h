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
	if (one.state == SP_HTTP1_DONE) {
		SP_BUG_IF(!http_same(&one, &str));
		http_as_llhttp(&one, is_response, m, eof);
	}
	http_result_done(&one);
	http_result_done(&cut);
	http_result_done(&str);
	http_result_done(&strcut);
}
