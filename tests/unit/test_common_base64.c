#include "common/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static const struct {
	const char *plain, *std, *url;
} rfc4648[] = {
	{"", "", ""},
	{"f", "Zg==", "Zg"},
	{"fo", "Zm8=", "Zm8"},
	{"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xff\xbf", "+/+/", "-_-_"},
};

typedef int decode_fn(struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret);

static void refused(decode_fn *fn, const char *text, int err)
{
	uint8_t buf[64];
	size_t n = 77;

	assert_int_equal(fn(sp_bytes_cstr(text), buf, sizeof(buf), &n), err);
	assert_int_equal(n, 77);
}

static void the_vectors_of_the_rfc_go_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rfc4648); i++) {
		uint8_t buf[32];
		struct sp_out o = sp_out_init(buf, sizeof(buf));
		struct sp_bytes plain = sp_bytes_cstr(rfc4648[i].plain);
		size_t n;

		sp_base64_encode(&o, plain);
		assert_true(sp_bytes_eq(sp_bytes(buf, o.len), sp_bytes_cstr(rfc4648[i].std)));
		assert_int_equal(sp_base64_decode(sp_bytes(buf, o.len), buf, sizeof(buf), &n), 0);
		assert_true(sp_bytes_eq(sp_bytes(buf, n), plain));
		o = sp_out_init(buf, sizeof(buf));
		sp_base64url_encode(&o, plain);
		assert_true(sp_bytes_eq(sp_bytes(buf, o.len), sp_bytes_cstr(rfc4648[i].url)));
		assert_int_equal(
			sp_base64url_decode(sp_bytes(buf, o.len), buf, sizeof(buf), &n), 0);
		assert_true(sp_bytes_eq(sp_bytes(buf, n), plain));
	}
}

static void url_form_refuses_padding_other_alphabet_and_blanks(void **state)
{
	static const char *const bad[] = {"Zg==", "Zm8=", "=", "+/+/", "Zm9v\n", "Zm 9v", "Zm9v.",
		"A", "AAAAA", "Zm\x80v", "Zm9vY"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		refused(sp_base64url_decode, bad[i], -EINVAL);
}

static void standard_form_wants_exact_padding(void **state)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zm8",
		"Zm8==", "Zm9v====", "Zm9v=", "====", "=", "Z===", "-_-_", "Zg=a",
		"Zg==Zg==", " Zg=", "Zm9\n"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		refused(sp_base64_decode, bad[i], -EINVAL);
}

static void trailing_bits_that_are_not_zero_are_refused(void **state)
{
	(void)state;
	refused(sp_base64url_decode, "Zh", -EINVAL);
	refused(sp_base64url_decode, "Zm9", -EINVAL);
	refused(sp_base64_decode, "Zh==", -EINVAL);
	refused(sp_base64_decode, "Zm9=", -EINVAL);
}

static void every_two_character_text_decodes_to_what_encodes_to_it_or_not_at_all(void **state)
{
	unsigned good = 0;

	(void)state;
	for (unsigned v = 0; v < 65536; v++) {
		uint8_t in[2] = {(uint8_t)(v >> 8), (uint8_t)v}, byte, back[4];
		struct sp_out o = sp_out_init(back, sizeof(back));
		size_t n;

		if (sp_base64url_decode(sp_bytes(in, 2), &byte, 1, &n))
			continue;
		good++;
		assert_int_equal(n, 1);
		sp_base64url_encode(&o, sp_bytes(&byte, 1));
		assert_true(sp_bytes_eq(sp_bytes(back, o.len), sp_bytes(in, 2)));
	}
	assert_int_equal(good, 256);
}

static void every_length_round_trips_and_fits_exactly(void **state)
{
	(void)state;
	for (size_t len = 0; len < 100; len++) {
		uint8_t plain[100], text[160], back[100];
		struct sp_out o = sp_out_init(text, sizeof(text));
		size_t n;

		for (size_t i = 0; i < len; i++)
			plain[i] = (uint8_t)(i * 37 + len);
		sp_base64_encode(&o, sp_bytes(plain, len));
		assert_int_equal(o.len, (len + 2) / 3 * 4);
		assert_int_equal(sp_base64_decode(sp_bytes(text, o.len), back, len, &n), 0);
		assert_true(sp_bytes_eq(sp_bytes(back, n), sp_bytes(plain, len)));
		if (len) {
			n = 5;
			assert_int_equal(sp_base64_decode(sp_bytes(text, o.len), back, len - 1, &n),
				-ENOSPC);
			assert_int_equal(n, 5);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_go_both_ways),
		cmocka_unit_test(url_form_refuses_padding_other_alphabet_and_blanks),
		cmocka_unit_test(standard_form_wants_exact_padding),
		cmocka_unit_test(trailing_bits_that_are_not_zero_are_refused),
		cmocka_unit_test(
			every_two_character_text_decodes_to_what_encodes_to_it_or_not_at_all),
		cmocka_unit_test(every_length_round_trips_and_fits_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
