/// Arrays of the heap that grow by doubling. Any process; not for the hot path.
#pragma once

#include "common/base.h"

/// The array with room for one entry behind its `n`, `*cap` telling how many fit: `v`, or where it lies from now on.
/// NULL without memory, or past what `*cap` can tell: then `v` and `*cap` are as before.
SP_MUST_CHECK static inline void *sp_room_for_one(void *v, uint32_t n, uint32_t *cap, size_t size)
{
	uint64_t more = *cap ? *cap * 2ull : 64;
	void *moved;

	if (n < *cap)
		return v;
	moved = more > UINT32_MAX ? NULL : realloc(v, more * size);
	if (moved)
		*cap = (uint32_t)more;
	return moved;
}
