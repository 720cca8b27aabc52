#include "config/cel/type.h"

#include <stdio.h>
#include "common/banned.h"

const struct cel_type *cel_mismatch(struct cel_checker *k, const struct cel_node *n,
	const char *mend, const char *what, const struct cel_type *a, const struct cel_type *b)
{
	char ta[96] = "", tb[96] = "";

	if (k->c->ask->skip_check)
		return cel_dyn;
	if (a)
		cel_type_text(a, ta, sizeof(ta));
	if (b)
		cel_type_text(b, tb, sizeof(tb));
	cel_problem(k->c, n->off, mend, "%s%s%s%s%s", what, a ? " " : "", ta, b ? " and " : "", tb);
	return cel_dyn;
}

static const struct cel_type *check_fn_args(
	struct cel_checker *k, struct cel_node *n, const struct cel_fn *f)
{
	const struct cel_type *a = n->arg[0]->type, *b = n->n > 1 ? n->arg[1]->type : cel_dyn;
	char what[96];

	snprintf(what, sizeof(what), "%s() does not take", f->name);
	if (a->kind && !(1u << a->kind & f->takes))
		return cel_mismatch(k, n, NULL, what, a, NULL);
	if (n->n > 1 && ((b->kind && !(1u << b->kind & f->second)) ||
				(a->kind == SP_CEL_DURATION && f->fn >= SP_CEL_F_YEAR)))
		return cel_mismatch(k, n, NULL, what, a, b);
	return &cel_scalar[f->gives];
}

static const struct cel_type *check_call(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_fn *f = cel_find_fn(n->text, n->method), *other;
	char mend[96] = "";
	const char *near;

	if (f && n->n >= f->min && n->n <= f->max) {
		for (uint32_t i = 0; i < n->n; i++)
			cel_check_node(k, n->arg[i]);
		n->fn = f->fn;
		return check_fn_args(k, n, f);
	}
	n->kind = CEL_FAIL;
	n->error = SP_CEL_E_NO_OVERLOAD;
	if (k->c->ask->skip_check)
		return cel_dyn;
	other = cel_find_fn(n->text, !n->method);
	near = cel_nearest_fn(n->text);
	if (f)
		snprintf(mend, sizeof(mend), "it takes %d to %d", f->min - n->method,
			f->max - n->method);
	else if (other)
		snprintf(mend, sizeof(mend), "write %s%s", other->method ? "x." : "",
			other->method ? "f() with x before the dot" : "f(x)");
	else if (near)
		snprintf(mend, sizeof(mend), "did you mean %s()?", near);
	cel_problem(k->c, n->off, mend[0] ? mend : NULL, "%s '%.*s'",
		f ? "wrong number of arguments of" : "unknown function",
		(int)sp_min(n->text.n, 64ul), (const char *)n->text.p);
	return cel_dyn;
}

static const struct cel_type *check_list(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *t = n->n ? NULL : cel_dyn, *each;

	for (uint32_t i = 0; i < n->n; i++) {
		each = cel_check_node(k, n->arg[i]);
		t = t ? cel_join(t, each) : each;
	}
	return cel_type_new(k->c, SP_CEL_LIST, NULL, t);
}

static const struct cel_type *check_map(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *key = n->n ? NULL : cel_dyn, *value = key, *t;
	const uint32_t keys =
		1u << SP_CEL_STRING | 1u << SP_CEL_INT | 1u << SP_CEL_UINT | 1u << SP_CEL_BOOL;

	for (uint32_t i = 0; i < n->n; i += 2) {
		t = cel_check_node(k, n->arg[i]);
		if (t->kind && !(1u << t->kind & keys))
			cel_mismatch(k, n->arg[i], "keys are strings, integers or booleans",
				"a map's key cannot be", t, NULL);
		key = key ? cel_join(key, t) : t;
		t = cel_check_node(k, n->arg[i + 1]);
		value = value ? cel_join(value, t) : t;
	}
	return cel_type_new(k->c, SP_CEL_MAP, key, value);
}

static const struct cel_type *check_loop(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *range = cel_check_node(k, n->arg[0]), *body;
	struct cel_scope scope = {n, cel_dyn, k->scope};

	if (range->kind == SP_CEL_LIST)
		scope.element = range->elem;
	else if (range->kind == SP_CEL_MAP)
		scope.element = range->key;
	else if (range->kind)
		cel_mismatch(k, n, "it goes over lists and maps", "no elements in", range, NULL);
	k->scope = &scope;
	if (n->n > 2) {
		body = cel_check_node(k, n->arg[2]);
		if (body->kind && body->kind != SP_CEL_BOOL)
			cel_mismatch(k, n->arg[2], NULL, "a filter cannot be", body, NULL);
	}
	body = cel_check_node(k, n->arg[1]);
	k->scope = scope.outer;
	if (n->gather == SP_CEL_MAP_TO)
		return cel_type_new(k->c, SP_CEL_LIST, NULL, body);
	if (body->kind && body->kind != SP_CEL_BOOL)
		cel_mismatch(k, n->arg[1], "such as x > 0", "a condition cannot be", body, NULL);
	return n->gather == SP_CEL_KEEP ? cel_type_new(k->c, SP_CEL_LIST, NULL, scope.element)
					: &cel_scalar[SP_CEL_BOOL];
}

static const struct cel_type *check_choice(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *c = cel_check_node(k, n->arg[0]), *a = cel_check_node(k, n->arg[1]),
			      *b = cel_check_node(k, n->arg[2]);

	if (c->kind && c->kind != SP_CEL_BOOL)
		return cel_mismatch(k, n, NULL, "what stands before ? cannot be", c, NULL);
	if (!cel_may_be(a, b))
		return cel_mismatch(k, n, "make both of one type", "one of two types,", a, b);
	return cel_join(a, b);
}

static const struct cel_type *check_args(struct cel_checker *k, struct cel_node *n)
{
	for (uint32_t i = 0; i < n->n; i++)
		cel_check_node(k, n->arg[i]);
	return cel_check_op(k, n);
}

const struct cel_type *cel_check_node(struct cel_checker *k, struct cel_node *n)
{
	switch (n->kind) {
	case CEL_LIT:
		n->type = &cel_scalar[n->lit_type];
		break;
	case CEL_NAME:
	case CEL_SELECT:
	case CEL_HAS:
	case CEL_VAR:
		n->type = cel_check_name(k, n);
		break;
	case CEL_CALL:
		n->type = check_call(k, n);
		break;
	case CEL_OP:
		n->type = check_args(k, n);
		break;
	case CEL_COND:
		n->type = check_choice(k, n);
		break;
	case CEL_LIST:
		n->type = check_list(k, n);
		break;
	case CEL_MAP:
		n->type = check_map(k, n);
		break;
	case CEL_LOOP:
		n->type = check_loop(k, n);
		break;
	default:
		n->type = cel_dyn;
	}
	return n->type;
}

const struct cel_type *cel_check_types(struct cel_cc *c, struct cel_node *root)
{
	struct cel_checker k = {.c = c};
	const struct cel_type *t = cel_check_node(&k, root);

	if (!c->failed && c->ask->want_bool && t->kind && t->kind != SP_CEL_BOOL)
		cel_mismatch(&k, root, "a condition is true or false, such as a == b",
			"the condition's value is", t, NULL);
	return c->failed ? NULL : t;
}
