/// Keys that some readers take for one: encoding/json of Go and several .NET readers match members
/// without regard to case, Go also by Unicode's simple folding, which brings two letters beyond ASCII
/// to ASCII ones.
#include "common/fold.h"
#include "common/json_scan.h"
#include "common/banned.h"

#define FEW 64u ///< members compared pair by pair

/// A key's bytes as such a reader compares them.
struct folder {
	struct sp_json_reader r;
	int ahead; ///< bytes taken back: a byte, or -1
	int after;
};

static struct folder folder(const struct sp_json *j, uint32_t t)
{
	return (struct folder){sp_json_reader(j->text.p, &j->tok[t]), -1, -1};
}

static int raw(struct folder *f)
{
	int c = f->ahead;

	if (c < 0)
		return sp_json_reader_next(&f->r);
	f->ahead = f->after;
	f->after = -1;
	return c;
}

static int next(struct folder *f)
{
	int c = raw(f), d, e;

	if (c >= 'A' && c <= 'Z')
		return c | 0x20;
	if (c != 0xc5 && c != 0xe2)
		return c;
	d = raw(f);
	if (c == 0xc5 && d == 0xbf) // U+017F, the long s
		return 's';
	e = c == 0xe2 && d == 0x84 ? raw(f) : -1;
	if (e == 0xaa) // U+212A, the sign of kelvin
		return 'k';
	f->ahead = d;
	f->after = e;
	return c;
}

static int compare(const struct sp_json *j, uint32_t a, uint32_t b)
{
	struct folder x = folder(j, a), y = folder(j, b);
	int c, d;

	do {
		c = next(&x);
		d = next(&y);
	} while (c == d && c >= 0);
	return c - d;
}

bool sp_json_str_alike(const struct sp_json *j, uint32_t t, struct sp_bytes name)
{
	struct folder f;

	if (sp_json_type(j, t) != SP_JSON_STRING)
		return false;
	f = folder(j, t);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (next(&f) != (c >= 'A' && c <= 'Z' ? c | 0x20 : c))
			return false;
	}
	return next(&f) < 0;
}

bool sp_json_has_alike(const struct sp_json *j, uint32_t obj, struct sp_bytes name)
{
	uint32_t end;

	if (sp_json_type(j, obj) != SP_JSON_OBJECT)
		return false;
	end = j->tok[obj].next;
	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next)
		if (sp_json_str_alike(j, k, name) && !sp_json_str_eq(j, k, name))
			return true;
	return false;
}

static inline uint64_t mix(uint64_t h, uint64_t word, uint64_t salt)
{
	return sp_fold(h ^ word, salt ^ SP_FOLD_GOLDEN);
}

static __attribute__((noinline)) uint64_t hash_folded(const struct sp_json *j, uint32_t t, uint64_t salt)
{
	struct folder f = folder(j, t);
	uint64_t h = salt, word = 0, n = 0;
	int c;

	for (; (c = next(&f)) >= 0; n++) {
		word |= (uint64_t)c << 8 * (n % 8);
		if (n % 8 == 7) {
			h = mix(h, word, salt);
			word = 0;
		}
	}
	return mix(mix(h, word, salt), n, salt);
}

static inline uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

/// Up to eight bytes, as they lie there, in loads that may overlap.
static inline uint64_t load_few(const uint8_t *p, size_t n)
{
	uint32_t a, b;

	if (n >= 8)
		return load8(p);
	if (n < 4)
		return n ? (uint64_t)p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) |
				   (uint64_t)p[n - 1] << 8 * (n - 1)
			 : 0;
	memcpy(&a, p, 4);
	memcpy(&b, p + n - 4, 4);
	return (uint64_t)a | (uint64_t)b << 8 * (n - 4);
}

static inline uint64_t high_bits(struct sp_bytes s)
{
	uint64_t high = load_few(s.p, s.n);

	for (size_t i = 8; i + 8 <= s.n; i += 8)
		high |= load8(s.p + i);
	if (s.n > 8)
		high |= load8(s.p + s.n - 8);
	return high & 0x8080808080808080u;
}

/// Eight bytes of ASCII, each 'A' to 'Z' in lower case.
static inline uint64_t lower8(uint64_t v)
{
	const uint64_t each = 0x0101010101010101u;
	uint64_t from_a = v + each * (0x80 - 'A'), above_z = v + each * (0x80 - 'Z' - 1);

	return v | (from_a & ~above_z & each * 0x80) >> 2;
}

/// Of all of the key as such a reader has it, so that few but those that are alike are compared.
static inline uint64_t hash(const struct sp_json *j, uint32_t t, uint64_t salt)
{
	struct sp_bytes s = sp_json_span(j, t);
	uint64_t h = salt;
	size_t i = 0;

	if (j->tok[t].escaped || high_bits(s))
		return hash_folded(j, t, salt);
	for (; i + 8 <= s.n; i += 8)
		h = mix(h, lower8(load8(s.p + i)), salt);
	return mix(mix(h, lower8(load_few(s.p + i, s.n - i)), salt), s.n, salt);
}

static bool alike_among_few(const struct sp_json *j, uint32_t obj, uint64_t salt)
{
	uint32_t key[FEW], n = 0, end = j->tok[obj].next;
	uint64_t h[FEW];

	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next, n++) {
		h[n] = hash(j, k, salt);
		key[n] = k;
	}
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (h[i] == h[k] && compare(j, key[i], key[k]) == 0)
				return true;
	return false;
}

struct keyed {
	uint32_t hash, key;
};

static int order(const struct sp_json *j, const struct keyed *a, const struct keyed *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return compare(j, a->key, b->key);
}

static void sift(const struct sp_json *j, struct keyed *v, uint32_t at, uint32_t n)
{
	for (uint32_t down; (down = 2 * at + 1) < n; at = down) {
		struct keyed t = v[at];

		if (down + 1 < n && order(j, &v[down], &v[down + 1]) < 0)
			down++;
		if (order(j, &v[at], &v[down]) >= 0)
			return;
		v[at] = v[down];
		v[down] = t;
	}
}

/// Heap sort: in place, and as fast whatever the keys are.
static bool alike_by_sorting(const struct sp_json *j, uint32_t obj, uint64_t salt, struct keyed *v)
{
	uint32_t n = 0, end = j->tok[obj].next;

	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next)
		v[n++] = (struct keyed){(uint32_t)hash(j, k, salt), k};
	for (uint32_t i = n / 2; i-- > 0;)
		sift(j, v, i, n);
	for (uint32_t last = n - 1; last > 0; last--) {
		struct keyed t = v[0];

		if (last + 1 < n && order(j, &t, &v[last + 1]) == 0)
			return true;
		v[0] = v[last];
		v[last] = t;
		sift(j, v, 0, last);
	}
	return n > 1 && order(j, &v[0], &v[1]) == 0;
}

bool sp_json_alike_keys(
	const struct sp_json *j, uint32_t obj, uint64_t salt, void *room, size_t room_bytes)
{
	uint32_t n = sp_json_type(j, obj) == SP_JSON_OBJECT ? j->tok[obj].count : 0;

	if (n < 2 || j->tok[obj].apart) // most objects end here
		return false;
	if (n <= FEW)
		return alike_among_few(j, obj, salt);
	if (room_bytes / sizeof(struct keyed) < n)
		return true;
	return alike_by_sorting(j, obj, salt, room);
}
