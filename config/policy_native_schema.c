#include "common/clock.h"
#include "common/sql/sql.h"
#include "config/policy.h"
#include "config/policy_native.h"
#include "config/policy_text.h"
#include "common/banned.h"

#define LIST_MAX 10000u
#define AUTO_RISK UINT64_MAX

#define AT(s, f) .off = offsetof(struct s, f)
#define SCHEMA(f, title, s)                                                                        \
	{                                                                                          \
		(title), (f), SP_ARRAY_LEN(f), sizeof(struct s)                                    \
	}
#define GROUP(n, s, f, g, h)                                                                       \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_GROUP, AT(s, f), .group = &(g), .help = (h)           \
	}
#define GROUPS(n, s, f, g, hi, h)                                                                  \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_GROUPS, AT(s, f), .group = &(g), .max = (hi),         \
		.help = (h)                                                                        \
	}
#define TEXT(n, s, f, wrong, h)                                                                    \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_TEXT, AT(s, f), .text_wrong = (wrong), .help = (h)    \
	}
#define NAME(s, wrong, h)                                                                          \
	{                                                                                          \
		.name = "name", .kind = SP_KIND_TEXT, AT(s, name), .text_wrong = (wrong),          \
		.max = SP_POLICY_NAME_MAX, .required = true, .help = (h)                           \
	}
#define TEXTS(n, s, f, wrong, h)                                                                   \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_TEXTS, AT(s, f), .text_wrong = (wrong),               \
		.max = LIST_MAX, .single = true, .help = (h)                                       \
	}
#define NEEDED(n, s, f, wrong, h)                                                                  \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_TEXTS, AT(s, f), .text_wrong = (wrong), .min = 1,     \
		.max = LIST_MAX, .single = true, .required = true, .help = (h)                     \
	}
#define FLAG(n, s, f, h)                                                                           \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_BOOL, AT(s, f), .def = "false", .help = (h)           \
	}
#define WORD(n, s, f, w, d, h)                                                                     \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_WORD, AT(s, f), .words = (w), .def = (d), .help = (h) \
	}
/// A limit: absent it is none, and 0 could mean nothing or everything.
#define COUNT(n, s, f, hi, h)                                                                      \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_NUMBER, AT(s, f), .min = 1, .max = (hi), .help = (h)  \
	}
#define SCORE(n, s, f, d, h)                                                                       \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_NUMBER, AT(s, f), .max = 100, .def = (d), .help = (h) \
	}

static const char *const level_words[] = {"default", [SP_AUDIT_BASIC + 1] = "basic",
	[SP_AUDIT_ENHANCED + 1] = "enhanced", [SP_AUDIT_STRICT + 1] = "strict", NULL};
static const char *const effect_words[] = {[SP_EFFECT_DENY] = "deny",
	[SP_EFFECT_REVIEW] = "review",
	[SP_EFFECT_ALLOW] = "allow",
	NULL};
static const char *const class_words[] = {[SP_CLASS_AUTO] = "auto",
	[SP_CLASS_READ] = "read",
	[SP_CLASS_WRITE] = "write",
	[SP_CLASS_SEND] = "send",
	[SP_CLASS_DELETE] = "delete",
	[SP_CLASS_EXECUTE] = "execute",
	[SP_CLASS_ADMIN] = "admin",
	NULL};
static const char *const sense_words[] = {[SP_SENSE_UNSET] = "unset",
	[SP_SENSE_PUBLIC] = "public",
	[SP_SENSE_INTERNAL] = "internal",
	[SP_SENSE_CONFIDENTIAL] = "confidential",
	[SP_SENSE_RESTRICTED] = "restricted",
	NULL};
static const char *const dialect_words[] = {
	"unnamed", [SP_SQL_POSTGRES] = "postgres", [SP_SQL_MYSQL] = "mysql",
	[SP_SQL_MSSQL] = "mssql", [SP_SQL_SQLITE] = "sqlite", [SP_SQL_ANSI] = "ansi", NULL};
static const char *const per_words[] = {[SP_PER_REQUEST - 1] = "request",
	[SP_PER_SECOND - 1] = "second",
	[SP_PER_MINUTE - 1] = "minute",
	[SP_PER_HOUR - 1] = "hour",
	[SP_PER_DAY - 1] = "day",
	[SP_PER_SESSION - 1] = "session",
	NULL};
static const char *const sequence_words[] = {[SP_SEQ_REQUIRE_BEFORE - 1] = "require-before",
	[SP_SEQ_FORBID_AFTER - 1] = "forbid-after",
	[SP_SEQ_FORBID_AFTER_TAINT - 1] = "forbid-after-taint",
	NULL};
static const char *const refusal_words[] = {
	[SP_EFFECT_DENY] = "deny", [SP_EFFECT_REVIEW] = "review", NULL};
static const char *const mode_words[] = {[SP_RISK_AUTOMATIC] = "automatic",
	[SP_RISK_MIXED] = "mixed",
	[SP_RISK_MANUAL] = "manual",
	NULL};

static const char *apart_wrong(const char *s)
{
	return strcmp(s, "agent") == 0 || strcmp(s, "tool") == 0 ? NULL
								 : "is neither agent nor tool";
}

static const char *condition_wrong(const char *s)
{
	return s[strspn(s, " \t\n")] ? NULL : "says nothing";
}

static const struct sp_field agent_limits_fields[] = {
	COUNT("per_minute", sp_pf_agent_limits, per_minute, SP_LIMIT_CALLS_MAX, "calls a minute"),
	COUNT("per_hour", sp_pf_agent_limits, per_hour, SP_LIMIT_CALLS_MAX, "calls an hour"),
	COUNT("tokens_per_request", sp_pf_agent_limits, tokens_per_request, SP_LIMIT_TOKENS_MAX,
		"estimated tokens of one call"),
	COUNT("tokens_per_day", sp_pf_agent_limits, tokens_per_day, SP_LIMIT_TOKENS_MAX,
		"estimated tokens a day"),
};
static const struct sp_schema agent_limits_schema =
	SCHEMA(agent_limits_fields, "an agent's limits", sp_pf_agent_limits);

static const struct sp_field agent_fields[] = {
	NAME(sp_pf_agent, sp_policy_agent_wrong, "as its token names it"),
	{.name = "description",
		.kind = SP_KIND_TEXT,
		AT(sp_pf_agent, description),
		.lines = true,
		.max = 4096,
		.help = "what it is for"},
	TEXT("owner", sp_pf_agent, owner, sp_policy_title_wrong, "who answers for it"),
	TEXT("environment", sp_pf_agent, environment, sp_policy_word_wrong,
		"where it runs: tools and rules ask for it"),
	TEXTS("roles", sp_pf_agent, roles, sp_policy_word_wrong,
		"tools and rules are granted to them"),
	{.name = "attributes",
		.kind = SP_KIND_PAIRS,
		AT(sp_pf_agent, attributes),
		.max = 64,
		.help = "facts that conditions read as agent.identity.<name>"},
	WORD("audit_level", sp_pf_agent, audit_level, level_words, "default",
		"how its calls are recorded; default is the gateway's default_audit_level"),
	TEXTS("allow", sp_pf_agent, allow, sp_policy_action_wrong,
		"its allow-list: grants these tools, and nothing outside is possible; absent, "
		"rules "
		"alone decide; [] allows nothing"),
	GROUP("limits", sp_pf_agent, limits, agent_limits_schema, "over all its calls"),
};
static const struct sp_schema agent_schema = SCHEMA(agent_fields, "an agent", sp_pf_agent);

static const struct sp_field sql_fields[] = {
	WORD("dialect", sp_pf_sql, dialect, dialect_words, "unnamed",
		"whose SQL it is; unnamed is judged by what all dialects read alike"),
	TEXTS("parameters", sp_pf_sql, parameters, sp_policy_word_wrong,
		"arguments that hold SQL; absent: sql, query, statement"),
	TEXTS("styles", sp_pf_sql, styles, sp_policy_style_wrong,
		"select, insert, update, delete, explain, ddl; absent, every one not forbidden"),
	TEXTS("forbid_styles", sp_pf_sql, forbid_styles, sp_policy_style_wrong,
		"taken out of what is allowed"),
	TEXTS("tables", sp_pf_sql, tables, sp_policy_table_wrong,
		"the only tables; 'schema.table' or 'table', * for any run without a dot, by itself for "
		"all; absent, any"),
	TEXTS("forbid_tables", sp_pf_sql, forbid_tables, sp_policy_table_wrong,
		"tables no statement may touch"),
	TEXTS("functions", sp_pf_sql, functions, sp_policy_function_wrong,
		"allowed besides the harmless built-in ones"),
	FLAG("returning", sp_pf_sql, returning, "whether writes may have RETURNING"),
};
static const struct sp_schema sql_schema = SCHEMA(sql_fields, "sql", sp_pf_sql);

static const struct sp_field endpoint_fields[] = {
	TEXTS("parameters", sp_pf_endpoints, parameters, sp_policy_word_wrong,
		"arguments that hold a URL or path; absent: url, uri, endpoint, path"),
	TEXTS("allow", sp_pf_endpoints, allow, sp_policy_endpoint_wrong,
		"the only ones: /path/* or [scheme://]host[:port]/path/*; absent, any not "
		"forbidden"),
	TEXTS("forbid", sp_pf_endpoints, forbid, sp_policy_endpoint_wrong, "wins over allow"),
	FLAG("private_hosts", sp_pf_endpoints, private_hosts,
		"whether literal private, loopback and metadata addresses may be asked"),
};
static const struct sp_schema endpoint_schema =
	SCHEMA(endpoint_fields, "endpoints", sp_pf_endpoints);

static const struct sp_field path_fields[] = {
	NEEDED("parameters", sp_pf_paths, parameters, sp_policy_word_wrong,
		"arguments that hold a file's path"),
	NEEDED("roots", sp_pf_paths, roots, sp_policy_root_wrong, "folders they have to be below"),
};
static const struct sp_schema path_schema = SCHEMA(path_fields, "paths", sp_pf_paths);

static const struct sp_field tool_fields[] = {
	NAME(sp_pf_tool, sp_policy_tool_wrong, "exact, or with * for any run of characters"),
	TEXTS("allowed_for", sp_pf_tool, allowed_for, sp_policy_word_wrong,
		"roles it is granted to; everybody else is denied; [] is nobody"),
	TEXTS("environments", sp_pf_tool, environments, sp_policy_word_wrong,
		"only agents of these may call it"),
	TEXTS("scopes", sp_pf_tool, scopes, sp_policy_word_wrong,
		"scopes the token needs, all of them"),
	COUNT("max_calls_per_session", sp_pf_tool, max_calls, SP_LIMIT_CALLS_MAX, "of one agent"),
	FLAG("require_approval", sp_pf_tool, require_approval, "every call is reviewed"),
	FLAG("require_human_initiated", sp_pf_tool, require_human_initiated,
		"only calls that a person began"),
	WORD("class", sp_pf_tool, cls, class_words, "auto",
		"what it does; auto goes by the first word of its name"),
	WORD("sensitivity", sp_pf_tool, sensitivity, sense_words, "unset",
		"of the data it touches"),
	FLAG("egress", sp_pf_tool, egress, "it sends data out"),
	FLAG("taints", sp_pf_tool, taints, "its results are not to be trusted"),
	FLAG("high_risk", sp_pf_tool, high_risk, "on the list of high-risk actions"),
	{.name = "risk",
		.kind = SP_KIND_NUMBER,
		AT(sp_pf_tool, risk),
		.max = 100,
		.def = "auto",
		.word = "auto",
		.word_value = AUTO_RISK,
		.help = "what its score begins with; auto goes by class"},
	{.name = "cost",
		.kind = SP_KIND_MONEY,
		AT(sp_pf_tool, cost_micros),
		.max = 1000000000000ull,
		.help = "of one call, for money limits; at most six decimals"},
	{.name = "max_arguments",
		.kind = SP_KIND_SIZE,
		AT(sp_pf_tool, max_argument_bytes),
		.min = 1,
		.max = 64u << 20,
		.help = "size of a call's arguments"},
	GROUP("sql", sp_pf_tool, sql, sql_schema, "what SQL its arguments may hold"),
	GROUP("endpoints", sp_pf_tool, endpoints, endpoint_schema, "what it may be pointed at"),
	GROUP("paths", sp_pf_tool, paths, path_schema, "which files it may be pointed at"),
};
static const struct sp_schema tool_schema = SCHEMA(tool_fields, "a tool", sp_pf_tool);

static const struct sp_field rule_fields[] = {
	{.name = "name",
		.kind = SP_KIND_TEXT,
		AT(sp_pf_rule, name),
		.text_wrong = sp_policy_title_wrong,
		.max = SP_POLICY_NAME_MAX,
		.help = "in records and explanations; absent, <group or file>/<number>"},
	{.name = "effect",
		.kind = SP_KIND_WORD,
		AT(sp_pf_rule, effect),
		.words = effect_words,
		.required = true,
		.help = "deny wins over review, review over allow"},
	NEEDED("tools", sp_pf_rule, tools, sp_policy_tool_wrong, "exact names, or with *"),
	TEXTS("agents", sp_pf_rule, agents, sp_policy_agent_wrong, "any of these; absent, all"),
	TEXTS("roles", sp_pf_rule, roles, sp_policy_word_wrong, "any of these; absent, all"),
	TEXTS("environments", sp_pf_rule, environments, sp_policy_word_wrong,
		"any of these; absent, all"),
	TEXTS("purposes", sp_pf_rule, purposes, sp_policy_word_wrong,
		"the declared purpose is one of these; absent, any or none"),
	{.name = "when",
		.kind = SP_KIND_TEXTS,
		AT(sp_pf_rule, when),
		.text_wrong = condition_wrong,
		.max = 64,
		.most_bytes = 4096,
		.single = true,
		.lines = true,
		.help = "conditions in CEL, all of which must hold"},
	{.name = "reason",
		.kind = SP_KIND_TEXT,
		AT(sp_pf_rule, reason),
		.max = 1024,
		.help = "what the agent is told, in any language"},
};
static const struct sp_schema rule_schema = SCHEMA(rule_fields, "a rule", sp_pf_rule);

static const struct sp_field limit_fields[] = {
	NAME(sp_pf_limit, sp_policy_title_wrong, "its windows are kept by it when policy changes"),
	COUNT("calls", sp_pf_limit, calls, SP_LIMIT_CALLS_MAX, "this many calls, or ..."),
	COUNT("tokens", sp_pf_limit, tokens, SP_LIMIT_TOKENS_MAX, "... estimated tokens, or ..."),
	{.name = "money",
		.kind = SP_KIND_MONEY,
		AT(sp_pf_limit, money),
		.min = 1,
		.max = 1000000000000ull,
		.help = "... an amount: calls cost what their tool says"},
	{.name = "per",
		.kind = SP_KIND_WORD,
		AT(sp_pf_limit, per),
		.words = per_words,
		.required = true,
		.help = "the window; request is one call by itself"},
	TEXTS("agents", sp_pf_limit, agents, sp_policy_agent_wrong,
		"only their calls; absent, all"),
	TEXTS("roles", sp_pf_limit, roles, sp_policy_word_wrong, "only their calls; absent, all"),
	TEXTS("tools", sp_pf_limit, tools, sp_policy_tool_wrong,
		"only calls of these; absent, all"),
	{.name = "apart",
		.kind = SP_KIND_TEXTS,
		AT(sp_pf_limit, apart),
		.text_wrong = apart_wrong,
		.max = 2,
		.single = true,
		.help = "agent, tool: each has a window of its own; absent: agent; [] is one for "
			"all"},
};
static const struct sp_schema limit_schema = SCHEMA(limit_fields, "a limit", sp_pf_limit);

static const struct sp_field group_fields[] = {
	NAME(sp_pf_group, sp_policy_title_wrong, "of the definition"),
	{.name = "description",
		.kind = SP_KIND_TEXT,
		AT(sp_pf_group, description),
		.lines = true,
		.max = 4096,
		.help = "what it is for, in any language"},
	WORD("audit_level", sp_pf_group, audit_level, level_words, "default",
		"of the calls its rules allow"),
	TEXT("store", sp_pf_group, store, sp_policy_word_wrong,
		"named audit store of the calls its rules allow"),
	GROUPS("rules", sp_pf_group, rules, rule_schema, SP_POLICY_RULES_MAX, "as under rules"),
	GROUPS("limits", sp_pf_group, limits, limit_schema, SP_POLICY_LISTS_MAX,
		"as under limits, over the calls its rules allow"),
};
static const struct sp_schema group_schema = SCHEMA(group_fields, "a group", sp_pf_group);

static const struct sp_field purpose_fields[] = {
	NAME(sp_pf_purpose, sp_policy_word_wrong, "as agents declare it"),
	NEEDED("tools", sp_pf_purpose, tools, sp_policy_tool_wrong, "what it covers, with *"),
	TEXTS("agents", sp_pf_purpose, agents, sp_policy_agent_wrong,
		"who may declare it; absent, all"),
	TEXTS("roles", sp_pf_purpose, roles, sp_policy_word_wrong,
		"who may declare it; absent, all"),
};
static const struct sp_schema purpose_schema = SCHEMA(purpose_fields, "a purpose", sp_pf_purpose);

static const struct sp_field sequence_fields[] = {
	NAME(sp_pf_sequence, sp_policy_title_wrong, "its state is kept by it when policy changes"),
	{.name = "kind",
		.kind = SP_KIND_WORD,
		AT(sp_pf_sequence, kind),
		.words = sequence_words,
		.required = true,
		.help = "then needs first, or is refused after first, or once the session is "
			"tainted"},
	WORD("effect", sp_pf_sequence, effect, refusal_words, "deny", "of a call out of order"),
	TEXTS("first", sp_pf_sequence, first, sp_policy_tool_wrong,
		"what comes before; not with forbid-after-taint"),
	TEXTS("between", sp_pf_sequence, between, sp_policy_tool_wrong,
		"require-before: one of these has to come after first and before then"),
	NEEDED("then", sp_pf_sequence, then, sp_policy_tool_wrong, "what it is about"),
	{.name = "window",
		.kind = SP_KIND_DURATION,
		AT(sp_pf_sequence, window_ns),
		.def = "session",
		.min = SP_NS_PER_SEC,
		.max = 30 * 86400 * SP_NS_PER_SEC,
		.word = "session",
		.word_value = 0,
		.help = "how far back to look: the session, or the agent's calls of so long"},
	TEXTS("agents", sp_pf_sequence, agents, sp_policy_agent_wrong, "absent, all"),
	TEXTS("roles", sp_pf_sequence, roles, sp_policy_word_wrong, "absent, all"),
	{.name = "reason",
		.kind = SP_KIND_TEXT,
		AT(sp_pf_sequence, reason),
		.max = 1024,
		.help = "what the agent is told"},
};
static const struct sp_schema sequence_schema =
	SCHEMA(sequence_fields, "a sequence", sp_pf_sequence);

#define THRESHOLD(n, f, d, h)                                                                      \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_NUMBER, AT(sp_pf_mode, f), .max = 100, .def = (d),    \
		.word = "never", .word_value = 101, .help = (h)                                    \
	}
#define MODE(name, title, review, writes, block)                                                   \
	static const struct sp_field name##_fields[] = {                                           \
		THRESHOLD("review_at", review_at, review, "score from which calls are reviewed"),  \
		THRESHOLD("review_writes_at", review_writes_at, writes,                            \
			"the same for tools that do more than read"),                              \
		THRESHOLD("block_at", block_at, block, "score from which calls are refused"),      \
	};                                                                                         \
	static const struct sp_schema name##_schema = SCHEMA(name##_fields, title, sp_pf_mode)
MODE(automatic, "automatic", "50", "50", "80");
MODE(mixed, "mixed", "50", "40", "80");
MODE(manual, "manual", "0", "0", "never");

#define WEIGHT(n, term, d, h) SCORE(n, sp_pf_weights, v[term], d, h)
static const struct sp_field weight_fields[] = {
	WEIGHT("class", SP_TERM_CLASS, "100", "most that a tool's class or own risk adds"),
	WEIGHT("high-risk", SP_TERM_HIGH_RISK, "60",
		"what the class of a high-risk tool is raised to at least"),
	WEIGHT("sensitivity", SP_TERM_SENSITIVITY, "15", "restricted data; less for the others"),
	WEIGHT("arguments", SP_TERM_ARGUMENTS, "30", "shell, SQL, traversal, size in arguments"),
	WEIGHT("egress", SP_TERM_EGRESS, "10", "the tool sends data out"),
	WEIGHT("taint", SP_TERM_TAINT, "25", "after a result that is not to be trusted"),
	WEIGHT("history", SP_TERM_HISTORY, "15", "refusals in the last minutes"),
	WEIGHT("failures", SP_TERM_FAILURES, "10", "failed calls in the last minutes"),
	WEIGHT("rarity", SP_TERM_RARITY, "10", "a tool it never or seldom called"),
	WEIGHT("rate", SP_TERM_RATE, "15", "far more calls a minute than usual"),
	WEIGHT("time", SP_TERM_TIME, "10", "outside the working hours"),
	WEIGHT("new-session", SP_TERM_NEW_SESSION, "3", "the first calls of a session"),
};
static const struct sp_schema weight_schema = SCHEMA(weight_fields, "weights", sp_pf_weights);

#define CLASS(n, cls, d) SCORE(n, sp_pf_classes, v[cls], d, "what a score begins with")
static const struct sp_field class_fields[] = {
	CLASS("read", SP_CLASS_READ, "5"),
	CLASS("write", SP_CLASS_WRITE, "20"),
	CLASS("send", SP_CLASS_SEND, "25"),
	CLASS("delete", SP_CLASS_DELETE, "45"),
	CLASS("execute", SP_CLASS_EXECUTE, "50"),
	CLASS("admin", SP_CLASS_ADMIN, "50"),
};
static const struct sp_schema class_schema = SCHEMA(class_fields, "class_base", sp_pf_classes);

static const struct sp_field hours_fields[] = {
	TEXT("from", sp_pf_hours, from, sp_policy_clock_wrong, "UTC, like '08:30'; absent, always"),
	TEXT("until", sp_pf_hours, until, sp_policy_clock_wrong, "UTC"),
	TEXTS("days", sp_pf_hours, days, sp_policy_day_wrong,
		"mon tue wed thu fri sat sun; absent, mon to fri"),
};
static const struct sp_schema hours_schema = SCHEMA(hours_fields, "work_hours", sp_pf_hours);

static const struct sp_field risk_fields[] = {
	WORD("mode", sp_pf_risk, mode, mode_words, "automatic", "which thresholds are in force"),
	GROUP("automatic", sp_pf_risk, automatic, automatic_schema, "most is approved by itself"),
	GROUP("mixed", sp_pf_risk, mixed, mixed_schema, "writes are reviewed sooner"),
	GROUP("manual", sp_pf_risk, manual, manual_schema, "everything is reviewed"),
	GROUP("weights", sp_pf_risk, weights, weight_schema, "most that each term adds to a score"),
	GROUP("class_base", sp_pf_risk, class_base, class_schema, "by class of tool"),
	GROUP("work_hours", sp_pf_risk, work_hours, hours_schema, "when calls are usual"),
};
static const struct sp_schema risk_schema = SCHEMA(risk_fields, "risk", sp_pf_risk);

static const struct sp_field intent_fields[] = {
	FLAG("require_purpose", sp_pf_intent, require_purpose,
		"every call needs a declared purpose that covers it"),
	FLAG("require_authorization_details", sp_pf_intent, require_authorization_details,
		"every call needs RFC 9396 authorization_details in the token that cover it"),
};
static const struct sp_schema intent_schema = SCHEMA(intent_fields, "intent", sp_pf_intent);

static const struct sp_field policy_fields[] = {
	{.name = "version",
		.kind = SP_KIND_NUMBER,
		AT(sp_pf, version),
		.min = 1,
		.max = 1,
		.required = true,
		.help = "of the native form: 1"},
	GROUPS("agents", sp_pf, agents, agent_schema, SP_POLICY_AGENTS_MAX, "who the agents are"),
	GROUPS("tools", sp_pf, tools, tool_schema, SP_POLICY_LISTS_MAX,
		"constraints that bind every caller, besides the rules"),
	GROUPS("rules", sp_pf, rules, rule_schema, SP_POLICY_RULES_MAX,
		"who may call what, under which conditions"),
	GROUPS("groups", sp_pf, groups, group_schema, SP_POLICY_LISTS_MAX,
		"rules that share limits and audit"),
	GROUPS("limits", sp_pf, limits, limit_schema, SP_POLICY_LISTS_MAX, "how much, how often"),
	GROUPS("purposes", sp_pf, purposes, purpose_schema, SP_POLICY_LISTS_MAX,
		"declared intents and the tools they cover"),
	GROUPS("sequences", sp_pf, sequences, sequence_schema, SP_POLICY_LISTS_MAX,
		"what has to come before what, or may not follow it"),
	GROUP("risk", sp_pf, risk, risk_schema,
		"scores of 0 to 100; without this part they are only recorded"),
	GROUP("intent", sp_pf, intent, intent_schema, "what every call has to declare"),
};
const struct sp_schema sp_policy_schema = SCHEMA(policy_fields, "a native policy", sp_pf);
