#include "common/ctlval.h"

#include "common/mp.h"

#include <math.h>
#include <stdio.h>
#include "common/banned.h"

static int take(struct sp_bytes *m, size_t n, const uint8_t **ret)
{
	if (n > m->n)
		return -EBADMSG;
	*ret = m->p;
	m->p += n;
	m->n -= n;
	return 0;
}

static int take_be(struct sp_bytes *m, unsigned width, uint64_t *ret)
{
	const uint8_t *p;
	uint64_t v = 0;

	SP_TRY(take(m, width, &p));
	for (unsigned i = 0; i < width; i++)
		v = v << 8 | p[i];
	*ret = v;
	return 0;
}

static int run_of(struct sp_bytes *m, enum sp_cv_type type, uint64_t len, struct sp_cv_value *ret)
{
	ret->type = type;
	SP_TRY(take(m, len, &ret->s.p));
	ret->s.n = len;
	return 0;
}

static int container(struct sp_bytes *m, enum sp_cv_type type, uint64_t n, struct sp_cv_value *ret)
{
	// each element takes at least one byte: a claim beyond that is a lie
	if ((type == SP_CV_MAP ? n * 2 : n) > m->n)
		return -EBADMSG;
	ret->type = type;
	ret->n = (uint32_t)n;
	return 0;
}

static int sized(struct sp_bytes *m, enum sp_cv_type type, unsigned width, struct sp_cv_value *ret)
{
	uint64_t n;

	SP_TRY(take_be(m, width, &n));
	return type == SP_CV_ARRAY || type == SP_CV_MAP ? container(m, type, n, ret)
							: run_of(m, type, n, ret);
}

static int unsigned_of(struct sp_bytes *m, unsigned width, struct sp_cv_value *ret)
{
	ret->type = SP_CV_UINT;
	return take_be(m, width, &ret->u);
}

static int signed_of(struct sp_bytes *m, unsigned width, struct sp_cv_value *ret)
{
	uint64_t v;

	if (width == 0 || width > 8)
		return -EBADMSG;
	SP_TRY(take_be(m, width, &v));
	ret->i = (int64_t)(v << (64 - 8 * width)) >> (64 - 8 * width);
	ret->u = (uint64_t)ret->i;
	ret->type = ret->i < 0 ? SP_CV_INT : SP_CV_UINT;
	return 0;
}

static int float_of(struct sp_bytes *m, unsigned width, struct sp_cv_value *ret)
{
	uint64_t v;

	SP_TRY(take_be(m, width, &v));
	if (width == 4) {
		uint32_t bits = (uint32_t)v;
		float f;

		memcpy(&f, &bits, sizeof(f));
		ret->f = (double)f;
	} else {
		memcpy(&ret->f, &v, sizeof(ret->f));
	}
	ret->type = SP_CV_FLOAT;
	return 0;
}

static int constant(enum sp_cv_type type, uint64_t u, struct sp_cv_value *ret)
{
	ret->type = type;
	ret->u = u;
	return 0;
}

static int read_head(struct sp_bytes *m, uint8_t h, struct sp_cv_value *ret)
{
	switch (h) {
	case 0x00 ... 0x7f:
		return constant(SP_CV_UINT, h, ret);
	case 0x80 ... 0x8f:
		return container(m, SP_CV_MAP, h & 0x0f, ret);
	case 0x90 ... 0x9f:
		return container(m, SP_CV_ARRAY, h & 0x0f, ret);
	case 0xa0 ... 0xbf:
		return run_of(m, SP_CV_STR, h & 0x1f, ret);
	case 0xc0:
		return constant(SP_CV_NIL, 0, ret);
	case 0xc2 ... 0xc3:
		return constant(SP_CV_BOOL, h & 1, ret);
	case 0xc4 ... 0xc6:
		return sized(m, SP_CV_BIN, 1u << (h - 0xc4), ret);
	case 0xca ... 0xcb:
		return float_of(m, 4u << (h - 0xca), ret);
	case 0xcc ... 0xcf:
		return unsigned_of(m, 1u << (h - 0xcc), ret);
	case 0xd0 ... 0xd3:
		return signed_of(m, 1u << (h - 0xd0), ret);
	case 0xd9 ... 0xdb:
		return sized(m, SP_CV_STR, 1u << (h - 0xd9), ret);
	case 0xdc ... 0xdd:
		return sized(m, SP_CV_ARRAY, 2u << (h - 0xdc), ret);
	case 0xde ... 0xdf:
		return sized(m, SP_CV_MAP, 2u << (h - 0xde), ret);
	case 0xe0 ... 0xff:
		ret->type = SP_CV_INT;
		ret->i = (int8_t)h;
		return 0;
	default: // 0xc1 is never used; 0xc7-0xc9 and 0xd4-0xd8 are extensions
		return -EBADMSG;
	}
}

int sp_cv_next(struct sp_bytes *m, struct sp_cv_value *ret)
{
	struct sp_cv_value v = {0};
	struct sp_bytes rest = *m;
	const uint8_t *h;

	SP_TRY(take(&rest, 1, &h));
	SP_TRY(read_head(&rest, *h, &v));
	*m = rest;
	*ret = v;
	return 0;
}

/// Walk one value; `strict` also looks into its strings.
static int walk(struct sp_bytes *m, bool strict)
{
	uint64_t left[SP_CV_DEPTH_MAX + 1] = {1};
	unsigned depth = 0;

	for (;;) {
		struct sp_cv_value v;

		while (left[depth] == 0) {
			if (depth == 0)
				return 0;
			depth--;
		}
		left[depth]--;
		SP_TRY(sp_cv_next(m, &v));
		if (strict && v.type == SP_CV_STR &&
			(!sp_utf8_ok(v.s) || (v.s.n && memchr(v.s.p, 0, v.s.n))))
			return -EILSEQ;
		if (v.type == SP_CV_ARRAY || v.type == SP_CV_MAP) {
			if (depth == SP_CV_DEPTH_MAX)
				return -E2BIG;
			left[++depth] = v.type == SP_CV_MAP ? (uint64_t)v.n * 2 : v.n;
		}
	}
}

int sp_cv_skip(struct sp_bytes *m, struct sp_bytes *ret)
{
	struct sp_bytes rest = *m;

	SP_TRY(walk(&rest, false));
	if (ret)
		*ret = sp_bytes(m->p, m->n - rest.n);
	*m = rest;
	return 0;
}

int sp_cv_check(struct sp_bytes m)
{
	SP_TRY(walk(&m, true));
	return m.n == 0 ? 0 : -EBADMSG;
}

int sp_cv_get(struct sp_bytes map, struct sp_bytes key, struct sp_bytes *ret)
{
	struct sp_bytes found = SP_NOBYTES, value;
	struct sp_cv_value head, k;

	SP_TRY(sp_cv_next(&map, &head));
	if (head.type != SP_CV_MAP)
		return -EINVAL;
	for (uint32_t i = 0; i < head.n; i++) {
		struct sp_bytes at;

		SP_TRY(sp_cv_skip(&map, &at));
		SP_TRY(sp_cv_next(&at, &k));
		SP_TRY(sp_cv_skip(&map, &value));
		if (k.type != SP_CV_STR || !sp_bytes_eq(k.s, key))
			continue;
		if (found.n)
			return -EEXIST;
		found = value;
	}
	if (!found.n)
		return -ENOENT;
	*ret = found;
	return 0;
}

static void json_scalar(const struct sp_cv_value *v, struct sp_out *out)
{
	char text[40];

	switch (v->type) {
	case SP_CV_NIL:
		sp_out_lit(out, "null");
		return;
	case SP_CV_BOOL:
		sp_out_bytes(out, v->u ? SP_LIT("true") : SP_LIT("false"));
		return;
	case SP_CV_UINT:
		sp_out_u64(out, v->u);
		return;
	case SP_CV_INT:
		snprintf(text, sizeof(text), "%lld", (long long)v->i);
		sp_out_bytes(out, sp_bytes_cstr(text));
		return;
	case SP_CV_FLOAT:
		snprintf(text, sizeof(text), "%.17g", v->f);
		sp_out_bytes(out, isfinite(v->f) ? sp_bytes_cstr(text) : SP_LIT("null"));
		return;
	case SP_CV_STR:
		sp_out_lit(out, "\"");
		sp_out_json_escaped(out, v->s);
		sp_out_lit(out, "\"");
		return;
	case SP_CV_BIN:
		sp_out_lit(out, "\"");
		sp_out_hex(out, v->s);
		sp_out_lit(out, "\"");
		return;
	case SP_CV_ARRAY:
	case SP_CV_MAP:
		return;
	}
}

static void json_value(struct sp_bytes *m, struct sp_out *out, unsigned depth)
{
	struct sp_cv_value v;
	bool map;

	if (depth > SP_CV_DEPTH_MAX || sp_cv_next(m, &v) < 0) {
		out->overflow = true;
		return;
	}
	if (v.type != SP_CV_ARRAY && v.type != SP_CV_MAP) {
		json_scalar(&v, out);
		return;
	}
	map = v.type == SP_CV_MAP;
	sp_out_bytes(out, map ? SP_LIT("{") : SP_LIT("["));
	for (uint32_t i = 0; i < v.n && !out->overflow; i++) {
		if (i)
			sp_out_lit(out, ",");
		json_value(m, out, depth + 1);
		if (map) {
			sp_out_lit(out, ":");
			json_value(m, out, depth + 1);
		}
	}
	sp_out_bytes(out, map ? SP_LIT("}") : SP_LIT("]"));
}

void sp_cv_json(struct sp_bytes m, struct sp_out *out)
{
	json_value(&m, out, 0);
}
