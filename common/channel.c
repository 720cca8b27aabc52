#include "common/channel.h"

#include "common/channel_ring.h"
#include <stdio.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "common/banned.h"

#define RING_ENTRIES_MAX (1u << 24)

struct layout {
	uint64_t audit_ring, arena, inbox, outbox, end;
};

static uint64_t ring_bytes(uint32_t entries, size_t elem)
{
	uint64_t n = sizeof(struct rte_ring) + (uint64_t)entries * elem;

	return (n + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE;
}

static struct layout layout_of(uint32_t entries, size_t arena_bytes, uint32_t control_entries)
{
	struct layout l;
	uint64_t start = sizeof(struct sp_channel_region);

	l.audit_ring = (start + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE;
	l.arena = l.audit_ring + ring_bytes(entries, sizeof(struct sp_audit_desc));
	l.inbox = l.arena + arena_bytes;
	l.outbox = l.inbox + ring_bytes(control_entries, sizeof(struct sp_control_msg));
	l.end = l.outbox + ring_bytes(control_entries, sizeof(struct sp_control_msg));
	return l;
}

static bool entries_ok(uint32_t n)
{
	return n >= 2 && n <= RING_ENTRIES_MAX && (n & (n - 1)) == 0;
}

size_t sp_channel_bytes(uint32_t entries, size_t arena_bytes, uint32_t control_entries)
{
	return layout_of(entries, arena_bytes, control_entries).end;
}

/// What rte_ring_init() does, without librte_ring and the EAL behind it.
static void ring_format(struct rte_ring *r, const char *name, uint32_t entries)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
	r->prod.sync_type = RTE_RING_SYNC_ST;
	r->cons.sync_type = RTE_RING_SYNC_ST;
	r->size = entries;
	r->mask = entries - 1;
	r->capacity = entries - 1;
}

int sp_channel_format(const struct sp_shm *shm, uint32_t worker, uint32_t entries,
	size_t arena_bytes, uint32_t control_entries)
{
	struct sp_channel_region *r = (struct sp_channel_region *)shm->base;
	struct layout l;

	if (!entries_ok(entries) || !entries_ok(control_entries) || arena_bytes == 0 ||
		arena_bytes % SP_CACHE_LINE != 0 || arena_bytes > UINT32_MAX / 2)
		return -EINVAL;
	l = layout_of(entries, arena_bytes, control_entries);
	if (l.end > shm->size)
		return -ENOSPC;
	r->worker = worker;
	r->entries = entries;
	r->audit_ring_off = l.audit_ring;
	r->arena_off = l.arena;
	r->arena_bytes = arena_bytes;
	r->inbox_off = l.inbox;
	r->outbox_off = l.outbox;
	ring_format((struct rte_ring *)(shm->base + l.audit_ring), "audit", entries);
	ring_format((struct rte_ring *)(shm->base + l.inbox), "inbox", control_entries);
	ring_format((struct rte_ring *)(shm->base + l.outbox), "outbox", control_entries);
	return 0;
}

static int ring_at(const struct sp_shm *shm, uint64_t off, size_t elem, struct rte_ring **ret,
	uint32_t *ret_mask)
{
	struct rte_ring *r = sp_shm_at(shm, off, sizeof(*r));
	uint32_t entries;

	if (!r || off % SP_CACHE_LINE != 0)
		return -EINVAL;
	entries = __atomic_load_n(&r->size, __ATOMIC_RELAXED);
	if (!entries_ok(entries) || !sp_shm_at(shm, off, ring_bytes(entries, elem)))
		return -EINVAL;
	*ret = r;
	*ret_mask = entries - 1;
	return 0;
}

int sp_channel_open(const struct sp_shm *shm, struct sp_channel *ret)
{
	struct sp_channel_region *r = (struct sp_channel_region *)shm->base;
	struct sp_channel c = {.shm = *shm, .r = r};
	uint32_t outbox_mask;

	if (shm->size < sizeof(*r))
		return -EINVAL;
	SP_TRY(ring_at(shm, __atomic_load_n(&r->audit_ring_off, __ATOMIC_RELAXED),
		sizeof(struct sp_audit_desc), &c.audit, &c.mask));
	SP_TRY(ring_at(shm, __atomic_load_n(&r->inbox_off, __ATOMIC_RELAXED),
		sizeof(struct sp_control_msg), &c.inbox, &c.control_mask));
	SP_TRY(ring_at(shm, __atomic_load_n(&r->outbox_off, __ATOMIC_RELAXED),
		sizeof(struct sp_control_msg), &c.outbox, &outbox_mask));
	c.arena_bytes = __atomic_load_n(&r->arena_bytes, __ATOMIC_RELAXED);
	c.arena = sp_shm_at(
		shm, __atomic_load_n(&r->arena_off, __ATOMIC_RELAXED), c.arena_bytes);
	if (!c.arena || c.arena_bytes == 0 || c.arena_bytes % SP_CACHE_LINE != 0 ||
		c.arena_bytes > UINT32_MAX / 2 || outbox_mask != c.control_mask)
		return -EINVAL;
	*ret = c;
	return 0;
}

uint32_t sp_channel_end(
	const struct sp_channel *c, const struct sp_audit_desc *d, uint32_t fallback)
{
	uint64_t end = (uint64_t)d->off + sp_arena_round(d->len);

	if (d->seq == 0 || end > c->arena_bytes)
		return fallback;
	return end == c->arena_bytes ? 0 : (uint32_t)end;
}

int sp_channel_attach_worker(const struct sp_shm *shm, struct sp_channel *ret)
{
	struct sp_channel c;
	struct sp_audit_desc last;
	uint64_t durable;
	uint32_t end;

	SP_TRY(sp_channel_open(shm, &c));
	// A half-done enqueue moved only the head; a half-done dequeue likewise.
	c.audit->prod.head = c.audit->prod.tail;
	c.outbox->prod.head = c.outbox->prod.tail;
	c.inbox->cons.head = c.inbox->cons.tail;
	last = *(struct sp_audit_desc *)sp_ring_slot(
		c.audit, c.audit->prod.tail - 1, c.mask, sizeof(last));
	// No more than a ring of records is ever not yet durable: a forged number does not outlive its worker.
	durable = atomic_load_explicit(&c.r->durable_seq, memory_order_acquire);
	c.seq = last.seq - durable > c.mask ? durable + c.mask : last.seq;
	c.tail = atomic_load_explicit(&c.r->arena_tail, memory_order_acquire);
	c.pos = (uint32_t)(c.tail % c.arena_bytes);
	c.head = c.tail;
	end = sp_channel_end(&c, &last, c.pos);
	c.head += end >= c.pos ? end - c.pos : end + c.arena_bytes - c.pos;
	c.pos = end;
	atomic_store_explicit(&c.r->arena_head, c.head, memory_order_relaxed);
	atomic_store_explicit(&c.r->produced_seq, c.seq, memory_order_release);
	*ret = c;
	return 0;
}

bool sp_channel_has_room(struct sp_channel *c, uint32_t records, size_t bytes, size_t max)
{
	// one may have to begin anew at the arena's start, and each is rounded up
	uint64_t need = bytes + max + (uint64_t)records * SP_ARENA_ALIGN;

	if (rte_ring_free_count(c->audit) < records)
		return false;
	if (need < c->arena_bytes - (c->head - c->tail))
		return true;
	c->tail = atomic_load_explicit(&c->r->arena_tail, memory_order_acquire);
	return need < c->arena_bytes - (c->head - c->tail);
}

uint8_t *sp_channel_reserve(struct sp_channel *c, size_t max)
{
	uint64_t need = sp_arena_round(max);
	uint32_t off = c->pos;

	if (sp_unlikely(need >= c->arena_bytes) || rte_ring_free_count(c->audit) == 0)
		return NULL;
	if (need > c->arena_bytes - c->pos) {
		need += c->arena_bytes - c->pos;
		off = 0;
	}
	// Never quite full: head and tail at one place always mean an empty arena.
	if (need >= c->arena_bytes - (c->head - c->tail)) {
		c->tail = atomic_load_explicit(&c->r->arena_tail, memory_order_acquire);
		if (need >= c->arena_bytes - (c->head - c->tail))
			return NULL;
	}
	c->off = off;
	c->reserved = need;
	return c->arena + off;
}

/// Written in one piece: the ring reads it in one, which could not be had from two before all that was stored earlier,
/// the record itself, has reached the caches.
static void describe(struct sp_audit_desc *ret, uint64_t seq, uint32_t off, uint32_t len)
{
#ifdef __SSE2__
	__m128i all = _mm_set_epi64x((int64_t)((uint64_t)len << 32 | off), (int64_t)seq);

	_Static_assert(sizeof(*ret) == sizeof(all), "what is written at once is all of it");
	__asm__("" : "+x"(all)); // compilers would write the halves
	_mm_storeu_si128((__m128i *)(void *)ret, all);
#else
	*ret = (struct sp_audit_desc){.seq = seq, .off = off, .len = len};
#endif
}

uint64_t sp_channel_commit(struct sp_channel *c, size_t len)
{
	struct sp_audit_desc d;
	uint64_t padding = c->off == c->pos ? 0 : c->arena_bytes - c->pos;
	uint64_t used = padding + sp_arena_round(len);

	SP_BUG_IF(used > c->reserved);
	describe(&d, c->seq + 1, c->off, (uint32_t)len);
	c->pos = sp_channel_end(c, &d, c->pos);
	c->head += used;
	c->reserved = 0;
	SP_BUG_IF(rte_ring_sp_enqueue_elem(c->audit, &d, sizeof(d)) != 0);
	c->seq = d.seq;
	atomic_store_explicit(&c->r->arena_head, c->head, memory_order_relaxed);
	atomic_store_explicit(&c->r->produced_seq, d.seq, memory_order_release);
	return d.seq;
}
