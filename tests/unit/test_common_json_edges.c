/// Texts that end where the memory ends, with whatever is read by whole vectors at every place of one: no byte behind
/// the text is read, and the twins agree.
#include "tests/support/json_both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "common/banned.h"

#define DEPTH 8u
#define CAP 256u
#define SHIFTS 70u
#define EIGHT "\\\\\\\\\\\\\\\\"

static uint8_t *edge; ///< behind it nothing can be read

static int with_an_edge(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE) < 0)
		return -1;
	edge = p + page;
	return 0;
}

/// Scan `text` before the edge with both twins: what they say.
static int at_the_edge(const char *text, size_t n, struct sp_json_error *error)
{
	static struct sp_json_tok one[CAP], two[CAP];
	struct sp_json_error e = {0};
	struct sp_json j, k;
	uint8_t *p = edge - n;
	int err;

	memcpy(p, text, n);
	err = sp_json_scan_scalar(sp_bytes(p, n), DEPTH, one, CAP, &j, error);
	if (!err)
		json_both_check_index(&j);
	if (!sp_json_has_avx2())
		return err;
	assert_int_equal(sp_json_scan_avx2(sp_bytes(p, n), DEPTH, two, CAP, &k, &e), err);
	if (err) {
		assert_int_equal(e.off, error->off);
		assert_string_equal(e.what, error->what);
	} else {
		assert_true(json_both_same(&j, &k));
	}
	return err;
}

/// What each ends with stands at every place of a vector, and each is cut everywhere.
static void no_byte_behind_the_text_is_read(void **state)
{
	static const char *const texts[] = {
		"{\"name\":\"value\",\"n\":-1.5e+10,\"t\":true,\"f\":false,\"z\":null,\"d\":1234567,\"e\":12345678}",
		"[\"" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "\",\"\\n\"]",
		"[\"\\u00e9\\ud83d\\ude00\\\"\\\"\\/\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"\"]",
		"{\"io.modelcontextprotocol/protocolVersion/longer/than/two/looks/are\":{\"\":[]},\"\\u0061\":0}",
		" { \"a\" : [ 1 , 2 ] ,\n\t\"b\" : { } , \"c\" : \"d\" }                                        ",
		"[[[[[[[]]]]]],{},{},[{}],[0],[\"\"]]",
		"123456789",
		"\"only a string of more than thirty-two bytes, as it happens\"",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++)
		for (unsigned shift = 0; shift < SHIFTS; shift++) {
			int n = snprintf(text, sizeof(text), "%*s%s", (int)shift, "", texts[i]);
			struct sp_json_error e;

			assert_int_equal(at_the_edge(text, (size_t)n, &e), 0);
			for (int cut = 0; cut < n; cut++)
				at_the_edge(text, (size_t)cut, &e);
		}
}

/// Without a bracket around it nothing that is cut is whole.
static void a_container_cut_anywhere_is_refused_where_it_ends(void **state)
{
	static const char text[] =
		"{\"first\":\"of some length, longer than a vector has room for\",\"second\":[\"x\"]}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct sp_json_error e;

		assert_int_equal(at_the_edge(text, n, &e), -EBADMSG);
		assert_int_equal(e.off, n);
	}
}

/// Runs of backslashes of any length at any place: an even one leaves the quote that follows to end the string.
static void an_odd_run_of_backslashes_hides_the_quote_behind_it(void **state)
{
	char text[512], run[SHIFTS + 1];

	(void)state;
	memset(run, '\\', SHIFTS);
	for (unsigned before = 0; before < SHIFTS; before++)
		for (unsigned n = 0; n < SHIFTS; n++) {
			int len = snprintf(text, sizeof(text), "[\"%0*u%.*s\"]", (int)before + 1, 0u, (int)n, run);
			struct sp_json_error e;

			assert_int_equal(at_the_edge(text, (size_t)len, &e), n % 2 ? -EBADMSG : 0);
			assert_true(n % 2 == 0 || e.off == (uint32_t)len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_byte_behind_the_text_is_read),
		cmocka_unit_test(a_container_cut_anywhere_is_refused_where_it_ends),
		cmocka_unit_test(an_odd_run_of_backslashes_hides_the_quote_behind_it),
	};

	return cmocka_run_group_tests(tests, with_an_edge, NULL);
}
