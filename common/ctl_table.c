#include "common/ctl_table.h"

#include "common/banned.h"

static const struct sp_ctl_arg config_check_args[] = {
	{"file", SP_ARG_PATH, false, "FILE",
		"configuration to check; the running one's file when left out", NULL},
};
static const struct sp_ctl_arg check_args[] = {
	{"sources", SP_ARG_SOURCES, true, "PATH", "policy file, or folder of policy files", NULL},
	{"offline", SP_OPT_FLAG, false, NULL, "check the files alone, without the gateway", NULL},
};
static const struct sp_ctl_arg diff_args[] = {
	{"sources", SP_ARG_SOURCES, true, "PATH", "policy file, or folder of policy files", NULL},
	{"new", SP_ARG_SOURCES, false, "NEW",
		"what PATH is compared with, instead of PATH with what is in force", NULL},
};
static const struct sp_ctl_arg import_args[] = {
	{"file", SP_ARG_PATH, true, "FILE", "the file to convert", NULL},
	{"from", SP_OPT_TEXT, false, "FORM", "what the file is; required", "agentgateway mcp-servers"},
};
static const struct sp_ctl_arg lint_args[] = {
	{"path", SP_ARG_PATH, true, "PATH...", "policy files, or folders of policy files", NULL},
	{"sarif", SP_OPT_FLAG, false, NULL, "print SARIF 2.1.0, for code scanning", NULL},
};
static const struct sp_ctl_arg explain_args[] = {
	{"path", SP_ARG_PATH, true, "PATH...", "policy files, or folders of policy files", NULL},
	{"agent", SP_OPT_TEXT, false, "AGENT", "who calls", NULL},
	{"tool", SP_OPT_TEXT, false, "TOOL", "what is called, as the agent sees it", NULL},
	{"arguments", SP_OPT_TEXT, false, "JSON", "its arguments: an object, or @FILE", NULL},
	{"claims", SP_OPT_TEXT, false, "JSON", "the token's claims: an object, or @FILE", NULL},
	{"context", SP_OPT_TEXT, false, "JSON", "what the agent declares in _meta: an object, or @FILE",
		NULL},
	{"scopes", SP_OPT_TEXT, false, "SCOPES",
		"the token's scopes, space-separated; those of the claim scope when left out", NULL},
	{"purpose", SP_OPT_TEXT, false, "PURPOSE", "the declared purpose", NULL},
	{"peer", SP_OPT_TEXT, false, "ADDRESS", "where the call comes from", NULL},
	{"upstream", SP_OPT_TEXT, false, "NAME",
		"the upstream; a tool is judged as <name> and as <upstream>__<name>", NULL},
	{"time", SP_OPT_TIME, false, "TIME", "when (2026-01-31T08:00:00Z); now when left out", NULL},
	{"history", SP_OPT_TEXT, false, "HISTORY",
		"what came before, e.g. 'denied=1 failed=0 minute=12 usual=3 calls=0 new=1 tainted=1'; "
		"adds nothing to the score when left out",
		NULL},
	{"after", SP_OPT_TEXT, false, "TOOLS",
		"tools called with success before in the session, space-separated", NULL},
	{"record", SP_OPT_TEXT, false, "FILE",
		"explain the decisions recorded there, as 'audit query --json' prints them; - is "
		"standard input",
		NULL},
};
static const struct sp_ctl_arg test_args[] = {
	{"cases", SP_ARG_PATH, true, "CASES...", "YAML files of cases", NULL},
	{"policy", SP_OPT_TEXT, false, "PATH",
		"policy file or folder the cases are judged by; may be given again; required", NULL},
	{"require-coverage", SP_OPT_NUMBER, false, "N",
		"fail when fewer than N percent of the rules decided a case", NULL},
};
#define RECORDS_ARG                                                                                \
	{"records", SP_OPT_TEXT, false, "FILE",                                                    \
		"what 'audit query --json' printed, - for standard input; required", NULL}
static const struct sp_ctl_arg simulate_args[] = {
	{"path", SP_ARG_PATH, true, "PATH...", "policy files, or folders of policy files", NULL},
	RECORDS_ARG,
	{"fail-on-change", SP_OPT_FLAG, false, NULL, "exit with 1 when a verdict would be another", NULL},
};
static const struct sp_ctl_arg unused_args[] = {
	{"path", SP_ARG_PATH, true, "PATH...", "policy files, or folders of policy files", NULL},
	RECORDS_ARG,
	{"days", SP_OPT_NUMBER, false, "N", "not used in so many days, 90 when left out", NULL},
};
static const struct sp_ctl_arg suggest_args[] = {
	RECORDS_ARG,
	{"days", SP_OPT_NUMBER, false, "N", "calls of the last N days, all when left out", NULL},
};
static const struct sp_ctl_arg shadow_args[] = {
	{"sources", SP_ARG_SOURCES, true, "PATH", "the candidate: policy file, or folder of policy files",
		NULL},
	{"note", SP_OPT_TEXT, false, "TEXT", "why, for the status and the audit trail", NULL},
};
static const struct sp_ctl_arg shadow_report_args[] = {
	{"generation", SP_OPT_NUMBER, false, "GENERATION",
		"of an earlier candidate; the one in shadow when left out", NULL},
};
static const struct sp_ctl_arg publish_args[] = {
	{"sources", SP_ARG_SOURCES, false, "PATH",
		"policy file or folder; what the configuration names when left out", NULL},
	{"note", SP_OPT_TEXT, false, "TEXT", "why, for the history and the audit trail", NULL},
};
static const struct sp_ctl_arg policy_show_args[] = {
	{"agent", SP_ARG_TEXT, false, "AGENT", "only this agent, with the tools it may call", NULL},
};
static const struct sp_ctl_arg rollback_args[] = {
	{"generation", SP_ARG_NUMBER, false, "GENERATION",
		"generation of the history; the one before the present one when left out", NULL},
};
static const struct sp_ctl_arg revoke_agent_args[] = {
	{"id", SP_ARG_TEXT, true, "AGENT", "the agent's name", NULL},
	{"note", SP_OPT_TEXT, false, "TEXT", "why, for the audit trail", NULL},
};
static const struct sp_ctl_arg revoke_token_args[] = {
	{"id", SP_ARG_TEXT, true, "HASH",
		"token_hash as the audit trail shows it, 32 hexadecimal digits", NULL},
	{"note", SP_OPT_TEXT, false, "TEXT", "why, for the audit trail", NULL},
};
static const struct sp_ctl_arg revoke_session_args[] = {
	{"id", SP_ARG_TEXT, true, "HASH",
		"session as the audit trail shows it, 32 hexadecimal digits", NULL},
	{"note", SP_OPT_TEXT, false, "TEXT", "why, for the audit trail", NULL},
};
static const struct sp_ctl_arg query_args[] = {
	{"agent", SP_OPT_TEXT, false, "AGENT", "records of this agent", NULL},
	{"tool", SP_OPT_TEXT, false, "TOOL", "records of this tool", NULL},
	{"decision", SP_OPT_TEXT, false, "DECISION", "records with this decision", "allow deny"},
	{"type", SP_OPT_TEXT, false, "TYPE", "records of this type",
		"decision outcome in_doubt auth_failure admin lifecycle"},
	{"reason", SP_OPT_TEXT, false, "REASON", "records with this reason, e.g. tool_denied",
		NULL},
	{"call", SP_OPT_TEXT, false, "ID", "the records of one call, by its id", NULL},
	{"shadow", SP_OPT_TEXT, false, "GENERATION",
		"decisions that this candidate in shadow would have taken otherwise, or 'any'", NULL},
	{"since", SP_OPT_TIME, false, "TIME",
		"from this time on (2026-01-31T08:00:00Z, or 90s 15m 2h 7d ago)", NULL},
	{"until", SP_OPT_TIME, false, "TIME", "before this time", NULL},
	{"from", SP_OPT_NUMBER, false, "SEQ", "from this sequence number on", NULL},
	{"limit", SP_OPT_NUMBER, false, "N", "at most so many records, 100 when left out", NULL},
};
static const struct sp_ctl_arg tail_args[] = {
	{"agent", SP_OPT_TEXT, false, "AGENT", "records of this agent", NULL},
	{"tool", SP_OPT_TEXT, false, "TOOL", "records of this tool", NULL},
	{"decision", SP_OPT_TEXT, false, "DECISION", "records with this decision", "allow deny"},
	{"lines", SP_OPT_NUMBER, false, "N", "start with the last N records, 10 when left out",
		NULL},
	{"no-follow", SP_OPT_FLAG, false, NULL, "leave after those", NULL},
};
static const struct sp_ctl_arg init_args[] = {
	{"dir", SP_ARG_PATH, true, "DIR", "a folder that is new or empty", NULL},
	{"profile", SP_OPT_TEXT, false, "PROFILE", "what the gateway is for; required",
		"development production compliance"},
};
static const struct sp_ctl_arg help_args[] = {
	{"command", SP_ARG_TEXT, false, "COMMAND", "the command to explain, e.g. 'policy publish'",
		NULL},
};
static const struct sp_ctl_arg completion_args[] = {
	{"shell", SP_ARG_TEXT, true, "SHELL", "the shell to complete for", "bash"},
};

#define ARGS(a) .args = (a), .args_n = SP_ARRAY_LEN(a)
#define X(sym, text) static const char words_##sym[] = text;
SP_CTL_COMMANDS(X)
#undef X
#define NAMED(sym) .id = SP_CMD_##sym, .words = words_##sym,

static const struct sp_ctl_command commands[SP_CMD__COUNT] = {
	[SP_CMD_STATUS] = {NAMED(STATUS).server = SP_CTL_CONTROL, .access = SP_ACCESS_VIEW,
		.help = "how the gateway is: processes, policy, audit store, calls",
		.more = "Exit code 1 when a part of the gateway is not ready."},
	[SP_CMD_WORKERS] = {NAMED(WORKERS).server = SP_CTL_CONTROL, .access = SP_ACCESS_VIEW,
		.help = "each worker with its generation, connections and counters",
		.more = "A worker whose generation is older than the published one has not "
			"acknowledged it yet."},
	[SP_CMD_METRICS] = {NAMED(METRICS).server = SP_CTL_CONTROL, .access = SP_ACCESS_VIEW,
		.help = "all counters in the Prometheus text format",
		.more = "Counters of a worker start anew when it is restarted."},
	[SP_CMD_VERSION] = {NAMED(VERSION).server = SP_CTL_CONTROL, .access = SP_ACCESS_VIEW,
		.help = "versions of this command and of the running gateway",
		.more = "Works without a running gateway, too."},
	[SP_CMD_CONFIG_CHECK] = {NAMED(CONFIG_CHECK).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(config_check_args),
		.help = "check a configuration file without using it",
		.more = "The file is read by the gateway's control process with its rights, as a "
			"reload would."},
	[SP_CMD_CONFIG_SHOW] = {NAMED(CONFIG_SHOW).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, .help = "the configuration in force",
		.more = "Secrets are not shown."},
	[SP_CMD_CONFIG_RELOAD] = {NAMED(CONFIG_RELOAD).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE,
		.help = "read configuration, policy, certificates and keys again",
		.more = "As SIGHUP to sallyportd. What is fixed for the life of the gateway "
			"(listeners, sizes) "
			"needs a restart; the answer names such changes. A file with an error "
			"changes nothing."},
	[SP_CMD_POLICY_CHECK] = {NAMED(POLICY_CHECK).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_VIEW, ARGS(check_args),
		.help = "check policy files without publishing them",
		.more = "They are compiled as a publish would, together with the configuration in "
			"force, or alone where there is no gateway. Shows what each file gives, or "
			"every problem with its place and how to mend it."},
	[SP_CMD_POLICY_SHOW] = {NAMED(POLICY_SHOW).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_VIEW, ARGS(policy_show_args),
		.help = "the policy in force, or what one agent may do",
		.more = "What is shown is read from the published snapshot, not from files."},
	[SP_CMD_POLICY_IMPORT] = {NAMED(POLICY_IMPORT).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		ARGS(import_args),
		.help = "convert another product's rules or an mcpServers file to policy",
		.more = "Prints policy in the native form; what could not be carried over is told on standard "
			"error with its place. What is not understood never grants. Needs no gateway."},
	[SP_CMD_POLICY_LINT] = {NAMED(POLICY_LINT).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		ARGS(lint_args), .help = "find what is unwise in policy files, without a gateway",
		.more = "Anti-patterns, rules without effect, grants that are too wide, missing limits and "
			"audit levels; each with a stable id, its place and how to mend it. Exit code 1 "
			"when a finding is an error."},
	[SP_CMD_POLICY_EXPLAIN] = {NAMED(POLICY_EXPLAIN).server = SP_CTL_LOCAL,
		.access = SP_ACCESS_NONE, ARGS(explain_args),
		.help = "why policy files allow or refuse a call, made up or recorded",
		.more = "Every rule considered, what its conditions came to, limits, constraints, order rules, "
			"each term of the risk score, and the verdict. Limits are named, not counted. With "
			"--record the calls are rebuilt from their decisions, and the exit code is 1 when "
			"verdict, reason or score is not the recorded one, 4 when none differs but one cannot "
			"be decided without the claims or arguments that were not recorded. Needs no gateway."},
	[SP_CMD_POLICY_TEST] = {NAMED(POLICY_TEST).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		ARGS(test_args), .help = "judge test cases by policy files, without a gateway",
		.more = "A case is a call and the decision, reason, rule or score expected of it; "
			"docs/testing-policy.md shows all of it. Tells what differed, and which rules decided "
			"no case. Exit code 1 when a case failed or too few rules were reached."},
	[SP_CMD_POLICY_DIFF] = {NAMED(POLICY_DIFF).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_VIEW, ARGS(diff_args),
		.help = "what a publish of these files would change",
		.more = "With NEW, what a publish of NEW would change where PATH is in force; that needs no "
			"gateway. Which agents may call which tools on other terms (never, where conditions hold, "
			"after review, always); agents that come, go or change; limits. A rule, limit, "
			"constraint, purpose or order rule that changed names the agents and tools it "
			"binds, the first eight of each and how many there are: there a decision may "
			"change although the terms do not. With --json one object a change: kind, agent, "
			"tool, rule, before, after, ..., and the sentence as text."},
	[SP_CMD_POLICY_SIMULATE] = {NAMED(POLICY_SIMULATE).server = SP_CTL_LOCAL,
		.access = SP_ACCESS_NONE, ARGS(simulate_args),
		.help = "judge recorded calls by policy files, and show what would change",
		.more = "Limits and order rules are replayed in the order of time. Where a verdict hangs "
			"on what was not recorded (arguments without audit.arguments, the token's "
			"claims) the call is undecidable. Calls that policy did not refuse, such as "
			"those with a bad token, are passed over. Needs no gateway."},
	[SP_CMD_POLICY_UNUSED] = {NAMED(POLICY_UNUSED).server = SP_CTL_LOCAL,
		.access = SP_ACCESS_NONE, ARGS(unused_args),
		.help = "permissions of policy files that recorded calls did not use",
		.more = "Pairs of agent and tool that policy grants, and rules that allow, with their last "
			"use in the records. The records must reach back as far as the days: it is said "
			"when they do not. Needs no gateway."},
	[SP_CMD_POLICY_SUGGEST] = {NAMED(POLICY_SUGGEST).server = SP_CTL_LOCAL,
		.access = SP_ACCESS_NONE, ARGS(suggest_args),
		.help = "the smallest policy that recorded calls need",
		.more = "Allow-lists in the native form of the calls that were allowed and succeeded, so "
			"the records must hold the outcomes, too. A tool is granted on the upstream that was "
			"called, as <upstream>__<tool>. Limits, conditions and risk are not "
			"suggested. Needs no gateway."},
	[SP_CMD_POLICY_SHADOW] = {NAMED(POLICY_SHADOW).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(shadow_args),
		.help = "judge every call by a candidate policy, too, without effect",
		.more = "The candidate is checked and compiled as a publish would. Each tools/call "
			"is judged by it beside the policy in force; where it would end otherwise "
			"the decision's record says so. It takes the place of another candidate, "
			"and ends when its files are published, when a publish needs its room, "
			"with 'policy shadow off', or with the gateway."},
	[SP_CMD_POLICY_SHADOW_STATUS] = {NAMED(POLICY_SHADOW_STATUS).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_VIEW, .help = "which candidate is in shadow, and what it judged",
		.more = "Names the limits and order rules whose counts the policy in force does "
			"not keep, or not for all they are about: there they let calls pass."},
	[SP_CMD_POLICY_SHADOW_REPORT] = {NAMED(POLICY_SHADOW_REPORT).server = SP_CTL_LOCAL,
		.access = SP_ACCESS_REVIEW, ARGS(shadow_report_args),
		.help = "the calls that the candidate in shadow would have ended otherwise",
		.more = "Grouped by what was decided, what the candidate says, agent and tool, each "
			"with calls as examples for 'audit query --call'. Read from the audit "
			"trail. Exit code 1 when there are such calls."},
	[SP_CMD_POLICY_SHADOW_OFF] = {NAMED(POLICY_SHADOW_OFF).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, .help = "judge by no candidate any more",
		.more = "Waits until every worker acknowledged it. What was recorded stays in the trail."},
	[SP_CMD_POLICY_PUBLISH] = {NAMED(POLICY_PUBLISH).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(publish_args),
		.help = "put policy files in force on every worker",
		.more = "Waits until every worker acknowledged the new generation and names one "
			"that did not."},
	[SP_CMD_POLICY_ROLLBACK] = {NAMED(POLICY_ROLLBACK).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(rollback_args),
		.help = "publish an earlier policy again",
		.more = "It gets a new generation: generations never go back."},
	[SP_CMD_POLICY_HISTORY] = {NAMED(POLICY_HISTORY).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_VIEW, .help = "the generations a rollback can go back to",
		.more = "Kept over restarts."},
	[SP_CMD_AGENTS] = {NAMED(AGENTS).server = SP_CTL_CONTROL, .access = SP_ACCESS_VIEW,
		.help = "agents with their limits and what they have used",
		.more = "Windows are those of all workers together."},
	[SP_CMD_REVOKE_AGENT] = {NAMED(REVOKE_AGENT).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(revoke_agent_args),
		.help = "stop an agent at once, on every worker",
		.more = "Durable before it is acknowledged. It holds until the agent is given "
			"another name."},
	[SP_CMD_REVOKE_TOKEN] = {NAMED(REVOKE_TOKEN).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(revoke_token_args),
		.help = "refuse a token from now on", .more = "Durable before it is acknowledged."},
	[SP_CMD_REVOKE_SESSION] = {NAMED(REVOKE_SESSION).server = SP_CTL_CONTROL,
		.access = SP_ACCESS_OPERATE, ARGS(revoke_session_args), .help = "end a session",
		.more = "Durable before it is acknowledged."},
	[SP_CMD_AUDIT_QUERY] = {NAMED(AUDIT_QUERY).server = SP_CTL_AUDIT, .access = SP_ACCESS_REVIEW,
		ARGS(query_args), .help = "audit records, oldest first",
		.more = "Filters are combined: a record must match all of them."},
	[SP_CMD_AUDIT_TAIL] = {NAMED(AUDIT_TAIL).server = SP_CTL_AUDIT, .access = SP_ACCESS_REVIEW,
		ARGS(tail_args), .help = "the newest audit records, and new ones as they come",
		.more = "A record is shown once it is durable."},
	[SP_CMD_AUDIT_VERIFY] = {NAMED(AUDIT_VERIFY).server = SP_CTL_AUDIT,
		.access = SP_ACCESS_REVIEW, .help = "check the whole audit trail's hash chain",
		.more = "Exit code 1 when a record was altered, removed or inserted; the answer "
			"names the first."},
	[SP_CMD_DRAIN] = {NAMED(DRAIN).server = SP_CTL_CONTROL, .access = SP_ACCESS_OPERATE,
		.help = "stop the gateway gracefully",
		.more = "As SIGTERM to sallyportd: nothing new is accepted, calls in flight end "
			"within the "
			"configured time, every record is made durable."},
	[SP_CMD_INIT] = {NAMED(INIT).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE, ARGS(init_args),
		.help = "write a configuration and a policy to begin with",
		.more = "Writes sallyport.yaml, policy/policy.yaml and a README.md. A folder that holds "
			"anything is left as it is. Needs no gateway."},
	[SP_CMD_HELP] = {NAMED(HELP).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		ARGS(help_args), .help = "all commands, or one in detail",
		.more = "The same as the option --help."},
	[SP_CMD_COMPLETION] = {NAMED(COMPLETION).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		ARGS(completion_args), .help = "completion for a shell, to be sourced by it",
		.more = "source <(sallyctl completion bash)"},
	[SP_CMD_MAN] = {NAMED(MAN).server = SP_CTL_LOCAL, .access = SP_ACCESS_NONE,
		.help = "this manual page, as roff", .more = "sallyctl man | man -l -"},
};

const struct sp_ctl_command *sp_ctl_command(enum sp_ctl_command_id id)
{
	SP_BUG_IF(id >= SP_CMD__COUNT);
	return &commands[id];
}

const struct sp_ctl_command *sp_ctl_command_find(struct sp_bytes words)
{
	for (unsigned i = 0; i < SP_CMD__COUNT; i++)
		if (sp_bytes_eq(words, sp_bytes_cstr(commands[i].words)))
			return &commands[i];
	return NULL;
}

static const char *const access_names[] = {
	[SP_ACCESS_NONE] = "none",
	[SP_ACCESS_VIEW] = "viewer",
	[SP_ACCESS_REVIEW] = "reviewer",
	[SP_ACCESS_OPERATE] = "operator",
	[SP_ACCESS_ADMIN] = "admin",
};

const char *sp_ctl_access_name(enum sp_ctl_access a)
{
	return a < SP_ARRAY_LEN(access_names) ? access_names[a] : "none";
}
