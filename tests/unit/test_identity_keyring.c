#include "dataplane/identity/keyring.h"

#include "tests/support/jwt_sign.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_jws_scratch scratch;

static struct sp_jws_key load(const struct sp_sign_key *k, enum sp_jwt_alg alg)
{
	struct sp_jws_key key;
	size_t n;
	uint8_t *spki = sp_sign_spki(k, &n);

	assert_int_equal(sp_jws_key_init(&key, alg, sp_bytes(spki, n)), 0);
	free(spki);
	return key;
}

static int verify(const char *token, const struct sp_jws_key *k, const struct sp_digests *d)
{
	struct sp_jws jws;

	assert_int_equal(sp_jws_open(sp_bytes_cstr(token), &scratch, &jws), 0);
	return sp_jws_verify(&jws, k, d);
}

/// One set of contexts serves every key of a ring: none may leave anything behind for the next.
static void keys_used_in_turn_never_stand_in_for_one_another(void **state)
{
	enum { KEYS = 2 * SP_ALG_EDDSA };
	struct sp_sign_key *sign[KEYS];
	struct sp_jws_key key[KEYS];
	struct sp_digests digests;
	char *token[KEYS];

	(void)state;
	assert_int_equal(sp_digests_init(&digests), 0);
	for (unsigned i = 0; i < KEYS; i++) {
		enum sp_jwt_alg alg = (enum sp_jwt_alg)(i / 2 + 1);

		assert_int_equal(sp_sign_key_new(alg, NULL, &sign[i]), 0);
		key[i] = load(sign[i], alg);
		token[i] = sp_sign_jws(sign[i], NULL, SP_LIT("payload"));
	}
	for (unsigned i = 0; i < KEYS * KEYS * 2; i++) {
		unsigned t = i % KEYS, k = i / KEYS % KEYS;

		assert_int_equal(verify(token[t], &key[k], &digests),
			t == k           ? 0
			: t / 2 == k / 2 ? SP_REASON_TOKEN_SIGNATURE
					 : SP_REASON_TOKEN_ALGORITHM);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		free(token[i]);
		sp_jws_key_done(&key[i]);
		sp_sign_key_free(sign[i]);
	}
	sp_digests_done(&digests);
}

static void a_key_is_of_the_kind_its_algorithm_needs(void **state)
{
	EVP_PKEY *keys[] = {EVP_RSA_gen(1024), EVP_RSA_gen(2048), EVP_EC_gen("P-256"),
		EVP_EC_gen("P-384"), EVP_EC_gen("P-521"), EVP_EC_gen("secp256k1"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
		EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
	static const uint32_t fit[] = {0,
		SP_JWT_ALG_BIT(SP_ALG_RS256) | SP_JWT_ALG_BIT(SP_ALG_PS256),
		SP_JWT_ALG_BIT(SP_ALG_ES256), SP_JWT_ALG_BIT(SP_ALG_ES384), 0, 0,
		SP_JWT_ALG_BIT(SP_ALG_EDDSA), 0, 0};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(keys); i++) {
		uint8_t *der = NULL, more[1024];
		int n = i2d_PUBKEY(keys[i], &der);

		assert_true(n > 0 && n < (int)sizeof(more));
		memcpy(more, der, (size_t)n);
		more[n] = 0;
		for (unsigned a = 0; a <= SP_ALG_EDDSA + 1; a++) {
			struct sp_jws_key k;
			bool want = a < 32 && fit[i] & SP_JWT_ALG_BIT(a);
			int err = sp_jws_key_init(&k, (enum sp_jwt_alg)a, sp_bytes(der, (size_t)n));

			assert_int_equal(err, want ? 0 : -EINVAL);
			if (!err)
				sp_jws_key_done(&k);
			for (int cut = 0; want && cut < n; cut++)
				assert_int_equal(sp_jws_key_init(&k, (enum sp_jwt_alg)a,
							 sp_bytes(der, (size_t)cut)),
					-EINVAL);
			assert_int_equal(sp_jws_key_init(&k, (enum sp_jwt_alg)a,
						 sp_bytes(more, (size_t)n + 1)),
				-EINVAL);
		}
		OPENSSL_free(der);
		EVP_PKEY_free(keys[i]);
	}
}

/// A PSS signature with a salt of another length, and one made with PKCS#1 padding, are none of
/// PS256.
static void pss_means_a_salt_as_long_as_the_hash(void **state)
{
	struct sp_sign_key *k;
	struct sp_jws_key key;
	struct sp_digests digests;
	struct sp_jws jws = {.input = SP_LIT("input"), .alg = SP_ALG_PS256};
	char *pem;
	BIO *bio;
	EVP_PKEY *pkey;

	(void)state;
	assert_int_equal(sp_digests_init(&digests), 0);
	assert_int_equal(sp_sign_key_new(SP_ALG_PS256, NULL, &k), 0);
	key = load(k, SP_ALG_PS256);
	pem = sp_sign_key_pem(k);
	bio = BIO_new_mem_buf(pem, -1);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	for (int salt = -4; salt <= 64; salt++) {
		uint8_t sig[256];
		size_t n = sizeof(sig);
		EVP_MD_CTX *md = EVP_MD_CTX_new();
		EVP_PKEY_CTX *ctx;

		if (salt < 0 && salt != -4 && salt != RSA_PSS_SALTLEN_DIGEST)
			goto next;
		assert_int_equal(EVP_DigestSignInit(md, &ctx, EVP_sha256(), NULL, pkey), 1);
		if (salt != -4) {
			EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
			EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt);
		}
		assert_int_equal(EVP_DigestSign(md, sig, &n, jws.input.p, jws.input.n), 1);
		jws.signature = sp_bytes(sig, n);
		assert_int_equal(sp_jws_verify(&jws, &key, &digests),
			salt == 32 || salt == RSA_PSS_SALTLEN_DIGEST ? 0
								     : SP_REASON_TOKEN_SIGNATURE);
	next:
		EVP_MD_CTX_free(md);
	}
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	free(pem);
	sp_jws_key_done(&key);
	sp_sign_key_free(k);
	sp_digests_done(&digests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_used_in_turn_never_stand_in_for_one_another),
		cmocka_unit_test(a_key_is_of_the_kind_its_algorithm_needs),
		cmocka_unit_test(pss_means_a_salt_as_long_as_the_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
