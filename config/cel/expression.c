#include "config/cel/parse.h"

#include "common/banned.h"

#define LEVELS 5u ///< of binary operators, || the loosest

/// The binary operator at the parser's token, or SP_CEL_OP_N; *level from 0.
static enum sp_cel_op operator_at(const struct cel_parser *p, unsigned *level)
{
	static const struct {
		enum cel_tok tok;
		char c;
		enum sp_cel_op op;
		unsigned level;
	} op[] = {{CEL_T_OR, 0, SP_CEL_OP_OR, 0}, {CEL_T_AND, 0, SP_CEL_OP_AND, 1},
		{CEL_T_LE, 0, SP_CEL_OP_LE, 2}, {CEL_T_GE, 0, SP_CEL_OP_GE, 2},
		{CEL_T_EQ, 0, SP_CEL_OP_EQ, 2}, {CEL_T_NE, 0, SP_CEL_OP_NE, 2},
		{CEL_T_CHAR, '<', SP_CEL_OP_LT, 2}, {CEL_T_CHAR, '>', SP_CEL_OP_GT, 2},
		{CEL_T_CHAR, '+', SP_CEL_OP_ADD, 3}, {CEL_T_CHAR, '-', SP_CEL_OP_SUB, 3},
		{CEL_T_CHAR, '*', SP_CEL_OP_MUL, 4}, {CEL_T_CHAR, '/', SP_CEL_OP_DIV, 4},
		{CEL_T_CHAR, '%', SP_CEL_OP_MOD, 4}};

	for (size_t i = 0; i < SP_ARRAY_LEN(op); i++) {
		if (p->l.tok == op[i].tok && (!op[i].c || cel_is(p, op[i].c))) {
			*level = op[i].level;
			return op[i].op;
		}
	}
	*level = 2;
	return p->l.tok == CEL_T_NAME && sp_bytes_eq(p->l.text, SP_LIT("in")) ? SP_CEL_OP_IN
									      : SP_CEL_OP_N;
}

static struct cel_node *binary(struct cel_parser *p, unsigned level)
{
	struct cel_node *both[2], *n = level == LEVELS ? cel_unary(p) : binary(p, level + 1);
	enum sp_cel_op op;
	uint32_t off;
	unsigned at;

	while (n && level < LEVELS) {
		op = operator_at(p, &at);
		if (op == SP_CEL_OP_N || at != level)
			break;
		off = p->l.off;
		cel_next(&p->l);
		both[0] = n;
		both[1] = binary(p, level + 1);
		n = cel_new(p, CEL_OP, off, both, 2);
		if (n)
			n->op = op;
	}
	return n;
}

struct cel_node *cel_enter(struct cel_parser *p)
{
	struct cel_node *arg[3], *n;
	uint32_t off;

	if (++p->nest > CEL_NEST_MAX)
		return cel_syntax(p, NULL, "brackets within brackets, too many levels");
	n = binary(p, 0);
	off = p->l.off;
	if (n && cel_take(p, '?')) {
		arg[0] = n;
		arg[1] = cel_enter(p);
		if (!cel_take(p, ':'))
			return cel_syntax(p, "a ? b : c", "a ? without its :");
		arg[2] = cel_enter(p);
		n = cel_new(p, CEL_COND, off, arg, 3);
	}
	p->nest--;
	return n;
}

static struct cel_node *has(struct cel_parser *p, struct cel_node *call)
{
	if (call->arg[0]->kind == CEL_SELECT) {
		call->arg[0]->kind = CEL_HAS;
		return call->arg[0];
	}
	cel_problem(p->l.c, call->off, "has(a.b) asks whether a has the field b",
		"has() takes a field");
	p->l.tok = CEL_T_BAD;
	return NULL;
}

/// list.all(x, condition) and its kin.
static struct cel_node *loop(struct cel_parser *p, struct cel_node *call, enum sp_cel_gather gather)
{
	struct cel_node *var = call->arg[1], *arg[3] = {call->arg[0], call->arg[2], NULL}, *n;

	if (var->kind != CEL_NAME || var->rooted) {
		cel_problem(p->l.c, var->off, "list.all(x, x > 0)",
			"the first argument names the element, it must be a simple name");
		p->l.tok = CEL_T_BAD;
		return NULL;
	}
	if (call->n == 4) {
		arg[1] = call->arg[3];
		arg[2] = call->arg[2];
	}
	n = cel_new(p, CEL_LOOP, call->off, arg, call->n - 1);
	if (n) {
		n->text = var->text;
		n->gather = gather;
	}
	return n;
}

struct cel_node *cel_macro(struct cel_parser *p, struct cel_node *call)
{
	static const struct {
		const char *name;
		enum sp_cel_gather gather;
	} macro[] = {{"all", SP_CEL_ALL}, {"exists", SP_CEL_EXISTS}, {"exists_one", SP_CEL_ONE},
		{"existsOne", SP_CEL_ONE}, {"map", SP_CEL_MAP_TO}, {"filter", SP_CEL_KEEP}};

	if (!call->method)
		return call->n == 1 && !call->rooted && sp_bytes_eq(call->text, SP_LIT("has"))
			       ? has(p, call)
			       : call;
	for (size_t i = 0; i < SP_ARRAY_LEN(macro); i++) {
		if (!sp_bytes_eq(call->text, sp_bytes_cstr(macro[i].name)))
			continue;
		if (call->n == 3 || (call->n == 4 && macro[i].gather == SP_CEL_MAP_TO))
			return loop(p, call, macro[i].gather);
		cel_problem(p->l.c, call->off, "list.all(x, x > 0)",
			"%s() takes the element's name and an expression", macro[i].name);
		p->l.tok = CEL_T_BAD;
		return NULL;
	}
	return call;
}

struct cel_node *cel_parse(struct cel_cc *c)
{
	struct cel_parser p = {.l = {.c = c, .s = c->ask->text}};
	struct cel_node *n;

	if (c->ask->text.n > SP_CEL_PROGRAM_MAX) {
		cel_problem(c, 0, "split it into several rules", "the condition is too long");
		return NULL;
	}
	if (!sp_cel_utf8(c->ask->text)) {
		cel_problem(c, 0, NULL, "the condition is not UTF-8");
		return NULL;
	}
	p.l.strings = sp_arena_alloc(c->arena, c->ask->text.n + 1);
	if (!p.l.strings) {
		c->no_memory = true;
		return NULL;
	}
	cel_next(&p.l);
	if (p.l.tok == CEL_T_END)
		return cel_syntax(
			&p, "write true for one that always holds", "the condition is empty");
	n = cel_enter(&p);
	if (n && p.l.tok != CEL_T_END)
		return cel_syntax(&p, NULL, "an operator was expected");
	return n;
}
