/// The risk score, 0-100: a sum of named terms in whole numbers, so that the same inputs give the
/// same score wherever it is computed. A term adds at most its weight.
#include "config/judge/judge_in.h"
#include "common/banned.h"

#define TERM_MAX 100
#define SCORE_MAX 100
#define DAY_MINUTES 1440u
#define OFTEN 10u ///< refusals, failures: as many count fully; calls of a tool: fewer are seldom

static int8_t clamp(int64_t v, int8_t most)
{
	return v < 0 ? 0 : v > most ? most : (int8_t)v;
}

static const struct sp_snap_risk *risk_of(const struct judge *j)
{
	return &j->p->risk;
}

/// What a term may add: its weight within bounds.
static int8_t weight(const struct judge *j, enum sp_risk_term t)
{
	return clamp(risk_of(j)->weight[t], TERM_MAX);
}

/// `part` of `whole` of the weight, rounded down.
static inline int8_t share(const struct judge *j, enum sp_risk_term t, uint64_t part, uint32_t whole)
{
	if (part == 0)
		return 0;
	if (part >= whole)
		return weight(j, t);
	return (int8_t)((uint32_t)weight(j, t) * (uint32_t)part / whole);
}

static int8_t of_class(const struct judge *j)
{
	int32_t base = risk_of(j)->class_base[j->v->about.cls <= SP_CLASS_ADMIN ? j->v->about.cls : 0];
	int32_t own = -1;

	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);

		if (t && t->base_risk > own)
			own = t->base_risk;
	}
	return clamp(own >= 0 ? own : base, weight(j, SP_TERM_CLASS));
}

/// What the constraints and the list of high-risk actions say of the tool, by either name.
static void of_tool(const struct judge *j, int8_t term[SP_TERM__COUNT])
{
	uint32_t sense = 0;
	bool high = false, egress = false;

	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);
		uint32_t a = j->v->about.actions[i];

		if (a != SP_SNAP_NONE)
			high |= SP_SNAP_POLICY(j->s, action_facts, sp_snap_action_facts, a)
					->high_risk;
		if (!t)
			continue;
		high |= t->high_risk;
		egress |= t->egress;
		sense = t->sensitivity > sense ? t->sensitivity : sense;
	}
	if (sense > SP_SENSE_PUBLIC)
		term[SP_TERM_SENSITIVITY] = share(j, SP_TERM_SENSITIVITY, sense - SP_SENSE_PUBLIC,
			SP_SENSE_RESTRICTED - SP_SENSE_PUBLIC);
	// what the class lacks of it: a high-risk tool begins there, whatever its class
	term[SP_TERM_HIGH_RISK] =
		high ? clamp(weight(j, SP_TERM_HIGH_RISK) - of_class(j), TERM_MAX) : 0;
	term[SP_TERM_EGRESS] = egress ? weight(j, SP_TERM_EGRESS) : 0;
}

static int8_t of_rate(const struct judge *j, const struct sp_judge_history *h)
{
	uint64_t usual = h->agent_usual_minute;

	if (usual == 0 || h->agent_calls_minute <= 2 * usual)
		return 0;
	return share(j, SP_TERM_RATE, h->agent_calls_minute > 3 * usual ? 2 : 1, 2);
}

static void of_history(const struct judge *j, int8_t term[SP_TERM__COUNT])
{
	const struct sp_judge_history *h = j->c->history;

	if (!h)
		return;
	term[SP_TERM_TAINT] = h->session_tainted ? weight(j, SP_TERM_TAINT) : 0;
	term[SP_TERM_HISTORY] = share(j, SP_TERM_HISTORY, h->agent_denied, OFTEN);
	term[SP_TERM_FAILURES] = share(j, SP_TERM_FAILURES, h->agent_failed, OFTEN);
	term[SP_TERM_RARITY] = share(j, SP_TERM_RARITY,
		h->tool_calls == 0      ? 2
		: h->tool_calls < OFTEN ? 1
					: 0,
		2);
	term[SP_TERM_RATE] = of_rate(j, h);
	term[SP_TERM_NEW_SESSION] = h->session_new ? weight(j, SP_TERM_NEW_SESSION) : 0;
}

/// Bit 0 of the days is Monday; 1970 began on a Thursday. Hours over midnight count for the day
/// they begin on.
static bool working(const struct sp_snap_risk *r, uint64_t wall_ns)
{
	uint64_t minutes;
	uint32_t minute, day;
	bool inside;

	if (r->work_from_minute == r->work_until_minute)
		return true;
	minutes = wall_ns / 60000000000u;
	minute = (uint32_t)(minutes % DAY_MINUTES);
	day = (uint32_t)((minutes / DAY_MINUTES + 3) % 7);
	if (r->work_from_minute < r->work_until_minute) {
		inside = minute >= r->work_from_minute && minute < r->work_until_minute;
	} else {
		inside = minute >= r->work_from_minute || minute < r->work_until_minute;
		if (minute < r->work_until_minute)
			day = (day + 6) % 7;
	}
	return inside && (r->work_days == 0 || (r->work_days >> day & 1));
}

static void trace_terms(
	const struct judge *j, const struct judge_signals *s, const int8_t term[SP_TERM__COUNT])
{
	for (uint32_t t = 0; t < SP_TERM__COUNT; t++) {
		uint8_t buf[192];
		struct sp_out out = sp_out_init(buf, sizeof(buf));
		const struct {
			const char *name;
			uint32_t points;
		} kinds[] = {{" shell ", s->shell}, {" traversal ", s->traversal},
			{" sql ", s->sql}, {" address ", s->address}, {" length ", s->length},
			{" encoded ", s->encoded}};

		sp_out_lit(&out, "at most ");
		sp_out_u64(&out, (uint64_t)weight(j, t));
		if (t == SP_TERM_CLASS) {
			sp_out_lit(&out, "; class ");
			sp_out_bytes(&out, sp_bytes_cstr(sp_action_class_name(j->v->about.cls)));
		}
		for (size_t i = 0; t == SP_TERM_ARGUMENTS && i < SP_ARRAY_LEN(kinds); i++)
			if (kinds[i].points) {
				sp_out_lit(&out, ";");
				sp_out_bytes(&out, sp_bytes_cstr(kinds[i].name));
				sp_out_u64(&out, kinds[i].points);
			}
		judge_tell(j, &(struct sp_trace_line){
				      .kind = SP_TRACE_TERM,
				      .number = t,
				      .holds = term[t] > 0,
				      .points = term[t],
				      .name = sp_bytes_cstr(sp_risk_term_name(t)),
				      .text = sp_bytes(out.p, out.len),
			      });
	}
}

/// Those that only agent and tool decide; the others are 0.
static void begin_terms(const struct judge *j, int8_t term[SP_TERM__COUNT])
{
	struct sp_judge_known *known = judge_known(j);

	if (known && known->scored) {
		memcpy(term, known->term, sizeof(known->term));
		return;
	}
	memset(term, 0, SP_TERM__COUNT);
	term[SP_TERM_CLASS] = of_class(j);
	of_tool(j, term);
	if (known && known->looked_up) {
		memcpy(known->term, term, sizeof(known->term));
		known->scored = true;
	}
}

static void terms(struct judge *j, int8_t term[SP_TERM__COUNT])
{
	struct judge_signals signals = {0};

	begin_terms(j, term);
	if (weight(j, SP_TERM_ARGUMENTS) || JUDGE_TRACED(j)) {
		judge_signals(j, &signals);
		term[SP_TERM_ARGUMENTS] = share(j, SP_TERM_ARGUMENTS, signals.points, 100);
	}
	of_history(j, term);
	term[SP_TERM_TIME] = working(risk_of(j), j->c->wall_ns) ? 0 : weight(j, SP_TERM_TIME);
	if (JUDGE_TRACED(j))
		trace_terms(j, &signals, term);
}

static void refuse_score(struct judge *j, enum sp_reason why)
{
	uint8_t buf[32];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	sp_out_lit(&out, "score ");
	sp_out_u64(&out, j->v->score);
	judge_refuse(j, why, sp_bytes(out.p, out.len));
}

static void judge_score(struct judge *j)
{
	const struct sp_snap_risk *r = risk_of(j);
	uint32_t review = j->v->about.cls == SP_CLASS_READ ? r->review_at : r->review_writes_at;

	if (r->on && j->v->score >= r->block_at)
		refuse_score(j, SP_REASON_RISK_BLOCKED);
	else if (r->on && j->v->score >= review)
		refuse_score(j, SP_REASON_REVIEW_RISK);
}

enum sp_reason sp_judge_score(const struct sp_judge_call *c, struct sp_judge_verdict *v)
{
	struct judge j;
	int64_t sum = 0;

	judge_init(&j, c, v);
	terms(&j, v->term);
	for (uint32_t t = 0; t < SP_TERM__COUNT; t++)
		sum += v->term[t];
	v->score = (uint32_t)clamp(sum, SCORE_MAX);
	judge_score(&j);
	return v->reason;
}
