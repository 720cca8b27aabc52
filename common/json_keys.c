#include "common/json_scan.h"
#include "common/banned.h"

/// Objects of up to FEW members are compared pair by pair when their hashes hint at a repeat;
/// larger ones up to SOME are sorted only then, and all others always.
#define FEW 8u
#define SOME 32u

#define EACH(byte) (0x0101010101010101u * (byte))

/// Letters that differ in case alone give the same: bit 0x20 is set in all bytes.
static inline uint32_t mix(uint64_t first, uint64_t last, uint64_t n)
{
	uint64_t h;

	first |= EACH(0x20);
	last |= EACH(0x20);
	h = (first ^ (last << 23 | last >> 41) ^ n * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
	return (uint32_t)(h >> 32);
}

static inline uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint32_t load4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/// Under eight bytes: all of them, in loads that may overlap.
static inline uint64_t load_short(const uint8_t *p, uint64_t n)
{
	if (n >= 4)
		return load4(p) | (uint64_t)load4(p + n - 4) << 32;
	return n ? (uint64_t)p[0] | (uint64_t)p[n / 2] << 8 | (uint64_t)p[n - 1] << 16 : 0;
}

static __attribute__((noinline)) uint32_t hash_escaped(
	const uint8_t *base, const struct sp_json_tok *t)
{
	struct sp_json_reader r = sp_json_reader(base, t);
	uint8_t first[8] = {0};
	uint64_t tail = 0, n = 0;
	int c;

	while ((c = sp_json_reader_next(&r)) >= 0) {
		if (n < 8)
			first[n] = (uint8_t)c;
		tail = tail >> 8 | (uint64_t)c << 56;
		n++;
	}
	if (n < 8)
		return mix(load_short(first, n), load_short(first, n), n);
	return mix(load8(first), tail, n);
}

/// Of the unescaped bytes: the first eight, the last eight and the length. Collisions cost time
/// that the sort bounds, nothing else. *high gets the high bits of a key's bytes, all of them when it is escaped.
static inline uint32_t hash(const uint8_t *base, const struct sp_json_tok *t, uint64_t *high)
{
	const uint8_t *p = base + t->off;
	uint64_t first, last;

	if (sp_unlikely(t->escaped)) {
		*high = ~0ull;
		return hash_escaped(base, t);
	}
	if (t->len < 8) {
		first = last = load_short(p, t->len);
	} else {
		first = load8(p);
		last = load8(p + t->len - 8);
		for (uint32_t i = 8; i + 8 < t->len; i += 8)
			*high |= load8(p + i);
	}
	*high |= first | last;
	return mix(first, last, t->len);
}

/// Lexicographic order of the unescaped bytes.
static int compare(const uint8_t *base, const struct sp_json_tok *a, const struct sp_json_tok *b)
{
	struct sp_json_reader x, y;
	int c, d;

	if (!a->escaped && !b->escaped) {
		int r = memcmp(base + a->off, base + b->off, sp_min(a->len, b->len));

		return r ? r : (a->len > b->len) - (a->len < b->len);
	}
	x = sp_json_reader(base, a);
	y = sp_json_reader(base, b);
	do {
		c = sp_json_reader_next(&x);
		d = sp_json_reader_next(&y);
	} while (c == d && c >= 0);
	return c - d;
}

/// Key after key k of the same object; a value's `next` is final once it was read.
static inline uint32_t next_key(const struct sp_json_tok *tok, uint32_t k)
{
	return tok[k + 1].next;
}

static uint32_t repeated_among_few(const uint8_t *base, struct sp_json_tok *tok, uint32_t obj)
{
	uint32_t first = obj + 1, end = tok[obj].next;

	for (uint32_t k = next_key(tok, first); k < end; k = next_key(tok, k))
		for (uint32_t e = first; e < k; e = next_key(tok, e))
			if (compare(base, &tok[e], &tok[k]) == 0)
				return k;
	return SP_JSON_NONE;
}

/// The sort works on lists of key tokens: `count` links (0 ends), `next` holds the hash.
static int order(const uint8_t *base, const struct sp_json_tok *tok, uint32_t a, uint32_t b)
{
	if (tok[a].next != tok[b].next)
		return tok[a].next < tok[b].next ? -1 : 1;
	return compare(base, &tok[a], &tok[b]);
}

/// Merge the run of up to `n` keys at *a with the run of up to `n` keys after it; append to *tail.
/// The head of what follows both runs.
static uint32_t merge_runs(const uint8_t *base, struct sp_json_tok *tok, uint32_t a, uint32_t n,
	uint32_t *head, uint32_t *tail)
{
	uint32_t b = a, left = 0, right = n;

	while (b && left < n) {
		b = tok[b].count;
		left++;
	}
	while (left || (right && b)) {
		uint32_t take;

		if (left && (!right || !b || order(base, tok, a, b) <= 0)) {
			take = a;
			a = tok[a].count;
			left--;
		} else {
			take = b;
			b = tok[b].count;
			right--;
		}
		if (*tail)
			tok[*tail].count = take;
		else
			*head = take;
		*tail = take;
	}
	return b;
}

/// Bottom-up stable merge sort: no memory of its own, O(n log n) in any case.
static uint32_t sort_list(const uint8_t *base, struct sp_json_tok *tok, uint32_t head)
{
	for (uint32_t n = 1;; n *= 2) {
		uint32_t rest = head, tail = 0, merges = 0;

		while (rest) {
			rest = merge_runs(base, tok, rest, n, &head, &tail);
			merges++;
		}
		tok[tail].count = 0;
		if (merges <= 1)
			return head;
	}
}

/// The first key in document order that equals an earlier one, of one list.
static uint32_t repeated_in_list(const uint8_t *base, struct sp_json_tok *tok, uint32_t head)
{
	uint32_t found = SP_JSON_NONE;

	head = sort_list(base, tok, head);
	for (uint32_t k = head, after; (after = tok[k].count); k = after)
		if (after < found && order(base, tok, k, after) == 0)
			found = after;
	return found;
}

static uint32_t repeated_by_sorting(const uint8_t *base, struct sp_json_tok *tok, uint32_t obj)
{
	uint32_t list[256] = {0}, tail[256], found = SP_JSON_NONE;
	uint32_t first = obj + 1, end = tok[obj].next;
	uint64_t high = 0;

	for (uint32_t k = first; k < end; k = next_key(tok, k)) {
		uint32_t h = hash(base, &tok[k], &high), slot = h >> 24;

		tok[k].next = h;
		tok[k].count = 0;
		if (list[slot])
			tok[tail[slot]].count = k;
		else
			list[slot] = k;
		tail[slot] = k;
	}
	for (unsigned i = 0; i < 256; i++) {
		if (list[i] && tok[list[i]].count)
			found = sp_min(found, repeated_in_list(base, tok, list[i]));
	}
	for (uint32_t k = first; k < end; k = next_key(tok, k)) {
		tok[k].next = k + 1;
		tok[k].count = 0;
	}
	return found;
}

/// Do two keys fall on one bit? A filter of `words` times 64 bits; no means that all keys differ, and when they
/// are plain ASCII that they differ in more than case.
static inline __attribute__((always_inline)) bool hint_of_repeat(
	const uint8_t *base, struct sp_json_tok *tok, uint32_t obj, uint64_t *seen, uint32_t words)
{
	uint32_t end = tok[obj].next;
	uint64_t again = 0, high = 0;

	for (uint32_t k = obj + 1; k < end; k = next_key(tok, k)) {
		uint32_t h = hash(base, &tok[k], &high);
		uint64_t bit = 1ull << (h >> 26), *word = &seen[h & (words - 1)];

		again |= *word & bit;
		*word |= bit;
	}
	tok[obj].apart = !(again | (high & EACH(0x80)));
	return again;
}

static __attribute__((noinline)) uint32_t repeated_among_some(
	const uint8_t *base, struct sp_json_tok *tok, uint32_t obj)
{
	uint64_t seen[16] = {0};

	if (sp_likely(!hint_of_repeat(base, tok, obj, seen, 16)))
		return SP_JSON_NONE;
	return repeated_by_sorting(base, tok, obj);
}

uint32_t sp_json_repeated_key(const uint8_t *base, struct sp_json_tok *tok, uint32_t obj)
{
	uint64_t seen[4] = {0};

	if (sp_unlikely(tok[obj].count > SOME))
		return repeated_by_sorting(base, tok, obj);
	if (sp_unlikely(tok[obj].count > FEW))
		return repeated_among_some(base, tok, obj);
	if (sp_likely(!hint_of_repeat(base, tok, obj, seen, 4)))
		return SP_JSON_NONE;
	return repeated_among_few(base, tok, obj);
}

bool sp_json_new_name(const uint8_t *base, const struct sp_json_tok *tok, uint32_t obj, uint32_t n, uint32_t count,
	struct sp_bytes name)
{
	if (count > FEW || !name.n)
		return false;
	for (uint32_t k = obj + 1; k < n; k = next_key(tok, k)) {
		const uint8_t *p = base + tok[k].off;
		unsigned differ;

		if (tok[k].len != name.n)
			continue;
		differ = (p[0] ^ name.p[0]) | (p[name.n - 1] ^ name.p[name.n - 1]);
		if (!(differ & ~0x20u))
			return false;
	}
	return true;
}
