#include "common/windows_cell.h"

#include "common/banned.h"

#define PENDING 1ull
#define KEY_BITS 48u
#define CELL_OF(claim) ((unsigned)((claim) >> 1 & 15))
#define KEY_OF(claim) ((claim) >> 16)
#define SEQ_SHIFT 5u
#define SEQ_STEP (1ull << SEQ_SHIFT)
#define SEQ_MASK (0x7ffull << SEQ_SHIFT) // keeps clear of the low bits of closed and fresh words

static uint64_t load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_seq_cst);
}

static bool swap(_Atomic uint64_t *p, uint64_t old, uint64_t new)
{
	return atomic_compare_exchange_strong_explicit(
		p, &old, new, memory_order_seq_cst, memory_order_seq_cst);
}

static uint64_t bare(uint64_t key)
{
	return key & ((1ull << KEY_BITS) - 1);
}

static uint64_t key_of(uint64_t claim)
{
	return KEY_OF(claim) | (claim & SEQ_MASK) << (KEY_BITS - SEQ_SHIFT);
}

static uint64_t closed_by(uint64_t claim)
{
	return (claim & SEQ_MASK) | 1;
}

static uint64_t fresh_of(uint64_t claim)
{
	return (claim & SEQ_MASK) | 2;
}

static bool is_closed(uint64_t word)
{
	return word < SP_CELL_SPECIAL && (word & 1);
}

/// Bring a pending claim to its end, whoever made it: close the cell's old word, give the cell its
/// new key, open its word. A cell whose old window came to life again meanwhile is left alone.
static void finish(
	const struct sp_windows *t, struct sp_window_bucket *b, uint64_t claim, uint64_t boot_ns)
{
	unsigned i = CELL_OF(claim);
	uint64_t closed = closed_by(claim);

	while (load(&b->claim) == claim) {
		uint64_t word = load(&b->word[i]), key = load(&b->key[i]);

		if (load(&b->word[i]) != word)
			continue; // else an old key would be held against a new one's word
		if (bare(key) == KEY_OF(claim)) {
			if (is_closed(word) && word != closed) {
				swap(&b->word[i], word, closed);
				continue;
			}
			if (word == closed)
				swap(&b->word[i], closed, fresh_of(claim));
			swap(&b->claim, claim, claim & ~PENDING);
		} else if (word == closed) {
			swap(&b->key[i], key, key_of(claim));
		} else if (key == 0 || sp_cell_over(t, bare(key), word, boot_ns)) {
			swap(&b->word[i], word, closed);
		} else {
			swap(&b->claim, claim, claim & ~PENDING);
		}
	}
}

static int seek(const struct sp_window_bucket *b, uint64_t stored, uint64_t *ret_key)
{
	for (unsigned i = 0; i < SP_CELLS; i++) {
		*ret_key = load(&b->key[i]);
		if (bare(*ret_key) == stored)
			return (int)i;
	}
	return -ENOENT;
}

/// A cell that may be given away: an empty one before one whose window is over.
static int seek_free(const struct sp_windows *t, const struct sp_window_bucket *b, uint64_t boot_ns)
{
	int over = -ENOSPC;

	for (unsigned i = 0; i < SP_CELLS; i++) {
		uint64_t key = load(&b->key[i]);

		if (key == 0)
			return (int)i;
		if (over < 0 && sp_cell_over(t, bare(key), load(&b->word[i]), boot_ns))
			over = (int)i;
	}
	return over;
}

static struct sp_window_bucket *bucket_of(const struct sp_windows *t, uint64_t key)
{
	return &t->bucket[(key >> 44) & t->mask];
}

void sp_windows_ahead(const struct sp_windows *t, uint64_t key)
{
	const uint8_t *b = (const uint8_t *)bucket_of(t, key);

	for (size_t at = 0; at < sizeof(struct sp_window_bucket); at += SP_CACHE_LINE)
		__builtin_prefetch(b + at, 1);
}

int sp_cell_find(const struct sp_windows *t, uint64_t key, unsigned shape, uint64_t boot_ns,
	bool make, struct sp_cell_ref *ret)
{
	struct sp_window_bucket *b = bucket_of(t, key);
	// 48 bits: the low ones of the key and the shape; never 0
	uint64_t stored = bare(key << 4) | shape, found;
	int i;

	if (stored >> 4 == 0)
		stored |= 1ull << (KEY_BITS - 1);
	while (true) {
		uint64_t claim = load(&b->claim);

		if (claim & PENDING)
			finish(t, b, claim, boot_ns);
		i = seek(b, stored, &found);
		if (i >= 0 && !is_closed(load(&b->word[i])))
			break;
		if (!make)
			return -ENOENT;
		if (claim & PENDING)
			continue; // look again, with nothing pending before and after
		if (i < 0)
			i = seek_free(t, b, boot_ns);
		if (i < 0)
			return i;
		uint64_t mine =
			stored << 16 | ((claim + SEQ_STEP) & SEQ_MASK) | (uint64_t)i << 1 | PENDING;

		if (swap(&b->claim, claim, mine))
			finish(t, b, mine, boot_ns);
	}
	*ret = (struct sp_cell_ref){&b->key[i], &b->word[i], found};
	return 0;
}

bool sp_cell_load(const struct sp_cell_ref *c, uint64_t *ret)
{
	*ret = load(c->word);
	return !is_closed(*ret) && load(c->key) == c->stored;
}

bool sp_cell_swap(const struct sp_cell_ref *c, uint64_t old, uint64_t new)
{
	return swap(c->word, old, new);
}

static uint64_t buckets_of(uint32_t cells)
{
	uint64_t n = 1;

	while (n * SP_CELLS < cells)
		n *= 2;
	return n;
}

size_t sp_windows_bytes(uint32_t cells)
{
	return buckets_of(cells) * sizeof(struct sp_window_bucket);
}

int sp_windows_attach(
	void *base, size_t bytes, uint32_t cells, uint64_t session_ns, struct sp_windows *ret)
{
	if (!base || (uintptr_t)base % SP_CACHE_LINE || bytes < sp_windows_bytes(cells))
		return -EINVAL;
	*ret = (struct sp_windows){base, buckets_of(cells) - 1, session_ns};
	return 0;
}
