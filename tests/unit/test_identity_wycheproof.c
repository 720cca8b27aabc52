/// Wycheproof's JOSE vectors (C2SP), read from $SP_SHARED or ../shared; skipped when neither is
/// there.
#include "config/jwks.h"
#include "dataplane/identity/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ALL                                                                                        \
	(SP_JWT_ALG_BIT(SP_ALG_RS256) | SP_JWT_ALG_BIT(SP_ALG_PS256) |                             \
		SP_JWT_ALG_BIT(SP_ALG_ES256) | SP_JWT_ALG_BIT(SP_ALG_ES384) |                      \
		SP_JWT_ALG_BIT(SP_ALG_EDDSA))
enum { TOKENS = 1 << 18, FILE_MAX = 1 << 22 };

/// Valid vectors of an algorithm of ours that are refused all the same, each with its reason.
static const struct {
	const char *file;
	int64_t id;
	const char *why;
} strict[] = {
	{"json_web_signature_test.json", 346, "PS384 under a key whose alg is PS256"},
	{"json_web_signature_test.json", 350, "as above"},
};

struct counts {
	unsigned valid_accepted, valid_strict, valid_other_alg, invalid_refused;
};

static struct sp_json json;

static bool load(const char *name)
{
	static uint8_t text[FILE_MAX];
	static struct sp_json_tok tok[TOKENS];
	const char *shared = getenv("SP_SHARED");
	char path[2048];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/vectors/wycheproof/testvectors_v1/%s",
		shared ? shared : "../shared", name);
	f = fopen(path, "rb");
	if (!f) {
		print_message("skipped: %s is absent\n", path);
		return false;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_true(n < sizeof(text));
	assert_int_equal(sp_json_scan(sp_bytes(text, n), 64, tok, TOKENS, &json, NULL), 0);
	return true;
}

static bool is(uint32_t obj, const char *member, const char *value)
{
	return sp_json_str_eq(
		&json, sp_json_get(&json, obj, sp_bytes_cstr(member)), sp_bytes_cstr(value));
}

/// Verify `jws` with the keys of `set` as the gateway would: parse, kid, algorithm, signature.
static bool accepted(struct sp_bytes set_text, struct sp_bytes token)
{
	static struct sp_jws_scratch scratch;
	struct sp_digests digests;
	struct sp_jws_key key;
	struct sp_jwks *set;
	struct sp_jws jws;
	bool ok = false;

	if (sp_jwks_parse(set_text, ALL, &set, NULL) < 0)
		return false;
	assert_int_equal(sp_digests_init(&digests), 0);
	for (uint32_t i = 0; sp_jws_open(token, &scratch, &jws) == 0 && i < set->n; i++) {
		struct sp_bytes kid = sp_bytes(set->key[i].kid, set->key[i].kid_len);

		if (jws.kid.n ? !sp_bytes_eq(jws.kid, kid) : set->n != 1)
			continue;
		assert_int_equal(sp_jws_key_init(&key, set->key[i].alg,
					 sp_bytes(set->key[i].spki, set->key[i].spki_len)),
			0);
		ok = sp_jws_verify(&jws, &key, &digests) == 0;
		sp_jws_key_done(&key);
		break;
	}
	sp_digests_done(&digests);
	sp_jwks_free(set);
	return ok;
}

static bool of_our_algorithms(uint32_t key)
{
	uint32_t t = sp_json_get(&json, key, SP_LIT("alg"));
	enum sp_jwt_alg alg;

	return t != SP_JSON_NONE && sp_jwt_alg_parse(sp_json_span(&json, t), &alg) == 0;
}

static bool in_table(const char *file, int64_t id)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(strict); i++)
		if (strict[i].id == id && strcmp(strict[i].file, file) == 0)
			return true;
	return false;
}

static void judge(const char *file, uint32_t test, struct sp_bytes set, bool ours, struct counts *c)
{
	struct sp_bytes jws = sp_json_span(&json, sp_json_get(&json, test, SP_LIT("jws")));
	bool valid = is(test, "result", "valid"), ok = accepted(set, jws);
	int64_t id;

	assert_int_equal(sp_json_i64(&json, sp_json_get(&json, test, SP_LIT("tcId")), &id), 0);
	assert_true(valid || is(test, "result", "invalid"));
	if (ok && (!valid || !ours))
		fail_msg("%s %lld is accepted", file, (long long)id);
	if (!ok && valid && ours && !in_table(file, id))
		fail_msg("%s %lld is refused", file, (long long)id);
	c->valid_accepted += ok;
	c->valid_strict += valid && ours && !ok;
	c->valid_other_alg += valid && !ours;
	c->invalid_refused += !valid;
}

static uint32_t public_key(uint32_t group)
{
	uint32_t t = sp_json_get(&json, group, SP_LIT("public"));

	return t != SP_JSON_NONE ? t : sp_json_get(&json, group, SP_LIT("private"));
}

/// The key of a group as a set: the vectors give one key, or a set already.
static struct sp_bytes as_set(uint32_t key, bool is_set)
{
	static char text[1 << 14];
	struct sp_bytes raw = sp_json_raw(&json, key);

	if (is_set)
		return raw;
	return sp_bytes(
		text, (size_t)snprintf(text, sizeof(text), "{\"keys\":[%.*s]}", SP_FMT(raw)));
}

static struct counts run(const char *file)
{
	uint32_t groups = sp_json_get(&json, 0, SP_LIT("testGroups"));
	struct counts c = {0};

	for (uint32_t g = groups + 1; g < json.tok[groups].next; g = json.tok[g].next) {
		uint32_t key = public_key(g), keys = sp_json_get(&json, key, SP_LIT("keys"));
		uint32_t tests = sp_json_get(&json, g, SP_LIT("tests"));
		uint32_t first = keys == SP_JSON_NONE ? key : sp_json_first(&json, keys);

		for (uint32_t t = tests + 1; t < json.tok[tests].next; t = json.tok[t].next)
			judge(file, t, as_set(key, keys != SP_JSON_NONE), of_our_algorithms(first),
				&c);
	}
	print_message("%s: %u valid accepted, %u valid refused on purpose, %u valid of other "
		      "algorithms refused, %u invalid refused, 0 invalid accepted\n",
		file, c.valid_accepted, c.valid_strict, c.valid_other_alg, c.invalid_refused);
	return c;
}

static void signatures_are_judged_as_the_vectors_say(void **state)
{
	static const char file[] = "json_web_signature_test.json";
	struct counts c;

	(void)state;
	if (!load(file))
		skip();
	c = run(file);
	assert_int_equal(
		c.valid_accepted + c.valid_strict + c.valid_other_alg + c.invalid_refused, 401);
	assert_int_equal(c.invalid_refused, 355);
	assert_int_equal(c.valid_accepted, 16);
	assert_int_equal(c.valid_strict, SP_ARRAY_LEN(strict));
}

static void keys_are_judged_as_the_vectors_say(void **state)
{
	static const char file[] = "json_web_key_test.json";
	struct counts c;

	(void)state;
	if (!load(file))
		skip();
	c = run(file);
	assert_int_equal(c.invalid_refused, 21);
	assert_int_equal(c.valid_accepted, 1);
	assert_int_equal(c.valid_other_alg, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_judged_as_the_vectors_say),
		cmocka_unit_test(keys_are_judged_as_the_vectors_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
