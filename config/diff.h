/// What changes between two snapshots: shown before a publish or rollback, recorded after it. Pure.
#pragma once

#include "config/snapshot.h"

enum sp_change_kind {
	SP_CHANGE_AGENT_NEW = 1, ///< each tool it may call follows as TOOL_ALLOWED
	SP_CHANGE_AGENT_GONE, ///< after a TOOL_DENIED for each tool it could call
	SP_CHANGE_TOOL_ALLOWED,
	SP_CHANGE_TOOL_DENIED,
	SP_CHANGE_LIMIT, ///< `what` names it; 0 = not limited
	SP_CHANGE_AUDIT_LEVEL, ///< enum sp_audit_level
	SP_CHANGE_ROUTE_NEW,
	SP_CHANGE_ROUTE_GONE,
	SP_CHANGE_ROUTE, ///< the same path, other terms
	SP_CHANGE_UPSTREAM_NEW,
	SP_CHANGE_UPSTREAM_GONE,
	SP_CHANGE_UPSTREAM,
	SP_CHANGE_IDENTITY, ///< issuers, their rules or keys
};
struct sp_change {
	enum sp_change_kind kind;
	struct sp_bytes agent; ///< or route or upstream; borrows a snapshot
	struct sp_bytes what; ///< tool, or name of the limit
	uint64_t before, after;
};

/// Tell `fn` every change from `a` to `b`, ordered by name within each group; `a` NULL = nothing
/// was there before. Returns how many. `fn` NULL only counts.
uint64_t sp_snap_diff(const struct sp_snap *a, const struct sp_snap *b,
	void (*fn)(void *user, const struct sp_change *c), void *user);
/// "agent bot: may now call read"; what snprintf returns.
int sp_change_text(const struct sp_change *c, char *buf, size_t cap);
