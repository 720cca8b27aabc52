#include "common/record.h"

#include "common/mp.h"
#include "common/reason.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include "common/banned.h"

static int sample(uint8_t *buf, size_t cap)
{
	struct sp_record_writer w;
	uint8_t call[16] = {1, 2, 3, [15] = 0xff};

	sp_record_begin(&w, buf, cap);
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_DECISION);
	sp_record_u(&w, SP_F_TIME, 1753500000123456789ull);
	sp_record_u(&w, SP_F_WORKER, 200);
	sp_record_u(&w, SP_F_EPOCH, 70000);
	sp_record_b(&w, SP_F_CALL, sp_bytes(call, sizeof(call)));
	sp_record_s(&w, SP_F_AGENT, SP_LIT("support-bot"));
	sp_record_s(&w, SP_F_TOOL, SP_LIT("refund \"\xc3\xbc\"\n"));
	sp_record_s(&w, SP_F_PEER, SP_LIT("a text of more than thirty-one bytes, so str8"));
	sp_record_s(&w, SP_F_DECISION, SP_LIT("deny"));
	sp_record_u(&w, SP_F_REASON, SP_REASON_TOOL_DENIED);
	return sp_record_end(&w);
}

static void a_record_reads_back_as_it_was_written(void **state)
{
	uint8_t buf[SP_RECORD_MAX];
	struct sp_record r;
	int n = sample(buf, sizeof(buf));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sp_record_read(sp_bytes(buf, (size_t)n), &r), 0);
	assert_int_equal(r.u[SP_F_TYPE], SP_RECORD_DECISION);
	assert_int_equal(r.u[SP_F_TIME], 1753500000123456789ull);
	assert_int_equal(r.u[SP_F_WORKER], 200);
	assert_int_equal(r.u[SP_F_EPOCH], 70000);
	assert_int_equal(r.b[SP_F_CALL].n, 16);
	assert_true(sp_bytes_eq(r.b[SP_F_AGENT], SP_LIT("support-bot")));
	assert_int_equal(r.b[SP_F_PEER].n, 45);
	assert_false(sp_record_has(&r, SP_F_SESSION));
	assert_true(sp_record_has(&r, SP_F_DECISION));
}

static void every_truncation_and_every_trailing_byte_is_refused(void **state)
{
	uint8_t buf[SP_RECORD_MAX];
	struct sp_record r;
	int n = sample(buf, sizeof(buf));

	(void)state;
	for (int i = 0; i < n; i++) {
		assert_int_equal(sp_record_read(sp_bytes(buf, (size_t)i), &r), -EBADMSG);
		assert_false(sp_record_has(&r, SP_F_TYPE));
	}
	buf[n] = 0;
	assert_int_equal(sp_record_read(sp_bytes(buf, (size_t)n + 1), &r), -EBADMSG);
}

static void changed_bytes_never_read_out_of_bounds(void **state)
{
	uint8_t buf[SP_RECORD_MAX];
	struct sp_record r;
	int n = sample(buf, sizeof(buf)), refused = 0;

	(void)state;
	for (int i = 0; i < n; i++)
		for (int v = 0; v < 256; v++) {
			uint8_t *copy = malloc((size_t)n);

			memcpy(copy, buf, (size_t)n);
			copy[i] = (uint8_t)v;
			refused += sp_record_read(sp_bytes(copy, (size_t)n), &r) < 0;
			for (unsigned f = 0; f < 128; f++)
				if (sp_record_has(&r, f) && r.b[SP_F_TOOL].n)
					assert_true(r.b[SP_F_TOOL].p < copy + n);
			free(copy);
			r.b[SP_F_TOOL].n = 0;
		}
	assert_true(refused > n * 100);
}

/// With one more pair, a good one, behind the others.
static int read_longer(struct sp_bytes b)
{
	static const char more[] = "\x34\xbcone more pair, far from bad.";
	uint8_t longer[128];
	struct sp_record r;

	memcpy(longer, b.p, b.n);
	memcpy(longer + b.n, more, sizeof(more) - 1);
	longer[0]++;
	return sp_record_read(sp_bytes(longer, b.n + sizeof(more) - 1), &r);
}

static void refused_as_tampered(const char *what, struct sp_bytes b)
{
	struct sp_record r;

	if (sp_record_read(b, &r) != -EBADMSG)
		fail_msg("accepted: %s", what);
	if (b.n && read_longer(b) != -EBADMSG)
		fail_msg("accepted with a pair behind it: %s", what);
}

static void wrong_kinds_duplicates_and_bad_text_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_longer(SP_LIT("\x81\x01\x01")), 0);
	refused_as_tampered("text where a number belongs", SP_LIT("\x81\x01\xa1x"));
	refused_as_tampered("number where text belongs", SP_LIT("\x81\x0a\x01"));
	refused_as_tampered("bytes where text belongs", SP_LIT("\x81\x0a\xc4\x01x"));
	refused_as_tampered("a field twice", SP_LIT("\x82\x01\x01\x01\x01"));
	refused_as_tampered("an overlong character", SP_LIT("\x81\x0a\xa2\xc0\xaf"));
	refused_as_tampered("a surrogate", SP_LIT("\x81\x0a\xa3\xed\xa0\x80"));
	refused_as_tampered("a cut character", SP_LIT("\x81\x0a\xa2\xe2\x82"));
	refused_as_tampered("a text key", SP_LIT("\x81\xa1k\x01"));
	refused_as_tampered("an array", SP_LIT("\x91\x01"));
	refused_as_tampered("a negative number", SP_LIT("\x81\x01\xff"));
	refused_as_tampered("the never-used tag", SP_LIT("\x81\x7f\xc1"));
	refused_as_tampered("a value nested too deep",
		SP_LIT("\x81\x7f\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"));
	refused_as_tampered("a length beyond the end", SP_LIT("\x81\x7f\xc6\xff\xff\xff\xff"));
	refused_as_tampered("nothing", SP_NOBYTES);
}

/// Into memory of just that size: reading past the end is seen by sanitizers.
static int read_alone(const struct sp_record_writer *w, int n, struct sp_record *ret, uint8_t **ret_mem)
{
	*ret_mem = malloc((size_t)n);
	assert_non_null(*ret_mem);
	memcpy(*ret_mem, w->out.p, (size_t)n);
	return sp_record_read(sp_bytes(*ret_mem, (size_t)n), ret);
}

static void values_read_the_same_however_near_the_end_they_are(void **state)
{
	static const uint64_t values[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000,
		0x0102030405060708, UINT64_MAX};
	uint8_t buf[512], text[64], *mem;
	struct sp_record_writer w;
	struct sp_record r;

	(void)state;
	memset(text, 't', sizeof(text));
	for (size_t i = 0; i < SP_ARRAY_LEN(values); i++)
		for (size_t n = 0; n <= sizeof(text); n++) {
			sp_record_begin(&w, buf, sizeof(buf));
			sp_record_s(&w, SP_F_TOOL, sp_bytes(text, n));
			sp_record_u(&w, SP_F_BOOT, values[i]);
			sp_record_b(&w, SP_F_CALL, sp_bytes(text, n));
			sp_record_u(&w, SP_F_TYPE, values[i]);
			assert_int_equal(read_alone(&w, sp_record_end(&w), &r, &mem), 0);
			assert_int_equal(r.u[SP_F_BOOT], values[i]);
			assert_int_equal(r.u[SP_F_TYPE], values[i]);
			assert_true(sp_bytes_eq(r.b[SP_F_TOOL], sp_bytes(text, n)));
			assert_true(sp_bytes_eq(r.b[SP_F_CALL], sp_bytes(text, n)));
			free(mem);
		}
}

static void each_byte_of_a_text_has_to_be_part_of_a_character(void **state)
{
	uint8_t buf[512], text[64], *mem;
	struct sp_record_writer w;
	struct sp_record r;

	(void)state;
	for (size_t n = 1; n <= sizeof(text); n++)
		for (size_t i = 0; i < n; i++)
			for (size_t behind = 0; behind <= 40; behind += 20) {
				memset(text, 't', sizeof(text));
				text[i] = 0xfe;
				sp_record_begin(&w, buf, sizeof(buf));
				sp_record_s(&w, SP_F_TOOL, sp_bytes(text, n));
				sp_record_b(&w, SP_F_CALL, sp_bytes(text, behind));
				assert_int_equal(read_alone(&w, sp_record_end(&w), &r, &mem), -EBADMSG);
				free(mem);
				if (i + 1 == n)
					continue;
				memcpy(text + i, "\xc3\xbc", 2);
				sp_record_begin(&w, buf, sizeof(buf));
				sp_record_s(&w, SP_F_TOOL, sp_bytes(text, n));
				sp_record_b(&w, SP_F_CALL, sp_bytes(text, behind));
				assert_int_equal(read_alone(&w, sp_record_end(&w), &r, &mem), 0);
				assert_true(sp_bytes_eq(r.b[SP_F_TOOL], sp_bytes(text, n)));
				free(mem);
			}
}

static void unknown_keys_are_skipped_whatever_their_value(void **state)
{
	struct sp_record r;

	(void)state;
	assert_int_equal(
		sp_record_read(SP_LIT("\x86\x7f\x93\x01\xc0\xcb\0\0\0\0\0\0\0\0\x7e\x81\xa1"
				      "a\xd4\x05\x00\x7d\xc7\x01\x02x\xcd\x03\xe8\xc3\x7c\xdc\x00"
				      "\x01\xff\x01\x05"),
			&r),
		0);
	assert_int_equal(r.u[SP_F_TYPE], 5);
}

static void long_text_is_cut_on_a_character(void **state)
{
	uint8_t buf[SP_RECORD_MAX], text[600];
	struct sp_record_writer w;
	struct sp_record r;
	int n;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 510, "\xe2\x82\xac", 3);
	sp_record_begin(&w, buf, sizeof(buf));
	sp_record_s(&w, SP_F_DETAIL, sp_bytes(text, sizeof(text)));
	n = sp_record_end(&w);
	assert_true(n > 0);
	assert_int_equal(sp_record_read(sp_bytes(buf, (size_t)n), &r), 0);
	assert_int_equal(r.b[SP_F_DETAIL].n, 510);
}

static void a_record_that_does_not_fit_says_so(void **state)
{
	uint8_t buf[SP_RECORD_MAX * 2], text[512] = {0};
	struct sp_record_writer w;

	(void)state;
	for (size_t cap = 0; cap < 40; cap++)
		assert_int_equal(sample(buf, cap), -ENOSPC);
	sp_record_begin(&w, buf, sizeof(buf));
	for (int i = 0; i < 9; i++)
		sp_record_b(&w, SP_F_ARGS_DIGEST, sp_bytes(text, sizeof(text)));
	assert_int_equal(sp_record_end(&w), -ENOSPC);
}

static void numbers_and_texts_of_every_length_read_back_or_do_not_fit(void **state)
{
	uint8_t buf[96], text[48];
	struct sp_record_writer w;
	struct sp_record r;
	int n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('A' + i);
	for (size_t cap = 3; cap <= sizeof(buf); cap++)
		for (unsigned i = 0; i <= 64; i++) {
			uint64_t v = (i < 64 ? 1ull << i : 0) - (i & 1);
			size_t len = i % sizeof(text);

			memset(buf, 0x55, sizeof(buf));
			sp_record_begin(&w, buf, cap);
			sp_record_s(&w, SP_F_AGENT, sp_bytes(text, len));
			sp_record_u(&w, SP_F_BOOT, v);
			sp_record_b(&w, SP_F_CALL, sp_bytes(text, len));
			n = sp_record_end(&w);
			for (size_t k = cap; k < sizeof(buf); k++)
				assert_int_equal(buf[k], 0x55);
			if (n < 0) {
				assert_true(cap < 3 + 3 + len + 10 + 3 + len);
				continue;
			}
			assert_true((size_t)n <= cap);
			assert_int_equal(sp_record_read(sp_bytes(buf, (size_t)n), &r), 0);
			assert_true(r.u[SP_F_BOOT] == v);
			assert_true(sp_bytes_eq(r.b[SP_F_AGENT], sp_bytes(text, len)));
			assert_true(sp_bytes_eq(r.b[SP_F_CALL], sp_bytes(text, len)));
		}
}

static void what_is_kept_of_one_record_says_the_same_in_the_next(void **state)
{
	uint8_t a[512], b[512];
	struct sp_record_piece piece;
	struct sp_record_writer w, from;
	int n;

	(void)state;
	sp_record_begin(&w, a, sizeof(a));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_DECISION);
	from = w;
	sp_record_s(&w, SP_F_AGENT, SP_LIT("bot"));
	sp_record_s(&w, SP_F_SCOPES, SP_LIT("more than thirty-one bytes of scopes"));
	sp_record_keep(&w, &from, &piece);
	assert_int_equal(piece.fields, 2);
	sp_record_u(&w, SP_F_REASON, 3);
	n = sp_record_end(&w);
	sp_record_begin(&w, b, sizeof(b));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_DECISION);
	sp_record_kept(&w, &piece);
	sp_record_u(&w, SP_F_REASON, 3);
	assert_int_equal(sp_record_end(&w), n);
	assert_memory_equal(a, b, (size_t)n);
	sp_record_begin(&w, b, 20); // no room for it
	sp_record_kept(&w, &piece);
	assert_int_equal(sp_record_end(&w), -ENOSPC);
	sp_record_keep(&w, &from, &piece); // nor is what did not fit kept
	assert_int_equal(piece.len, 0);
}

static void a_piece_that_is_too_long_is_not_kept(void **state)
{
	uint8_t buf[SP_RECORD_MAX], text[SP_RECORD_PIECE_MAX] = {0};
	struct sp_record_writer w, from;
	struct sp_record_piece piece;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t n = sizeof(text) - 4; n <= sizeof(text) - 3; n++) { // a key and three bytes before it
		sp_record_begin(&w, buf, sizeof(buf));
		from = w;
		sp_record_s(&w, SP_F_SCOPES, sp_bytes(text, n));
		sp_record_keep(&w, &from, &piece);
		assert_int_equal(piece.len, n == sizeof(text) - 4 ? SP_RECORD_PIECE_MAX : 0);
	}
}

static void type_names_and_numbers_agree(void **state)
{
	unsigned type = 0;

	(void)state;
	for (unsigned i = SP_RECORD_DECISION; i <= SP_RECORD_LIFECYCLE; i++) {
		assert_int_equal(
			sp_record_type_parse(sp_bytes_cstr(sp_record_type_name(i)), &type), 0);
		assert_int_equal(type, i);
	}
	assert_string_equal(sp_record_type_name(0), "unknown");
	assert_string_equal(sp_record_type_name(99), "unknown");
	assert_int_equal(sp_record_type_parse(SP_LIT("decisio"), &type), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_reads_back_as_it_was_written),
		cmocka_unit_test(every_truncation_and_every_trailing_byte_is_refused),
		cmocka_unit_test(changed_bytes_never_read_out_of_bounds),
		cmocka_unit_test(wrong_kinds_duplicates_and_bad_text_are_refused),
		cmocka_unit_test(values_read_the_same_however_near_the_end_they_are),
		cmocka_unit_test(each_byte_of_a_text_has_to_be_part_of_a_character),
		cmocka_unit_test(unknown_keys_are_skipped_whatever_their_value),
		cmocka_unit_test(long_text_is_cut_on_a_character),
		cmocka_unit_test(a_record_that_does_not_fit_says_so),
		cmocka_unit_test(numbers_and_texts_of_every_length_read_back_or_do_not_fit),
		cmocka_unit_test(what_is_kept_of_one_record_says_the_same_in_the_next),
		cmocka_unit_test(a_piece_that_is_too_long_is_not_kept),
		cmocka_unit_test(type_names_and_numbers_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
