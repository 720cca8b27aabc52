/// Agents and the tools they may call, compared by what the two policies say of each pair. Pairs
/// that nothing changed can touch are passed over.
#include "config/diff_inner.h"
#include "config/standing.h"
#include "common/banned.h"

/// The tools of both snapshots: number in each, or SP_SNAP_NONE.
struct tool {
	struct sp_bytes name;
	uint32_t a, b;
	bool touched; ///< a rule or constraint that speaks of it changed
};
struct work {
	struct sp_differ *d;
	struct tool *tool;
	uint32_t n;
};

static struct sp_bytes action_name(const struct sp_snap *s, uint32_t i)
{
	return sp_snap_str(s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, i)->name);
}

static int by_name(const void *va, const void *vb)
{
	const struct tool *a = va, *b = vb;
	size_t n = sp_min(a->name.n, b->name.n);
	int r = n ? memcmp(a->name.p, b->name.p, n) : 0;

	return r ? r : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/// What every rule and the constraint that speak of the tool come to.
static uint64_t tool_print(const struct sp_snap *s, uint32_t action, const uint64_t *rule_print)
{
	const struct sp_snap_action_facts *f =
		SP_SNAP_POLICY(s, action_facts, sp_snap_action_facts, action);
	uint64_t acc = f->tool == SP_SNAP_NONE ? 0 : sp_print_tool(s, f->tool);

	for (uint32_t i = 0; i < f->rules.n; i++) {
		const uint32_t *no = sp_snap_at(s, f->rules, i, sizeof(*no));
		const uint64_t pair[2] = {acc, rule_print[*no]};

		acc = sp_snap_hash(sp_bytes(pair, sizeof(pair)));
	}
	return acc;
}

/// Prints of rules with their names, by number and sorted.
struct prints {
	uint64_t *v, *sorted;
	uint32_t n;
};

static int by_print(const void *va, const void *vb)
{
	uint64_t a = *(const uint64_t *)va, b = *(const uint64_t *)vb;

	return (a > b) - (a < b);
}

static int prints_init(struct prints *p, const struct sp_snap *s)
{
	uint32_t n = s->h->policy.rules.n;

	*p = (struct prints){calloc(n + 1ul, sizeof(*p->v)), calloc(n + 1ul, sizeof(*p->v)), n};
	if (!p->v || !p->sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct sp_snap_str name = SP_SNAP_POLICY(s, rules, sp_snap_rule, i)->name;
		const uint64_t pair[2] = {sp_snap_hash(sp_snap_str(s, name)), sp_print_rule(s, i)};

		p->v[i] = p->sorted[i] = sp_snap_hash(sp_bytes(pair, sizeof(pair)));
	}
	if (n)
		qsort(p->sorted, n, sizeof(*p->sorted), by_print);
	return 0;
}

static void prints_done(struct prints *p)
{
	free(p->v);
	free(p->sorted);
}

static bool prints_has(const struct prints *p, uint64_t print)
{
	return p->n && bsearch(&print, p->sorted, p->n, sizeof(print), by_print);
}

static void gather_tools(struct work *w)
{
	const struct sp_snap *a = w->d->a, *b = w->d->b;

	for (uint32_t i = 0; i < b->h->actions.n; i++) {
		struct sp_bytes name = action_name(b, i);

		w->tool[w->n++] =
			(struct tool){name, a ? sp_snap_find_action(a, name) : SP_SNAP_NONE, i, !a};
	}
	for (uint32_t i = 0; a && i < a->h->actions.n; i++) {
		struct sp_bytes name = action_name(a, i);

		if (sp_snap_find_action(b, name) == SP_SNAP_NONE)
			w->tool[w->n++] = (struct tool){name, i, SP_SNAP_NONE, true};
	}
	if (w->n)
		qsort(w->tool, w->n, sizeof(*w->tool), by_name);
}

/// Tools spoken of by rules that name agents are touched with the rule: it may be anybody's.
static void touch_named(struct work *w, const struct sp_snap *s, const struct prints *own,
	const struct prints *other)
{
	for (uint32_t i = 0; i < s->h->policy.rules.n; i++) {
		const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);

		if (r->any_agent || prints_has(other, own->v[i]))
			continue;
		for (uint32_t k = 0; k < w->n; k++) {
			uint32_t action = s == w->d->a ? w->tool[k].a : w->tool[k].b;

			w->tool[k].touched |=
				(action != SP_SNAP_NONE && sp_snap_has(s, r->actions, action)) ||
				sp_snap_glob_any(s, r->globs, w->tool[k].name);
		}
	}
}

static void touch_all(struct work *w, const struct prints *pa, const struct prints *pb)
{
	const struct sp_snap *a = w->d->a, *b = w->d->b;

	for (uint32_t i = 0; i < w->n; i++) {
		struct tool *t = &w->tool[i];

		if (!t->touched)
			t->touched = t->a == SP_SNAP_NONE ||
				     tool_print(a, t->a, pa->v) != tool_print(b, t->b, pb->v);
	}
	touch_named(w, a, pa, pb);
	touch_named(w, b, pb, pa);
}

static int touch(struct work *w)
{
	struct prints pa = {0}, pb = {0};
	int err;

	if (!w->d->a)
		return 0;
	err = prints_init(&pa, w->d->a);
	if (!err)
		err = prints_init(&pb, w->d->b);
	if (!err)
		touch_all(w, &pa, &pb);
	prints_done(&pa);
	prints_done(&pb);
	return err;
}

static uint32_t find(const struct sp_snap *s, struct sp_bytes agent)
{
	return s ? sp_snap_find_agent(s, agent) : SP_SNAP_NONE;
}

static enum sp_standing standing(
	const struct sp_snap *s, uint32_t agent, uint32_t action, struct sp_bytes name)
{
	const struct sp_snap_who who = {agent, action, name};

	return agent == SP_SNAP_NONE ? SP_STANDING_DENIED : sp_standing_of(s, &who);
}

static bool listed(const struct sp_snap *s, uint32_t agent, uint32_t action)
{
	return sp_snap_allows(s, sp_snap_agent(s, agent), action);
}

/// One agent, numbers in both; SP_SNAP_NONE where it is not known. Losses before gains.
static void diff_tools(struct work *w, uint32_t x, uint32_t y, struct sp_bytes agent, bool all)
{
	const struct sp_snap *a = w->d->a, *b = w->d->b;

	for (int gains = 0; gains < 2; gains++) {
		for (uint32_t i = 0; i < w->n; i++) {
			const struct tool *t = &w->tool[i];
			struct sp_change c = {.agent = agent, .what = t->name};

			if (!all && !t->touched && listed(a, x, t->a) == listed(b, y, t->b))
				continue;
			c.before = standing(a, x, t->a, t->name);
			c.after = standing(b, y, t->b, t->name);
			if (c.before == c.after)
				continue;
			c.kind = c.after == SP_STANDING_DENIED    ? SP_CHANGE_TOOL_DENIED
				 : c.before == SP_STANDING_DENIED ? SP_CHANGE_TOOL_ALLOWED
								  : SP_CHANGE_TOOL;
			if ((c.kind != SP_CHANGE_TOOL_DENIED) == gains)
				sp_diff_tell(w->d, &c);
		}
	}
}

static void diff_figures(
	struct sp_differ *d, const struct sp_snap_agent *x, const struct sp_snap_agent *y)
{
	const struct {
		struct sp_bytes name;
		uint64_t before, after;
	} limits[] = {
		{SP_LIT("calls per minute"), x->per_minute, y->per_minute},
		{SP_LIT("calls per hour"), x->per_hour, y->per_hour},
		{SP_LIT("tokens per request"), x->per_request_tokens, y->per_request_tokens},
		{SP_LIT("tokens per day"), x->daily_tokens, y->daily_tokens},
	};
	struct sp_bytes name = sp_snap_str(d->b, y->name);

	for (size_t i = 0; i < SP_ARRAY_LEN(limits); i++)
		if (limits[i].before != limits[i].after)
			sp_diff_tell(d, &(struct sp_change){SP_CHANGE_LIMIT, name, limits[i].name,
						limits[i].before, limits[i].after, NULL});
	if (x->audit_level != y->audit_level)
		sp_diff_tell(d, &(struct sp_change){SP_CHANGE_AUDIT_LEVEL, name, SP_NOBYTES,
					x->audit_level, y->audit_level, NULL});
}

static void tell_name(struct sp_differ *d, enum sp_change_kind kind, struct sp_bytes name)
{
	sp_diff_tell(d, &(struct sp_change){.kind = kind, .agent = name});
}

static void diff_gone(struct work *w)
{
	const struct sp_snap *a = w->d->a;

	for (uint32_t i = 0; a && i < a->h->agents.n; i++) {
		struct sp_bytes name = sp_snap_str(a, sp_snap_agent(a, i)->name);

		if (find(w->d->b, name) != SP_SNAP_NONE)
			continue;
		diff_tools(w, i, SP_SNAP_NONE, name, true);
		tell_name(w->d, SP_CHANGE_AGENT_GONE, name);
	}
}

static void diff_present(struct work *w)
{
	const struct sp_snap *a = w->d->a, *b = w->d->b;

	for (uint32_t i = 0; i < b->h->agents.n; i++) {
		struct sp_bytes name = sp_snap_str(b, sp_snap_agent(b, i)->name);
		uint32_t was = find(a, name);
		bool other = was == SP_SNAP_NONE || sp_print_agent(a, was) != sp_print_agent(b, i);

		if (was == SP_SNAP_NONE)
			tell_name(w->d, SP_CHANGE_AGENT_NEW, name);
		else if (other)
			tell_name(w->d, SP_CHANGE_FACTS, name);
		diff_tools(w, was, i, name, other);
		if (was != SP_SNAP_NONE)
			diff_figures(w->d, sp_snap_agent(a, was), sp_snap_agent(b, i));
	}
}

int sp_diff_agents(struct sp_differ *d)
{
	size_t most = d->b->h->actions.n + (size_t)(d->a ? d->a->h->actions.n : 0);
	struct work w = {.d = d, .tool = calloc(most + 1, sizeof(*w.tool))};
	int err;

	if (!w.tool)
		return -ENOMEM;
	gather_tools(&w);
	err = touch(&w);
	if (!err) {
		diff_gone(&w);
		diff_present(&w);
	}
	free(w.tool);
	return err;
}
