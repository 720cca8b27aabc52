/// What changes between two snapshots: shown before a publish or rollback, recorded after it. Pure.
#pragma once

#include "config/snapshot.h"


enum sp_change_kind {
	SP_CHANGE_AGENT_NEW = 1, ///< each tool it may call follows as TOOL_ALLOWED
	SP_CHANGE_AGENT_GONE, ///< after a TOOL_DENIED for each tool it could call
	SP_CHANGE_TOOL_ALLOWED, ///< `after` is an enum sp_standing (config/standing.h), as in the next two
	SP_CHANGE_TOOL_DENIED, ///< `before` is one
	SP_CHANGE_TOOL, ///< called before and after, on other terms: `before`, `after`
	SP_CHANGE_LIMIT, ///< `what` names it; 0 = not limited
	SP_CHANGE_AUDIT_LEVEL, ///< enum sp_audit_level
	SP_CHANGE_ROUTE_NEW,
	SP_CHANGE_ROUTE_GONE,
	SP_CHANGE_ROUTE, ///< the same path, other terms
	SP_CHANGE_UPSTREAM_NEW,
	SP_CHANGE_UPSTREAM_GONE,
	SP_CHANGE_UPSTREAM,
	SP_CHANGE_IDENTITY, ///< issuers, their rules or keys
	SP_CHANGE_FACTS, ///< an agent's roles, environment or attributes
	SP_CHANGE_RULE_NEW, ///< in `agent` the name, in `what` the kind of thing: "rule", "limit" ...
	SP_CHANGE_RULE_GONE,
	SP_CHANGE_RULE,
	SP_CHANGE_RISK, ///< scoring, or what every call has to declare
};
/// Agents, or tools: how many, and the first of them by name.
#define SP_SCOPE_NAMES 8u
struct sp_scope_names {
	uint64_t n;
	struct sp_bytes name[SP_SCOPE_NAMES]; ///< borrow a snapshot
};
/// Whom and which tools a rule and its like bind, before or after.
struct sp_scope {
	struct sp_scope_names agents;
	struct sp_scope_names tools; ///< known to a policy, then patterns for those that are not
};
struct sp_change {
	enum sp_change_kind kind;
	struct sp_bytes agent; ///< or route, upstream, rule; borrows a snapshot
	struct sp_bytes what; ///< tool, or name of the limit
	uint64_t before, after;
	const struct sp_scope *scope; ///< of RULE_NEW, RULE_GONE, RULE; NULL where decisions do not hang on it alone
};

/// Tell `fn` every change from `a` to `b`, ordered by name within each group; `a` NULL = nothing
/// was there before. Returns how many, or -ENOMEM. `fn` NULL only counts. An agent's tools are those
/// the two policies name; what is decided of other names, or otherwise by a condition, shows in the rules that
/// changed, with whom they bind.
int64_t sp_snap_diff(const struct sp_snap *a, const struct sp_snap *b,
	void (*fn)(void *user, const struct sp_change *c), void *user);
/// "agent bot: may now call read"; what snprintf returns, at most SP_CHANGE_TEXT of it.
#define SP_CHANGE_TEXT 4096u
int sp_change_text(const struct sp_change *c, char *buf, size_t cap);
