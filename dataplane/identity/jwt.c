#include "dataplane/identity/claims.h"
#include "common/banned.h"

/// The issuer that the (still unverified) payload names: only its keys and algorithms count then.
static int find_issuer(const struct sp_snap *s, const struct sp_json *payload,
	struct sp_jws_scratch *scratch, uint32_t *ret)
{
	uint32_t t = sp_json_get(payload, 0, SP_LIT("iss")), i;
	struct sp_bytes iss;

	if (t == SP_JSON_NONE ||
		sp_json_str(payload, t, scratch->text, sizeof(scratch->text), &iss) < 0 ||
		iss.n == 0)
		return SP_REASON_TOKEN_ISSUER;
	i = sp_snap_find_issuer(s, iss);
	if (i == SP_SNAP_NONE)
		return SP_REASON_TOKEN_ISSUER;
	*ret = i;
	return 0;
}

/// Position of the one key with this very kid; a token without kid fits only a set of one.
static uint32_t find_key(
	const struct sp_snap *s, const struct sp_snap_issuer *issuer, struct sp_bytes kid)
{
	uint32_t found = SP_SNAP_NONE;

	if (kid.n == 0)
		return issuer->keys.n == 1 ? 0 : SP_SNAP_NONE;
	for (uint32_t i = 0; i < issuer->keys.n; i++) {
		const struct sp_snap_key *key = SP_SNAP_GET(s, issuer->keys, sp_snap_key, i);

		if (!sp_bytes_eq(sp_snap_str(s, key->kid), kid))
			continue;
		if (found != SP_SNAP_NONE)
			return SP_SNAP_NONE;
		found = i;
	}
	return found;
}

static int check_signature(const struct sp_snap *s, const struct sp_keyring *k, uint32_t number,
	const struct sp_jws *jws, uint64_t wall_ns)
{
	const struct sp_snap_issuer *issuer = SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, number);
	uint32_t key;

	if (!(issuer->algs & SP_JWT_ALG_BIT(jws->alg)))
		return SP_REASON_TOKEN_ALGORITHM;
	if (issuer->require_at_jwt && jws->typ != SP_TYP_AT_JWT)
		return SP_REASON_TOKEN_CLAIMS;
	if (wall_ns >= issuer->keys_valid_until_ns)
		return SP_REASON_TOKEN_KEY_UNKNOWN;
	key = find_key(s, issuer, jws->kid);
	if (key == SP_SNAP_NONE)
		return SP_REASON_TOKEN_KEY_UNKNOWN;
	return sp_jws_verify(jws, &k->key[k->first[number] + key], &k->digests);
}

static int verify(const struct sp_snap *s, const struct sp_keyring *k, struct sp_claims_ask *ask,
	struct sp_principal *ret, uint32_t *ret_issuer)
{
	struct sp_jws_scratch *scratch = k->scratch;
	struct sp_json payload;
	struct sp_jws jws;
	uint32_t issuer;
	int r = sp_jws_open(ask->token, scratch, &jws);

	if (r)
		return r;
	if (sp_json_scan(jws.payload, SP_JWS_DEPTH_MAX, scratch->tok, SP_JWS_TOKENS_MAX, &payload,
		    NULL) < 0 ||
		sp_json_type(&payload, 0) != SP_JSON_OBJECT)
		return SP_REASON_TOKEN_MALFORMED;
	r = find_issuer(s, &payload, scratch, &issuer);
	if (r)
		return r;
	r = check_signature(s, k, issuer, &jws, ask->wall_ns);
	if (r == SP_REASON_TOKEN_KEY_UNKNOWN)
		*ret_issuer = issuer;
	if (r)
		return r;
	ask->issuer = SP_SNAP_GET(s, s->h->issuers, sp_snap_issuer, issuer);
	ask->input = jws.input;
	ret->issuer = issuer;
	ret->auth_epoch = k->auth_epoch;
	return sp_claims_check(ask, &payload, ret);
}

int sp_jwt_verify(const struct sp_snap *s, const struct sp_keyring *k, struct sp_bytes token,
	struct sp_bytes resource, uint64_t wall_ns, struct sp_principal *ret, uint32_t *ret_issuer)
{
	struct sp_claims_ask ask = {
		.snap = s,
		.digests = &k->digests,
		.scratch = k->scratch,
		.token = token,
		.resource = resource,
		.wall_ns = wall_ns,
	};
	struct sp_principal made = {0};
	int r;

	if (k->auth_epoch != s->h->auth_epoch || k->issuers_n != s->h->issuers.n)
		return SP_REASON_INTERNAL;
	r = verify(s, k, &ask, &made, ret_issuer);
	sp_wipe(k->scratch, offsetof(struct sp_jws_scratch, tok));
	if (r)
		return r;
	*ret = made;
	return 0;
}
