/// A print is a hash over texts, never over numbers of agents or tools: those change with every
/// policy.
#include "config/standing.h"
#include "common/banned.h"

struct print {
	const struct sp_snap *s;
	uint64_t acc;
};

static void add_num(struct print *p, uint64_t v)
{
	const uint64_t pair[2] = {p->acc, v};

	p->acc = sp_snap_hash(sp_bytes(pair, sizeof(pair)));
}

static void add_str(struct print *p, struct sp_snap_str v)
{
	add_num(p, sp_snap_hash(sp_snap_str(p->s, v)));
}

static void add_strs(struct print *p, struct sp_snap_table t)
{
	add_num(p, t.n);
	for (uint32_t i = 0; i < t.n; i++)
		add_str(p, *SP_SNAP_GET(p->s, t, sp_snap_str, i));
}

/// Names of the entries of `of` that a list of numbers leads to; each entry begins with its name.
static void add_names(
	struct print *p, struct sp_snap_table list, struct sp_snap_table of, size_t size)
{
	add_num(p, list.n);
	for (uint32_t i = 0; i < list.n; i++) {
		const uint32_t *no = sp_snap_at(p->s, list, i, sizeof(*no));
		const struct sp_snap_str *name = sp_snap_at(p->s, of, *no, size);

		add_str(p, *name);
	}
}

static void add_agents(struct print *p, struct sp_snap_table list, uint32_t any_agent)
{
	add_num(p, any_agent);
	add_names(p, list, p->s->h->agents, sizeof(struct sp_snap_agent));
}

static void add_actions(struct print *p, struct sp_snap_table list)
{
	add_names(p, list, p->s->h->actions, sizeof(struct sp_snap_action));
}

static void add_bits(struct print *p, uint64_t bits, struct sp_snap_table names)
{
	add_num(p, (uint64_t)__builtin_popcountll(bits));
	for (uint32_t i = 0; i < names.n; i++)
		if (bits >> i & 1)
			add_str(p, *SP_SNAP_GET(p->s, names, sp_snap_str, i));
}

static void add_roles(struct print *p, uint64_t bits)
{
	add_bits(p, bits, p->s->h->policy.role_names);
}

static void add_group(struct print *p, uint32_t group)
{
	add_num(p, group == SP_SNAP_NONE);
	if (group != SP_SNAP_NONE)
		add_str(p, SP_SNAP_POLICY(p->s, groups, sp_snap_group, group)->name);
}

uint64_t sp_print_rule(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);
	struct print p = {s, 1};

	add_num(&p, r->effect);
	add_str(&p, r->reason);
	add_group(&p, r->group);
	add_agents(&p, r->agents, r->any_agent);
	add_roles(&p, r->roles);
	add_bits(&p, r->environments, s->h->policy.environment_names);
	add_actions(&p, r->actions);
	add_strs(&p, r->globs);
	add_names(&p, r->purposes, s->h->policy.purposes, sizeof(struct sp_snap_purpose));
	add_num(&p, r->conditions.n);
	for (uint32_t k = 0; k < r->conditions.n; k++)
		add_str(&p, SP_SNAP_GET(s, r->conditions, sp_snap_condition, k)->text);
	return p.acc;
}

uint64_t sp_print_group(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_group *g = SP_SNAP_POLICY(s, groups, sp_snap_group, i);
	struct print p = {s, 2};

	add_str(&p, g->store);
	add_num(&p, g->has_audit_level);
	add_num(&p, g->audit_level);
	return p.acc;
}

uint64_t sp_print_limit(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_limit *l = SP_SNAP_POLICY(s, limits, sp_snap_limit, i);
	struct print p = {s, 3};

	add_num(&p, l->kind);
	add_num(&p, l->per);
	add_num(&p, l->max);
	add_group(&p, l->group);
	add_num(&p, l->by_agent);
	add_num(&p, l->by_tool);
	add_num(&p, l->any_tool);
	add_roles(&p, l->roles);
	add_agents(&p, l->agents, l->any_agent);
	add_actions(&p, l->actions);
	add_strs(&p, l->globs);
	return p.acc;
}

static void add_arguments(struct print *p, const struct sp_snap_tool *t)
{
	const struct sp_snap_table tables[] = {t->scopes, t->sql.parameters, t->sql.allow_tables,
		t->sql.deny_tables, t->sql.allow_functions, t->endpoint.parameters,
		t->endpoint.allow, t->endpoint.forbid, t->path.parameters, t->path.roots};
	const uint32_t words[] = {t->sql.on, t->sql.dialect, t->sql.styles, t->sql.returning,
		t->endpoint.on, t->endpoint.private_hosts};

	for (size_t i = 0; i < SP_ARRAY_LEN(tables); i++)
		add_strs(p, tables[i]);
	for (size_t i = 0; i < SP_ARRAY_LEN(words); i++)
		add_num(p, words[i]);
}

uint64_t sp_print_tool(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_tool *t = SP_SNAP_POLICY(s, tools, sp_snap_tool, i);
	const uint64_t words[] = {t->has_allowed_for, t->has_environments, t->max_calls,
		t->cost_micros, t->max_argument_bytes, t->require_approval,
		t->require_human_initiated, t->egress, t->taints, t->cls, t->sensitivity,
		t->high_risk, (uint64_t)(int64_t)t->base_risk};
	struct print p = {s, 4};

	for (size_t k = 0; k < SP_ARRAY_LEN(words); k++)
		add_num(&p, words[k]);
	add_roles(&p, t->allowed_for);
	add_bits(&p, t->environments, s->h->policy.environment_names);
	add_arguments(&p, t);
	return p.acc;
}

uint64_t sp_print_purpose(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_purpose *u = SP_SNAP_POLICY(s, purposes, sp_snap_purpose, i);
	struct print p = {s, 5};

	add_roles(&p, u->roles);
	add_agents(&p, u->agents, u->any_agent);
	add_actions(&p, u->actions);
	add_strs(&p, u->globs);
	return p.acc;
}

uint64_t sp_print_sequence(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_sequence *q = SP_SNAP_POLICY(s, sequences, sp_snap_sequence, i);
	struct print p = {s, 6};

	add_str(&p, q->reason);
	add_num(&p, q->kind);
	add_num(&p, q->effect);
	add_num(&p, q->window_ns);
	add_roles(&p, q->roles);
	add_agents(&p, q->agents, q->any_agent);
	add_strs(&p, q->first);
	add_strs(&p, q->between);
	add_strs(&p, q->then);
	return p.acc;
}

uint64_t sp_print_agent(const struct sp_snap *s, uint32_t i)
{
	const struct sp_snap_agent_facts *f =
		SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, i);
	struct sp_snap_table pairs = {f->attributes.off, f->attributes.n * 2};
	struct print p = {s, 7};

	add_roles(&p, f->roles);
	add_str(&p, f->environment_name);
	add_str(&p, f->owner);
	add_strs(&p, pairs);
	add_num(&p, f->has_allow_list);
	return p.acc;
}

uint64_t sp_print_risk(const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;
	struct print out = {s, 8};

	add_num(&out, sp_snap_hash(sp_bytes(&p->risk, sizeof(p->risk))));
	add_num(&out, p->details_required);
	add_num(&out, p->purpose_required);
	return out.acc;
}
