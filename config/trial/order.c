#include "config/trial/order.h"
#include "common/banned.h"

static uint32_t prefix_of(struct sp_bytes tool, struct sp_bytes upstream)
{
	if (upstream.n == 0 || tool.n <= upstream.n + 2 || !sp_bytes_starts(tool, upstream) ||
		memcmp(tool.p + upstream.n, "__", 2) != 0)
		return 0;
	return (uint32_t)upstream.n + 2;
}

void sp_trial_name(struct sp_judge_call *c, struct sp_bytes tool, struct sp_bytes upstream,
	uint8_t buf[SP_TRIAL_NAME_MAX])
{
	struct sp_out o = sp_out_init(buf, SP_TRIAL_NAME_MAX);

	c->tool = c->shown = tool;
	c->prefix = prefix_of(tool, upstream);
	if (c->prefix || upstream.n == 0)
		return;
	sp_out_bytes(&o, upstream);
	sp_out_lit(&o, "__");
	sp_out_bytes(&o, tool);
	if (o.overflow) // longer than any that the gateway passes
		return;
	c->tool = sp_bytes(buf, o.len);
	c->prefix = (uint32_t)upstream.n + 2;
}

static bool taints(const struct sp_judge_call *c)
{
	for (unsigned i = 0; i < (c->prefix ? 2u : 1u); i++) {
		struct sp_bytes name =
			i ? sp_bytes(c->tool.p + c->prefix, c->tool.n - c->prefix) : c->tool;
		struct sp_snap_who who = {c->agent, sp_snap_find_action(c->snap, name), name};
		uint32_t t = sp_snap_tool_of(c->snap, &who);

		if (t != SP_SNAP_NONE && SP_SNAP_POLICY(c->snap, tools, sp_snap_tool, t)->taints)
			return true;
	}
	return false;
}

static uint8_t changed(unsigned state, struct sp_seq_change by)
{
	return (uint8_t)((state & ~(unsigned)by.clear) | by.set);
}

/// Of a call that went out and succeeded.
static uint8_t step(const struct sp_judge_call *c, uint32_t number, uint8_t state)
{
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, number);
	struct sp_judge_verdict v;
	unsigned parts;

	sp_judge_begin(&v);
	parts = sp_judge_sequence_parts(c, &v, number);
	state = changed(state, sp_judge_sequence_out(q, parts));
	return changed(state, sp_judge_sequence_done(q, parts, state));
}

/// The state in which the rule lets the call pass, or does not.
static uint8_t told(const struct sp_snap_sequence *q, bool broken)
{
	bool wants = q->kind == SP_SEQ_REQUIRE_BEFORE;

	return wants != broken ? SP_SEQ_SAW_FIRST | SP_SEQ_SAW_BETWEEN : 0;
}

void sp_trial_order(const struct sp_judge_call *who, const struct sp_trial_in *in,
	uint8_t seen[SP_SNAP_SEQUENCES_MAX], struct sp_judge_history *past)
{
	uint32_t n = sp_min(who->snap->h->policy.sequences.n, SP_SNAP_SEQUENCES_MAX);
	struct sp_judge_call c = *who;
	uint8_t name[SP_TRIAL_NAME_MAX];

	for (uint32_t i = 0; i < n && in->order_known; i++) {
		const struct sp_snap_sequence *q =
			SP_SNAP_POLICY(c.snap, sequences, sp_snap_sequence, i);

		seen[i] = told(q, sp_bytes_eq(sp_snap_str(c.snap, q->name), in->order_broken));
	}
	for (uint32_t k = 0; k < in->after_n; k++) {
		sp_trial_name(&c, in->after[k], in->upstream, name);
		for (uint32_t i = 0; i < n; i++)
			seen[i] = step(&c, i, seen[i]);
		past->session_tainted |= taints(&c);
	}
	past->sequence = seen;
	past->sequence_n = SP_SNAP_SEQUENCES_MAX;
}
