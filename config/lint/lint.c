#include "config/lint/lint_run.h"

#include "common/room.h"

#include <stdarg.h>
#include "common/banned.h"

const struct sp_lint_rule sp_lint_rules[SP_LINT__COUNT] = {
#define X(sym, id, severity, says, mend) {id, SP_LINT_##severity, says, mend},
	SP_LINT_RULES(X)
#undef X
};

const char *sp_lint_severity_name(enum sp_lint_severity s)
{
	return s == SP_LINT_ERROR ? "error" : s == SP_LINT_WARNING ? "warning" : "note";
}

void sp_lint_init(struct sp_lint *l)
{
	*l = (struct sp_lint){0};
	sp_arena_init(&l->arena);
}

void sp_lint_done(struct sp_lint *l)
{
	free(l->v);
	sp_arena_done(&l->arena);
	*l = (struct sp_lint){0};
}

static int grow(struct sp_lint *l)
{
	struct sp_lint_finding *v = sp_room_for_one(l->v, l->n, &l->cap, sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	return 0;
}

/// Text is made of names the operator wrote: nothing in it may act on a terminal.
static void make_visible(char *s)
{
	for (; *s; s++) {
		bool c1 = (uint8_t)s[0] == 0xc2 && ((uint8_t)s[1] & 0xe0) == 0x80;

		if ((uint8_t)*s < 0x20 || *s == 0x7f || c1)
			*s = '?';
		if (c1)
			*++s = '?';
	}
}

/// An error is told even where all is full: in place of the last finding that is none. Each is looked at once.
static struct sp_lint_finding *last_milder(struct sp_lint *l)
{
	while (l->errors_behind < l->n) {
		struct sp_lint_finding *f = &l->v[l->n - ++l->errors_behind];

		if (f->severity != SP_LINT_ERROR)
			return f;
	}
	return NULL;
}

static int add(struct sp_lint *l, enum sp_lint_id id, enum sp_lint_severity severity,
	struct sp_at at, const char *text)
{
	struct sp_lint_finding *f = NULL;
	char *file, *copy;

	if (l->n == SP_LINT_MAX) {
		l->dropped++;
		f = severity == SP_LINT_ERROR ? last_milder(l) : NULL;
		if (!f)
			return 0;
	}
	SP_TRY(f ? 0 : grow(l));
	file = sp_arena_str(&l->arena, sp_bytes_cstr(at.file ? at.file : ""));
	copy = sp_arena_str(&l->arena, sp_bytes_cstr(text));
	if (!file || !copy)
		return -ENOMEM;
	make_visible(file);
	make_visible(copy);
	if (!f)
		f = &l->v[l->n++];
	*f = (struct sp_lint_finding){id, severity, {file, at.line, at.col}, copy};
	return 0;
}

SP_PRINTF(5, 0)
static void add_va(struct sp_lint_run *l, enum sp_lint_id id, enum sp_lint_severity severity,
	struct sp_at at, const char *fmt, va_list ap)
{
	char *text;

	if (l->err)
		return;
	if (vasprintf(&text, fmt, ap) < 0) {
		l->err = -ENOMEM;
		return;
	}
	l->err = add(l->out, id, severity, at, text);
	free(text);
}

void sp_lint_add(struct sp_lint_run *l, enum sp_lint_id id, struct sp_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_va(l, id, sp_lint_rules[id].severity, at, fmt, ap);
	va_end(ap);
}

void sp_lint_add_as(struct sp_lint_run *l, enum sp_lint_id id, enum sp_lint_severity severity,
	struct sp_at at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_va(l, id, severity, at, fmt, ap);
	va_end(ap);
}

static int by_place(const void *x, const void *y)
{
	const struct sp_lint_finding *a = x, *b = y;
	int c = strcmp(a->at.file, b->at.file);

	if (c)
		return c;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.col != b->at.col)
		return a->at.col < b->at.col ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void sort(struct sp_lint *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_place);
}

int sp_lint_policy(struct sp_lint *l, const struct sp_policy *p)
{
	struct sp_lint_run run = {.p = p, .out = l};

	SP_TRY(sp_lint_gather(&run));
	sp_lint_check_rules(&run);
	sp_lint_check_agents(&run);
	sp_lint_check_tools(&run);
	sp_lint_check_patterns(&run);
	sort(l);
	return run.err;
}

int sp_lint_problems(struct sp_lint *l, const struct sp_check *check)
{
	struct sp_lint_run run = {.out = l};

	for (uint32_t i = 0; i < check->n; i++) {
		const struct sp_problem *p = &check->v[i];

		sp_lint_add(&run, SP_LINT_INVALID, (struct sp_at){p->file, p->line, p->col},
			"%s%s%s%s", p->what, p->mend ? " (" : "", p->mend ? p->mend : "",
			p->mend ? ")" : "");
	}
	l->dropped += check->dropped;
	sort(l);
	return run.err;
}

bool sp_lint_has_errors(const struct sp_lint *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].severity == SP_LINT_ERROR)
			return true;
	return false;
}
