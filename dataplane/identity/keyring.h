/// Inside dataplane/identity: the crypto library's side of a verification key, and the ring of a
/// snapshot. A ring belongs to one thread: contexts and scratch memory in it are used in place.
#pragma once

#include "dataplane/identity/jws.h"

#include <openssl/evp.h>

/// A key ready to verify: its one algorithm is fixed here, not by the token.
struct sp_jws_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *ctx; ///< initialised once; NULL for EdDSA
	enum sp_jwt_alg alg;
	size_t signature_len; ///< the only length accepted
};
/// `spki` must be of the type, curve and size that `alg` needs: -EINVAL. -ENOMEM.
SP_MUST_CHECK int sp_jws_key_init(struct sp_jws_key *k, enum sp_jwt_alg alg, struct sp_bytes spki);
void sp_jws_key_done(struct sp_jws_key *k);

/// What every verification needs, made once.
struct sp_digests {
	EVP_MD_CTX *md; ///< of plain digests
	EVP_MD_CTX *eddsa; ///< of one-shot signatures
	EVP_MD *sha256, *sha384;
};
SP_MUST_CHECK int sp_digests_init(struct sp_digests *d); ///< -ENOMEM
void sp_digests_done(struct sp_digests *d);
/// SHA-256 over the parts one after another; -EIO.
SP_MUST_CHECK int sp_digests_sha256(
	const struct sp_digests *d, const struct sp_bytes *parts, size_t n, uint8_t ret[32]);

/// The signature of `j` by this very key and algorithm: 0, TOKEN_ALGORITHM or TOKEN_SIGNATURE.
SP_MUST_CHECK int sp_jws_verify(
	const struct sp_jws *j, const struct sp_jws_key *k, const struct sp_digests *d);

struct sp_keyring {
	uint64_t auth_epoch;
	uint32_t issuers_n, keys_n;
	uint32_t *first; ///< of each issuer, its first key in `key`
	struct sp_jws_key *key;
	struct sp_digests digests;
	struct sp_jws_scratch *scratch;
};
