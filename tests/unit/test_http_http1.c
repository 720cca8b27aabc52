#include "tests/support/http_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define HOST "Host: gw.example\r\n"
#define OK_POST                                                                                    \
	"POST /mcp?x=1 HTTP/1.1\r\n" HOST                                                          \
	"Authorization: Bearer abc.def\r\ncontent-TYPE:application/json \t\r\n"                    \
	"Accept: application/json, text/event-stream\r\nMcp-Param-Region: eu\r\n"                  \
	"MCP-Session-Id: s1\r\nOrigin:\r\nContent-Length: 5\r\n\r\nhello"

static size_t cut_two(void *user, size_t at, size_t n)
{
	size_t c = *(size_t *)user;

	return at < c ? sp_min(c, n) : n;
}
static size_t cut_each(void *user, size_t at, size_t n)
{
	(void)user;
	return sp_min(at + 1, n);
}

static bool eq(const char *msg, struct sp_http_span s, const char *want)
{
	return sp_bytes_eq(sp_http_get((const uint8_t *)msg, s), sp_bytes_cstr(want));
}

static void a_request_is_read_with_all_that_matters(void **state)
{
	static const char m[] = OK_POST "GET /next";
	struct http_result r = http_gather(false, SP_LIT(m), false, NULL, NULL);
	const struct sp_http_head *h = &r.head;

	(void)state;
	assert_int_equal(r.state, SP_HTTP1_DONE);
	assert_int_equal(r.used, sizeof(m) - 1 - strlen("GET /next"));
	assert_int_equal(h->verb, SP_HTTP_POST);
	assert_true(eq(m, h->path, "/mcp") && eq(m, h->query, "x=1"));
	assert_true(eq(m, h->header[SP_HDR_HOST], "gw.example"));
	assert_true(eq(m, h->header[SP_HDR_AUTHORIZATION], "Bearer abc.def"));
	assert_true(eq(m, h->header[SP_HDR_CONTENT_TYPE], "application/json"));
	assert_true(eq(m, h->header[SP_HDR_SESSION_ID], "s1"));
	assert_int_equal(h->header[SP_HDR_ORIGIN].len, 0);
	assert_true(h->present & 1u << SP_HDR_ORIGIN);
	assert_false(h->present & 1u << SP_HDR_LAST_EVENT_ID);
	assert_int_equal(h->params_n, 1);
	assert_true(eq(m, h->param_name[0], "Region") && eq(m, h->param_value[0], "eu"));
	assert_true(h->keep_alive && h->has_length && !h->chunked && !h->expect_continue);
	assert_true(h->accept_json && h->accept_sse && h->has_accept);
	assert_int_equal(r.body_len, 5);
	assert_memory_equal(r.body, "hello", 5);
	http_result_done(&r);
}

static void accept_is_answered_by_the_most_specific_range(void **state)
{
	static const struct {
		const char *lines;
		bool json, sse;
	} rows[] = {
		{"", true, true},
		{"Accept: */*\r\n", true, true},
		{"Accept: application/json\r\n", true, false},
		{"Accept: text/event-stream;q=0.5\r\n", false, true},
		{"Accept: text/*\r\nAccept: APPLICATION/JSON\r\n", true, true},
		{"Accept: */*, text/event-stream;q=0\r\n", true, false},
		{"Accept: text/event-stream; q=0.000, */*\r\n", true, false},
		{"Accept: text/html, application/xml;q=0.9\r\n", false, false},
		{"Accept: application/json;x=\"a,text/event-stream\"\r\n", true, false},
		{"Accept:\r\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		char m[256];
		struct http_result r;

		snprintf(m, sizeof(m), "GET / HTTP/1.1\r\n" HOST "%s\r\n", rows[i].lines);
		r = http_gather(false, sp_bytes_cstr(m), false, NULL, NULL);
		assert_int_equal(r.state, SP_HTTP1_DONE);
		assert_int_equal(r.head.accept_json, rows[i].json);
		assert_int_equal(r.head.accept_sse, rows[i].sse);
		http_result_done(&r);
	}
}

static void a_chunked_body_is_gathered_in_place_without_its_framing(void **state)
{
	static const char m[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
				"5\r\nhello\r\n1;x;y=z\r\n \r\n0005\r\nworld\r\n0\r\n\r\nrest";
	struct http_result r = http_gather(false, SP_LIT(m), false, NULL, NULL);

	(void)state;
	assert_int_equal(r.state, SP_HTTP1_DONE);
	assert_int_equal(r.used, sizeof(m) - 1 - 4);
	assert_int_equal(r.body_len, 11);
	assert_memory_equal(r.body, "hello world", 11);
	http_result_done(&r);
}

static void keep_alive_ends_with_close_anywhere_in_the_list(void **state)
{
	struct http_result r =
		http_gather(false, SP_LIT("GET / HTTP/1.1\r\n" HOST "Connection: te, Close\r\n\r\n"), false,
			NULL, NULL);

	(void)state;
	assert_int_equal(r.state, SP_HTTP1_DONE);
	assert_false(r.head.keep_alive);
	http_result_done(&r);
}

static void answers_are_framed_by_status_length_chunks_or_end(void **state)
{
	static const struct {
		const char *msg;
		bool eof;
		enum sp_http1_state want;
		const char *body;
		bool keep;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, SP_HTTP1_DONE, "ok", true},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 200 OK\r\n\r\nall of it", true, SP_HTTP1_DONE, "all of it", false},
		{"HTTP/1.1 200 OK\r\n\r\nall of it", false, SP_HTTP1_BODY, "", false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, SP_HTTP1_DONE, "x", false},
		{"HTTP/1.1 204 No\r\n\r\n", false, SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 304 No\r\nContent-Length: 99\r\n\r\n", false, SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", false, SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 100 Continue\r\n\r\n", false, SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: v\r\n\r\n",
			false, SP_HTTP1_DONE, "hi", true},
		{"HTTP/1.1 200 d\xc3\xa9j\xc3\xa0\r\nServer: \xc3\xa9\r\nContent-Length: 0\r\n\r\n", false,
			SP_HTTP1_DONE, "", true},
		{"HTTP/1.1 200 OK\r\nContent-Type: \xc3\xa9\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", true, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", false,
			SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false,
			SP_HTTP1_ERROR, "", false},
		{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, SP_HTTP1_ERROR, "",
			false},
		{"HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 099 No\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/2.0 200 No\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", false, SP_HTTP1_ERROR, "", false},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		struct http_result r =
			http_gather(true, sp_bytes_cstr(rows[i].msg), rows[i].eof, NULL, NULL);
		struct http_result s =
			http_stream(true, sp_bytes_cstr(rows[i].msg), rows[i].eof, NULL, NULL);

		if (r.state != rows[i].want || s.state != rows[i].want)
			fail_msg("%s: %d %s", rows[i].msg, r.state, r.error.what);
		if (r.state == SP_HTTP1_DONE) {
			assert_int_equal(r.body_len, strlen(rows[i].body));
			assert_memory_equal(r.body, rows[i].body, r.body_len);
			assert_int_equal(r.head.keep_alive, rows[i].keep);
			assert_true(http_same(&r, &s));
		}
		http_result_done(&r);
		http_result_done(&s);
	}
}

static void an_answer_to_head_has_no_body_whatever_its_length_says(void **state)
{
	static uint8_t m[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHTTP/1.1";
	struct sp_http1 *p = malloc(sp_http1_size());
	size_t used = 0;

	(void)state;
	sp_http1_init(p, true, &http_limits);
	sp_http1_expect(p, SP_HTTP_HEAD);
	assert_int_equal(sp_http1_parse(p, m, sizeof(m) - 1, &used), SP_HTTP1_DONE);
	assert_int_equal(used, sizeof(m) - 1 - 8);
	sp_http1_next(p);
	assert_int_equal(sp_http1_parse(p, m, sizeof(m) - 1, &used), SP_HTTP1_BODY);
	free(p);
}

static const char *const messages[] = {
	OK_POST,
	"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n",
	"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n",
	"GET / HTTP/1.0\r\n" HOST "X: a\n\r\n",
	"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
	"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
	"GET / HTTP/1.1\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
};

static void every_split_gives_the_verdict_of_one_piece(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(messages); i++) {
		struct sp_bytes m = sp_bytes_cstr(messages[i]);
		struct http_result one = http_gather(false, m, false, NULL, NULL);
		struct http_result each = http_gather(false, m, false, cut_each, NULL);

		assert_true(http_same(&one, &each));
		http_result_done(&each);
		for (size_t c = 1; c < m.n; c++) {
			struct http_result two = http_gather(false, m, false, cut_two, &c);
			struct http_result str = http_stream(false, m, false, cut_two, &c);

			if (!http_same(&one, &two) || !http_same(&one, &str))
				fail_msg("message %zu cut at %zu: %d/%s, in one piece %d/%s", i, c,
					two.state, two.error.what, one.state, one.error.what);
			http_result_done(&two);
			http_result_done(&str);
		}
		http_result_done(&one);
	}
}

static void no_truncation_of_a_good_message_is_refused_or_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sp_bytes m = sp_bytes_cstr(messages[i]);

		for (size_t n = 0; n < m.n; n++) {
			struct http_result r = http_gather(false, sp_bytes(m.p, n), false, NULL, NULL);

			assert_true(r.state == SP_HTTP1_HEAD || r.state == SP_HTTP1_BODY);
			r = http_gather(false, sp_bytes(m.p, n), true, NULL, NULL);
			assert_int_equal(r.state, SP_HTTP1_ERROR);
		}
	}
}

static void limits_are_exact(void **state)
{
	char m[16384];
	struct http_result r;
	int n;

	(void)state;
	n = snprintf(m, sizeof(m), "GET / HTTP/1.1\r\n" HOST "X: %0*d\r\n\r\n",
		4096 - (int)strlen("GET / HTTP/1.1\r\n" HOST "X: \r\n\r\n"), 7);
	assert_int_equal(n, 4096);
	r = http_gather(false, sp_bytes(m, 4096), false, NULL, NULL);
	assert_int_equal(r.state, SP_HTTP1_DONE);
	http_result_done(&r);
	n = snprintf(m, sizeof(m), "GET / HTTP/1.1\r\n" HOST "X: %04096d", 7);
	r = http_gather(false, sp_bytes(m, (size_t)n), false, NULL, NULL);
	assert_int_equal(r.error.status, 431);
	n = snprintf(m, sizeof(m), "GET /%05000d", 7);
	r = http_gather(false, sp_bytes(m, (size_t)n), false, NULL, NULL);
	assert_int_equal(r.error.status, 414);
	r = http_gather(false,
		SP_LIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10001\r\n"), false,
		NULL, NULL);
	assert_int_equal(r.error.status, 413);
	r = http_gather(false, SP_LIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n"), false,
		NULL, NULL);
	assert_int_equal(r.error.status, 413);
	n = snprintf(m, sizeof(m), "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 33; i++)
		n += snprintf(m + n, sizeof(m) - (size_t)n, "X%d: y\r\n", i);
	r = http_gather(false, sp_bytes(m, (size_t)n), false, NULL, NULL);
	assert_int_equal(r.error.status, 431);
	assert_string_equal(r.error.what, "too many headers");
}

static void tiny_chunks_can_not_blow_up_the_buffer(void **state)
{
	static char m[65536];
	int n = snprintf(m, sizeof(m), "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	struct http_result r;

	(void)state;
	while ((size_t)n + 32 < sizeof(m))
		n += snprintf(m + n, sizeof(m) - (size_t)n, "000000001\r\nx\r\n");
	r = http_gather(false, sp_bytes(m, (size_t)n), false, NULL, NULL);
	assert_int_equal(r.state, SP_HTTP1_ERROR);
	assert_string_equal(r.error.what, "chunk framing over the limit");
}

static int stop(void *user, const uint8_t *p, size_t n)
{
	(void)p;
	*(size_t *)user += n;
	return 1;
}
static void a_reader_that_stops_ends_the_stream(void **state)
{
	static uint8_t m[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sp_http1 *p = malloc(sp_http1_size());
	size_t used = 0, seen = 0;

	(void)state;
	sp_http1_init(p, true, &http_limits);
	assert_int_equal(sp_http1_stream(p, m, sizeof(m) - 1, &used, stop, &seen), SP_HTTP1_BODY);
	assert_int_equal(sp_http1_stream(p, m + used, 2, &used, stop, &seen), SP_HTTP1_ERROR);
	assert_int_equal(seen, 2);
	free(p);
}

static void token_and_value_know_their_characters(void **state)
{
	(void)state;
	assert_true(sp_http_token_ok(SP_LIT("Mcp-Param_x!#$%&'*+.^`|~9")));
	assert_false(sp_http_token_ok(SP_LIT("a b")));
	assert_false(sp_http_token_ok(SP_LIT("a:b")));
	assert_false(sp_http_token_ok(SP_NOBYTES));
	assert_true(sp_http_value_ok(SP_LIT("a b\t~")));
	assert_false(sp_http_value_ok(SP_LIT("a\r\nb")));
	assert_false(sp_http_value_ok(SP_LIT("\x7f")));
	assert_false(sp_http_value_ok(SP_LIT("\xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_with_all_that_matters),
		cmocka_unit_test(accept_is_answered_by_the_most_specific_range),
		cmocka_unit_test(a_chunked_body_is_gathered_in_place_without_its_framing),
		cmocka_unit_test(keep_alive_ends_with_close_anywhere_in_the_list),
		cmocka_unit_test(answers_are_framed_by_status_length_chunks_or_end),
		cmocka_unit_test(an_answer_to_head_has_no_body_whatever_its_length_says),
		cmocka_unit_test(every_split_gives_the_verdict_of_one_piece),
		cmocka_unit_test(no_truncation_of_a_good_message_is_refused_or_complete),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(tiny_chunks_can_not_blow_up_the_buffer),
		cmocka_unit_test(a_reader_that_stops_ends_the_stream),
		cmocka_unit_test(token_and_value_know_their_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
