#include "common/cel/value.h"

#include "common/banned.h"

/// Code points of valid UTF-8: the bytes that continue none.
static size_t code_points(struct sp_bytes s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static enum sp_cel_error size_of(struct sp_cel *v, struct cel_meter *m)
{
	size_t n;

	switch (v->type) {
	case SP_CEL_STRING:
		if (!cel_pay(m, v->s.n / 64))
			return SP_CEL_E_COST;
		n = code_points(v->s);
		break;
	case SP_CEL_BYTES:
		n = v->s.n;
		break;
	case SP_CEL_LIST:
	case SP_CEL_MAP:
		n = cel_count(v);
		break;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
	*v = (struct sp_cel){.type = SP_CEL_INT, .i = (int64_t)n};
	return SP_CEL_E_NONE;
}

static enum sp_cel_error text_test(enum sp_cel_fn fn, struct sp_cel *v, struct cel_meter *m)
{
	struct sp_bytes s = v[0].s, t = v[1].s;
	bool r;

	if (v[0].type != SP_CEL_STRING || v[1].type != SP_CEL_STRING)
		return SP_CEL_E_NO_OVERLOAD;
	if (!cel_pay(m, (fn == SP_CEL_F_CONTAINS ? s.n : t.n) / 64))
		return SP_CEL_E_COST;
	if (t.n == 0)
		r = true;
	else if (t.n > s.n)
		r = false;
	else if (fn == SP_CEL_F_CONTAINS)
		r = memmem(s.p, s.n, t.p, t.n) != NULL;
	else
		r = memcmp(fn == SP_CEL_F_STARTS ? s.p : s.p + s.n - t.n, t.p, t.n) == 0;
	cel_set_bool(v, r);
	return SP_CEL_E_NONE;
}

static enum sp_cel_error type_of(struct sp_cel *v)
{
	const char *name = cel_type_name(v->type);

	if (!name)
		return SP_CEL_E_BAD_PROGRAM;
	*v = (struct sp_cel){.type = SP_CEL_TYPE, .s = sp_bytes_cstr(name)};
	return SP_CEL_E_NONE;
}

static enum sp_cel_error accessor(enum sp_cel_fn fn, struct sp_cel *v, uint32_t n)
{
	int64_t shift = 0;

	if (n == 2) {
		if (v[0].type != SP_CEL_TIMESTAMP || v[1].type != SP_CEL_STRING)
			return SP_CEL_E_NO_OVERLOAD;
		if (!sp_cel_zone_fixed(v[1].s, &shift))
			return SP_CEL_E_CONVERT;
	}
	return cel_time_get(fn, v, shift);
}

enum sp_cel_error cel_call(enum sp_cel_fn fn, struct sp_cel *v, uint32_t n, struct cel_meter *m)
{
	switch (fn) {
	case SP_CEL_F_SIZE:
		return size_of(v, m);
	case SP_CEL_F_CONTAINS:
	case SP_CEL_F_STARTS:
	case SP_CEL_F_ENDS:
		return text_test(fn, v, m);
	case SP_CEL_F_TYPE:
		return type_of(v);
	case SP_CEL_F_BOOL:
		return cel_to_bool(v);
	case SP_CEL_F_BYTES:
		return cel_to_bytes(v);
	case SP_CEL_F_DOUBLE:
		return cel_to_double(v);
	case SP_CEL_F_INT:
		return cel_to_int(v);
	case SP_CEL_F_UINT:
		return cel_to_uint(v);
	case SP_CEL_F_STRING:
		return cel_to_string(v, m);
	case SP_CEL_F_TIMESTAMP:
		return cel_to_timestamp(v);
	case SP_CEL_F_DURATION:
		return cel_to_duration(v);
	default:
		return accessor(fn, v, n);
	}
}
