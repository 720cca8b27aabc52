/// What the judge's files share, and nobody else needs: one question's view of call, snapshot and verdict.
#pragma once

#include "config/judge/judge.h"
#include "config/judge/judge_env.h"
#include "config/snapshot_policy.h"

#define JUDGE_PURPOSE_MAX 128u ///< bytes of a purpose's name; longer ones are unknown

enum judge_purpose { PURPOSE_UNREAD = 0, PURPOSE_NONE, PURPOSE_KNOWN, PURPOSE_UNKNOWN, PURPOSE_BAD };
/// What a condition came to; of several the greatest counts. UNKNOWN only while a list is filtered: it asks for
/// what a call will bring.
enum judge_holds { HOLDS_YES = 0, HOLDS_FAILED, HOLDS_UNKNOWN, HOLDS_NO };

struct judge {
	const struct sp_judge_call *c;
	struct sp_judge_verdict *v;
	const struct sp_snap *s;
	const struct sp_snap_policy *p;
	const struct sp_snap_agent_facts *agent;
	struct sp_bytes name[2]; ///< as the agent sees it; without the upstream's prefix
	uint32_t names_n;
	enum judge_purpose purpose_state;
	struct sp_bytes purpose; ///< as declared
	uint8_t purpose_text[JUDGE_PURPOSE_MAX];
	size_t keep;      ///< arena in use by variables that stay
	uint32_t vars_at; ///< bits of `var` that are filled
	struct sp_cel var[SP_VAR__COUNT];
};

#define JUDGE_TRACED(j) sp_unlikely((j)->c->trace != NULL)

void judge_ask_for(const void *p, size_t n); ///< of memory, ahead of reading it
/// The cache of variables is not cleared: `vars_at` says what is in it.
static inline void judge_init(
	struct judge *j, const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	j->c = c;
	j->v = v;
	j->s = c->snap;
	j->p = &c->snap->h->policy;
	j->agent = c->agent < j->p->agent_facts.n
			   ? SP_SNAP_POLICY(c->snap, agent_facts, sp_snap_agent_facts, c->agent)
			   : NULL;
	j->name[0] = j->name[1] = c->tool;
	j->names_n = 1;
	if (c->prefix > 0 && c->prefix < c->tool.n) {
		j->name[1] = sp_bytes(c->tool.p + c->prefix, c->tool.n - c->prefix);
		j->names_n = 2;
	}
	j->purpose_state = PURPOSE_UNREAD;
	j->purpose = SP_NOBYTES;
	j->vars_at = 0;
	if (c->arena)
		c->arena->used = 0;
	j->keep = 0;
}
/// Note a refusal or review, and what to tell of it; the first refusal stays, and beats every review.
/// `detail` is made visible ASCII.
void judge_refuse(struct judge *j, enum sp_reason why, struct sp_bytes detail);
/// What a question returns: a refusal; NONE also while a review is kept.
static inline enum sp_reason judge_go_on(const struct sp_judge_verdict *v)
{
	return v->review ? SP_REASON_NONE : v->reason;
}
static inline struct sp_bytes judge_str(const struct judge *j, struct sp_snap_str s)
{
	return sp_snap_str(j->s, s);
}
static inline struct sp_bytes judge_shown(const struct judge *j)
{
	return j->c->shown.n ? j->c->shown : j->c->tool;
}
/// Of v->about.tools, or NULL.
static inline const struct sp_snap_tool *judge_tool(const struct judge *j, uint32_t i)
{
	uint32_t t = j->v->about.tools[i];

	return t == SP_SNAP_NONE ? NULL : SP_SNAP_POLICY(j->s, tools, sp_snap_tool, t);
}

/// Any of `globs` (struct sp_snap_str) stands for one of the call's names.
bool judge_names_match(const struct judge *j, struct sp_snap_table globs);
/// The call by its name `i`, as the snapshot's lists are asked.
struct sp_snap_who judge_who(const struct judge *j, uint32_t i);

/// What is kept of the call's agent and tool, or NULL; an explanation is told all of it anew.
static inline struct sp_judge_known *judge_known(const struct judge *j)
{
	return JUDGE_TRACED(j) ? NULL : j->c->known;
}

/// Look up actions, constraints, class and cost once: the other questions find them in the verdict.
void judge_look_up(struct judge *j);
/// Is the call's tool one that this agent may call under some circumstances?
bool judge_visible(const struct judge *j);

enum sp_cel_error judge_var(
	void *judge, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret);
enum sp_cel_error judge_field(void *judge, uint32_t var, struct sp_bytes name, struct cel_meter *m,
	struct sp_cel *ret);
enum judge_holds judge_conditions(
	struct judge *j, const struct sp_snap_rule *r, uint32_t number);
void judge_read_purpose(struct judge *j); ///< fills purpose_state, purpose and v->purpose

/// What the rules say, without constraints; numbers are the first of their kind or SP_SNAP_NONE.
struct judge_rules {
	uint32_t denied, deny_failed, review, allow, allow_unknown, allow_failed;
};
void judge_rules(struct judge *j, struct judge_rules *ret);

/// A string value of an object's member, unescaped into `buf`. 0, -ENOENT not there, -EINVAL no string or too long.
SP_MUST_CHECK int judge_member(const struct sp_json *doc, uint32_t obj, struct sp_bytes key,
	uint8_t *buf, size_t cap, struct sp_bytes *ret);
/// Equal JSON values; numbers only when they are the same integer or the same text.
bool judge_json_equal(
	const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u, unsigned depth);

/// 0-100: what the shape of the arguments suggests. Linear; looks at no more than JUDGE_SCAN_BYTES.
#define JUDGE_SCAN_BYTES 65536u
struct judge_signals {
	uint32_t shell, traversal, sql, address, length, encoded; ///< points of each kind
	uint32_t points; ///< together, at most 100
};
void judge_signals(struct judge *j, struct judge_signals *ret);

/// Explanation; without a trace these cost one test.
void judge_tell(const struct judge *j, const struct sp_trace_line *line);
/// A line about no rule, condition or term: kind, whether it holds, name and text.
void judge_say(const struct judge *j, enum sp_trace_kind kind, uint32_t number, bool holds,
	struct sp_bytes name, struct sp_bytes text);
/// About constraints `i` of v->about.tools.
void judge_say_tool(const struct judge *j, uint32_t i, enum sp_trace_kind kind, bool holds,
	struct sp_bytes text);
