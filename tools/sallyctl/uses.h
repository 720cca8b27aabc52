/// Who called which tool, how often, and when: sums over recorded calls. Pure, heap; tools.
#pragma once

#include "common/level.h"
#include "tools/sallyctl/records.h"

struct sp_use {
	struct sp_bytes agent, tool; ///< end with NUL; borrow the records, or `names`
	uint32_t calls;
	uint64_t first_ns, last_ns;
	enum sp_audit_level level; ///< the strictest they were recorded at
};
struct sp_uses {
	struct sp_use *v; ///< ascending by agent, then tool
	uint32_t n;
	uint8_t *names; ///< of tools with their upstream in front, made here
};
enum sp_uses_of {
	SP_USES_GRANTED, ///< allowed, or sent to review: someone asked for it and policy knows it
	SP_USES_SUCCEEDED, ///< allowed, and the tool did it
};

/// Calls from `since_ns` on. With `whole` a tool counts under both names policy may know it by, with its upstream's
/// prefix and without, and each agent's calls together under an empty one; else under the one with the upstream's
/// prefix, where the record has the upstream. -ENOMEM.
SP_MUST_CHECK int sp_uses_sum(const struct sp_records *r, enum sp_uses_of of, uint64_t since_ns,
	bool whole, struct sp_uses *ret);
void sp_uses_done(struct sp_uses *u);
const struct sp_use *sp_uses_find(
	const struct sp_uses *u, struct sp_bytes agent, struct sp_bytes tool);
/// Likewise, of one rule: `tool` is its name and `agent` empty.
SP_MUST_CHECK int sp_uses_of_rules(const struct sp_records *r, struct sp_uses *ret);
/// A time of a record in whole seconds: "2026-01-31T08:00:00Z".
#define SP_USES_TIME 21u
const char *sp_uses_time(uint64_t wall_ns, char buf[SP_USES_TIME]);
