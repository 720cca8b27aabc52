/// Inside dataplane/identity: a compact JWS taken apart (RFC 7515 section 7.1), nothing verified
/// yet. Pure, no allocation.
#pragma once

#include "common/json.h"
#include "dataplane/identity/jwt.h"

#define SP_JWS_PART_MAX (SP_JWT_MAX_BYTES / 4 * 3)
#define SP_JWS_SIGNATURE_MAX 1024u ///< RSA of 8192 bits
#define SP_JWS_KID_MAX 128u
#define SP_JWS_TOKENS_MAX 1024u
#define SP_JWS_DEPTH_MAX 16u

/// Memory for one token at a time; it holds what the token said, so wipe it afterwards.
struct sp_jws_scratch {
	uint8_t header[SP_JWS_PART_MAX], payload[SP_JWS_PART_MAX];
	uint8_t signature[SP_JWS_SIGNATURE_MAX];
	uint8_t kid[SP_JWS_KID_MAX];
	uint8_t text[2048]; ///< a claim's unescaped string, for as long as one check lasts
	struct sp_json_tok tok[SP_JWS_TOKENS_MAX]; ///< last: spans only, need no wiping
};

enum sp_jws_typ { SP_TYP_NONE = 0, SP_TYP_JWT, SP_TYP_AT_JWT };

/// Borrows the token and the scratch.
struct sp_jws {
	struct sp_bytes input; ///< what was signed: header '.' payload, as sent
	struct sp_bytes payload, signature; ///< decoded
	struct sp_bytes kid; ///< empty = absent; never empty when present
	enum sp_jwt_alg alg;
	enum sp_jws_typ typ;
};

/// 0, TOKEN_MALFORMED, or TOKEN_ALGORITHM when `alg` is a name the gateway does not know. Refused:
/// other than three parts, loose base64url, a header that is no strict JSON object, crit, b64, zip,
/// enc and cty (JWE and nested tokens), a typ of another kind. jwk, jku, x5u, x5c are not looked
/// at.
SP_MUST_CHECK int sp_jws_open(
	struct sp_bytes token, struct sp_jws_scratch *scratch, struct sp_jws *ret);
