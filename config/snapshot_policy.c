#include "config/snapshot_policy.h"

#include "common/url.h"
#include "common/banned.h"

#define ENTRY(s, table, type, i) SP_SNAP_POLICY(s, table, type, i)

static const uint32_t *numbers(const struct sp_snap *s, struct sp_snap_table t)
{
	return (const uint32_t *)(s->base + t.off);
}

struct sp_snap_table sp_snap_pair_rules(const struct sp_snap *s, uint32_t agent, uint32_t action)
{
	struct sp_snap_index x = s->h->policy.pairs;
	const struct sp_snap_pair *slot = (const struct sp_snap_pair *)(s->base + x.off);
	uint64_t h = sp_snap_pair_hash(agent, action);

	for (uint32_t i = 0; i <= x.mask; i++) {
		const struct sp_snap_pair *p = &slot[(h + i) & x.mask];

		if (p->n == 0)
			break;
		if (p->agent == agent && p->action == action)
			return (struct sp_snap_table){
				p->n == 1 ? (uint32_t)((const uint8_t *)&p->at - s->base) : p->at, p->n};
	}
	return (struct sp_snap_table){sizeof(struct sp_snap_header), 0};
}

bool sp_snap_has(const struct sp_snap *s, struct sp_snap_table list, uint32_t v)
{
	const uint32_t *at = numbers(s, list);
	uint32_t lo = 0, hi = list.n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (at[mid] == v)
			return true;
		if (at[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool sp_snap_glob_any(const struct sp_snap *s, struct sp_snap_table list, struct sp_bytes tool)
{
	for (uint32_t i = 0; i < list.n; i++)
		if (sp_glob_match(
			    sp_snap_str(s, *SP_SNAP_GET(s, list, sp_snap_str, i)), tool, false))
			return true;
	return false;
}

bool sp_snap_agent_fits(const struct sp_snap *s, uint32_t agent, uint32_t any_agent,
	struct sp_snap_table agents, uint64_t roles)
{
	if (agent >= s->h->agents.n)
		return false;
	if (roles && !(roles & ENTRY(s, agent_facts, sp_snap_agent_facts, agent)->roles))
		return false;
	return any_agent || sp_snap_has(s, agents, agent);
}

/// `named`: the list it was found by says that it names the agent.
static bool rule_fits(
	const struct sp_snap *s, const struct sp_snap_who *who, uint32_t number, bool named)
{
	const struct sp_snap_rule *r = ENTRY(s, rules, sp_snap_rule, number);
	const struct sp_snap_agent_facts *f =
		ENTRY(s, agent_facts, sp_snap_agent_facts, who->agent);

	__builtin_prefetch(&r->conditions);
	// who is known only because a rule names it is granted what names it, not what is for everybody
	if (r->effect == SP_EFFECT_ALLOW && f->implied && r->any_agent && !named)
		return false;
	if (r->environments && !(r->environments & f->environment))
		return false;
	return sp_snap_agent_fits(s, who->agent, named || r->any_agent, r->agents, r->roles);
}

bool sp_snap_rule_fits(const struct sp_snap *s, uint32_t agent, uint32_t number)
{
	const struct sp_snap_who who = {.agent = agent, .action = SP_SNAP_NONE};
	const struct sp_snap_rule *r = ENTRY(s, rules, sp_snap_rule, number);

	return agent < s->h->agents.n && rule_fits(s, &who, number, sp_snap_has(s, r->agents, agent));
}

/// Lists of a known action and of pairs hold rules of that tool only; the others are asked for it.
static bool rule_names_tool(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t number)
{
	const struct sp_snap_rule *r = ENTRY(s, rules, sp_snap_rule, number);

	return sp_snap_has(s, r->actions, who->action) || sp_snap_glob_any(s, r->globs, who->tool);
}

static void add_list(struct sp_snap_rules *it, unsigned i, struct sp_snap_table t)
{
	it->list[i].at = numbers(it->s, t);
	it->list[i].end = it->list[i].at + t.n;
}

void sp_snap_rules_begin(
	struct sp_snap_rules *it, const struct sp_snap *s, const struct sp_snap_who *who)
{
	const struct sp_snap_policy *p = &s->h->policy;

	*it = (struct sp_snap_rules){.s = s, .who = who};
	if (who->agent >= s->h->agents.n)
		return;
	add_list(it, 0, ENTRY(s, agent_facts, sp_snap_agent_facts, who->agent)->rules);
	if (who->action >= s->h->actions.n) {
		add_list(it, 1, p->wild_rules);
		return;
	}
	add_list(it, 1, ENTRY(s, action_facts, sp_snap_action_facts, who->action)->rules);
	add_list(it, 2, sp_snap_pair_rules(s, who->agent, who->action));
}

/// What the lists that hold a rule say of it: it is of this tool, it names this agent.
struct sure {
	bool tool, agent;
};
/// The least of the lists' heads, taken off every list that begins with it.
static uint32_t take_least(struct sp_snap_rules *it, struct sure *ret)
{
	bool known = it->who->action < it->s->h->actions.n;
	uint32_t least = SP_SNAP_NONE;

	for (size_t i = 0; i < SP_ARRAY_LEN(it->list); i++)
		if (it->list[i].at < it->list[i].end && *it->list[i].at < least)
			least = *it->list[i].at;
	*ret = (struct sure){false, false};
	for (size_t i = 0; i < SP_ARRAY_LEN(it->list); i++) {
		if (it->list[i].at == it->list[i].end || *it->list[i].at != least)
			continue;
		it->list[i].at++;
		ret->tool |= known && i > 0;
		ret->agent |= i != 1;
	}
	return least;
}

uint32_t sp_snap_rules_next(struct sp_snap_rules *it)
{
	for (;;) {
		struct sure sure;
		uint32_t rule = take_least(it, &sure);

		if (rule == SP_SNAP_NONE)
			return rule;
		if (rule_fits(it->s, it->who, rule, sure.agent) &&
			(sure.tool || rule_names_tool(it->s, it->who, rule)))
			return rule;
	}
}

/// Known actions stand in `actions`, whether they were named exactly or by a glob.
static bool limit_names_tool(
	const struct sp_snap *s, const struct sp_snap_who *who, const struct sp_snap_limit *l)
{
	if (l->any_tool)
		return true;
	return who->action < s->h->actions.n ? sp_snap_has(s, l->actions, who->action)
					     : sp_snap_glob_any(s, l->globs, who->tool);
}

struct limits_found {
	uint32_t *v;
	uint32_t n, cap;
	bool again; ///< without the agent's own for any tool
};

/// `own`: the list is the agent's own, so its limits are over it, whatever agents else they name.
static void find_limits(const struct sp_snap *s, const struct sp_snap_who *who,
	struct sp_snap_table list, bool own, struct limits_found *f)
{
	for (uint32_t i = 0; i < list.n; i++) {
		uint32_t number = numbers(s, list)[i];
		const struct sp_snap_limit *l = ENTRY(s, limits, sp_snap_limit, number);
		bool any_agent = own || l->any_agent;

		if (own && f->again && l->any_tool)
			continue;
		if ((!any_agent || l->roles) &&
			!sp_snap_agent_fits(s, who->agent, any_agent, l->agents, l->roles))
			continue;
		if (!limit_names_tool(s, who, l))
			continue;
		if (f->n < f->cap)
			f->v[f->n] = number;
		f->n++;
	}
}

static uint32_t limits_of(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t group,
	struct limits_found *f)
{
	const struct sp_snap_policy *p = &s->h->policy;

	if (who->agent >= s->h->agents.n)
		return 0;
	find_limits(
		s, who, ENTRY(s, agent_facts, sp_snap_agent_facts, who->agent)->limits, true, f);
	if (who->action < s->h->actions.n)
		find_limits(s, who,
			ENTRY(s, action_facts, sp_snap_action_facts, who->action)->limits, false,
			f);
	else
		find_limits(s, who, p->wild_limits, false, f);
	if (group < p->groups.n)
		find_limits(s, who, ENTRY(s, groups, sp_snap_group, group)->limits, false, f);
	return f->n;
}

uint32_t sp_snap_limits_of(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t group,
	uint32_t *ret, uint32_t cap)
{
	return limits_of(s, who, group, &(struct limits_found){.v = ret, .cap = cap});
}

uint32_t sp_snap_limits_besides(const struct sp_snap *s, const struct sp_snap_who *who, uint32_t group,
	uint32_t *ret, uint32_t cap)
{
	return limits_of(s, who, group, &(struct limits_found){.v = ret, .cap = cap, .again = true});
}

static bool match_all(const struct sp_snap *s, struct sp_snap_table globs, struct sp_bytes tool)
{
	for (uint32_t i = 0; i < globs.n; i++)
		if (!sp_glob_match(
			    sp_snap_str(s, *SP_SNAP_GET(s, globs, sp_snap_str, i)), tool, false))
			return false;
	return true;
}

uint32_t sp_snap_tool_of(const struct sp_snap *s, const struct sp_snap_who *who)
{
	const struct sp_snap_policy *p = &s->h->policy;

	if (who->action < s->h->actions.n)
		return ENTRY(s, action_facts, sp_snap_action_facts, who->action)->tool;
	for (uint32_t i = 0; i < p->wild_tools.n; i++) {
		uint32_t number = numbers(s, p->wild_tools)[i];
		const struct sp_snap_tool *t = ENTRY(s, tools, sp_snap_tool, number);

		if (match_all(s, t->globs, who->tool))
			return number;
	}
	return SP_SNAP_NONE;
}
