/// Private to channel.c and channel_trusted.c: how a ring lies in memory, and the first checks.
#pragma once

#include "common/channel.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include <rte_ring.h>
#pragma GCC diagnostic pop

#define SP_ARENA_ALIGN 8u

static inline uint64_t sp_arena_round(uint64_t n)
{
	return (n + SP_ARENA_ALIGN - 1) & ~(uint64_t)(SP_ARENA_ALIGN - 1);
}
/// Elements lie right behind the header (rte_ring_elem.h).
static inline void *sp_ring_slot(struct rte_ring *r, uint32_t index, uint32_t mask, size_t elem)
{
	return (uint8_t *)(r + 1) + (size_t)(index & mask) * elem;
}
/// Resolve every part of the region and read the sizes once; all later use is of these copies.
/// -EINVAL when a part lies outside or a size is impossible.
SP_MUST_CHECK int sp_channel_open(const struct sp_shm *shm, struct sp_channel *ret);
/// Where in the arena the record `d` ends, as a position; `fallback` when d is no possible record.
uint32_t sp_channel_end(
	const struct sp_channel *c, const struct sp_audit_desc *d, uint32_t fallback);
