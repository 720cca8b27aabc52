/// Calls of one agent and tool that come again and again are not looked up anew.
#include "common/fold.h"
#include "dataplane/decide/facts.h"
#include "common/banned.h"

static uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/// Two that come to the same place take it from each other, nothing else; whose names do is not for an agent to choose.
static struct sp_facts_known *place_of(const struct sp_call *c, const struct sp_judge_call *j)
{
	const uint8_t *name = j->tool.p;
	uint64_t salt = c->w->history.salt, end = load8(name + j->tool.n - 8), middle = load8(name + j->tool.n / 2 - 4);
	uint64_t hash = sp_fold(end ^ salt ^ SP_FOLD_0, middle ^ salt);

	return &c->w->facts->known[(hash ^ j->agent * SP_FOLD_GOLDEN >> 32) % SP_FACTS_KNOWN];
}

struct sp_facts_known *sp_facts_known(const struct sp_call *c, const struct sp_judge_call *j)
{
	uint64_t generation = j->snap->h->generation;
	struct sp_facts_known *k;
	size_t n = j->tool.n;

	if (n < sizeof(uint64_t) || n > sizeof(k->name) || generation == 0)
		return NULL;
	k = place_of(c, j);
	if (k->generation == generation && k->agent == j->agent && k->prefix == j->prefix && k->name_len == n &&
		memcmp(k->name, j->tool.p, n) == 0)
		return k;
	k->generation = generation;
	k->agent = j->agent;
	k->prefix = j->prefix;
	k->name_len = (uint32_t)n;
	memcpy(k->name, j->tool.p, n);
	k->pair = 0;
	k->judge = (struct sp_judge_known){0};
	return k;
}

uint64_t sp_facts_pair(const struct sp_call *c)
{
	const struct sp_judge_call *j = &c->w->facts->call;
	struct sp_facts_known *k = j->known ? sp_container_of(j->known, struct sp_facts_known, judge) : NULL;
	uint64_t pair;

	if (k && k->pair)
		return k->pair;
	pair = sp_history_pair(&c->w->history,
		SP_SNAP_POLICY(c->snap, agent_facts, sp_snap_agent_facts, c->agent)->name_hash,
		sp_snap_hash(j->tool));
	if (k)
		k->pair = pair;
	return pair;
}
