/// A token whose signature is checked by nobody but the library: header and payload are the
/// input's, split at the first newline, encoded and signed here, so that the fuzzer reaches the
/// claims. The input as it is goes in as a token as well, and must never verify.
#include "tests/support/jwt_fixture.h"

#include "common/clock.h"
#include "common/banned.h"

static struct jwt_fixture *fixture(void)
{
	static struct jwt_fixture f;
	static bool made;

	if (!made)
		jwt_fixture_init(&f);
	made = true;
	return &f;
}

/// What a principal promises to everybody who reads it.
static void check(const struct sp_principal *p, const struct jwt_fixture *f)
{
	struct sp_bytes agent = sp_principal_agent(p);

	SP_BUG_IF(agent.n == 0 || agent.n > SP_AGENT_NAME_MAX);
	for (size_t i = 0; i < agent.n; i++)
		SP_BUG_IF(agent.p[i] <= 0x20 || agent.p[i] >= 0x7f);
	SP_BUG_IF(p->client_len > SP_AGENT_NAME_MAX || p->scopes_len > SP_SCOPES_MAX);
	SP_BUG_IF(p->issuer >= f->snap.h->issuers.n || p->auth_epoch != f->snap.h->auth_epoch);
	SP_BUG_IF(p->expires_ns + JWT_LEEWAY_S * SP_NS_PER_SEC <= JWT_NOW_S * SP_NS_PER_SEC);
	SP_BUG_IF(p->expires_ns > (JWT_NOW_S + JWT_KEYS_GOOD_S) * SP_NS_PER_SEC);
}

static int verify(const struct jwt_fixture *f, struct sp_bytes token)
{
	struct sp_principal p;
	uint32_t issuer = SP_SNAP_NONE;
	int r = sp_jwt_verify(&f->snap, f->ring, token, SP_LIT(JWT_RESOURCE),
		JWT_NOW_S * SP_NS_PER_SEC, &p, &issuer);

	if (r == 0)
		check(&p, f);
	SP_BUG_IF((r == SP_REASON_TOKEN_KEY_UNKNOWN) != (issuer != SP_SNAP_NONE));
	SP_BUG_IF(r && (r < SP_REASON_TOKEN_MALFORMED || r > SP_REASON_TOKEN_CLAIMS));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwt_fixture *f = fixture();
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	char header[4096], *token;

	SP_BUG_IF(verify(f, sp_bytes(data, size)) == 0);
	if (!line || (size_t)(line - data) >= sizeof(header))
		return 0;
	memcpy(header, data, (size_t)(line - data));
	header[line - data] = 0;
	token = sp_sign_jws(
		f->key[SP_ALG_EDDSA], header, sp_bytes(line + 1, size - (size_t)(line - data) - 1));
	if (token)
		(void)!verify(f, sp_bytes_cstr(token));
	free(token);
	return 0;
}
