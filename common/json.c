#include "common/json_scan.h"
#include "common/banned.h"

int sp_json_scan(struct sp_bytes text, uint32_t max_depth, struct sp_json_tok *tok, uint32_t cap,
	struct sp_json *ret, struct sp_json_error *error)
{
	if (sp_json_has_avx2())
		return sp_json_scan_avx2(text, max_depth, tok, cap, ret, error);
	return sp_json_scan_scalar(text, max_depth, tok, cap, ret, error);
}

uint32_t sp_json_first(const struct sp_json *j, uint32_t container)
{
	enum sp_json_type type = sp_json_type(j, container);

	if ((type != SP_JSON_OBJECT && type != SP_JSON_ARRAY) || !j->tok[container].count)
		return SP_JSON_NONE;
	return container + 1;
}

uint32_t sp_json_get(const struct sp_json *j, uint32_t obj, struct sp_bytes key)
{
	uint32_t end;

	if (sp_json_type(j, obj) != SP_JSON_OBJECT)
		return SP_JSON_NONE;
	end = j->tok[obj].next;
	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next)
		if (sp_likely(!j->tok[k].escaped) ? sp_bytes_eq_short(sp_json_span(j, k), key)
						  : sp_json_str_eq(j, k, key))
			return k + 1;
	return SP_JSON_NONE;
}

struct sp_bytes sp_json_raw(const struct sp_json *j, uint32_t t)
{
	struct sp_bytes s = sp_json_span(j, t);

	return j->tok[t].type == SP_JSON_STRING ? sp_bytes(s.p - 1, s.n + 2) : s;
}

bool sp_json_str_eq(const struct sp_json *j, uint32_t t, struct sp_bytes s)
{
	struct sp_json_reader r;

	if (sp_json_type(j, t) != SP_JSON_STRING)
		return false;
	if (sp_likely(!j->tok[t].escaped))
		return sp_bytes_eq(sp_json_span(j, t), s);
	r = sp_json_reader(j->text.p, &j->tok[t]);
	for (size_t i = 0; i < s.n; i++)
		if (sp_json_reader_next(&r) != s.p[i])
			return false;
	return sp_json_reader_next(&r) < 0;
}

bool sp_json_same_str(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u)
{
	struct sp_json_reader x, y;
	int c, d;

	if (sp_json_type(a, t) != SP_JSON_STRING || sp_json_type(b, u) != SP_JSON_STRING)
		return false;
	if (!a->tok[t].escaped)
		return sp_json_str_eq(b, u, sp_json_span(a, t));
	x = sp_json_reader(a->text.p, &a->tok[t]);
	y = sp_json_reader(b->text.p, &b->tok[u]);
	do {
		c = sp_json_reader_next(&x);
		d = sp_json_reader_next(&y);
	} while (c == d && c >= 0);
	return c == d;
}

int sp_json_str(const struct sp_json *j, uint32_t t, uint8_t *buf, size_t cap, struct sp_bytes *ret)
{
	struct sp_json_reader r;
	size_t n = 0;
	int c;

	if (sp_json_type(j, t) != SP_JSON_STRING)
		return -EINVAL;
	if (!j->tok[t].escaped) {
		*ret = sp_json_span(j, t);
		return 0;
	}
	r = sp_json_reader(j->text.p, &j->tok[t]);
	while ((c = sp_json_reader_next(&r)) >= 0) {
		if (n == cap)
			return -ENOSPC;
		buf[n++] = (uint8_t)c;
	}
	*ret = sp_bytes(buf, n);
	return 0;
}

/// Digits that are too few to overflow: -EINVAL when there is anything else.
static int few_digits(const uint8_t *p, size_t n, int64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned d = p[i] - (unsigned)'0';

		if (d > 9)
			return -EINVAL;
		v = v * 10 + d;
	}
	*ret = (int64_t)v;
	return 0;
}

static int many_digits(struct sp_bytes s, bool negative, int64_t *ret)
{
	int64_t v = 0;

	for (size_t i = negative; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
	for (size_t i = negative; i < s.n; i++) {
		int64_t d = s.p[i] - '0';

		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, negative ? -d : d, &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int sp_json_i64(const struct sp_json *j, uint32_t t, int64_t *ret)
{
	struct sp_bytes s;
	bool negative;
	int64_t v;

	if (sp_json_type(j, t) != SP_JSON_NUMBER)
		return -EINVAL;
	s = sp_json_span(j, t);
	negative = s.p[0] == '-';
	if (s.n - negative > 18)
		return many_digits(s, negative, ret);
	SP_TRY(few_digits(s.p + negative, s.n - negative, &v));
	*ret = negative ? -v : v;
	return 0;
}

void sp_json_where(struct sp_bytes text, uint32_t off, unsigned *ret_line, unsigned *ret_col)
{
	size_t end = sp_min((size_t)off, text.n);
	unsigned line = 1, col = 1;

	for (size_t i = 0; i < end; i++) {
		col++;
		if (text.p[i] == '\n') {
			line++;
			col = 1;
		}
	}
	*ret_line = line;
	*ret_col = col;
}
