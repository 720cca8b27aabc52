/// Public key numbers of a JWK to a SubjectPublicKeyInfo, with every check a key must pass (RFC
/// 7518 section 6, RFC 8037, RFC 8725 section 3.5). Inside config/jwks.c only.
#pragma once

#include "config/jwks.h"

/// Each: 0 with ret->spki and ret->spki_len filled, or -EKEYREJECTED / -ENOMEM with *why set.
/// The numbers are the decoded big-endian bytes of the members.
SP_MUST_CHECK int sp_jwk_key_rsa(
	struct sp_bytes n, struct sp_bytes e, struct sp_jwk *ret, const char **why);
/// `alg` tells the curve: ES256 P-256, ES384 P-384.
SP_MUST_CHECK int sp_jwk_key_ec(enum sp_jwt_alg alg, struct sp_bytes x, struct sp_bytes y,
	struct sp_jwk *ret, const char **why);
SP_MUST_CHECK int sp_jwk_key_ed25519(struct sp_bytes x, struct sp_jwk *ret, const char **why);
