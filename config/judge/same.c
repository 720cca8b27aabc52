/// Which of two policies' order rules are one to the history.
#include "config/judge/judge.h"

#include "common/banned.h"

static bool same_texts(const struct sp_snap *a, struct sp_snap_table x, const struct sp_snap *b,
	struct sp_snap_table y)
{
	for (uint32_t i = 0; i < x.n && x.n == y.n; i++)
		if (!sp_bytes_eq(sp_snap_str(a, *SP_SNAP_GET(a, x, sp_snap_str, i)),
			    sp_snap_str(b, *SP_SNAP_GET(b, y, sp_snap_str, i))))
			return false;
	return x.n == y.n;
}

/// What is written down of a call hangs on these; what comes `then` only looks, and uses up.
static bool same_state(const struct sp_snap *a, const struct sp_snap_sequence *x,
	const struct sp_snap *b, const struct sp_snap_sequence *y)
{
	return x->id == y->id && x->kind == y->kind && x->window_ns == y->window_ns &&
	       same_texts(a, x->first, b, y->first) && same_texts(a, x->between, b, y->between);
}

uint32_t sp_judge_sequence_twin(const struct sp_snap *of, uint32_t number, const struct sp_snap *in)
{
	const struct sp_snap_sequence *q = SP_SNAP_POLICY(of, sequences, sp_snap_sequence, number);

	for (uint32_t i = 0; i < in->h->policy.sequences.n; i++)
		if (same_state(of, q, in, SP_SNAP_POLICY(in, sequences, sp_snap_sequence, i)))
			return i;
	return SP_SNAP_NONE;
}
