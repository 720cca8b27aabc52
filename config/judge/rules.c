/// Which rules speak of this call, and what their conditions come to.
#include "config/judge/judge_in.h"
#include "common/banned.h"

#define SHOW_MAX 512u

static void trace_condition(const struct judge *j, const struct sp_snap_condition *k, uint32_t number,
	const struct sp_cel *value, enum sp_cel_error error)
{
	uint8_t buf[SHOW_MAX];
	struct sp_out out = sp_out_init(buf, sizeof(buf));
	const struct sp_snap_rule *r = SP_SNAP_POLICY(j->s, rules, sp_snap_rule, number);

	if (error) {
		sp_out_lit(&out, "no value: ");
		sp_out_bytes(&out, sp_bytes_cstr(sp_cel_error_text(error)));
	} else {
		sp_cel_show(value, &out);
	}
	judge_tell(j, &(struct sp_trace_line){
		.kind = SP_TRACE_CONDITION,
		.number = number,
		.holds = !error && value->type == SP_CEL_BOOL && value->b,
		.name = judge_str(j, k->text),
		.source = judge_str(j, r->source),
		.line = k->line,
		.text = sp_bytes(out.p, out.len),
	});
}

static enum judge_holds condition(
	struct judge *j, const struct sp_snap_condition *k, uint32_t number)
{
	struct sp_cel_run run = {
		.var = judge_var, .field = judge_field, .user = j, .arena = j->c->arena};
	struct sp_cel value;
	enum sp_cel_error error;

	j->c->arena->used = j->keep;
	sp_cel_eval(judge_str(j, k->code), &run, &value);
	error = value.type == SP_CEL_ERROR ? value.error : SP_CEL_E_NONE;
	if (value.type == SP_CEL_ERROR && !error)
		error = SP_CEL_E_BAD_PROGRAM;
	if (!error && value.type != SP_CEL_BOOL)
		error = SP_CEL_E_NO_OVERLOAD;
	if (JUDGE_TRACED(j))
		trace_condition(j, k, number, &value, error);
	if (error == SP_CEL_E_UNKNOWN_VAR && j->c->listing)
		return HOLDS_UNKNOWN;
	if (error)
		return HOLDS_FAILED;
	return value.b ? HOLDS_YES : HOLDS_NO;
}

/// Those that other rules have too lie anywhere in the policy: asked for before the first runs.
static void prefetch_programs(const struct judge *j, const struct sp_snap_rule *r)
{
	for (uint32_t i = 1; i < r->conditions.n; i++)
		__builtin_prefetch(
			j->s->base + SP_SNAP_GET(j->s, r->conditions, sp_snap_condition, i)->code.off);
}

/// One that is false settles it, whatever the others lack.
enum judge_holds judge_conditions(struct judge *j, const struct sp_snap_rule *r, uint32_t number)
{
	enum judge_holds all = HOLDS_YES;

	prefetch_programs(j, r);
	for (uint32_t i = 0; i < r->conditions.n; i++) {
		enum judge_holds h = condition(
			j, SP_SNAP_GET(j->s, r->conditions, sp_snap_condition, i), number);

		if (h > all)
			all = h;
		if (all == HOLDS_NO && !JUDGE_TRACED(j))
			break;
	}
	return all;
}

/// Purposes that a rule names are a condition on the call: unknown while a list is filtered.
static enum judge_holds purpose_fits(struct judge *j, const struct sp_snap_rule *r)
{
	if (r->purposes.n == 0)
		return HOLDS_YES;
	if (j->c->listing)
		return HOLDS_UNKNOWN;
	judge_read_purpose(j);
	if (j->purpose_state != PURPOSE_KNOWN)
		return HOLDS_NO;
	return sp_snap_has(j->s, r->purposes, j->v->purpose) ? HOLDS_YES : HOLDS_NO;
}

static void first(uint32_t *where, uint32_t number)
{
	if (*where == SP_SNAP_NONE)
		*where = number;
}

static void trace_rule(
	const struct judge *j, const struct sp_snap_rule *r, uint32_t number, enum judge_holds h)
{
	static const char *const said[] = {[HOLDS_YES] = "applies",
		[HOLDS_FAILED] = "a condition could not be evaluated",
		[HOLDS_UNKNOWN] = "not known before the call",
		[HOLDS_NO] = "does not apply"};
	uint8_t buf[SHOW_MAX];
	struct sp_out out = sp_out_init(buf, sizeof(buf));
	struct sp_bytes why = judge_str(j, r->reason);

	sp_out_bytes(&out, sp_bytes_cstr(sp_effect_name(r->effect)));
	sp_out_lit(&out, ": ");
	sp_out_bytes(&out, sp_bytes_cstr(said[h]));
	if (why.n && why.n < SHOW_MAX / 2) {
		sp_out_lit(&out, "; reason: ");
		sp_out_bytes(&out, why);
	}
	judge_tell(j, &(struct sp_trace_line){
		.kind = SP_TRACE_RULE,
		.number = number,
		.holds = h == HOLDS_YES,
		.name = judge_str(j, r->name),
		.source = judge_str(j, r->source),
		.line = r->line,
		.text = sp_bytes(out.p, out.len),
	});
}

static enum judge_holds rule_holds(struct judge *j, const struct sp_snap_rule *r, uint32_t number)
{
	enum judge_holds h = purpose_fits(j, r);

	if (h != HOLDS_NO || JUDGE_TRACED(j)) {
		enum judge_holds k = judge_conditions(j, r, number);

		h = k > h ? k : h;
	}
	if (JUDGE_TRACED(j))
		trace_rule(j, r, number, h);
	return h;
}

static void note(struct judge_rules *ret, uint32_t effect, enum judge_holds h, uint32_t number)
{
	if (effect == SP_EFFECT_ALLOW) {
		if (h == HOLDS_YES)
			first(&ret->allow, number);
		else if (h == HOLDS_UNKNOWN)
			first(&ret->allow_unknown, number);
		else if (h == HOLDS_FAILED)
			first(&ret->allow_failed, number);
		return;
	}
	if (h == HOLDS_FAILED)
		first(&ret->deny_failed, number);
	else if (h == HOLDS_YES)
		first(effect == SP_EFFECT_REVIEW ? &ret->review : &ret->denied, number);
}

/// A rule that cannot change what is known already is not evaluated, unless somebody wants to read of it. A
/// review's condition that fails denies, so reviews always are.
static bool idle(const struct judge_rules *known, uint32_t effect)
{
	if (effect == SP_EFFECT_ALLOW)
		return known->allow != SP_SNAP_NONE;
	return effect == SP_EFFECT_DENY && known->denied != SP_SNAP_NONE;
}

static void ask_rule(struct judge *j, uint32_t number, struct judge_rules *ret)
{
	const struct sp_snap_rule *r = SP_SNAP_POLICY(j->s, rules, sp_snap_rule, number);

	if (!idle(ret, r->effect) || JUDGE_TRACED(j))
		note(ret, r->effect, rule_holds(j, r, number), number);
}

/// Rules of both names in order, each once. The first of them go into `seen`; returns how many there are.
static uint32_t ask_rules(
	struct judge *j, struct judge_rules *ret, uint32_t seen[SP_JUDGE_KNOWN_RULES])
{
	struct sp_snap_who who[2];
	struct sp_snap_rules it[2];
	uint32_t next[2] = {SP_SNAP_NONE, SP_SNAP_NONE}, n = 0;

	for (uint32_t i = 0; i < j->names_n; i++) {
		who[i] = judge_who(j, i);
		sp_snap_rules_begin(&it[i], j->s, &who[i]);
		next[i] = sp_snap_rules_next(&it[i]);
	}
	for (;;) {
		uint32_t number = next[0] < next[1] ? next[0] : next[1];

		if (number == SP_SNAP_NONE)
			return n;
		for (uint32_t i = 0; i < j->names_n; i++)
			if (next[i] == number)
				next[i] = sp_snap_rules_next(&it[i]);
		if (n < SP_JUDGE_KNOWN_RULES)
			seen[n] = number;
		n++;
		ask_rule(j, number, ret);
	}
}

void judge_rules(struct judge *j, struct judge_rules *ret)
{
	struct sp_judge_known *known = judge_known(j);
	uint32_t seen[SP_JUDGE_KNOWN_RULES], n;

	*ret = (struct judge_rules){SP_SNAP_NONE, SP_SNAP_NONE, SP_SNAP_NONE, SP_SNAP_NONE,
		SP_SNAP_NONE, SP_SNAP_NONE};
	if (known && known->ruled) {
		for (uint32_t i = 0; i < known->rules_n; i++)
			ask_rule(j, known->rule[i], ret);
		return;
	}
	n = ask_rules(j, ret, seen);
	if (!known || n > SP_JUDGE_KNOWN_RULES)
		return;
	for (uint32_t i = 0; i < n; i++)
		known->rule[i] = seen[i];
	known->rules_n = n;
	known->ruled = true;
}
