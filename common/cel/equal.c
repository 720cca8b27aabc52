#include "common/cel/value.h"

#include "common/banned.h"

#define DEPTH_MAX 64u ///< lists and maps within each other that equality follows

static enum sp_cel_error equal_at(const struct sp_cel *a, const struct sp_cel *b,
	struct cel_meter *m, unsigned depth, bool *ret);

static int order_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_i64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int order_double(double a, double b)
{
	return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

static int order_bytes(struct sp_bytes a, struct sp_bytes b)
{
	size_t n = sp_min(a.n, b.n);
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? (r > 0) - (r < 0) : order_u64(a.n, b.n);
}

/// A number against a double: out of the integers' range first, then as doubles, as the
/// specification has it.
static int order_with_double(const struct sp_cel *a, double d)
{
	if (a->type == SP_CEL_DOUBLE)
		return order_double(a->d, d);
	if (a->type == SP_CEL_INT) {
		if (d > CEL_2_63)
			return -1;
		return d < -CEL_2_63 ? 1 : order_double((double)a->i, d);
	}
	if (d > CEL_2_64)
		return -1;
	return d < 0 ? 1 : order_double((double)a->u, d);
}

static int order_numbers(const struct sp_cel *a, const struct sp_cel *b)
{
	int r;

	if (b->type == SP_CEL_DOUBLE)
		return order_with_double(a, b->d);
	if (a->type == SP_CEL_DOUBLE) {
		r = order_with_double(b, a->d);
		return r == 2 ? 2 : -r;
	}
	if (a->type == SP_CEL_INT && b->type == SP_CEL_INT)
		return order_i64(a->i, b->i);
	if (a->type == SP_CEL_INT && a->i < 0)
		return -1;
	if (b->type == SP_CEL_INT && b->i < 0)
		return 1;
	return order_u64(a->u, b->u);
}

enum sp_cel_error cel_compare(const struct sp_cel *a, const struct sp_cel *b, int *ret)
{
	if (cel_is_number(a) && cel_is_number(b)) {
		*ret = order_numbers(a, b);
		return SP_CEL_E_NONE;
	}
	if (a->type != b->type)
		return SP_CEL_E_NO_OVERLOAD;
	switch (a->type) {
	case SP_CEL_STRING:
	case SP_CEL_BYTES:
		*ret = order_bytes(a->s, b->s);
		return SP_CEL_E_NONE;
	case SP_CEL_BOOL:
		*ret = (int)a->b - (int)b->b;
		return SP_CEL_E_NONE;
	case SP_CEL_DURATION:
		*ret = order_i64(a->i, b->i);
		return SP_CEL_E_NONE;
	case SP_CEL_TIMESTAMP:
		*ret = order_i64(a->i, b->i);
		if (*ret == 0)
			*ret = order_u64(a->ns, b->ns);
		return SP_CEL_E_NONE;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
}

static enum sp_cel_error equal_lists(const struct sp_cel *a, const struct sp_cel *b,
	struct cel_meter *m, unsigned depth, bool *ret)
{
	struct cel_cursor ca, cb;
	enum sp_cel_error e, eb;
	struct sp_cel x, y;

	*ret = cel_count(a) == cel_count(b);
	cel_cursor_init(&ca, a);
	cel_cursor_init(&cb, b);
	while (*ret) {
		if (!cel_cursor_next(&ca, m->arena, &x, NULL, &e))
			return e;
		if (!cel_cursor_next(&cb, m->arena, &y, NULL, &eb))
			return eb;
		if (!cel_pay(m, 1))
			return SP_CEL_E_COST;
		e = equal_at(&x, &y, m, depth, ret);
		if (e)
			return e;
	}
	return SP_CEL_E_NONE;
}

static enum sp_cel_error equal_maps(const struct sp_cel *a, const struct sp_cel *b,
	struct cel_meter *m, unsigned depth, bool *ret)
{
	struct sp_cel key, x, y;
	struct cel_cursor c;
	enum sp_cel_error e = SP_CEL_E_NONE;

	*ret = cel_count(a) == cel_count(b);
	cel_cursor_init(&c, a);
	while (*ret && cel_cursor_next(&c, m->arena, &key, &x, &e)) {
		if (!cel_pay(m, 1))
			return SP_CEL_E_COST;
		e = cel_index(b, &key, m, &y);
		if (e == SP_CEL_E_NO_SUCH_KEY) {
			*ret = false;
			return SP_CEL_E_NONE;
		}
		if (!e)
			e = equal_at(&x, &y, m, depth, ret);
		if (e)
			return e;
	}
	return *ret ? e : SP_CEL_E_NONE;
}

static enum sp_cel_error equal_at(const struct sp_cel *a, const struct sp_cel *b,
	struct cel_meter *m, unsigned depth, bool *ret)
{
	int order = 1;

	if (a->type == SP_CEL_LIST && b->type == SP_CEL_LIST)
		return depth < DEPTH_MAX ? equal_lists(a, b, m, depth + 1, ret) : SP_CEL_E_COST;
	if (a->type == SP_CEL_MAP && b->type == SP_CEL_MAP)
		return depth < DEPTH_MAX ? equal_maps(a, b, m, depth + 1, ret) : SP_CEL_E_COST;
	if (a->type == b->type) {
		switch (a->type) {
		case SP_CEL_NULL:
			*ret = true;
			return SP_CEL_E_NONE;
		case SP_CEL_STRING:
		case SP_CEL_BYTES:
		case SP_CEL_TYPE:
			if (!cel_pay(m, a->s.n == b->s.n ? a->s.n / 64 : 0))
				return SP_CEL_E_COST;
			*ret = sp_bytes_eq_short(a->s, b->s);
			return SP_CEL_E_NONE;
		default:
			break;
		}
	}
	if (cel_compare(a, b, &order) != SP_CEL_E_NONE)
		order = 1;
	*ret = order == 0;
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_equal(
	const struct sp_cel *a, const struct sp_cel *b, struct cel_meter *m, bool *ret)
{
	return equal_at(a, b, m, 0, ret);
}
