/// A JWK set (RFC 7517, 7518, 8037) from its JSON text to keys a snapshot holds. Strict: a set that
/// is malformed, ambiguous, or shows a secret refuses as a whole, so that half a set is never
/// published. Keys of kinds the gateway does not verify with, and keys for encryption, are skipped
/// and counted. Pure: no I/O; allocates from the heap and the crypto library. Any process but a
/// worker.
#pragma once

#include "config/snapshot.h"

#define SP_JWKS_MAX_BYTES (256u * 1024u)
#define SP_JWKS_KEYS_MAX 64u
#define SP_JWKS_KID_MAX 128u
#define SP_JWKS_SPKI_MAX 1100u ///< RSA of 8192 bits fits
#define SP_JWKS_RSA_MIN_BITS 2048
#define SP_JWKS_RSA_MAX_BITS 8192

struct sp_jwk {
	enum sp_jwt_alg alg;
	uint32_t kid_len; ///< 0 only when the set has a single usable key
	uint32_t spki_len;
	char kid[SP_JWKS_KID_MAX + 1]; ///< UTF-8 without control characters
	uint8_t spki[SP_JWKS_SPKI_MAX]; ///< SubjectPublicKeyInfo, DER, canonical
};
/// Self-contained: no pointers.
struct sp_jwks {
	uint32_t n; ///< at least 1
	uint32_t skipped; ///< keys of other kinds, algorithms, curves or uses
	struct sp_jwk key[];
};
struct sp_jwks_error {
	const char *what; ///< static text
	uint32_t key; ///< index in the set's array, or SP_SNAP_NONE when the set itself is wrong
	uint32_t off; ///< offset in the text when the JSON is wrong, else 0
};

/// `algs` (SP_JWT_ALG_BIT) are the issuer's allowed algorithms: a key of another is skipped; an RSA
/// key that names no algorithm gets the one RSA algorithm allowed, and refuses the set when both
/// are. 0, -EBADMSG malformed, -EKEYREJECTED unfit key, -EEXIST ambiguous kid, -EPERM private
/// member, -ENOKEY no usable key, -E2BIG too large or too many keys, -ENOMEM; `*error` (may be
/// NULL) says why.
SP_MUST_CHECK int sp_jwks_parse(
	struct sp_bytes text, uint32_t algs, struct sp_jwks **ret, struct sp_jwks_error *error);
struct sp_jwks *sp_jwks_free(struct sp_jwks *s);
/// Same keys in the same order.
bool sp_jwks_eq(const struct sp_jwks *a, const struct sp_jwks *b);
