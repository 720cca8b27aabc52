#include "config/cel/type.h"

#include <stdio.h>
#include "common/banned.h"

#define IN(t, set) (!(t)->kind || (1u << (t)->kind & (set)))
#define T(name) (1u << SP_CEL_##name)

static const struct cel_type *const boolean = &cel_scalar[SP_CEL_BOOL];

static const char *operator_text(enum sp_cel_op op)
{
	switch (op) {
	case SP_CEL_OP_INDEX:
		return "[]";
	case SP_CEL_OP_IN:
		return "in";
	case SP_CEL_OP_EQ:
		return "==";
	case SP_CEL_OP_NE:
		return "!=";
	case SP_CEL_OP_LT:
		return "<";
	case SP_CEL_OP_LE:
		return "<=";
	case SP_CEL_OP_GT:
		return ">";
	case SP_CEL_OP_GE:
		return ">=";
	case SP_CEL_OP_ADD:
		return "+";
	case SP_CEL_OP_SUB:
	case SP_CEL_OP_NEG:
		return "-";
	case SP_CEL_OP_MUL:
		return "*";
	case SP_CEL_OP_DIV:
		return "/";
	case SP_CEL_OP_MOD:
		return "%";
	case SP_CEL_OP_NOT:
		return "!";
	case SP_CEL_OP_AND:
		return "&&";
	default:
		return "||";
	}
}

static const struct cel_type *bad(struct cel_checker *k, const struct cel_node *n)
{
	const struct cel_type *a = n->arg[0]->type, *b = n->n > 1 ? n->arg[1]->type : NULL;
	const char *mend = NULL;
	char what[64];

	if (b && cel_is_numeric(a) && cel_is_numeric(b))
		mend = "convert one of them with int(), uint() or double()";
	else if (b && a->kind == SP_CEL_STRING && n->op == SP_CEL_OP_ADD)
		mend = "convert the other with string()";
	else if (n->op == SP_CEL_OP_AND || n->op == SP_CEL_OP_OR || n->op == SP_CEL_OP_NOT)
		mend = "it takes booleans, such as a == b";
	snprintf(what, sizeof(what), "operator %s does not take", operator_text(n->op));
	return cel_mismatch(k, n, mend, what, a, b);
}

static const struct cel_type *sum(struct cel_checker *k, const struct cel_node *n)
{
	const struct cel_type *a = n->arg[0]->type, *b = n->arg[1]->type;
	const uint32_t time = T(DURATION) | T(TIMESTAMP);
	uint32_t same = T(INT) | T(UINT) | T(DOUBLE);

	if (n->op == SP_CEL_OP_ADD)
		same |= T(STRING) | T(BYTES) | T(LIST);
	if (n->op == SP_CEL_OP_ADD || n->op == SP_CEL_OP_SUB)
		same |= T(DURATION);
	if (n->op == SP_CEL_OP_MOD)
		same = T(INT) | T(UINT);
	if (!a->kind || !b->kind)
		return IN(a, same | time) && IN(b, same | time) ? cel_dyn : bad(k, n);
	if (a->kind == b->kind && IN(a, same))
		return a->kind == SP_CEL_LIST && !cel_same(a, b) ? &cel_scalar[SP_CEL_LIST] : a;
	if (!IN(a, time) || !IN(b, time))
		return bad(k, n);
	if (n->op == SP_CEL_OP_ADD && a->kind != b->kind)
		return &cel_scalar[SP_CEL_TIMESTAMP];
	if (n->op == SP_CEL_OP_SUB && a->kind == SP_CEL_TIMESTAMP)
		return &cel_scalar[b->kind == SP_CEL_TIMESTAMP ? SP_CEL_DURATION
							       : SP_CEL_TIMESTAMP];
	return bad(k, n);
}

static const struct cel_type *ordered(struct cel_checker *k, const struct cel_node *n)
{
	const struct cel_type *a = n->arg[0]->type, *b = n->arg[1]->type;
	const uint32_t set = T(INT) | T(UINT) | T(DOUBLE) | T(STRING) | T(BYTES) | T(BOOL) |
			     T(DURATION) | T(TIMESTAMP);

	if (!IN(a, set) || !IN(b, set) || !cel_may_be(a, b))
		return bad(k, n);
	return boolean;
}

static const struct cel_type *member(struct cel_checker *k, const struct cel_node *n)
{
	const struct cel_type *a = n->arg[0]->type, *of = n->arg[1]->type;

	if (of->kind == SP_CEL_LIST      ? !cel_may_be(a, of->elem)
		: of->kind == SP_CEL_MAP ? !cel_may_be(a, of->key)
					 : of->kind != 0)
		return bad(k, n);
	return boolean;
}

static const struct cel_type *element(struct cel_checker *k, const struct cel_node *n)
{
	const struct cel_type *of = n->arg[0]->type, *key = n->arg[1]->type;

	if (of->kind != SP_CEL_LIST && of->kind != SP_CEL_MAP && cel_redirect_fields(k, n->arg[0]))
		of = n->arg[0]->type;
	if (of->kind == SP_CEL_LIST)
		return IN(key, T(INT) | T(UINT)) ? of->elem : bad(k, n);
	if (of->kind == SP_CEL_MAP)
		return cel_may_be(key, of->key) ? of->elem : bad(k, n);
	return of->kind ? bad(k, n) : cel_dyn;
}

const struct cel_type *cel_check_op(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *a = n->arg[0]->type, *b = n->n > 1 ? n->arg[1]->type : cel_dyn;

	switch (n->op) {
	case SP_CEL_OP_AND:
	case SP_CEL_OP_OR:
		return IN(a, T(BOOL)) && IN(b, T(BOOL)) ? boolean : bad(k, n);
	case SP_CEL_OP_NOT:
		return IN(a, T(BOOL)) ? boolean : bad(k, n);
	case SP_CEL_OP_NEG:
		return IN(a, T(INT) | T(DOUBLE)) ? a : bad(k, n);
	case SP_CEL_OP_EQ:
	case SP_CEL_OP_NE:
		return cel_may_be(a, b) ? boolean : bad(k, n);
	case SP_CEL_OP_LT:
	case SP_CEL_OP_LE:
	case SP_CEL_OP_GT:
	case SP_CEL_OP_GE:
		return ordered(k, n);
	case SP_CEL_OP_IN:
		return member(k, n);
	case SP_CEL_OP_INDEX:
		return element(k, n);
	default:
		return sum(k, n);
	}
}
