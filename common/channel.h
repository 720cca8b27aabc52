/// A worker's rings in its channel region: audit records out, control messages in and out.
/// Each is single-producer single-consumer (rte_ring in shared memory, header-only, no EAL): a peer
/// that dies at any instruction leaves it usable. The next life calls the same attach function,
/// which takes the ring up where the last complete operation left it.
/// The worker uses rte_ring's own calls. Audit and control keep sizes and their own indexes in private
/// memory and believe of the region only the worker's index, bounded: a hostile worker can hurt only
/// what it says itself.
#pragma once

#include "common/bytes.h"
#include "common/shm.h"

struct rte_ring;

struct sp_channel {
	struct sp_shm shm;
	struct sp_channel_region *r;
	struct rte_ring *audit, *inbox, *outbox;
	uint8_t *arena;
	uint64_t arena_bytes;
	uint64_t head;     ///< producer's own copy of arena_head
	uint64_t tail;     ///< arena_tail: producer's last look at it, audit's own copy
	uint64_t reserved; ///< producer: bytes of the open reservation (with padding)
	uint32_t pos;      ///< producer: head's place in the arena; audit: tail's
	uint32_t off;      ///< producer: where the open reservation starts
	uint64_t seq;      ///< producer: last sequence number used
	bool trusted;      ///< audit or control: the region may be forged by its worker
	uint32_t mask, control_mask;     ///< audit and control: slots of the rings, less one
	uint32_t at, inbox_at, outbox_at; ///< audit's and control's own indexes
	uint64_t faults; ///< audit and control: impossible indexes, offsets and lengths seen
};

/// Bytes a channel region needs; `entries` a power of two, `arena_bytes` a multiple of 64.
size_t sp_channel_bytes(uint32_t entries, size_t arena_bytes, uint32_t control_entries);
/// Supervisor, once, on a fresh region.
SP_MUST_CHECK int sp_channel_format(const struct sp_shm *shm, uint32_t worker, uint32_t entries,
	size_t arena_bytes, uint32_t control_entries);

/// The worker's side. Repairs what a predecessor left half-done; its complete records stay.
SP_MUST_CHECK int sp_channel_attach_worker(const struct sp_shm *shm, struct sp_channel *ret);
/// Room for one record of at most `max` bytes, or NULL when ring or arena is full. No system call.
/// `max` is at most half the arena, else it may be refused for ever.
uint8_t *sp_channel_reserve(struct sp_channel *c, size_t max);
/// Would `records` more find room, with `bytes` in all and `max` the longest? What has to be promised.
bool sp_channel_has_room(struct sp_channel *c, uint32_t records, size_t bytes, size_t max);
/// Publish the first `len` bytes of the reservation; returns the record's sequence number.
uint64_t sp_channel_commit(struct sp_channel *c, size_t len);
/// True when all of this worker's records up to `seq` are durable.
static inline bool sp_channel_durable(const struct sp_channel *c, uint64_t seq)
{
	return atomic_load_explicit(&c->r->durable_seq, memory_order_acquire) >= seq;
}

/// The audit writer's side. Repairs as above: records taken but not released come again.
SP_MUST_CHECK int sp_channel_attach_audit(const struct sp_shm *shm, struct sp_channel *ret);
struct sp_channel_record {
	struct sp_bytes bytes; ///< in the arena, valid until released; the worker is not trusted: parse it
	uint64_t seq;
};
/// Look at up to `max` records not yet released, oldest first, skipping `skip` of them.
/// Offsets and lengths were checked against the arena: a bad one is returned as empty bytes.
unsigned sp_channel_peek(struct sp_channel *c, unsigned skip, struct sp_channel_record *ret, unsigned max);
/// Give the oldest `n` back to the worker: only after they are durable.
void sp_channel_release(struct sp_channel *c, unsigned n);
/// Publish that records up to `seq` are durable.
void sp_channel_set_durable(struct sp_channel *c, uint64_t seq);

/// Control's side.
SP_MUST_CHECK int sp_channel_attach_control(const struct sp_shm *shm, struct sp_channel *ret);
/// Control messages: 0, or -ENOBUFS when full / -EAGAIN when empty. `to_worker` names the direction's ring.
SP_MUST_CHECK int sp_channel_msg_put(struct sp_channel *c, bool to_worker, const struct sp_control_msg *m);
SP_MUST_CHECK int sp_channel_msg_get(struct sp_channel *c, bool to_worker, struct sp_control_msg *ret);
