/// What a policy snapshot says of a call: the one place that decides. Pure over its inputs, no
/// allocation, no lock, no system call, deterministic: the same call, snapshot and history give the
/// same verdict, score and explanation. Used by the worker's stages, by `policy explain`, `test`,
/// `simulate` and shadow judging alike. Counting (limits, history) is not done here: the caller
/// passes history in and takes limits named here.
#pragma once

#include "common/cel/cel.h"
#include "common/reason.h"
#include "config/snapshot_policy.h"

/// What has happened before, read by the caller (common/history.h) at the moment of judging.
struct sp_judge_history {
	uint32_t agent_denied, agent_failed; ///< in the last ten minutes
	uint32_t agent_calls_minute;  ///< in the running minute
	uint32_t agent_usual_minute;  ///< its usual calls a minute, 0 = not known yet
	uint64_t tool_calls;  ///< of this tool by this agent, ever
	bool session_new;     ///< first call of its session
	bool session_tainted;
	/// Per sequence of sp_snap_action_facts.sequences (or wild), by sequence number: what the session, or the
	/// agent's window, has seen. Bits of enum sp_seq_seen.
	const uint8_t *sequence;
	uint32_t sequence_n;
};
enum sp_seq_seen {
	SP_SEQ_SAW_FIRST = 1,   ///< `first` succeeded and was not used up by a `then`
	SP_SEQ_SAW_BETWEEN = 2, ///< a call of `between` came after that state began
};

/// Room for values that conditions make and texts that must be unescaped; what does not fit is refused.
#define SP_JUDGE_ARENA_BYTES (256u << 10)

/// Limits that bind a call, after authorize: at most `cap`, returns how many. Owner-independent keys:
/// sp_snap_limit.id mixed with agent, tool and session as the limit says.
struct sp_judge_limit {
	uint32_t limit; ///< in the snapshot; SP_SNAP_NONE = the tool's max_calls a session
	uint32_t kind, per;
	uint64_t key, max;
};

/// What a snapshot says of agent and tool, looked up once for all questions.
struct sp_judge_about {
	/// By the name as the agent sees it [0] and without its upstream's prefix [1]: both bind.
	uint32_t actions[2], tools[2]; ///< or SP_SNAP_NONE
	uint32_t cls;	      ///< enum sp_action_class
	uint32_t audit_level; ///< the agent's
	uint64_t cost_micros;
	uint64_t max_calls_session; ///< 0 = not limited
};

/// What grants a tool to an agent, or denies it, besides rules.
struct sp_judge_grants {
	bool bounded, listed; ///< the agent has an allow-list, the tool is on it
	bool role_grant, role_denied;
};

/// What a snapshot says of an agent's calls of a tool whatever else they bring, once the judge has found it out. Zero =
/// nothing yet. Whoever keeps it sees to it that it goes with calls of the same snapshot, agent, `tool`, `prefix` and
/// `salt` only.
#define SP_JUDGE_KNOWN_LIMITS 4u
#define SP_JUDGE_KNOWN_RULES 4u
struct sp_judge_known {
	bool looked_up, granted, ruled, scored, limited; ///< what of it is there
	struct sp_judge_grants grants;
	int8_t term[SP_TERM__COUNT]; ///< of the score, those that only agent and tool decide
	uint32_t rules_n, limits_n;
	uint32_t rule[SP_JUDGE_KNOWN_RULES]; ///< that concern the agent's calls of the tool, in order
	struct sp_judge_about about;
	struct sp_judge_limit limit[SP_JUDGE_KNOWN_LIMITS]; ///< none of a session's, for a call of no group
};

struct sp_judge_call {
	const struct sp_snap *snap;
	uint32_t agent;       ///< number in the snapshot
	struct sp_bytes tool; ///< with its upstream in front, whatever the route: rules may name either
	uint32_t prefix;      ///< of `tool` bytes that name the upstream
	struct sp_bytes shown; ///< as the agent sees it; empty = as `tool`
	const struct sp_json *args_doc; ///< NULL = no arguments, or filtering a list
	uint32_t args;        ///< object token in args_doc, or SP_JSON_NONE
	uint32_t meta;        ///< params._meta in args_doc, or SP_JSON_NONE
	const struct sp_json *claims; ///< the token's payload, verified; NULL = not kept or no token
	struct sp_bytes scopes;  ///< of the token, space-separated
	struct sp_bytes issuer, client_id, session; ///< session: printable hash or empty
	struct sp_bytes peer;    ///< address without port
	struct sp_bytes route, upstream, revision, method;
	uint64_t wall_ns;
	uint64_t salt; ///< of the keys of windows (common/history.h); 0 where none are shared
	bool listing; ///< tools/list: only what does not depend on arguments, history or money
	const struct sp_judge_history *history; ///< NULL = nothing known
	struct sp_judge_known *known; ///< NULL = nothing is kept of it
	struct sp_cel_arena *arena; ///< scratch of SP_JUDGE_ARENA_BYTES, reset by each function below; never NULL
	struct sp_judge_trace *trace; ///< NULL in the worker: nothing is explained
};

/// `peer` of an address with its port: without port and brackets. A unix socket has none, and stays as it is.
struct sp_bytes sp_judge_peer(struct sp_bytes address);

/// The stages' questions, in their order. Each fills what it finds out in `v` and returns SP_REASON_NONE to go on,
/// or the reason to refuse. A review does not end the questions, for a later one may refuse: it is kept in
/// v->reason with v->review set, and sp_judge_score(), the last question, returns it.
struct sp_judge_verdict {
	enum sp_reason reason; ///< the first refusal, or else the first REVIEW_*
	enum sp_reason wire_reason; ///< what the agent is told when that differs (hidden tools), else NONE
	bool review;       ///< a person must look: reason is one of REVIEW_*
	struct sp_judge_about about; ///< once authorize was asked
	uint32_t rule;     ///< that allowed, reviewed or denied; SP_SNAP_NONE = allow-list, tool policy or none
	uint32_t group;    ///< of the rule, or SP_SNAP_NONE
	uint32_t sequence; ///< that refused, or SP_SNAP_NONE
	uint32_t purpose;  ///< declared and known, or SP_SNAP_NONE
	uint32_t audit_level; ///< of the call: at least the agent's
	uint32_t score;    ///< 0-100
	char detail[96];   ///< visible ASCII for the audit record and the agent: table, parameter, rule name
	int8_t term[SP_TERM__COUNT]; ///< what each added
};
void sp_judge_begin(struct sp_judge_verdict *v);
enum sp_reason sp_judge_authorize(const struct sp_judge_call *c, struct sp_judge_verdict *v);
enum sp_reason sp_judge_intent(const struct sp_judge_call *c, struct sp_judge_verdict *v);
/// SQL, endpoints, paths, sizes.
enum sp_reason sp_judge_arguments(const struct sp_judge_call *c, struct sp_judge_verdict *v);
enum sp_reason sp_judge_sequences(const struct sp_judge_call *c, struct sp_judge_verdict *v);
enum sp_reason sp_judge_score(const struct sp_judge_call *c, struct sp_judge_verdict *v);
/// All of them but limits, in order; stops at the first refusal unless `trace` is there, which gets all.
enum sp_reason sp_judge(const struct sp_judge_call *c, struct sp_judge_verdict *v);
/// tools/list: may the agent see this tool? By rules and constraints that need no arguments: what a condition on
/// arguments decides is shown.
bool sp_judge_lists(const struct sp_judge_call *c);

/// What a decision will read, asked of memory ahead of it, in the order in which a caller comes to know: hints that
/// change nothing, and may be left out or wrong (`agent` any number). Each waits for what the one before asked for.
struct sp_windows;
void sp_judge_ahead_agent(const struct sp_snap *s, uint32_t agent);
void sp_judge_ahead_rules(const struct sp_snap *s, uint32_t agent);
void sp_judge_ahead_tool(const struct sp_snap *s, uint32_t agent, struct sp_bytes tool);
void sp_judge_ahead_windows(
	const struct sp_snap *s, uint32_t agent, uint64_t salt, const struct sp_windows *w);
/// Of which windows: the same for an agent as long as the snapshot is. Returns how many.
#define SP_JUDGE_AHEAD_KEYS 4u
uint32_t sp_judge_ahead_keys(
	const struct sp_snap *s, uint32_t agent, uint64_t salt, uint64_t ret[SP_JUDGE_AHEAD_KEYS]);

/// Which parts of order rule `number` the call is: what it changes once it went out. `v` after authorize.
enum sp_seq_part { SP_SEQ_PART_FIRST = 1, SP_SEQ_PART_BETWEEN = 2, SP_SEQ_PART_THEN = 4 };
unsigned sp_judge_sequence_parts(
	const struct sp_judge_call *c, const struct sp_judge_verdict *v, uint32_t number);

/// How a rule's state moves on, by the parts a call is: first what the call changes when it goes out, then what its
/// success changes in the state as it stands then. Bits of enum sp_seq_seen; `clear` before `set`.
struct sp_seq_change {
	uint8_t set, clear;
};
struct sp_seq_change sp_judge_sequence_out(const struct sp_snap_sequence *q, unsigned parts);
struct sp_seq_change sp_judge_sequence_done(
	const struct sp_snap_sequence *q, unsigned parts, unsigned state);
/// Whether what a require-before rule wants has come.
bool sp_judge_sequence_met(const struct sp_snap_sequence *q, unsigned state);
/// Under which key the history keeps a rule's state (the agent's over a window, else the session's), and a session's
/// own; neither is ever a limit's.
uint64_t sp_judge_sequence_key(uint64_t salt, const struct sp_snap_sequence *q,
	struct sp_bytes agent, struct sp_bytes session);
uint64_t sp_judge_session_key(uint64_t salt, struct sp_bytes session);

/// The order rule of policy `in` whose state in the history is that of rule `number` of `of`, for
/// agents whom both name: one that writes down the same. SP_SNAP_NONE when there is none.
uint32_t sp_judge_sequence_twin(
	const struct sp_snap *of, uint32_t number, const struct sp_snap *in);

/// What sp_judge_limits() finds, where `known` keeps it: NULL when it does not.
const struct sp_judge_limit *sp_judge_limits_known(
	const struct sp_judge_call *c, const struct sp_judge_verdict *v, uint32_t *ret_n);
uint32_t sp_judge_limits(const struct sp_judge_call *c, const struct sp_judge_verdict *v,
	struct sp_judge_limit *ret, uint32_t cap);
/// What they are to count for a call, at the places of the limits: one call, its tokens, the money the verdict says.
struct sp_window_ask;
void sp_judge_limit_asks(const struct sp_judge_limit *limit, uint32_t n,
	const struct sp_judge_verdict *v, uint64_t tokens, struct sp_window_ask *ret);
/// Why a call is refused for which `l` has no room.
enum sp_reason sp_judge_limit_reason(const struct sp_judge_limit *l);
#define SP_JUDGE_LIMITS_MAX 16u ///< more on one call are refused at publish

/// What an explanation is told, in order; each with the rule, condition, limit or term it is about. `text` is a
/// whole sentence part without a newline; values shown by sp_cel_show.
enum sp_trace_kind { SP_TRACE_RULE = 1, SP_TRACE_CONDITION, SP_TRACE_TOOL, SP_TRACE_INTENT, SP_TRACE_LIMIT,
	SP_TRACE_ARGUMENT, SP_TRACE_SEQUENCE, SP_TRACE_TERM, SP_TRACE_VERDICT };
struct sp_trace_line {
	enum sp_trace_kind kind;
	uint32_t number; ///< rule, limit, sequence, term ...
	bool holds;      ///< the condition held, the rule applied, the limit has room
	int32_t points;  ///< a term's
	struct sp_bytes name, source, text; ///< name of the rule ..., "file:line", what was found
	uint32_t line;
};
struct sp_judge_trace {
	void (*add)(struct sp_judge_trace *t, const struct sp_trace_line *line);
};

/// Variables of conditions: mcp.*, agent.*, jwt.*, request.*, source.* are listed in config/judge/judge_env.h.
