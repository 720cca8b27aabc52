/// What is wrong with a policy that is well-formed: anti-patterns, rules without effect, grants that are too wide.
/// Findings have stable ids, so that a pipeline can gate on them. Pure, heap; tools and tests.
#pragma once

#include "config/policy.h"

#include <stdio.h>

enum sp_lint_severity { SP_LINT_NOTE = 1, SP_LINT_WARNING, SP_LINT_ERROR };

/// X(symbol, id, usual severity, what it is, how to mend it)
#define SP_LINT_RULES(X)                                                                           \
	X(INVALID, "invalid-policy", ERROR, "The policy cannot be read.",                          \
		"Mend the text; 'sallyctl policy check' says the same.")                           \
	X(APPLICATION_LAYER_ONLY, "application-layer-only", WARNING,                               \
		"Only names of tools are controlled; what calls carry is left to the application.", \
		"Add argument rules, limits, sequences, purposes or risk scoring.")                \
	X(REVIEW_EVERYTHING, "review-nearly-everything", WARNING,                                  \
		"Nine calls in ten or more would wait for a person.",                              \
		"Require approval for high-risk tools only, and let risk scoring choose the rest.") \
	X(STATIC_ALLOW_LIST, "static-allow-list-only", WARNING,                                    \
		"Nothing but a static allow-list decides: no risk scoring and no condition.",      \
		"Add risk scoring with thresholds for review and block.")                          \
	X(RISK_NEVER_ACTS, "risk-never-acts", WARNING,                                             \
		"Risk is scored, but no score leads to review or block.",                          \
		"Set a threshold of at most 100 for the operating mode.")                          \
	X(UNREACHABLE_RULE, "unreachable-rule", ERROR, "A rule can never take effect.",            \
		"Remove it, or narrow what stands in its way.")                                    \
	X(UNREACHABLE_GRANT, "unreachable-grant", ERROR,                                           \
		"An allow-list names a tool that nobody may call.",                                \
		"Remove the tool from the list, or name roles in the tool's allowed_for.")         \
	X(SHADOWED_RULE, "shadowed-rule", WARNING, "Another rule already says all of it.",         \
		"Remove the narrower rule, or narrow the wider one.")                              \
	X(DUPLICATE_RULE, "duplicate-rule", WARNING, "Two rules say the same.", "Remove one of them.") \
	X(DUPLICATE_GRANT, "duplicate-grant", WARNING,                                             \
		"A tool is granted to an agent twice.", "Grant it in one place.")                  \
	X(BROAD_TOOLS, "over-broad-tools", ERROR, "Every tool is granted.",                        \
		"Name the tools, or a family of them such as 'read_*'.")                           \
	X(BROAD_AGENTS, "over-broad-agents", WARNING, "Any agent is granted a tool.",              \
		"Name agents or roles, or set a condition.")                                       \
	X(BROAD_ENDPOINTS, "over-broad-endpoints", WARNING,                                        \
		"A tool may reach endpoints of any host, or any that is not forbidden.",           \
		"List allowed endpoints by host: 'https://api.example.com/v1/*'.")                 \
	X(PRIVATE_ENDPOINTS, "private-endpoints", WARNING,                                         \
		"A tool may reach private addresses, metadata services among them.",               \
		"Leave private hosts closed; name the one host that is needed.")                   \
	X(BROAD_ROOT, "over-broad-root", ERROR, "A tool may reach every file.",                    \
		"Name the folder the tool works in.")                                              \
	X(NO_AUDIT_LEVEL, "no-audit-level", WARNING,                                               \
		"No audit level is set: the gateway's default holds.",                             \
		"Say basic, enhanced or strict.")                                                  \
	X(NO_RATE_LIMIT, "no-rate-limit", WARNING, "Calls are granted without a rate limit.",      \
		"Limit calls a minute and an hour.")                                               \
	X(NO_TOKEN_BUDGET, "no-token-budget", NOTE, "An agent has no token budget.",               \
		"Limit tokens a request and a day.")                                               \
	X(LIMIT_NEVER_REACHED, "limit-never-reached", NOTE,                                        \
		"A shorter window stops calls before this limit can.",                             \
		"Lower the longer window's limit.")                                                \
	X(LIMIT_CONTRADICTION, "limit-contradiction", WARNING,                                     \
		"A single request may use more than a whole day.", "Raise the day's budget.")      \
	X(HIGH_RISK_OPEN, "high-risk-without-approval", ERROR,                                     \
		"A high-risk tool is granted without approval.",                                   \
		"Set require_approval, or a rule with the effect review.")                         \
	X(DANGEROUS_OPEN, "dangerous-without-approval", NOTE,                                      \
		"A tool that by its name deletes, executes or administers is granted without approval.", \
		"Set require_approval, or state the tool's class when its name misleads.")         \
	X(SQL_NO_DIALECT, "sql-without-dialect", WARNING,                                          \
		"SQL is judged without knowing its dialect.",                                      \
		"Name the dialect of the database behind the tool.")                               \
	X(TAINT_OPEN, "taint-without-sequence", WARNING,                                           \
		"Some results are not to be trusted, and nothing keeps data from leaving after them.", \
		"Add a sequence that forbids egress after taint.")                                 \
	X(TAINT_NEVER, "taint-never-set", WARNING,                                                 \
		"A sequence waits for taint, but no tool's results taint.",                        \
		"Mark the tools whose results are not to be trusted.")                             \
	X(UNUSED_CONSTRAINT, "unused-constraint", NOTE, "Constraints of a tool nobody is granted.", \
		"Remove them, or check the tool's name.")                                          \
	X(DENY_NO_REASON, "deny-without-reason", NOTE, "A rule refuses without saying why.",       \
		"Write a reason: reviewers and the audit trail show it.")                          \
	X(GRANTS_NOTHING, "grants-nothing", WARNING, "The policy grants nothing: every call is refused.", \
		"Add an allow-list or a rule that allows.")

enum sp_lint_id {
#define X(sym, ...) SP_LINT_##sym,
	SP_LINT_RULES(X)
#undef X
		SP_LINT__COUNT,
};
struct sp_lint_rule {
	const char *id;
	enum sp_lint_severity severity;
	const char *says, *mend;
};
extern const struct sp_lint_rule sp_lint_rules[SP_LINT__COUNT];
const char *sp_lint_severity_name(enum sp_lint_severity s); ///< as SARIF says: "note", "warning", "error"

#define SP_LINT_MAX 10000u
struct sp_lint_finding {
	enum sp_lint_id id;
	enum sp_lint_severity severity;
	struct sp_at at; ///< line 0 = the file as a whole
	const char *text; ///< visible characters only
};
struct sp_lint {
	struct sp_arena arena;
	struct sp_lint_finding *v; ///< by file, line and column
	uint32_t n, cap;
	uint32_t dropped; ///< for want of room, none of them an error while anything else is kept
	uint32_t errors_behind; ///< the last of `v`, once full: errors
};

void sp_lint_init(struct sp_lint *l);
void sp_lint_done(struct sp_lint *l);
/// All findings about a sealed policy. -ENOMEM.
SP_MUST_CHECK int sp_lint_policy(struct sp_lint *l, const struct sp_policy *p);
/// Problems that kept a policy from being read, as findings. -ENOMEM.
SP_MUST_CHECK int sp_lint_problems(struct sp_lint *l, const struct sp_check *check);
bool sp_lint_has_errors(const struct sp_lint *l);

/// For people: `file:line:col: warning: text [id]`, a line each.
void sp_lint_print_text(const struct sp_lint *l, FILE *f);
/// One JSON object: {"findings": [...], "errors": n, "warnings": n, "notes": n}.
void sp_lint_print_json(const struct sp_lint *l, FILE *f);
/// SARIF 2.1.0 (OASIS): one run, every rule in its driver.
void sp_lint_print_sarif(const struct sp_lint *l, const char *version, FILE *f);
