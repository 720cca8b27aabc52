/// Buffers of one size, mapped at start: memory is committed by use, unless all of it is at once, and given
/// back after large use. One worker, no lock. Exhaustion is the caller's policy (shed and count).
#pragma once

#include "common/base.h"

struct sp_bufpool {
	uint8_t *base;
	uint32_t *free; ///< stack of buffer numbers
	uint32_t free_n, count;
	size_t bytes; ///< of one buffer
	size_t stride; ///< from one to the next
};
SP_MUST_CHECK int sp_bufpool_init(struct sp_bufpool *p, uint32_t count, size_t bytes);
/// Commits all of it now: use takes no page fault then, which is long where a huge page has to be cleared.
void sp_bufpool_commit(struct sp_bufpool *p);
void sp_bufpool_done(struct sp_bufpool *p);
uint8_t *sp_bufpool_get(struct sp_bufpool *p); ///< or NULL
/// `used`: how much of it was written, so that pages of a large one can go back.
void sp_bufpool_put(struct sp_bufpool *p, uint8_t *b, size_t used);
static inline bool sp_bufpool_owns(const struct sp_bufpool *p, const uint8_t *b)
{
	return b >= p->base && b < p->base + (size_t)p->count * p->stride;
}
