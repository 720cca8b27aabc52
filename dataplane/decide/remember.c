/// What became of a call goes into the history that later calls are judged by.
#include "dataplane/decide/facts.h"
#include "common/banned.h"

static uint32_t slot_of(const struct sp_call *c)
{
	return c->agent == SP_SNAP_NONE ? UINT32_MAX : sp_snap_agent(c->snap, c->agent)->limit_slot;
}

/// Room was made sure of before the call went out; should it be gone after all, the loss is
/// counted.
static void kept(struct sp_call *c, int err)
{
	if (err < 0)
		sp_count(c->w, SP_STAT_HISTORY_LOST);
}

static void mark_session(struct sp_call *c, uint32_t bits)
{
	const struct sp_window_owner owner = sp_facts_owner(c);
	uint32_t was;

	if (sp_facts_sessions_count(c))
		kept(c, sp_history_session(&c->w->history, &owner, sp_facts_session_key(c), bits,
				c->w->now_ns, &was));
}

/// An order rule as the call meets it.
struct step {
	const struct sp_snap_sequence *q;
	uint64_t key;
	unsigned parts;
};

static int change(
	struct sp_call *c, const struct step *s, struct sp_seq_change by, uint32_t *ret_was)
{
	const struct sp_window_owner owner = sp_facts_owner(c);

	return sp_history_set(&c->w->history, &owner, s->key, s->q->window_ns, by.set, by.clear,
		c->w->now_ns, ret_was);
}

/// `ret` has its rule.
static void find_step(struct sp_call *c, uint32_t number, struct step *ret)
{
	struct sp_judge_call who = {
		.snap = c->snap, .agent = c->agent, .arena = &c->w->facts->arena};
	uint8_t name[SP_FACTS_NAME_MAX];

	ret->key = sp_facts_sequence_key(c, ret->q);
	ret->parts = 0;
	if (sp_facts_name(c, c->upstream, sp_call_name(c), c->name_prefix, name, &who) == 0)
		ret->parts = sp_judge_sequence_parts(&who, &c->verdict, number);
}

/// 0 or a reason.
typedef int step_fn(struct sp_call *c, const struct step *s);

/// Order rules of one sort that the call is a part of: those whose state calls use up, or the others.
static int each_step(struct sp_call *c, bool used_up, step_fn *fn)
{
	for (unsigned i = 0; i < 2 && c->snap->h->policy.sequences.n; i++) {
		uint32_t n;
		const uint32_t *number = sp_facts_sequences(c->snap, &c->verdict, i, &n);

		for (uint32_t k = 0; k < n; k++) {
			struct step s = {
				.q = SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, number[k])};
			int why;

			if ((s.q->kind == SP_SEQ_REQUIRE_BEFORE) != used_up ||
				sp_facts_again(c, i, number[k]))
				continue;
			find_step(c, number[k], &s);
			why = s.parts ? fn(c, &s) : 0;
			if (why)
				return why;
		}
	}
	return 0;
}

static int still_met(struct sp_call *c, const struct step *s)
{
	uint32_t state;

	if (!(s->parts & SP_SEQ_PART_THEN))
		return 0;
	state = sp_history_state(&c->w->history, s->key, s->q->window_ns, c->w->now_ns);
	return sp_judge_sequence_met(s->q, state) ? 0 : SP_REASON_SEQUENCE_DENIED;
}

/// What is used up goes with the one call that is first to go out: of several that were judged at
/// the same time the others are refused here.
static int use_up(struct sp_call *c, const struct step *s)
{
	struct sp_seq_change by = sp_judge_sequence_out(s->q, s->parts);
	uint32_t was = 0;

	if (!(by.set | by.clear))
		return 0;
	if (change(c, s, by, &was) < 0 || !sp_judge_sequence_met(s->q, was))
		return SP_REASON_SEQUENCE_DENIED;
	return 0;
}

static int mark(struct sp_call *c, const struct step *s)
{
	struct sp_seq_change by = sp_judge_sequence_out(s->q, s->parts);

	if (by.set | by.clear)
		kept(c, change(c, s, by, NULL));
	return 0;
}

static int succeed(struct sp_call *c, const struct step *s)
{
	uint32_t state =
		sp_history_state(&c->w->history, s->key, s->q->window_ns, c->w->now_ns);
	struct sp_seq_change by = sp_judge_sequence_done(s->q, s->parts, state);

	if (by.set | by.clear)
		kept(c, change(c, s, by, NULL));
	return 0;
}

static bool taints(const struct sp_call *c)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t t = c->verdict.about.tools[i];

		if (t != SP_SNAP_NONE && SP_SNAP_POLICY(c->snap, tools, sp_snap_tool, t)->taints)
			return true;
	}
	return false;
}

int sp_remember_forwarded(struct sp_call *c)
{
	int why;

	if (c->method != SP_METHOD_TOOLS_CALL)
		return 0;
	// all are looked at before any is used up, and nothing is marked for a call that stays
	why = each_step(c, true, still_met);
	if (!why)
		why = each_step(c, true, use_up);
	if (why)
		return why;
	(void)!each_step(c, false, mark);
	sp_history_called(&c->w->history, slot_of(c), c->pair, c->w->now_ns);
	mark_session(c, SP_SESSION_KNOWN | (taints(c) ? SP_SESSION_TAINTED : 0));
	return 0;
}

void sp_remember_refusal(struct sp_call *c)
{
	if (c->method == SP_METHOD_TOOLS_CALL && c->agent != SP_SNAP_NONE)
		sp_history_denied(&c->w->history, slot_of(c), c->w->now_ns);
}

void sp_remember_outcome(struct sp_call *c)
{
	if (c->method != SP_METHOD_TOOLS_CALL || !c->forwarded || c->agent == SP_SNAP_NONE)
		return;
	if (c->outcome == SP_OUTCOME_FAILED || c->outcome == SP_OUTCOME_TOOL_ERROR ||
		c->outcome == SP_OUTCOME_RPC_ERROR)
		sp_history_failed(&c->w->history, slot_of(c), c->w->now_ns);
	if (c->outcome == SP_OUTCOME_OK)
		(void)!each_step(c, true, succeed);
}
