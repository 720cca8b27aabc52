#include "common/mp.h"

#include "common/banned.h"

#define DEPTH_MAX 8

static const uint8_t *take(struct sp_mp *m, size_t n)
{
	const uint8_t *p = m->p;

	if (sp_unlikely(m->bad || n > (size_t)(m->end - m->p))) {
		m->bad = true;
		return NULL;
	}
	m->p += n;
	return p;
}

static uint64_t be(struct sp_mp *m, size_t n)
{
	const uint8_t *p = take(m, n);
	uint64_t v = 0;

	if (p && n == sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		return __builtin_bswap64(v);
	}
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static int tag(struct sp_mp *m)
{
	const uint8_t *p = take(m, 1);

	return p ? *p : -1;
}

uint64_t sp_mp_u(struct sp_mp *m)
{
	int t = tag(m);

	if (t >= 0 && t <= 0x7f)
		return (uint64_t)t;
	if (t >= 0xcc && t <= 0xcf)
		return be(m, (size_t)1 << (t - 0xcc));
	m->bad = true;
	return 0;
}

static struct sp_bytes run(struct sp_mp *m, uint64_t n)
{
	const uint8_t *p = take(m, n);

	return p ? sp_bytes(p, n) : SP_NOBYTES;
}

struct sp_bytes sp_mp_str(struct sp_mp *m)
{
	int t = tag(m);

	if (t >= 0xa0 && t <= 0xbf)
		return run(m, (uint64_t)(t & 0x1f));
	if (t >= 0xd9 && t <= 0xdb)
		return run(m, be(m, (size_t)1 << (t - 0xd9)));
	m->bad = true;
	return SP_NOBYTES;
}

struct sp_bytes sp_mp_bin(struct sp_mp *m)
{
	int t = tag(m);

	if (t >= 0xc4 && t <= 0xc6)
		return run(m, be(m, (size_t)1 << (t - 0xc4)));
	m->bad = true;
	return SP_NOBYTES;
}

uint32_t sp_mp_map(struct sp_mp *m)
{
	int t = tag(m);

	if (t >= 0x80 && t <= 0x8f)
		return (uint32_t)(t & 0x0f);
	if (t == 0xde)
		return (uint32_t)be(m, 2);
	m->bad = true;
	return 0;
}

static void skip(struct sp_mp *m, int depth);

static void skip_many(struct sp_mp *m, uint64_t n, int depth)
{
	if (depth >= DEPTH_MAX)
		m->bad = true;
	while (n-- && !m->bad)
		skip(m, depth + 1);
}

/// The types from 0xc0 on, by their tag.
static void skip_tagged(struct sp_mp *m, int t, int depth)
{
	static const uint8_t fixed[] = {// 0xca..0xd8: floats, integers, fixext
		4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17};

	if (t >= 0xc4 && t <= 0xc6)
		take(m, be(m, (size_t)1 << (t - 0xc4)));
	else if (t >= 0xc7 && t <= 0xc9)
		take(m, be(m, (size_t)1 << (t - 0xc7)) + 1);
	else if (t >= 0xca && t <= 0xd8)
		take(m, fixed[t - 0xca]);
	else if (t >= 0xd9 && t <= 0xdb)
		take(m, be(m, (size_t)1 << (t - 0xd9)));
	else if (t == 0xdc || t == 0xdd)
		skip_many(m, be(m, t == 0xdc ? 2 : 4), depth);
	else if (t == 0xde || t == 0xdf)
		skip_many(m, 2 * be(m, t == 0xde ? 2 : 4), depth);
	else if (t == 0xc1)
		m->bad = true;
}

static void skip(struct sp_mp *m, int depth)
{
	int t = tag(m);

	if (t <= 0x7f || t >= 0xe0)
		return;
	if (t <= 0x8f)
		skip_many(m, 2 * (uint64_t)(t & 0x0f), depth);
	else if (t <= 0x9f)
		skip_many(m, (uint64_t)(t & 0x0f), depth);
	else if (t <= 0xbf)
		take(m, (size_t)(t & 0x1f));
	else
		skip_tagged(m, t, depth);
}

void sp_mp_skip(struct sp_mp *m)
{
	skip(m, 0);
}

static inline void put_be(struct sp_out *o, uint8_t t, uint64_t v, size_t n)
{
	uint64_t wire = n ? __builtin_bswap64(v << 8 * (8 - n)) : 0;
	uint8_t b[9];

	b[0] = t;
	memcpy(b + 1, &wire, sizeof(wire));
	if (sp_unlikely(o->cap - o->len < sizeof(b))) {
		sp_out_put(o, b, 1 + n);
		return;
	}
	// All of it, in moves of fixed size: what is too much is written over by what follows.
	memcpy(o->p + o->len, b, sizeof(b));
	o->len += 1 + n;
}

void sp_mp_put_u(struct sp_out *o, uint64_t v)
{
	if (v <= 0x7f)
		put_be(o, (uint8_t)v, 0, 0);
	else if (v <= UINT8_MAX)
		put_be(o, 0xcc, v, 1);
	else if (v <= UINT16_MAX)
		put_be(o, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_be(o, 0xce, v, 4);
	else
		put_be(o, 0xcf, v, 8);
}

static void put_run(struct sp_out *o, uint8_t tag8, struct sp_bytes v)
{
	if (v.n > UINT16_MAX)
		o->overflow = true;
	else if (v.n <= UINT8_MAX)
		put_be(o, tag8, v.n, 1);
	else
		put_be(o, (uint8_t)(tag8 + 1), v.n, 2);
	sp_out_bytes(o, v);
}

void sp_mp_put_str(struct sp_out *o, struct sp_bytes v)
{
	if (v.n <= 31) {
		put_be(o, (uint8_t)(0xa0 | v.n), 0, 0);
		sp_out_bytes(o, v);
	} else {
		put_run(o, 0xd9, v);
	}
}

void sp_mp_put_bin(struct sp_out *o, struct sp_bytes v)
{
	put_run(o, 0xc4, v);
}

void sp_mp_put_map(struct sp_out *o, uint16_t pairs)
{
	put_be(o, 0xde, pairs, 2);
}

/// Length of the well-formed multi-byte sequence at p (n bytes left), or 0.
static size_t utf8_seq(const uint8_t *p, size_t n)
{
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

struct sp_bytes sp_utf8_cut(struct sp_bytes s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && (s.p[max] & 0xc0) == 0x80)
		max--;
	return sp_bytes(s.p, max);
}

/// The last eight bytes, or four, are looked at together with some before them.
static inline bool ascii(const uint8_t *p, size_t n)
{
	uint64_t seen = 0, eight;
	uint32_t a, b;

	if (n >= sizeof(eight)) {
		for (size_t i = 0; i < n - sizeof(eight); i += sizeof(eight)) {
			memcpy(&eight, p + i, sizeof(eight));
			seen |= eight;
		}
		memcpy(&eight, p + n - sizeof(eight), sizeof(eight));
		seen |= eight;
	} else if (n >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		memcpy(&b, p + n - sizeof(b), sizeof(b));
		seen = a | b;
	} else if (n) {
		seen = p[0] | p[n / 2] | p[n - 1];
	}
	return !(seen & 0x8080808080808080ull);
}

bool sp_utf8_ok(struct sp_bytes s)
{
	if (ascii(s.p, s.n))
		return true;
	for (size_t i = 0; i < s.n;) {
		uint64_t eight;
		size_t len = 1;

		if (s.n - i >= sizeof(eight)) {
			memcpy(&eight, s.p + i, sizeof(eight));
			if (!(eight & 0x8080808080808080ull)) {
				i += sizeof(eight);
				continue;
			}
		}
		if (s.p[i] >= 0x80)
			len = utf8_seq(s.p + i, s.n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}
