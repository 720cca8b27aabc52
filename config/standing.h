/// What a policy says of an agent and a tool before any call is looked at: for `policy show`, diffs and reports.
/// Conditions, purposes and arguments are not evaluated; the judge (config/judge/) decides calls. Pure.
#pragma once

#include "config/snapshot_policy.h"

enum sp_standing {
	SP_STANDING_DENIED = 0, ///< whatever the call is
	SP_STANDING_CONDITIONAL, ///< conditions or purposes decide
	SP_STANDING_REVIEW, ///< a person has to approve
	SP_STANDING_ALLOWED, ///< but for limits, intent and arguments
};
const char *sp_standing_name(enum sp_standing v); ///< "denied", "conditional", "review", "allowed"
enum sp_standing sp_standing_of(const struct sp_snap *s, const struct sp_snap_who *who);

/// Prints of what is said, without where it stands: equal ones mean the same in both snapshots.
uint64_t sp_print_rule(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_group(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_limit(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_tool(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_purpose(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_sequence(const struct sp_snap *s, uint32_t i);
uint64_t sp_print_agent(const struct sp_snap *s, uint32_t i); ///< roles, environment, attributes; not its allow-list
uint64_t sp_print_risk(const struct sp_snap *s); ///< and what every call must declare
