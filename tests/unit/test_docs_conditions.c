#include "config/cel/cel_compile.h"
#include "config/judge/judge_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define DOC "docs/conditions.md"

static struct sp_check check;

static bool compiles(const char *line)
{
	const struct sp_cel_ask ask = {.text = sp_bytes_cstr(line),
		.env = sp_judge_env(),
		.phase = SP_CEL_PHASE_CALL,
		.want_bool = true,
		.at = {DOC, 1, 1}};
	uint8_t *p;
	size_t n;

	sp_check_done(&check);
	if (sp_cel_compile(&ask, &check, &p, &n) < 0)
		return false;
	assert_int_equal(sp_cel_verify(sp_bytes(p, n), ask.env->n), 0);
	free(p);
	return true;
}

/// Lines of the blocks that open with `fence`, each of which must compile or must not.
static unsigned lines_of(const char *fence, bool want)
{
	FILE *f = fopen(DOC, "r");
	char line[512];
	bool in = false;
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "```", 3) == 0) {
			in = strcmp(line, fence) == 0;
		} else if (in) {
			if (compiles(line) != want)
				fail_msg("%s: %s", line, check.n ? check.v[0].what : "compiles");
			n++;
		}
	}
	fclose(f);
	return n;
}

static void every_example_of_the_manual_compiles(void **state)
{
	(void)state;
	assert_in_range(lines_of("```cel", true), 20, 100);
}

static void everything_the_manual_says_is_refused_is_refused(void **state)
{
	(void)state;
	assert_in_range(lines_of("```cel refused", false), 10, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_of_the_manual_compiles),
		cmocka_unit_test(everything_the_manual_says_is_refused_is_refused),
	};
	int failed;

	sp_check_init(&check);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sp_check_done(&check);
	return failed;
}
