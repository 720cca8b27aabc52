/// What the workers remember together of what agents did: windows of limits, states of order rules,
/// and the counts the risk score looks at. In the limits region, for one life of the gateway;
/// lock-free; workers and control.
#pragma once

#include "common/windows.h"

struct sp_history_sizes {
	uint32_t agents, windows, pairs; ///< pairs: a power of two
	uint64_t session_ns; ///< see common/windows.h
	uint32_t agent_percent; ///< 1 to 100: of the windows, that one agent may have made
};
size_t sp_history_bytes(const struct sp_history_sizes *s);
/// Lay out a fresh, zeroed region (supervisor, once): 0, -EINVAL, or -EIO without randomness.
SP_MUST_CHECK int sp_history_format(const struct sp_shm *shm, const struct sp_history_sizes *s);

/// Slot `i`, or NULL when there is none. Slots are given to agents by control:
/// config/limit_slots.h.
struct sp_agent_past *sp_history_slot(const struct sp_shm *shm, uint32_t i);

struct sp_history {
	struct sp_windows windows;
	struct sp_agent_past *past;
	_Atomic uint64_t *pair;
	uint32_t agents;
	uint64_t pair_mask;
	uint64_t salt; ///< for sp_window_key
};
/// Bounds are checked here once, and kept apart from the region, where others write. -EINVAL.
SP_MUST_CHECK int sp_history_attach(const struct sp_shm *shm, struct sp_history *ret);

/// What the score is told of an agent (by its slot) and of its use of a tool.
struct sp_history_view {
	uint32_t denied, failed; ///< in the last ten minutes
	uint32_t minute,
		usual; ///< calls in the running minute; a minute on average, 0 = not known yet
	uint64_t tool_calls; ///< of this tool by this agent; forgotten when another pair takes its
			     ///< place
};
void sp_history_view(const struct sp_history *h, uint32_t agent, uint64_t pair, uint64_t boot_ns,
	struct sp_history_view *ret);
/// `pair` of agent and tool, by the hashes of their names.
uint64_t sp_history_pair(const struct sp_history *h, uint64_t agent, uint64_t tool);
void sp_history_called(const struct sp_history *h, uint32_t agent, uint64_t pair, uint64_t boot_ns);
void sp_history_denied(const struct sp_history *h, uint32_t agent, uint64_t boot_ns);
void sp_history_failed(const struct sp_history *h, uint32_t agent, uint64_t boot_ns);

/// Bits of a session's own, kept until it ends: what is read is also refreshed, so that room is
/// there for what follows. -ENOSPC, -EUSERS.
SP_MUST_CHECK int sp_history_session(const struct sp_history *h, const struct sp_window_owner *owner,
	uint64_t key, uint32_t set, uint64_t boot_ns, uint32_t *ret);

/// The same without refreshing it: 0 when there is none.
uint32_t sp_history_session_seen(const struct sp_history *h, uint64_t key, uint64_t boot_ns);

/// State of an order rule, in a session (`window_ns` 0) or of an agent: bits of the rule, and since when.
uint32_t sp_history_state(
	const struct sp_history *h, uint64_t key, uint64_t window_ns, uint64_t boot_ns);
/// Bit 0 set begins the state anew. *ret (may be NULL): what it was, within the window. -ENOSPC or
/// -EUSERS when the table or the owner's share has no room: the caller refuses, or counts the loss.
SP_MUST_CHECK int sp_history_set(const struct sp_history *h, const struct sp_window_owner *owner,
	uint64_t key, uint64_t window_ns, uint32_t set, uint32_t clear, uint64_t boot_ns,
	uint32_t *ret);
