/// Who asks the policy part of a snapshot what concerns a call: lists are found by index, what is static about a rule
/// or limit (agents, roles, environments, tools) is checked here; conditions, purposes and counting are the
/// judge's (config/judge/). Read in place: no lock, no allocation, no system call.
#pragma once

#include "config/snapshot.h"

#define SP_SNAP_POLICY(s, table, type, i) SP_SNAP_GET(s, (s)->h->policy.table, type, i)

/// What a call is about. `action` is that of `tool`, or SP_SNAP_NONE when no policy names it exactly: then globs
/// are tried on `tool`.
struct sp_snap_who {
	uint32_t agent, action;
	struct sp_bytes tool;
};

static inline uint64_t sp_snap_pair_hash(uint32_t agent, uint32_t action)
{
	uint64_t h = ((uint64_t)agent << 32 | action) * 0x9e3779b97f4a7c15ull;

	return h ^ h >> 32;
}
/// Rules of the pair, or an empty table.
struct sp_snap_table sp_snap_pair_rules(const struct sp_snap *s, uint32_t agent, uint32_t action);

/// Rules that concern a call, each once, ascending: agent, role, environment and tool fit.
struct sp_snap_rules {
	const struct sp_snap *s;
	const struct sp_snap_who *who;
	struct {
		const uint32_t *at, *end;
	} list[3];
};
void sp_snap_rules_begin(
	struct sp_snap_rules *it, const struct sp_snap *s, const struct sp_snap_who *who);
/// Agent, role and environment fit, whatever the tool.
bool sp_snap_rule_fits(const struct sp_snap *s, uint32_t agent, uint32_t number);
/// Number of the next, or SP_SNAP_NONE.
uint32_t sp_snap_rules_next(struct sp_snap_rules *it);

/// Limits that bind a call allowed by a rule of `group` (SP_SNAP_NONE = of none): at most `cap` into `ret`; returns
/// how many there are.
uint32_t sp_snap_limits_of(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t group,
	uint32_t *ret, uint32_t cap);
/// The same for another name of a tool that was asked for: without the agent's limits for any tool.
uint32_t sp_snap_limits_besides(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t group,
	uint32_t *ret, uint32_t cap);
/// Constraints of the tool, or SP_SNAP_NONE.
uint32_t sp_snap_tool_of(const struct sp_snap *s, const struct sp_snap_who *who);
/// `list` of ascending u32 holds `v`.
bool sp_snap_has(const struct sp_snap *s, struct sp_snap_table list, uint32_t v);
/// One of the names or globs of `list` is `tool`'s.
bool sp_snap_glob_any(const struct sp_snap *s, struct sp_snap_table list, struct sp_bytes tool);
/// `agent` is among `agents` (or any_agent), and has one of `roles` (0 = any).
bool sp_snap_agent_fits(const struct sp_snap *s, uint32_t agent, uint32_t any_agent,
	struct sp_snap_table agents, uint64_t roles);
