/// Texts and what the SQL judge must say of them, for its unit tests.
#pragma once

#include "tests/support/sql_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct sql_case {
	const char *text;
	enum sp_sql_why why;
	const char *detail; ///< NULL any
};

static inline void sql_judged(const struct sp_sql_rules *rules, struct sp_bytes text,
	enum sp_sql_why why, const char *detail)
{
	struct sp_sql_verdict v;

	sp_sql_judge(text, rules, &v);
	if (v.why != why || (detail && strcmp(detail, v.detail) != 0))
		print_message("%s: %.*s\n  says %s '%s'\n", sql_dialects[rules->dialect],
			(int)sp_min(text.n, (size_t)300), (const char *)text.p,
			sp_sql_why_name(v.why), v.detail);
	assert_int_equal(v.why, why);
	if (detail)
		assert_string_equal(v.detail, detail);
}

#define sql_cases(rules, list) sql_cases_n((rules), (list), SP_ARRAY_LEN(list))
static inline void sql_cases_n(const struct sp_sql_rules *rules, const struct sql_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sql_judged(rules, sp_bytes_cstr(c[i].text), c[i].why, c[i].detail);
}

/// `head`, then `middle` n times, then `tail`. The caller frees `.p`.
static inline struct sp_bytes sql_repeat(
	const char *head, const char *middle, size_t n, const char *tail)
{
	size_t a = strlen(head), b = strlen(middle), c = strlen(tail);
	uint8_t *p = malloc(a + b * n + c + 1);

	assert_non_null(p);
	memcpy(p, head, a);
	for (size_t i = 0; i < n; i++)
		memcpy(p + a + i * b, middle, b);
	memcpy(p + a + b * n, tail, c);
	return sp_bytes(p, a + b * n + c);
}

static inline void sql_repeated(const struct sp_sql_rules *rules, const char *head,
	const char *middle, size_t n, const char *tail, enum sp_sql_why why)
{
	struct sp_bytes text = sql_repeat(head, middle, n, tail);

	sql_judged(rules, text, why, NULL);
	free((void *)(uintptr_t)text.p);
}

/// Every truncation of `text` in memory of its own size: judged without reading past it, the same
/// each time.
static inline void sql_truncated(const struct sp_sql_rules *rules, const char *text)
{
	for (size_t n = 0; n <= strlen(text); n++) {
		uint8_t *p = malloc(n ? n : 1);
		struct sp_sql_verdict a, b;

		assert_non_null(p);
		memcpy(p, text, n);
		sp_sql_judge(sp_bytes(p, n), rules, &a);
		sp_sql_judge(sp_bytes(p, n), rules, &b);
		assert_int_equal(a.why, b.why);
		assert_string_equal(a.detail, b.detail);
		free(p);
	}
}
