#include "common/revoked.h"
#include "common/banned.h"

/// Odd constants that keep the same id of two kinds apart.
static const uint64_t kind_hi = 0x9e3779b97f4a7c15ull, kind_lo = 0xc2b2ae3d27d4eb4full;

struct sp_revoked_key sp_revoked_key(enum sp_revoked_kind kind, const uint8_t sha256[32])
{
	struct sp_revoked_key k;

	memcpy(&k.hi, sha256, sizeof(k.hi));
	memcpy(&k.lo, sha256 + sizeof(k.hi), sizeof(k.lo));
	k.hi ^= kind * kind_hi;
	k.lo ^= kind * kind_lo;
	if (k.lo == 0)
		k.lo = 1;
	return k;
}

static struct sp_revoked_entry *entry_at(const struct sp_revoked_region *r, uint64_t i)
{
	struct sp_revoked_entry *e = (struct sp_revoked_entry *)((uint8_t *)r + r->entries_off);

	return e + (i & (r->capacity - 1));
}

/// The chain ends at an empty entry: there always is one, for a quarter of them stays empty.
/// `hi` is written before `lo` is released, so an entry whose `lo` shows has its `hi` too.
static struct sp_revoked_entry *find(
	const struct sp_revoked_region *r, struct sp_revoked_key k, bool *ret_found)
{
	struct sp_revoked_entry *e = NULL;

	*ret_found = false;
	for (uint32_t i = 0; i < r->capacity; i++) {
		uint64_t lo;

		e = entry_at(r, k.lo + i);
		lo = atomic_load_explicit(&e->lo, memory_order_acquire);
		if (lo == 0)
			return e;
		if (lo == k.lo && atomic_load_explicit(&e->hi, memory_order_relaxed) == k.hi) {
			*ret_found = true;
			return e;
		}
	}
	return NULL;
}

bool sp_revoked_has(const struct sp_revoked_region *r, struct sp_revoked_key k)
{
	bool found;

	if (atomic_load_explicit(&r->used, memory_order_relaxed) == 0)
		return false;
	find(r, k, &found);
	return found;
}

int sp_revoked_add(struct sp_revoked_region *r, struct sp_revoked_key k)
{
	uint32_t used = atomic_load_explicit(&r->used, memory_order_relaxed);
	struct sp_revoked_entry *e;
	bool found;

	e = find(r, k, &found);
	if (found)
		return -EEXIST;
	if (!e || used >= r->capacity / 4 * 3)
		return -ENOSPC;
	atomic_store_explicit(&r->used, used + 1, memory_order_relaxed);
	atomic_store_explicit(&e->hi, k.hi, memory_order_relaxed);
	atomic_store_explicit(&e->lo, k.lo, memory_order_release);
	return 0;
}

size_t sp_revoked_bytes(uint32_t capacity)
{
	return sizeof(struct sp_revoked_region) + SP_CACHE_LINE +
	       (size_t)capacity * sizeof(struct sp_revoked_entry);
}

int sp_revoked_format(const struct sp_shm *shm, uint32_t capacity)
{
	struct sp_revoked_region *r = (struct sp_revoked_region *)shm->base;

	if (capacity < 4 || (capacity & (capacity - 1)) || shm->size < sp_revoked_bytes(capacity))
		return -EINVAL;
	r->entries_off = (sizeof(*r) + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE;
	r->capacity = capacity;
	atomic_store(&r->used, 0);
	return 0;
}
