/// Upstreams that break HTTP/2: each is refused, counted, and costs no more than its own calls.
#include "tests/support/h2_frames.h"
#include "tests/support/h2_peer.h"
#include "common/banned.h"

static struct client k;
static struct call a;
static struct frames f;

static void good_head(struct block *b)
{
	b->n = 0;
	field(b, ":status", "200");
	field(b, "content-type", "application/json");
}

/// The server says `f` and nothing more; the call on stream 1 ends as told.
static void answered_by(enum sp_reason why, bool violation)
{
	lab_raw(&k, sp_bytes(f.p, f.n), false);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	if (why == SP_REASON_NONE)
		expect_ok(&k, &a, "fine");
	else
		expect_failed(&k, &a, why, true);
	assert_int_equal(k.stat[SP_STAT_UP_VIOLATIONS], violation);
	turns(&k, 30);
	if (violation)
		assert_int_equal(sp_upstreams_open(k.u), 0);
	lab_end(&k);
}

/// Heads of answers, one a row: name, value, name, value ...
static const struct {
	const char *what, *v[12];
} bad_heads[] = {
	{"no status", {"content-type", "text/plain"}},
	{"two statuses", {":status", "200", ":status", "200"}},
	{"a status that is no number", {":status", "2x0"}},
	{"a long status", {":status", "2000"}},
	{"a switch of protocols", {":status", "101"}},
	{"a status after a field", {"content-type", "text/plain", ":status", "200"}},
	{"a request's field", {":status", "200", ":path", "/"}},
	{"an unknown pseudo-field", {":status", "200", ":foo", "x"}},
	{"an upper-case name", {":status", "200", "Content-Type", "text/plain"}},
	{"an empty name", {":status", "200", "", "x"}},
	{"a name with a blank", {":status", "200", "a b", "x"}},
	{"a line break in a value", {":status", "200", "x-a", "1\r\nx-b: 2"}},
	{"connection", {":status", "200", "connection", "close"}},
	{"keep-alive", {":status", "200", "keep-alive", "timeout=5"}},
	{"proxy-connection", {":status", "200", "proxy-connection", "close"}},
	{"transfer-encoding", {":status", "200", "transfer-encoding", "chunked"}},
	{"upgrade", {":status", "200", "upgrade", "h2c"}},
	{"two lengths", {":status", "200", "content-length", "4", "content-length", "4"}},
	{"a length that is no number", {":status", "200", "content-length", "4x"}},
	{"a length below the body", {":status", "200", "content-length", "3"}},
	{"a length above the body", {":status", "200", "content-length", "5"}},
	{"two sessions", {":status", "200", "mcp-session-id", "a", "mcp-session-id", "a"}},
	{"two types", {":status", "200", "content-type", "a/b", "content-type", "a/c"}},
	{"a byte that is no ASCII where it is read", {":status", "200", "mcp-session-id", "\xc3\xa9"}},
	{"a length where there can be no body", {":status", "204", "content-length", "4"}},
};

static void malformed_heads_are_invalid_and_cost_only_their_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad_heads); i++) {
		struct block b = {.n = 0};

		print_message("%s\n", bad_heads[i].what);
		f.n = 0;
		settings(&f);
		for (size_t j = 0; bad_heads[i].v[j]; j += 2)
			field(&b, bad_heads[i].v[j], bad_heads[i].v[j + 1]);
		headers(&f, 0, 1, &b);
		frame(&f, F_DATA, END_STREAM, 1, "fine", 4);
		answered_by(SP_REASON_UPSTREAM_INVALID, false);
	}
}

static void interim_heads_and_trailers_are_passed_over(void **state)
{
	struct block b = {.n = 0};

	(void)state;
	f.n = 0;
	settings(&f);
	field(&b, ":status", "103");
	field(&b, "link", "</x>");
	headers(&f, 0, 1, &b);
	good_head(&b);
	headers(&f, 0, 1, &b);
	frame(&f, F_DATA, 0, 1, "fi", 2);
	frame(&f, F_DATA, 0, 1, "ne", 2);
	b.n = 0;
	field(&b, "x-checksum", "1");
	headers(&f, END_STREAM, 1, &b);
	answered_by(SP_REASON_NONE, false);
}

static void interim_heads_without_end_are_refused(void **state)
{
	struct block b = {.n = 0};

	(void)state;
	f.n = 0;
	settings(&f);
	field(&b, ":status", "103");
	for (int i = 0; i < 9; i++)
		headers(&f, 0, 1, &b);
	answered_by(SP_REASON_UPSTREAM_INVALID, false);
}

static void a_head_over_the_limit_is_refused(void **state)
{
	static char long_value[301];
	struct block b;

	(void)state;
	memset(long_value, 'v', 300);
	for (int many = 0; many < 2; many++) {
		f.n = 0;
		settings(&f);
		good_head(&b);
		for (int i = 0; i < (many ? 70 : 13); i++)
			field(&b, "x-a", many ? "" : long_value);
		headers(&f, END_STREAM, 1, &b);
		answered_by(SP_REASON_UPSTREAM_INVALID, false);
	}
}

static void an_answer_over_the_limit_is_too_large(void **state)
{
	struct block b = {.n = 0};

	(void)state;
	f.n = 0;
	settings(&f);
	field(&b, ":status", "200");
	field(&b, "content-length", "1048577");
	headers(&f, 0, 1, &b);
	answered_by(SP_REASON_UPSTREAM_TOO_LARGE, false);
}

/// One entry of 3 KiB in the table, and then a byte for each copy of it.
static void a_bomb_of_compressed_fields_ends_the_connection(void **state)
{
	struct block b = {.n = 0};
	size_t v = 3000;

	(void)state;
	f.n = 0;
	settings(&f);
	field(&b, ":status", "200");
	b.p[b.n++] = 0x40; // literal, indexed, new name
	b.p[b.n++] = 1;
	b.p[b.n++] = 'x';
	b.p[b.n++] = 127;
	b.p[b.n++] = (uint8_t)((v - 127) % 128 + 128);
	b.p[b.n++] = (uint8_t)((v - 127) / 128);
	memset(b.p + b.n, 'v', v);
	b.n += v;
	memset(b.p + b.n, 0x80 | 62, 8000);
	b.n += 8000;
	headers(&f, END_STREAM, 1, &b);
	lab_raw(&k, sp_bytes(f.p, f.n), false);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_INVALID, true);
	turns(&k, 30);
	assert_int_equal(k.stat[SP_STAT_UP_VIOLATIONS], 1);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	lab_end(&k);
}

static void push_is_refused(void **state)
{
	struct block b = {.n = 0};
	static uint8_t promise[1000] = {0, 0, 0, 2};

	(void)state;
	f.n = 0;
	settings(&f);
	field(&b, ":method", "GET");
	field(&b, ":scheme", "http");
	field(&b, ":authority", "one.example");
	field(&b, ":path", "/");
	memcpy(promise + 4, b.p, b.n);
	frame(&f, F_PUSH, END_HEADERS, 1, promise, b.n + 4);
	answered_by(SP_REASON_UPSTREAM_INVALID, true);
}

static void what_is_no_http2_is_refused(void **state)
{
	static const char *const text[] = {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
		"220 mail.example.com ESMTP\r\n", "\x15\x03\x01\x00\x02\x02\x46 and more of an alert"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(text); i++) {
		f.n = strlen(text[i]);
		memcpy(f.p, text[i], f.n);
		lab_raw(&k, sp_bytes(f.p, f.n), true);
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		finish(&k, &a);
		assert_true(a.failed);
		lab_end(&k);
	}
}

static void flood(const char *what, void (*one)(unsigned i), unsigned n)
{
	print_message("%s\n", what);
	f.n = 0;
	settings(&f);
	for (unsigned i = 0; i < n; i++)
		one(i);
	answered_by(SP_REASON_UPSTREAM_INVALID, true);
}
static void one_ping(unsigned i)
{
	frame(&f, F_PING, 0, 0, "12345678", 8);
	(void)i;
}
static void one_pong(unsigned i)
{
	frame(&f, F_PING, 1, 0, "12345678", 8);
	(void)i;
}
static void one_settings(unsigned i)
{
	settings(&f);
	(void)i;
}
static void one_empty_data(unsigned i)
{
	struct block b;

	if (!i) {
		good_head(&b);
		headers(&f, 0, 1, &b);
	}
	frame(&f, F_DATA, 0, 1, NULL, 0);
}
static void one_window(unsigned i)
{
	frame(&f, F_WINDOW, 0, 0, "\0\0\0\1", 4);
	(void)i;
}
static void one_reset(unsigned i)
{
	frame(&f, F_RST, 0, 1, "\0\0\0\x8", 4);
	(void)i;
}
static void one_unknown(unsigned i)
{
	static const uint8_t x[100];

	frame(&f, 0xee, 0, 0, x, sizeof(x));
	(void)i;
}
static void one_continuation(unsigned i)
{
	struct block b;

	good_head(&b);
	if (!i)
		frame(&f, F_HEADERS, 0, 1, b.p, b.n);
	else
		frame(&f, F_CONT, 0, 1, NULL, 0);
}
static void floods_end_the_connection(void **state)
{
	(void)state;
	flood("pings", one_ping, 3000);
	flood("answers to pings", one_pong, 3000);
	flood("settings", one_settings, 3000);
	flood("empty data", one_empty_data, 3000);
	flood("windows", one_window, 3000);
	flood("unknown frames", one_unknown, 3000);
	flood("continuations", one_continuation, 100);
}

static void resets_without_end_end_the_connection(void **state)
{
	(void)state;
	f.n = 0;
	settings(&f);
	for (unsigned i = 0; i < 3000; i++)
		one_reset(i);
	lab_raw(&k, sp_bytes(f.p, f.n), false);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	turns(&k, 30);
	assert_int_equal(k.stat[SP_STAT_UP_VIOLATIONS], 1);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	lab_end(&k);
}

static void frames_that_are_malformed_end_the_connection(void **state)
{
	struct block b;

	(void)state;
	for (int i = 0; i < 8; i++) {
		f.n = 0;
		settings(&f);
		good_head(&b);
		if (i == 0) // a stream that was never opened
			headers(&f, END_STREAM, 7, &b);
		else if (i == 1) // a stream of the server's
			headers(&f, END_STREAM, 2, &b);
		else if (i == 2)
			frame(&f, F_PING, 0, 0, "123", 3);
		else if (i == 3)
			frame(&f, F_SETTINGS, 0, 0, "12345", 5);
		else if (i == 4)
			frame(&f, F_WINDOW, 0, 0, "\0\0\0\0", 4);
		else if (i == 5)
			frame(&f, F_HEADERS, END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6);
		else if (i == 6)
			frame(&f, F_WINDOW, 0, 0, "\x7f\xff\xff\xff", 4);
		else
			frame(&f, F_SETTINGS, 0, 0, "\0\4\xff\xff\xff\xff", 6);
		answered_by(SP_REASON_UPSTREAM_INVALID, true);
	}
}

static void every_truncation_fails_as_sent_and_never_looks_whole(void **state)
{
	struct block b;
	size_t whole;

	(void)state;
	f.n = 0;
	settings(&f);
	good_head(&b);
	headers(&f, 0, 1, &b);
	frame(&f, F_DATA, 0, 1, "fi", 2);
	frame(&f, F_DATA, END_STREAM, 1, "ne", 2);
	whole = f.n;
	for (size_t n = 0; n <= whole; n++) {
		lab_raw(&k, sp_bytes(f.p, n), true);
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		if (n < whole)
			expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
		else
			expect_ok(&k, &a, "fine");
		lab_end(&k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_heads_are_invalid_and_cost_only_their_call),
		cmocka_unit_test(interim_heads_and_trailers_are_passed_over),
		cmocka_unit_test(interim_heads_without_end_are_refused),
		cmocka_unit_test(a_head_over_the_limit_is_refused),
		cmocka_unit_test(an_answer_over_the_limit_is_too_large),
		cmocka_unit_test(a_bomb_of_compressed_fields_ends_the_connection),
		cmocka_unit_test(push_is_refused),
		cmocka_unit_test(what_is_no_http2_is_refused),
		cmocka_unit_test(floods_end_the_connection),
		cmocka_unit_test(resets_without_end_end_the_connection),
		cmocka_unit_test(frames_that_are_malformed_end_the_connection),
		cmocka_unit_test(every_truncation_fails_as_sent_and_never_looks_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
