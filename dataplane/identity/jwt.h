/// Bearer JWTs (RFC 7515, 7519, 8725, 9068) verified on OpenSSL EVP with a narrow profile: compact JWS
/// only; RS256, PS256, ES256, ES384, EdDSA(Ed25519); the issuer's configuration fixes algorithms and
/// keys; header members jwk, jku, x5u, x5c are never key sources, crit and b64 refuse. Pure but for
/// the crypto library; runs on the worker; no allocation besides OpenSSL's own.
#pragma once

#include "common/reason.h"
#include "config/snapshot.h"

#define SP_JWT_MAX_BYTES 8192u
#define SP_AGENT_NAME_MAX 128u
#define SP_SCOPES_MAX 511u

/// EVP keys of one snapshot's issuers, made when a worker takes up a snapshot whose auth_epoch is new.
/// One thread's: it holds scratch memory. -EINVAL when a key does not load, -ENOMEM.
struct sp_keyring;
SP_MUST_CHECK int sp_keyring_new(const struct sp_snap *s, struct sp_keyring **ret);
struct sp_keyring *sp_keyring_free(struct sp_keyring *k);

/// Who calls: only sp_jwt_verify() and the token cache make one. Self-contained, no pointers.
struct sp_principal {
	uint64_t auth_epoch;
	uint64_t expires_ns;    ///< wall time, leeway not included; sooner when its key set goes stale before
	uint64_t ends_ns;       ///< wall time: no key set and no leeway lets it live longer
	uint8_t id[32];         ///< SHA-256(iss || 0 || agent || 0 || sub): sessions and ids are bound to it
	uint8_t subject_sha256[32];
	uint8_t token_sha256[32]; ///< of the jti when present (bound to iss), else of what was signed
	uint8_t cert_sha256[32];  ///< cnf x5t#S256
	uint32_t issuer;        ///< in the snapshot of `auth_epoch`
	bool has_intent; ///< claims that say what for: authorization_details, purpose, initiated_by, amr
	bool has_cnf;             ///< present: the caller must check it against the client certificate, or refuse
	uint8_t agent_len, client_len;
	uint16_t scopes_len;
	/// Agent, client_id and scopes, one behind the other: what lies behind them means nothing.
	char text[2 * SP_AGENT_NAME_MAX + SP_SCOPES_MAX];
};
/// Value of the issuer's agent claim: never empty.
static inline struct sp_bytes sp_principal_agent(const struct sp_principal *p)
{
	return sp_bytes(p->text, p->agent_len);
}
/// The claim client_id, or azp; empty when the token has neither.
static inline struct sp_bytes sp_principal_client(const struct sp_principal *p)
{
	return sp_bytes(p->text + p->agent_len, p->client_len);
}
/// Space-separated, as in the token.
static inline struct sp_bytes sp_principal_scopes(const struct sp_principal *p)
{
	return sp_bytes(p->text + p->agent_len + p->client_len, p->scopes_len);
}
/// Bytes of it that mean something: mostly a quarter.
static inline size_t sp_principal_used(const struct sp_principal *p)
{
	return offsetof(struct sp_principal, text) + p->agent_len + p->client_len + p->scopes_len;
}
static inline void sp_principal_copy(struct sp_principal *to, const struct sp_principal *from)
{
	memcpy(to, from, sp_principal_used(from));
}

/// Verify `token` for `resource` (the audience it must name, besides the issuer's configured ones).
/// 0 with *ret filled, or a reason TOKEN_*. When the kid is not in the issuer's set: TOKEN_KEY_UNKNOWN
/// and *ret_issuer names the issuer, so that control can be told.
SP_MUST_CHECK int sp_jwt_verify(const struct sp_snap *s, const struct sp_keyring *k, struct sp_bytes token,
	struct sp_bytes resource, uint64_t wall_ns, struct sp_principal *ret, uint32_t *ret_issuer);
/// All of the space-separated `needed` are among `held`.
bool sp_scopes_cover(struct sp_bytes held, struct sp_bytes needed);

/// Verified tokens by sp_token_cache_key(), until they expire or the auth epoch moves on.
/// Bounded: boot-sized, set-associative, least recently used goes. Entries are wiped when they go.
struct sp_token_cache;
/// SHA-256 of a token and the resource it was verified for, with a border between them: no other
/// pair has the same bytes.
void sp_token_cache_key(struct sp_bytes resource, struct sp_bytes token, uint8_t ret_sha256[32]);
SP_MUST_CHECK int sp_token_cache_new(uint32_t entries, struct sp_token_cache **ret);
struct sp_token_cache *sp_token_cache_free(struct sp_token_cache *c);
/// Found, of this epoch and not expired: a pointer valid until the next put; else NULL.
const struct sp_principal *sp_token_cache_get(struct sp_token_cache *c, const uint8_t sha256[32],
	uint64_t auth_epoch, uint64_t wall_ns);
const struct sp_principal *sp_token_cache_put(struct sp_token_cache *c, const uint8_t sha256[32],
	const struct sp_principal *p);
