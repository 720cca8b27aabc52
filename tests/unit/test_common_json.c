#include "tests/support/json_both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define DEPTH 64u
#define CAP 4096u

static int verdict(const char *text)
{
	struct json_both b = json_both(sp_bytes_cstr(text), DEPTH, CAP);

	if (!b.err)
		json_both_check_index(&b.j);
	json_both_done(&b);
	return b.err;
}

static int verdict_of(const char *text, size_t n)
{
	struct json_both b = json_both(sp_bytes(text, n), DEPTH, CAP);
	int err = b.err;

	json_both_done(&b);
	return err;
}

static void refused(const char *text, int err, uint32_t off)
{
	struct json_both b = json_both(sp_bytes_cstr(text), DEPTH, CAP);

	if (b.err != err || b.error.off != off)
		print_message("%s: %d at %u (%s)\n", text, b.err, b.error.off, b.error.what);
	assert_int_equal(b.err, err);
	assert_int_equal(b.error.off, off);
	json_both_done(&b);
}

static void tokens_follow_the_document(void **state)
{
	static const char text[] =
		" {\"a\": [1, -2.5e3, \"x\\n\"], \"b\":{}, \"c\":[] , \"d\":null} ";
	struct json_both b = json_both(SP_LIT(text), DEPTH, CAP);
	const struct sp_json *j = &b.j;
	uint32_t a;

	(void)state;
	assert_int_equal(b.err, 0);
	json_both_check_index(j);
	assert_int_equal(j->n, 12);
	assert_int_equal(j->tok[0].count, 4);
	assert_true(sp_bytes_eq(sp_json_span(j, 0), sp_bytes(b.text + 2, sizeof(text) - 3)));
	a = sp_json_get(j, 0, SP_LIT("a"));
	assert_int_equal(j->tok[a].count, 3);
	assert_true(sp_bytes_eq(sp_json_raw(j, a), SP_LIT("[1, -2.5e3, \"x\\n\"]")));
	assert_true(sp_bytes_eq(sp_json_raw(j, a + 3), SP_LIT("\"x\\n\"")));
	assert_true(sp_bytes_eq(sp_json_span(j, a + 3), SP_LIT("x\\n")));
	assert_true(j->tok[a + 3].escaped);
	assert_int_equal(sp_json_type(j, sp_json_get(j, 0, SP_LIT("d"))), SP_JSON_NULL);
	assert_int_equal(sp_json_first(j, sp_json_get(j, 0, SP_LIT("b"))), SP_JSON_NONE);
	assert_int_equal(sp_json_first(j, a), a + 1);
	assert_int_equal(sp_json_first(j, a + 1), SP_JSON_NONE);
	assert_int_equal(sp_json_get(j, 0, SP_LIT("e")), SP_JSON_NONE);
	assert_int_equal(sp_json_get(j, a, SP_LIT("a")), SP_JSON_NONE);
	assert_int_equal(sp_json_get(j, SP_JSON_NONE, SP_LIT("a")), SP_JSON_NONE);
	json_both_done(&b);
}

static void grammar_errors_say_where(void **state)
{
	(void)state;
	refused("", -EBADMSG, 0);
	refused("  ", -EBADMSG, 2);
	refused("\xef\xbb\xbf{}", -EBADMSG, 0);
	refused("{} x", -EBADMSG, 3);
	refused("[1,]", -EBADMSG, 3);
	refused("[1 2]", -EBADMSG, 3);
	refused("[1}", -EBADMSG, 2);
	refused("{\"a\":1]", -EBADMSG, 6);
	refused("{\"a\":1,}", -EBADMSG, 7);
	refused("{\"a\" 1}", -EBADMSG, 5);
	refused("{a:1}", -EBADMSG, 1);
	refused("{\"a\":}", -EBADMSG, 5);
	refused("[01]", -EBADMSG, 2);
	refused("[-]", -EBADMSG, 2);
	refused("[1.]", -EBADMSG, 3);
	refused("[1e+]", -EBADMSG, 4);
	refused("[+1]", -EBADMSG, 1);
	refused("[nul]", -EBADMSG, 1);
	refused("[\"a\nb\"]", -EBADMSG, 3);
	refused("[\"\x7f\\x\"]", -EBADMSG, 3);
	refused("[\"\\u12g4\"]", -EBADMSG, 2);
	refused("[\"abc", -EBADMSG, 5);
	refused("[\"abc\\", -EBADMSG, 6);
	refused("[\x0b"
		"1]",
		-EBADMSG, 1);
	assert_int_equal(verdict("\t\r\n [ \n\t\r  1   ,\n\n2 ] \r"), 0);
}

static void utf8_and_surrogates_are_checked_to_the_letter(void **state)
{
	static const char *const good[] = {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"\\ud800\\udc00", "\\uDBFF\\uDFFF", "\\u0000", "\\uffff",
		"\\/\\b\\f\\n\\r\\t\\\"\\\\"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2",
		"\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
		"\xf0\x90\x80", "\xe1\x80\xc0", "\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x",
		"\\ud800\\n", "\\udc00\\ud800"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++) {
		snprintf(text, sizeof(text), "[\"%s\"]", good[i]);
		assert_int_equal(verdict(text), 0);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "[\"%s\"]", bad[i]);
		refused(text, -EILSEQ, 2);
		snprintf(text, sizeof(text), "{\"k%s\":1}", bad[i]);
		refused(text, -EILSEQ, 3);
	}
}

static void nul_is_refused_everywhere(void **state)
{
	static const struct sp_bytes bad[] = {SP_LIT("\0"), SP_LIT("{}\0"), SP_LIT("[\0]"),
		SP_LIT("[\"\0\"]"), SP_LIT("[\"a\\\0\"]"), SP_LIT("[1\0]"), SP_LIT("{\"a\0b\":1}")};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		struct json_both b = json_both(bad[i], DEPTH, CAP);

		assert_int_equal(b.err, -EBADMSG);
		json_both_done(&b);
	}
}

static void repeated_keys_are_refused_after_unescaping(void **state)
{
	(void)state;
	refused("{\"name\":1,\"n\\u0061me\":2}", -EEXIST, 11);
	refused("{\"n\\u0061me\":1,\"name\":2}", -EEXIST, 16);
	refused("{\"\\u006eame\":1,\"nam\\u0065\":2}", -EEXIST, 16);
	refused("{\"\":1,\"\":2}", -EEXIST, 7);
	refused("{\"/\":1,\"\\/\":2}", -EEXIST, 8);
	refused("{\"\xf0\x9d\x84\x9e\":1,\"\\ud834\\udd1e\":2}", -EEXIST, 11);
	refused("{\"\xc3\xa9\":1,\"\\u00e9\":2}", -EEXIST, 9);
	refused("[{\"x\":{\"k\":1,\"j\":2,\"k\":3}}]", -EEXIST, 20);
	refused("{\"io.modelcontextprotocol/protocolVersion\":1,"
		"\"io.modelcontextprotocol/protocolVersio\\u006e\":2}",
		-EEXIST, 46);
	assert_int_equal(verdict("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}"), 0);
	assert_int_equal(verdict("{\"a\":1,\"A\":2,\"\":3,\"a \":4,\"a\\u0000\":5}"), 0);
	assert_int_equal(verdict("{\"e\xcc\x81\":1,\"\xc3\xa9\":2}"), 0);
	assert_int_equal(verdict("{\"abcdefgh1abcdefgh\":1,\"abcdefgh2abcdefgh\":2}"), 0);
}

/// An object of `n` members, of which `twice` (an index, or none when >= n) is said again at the
/// end.
static size_t object_text(
	char *buf, size_t cap, unsigned n, unsigned twice, const char *before, const char *after)
{
	size_t len = 0;

	buf[len++] = '{';
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s\"%s%04u%s\":[%u]", i ? "," : "",
			before, i, after, i);
	if (twice < n)
		len += (size_t)snprintf(
			buf + len, cap - len, ",\"%s%04u%s\":0", before, twice, after);
	buf[len++] = '}';
	return len;
}

static void repeated_keys_are_found_in_objects_of_any_size(void **state)
{
	/* The last form differs only where the hash does not look: every key collides. */
	static const char *const forms[][2] = {{"", ""}, {"member-", ""}, {"\\u006bey", "\\n"},
		{"same first eight ", " and the same end"}};
	static const unsigned sizes[] = {1, 2, 3, 11, 12, 13, 31, 32, 33, 100, 300, 2000};
	size_t cap = 2000 * 80;
	char *buf = malloc(cap);

	(void)state;
	assert_non_null(buf);
	for (size_t f = 0; f < SP_ARRAY_LEN(forms); f++)
		for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++)
			for (unsigned k = 0; k < 4; k++) {
				unsigned n = sizes[i], twice = k == 3 ? n : n * k / 3;
				size_t len =
					object_text(buf, cap, n, twice, forms[f][0], forms[f][1]);
				struct json_both b = json_both(sp_bytes(buf, len), DEPTH, 8192);

				assert_int_equal(b.err, twice < n ? -EEXIST : 0);
				if (!b.err)
					json_both_check_index(&b.j);
				else
					assert_true(b.error.off + 60 > len);
				json_both_done(&b);
			}
	free(buf);
}

static void the_first_repeat_of_a_large_object_is_the_one_named(void **state)
{
	char buf[2048];
	size_t len = object_text(buf, sizeof(buf), 60, 60, "k", "");
	size_t at = len;
	struct json_both b;

	(void)state;
	len = at - 1;
	len += (size_t)snprintf(
		buf + len, sizeof(buf) - len, ",\"k0059\":1,\"k0003\":1,\"k0059\":1}");
	b = json_both(sp_bytes(buf, len), DEPTH, CAP);
	assert_int_equal(b.err, -EEXIST);
	assert_int_equal(b.error.off, at + 1);
	json_both_done(&b);
}

static void depth_and_tokens_are_bounded(void **state)
{
	char text[600];
	struct json_both b;

	(void)state;
	for (unsigned n = 1; n < 300; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		b = json_both(sp_bytes(text, 2 * n), 100, CAP);
		assert_int_equal(b.err, n > 100 ? -E2BIG : 0);
		assert_int_equal(b.error.off, n > 100 ? 100 : 0);
		json_both_done(&b);
	}
	b = json_both(SP_LIT("[]"), 0, CAP);
	assert_int_equal(b.err, -E2BIG);
	json_both_done(&b);
	b = json_both(SP_LIT("7"), 0, CAP);
	assert_int_equal(b.err, 0);
	json_both_done(&b);
	for (uint32_t cap = 0; cap < 6; cap++) {
		b = json_both(SP_LIT("{\"a\":[1,2]}"), DEPTH, cap);
		assert_int_equal(b.err, cap < 5 ? -E2BIG : 0);
		json_both_done(&b);
	}
}

static void a_hundred_thousand_levels_need_no_stack(void **state)
{
	uint32_t n = 100000;
	char *text = malloc(2 * n);
	struct json_both b;

	(void)state;
	assert_non_null(text);
	memset(text, '[', n);
	memset(text + n, ']', n);
	b = json_both(sp_bytes(text, 2 * n), UINT32_MAX, n);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.j.n, n);
	json_both_done(&b);
	b = json_both(sp_bytes(text, n), UINT32_MAX, n);
	assert_int_equal(b.err, -EBADMSG);
	json_both_done(&b);
	free(text);
}

static void every_truncation_of_a_document_is_refused(void **state)
{
	static const char text[] =
		"{\"jsonrpc\":\"2.0\",\"id\":-12.5e+3,\"p\":{\"t\":true,\"f\":false,\"n\":null,"
		"\"s\":\"a long enough string to pass thirty-two bytes, \xe2\x82\xac "
		"\xf0\x9d\x84\x9e "
		"\\ud834\\udd1e \\\" end\",\"e\":[[],{}, [1 , 2 ]]}}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct json_both b = json_both(sp_bytes(text, n), DEPTH, CAP);

		assert_true(b.err == -EBADMSG || b.err == -EILSEQ);
		json_both_done(&b);
	}
	assert_int_equal(verdict(text), 0);
}

static void a_byte_at_any_place_of_a_vector_is_seen(void **state)
{
	static const struct {
		const char *insert;
		int err;
	} cases[] = {{"", 0}, {"\\n", 0}, {"\xc3\xa9", 0}, {"\x01", -EBADMSG}, {"\xff", -EILSEQ},
		{"\\q", -EBADMSG}, {"\"", -EBADMSG}, {"\x7f", 0}, {"\\ud800", -EILSEQ}};
	char text[256];

	(void)state;
	for (size_t c = 0; c < SP_ARRAY_LEN(cases); c++)
		for (int at = 0; at < 100; at++)
			for (int after = 0; after < 70; after += 3) {
				int n = snprintf(text, sizeof(text), "[\"%.*s%s%.*s\"]", at,
					"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN",
					cases[c].insert, after,
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnop"
					"qrstuvwxyzABCDEFGHIJKLMN");
				struct json_both b =
					json_both(sp_bytes(text, (size_t)n), DEPTH, CAP);

				assert_int_equal(b.err, cases[c].err);
				if (b.err == -EILSEQ || (b.err && cases[c].insert[0] != '"'))
					assert_int_equal(b.error.off, at + 2);
				json_both_done(&b);
			}
}

static void blanks_of_any_length_are_skipped(void **state)
{
	char text[512];

	(void)state;
	for (int n = 0; n < 100; n++) {
		int len = snprintf(text, sizeof(text), "%*s[1,%*s\n2]%*s", n, "", n, "\t", n, "\r");
		struct json_both b = json_both(sp_bytes(text, (size_t)len), DEPTH, CAP);

		assert_int_equal(b.err, 0);
		assert_int_equal(b.j.n, 3);
		json_both_done(&b);
		text[len - 1] = '\x0c';
		b = json_both(sp_bytes(text, (size_t)len), DEPTH, CAP);
		assert_int_equal(b.err, -EBADMSG);
		assert_int_equal(b.error.off, len - 1);
		json_both_done(&b);
	}
}

static void strings_of_a_mebibyte_pass(void **state)
{
	static const char *const units[] = {"x", "\\u20ac", "\xe2\x82\xac", "\\\\"};
	size_t n = 1 << 20;
	char *text = malloc(n + 16);

	(void)state;
	assert_non_null(text);
	for (size_t u = 0; u < SP_ARRAY_LEN(units); u++) {
		size_t len = 0, w = strlen(units[u]);
		struct json_both b;

		text[len++] = '"';
		while (len + w < n) {
			memcpy(text + len, units[u], w);
			len += w;
		}
		text[len++] = '"';
		b = json_both(sp_bytes(text, len), DEPTH, 1);
		assert_int_equal(b.err, 0);
		assert_int_equal(b.j.tok[0].len, len - 2);
		json_both_done(&b);
		b = json_both(sp_bytes(text, len - 1), DEPTH, 1);
		assert_int_equal(b.err, -EBADMSG);
		json_both_done(&b);
	}
	free(text);
}

/// Around the ends of whatever is loaded at once, alone and one behind the other, and at the end of the text.
static void escapes_are_read_wherever_they_lie(void **state)
{
	static const struct {
		const char *text;
		int err;
	} escapes[] = {{"\\\"", 0}, {"\\\\", 0}, {"\\/", 0}, {"\\b", 0}, {"\\f", 0}, {"\\n", 0}, {"\\r", 0},
		{"\\t", 0}, {"\\\\\\\"", 0}, {"\\u00e9", 0}, {"\\ud83d\\ude00", 0}, {"\\n\xc3\xa9\\n", 0},
		{"\\x", -EBADMSG}, {"\\n\\q", -EBADMSG}, {"\\\"\x01", -EBADMSG}, {"\\n\xff", -EILSEQ},
		{"\\n\\udc00", -EILSEQ}};
	char text[256];

	(void)state;
	for (size_t e = 0; e < SP_ARRAY_LEN(escapes); e++) {
		for (size_t at = 0; at < 140; at++) {
			size_t pad = at % 70, behind = at / 70 * 64;
			int n = snprintf(text, sizeof(text), "\"%.*s%s%s%.*s\"", (int)pad,
				"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				escapes[e].text, escapes[e].text, (int)behind,
				"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
			struct json_both b = json_both(sp_bytes(text, (size_t)n), DEPTH, CAP);

			assert_int_equal(b.err, escapes[e].err);
			if (!b.err) {
				assert_int_equal(b.j.tok[0].len, n - 2);
				assert_true(b.j.tok[0].escaped);
			}
			json_both_done(&b);
			for (size_t cut = pad + 1; !escapes[e].err && cut < (size_t)n; cut++)
				assert_true(verdict_of(text, cut) < 0);
		}
	}
}

static uint32_t rnd(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void twins_agree_on_mutations(void **state)
{
	static const char seed[] = "{\"jsonrpc\":\"2.0\",\"id\":\"r-1\",\"method\":\"tools/"
				   "call\",\"params\":{\"name\":"
				   "\"search\",\"arguments\":{\"q\":\"caf\xc3\xa9 \\u00e9 "
				   "\\\"x\\\"\",\"n\":[1,2.5,-3e9],"
				   "\"deep\":{\"a\":{\"b\":{}}},\"a\":true,\"b\":null},\"_meta\":{"
				   "\"progressToken\":7}}}";
	static const char alphabet[] = "{}[]\",:\\ue0 \n1-\x80\xc3\xed\xf0\x01";
	uint32_t x = 2463534242u;
	unsigned good = 0, bad = 0;

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		char text[sizeof(seed)];
		unsigned edits = rnd(&x) % 4;
		struct json_both b;

		memcpy(text, seed, sizeof(seed));
		for (unsigned i = 0; i < edits; i++)
			text[rnd(&x) % (sizeof(seed) - 1)] =
				rnd(&x) % 4 ? alphabet[rnd(&x) % (sizeof(alphabet) - 1)]
					    : (char)rnd(&x);
		b = json_both(sp_bytes(text, sizeof(seed) - 1), DEPTH, CAP);
		if (!b.err)
			json_both_check_index(&b.j);
		*(b.err ? &bad : &good) += 1;
		json_both_done(&b);
	}
	assert_true(good > 1000 && bad > 1000);
}

static void strings_come_out_unescaped(void **state)
{
	struct json_both b =
		json_both(SP_LIT("[\"plain\",\"a\\\"\\\\\\/"
				 "\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20ac\\ud834\\udd1ez\",1]"),
			DEPTH, CAP);
	struct sp_bytes want = SP_LIT("a\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9ez");
	struct sp_bytes s = SP_NOBYTES;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(b.err, 0);
	assert_int_equal(sp_json_str(&b.j, 1, NULL, 0, &s), 0);
	assert_true(sp_bytes_eq(s, SP_LIT("plain")));
	assert_ptr_equal(s.p, sp_json_span(&b.j, 1).p);
	for (size_t cap = 0; cap < want.n; cap++)
		assert_int_equal(sp_json_str(&b.j, 2, buf, cap, &s), -ENOSPC);
	assert_int_equal(sp_json_str(&b.j, 2, buf, want.n, &s), 0);
	assert_true(sp_bytes_eq(s, want));
	assert_true(sp_json_str_eq(&b.j, 2, want));
	assert_false(sp_json_str_eq(&b.j, 2, sp_bytes(want.p, want.n - 1)));
	assert_true(sp_json_str_eq(&b.j, 1, SP_LIT("plain")));
	assert_false(sp_json_str_eq(&b.j, 3, SP_LIT("1")));
	assert_int_equal(sp_json_str(&b.j, 3, buf, sizeof(buf), &s), -EINVAL);
	json_both_done(&b);
}

static void integers_are_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
		int64_t v;
	} cases[] = {{"[0]", 0, 0}, {"[-0]", 0, 0}, {"[9223372036854775807]", 0, INT64_MAX},
		{"[-9223372036854775808]", 0, INT64_MIN}, {"[9223372036854775808]", -ERANGE, 0},
		{"[999999999999999999]", 0, 999999999999999999}, {"[-999999999999999999]", 0, -999999999999999999},
		{"[1000000000000000000]", 0, 1000000000000000000}, {"[-7]", 0, -7}, {"[1234567]", 0, 1234567},
		{"[-9223372036854775809]", -ERANGE, 0}, {"[1.0]", -EINVAL, 0},
		{"[1e2]", -EINVAL, 0}, {"[99999999999999999999.5]", -EINVAL, 0},
		{"[\"1\"]", -EINVAL, 0}};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct json_both b = json_both(sp_bytes_cstr(cases[i].text), DEPTH, CAP);
		int64_t v = 42;

		assert_int_equal(b.err, 0);
		assert_int_equal(sp_json_i64(&b.j, 1, &v), cases[i].err);
		assert_true(v == (cases[i].err ? 42 : cases[i].v));
		json_both_done(&b);
	}
}

static void lines_and_columns_count_from_one(void **state)
{
	unsigned line, col;

	(void)state;
	sp_json_where(SP_LIT("ab\ncd\n"), 0, &line, &col);
	assert_true(line == 1 && col == 1);
	sp_json_where(SP_LIT("ab\ncd\n"), 4, &line, &col);
	assert_true(line == 2 && col == 2);
	sp_json_where(SP_LIT("ab\ncd\n"), 99, &line, &col);
	assert_true(line == 3 && col == 1);
}

static bool alike(const char *text, bool *ret_room)
{
	uint64_t room[2048];
	struct json_both b = json_both(sp_bytes_cstr(text), DEPTH, CAP);
	bool r;

	assert_int_equal(b.err, 0);
	r = sp_json_alike_keys(&b.j, 0, 7, room, sizeof(room));
	if (b.j.tok[0].apart) {
		b.j.tok[0].apart = false;
		assert_int_equal(sp_json_alike_keys(&b.j, 0, 7, room, sizeof(room)), r);
	}
	*ret_room = sp_json_alike_keys(&b.j, 0, 7, room, 8);
	json_both_done(&b);
	return r;
}

/// An object of n members "key-0" ..., in which one more stands at the end.
static const char *many(unsigned n, const char *last)
{
	static char text[32768];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_out_lit(&o, "{");
	for (unsigned i = 0; i < n; i++) {
		sp_out_lit(&o, "\"key-");
		sp_out_u64(&o, i);
		sp_out_lit(&o, "\":1,");
	}
	sp_out_bytes(&o, sp_bytes_cstr(last));
	sp_out_lit(&o, ":1}");
	text[o.len] = 0;
	return text;
}

static void keys_that_differ_in_case_alone_are_found_in_objects_of_any_size(void **state)
{
	static const char *const yes[] = {"{\"sql\":1,\"SQL\":2}", "{\"a\":1,\"b\":1,\"A\":2}",
		"{\"sql\":1,\"\u017fql\":2}", "{\"sql\":1,\"\\u017fql\":2}",
		"{\"key\":1,\"\u212aey\":2}", "{\"\u017f\u212a\":1,\"sk\":2}",
		"{\"a-very-long-name-of-a-member\":1,\"a-very-long-name-of-a-membeR\":2}",
		"{\"\\u0053ql\":1,\"sql\":2}"};
	static const char *const no[] = {"{}", "[1]", "1", "{\"a\":1}", "{\"a\":{\"b\":1,\"B\":2}}",
		"{\"a\":1,\"b\":2}", "{\"@\":1,\"`\":2}", "{\"[\":1,\"{\":2}", "{\"s\":1,\"ss\":2}",
		"{\"\u00e9\":1,\"\u00c9\":2}", "{\"\u0161\":1,\"s\":2}", "{\"\u2124\":1,\"k\":2}",
		"{\"\u2122K\":1,\"\u2122kk\":2}"};
	bool small;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(yes); i++)
		if (!alike(yes[i], &small))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < SP_ARRAY_LEN(no); i++)
		if (alike(no[i], &small))
			fail_msg("%s", no[i]);
	for (unsigned n = 1; n < 200; n++) {
		char last[32];

		assert_false(alike(many(n, "\"other\""), &small));
		assert_int_equal(small, n + 1 > 64);
		snprintf(last, sizeof(last), "\"KEY-%u\"", n / 2);
		assert_true(alike(many(n, last), &small));
	}
}

static bool apart(const char *text)
{
	struct json_both b = json_both(sp_bytes_cstr(text), DEPTH, CAP);
	bool r;

	assert_int_equal(b.err, 0);
	r = b.j.tok[0].apart;
	json_both_done(&b);
	return r;
}

static void the_scan_itself_sees_that_usual_names_are_not_alike(void **state)
{
	(void)state;
	assert_true(apart("{\"user_id\":\"u1\",\"amount\":1,\"note\":\"\"}"));
	assert_true(apart("{\"a\":1,\"b\":2,\"\":3}"));
	assert_true(apart("{\"a-name-of-more-than-16-bytes\":1,\"another-name-of-more-than-16-bytes\":2}"));
	assert_false(apart("{\"a-name-of-\u00e9-more-than-16-bytes\":1,\"b\":2}"));
	assert_false(apart("{\"\u017f\":1,\"s\":2}"));
	assert_false(apart("{\"\\u0041\":1,\"b\":2}"));
	assert_false(apart("{\"Name\":1,\"nAME\":2}"));
	assert_false(apart("[1,2]"));
}

static void a_member_by_another_spelling_is_told_from_the_member_itself(void **state)
{
	struct json_both b = json_both(
		SP_LIT("{\"sql\":1,\"Url\":2,\"a\":{\"Path\":1},\"\\u0065nv\":3}"), DEPTH, CAP);

	(void)state;
	assert_false(sp_json_has_alike(&b.j, 0, SP_LIT("sql")));
	assert_false(sp_json_has_alike(&b.j, 0, SP_LIT("env")));
	assert_false(sp_json_has_alike(&b.j, 0, SP_LIT("path")));
	assert_true(sp_json_has_alike(&b.j, 0, SP_LIT("url")));
	assert_true(sp_json_has_alike(&b.j, 0, SP_LIT("SQL")));
	assert_false(sp_json_has_alike(&b.j, 1, SP_LIT("sql")));
	assert_false(sp_json_has_alike(&b.j, SP_JSON_NONE, SP_LIT("sql")));
	assert_false(sp_json_str_alike(&b.j, 2, SP_LIT("1")));
	json_both_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_follow_the_document),
		cmocka_unit_test(grammar_errors_say_where),
		cmocka_unit_test(utf8_and_surrogates_are_checked_to_the_letter),
		cmocka_unit_test(nul_is_refused_everywhere),
		cmocka_unit_test(repeated_keys_are_refused_after_unescaping),
		cmocka_unit_test(repeated_keys_are_found_in_objects_of_any_size),
		cmocka_unit_test(the_scan_itself_sees_that_usual_names_are_not_alike),
		cmocka_unit_test(the_first_repeat_of_a_large_object_is_the_one_named),
		cmocka_unit_test(depth_and_tokens_are_bounded),
		cmocka_unit_test(a_hundred_thousand_levels_need_no_stack),
		cmocka_unit_test(every_truncation_of_a_document_is_refused),
		cmocka_unit_test(a_byte_at_any_place_of_a_vector_is_seen),
		cmocka_unit_test(blanks_of_any_length_are_skipped),
		cmocka_unit_test(strings_of_a_mebibyte_pass),
		cmocka_unit_test(escapes_are_read_wherever_they_lie),
		cmocka_unit_test(twins_agree_on_mutations),
		cmocka_unit_test(strings_come_out_unescaped),
		cmocka_unit_test(integers_are_exact_or_refused),
		cmocka_unit_test(lines_and_columns_count_from_one),
		cmocka_unit_test(keys_that_differ_in_case_alone_are_found_in_objects_of_any_size),
		cmocka_unit_test(a_member_by_another_spelling_is_told_from_the_member_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
