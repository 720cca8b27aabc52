#include "common/role_table.h"
#include "common/banned.h"

#define TRIES 100u

static uint64_t pack(const struct sp_role_number *r)
{
	return (uint64_t)r->access << 40 | (uint64_t)r->group << 32 | r->id;
}

void sp_role_table_put(struct sp_control_slot *slot, const struct sp_role_number *v, uint32_t n)
{
	uint32_t turn = atomic_load_explicit(&slot->roles_turn, memory_order_relaxed) | 1;

	atomic_store_explicit(&slot->roles_turn, turn, memory_order_relaxed); // odd: it changes
	atomic_thread_fence(memory_order_release);
	n = sp_min(n, SP_ROLES_MAX);
	for (uint32_t i = 0; i < n; i++)
		atomic_store_explicit(&slot->role[i], pack(&v[i]), memory_order_relaxed);
	atomic_store_explicit(&slot->roles_n, n, memory_order_relaxed);
	atomic_store_explicit(&slot->roles_turn, turn + 1, memory_order_release);
}

static bool names(uint64_t entry, uid_t uid, const gid_t *group, uint32_t groups_n)
{
	uint32_t id = (uint32_t)entry;

	if (!(entry >> 32 & 1))
		return id == uid;
	for (uint32_t i = 0; i < groups_n; i++)
		if (group[i] == id)
			return true;
	return false;
}

enum sp_ctl_access sp_role_table_of(const struct sp_control_slot *slot, uid_t uid, const gid_t *group,
	uint32_t groups_n)
{
	for (unsigned try = 0; try < TRIES; try++) {
		uint32_t turn = atomic_load_explicit(&slot->roles_turn, memory_order_acquire);
		uint32_t n = sp_min(atomic_load_explicit(&slot->roles_n, memory_order_relaxed), SP_ROLES_MAX);
		uint64_t most = SP_ACCESS_NONE;

		for (uint32_t i = 0; i < n; i++) {
			uint64_t e = atomic_load_explicit(&slot->role[i], memory_order_relaxed);
			uint64_t access = sp_min(e >> 40, (uint64_t)SP_ACCESS_ADMIN);

			if (access > most && names(e, uid, group, groups_n))
				most = access;
		}
		atomic_thread_fence(memory_order_acquire);
		if (!(turn & 1) && atomic_load_explicit(&slot->roles_turn, memory_order_relaxed) == turn)
			return (enum sp_ctl_access)most;
	}
	return SP_ACCESS_NONE;
}
