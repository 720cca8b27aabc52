/// What this worker has learnt of its upstreams: their era, and for legacy ones the sessions it keeps there on behalf
/// of modern agents (keyed by upstream and principal). Bounded; the least recently used entry goes.
#pragma once

#include "common/level.h"
#include "dataplane/mcp/session.h"

/// X(flag, JSON member) of capabilities the gateway carries.
#define SP_CAP_TOOLS 1u
#define SP_CAP_PROMPTS 2u
#define SP_CAP_RESOURCES 4u
#define SP_CAP_COMPLETIONS 8u
#define SP_CAP_LOGGING 16u

#define SP_ERA_ENTRIES 256u
#define SP_SOUTH_ENTRIES 1024u
#define SP_ERA_LEGACY_NS (300ull * 1000000000ull) ///< a legacy verdict is asked again after this

struct sp_era_entry {
	uint64_t upstream; ///< identity; 0 = empty
	uint64_t until_ns; ///< boot time
	uint32_t modern;   ///< 1 modern, 0 legacy
};
struct sp_south_entry {
	uint64_t upstream;
	uint8_t principal[32];
	uint64_t used_ns;
	uint32_t caps;
	uint32_t log_level; ///< enum sp_severity set there so far
	struct sp_south_session session;
};
struct sp_era_cache {
	struct sp_era_entry *era;
	struct sp_south_entry *south;
};
SP_MUST_CHECK int sp_era_cache_init(struct sp_era_cache *c);
void sp_era_cache_done(struct sp_era_cache *c);
/// 1 modern, 0 legacy, -ENOENT not known (any more).
int sp_era_get(const struct sp_era_cache *c, uint64_t upstream, uint64_t now_ns);
void sp_era_put(struct sp_era_cache *c, uint64_t upstream, bool modern, uint64_t now_ns);
/// The session kept for this principal, or NULL. Valid until the next put.
struct sp_south_entry *sp_south_get(struct sp_era_cache *c, uint64_t upstream, const uint8_t principal[32],
	uint64_t now_ns);
struct sp_south_entry *sp_south_put(struct sp_era_cache *c, const uint8_t principal[32],
	const struct sp_south_session *session, uint32_t caps, uint64_t now_ns);
void sp_south_drop(struct sp_era_cache *c, uint64_t upstream, const uint8_t principal[32]);
