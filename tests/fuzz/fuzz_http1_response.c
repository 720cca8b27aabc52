/// As fuzz_http1_request, for answers, with and without the connection's end. First byte: bit 0 = it ends.
#include "tests/support/http_run.h"
#include "common/banned.h"

static size_t cut_random(void *user, size_t at, size_t n)
{
	uint32_t *x = user;

	*x = *x * 1664525u + 1013904223u;
	return sp_min(at + 1 + (*x >> 24) % 61, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool eof = size && data[0] & 1;
	struct sp_bytes m = size ? sp_bytes(data + 1, sp_min(size - 1, (size_t)70000)) : SP_NOBYTES;
	uint32_t x = (uint32_t)size * 2654435761u;
	struct http_result one = http_gather(true, m, eof, NULL, NULL);
	struct http_result cut = http_gather(true, m, eof, cut_random, &x);
	struct http_result str = http_stream(true, m, eof, NULL, NULL);
	struct http_result strcut = http_stream(true, m, eof, cut_random, &x);
	struct http_ref f;

	SP_BUG_IF(!http_same(&one, &cut));
	SP_BUG_IF(!http_same(&str, &strcut));
	if (one.state == SP_HTTP1_DONE) {
		SP_BUG_IF(!http_same(&one, &str));
		http_ref_run(&f, true, m, eof);
		SP_BUG_IF(!f.complete || f.r.body_len != one.body_len);
		SP_BUG_IF(one.body_len && memcmp(f.r.body, one.body, one.body_len) != 0);
		http_result_done(&f.r);
	}
	http_result_done(&one);
	http_result_done(&cut);
	http_result_done(&str);
	http_result_done(&strcut);
	return 0;
}
