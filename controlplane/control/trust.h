/// The issuers' key sets: files read and URLs fetched when they are due, the last good set kept in
/// between. Joins jwks_refresh.h (when) with fetch.h (how). Control's one thread; fetches run on
/// threads.
#pragma once

#include "config/compile.h"
#include "controlplane/control/fetch.h"
#include "controlplane/control/jwks_refresh.h"

struct sp_trust {
	struct sp_fetcher *fetcher;
	int fetcher_fd; ///< readable: sp_trust_turn() has work
	struct sp_refresh *refresh; ///< NULL until the first configuration
	const struct sp_gateway *gateway; ///< borrowed, of the refresh
	uint32_t round; ///< of the configuration: outcomes of an earlier one are dropped
};
SP_MUST_CHECK int sp_trust_init(struct sp_trust *t);
void sp_trust_done(struct sp_trust *t);
/// Follow another configuration, which must outlive the trust or its next change. Sets of issuers
/// that stay are kept; `running` (NULL = none) gives those of a predecessor's snapshot. All issuers
/// are due at once; files are read here.
SP_MUST_CHECK int sp_trust_configure(
	struct sp_trust *t, const struct sp_gateway *g, const struct sp_snap *running);
/// Take outcomes, start what is due. True when the key sets changed: compile and publish.
bool sp_trust_turn(struct sp_trust *t);
/// A worker met a kid that is not in the set of issuer number `issuer`.
void sp_trust_unknown_kid(struct sp_trust *t, uint32_t issuer);
/// Boot time of the next turn that is needed.
uint64_t sp_trust_next_ns(const struct sp_trust *t);
/// The key set of an issuer's jwks_file. -errno with a text in `why`.
SP_MUST_CHECK int sp_trust_read_file(
	const struct sp_gw_issuer *i, struct sp_jwks **ret, char *why, size_t why_cap);
/// One entry an issuer, for sp_compile(); heap, the sets are borrowed until the next turn. NULL
/// without memory.
struct sp_issuer_keys *sp_trust_keys(const struct sp_trust *t);
