#include "config/jwk_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include "common/banned.h"

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -EKEYREJECTED;
}

/// Takes `pkey`.
static int spki_of(EVP_PKEY *pkey, struct sp_jwk *ret, const char **why)
{
	uint8_t *der = NULL;
	int n = pkey ? i2d_PUBKEY(pkey, &der) : -1;
	int err = 0;

	if (n <= 0 || n > (int)sizeof(ret->spki)) {
		err = refuse(why, "the crypto library refuses the key");
	} else {
		memcpy(ret->spki, der, (size_t)n);
		ret->spki_len = (uint32_t)n;
	}
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return err;
}

/// A key of `type` from parameters, its public part checked by the library; NULL when it is none.
static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL), *check = NULL;
	EVP_PKEY *pkey = NULL;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	if (pkey)
		check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (pkey && (!check || EVP_PKEY_public_check(check) != 1)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(check);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/// Moduli of a broken generator are powers of 65537 modulo every small prime (CVE-2017-15361,
/// ROCA).
static bool roca(const BIGNUM *n)
{
	static const uint8_t primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73,
		79, 97, 103, 107, 109, 127, 151, 157};

	for (size_t i = 0; i < sizeof(primes); i++) {
		uint32_t p = primes[i], r = (uint32_t)BN_mod_word(n, p), power = 1;

		do {
			power = power * (65537u % p) % p;
		} while (power != 1 && power != r);
		if (power != r)
			return false;
	}
	return true;
}

static const char *rsa_unfit(const BIGNUM *n, const BIGNUM *e)
{
	if (BN_num_bits(n) < SP_JWKS_RSA_MIN_BITS)
		return "RSA modulus under 2048 bits";
	if (BN_num_bits(n) > SP_JWKS_RSA_MAX_BITS)
		return "RSA modulus over 8192 bits";
	if (!BN_is_odd(n))
		return "RSA modulus is even";
	if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 32)
		return "RSA exponent is not an odd number from 65537 to 2^32";
	if (roca(n))
		return "RSA modulus of a broken generator (CVE-2017-15361)";
	return NULL;
}

int sp_jwk_key_rsa(struct sp_bytes n, struct sp_bytes e, struct sp_jwk *ret, const char **why)
{
	BIGNUM *bn_n, *bn_e;
	OSSL_PARAM_BLD *bld;
	OSSL_PARAM *params = NULL;
	int err = -ENOMEM;

	if (n.n == 0 || e.n == 0 || n.p[0] == 0 || e.p[0] == 0)
		return refuse(why, "RSA number is empty or starts with a zero byte");
	bn_n = BN_bin2bn(n.p, (int)n.n, NULL);
	bn_e = BN_bin2bn(e.p, (int)e.n, NULL);
	bld = OSSL_PARAM_BLD_new();
	*why = "out of memory";
	if (!bn_n || !bn_e || !bld)
		goto out;
	*why = rsa_unfit(bn_n, bn_e);
	err = -EKEYREJECTED;
	if (*why)
		goto out;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
		params = OSSL_PARAM_BLD_to_param(bld);
	err = spki_of(from_params("RSA", params), ret, why);
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn_n);
	BN_free(bn_e);
	return err;
}

int sp_jwk_key_ec(enum sp_jwt_alg alg, struct sp_bytes x, struct sp_bytes y, struct sp_jwk *ret,
	const char **why)
{
	size_t width = alg == SP_ALG_ES384 ? 48 : 32;
	uint8_t point[1 + 2 * 48] = {4};
	char *curve = alg == SP_ALG_ES384 ? (char[]){"P-384"} : (char[]){"P-256"};
	OSSL_PARAM params[3];

	if (x.n != width || y.n != width)
		return refuse(why, "EC coordinate of the wrong length");
	memcpy(point + 1, x.p, width);
	memcpy(point + 1 + width, y.p, width);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
	params[1] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * width);
	params[2] = OSSL_PARAM_construct_end();
	return spki_of(from_params("EC", params), ret, why);
}

/// Little-endian y of the points whose order divides 8 (the sign bit of x left out): with one of
/// them as the key, a signature says nothing (RFC 8032 5.1, RFC 7748 section 6).
static const uint8_t small_order[][32] = {
	{0},
	{1},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
		0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d,
		0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
		0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92,
		0xac, 0x03, 0x7a},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0x7f},
};

/// y is not below p = 2^255 - 19: a second spelling of a smaller one.
static bool ed25519_not_reduced(const uint8_t y[32])
{
	if ((y[31] & 0x7f) != 0x7f || y[0] < 0xed)
		return false;
	for (int i = 1; i < 31; i++)
		if (y[i] != 0xff)
			return false;
	return true;
}

/// x^2 = 121666 (y^2 - 1) / (121666 - 121665 y^2) mod p has a root (RFC 8032 5.1.3).
static bool ed25519_on_curve(const uint8_t little[32])
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *y = BN_lebin2bn(little, 32, NULL), *u = BN_new(), *v = BN_new();
	bool ok = ctx && p && y && u && v && BN_set_bit(p, 255) == 1 && BN_sub_word(p, 19) == 1 &&
		  BN_mod_sqr(u, y, p, ctx) == 1 && BN_copy(v, u) && BN_sub_word(u, 1) == 1 &&
		  BN_mul_word(u, 121666) == 1 && BN_mul_word(v, 121665) == 1 &&
		  BN_sub_word(v, 121666) == 1 && BN_mod_mul(u, u, v, p, ctx) == 1 &&
		  BN_kronecker(u, p, ctx) == 1;

	BN_free(v);
	BN_free(u);
	BN_free(y);
	BN_free(p);
	BN_CTX_free(ctx);
	return ok;
}

int sp_jwk_key_ed25519(struct sp_bytes x, struct sp_jwk *ret, const char **why)
{
	uint8_t y[32];

	if (x.n != sizeof(y))
		return refuse(why, "Ed25519 key is not 32 bytes");
	memcpy(y, x.p, sizeof(y));
	y[31] &= 0x7f;
	if (ed25519_not_reduced(y))
		return refuse(why, "Ed25519 key is not reduced");
	for (size_t i = 0; i < SP_ARRAY_LEN(small_order); i++)
		if (memcmp(y, small_order[i], sizeof(y)) == 0)
			return refuse(why, "Ed25519 key of small order");
	if (!ed25519_on_curve(y))
		return refuse(why, "Ed25519 key is no point of the curve");
	return spki_of(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.p, x.n), ret, why);
}
