/// Judges SQL texts for tests/policy/sql. One request a line: dialect, styles joined by '+', options joined by '+'
/// ("returning", "names", "tables" for t and u alone, or "-"), the text in hex. One answer a line: reason, style,
/// detail. `sql-judge --time N` judges the same line N times and adds the nanoseconds of processor time of one.
#include "common/clock.h"
#include "tests/support/sql_words.h"

#include <stdio.h>
#include "common/banned.h"

static int styles_of(char *s, uint32_t *ret)
{
	uint32_t bits = 0, bit = 0;
	char *save = NULL;

	for (char *w = strtok_r(s, "+", &save); w; w = strtok_r(NULL, "+", &save)) {
		SP_TRY(sql_style_of(w, &bit));
		bits |= bit;
	}
	*ret = bits;
	return 0;
}

static int unhex(const char *s, uint8_t *to, size_t *ret_n)
{
	size_t n = strlen(s) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			return -EINVAL;
		to[i] = (uint8_t)v;
	}
	*ret_n = n;
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int judge_line(char *line, uint8_t *text, unsigned long times)
{
	static const struct sp_bytes tables[] = {{(const uint8_t *)"t", 1}, {(const uint8_t *)"u", 1}};
	struct sp_sql_rules rules = {.dialect = SP_SQL_ANSI};
	struct sp_sql_verdict v = {.why = SP_SQL_OK};
	char *save = NULL, *dialect = strtok_r(line, "\t", &save),
	     *styles = strtok_r(NULL, "\t", &save);
	char *options = strtok_r(NULL, "\t", &save), *hex = strtok_r(NULL, "\t", &save);
	uint64_t from;
	size_t n;

	if (!dialect || !styles || !options)
		return -EINVAL;
	SP_TRY(sql_dialect_of(dialect, &rules.dialect));
	SP_TRY(styles_of(styles, &rules.styles));
	SP_TRY(unhex(hex ? hex : "", text, &n));
	rules.returning = strstr(options, "returning") != NULL;
	rules.double_quote_names = strstr(options, "names") != NULL;
	if (strstr(options, "tables")) {
		rules.allow_tables = tables;
		rules.allow_tables_n = SP_ARRAY_LEN(tables);
	}
	from = cpu_ns();
	for (unsigned long i = 0; i < times; i++)
		sp_sql_judge(sp_bytes(text, n), &rules, &v);
	printf("%s\t%s\t%s", sp_sql_why_name(v.why), v.style ? sp_sql_style_name(v.style) : "-",
		v.detail[0] ? v.detail : "-");
	if (times > 1)
		printf("\t%lu", (unsigned long)((cpu_ns() - from) / times));
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long times =
		argc == 3 && strcmp(argv[1], "--time") == 0 ? strtoul(argv[2], NULL, 10) : 1;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		uint8_t *text = malloc((size_t)n + 1);
		int err;

		if (!text)
			return 1;
		line[strcspn(line, "\n")] = 0;
		err = judge_line(line, text, times);
		free(text);
		if (err < 0) {
			fprintf(stderr, "sql-judge: bad request: %s\n", strerror(-err));
			return 2;
		}
		fflush(stdout);
	}
	free(line);
	return 0;
}
