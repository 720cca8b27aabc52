/// A policy is large and a decision touches little of it, all of it cold: what it will read is asked for as soon as
/// somebody knows. Hints: nothing depends on them.
#include "config/judge/judge_in.h"

#include "common/windows.h"
#include "common/banned.h"

void judge_ask_for(const void *p, size_t n)
{
	const uint8_t *at = (const uint8_t *)((uintptr_t)p & ~(uintptr_t)(SP_CACHE_LINE - 1));

	for (; at < (const uint8_t *)p + n; at += SP_CACHE_LINE)
		__builtin_prefetch(at);
}

static void ask_for_table(const struct sp_snap *s, struct sp_snap_table t, size_t size)
{
	if (t.n)
		judge_ask_for(s->base + t.off, size);
}

void sp_judge_ahead_agent(const struct sp_snap *s, uint32_t agent)
{
	if (agent >= s->h->agents.n)
		return;
	judge_ask_for(sp_snap_agent(s, agent), sizeof(struct sp_snap_agent));
	judge_ask_for(SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent),
		sizeof(struct sp_snap_agent_facts));
}

void sp_judge_ahead_rules(const struct sp_snap *s, uint32_t agent)
{
	const struct sp_snap_agent_facts *f;

	if (agent >= s->h->agents.n)
		return;
	f = SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent);
	ask_for_table(s, f->attributes, SP_CACHE_LINE);
	ask_for_table(s, f->limits, sizeof(uint32_t));
	if (f->ahead_rule == SP_SNAP_NONE)
		return;
	judge_ask_for(SP_SNAP_POLICY(s, rules, sp_snap_rule, f->ahead_rule), SP_SNAP_ROW);
	judge_ask_for(s->base + f->ahead_off, f->ahead_bytes);
}

void sp_judge_ahead_tool(const struct sp_snap *s, uint32_t agent, struct sp_bytes tool)
{
	const struct sp_snap_action_facts *f;
	struct sp_snap_index x = s->h->policy.pairs;
	const struct sp_snap_pair *slot = (const struct sp_snap_pair *)(s->base + x.off);
	uint32_t a = sp_snap_find_action(s, tool);

	if (a == SP_SNAP_NONE)
		return;
	__builtin_prefetch(&slot[sp_snap_pair_hash(agent, a) & x.mask]);
	f = SP_SNAP_POLICY(s, action_facts, sp_snap_action_facts, a);
	if (f->tool != SP_SNAP_NONE)
		judge_ask_for(SP_SNAP_POLICY(s, tools, sp_snap_tool, f->tool), 2ul * SP_SNAP_ROW);
}

uint32_t sp_judge_ahead_keys(
	const struct sp_snap *s, uint32_t agent, uint64_t salt, uint64_t ret[SP_JUDGE_AHEAD_KEYS])
{
	const struct sp_snap_agent_facts *f;
	const uint32_t *number;
	uint32_t n = 0;

	if (agent >= s->h->agents.n)
		return 0;
	f = SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, agent);
	number = (const uint32_t *)(s->base + f->limits.off);
	for (uint32_t i = 0; i < f->limits.n && i < SP_JUDGE_AHEAD_KEYS; i++) {
		const struct sp_snap_limit *l = SP_SNAP_POLICY(s, limits, sp_snap_limit, number[i]);

		if (l->by_agent && !l->by_tool && l->per != SP_PER_SESSION)
			ret[n++] = sp_window_key(salt, l->id, f->name_hash, 0, 0);
	}
	return n;
}

void sp_judge_ahead_windows(
	const struct sp_snap *s, uint32_t agent, uint64_t salt, const struct sp_windows *w)
{
	uint64_t key[SP_JUDGE_AHEAD_KEYS];
	uint32_t n = sp_judge_ahead_keys(s, agent, salt, key);

	for (uint32_t i = 0; i < n; i++)
		sp_windows_ahead(w, key[i]);
}
