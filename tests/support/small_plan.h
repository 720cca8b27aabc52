/// The least that the shared regions of a gateway are made of, for tests.
#pragma once

#include "common/plan.h"

static inline struct sp_plan small_plan(uint32_t workers)
{
	return (struct sp_plan){.workers = workers,
		.policy_slot_bytes = 65536,
		.secrets_bytes = 524288,
		.limit_slots = 16,
		.limit_windows = 256,
		.agent_windows_percent = 33,
		.history_pairs = 256,
		.revoked_capacity = 64,
		.audit_ring_entries = 64,
		.control_ring_entries = 16,
		.audit_arena_bytes = 65536};
}
