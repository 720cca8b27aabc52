#include "config/compile_inner.h"

#include "common/banned.h"

/// What an allow-list says of rates and budgets, as limits: one for all agents with the same
/// figure.
enum allow_limit { PER_MINUTE = 0, PER_HOUR, PER_REQUEST_TOKENS, DAILY_TOKENS, ALLOW_LIMITS };
static const struct {
	const char *name;
	enum sp_limit_kind kind;
	enum sp_limit_per per;
} allow_limits[ALLOW_LIMITS] = {
	[PER_MINUTE] = {"rate_limits.per_minute", SP_LIMIT_CALLS, SP_PER_MINUTE},
	[PER_HOUR] = {"rate_limits.per_hour", SP_LIMIT_CALLS, SP_PER_HOUR},
	[PER_REQUEST_TOKENS] = {"budget_limits.per_request_tokens", SP_LIMIT_TOKENS,
		SP_PER_REQUEST},
	[DAILY_TOKENS] = {"budget_limits.daily_max_tokens", SP_LIMIT_TOKENS, SP_PER_DAY},
};

struct figure {
	enum allow_limit which;
	uint32_t agent;
	uint64_t max;
};

static uint64_t figure_of(const struct sp_policy_agent *a, enum allow_limit which)
{
	switch (which) {
	case PER_MINUTE:
		return a->per_minute;
	case PER_HOUR:
		return a->per_hour;
	case PER_REQUEST_TOKENS:
		return a->per_request_tokens;
	case DAILY_TOKENS:
		return a->daily_tokens;
	case ALLOW_LIMITS:
		break;
	}
	return 0;
}

static int by_figure(const void *va, const void *vb)
{
	const struct figure *a = va, *b = vb;

	if (a->which != b->which)
		return a->which < b->which ? -1 : 1;
	if (a->max != b->max)
		return a->max < b->max ? -1 : 1;
	return (a->agent > b->agent) - (a->agent < b->agent);
}

/// Names that policy gives to limits cannot be these.
static uint64_t allow_limit_id(const char *name)
{
	const uint64_t pair[2] = {
		sp_snap_hash(SP_LIT("allow-list")), sp_snap_hash(sp_bytes_cstr(name))};

	return sp_snap_hash(sp_bytes(pair, sizeof(pair)));
}

static int add_figures(struct sp_compiling *k, const struct figure *f, uint32_t n)
{
	struct sp_c_limit *out = &k->c->limit[k->c->limits_n++];
	uint32_t *agents = sp_compile_room(k, n, sizeof(*agents));
	const struct sp_policy_agent *first = k->c->agent[f->agent].of;

	if (!agents)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		agents[i] = f[i].agent;
	*out = (struct sp_c_limit){
		.name = allow_limits[f->which].name,
		.id = allow_limit_id(allow_limits[f->which].name),
		.max = f->max,
		.kind = allow_limits[f->which].kind,
		.per = allow_limits[f->which].per,
		.group = SP_SNAP_NONE,
		.by_agent = true,
		.any_tool = true,
		.allow_list = true,
		.agents = {agents, n},
		.at = first->at,
	};
	return 0;
}

static uint32_t gather_figures(struct sp_compiling *k, struct figure *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->c->agents_names.n; i++) {
		const struct sp_policy_agent *a = k->c->agent[i].of;

		for (unsigned w = 0; a && w < ALLOW_LIMITS; w++) {
			uint64_t max = figure_of(a, (enum allow_limit)w);

			if (max)
				f[n++] = (struct figure){(enum allow_limit)w, i, max};
		}
	}
	if (n)
		qsort(f, n, sizeof(*f), by_figure);
	return n;
}

static int of_policy(struct sp_compiling *k, const struct sp_policy_limit *l)
{
	struct sp_c_limit *out = &k->c->limit[k->c->limits_n++];

	*out = (struct sp_c_limit){
		.name = l->name,
		.id = sp_snap_hash(sp_bytes_cstr(l->name)),
		.max = l->max,
		.roles = sp_compile_bits(&k->c->roles, &l->roles),
		.kind = l->kind,
		.per = l->per,
		.group = l->group,
		.by_agent = l->by_agent,
		.by_tool = l->by_tool,
		.any_agent = l->agents.n == 0,
		.any_tool = l->tools.n == 0,
		.at = l->at,
	};
	if (l->group != UINT32_MAX && l->group >= k->p->groups_n)
		sp_check_add(k->check, l->at, NULL, "limit '%s' belongs to no definition", l->name);
	SP_TRY(sp_compile_numbers(
		k, &k->c->agents_names, &l->agents, l->at, "agent", &out->agents));
	return sp_compile_tools_of(k, &l->tools, true, &out->actions, &out->globs);
}

static int all_limits(struct sp_compiling *k)
{
	uint32_t most = k->c->agents_names.n * ALLOW_LIMITS, n;
	struct figure *f = calloc(most + 1ul, sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	n = gather_figures(k, f);
	k->c->limit = sp_compile_room(k, k->p->limits_n + (size_t)n, sizeof(*k->c->limit));
	if (!k->c->limit)
		err = -ENOMEM;
	for (uint32_t i = 0; i < k->p->limits_n && !err; i++)
		err = of_policy(k, &k->p->limit[i]);
	for (uint32_t i = 0, end; i < n && !err; i = end) {
		for (end = i + 1; end < n && f[end].which == f[i].which && f[end].max == f[i].max;)
			end++;
		err = add_figures(k, f + i, end - i);
	}
	free(f);
	return err;
}

struct indexes {
	struct sp_inverse agents, actions, groups;
	uint32_t *wild, wild_n;
};

/// Limits for any tool and no agent in particular stand with every agent they can bind.
static int index_any(struct sp_compiling *k, struct indexes *x, uint32_t no)
{
	const struct sp_c_limit *l = &k->c->limit[no];

	for (uint32_t i = 0; i < k->c->agents_names.n; i++)
		if (l->roles == 0 || l->roles & k->c->agent[i].roles)
			SP_TRY(sp_inverse_add(k, &x->agents, i, no));
	return 0;
}

static int index_one(struct sp_compiling *k, struct indexes *x, uint32_t no)
{
	const struct sp_c_limit *l = &k->c->limit[no];

	if (l->group < k->p->groups_n)
		return sp_inverse_add(k, &x->groups, l->group, no);
	if (l->any_agent && l->any_tool)
		return index_any(k, x, no);
	if (!l->any_agent) {
		for (uint32_t i = 0; i < l->agents.n; i++)
			SP_TRY(sp_inverse_add(k, &x->agents, l->agents.v[i], no));
		return 0;
	}
	for (uint32_t i = 0; i < l->actions.n; i++)
		SP_TRY(sp_inverse_add(k, &x->actions, l->actions.v[i], no));
	if (l->globs.n)
		x->wild[x->wild_n++] = no;
	return 0;
}

static int index_all(struct sp_compiling *k, struct indexes *x)
{
	struct sp_compiled *c = k->c;

	SP_TRY(sp_inverse_init(&x->agents, c->agents_names.n));
	SP_TRY(sp_inverse_init(&x->actions, c->actions_names.n));
	SP_TRY(sp_inverse_init(&x->groups, k->p->groups_n));
	x->wild = sp_compile_room(k, c->limits_n, sizeof(*x->wild));
	if (!x->wild)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->limits_n; i++)
		SP_TRY(index_one(k, x, i));
	SP_TRY(sp_inverse_lists(k, &x->agents, &c->agent_limits));
	SP_TRY(sp_inverse_lists(k, &x->actions, &c->action_limits));
	SP_TRY(sp_inverse_lists(k, &x->groups, &c->group_limits));
	c->wild_limits = (struct sp_list){x->wild, x->wild_n};
	return 0;
}

int sp_compile_limits(struct sp_compiling *k)
{
	struct indexes x = {0};
	int err = all_limits(k);

	if (!err)
		err = index_all(k, &x);
	sp_inverse_done(&x.agents);
	sp_inverse_done(&x.actions);
	sp_inverse_done(&x.groups);
	return err;
}
