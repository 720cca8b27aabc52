/// The policy snapshots' grace periods: rte_rcu_qsbr in the root region, one reader a worker. The
/// library's inline calls are used as they are; set-up and registration, which it keeps in a shared
/// object that needs the EAL, are here, on its own documented layout (rte_rcu_qsbr.h).
#pragma once

#include "common/shm.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <rte_rcu_qsbr.h>
#pragma GCC diagnostic pop

static inline size_t sp_rcu_bytes(uint32_t readers)
{
	return sizeof(struct rte_rcu_qsbr) + sizeof(struct rte_rcu_qsbr_cnt) * readers +
	       __RTE_QSBR_THRID_ARRAY_SIZE(readers);
}

/// Supervisor, once, on zeroed memory of sp_rcu_bytes(readers) aligned to a cache line.
static inline void sp_rcu_format(struct rte_rcu_qsbr *v, uint32_t readers)
{
	v->max_threads = readers;
	v->num_elems = __RTE_QSBR_THRID_ARRAY_SIZE(readers) / sizeof(uint64_t);
	v->token = __RTE_QSBR_CNT_INIT;
	v->acked_token = __RTE_QSBR_CNT_INIT - 1;
}

/// The region's QSBR variable, or NULL when the root region does not hold one.
static inline struct rte_rcu_qsbr *sp_rcu_at(const struct sp_shm *root)
{
	const struct sp_root *r = (const struct sp_root *)root->base;

	if (r->qsbr_bytes < sp_rcu_bytes(r->workers) || r->qsbr_off % SP_CACHE_LINE)
		return NULL;
	return sp_shm_at(root, r->qsbr_off, r->qsbr_bytes);
}

/// Worker `id`, once at start; it then counts as a reader that rests until
/// rte_rcu_qsbr_thread_online().
static inline void sp_rcu_register(struct rte_rcu_qsbr *v, uint32_t id)
{
	uint64_t bit = 1ull << (id & __RTE_QSBR_THRID_MASK);
	uint64_t *word = __RTE_QSBR_THRID_ARRAY_ELM(v, (id >> __RTE_QSBR_THRID_INDEX_SHIFT));

	SP_BUG_IF(id >= v->max_threads);
	if (!(__atomic_fetch_or(word, bit, __ATOMIC_RELEASE) & bit))
		__atomic_fetch_add(&v->num_threads, 1, __ATOMIC_RELAXED);
}

/// Supervisor, for a worker that is dead: grace periods no longer wait for it.
static inline void sp_rcu_unregister(struct rte_rcu_qsbr *v, uint32_t id)
{
	uint64_t bit = 1ull << (id & __RTE_QSBR_THRID_MASK);
	uint64_t *word = __RTE_QSBR_THRID_ARRAY_ELM(v, (id >> __RTE_QSBR_THRID_INDEX_SHIFT));

	SP_BUG_IF(id >= v->max_threads);
	__atomic_store_n(&v->qsbr_cnt[id].cnt, __RTE_QSBR_CNT_THR_OFFLINE, __ATOMIC_RELEASE);
	if (__atomic_fetch_and(word, ~bit, __ATOMIC_RELEASE) & bit)
		__atomic_fetch_sub(&v->num_threads, 1, __ATOMIC_RELAXED);
}
