#include "config/cel/ast.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/banned.h"

struct cel_node *cel_node(struct cel_cc *c, enum cel_kind kind, uint32_t off, uint32_t n)
{
	struct cel_node *node = NULL;

	if (c->nodes++ < CEL_NODES_MAX)
		node = sp_arena_alloc(c->arena, sizeof(*node));
	if (node && n) {
		node->arg = sp_arena_alloc(c->arena, n * sizeof(struct cel_node *));
		if (!node->arg)
			node = NULL;
	}
	if (!node) {
		c->no_memory = true;
		return NULL;
	}
	node->kind = kind;
	node->off = off;
	node->n = n;
	return node;
}

struct sp_at cel_at(const struct cel_cc *c, uint32_t off)
{
	struct sp_at at = c->ask->at;

	if (!at.line)
		at.line = at.col = 1;
	return sp_written_at(&c->ask->written, c->ask->text, off, at);
}

void cel_problem(struct cel_cc *c, uint32_t off, const char *mend, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	c->failed = true;
	if (!c->check)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sp_check_add(c->check, cel_at(c, off), mend, "%s", text);
}

size_t cel_path(const struct cel_node *n, char *text, size_t cap)
{
	size_t at = cap - 1;

	text[at] = '\0';
	for (;; n = n->arg[0]) {
		if (n->kind != CEL_NAME && n->kind != CEL_SELECT)
			return 0;
		if (n->text.n + 1 > at)
			return 0;
		at -= n->text.n;
		memcpy(text + at, n->text.p, n->text.n);
		if (n->kind == CEL_NAME)
			break;
		text[--at] = '.';
	}
	memmove(text, text + at, cap - at);
	return cap - 1 - at;
}

unsigned cel_distance(const char *a, const char *b)
{
	unsigned row[64], n = (unsigned)strlen(a), m = (unsigned)strlen(b);

	if (n >= SP_ARRAY_LEN(row) || m >= SP_ARRAY_LEN(row))
		return UINT32_MAX;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);

			row[j] = sp_min(above, row[j - 1]) + 1;
			row[j] = sp_min(row[j], change);
			diagonal = above;
		}
	}
	return row[m];
}
