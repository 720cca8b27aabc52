/// Problems found in configuration and policy: collected, never printed here. One list for a whole
/// check, so that the operator sees all of them at once. Heap; one thread.
#pragma once

#include "common/bytes.h"

#define SP_CHECK_MAX 64u

struct sp_problem {
	char *file;
	unsigned line, col; ///< from 1; 0 = the file as a whole
	char *what; ///< what is wrong, visible characters only
	char *mend; ///< how to mend it, or NULL
};
struct sp_check {
	struct sp_problem v[SP_CHECK_MAX];
	uint32_t n;
	uint32_t dropped; ///< found after the list was full
};
/// Where a problem lies.
struct sp_at {
	const char *file;
	unsigned line, col;
};

/// By file, line, column: for sorting.
int sp_at_compare(const struct sp_at *a, const struct sp_at *b);

void sp_check_init(struct sp_check *c);
void sp_check_done(struct sp_check *c);
/// Add one; `mend` NULL or the text in parentheses behind it. Foreign bytes in the text are made
/// visible.
void sp_check_add(struct sp_check *c, struct sp_at at, const char *mend, const char *fmt, ...)
	SP_PRINTF(4, 5);
/// Problems so far; a list may go through several checks, each of which looks only at its own.
static inline uint32_t sp_check_count(const struct sp_check *c)
{
	return c->n + c->dropped;
}
static inline bool sp_check_ok(const struct sp_check *c)
{
	return sp_check_count(c) == 0;
}
/// `file:line:col: what (mend)` as text, cut where `cap` ends; what snprintf returns.
int sp_problem_text(const struct sp_problem *p, char *buf, size_t cap);
