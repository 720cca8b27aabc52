#include "dataplane/mcp/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_json_tok tok[1024];
static struct sp_json doc;
static struct sp_envelope env;

static int read_text(const char *text)
{
	struct sp_json_error e;

	if (sp_json_scan(sp_bytes_cstr(text), 64, tok, SP_ARRAY_LEN(tok), &doc, &e))
		fail_msg("%s: %s at %u", text, e.what, e.off);
	return sp_envelope_read(&doc, &env);
}

static bool raw_is(uint32_t t, const char *text)
{
	return t < doc.n && sp_bytes_eq(sp_json_raw(&doc, t), sp_bytes_cstr(text));
}

static void a_modern_call_shows_all_its_members(void **state)
{
	(void)state;
	assert_int_equal(
		read_text(
			"{\"jsonrpc\":\"2.0\",\"id\":14,\"method\":\"tools\\/call\",\"params\":{"
			"\"name\":\"stock\\u005flookup\",\"arguments\":{\"sku\":\"A7\"},\"_meta\":{"
			"\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
			"\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}},"
			"\"io.modelcontextprotocol/logLevel\":\"info\","
			"\"progressToken\":\"p14\",\"traceparent\":\"00-a-b-01\"}}}"),
		0);
	assert_int_equal(env.kind, SP_RPC_REQUEST);
	assert_int_equal(env.method, SP_METHOD_TOOLS_CALL);
	assert_true(sp_bytes_eq(env.method_text, SP_LIT("tools/call")));
	assert_true(raw_is(env.id, "14"));
	assert_true(sp_json_str_eq(&doc, env.name, SP_LIT("stock_lookup")));
	assert_true(raw_is(env.arguments, "{\"sku\":\"A7\"}"));
	assert_true(raw_is(env.meta_version, "\"2026-07-28\""));
	assert_true(raw_is(env.meta_capabilities, "{\"elicitation\":{}}"));
	assert_true(raw_is(env.log_level, "\"info\""));
	assert_true(raw_is(env.progress_token, "\"p14\""));
	assert_true(raw_is(env.traceparent, "\"00-a-b-01\""));
	assert_int_equal(env.cursor, SP_JSON_NONE);
	assert_int_equal(env.request_id, SP_JSON_NONE);
	assert_int_equal(env.result, SP_JSON_NONE);
	assert_int_equal(env.error, SP_JSON_NONE);
}

static void every_method_of_the_list_is_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned m = 1; m < SP_METHOD__COUNT; m++) {
		bool note = sp_method_flags((enum sp_method)m) & SP_M_NOTE;
		char text[256];

		snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",%s\"method\":\"%.*s\"}",
			note ? "" : "\"id\":\"a\",", SP_FMT(sp_method_name((enum sp_method)m)));
		assert_int_equal(read_text(text), 0);
		assert_int_equal(env.method, m);
		assert_int_equal(env.kind, note ? SP_RPC_NOTIFICATION : SP_RPC_REQUEST);
		snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",%s\"method\":\"%.*s\"}",
			note ? "\"id\":\"a\"," : "", SP_FMT(sp_method_name((enum sp_method)m)));
		assert_int_equal(read_text(text), SP_REASON_ENVELOPE_INVALID);
	}
	assert_int_equal(sp_method_name(SP_METHOD__COUNT).n, 0);
	assert_int_equal(sp_method_flags(SP_METHOD__COUNT), 0);
}

static void a_method_not_ours_is_other_and_keeps_its_text(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Tools/Call\","
				   "\"params\":{\"name\":7,\"arguments\":[],\"cursor\":1}}"),
		0);
	assert_int_equal(env.method, SP_METHOD_OTHER);
	assert_true(sp_bytes_eq(env.method_text, SP_LIT("Tools/Call")));
	assert_int_equal(env.name, SP_JSON_NONE);
	assert_int_equal(env.arguments, SP_JSON_NONE);
	assert_int_equal(env.cursor, SP_JSON_NONE);
}

static void the_name_is_the_member_that_the_method_says(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\","
				   "\"params\":{\"name\":1,\"uri\":\"file:///a\"}}"),
		0);
	assert_true(raw_is(env.name, "\"file:///a\""));
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				   "\"params\":{\"name\":1,\"cursor\":\"c\"}}"),
		0);
	assert_int_equal(env.name, SP_JSON_NONE);
	assert_true(raw_is(env.cursor, "\"c\""));
}

static void notifications_show_what_they_are_about(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
				   "\"params\":{\"requestId\":\"r7\",\"reason\":\"x\"}}"),
		0);
	assert_int_equal(env.kind, SP_RPC_NOTIFICATION);
	assert_true(raw_is(env.request_id, "\"r7\""));
	assert_int_equal(env.id, SP_JSON_NONE);
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
				   "\"params\":{\"progressToken\":5,\"progress\":1,\"_meta\":{"
				   "\"progressToken\":6}}}"),
		0);
	assert_true(raw_is(env.progress_token, "5"));
}

static void answers_are_results_or_errors(void **state)
{
	(void)state;
	assert_int_equal(
		read_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"_meta\":{\"a\":1}}}"), 0);
	assert_int_equal(env.kind, SP_RPC_RESULT);
	assert_true(raw_is(env.meta, "{\"a\":1}"));
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{\"code\":-32601,"
				   "\"message\":\"no\",\"data\":[]}}"),
		0);
	assert_int_equal(env.kind, SP_RPC_ERROR);
	assert_true(raw_is(env.id, "\"x\""));
}

static void an_error_may_lack_its_id(void **state)
{
	(void)state;
	assert_int_equal(
		read_text("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"\"}}"), 0);
	assert_int_equal(env.id, SP_JSON_NONE);
	assert_int_equal(read_text("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
				   "\"message\":\"\"}}"),
		0);
	assert_int_equal(sp_json_type(&doc, env.id), SP_JSON_NULL);
}

static const struct {
	const char *text;
	int why;
	bool id;
} refusals[] = {
#define INVALID SP_REASON_ENVELOPE_INVALID
#define PARAMS SP_REASON_PARAMS_INVALID
	{"[]", SP_REASON_BATCH_REFUSED, false},
	{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", SP_REASON_BATCH_REFUSED, false},
	{"1", INVALID, false},
	{"\"x\"", INVALID, false},
	{"null", INVALID, false},
	{"{}", INVALID, false},
	{"{\"id\":1,\"method\":\"ping\"}", INVALID, true},
	{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", INVALID, true},
	{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", INVALID, true},
	{"{\"jsonrpc\":\"2.0 \",\"id\":1,\"method\":\"ping\"}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":-0,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":-9007199254740993,\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":\"\",\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":null}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"result\":{}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"error\":{}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{\"code\":1,\"message\":\"\"}}",
		INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"params\":{}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"result\":{}}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}", INVALID, false},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"no\"}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"message\":\"\"}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1.5,\"message\":\"\"}}", INVALID, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"1\",\"message\":\"\"}}", INVALID,
		true},
	{"{\"jsonrpc\":\"2.0\",\"id\":true,\"error\":{\"code\":1,\"message\":\"\"}}", INVALID,
		false},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":[]}", PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":null}", PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":\"\"}", PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":7}}", PARAMS,
		true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":[]}}",
		PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":7}}",
		PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{\"_meta\":[]}}", PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":{"
	 "\"progressToken\":1.5}}}",
		PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{\"_meta\":{"
	 "\"io.modelcontextprotocol/protocolVersion\":3}}}",
		PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{\"_meta\":{"
	 "\"io.modelcontextprotocol/clientCapabilities\":[]}}}",
		PARAMS, true},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
	 "\"requestId\":null}}",
		PARAMS, false},
};

static void what_breaks_the_rules_is_refused_with_its_id_when_that_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(refusals); i++) {
		int why = read_text(refusals[i].text);

		if (why != refusals[i].why || (env.id != SP_JSON_NONE) != refusals[i].id)
			fail_msg("%s: %d, id %u", refusals[i].text, why, env.id);
	}
}

static void a_second_spelling_of_a_member_is_refused_however_it_is_written(void **state)
{
	static const struct {
		const char *text;
		int why;
	} cases[] = {
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"Method\":\"tools/call\"}", INVALID},
		{"{\"JSONRPC\":\"2.0\",\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"ID\":2}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"paramS\":{}}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"param\\u017f\":{}}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"\\u004dethod\":\"x\"}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"Result\":{}}", INVALID},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\","
		 "\"Name\":\"b\"}}",
			PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\","
		 "\"ARGUMENTS\":{}}}",
			PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\","
		 "\"argument\u017f\":{}}}",
			PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{\"_META\":{}}}", PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"methods\":1,\"i\":2,"
		 "\"\u017f\":3,\"params\":{\"names\":1,\"Title\":2,\"_meta\":{\"ProgressToken\":[]}}}",
			0},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		if (read_text(cases[i].text) != cases[i].why)
			fail_msg("%s", cases[i].text);
}

static void ids_are_bounded_at_256_bytes_and_two_to_the_53(void **state)
{
	static const char *const good[] = {"0", "-1", "9007199254740992", "-9007199254740992",
		"\"0\"", "\"\\u0000\"", "\"null\""};
	char text[512], id[300];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++) {
		snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}",
			good[i]);
		assert_int_equal(read_text(text), 0);
		assert_true(raw_is(env.id, good[i]));
	}
	for (size_t n = 255; n < 259; n++) {
		memset(id, 'x', sizeof(id));
		snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":\"%.*s\",\"method\":\"ping\"}", (int)n, id);
		assert_int_equal(read_text(text), n <= 256 ? 0 : SP_REASON_ENVELOPE_INVALID);
	}
}

static int read_with_id(const char *id)
{
	static char text[128]; // what was read borrows it

	snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}", id);
	return read_text(text);
}

static void ids_are_plain_digits_wherever_the_other_byte_is(void **state)
{
	char id[32];

	(void)state;
	for (int n = 1; n < 16; n++) {
		snprintf(id, sizeof(id), "%.*s", n, "987654321098765");
		assert_int_equal(read_with_id(id), 0);
		assert_true(raw_is(env.id, id));
		for (int at = 1; at + 1 < n; at++) {
			char digit = id[at];

			id[at] = '.';
			assert_int_equal(read_with_id(id), INVALID);
			id[at] = 'e';
			assert_int_equal(read_with_id(id), INVALID);
			id[at] = 'E';
			assert_int_equal(read_with_id(id), INVALID);
			id[at] = digit;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_plain_digits_wherever_the_other_byte_is),
		cmocka_unit_test(a_modern_call_shows_all_its_members),
		cmocka_unit_test(every_method_of_the_list_is_found_by_its_name),
		cmocka_unit_test(a_method_not_ours_is_other_and_keeps_its_text),
		cmocka_unit_test(the_name_is_the_member_that_the_method_says),
		cmocka_unit_test(notifications_show_what_they_are_about),
		cmocka_unit_test(answers_are_results_or_errors),
		cmocka_unit_test(an_error_may_lack_its_id),
		cmocka_unit_test(what_breaks_the_rules_is_refused_with_its_id_when_that_is_good),
		cmocka_unit_test(a_second_spelling_of_a_member_is_refused_however_it_is_written),
		cmocka_unit_test(ids_are_bounded_at_256_bytes_and_two_to_the_53),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
