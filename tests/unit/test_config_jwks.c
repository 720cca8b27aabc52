#include "config/jwks.h"

#include "tests/support/jwt_sign.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ALL                                                                                        \
	(SP_JWT_ALG_BIT(SP_ALG_RS256) | SP_JWT_ALG_BIT(SP_ALG_PS256) |                             \
		SP_JWT_ALG_BIT(SP_ALG_ES256) | SP_JWT_ALG_BIT(SP_ALG_ES384) |                      \
		SP_JWT_ALG_BIT(SP_ALG_EDDSA))
// EC: RFC 7517 appendix A.1; Ed25519: RFC 8037 appendix A.2; RSA: made for this test.
#define EC_XY                                                                                      \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                                   \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
#define EC "\"kty\":\"EC\",\"crv\":\"P-256\"," EC_XY
#define ED_X "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED "\"kty\":\"OKP\",\"crv\":\"Ed25519\"," ED_X
#define RSA_N                                                                                      \
	"rK31lObvtDBfIcetufXjzJnvLFkNtluVe_vC8DiVHWVHoZxJGoxantfG3vBAWiBBwj22nXCW4-_KcHGdQOlXd5vi" \
	"JmAaEyRRiJTmeD77Fes1XrXDvSf17yF6ubUBkOxpmkB6zR7KYp7cLPqBvDznh0V7h0natPm1caFK4bQQnpDGJOgw" \
	"LR0KUBha-hFCo9OvrdtwWwKh-43AqHtNEts8hAkI4OAREN8gO_i_cIWU6iT67tFDJ-t_cJGUWnf7leU_QVMa-MoQ" \
	"2ZKCvUe0406S8pROhiXnN_occunU2-pywQhGUisIAg02k0d0ovDgpJ8rt7jCvPqIuG4uxOATVh1Riw"
#define RSA "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""

static int parse(const char *text, uint32_t algs, struct sp_jwks **ret)
{
	struct sp_jwks_error e;
	struct sp_jwks *set = (struct sp_jwks *)&e;
	int err = sp_jwks_parse(sp_bytes_cstr(text), algs, &set, &e);

	if (err < 0) {
		assert_ptr_equal(set, &e);
		assert_non_null(e.what);
		return err;
	}
	assert_null(e.what);
	assert_true(set->n >= 1);
	if (ret)
		*ret = set;
	else
		sp_jwks_free(set);
	return 0;
}

static void every_kind_of_key_becomes_the_spki_that_openssl_writes(void **state)
{
	struct sp_sign_key *keys[SP_ALG_EDDSA];
	struct sp_jwks *set;
	char *text;

	(void)state;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		char kid[16];

		snprintf(kid, sizeof(kid), "key %u", a);
		assert_int_equal(sp_sign_key_new((enum sp_jwt_alg)a, kid, &keys[a - 1]), 0);
	}
	text = sp_sign_jwks(keys, SP_ARRAY_LEN(keys));
	assert_int_equal(parse(text, ALL, &set), 0);
	assert_int_equal(set->n, SP_ARRAY_LEN(keys));
	assert_int_equal(set->skipped, 0);
	for (unsigned i = 0; i < set->n; i++) {
		const struct sp_jwk *k = &set->key[i];
		size_t n;
		uint8_t *spki = sp_sign_spki(keys[i], &n);

		assert_int_equal(k->alg, i + 1);
		assert_int_equal(k->kid_len, 5);
		assert_int_equal(k->kid[4], '1' + (int)i);
		assert_int_equal(k->spki_len, n);
		assert_memory_equal(k->spki, spki, n);
		free(spki);
		sp_sign_key_free(keys[i]);
	}
	sp_jwks_free(set);
	free(text);
}

static void an_rsa_key_has_at_least_2048_bits(void **state)
{
	static const struct {
		unsigned bits;
		int err;
	} v[] = {{1024, -EKEYREJECTED}, {2047, -EKEYREJECTED}, {2048, 0}, {3072, 0}};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		struct sp_sign_key *k;
		char *text;

		assert_int_equal(sp_sign_key_new_rsa(SP_ALG_PS256, v[i].bits, "k", &k), 0);
		text = sp_sign_jwks(&k, 1);
		assert_int_equal(parse(text, ALL, NULL), v[i].err);
		free(text);
		sp_sign_key_free(k);
	}
}

/// Four moduli of 2048 bits make one of about 8192 without a small divisor.
static BIGNUM *big_modulus(void)
{
	BIGNUM *n = BN_new();
	BN_CTX *ctx = BN_CTX_new();

	assert_int_equal(BN_set_word(n, 1), 1);
	for (unsigned i = 0; i < 4; i++) {
		EVP_PKEY *k = EVP_RSA_gen(2048);
		BIGNUM *part = NULL;

		assert_int_equal(EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_RSA_N, &part), 1);
		assert_int_equal(BN_mul(n, n, part, ctx), 1);
		BN_free(part);
		EVP_PKEY_free(k);
	}
	BN_CTX_free(ctx);
	return n;
}

static int parse_modulus(const BIGNUM *n, uint32_t *ret_spki_len)
{
	uint8_t raw[1100];
	struct sp_jwks *set = NULL;
	char *b64, *text;
	int err;

	b64 = sp_sign_base64url(sp_bytes(raw, (size_t)BN_bn2bin(n, raw)));
	assert_true(asprintf(&text,
			    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\","
			    "\"alg\":\"RS256\"}]}",
			    b64) > 0);
	err = parse(text, ALL, &set);
	if (err == 0)
		*ret_spki_len = set->key[0].spki_len;
	sp_jwks_free(set);
	free(text);
	free(b64);
	return err;
}

static void an_rsa_key_of_8192_bits_fits_and_a_longer_one_does_not(void **state)
{
	BIGNUM *n = big_modulus();
	uint32_t len = 0;

	(void)state;
	assert_int_equal(parse_modulus(n, &len), 0);
	assert_true(len > 1024 && len <= SP_JWKS_SPKI_MAX);
	assert_int_equal(BN_mul_word(n, 257), 1);
	assert_int_equal(parse_modulus(n, &len), -EKEYREJECTED);
	BN_free(n);
}

struct verdict {
	const char *text;
	int err;
};

static void check(const struct verdict *v, size_t n, uint32_t algs)
{
	for (size_t i = 0; i < n; i++) {
		int err = parse(v[i].text, algs, NULL);

		if (err != v[i].err)
			fail_msg("%s: %d, not %d", v[i].text, err, v[i].err);
	}
}
#define CHECK(table, algs) check(table, SP_ARRAY_LEN(table), algs)
#define SET(keys) "{\"keys\":[" keys "]}"
#define KEY(members) SET("{" members "}")

static void a_set_that_is_no_set_is_refused(void **state)
{
	static const struct verdict v[] = {
		{"", -EBADMSG},
		{"[]", -EBADMSG},
		{"{}", -EBADMSG},
		{"{\"keys\":{}}", -EBADMSG},
		{"{\"keys\":null}", -EBADMSG},
		{SET(""), -ENOKEY},
		{SET("1"), -EBADMSG},
		{SET("\"k\""), -EBADMSG},
		{SET("{}"), -EBADMSG},
		{"{" EC "}", -EBADMSG},
		{KEY(EC), 0},
		{KEY(EC) "x", -EBADMSG},
		{"\xef\xbb\xbf" KEY(EC), -EBADMSG},
		{"{\"keys\":[{" EC "}],\"keys\":[]}", -EBADMSG},
		{KEY(EC ",\"kty\":\"EC\""), -EBADMSG},
		{KEY(EC ",\"alg\":\"ES256\",\"\\u0061lg\":\"ES256\""), -EBADMSG},
		{"{\"a\":[[[[[[[[[[1]]]]]]]]]],\"keys\":[{" EC "}]}", -E2BIG},
		{"{\"more\":[1,{}],\"keys\":[{" EC "}]}", 0},
	};

	(void)state;
	CHECK(v, ALL);
}

static void the_parts_of_a_key_must_fit_one_another(void **state)
{
	static const struct verdict v[] = {
		{KEY(EC ",\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"verify\"]"), 0},
		{KEY(EC ",\"key_ops\":[\"sign\",\"verify\"]"), 0},
		{KEY(EC ",\"key_ops\":[\"verify\",\"encrypt\"]"), -EKEYREJECTED},
		{KEY(EC ",\"key_ops\":[\"verify\",\"verify\"]"), -EKEYREJECTED},
		{KEY(EC ",\"key_ops\":[]"), -EBADMSG},
		{KEY(EC ",\"key_ops\":\"verify\""), -EBADMSG},
		{KEY(EC ",\"key_ops\":[1]"), -EBADMSG},
		{KEY(EC ",\"use\":[\"sig\"]"), -EBADMSG},
		{KEY(EC ",\"alg\":\"ES384\""), -EKEYREJECTED},
		{KEY(EC ",\"alg\":\"RS256\""), -EKEYREJECTED},
		{KEY(EC ",\"alg\":\"EdDSA\""), -EKEYREJECTED},
		{KEY(EC ",\"alg\":7"), -EBADMSG},
		{KEY(ED ",\"alg\":\"EdDSA\""), 0},
		{KEY(ED), 0},
		{KEY(ED ",\"alg\":\"ES256\""), -EKEYREJECTED},
		{KEY(RSA ",\"alg\":\"RS256\""), 0},
		{KEY(RSA ",\"alg\":\"PS256\""), 0},
		{KEY(RSA ",\"alg\":\"ES256\""), -EKEYREJECTED},
		{KEY(RSA), -EKEYREJECTED},
		{KEY("\"kty\":\"EC\",\"crv\":\"P-384\"," EC_XY), -EKEYREJECTED},
		{KEY("\"kty\":\"RSA\",\"crv\":\"P-256\",\"alg\":\"RS256\"," EC_XY), -EBADMSG},
		{KEY("\"kty\":\"EC\",\"alg\":\"ES256\"," EC_XY), -EBADMSG},
		{KEY("\"crv\":\"P-256\"," EC_XY), -EBADMSG},
		{KEY("\"kty\":1,\"crv\":\"P-256\"," EC_XY), -EBADMSG},
	};

	(void)state;
	CHECK(v, ALL);
}

static void a_key_without_alg_serves_the_one_the_issuer_allows(void **state)
{
	struct sp_jwks *set;

	(void)state;
	assert_int_equal(parse(KEY(RSA), SP_JWT_ALG_BIT(SP_ALG_PS256), &set), 0);
	assert_int_equal(set->key[0].alg, SP_ALG_PS256);
	sp_jwks_free(set);
	assert_int_equal(parse(KEY(RSA), SP_JWT_ALG_BIT(SP_ALG_ES256), NULL), -ENOKEY);
	assert_int_equal(
		parse(SET("{" EC "},{" RSA ",\"kid\":\"r\"}"), SP_JWT_ALG_BIT(SP_ALG_ES256), &set),
		0);
	assert_int_equal(set->n, 1);
	assert_int_equal(set->skipped, 1);
	sp_jwks_free(set);
	assert_int_equal(
		parse(KEY(RSA ",\"alg\":\"RS256\""), SP_JWT_ALG_BIT(SP_ALG_PS256), NULL), -ENOKEY);
}

static void a_key_whose_numbers_are_wrong_refuses_the_set(void **state)
{
#define RSA_OF(n, e) KEY("\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"" n "\",\"e\":\"" e "\"")
#define EC_OF(x, y) KEY("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"")
#define ED_OF(x) KEY("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\"")
#define X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
	static const struct verdict v[] = {
		{RSA_OF(RSA_N, "AQAB"), 0},
		{RSA_OF(RSA_N, "AQ"), -EKEYREJECTED}, // 1
		{RSA_OF(RSA_N, "Aw"), -EKEYREJECTED}, // 3
		{RSA_OF(RSA_N, "AQAA"), -EKEYREJECTED}, // 65536
		{RSA_OF(RSA_N, "AAEAAQ"), -EKEYREJECTED}, // a zero byte first
		{RSA_OF(RSA_N, "AQAAAAE"), -EKEYREJECTED}, // over 32 bits
		{RSA_OF(RSA_N, ""), -EKEYREJECTED},
		{RSA_OF("", "AQAB"), -EKEYREJECTED},
		{RSA_OF("AA" RSA_N, "AQAB"), -EKEYREJECTED},
		{RSA_OF(RSA_N "AAA", "AQAB"), -EBADMSG},
		{RSA_OF(RSA_N "=", "AQAB"), -EBADMSG},
		{RSA_OF(RSA_N, "AQAB="), -EBADMSG},
		{RSA_OF(RSA_N, "AQ B"), -EBADMSG},
		{KEY("\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"" RSA_N "\""), -EBADMSG},
		{EC_OF(X, Y), 0},
		{EC_OF(X, X), -EKEYREJECTED},
		{EC_OF(Y, X), -EKEYREJECTED},
		{EC_OF(X, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyA"), -EKEYREJECTED},
		{EC_OF("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
			-EKEYREJECTED},
		{EC_OF(X, "S2XpJFbZiItSs3m9-9Ue6GnvHw_GW2ZZaVtszggXIw"), -EKEYREJECTED},
		{EC_OF(X, "AOBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj"), -EKEYREJECTED},
		{EC_OF("", ""), -EKEYREJECTED},
		{ED_OF("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), 0},
		{ED_OF("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), -EKEYREJECTED},
		{ED_OF("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), -EKEYREJECTED},
		{ED_OF("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA"), -EKEYREJECTED},
		{ED_OF("7P________________________________________8"), -EKEYREJECTED}, // -1
		{ED_OF("7f________________________________________8"), -EKEYREJECTED}, // p
		{ED_OF("Jui8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgQ"), -EKEYREJECTED}, // no point
		{ED_OF("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"), -EKEYREJECTED},
	};

	(void)state;
	CHECK(v, ALL);
}

static void a_set_that_shows_a_secret_is_refused(void **state)
{
	static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(members); i++) {
		char text[512];

		snprintf(text, sizeof(text), SET("{" EC ",\"%s\":\"AAAA\"}"), members[i]);
		assert_int_equal(parse(text, ALL, NULL), -EPERM);
		snprintf(text, sizeof(text), SET("{" EC ",\"kid\":\"a\"},{\"kty\":\"x\",\"%s\":1}"),
			members[i]);
		assert_int_equal(parse(text, ALL, NULL), -EPERM);
	}
	assert_int_equal(parse(SET("{" EC "},{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS256\"}"),
				 ALL, NULL),
		-EPERM);
}

static void keys_for_other_ends_are_skipped_and_counted(void **state)
{
	struct sp_jwks *set;

	(void)state;
	assert_int_equal(
		parse(SET("{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"1\",\"n\":\"!\"},"
			  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"key_ops\":[\"deriveKey\"],\"kid\":"
			  "\"1\"},"
			  "{\"kty\":\"EC\",\"crv\":\"P-521\",\"alg\":\"ES512\",\"kid\":\"2\"},"
			  "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"kid\":\"3\"},"
			  "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"kid\":\"4\"},"
			  "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\",\"kid\":\"5\"},"
			  "{\"kty\":\"RSA\",\"alg\":\"RS512\",\"kid\":\"6\"},"
			  "{\"kty\":\"EC\",\"use\":\"attestation of something\",\"kid\":\"7\"},"
			  "{" EC ",\"kid\":\"1\",\"x5c\":[\"MII\"],\"x5t\":\"A\",\"iat\":1.5}"),
			ALL, &set),
		0);
	assert_int_equal(set->n, 1);
	assert_int_equal(set->skipped, 8);
	assert_string_equal(set->key[0].kid, "1");
	sp_jwks_free(set);
	assert_int_equal(parse(KEY(EC ",\"use\":\"enc\""), ALL, NULL), -ENOKEY);
	assert_int_equal(parse(KEY(EC ",\"key_ops\":[\"encrypt\"]"), ALL, NULL), -ENOKEY);
}

static void a_kid_names_one_key(void **state)
{
#define K128                                                                                       \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const struct verdict v[] = {
		{SET("{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"b\"}"), 0},
		{SET("{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"A\"}"), 0},
		{SET("{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"}"), -EEXIST},
		{SET("{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"\\u0061\"}"), -EEXIST},
		{SET("{" EC ",\"kid\":\"a\"},{\"kty\":\"RSA\",\"alg\":\"RS512\",\"kid\":\"a\"}"),
			-EEXIST},
		{SET("{" EC "},{" ED "}"), -EEXIST},
		{SET("{" EC ",\"kid\":\"a\"},{" ED "}"), -EEXIST},
		{SET("{" EC "},{\"kty\":\"RSA\",\"use\":\"enc\"}"), 0},
		{KEY(EC ",\"kid\":\"\""), -EBADMSG},
		{KEY(EC ",\"kid\":1"), -EBADMSG},
		{KEY(EC ",\"kid\":\"a\\u0000b\""), -EBADMSG},
		{KEY(EC ",\"kid\":\"a\\nb\""), -EBADMSG},
		{KEY(EC ",\"kid\":\"" K128 "\""), 0},
		{KEY(EC ",\"kid\":\"" K128 "0\""), -EBADMSG},
		{KEY(EC ",\"kid\":\"" K128 "\\u0030\""), -EBADMSG},
		{KEY(EC ",\"kid\":\"\xc3\xa9\""), 0},
		{KEY(EC ",\"kid\":\"\xc3\""), -EBADMSG},
	};

	(void)state;
	CHECK(v, ALL);
}

static void too_much_is_refused_before_it_is_read(void **state)
{
	size_t n = SP_JWKS_MAX_BYTES + 1, at;
	char *text = malloc(n + 1);
	struct sp_jwks_error e;
	struct sp_jwks *set;

	(void)state;
	memset(text, ' ', n);
	assert_int_equal(sp_jwks_parse(sp_bytes(text, n), ALL, &set, &e), -E2BIG);
	for (unsigned keys = 64; keys <= 65; keys++) {
		at = (size_t)snprintf(text, n, "{\"keys\":[");
		for (unsigned i = 0; i < keys; i++)
			at += (size_t)snprintf(
				text + at, n - at, "%s{" EC ",\"kid\":\"k%u\"}", i ? "," : "", i);
		at += (size_t)snprintf(text + at, n - at, "]}");
		assert_int_equal(parse(text, ALL, NULL), keys == 64 ? 0 : -E2BIG);
	}
	free(text);
}

static void no_cut_of_a_set_passes(void **state)
{
	static const char text[] = SET("{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"b\"}");
	struct sp_jwks *set;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(sp_jwks_parse(sp_bytes(text, n), ALL, &set, NULL), -EBADMSG);
}

static void an_error_names_the_key(void **state)
{
	struct sp_jwks_error e;
	struct sp_jwks *set;

	(void)state;
	assert_int_equal(sp_jwks_parse(SP_LIT(SET("{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"}")),
				 ALL, &set, &e),
		-EEXIST);
	assert_int_equal(e.key, 1);
	assert_string_equal(e.what, "two keys have the same kid");
	assert_int_equal(sp_jwks_parse(SP_LIT("{\"keys\":[}"), ALL, &set, &e), -EBADMSG);
	assert_int_equal(e.key, SP_SNAP_NONE);
	assert_int_equal(e.off, 9);
}

static void sets_compare_by_their_keys(void **state)
{
	struct sp_jwks *a, *b, *c;

	(void)state;
	assert_int_equal(parse(KEY(EC ",\"kid\":\"a\""), ALL, &a), 0);
	assert_int_equal(parse(KEY("\"kid\":\"a\",\"x5t\":\"z\"," EC), ALL, &b), 0);
	assert_int_equal(parse(KEY(EC ",\"kid\":\"b\""), ALL, &c), 0);
	assert_true(sp_jwks_eq(a, b));
	assert_false(sp_jwks_eq(a, c));
	sp_jwks_free(a);
	sp_jwks_free(b);
	sp_jwks_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_becomes_the_spki_that_openssl_writes),
		cmocka_unit_test(an_rsa_key_has_at_least_2048_bits),
		cmocka_unit_test(an_rsa_key_of_8192_bits_fits_and_a_longer_one_does_not),
		cmocka_unit_test(a_set_that_is_no_set_is_refused),
		cmocka_unit_test(the_parts_of_a_key_must_fit_one_another),
		cmocka_unit_test(a_key_without_alg_serves_the_one_the_issuer_allows),
		cmocka_unit_test(a_key_whose_numbers_are_wrong_refuses_the_set),
		cmocka_unit_test(a_set_that_shows_a_secret_is_refused),
		cmocka_unit_test(keys_for_other_ends_are_skipped_and_counted),
		cmocka_unit_test(a_kid_names_one_key),
		cmocka_unit_test(too_much_is_refused_before_it_is_read),
		cmocka_unit_test(no_cut_of_a_set_passes),
		cmocka_unit_test(an_error_names_the_key),
		cmocka_unit_test(sets_compare_by_their_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
