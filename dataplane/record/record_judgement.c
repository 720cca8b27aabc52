#include "dataplane/record/record_judgement.h"

#include "dataplane/decide/facts.h"
#include "common/banned.h"

#define SHADOW_BYTES 64u // the most that a candidate's verdict takes in a record

static inline void put_pair(struct sp_out *o, struct sp_bytes name, int64_t value)
{
	if (value == 0)
		return;
	if (o->len)
		sp_out_lit(o, " ");
	sp_out_bytes(o, name);
	sp_out_lit(o, "=");
	if (value < 0)
		sp_out_lit(o, "-");
	sp_out_u64(o, (uint64_t)(value < 0 ? -value : value));
}

static void put_new_score(struct sp_record_writer *r, const struct sp_judge_verdict *v)
{
	char text[256];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_record_u(r, SP_F_RISK, v->score);
	for (unsigned i = 0; i < SP_TERM__COUNT; i++)
		if (v->term[i])
			put_pair(&o, sp_bytes_cstr(sp_risk_term_name(i)), v->term[i]);
	if (o.len)
		sp_record_s(r, SP_F_TERMS, sp_bytes(text, o.len));
}

/// The score's terms, and below what they were made from, so that anyone can work it out again.
static void put_score(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_judge_verdict *v = &c->verdict;
	struct sp_record_scored *s = &c->w->phrases.scored[v->score % SP_RECORD_SCORES];
	const struct sp_record_writer from = *r;

	if (s->piece.len && s->score == v->score && memcmp(s->term, v->term, sizeof(s->term)) == 0) {
		sp_record_kept(r, &s->piece);
		return;
	}
	put_new_score(r, v);
	s->score = v->score;
	memcpy(s->term, v->term, sizeof(s->term));
	sp_record_keep(r, &from, &s->piece);
}

static void put_past(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_judge_history *past = &c->past;
	char text[256];
	struct sp_out o = sp_out_init(text, sizeof(text));

	put_pair(&o, SP_LIT("denied"), past->agent_denied);
	put_pair(&o, SP_LIT("failed"), past->agent_failed);
	put_pair(&o, SP_LIT("minute"), past->agent_calls_minute);
	put_pair(&o, SP_LIT("usual"), past->agent_usual_minute);
	put_pair(&o, SP_LIT("calls"), (int64_t)past->tool_calls);
	put_pair(&o, SP_LIT("new"), past->session_new);
	put_pair(&o, SP_LIT("tainted"), past->session_tainted);
	if (o.len)
		sp_record_s(r, SP_F_PAST, sp_bytes(text, o.len));
}

void sp_record_judgement(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_judge_verdict *v = &c->verdict;
	const struct sp_snap *s = c->snap;

	if (v->rule != SP_SNAP_NONE)
		sp_record_s(r, SP_F_RULE,
			sp_snap_str(s, SP_SNAP_POLICY(s, rules, sp_snap_rule, v->rule)->name));
	if (v->purpose != SP_SNAP_NONE)
		sp_record_s(r, SP_F_PURPOSE,
			sp_snap_str(
				s, SP_SNAP_POLICY(s, purposes, sp_snap_purpose, v->purpose)->name));
	if (v->group != SP_SNAP_NONE) {
		struct sp_bytes store =
			sp_snap_str(s, SP_SNAP_POLICY(s, groups, sp_snap_group, v->group)->store);

		if (store.n)
			sp_record_s(r, SP_F_STORE, store);
	}
	if (v->detail[0])
		sp_record_s(r, SP_F_DETAIL, sp_bytes_cstr(v->detail));
	if (c->scored)
		put_score(r, c);
	if (c->past_known)
		put_past(r, c);
	if (s->h->record_arguments && c->doc.n && c->env.arguments != SP_JSON_NONE)
		sp_record_whole(r, SP_F_ARGS, sp_json_raw(&c->doc, c->env.arguments));
}

void sp_record_shadow(struct sp_record_writer *r, const struct sp_call *c)
{
	const struct sp_shadow_verdict *s = &c->shadow;

	if (r->out.overflow || r->out.cap - r->out.len < SHADOW_BYTES)
		return;
	sp_record_u(r, SP_F_SHADOW, s->generation);
	sp_record_b(r, SP_F_SHADOW_HASH, sp_bytes(s->sha256, sizeof(s->sha256)));
	sp_record_s(r, SP_F_SHADOW_DECISION,
		s->reason == SP_REASON_NONE ? SP_LIT("allow")
		: s->review		    ? SP_LIT("review")
					    : SP_LIT("deny"));
	sp_record_u(r, SP_F_SHADOW_REASON, s->reason);
	if (s->scored)
		sp_record_u(r, SP_F_SHADOW_RISK, s->score);
}
