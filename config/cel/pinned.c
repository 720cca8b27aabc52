#include "config/cel/ast.h"

#include "common/banned.h"

struct pins {
	struct cel_cc *c;
	uint32_t var;
	struct sp_arena *arena; ///< of the literals
	const char **ret;
	uint32_t cap;
};

static bool is_var(struct pins *p, struct cel_node *n)
{
	if (n->kind == CEL_NAME || n->kind == CEL_SELECT)
		cel_resolve_var(p->c, n);
	return n->kind == CEL_VAR && n->var == p->var;
}

/// Literals from `at` on; 0 when one is no string or there is no room.
static uint32_t take(struct pins *p, uint32_t at, struct cel_node *const *lit, uint32_t n)
{
	if (n > p->cap - at)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (lit[i]->kind != CEL_LIT || lit[i]->lit_type != SP_CEL_STRING ||
			memchr(lit[i]->text.p, '\0', lit[i]->text.n))
			return 0;
		p->ret[at + i] = sp_arena_str(p->arena, lit[i]->text);
		if (!p->ret[at + i])
			return 0;
	}
	return n;
}

/// How many literals an expression pins the variable to when it is true, put from `at` on.
static uint32_t pinned(struct pins *p, struct cel_node *n, uint32_t at)
{
	uint32_t a, b;

	if (n->kind != CEL_OP || n->n != 2)
		return 0;
	switch (n->op) {
	case SP_CEL_OP_AND:
		a = pinned(p, n->arg[0], at);
		return a ? a : pinned(p, n->arg[1], at);
	case SP_CEL_OP_OR:
		a = pinned(p, n->arg[0], at);
		b = a ? pinned(p, n->arg[1], at + a) : 0;
		return b ? a + b : 0;
	case SP_CEL_OP_EQ:
		if (is_var(p, n->arg[0]))
			return take(p, at, &n->arg[1], 1);
		return is_var(p, n->arg[1]) ? take(p, at, &n->arg[0], 1) : 0;
	case SP_CEL_OP_IN:
		if (!is_var(p, n->arg[0]) || n->arg[1]->kind != CEL_LIST)
			return 0;
		return take(p, at, n->arg[1]->arg, n->arg[1]->n);
	default:
		return 0;
	}
}

uint32_t sp_cel_pinned(struct sp_bytes text, const struct sp_cel_env *env, uint32_t var,
	struct sp_arena *arena, const char **ret, uint32_t cap)
{
	const struct sp_cel_ask ask = {.text = text, .env = env};
	struct sp_arena scratch;
	struct cel_cc c = {.arena = &scratch, .ask = &ask};
	struct pins p = {.c = &c, .var = var, .arena = arena, .ret = ret, .cap = cap};
	struct cel_node *root;
	uint32_t n = 0;

	sp_arena_init(&scratch);
	root = cel_parse(&c);
	if (root)
		n = pinned(&p, root, 0);
	sp_arena_done(&scratch);
	return n;
}
