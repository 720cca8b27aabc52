/// Inside common/windows: which cell of the table a key has. Lock-free; see windows.h.
#pragma once

#include "common/windows.h"

#define SP_CELLS 15u ///< of a bucket: keys and claim fill two cache lines, words the next two
#define SP_CELL_SHAPES 15ull ///< low bits of a stored key: how its word is packed
/// Words below this count for nothing: 0 = never used, closed or fresh ones with the sequence of
/// their claim, so that no such word comes twice.
#define SP_CELL_SPECIAL (1ull << 16)

struct sp_window_bucket {
	/// key << 16 | sequence << 5 | cell << 1 | pending. Any worker, compare-and-swap.
	alignas(SP_CACHE_LINE) _Atomic uint64_t claim;
	/// sequence of its claim << 48 | 48 bits of key, 0 = empty; any worker, compare-and-swap. The sequence keeps a
	/// worker that comes late from taking a key that came back for the one it saw.
	_Atomic uint64_t key[SP_CELLS];
	_Atomic uint64_t word[SP_CELLS + 1]; ///< any worker, compare-and-swap
};
/// Beside each bucket, read when a cell is made: who made its cells. Sequence of the claim + 1 << 20 | agent; one
/// that is not its key's is not noted yet. Any worker, compare-and-swap.
struct sp_window_makers {
	alignas(SP_CACHE_LINE) _Atomic uint32_t of[SP_CELLS + 1];
};
struct sp_cell_ref {
	_Atomic uint64_t *key, *word;
	uint64_t stored; ///< its key, with the sequence
};

#define SP_CELL_LOOK UINT32_MAX
/// The cell of `key`; when it is not there, made by agent `maker` (0: nobody) unless that is SP_CELL_LOOK. -ENOENT,
/// -ENOSPC, -EUSERS.
SP_MUST_CHECK int sp_cell_find(const struct sp_windows *t, uint64_t key, unsigned shape,
	uint64_t boot_ns, uint32_t maker, struct sp_cell_ref *ret);
static inline uint64_t sp_cell_word(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_seq_cst);
}
static inline bool sp_cell_swap(_Atomic uint64_t *p, uint64_t old, uint64_t new)
{
	return atomic_compare_exchange_strong_explicit(
		p, &old, new, memory_order_seq_cst, memory_order_seq_cst);
}
/// The cell is being given away.
static inline bool sp_cell_closed(uint64_t word)
{
	return word < SP_CELL_SPECIAL && (word & 1);
}
/// Its word, which belonged to its key; false when the cell is another's by now, or is being given
/// away.
static inline bool sp_cell_load(const struct sp_cell_ref *c, uint64_t *ret)
{
	*ret = sp_cell_word(c->word);
	return !sp_cell_closed(*ret) && sp_cell_word(c->key) == c->stored;
}

/// windows.c: the word counts for nothing any more, so its cell may go to another key.
bool sp_cell_over(const struct sp_windows *t, uint64_t key, uint64_t word, uint64_t boot_ns);
