#include "dataplane/mcp/param_headers.h"
#include "tests/support/head_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_json scan(const char *text, struct sp_json_tok *tok, uint32_t cap)
{
	struct sp_json j;

	if (sp_json_scan(sp_bytes_cstr(text), 64, tok, cap, &j, NULL))
		fail_msg("%s", text);
	return j;
}

static const char schema_text[] = "{\"type\":\"object\",\"properties\":{"
				  "\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},"
				  "\"count\":{\"type\":\"integer\",\"x-mcp-header\":\"Count\"},"
				  "\"dry\":{\"type\":\"boolean\",\"x-mcp-header\":\"Dry-Run\"},"
				  "\"plain\":{\"type\":\"string\"},"
				  "\"t\\u0061rget\":{\"type\":\"object\",\"properties\":{"
				  "\"zone\":{\"type\":\"string\",\"x-mcp-header\":\"Zone\"}}}}}";

#define P(n, v) "Mcp-Param-" n ": " v "\r\n"

static const struct {
	const char *what, *lines, *arguments;
	bool agree;
} cases[] = {
	{"nothing and nothing", "", "{}", true},
	{"a string", P("Region", "eu-1"), "{\"region\":\"eu-1\"}", true},
	{"names ignore case", P("rEGION", "eu-1"), "{\"region\":\"eu-1\"}", true},
	{"an escaped key of the arguments", P("Region", "eu-1"), "{\"r\\u0065gion\":\"eu-1\"}",
		true},
	{"a string in base64", P("Region", "=?base64?w6k=?="), "{\"region\":\"\xc3\xa9\"}", true},
	{"an integer", P("Count", "42"), "{\"count\":42}", true},
	{"an integer written otherwise", P("Count", "42"), "{\"count\":4.2e1}", true},
	{"an integer written otherwise in the header", P("Count", "420e-1"), "{\"count\":42}",
		true},
	{"zero has no sign", P("Count", "0"), "{\"count\":-0.0}", true},
	{"a large integer, exactly", P("Count", "9007199254740993"), "{\"count\":9007199254740993}",
		true},
	{"true", P("Dry-Run", "true"), "{\"dry\":true}", true},
	{"false", P("Dry-Run", "false"), "{\"dry\":false}", true},
	{"null needs no header", "", "{\"region\":null}", true},
	{"nested", P("Zone", "z1"), "{\"target\":{\"zone\":\"z1\"}}", true},
	{"a header nobody asked for", P("Other", "x"), "{}", true},
	{"a property nobody repeats", "", "{\"plain\":\"x\"}", true},
	{"missing header", "", "{\"region\":\"eu-1\"}", false},
	{"another value", P("Region", "us"), "{\"region\":\"eu-1\"}", false},
	{"another case", P("Region", "EU-1"), "{\"region\":\"eu-1\"}", false},
	{"a header without a value", P("Region", "eu-1"), "{}", false},
	{"a header for null", P("Region", "null"), "{\"region\":null}", false},
	{"another integer", P("Count", "43"), "{\"count\":42}", false},
	{"rounding is not equality", P("Count", "9007199254740992"), "{\"count\":9007199254740993}",
		false},
	{"ten times", P("Count", "420"), "{\"count\":42}", false},
	{"not a number", P("Count", "42x"), "{\"count\":42}", false},
	{"hexadecimal", P("Count", "0x2a"), "{\"count\":42}", false},
	{"a plus", P("Count", "+42"), "{\"count\":42}", false},
	{"an endless exponent", P("Count", "1e9999999999"), "{\"count\":1e9999999999}", false},
	{"True", P("Dry-Run", "True"), "{\"dry\":true}", false},
	{"1 for true", P("Dry-Run", "1"), "{\"dry\":true}", false},
	{"an object", P("Region", "{}"), "{\"region\":{}}", false},
	{"nested, missing", "", "{\"target\":{\"zone\":\"z1\"}}", false},
	{"nested, no value", P("Zone", "z1"), "{\"zone\":\"z1\"}", false},
	{"bad base64", P("Region", "=?base64?w6k?="), "{\"region\":\"\xc3\xa9\"}", false},
};

static void params_must_repeat_the_arguments(void **state)
{
	struct sp_json_tok stok[128], atok[64];
	struct sp_json schema = scan(schema_text, stok, SP_ARRAY_LEN(stok));

	(void)state;
	assert_true(sp_param_schema_ok(&schema, 0));
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_json args = scan(cases[i].arguments, atok, SP_ARRAY_LEN(atok));
		struct head_of h;
		int why;

		head_of(&h, cases[i].lines);
		why = sp_param_headers_agree(h.head, h.buf, &schema, 0, &args, 0);
		if (why != (cases[i].agree ? 0 : SP_REASON_HEADER_MISMATCH))
			fail_msg("%s: %d", cases[i].what, why);
		head_of_done(&h);
	}
}

static void a_schema_cut_down_judges_as_the_whole_one(void **state)
{
	static const char deep[] = "{\"title\":\"t\",\"properties\":{\"x-mcp-header\":{\"type\":\"string\","
				   "\"x-mcp-header\":\"A\"},\"b\":{\"properties\":{\"none\":{}}},\"c\":{"
				   "\"properties\":{\"d\":{\"type\":\"integer\",\"minimum\":0,"
				   "\"x-mcp-header\":\"D\"}}}},\"required\":[\"b\"]}";
	struct sp_json_tok wtok[128], ctok[64], atok[64];
	struct sp_json whole = scan(schema_text, wtok, SP_ARRAY_LEN(wtok)), cut;
	char text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text) - 1);

	(void)state;
	assert_true(sp_param_schema_asks(&whole, 0));
	sp_param_schema_put(&o, &whole, 0);
	text[o.len] = '\0';
	assert_false(o.overflow);
	cut = scan(text, ctok, SP_ARRAY_LEN(ctok));
	assert_true(strstr(text, "plain") == NULL);
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct sp_json args = scan(cases[i].arguments, atok, SP_ARRAY_LEN(atok));
		struct head_of h;

		head_of(&h, cases[i].lines);
		assert_int_equal(sp_param_headers_agree(h.head, h.buf, &cut, 0, &args, 0),
			cases[i].agree ? 0 : SP_REASON_HEADER_MISMATCH);
		head_of_done(&h);
	}
	whole = scan(deep, wtok, SP_ARRAY_LEN(wtok));
	o = sp_out_init(text, sizeof(text) - 1);
	sp_param_schema_put(&o, &whole, 0);
	text[o.len] = '\0';
	assert_string_equal(text,
		"{\"properties\":{\"x-mcp-header\":{\"x-mcp-header\":\"A\"},\"c\":{\"properties\":{"
		"\"d\":{\"x-mcp-header\":\"D\"}}}}}");
	whole = scan("{\"properties\":{\"x-mcp-header\":{}}}", wtok, SP_ARRAY_LEN(wtok));
	assert_false(sp_param_schema_asks(&whole, 0));
}

static void no_arguments_count_as_absent_ones(void **state)
{
	struct sp_json_tok stok[128];
	struct sp_json schema = scan(schema_text, stok, SP_ARRAY_LEN(stok)), none = {0};
	struct head_of h;

	(void)state;
	head_of(&h, "");
	assert_int_equal(sp_param_headers_agree(h.head, h.buf, &schema, 0, &none, SP_JSON_NONE), 0);
	head_of_done(&h);
	head_of(&h, P("Region", "eu-1"));
	assert_int_equal(sp_param_headers_agree(h.head, h.buf, &schema, 0, &none, SP_JSON_NONE),
		SP_REASON_HEADER_MISMATCH);
	head_of_done(&h);
}

#define PROP(name, rest) "{\"properties\":{\"" name "\":{" rest "}}}"
#define S "\"type\":\"string\""
#define K "\"x-mcp-header\":"

static const struct {
	const char *text;
	bool ok;
} schemas[] = {
	{"{}", true},
	{"{\"properties\":[]}", true},
	{PROP("a", S "," K "\"A\""), true},
	{PROP("x-mcp-header", S), true},
	{PROP("x-mcp-header", S "," K "\"A\""), true},
	{PROP("properties", "\"properties\":{\"a\":{" S "," K "\"A\"}}"), true},
	{PROP("a", S "," K "\"\""), false},
	{PROP("a", S "," K "\"A B\""), false},
	{PROP("a", S "," K "\"A:\""), false},
	{PROP("a", S "," K "\"A\\u0042\""), false},
	{PROP("a", S "," K "7"), false},
	{PROP("a", K "\"A\""), false},
	{PROP("a", "\"type\":\"number\"," K "\"A\""), false},
	{PROP("a", "\"type\":\"object\"," K "\"A\""), false},
	{PROP("a", "\"type\":[\"string\",\"null\"]," K "\"A\""), false},
	{"{\"properties\":{\"a\":{" S "," K "\"A\"},\"b\":{" S "," K "\"a\"}}}", false},
	{"{" K "\"A\"}", false},
	{PROP("a", "\"type\":\"array\",\"items\":{" S "," K "\"A\"}"), false},
	{"{\"anyOf\":[{\"properties\":{\"a\":{" S "," K "\"A\"}}}]}", false},
	{"{\"$defs\":{\"d\":{\"properties\":{\"a\":{" S "," K "\"A\"}}}}}", false},
};

static void annotations_obey_the_specification_or_the_tool_is_dropped(void **state)
{
	struct sp_json_tok tok[128];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(schemas); i++) {
		struct sp_json schema = scan(schemas[i].text, tok, SP_ARRAY_LEN(tok));

		if (sp_param_schema_ok(&schema, 0) != schemas[i].ok)
			fail_msg("%s", schemas[i].text);
	}
}

static void more_annotations_than_headers_are_kept_are_refused(void **state)
{
	static struct sp_json_tok tok[512];
	char text[2048];

	(void)state;
	for (unsigned n = 15; n < 18; n++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "{\"properties\":{");
		struct sp_json schema;

		for (unsigned i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%s\"p%u\":{" S "," K "\"P%u\"}", i ? "," : "", i, i);
		snprintf(text + len, sizeof(text) - len, "}}");
		schema = scan(text, tok, SP_ARRAY_LEN(tok));
		assert_int_equal(sp_param_schema_ok(&schema, 0), n <= SP_HTTP_PARAMS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(params_must_repeat_the_arguments),
		cmocka_unit_test(a_schema_cut_down_judges_as_the_whole_one),
		cmocka_unit_test(no_arguments_count_as_absent_ones),
		cmocka_unit_test(annotations_obey_the_specification_or_the_tool_is_dropped),
		cmocka_unit_test(more_annotations_than_headers_are_kept_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
