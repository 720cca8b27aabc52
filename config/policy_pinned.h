/// Which agents a condition names by comparing the caller's identity with them. Pure.
#pragma once

#include "config/arena.h"

/// Names that `agent.identity` or `agent.name` must be one of for `text` to hold: at most `cap`,
/// returns how many; 0 when it pins none. Names live in `arena`.
uint32_t sp_policy_pinned(
	struct sp_bytes text, struct sp_arena *arena, const char **ret, uint32_t cap);
