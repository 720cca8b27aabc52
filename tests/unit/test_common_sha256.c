#include "common/sha256_two.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

/// FIPS 180-4 and its examples.
static const struct {
	const char *text;
	uint8_t digest[SP_SHA256];
} vectors[] = {
	{"", {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
		     0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}},
	{"abc", {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
			0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15,
			0xad}},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		{0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8, 0xe5, 0xc0, 0x26, 0x93, 0x0c, 0x3e, 0x60, 0x39, 0xa3,
			0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67, 0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1}},
};

static void the_examples_of_the_standard_come_out(void **state)
{
	uint8_t got[SP_SHA256];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(vectors); i++) {
		sp_sha256_of(sp_bytes_cstr(vectors[i].text), got);
		assert_memory_equal(got, vectors[i].digest, SP_SHA256);
	}
}

static void wherever_the_pieces_are_cut_the_digest_is_the_same(void **state)
{
	uint8_t text[200], whole[SP_SHA256], got[SP_SHA256];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	sp_sha256_of(sp_bytes(text, sizeof(text)), whole);
	for (size_t a = 0; a <= sizeof(text); a++) {
		struct sp_bytes piece[] = {sp_bytes(text, a), SP_NOBYTES, sp_bytes(text + a, sizeof(text) - a)};

		sp_sha256(piece, 3, got);
		assert_memory_equal(got, whole, SP_SHA256);
	}
	text[77] ^= 1;
	sp_sha256_of(sp_bytes(text, sizeof(text)), got);
	assert_memory_not_equal(got, whole, SP_SHA256);
}

static void fill(uint8_t *text, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t)(i * 29 + (i >> 8) + seed);
}

/// One message of `n` bytes, the others beside it begun wherever the last one ended.
static void check_beside(size_t n, size_t most, bool by_unit)
{
	uint8_t text[700 + SP_SHA256_PAD], other[700 + SP_SHA256_PAD], want[SP_SHA256], got[SP_SHA256];
	struct sp_sha256_way one, two = {.blocks = 0};
	size_t m = 0;

	fill(text, n, 1);
	sp_sha256_of(sp_bytes(text, n), want);
	sp_sha256_begin(&one, text, n);
	while (one.blocks && m <= most) {
		fill(other, m, (unsigned)m);
		sp_sha256_begin(&two, other, m);
		(by_unit ? sp_sha256_both : sp_sha256_both_plain)(&one, &two);
		assert_true(one.blocks == 0 || two.blocks == 0);
		(by_unit ? sp_sha256_rest : sp_sha256_rest_plain)(&two);
		sp_sha256_end(&two, got);
		sp_sha256_of(sp_bytes(other, m), other);
		assert_memory_equal(got, other, SP_SHA256);
		m += 41;
	}
	(by_unit ? sp_sha256_rest : sp_sha256_rest_plain)(&one);
	assert_int_equal(one.blocks, 0);
	sp_sha256_end(&one, got);
	assert_memory_equal(got, want, SP_SHA256);
	fill(other, n, 1);
	assert_memory_equal(text, other, n);
	sp_sha256_end(&one, text);
	assert_memory_equal(text, want, SP_SHA256);
}

static void two_messages_at_once_have_the_digests_of_each_alone(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 700; n++) {
		check_beside(n, 700, true);
		check_beside(n, 60, true);
	}
}

static void they_have_them_without_the_processors_help_as_well(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 700; n++) {
		check_beside(n, 700, false);
		check_beside(n, 60, false);
	}
}

static void a_run_of_any_length_has_the_digest_of_its_pieces(void **state)
{
	uint8_t text[300], want[SP_SHA256], got[SP_SHA256];

	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++) {
		struct sp_bytes piece[] = {sp_bytes(text, n / 3), sp_bytes(text + n / 3, n - n / 3)};

		for (size_t i = 0; i < n; i++)
			text[i] = (uint8_t)(i * 11 + n);
		sp_sha256(piece, 2, want);
		sp_sha256_of(sp_bytes(text, n), got);
		assert_memory_equal(got, want, SP_SHA256);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_standard_come_out),
		cmocka_unit_test(wherever_the_pieces_are_cut_the_digest_is_the_same),
		cmocka_unit_test(a_run_of_any_length_has_the_digest_of_its_pieces),
		cmocka_unit_test(two_messages_at_once_have_the_digests_of_each_alone),
		cmocka_unit_test(they_have_them_without_the_processors_help_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
