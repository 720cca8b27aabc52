#include "dataplane/identity/jws.h"

#include "common/base64.h"
#include "common/banned.h"

struct parts {
	struct sp_bytes header, payload, signature;
};

static int split(struct sp_bytes token, struct parts *ret)
{
	const uint8_t *end = token.p + token.n, *a, *b;

	if (token.n == 0 || token.n > SP_JWT_MAX_BYTES)
		return SP_REASON_TOKEN_MALFORMED;
	a = memchr(token.p, '.', token.n);
	if (!a)
		return SP_REASON_TOKEN_MALFORMED;
	b = memchr(a + 1, '.', (size_t)(end - a) - 1);
	if (!b || memchr(b + 1, '.', (size_t)(end - b) - 1))
		return SP_REASON_TOKEN_MALFORMED;
	*ret = (struct parts){
		.header = sp_bytes(token.p, (size_t)(a - token.p)),
		.payload = sp_bytes(a + 1, (size_t)(b - a) - 1),
		.signature = sp_bytes(b + 1, (size_t)(end - b) - 1),
	};
	return ret->header.n && ret->signature.n ? 0 : SP_REASON_TOKEN_MALFORMED;
}

static int decode(struct sp_bytes in, uint8_t *buf, size_t cap, struct sp_bytes *ret)
{
	size_t n;

	if (sp_base64url_decode(in, buf, cap, &n) < 0)
		return SP_REASON_TOKEN_MALFORMED;
	*ret = sp_bytes(buf, n);
	return 0;
}

static int read_alg(const struct sp_json *j, enum sp_jwt_alg *ret)
{
	uint32_t t = sp_json_get(j, 0, SP_LIT("alg"));
	uint8_t buf[16];
	struct sp_bytes name;

	if (sp_json_type(j, t) != SP_JSON_STRING)
		return SP_REASON_TOKEN_MALFORMED;
	if (sp_json_str(j, t, buf, sizeof(buf), &name) < 0 || sp_jwt_alg_parse(name, ret) < 0)
		return SP_REASON_TOKEN_ALGORITHM;
	return 0;
}

static int read_kid(const struct sp_json *j, struct sp_jws_scratch *scratch, struct sp_bytes *ret)
{
	uint32_t t = sp_json_get(j, 0, SP_LIT("kid"));
	struct sp_bytes kid;

	*ret = SP_NOBYTES;
	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_str(j, t, scratch->kid, sizeof(scratch->kid), &kid) < 0 || kid.n == 0 ||
		kid.n > sizeof(scratch->kid))
		return SP_REASON_TOKEN_MALFORMED;
	*ret = kid;
	return 0;
}

/// Media types compare without regard to case (RFC 7515 section 4.1.9).
static int read_typ(const struct sp_json *j, enum sp_jws_typ *ret)
{
	uint32_t t = sp_json_get(j, 0, SP_LIT("typ"));
	uint8_t buf[32];
	struct sp_bytes typ;

	*ret = SP_TYP_NONE;
	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_str(j, t, buf, sizeof(buf), &typ) < 0)
		return SP_REASON_TOKEN_MALFORMED;
	if (sp_bytes_ieq(typ, SP_LIT("JWT")))
		*ret = SP_TYP_JWT;
	else if (sp_bytes_ieq(typ, SP_LIT("at+jwt")) ||
		 sp_bytes_ieq(typ, SP_LIT("application/at+jwt")))
		*ret = SP_TYP_AT_JWT;
	else
		return SP_REASON_TOKEN_MALFORMED;
	return 0;
}

static int read_header(struct sp_bytes text, struct sp_jws_scratch *scratch, struct sp_jws *ret)
{
	static const struct sp_bytes refused[] = {
		SP_LIT("crit"), SP_LIT("b64"), SP_LIT("zip"), SP_LIT("enc"), SP_LIT("cty")};
	struct sp_json j;
	int r;

	if (sp_json_scan(text, SP_JWS_DEPTH_MAX, scratch->tok, SP_JWS_TOKENS_MAX, &j, NULL) < 0 ||
		sp_json_type(&j, 0) != SP_JSON_OBJECT)
		return SP_REASON_TOKEN_MALFORMED;
	for (size_t i = 0; i < SP_ARRAY_LEN(refused); i++)
		if (sp_json_get(&j, 0, refused[i]) != SP_JSON_NONE)
			return SP_REASON_TOKEN_MALFORMED;
	r = read_alg(&j, &ret->alg);
	if (r == 0)
		r = read_kid(&j, scratch, &ret->kid);
	if (r == 0)
		r = read_typ(&j, &ret->typ);
	return r;
}

int sp_jws_open(struct sp_bytes token, struct sp_jws_scratch *scratch, struct sp_jws *ret)
{
	struct sp_jws j = {0};
	struct sp_bytes header;
	struct parts p;
	int r = split(token, &p);

	if (r == 0)
		r = decode(p.header, scratch->header, sizeof(scratch->header), &header);
	if (r == 0)
		r = decode(p.payload, scratch->payload, sizeof(scratch->payload), &j.payload);
	if (r == 0)
		r = decode(
			p.signature, scratch->signature, sizeof(scratch->signature), &j.signature);
	if (r == 0)
		r = read_header(header, scratch, &j);
	if (r)
		return r;
	j.input = sp_bytes(token.p, p.header.n + 1 + p.payload.n);
	*ret = j;
	return 0;
}
