#include "config/cel/gen.h"

#include "common/banned.h"

#define INSNS_A_NODE 6u ///< a loop with a filter is what takes most
#define POOL_MIN 512u

bool cel_gen_init(struct cel_gen *g, struct cel_cc *c)
{
	*g = (struct cel_gen){.c = c};
	g->code_cap = (uint32_t)sp_min(c->nodes * INSNS_A_NODE + 1ul, CEL_CODE_MAX);
	g->const_cap = (uint32_t)sp_min(c->nodes * 2ul, CEL_CONST_MAX);
	g->code = sp_arena_alloc(c->arena, g->code_cap * sizeof(*g->code));
	g->constant = sp_arena_alloc(c->arena, g->const_cap * sizeof(*g->constant));
	return g->code && g->constant;
}

static bool pool_room(struct cel_gen *g, size_t n)
{
	uint32_t cap;
	uint8_t *p;

	if (n <= g->pool_cap - g->pool_n)
		return true;
	if (n > SP_CEL_PROGRAM_MAX - g->pool_n)
		return false;
	cap = sp_max(g->pool_cap * 2, POOL_MIN);
	cap = sp_max(cap, g->pool_n + (uint32_t)n);
	p = sp_arena_alloc(g->c->arena, cap);
	if (!p)
		return false;
	if (g->pool_n)
		memcpy(p, g->pool, g->pool_n);
	g->pool = p;
	g->pool_cap = cap;
	return true;
}

uint32_t cel_emit(struct cel_gen *g, enum sp_cel_op op, uint8_t x, uint16_t y, uint32_t z)
{
	static const int8_t change[] = {
#define CHANGE(name, takes, leaves, operand) leaves - takes,
		SP_CEL_OPS(CHANGE)
#undef CHANGE
	};

	if (g->code_n == g->code_cap) {
		g->full = true;
		return 0;
	}
	g->code[g->code_n] = (struct sp_cel_insn){(uint8_t)op, x, y, z};
	g->depth = (unsigned)((int)g->depth + change[op] - (op == SP_CEL_OP_CALL ? x : 0));
	if (g->depth > SP_CEL_STACK_MAX)
		g->full = true;
	return g->code_n++;
}

void cel_land(struct cel_gen *g, uint32_t insn)
{
	if (!g->full)
		g->code[insn].z = g->code_n;
}

uint32_t cel_const_add(struct cel_gen *g, uint32_t type, struct sp_bytes text, uint64_t v)
{
	if (g->const_n == g->const_cap || !pool_room(g, text.n)) {
		g->full = true;
		return 0;
	}
	if (type == SP_CEL_STRING || type == SP_CEL_BYTES || type == SP_CEL_TYPE ||
		type >= SP_CEL_C_REGEX)
		v = g->pool_n;
	g->constant[g->const_n] = (struct sp_cel_const){type, (uint32_t)text.n, v};
	if (text.n)
		memcpy(g->pool + g->pool_n, text.p, text.n);
	g->pool_n += (uint32_t)text.n;
	return g->const_n++;
}

static bool is_text(uint32_t type)
{
	return type == SP_CEL_STRING || type == SP_CEL_BYTES || type == SP_CEL_TYPE;
}

uint32_t cel_const_lit(struct cel_gen *g, const struct cel_node *n)
{
	bool text = is_text(n->lit_type);

	for (uint32_t i = 0; i < g->const_n; i++) {
		const struct sp_cel_const *k = &g->constant[i];

		if (k->type == n->lit_type &&
			(text ? sp_bytes_eq(sp_bytes(g->pool + k->v, k->n), n->text)
			      : k->v == n->u))
			return i;
	}
	return cel_const_add(g, n->lit_type, text ? n->text : SP_NOBYTES, n->u);
}

bool cel_is_const(const struct cel_node *n)
{
	if (n->kind == CEL_LIT)
		return true;
	if (n->kind != CEL_LIST)
		return false;
	for (uint32_t i = 0; i < n->n; i++)
		if (!cel_is_const(n->arg[i]))
			return false;
	return true;
}

/// Fill a list constant that was reserved: its elements lie together, behind it.
static void fill_list(struct cel_gen *g, uint32_t at, const struct cel_node *n)
{
	uint32_t first = g->const_n;

	for (uint32_t i = 0; i < n->n; i++) {
		const struct cel_node *e = n->arg[i];

		cel_const_add(g, e->kind == CEL_LIST ? (uint32_t)SP_CEL_LIST : e->lit_type,
			e->kind == CEL_LIT && is_text(e->lit_type) ? e->text : SP_NOBYTES,
			e->kind == CEL_LIT ? e->u : 0);
	}
	if (g->full)
		return;
	g->constant[at].n = n->n;
	g->constant[at].v = first;
	for (uint32_t i = 0; i < n->n && !g->full; i++)
		if (n->arg[i]->kind == CEL_LIST)
			fill_list(g, first + i, n->arg[i]);
}

uint32_t cel_const_list(struct cel_gen *g, const struct cel_node *n)
{
	uint32_t at = cel_const_add(g, SP_CEL_LIST, SP_NOBYTES, 0);

	fill_list(g, at, n);
	return at;
}

bool cel_all_strings(const struct cel_node *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->arg[i]->kind != CEL_LIT || list->arg[i]->lit_type != SP_CEL_STRING)
			return false;
	return true;
}

static int by_text(const void *a, const void *b)
{
	struct sp_bytes x = (*(struct cel_node *const *)a)->text;
	struct sp_bytes y = (*(struct cel_node *const *)b)->text;
	size_t n = sp_min(x.n, y.n);
	int r = n ? memcmp(x.p, y.p, n) : 0;

	return r ? r : (x.n > y.n) - (x.n < y.n);
}

void cel_sort_strings(struct cel_node *list)
{
	qsort(list->arg, list->n, sizeof(struct cel_node *), by_text);
}

int cel_gen_finish(struct cel_gen *g, uint8_t **ret, size_t *ret_n)
{
	size_t code = g->code_n * sizeof(*g->code), constants = g->const_n * sizeof(*g->constant);
	size_t n = sizeof(struct sp_cel_head) + code + constants + g->pool_n;
	struct sp_cel_head h = {.magic = SP_CEL_MAGIC,
		.code_n = (uint16_t)g->code_n,
		.const_n = (uint16_t)g->const_n,
		.bytes = (uint32_t)n};
	uint8_t *p;

	if (g->full || n > SP_CEL_PROGRAM_MAX)
		return -E2BIG;
	p = malloc(n);
	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->const_n; i++)
		if (is_text(g->constant[i].type) || g->constant[i].type >= SP_CEL_C_REGEX)
			g->constant[i].v += n - g->pool_n;
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), g->code, code);
	memcpy(p + sizeof(h) + code, g->constant, constants);
	if (g->pool_n)
		memcpy(p + n - g->pool_n, g->pool, g->pool_n);
	*ret = p;
	*ret_n = n;
	return 0;
}
