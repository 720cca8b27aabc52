#include "tests/support/jwt_fixture.h"

#include "common/base64.h"
#include "common/clock.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct jwt_fixture fx;

#define USUAL                                                                                      \
	"\"iss\":\"" JWT_ISS "\",\"aud\":\"" JWT_RESOURCE                                          \
	"\",\"client_id\":\"bot\",\"sub\":\"u\","                                                  \
	"\"exp\":1800000600"

/// Verdict on a payload signed by the issuer's ES256 key under its usual header.
static int judge(const char *payload, struct sp_principal *ret)
{
	char *token = sp_sign_jws(fx.key[SP_ALG_ES256], NULL, sp_bytes_cstr(payload));
	int r;

	assert_non_null(token);
	r = jwt_fixture_verify(&fx, token, ret, NULL);
	free(token);
	return r;
}

/// Verdict on the usual payload under this header.
static int judge_header(const struct sp_sign_key *key, const char *header, uint32_t *ret_issuer)
{
	char *token = sp_sign_jws(key, header, SP_LIT("{" USUAL "}"));
	int r;

	assert_non_null(token);
	r = jwt_fixture_verify(&fx, token, NULL, ret_issuer);
	free(token);
	return r;
}

struct verdict {
	const char *text;
	int reason;
};

static void check_headers(const struct verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = judge_header(fx.key[SP_ALG_ES256], v[i].text, NULL);

		if (r != v[i].reason)
			fail_msg("%s: %s, not %s", v[i].text, sp_reason_info((unsigned)r)->name,
				sp_reason_info((unsigned)v[i].reason)->name);
	}
}

static void a_good_token_of_each_algorithm_names_its_caller(void **state)
{
	(void)state;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		char *token = jwt_fixture_token(&fx, (enum sp_jwt_alg)a);
		struct sp_principal p;

		for (int again = 0; again < 3; again++)
			assert_int_equal(jwt_fixture_verify(&fx, token, &p, NULL), 0);
		assert_true(sp_bytes_eq(sp_principal_agent(&p), SP_LIT("support-bot")));
		assert_true(sp_bytes_eq(sp_principal_client(&p), SP_LIT("support-bot")));
		assert_true(sp_bytes_eq(sp_principal_scopes(&p), SP_LIT("tools:read tools:call")));
		assert_int_equal(p.issuer, 0);
		assert_int_equal(p.auth_epoch, fx.snap.h->auth_epoch);
		assert_int_equal(p.expires_ns, (JWT_NOW_S + 600) * SP_NS_PER_SEC);
		assert_false(p.has_cnf);
		free(token);
	}
}

static void identity_hashes_are_what_the_header_says(void **state)
{
	static const char id[] = JWT_ISS "\0bot\0u", sub[] = JWT_ISS "\0u", jti[] = JWT_ISS "\0t1";
	uint8_t md[32];
	struct sp_principal p;
	char *token;

	(void)state;
	assert_int_equal(judge("{" USUAL ",\"jti\":\"t1\"}", &p), 0);
	EVP_Digest(id, sizeof(id) - 1, md, NULL, EVP_sha256(), NULL);
	assert_memory_equal(p.id, md, 32);
	EVP_Digest(sub, sizeof(sub) - 1, md, NULL, EVP_sha256(), NULL);
	assert_memory_equal(p.subject_sha256, md, 32);
	EVP_Digest(jti, sizeof(jti) - 1, md, NULL, EVP_sha256(), NULL);
	assert_memory_equal(p.token_sha256, md, 32);

	token = sp_sign_jws(fx.key[SP_ALG_EDDSA], NULL, SP_LIT("{" USUAL "}"));
	assert_int_equal(jwt_fixture_verify(&fx, token, &p, NULL), 0);
	EVP_Digest(token, (size_t)(strrchr(token, '.') - token), md, NULL, EVP_sha256(), NULL);
	assert_memory_equal(p.token_sha256, md, 32);
	free(token);
}

/// The same token with the other signature that its key's owner could have made: (r, n - s).
static char *twin(const char *token)
{
	static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	size_t head = (size_t)(strrchr(token, '.') - token) + 1, n;
	BIGNUM *all = NULL, *s;
	uint8_t raw[64];
	char *end, *ret;

	assert_int_equal(
		sp_base64url_decode(sp_bytes_cstr(token + head), raw, sizeof(raw), &n), 0);
	assert_int_equal(n, sizeof(raw));
	s = BN_bin2bn(raw + 32, 32, NULL);
	assert_int_not_equal(BN_hex2bn(&all, order), 0);
	assert_int_equal(BN_sub(s, all, s), 1);
	assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
	BN_free(all);
	BN_free(s);
	end = sp_sign_base64url(sp_bytes(raw, sizeof(raw)));
	assert_int_not_equal(asprintf(&ret, "%.*s%s", (int)head, token, end), -1);
	free(end);
	return ret;
}

/// Else whoever holds it would have a second session, and one that a revocation does not meet.
static void a_token_with_its_other_signature_is_the_same_token(void **state)
{
	char *token = sp_sign_jws(fx.key[SP_ALG_ES256], NULL, SP_LIT("{" USUAL "}")),
	     *other = twin(token);
	struct sp_principal p, q;

	(void)state;
	assert_string_not_equal(token, other);
	assert_int_equal(jwt_fixture_verify(&fx, token, &p, NULL), 0);
	assert_int_equal(jwt_fixture_verify(&fx, other, &q, NULL), 0);
	assert_memory_equal(p.token_sha256, q.token_sha256, 32);
	free(token);
	free(other);
}

static void a_refusal_leaves_the_outputs_untouched(void **state)
{
	struct sp_principal p, before;
	uint32_t issuer = 77;
	char *token = jwt_fixture_token(&fx, SP_ALG_ES256);

	(void)state;
	memset(&p, 0xa5, sizeof(p));
	before = p;
	token[strlen(token) - 5] ^= 1;
	assert_int_not_equal(jwt_fixture_verify(&fx, token, &p, &issuer), 0);
	assert_memory_equal(&p, &before, sizeof(p));
	assert_int_equal(issuer, 77);
	free(token);
}

/// Every key under every algorithm's name, signed as the key can: only a key's own name passes.
static void an_algorithm_is_the_keys_or_the_token_is_refused(void **state)
{
	(void)state;
	for (unsigned k = SP_ALG_RS256; k <= SP_ALG_EDDSA; k++) {
		for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
			char header[128];
			int r;

			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
				sp_jwt_alg_name((enum sp_jwt_alg)a), jwt_fixture_kid[k]);
			r = judge_header(fx.key[k], header, NULL);
			assert_int_equal(r, a == k ? 0 : SP_REASON_TOKEN_ALGORITHM);
		}
	}
}

/// Signed by another key of the right algorithm under this key's kid.
static void a_signature_by_another_key_is_refused(void **state)
{
	(void)state;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		struct sp_sign_key *stranger;
		char *token;

		assert_int_equal(
			sp_sign_key_new((enum sp_jwt_alg)a, jwt_fixture_kid[a], &stranger), 0);
		token = sp_sign_jws(stranger, NULL, SP_LIT("{" USUAL "}"));
		assert_int_equal(
			jwt_fixture_verify(&fx, token, NULL, NULL), SP_REASON_TOKEN_SIGNATURE);
		free(token);
		sp_sign_key_free(stranger);
	}
}

static void unsigned_tokens_are_refused(void **state)
{
	static const char *const names[] = {"none", "None", "NONE", "nOnE", "", "HS256", "HS384",
		"RS512", "ES512", "ES256K", "rs256", "RS256 ", "dir"};
	char *payload = sp_sign_base64url(SP_LIT("{" USUAL "}"));

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		char text[128], token[2048], *header;

		snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"kid\":\"rsa-1\"}", names[i]);
		header = sp_sign_base64url(sp_bytes_cstr(text));
		snprintf(token, sizeof(token), "%s.%s.", header, payload);
		assert_int_equal(
			jwt_fixture_verify(&fx, token, NULL, NULL), SP_REASON_TOKEN_MALFORMED);
		snprintf(token, sizeof(token), "%s.%s.AAAA", header, payload);
		assert_int_equal(
			jwt_fixture_verify(&fx, token, NULL, NULL), SP_REASON_TOKEN_ALGORITHM);
		free(header);
	}
	free(payload);
}

/// The classic: the public key, in every form it is published in, as the secret of an HMAC.
static void hmac_with_the_public_key_is_refused(void **state)
{
	static const char *const names[] = {"HS256", "RS256"};
	size_t n;
	uint8_t *spki = sp_sign_spki(fx.key[SP_ALG_RS256], &n);
	char *jwk = sp_sign_jwk(fx.key[SP_ALG_RS256]);
	struct sp_bytes secrets[] = {sp_bytes(spki, n), sp_bytes_cstr(jwk), SP_LIT("")};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(secrets) * 2; i++) {
		char text[64], input[1024], token[2048], *h, *p, *s;
		uint8_t mac[32];

		snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"kid\":\"rsa-1\"}", names[i % 2]);
		h = sp_sign_base64url(sp_bytes_cstr(text));
		p = sp_sign_base64url(SP_LIT("{" USUAL "}"));
		snprintf(input, sizeof(input), "%s.%s", h, p);
		HMAC(EVP_sha256(), secrets[i / 2].p, (int)secrets[i / 2].n, (uint8_t *)input,
			strlen(input), mac, NULL);
		s = sp_sign_base64url(sp_bytes(mac, sizeof(mac)));
		snprintf(token, sizeof(token), "%s.%s", input, s);
		assert_int_equal(jwt_fixture_verify(&fx, token, NULL, NULL),
			i % 2 ? SP_REASON_TOKEN_SIGNATURE : SP_REASON_TOKEN_ALGORITHM);
		free(h);
		free(p);
		free(s);
	}
	free(spki);
	free(jwk);
}

static void a_kid_is_matched_byte_for_byte(void **state)
{
	static const struct verdict headers[] = {
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256\"}", 0},
		{"{\"alg\":\"ES256\",\"kid\":\"ec\\u002f256\"}", 0},
		{"{\"alg\":\"ES256\",\"kid\":\"EC/256\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256 \"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256\\u0000\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"ec/25\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"./ec/256\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"' OR 1=1 --\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\"}", SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"kid\":\"\"}", SP_REASON_TOKEN_MALFORMED},
		{"{\"alg\":\"ES256\",\"kid\":256}", SP_REASON_TOKEN_MALFORMED},
		{"{\"alg\":\"ES256\",\"kid\":null}", SP_REASON_TOKEN_MALFORMED},
		{"{\"alg\":\"ES256\",\"kid\":[\"ec/256\"]}", SP_REASON_TOKEN_MALFORMED},
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256\",\"kid\":\"ec/256\"}",
			SP_REASON_TOKEN_MALFORMED},
	};
	char header[256];
	uint32_t issuer = 77;

	(void)state;
	check_headers(headers, SP_ARRAY_LEN(headers));
	snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%0128d\"}", 0);
	assert_int_equal(
		judge_header(fx.key[SP_ALG_ES256], header, &issuer), SP_REASON_TOKEN_KEY_UNKNOWN);
	assert_int_equal(issuer, 0);
	snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%0129d\"}", 0);
	assert_int_equal(
		judge_header(fx.key[SP_ALG_ES256], header, NULL), SP_REASON_TOKEN_MALFORMED);
}

static void a_token_without_kid_fits_only_a_set_of_one(void **state)
{
	static const char payload[] = "{\"iss\":\"" JWT_OTHER "\",\"aud\":\"" JWT_RESOURCE
				      "\",\"sub\":\"agent-9\",\"exp\":1800000600}";
	static const struct verdict v[] = {
		{"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", 0},
		{"{\"alg\":\"ES256\",\"typ\":\"application/AT+JWT\"}", 0},
		{"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x\"}",
			SP_REASON_TOKEN_KEY_UNKNOWN},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", SP_REASON_TOKEN_CLAIMS},
		{"{\"alg\":\"ES256\"}", SP_REASON_TOKEN_CLAIMS},
		{"{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", SP_REASON_TOKEN_ALGORITHM},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		char *token = sp_sign_jws(fx.other, v[i].text, SP_LIT(payload));
		struct sp_principal p;
		uint32_t issuer = 77;

		assert_int_equal(jwt_fixture_verify(&fx, token, &p, &issuer), v[i].reason);
		if (v[i].reason == 0)
			assert_true(sp_bytes_eq(sp_principal_agent(&p), SP_LIT("agent-9")));
		assert_int_equal(issuer, v[i].reason == SP_REASON_TOKEN_KEY_UNKNOWN ? 1 : 77);
		free(token);
	}
}

/// Each issuer has its own keys: what one signed never passes in the name of the other.
static void an_issuer_is_bound_to_its_keys(void **state)
{
	static const char as_other[] = "{\"iss\":\"" JWT_OTHER "\",\"aud\":\"" JWT_RESOURCE
				       "\",\"sub\":\"agent-9\",\"exp\":1800000600}";
	char *token = sp_sign_jws(
		fx.key[SP_ALG_ES256], "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", SP_LIT(as_other));

	(void)state;
	assert_int_equal(jwt_fixture_verify(&fx, token, NULL, NULL), SP_REASON_TOKEN_SIGNATURE);
	free(token);
	assert_int_equal(judge_header(fx.other, "{\"alg\":\"ES256\",\"kid\":\"ec/256\"}", NULL),
		SP_REASON_TOKEN_SIGNATURE);
}

static void keys_in_the_header_are_never_used(void **state)
{
	static const struct {
		const char *before, *after;
		bool ours; ///< its kid is one of the issuer's
	} places[] = {
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256\",\"jwk\":", "}", true},
		{"{\"alg\":\"ES256\",\"kid\":\"evil\",\"jwk\":", "}", false},
		{"{\"alg\":\"ES256\",\"jwk\":", ",\"jku\":\"https://evil.example/jwks\"}", false},
		{"{\"alg\":\"ES256\",\"kid\":\"ec/256\",\"x\":",
			",\"jku\":\"https://evil.example\",\"x5u\":\"https://evil.example\","
			"\"x5c\":[\"MIIB\"],\"x5t\":\"AA\"}",
			true},
	};
	struct sp_sign_key *evil;
	char *jwk;

	(void)state;
	assert_int_equal(sp_sign_key_new(SP_ALG_ES256, "evil", &evil), 0);
	jwk = sp_sign_jwk(evil);
	assert_non_null(jwk);
	for (size_t i = 0; i < SP_ARRAY_LEN(places); i++) {
		char header[1024];

		snprintf(header, sizeof(header), "%s%s%s", places[i].before, jwk, places[i].after);
		assert_int_equal(judge_header(evil, header, NULL),
			places[i].ours ? SP_REASON_TOKEN_SIGNATURE : SP_REASON_TOKEN_KEY_UNKNOWN);
		assert_int_equal(judge_header(fx.key[SP_ALG_ES256], header, NULL),
			places[i].ours ? 0 : SP_REASON_TOKEN_KEY_UNKNOWN);
	}
	free(jwk);
	sp_sign_key_free(evil);
}

static void a_header_says_nothing_the_gateway_does_not_understand(void **state)
{
#define H(more) "{\"alg\":\"ES256\",\"kid\":\"ec/256\"" more "}"
	static const struct verdict v[] = {
		{H(""), 0},
		{H(",\"typ\":\"JWT\""), 0},
		{H(",\"typ\":\"jwt\""), 0},
		{H(",\"typ\":\"at+jwt\""), 0},
		{H(",\"typ\":\"application/at+jwt\""), 0},
		{H(",\"unknown\":{\"a\":[1,2]}"), 0},
		{H(",\"typ\":\"dpop+jwt\""), SP_REASON_TOKEN_MALFORMED},
		{H(",\"typ\":\"\""), SP_REASON_TOKEN_MALFORMED},
		{H(",\"typ\":1"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"crit\":[\"exp\"]"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"crit\":[]"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"cr\\u0069t\":[\"x\"]"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"b64\":false"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"b64\":true"), SP_REASON_TOKEN_MALFORMED},
		{H(",\"zip\":\"DEF\""), SP_REASON_TOKEN_MALFORMED},
		{H(",\"enc\":\"A256GCM\""), SP_REASON_TOKEN_MALFORMED},
		{H(",\"cty\":\"JWT\""), SP_REASON_TOKEN_MALFORMED},
		{H(",\"alg\":\"ES256\""), SP_REASON_TOKEN_MALFORMED},
		{H("") " ", 0},
		{H("") "x", SP_REASON_TOKEN_MALFORMED},
		{"{\"kid\":\"ec/256\"}", SP_REASON_TOKEN_MALFORMED},
		{"{\"alg\":256,\"kid\":\"ec/256\"}", SP_REASON_TOKEN_MALFORMED},
		{"[\"ES256\"]", SP_REASON_TOKEN_MALFORMED},
		{"\"ES256\"", SP_REASON_TOKEN_MALFORMED},
		{"{}", SP_REASON_TOKEN_MALFORMED},
	};
#undef H

	(void)state;
	check_headers(v, SP_ARRAY_LEN(v));
}

static void no_cut_and_no_changed_byte_of_a_good_token_passes(void **state)
{
	static const uint8_t flips[] = {0x01, 0x02, 0x04, 0x10, 0x20, 0x40, 0x80};

	(void)state;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		char *token = jwt_fixture_token(&fx, (enum sp_jwt_alg)a);
		size_t n = strlen(token);
		struct sp_principal p;
		uint32_t issuer;

		for (size_t i = 0; i < n; i++) {
			assert_int_not_equal(sp_jwt_verify(&fx.snap, fx.ring, sp_bytes(token, i),
						     SP_LIT(JWT_RESOURCE),
						     JWT_NOW_S * SP_NS_PER_SEC, &p, &issuer),
				0);
			for (size_t f = 0; f < sizeof(flips); f++) {
				token[i] = (char)(token[i] ^ flips[f]);
				assert_int_not_equal(
					sp_jwt_verify(&fx.snap, fx.ring, sp_bytes(token, n),
						SP_LIT(JWT_RESOURCE), JWT_NOW_S * SP_NS_PER_SEC, &p,
						&issuer),
					0);
				token[i] = (char)(token[i] ^ flips[f]);
			}
		}
		assert_int_equal(jwt_fixture_verify(&fx, token, NULL, NULL), 0);
		free(token);
	}
}

/// The good token with `put` in place of its signature's text, or after it when `after`.
static int judge_signature(enum sp_jwt_alg alg, const char *put, bool after)
{
	char *token = jwt_fixture_token(&fx, alg), *dot = strrchr(token, '.'), *s = NULL;
	int r;

	if (!after)
		dot[1] = 0;
	assert_true(asprintf(&s, "%s%s", token, put) > 0);
	r = jwt_fixture_verify(&fx, s, NULL, NULL);
	free(s);
	free(token);
	return r;
}

static void a_signature_has_its_exact_length(void **state)
{
	static const size_t len[] = {0, 256, 256, 64, 96, 64};
	uint8_t zeros[1100] = {0};
	char *huge = malloc(21831);

	(void)state;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++) {
		for (size_t n = 0; n <= sizeof(zeros); n += n < 120 ? 1 : 31) {
			char *s = sp_sign_base64url(sp_bytes(zeros, n));
			int r = judge_signature((enum sp_jwt_alg)a, s, false);

			assert_true(r == SP_REASON_TOKEN_SIGNATURE ||
				    ((n == 0 || n > 1024) && r == SP_REASON_TOKEN_MALFORMED));
			free(s);
		}
		zeros[len[a] - 1] = 1;
		assert_int_equal(judge_signature((enum sp_jwt_alg)a, "AAAA", true),
			SP_REASON_TOKEN_SIGNATURE);
	}
	memset(huge, 'A', 21830);
	huge[21830] = 0;
	for (unsigned a = SP_ALG_RS256; a <= SP_ALG_EDDSA; a++)
		assert_int_equal(judge_signature((enum sp_jwt_alg)a, huge, false),
			SP_REASON_TOKEN_MALFORMED);
	free(huge);
}

static void base64url_has_one_spelling(void **state)
{
	static const char *const ends[] = {"=", "==", "\n", " ", "\r\n", "A", "+", "/", "%3D", "."};
	static const char *const whole[] = {"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d.e",
		"{\"payload\":\"e30\",\"signatures\":[]}", "eyJhbGciOiJFUzI1NiJ9..",
		"eyJhbGciOiJFUzI1NiJ9.e30", " eyJhbGciOiJFUzI1NiJ9.e30.AAAA"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(ends); i++)
		assert_int_equal(
			judge_signature(SP_ALG_ES384, ends[i], true), SP_REASON_TOKEN_MALFORMED);
	for (size_t i = 0; i < SP_ARRAY_LEN(whole); i++)
		assert_int_equal(
			jwt_fixture_verify(&fx, whole[i], NULL, NULL), SP_REASON_TOKEN_MALFORMED);
}

static void a_token_over_the_limit_is_not_looked_at(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		char *payload, *token;
		size_t n = 5000;

		for (;; n++) {
			assert_true(
				asprintf(&payload, "{" USUAL ",\"pad\":\"%0*d\"}", (int)n, 0) > 0);
			token = sp_sign_jws(fx.key[SP_ALG_EDDSA], NULL, sp_bytes_cstr(payload));
			free(payload);
			if (strlen(token) >= SP_JWT_MAX_BYTES - 1u + 2u * (unsigned)over)
				break;
			free(token);
		}
		assert_true(over ? strlen(token) > SP_JWT_MAX_BYTES
				 : strlen(token) <= SP_JWT_MAX_BYTES);
		assert_int_equal(jwt_fixture_verify(&fx, token, NULL, NULL),
			over ? SP_REASON_TOKEN_MALFORMED : 0);
		free(token);
	}
}

static int setup(void **state)
{
	(void)state;
	jwt_fixture_init(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	jwt_fixture_done(&fx);
	return 0;
}

static void a_ring_of_another_epoch_verifies_nothing(void **state)
{
	struct sp_snap_header h = *fx.snap.h;
	struct sp_snap moved = {.base = fx.snap.base, .h = &h};
	char *token = jwt_fixture_token(&fx, SP_ALG_ES256);
	struct sp_principal p;
	uint32_t issuer;

	(void)state;
	h.auth_epoch++;
	assert_int_equal(sp_jwt_verify(&moved, fx.ring, sp_bytes_cstr(token), SP_LIT(JWT_RESOURCE),
				 JWT_NOW_S * SP_NS_PER_SEC, &p, &issuer),
		SP_REASON_INTERNAL);
	free(token);
}

static void scopes_cover_word_by_word(void **state)
{
	static const struct {
		const char *held, *needed;
		bool covers;
	} v[] = {
		{"", "", true},
		{"a b", "", true},
		{"a b", "b", true},
		{"a b", "b a", true},
		{"a b", "c", false},
		{"a b", "a c", false},
		{"", "a", false},
		{"ab", "a", false},
		{"a", "ab", false},
		{"a:read b", "a", false},
		{"  a   b ", " b  a ", true},
		{"A", "a", false},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++)
		assert_int_equal(
			sp_scopes_cover(sp_bytes_cstr(v[i].held), sp_bytes_cstr(v[i].needed)),
			v[i].covers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_of_each_algorithm_names_its_caller),
		cmocka_unit_test(identity_hashes_are_what_the_header_says),
		cmocka_unit_test(a_token_with_its_other_signature_is_the_same_token),
		cmocka_unit_test(a_refusal_leaves_the_outputs_untouched),
		cmocka_unit_test(an_algorithm_is_the_keys_or_the_token_is_refused),
		cmocka_unit_test(a_signature_by_another_key_is_refused),
		cmocka_unit_test(unsigned_tokens_are_refused),
		cmocka_unit_test(hmac_with_the_public_key_is_refused),
		cmocka_unit_test(a_kid_is_matched_byte_for_byte),
		cmocka_unit_test(a_token_without_kid_fits_only_a_set_of_one),
		cmocka_unit_test(an_issuer_is_bound_to_its_keys),
		cmocka_unit_test(keys_in_the_header_are_never_used),
		cmocka_unit_test(a_header_says_nothing_the_gateway_does_not_understand),
		cmocka_unit_test(no_cut_and_no_changed_byte_of_a_good_token_passes),
		cmocka_unit_test(a_signature_has_its_exact_length),
		cmocka_unit_test(base64url_has_one_spelling),
		cmocka_unit_test(a_token_over_the_limit_is_not_looked_at),
		cmocka_unit_test(a_ring_of_another_epoch_verifies_nothing),
		cmocka_unit_test(scopes_cover_word_by_word),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
