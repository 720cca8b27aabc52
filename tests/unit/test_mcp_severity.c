#include "dataplane/mcp/severity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_json_tok tok[16];
static struct sp_json doc;

static void scan(const char *text)
{
	assert_int_equal(sp_json_scan(sp_bytes_cstr(text), 4, tok, SP_ARRAY_LEN(tok), &doc, NULL), 0);
}

static void the_eight_words_are_ordered_by_severity(void **state)
{
	static const char *const rising[] = {"\"debug\"", "\"info\"", "\"notice\"", "\"warning\"",
		"\"error\"", "\"critical\"", "\"alert\"", "\"emergency\""};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(rising); i++) {
		scan(rising[i]);
		assert_int_equal(sp_severity_parse(&doc, 0), i + SP_SEVERITY_DEBUG);
		assert_true(sp_json_str_eq(&doc, 0,
			sp_bytes_cstr(sp_severity_name((enum sp_severity)(i + 1)))));
	}
	assert_string_equal(sp_severity_name(SP_SEVERITY_NONE), "");
}

static void words_of_others_are_no_level(void **state)
{
	static const char *const odd[] = {
		"\"\"", "\"Debug\"", "\"warn\"", "\"emergency \"", "7", "null", "[\"info\"]"};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(odd); i++) {
		scan(odd[i]);
		assert_int_equal(sp_severity_parse(&doc, 0), SP_SEVERITY_NONE);
	}
}

static void only_what_is_as_severe_as_asked_for_passes(void **state)
{
	enum sp_severity warning = (enum sp_severity)4;

	(void)state;
	scan("{\"level\":\"warning\",\"data\":1}");
	assert_true(sp_severity_passes(SP_SEVERITY_DEBUG, &doc, 0));
	assert_true(sp_severity_passes(warning, &doc, 0));
	assert_false(sp_severity_passes(SP_SEVERITY_EMERGENCY, &doc, 0));
	assert_false(sp_severity_passes(SP_SEVERITY_NONE, &doc, 0));
	scan("{\"level\":\"loud\",\"data\":1}");
	assert_false(sp_severity_passes(SP_SEVERITY_DEBUG, &doc, 0));
	scan("{\"data\":1}");
	assert_false(sp_severity_passes(SP_SEVERITY_DEBUG, &doc, 0));
	assert_false(sp_severity_passes(SP_SEVERITY_DEBUG, &doc, SP_JSON_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_eight_words_are_ordered_by_severity),
		cmocka_unit_test(words_of_others_are_no_level),
		cmocka_unit_test(only_what_is_as_severe_as_asked_for_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
