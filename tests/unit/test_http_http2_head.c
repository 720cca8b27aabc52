/// The fields of an HTTP/2 answer, one by one, become the head that HTTP/1.1's would.
#include "dataplane/http/http2_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static const struct sp_http_limits limits = {.max_head_bytes = 400, .max_headers = 6, .max_body_bytes = 1000};
static uint8_t buf[400];

/// Names and values in turn, up to NULL; what finish says when every field was taken.
static int read_head(struct sp_http2_head *h, const char *const v[])
{
	sp_http2_head_init(h, buf, sizeof(buf));
	for (size_t i = 0; v[i]; i += 2) {
		int r = sp_http2_head_field(
			h, &limits, sp_bytes_cstr(v[i]), sp_bytes_cstr(v[i + 1]));

		if (r < 0)
			return r;
	}
	return sp_http2_head_finish(h, &limits);
}

static void what_is_read_of_an_answer_is_kept(void **state)
{
	const char *const v[] = {":status", "200", "content-type", "application/json", "x-other", "\xff",
		"mcp-session-id", "s1", "content-length", "1000", "retry-after", "", NULL};
	struct sp_http2_head h;

	(void)state;
	assert_int_equal(read_head(&h, v), 0);
	assert_true(h.head.is_response && h.head.has_length);
	assert_int_equal(h.head.status, 200);
	assert_int_equal(h.head.content_length, 1000);
	assert_true(sp_bytes_eq(sp_http_get(buf, h.head.header[SP_HDR_CONTENT_TYPE]), SP_LIT("application/json")));
	assert_true(sp_bytes_eq(sp_http_get(buf, h.head.header[SP_HDR_SESSION_ID]), SP_LIT("s1")));
	assert_int_equal(sp_http_get(buf, h.head.header[SP_HDR_RETRY_AFTER]).n, 0);
	assert_true(h.head.present & 1u << SP_HDR_RETRY_AFTER);
	assert_false(h.head.present & 1u << SP_HDR_ORIGIN);
}

static const struct {
	const char *v[16];
	int r;
} rows[] = {
	{{":status", "200"}, 0},
	{{":status", "304", "content-length", "9999"}, 0},
	{{":status", "401", "www-authenticate", "Bearer", "www-authenticate", "Basic"}, 0},
	{{":status", "204", "content-length", "0"}, 0},
	{{":status", "103"}, 0},
	{{"content-type", "a/b"}, -EBADMSG},
	{{"content-type", "a/b", ":status", "200"}, -EBADMSG},
	{{":status", "200", ":status", "200"}, -EBADMSG},
	{{":status", "099"}, -EBADMSG},
	{{":status", "600"}, -EBADMSG},
	{{":status", "101"}, -EBADMSG},
	{{":status", "20"}, -EBADMSG},
	{{":status", "+20"}, -EBADMSG},
	{{":status", ""}, -EBADMSG},
	{{":path", "/"}, -EBADMSG},
	{{":status", "200", "Content-Type", "a/b"}, -EBADMSG},
	{{":status", "200", "", "x"}, -EBADMSG},
	{{":status", "200", "a b", "x"}, -EBADMSG},
	{{":status", "200", "content-type", "a\nb"}, -EBADMSG},
	{{":status", "200", "content-type", "a/b", "content-type", "a/b"}, -EBADMSG},
	{{":status", "200", "content-length", "1", "content-length", "1"}, -EBADMSG},
	{{":status", "200", "content-length", "1,1"}, -EBADMSG},
	{{":status", "200", "content-length", "-1"}, -EBADMSG},
	{{":status", "200", "content-length", ""}, -EBADMSG},
	{{":status", "204", "content-length", "1"}, -EBADMSG},
	{{":status", "103", "content-length", "1"}, -EBADMSG},
	{{":status", "200", "content-length", "1001"}, -EFBIG},
	{{":status", "200", "connection", "close"}, -EBADMSG},
	{{":status", "200", "keep-alive", "x"}, -EBADMSG},
	{{":status", "200", "proxy-connection", "x"}, -EBADMSG},
	{{":status", "200", "transfer-encoding", "chunked"}, -EBADMSG},
	{{":status", "200", "upgrade", "h2c"}, -EBADMSG},
	{{":status", "200", "a", "", "b", "", "c", "", "d", "", "e", ""}, 0},
	{{":status", "200", "a", "", "b", "", "c", "", "d", "", "e", "", "f", ""}, -E2BIG},
};

static void heads_are_judged_as_those_of_http1_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct sp_http2_head h;
		int r = read_head(&h, rows[i].v);

		if (r != rows[i].r)
			fail_msg("row %zu, %s: %d", i, rows[i].v[1], r);
	}
}

static void a_head_may_be_as_long_as_the_limit(void **state)
{
	static uint8_t value[400];
	struct sp_http2_head h;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int over = 0; over < 2; over++) {
		// 32 and the name for each field; :status takes 42
		size_t n = 400 - 42 - 32 - 12 + (size_t)over;

		sp_http2_head_init(&h, buf, sizeof(buf));
		assert_int_equal(sp_http2_head_field(&h, &limits, SP_LIT(":status"), SP_LIT("200")), 0);
		assert_int_equal(sp_http2_head_field(&h, &limits, SP_LIT("content-type"), sp_bytes(value, n)),
			over ? -E2BIG : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_of_an_answer_is_kept),
		cmocka_unit_test(heads_are_judged_as_those_of_http1_are),
		cmocka_unit_test(a_head_may_be_as_long_as_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
