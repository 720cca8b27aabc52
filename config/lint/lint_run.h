/// What the checks share. A check looks at the policy and adds findings; none depends on another.
#pragma once

#include "config/lint/lint.h"

/// A tool some part of the policy names exactly, and what all of it says about the tool.
struct sp_lint_tool {
	const char *name;
	struct sp_at granted_at;
	bool granted;
	bool reviewed; ///< by approval, or by a rule for everybody
	bool high_risk, closed;
	enum sp_action_class cls;
	bool cls_guessed;
};
struct sp_lint_run {
	const struct sp_policy *p;
	struct sp_lint *out;
	struct sp_lint_tool *tool; ///< ascending by name
	uint32_t tools_n;
	uint32_t *sure, sure_n; ///< rules that nothing but agent and tool decides
	bool grants; ///< anything at all
	int err;
};

void sp_lint_add(struct sp_lint_run *l, enum sp_lint_id id, struct sp_at at, const char *fmt, ...)
	SP_PRINTF(4, 5);
void sp_lint_add_as(struct sp_lint_run *l, enum sp_lint_id id, enum sp_lint_severity severity,
	struct sp_at at, const char *fmt, ...) SP_PRINTF(5, 6);
SP_MUST_CHECK int sp_lint_gather(struct sp_lint_run *l); ///< fills `tool` and `grants`
struct sp_lint_tool *sp_lint_tool_find(const struct sp_lint_run *l, const char *name);
/// The file of the first thing the policy says.
struct sp_at sp_lint_whole(const struct sp_policy *p);

void sp_lint_check_rules(struct sp_lint_run *l);
void sp_lint_check_agents(struct sp_lint_run *l);
void sp_lint_check_tools(struct sp_lint_run *l);
void sp_lint_check_patterns(struct sp_lint_run *l);

/// Sets of names; an empty list, or one with "*", is everything. Sound, not complete: true means it
/// is so.
bool sp_lint_any(const struct sp_policy_strs *s);
bool sp_lint_has(const struct sp_policy_strs *s, const char *name); ///< exact
bool sp_lint_has_tool(const struct sp_policy_strs *globs, const char *name);
bool sp_lint_covers(const struct sp_policy_strs *wide, const struct sp_policy_strs *narrow);
bool sp_lint_covers_tools(const struct sp_policy_strs *wide, const struct sp_policy_strs *narrow);
bool sp_lint_glob_covers(const char *wide, const char *narrow);
/// Whatever call matches `narrow` matches `wide`: for rules without condition or purpose.
bool sp_lint_rule_covers(const struct sp_policy_rule *wide, const struct sp_policy_rule *narrow);
bool sp_lint_unconditional(const struct sp_policy_rule *r);
