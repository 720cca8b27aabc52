/// Which windows a call takes from; counting is the caller's.
#include "config/judge/judge_in.h"

#include "common/windows.h"
#include "common/banned.h"

static uint64_t agent_hash(const struct judge *j)
{
	return j->agent ? j->agent->name_hash : 0;
}

/// Names, not numbers: windows outlive the snapshot.
static uint64_t key_of(const struct judge *j, const struct sp_snap_limit *l)
{
	return sp_window_key(j->c->salt, l->id, l->by_agent ? agent_hash(j) : 0,
		l->by_tool ? sp_snap_hash(j->c->tool) : 0,
		l->per == SP_PER_SESSION ? sp_snap_hash(j->c->session) : 0);
}

/// The narrowest max_calls of the tool, by the name of the constraint that says so.
static bool session_limit(const struct judge *j, struct sp_judge_limit *ret)
{
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);

		if (!t || !t->max_calls || t->max_calls != j->v->about.max_calls_session)
			continue;
		*ret = (struct sp_judge_limit){SP_SNAP_NONE, SP_LIMIT_CALLS, SP_PER_SESSION,
			sp_window_key(j->c->salt, sp_snap_hash(SP_LIT("max_calls")), agent_hash(j),
				sp_snap_hash(j->c->tool), sp_snap_hash(j->c->session)),
			t->max_calls};
		return true;
	}
	return false;
}

/// Millionths as policy writes them: 1.25.
static void put_money(struct sp_out *out, uint64_t micros)
{
	uint64_t rest = micros % 1000000;

	sp_out_u64(out, micros / 1000000);
	for (uint64_t unit = 100000; rest; rest %= unit, unit /= 10) {
		if (unit == 100000)
			sp_out_lit(out, ".");
		sp_out_u64(out, rest / unit);
	}
}

static void trace_limit(const struct judge *j, const struct sp_judge_limit *l)
{
	const struct sp_snap_limit *of =
		l->limit == SP_SNAP_NONE ? NULL : SP_SNAP_POLICY(j->s, limits, sp_snap_limit, l->limit);
	uint8_t buf[128];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	sp_out_lit(&out, "at most ");
	if (l->kind == SP_LIMIT_MONEY) {
		put_money(&out, l->max);
		sp_out_lit(&out, " of ");
	} else {
		sp_out_u64(&out, l->max);
		sp_out_lit(&out, " ");
	}
	sp_out_bytes(&out, sp_bytes_cstr(sp_limit_kind_name(l->kind)));
	sp_out_lit(&out, " a ");
	sp_out_bytes(&out, sp_bytes_cstr(sp_limit_per_name(l->per)));
	if (!of || of->by_agent)
		sp_out_lit(&out, ", an agent");
	if (!of || of->by_tool)
		sp_out_lit(&out, ", a tool");
	judge_say(j, SP_TRACE_LIMIT, l->limit, true, of ? judge_str(j, of->name) : SP_LIT("max_calls"),
		sp_bytes(out.p, out.len));
}

static bool has_limit(const struct sp_judge_limit *v, uint32_t n, uint32_t limit)
{
	for (uint32_t i = 0; i < n; i++)
		if (v[i].limit == limit)
			return true;
	return false;
}

static uint64_t amount_of(uint32_t kind, const struct sp_judge_verdict *v, uint64_t tokens)
{
	switch (kind) {
	case SP_LIMIT_TOKENS:
		return tokens;
	case SP_LIMIT_MONEY:
		return v->about.cost_micros;
	default:
		return 1;
	}
}

void sp_judge_limit_asks(const struct sp_judge_limit *limit, uint32_t n,
	const struct sp_judge_verdict *v, uint64_t tokens, struct sp_window_ask *ret)
{
	for (uint32_t i = 0; i < n; i++)
		ret[i] = (struct sp_window_ask){
			.key = limit[i].key,
			.kind = (enum sp_limit_kind)limit[i].kind,
			.per = (enum sp_limit_per)limit[i].per,
			.amount = amount_of(limit[i].kind, v, tokens),
			.max = limit[i].max,
		};
}

enum sp_reason sp_judge_limit_reason(const struct sp_judge_limit *l)
{
	static const enum sp_reason calls[] = {
		[SP_PER_SECOND] = SP_REASON_RATE_SECOND,
		[SP_PER_MINUTE] = SP_REASON_RATE_MINUTE,
		[SP_PER_HOUR] = SP_REASON_RATE_HOUR,
		[SP_PER_DAY] = SP_REASON_RATE_DAY,
		[SP_PER_SESSION] = SP_REASON_CALLS_SESSION,
	};

	if (l->kind == SP_LIMIT_MONEY)
		return SP_REASON_BUDGET_MONEY;
	if (l->kind == SP_LIMIT_CALLS)
		return l->per < SP_ARRAY_LEN(calls) && calls[l->per] ? calls[l->per]
								     : SP_REASON_INTERNAL;
	if (l->per == SP_PER_REQUEST)
		return SP_REASON_BUDGET_REQUEST;
	return l->per == SP_PER_DAY ? SP_REASON_BUDGET_DAY : SP_REASON_BUDGET_WINDOW;
}

/// A session's windows are not the same for all calls.
static void keep_limits(struct sp_judge_known *k, const struct sp_judge_limit *v, uint32_t n)
{
	if (n > SP_JUDGE_KNOWN_LIMITS)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (v[i].per == SP_PER_SESSION)
			return;
		k->limit[i] = v[i];
	}
	k->limits_n = n;
	k->limited = true;
}

/// A group's limits are of the calls that its rules allow.
static struct sp_judge_known *known_of(const struct sp_judge_call *c, const struct sp_judge_verdict *v)
{
	return v->group == SP_SNAP_NONE && !c->trace ? c->known : NULL;
}

const struct sp_judge_limit *sp_judge_limits_known(
	const struct sp_judge_call *c, const struct sp_judge_verdict *v, uint32_t *ret_n)
{
	struct sp_judge_known *known = known_of(c, v);

	if (!known || !known->limited)
		return NULL;
	*ret_n = known->limits_n;
	return known->limit;
}

uint32_t sp_judge_limits(const struct sp_judge_call *c, const struct sp_judge_verdict *v,
	struct sp_judge_limit *ret, uint32_t cap)
{
	struct sp_judge_known *known = cap == SP_JUDGE_LIMITS_MAX ? known_of(c, v) : NULL;
	struct judge j;
	uint32_t n = 0;

	judge_init(&j, c, (struct sp_judge_verdict *)(uintptr_t)v); // only read
	if (n < cap && session_limit(&j, &ret[n]))
		n++;
	for (uint32_t i = 0; i < j.names_n; i++) {
		struct sp_snap_who who = judge_who(&j, i);
		uint32_t number[SP_JUDGE_LIMITS_MAX];
		uint32_t got = (i ? sp_snap_limits_besides : sp_snap_limits_of)(
			j.s, &who, v->group, number, SP_JUDGE_LIMITS_MAX);

		for (uint32_t k = 0; k < got && k < SP_JUDGE_LIMITS_MAX && n < cap; k++) {
			const struct sp_snap_limit *l =
				SP_SNAP_POLICY(j.s, limits, sp_snap_limit, number[k]);

			if (has_limit(ret, n, number[k]))
				continue;
			ret[n++] = (struct sp_judge_limit){
				number[k], l->kind, l->per, key_of(&j, l), l->max};
		}
	}
	for (uint32_t i = 0; JUDGE_TRACED(&j) && i < n; i++)
		trace_limit(&j, &ret[i]);
	if (known && known->looked_up && !known->limited)
		keep_limits(known, ret, n);
	return n;
}
