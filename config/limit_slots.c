#include "config/limit_slots.h"

#include "config/snapshot.h"
#include "common/banned.h"

static uint64_t key_of(struct sp_bytes agent)
{
	uint64_t h = sp_snap_hash(agent);

	return h ? h : 1;
}

/// The slot that holds `key`, else the first free one of its chain, which has to be looked at
/// whole.
static struct sp_agent_past *probe(
	const struct sp_shm *shm, uint64_t key, uint32_t *ret, bool *ret_found)
{
	const struct sp_limits_region *r = (const struct sp_limits_region *)shm->base;

	*ret_found = false;
	for (uint32_t i = 0; i < r->capacity; i++) {
		uint32_t at = (uint32_t)((key + i) % r->capacity);
		struct sp_agent_past *s = sp_history_slot(shm, at);
		uint64_t k;

		if (!s)
			return NULL;
		k = atomic_load_explicit(&s->key, memory_order_relaxed);
		if (k == key || k == 0) {
			*ret = at;
			*ret_found = k == key;
			return s;
		}
	}
	return NULL;
}

int sp_limit_slot_assign(const struct sp_shm *shm, struct sp_bytes agent, uint32_t *ret)
{
	struct sp_limits_region *r = (struct sp_limits_region *)shm->base;
	uint64_t key = key_of(agent);
	bool found;
	uint32_t at;
	struct sp_agent_past *s = probe(shm, key, &at, &found);

	if (!s)
		return -ENOSPC;
	if (!found) {
		atomic_store_explicit(&s->key, key, memory_order_relaxed);
		atomic_fetch_add_explicit(&r->used, 1, memory_order_relaxed);
	}
	*ret = at;
	return 0;
}
