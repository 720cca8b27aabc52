/// The native form of policy text as its table reads it: one struct a group of settings. What the
/// keys mean is in the table (policy_native_schema.c), from which the reference and the JSON Schema
/// are made.
#pragma once

#include "common/policy_words.h"
#include "config/schema.h"

struct sp_pf_agent_limits {
	struct sp_group_at at;
	uint64_t per_minute, per_hour, tokens_per_request, tokens_per_day;
};
struct sp_pf_agent {
	struct sp_group_at at;
	struct sp_text name, description, owner, environment;
	struct sp_texts roles, allow;
	struct sp_pairs attributes;
	uint32_t audit_level; ///< 0 = default, else enum sp_audit_level + 1
	struct sp_pf_agent_limits limits;
};
struct sp_pf_sql {
	struct sp_group_at at;
	uint32_t dialect; ///< enum sp_sql_dialect, 0 = not named
	struct sp_texts parameters, styles, forbid_styles, tables, forbid_tables, functions;
	bool returning;
};
struct sp_pf_endpoints {
	struct sp_group_at at;
	struct sp_texts parameters, allow, forbid;
	bool private_hosts;
};
struct sp_pf_paths {
	struct sp_group_at at;
	struct sp_texts parameters, roots;
};
struct sp_pf_tool {
	struct sp_group_at at;
	struct sp_text name;
	struct sp_texts allowed_for, environments, scopes;
	uint64_t max_calls, max_argument_bytes, cost_micros, risk; ///< risk: UINT64_MAX = by class
	bool require_approval, require_human_initiated, egress, taints, high_risk;
	uint32_t cls, sensitivity;
	struct sp_pf_sql sql;
	struct sp_pf_endpoints endpoints;
	struct sp_pf_paths paths;
};
struct sp_pf_rule {
	struct sp_group_at at;
	struct sp_text name, reason;
	uint32_t effect;
	struct sp_texts agents, roles, environments, tools, purposes, when;
};
struct sp_pf_limit {
	struct sp_group_at at;
	struct sp_text name;
	uint64_t calls, tokens, money; ///< one of them is not 0
	uint32_t per; ///< enum sp_limit_per - 1
	struct sp_texts agents, roles, tools, apart;
};
struct sp_pf_group {
	struct sp_group_at at;
	struct sp_text name, description, store;
	uint32_t audit_level;
	struct sp_groups rules, limits;
};
struct sp_pf_purpose {
	struct sp_group_at at;
	struct sp_text name;
	struct sp_texts tools, agents, roles;
};
struct sp_pf_sequence {
	struct sp_group_at at;
	struct sp_text name, reason;
	uint32_t kind; ///< enum sp_sequence_kind - 1
	uint32_t effect; ///< SP_EFFECT_DENY or SP_EFFECT_REVIEW
	struct sp_texts first, between, then, agents, roles;
	uint64_t window_ns;
};
struct sp_pf_mode {
	struct sp_group_at at;
	uint64_t review_at, review_writes_at, block_at;
};
struct sp_pf_weights {
	struct sp_group_at at;
	uint64_t v[SP_TERM__COUNT];
};
struct sp_pf_classes {
	struct sp_group_at at;
	uint64_t v[SP_CLASS_ADMIN + 1];
};
struct sp_pf_hours {
	struct sp_group_at at;
	struct sp_text from, until;
	struct sp_texts days;
};
struct sp_pf_risk {
	struct sp_group_at at;
	uint32_t mode;
	struct sp_pf_mode automatic, mixed, manual;
	struct sp_pf_weights weights;
	struct sp_pf_classes class_base;
	struct sp_pf_hours work_hours;
};
struct sp_pf_intent {
	struct sp_group_at at;
	bool require_purpose, require_authorization_details;
};
struct sp_pf {
	struct sp_group_at at;
	uint64_t version;
	struct sp_groups agents, tools, rules, groups, limits, purposes, sequences;
	struct sp_pf_risk risk;
	struct sp_pf_intent intent;
};

extern const struct sp_schema sp_policy_schema;
/// JSON Schema and reference of the form. Overflow shows on `out`.
void sp_policy_json_schema(struct sp_out *out);
void sp_policy_reference(struct sp_out *out);
