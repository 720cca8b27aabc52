/// The shapes of a snapshot's parts: strings, tables, indexes, and what policy says of calls: rules, limits,
/// constraints of tools, purposes, sequences, risk. Read through config/snapshot.h and
/// config/snapshot_policy.h; numbers of words as in common/policy_words.h.
///
/// Actions are the tools that policy names exactly. Names known only by a glob are judged by the `wild` lists.
#pragma once

#include "common/policy_words.h"

#define SP_SNAP_NONE UINT32_MAX

struct sp_snap_str {
	uint32_t off, len;
};
struct sp_snap_table {
	uint32_t off, n;
};
/// `mask + 1` slots of u32 at `off`.
struct sp_snap_index {
	uint32_t off, mask;
};

struct sp_snap_condition {
	struct sp_snap_str text; ///< as written, for explanations
	struct sp_snap_str code; ///< program of common/cel/cel.h, verified when the snapshot opens
	uint32_t line, col;
};
/// Rows that decisions read begin on a cache line, what each of them needs first: SP_SNAP_ROW.
#define SP_SNAP_ROW 64u
struct sp_snap_rule {
	uint64_t roles;  ///< any of these bits; 0 = any
	uint64_t environments; ///< any of these bits; 0 = any
	struct sp_snap_table conditions; ///< struct sp_snap_condition
	struct sp_snap_table purposes;   ///< u32 purpose numbers, ascending; none = any
	uint32_t effect; ///< enum sp_effect
	uint32_t group;  ///< or SP_SNAP_NONE
	uint32_t any_agent; ///< 1: `agents` says nothing
	uint32_t line;
	struct sp_snap_table agents;     ///< u32, ascending
	struct sp_snap_table globs;      ///< struct sp_snap_str: tools by glob
	struct sp_snap_table actions;    ///< u32, ascending: tools named exactly
	struct sp_snap_str name, source, reason; ///< source: the file's name without its folder
	uint64_t reserved[4];
};
_Static_assert(sizeof(struct sp_snap_rule) == 2 * SP_SNAP_ROW, "whole rows");
struct sp_snap_group {
	struct sp_snap_str name, store;
	uint32_t has_audit_level, audit_level;
	struct sp_snap_table limits; ///< u32: the limits of calls that its rules allow, and of no others
};
struct sp_snap_limit {
	struct sp_snap_str name;
	uint64_t id; ///< hash of the name: windows are kept by it over publishes
	uint32_t kind, per; ///< enum sp_limit_kind, sp_limit_per
	uint64_t max;
	uint32_t group; ///< or SP_SNAP_NONE
	uint32_t by_agent, by_tool, any_agent;
	uint64_t roles; ///< 0 = any
	struct sp_snap_table agents; ///< u32, ascending
	struct sp_snap_table actions; ///< u32, ascending: named exactly or by glob
	struct sp_snap_table globs;   ///< struct sp_snap_str: for names that are no action
	uint32_t any_tool;
	uint32_t allow_list; ///< 1: a rate or budget of allow-lists; one entry an amount, all of one name and id
};
struct sp_snap_sql {
	uint32_t on, dialect, styles, returning;
	struct sp_snap_table parameters, allow_tables, deny_tables, allow_functions; ///< struct sp_snap_str
};
struct sp_snap_endpoint {
	uint32_t on, private_hosts;
	struct sp_snap_table parameters, allow, forbid; ///< struct sp_snap_str
};
struct sp_snap_path {
	struct sp_snap_table parameters, roots; ///< struct sp_snap_str; no parameters = off
};
/// What is said of one tool under its name and under every glob that matches it is in force together: the narrower
/// wins; facts (class, cost, risk, dialect) are those of the name, then of the most specific glob.
enum sp_snap_tool_kind { SP_SNAP_TOOL_EXACT = 0, SP_SNAP_TOOL_GLOB, SP_SNAP_TOOL_JOINED };
struct sp_snap_tool {
	uint32_t cls, sensitivity, high_risk; ///< cls is never AUTO; actions have their own in their facts
	int32_t base_risk; ///< -1 = by class
	uint32_t require_approval, require_human_initiated, egress, taints;
	uint32_t has_allowed_for, has_environments;
	uint32_t judges_arguments; ///< 1: a size, SQL, endpoints or paths; sp_snap_tool_judges()
	uint32_t glob; ///< enum sp_snap_tool_kind
	uint64_t allowed_for, environments; ///< role and environment bits
	uint64_t max_calls, cost_micros, max_argument_bytes;
	struct sp_snap_table scopes; ///< struct sp_snap_str, each needed
	struct sp_snap_path path;
	struct sp_snap_str name, source; ///< exact or a glob
	struct sp_snap_endpoint endpoint;
	struct sp_snap_sql sql;
	struct sp_snap_table globs;  ///< struct sp_snap_str: names that are no action match all of these
	uint32_t line, reserved[9];
};
_Static_assert(sizeof(struct sp_snap_tool) == 4 * SP_SNAP_ROW, "whole rows");
static inline uint32_t sp_snap_tool_judges(const struct sp_snap_tool *t)
{
	return t->max_argument_bytes || t->sql.on || t->endpoint.on || t->path.parameters.n || t->path.roots.n;
}
struct sp_snap_purpose {
	struct sp_snap_str name;
	uint64_t roles; ///< 0 = any
	uint32_t any_agent, reserved;
	struct sp_snap_table agents;  ///< u32, ascending
	struct sp_snap_table actions; ///< u32, ascending
	struct sp_snap_table globs;   ///< struct sp_snap_str
};
#define SP_SNAP_SEQUENCES_MAX 64u ///< so that a call's states of all of them fit an array
struct sp_snap_sequence {
	struct sp_snap_str name, reason;
	uint32_t kind, effect;
	uint64_t window_ns, roles;
	uint64_t id; ///< hash of the name: its state in the history is kept by it over publishes
	uint32_t any_agent, reserved;
	struct sp_snap_table agents; ///< u32, ascending
	struct sp_snap_table first, between, then; ///< struct sp_snap_str: exact names and globs
};
struct sp_snap_risk {
	uint32_t on, mode;
	uint32_t review_at, review_writes_at, block_at; ///< of the mode in force; 101 = never
	int32_t weight[SP_TERM__COUNT];
	int32_t class_base[SP_CLASS_ADMIN + 1];
	uint32_t work_from_minute, work_until_minute, work_days, reserved;
};
/// What the policy says of one agent, besides struct sp_snap_agent; same numbers.
struct sp_snap_agent_facts {
	uint64_t roles;
	uint64_t environment; ///< one bit, 0 = none
	uint64_t name_hash;   ///< sp_snap_hash() of its name
	struct sp_snap_str environment_name;
	struct sp_snap_table attributes; ///< pairs of struct sp_snap_str: name, value; ascending by name
	struct sp_snap_table rules;  ///< u32: rules that name it, and tools by glob
	struct sp_snap_table limits; ///< u32: limits of no group that name it, or bind any tool for its roles or anyone
	uint32_t has_allow_list;
	uint32_t implied; ///< not declared: rules or lists name it
	/// What to ask for ahead of its next call: the first rule that names it, or SP_SNAP_NONE, and that rule's
	/// conditions with their programs, `ahead_bytes` from `ahead_off` on.
	uint32_t ahead_rule, ahead_off, ahead_bytes;
	uint32_t reserved[9];
	struct sp_snap_str owner;
	struct sp_snap_table role_names; ///< struct sp_snap_str
};
_Static_assert(sizeof(struct sp_snap_agent_facts) == 2 * SP_SNAP_ROW, "whole rows");
/// What the policy says of one action; same numbers as struct sp_snap_action.
struct sp_snap_action_facts {
	struct sp_snap_table rules; ///< u32: rules that name no agent, and this tool or a glob that matches it
	struct sp_snap_table limits; ///< u32: limits of no group that name no agent, and this tool or such a glob
	struct sp_snap_table sequences; ///< u32: those whose first, between or then name it
	uint32_t tool; ///< constraints, or SP_SNAP_NONE
	uint32_t cls, high_risk; ///< class also without constraints
	uint32_t reserved;
};
/// Rules that name both an agent and, exactly, an action: a slot of the index that finds them.
struct sp_snap_pair {
	uint32_t agent, action;
	uint32_t n;  ///< rules, 0 = an empty slot
	uint32_t at; ///< where they lie, u32 in order; of a single one its number
};
struct sp_snap_policy {
	struct sp_snap_table rules, groups, limits, tools, purposes, sequences;
	struct sp_snap_table agent_facts, action_facts;
	struct sp_snap_index pairs; ///< slots are struct sp_snap_pair; sp_snap_pair_hash()
	struct sp_snap_table wild_rules;  ///< u32: rules with globs that name no agent, for names that are no action
	struct sp_snap_table wild_tools;  ///< u32: constraints by globs, those of most globs first
	struct sp_snap_table wild_limits; ///< u32: limits of no group with globs, that name no agent
	struct sp_snap_table wild_sequences; ///< u32: those with globs
	struct sp_snap_table role_names, environment_names; ///< struct sp_snap_str by bit
	struct sp_snap_risk risk;
	uint32_t uses_claims;    ///< a condition reads jwt.*, or intent reads authorization_details
	uint32_t uses_arguments; ///< a condition reads arguments
	uint32_t details_required; ///< every tools/call needs authorization_details that cover it
	uint32_t purpose_required; ///< every tools/call needs a declared purpose that covers it
	uint32_t pairs_n, reserved;
};
