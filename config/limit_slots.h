/// Which slot of the limits region belongs to which agent: by a hash of its name, so that the
/// windows of an agent outlive every publish and restart of control. Slots are never given back in
/// one life of the region. Control only.
#pragma once

#include "common/history.h"

/// The agent's slot, found or newly taken. -ENOSPC when all are taken.
SP_MUST_CHECK int sp_limit_slot_assign(
	const struct sp_shm *shm, struct sp_bytes agent, uint32_t *ret);
