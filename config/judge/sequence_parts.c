/// What a call is to an order rule: the worker keeps the rule's state by it.
#include "config/judge/judge_in.h"
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
