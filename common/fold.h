/// The mixing step of wyhash (Wang Yi, 2019) and its constants: the 64x64 -> 128 bit multiply, folded. Pure. A factor
/// of 0 takes the other's part with it, and one that is known can be undone: where the one who chooses the input is no
/// friend, both factors have a secret in them.
#pragma once

#include "common/base.h"

#define SP_FOLD_0 0xa0761d6478bd642full
#define SP_FOLD_1 0xe7037ed1a0b428dbull
#define SP_FOLD_2 0x8ebc6af09c88c6e3ull
#define SP_FOLD_3 0x589965cc75374cc3ull
#define SP_FOLD_GOLDEN 0x9e3779b97f4a7c15ull ///< 2^64 by the golden ratio

static inline uint64_t sp_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}
