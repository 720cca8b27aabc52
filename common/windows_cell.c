#include "common/windows_cell.h"

#include "common/banned.h"

#define PENDING 1ull
#define KEY_BITS 48u
#define CELL_OF(claim) ((unsigned)((claim) >> 1 & 15))
#define KEY_OF(claim) ((claim) >> 16)
#define SEQ_SHIFT 5u
#define SEQ_STEP (1ull << SEQ_SHIFT)
#define SEQ_MASK (0x7ffull << SEQ_SHIFT) // keeps clear of the low bits of closed and fresh words
#define AGENT_BITS 20u // as many as a policy may have

/// A bucket, and who made its cells.
struct place {
	struct sp_window_bucket *b;
	_Atomic uint32_t *maker;
};

static uint64_t bare(uint64_t key)
{
	return key & ((1ull << KEY_BITS) - 1);
}

static uint64_t key_of(uint64_t claim)
{
	return KEY_OF(claim) | (claim & SEQ_MASK) << (KEY_BITS - SEQ_SHIFT);
}

static uint32_t note_of(uint64_t stored, uint32_t agent)
{
	return ((uint32_t)(stored >> KEY_BITS) + 1) << AGENT_BITS |
	       (agent & ((1u << AGENT_BITS) - 1));
}

static uint64_t closed_by(uint64_t claim)
{
	return (claim & SEQ_MASK) | 1;
}

static uint64_t fresh_of(uint64_t claim)
{
	return (claim & SEQ_MASK) | 2;
}

static uint32_t load_note(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_seq_cst);
}

static bool swap_note(_Atomic uint32_t *p, uint32_t old, uint32_t new)
{
	return atomic_compare_exchange_strong_explicit(
		p, &old, new, memory_order_seq_cst, memory_order_seq_cst);
}

/// Bring a pending claim to its end, whoever made it: close the cell's old word, give the cell its
/// new key, open its word. A cell whose old window came to life again meanwhile is left alone.
static void finish(const struct sp_windows *t, struct place at, uint64_t claim, uint64_t boot_ns)
{
	struct sp_window_bucket *b = at.b;
	unsigned i = CELL_OF(claim);
	uint64_t closed = closed_by(claim);

	while (sp_cell_word(&b->claim) == claim) {
		uint32_t note = load_note(&at.maker[i]); // before the key: so it is not the new one's
		uint64_t word = sp_cell_word(&b->word[i]), key = sp_cell_word(&b->key[i]);

		if (sp_cell_word(&b->word[i]) != word)
			continue; // else an old key would be held against a new one's word
		if (bare(key) == KEY_OF(claim)) {
			if (sp_cell_closed(word) && word != closed) {
				sp_cell_swap(&b->word[i], word, closed);
				continue;
			}
			if (word == closed)
				sp_cell_swap(&b->word[i], closed, fresh_of(claim));
			sp_cell_swap(&b->claim, claim, claim & ~PENDING);
		} else if (word == closed) {
			swap_note(&at.maker[i], note, 0);
			sp_cell_swap(&b->key[i], key, key_of(claim));
		} else if (key == 0 || sp_cell_over(t, bare(key), word, boot_ns)) {
			sp_cell_swap(&b->word[i], word, closed);
		} else {
			sp_cell_swap(&b->claim, claim, claim & ~PENDING);
		}
	}
}

static int seek(const struct sp_window_bucket *b, uint64_t stored, uint64_t *ret_key)
{
	for (unsigned i = 0; i < SP_CELLS; i++) {
		*ret_key = sp_cell_word(&b->key[i]);
		if (bare(*ret_key) == stored)
			return (int)i;
	}
	return -ENOENT;
}

static bool is_noted(uint32_t note, uint64_t stored)
{
	return note >> AGENT_BITS == note_of(stored, 0) >> AGENT_BITS;
}

/// A cell that may be given away: an empty one before one whose window is over. Who has its share of the bucket gets
/// one of its own. What nobody has noted yet may be anybody's: it counts as the maker's, and is not taken for that.
/// A cell in which nobody has counted yet goes last: its maker is about to, and may be the call that wants this one.
static int seek_free(
	const struct sp_windows *t, struct place at, uint32_t maker, uint64_t boot_ns)
{
	int empty = -1, over = -ENOSPC, own_over = -EUSERS;
	uint32_t own = 0;

	for (unsigned i = SP_CELLS; i-- > 0;) {
		uint64_t key = sp_cell_word(&at.b->key[i]), word;
		uint32_t note = load_note(&at.maker[i]);
		bool mine = maker && note == note_of(key, maker), fresh;

		if (key == 0) {
			empty = (int)i;
			continue;
		}
		own += mine || (maker && !is_noted(note, key));
		word = sp_cell_word(&at.b->word[i]);
		fresh = word < SP_CELL_SPECIAL;
		if (!sp_cell_over(t, bare(key), word, boot_ns))
			continue;
		if (!fresh || over < 0)
			over = (int)i;
		if (mine && (!fresh || own_over < 0))
			own_over = (int)i;
	}
	if (own >= t->agent_cells)
		return own_over;
	return empty >= 0 ? empty : over;
}

static struct place place_of(const struct sp_windows *t, uint64_t key)
{
	uint64_t i = (key >> 44) & t->mask;

	return (struct place){&t->bucket[i], t->makers[i].of};
}

void sp_windows_ahead(const struct sp_windows *t, uint64_t key)
{
	const uint8_t *b = (const uint8_t *)place_of(t, key).b;

	for (size_t at = 0; at < sizeof(struct sp_window_bucket); at += SP_CACHE_LINE)
		__builtin_prefetch(b + at, 1);
}

/// Unless the cell is another's again, or never was this claim's.
static void note_maker(struct place at, uint64_t claim, uint32_t maker)
{
	unsigned i = CELL_OF(claim);
	uint64_t key = key_of(claim);
	uint32_t note;

	do {
		note = load_note(&at.maker[i]);
		if (sp_cell_word(&at.b->key[i]) != key)
			return;
	} while (!swap_note(&at.maker[i], note, note_of(key, maker)));
}

/// A claim is pending, or the cell must be made.
static __attribute__((noinline)) int settle(const struct sp_windows *t, struct place at,
	uint64_t stored, uint64_t boot_ns, uint32_t maker, struct sp_cell_ref *ret)
{
	struct sp_window_bucket *b = at.b;
	uint64_t found;
	int i;

	while (true) {
		uint64_t claim = sp_cell_word(&b->claim);

		if (claim & PENDING)
			finish(t, at, claim, boot_ns);
		i = seek(b, stored, &found);
		if (i >= 0 && !sp_cell_closed(sp_cell_word(&b->word[i])))
			break;
		if (maker == SP_CELL_LOOK)
			return -ENOENT;
		if (claim & PENDING)
			continue; // look again, with nothing pending before and after
		if (i < 0)
			i = seek_free(t, at, maker, boot_ns);
		if (i < 0)
			return i;
		uint64_t mine =
			stored << 16 | ((claim + SEQ_STEP) & SEQ_MASK) | (uint64_t)i << 1 | PENDING;

		if (!sp_cell_swap(&b->claim, claim, mine))
			continue;
		finish(t, at, mine, boot_ns);
		note_maker(at, mine, maker);
	}
	*ret = (struct sp_cell_ref){&b->key[i], &b->word[i], found};
	return 0;
}

int sp_cell_find(const struct sp_windows *t, uint64_t key, unsigned shape, uint64_t boot_ns,
	uint32_t maker, struct sp_cell_ref *ret)
{
	struct place at = place_of(t, key);
	struct sp_window_bucket *b = at.b;
	// 48 bits: the low ones of the key and the shape; never 0
	uint64_t stored = bare(key << 4) | shape, found;
	int i;

	if (stored >> 4 == 0)
		stored |= 1ull << (KEY_BITS - 1);
	if (!(sp_cell_word(&b->claim) & PENDING)) {
		i = seek(b, stored, &found);
		if (i >= 0 && !sp_cell_closed(sp_cell_word(&b->word[i]))) {
			*ret = (struct sp_cell_ref){&b->key[i], &b->word[i], found};
			return 0;
		}
	}
	return settle(t, at, stored, boot_ns, maker, ret);
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
	return buckets_of(cells) *
	       (sizeof(struct sp_window_bucket) + sizeof(struct sp_window_makers));
}

int sp_windows_attach(
	void *base, size_t bytes, uint32_t cells, uint64_t session_ns, struct sp_windows *ret)
{
	if (!base || (uintptr_t)base % SP_CACHE_LINE || bytes < sp_windows_bytes(cells))
		return -EINVAL;
	*ret = (struct sp_windows){
		.bucket = base, .mask = buckets_of(cells) - 1, .session_ns = session_ns};
	ret->makers = (struct sp_window_makers *)(ret->bucket + ret->mask + 1);
	ret->agent_cells = SP_CELLS + 1;
	return 0;
}

void sp_windows_share(struct sp_windows *t, uint32_t percent)
{
	t->agent_cells = percent < 100 ? sp_max((SP_CELLS * percent + 50) / 100, 1u) : SP_CELLS + 1;
}
