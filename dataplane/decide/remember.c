/// What became of a call goes into the history that later calls are judged by.
#include "dataplane/decide/facts.h"
#include "common/banned.h"

static uint32_t slot_of(const struct sp_call *c)
{
	return c->agent == SP_SNAP_NONE ? UINT32_MAX : sp_snap_agent(c->snap, c->agent)->limit_slot;
}

/// Room was made sure of before the call went out; should it be gone after all, the loss is
/// counted.
static void set(struct sp_call *c, uint64_t key, uint32_t bits, uint32_t clear)
{
	if (sp_history_set(&c->w->history, key, bits, clear, c->w->now_ns) < 0)
		sp_count(c->w, SP_STAT_HISTORY_LOST);
}

void sp_remember_forwarded(struct sp_call *c)
{
	if (c->method != SP_METHOD_TOOLS_CALL)
		return;
	sp_history_called(&c->w->history, slot_of(c), c->pair, c->w->now_ns);
	set(c, sp_facts_session_key(c), SP_SESSION_KNOWN, 0);
}

void sp_remember_refusal(struct sp_call *c)
{
	if (c->method == SP_METHOD_TOOLS_CALL && c->agent != SP_SNAP_NONE)
		sp_history_denied(&c->w->history, slot_of(c), c->w->now_ns);
}

/// What must come before counts when it succeeded; what must not, as soon as it may have happened.
static void step(struct sp_call *c, uint32_t number, bool succeeded)
{
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, number);
	struct sp_judge_call who = {.snap = c->snap,
		.agent = c->agent,
		.tool = sp_call_name(c),
		.prefix = c->name_prefix,
		.arena = &c->w->facts->arena};
	unsigned parts = sp_judge_sequence_parts(&who, &c->verdict, number);
	uint64_t key = sp_facts_sequence_key(c, q);
	uint32_t state;

	if (!parts || (q->kind == SP_SEQ_REQUIRE_BEFORE && !succeeded))
		return;
	state = sp_history_state(&c->w->history, key, q->window_ns, c->w->now_ns);
	if (parts & SP_SEQ_PART_THEN && q->kind == SP_SEQ_REQUIRE_BEFORE && state)
		set(c, key, 0, SP_SEQ_SAW_FIRST | SP_SEQ_SAW_BETWEEN);
	if (parts & SP_SEQ_PART_BETWEEN && state & SP_SEQ_SAW_FIRST)
		set(c, key, SP_SEQ_SAW_BETWEEN, 0);
	if (parts & SP_SEQ_PART_FIRST)
		set(c, key, SP_SEQ_SAW_FIRST, SP_SEQ_SAW_BETWEEN);
}

static bool taints(const struct sp_call *c)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t t = c->verdict.tools[i];

		if (t != SP_SNAP_NONE && SP_SNAP_POLICY(c->snap, tools, sp_snap_tool, t)->taints)
			return true;
	}
	return false;
}

void sp_remember_outcome(struct sp_call *c)
{
	if (c->method != SP_METHOD_TOOLS_CALL || !c->forwarded || c->agent == SP_SNAP_NONE)
		return;
	if (c->outcome == SP_OUTCOME_FAILED || c->outcome == SP_OUTCOME_TOOL_ERROR ||
		c->outcome == SP_OUTCOME_RPC_ERROR)
		sp_history_failed(&c->w->history, slot_of(c), c->w->now_ns);
	if (taints(c))
		set(c, sp_facts_session_key(c), SP_SESSION_TAINTED, 0);
	for (unsigned i = 0; i < 2 && c->snap->h->policy.sequences.n; i++) {
		uint32_t n;
		const uint32_t *number = sp_facts_sequences(c, i, &n);

		for (uint32_t k = 0; k < n; k++)
			step(c, number[k], c->outcome == SP_OUTCOME_OK);
	}
}
