/// Whom and which tools a rule and its like are about, taken together over both snapshots.
#include "config/diff_inner.h"

#include "common/url.h"
#include "config/snapshot_policy.h"
#include "common/banned.h"

/// Whom and what one of them names in its own snapshot.
struct reach {
	uint32_t rule; ///< or SP_SNAP_NONE
	uint32_t any_agent, any_tool;
	uint64_t roles;
	struct sp_snap_table agents, actions, globs;
	struct sp_bytes pattern; ///< a tool's own name or glob
};

static struct reach reach_of(const struct sp_snap *s, enum sp_scope_of of, uint32_t i)
{
	const struct sp_snap_rule *r;
	const struct sp_snap_limit *l;
	const struct sp_snap_purpose *u;
	const struct sp_snap_sequence *q;

	switch (of) {
	case SP_SCOPE_RULE:
		r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);
		return (struct reach){.rule = i, .actions = r->actions, .globs = r->globs};
	case SP_SCOPE_LIMIT:
		l = SP_SNAP_POLICY(s, limits, sp_snap_limit, i);
		return (struct reach){SP_SNAP_NONE, l->any_agent, l->any_tool, l->roles, l->agents, l->actions,
			l->globs, SP_NOBYTES};
	case SP_SCOPE_PURPOSE:
		u = SP_SNAP_POLICY(s, purposes, sp_snap_purpose, i);
		return (struct reach){SP_SNAP_NONE, u->any_agent, 0, u->roles, u->agents, u->actions, u->globs,
			SP_NOBYTES};
	case SP_SCOPE_SEQUENCE:
		q = SP_SNAP_POLICY(s, sequences, sp_snap_sequence, i);
		return (struct reach){.rule = SP_SNAP_NONE, .any_agent = q->any_agent, .roles = q->roles,
			.agents = q->agents, .globs = q->then};
	default:
		return (struct reach){.rule = SP_SNAP_NONE, .any_agent = 1,
			.pattern = sp_snap_str(s, SP_SNAP_POLICY(s, tools, sp_snap_tool, i)->name)};
	}
}

static struct sp_bytes name_at(const struct sp_snap *s, bool tools, uint32_t i)
{
	return sp_snap_str(s, tools ? SP_SNAP_GET(s, s->h->actions, sp_snap_action, i)->name
				    : sp_snap_agent(s, i)->name);
}

static uint32_t find(const struct sp_snap *s, bool tools, struct sp_bytes name)
{
	return tools ? sp_snap_find_action(s, name) : sp_snap_find_agent(s, name);
}

static bool about(const struct sp_snap *s, const struct reach *r, bool tools, uint32_t i)
{
	struct sp_bytes name;

	if (!tools)
		return r->rule != SP_SNAP_NONE ? sp_snap_rule_fits(s, i, r->rule)
					       : sp_snap_agent_fits(s, i, r->any_agent, r->agents, r->roles);
	if (r->any_tool || sp_snap_has(s, r->actions, i))
		return true;
	name = name_at(s, true, i);
	return sp_snap_glob_any(s, r->globs, name) || (r->pattern.n && sp_glob_match(r->pattern, name, false));
}

static void add(struct sp_scope_names *l, struct sp_bytes name)
{
	if (l->n < SP_SCOPE_NAMES)
		l->name[l->n] = name;
	l->n++;
}

/// Patterns stand for names that no policy knows.
static void add_pattern(
	const struct sp_scoper *c, const struct reach *other, struct sp_bytes glob, struct sp_scope_names *l)
{
	const struct sp_snap *o = other ? c->b : NULL;

	if (find(c->b, true, glob) != SP_SNAP_NONE || (c->a && find(c->a, true, glob) != SP_SNAP_NONE))
		return;
	for (uint32_t i = 0; o && i < other->globs.n; i++)
		if (sp_bytes_eq(sp_snap_str(o, *SP_SNAP_GET(o, other->globs, sp_snap_str, i)), glob))
			return;
	if (o && sp_bytes_eq(other->pattern, glob))
		return;
	add(l, glob);
}

static void add_patterns(const struct sp_scoper *c, const struct sp_snap *s, const struct reach *r,
	const struct reach *other, struct sp_scope_names *l)
{
	for (uint32_t i = 0; i < r->globs.n; i++)
		add_pattern(c, other, sp_snap_str(s, *SP_SNAP_GET(s, r->globs, sp_snap_str, i)), l);
	if (r->pattern.n)
		add_pattern(c, other, r->pattern, l);
}

static void add_known(const struct sp_scoper *c, const struct reach *x, const struct reach *y, bool tools,
	struct sp_scope_names *l)
{
	const struct sp_scope_side *side = tools ? &c->actions : &c->agents;

	for (uint32_t i = 0; i < side->was_n; i++)
		if ((y && about(c->b, y, tools, i)) ||
			(x && side->was[i] != SP_SNAP_NONE && about(c->a, x, tools, side->was[i])))
			add(l, name_at(c->b, tools, i));
	for (uint32_t i = 0; x && i < side->gone_n; i++)
		if (about(c->a, x, tools, side->gone[i]))
			add(l, name_at(c->a, tools, side->gone[i]));
}

void sp_scope_fill(
	const struct sp_scoper *c, enum sp_scope_of of, uint32_t a, uint32_t b, struct sp_scope *ret)
{
	struct reach x, y;
	const struct reach *px = NULL, *py = NULL;

	if (a != SP_SNAP_NONE) {
		x = reach_of(c->a, of, a);
		px = &x;
	}
	if (b != SP_SNAP_NONE) {
		y = reach_of(c->b, of, b);
		py = &y;
	}
	*ret = (struct sp_scope){0};
	add_known(c, px, py, false, &ret->agents);
	add_known(c, px, py, true, &ret->tools);
	if (py)
		add_patterns(c, c->b, py, NULL, &ret->tools);
	if (px)
		add_patterns(c, c->a, px, py, &ret->tools);
}

static int side_init(struct sp_scope_side *side, const struct sp_snap *a, const struct sp_snap *b, bool tools)
{
	uint32_t an = !a ? 0 : tools ? a->h->actions.n : a->h->agents.n;
	uint32_t bn = tools ? b->h->actions.n : b->h->agents.n;

	*side = (struct sp_scope_side){calloc(bn + 1ul, sizeof(uint32_t)), calloc(an + 1ul, sizeof(uint32_t)), bn, 0};
	if (!side->was || !side->gone)
		return -ENOMEM;
	for (uint32_t i = 0; i < bn; i++)
		side->was[i] = a ? find(a, tools, name_at(b, tools, i)) : SP_SNAP_NONE;
	for (uint32_t i = 0; i < an; i++)
		if (find(b, tools, name_at(a, tools, i)) == SP_SNAP_NONE)
			side->gone[side->gone_n++] = i;
	return 0;
}

int sp_scoper_init(struct sp_scoper *c, const struct sp_snap *a, const struct sp_snap *b)
{
	int err;

	*c = (struct sp_scoper){.a = a, .b = b};
	err = side_init(&c->agents, a, b, false);
	return err ? err : side_init(&c->actions, a, b, true);
}

void sp_scoper_done(struct sp_scoper *c)
{
	free(c->agents.was);
	free(c->agents.gone);
	free(c->actions.was);
	free(c->actions.gone);
}
