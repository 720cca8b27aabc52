#include "config/compile_inner.h"

#include "config/snapshot_policy.h"
#include "common/banned.h"

/// Beyond so many pairs a rule goes into the lists of its agents instead, where its tools are
/// compared.
#define PAIRS_A_RULE_MAX 256u

struct indexes {
	struct sp_inverse agents, actions, pairs;
	uint32_t *wild, wild_n;
};

static int pairs_grow(struct sp_c_pairs *p)
{
	uint32_t mask = p->slot ? p->mask * 2 + 1 : 1023, *slot;
	struct sp_c_pair *v;

	if (p->n < p->cap)
		return 0;
	v = realloc(p->v, (mask + 1ull) / 2 * sizeof(*v));
	if (!v)
		return -ENOMEM;
	p->v = v;
	p->cap = (mask + 1) / 2;
	slot = calloc((size_t)mask + 1, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t h = sp_snap_pair_hash(v[i].agent, v[i].action);

		while (slot[h & mask])
			h++;
		slot[h & mask] = i + 1;
	}
	free(p->slot);
	p->slot = slot;
	p->mask = mask;
	return 0;
}

static int pair_number(struct sp_c_pairs *p, uint32_t agent, uint32_t action, uint32_t *ret)
{
	uint64_t h = sp_snap_pair_hash(agent, action);
	uint32_t e;

	SP_TRY(pairs_grow(p));
	for (; (e = p->slot[h & p->mask]) != 0; h++) {
		if (p->v[e - 1].agent == agent && p->v[e - 1].action == action) {
			*ret = e - 1;
			return 0;
		}
	}
	p->v[p->n] = (struct sp_c_pair){agent, action};
	*ret = p->n++;
	p->slot[h & p->mask] = p->n;
	return 0;
}

/// Pairs grow while they are filled, so their keys do, too.
static int add_pair(
	struct sp_compiling *k, struct indexes *x, uint32_t agent, uint32_t action, uint32_t rule)
{
	uint32_t no, keys = x->pairs.keys;

	SP_TRY(pair_number(&k->c->pairs, agent, action, &no));
	if (no >= keys) {
		uint32_t *last = realloc(x->pairs.last, (keys * 2ul + 2) * sizeof(*last));

		if (!last)
			return -ENOMEM;
		memset(last + keys, 0, (keys + 2ul) * sizeof(*last));
		x->pairs.last = last;
		x->pairs.keys = keys * 2 + 1;
	}
	return sp_inverse_add(k, &x->pairs, no, rule);
}

static int index_named(struct sp_compiling *k, struct indexes *x, uint32_t no)
{
	const struct sp_c_rule *r = &k->c->rule[no];
	bool pairs = r->globs.n == 0 && (uint64_t)r->agents.n * r->actions.n <= PAIRS_A_RULE_MAX;

	for (uint32_t a = 0; a < r->agents.n; a++) {
		if (!pairs)
			SP_TRY(sp_inverse_add(k, &x->agents, r->agents.v[a], no));
		for (uint32_t t = 0; pairs && t < r->actions.n; t++)
			SP_TRY(add_pair(k, x, r->agents.v[a], r->actions.v[t], no));
	}
	return 0;
}

static int index_open(struct sp_compiling *k, struct indexes *x, uint32_t no)
{
	const struct sp_c_rule *r = &k->c->rule[no];

	for (uint32_t i = 0; i < r->actions.n; i++)
		SP_TRY(sp_inverse_add(k, &x->actions, r->actions.v[i], no));
	for (uint32_t g = 0; g < r->globs.n; g++) {
		struct sp_list hits = sp_compile_hits(k, r->globs.v[g]);

		for (uint32_t i = 0; i < hits.n; i++)
			SP_TRY(sp_inverse_add(k, &x->actions, hits.v[i], no));
	}
	if (r->globs.n)
		x->wild[x->wild_n++] = no;
	return 0;
}

static int fill(struct sp_compiling *k, struct sp_c_rule *r)
{
	const struct sp_policy_rule *of = r->of;

	r->any_agent = r->named.n == 0;
	r->roles = sp_compile_bits(&k->c->roles, &of->roles);
	r->environments = sp_compile_bits(&k->c->environments, &of->environments);
	if (of->tools.n == 0)
		sp_check_add(k->check, of->at, "name tools, or \"*\" for every tool",
			"rule '%s' names no tool", of->name);
	if (of->group != UINT32_MAX && of->group >= k->p->groups_n)
		sp_check_add(
			k->check, of->at, NULL, "rule '%s' belongs to no definition", of->name);
	SP_TRY(sp_compile_numbers(k, &k->c->agents_names, &r->named, of->at, "agent", &r->agents));
	SP_TRY(sp_compile_numbers(
		k, &k->c->purposes_names, &of->purposes, of->at, "purpose", &r->purposes));
	return sp_compile_tools_of(k, &of->tools, false, &r->actions, &r->globs);
}

static int index_all(struct sp_compiling *k, struct indexes *x)
{
	struct sp_compiled *c = k->c;

	SP_TRY(sp_inverse_init(&x->agents, c->agents_names.n));
	SP_TRY(sp_inverse_init(&x->actions, c->actions_names.n));
	SP_TRY(sp_inverse_init(&x->pairs, 0));
	x->wild = sp_compile_room(k, k->p->rules_n, sizeof(*x->wild));
	if (!x->wild)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->p->rules_n; i++) {
		SP_TRY(fill(k, &c->rule[i]));
		SP_TRY(c->rule[i].any_agent ? index_open(k, x, i) : index_named(k, x, i));
	}
	x->pairs.keys = c->pairs.n;
	SP_TRY(sp_inverse_lists(k, &x->agents, &c->agent_rules));
	SP_TRY(sp_inverse_lists(k, &x->actions, &c->action_rules));
	SP_TRY(sp_inverse_lists(k, &x->pairs, &c->pairs.rules));
	c->wild_rules = (struct sp_list){x->wild, x->wild_n};
	return 0;
}

int sp_compile_rules(struct sp_compiling *k)
{
	struct indexes x = {0};
	int err = index_all(k, &x);

	sp_inverse_done(&x.agents);
	sp_inverse_done(&x.actions);
	sp_inverse_done(&x.pairs);
	return err;
}
