/// Where a verdict hangs on what the record does not hold. Rather once too often than once too
/// seldom: a name inside of a condition's string counts as a use.
#include "tools/sallyctl/replay_inner.h"
#include "common/banned.h"

#define SCORE_MAX 100u

static bool mentions(struct sp_bytes text, const char *word)
{
	return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

static const char *condition_lacks(const struct replay_call *k, const struct sp_trace_line *line)
{
	bool failed = sp_bytes_starts(line->text, SP_LIT("no value"));
	bool arguments = mentions(line->name, "arguments") || mentions(line->name, "request");

	if (mentions(line->name, "jwt"))
		return "the token's claims";
	if (mentions(line->name, "mcp.session"))
		return "the session's number";
	if (mentions(line->name, "request.context"))
		return "the declared context";
	if (mentions(line->name, "request.purpose") && k->purpose_lost)
		return "the declared purpose";
	if (k->arguments_lost && arguments)
		return "the arguments";
	if (failed && arguments)
		return "the declared context";
	return failed && mentions(line->name, "agent.identity") ? "the token's claims" : NULL;
}

static void end_of_rule(struct replay_call *k, uint32_t number)
{
	const struct sp_snap_rule *r = SP_SNAP_POLICY(k->r->snap, rules, sp_snap_rule, number);
	struct replay_open *o = &k->open;

	if (r->purposes.n && k->purpose_lost) {
		o->unknown = true;
		o->rule_lacks = "the declared purpose";
	}
	if (o->unknown && !o->settled_no) {
		o->allow |= r->effect == SP_EFFECT_ALLOW;
		o->deny |= r->effect == SP_EFFECT_DENY;
		o->review |= r->effect == SP_EFFECT_REVIEW;
		if (!o->lacks)
			o->lacks = o->rule_lacks;
		if (o->n < REPLAY_OPEN_MAX)
			o->number[o->n] = number;
		o->n++;
	}
	o->unknown = o->settled_no = false;
}

void replay_trace(struct sp_judge_trace *t, const struct sp_trace_line *line)
{
	struct replay_call *k = sp_container_of(t, struct replay_call, trace);
	const char *lacks;

	if (line->kind == SP_TRACE_RULE)
		end_of_rule(k, line->number);
	if (line->kind != SP_TRACE_CONDITION)
		return;
	lacks = condition_lacks(k, line);
	if (lacks) {
		k->open.unknown = true;
		k->open.rule_lacks = lacks;
	} else if (!line->holds && !sp_bytes_starts(line->text, SP_LIT("no value"))) {
		k->open.settled_no = true;
	}
}

static bool bounded(const struct replay_call *k)
{
	return SP_SNAP_POLICY(k->r->snap, agent_facts, sp_snap_agent_facts, k->call.agent)
		->has_allow_list;
}

/// Constraints of the tool that look at arguments or claims.
static const char *constraint_lacks(const struct replay_call *k)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct sp_snap_tool *t;

		if (k->v.about.tools[i] == SP_SNAP_NONE)
			continue;
		t = SP_SNAP_POLICY(k->r->snap, tools, sp_snap_tool, k->v.about.tools[i]);
		if (t->require_human_initiated)
			return "the token's claims";
		if (k->arguments_lost &&
			(t->sql.on || t->endpoint.on || t->path.parameters.n || t->path.roots.n ||
				t->has_environments))
			return "the arguments";
	}
	return k->r->snap->h->policy.details_required ? "the token's claims" : NULL;
}

/// 0 none, 1 review, 2 block.
static unsigned score_step(const struct replay_call *k, uint32_t score)
{
	const struct sp_snap_risk *risk = &k->r->snap->h->policy.risk;
	uint32_t review = k->v.about.cls == SP_CLASS_READ ? risk->review_at : risk->review_writes_at;

	return !risk->on ? 0 : score >= risk->block_at ? 2 : score >= review ? 1 : 0;
}

/// What is not known can only add to a score.
static const char *score_lacks(const struct replay_call *k)
{
	static const enum sp_risk_term past[] = {
		SP_TERM_HISTORY, SP_TERM_FAILURES, SP_TERM_RARITY, SP_TERM_RATE, SP_TERM_NEW_SESSION};
	const int32_t *weight = k->r->snap->h->policy.risk.weight;
	uint32_t most = k->v.score, arguments = 0;

	if (k->arguments_lost && weight[SP_TERM_ARGUMENTS] > 0)
		arguments = (uint32_t)weight[SP_TERM_ARGUMENTS];
	for (size_t i = 0; k->past_lost && i < SP_ARRAY_LEN(past); i++)
		if (weight[past[i]] > 0)
			most += (uint32_t)weight[past[i]];
	most = sp_min(most + arguments, SCORE_MAX);
	if (score_step(k, most) == score_step(k, k->v.score))
		return NULL;
	return arguments ? "the arguments" : "the agent's history";
}

static bool is_open(const struct replay_open *o, uint32_t rule)
{
	for (uint32_t i = 0; rule != SP_SNAP_NONE && i < sp_min(o->n, REPLAY_OPEN_MAX); i++)
		if (o->number[i] == rule)
			return true;
	return rule != SP_SNAP_NONE && o->n > REPLAY_OPEN_MAX;
}

/// What could still turn a call that passes, or waits for review, into something else.
static const char *passing_lacks(const struct replay_call *k, bool review)
{
	const struct replay_open *o = &k->open;
	const char *lacks = constraint_lacks(k);

	if (lacks)
		return lacks;
	if (k->arguments_lost && k->c->reason == SP_REASON_ARGUMENT_MISSING)
		return "the arguments";
	if (o->deny || (o->review && !review) || is_open(o, k->v.rule) ||
		(review && o->allow && !bounded(k)))
		return o->lacks;
	return score_lacks(k);
}

static bool as_recorded(const struct replay_call *k, enum sp_reason reason)
{
	struct sp_bytes rule = SP_NOBYTES;

	if (k->v.rule != SP_SNAP_NONE)
		rule = sp_snap_str(k->r->snap,
			SP_SNAP_POLICY(k->r->snap, rules, sp_snap_rule, k->v.rule)->name);
	return reason == k->c->reason && sp_bytes_eq(rule, k->c->rule);
}

const char *replay_lacks(const struct replay_call *k, enum sp_reason reason)
{
	const struct replay_open *o = &k->open;

	if (reason == SP_REASON_NONE || k->v.review)
		return passing_lacks(k, k->v.review);
	switch (reason) {
	case SP_REASON_TOOL_DENIED:
		return o->allow && !bounded(k) ? o->lacks : NULL;
	case SP_REASON_RULE_DENIED:
		return o->deny ? o->lacks : NULL;
	case SP_REASON_CONDITION_FAILED:
		return as_recorded(k, reason) ? NULL : o->lacks;
	case SP_REASON_HUMAN_REQUIRED:
	case SP_REASON_DETAILS_DENIED:
		return as_recorded(k, reason) ? NULL : "the token's claims";
	case SP_REASON_PURPOSE_DENIED:
	case SP_REASON_PURPOSE_MISSING:
		return k->purpose_lost ? "the declared purpose" : NULL;
	case SP_REASON_ENVIRONMENT_DENIED:
	case SP_REASON_SQL_DENIED:
	case SP_REASON_ENDPOINT_DENIED:
	case SP_REASON_PATH_DENIED:
	case SP_REASON_ARGUMENT_MISSING:
		return k->arguments_lost ? "the arguments" : NULL;
	default:
		return NULL;
	}
}
