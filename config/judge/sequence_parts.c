/// What a call is to an order rule: the worker keeps the rule's state by it.
#include "config/judge/judge_in.h"

#include "common/windows.h"
#include "common/banned.h"

unsigned sp_judge_sequence_parts(
	const struct sp_judge_call *c, const struct sp_judge_verdict *v, uint32_t number)
{
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, number);
	struct sp_judge_verdict copy = *v;
	struct judge j;
	unsigned parts = 0;

	if (!sp_snap_agent_fits(c->snap, c->agent, q->any_agent, q->agents, q->roles))
		return 0;
	judge_init(&j, c, &copy);
	if (judge_names_match(&j, q->first))
		parts |= SP_SEQ_PART_FIRST;
	if (judge_names_match(&j, q->between))
		parts |= SP_SEQ_PART_BETWEEN;
	if (judge_names_match(&j, q->then))
		parts |= SP_SEQ_PART_THEN;
	return parts;
}

/// What must not come before counts as soon as it may have happened; what must is used up by the call
/// that needs it, whatever becomes of that.
struct sp_seq_change sp_judge_sequence_out(const struct sp_snap_sequence *q, unsigned parts)
{
	if (q->kind == SP_SEQ_REQUIRE_BEFORE)
		return parts & SP_SEQ_PART_THEN
			       ? (struct sp_seq_change){0, SP_SEQ_SAW_FIRST | SP_SEQ_SAW_BETWEEN}
			       : (struct sp_seq_change){0, 0};
	return parts & SP_SEQ_PART_FIRST
		       ? (struct sp_seq_change){SP_SEQ_SAW_FIRST, SP_SEQ_SAW_BETWEEN}
		       : (struct sp_seq_change){0, 0};
}

/// What must come before counts once it succeeded; a call that is first and between begins anew.
struct sp_seq_change sp_judge_sequence_done(
	const struct sp_snap_sequence *q, unsigned parts, unsigned state)
{
	if (q->kind != SP_SEQ_REQUIRE_BEFORE)
		return (struct sp_seq_change){0, 0};
	if (parts & SP_SEQ_PART_FIRST)
		return (struct sp_seq_change){SP_SEQ_SAW_FIRST, SP_SEQ_SAW_BETWEEN};
	if (parts & SP_SEQ_PART_BETWEEN && state & SP_SEQ_SAW_FIRST)
		return (struct sp_seq_change){SP_SEQ_SAW_BETWEEN, 0};
	return (struct sp_seq_change){0, 0};
}

bool sp_judge_sequence_met(const struct sp_snap_sequence *q, unsigned state)
{
	return state & SP_SEQ_SAW_FIRST && (q->between.n == 0 || state & SP_SEQ_SAW_BETWEEN);
}

uint64_t sp_judge_sequence_key(uint64_t salt, const struct sp_snap_sequence *q,
	struct sp_bytes agent, struct sp_bytes session)
{
	uint64_t id = ~q->id - 1; // neither a limit's nor the session's own

	if (q->window_ns)
		return sp_window_key(salt, id, sp_snap_hash(agent), 0, 0);
	return sp_window_key(salt, id, 0, 0, sp_snap_hash(session));
}

uint64_t sp_judge_session_key(uint64_t salt, struct sp_bytes session)
{
	return sp_window_key(
		salt, ~sp_snap_hash(SP_LIT("session")), 0, 0, sp_snap_hash(session));
}
