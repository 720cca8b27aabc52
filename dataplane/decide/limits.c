/// Limits and budgets: taken all or none, exact across workers.
#include "dataplane/decide/facts.h"
#include "dataplane/decide/stages.h"
#include "common/banned.h"

/// Calls that cost their agent something: what the limits and budgets count.
static bool counts(enum sp_method m)
{
	return m == SP_METHOD_TOOLS_CALL || m == SP_METHOD_PROMPTS_GET ||
	       m == SP_METHOD_RESOURCES_READ || m == SP_METHOD_COMPLETE;
}

/// An estimate: a token is four bytes of the arguments as sent, rounded up.
static uint64_t estimate_tokens(uint64_t bytes)
{
	return (bytes + 3) / 4;
}

static uint64_t arguments_bytes(const struct sp_call *c)
{
	return c->env.arguments == SP_JSON_NONE ? 0 : sp_json_raw(&c->doc, c->env.arguments).n;
}

/// What a policy's limits would be asked for.
struct bill {
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	struct sp_window_ask ask[SP_JUDGE_LIMITS_MAX];
	uint32_t n;
};

static void bill_of(const struct sp_judge_call *j, const struct sp_judge_verdict *v,
	uint64_t tokens, struct bill *ret)
{
	ret->n = sp_judge_limits(j, v, ret->limit, SP_JUDGE_LIMITS_MAX);
	sp_judge_limit_asks(ret->limit, ret->n, v, tokens, ret->ask);
}

static enum sp_reason take(struct sp_call *c)
{
	const struct sp_window_owner owner = sp_facts_owner(c);
	struct sp_judge_limit found[SP_JUDGE_LIMITS_MAX];
	struct sp_window_ask *ask = sp_call_taken(c);
	const struct sp_judge_limit *limit;
	unsigned refused;
	uint32_t n;
	int err;

	limit = sp_judge_limits_known(&c->w->facts->call, &c->verdict, &n);
	if (!limit) {
		n = sp_judge_limits(&c->w->facts->call, &c->verdict, found, SP_JUDGE_LIMITS_MAX);
		limit = found;
	}
	sp_judge_limit_asks(limit, n, &c->verdict, c->tokens, ask);
	err = sp_windows_take(
		&c->w->history.windows, &owner, ask, n, c->w->now_ns, &refused, &c->retry_ms);
	if (err == 0) {
		c->taken_n = n;
		return SP_REASON_NONE;
	}
	if (err != -EDQUOT)
		return sp_facts_no_room(c, err);
	return sp_judge_limit_reason(&limit[refused]);
}

static enum sp_reason enter(struct sp_call *c)
{
	const struct sp_snap_agent *a = sp_snap_agent(c->snap, c->agent);

	if (a->limit_slot >= c->w->history.agents ||
		c->w->agent_calls[a->limit_slot] >= c->w->plan->max_calls_per_agent) {
		sp_count(c->w, SP_STAT_SHED_CALL);
		return SP_REASON_OVERLOAD;
	}
	c->limit_slot = a->limit_slot;
	c->w->agent_calls[c->limit_slot]++;
	c->counted = true;
	return SP_REASON_NONE;
}

enum sp_step sp_stage_limits(struct sp_call *c)
{
	if (!counts(c->method))
		return SP_STEP_CONTINUE;
	c->args_bytes = arguments_bytes(c);
	c->tokens = estimate_tokens(c->args_bytes);
	if (c->method != SP_METHOD_TOOLS_CALL)
		c->reason = (enum sp_reason)sp_facts_gather(c);
	if (c->reason == SP_REASON_NONE)
		c->reason = enter(c);
	if (c->reason == SP_REASON_NONE)
		c->reason = take(c);
	return c->reason == SP_REASON_NONE ? SP_STEP_CONTINUE : SP_STEP_DENY;
}

bool sp_limits_is_reason(enum sp_reason r)
{
	return r == SP_REASON_RATE_SECOND || r == SP_REASON_RATE_MINUTE ||
	       r == SP_REASON_RATE_HOUR || r == SP_REASON_RATE_DAY ||
	       r == SP_REASON_CALLS_SESSION || r == SP_REASON_BUDGET_MONEY ||
	       r == SP_REASON_BUDGET_REQUEST || r == SP_REASON_BUDGET_DAY ||
	       r == SP_REASON_BUDGET_WINDOW;
}

static bool same_window(const struct sp_window_ask *a, const struct sp_window_ask *b)
{
	return a->key == b->key && a->kind == b->kind && a->per == b->per;
}

/// What this very call was counted for in the window of `ask`.
static uint64_t counted_for(const struct sp_call *c, const struct sp_window_ask *ask)
{
	const struct sp_window_ask *t = sp_call_taken(c);

	for (uint32_t i = 0; i < c->taken_n; i++)
		if (same_window(&t[i], ask))
			return t[i].amount;
	return 0;
}

static bool has_window(const struct bill *b, const struct sp_window_ask *ask)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (same_window(&b->ask[i], ask))
			return true;
	return false;
}

enum sp_reason sp_limits_peek(
	struct sp_call *c, const struct sp_judge_call *j, const struct sp_judge_verdict *v)
{
	uint64_t tokens = estimate_tokens(arguments_bytes(c));
	struct bill b, kept = {.n = 0};
	uint32_t n = 0;
	unsigned refused;

	bill_of(j, v, tokens, &b);
	if (c->judged)
		bill_of(&c->w->facts->call, &c->verdict, tokens, &kept);
	for (uint32_t i = 0; i < b.n; i++) {
		struct sp_window_ask *ask = &b.ask[i];

		if (ask->amount == 0)
			continue;
		if (ask->per != SP_PER_REQUEST) {
			if (ask->amount > ask->max)
				return sp_judge_limit_reason(&b.limit[i]);
			if (!has_window(&kept, ask))
				continue; // whatever stands there, nobody counted such calls in it
			ask->amount -= sp_min(ask->amount, counted_for(c, ask));
		}
		b.limit[n] = b.limit[i];
		b.ask[n++] = *ask;
	}
	if (sp_windows_peek(&c->w->history.windows, b.ask, n, c->w->now_ns, &refused) == 0)
		return SP_REASON_NONE;
	return sp_judge_limit_reason(&b.limit[refused]);
}
