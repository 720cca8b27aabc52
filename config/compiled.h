/// A policy with its names turned into numbers, globs into lists, conditions into programs: what lies between the
/// typed policy and the blob. Made by sp_policy_compile(), written by config/snapshot_policy_build.c. Pure, heap.
#pragma once

#include "config/names.h"
#include "config/policy.h"
#include "config/snapshot.h"

#define SP_COMPILED_HITS_MAX (16u << 20) ///< tools that globs match, rules and limits of tools: entries of all lists

struct sp_list {
	const uint32_t *v; ///< ascending
	uint32_t n;
};
/// Lists by key: all values added for a key, ascending.
struct sp_lists {
	struct sp_list *v;
	uint32_t n;
};
struct sp_c_agent {
	const char *name;
	const struct sp_policy_agent *of; ///< NULL = implied
	uint64_t roles, environment;
	struct sp_list actions;
};
struct sp_c_condition {
	const struct sp_policy_condition *of;
	uint32_t program;
};
struct sp_c_program {
	uint8_t *code; ///< heap
	size_t n;
};
struct sp_c_rule {
	const struct sp_policy_rule *of;
	struct sp_policy_strs named; ///< agents it names itself, or by a condition that only they can meet
	bool any_agent;
	uint64_t roles, environments;
	struct sp_list agents, actions, purposes;
	struct sp_policy_strs globs;
	struct sp_c_condition *condition;
	uint32_t conditions_n;
};
struct sp_c_limit {
	const char *name;
	uint64_t id, max, roles;
	enum sp_limit_kind kind;
	enum sp_limit_per per;
	uint32_t group;
	bool by_agent, by_tool, any_agent, any_tool, allow_list;
	struct sp_list agents, actions;
	struct sp_policy_strs globs;
	struct sp_at at;
};
struct sp_c_tool {
	struct sp_policy_tool t; ///< what is said in all places together
	enum sp_snap_tool_kind kind;
	struct sp_policy_strs globs; ///< all of which match the tools meant
	uint64_t allowed_for, environments;
};
struct sp_c_purpose {
	const struct sp_policy_purpose *of;
	bool any_agent;
	uint64_t roles;
	struct sp_list agents, actions;
	struct sp_policy_strs globs;
};
struct sp_c_sequence {
	const struct sp_policy_sequence *of;
	bool any_agent;
	uint64_t roles, id;
	struct sp_list agents;
};
struct sp_c_action {
	uint32_t tool; ///< or SP_SNAP_NONE
	uint32_t cls;
	bool high_risk;
};
struct sp_c_pair {
	uint32_t agent, action;
};
/// Rules named by exact agents and actions.
struct sp_c_pairs {
	struct sp_c_pair *v; ///< in the order of their first rule
	uint32_t n, cap;
	uint32_t *slot, mask; ///< by sp_snap_pair_hash()
	struct sp_lists rules;
};

struct sp_compiled {
	const struct sp_policy *policy;
	struct sp_arena arena;
	struct sp_names agents_names, actions_names, roles, environments, purposes_names;
	struct sp_c_agent *agent;
	struct sp_c_action *action;
	struct sp_c_rule *rule;
	struct sp_c_limit *limit;
	struct sp_c_tool *tool;
	struct sp_c_purpose *purpose;
	struct sp_c_sequence *sequence;
	struct sp_c_program *program;
	uint32_t limits_n, limits_cap, tools_n, tools_cap, programs_n;
	struct sp_lists agent_rules, action_rules, agent_limits, action_limits, group_limits;
	struct sp_lists action_sequences;
	struct sp_list wild_rules, wild_limits, wild_tools, wild_sequences;
	struct sp_c_pairs pairs;
	bool uses_claims, uses_arguments;
};

/// 0, -EBADMSG with problems in `check`, -E2BIG, -ENOMEM. `p` is sealed and outlives *ret; free with
/// sp_compiled_free().
SP_MUST_CHECK int sp_policy_compile(
	const struct sp_policy *p, struct sp_check *check, struct sp_compiled **ret);
struct sp_compiled *sp_compiled_free(struct sp_compiled *c);

static inline bool sp_is_glob(const char *name)
{
	return strchr(name, '*') != NULL;
}
