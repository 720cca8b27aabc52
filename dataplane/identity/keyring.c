#include "dataplane/identity/keyring.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include "common/banned.h"

static bool group_is(const EVP_PKEY *pkey, const char *name)
{
	char group[32];
	size_t n;

	return EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1 &&
	       strcmp(group, name) == 0;
}

/// Length of a signature by this key, or 0 when it is no key for `alg`.
static size_t signature_len(const EVP_PKEY *pkey, enum sp_jwt_alg alg)
{
	int id = EVP_PKEY_get_base_id(pkey), bits = EVP_PKEY_get_bits(pkey);

	switch (alg) {
	case SP_ALG_RS256:
	case SP_ALG_PS256:
		return id == EVP_PKEY_RSA && bits >= 2048 && bits <= 8192
			       ? (size_t)EVP_PKEY_get_size(pkey)
			       : 0;
	case SP_ALG_ES256:
		return id == EVP_PKEY_EC && group_is(pkey, "prime256v1") ? 64 : 0;
	case SP_ALG_ES384:
		return id == EVP_PKEY_EC && group_is(pkey, "secp384r1") ? 96 : 0;
	case SP_ALG_EDDSA:
		return id == EVP_PKEY_ED25519 ? 64 : 0;
	}
	return 0;
}

/// Everything about the algorithm is set here, once: no token can move it.
static EVP_PKEY_CTX *verify_ctx(EVP_PKEY *pkey, enum sp_jwt_alg alg)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	const EVP_MD *md = alg == SP_ALG_ES384 ? EVP_sha384() : EVP_sha256();
	bool rsa = alg == SP_ALG_RS256 || alg == SP_ALG_PS256;
	int padding = alg == SP_ALG_PS256 ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;

	if (!ctx || EVP_PKEY_verify_init(ctx) != 1 ||
		(rsa && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) != 1) ||
		EVP_PKEY_CTX_set_signature_md(ctx, md) != 1 ||
		(alg == SP_ALG_PS256 && (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1 ||
						EVP_PKEY_CTX_set_rsa_pss_saltlen(
							ctx, RSA_PSS_SALTLEN_DIGEST) != 1))) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int sp_jws_key_init(struct sp_jws_key *k, enum sp_jwt_alg alg, struct sp_bytes spki)
{
	const uint8_t *p = spki.p;
	struct sp_jws_key made = {.alg = alg};

	made.pkey = spki.n <= INT32_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
	if (made.pkey && p == spki.p + spki.n)
		made.signature_len = signature_len(made.pkey, alg);
	if (made.signature_len && alg != SP_ALG_EDDSA)
		made.ctx = verify_ctx(made.pkey, alg);
	ERR_clear_error();
	if (!made.signature_len || (alg != SP_ALG_EDDSA && !made.ctx)) {
		sp_jws_key_done(&made);
		return -EINVAL;
	}
	*k = made;
	return 0;
}

void sp_jws_key_done(struct sp_jws_key *k)
{
	EVP_PKEY_CTX_free(k->ctx);
	EVP_PKEY_free(k->pkey);
	*k = (struct sp_jws_key){0};
}

int sp_digests_init(struct sp_digests *d)
{
	*d = (struct sp_digests){
		.md = EVP_MD_CTX_new(),
		.eddsa = EVP_MD_CTX_new(),
		.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
		.sha384 = EVP_MD_fetch(NULL, "SHA384", NULL),
	};
	if (d->md && d->eddsa && d->sha256 && d->sha384)
		return 0;
	sp_digests_done(d);
	return -ENOMEM;
}

void sp_digests_done(struct sp_digests *d)
{
	EVP_MD_CTX_free(d->md);
	EVP_MD_CTX_free(d->eddsa);
	EVP_MD_free(d->sha256);
	EVP_MD_free(d->sha384);
	*d = (struct sp_digests){0};
}

static int digest(
	EVP_MD_CTX *ctx, const EVP_MD *md, const struct sp_bytes *parts, size_t n, uint8_t *ret)
{
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		return -EIO;
	for (size_t i = 0; i < n; i++)
		if (EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) != 1)
			return -EIO;
	return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -EIO;
}

int sp_digests_sha256(
	const struct sp_digests *d, const struct sp_bytes *parts, size_t n, uint8_t ret[32])
{
	return digest(d->md, d->sha256, parts, n, ret);
}

/// One half of a raw ECDSA signature as a DER INTEGER: shortest form, never negative.
static size_t der_integer(uint8_t *out, const uint8_t *raw, size_t width)
{
	size_t pad;

	while (width > 1 && *raw == 0) {
		raw++;
		width--;
	}
	pad = *raw & 0x80 ? 1 : 0;
	out[0] = 0x02;
	out[1] = (uint8_t)(width + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, raw, width);
	return 2 + pad + width;
}

enum { EC_HALF_MAX = 48, EC_DER_MAX = 2 + 2 * (2 + 1 + EC_HALF_MAX) };

/// RFC 7518 section 3.4 to the DER that the library reads. The caller checked the length, so the
/// sequence stays under 128 bytes and its length is one byte.
static size_t ec_der(const struct sp_bytes raw, uint8_t der[EC_DER_MAX])
{
	size_t half = raw.n / 2, n = 2;

	n += der_integer(der + n, raw.p, half);
	n += der_integer(der + n, raw.p + half, half);
	der[0] = 0x30;
	der[1] = (uint8_t)(n - 2);
	return n;
}

static bool verified(const struct sp_jws *j, const struct sp_jws_key *k, const struct sp_digests *d)
{
	bool sha384 = k->alg == SP_ALG_ES384;
	uint8_t hash[48], der[EC_DER_MAX];
	struct sp_bytes sig = j->signature;

	// A context that was used keeps its key through another init: reset it first.
	if (k->alg == SP_ALG_EDDSA)
		return EVP_MD_CTX_reset(d->eddsa) == 1 &&
		       EVP_DigestVerifyInit(d->eddsa, NULL, NULL, NULL, k->pkey) == 1 &&
		       EVP_DigestVerify(d->eddsa, sig.p, sig.n, j->input.p, j->input.n) == 1;
	if (digest(d->md, sha384 ? d->sha384 : d->sha256, &j->input, 1, hash) < 0)
		return false;
	if (k->alg == SP_ALG_ES256 || k->alg == SP_ALG_ES384)
		sig = sp_bytes(der, ec_der(j->signature, der));
	return EVP_PKEY_verify(k->ctx, sig.p, sig.n, hash, sha384 ? 48 : 32) == 1;
}

int sp_jws_verify(const struct sp_jws *j, const struct sp_jws_key *k, const struct sp_digests *d)
{
	if (j->alg != k->alg)
		return SP_REASON_TOKEN_ALGORITHM;
	if (j->signature.n != k->signature_len)
		return SP_REASON_TOKEN_SIGNATURE;
	if (verified(j, k, d))
		return 0;
	ERR_clear_error();
	return SP_REASON_TOKEN_SIGNATURE;
}

static int load_issuer(const struct sp_snap *s, uint32_t i, struct sp_keyring *ring)
{
	const struct sp_snap_issuer *issuer = SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, i);

	ring->first[i] = ring->keys_n;
	for (uint32_t k = 0; k < issuer->keys.n; k++) {
		const struct sp_snap_key *key = SP_SNAP_GET(s, issuer->keys, sp_snap_key, k);

		SP_TRY(sp_jws_key_init(&ring->key[ring->keys_n], (enum sp_jwt_alg)key->alg,
			sp_snap_str(s, key->spki)));
		ring->keys_n++;
	}
	return 0;
}

int sp_keyring_new(const struct sp_snap *s, struct sp_keyring **ret)
{
	struct sp_keyring *ring = calloc(1, sizeof(*ring));
	uint32_t issuers = s->h->issuers.n, keys = 0;
	int err = -ENOMEM;

	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < issuers; i++)
		keys += SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, i)->keys.n;
	ring->auth_epoch = s->h->auth_epoch;
	ring->issuers_n = issuers;
	ring->first = calloc(issuers + 1, sizeof(*ring->first));
	ring->key = calloc(keys + 1, sizeof(*ring->key));
	ring->scratch = calloc(1, sizeof(*ring->scratch));
	if (ring->first && ring->key && ring->scratch)
		err = sp_digests_init(&ring->digests);
	for (uint32_t i = 0; err == 0 && i < issuers; i++)
		err = load_issuer(s, i, ring);
	if (err < 0) {
		sp_keyring_free(ring);
		return err;
	}
	*ret = ring;
	return 0;
}

struct sp_keyring *sp_keyring_free(struct sp_keyring *k)
{
	if (!k)
		return NULL;
	for (uint32_t i = 0; i < k->keys_n; i++)
		sp_jws_key_done(&k->key[i]);
	sp_digests_done(&k->digests);
	free(k->scratch);
	free(k->first);
	free(k->key);
	free(k);
	return NULL;
}
