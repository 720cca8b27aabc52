/// Signs tokens for tests and the demo's identity provider: keys, their JWK set, compact JWS and
/// JWT. Heap strings are the caller's to free(); NULL means the crypto library failed or memory ran
/// out. Not for production: nothing here is checked as a verifier would. Any process, may block.
#pragma once

#include "common/bytes.h"
#include "config/snapshot.h"

/// A private key with its one algorithm and key id.
struct sp_sign_key;
/// Fresh key: RSA 2048 (RS256, PS256), P-256, P-384, Ed25519. `kid` NULL = none. -EINVAL, -EIO.
SP_MUST_CHECK int sp_sign_key_new(enum sp_jwt_alg alg, const char *kid, struct sp_sign_key **ret);
/// As above with an RSA modulus of `bits` (-EINVAL for the other algorithms).
SP_MUST_CHECK int sp_sign_key_new_rsa(
	enum sp_jwt_alg alg, unsigned bits, const char *kid, struct sp_sign_key **ret);
/// From the PEM text of a private key that fits `alg` (-EINVAL when it does not).
SP_MUST_CHECK int sp_sign_key_from_pem(
	enum sp_jwt_alg alg, const char *pem, const char *kid, struct sp_sign_key **ret);
struct sp_sign_key *sp_sign_key_free(struct sp_sign_key *k);
char *sp_sign_key_pem(const struct sp_sign_key *k);

/// The key's public JWK: kty, crv or n and e, kid, alg, use=sig.
char *sp_sign_jwk(const struct sp_sign_key *k);
/// {"keys":[...]} of `n` keys.
char *sp_sign_jwks(struct sp_sign_key *const *keys, size_t n);
/// SubjectPublicKeyInfo in DER; *ret_len bytes.
uint8_t *sp_sign_spki(const struct sp_sign_key *k, size_t *ret_len);

/// Compact JWS over exactly these bytes. `header` NULL = {"alg":...,"kid":...,"typ":"JWT"} of the
/// key.
char *sp_sign_jws(const struct sp_sign_key *k, const char *header, struct sp_bytes payload);

/// Members that are NULL or 0 are left out, but `audience` with a space in it becomes an array.
struct sp_sign_claims {
	const char *iss, *sub, *audience, *client_id, *scope, *jti;
	int64_t exp, nbf, iat; ///< seconds since 1970
	const char *x5t_s256; ///< cnf: {"x5t#S256": ...}
	const char *typ; ///< header typ; NULL = "at+jwt"
	const char *agent_claim, *agent; ///< one more string claim, e.g. "agent_id"
	const char *extra; ///< JSON members put at the end of the payload, e.g. "\"a\":1,\"b\":2"
};
char *sp_sign_jwt(const struct sp_sign_key *k, const struct sp_sign_claims *c);

/// Unpadded base64url of `b`, and SHA-256 of `b` in it (an x5t#S256 of a certificate's DER).
char *sp_sign_base64url(struct sp_bytes b);
char *sp_sign_thumbprint(struct sp_bytes b);
