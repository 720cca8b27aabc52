/// What the parts of a diff share.
#pragma once

#include "config/diff.h"

struct sp_differ {
	const struct sp_snap *a, *b; ///< a may be NULL
	void (*fn)(void *user, const struct sp_change *c);
	void *user;
	uint64_t found;
};
void sp_diff_tell(struct sp_differ *d, const struct sp_change *c);
/// Rules, definitions, limits, constraints, purposes, sequences, risk. -ENOMEM.
SP_MUST_CHECK int sp_diff_policy(struct sp_differ *d);
/// Agents and what they may call. -ENOMEM.
SP_MUST_CHECK int sp_diff_agents(struct sp_differ *d);

/// Numbers of agents, or of tools, in both snapshots.
struct sp_scope_side {
	uint32_t *was;  ///< b's number to a's, or SP_SNAP_NONE
	uint32_t *gone; ///< a's that b does not know
	uint32_t was_n, gone_n;
};
/// Looks up whom rules are about.
struct sp_scoper {
	const struct sp_snap *a, *b; ///< a may be NULL
	struct sp_scope_side agents, actions;
};
/// -ENOMEM; _done() all the same.
SP_MUST_CHECK int sp_scoper_init(struct sp_scoper *c, const struct sp_snap *a, const struct sp_snap *b);
void sp_scoper_done(struct sp_scoper *c);
enum sp_scope_of { SP_SCOPE_NONE, SP_SCOPE_RULE, SP_SCOPE_LIMIT, SP_SCOPE_TOOL, SP_SCOPE_PURPOSE, SP_SCOPE_SEQUENCE };
/// Of number `a` in the one and `b` in the other, SP_SNAP_NONE where it is not there.
void sp_scope_fill(
	const struct sp_scoper *c, enum sp_scope_of of, uint32_t a, uint32_t b, struct sp_scope *ret);
