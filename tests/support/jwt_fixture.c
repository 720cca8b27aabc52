#include "tests/support/jwt_fixture.h"

#include "common/clock.h"
#include "common/banned.h"

const char *const jwt_fixture_kid[] = {
	[SP_ALG_RS256] = "rsa-1",
	[SP_ALG_PS256] = "rsa-pss",
	[SP_ALG_ES256] = "ec/256",
	[SP_ALG_ES384] = "ec/384",
	[SP_ALG_EDDSA] = "ed \xc3\xa9",
};

static struct sp_bytes spki(const struct sp_sign_key *k)
{
	size_t n = 0;
	uint8_t *der = sp_sign_spki(k, &n);

	SP_BUG_IF(!der);
	return sp_bytes(der, n);
}

static void build(struct jwt_fixture *f)
{
	const struct sp_bytes audience[] = {SP_LIT("urn:gateway")};
	struct sp_snap_in_key keys[SP_ALG_EDDSA], other = {.alg = SP_ALG_ES256};
	struct sp_snap_in_issuer issuers[2] = {
		{.iss = SP_LIT(JWT_ISS),
			.agent_claim = SP_LIT("client_id"),
			.keys = keys,
			.audiences = {audience, 1},
			.keys_n = SP_ARRAY_LEN(keys)},
		{.iss = SP_LIT(JWT_OTHER),
			.agent_claim = SP_LIT("sub"),
			.keys = &other,
			.keys_n = 1,
			.algs = SP_JWT_ALG_BIT(SP_ALG_ES256),
			.require_at_jwt = true},
	};
	struct sp_snap_in in = {.generation = 1, .issuers = issuers, .issuers_n = 2};
	size_t n;

	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		keys[a - 1] = (struct sp_snap_in_key){.kid = sp_bytes_cstr(jwt_fixture_kid[a]),
			.spki = spki(f->key[a]),
			.alg = (enum sp_jwt_alg)a};
		issuers[0].algs |= SP_JWT_ALG_BIT(a);
	}
	other.spki = spki(f->other);
	for (unsigned i = 0; i < 2; i++) {
		issuers[i].leeway_ns = JWT_LEEWAY_S * SP_NS_PER_SEC;
		issuers[i].max_lifetime_ns = JWT_LIFETIME_S * SP_NS_PER_SEC;
		issuers[i].keys_valid_until_ns = (JWT_NOW_S + JWT_KEYS_GOOD_S) * SP_NS_PER_SEC;
	}
	SP_BUG_IF(sp_snap_build(&in, &f->blob, &n) < 0);
	SP_BUG_IF(sp_snap_open(f->blob, n, &f->snap) < 0);
	for (unsigned i = 0; i < SP_ARRAY_LEN(keys); i++)
		free((void *)keys[i].spki.p);
	free((void *)other.spki.p);
}

void jwt_fixture_init(struct jwt_fixture *f)
{
	*f = (struct jwt_fixture){0};
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++)
		SP_BUG_IF(sp_sign_key_new((enum sp_jwt_alg)a, jwt_fixture_kid[a], &f->key[a]) < 0);
	SP_BUG_IF(sp_sign_key_new(SP_ALG_ES256, NULL, &f->other) < 0);
	build(f);
	SP_BUG_IF(sp_keyring_new(&f->snap, &f->ring) < 0);
}

void jwt_fixture_done(struct jwt_fixture *f)
{
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++)
		sp_sign_key_free(f->key[a]);
	sp_sign_key_free(f->other);
	sp_keyring_free(f->ring);
	free(f->blob);
}

int jwt_fixture_verify(const struct jwt_fixture *f, const char *token, struct sp_principal *ret,
	uint32_t *ret_issuer)
{
	struct sp_principal unread;
	uint32_t none;

	return sp_jwt_verify(&f->snap, f->ring, sp_bytes_cstr(token), SP_LIT(JWT_RESOURCE),
		JWT_NOW_S * SP_NS_PER_SEC, ret ? ret : &unread, ret_issuer ? ret_issuer : &none);
}

char *jwt_fixture_token(const struct jwt_fixture *f, enum sp_jwt_alg alg)
{
	struct sp_sign_claims c = {
		.iss = JWT_ISS,
		.sub = "user-7",
		.audience = JWT_RESOURCE,
		.client_id = "support-bot",
		.scope = "tools:read tools:call",
		.jti = "token-1",
		.iat = JWT_NOW_S - 10,
		.exp = JWT_NOW_S + 600,
	};
	char *token = sp_sign_jwt(f->key[alg], &c);

	SP_BUG_IF(!token);
	return token;
}
