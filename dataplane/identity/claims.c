#include "dataplane/identity/claims.h"

#include "common/base64.h"
#include "common/clock.h"
#include "common/banned.h"

enum { LEEWAY_MAX_S = 60 };
#define SECONDS_MAX (INT64_MAX / (int64_t)SP_NS_PER_SEC) // their nanoseconds fit in 63 bits

/// A string claim of 1 to SP_AGENT_NAME_MAX visible ASCII characters.
/// 0, -ENOENT absent, -EINVAL anything else.
static int visible_claim(const struct sp_json *j, struct sp_bytes name,
	char buf[SP_AGENT_NAME_MAX], uint8_t *ret_len)
{
	uint32_t t = sp_json_get(j, 0, name);
	struct sp_bytes s;

	if (t == SP_JSON_NONE)
		return -ENOENT;
	if (sp_json_str(j, t, (uint8_t *)buf, SP_AGENT_NAME_MAX, &s) < 0 || s.n == 0 ||
		s.n > SP_AGENT_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return -EINVAL;
	memmove(buf, s.p, s.n);
	*ret_len = (uint8_t)s.n;
	return 0;
}

/// A NumericDate that is a whole number of seconds: 0, -ENOENT absent, -EINVAL anything else.
static int time_claim(const struct sp_json *j, struct sp_bytes name, uint64_t *ret_ns)
{
	uint32_t t = sp_json_get(j, 0, name);
	int64_t seconds;

	if (t == SP_JSON_NONE)
		return -ENOENT;
	if (sp_json_i64(j, t, &seconds) < 0 || seconds < 0 || seconds > SECONDS_MAX)
		return -EINVAL;
	*ret_ns = (uint64_t)seconds * SP_NS_PER_SEC;
	return 0;
}

static int check_times(
	const struct sp_claims_ask *ask, const struct sp_json *j, struct sp_principal *ret)
{
	const struct sp_snap_issuer *issuer = ask->issuer;
	uint64_t leeway = sp_min(issuer->leeway_ns, LEEWAY_MAX_S * SP_NS_PER_SEC);
	uint64_t exp, nbf = 0, iat = 0;
	int has_nbf = time_claim(j, SP_LIT("nbf"), &nbf),
	    has_iat = time_claim(j, SP_LIT("iat"), &iat);

	if (time_claim(j, SP_LIT("exp"), &exp) < 0 || has_nbf == -EINVAL || has_iat == -EINVAL)
		return SP_REASON_TOKEN_CLAIMS;
	if (nbf > exp || iat > exp)
		return SP_REASON_TOKEN_CLAIMS;
	if (ask->wall_ns >= exp + leeway)
		return SP_REASON_TOKEN_EXPIRED;
	if (nbf > ask->wall_ns + leeway || iat > ask->wall_ns + leeway)
		return SP_REASON_TOKEN_NOT_YET;
	if (has_iat < 0)
		iat = sp_min(ask->wall_ns, exp);
	if (exp - iat > issuer->max_lifetime_ns)
		return SP_REASON_TOKEN_CLAIMS;
	ret->expires_ns = sp_min(exp, issuer->keys_valid_until_ns);
	ret->ends_ns = exp + leeway;
	return 0;
}

static bool ours(const struct sp_claims_ask *ask, const struct sp_json *j, uint32_t t)
{
	const struct sp_snap *s = ask->snap;

	if (ask->resource.n && sp_json_str_eq(j, t, ask->resource))
		return true;
	for (uint32_t i = 0; i < ask->issuer->audiences.n; i++) {
		struct sp_bytes aud =
			sp_snap_str(s, *SP_SNAP_GET(s, ask->issuer->audiences, sp_snap_str, i));

		if (aud.n && sp_json_str_eq(j, t, aud))
			return true;
	}
	return false;
}

/// A token for several audiences must say which client it was given to (client_id or azp).
static int check_audience(const struct sp_claims_ask *ask, const struct sp_json *j, bool has_client)
{
	uint32_t t = sp_json_get(j, 0, SP_LIT("aud"));
	bool found = false;

	if (sp_json_type(j, t) == SP_JSON_STRING)
		return ours(ask, j, t) ? 0 : SP_REASON_TOKEN_AUDIENCE;
	if (sp_json_type(j, t) != SP_JSON_ARRAY)
		return SP_REASON_TOKEN_AUDIENCE;
	for (uint32_t i = sp_json_first(j, t), k = 0; k < j->tok[t].count;
		k++, i = j->tok[i].next) {
		if (sp_json_type(j, i) != SP_JSON_STRING)
			return SP_REASON_TOKEN_AUDIENCE;
		found |= ours(ask, j, i);
	}
	if (j->tok[t].count > 1 && !has_client)
		return SP_REASON_TOKEN_AUDIENCE;
	return found ? 0 : SP_REASON_TOKEN_AUDIENCE;
}

/// scope-token of RFC 6749 section 3.3, single spaces between.
static bool scopes_sane(struct sp_bytes s)
{
	bool start = true;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == ' ' ? start : (c < 0x21 || c > 0x7e || c == '"' || c == '\\'))
			return false;
		start = c == ' ';
	}
	return !start;
}

static bool append_scope(
	const struct sp_json *j, uint32_t t, char buf[SP_SCOPES_MAX], size_t *len)
{
	struct sp_bytes s;
	size_t at = *len;

	if (at) {
		if (at >= SP_SCOPES_MAX)
			return false;
		buf[at++] = ' ';
	}
	if (sp_json_str(j, t, (uint8_t *)buf + at, SP_SCOPES_MAX - at, &s) < 0 ||
		s.n > SP_SCOPES_MAX - at)
		return false;
	memmove(buf + at, s.p, s.n);
	*len = at + s.n;
	return true;
}

/// `scope` (RFC 9068), else `scp`, which some providers write; a string, or a list of them. Behind agent and client.
static int check_scopes(const struct sp_json *j, struct sp_principal *ret)
{
	uint32_t t = sp_json_get(j, 0, SP_LIT("scope"));
	char *scopes = ret->text + ret->agent_len + ret->client_len;
	size_t len = 0;

	ret->scopes_len = 0;
	if (t == SP_JSON_NONE)
		t = sp_json_get(j, 0, SP_LIT("scp"));
	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_type(j, t) == SP_JSON_ARRAY) {
		for (uint32_t i = sp_json_first(j, t), k = 0; k < j->tok[t].count;
			k++, i = j->tok[i].next)
			if (!append_scope(j, i, scopes, &len))
				return SP_REASON_TOKEN_CLAIMS;
	} else if (!append_scope(j, t, scopes, &len)) {
		return SP_REASON_TOKEN_CLAIMS;
	}
	ret->scopes_len = (uint16_t)len;
	return len == 0 || scopes_sane(sp_bytes(scopes, len)) ? 0 : SP_REASON_TOKEN_CLAIMS;
}

/// A token bound to something the gateway cannot check is no bearer token: refused.
static int check_binding(const struct sp_json *j, struct sp_principal *ret)
{
	uint32_t cnf = sp_json_get(j, 0, SP_LIT("cnf")), t;
	uint8_t buf[43];
	struct sp_bytes s;
	size_t n;

	ret->has_cnf = false;
	if (cnf == SP_JSON_NONE)
		return 0;
	t = sp_json_get(j, cnf, SP_LIT("x5t#S256"));
	if (t == SP_JSON_NONE || j->tok[cnf].count != 1 ||
		sp_json_str(j, t, buf, sizeof(buf), &s) < 0 || s.n != sizeof(buf) ||
		sp_base64url_decode(s, ret->cert_sha256, sizeof(ret->cert_sha256), &n) < 0 ||
		n != 32)
		return SP_REASON_TOKEN_CLAIMS;
	ret->has_cnf = true;
	return 0;
}

/// SHA-256 of the issuer, a zero byte, and the string claim: -ENOENT absent.
static int hash_claim(const struct sp_claims_ask *ask, const struct sp_json *j,
	struct sp_bytes name, uint8_t ret[32])
{
	struct sp_bytes parts[] = {
		sp_snap_str(ask->snap, ask->issuer->iss), SP_LIT("\0"), SP_NOBYTES};
	uint32_t t = sp_json_get(j, 0, name);

	if (t == SP_JSON_NONE)
		return -ENOENT;
	if (sp_json_str(j, t, ask->scratch->text, sizeof(ask->scratch->text), &parts[2]) < 0 ||
		parts[2].n == 0)
		return -EINVAL;
	return sp_digests_sha256(ask->digests, parts, SP_ARRAY_LEN(parts), ret);
}

static int hash_identity(
	const struct sp_claims_ask *ask, const struct sp_json *j, struct sp_principal *ret)
{
	struct sp_bytes parts[] = {sp_snap_str(ask->snap, ask->issuer->iss), SP_LIT("\0"),
		sp_principal_agent(ret), SP_LIT("\0"), SP_NOBYTES};
	uint32_t sub = sp_json_get(j, 0, SP_LIT("sub"));
	int err = hash_claim(ask, j, SP_LIT("jti"), ret->token_sha256);

	if (err == -ENOENT) // not the signature: of ECDSA's there are two for each
		err = sp_digests_sha256(ask->digests, &ask->input, 1, ret->token_sha256);
	if (err < 0)
		return SP_REASON_TOKEN_CLAIMS;
	err = hash_claim(ask, j, SP_LIT("sub"), ret->subject_sha256);
	if (err == -ENOENT)
		err = sp_digests_sha256(ask->digests, parts, 2, ret->subject_sha256);
	else if (err == 0)
		err = sp_json_str(
			j, sub, ask->scratch->text, sizeof(ask->scratch->text), &parts[4]);
	if (err < 0 || sp_digests_sha256(ask->digests, parts, SP_ARRAY_LEN(parts), ret->id) < 0)
		return SP_REASON_TOKEN_CLAIMS;
	return 0;
}

static bool says_intent(const struct sp_json *j)
{
	const struct sp_bytes claims[] = {SP_LIT("authorization_details"), SP_LIT("purpose"),
		SP_LIT("initiated_by"), SP_LIT("amr")};

	for (size_t i = 0; i < SP_ARRAY_LEN(claims); i++)
		if (sp_json_get(j, 0, claims[i]) != SP_JSON_NONE)
			return true;
	return false;
}

int sp_claims_check(
	const struct sp_claims_ask *ask, const struct sp_json *j, struct sp_principal *ret)
{
	struct sp_bytes agent_claim = sp_snap_str(ask->snap, ask->issuer->agent_claim);
	char client_id[SP_AGENT_NAME_MAX];
	int client, r = check_times(ask, j, ret);

	ret->has_intent = says_intent(j);
	ret->client_len = 0;
	client = visible_claim(j, SP_LIT("client_id"), client_id, &ret->client_len);
	if (client == -ENOENT)
		client = visible_claim(j, SP_LIT("azp"), client_id, &ret->client_len);
	if (r == 0)
		r = check_audience(ask, j, client == 0);
	if (r)
		return r;
	if (client == -EINVAL || visible_claim(j, agent_claim, ret->text, &ret->agent_len) < 0)
		return SP_REASON_TOKEN_CLAIMS;
	memcpy(ret->text + ret->agent_len, client_id, ret->client_len);
	r = check_scopes(j, ret);
	if (r == 0)
		r = check_binding(j, ret);
	return r ? r : hash_identity(ask, j, ret);
}
