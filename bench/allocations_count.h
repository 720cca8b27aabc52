/// What allocations_count.c shares with bench/allocations, through a file of the bench's: the
/// layout is read by the script, field by field.
#pragma once

#include "common/base.h"

#define COUNT_SITES 256u
#define COUNT_DEPTH 24u

struct count_site {
	uint64_t n, bytes;
	uint64_t depth; ///< 0 = free
	uint64_t pc[COUNT_DEPTH];
};

struct count_page {
	_Atomic uint64_t trace; ///< set by the bench: keep where allocations come from
	uint64_t malloc, calloc, realloc, aligned, free; ///< calls, of all threads
	uint64_t bytes; ///< asked for
	uint64_t unplaced; ///< allocations whose site found no room
	struct count_site site[COUNT_SITES];
};
