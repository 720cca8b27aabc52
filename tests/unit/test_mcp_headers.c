#include "dataplane/mcp/headers.h"
#include "tests/support/head_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_json_tok tok[256];
static struct sp_json doc;
static struct sp_envelope env;

static void message(const char *text)
{
	if (sp_json_scan(sp_bytes_cstr(text), 64, tok, SP_ARRAY_LEN(tok), &doc, NULL))
		fail_msg("%s", text);
	if (sp_envelope_read(&doc, &env))
		fail_msg("%s", text);
}

#define VERSION "io.modelcontextprotocol/protocolVersion"
#define CAPS "\"io.modelcontextprotocol/clientCapabilities\":{}"
#define META(v) "\"_meta\":{\"" VERSION "\":\"" v "\"," CAPS "}"
#define LIST(params)                                                                               \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" params "}}"
#define INIT(params)                                                                               \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{" params "}}"
#define NOTE(params)                                                                               \
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{" params "}}"
#define ANSWER "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define H(v) "MCP-Protocol-Version: " v "\r\n"
#define M "2026-07-28"
#define L "2025-11-25"
#define X "2027-01-01"

static const struct {
	const char *what, *lines, *body;
	int why;
	enum sp_revision rev;
} eras[] = {
	{"nobody names a revision", "", LIST(""), 0, SP_REV_NONE},
	{"legacy header", H(L), LIST(""), 0, SP_REV_2025_11_25},
	{"older legacy header", H("2025-06-18"), LIST(""), 0, SP_REV_2025_06_18},
	{"legacy notification", H(L), NOTE(""), 0, SP_REV_2025_11_25},
	{"legacy answer", H(L), ANSWER, 0, SP_REV_2025_11_25},
	{"answer alone", "", ANSWER, 0, SP_REV_NONE},
	{"initialize", "", INIT("\"protocolVersion\":\"" L "\""), 0, SP_REV_NONE},
	{"initialize names its header", H(L), INIT(""), 0, SP_REV_NONE},
	{"initialize of an old client", H("2024-11-05"), INIT(""), 0, SP_REV_NONE},
	{"modern", H(M), LIST(META(M)), 0, SP_REV_2026_07_28},
	{"modern notification", H(M), NOTE(META(M)), 0, SP_REV_2026_07_28},
	{"modern notification, bare", H(M), NOTE(""), 0, SP_REV_2026_07_28},
	{"initialize in modern dress", H(M), INIT(META(M)), 0, SP_REV_2026_07_28},
	{"unknown header", H(X), LIST(""), SP_REASON_VERSION_UNSUPPORTED, SP_REV_2026_07_28},
	{"unknown in both", H(X), LIST(META(X)), SP_REASON_VERSION_UNSUPPORTED, SP_REV_2026_07_28},
	{"unknown header of an answer", H(X), ANSWER, SP_REASON_VERSION_UNSUPPORTED,
		SP_REV_2026_07_28},
	{"legacy in both", H(L), LIST(META(L)), SP_REASON_VERSION_UNSUPPORTED, SP_REV_2026_07_28},
	{"modern header, no _meta", H(M), LIST(""), SP_REASON_META_MISSING, SP_REV_2026_07_28},
	{"modern header, no version", H(M), LIST("\"_meta\":{" CAPS "}"), SP_REASON_META_MISSING,
		SP_REV_2026_07_28},
	{"modern header of an answer", H(M), ANSWER, SP_REASON_ENVELOPE_INVALID, SP_REV_2026_07_28},
	{"modern body, no header", "", LIST(META(M)), SP_REASON_HEADER_MISMATCH, SP_REV_2026_07_28},
	{"empty version, no header", "", LIST(META("")), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"capabilities, no header", "", LIST("\"_meta\":{" CAPS "}"), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"modern body, legacy header", H(L), LIST(META(M)), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"modern body, unknown header", H(X), LIST(META(M)), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"legacy body, modern header", H(M), LIST(META(L)), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"notification torn", H(L), NOTE(META(M)), SP_REASON_HEADER_MISMATCH, SP_REV_2026_07_28},
	{"initialize, modern header", H(M), INIT(""), SP_REASON_HEADER_MISMATCH, SP_REV_2026_07_28},
	{"initialize, modern _meta", "", INIT(META(M)), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
	{"initialize, modern _meta, legacy header", H(L), INIT(META(M)), SP_REASON_HEADER_MISMATCH,
		SP_REV_2026_07_28},
};

static void the_era_is_what_header_and_body_say_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(eras); i++) {
		enum sp_revision rev = SP_REV__COUNT;
		struct head_of h;
		int why;

		message(eras[i].body);
		head_of(&h, eras[i].lines);
		why = sp_headers_era(h.head, h.buf, &doc, &env, &rev);
		if (why != eras[i].why || rev != eras[i].rev)
			fail_msg("%s: %d %.*s", eras[i].what, why, SP_FMT(sp_revision_name(rev)));
		head_of_done(&h);
	}
}

#define CALL(name)                                                                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{" name META(M) "}}"
#define READ(uri)                                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{" uri META(M) "}" \
											       "}"
#define HM "Mcp-Method: "
#define HN "Mcp-Name: "
#define MISMATCH SP_REASON_HEADER_MISMATCH

static const struct {
	const char *what, *lines, *body;
	int why;
} agreements[] = {
	{"all there", H(M) HM "tools/list\r\n", LIST(META(M)), 0},
	{"a call", H(M) HM "tools/call\r\n" HN "stock\r\n", CALL("\"name\":\"stock\","), 0},
	{"header names ignore case", H(M) "mcp-METHOD: tools/call\r\nMCP-NAME:   stock  \r\n",
		CALL("\"name\":\"stock\","), 0},
	{"escaped in the body", H(M) HM "tools/call\r\n" HN "stock\r\n",
		CALL("\"name\":\"st\\u006fck\","), 0},
	{"a uri", H(M) HM "resources/read\r\n" HN "file:///a b\r\n",
		READ("\"uri\":\"file:///a b\","), 0},
	{"base64", H(M) HM "tools/call\r\n" HN "=?base64?Y2Fmw6k=?=\r\n",
		CALL("\"name\":\"caf\xc3\xa9\","), 0},
	{"base64 of a plain name", H(M) HM "tools/call\r\n" HN "=?base64?c3RvY2s=?=\r\n",
		CALL("\"name\":\"stock\","), 0},
	{"base64 of nothing",
		H(M) HM "tools/call\r\n" HN "=?base64?"
			"?=\r\n",
		CALL("\"name\":\"\","), 0},
	{"no suffix is literal", H(M) HM "tools/call\r\n" HN "=?base64?Zm9v\r\n",
		CALL("\"name\":\"=?base64?Zm9v\","), 0},
	{"upper case is literal", H(M) HM "tools/call\r\n" HN "=?BASE64?Zm9v?=\r\n",
		CALL("\"name\":\"=?BASE64?Zm9v?=\","), 0},
	{"a notification without", H(M), NOTE(META(M)), 0},
	{"a notification with", H(M) HM "notifications/cancelled\r\n", NOTE(META(M)), 0},
	{"a method without name says one", H(M) HM "tools/list\r\n" HN "x\r\n", LIST(META(M)), 0},
	{"the body lacks the name, the header too", H(M) HM "tools/call\r\n", CALL(""), 0},
	{"no version", HM "tools/list\r\n", LIST(META(M)), MISMATCH},
	{"another version", H(L) HM "tools/list\r\n", LIST(META(M)), MISMATCH},
	{"an empty version", H("") HM "tools/list\r\n", LIST(META(M)), MISMATCH},
	{"no method", H(M), LIST(META(M)), MISMATCH},
	{"another method", H(M) HM "tools/call\r\n", LIST(META(M)), MISMATCH},
	{"method in upper case", H(M) HM "TOOLS/LIST\r\n", LIST(META(M)), MISMATCH},
	{"a notification of another method", H(M) HM "tools/list\r\n", NOTE(META(M)), MISMATCH},
	{"no name", H(M) HM "tools/call\r\n", CALL("\"name\":\"stock\","), MISMATCH},
	{"an empty name", H(M) HM "tools/call\r\n" HN "\r\n", CALL("\"name\":\"stock\","),
		MISMATCH},
	{"another name", H(M) HM "tools/call\r\n" HN "shop\r\n", CALL("\"name\":\"stock\","),
		MISMATCH},
	{"name in another case", H(M) HM "tools/call\r\n" HN "Stock\r\n",
		CALL("\"name\":\"stock\","), MISMATCH},
	{"a name the body lacks", H(M) HM "tools/call\r\n" HN "stock\r\n", CALL(""), MISMATCH},
	{"a blank at the end cannot be literal", H(M) HM "tools/call\r\n" HN "stock \r\n",
		CALL("\"name\":\"stock \","), MISMATCH},
	{"base64 without padding", H(M) HM "tools/call\r\n" HN "=?base64?Y2Fmw6k?=\r\n",
		CALL("\"name\":\"caf\xc3\xa9\","), MISMATCH},
	{"base64url", H(M) HM "tools/call\r\n" HN "=?base64?Pz8_?=\r\n", CALL("\"name\":\"???\","),
		MISMATCH},
	{"base64 taken literally", H(M) HM "tools/call\r\n" HN "=?base64?Zm9v?=\r\n",
		CALL("\"name\":\"=?base64?Zm9v?=\","), MISMATCH},
	{"no capabilities", H(M) HM "tools/list\r\n", LIST("\"_meta\":{\"" VERSION "\":\"" M "\"}"),
		SP_REASON_META_MISSING},
	{"no _meta", H(M) HM "tools/list\r\n", LIST(""), SP_REASON_META_MISSING},
	{"a legacy revision in both", H(L) HM "tools/list\r\n", LIST(META(L)),
		SP_REASON_VERSION_UNSUPPORTED},
	{"an unknown revision in both", H(X) HM "tools/list\r\n", LIST(META(X)),
		SP_REASON_VERSION_UNSUPPORTED},
};

static void modern_headers_must_repeat_the_body(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(agreements); i++) {
		enum sp_revision rev = SP_REV__COUNT;
		struct head_of h;
		int why;

		message(agreements[i].body);
		head_of(&h, agreements[i].lines);
		why = sp_headers_era(h.head, h.buf, &doc, &env, &rev);
		assert_true(why || sp_revision_modern(rev));
		if (!why)
			why = sp_headers_agree(h.head, h.buf, &doc, &env);
		if (why != agreements[i].why)
			fail_msg("%s: %d", agreements[i].what, why);
		head_of_done(&h);
	}
}

static void values_come_back_as_they_went(void **state)
{
	static const struct {
		struct sp_bytes value, header;
	} cases[] = {
		{SP_LIT("stock_lookup"), SP_LIT("stock_lookup")},
		{SP_LIT("a b"), SP_LIT("a b")},
		{SP_LIT(""), SP_LIT("")},
		{SP_LIT(" a"), SP_LIT("=?base64?IGE=?=")},
		{SP_LIT("a\t"), SP_LIT("=?base64?YQk=?=")},
		{SP_LIT("a\r\nX: y"), SP_LIT("=?base64?YQ0KWDogeQ==?=")},
		{SP_LIT("caf\xc3\xa9"), SP_LIT("=?base64?Y2Fmw6k=?=")},
		{SP_LIT("=?base64?Zm9v?="), SP_LIT("=?base64?PT9iYXNlNjQ/Wm05dj89?=")},
		{SP_LIT("=?base64?"), SP_LIT("=?base64?")},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		uint8_t out[128], buf[SP_HEADER_VALUE_MAX];
		struct sp_out o = sp_out_init(out, sizeof(out));
		struct sp_bytes back;

		sp_headers_put_value(&o, cases[i].value);
		assert_true(sp_bytes_eq(sp_bytes(out, o.len), cases[i].header));
		assert_int_equal(sp_headers_value(sp_bytes(out, o.len), buf, &back), 0);
		assert_true(sp_bytes_eq(back, cases[i].value));
	}
}

static void a_value_too_long_or_malformed_is_refused(void **state)
{
	static uint8_t raw[3 * SP_HEADER_VALUE_MAX], plain[SP_HEADER_VALUE_MAX + 1];
	uint8_t buf[SP_HEADER_VALUE_MAX];
	struct sp_bytes back = SP_NOBYTES;

	(void)state;
	memset(plain, 0xc3, sizeof(plain));
	for (size_t n = sizeof(plain) - 2; n <= sizeof(plain); n++) {
		struct sp_out o = sp_out_init(raw, sizeof(raw));

		sp_headers_put_value(&o, sp_bytes(plain, n));
		assert_int_equal(sp_headers_value(sp_bytes(raw, o.len), buf, &back),
			n > SP_HEADER_VALUE_MAX ? -ENOSPC : 0);
	}
	assert_int_equal(sp_headers_value(SP_LIT("=?base64?Zm9?="), buf, &back), -EINVAL);
	assert_int_equal(sp_headers_value(SP_LIT("=?base64?Zm9v\n?="), buf, &back), -EINVAL);
	assert_int_equal(sp_headers_value(SP_LIT("a\x7f"), buf, &back), -EILSEQ);
	assert_int_equal(sp_headers_value(SP_LIT("caf\xc3\xa9"), buf, &back), -EILSEQ);
	assert_int_equal(sp_headers_value(SP_LIT("=?base64?="), buf, &back), 0);
	assert_true(sp_bytes_eq(back, SP_LIT("=?base64?=")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_era_is_what_header_and_body_say_together),
		cmocka_unit_test(modern_headers_must_repeat_the_body),
		cmocka_unit_test(values_come_back_as_they_went),
		cmocka_unit_test(a_value_too_long_or_malformed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
