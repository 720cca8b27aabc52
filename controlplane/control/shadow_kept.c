#include "controlplane/control/shadow_kept.h"

#include "config/judge/judge.h"

#include "common/banned.h"

#define NAMES_SHOWN 100u
#define LOOKS_MAX 4000000u ///< of comparing agents and tools, for one answer

struct compare {
	const struct sp_snap *now, *next;
	uint32_t looks; ///< left
};

struct who {
	uint32_t any;
	struct sp_snap_table agents;
	uint64_t roles;
};

static bool spend(struct compare *c)
{
	if (c->looks)
		c->looks--;
	return c->looks != 0;
}

static bool has_agent(struct compare *c, uint32_t agent, const struct who *of_now)
{
	struct sp_bytes name = sp_snap_str(c->next, sp_snap_agent(c->next, agent)->name);

	return spend(c) && sp_snap_agent_fits(c->now, sp_snap_find_agent(c->now, name), of_now->any,
				   of_now->agents, of_now->roles);
}

/// All agents of one are agents of the other. Those that only the candidate knows have no past
/// anyway.
static bool covers_agents(struct compare *c, const struct who *of_now, const struct who *of_next)
{
	if (of_now->any && of_now->roles == 0)
		return true;
	for (uint32_t i = 0; i < c->next->h->agents.n; i++)
		if (sp_snap_agent_fits(c->next, i, of_next->any, of_next->agents, of_next->roles) &&
			!has_agent(c, i, of_now))
			return false;
	return true;
}

static bool has_text(const struct sp_snap *s, struct sp_snap_table list, struct sp_bytes text)
{
	for (uint32_t i = 0; i < list.n; i++)
		if (sp_bytes_eq(sp_snap_str(s, *SP_SNAP_GET(s, list, sp_snap_str, i)), text))
			return true;
	return false;
}

static bool has_tool(struct compare *c, struct sp_bytes tool, const struct sp_snap_limit *of_now)
{
	uint32_t action = sp_snap_find_action(c->now, tool);

	return spend(c) &&
	       ((action != SP_SNAP_NONE && sp_snap_has(c->now, of_now->actions, action)) ||
		       sp_snap_glob_any(c->now, of_now->globs, tool));
}

static bool covers_tools(
	struct compare *c, const struct sp_snap_limit *of_now, const struct sp_snap_limit *of_next)
{
	const struct sp_snap *s = c->next;

	if (of_now->any_tool || of_next->any_tool)
		return of_now->any_tool;
	for (uint32_t i = 0; i < of_next->actions.n; i++) {
		uint32_t action =
			*(const uint32_t *)sp_snap_at(s, of_next->actions, i, sizeof(action));
		struct sp_bytes name =
			sp_snap_str(s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, action)->name);

		if (!has_tool(c, name, of_now))
			return false;
	}
	for (uint32_t i = 0; i < of_next->globs.n; i++)
		if (!spend(c) ||
			!has_text(c->now, of_now->globs,
				sp_snap_str(s, *SP_SNAP_GET(s, of_next->globs, sp_snap_str, i))))
			return false;
	return true;
}

static bool same_group(const struct compare *c, uint32_t of_now, uint32_t of_next)
{
	if (of_now == SP_SNAP_NONE || of_next == SP_SNAP_NONE)
		return of_now == of_next;
	return sp_bytes_eq(
		sp_snap_str(c->now, SP_SNAP_POLICY(c->now, groups, sp_snap_group, of_now)->name),
		sp_snap_str(
			c->next, SP_SNAP_POLICY(c->next, groups, sp_snap_group, of_next)->name));
}

/// An allow-list's figure, whatever its amount: each stands in a limit of its own, so agents are
/// asked.
static uint64_t figure(const struct sp_snap_agent *a, const struct sp_snap_limit *l)
{
	if (l->kind == SP_LIMIT_TOKENS)
		return a->daily_tokens;
	return l->per == SP_PER_MINUTE ? a->per_minute : a->per_hour;
}

static bool figures_kept(struct compare *c, const struct sp_snap_limit *l)
{
	for (uint32_t i = 0; i < l->agents.n; i++) {
		uint32_t agent =
			*(const uint32_t *)sp_snap_at(c->next, l->agents, i, sizeof(agent));
		struct sp_bytes name = sp_snap_str(c->next, sp_snap_agent(c->next, agent)->name);
		uint32_t known = sp_snap_find_agent(c->now, name);

		if (!spend(c) || known == SP_SNAP_NONE ||
			figure(sp_snap_agent(c->now, known), l) == 0)
			return false;
	}
	return true;
}

static bool limit_kept(struct compare *c, const struct sp_snap_limit *l)
{
	const struct who next = {l->any_agent, l->agents, l->roles};

	if (l->allow_list)
		return figures_kept(c, l);
	for (uint32_t i = 0; i < c->now->h->policy.limits.n && spend(c); i++) {
		const struct sp_snap_limit *k = SP_SNAP_POLICY(c->now, limits, sp_snap_limit, i);
		const struct who now = {k->any_agent, k->agents, k->roles};

		if (k->id == l->id && k->kind == l->kind && k->per == l->per &&
			k->by_agent == l->by_agent && k->by_tool == l->by_tool &&
			same_group(c, k->group, l->group))
			return covers_agents(c, &now, &next) && covers_tools(c, k, l);
	}
	return false;
}

static bool sequence_kept(struct compare *c, uint32_t number)
{
	const struct sp_snap_sequence *q = SP_SNAP_POLICY(
					      c->next, sequences, sp_snap_sequence, number),
				      *k;
	uint32_t twin = sp_judge_sequence_twin(c->next, number, c->now);

	if (twin == SP_SNAP_NONE)
		return false;
	k = SP_SNAP_POLICY(c->now, sequences, sp_snap_sequence, twin);
	return covers_agents(c, &(struct who){k->any_agent, k->agents, k->roles},
		&(struct who){q->any_agent, q->agents, q->roles});
}

static void put_name(struct sp_cv_out *o, const char *what, struct sp_bytes name, uint32_t *n)
{
	if (++*n <= NAMES_SHOWN)
		sp_cv_put_fmt(o, "%s %.*s", what, SP_FMT(name));
}

/// Sessions are remembered for risk and order rules only.
static bool sessions_kept(const struct sp_snap *s)
{
	return s->h->policy.risk.on || s->h->policy.sequences.n;
}

static void put_sequences(struct compare *c, struct sp_cv_out *o, uint32_t *n)
{
	const struct sp_snap *s = c->next;

	for (uint32_t i = 0; i < s->h->policy.sequences.n; i++) {
		const struct sp_snap_sequence *q =
			SP_SNAP_POLICY(s, sequences, sp_snap_sequence, i);
		bool kept = q->kind == SP_SEQ_FORBID_AFTER_TAINT ? sessions_kept(c->now)
								 : sequence_kept(c, i);

		if (!kept)
			put_name(o, "order rule", sp_snap_str(s, q->name), n);
	}
}

void sp_put_not_judged(const struct sp_snap *now, const struct sp_snap *next, struct sp_cv_out *o)
{
	struct compare c = {now, next, LOOKS_MAX};
	uint32_t n = 0;

	sp_cv_put_str(o, "not_judged");
	sp_cv_put_array(o);
	if (next->h->policy.risk.on && !sessions_kept(now))
		put_name(o, "risk:", SP_LIT("new and tainted sessions"), &n);
	for (uint32_t i = 0; i < next->h->policy.limits.n; i++) {
		const struct sp_snap_limit *l = SP_SNAP_POLICY(next, limits, sp_snap_limit, i);

		if (l->per != SP_PER_REQUEST && !limit_kept(&c, l))
			put_name(o, "limit", sp_snap_str(next, l->name), &n);
	}
	put_sequences(&c, o, &n);
	if (n > NAMES_SHOWN)
		sp_cv_put_fmt(o, "and %u more", n - NAMES_SHOWN);
	sp_cv_put_end(o);
}
