#include "tests/support/jwt_fixture.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct jwt_fixture fx;

#define ISS "\"iss\":\"" JWT_ISS "\""
#define AUD "\"aud\":\"" JWT_RESOURCE "\""
#define BOT "\"client_id\":\"bot\""
#define EXP "\"exp\":1800000600"
#define USUAL ISS "," AUD "," BOT "," EXP

static int judge_at(const char *payload, uint64_t wall_ns, struct sp_principal *ret)
{
	char *token = sp_sign_jws(fx.key[SP_ALG_EDDSA], NULL, sp_bytes_cstr(payload));
	struct sp_principal unread;
	uint32_t issuer;
	int r;

	assert_non_null(token);
	r = sp_jwt_verify(&fx.snap, fx.ring, sp_bytes_cstr(token), SP_LIT(JWT_RESOURCE), wall_ns,
		ret ? ret : &unread, &issuer);
	free(token);
	return r;
}

struct verdict {
	const char *payload;
	int reason;
};

static void check(const struct verdict *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = judge_at(v[i].payload, JWT_NOW_S * SP_NS_PER_SEC, NULL);

		if (r != v[i].reason)
			fail_msg("%s: %s, not %s", v[i].payload, sp_reason_info((unsigned)r)->name,
				sp_reason_info((unsigned)v[i].reason)->name);
	}
}
#define CHECK(table) check(table, SP_ARRAY_LEN(table))

static void the_payload_is_a_strict_object(void **state)
{
	static const struct verdict v[] = {
		{"{" USUAL "}", 0},
		{"", SP_REASON_TOKEN_MALFORMED},
		{"[]", SP_REASON_TOKEN_MALFORMED},
		{"null", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL, SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL "}}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL ",}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL "," BOT "}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL ",\"client\\u005fid\":\"root\"}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL ",\"deep\":{\"a\":1,\"a\":2}}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL ",\"bad\":\"\xff\"}", SP_REASON_TOKEN_MALFORMED},
		{"\xef\xbb\xbf{" USUAL "}", SP_REASON_TOKEN_MALFORMED},
		{"{" USUAL ",\"d\":[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}",
			SP_REASON_TOKEN_MALFORMED},
	};

	(void)state;
	CHECK(v);
}

static void the_issuer_is_exact(void **state)
{
#define I(iss) "{\"iss\":" iss "," AUD "," BOT "," EXP "}"
	static const struct verdict v[] = {
		{I("\"" JWT_ISS "\""), 0},
		{I("\"https:\\/\\/issuer.example\""), 0},
		{I("\"" JWT_ISS "/\""), SP_REASON_TOKEN_ISSUER},
		{I("\"HTTPS://issuer.example\""), SP_REASON_TOKEN_ISSUER},
		{I("\"https://issuer.example:443\""), SP_REASON_TOKEN_ISSUER},
		{I("\"https://issuer.exampl\""), SP_REASON_TOKEN_ISSUER},
		{I("\"" JWT_ISS "\\u0000\""), SP_REASON_TOKEN_ISSUER},
		{I("\" " JWT_ISS "\""), SP_REASON_TOKEN_ISSUER},
		{I("\"https://evil.example\""), SP_REASON_TOKEN_ISSUER},
		{I("\"\""), SP_REASON_TOKEN_ISSUER},
		{I("[\"" JWT_ISS "\"]"), SP_REASON_TOKEN_ISSUER},
		{I("null"), SP_REASON_TOKEN_ISSUER},
		{"{" AUD "," BOT "," EXP "}", SP_REASON_TOKEN_ISSUER},
		{I("\"" JWT_OTHER "\""), SP_REASON_TOKEN_ALGORITHM},
	};
#undef I

	(void)state;
	CHECK(v);
}

static void the_audience_is_this_gateway(void **state)
{
#define A(aud) "{" ISS ",\"aud\":" aud "," BOT "," EXP "}"
	static const struct verdict v[] = {
		{A("\"" JWT_RESOURCE "\""), 0},
		{A("\"urn:gateway\""), 0},
		{A("[\"" JWT_RESOURCE "\"]"), 0},
		{A("[\"https://x.example\",\"urn:gateway\"]"), 0},
		{A("[\"" JWT_RESOURCE "\",7]"), SP_REASON_TOKEN_AUDIENCE},
		{A("[[\"" JWT_RESOURCE "\"]]"), SP_REASON_TOKEN_AUDIENCE},
		{A("[\"https://x.example\",\"https://y.example\"]"), SP_REASON_TOKEN_AUDIENCE},
		{A("\"" JWT_RESOURCE "/\""), SP_REASON_TOKEN_AUDIENCE},
		{A("\"" JWT_RESOURCE " urn:gateway\""), SP_REASON_TOKEN_AUDIENCE},
		{A("\"https://gateway.example/MCP\""), SP_REASON_TOKEN_AUDIENCE},
		{A("\"https://gateway.example\""), SP_REASON_TOKEN_AUDIENCE},
		{A("\"urn:gatewa\""), SP_REASON_TOKEN_AUDIENCE},
		{A("\"\""), SP_REASON_TOKEN_AUDIENCE},
		{A("[]"), SP_REASON_TOKEN_AUDIENCE},
		{A("{}"), SP_REASON_TOKEN_AUDIENCE},
		{A("null"), SP_REASON_TOKEN_AUDIENCE},
		{A("true"), SP_REASON_TOKEN_AUDIENCE},
		{"{" ISS "," BOT "," EXP "}", SP_REASON_TOKEN_AUDIENCE},
	};
#undef A

	(void)state;
	CHECK(v);
}

/// The other issuer names agents by sub, so there a token can lack a client.
static void several_audiences_need_a_client(void **state)
{
	static const struct verdict v[] = {
		{"[\"" JWT_RESOURCE "\"]", 0},
		{"[\"" JWT_RESOURCE "\",\"x\"]", SP_REASON_TOKEN_AUDIENCE},
		{"[\"" JWT_RESOURCE "\",\"x\"],\"azp\":\"c\"", 0},
		{"[\"" JWT_RESOURCE "\",\"x\"],\"client_id\":\"c\"", 0},
		{"[\"" JWT_RESOURCE "\",\"x\"],\"azp\":\"\"", SP_REASON_TOKEN_AUDIENCE},
		{"[\"" JWT_RESOURCE "\",\"x\"],\"azp\":7", SP_REASON_TOKEN_AUDIENCE},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		char payload[512], *token;

		snprintf(payload, sizeof(payload),
			"{\"iss\":\"" JWT_OTHER "\",\"sub\":\"s\"," EXP ",\"aud\":%s}",
			v[i].payload);
		token = sp_sign_jws(
			fx.other, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", sp_bytes_cstr(payload));
		assert_int_equal(jwt_fixture_verify(&fx, token, NULL, NULL), v[i].reason);
		free(token);
	}
}

static void times_are_whole_seconds_in_order(void **state)
{
#define T(times) "{" ISS "," AUD "," BOT "," times "}"
	static const struct verdict v[] = {
		{T("\"exp\":1800000001"), 0},
		{T("\"exp\":1800000000"), 0},
		{T("\"exp\":1799999971"), 0},
		{T("\"exp\":1799999970"), SP_REASON_TOKEN_EXPIRED},
		{T("\"exp\":1"), SP_REASON_TOKEN_EXPIRED},
		{T("\"exp\":0"), SP_REASON_TOKEN_EXPIRED},
		{T("\"iat\":1800000000"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":null"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":\"1800000600\""), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":1800000600.0"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":1.8000006e9"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":-1"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":true"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":[1800000600]"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":9223372036854775807"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":9223372036854775808"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":18446744073709551616"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":99999999999999999999999999"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"nbf\":1800000000"), 0},
		{T(EXP ",\"nbf\":1800000030"), 0},
		{T(EXP ",\"nbf\":1800000031"), SP_REASON_TOKEN_NOT_YET},
		{T(EXP ",\"nbf\":0"), 0},
		{T(EXP ",\"nbf\":1800000601"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"nbf\":\"0\""), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"nbf\":1.5"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"nbf\":-1"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"iat\":1800000030"), 0},
		{T(EXP ",\"iat\":1800000031"), SP_REASON_TOKEN_NOT_YET},
		{T(EXP ",\"iat\":1800000601"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"iat\":null"), SP_REASON_TOKEN_CLAIMS},
		{T(EXP ",\"iat\":1799997000"), 0},
		{T(EXP ",\"iat\":1799996999"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":1800003600"), 0},
		{T("\"exp\":1800003601"), SP_REASON_TOKEN_CLAIMS},
		{T("\"exp\":1800003601,\"iat\":1800000001"), 0},
		{T("\"exp\":1800003629,\"iat\":1800000030"), 0},
		{T("\"exp\":1800003631,\"iat\":1800000030"), SP_REASON_TOKEN_CLAIMS},
	};
#undef T

	(void)state;
	CHECK(v);
}

static void a_token_dies_at_its_last_nanosecond(void **state)
{
	static const char payload[] = "{" USUAL ",\"iat\":1800000000}";
	uint64_t end = (1800000600 + JWT_LEEWAY_S) * SP_NS_PER_SEC;

	(void)state;
	assert_int_equal(judge_at(payload, end - 1, NULL), 0);
	assert_int_equal(judge_at(payload, end, NULL), SP_REASON_TOKEN_EXPIRED);
	assert_int_equal(judge_at(payload, UINT64_MAX, NULL), SP_REASON_TOKEN_KEY_UNKNOWN);
	assert_int_equal(judge_at(payload, (1800000000 - JWT_LEEWAY_S) * SP_NS_PER_SEC, NULL), 0);
	assert_int_equal(judge_at(payload, (1800000000 - JWT_LEEWAY_S) * SP_NS_PER_SEC - 1, NULL),
		SP_REASON_TOKEN_NOT_YET);
	assert_int_equal(judge_at(payload, 0, NULL), SP_REASON_TOKEN_NOT_YET);
}

/// 24 hours after the last good fetch nothing verifies, whatever the token says.
static void stale_keys_verify_nothing(void **state)
{
	char payload[256];
	uint64_t end = (JWT_NOW_S + JWT_KEYS_GOOD_S) * SP_NS_PER_SEC;
	struct sp_principal p;

	(void)state;
	snprintf(payload, sizeof(payload), "{" ISS "," AUD "," BOT ",\"exp\":%d}",
		JWT_NOW_S + JWT_KEYS_GOOD_S + 100);
	assert_int_equal(judge_at(payload, end - 1, &p), 0);
	assert_int_equal(p.expires_ns, end);
	assert_int_equal(judge_at(payload, end, NULL), SP_REASON_TOKEN_KEY_UNKNOWN);
}

static void the_agent_has_a_plain_name(void **state)
{
#define C(client) "{" ISS "," AUD "," EXP ",\"client_id\":" client "}"
#define K64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const struct verdict v[] = {
		{C("\"a\""), 0},
		{C("\"svc:agent/7@example.com|x\""), 0},
		{C("\"\\u0061\""), 0},
		{C("\"" K64 K64 "\""), 0},
		{C("\"" K64 K64 "0\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"" K64 K64 "\\u0030\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"\""), SP_REASON_TOKEN_CLAIMS},
		{C("\" \""), SP_REASON_TOKEN_CLAIMS},
		{C("\"two words\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"line\\nbreak\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"nul\\u0000\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"\\u0000\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"del\\u007f\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"b\xc3\xb6t\""), SP_REASON_TOKEN_CLAIMS},
		{C("\"zero\\u200bwidth\""), SP_REASON_TOKEN_CLAIMS},
		{C("7"), SP_REASON_TOKEN_CLAIMS},
		{C("null"), SP_REASON_TOKEN_CLAIMS},
		{C("[\"a\"]"), SP_REASON_TOKEN_CLAIMS},
		{"{" ISS "," AUD "," EXP ",\"sub\":\"a\"}", SP_REASON_TOKEN_CLAIMS},
		{"{" ISS "," AUD "," EXP ",\"azp\":\"a\"}", SP_REASON_TOKEN_CLAIMS},
		{"{" USUAL ",\"sub\":\"any \xc3\xb6ne\"}", 0},
		{"{" USUAL ",\"sub\":7}", SP_REASON_TOKEN_CLAIMS},
		{"{" USUAL ",\"sub\":\"\"}", SP_REASON_TOKEN_CLAIMS},
		{"{" USUAL ",\"jti\":7}", SP_REASON_TOKEN_CLAIMS},
		{"{" USUAL ",\"jti\":\"\"}", SP_REASON_TOKEN_CLAIMS},
	};
#undef C

	(void)state;
	CHECK(v);
}

static void scopes_are_words(void **state)
{
	static const struct {
		const char *claims, *scopes;
	} v[] = {
		{"", ""},
		{",\"scope\":\"a\"", "a"},
		{",\"scope\":\"a b:c\"", "a b:c"},
		{",\"scope\":\"\"", ""},
		{",\"scp\":\"a b\"", "a b"},
		{",\"scp\":[\"a\",\"b\"]", "a b"},
		{",\"scp\":[]", ""},
		{",\"scope\":\"a\",\"scp\":\"z\"", "a"},
		{",\"scope\":[\"a\",\"b\\u0063\"]", "a bc"},
		{",\"scope\":\" a\"", NULL},
		{",\"scope\":\"a \"", NULL},
		{",\"scope\":\"a  b\"", NULL},
		{",\"scope\":\"a\\tb\"", NULL},
		{",\"scope\":\"a\\u0000b\"", NULL},
		{",\"scope\":\"\\u0000\"", NULL},
		{",\"scope\":\"a\\\"b\"", NULL},
		{",\"scope\":\"\xc3\xb6\"", NULL},
		{",\"scope\":7", NULL},
		{",\"scope\":null", NULL},
		{",\"scope\":[\"a\",7]", NULL},
		{",\"scope\":[\"a\",\"\"]", NULL},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(v); i++) {
		char payload[512];
		struct sp_principal p;
		int r;

		snprintf(payload, sizeof(payload), "{" USUAL "%s}", v[i].claims);
		r = judge_at(payload, JWT_NOW_S * SP_NS_PER_SEC, &p);
		if (r != (v[i].scopes ? 0 : SP_REASON_TOKEN_CLAIMS))
			fail_msg("%s: %d", payload, r);
		if (v[i].scopes)
			assert_true(sp_bytes_eq(
				sp_principal_scopes(&p), sp_bytes_cstr(v[i].scopes)));
	}
	for (int n = 511; n <= 512; n++) {
		char payload[1024];
		struct sp_principal p;

		snprintf(payload, sizeof(payload), "{" USUAL ",\"scope\":\"%0*d\"}", n, 0);
		assert_int_equal(judge_at(payload, JWT_NOW_S * SP_NS_PER_SEC, &p),
			n == 511 ? 0 : SP_REASON_TOKEN_CLAIMS);
		snprintf(
			payload, sizeof(payload), "{" USUAL ",\"scp\":[\"%0*d\",\"b\"]}", n - 2, 0);
		assert_int_equal(judge_at(payload, JWT_NOW_S * SP_NS_PER_SEC, &p),
			n == 511 ? 0 : SP_REASON_TOKEN_CLAIMS);
	}
}

static void put_claim(struct sp_out *o, const char *name, char of, int n, bool escaped)
{
	char unit[8];

	snprintf(unit, sizeof(unit), escaped ? "\\u%04x" : "%c", (unsigned)of);
	sp_out_bytes(o, sp_bytes_cstr(name));
	for (int i = 0; i < n; i++)
		sp_out_bytes(o, sp_bytes_cstr(unit));
	sp_out_lit(o, "\"");
}

/// Of the issuer whose agents are named by sub, so that all three texts are there at once.
static int judge_lengths(int agent, int client, int scopes, bool escaped, struct sp_principal *ret)
{
	static char payload[8192];
	struct sp_out o = sp_out_init(payload, sizeof(payload));
	char *token;
	int r;

	sp_out_lit(&o, "{\"iss\":\"" JWT_OTHER "\"," AUD "," EXP);
	put_claim(&o, ",\"scope\":\"", 's', scopes, escaped);
	put_claim(&o, ",\"client_id\":\"", 'c', client, escaped);
	put_claim(&o, ",\"sub\":\"", 'a', agent, escaped);
	sp_out_lit(&o, "}");
	assert_false(o.overflow);
	token = sp_sign_jws(
		fx.other, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", sp_bytes(payload, o.len));
	assert_non_null(token);
	r = jwt_fixture_verify(&fx, token, ret, NULL);
	free(token);
	return r;
}

static void assert_all(struct sp_bytes s, char of, size_t n)
{
	assert_int_equal(s.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(s.p[i], of);
}

static void names_and_scopes_may_all_be_of_the_greatest_length_at_once(void **state)
{
	enum { NAME = SP_AGENT_NAME_MAX, SCOPES = SP_SCOPES_MAX };
	struct sp_principal *p = malloc(sizeof(*p)), *copy;

	(void)state;
	assert_non_null(p);
	for (int escaped = 0; escaped <= 1; escaped++) {
		memset(p, '#', sizeof(*p));
		assert_int_equal(judge_lengths(NAME, NAME, SCOPES, escaped, p), 0);
		assert_int_equal(
			sp_principal_used(p), offsetof(struct sp_principal, text) + sizeof(p->text));
		copy = malloc(sp_principal_used(p)); // nothing behind it may be written
		assert_non_null(copy);
		sp_principal_copy(copy, p);
		assert_all(sp_principal_agent(copy), 'a', NAME);
		assert_all(sp_principal_client(copy), 'c', NAME);
		assert_all(sp_principal_scopes(copy), 's', SCOPES);
		free(copy);
		assert_int_equal(
			judge_lengths(NAME + 1, NAME, SCOPES, escaped, p), SP_REASON_TOKEN_CLAIMS);
		assert_int_equal(
			judge_lengths(NAME, NAME + 1, SCOPES, escaped, p), SP_REASON_TOKEN_CLAIMS);
		assert_int_equal(
			judge_lengths(NAME, NAME, SCOPES + 1, escaped, p), SP_REASON_TOKEN_CLAIMS);
	}
	free(p);
}

static void a_binding_is_readable_or_the_token_is_refused(void **state)
{
#define B(cnf) "{" USUAL ",\"cnf\":" cnf "}"
#define T43 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	static const struct verdict v[] = {
		{B("{\"x5t#S256\":\"" T43 "\"}"), 0},
		{B("{\"x5t#S256\":\"" T43 "\",\"jkt\":\"" T43 "\"}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"jkt\":\"" T43 "\"}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"jwk\":{}}"), SP_REASON_TOKEN_CLAIMS},
		{B("{}"), SP_REASON_TOKEN_CLAIMS},
		{B("null"), SP_REASON_TOKEN_CLAIMS},
		{B("\"" T43 "\""), SP_REASON_TOKEN_CLAIMS},
		{B("[\"x5t#S256\",\"" T43 "\"]"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#S256\":\"\"}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#S256\":\"" T43 "=\"}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#S256\":\"" T43 "A\"}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#S256\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9\"}"),
			SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#S256\":7}"), SP_REASON_TOKEN_CLAIMS},
		{B("{\"x5t#s256\":\"" T43 "\"}"), SP_REASON_TOKEN_CLAIMS},
	};
	struct sp_principal p;

	(void)state;
	CHECK(v);
	assert_int_equal(judge_at(v[0].payload, JWT_NOW_S * SP_NS_PER_SEC, &p), 0);
	assert_true(p.has_cnf);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(p.cert_sha256[i], i);
#undef B
}

static void two_callers_never_share_an_identity(void **state)
{
	static const char *const payloads[] = {
		"{" USUAL "}",
		"{" USUAL ",\"sub\":\"u\"}",
		"{" USUAL ",\"sub\":\"v\"}",
		"{" ISS "," AUD "," EXP ",\"client_id\":\"bo\",\"sub\":\"tu\"}",
		"{" ISS "," AUD "," EXP ",\"client_id\":\"bo\",\"sub\":\"t\\u0000u\"}",
	};
	struct sp_principal p[SP_ARRAY_LEN(payloads)];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(payloads); i++) {
		assert_int_equal(judge_at(payloads[i], JWT_NOW_S * SP_NS_PER_SEC, &p[i]), 0);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(p[i].id, p[k].id, sizeof(p[i].id));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_payload_is_a_strict_object),
		cmocka_unit_test(the_issuer_is_exact),
		cmocka_unit_test(the_audience_is_this_gateway),
		cmocka_unit_test(several_audiences_need_a_client),
		cmocka_unit_test(times_are_whole_seconds_in_order),
		cmocka_unit_test(a_token_dies_at_its_last_nanosecond),
		cmocka_unit_test(stale_keys_verify_nothing),
		cmocka_unit_test(the_agent_has_a_plain_name),
		cmocka_unit_test(scopes_are_words),
		cmocka_unit_test(names_and_scopes_may_all_be_of_the_greatest_length_at_once),
		cmocka_unit_test(a_binding_is_readable_or_the_token_is_refused),
		cmocka_unit_test(two_callers_never_share_an_identity),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
