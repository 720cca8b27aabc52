/// A snapshot with two issuers and real keys, and a ring over it: what the tests of identity verify
/// against. "https://issuer.example" has a key of each algorithm (kids as in jwt_fixture_kid),
/// agents named by client_id, one more audience; "https://other.example" has one ES256 key without
/// kid, agents named by sub, and wants typ at+jwt.
#pragma once

#include "config/snapshot_build.h"
#include "dataplane/identity/jwt.h"
#include "tests/support/jwt_sign.h"

#define JWT_ISS "https://issuer.example"
#define JWT_OTHER "https://other.example"
#define JWT_RESOURCE "https://gateway.example/mcp"
#define JWT_NOW_S 1800000000
#define JWT_LEEWAY_S 30
#define JWT_LIFETIME_S 3600
#define JWT_KEYS_GOOD_S 86400

struct jwt_fixture {
	struct sp_sign_key *key[SP_ALG_EDDSA + 1]; ///< by algorithm
	struct sp_sign_key *other;
	uint8_t *blob;
	struct sp_snap snap;
	struct sp_keyring *ring;
};
extern const char *const jwt_fixture_kid[SP_ALG_EDDSA + 1];

/// Aborts when something fails: a fixture has no other outcome.
void jwt_fixture_init(struct jwt_fixture *f);
void jwt_fixture_done(struct jwt_fixture *f);
/// Verify at JWT_NOW_S for JWT_RESOURCE; `ret` and `ret_issuer` may be NULL.
int jwt_fixture_verify(const struct jwt_fixture *f, const char *token, struct sp_principal *ret,
	uint32_t *ret_issuer);
/// A good token of `alg` with the fixture's usual claims.
char *jwt_fixture_token(const struct jwt_fixture *f, enum sp_jwt_alg alg);
