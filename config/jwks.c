#include "config/jwks.h"

#include "common/base64.h"
#include "common/json.h"
#include "config/jwk_key.h"
#include "common/banned.h"

enum { TOKENS_MAX = 16384, DEPTH_MAX = 8, NUMBER_MAX = SP_JWKS_RSA_MAX_BITS / 8 + 1 };
enum { SKIP = 1 }; ///< a key that is sound and not for us

struct kid {
	uint32_t len;
	char text[SP_JWKS_KID_MAX];
};
struct parse {
	struct sp_json json;
	struct sp_jwks *set;
	uint32_t algs;
	const char *why;
	uint32_t kids_n;
	struct kid kids[SP_JWKS_KEYS_MAX]; ///< of every key that is not for encryption
	struct sp_json_tok tok[TOKENS_MAX];
};

static int refuse(struct parse *p, int err, const char *why)
{
	p->why = why;
	return err;
}

/// Token of a member that must be a string; -ENOENT absent.
static int string_tok(struct parse *p, uint32_t obj, const char *name, uint32_t *ret)
{
	uint32_t t = sp_json_get(&p->json, obj, sp_bytes_cstr(name));

	if (t == SP_JSON_NONE)
		return -ENOENT;
	if (sp_json_type(&p->json, t) != SP_JSON_STRING)
		return refuse(p, -EBADMSG, "a member that must be a string is none");
	*ret = t;
	return 0;
}

/// A base64url member, decoded into `buf`.
static int number_of(struct parse *p, uint32_t obj, const char *name, uint8_t *buf, size_t cap,
	struct sp_bytes *ret)
{
	uint8_t text[(NUMBER_MAX * 4 + 2) / 3];
	struct sp_bytes s;
	uint32_t t;
	size_t n;
	int err = string_tok(p, obj, name, &t);

	if (err == -ENOENT)
		return refuse(p, -EBADMSG, "a member of the key is missing");
	SP_TRY(err);
	if (sp_json_str(&p->json, t, text, sizeof(text), &s) < 0 ||
		sp_base64url_decode(s, buf, cap, &n) < 0)
		return refuse(p, -EBADMSG, "a number is not base64url, or too long");
	*ret = sp_bytes(buf, n);
	return 0;
}

static int check_public(struct parse *p, uint32_t obj)
{
	static const char *const secret[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"};

	for (size_t i = 0; i < SP_ARRAY_LEN(secret); i++)
		if (sp_json_get(&p->json, obj, sp_bytes_cstr(secret[i])) != SP_JSON_NONE)
			return refuse(p, -EPERM, "the set shows a private or symmetric key");
	return 0;
}

/// key_ops when present: an array of strings that has "verify", and besides it only "sign".
static int check_key_ops(struct parse *p, uint32_t obj)
{
	const struct sp_json *j = &p->json;
	uint32_t t = sp_json_get(j, obj, SP_LIT("key_ops"));
	bool verify = false, other = false;

	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_type(j, t) != SP_JSON_ARRAY || j->tok[t].count == 0)
		return refuse(p, -EBADMSG, "key_ops is not a list of operations");
	for (uint32_t i = sp_json_first(j, t), k = 0; k < j->tok[t].count;
		k++, i = j->tok[i].next) {
		if (sp_json_type(j, i) != SP_JSON_STRING)
			return refuse(p, -EBADMSG, "key_ops is not a list of operations");
		if (sp_json_str_eq(j, i, SP_LIT("verify")) && !verify)
			verify = true;
		else if (!sp_json_str_eq(j, i, SP_LIT("sign")))
			other = true;
	}
	if (verify && other)
		return refuse(p, -EKEYREJECTED, "key_ops mixes verify with other uses");
	return verify ? 0 : SKIP;
}

static int check_use(struct parse *p, uint32_t obj)
{
	uint32_t t;
	int err = string_tok(p, obj, "use", &t);

	if (err == -ENOENT || (err == 0 && sp_json_str_eq(&p->json, t, SP_LIT("sig"))))
		return check_key_ops(p, obj);
	return err < 0 ? err : SKIP;
}

static int read_kid(struct parse *p, uint32_t obj)
{
	struct kid *k = &p->kids[p->kids_n];
	struct sp_bytes s;
	uint32_t t;
	int err = string_tok(p, obj, "kid", &t);

	if (err == -ENOENT) {
		k->len = 0;
		p->kids_n++;
		return 0;
	}
	SP_TRY(err);
	if (sp_json_str(&p->json, t, (uint8_t *)k->text, sizeof(k->text), &s) < 0 || s.n == 0 ||
		s.n > sizeof(k->text))
		return refuse(p, -EBADMSG, "kid is not 1 to 128 bytes");
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return refuse(p, -EBADMSG, "kid holds a control character");
	memmove(k->text, s.p, s.n);
	k->len = (uint32_t)s.n;
	for (uint32_t i = 0; i < p->kids_n; i++)
		if (p->kids[i].len == k->len && memcmp(p->kids[i].text, k->text, k->len) == 0)
			return refuse(p, -EEXIST, "two keys have the same kid");
	p->kids_n++;
	return 0;
}

/// Algorithms a key of this kty and crv can serve; SKIP when it is of another kind.
static int algs_of_kind(struct parse *p, uint32_t obj, uint32_t *ret)
{
	static const struct {
		struct sp_bytes kty, crv;
		uint32_t algs;
	} kinds[] = {
		{SP_LIT("EC"), SP_LIT("P-256"), SP_JWT_ALG_BIT(SP_ALG_ES256)},
		{SP_LIT("EC"), SP_LIT("P-384"), SP_JWT_ALG_BIT(SP_ALG_ES384)},
		{SP_LIT("OKP"), SP_LIT("Ed25519"), SP_JWT_ALG_BIT(SP_ALG_EDDSA)},
	};
	const struct sp_json *j = &p->json;
	uint32_t kty, crv;
	int err = string_tok(p, obj, "kty", &kty);

	if (err == -ENOENT)
		return refuse(p, -EBADMSG, "kty is missing");
	SP_TRY(err);
	if (sp_json_str_eq(j, kty, SP_LIT("RSA"))) {
		*ret = SP_JWT_ALG_BIT(SP_ALG_RS256) | SP_JWT_ALG_BIT(SP_ALG_PS256);
		return 0;
	}
	if (!sp_json_str_eq(j, kty, SP_LIT("EC")) && !sp_json_str_eq(j, kty, SP_LIT("OKP")))
		return SKIP;
	err = string_tok(p, obj, "crv", &crv);
	if (err == -ENOENT)
		return refuse(p, -EBADMSG, "crv is missing");
	SP_TRY(err);
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		if (sp_json_str_eq(j, kty, kinds[i].kty) && sp_json_str_eq(j, crv, kinds[i].crv)) {
			*ret = kinds[i].algs;
			return 0;
		}
	}
	return SKIP;
}

/// A key that names no algorithm serves the one that its kind and the issuer's set have in common.
static int alg_of_kind(struct parse *p, uint32_t fit, enum sp_jwt_alg *ret)
{
	fit &= p->algs;
	if (fit == 0)
		return SKIP;
	if (fit & (fit - 1))
		return refuse(p, -EKEYREJECTED,
			"an RSA key names no alg and the issuer allows more than one");
	*ret = (enum sp_jwt_alg)__builtin_ctz(fit);
	return 0;
}

/// The one algorithm the key verifies.
static int read_alg(struct parse *p, uint32_t obj, enum sp_jwt_alg *ret)
{
	uint8_t buf[16];
	struct sp_bytes name;
	uint32_t t, fit = 0;
	enum sp_jwt_alg alg;
	int kind = algs_of_kind(p, obj, &fit), err = string_tok(p, obj, "alg", &t);

	if (kind < 0)
		return kind;
	if (err == -ENOENT)
		return kind == SKIP ? SKIP : alg_of_kind(p, fit, ret);
	SP_TRY(err);
	if (sp_json_str(&p->json, t, buf, sizeof(buf), &name) < 0 ||
		sp_jwt_alg_parse(name, &alg) < 0)
		return SKIP;
	if (kind == SKIP || !(fit & SP_JWT_ALG_BIT(alg)))
		return refuse(p, -EKEYREJECTED, "alg does not fit kty and crv");
	*ret = alg;
	return p->algs & SP_JWT_ALG_BIT(alg) ? 0 : SKIP;
}

static int read_material(struct parse *p, uint32_t obj, struct sp_jwk *key)
{
	uint8_t a_buf[NUMBER_MAX], b_buf[64];
	struct sp_bytes a, b;

	switch (key->alg) {
	case SP_ALG_RS256:
	case SP_ALG_PS256:
		SP_TRY(number_of(p, obj, "n", a_buf, sizeof(a_buf), &a));
		SP_TRY(number_of(p, obj, "e", b_buf, sizeof(b_buf), &b));
		return sp_jwk_key_rsa(a, b, key, &p->why);
	case SP_ALG_ES256:
	case SP_ALG_ES384:
		SP_TRY(number_of(p, obj, "x", a_buf, sizeof(a_buf), &a));
		SP_TRY(number_of(p, obj, "y", b_buf, sizeof(b_buf), &b));
		return sp_jwk_key_ec(key->alg, a, b, key, &p->why);
	case SP_ALG_EDDSA:
		SP_TRY(number_of(p, obj, "x", a_buf, sizeof(a_buf), &a));
		return sp_jwk_key_ed25519(a, key, &p->why);
	}
	return refuse(p, -EKEYREJECTED, "unknown algorithm");
}

static int read_key(struct parse *p, uint32_t obj)
{
	struct sp_jwk *key = &p->set->key[p->set->n];
	const struct kid *kid;
	uint32_t kty;
	int err;

	if (sp_json_type(&p->json, obj) != SP_JSON_OBJECT)
		return refuse(p, -EBADMSG, "an element of keys is no object");
	SP_TRY(check_public(p, obj));
	if (string_tok(p, obj, "kty", &kty) < 0)
		return refuse(p, -EBADMSG, "kty is missing or no string");
	err = check_use(p, obj);
	if (err)
		return err;
	SP_TRY(read_kid(p, obj));
	kid = &p->kids[p->kids_n - 1];
	err = read_alg(p, obj, &key->alg);
	if (err)
		return err;
	SP_TRY(read_material(p, obj, key));
	memcpy(key->kid, kid->text, kid->len);
	key->kid[kid->len] = 0;
	key->kid_len = kid->len;
	p->set->n++;
	return 0;
}

static int read_set(struct parse *p, uint32_t keys, uint32_t *ret_key)
{
	const struct sp_json *j = &p->json;
	bool nameless = false;

	for (uint32_t t = sp_json_first(j, keys), i = 0; i < j->tok[keys].count;
		i++, t = j->tok[t].next) {
		int err = read_key(p, t);

		if (err < 0) {
			*ret_key = i;
			return err;
		}
		if (err == SKIP)
			p->set->skipped++;
		else
			nameless |= p->set->key[p->set->n - 1].kid_len == 0;
	}
	if (p->set->n == 0)
		return refuse(p, -ENOKEY, "no key of the set is usable");
	if (nameless && p->set->n > 1)
		return refuse(p, -EEXIST, "a key without kid in a set of several");
	return 0;
}

static int parse_set(struct parse *p, struct sp_bytes text, struct sp_jwks_error *error)
{
	struct sp_json_error je = {0};
	uint32_t keys;
	int err = sp_json_scan(text, DEPTH_MAX, p->tok, TOKENS_MAX, &p->json, &je);

	if (err < 0) {
		error->off = je.off;
		return refuse(p, err == -E2BIG ? -E2BIG : -EBADMSG,
			je.what ? je.what : "the set is not strict JSON");
	}
	keys = sp_json_get(&p->json, 0, SP_LIT("keys"));
	if (keys == SP_JSON_NONE || sp_json_type(&p->json, keys) != SP_JSON_ARRAY)
		return refuse(p, -EBADMSG, "the set is no object with an array keys");
	if (p->json.tok[keys].count > SP_JWKS_KEYS_MAX)
		return refuse(p, -E2BIG, "more than 64 keys");
	p->set = calloc(1, sizeof(*p->set) + p->json.tok[keys].count * sizeof(p->set->key[0]));
	if (!p->set)
		return refuse(p, -ENOMEM, "out of memory");
	return read_set(p, keys, &error->key);
}

int sp_jwks_parse(
	struct sp_bytes text, uint32_t algs, struct sp_jwks **ret, struct sp_jwks_error *error)
{
	struct sp_jwks_error unread = {0}, *e = error ? error : &unread;
	struct parse *p;
	int err;

	*e = (struct sp_jwks_error){.what = "the set is over 256 KiB", .key = SP_SNAP_NONE};
	if (text.n > SP_JWKS_MAX_BYTES)
		return -E2BIG;
	e->what = "out of memory";
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->algs = algs;
	err = parse_set(p, text, e);
	if (err == 0) {
		e->what = NULL;
		*ret = p->set;
	} else {
		e->what = p->why;
		sp_jwks_free(p->set);
	}
	free(p);
	return err;
}

struct sp_jwks *sp_jwks_free(struct sp_jwks *s)
{
	free(s);
	return NULL;
}

bool sp_jwks_eq(const struct sp_jwks *a, const struct sp_jwks *b)
{
	return a->n == b->n && memcmp(a->key, b->key, a->n * sizeof(a->key[0])) == 0;
}
