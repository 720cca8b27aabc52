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
