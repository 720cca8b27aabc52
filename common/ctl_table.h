/// The operator's commands, each once: dispatch, access, `sallyctl help`, completion and manual
/// page are read from this list. X(symbol, words)
#pragma once

#include "common/bytes.h"

#define SP_CTL_COMMANDS(X)                                                                         \
	X(STATUS, "status")                                                                        \
	X(WORKERS, "workers")                                                                      \
	X(METRICS, "metrics")                                                                      \
	X(VERSION, "version")                                                                      \
	X(CONFIG_CHECK, "config check")                                                            \
	X(CONFIG_SHOW, "config show")                                                              \
	X(CONFIG_RELOAD, "config reload")                                                          \
	X(POLICY_CHECK, "policy check")                                                            \
	X(POLICY_SHOW, "policy show")                                                              \
	X(POLICY_IMPORT, "policy import")                                                          \
	X(POLICY_LINT, "policy lint")                                                              \
	X(POLICY_EXPLAIN, "policy explain")                                                        \
	X(POLICY_TEST, "policy test")                                                              \
	X(POLICY_DIFF, "policy diff")                                                              \
	X(POLICY_SIMULATE, "policy simulate")                                                      \
	X(POLICY_UNUSED, "policy unused")                                                          \
	X(POLICY_SUGGEST, "policy suggest")                                                        \
	X(POLICY_SHADOW, "policy shadow")                                                          \
	X(POLICY_SHADOW_STATUS, "policy shadow status")                                            \
	X(POLICY_SHADOW_REPORT, "policy shadow report")                                            \
	X(POLICY_SHADOW_OFF, "policy shadow off")                                                  \
	X(POLICY_PUBLISH, "policy publish")                                                        \
	X(POLICY_ROLLBACK, "policy rollback")                                                      \
	X(POLICY_HISTORY, "policy history")                                                        \
	X(AGENTS, "agents")                                                                        \
	X(REVOKE_AGENT, "revoke agent")                                                            \
	X(REVOKE_TOKEN, "revoke token")                                                            \
	X(REVOKE_SESSION, "revoke session")                                                        \
	X(AUDIT_QUERY, "audit query")                                                              \
	X(AUDIT_TAIL, "audit tail")                                                                \
	X(AUDIT_VERIFY, "audit verify")                                                            \
	X(DRAIN, "drain")                                                                          \
	X(INIT, "init")                                                                            \
	X(HELP, "help")                                                                            \
	X(COMPLETION, "completion")                                                                \
	X(MAN, "man")

enum sp_ctl_command_id {
#define X(sym, words) SP_CMD_##sym,
	SP_CTL_COMMANDS(X)
#undef X
		SP_CMD__COUNT,
};

enum sp_ctl_server { SP_CTL_LOCAL = 1, SP_CTL_CONTROL, SP_CTL_AUDIT };

/// Each includes those before it.
enum sp_ctl_access {
	SP_ACCESS_NONE = 0,
	SP_ACCESS_VIEW, ///< "viewer": states and counters
	SP_ACCESS_REVIEW, ///< "reviewer": and the audit trail
	SP_ACCESS_OPERATE, ///< "operator": and policy, revocations, reload, drain
	SP_ACCESS_ADMIN, ///< "admin": everything
};
const char *sp_ctl_access_name(enum sp_ctl_access a); ///< "viewer"; "none"

enum sp_ctl_arg_kind {
	SP_ARG_TEXT = 1, ///< positional; sent as a string
	SP_ARG_NUMBER, ///< positional; sent as an unsigned integer
	SP_ARG_PATH, ///< positional; made absolute, sent as a string: the server reads it
	SP_ARG_SOURCES, ///< positional; file or folder; contents sent as [{name, text}, ...]
	SP_OPT_TEXT, ///< --name VALUE; string
	SP_OPT_NUMBER, ///< --name N; unsigned integer
	SP_OPT_TIME, ///< --name TIME; RFC 3339, or an age such as 90s, 15m, 2h, 7d; sent as wall
		     ///< nanoseconds
	SP_OPT_FLAG, ///< --name; true
};
struct sp_ctl_arg {
	const char *name; ///< in the request's args; an option is typed "--name"
	enum sp_ctl_arg_kind kind;
	bool required; ///< positional only
	const char *meta; ///< how help shows its value, e.g. "AGENT"
	const char *help;
	const char *choices; ///< its possible values, space-separated, or NULL
};
struct sp_ctl_command {
	enum sp_ctl_command_id id;
	enum sp_ctl_server server;
	enum sp_ctl_access access;
	const char *words; ///< one to three, lower case
	const char *help; ///< one line
	const char *more; ///< a paragraph for the manual page
	const struct sp_ctl_arg *args; ///< positional ones first, in order
	unsigned args_n;
};

#define SP_CTL_WORDS_MAX 3
/// Command by its number: every number has one.
const struct sp_ctl_command *sp_ctl_command(enum sp_ctl_command_id id);
/// Command by its exact words, or NULL.
const struct sp_ctl_command *sp_ctl_command_find(struct sp_bytes words);
static inline bool sp_ctl_arg_is_option(const struct sp_ctl_arg *a)
{
	return a->kind >= SP_OPT_TEXT;
}
