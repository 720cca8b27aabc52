/// What two parsers could read as two different messages is refused, and nothing is accepted that
/// llhttp in strict mode refuses.
#include "tests/support/http_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define RAW(s) {SP_LIT(s), 400}
#define P "POST / HTTP/1.1\r\nHost: a\r\n"
#define G "GET / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED P "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
	struct sp_bytes msg;
	uint16_t status;
} refused[] = {
	// length against chunks
	RAW(P "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
	RAW(P "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG"),
	RAW(P "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	// spellings of the coding
	{SP_LIT(P "Transfer-Encoding: xchunked\r\n\r\n"), 501},
	RAW(P "Transfer-Encoding: chunked, identity\r\n\r\n"),
	{SP_LIT(P "Transfer-Encoding: identity, chunked\r\n\r\n"), 501},
	{SP_LIT(P "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
	{SP_LIT(P "Transfer-Encoding: chunked,\r\n\r\n"), 400},
	{SP_LIT(P "Transfer-Encoding: \"chunked\"\r\n\r\n"), 501},
	{SP_LIT(P "Transfer-Encoding: chunked;q=1\r\n\r\n"), 501},
	{SP_LIT(P "Transfer-Encoding:\r\n\r\n"), 501},
	RAW(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW(P "Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n0\r\n\r\n"),
	RAW(P "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
	RAW(P "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
	RAW(P " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	RAW(P "X: y\r\n Transfer-Encoding: chunked\r\n\r\n"),
	RAW(P "Transfer-Encoding:\r\n chunked\r\n\r\n"),
	RAW(P "Transfer-Encoding: \x0b" "chunked\r\n\r\n"),
	RAW(P "Transfer-Encoding: chunked\x00\r\n\r\n"),
	RAW(P "Transfer\xc3\xa9-Encoding: chunked\r\n\r\n"),
	RAW(P "Transfer-Encoding\x00: chunked\r\n\r\n"),
	RAW(P "X: y\nTransfer-Encoding: chunked\r\n\r\n"),
	RAW(P "X: y\rTransfer-Encoding: chunked\r\n\r\n"),
	RAW(P "X:\rTransfer-Encoding: chunked\r\n\r\n"),
	RAW(P "X:\nTransfer-Encoding: chunked\r\n\r\n"),
	// lengths
	RAW(P "Content-Length: +5\r\n\r\nhello"),
	RAW(P "Content-Length: -5\r\n\r\nhello"),
	RAW(P "Content-Length: 0x5\r\n\r\nhello"),
	RAW(P "Content-Length: 5, 5\r\n\r\nhello"),
	RAW(P "Content-Length: 5,\r\n\r\nhello"),
	RAW(P "Content-Length: 5 5\r\n\r\nhello"),
	RAW(P "Content-Length: 5;\r\n\r\nhello"),
	RAW(P "Content-Length: 5.0\r\n\r\nhello"),
	RAW(P "Content-Length: 1e1\r\n\r\nhello"),
	RAW(P "Content-Length:\r\n\r\nhello"),
	RAW(P "Content-Length: \"5\"\r\n\r\nhello"),
	RAW(P "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	RAW(P "Content-Length: 5\r\ncontent-length: 0\r\n\r\nhello"),
	RAW(P "Content-Length : 5\r\n\r\nhello"),
	RAW(P "Content-Length: 18446744073709551616\r\n\r\n"),
	RAW(P "Content-Length: 99999999999999999999999999\r\n\r\n"),
	{SP_LIT(P "Content-Length: 18446744073709551615\r\n\r\n"), 413},
	// chunk framing
	RAW(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "-1\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5\r\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5\r\nhello\n0\r\n\r\n"),
	RAW(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n"),
	RAW(CHUNKED "5\r\nhello\r0\r\n\r\n"),
	RAW(CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;\x00\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;a=\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;a=b=c\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5;a=\"b\"\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "5; a\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED ";a\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"),
	RAW(CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n"),
	{SP_LIT(CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 413},
	{SP_LIT(CHUNKED "5\r\nhello\r\nfffffffffffffffb\r\nhello\r\n0\r\n\r\n"), 413},
	RAW(CHUNKED "0\r\nContent-Length: 5\r\n\r\n"),
	RAW(CHUNKED "0\r\nX: y\r\n\r\n"),
	RAW(CHUNKED "0\n\n"),
	RAW(CHUNKED "0\r\n\n"),
	RAW(CHUNKED "0\r\n\rX"),
	// Host
	RAW("GET / HTTP/1.1\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
	// the request line
	RAW("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
	{SP_LIT("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 505},
	{SP_LIT("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 501},
	RAW("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\nHost: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\rHost: a\r\n\r\n"),
	RAW("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
	RAW("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	RAW(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	{SP_LIT("GET /\r\n\r\n"), 505},
	RAW("GET / http/1.1\r\nHost: a\r\n\r\n"),
	RAW("GET / ICE/1.0\r\nHost: a\r\n\r\n"),
	{SP_LIT("SOURCE / ICE/1.1\r\nHost: a\r\n\r\n"), 400},
	{SP_LIT("OPTIONS / RTSP/1.1\r\nHost: a\r\n\r\n"), 400},
	{SP_LIT("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 505},
	{SP_LIT("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505},
	{SP_LIT("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505},
	{SP_LIT("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505},
	{SP_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
	{SP_LIT("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501},
	{SP_LIT("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501},
	{SP_LIT("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 501},
	// headers
	{SP_LIT(G "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), 501},
	{SP_LIT(G "Upgrade: websocket\r\n\r\n"), 501},
	{SP_LIT(G "Expect: 200-ok\r\n\r\n"), 417},
	{SP_LIT(G "Expect:\r\n\r\n"), 417},
	RAW(G "Authorization: a\r\nAuthorization: b\r\n\r\n"),
	RAW(G "Mcp-Session-Id: a\r\nmcp-session-id: a\r\n\r\n"),
	RAW(G "Content-Type: a\r\nContent-Type: a\r\n\r\n"),
	RAW(G "Connection: close\r\nConnection: close\r\n\r\n"),
	RAW(G "Origin: a\r\nOrigin: b\r\n\r\n"),
	RAW(G "Mcp-Param-a: 1\r\nmcp-param-A: 1\r\n\r\n"),
	RAW(G ": empty\r\n\r\n"),
	RAW(G "no colon\r\n\r\n"),
	RAW(G "a@b: c\r\n\r\n"),
	RAW(G "a[b: c\r\n\r\n"),
	RAW(G "X: \x01\r\n\r\n"),
	RAW(G "X: \x7f\r\n\r\n"),
	RAW(G "X: \x80\r\n\r\n"),
	RAW(G "X: y\r\n\tz\r\n\r\n"),
	RAW(G "X: y\r\n\rZ"),
	RAW(G "\n"),
	RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
};

static size_t cut_two(void *user, size_t at, size_t n)
{
	size_t c = *(size_t *)user;

	return at < c ? sp_min(c, n) : n;
}

static void every_ambiguous_message_is_refused_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(refused); i++) {
		struct sp_bytes m = refused[i].msg;
		struct http_result one = http_gather(false, m, false, NULL, NULL);

		if (one.state != SP_HTTP1_ERROR || one.error.status != refused[i].status)
			fail_msg("row %zu: state %d, %u %s\n%.*s", i, one.state, one.error.status,
				one.error.what, SP_FMT(m));
		for (size_t c = 1; c < m.n; c++) {
			struct http_result two = http_gather(false, m, false, cut_two, &c);

			if (!http_same(&one, &two))
				fail_msg("row %zu cut at %zu: %s, in one piece %s", i, c,
					two.error.what ? two.error.what : "accepted", one.error.what);
			http_result_done(&two);
		}
		http_result_done(&one);
	}
}

static void what_is_accepted_llhttp_accepts_with_the_same_body(void **state)
{
	static const struct sp_bytes good[] = {
		SP_LIT(P "Content-Length: 5\r\n\r\nhello"),
		SP_LIT(P "content-length:  005 \r\n\r\nhello"),
		SP_LIT(CHUNKED "5;a;b;c=d\r\nhello\r\n0\r\n\r\n"),
		SP_LIT(CHUNKED "A\r\n0123456789\r\n000\r\n\r\n"),
		SP_LIT(G "X:\r\nY: \t z \t\r\n\r\n"),
		SP_LIT("DELETE //a/../%2f?q=?/ HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"),
		SP_LIT(P "Transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
		SP_LIT("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++) {
		struct http_result r = http_gather(false, good[i], false, NULL, NULL);
		struct http_ref f;

		http_ref_run(&f, false, good[i], false);
		if (r.state != SP_HTTP1_DONE || !f.complete)
			fail_msg("row %zu: %s", i, r.error.what);
		assert_int_equal(r.used, f.r.used);
		assert_int_equal(r.body_len, f.r.body_len);
		assert_memory_equal(r.body, f.r.body, r.body_len);
		http_result_done(&r);
		http_result_done(&f.r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_ambiguous_message_is_refused_however_it_arrives),
		cmocka_unit_test(what_is_accepted_llhttp_accepts_with_the_same_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
