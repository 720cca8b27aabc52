/// What tools of upstreams ask their clients to repeat in Mcp-Param-* headers, learnt from the lists that pass
/// and kept for a while: by upstream and the name the upstream knows. Tools that ask for nothing are not kept.
/// One worker's; bounded, set-associative, the least recently used goes.
#pragma once

#include "dataplane/mcp/param_headers.h"

/// A tool's name and its annotations in short; a tool that needs more is treated as one that is not in order.
#define SP_PARAM_ENTRY_BYTES 1008u
#define SP_PARAM_KEEP_NS (300ull * 1000000000ull)

struct sp_param_entry {
	uint64_t upstream; ///< identity
	uint64_t until_ns; ///< boot time; 0 = empty
	uint64_t used_ns;
	uint16_t name_len, text_len;
	uint8_t bytes[SP_PARAM_ENTRY_BYTES]; ///< the name, then its schema cut down to what is annotated
};
struct sp_param_cache {
	struct sp_param_entry *entry;
	uint32_t sets;
	uint64_t until_ns; ///< of the entry that is kept longest: most upstreams annotate nothing
};
SP_MUST_CHECK int sp_param_cache_init(struct sp_param_cache *c, uint32_t entries);
void sp_param_cache_done(struct sp_param_cache *c);

/// Learn the tool `name` with its inputSchema at token `input` (or SP_JSON_NONE). False when its annotations
/// break the specification or do not fit: modern clients are not shown such a tool. `*evicted` is raised
/// when another tool, still good, had to go.
bool sp_param_cache_learn(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	const struct sp_json *j, uint32_t input, uint64_t now_ns, uint64_t *evicted);
/// The request's headers against its arguments (object token of `j` or SP_JSON_NONE), by what is known of the
/// tool. 0, also when nothing is known, or SP_REASON_HEADER_MISMATCH.
SP_MUST_CHECK int sp_param_cache_agree(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	const struct sp_http_head *head, const uint8_t *buf, const struct sp_json *j,
	uint32_t arguments, uint64_t now_ns);
