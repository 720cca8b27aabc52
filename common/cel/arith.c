#include "common/cel/value.h"

#include "common/banned.h"

/// Sum, difference or product of two of one integer type.
#define OVERFLOWS(op, a, b, ret)                                                                   \
	((op) == SP_CEL_OP_ADD   ? __builtin_add_overflow(a, b, ret)                               \
	 : (op) == SP_CEL_OP_SUB ? __builtin_sub_overflow(a, b, ret)                               \
				 : __builtin_mul_overflow(a, b, ret))

static bool divides(enum sp_cel_op op)
{
	return op != SP_CEL_OP_ADD && op != SP_CEL_OP_SUB && op != SP_CEL_OP_MUL;
}

static enum sp_cel_error arith_int(enum sp_cel_op op, int64_t a, int64_t b, int64_t *ret)
{
	if (!divides(op))
		return OVERFLOWS(op, a, b, ret) ? SP_CEL_E_OVERFLOW : SP_CEL_E_NONE;
	if (b == 0)
		return SP_CEL_E_DIVIDE;
	if (a == INT64_MIN && b == -1)
		return SP_CEL_E_OVERFLOW;
	*ret = op == SP_CEL_OP_DIV ? a / b : a % b;
	return SP_CEL_E_NONE;
}

static enum sp_cel_error arith_uint(enum sp_cel_op op, uint64_t a, uint64_t b, uint64_t *ret)
{
	if (!divides(op))
		return OVERFLOWS(op, a, b, ret) ? SP_CEL_E_OVERFLOW : SP_CEL_E_NONE;
	if (b == 0)
		return SP_CEL_E_DIVIDE;
	*ret = op == SP_CEL_OP_DIV ? a / b : a % b;
	return SP_CEL_E_NONE;
}

static enum sp_cel_error arith_double(enum sp_cel_op op, double a, double b, double *ret)
{
	switch (op) {
	case SP_CEL_OP_ADD:
		*ret = a + b;
		break;
	case SP_CEL_OP_SUB:
		*ret = a - b;
		break;
	case SP_CEL_OP_MUL:
		*ret = a * b;
		break;
	case SP_CEL_OP_DIV:
		*ret = a / b;
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	return SP_CEL_E_NONE;
}

/// Durations and timestamps: t + d, d + t, d + d, t - t, t - d, d - d.
static enum sp_cel_error arith_time(enum sp_cel_op op, struct sp_cel *v)
{
	bool ta = v[0].type == SP_CEL_TIMESTAMP, tb = v[1].type == SP_CEL_TIMESTAMP;
	int64_t minus;

	if ((!ta && v[0].type != SP_CEL_DURATION) || (!tb && v[1].type != SP_CEL_DURATION))
		return SP_CEL_E_NO_OVERLOAD;
	if (op == SP_CEL_OP_ADD) {
		if (ta && tb)
			return SP_CEL_E_NO_OVERLOAD;
		if (ta)
			return cel_time_add(&v[0], v[1].i, &v[0]);
		if (tb)
			return cel_time_add(&v[1], v[0].i, &v[0]);
		return arith_int(op, v[0].i, v[1].i, &v[0].i);
	}
	if (op != SP_CEL_OP_SUB || (!ta && tb))
		return SP_CEL_E_NO_OVERLOAD;
	if (ta && tb)
		return cel_time_diff(&v[0], &v[1], &v[0]);
	if (!ta)
		return arith_int(op, v[0].i, v[1].i, &v[0].i);
	if (__builtin_sub_overflow((int64_t)0, v[1].i, &minus))
		return SP_CEL_E_OVERFLOW;
	return cel_time_add(&v[0], minus, &v[0]);
}

static enum sp_cel_error join_bytes(struct sp_cel *v, struct cel_meter *m)
{
	size_t n = v[0].s.n + v[1].s.n;
	uint8_t *p;

	if (v[1].s.n == 0)
		return SP_CEL_E_NONE;
	if (v[0].s.n == 0) {
		v[0].s = v[1].s;
		return SP_CEL_E_NONE;
	}
	p = cel_pay(m, n / 64) ? sp_cel_alloc(m->arena, n) : NULL;
	if (!p)
		return SP_CEL_E_COST;
	memcpy(p, v[0].s.p, v[0].s.n);
	memcpy(p + v[0].s.n, v[1].s.p, v[1].s.n);
	v[0].s = sp_bytes(p, n);
	return SP_CEL_E_NONE;
}

static enum sp_cel_error join_lists(struct sp_cel *v, struct cel_meter *m)
{
	uint64_t n = (uint64_t)cel_count(&v[0]) + cel_count(&v[1]);
	struct sp_cel list, element;
	struct cel_cursor c;
	enum sp_cel_error e;

	if (!cel_pay(m, n) || cel_new_list(m->arena, (uint32_t)n, &list))
		return SP_CEL_E_COST;
	for (unsigned i = 0; i < 2; i++) {
		cel_cursor_init(&c, &v[i]);
		while (cel_cursor_next(&c, m->arena, &element, NULL, &e)) {
			e = cel_push(&list, &element, m->arena);
			if (e)
				return e;
		}
		if (e)
			return e;
	}
	v[0] = list;
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_arith(enum sp_cel_op op, struct sp_cel *v, struct cel_meter *m)
{
	if (v[0].type != v[1].type)
		return arith_time(op, v);
	switch (v[0].type) {
	case SP_CEL_INT:
		return arith_int(op, v[0].i, v[1].i, &v[0].i);
	case SP_CEL_UINT:
		return arith_uint(op, v[0].u, v[1].u, &v[0].u);
	case SP_CEL_DOUBLE:
		return arith_double(op, v[0].d, v[1].d, &v[0].d);
	case SP_CEL_STRING:
	case SP_CEL_BYTES:
		return op == SP_CEL_OP_ADD ? join_bytes(v, m) : SP_CEL_E_NO_OVERLOAD;
	case SP_CEL_LIST:
		return op == SP_CEL_OP_ADD ? join_lists(v, m) : SP_CEL_E_NO_OVERLOAD;
	default:
		return arith_time(op, v);
	}
}

enum sp_cel_error cel_negate(struct sp_cel *v)
{
	if (v->type == SP_CEL_INT)
		return __builtin_sub_overflow((int64_t)0, v->i, &v->i) ? SP_CEL_E_OVERFLOW
								       : SP_CEL_E_NONE;
	if (v->type != SP_CEL_DOUBLE)
		return SP_CEL_E_NO_OVERLOAD;
	v->d = -v->d;
	return SP_CEL_E_NONE;
}
