#include "common/bytes.h"
#include "common/room.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static void u64_reads_digits_and_nothing_else(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(sp_bytes_u64(SP_LIT("18446744073709551615"), &v), 0);
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_int_equal(sp_bytes_u64(SP_LIT("18446744073709551616"), &v), -ERANGE);
	assert_int_equal(sp_bytes_u64(SP_LIT(""), &v), -EINVAL);
	assert_int_equal(sp_bytes_u64(SP_LIT("+1"), &v), -EINVAL);
	assert_int_equal(sp_bytes_u64(SP_LIT("1 "), &v), -EINVAL);
	assert_int_equal(v, 7);
}

static void equality_ignores_ascii_case_only(void **state)
{
	(void)state;
	assert_true(sp_bytes_ieq(SP_LIT("Mcp-Name"), SP_LIT("mcp-NAME")));
	assert_false(sp_bytes_ieq(SP_LIT("@"), SP_LIT("`")));
	assert_false(sp_bytes_ieq(SP_LIT("ab"), SP_LIT("abc")));
}

static void numbers_are_written_with_as_many_digits_as_they_have(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (unsigned digits = 1; digits <= 20; digits++, power *= 10) {
		const uint64_t v[] = {power - 1, power, power + 1, UINT64_MAX - power};

		for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
			char want[24], got[24];
			size_t n = (size_t)snprintf(want, sizeof(want), "%" PRIu64, v[i]);
			struct sp_out o = sp_out_init(got, n);

			sp_out_u64(&o, v[i]);
			assert_false(o.overflow);
			assert_int_equal(o.len, n);
			assert_memory_equal(got, want, n);
			o = sp_out_init(got, n - 1);
			sp_out_u64(&o, v[i]);
			assert_true(o.overflow);
		}
	}
}

static void check_hex(const uint8_t *from, size_t n)
{
	uint8_t want[2 * 40 + 1], got[2 * 40 + 1];
	struct sp_out o = sp_out_init(got, 2 * n);

	for (size_t i = 0; i < n; i++)
		snprintf((char *)want + 2 * i, 3, "%02x", from[i]);
	memset(got, '#', sizeof(got));
	sp_out_hex(&o, sp_bytes(from, n));
	assert_false(o.overflow);
	assert_int_equal(o.len, 2 * n);
	assert_memory_equal(got, want, 2 * n);
	assert_int_equal(got[2 * n], '#');
	if (n == 0)
		return;
	memset(got, '#', sizeof(got));
	o = sp_out_init(got, 2 * n - 1);
	sp_out_hex(&o, sp_bytes(from, n));
	assert_true(o.overflow);
	assert_int_equal(o.len, 0);
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], '#');
}

/// Each byte value comes to each place of each length.
static void bytes_are_written_in_hex_whole_or_not_at_all(void **state)
{
	uint8_t from[40];

	(void)state;
	for (size_t n = 0; n <= sizeof(from); n++)
		for (unsigned first = 0; first < 256; first++) {
			for (size_t i = 0; i < n; i++)
				from[i] = (uint8_t)(first + 37 * i);
			check_hex(from, n);
		}
}

static void writer_overflows_once_and_stays_so(void **state)
{
	uint8_t buf[4];
	struct sp_out o = sp_out_init(buf, sizeof(buf));

	(void)state;
	sp_out_lit(&o, "abc");
	sp_out_lit(&o, "de");
	assert_true(o.overflow);
	assert_int_equal(o.len, 3);
}

static void json_escaping_leaves_no_raw_quote_or_control(void **state)
{
	uint8_t buf[64];
	struct sp_out o = sp_out_init(buf, sizeof(buf));

	(void)state;
	sp_out_json_escaped(&o, SP_LIT("a\"\\\n\x01z"));
	assert_int_equal(o.len, 18);
	assert_memory_equal(buf, "a\\\"\\\\\\u000a\\u0001z", 18);
}

/// Every length around the widths that are compared at once, every byte of it different.
static void short_equality_looks_at_every_byte(void **state)
{
	uint8_t a[41], b[41];

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 7 + 1);
	for (size_t n = 0; n < sizeof(a); n++) {
		assert_true(sp_bytes_eq_short(sp_bytes(a, n), sp_bytes(b, n)));
		assert_false(sp_bytes_eq_short(sp_bytes(a, n), sp_bytes(b, n + 1)));
		for (size_t i = 0; i < n; i++) {
			b[i] ^= 0x80;
			assert_false(sp_bytes_eq_short(sp_bytes(a, n), sp_bytes(b, n)));
			b[i] ^= 0x80;
		}
	}
	assert_true(sp_bytes_eq_short(SP_NOBYTES, SP_LIT("")));
}

static void printable_is_every_byte_or_it_is_not(void **state)
{
	uint8_t text[40];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++) {
		assert_true(sp_bytes_printable(sp_bytes(text, n)));
		for (size_t i = 0; i < n; i++)
			for (unsigned c = 0; c < 256; c++) {
				text[i] = (uint8_t)c;
				assert_int_equal(sp_bytes_printable(sp_bytes(text, n)),
					c >= 0x20 && c <= 0x7e);
				text[i] = 'x';
			}
	}
	assert_true(sp_bytes_printable(SP_NOBYTES));
}

static void a_short_copy_is_whole_and_no_more(void **state)
{
	uint8_t from[33], to[40];

	(void)state;
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i + 1);
	for (size_t n = 0; n <= 32; n++) {
		memset(to, 0, sizeof(to));
		sp_copy_few(to, from, n);
		for (size_t i = 0; i < sizeof(to); i++)
			assert_int_equal(to[i], i < n ? i + 1 : 0);
	}
}

static void an_array_grows_before_it_is_full_and_fails_as_it_was(void **state)
{
	uint32_t cap = 0, far = 1u << 31;
	uint64_t *v = NULL, *room;

	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		room = sp_room_for_one(v, n, &cap, sizeof(*v));
		assert_non_null(room);
		assert_true(n < cap);
		v = room;
		v[n] = n;
	}
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(v[n], n);
	assert_null(sp_room_for_one(v, far, &far, sizeof(*v)));
	assert_int_equal(far, 1u << 31);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64_reads_digits_and_nothing_else),
		cmocka_unit_test(equality_ignores_ascii_case_only),
		cmocka_unit_test(numbers_are_written_with_as_many_digits_as_they_have),
		cmocka_unit_test(bytes_are_written_in_hex_whole_or_not_at_all),
		cmocka_unit_test(writer_overflows_once_and_stays_so),
		cmocka_unit_test(json_escaping_leaves_no_raw_quote_or_control),
		cmocka_unit_test(short_equality_looks_at_every_byte),
		cmocka_unit_test(printable_is_every_byte_or_it_is_not),
		cmocka_unit_test(a_short_copy_is_whole_and_no_more),
		cmocka_unit_test(an_array_grows_before_it_is_full_and_fails_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
