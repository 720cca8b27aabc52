/// The sides of audit and control: the ring's words are read and written as rte_ring does for a single
/// producer and a single consumer, but with sizes and own indexes from private memory.
#include "common/channel.h"

#include "common/channel_ring.h"
#include "common/record.h"
#include "common/banned.h"

/// Elements ready in `r` from the consumer's own index on. The producer's index may be forged: one
/// that claims more than the ring holds is taken as the new start, as if all had been consumed.
static uint32_t ready(struct sp_channel *c, struct rte_ring *r, uint32_t mask, uint32_t *at)
{
	uint32_t tail = __atomic_load_n(&r->prod.tail, __ATOMIC_ACQUIRE);
	uint32_t n = tail - *at;

	if (sp_likely(n <= mask))
		return n;
	*at = tail;
	c->faults++;
	return 0;
}

static void consumed(struct rte_ring *r, uint32_t at)
{
	__atomic_store_n(&r->cons.head, at, __ATOMIC_RELAXED);
	__atomic_store_n(&r->cons.tail, at, __ATOMIC_RELEASE);
}

static struct sp_audit_desc desc_at(const struct sp_channel *c, uint32_t index)
{
	struct sp_audit_desc d;

	memcpy(&d, sp_ring_slot(c->audit, index, c->mask, sizeof(d)), sizeof(d));
	// One read of each field: the worker may be writing while we judge.
	__asm__ volatile("" ::: "memory");
	return d;
}

int sp_channel_attach_audit(const struct sp_shm *shm, struct sp_channel *ret)
{
	struct sp_channel c;
	struct sp_audit_desc last;
	uint32_t end;

	SP_TRY(sp_channel_open(shm, &c));
	c.trusted = true;
	c.at = __atomic_load_n(&c.audit->cons.tail, __ATOMIC_RELAXED);
	(void)ready(&c, c.audit, c.mask, &c.at);
	consumed(c.audit, c.at);
	// The predecessor may have died between releasing ring entries and their arena.
	c.tail = atomic_load_explicit(&c.r->arena_tail, memory_order_relaxed);
	c.pos = (uint32_t)(c.tail % c.arena_bytes);
	last = desc_at(&c, c.at - 1);
	end = sp_channel_end(&c, &last, c.pos);
	c.tail += end >= c.pos ? end - c.pos : end + c.arena_bytes - c.pos;
	c.pos = end;
	atomic_store_explicit(&c.r->arena_tail, c.tail, memory_order_release);
	*ret = c;
	return 0;
}

unsigned sp_channel_peek(
	struct sp_channel *c, unsigned skip, struct sp_channel_record *ret, unsigned max)
{
	uint32_t n = ready(c, c->audit, c->mask, &c->at);

	n = n > skip ? sp_min(n - skip, max) : 0;
	for (uint32_t i = 0; i < n; i++) {
		struct sp_audit_desc d = desc_at(c, c->at + skip + i);

		if (sp_unlikely(d.len > SP_RECORD_MAX || d.off > c->arena_bytes ||
			    d.len > c->arena_bytes - d.off)) {
			c->faults++;
			ret[i] = (struct sp_channel_record){SP_NOBYTES, d.seq};
			continue;
		}
		ret[i] = (struct sp_channel_record){sp_bytes(c->arena + d.off, d.len), d.seq};
	}
	return n;
}

void sp_channel_release(struct sp_channel *c, unsigned n)
{
	struct sp_audit_desc last;
	uint32_t end;

	if (n == 0)
		return;
	last = desc_at(c, c->at + n - 1);
	c->at += n;
	end = sp_channel_end(c, &last, c->pos);
	c->tail += end >= c->pos ? end - c->pos : end + c->arena_bytes - c->pos;
	c->pos = end;
	// Ring first: a death in between costs arena room until the next attach, never bytes in use.
	consumed(c->audit, c->at);
	atomic_store_explicit(&c->r->arena_tail, c->tail, memory_order_release);
}

void sp_channel_set_durable(struct sp_channel *c, uint64_t seq)
{
	atomic_store_explicit(&c->r->durable_seq, seq, memory_order_release);
}

int sp_channel_attach_control(const struct sp_shm *shm, struct sp_channel *ret)
{
	struct sp_channel c;

	SP_TRY(sp_channel_open(shm, &c));
	c.trusted = true;
	c.inbox_at = __atomic_load_n(&c.inbox->prod.tail, __ATOMIC_RELAXED);
	__atomic_store_n(&c.inbox->prod.head, c.inbox_at, __ATOMIC_RELAXED);
	c.outbox_at = __atomic_load_n(&c.outbox->cons.tail, __ATOMIC_RELAXED);
	(void)ready(&c, c.outbox, c.control_mask, &c.outbox_at);
	consumed(c.outbox, c.outbox_at);
	*ret = c;
	return 0;
}

static int trusted_put(struct sp_channel *c, const struct sp_control_msg *m)
{
	uint32_t used = c->inbox_at - __atomic_load_n(&c->inbox->cons.tail, __ATOMIC_ACQUIRE);

	if (used >= c->control_mask)
		return -ENOBUFS;
	memcpy(sp_ring_slot(c->inbox, c->inbox_at, c->control_mask, sizeof(*m)), m, sizeof(*m));
	c->inbox_at++;
	__atomic_store_n(&c->inbox->prod.head, c->inbox_at, __ATOMIC_RELAXED);
	__atomic_store_n(&c->inbox->prod.tail, c->inbox_at, __ATOMIC_RELEASE);
	return 0;
}

static int trusted_get(struct sp_channel *c, struct sp_control_msg *ret)
{
	if (ready(c, c->outbox, c->control_mask, &c->outbox_at) == 0)
		return -EAGAIN;
	memcpy(ret, sp_ring_slot(c->outbox, c->outbox_at, c->control_mask, sizeof(*ret)),
		sizeof(*ret));
	c->outbox_at++;
	consumed(c->outbox, c->outbox_at);
	return 0;
}

int sp_channel_msg_put(struct sp_channel *c, bool to_worker, const struct sp_control_msg *m)
{
	if (to_worker == !c->trusted)
		return -EPERM;
	if (c->trusted)
		return trusted_put(c, m);
	return rte_ring_sp_enqueue_elem(c->outbox, (void *)m, sizeof(*m)) == 0 ? 0 : -ENOBUFS;
}

int sp_channel_msg_get(struct sp_channel *c, bool to_worker, struct sp_control_msg *ret)
{
	if (to_worker == c->trusted)
		return -EPERM;
	if (c->trusted)
		return trusted_get(c, ret);
	return rte_ring_sc_dequeue_elem(c->inbox, ret, sizeof(*ret)) == 0 ? 0 : -EAGAIN;
}
