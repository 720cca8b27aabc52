/// Memory that is freed all at once: what a configuration file or a policy becomes lives in one.
#pragma once

#include "common/bytes.h"

struct sp_arena_chunk;
struct sp_arena {
	struct sp_arena_chunk *head;
	size_t bytes; ///< given out so far
};

void sp_arena_init(struct sp_arena *a);
void sp_arena_done(struct sp_arena *a);
/// `n` zeroed bytes, aligned for anything; NULL without memory. Lives until sp_arena_done().
void *sp_arena_alloc(struct sp_arena *a, size_t n);
/// A NUL-terminated copy; NULL without memory.
char *sp_arena_str(struct sp_arena *a, struct sp_bytes s);
