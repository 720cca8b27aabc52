#include "dataplane/decide/shadow.h"

#include "dataplane/decide/facts.h"
#include "dataplane/decide/stages.h"
#include "dataplane/worker.h"
#include "common/banned.h"

enum { TWIN_UNKNOWN = 0, TWIN_NONE = 1, TWIN_FIRST = 2 }; // its number is added

int sp_shadow_init(struct sp_shadow *s)
{
	*s = (struct sp_shadow){.twin = calloc(SP_FACTS_SEQUENCES_MAX, sizeof(*s->twin))};
	return s->twin ? 0 : -ENOMEM;
}

void sp_shadow_done(struct sp_shadow *s)
{
	free(s->twin);
	s->twin = NULL;
	s->on = false;
}

void sp_shadow_policy_changed(struct sp_shadow *s)
{
	if (s->on)
		memset(s->twin, 0, SP_FACTS_SEQUENCES_MAX * sizeof(*s->twin));
}

void sp_shadow_take(struct sp_worker *w, const struct sp_snap *candidate)
{
	struct sp_shadow *s = &w->shadow;

	s->on = candidate != NULL;
	if (candidate)
		s->snap = *candidate;
	sp_shadow_policy_changed(s);
}

/// Over the worker's lives: the slot outlives them.
void sp_shadow_tell(struct sp_worker *w, uint64_t generation)
{
	struct sp_worker_slot *slot = w->slot;

	if (atomic_load_explicit(&slot->shadow_generation, memory_order_relaxed) == generation)
		return;
	atomic_store_explicit(&slot->shadow_judged, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->shadow_differed, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->shadow_generation, generation, memory_order_release);
}

static void count(struct sp_worker *w, _Atomic uint64_t *of_this_one, enum sp_stat stat)
{
	uint64_t n = atomic_load_explicit(of_this_one, memory_order_relaxed);

	atomic_store_explicit(of_this_one, n + 1, memory_order_relaxed);
	sp_count(w, stat);
}

static uint32_t find_twin(const struct sp_shadow *s, uint32_t number, const struct sp_snap *now)
{
	uint32_t twin = sp_judge_sequence_twin(&s->snap, number, now);

	return twin == SP_SNAP_NONE ? TWIN_NONE : TWIN_FIRST + twin;
}

/// Does the policy in force keep the state of this order rule, for this agent?
static bool is_kept(struct sp_call *c, uint32_t number)
{
	struct sp_shadow *s = &c->w->shadow;
	const struct sp_snap_sequence *q;

	if (s->twin[number] == TWIN_UNKNOWN)
		s->twin[number] = find_twin(s, number, c->snap);
	if (s->twin[number] == TWIN_NONE || c->agent == SP_SNAP_NONE)
		return false;
	q = SP_SNAP_POLICY(c->snap, sequences, sp_snap_sequence, s->twin[number] - TWIN_FIRST);
	return sp_snap_agent_fits(c->snap, c->agent, q->any_agent, q->agents, q->roles);
}

/// A rule nobody kept the state of lets the call pass.
static uint8_t state_of(struct sp_call *c, uint32_t number)
{
	const struct sp_snap_sequence *q =
		SP_SNAP_POLICY(&c->w->shadow.snap, sequences, sp_snap_sequence, number);

	if (is_kept(c, number))
		return (uint8_t)sp_history_state(
			&c->w->history, sp_facts_sequence_key(c, q), q->window_ns, c->w->now_ns);
	return q->kind == SP_SEQ_REQUIRE_BEFORE ? SP_SEQ_SAW_FIRST | SP_SEQ_SAW_BETWEEN : 0;
}

static void read_sequences(
	struct sp_call *c, const struct sp_judge_verdict *v, struct sp_judge_history *past)
{
	struct sp_facts *f = c->w->facts;

	for (unsigned i = 0; i < 2; i++) {
		uint32_t n;
		const uint32_t *number = sp_facts_sequences(&c->w->shadow.snap, v, i, &n);

		for (uint32_t k = 0; k < n; k++)
			if (number[k] < SP_FACTS_SEQUENCES_MAX)
				f->sequence[number[k]] = state_of(c, number[k]);
	}
	past->sequence = f->sequence;
	past->sequence_n = SP_FACTS_SEQUENCES_MAX;
}

/// As sp_facts_past(), which also makes room: nothing is written here.
static void read_past(struct sp_call *c, struct sp_judge_history *ret)
{
	const struct sp_history *h = &c->w->history;
	struct sp_bytes agent = sp_principal_agent(&c->principal);
	uint32_t slot = c->agent == SP_SNAP_NONE ? UINT32_MAX
						 : sp_snap_agent(c->snap, c->agent)->limit_slot;
	uint32_t state = SP_SESSION_KNOWN;
	struct sp_history_view v;

	if (c->past_known) {
		*ret = c->past;
		return;
	}
	sp_history_view(h, slot,
		sp_history_pair(h, sp_snap_hash(agent), sp_snap_hash(c->w->facts->call.tool)),
		c->w->now_ns, &v);
	if (sp_facts_sessions_count(c))
		state = sp_history_session_seen(h, sp_facts_session_key(c), c->w->now_ns);
	*ret = (struct sp_judge_history){
		.agent_denied = v.denied,
		.agent_failed = v.failed,
		.agent_calls_minute = v.minute,
		.agent_usual_minute = v.usual,
		.tool_calls = v.tool_calls,
		.session_new = !(state & SP_SESSION_KNOWN),
		.session_tainted = state & SP_SESSION_TAINTED,
	};
}

/// The stages' questions in the stages' order.
static enum sp_reason ask(struct sp_call *c, struct sp_judge_call *j, struct sp_judge_verdict *v)
{
	struct sp_judge_history past;
	enum sp_reason why;

	if (j->agent == SP_SNAP_NONE)
		return SP_REASON_AGENT_UNKNOWN;
	why = sp_judge_authorize(j, v);
	if (!why)
		why = sp_judge_intent(j, v);
	if (!why)
		why = sp_limits_peek(c, j, v);
	if (!why)
		why = sp_judge_arguments(j, v);
	if (why)
		return why;
	read_past(c, &past);
	if (j->snap->h->policy.sequences.n)
		read_sequences(c, v, &past);
	j->history = &past;
	why = sp_judge_sequences(j, v);
	c->shadow.scored = !why;
	if (!why)
		why = sp_judge_score(j, v);
	j->history = NULL;
	return why;
}

/// Policy had its say, and what it looks at is known.
static bool policy_decided(struct sp_call *c)
{
	if (c->reason == SP_REASON_AGENT_UNKNOWN) // the candidate may know it
		return sp_call_route(c)->methods >> SP_METHOD_TOOLS_CALL & 1 &&
		       sp_facts_gather(c) == 0;
	return c->judged && (c->reason == SP_REASON_NONE || c->reason == c->verdict.reason ||
				    sp_limits_is_reason(c->reason));
}

static void compare(struct sp_call *c, const struct sp_judge_verdict *v, enum sp_reason why)
{
	struct sp_shadow_verdict *s = &c->shadow;
	const struct sp_snap_header *h = c->w->shadow.snap.h;

	s->judged = true;
	s->differs = why != c->reason;
	s->reason = why;
	s->review = why != SP_REASON_NONE && v->review && v->reason == why;
	s->score = v->score;
	s->generation = h->generation;
	memcpy(s->sha256, h->policy_sha256, sizeof(s->sha256));
	count(c->w, &c->w->slot->shadow_judged, SP_STAT_SHADOW_JUDGED);
	if (s->differs)
		count(c->w, &c->w->slot->shadow_differed, SP_STAT_SHADOW_DIFFERED);
}

void sp_shadow_judge(struct sp_call *c)
{
	const struct sp_snap *snap = &c->w->shadow.snap;
	struct sp_judge_verdict v;
	struct sp_judge_call j;

	if (!c->w->shadow.on || c->shadow.judged || c->method != SP_METHOD_TOOLS_CALL ||
		!policy_decided(c) || sp_facts_claims(c, snap->h->policy.uses_claims) != 0)
		return;
	j = c->w->facts->call;
	j.snap = snap;
	j.agent = sp_snap_find_agent(snap, sp_principal_agent(&c->principal));
	j.history = NULL;
	j.known = NULL; // of the policy in force
	sp_judge_begin(&v);
	compare(c, &v, ask(c, &j, &v));
}
