/// Order rules: what must have come before, and what must not.
#include "config/judge/judge_in.h"
#include "common/banned.h"

static const struct sp_snap_sequence *sequence_at(const struct judge *j, uint32_t number)
{
	return SP_SNAP_POLICY(j->s, sequences, sp_snap_sequence, number);
}

/// What the caller has seen for it; without a history, nothing.
static unsigned seen(const struct judge *j, uint32_t number)
{
	const struct sp_judge_history *h = j->c->history;

	return h && h->sequence && number < h->sequence_n ? h->sequence[number] : 0;
}

static bool in_order(const struct judge *j, const struct sp_snap_sequence *q, uint32_t number)
{
	unsigned bits = seen(j, number);

	switch (q->kind) {
	case SP_SEQ_REQUIRE_BEFORE:
		return sp_judge_sequence_met(q, bits);
	case SP_SEQ_FORBID_AFTER:
		return !(bits & SP_SEQ_SAW_FIRST);
	case SP_SEQ_FORBID_AFTER_TAINT:
		return !(j->c->history && j->c->history->session_tainted);
	default:
		return false;
	}
}

static struct sp_bytes what(const struct sp_snap_sequence *q, bool holds)
{
	if (holds)
		return SP_LIT("the order of calls allows it");
	switch (q->kind) {
	case SP_SEQ_REQUIRE_BEFORE:
		return SP_LIT("the calls that must come before have not come");
	case SP_SEQ_FORBID_AFTER:
		return SP_LIT("it may not follow a call that has come");
	default:
		return SP_LIT("the session holds results that are not to be trusted");
	}
}

static void judge_sequence(struct judge *j, uint32_t number)
{
	const struct sp_snap_sequence *q = sequence_at(j, number);
	bool holds;

	if (!sp_snap_agent_fits(j->s, j->c->agent, q->any_agent, q->agents, q->roles) ||
		!judge_names_match(j, q->then))
		return;
	holds = in_order(j, q, number);
	if (!holds) {
		if (j->v->sequence == SP_SNAP_NONE || j->v->review)
			j->v->sequence = number;
		judge_refuse(j,
			q->effect == SP_EFFECT_REVIEW ? SP_REASON_REVIEW_SEQUENCE
						      : SP_REASON_SEQUENCE_DENIED,
			judge_str(j, q->name));
	}
	if (JUDGE_TRACED(j))
		judge_say(j, SP_TRACE_SEQUENCE, number, holds, judge_str(j, q->name), what(q, holds));
}

enum sp_reason sp_judge_sequences(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	struct judge j;

	if (c->snap->h->policy.sequences.n == 0)
		return judge_go_on(v);
	judge_init(&j, c, v);
	for (uint32_t i = 0; i < j.names_n; i++) {
		uint32_t a = v->about.actions[i];
		struct sp_snap_table t =
			a == SP_SNAP_NONE
				? j.p->wild_sequences
				: SP_SNAP_POLICY(j.s, action_facts, sp_snap_action_facts, a)->sequences;
		const uint32_t *number = (const uint32_t *)(j.s->base + t.off);

		for (uint32_t k = 0; k < t.n; k++)
			judge_sequence(&j, number[k]);
	}
	return judge_go_on(v);
}
