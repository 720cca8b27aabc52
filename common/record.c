#include "common/record.h"

#include "common/clock.h"
#include "common/mp.h"
#include "common/reason.h"
#include <emmintrin.h>
#include <stdio.h>
#include "common/banned.h"

#define TEXT_MAX 512u
#define NUMBERS 128u
#define INLINE static inline __attribute__((always_inline))

enum kind { KIND_NONE, KIND_U, KIND_S, KIND_B, KIND_T };

static const uint8_t kinds[NUMBERS] = {
#define X(sym, key, name, kind) [key] = KIND_##kind,
	SP_RECORD_FIELDS(X)
#undef X
};

static const char *const type_names[] = {
	[SP_RECORD_DECISION] = "decision",
	[SP_RECORD_OUTCOME] = "outcome",
	[SP_RECORD_IN_DOUBT] = "in_doubt",
	[SP_RECORD_AUTH_FAILURE] = "auth_failure",
	[SP_RECORD_ADMIN] = "admin",
	[SP_RECORD_LIFECYCLE] = "lifecycle",
};

const char *sp_record_type_name(unsigned type)
{
	if (type >= SP_ARRAY_LEN(type_names) || !type_names[type])
		return "unknown";
	return type_names[type];
}

int sp_record_type_parse(struct sp_bytes name, unsigned *ret)
{
	for (unsigned i = 0; i < SP_ARRAY_LEN(type_names); i++)
		if (type_names[i] && sp_bytes_eq(name, sp_bytes_cstr(type_names[i]))) {
			*ret = i;
			return 0;
		}
	return -ENOENT;
}

void sp_record_begin(struct sp_record_writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct sp_record_writer){.out = sp_out_init(buf, cap)};
	sp_mp_put_map(&w->out, 0);
}

static void key(struct sp_record_writer *w, enum sp_record_field f)
{
	if (sp_unlikely(w->out.len == w->out.cap)) {
		w->out.overflow = true;
		return;
	}
	w->out.p[w->out.len++] = (uint8_t)f;
	w->fields++;
}

/// Where a field of `n` bytes with its key goes, or NULL: there may be no room for it, find out the long way.
static inline uint8_t *field(struct sp_record_writer *w, enum sp_record_field f, size_t n)
{
	uint8_t *at = w->out.p + w->out.len;

	if (sp_unlikely(w->out.cap - w->out.len < n))
		return NULL;
	at[0] = (uint8_t)f;
	w->fields++;
	return at + 1;
}

void sp_record_u(struct sp_record_writer *w, enum sp_record_field f, uint64_t v)
{
	uint8_t *at = field(w, f, 2 + sizeof(v));
	unsigned log = (v > UINT8_MAX) + (v > UINT16_MAX) + (v > UINT32_MAX);
	uint64_t wire = __builtin_bswap64(v << (64 - (8u << log)));

	if (sp_unlikely(!at)) {
		key(w, f);
		sp_mp_put_u(&w->out, v);
	} else if (v <= 0x7f) {
		*at = (uint8_t)v;
		w->out.len += 2;
	} else { // what is too much of the eight is written over by what follows
		*at = (uint8_t)(0xcc + log);
		memcpy(at + 1, &wire, sizeof(wire));
		w->out.len += 2 + (1u << log);
	}
}

void sp_record_s(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v)
{
	uint8_t *at = v.n <= 31 ? field(w, f, 2 + v.n) : NULL;

	if (!at) {
		key(w, f);
		sp_mp_put_str(&w->out, sp_utf8_cut(v, TEXT_MAX));
		return;
	}
	*at = (uint8_t)(0xa0 | v.n);
	sp_copy_few(at + 1, v.p, v.n);
	w->out.len += 2 + v.n;
}

void sp_record_whole(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v)
{
	if (v.n > SP_RECORD_WHOLE_MAX || w->out.cap - w->out.len < v.n + 8) // key and head
		return;
	key(w, f);
	sp_mp_put_str(&w->out, v);
}

void sp_record_b(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v)
{
	uint8_t *at = v.n <= 32 ? field(w, f, 3 + v.n) : NULL;

	if (!at) {
		key(w, f);
		sp_mp_put_bin(&w->out, v);
		return;
	}
	at[0] = 0xc4;
	at[1] = (uint8_t)v.n;
	sp_copy_few(at + 2, v.p, v.n);
	w->out.len += 3 + v.n;
}

void sp_record_keep(const struct sp_record_writer *w, const struct sp_record_writer *from,
	struct sp_record_piece *ret)
{
	size_t n = w->out.len - from->out.len;

	ret->len = 0;
	if (w->out.overflow || n > sizeof(ret->bytes))
		return;
	memcpy(ret->bytes, w->out.p + from->out.len, n);
	ret->len = (uint16_t)n;
	ret->fields = (uint16_t)(w->fields - from->fields);
}

void sp_record_kept(struct sp_record_writer *w, const struct sp_record_piece *piece)
{
	sp_out_put(&w->out, piece->bytes, piece->len);
	w->fields += piece->fields;
}

int sp_record_end(struct sp_record_writer *w)
{
	if (w->out.overflow || w->out.len > SP_RECORD_MAX)
		return -ENOSPC;
	w->out.p[1] = (uint8_t)(w->fields >> 8);
	w->out.p[2] = (uint8_t)w->fields;
	return (int)w->out.len;
}

static void read_value(struct sp_mp *m, unsigned f, struct sp_record *r)
{
	switch (kinds[f]) {
	case KIND_U:
	case KIND_T:
		r->u[f] = sp_mp_u(m);
		break;
	case KIND_S:
		r->b[f] = sp_mp_str(m);
		if (!sp_utf8_ok(r->b[f]))
			m->bad = true;
		break;
	case KIND_B:
		r->b[f] = sp_mp_bin(m);
		break;
	}
	if (sp_record_has(r, (enum sp_record_field)f))
		m->bad = true;
	r->present[f / 64] |= 1ull << f % 64;
}

static inline uint64_t number_of(const uint8_t *p, unsigned size)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

/// From so many bytes on, a pair of ours but a long text or a long run is read without a look at where the record ends.
#define ROOMY 40u
_Static_assert(ROOMY >= 3 + 32 && ROOMY >= 2 + sizeof(uint64_t), "key, head and value");

/// How long one is should be guessed from the last one, not waited for: hence a branch for each.
INLINE const uint8_t *quick_number(const uint8_t *p, const uint8_t *end, bool roomy, uint64_t *ret)
{
	if (p[0] <= 0x7f) {
		*ret = p[0];
		return p + 1;
	}
	if (!roomy && (size_t)(end - p) < 1 + sizeof(*ret))
		return NULL;
	switch (p[0]) {
	case 0xcc:
		*ret = p[1];
		return p + 2;
	case 0xcd:
		*ret = number_of(p + 1, 2);
		return p + 3;
	case 0xce:
		*ret = number_of(p + 1, 4);
		return p + 5;
	case 0xcf:
		*ret = number_of(p + 1, 8);
		return p + 9;
	default:
		return NULL;
	}
}

INLINE uint64_t high_bits(const uint8_t *p)
{
	return (uint64_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)p));
}

/// Of `n` bytes, those that are there: true when they are few, and ASCII.
INLINE bool short_ascii(const uint8_t *p, size_t n, const uint8_t *end, bool roomy)
{
	uint64_t high;

	if (n > 32 || (!roomy && end - p < (n > 16 ? 32 : 16)))
		return false;
	high = high_bits(p);
	if (n > 16)
		high |= high_bits(p + 16) << 16;
	return !(high & ((1ull << n) - 1));
}

INLINE const uint8_t *quick_run(
	const uint8_t *p, const uint8_t *end, bool text, bool roomy, struct sp_bytes *ret)
{
	bool fix = text && p[0] >> 5 == 0xa0 >> 5;
	size_t head = fix ? 1 : 2, n;

	if ((!roomy && (size_t)(end - p) < head) || (!fix && p[0] != (text ? 0xd9 : 0xc4)))
		return NULL;
	n = fix ? p[0] & 0x1f : p[1];
	p += head;
	if ((!roomy || !fix) && n > (size_t)(end - p))
		return NULL;
	if (text && !short_ascii(p, n, end, roomy) && !sp_utf8_ok(sp_bytes(p, n)))
		return NULL;
	*ret = sp_bytes(p, n);
	return p + n;
}

/// Pairs as our own writer makes them, as far as there are, and as far as there is room when it has to be roomy: where
/// they end.
INLINE const uint8_t *quick_pairs(
	const uint8_t *p, const uint8_t *end, bool roomy, uint32_t *pairs, struct sp_record *r)
{
	uint64_t seen = r->present[0];
	uint32_t left = *pairs;

	for (; left && end - p >= (roomy ? ROOMY : 2); left--) {
		unsigned f = p[0], kind = f < 64 ? kinds[f] : KIND_NONE;
		const uint8_t *next = NULL;

		if (seen >> (f & 63) & 1)
			break;
		if (kind == KIND_S)
			next = quick_run(p + 1, end, true, roomy, &r->b[f]);
		else if (kind == KIND_B)
			next = quick_run(p + 1, end, false, roomy, &r->b[f]);
		else if (kind != KIND_NONE)
			next = quick_number(p + 1, end, roomy, &r->u[f]);
		if (!next)
			break;
		seen |= 1ull << (f & 63);
		p = next;
	}
	r->present[0] = seen;
	*pairs = left;
	return p;
}

int sp_record_read(struct sp_bytes bytes, struct sp_record *ret)
{
	struct sp_mp m = sp_mp_init(bytes);
	uint32_t pairs;

	ret->present[0] = ret->present[1] = 0;
	if (bytes.n > SP_RECORD_MAX)
		return -EBADMSG;
	pairs = sp_mp_map(&m);
	while (pairs && !m.bad) {
		uint64_t f;

		m.p = quick_pairs(m.p, m.end, true, &pairs, ret);
		m.p = quick_pairs(m.p, m.end, false, &pairs, ret); // the rest is read the long way
		if (pairs == 0)
			break;
		pairs--;
		f = sp_mp_u(&m);
		if (f < NUMBERS && kinds[f] != KIND_NONE)
			read_value(&m, (unsigned)f, ret);
		else
			sp_mp_skip(&m);
	}
	if (m.bad || m.p != m.end) {
		ret->present[0] = ret->present[1] = 0;
		return -EBADMSG;
	}
	return 0;
}

void sp_out_time(struct sp_out *out, uint64_t wall_ns)
{
	time_t sec = (time_t)(wall_ns / SP_NS_PER_SEC);
	struct tm tm = {0};
	char text[80];

	gmtime_r(&sec, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(unsigned)(wall_ns % SP_NS_PER_SEC));
	sp_out_bytes(out, sp_bytes_cstr(text));
}
