#include "config/check.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

int sp_at_compare(const struct sp_at *a, const struct sp_at *b)
{
	int c = strcmp(a->file, b->file);

	if (c == 0)
		c = (a->line > b->line) - (a->line < b->line);
	return c ? c : (a->col > b->col) - (a->col < b->col);
}

void sp_check_init(struct sp_check *c)
{
	memset(c, 0, sizeof(*c));
}

void sp_check_done(struct sp_check *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		free(c->v[i].file);
		free(c->v[i].what);
		free(c->v[i].mend);
	}
	sp_check_init(c);
}

/// A copy without control bytes: what stands in a file must not steer a terminal.
static char *visible(const char *s)
{
	char *p = strdup(s);

	for (char *q = p; q && *q; q++)
		if ((uint8_t)*q < 0x20 || *q == 0x7f)
			*q = '?';
	return p;
}

void sp_check_add(struct sp_check *c, struct sp_at at, const char *mend, const char *fmt, ...)
{
	struct sp_problem *p = &c->v[c->n];
	char text[512];
	va_list ap;

	if (c->n == SP_CHECK_MAX) {
		c->dropped++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*p = (struct sp_problem){visible(at.file ? at.file : "?"), at.line, at.col, visible(text),
		mend ? visible(mend) : NULL};
	if (p->file && p->what && (p->mend || !mend)) {
		c->n++;
		return;
	}
	free(p->file);
	free(p->what);
	free(p->mend);
	c->dropped++;
}

int sp_problem_text(const struct sp_problem *p, char *buf, size_t cap)
{
	char place[32] = "";

	if (p->line)
		snprintf(place, sizeof(place), ":%u:%u", p->line, p->col);
	return snprintf(buf, cap, "%s%s: %s%s%s%s", p->file, place, p->what, p->mend ? " (" : "",
		p->mend ? p->mend : "", p->mend ? ")" : "");
}
