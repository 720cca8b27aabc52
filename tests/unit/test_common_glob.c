#include "common/glob.h"
#include "common/url.h"

#include "tests/support/glob_naive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define MIB (1u << 20)

static bool name(const char *glob, const char *text)
{
	return sp_glob_match(sp_bytes_cstr(glob), sp_bytes_cstr(text), false);
}

static void stars_are_runs_and_question_marks_one_character(void **state)
{
	(void)state;
	assert_true(name("read_*", "read_customer_data"));
	assert_true(name("read_*", "read_"));
	assert_false(name("read_*", "write_read_x"));
	assert_true(name("*_data", "read_customer_data"));
	assert_false(name("*_data", "read_data_x"));
	assert_true(name("*cust*data*", "read_customer_data"));
	assert_true(name("r?ad", "read"));
	assert_false(name("r?ad", "rad"));
	assert_false(name("r?ad", "reead"));
	assert_true(name("*", ""));
	assert_true(name("", ""));
	assert_false(name("", "a"));
	assert_false(name("?", ""));
	assert_true(name("a*b?c**d", "aXXbYcd"));
	assert_true(name("客?", "客戶"));
	assert_false(name("客?", "客戶戶"));
	assert_true(name("*/*", "a/b/c"));
	assert_true(name("[a]", "[a]"));
}

static void case_is_ignored_on_request_and_for_ascii_only(void **state)
{
	(void)state;
	assert_false(name("Read_*", "read_x"));
	assert_true(sp_glob_match(SP_LIT("Read_*X?"), SP_LIT("rEAD_abxZ"), true));
	assert_false(sp_glob_match(SP_LIT("*é"), SP_LIT("É"), true));
	assert_false(sp_glob_match(SP_LIT("*@"), SP_LIT("`"), true));
	assert_false(sp_glob_match(SP_LIT("@"), SP_LIT("`"), true));
}

static void the_matcher_agrees_with_the_definition(void **state)
{
	static const char alphabet[] = "ab/*?*A\xe5\xae\xa2";
	uint64_t seed = 1, matched = 0, steps = 0;
	uint8_t glob[SP_GLOB_MAX], text[256];

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		size_t gn = round % 97 == 0 ? 200 : round % 11,
		       tn = round % 53 == 0 ? 250 : round % 17;

		for (size_t i = 0; i < gn + tn; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			if (i < gn)
				glob[i] = (uint8_t)alphabet[(seed >> 33) %
							    (gn > 99 ? 6 : sizeof(alphabet) - 1)];
			else
				text[i - gn] =
					(uint8_t)alphabet[(seed >> 33) % (sizeof(alphabet) - 1)];
		}
		for (unsigned k = 0; k < 4; k++) {
			enum sp_glob_kind kind = k & 1 ? SP_GLOB_PATH : SP_GLOB_NAME;
			struct sp_bytes g = sp_bytes(glob, gn), t = sp_bytes(text, tn);
			bool want = glob_naive(kind, g, t, k & 2),
			     got = sp_glob_run(kind, g, t, k & 2, &steps);

			if (want != got)
				print_error("kind %d '%.*s' '%.*s' want %d\n", kind, SP_FMT(g),
					SP_FMT(t), want);
			assert_int_equal(want, got);
			matched += got;
		}
	}
	assert_true(matched > 5000);
}

/// Steps over n bytes of 'a' for a glob that makes a backtracking matcher try again at every byte.
static uint64_t steps_over(const uint8_t *text, size_t n, enum sp_glob_kind kind, const char *glob)
{
	uint64_t steps = 0;

	assert_false(sp_glob_run(kind, sp_bytes_cstr(glob), sp_bytes(text, n), true, &steps));
	return steps;
}

static void a_megabyte_of_hostile_text_takes_steps_in_proportion_to_its_length(void **state)
{
	static const char *const hostile[] = {"*aaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*b",
		"*a?a?a?a?a?a?ab",
		"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*"
		"a*a*a*a*a*b"};
	uint8_t *text = malloc(2 * MIB);
	char longest[SP_GLOB_MAX + 1];

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 2 * MIB);
	for (size_t i = 0; i < SP_ARRAY_LEN(hostile); i++) {
		for (unsigned kind = SP_GLOB_NAME; kind <= SP_GLOB_PATH; kind++) {
			uint64_t one = steps_over(text, MIB, kind, hostile[i]);
			uint64_t two = steps_over(text, 2 * MIB, kind, hostile[i]);

			assert_true(one <= (uint64_t)SP_GLOB_WORDS * MIB + SP_GLOB_MAX);
			assert_true(two <= 2 * one + SP_GLOB_MAX);
		}
	}
	for (size_t i = 0; i < SP_GLOB_MAX; i++)
		longest[i] = i % 2 ? 'a' : '*';
	longest[SP_GLOB_MAX - 1] = 'b';
	longest[SP_GLOB_MAX] = 0;
	assert_true(steps_over(text, MIB, SP_GLOB_NAME, longest) <=
		    (uint64_t)SP_GLOB_WORDS * MIB + SP_GLOB_MAX);
	free(text);
}

static void the_longest_glob_works_and_a_longer_one_matches_nothing(void **state)
{
	uint8_t glob[SP_GLOB_MAX + 1], text[SP_GLOB_MAX + 1];

	(void)state;
	memset(glob, 'a', sizeof(glob));
	memset(text, 'a', sizeof(text));
	glob[0] = '*';
	glob[1] = '?';
	assert_true(sp_glob_match(sp_bytes(glob, SP_GLOB_MAX), sp_bytes(text, SP_GLOB_MAX), false));
	assert_false(
		sp_glob_match(sp_bytes(glob, SP_GLOB_MAX), sp_bytes(text, SP_GLOB_MAX - 2), false));
	assert_false(sp_glob_match(
		sp_bytes(glob, SP_GLOB_MAX + 1), sp_bytes(text, SP_GLOB_MAX + 1), false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_are_runs_and_question_marks_one_character),
		cmocka_unit_test(case_is_ignored_on_request_and_for_ascii_only),
		cmocka_unit_test(the_matcher_agrees_with_the_definition),
		cmocka_unit_test(
			a_megabyte_of_hostile_text_takes_steps_in_proportion_to_its_length),
		cmocka_unit_test(the_longest_glob_works_and_a_longer_one_matches_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
