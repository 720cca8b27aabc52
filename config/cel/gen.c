#include "config/cel/gen.h"

#include "common/banned.h"

#define SORTED_MIN 8u ///< strings from which on a list is sought in by halves

static void gen(struct cel_gen *g, struct cel_node *n);

static uint32_t name_const(struct cel_gen *g, struct sp_bytes name)
{
	const struct cel_node n = {.kind = CEL_LIT, .lit_type = SP_CEL_STRING, .text = name};

	return cel_const_lit(g, &n);
}

static void gen_const(struct cel_gen *g, const struct cel_node *n)
{
	cel_emit(g, SP_CEL_OP_CONST, 0, 0,
		n->kind == CEL_LIST ? cel_const_list(g, n) : cel_const_lit(g, n));
}

static void gen_logic(struct cel_gen *g, struct cel_node *n)
{
	bool and = n->op == SP_CEL_OP_AND;
	uint32_t jump;

	gen(g, n->arg[0]);
	jump = cel_emit(g, and? SP_CEL_OP_AND_JUMP : SP_CEL_OP_OR_JUMP, 0, 0, 0);
	gen(g, n->arg[1]);
	cel_emit(g, n->op, 0, 0, 0);
	cel_land(g, jump);
}

static void gen_equal(struct cel_gen *g, struct cel_node *n)
{
	enum sp_cel_op with = n->op == SP_CEL_OP_EQ ? SP_CEL_OP_EQ_CONST : SP_CEL_OP_NE_CONST;
	unsigned which = n->arg[1]->kind == CEL_LIT ? 1 : 0;

	if (n->arg[which]->kind == CEL_LIT) {
		gen(g, n->arg[!which]);
		cel_emit(g, with, 0, 0, cel_const_lit(g, n->arg[which]));
		return;
	}
	gen(g, n->arg[0]);
	gen(g, n->arg[1]);
	cel_emit(g, n->op, 0, 0, 0);
}

static void gen_in(struct cel_gen *g, struct cel_node *n)
{
	struct cel_node *list = n->arg[1];
	bool sorted = list->kind == CEL_LIST && list->n >= SORTED_MIN && cel_all_strings(list);

	gen(g, n->arg[0]);
	if (list->kind != CEL_LIST || !cel_is_const(list)) {
		gen(g, list);
		cel_emit(g, SP_CEL_OP_IN, 0, 0, 0);
		return;
	}
	if (sorted)
		cel_sort_strings(list);
	cel_emit(g, sorted ? SP_CEL_OP_IN_SORTED : SP_CEL_OP_IN_CONST, 0, 0,
		cel_const_list(g, list));
}

static void gen_op(struct cel_gen *g, struct cel_node *n)
{
	switch (n->op) {
	case SP_CEL_OP_AND:
	case SP_CEL_OP_OR:
		gen_logic(g, n);
		return;
	case SP_CEL_OP_EQ:
	case SP_CEL_OP_NE:
		gen_equal(g, n);
		return;
	case SP_CEL_OP_IN:
		gen_in(g, n);
		return;
	default:
		for (uint32_t i = 0; i < n->n; i++)
			gen(g, n->arg[i]);
		cel_emit(g, n->op, 0, 0, 0);
	}
}

static void gen_choice(struct cel_gen *g, struct cel_node *n)
{
	uint32_t cond, end;
	unsigned depth;

	gen(g, n->arg[0]);
	cond = cel_emit(g, SP_CEL_OP_COND, 0, 0, 0);
	depth = g->depth;
	gen(g, n->arg[1]);
	end = cel_emit(g, SP_CEL_OP_JUMP, 0, 0, 0);
	cel_land(g, cond);
	g->depth = depth;
	gen(g, n->arg[2]);
	cel_land(g, end);
	if (!g->full)
		g->code[cond].y = (uint16_t)g->code_n;
}

static void gen_loop(struct cel_gen *g, struct cel_node *n)
{
	struct cel_node start = {.kind = CEL_LIT,
		.lit_type = n->gather == SP_CEL_ONE ? SP_CEL_INT : SP_CEL_BOOL,
		.u = n->gather == SP_CEL_ALL};
	uint32_t iter, next, filter = UINT32_MAX;

	gen(g, n->arg[0]);
	iter = cel_emit(g, SP_CEL_OP_ITER, 0, 0, 0);
	if (n->gather == SP_CEL_MAP_TO || n->gather == SP_CEL_KEEP)
		cel_emit(g, SP_CEL_OP_LIST, 0, 0, 0);
	else
		gen_const(g, &start);
	next = cel_emit(g, SP_CEL_OP_NEXT, 0, 0, 0);
	n->slot = g->depth - 1;
	if (n->n > 2) {
		gen(g, n->arg[2]);
		filter = cel_emit(g, SP_CEL_OP_FILTER, 0, 0, next);
	}
	gen(g, n->arg[1]);
	cel_emit(g, SP_CEL_OP_GATHER, (uint8_t)n->gather, 0, next);
	cel_land(g, next);
	if (filter != UINT32_MAX && !g->full)
		g->code[filter].y = (uint16_t)g->code_n;
	cel_emit(g, SP_CEL_OP_END, (uint8_t)n->gather, 0, 0);
	cel_land(g, iter);
}

static void gen_match(struct cel_gen *g, struct cel_node *n)
{
	struct cel_node *pattern = n->arg[1];
	const char *what = NULL;
	const uint8_t *re;
	size_t len, at;

	gen(g, n->arg[0]);
	if (pattern->kind != CEL_LIT || pattern->lit_type != SP_CEL_STRING) {
		cel_problem(g->c, pattern->off, "write the pattern as a string",
			"matches() needs a constant pattern");
		return;
	}
	re = cel_regex(g->c->arena, pattern->text, &len, &what, &at);
	if (!re) {
		cel_problem(g->c, pattern->off, NULL,
			"the pattern is refused: %s, at character %zu", what, at + 1);
		return;
	}
	cel_emit(g, SP_CEL_OP_MATCH, 0, 0, cel_const_add(g, SP_CEL_C_REGEX, sp_bytes(re, len), 0));
}

static void gen_zoned(struct cel_gen *g, struct cel_node *n)
{
	const struct cel_node *zone = n->arg[1];
	const uint8_t *shifts;
	size_t len;

	gen(g, n->arg[0]);
	shifts = cel_zone(g->c->arena, zone->text, &len);
	if (!shifts) {
		cel_problem(g->c, zone->off, "'UTC', '+02:00' or a name such as 'Europe/Berlin'",
			"unknown time zone");
		return;
	}
	cel_emit(g, SP_CEL_OP_ZONED, (uint8_t)n->fn, 0,
		cel_const_add(g, SP_CEL_C_ZONE, sp_bytes(shifts, len), 0));
}

static void gen_call(struct cel_gen *g, struct cel_node *n)
{
	if (n->fn == CEL_FN_MATCHES) {
		gen_match(g, n);
		return;
	}
	if (n->n == 2 && n->fn >= SP_CEL_F_YEAR && n->fn <= SP_CEL_F_MILLIS &&
		n->arg[1]->kind == CEL_LIT && n->arg[1]->lit_type == SP_CEL_STRING) {
		gen_zoned(g, n);
		return;
	}
	for (uint32_t i = 0; i < n->n; i++)
		gen(g, n->arg[i]);
	if (n->fn != CEL_FN_DYN)
		cel_emit(g, SP_CEL_OP_CALL, (uint8_t)n->n, 0, n->fn);
}

static void gen_list(struct cel_gen *g, struct cel_node *n)
{
	if (cel_is_const(n)) {
		gen_const(g, n);
		return;
	}
	cel_emit(g, SP_CEL_OP_LIST, 0, (uint16_t)sp_min(n->n, 1000u), 0);
	for (uint32_t i = 0; i < n->n; i++) {
		gen(g, n->arg[i]);
		cel_emit(g, SP_CEL_OP_PUSH, 0, 0, 0);
	}
}

static void gen_map(struct cel_gen *g, struct cel_node *n)
{
	cel_emit(g, SP_CEL_OP_MAP, 0, (uint16_t)(n->n / 2), 0);
	for (uint32_t i = 0; i < n->n; i += 2) {
		gen(g, n->arg[i]);
		gen(g, n->arg[i + 1]);
		cel_emit(g, SP_CEL_OP_PUT, 0, 0, 0);
	}
}

static void gen_field(struct cel_gen *g, struct cel_node *n)
{
	bool has = n->kind == CEL_HAS;

	if (has && n->n == 0) {
		cel_emit(g, SP_CEL_OP_HASVAR, 0, 0, n->var);
		return;
	}
	gen(g, n->arg[0]);
	cel_emit(g, has ? SP_CEL_OP_HAS : SP_CEL_OP_FIELD, 0, 0, name_const(g, n->text));
}

static void gen(struct cel_gen *g, struct cel_node *n)
{
	if (g->full || g->c->failed)
		return;
	switch (n->kind) {
	case CEL_LIT:
		gen_const(g, n);
		break;
	case CEL_VAR:
		cel_emit(g, SP_CEL_OP_VAR, 0, 0, n->var);
		break;
	case CEL_LOCAL:
		cel_emit(g, SP_CEL_OP_LOCAL, 0, (uint16_t)n->loop->slot, 0);
		break;
	case CEL_NAME:
	case CEL_SELECT:
	case CEL_HAS:
		gen_field(g, n);
		break;
	case CEL_CALL:
		gen_call(g, n);
		break;
	case CEL_OP:
		gen_op(g, n);
		break;
	case CEL_COND:
		gen_choice(g, n);
		break;
	case CEL_LIST:
		gen_list(g, n);
		break;
	case CEL_MAP:
		gen_map(g, n);
		break;
	case CEL_LOOP:
		gen_loop(g, n);
		break;
	case CEL_FAIL:
		cel_emit(g, SP_CEL_OP_ERROR, 0, 0, n->error);
		break;
	}
}

int cel_generate(struct cel_cc *c, struct cel_node *root, uint8_t **ret, size_t *ret_n)
{
	struct cel_gen g;
	int err;

	if (!cel_gen_init(&g, c))
		return -ENOMEM;
	gen(&g, root);
	cel_emit(&g, SP_CEL_OP_RET, 0, 0, 0);
	if (c->failed)
		return -EBADMSG;
	err = cel_gen_finish(&g, ret, ret_n);
	if (err != -E2BIG)
		return err;
	cel_problem(c, root->off, "split it into several rules",
		"the condition is too large or too deeply nested");
	return -EBADMSG;
}
