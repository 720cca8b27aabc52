/// What agents may do, in whatever form it was written: the typed policy a snapshot is compiled
/// from. Default deny: what is not granted here is refused. Heap; pure; control process, tools,
/// tests.
#pragma once

#include "common/policy_words.h"
#include "config/arena.h"
#include "config/check.h"
#include "config/written.h"

#define SP_POLICY_NAME_MAX 128u
#define SP_POLICY_AGENTS_MAX 1000000u
#define SP_POLICY_ACTIONS_MAX 100000u
#define SP_POLICY_ROLES_MAX 64u
#define SP_POLICY_RULES_MAX 100000u
#define SP_POLICY_LISTS_MAX 10000u ///< tools, limits, sequences, purposes, groups: each

struct sp_policy_strs {
	const char **v;
	uint32_t n;
};
/// Name and value of an agent's attribute.
struct sp_policy_pair {
	const char *name, *value;
};
/// CEL, all of which must hold.
struct sp_policy_condition {
	const char *text;
	struct sp_at at; ///< of the text's first character
	struct sp_written written;
};
struct sp_policy_conditions {
	struct sp_policy_condition *v;
	uint32_t n;
};

struct sp_policy_rule {
	const char *name; ///< unique; "<group>/<n>" when none was given
	struct sp_at at;
	enum sp_effect effect;
	const char *reason; ///< NULL or what the operator wrote
	uint32_t group; ///< in sp_policy.group, or UINT32_MAX
	struct sp_policy_strs agents, roles, environments; ///< any of each; an empty list = all
	struct sp_policy_strs tools; ///< exact names, or globs with '*'
	struct sp_policy_strs purposes; ///< the declared purpose is one of these; empty = any or none
	struct sp_policy_conditions when;
};
/// What a policy definition says about all calls its rules allow: its limits name it, and how they are audited.
struct sp_policy_group {
	const char *name, *description;
	struct sp_at at;
	bool has_audit_level;
	enum sp_audit_level audit_level;
	const char *store; ///< named audit store, NULL = the main one
};

/// A limit binds calls that match all it names; each agent (and tool, when by_tool) has a window of its own.
struct sp_policy_limit {
	const char *name; ///< unique; stable over publishes, for windows are kept by it
	struct sp_at at;
	enum sp_limit_kind kind;
	enum sp_limit_per per;
	uint64_t max; ///< calls, tokens, or millionths of the currency unit
	uint32_t group; ///< only calls allowed by a rule of this group; UINT32_MAX = any
	struct sp_policy_strs agents, roles, tools; ///< empty = all; tools may be globs
	bool by_agent, by_tool; ///< windows apart; by_agent false = one for all agents together
};

/// Constraints of a tool that bind every agent, besides the rules; several documents about one tool are all
/// in force (joined by the loader: the narrower wins, contradictions are problems).
struct sp_policy_tool {
	const char *name; ///< exact, or a glob with '*'
	struct sp_at at;
	bool has_allowed_for; ///< grants to these roles, and denies everybody else
	struct sp_policy_strs allowed_for, allowed_environments, required_scopes;
	bool has_environments;
	uint64_t max_calls; ///< a session; 0 = not limited
	bool require_approval, require_human_initiated;
	enum sp_action_class cls;
	enum sp_sensitivity sensitivity;
	bool egress; ///< sends data out: sequences and taint look at it
	bool taints; ///< its results are not to be trusted: taints the session
	uint64_t cost_micros; ///< of one call, for money limits
	uint64_t max_argument_bytes; ///< 0 = not limited
	int64_t base_risk; ///< 0-100, -1 = by class
	bool high_risk;
	struct { ///< SQL style
		bool on;
		uint32_t dialect; ///< enum sp_sql_dialect; 0 = not named: judged as ansi
		struct sp_policy_strs parameters; ///< empty = "sql", "query", "statement"
		uint32_t allow, forbid; ///< enum sp_sql_style bits; allow 0 = every style not forbidden
		struct sp_policy_strs allow_tables, deny_tables, allow_functions;
		bool returning;
	} sql;
	struct { ///< endpoints
		bool on;
		struct sp_policy_strs parameters; ///< empty = "url", "uri", "endpoint", "path"
		struct sp_policy_strs allow, forbid; ///< globs of common/url.h; allow empty = any not forbidden
		bool private_hosts; ///< literal private addresses may be asked
	} endpoint;
	struct { ///< file paths
		struct sp_policy_strs parameters, roots;
	} path;
};

/// A declared purpose (`_meta` "sallyport/purpose", or the token's claim `purpose`) and the tools it covers.
struct sp_policy_purpose {
	const char *name;
	struct sp_at at;
	struct sp_policy_strs tools, agents, roles;
};

/// An order rule over a session, or over a time window of an agent.
struct sp_policy_sequence {
	const char *name;
	struct sp_at at;
	enum sp_sequence_kind kind;
	enum sp_effect effect; ///< DENY or REVIEW
	const char *reason;
	/// Tools or globs. `between`, REQUIRE_BEFORE: one of these has to come after `first` and before `then`
	/// (verify between query and delete).
	struct sp_policy_strs first, between, then;
	uint64_t window_ns; ///< 0 = the session; else the agent's calls of so long
	struct sp_policy_strs agents, roles;
};

struct sp_policy_risk {
	bool on; ///< something in the policy speaks of risk; else scores are only recorded
	struct sp_at at;
	enum sp_risk_mode mode;
	uint32_t review_at[3], review_writes_at[3], block_at[3]; ///< by mode; 101 = never
	int32_t weight[SP_TERM__COUNT]; ///< most that a term can add
	int32_t class_base[SP_CLASS_ADMIN + 1];
	uint32_t work_from_minute, work_until_minute; ///< of the day, UTC; equal = always
	uint32_t work_days; ///< bit 0 = Monday
	uint32_t auto_block; ///< auto_block_threshold, 0 = not given; sealing lowers block_at to it
	bool native; ///< a native document has a risk part
	uint32_t block_given; ///< bits: modes whose block_at was written, not a default
};

struct sp_policy_agent {
	const char *name;
	struct sp_at at; ///< where its policy stands
	bool has_audit_level; ///< else the gateway's default
	enum sp_audit_level audit_level;
	uint32_t per_minute, per_hour; ///< 0 = not limited
	uint64_t per_request_tokens, daily_tokens;
	uint32_t *actions; ///< numbers of sp_policy.action, ascending once sealed
	uint32_t actions_n;
	bool has_allow_list; ///< `actions` are its boundary and its grants; else rules alone decide
	bool implied; ///< not declared: named by a rule's condition or list only
	struct sp_policy_strs roles;
	const char *environment, *owner, *description; ///< NULL = not said
	struct sp_policy_pair *attributes;
	uint32_t attributes_n;
};
/// What one file gave, for summaries.
struct sp_policy_source {
	const char *file;
	const char *form; ///< "allow-list", "style rules" ..., joined by ", "
	uint32_t agents, rules, groups, limits, tools, purposes, sequences; ///< before joining
	bool risk, intent;
};
struct sp_policy {
	struct sp_arena arena;
	const char *file; ///< the last one named, kept once for all its entries
	struct sp_policy_agent *agent; ///< ascending by name once sealed
	const char **action; ///< ascending once sealed
	uint32_t agents_n, agents_cap, actions_n, actions_cap;
	struct sp_policy_rule *rule; ///< in the order of files and of text
	struct sp_policy_group *group;
	struct sp_policy_limit *limit;
	struct sp_policy_tool *tool; ///< once sealed: one a name, ascending
	struct sp_policy_purpose *purpose;
	struct sp_policy_sequence *sequence;
	struct sp_policy_source *source;
	const char **role; ///< once sealed: every role named anywhere, ascending; at most SP_POLICY_ROLES_MAX
	const char **environment; ///< likewise
	uint32_t rules_n, rules_cap, groups_n, groups_cap, limits_n, limits_cap, tools_n, tools_cap;
	uint32_t purposes_n, purposes_cap, sequences_n, sequences_cap, sources_n, sources_cap;
	uint32_t roles_n, environments_n;
	struct sp_policy_risk risk;
	bool purpose_required; ///< every tools/call needs a declared purpose that covers it
	bool details_required; ///< every tools/call needs RFC 9396 authorization_details that cover it
	bool sealed;
	uint32_t *agent_index, *action_index; ///< open addressing while it is built
	uint32_t agent_mask, action_mask;
	uint8_t sha256[32]; ///< of the source files; set by who read them
};

SP_MUST_CHECK int sp_policy_new(struct sp_policy **ret);
struct sp_policy *sp_policy_free(struct sp_policy *p);
/// Number of an action's name, new or known. -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_policy_action(struct sp_policy *p, struct sp_bytes name, uint32_t *ret);
/// A new agent to fill in, valid until the next one is added. -EEXIST with *ret the one already
/// there, -E2BIG, -ENOMEM. `at.file` is copied.
SP_MUST_CHECK int sp_policy_agent_add(
	struct sp_policy *p, struct sp_bytes name, struct sp_at at, struct sp_policy_agent **ret);
/// New entries to fill in, valid until the next one is added; zeroed but for `at`, whose file is copied.
/// -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_policy_rule_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_rule **ret);
SP_MUST_CHECK int sp_policy_group_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_group **ret);
SP_MUST_CHECK int sp_policy_limit_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_limit **ret);
SP_MUST_CHECK int sp_policy_tool_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_tool **ret);
SP_MUST_CHECK int sp_policy_purpose_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_purpose **ret);
SP_MUST_CHECK int sp_policy_sequence_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_sequence **ret);
SP_MUST_CHECK int sp_policy_source_add(
	struct sp_policy *p, struct sp_at at, struct sp_policy_source **ret);
/// A file's name that lives as long as the policy; NULL without memory.
const char *sp_policy_file(struct sp_policy *p, const char *file);
/// What a document says of an agent: a new one, or joined to what was said of it before. Roles and attributes
/// add up, the narrower limit wins; two allow-lists and facts that differ are problems with both places.
/// -EBADMSG, -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_policy_agent_put(
	struct sp_policy *p, const struct sp_policy_agent *more, struct sp_check *check);
static inline bool sp_policy_is_glob(const char *tool)
{
	return strchr(tool, '*') != NULL;
}

/// Join what several documents say of one tool, see that names are unique and that what is named exists,
/// gather roles and environments, make agents of names that only rules know and actions of every tool named
/// exactly, and sort: the order of files and entries does not show. Nothing may be added afterwards.
/// -EBADMSG with problems in `check`, -ENOMEM.
SP_MUST_CHECK int sp_policy_seal_in(struct sp_policy *p, struct sp_check *check);
/// What a pattern says of a tool, added to what is said of it more exactly: the narrower is in force, facts (class,
/// cost, risk, dialect) are the more exact one's. Lists that leave nothing are problems. -ENOMEM.
SP_MUST_CHECK int sp_policy_tool_narrow(struct sp_arena *arena, struct sp_check *check,
	struct sp_policy_tool *a, const struct sp_policy_tool *b);
/// Several documents about one tool made one; part of sealing.
SP_MUST_CHECK int sp_policy_join_tools(struct sp_policy *p, struct sp_check *check);
