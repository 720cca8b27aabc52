#include "config/lint/lint_run.h"

#include "common/url.h"
#include "common/banned.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct sp_lint_tool *)a)->name, ((const struct sp_lint_tool *)b)->name);
}

struct sp_lint_tool *sp_lint_tool_find(const struct sp_lint_run *l, const char *name)
{
	struct sp_lint_tool key = {.name = name};

	return l->tools_n ? bsearch(&key, l->tool, l->tools_n, sizeof(key), by_name) : NULL;
}

struct sp_at sp_lint_whole(const struct sp_policy *p)
{
	const char *file = p->rules_n    ? p->rule[0].at.file
			   : p->agents_n ? p->agent[0].at.file
			   : p->tools_n  ? p->tool[0].at.file
			   : p->limits_n ? p->limit[0].at.file
					 : p->risk.at.file;

	return (struct sp_at){file, 0, 0};
}

static bool exact(const char *s)
{
	return !strpbrk(s, "*?");
}

static void name_tool(struct sp_lint_run *l, const char *name)
{
	if (exact(name))
		l->tool[l->tools_n++].name = name;
}

/// Every exact name of a tool, once.
static int name_tools(struct sp_lint_run *l)
{
	const struct sp_policy *p = l->p;
	size_t most = (size_t)p->actions_n + p->tools_n;
	uint32_t unique = 0;

	for (uint32_t i = 0; i < p->rules_n; i++)
		most += p->rule[i].tools.n;
	l->tool = sp_arena_alloc(&l->out->arena, most * sizeof(*l->tool) + 1);
	if (!l->tool)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->actions_n; i++)
		name_tool(l, p->action[i]);
	for (uint32_t i = 0; i < p->tools_n; i++)
		name_tool(l, p->tool[i].name);
	for (uint32_t i = 0; i < p->rules_n; i++)
		for (uint32_t k = 0; k < p->rule[i].tools.n; k++)
			name_tool(l, p->rule[i].tools.v[k]);
	if (l->tools_n)
		qsort(l->tool, l->tools_n, sizeof(*l->tool), by_name);
	for (uint32_t i = 0; i < l->tools_n; i++)
		if (unique == 0 || strcmp(l->tool[unique - 1].name, l->tool[i].name) != 0)
			l->tool[unique++] = l->tool[i];
	l->tools_n = unique;
	return 0;
}

static void grant(struct sp_lint_run *l, struct sp_lint_tool *t, struct sp_at at)
{
	l->grants = true;
	if (t->granted)
		return;
	t->granted = true;
	t->granted_at = at;
}

static void constrain(struct sp_lint_run *l, const struct sp_policy_tool *c)
{
	for (uint32_t i = 0; i < l->tools_n; i++) {
		struct sp_lint_tool *t = &l->tool[i];

		if (!sp_glob_match(sp_bytes_cstr(c->name), sp_bytes_cstr(t->name), false))
			continue;
		t->reviewed = t->reviewed || c->require_approval || c->require_human_initiated;
		t->high_risk = t->high_risk || c->high_risk;
		// for no role, but a person may begin it (config/judge/authorize.c): grants say through whom
		t->closed = t->closed || (c->has_allowed_for && c->allowed_for.n == 0 &&
						 !c->require_human_initiated);
		if (c->cls != SP_CLASS_AUTO)
			t->cls = c->cls;
		if (c->has_allowed_for && c->allowed_for.n > 0)
			grant(l, t, c->at);
	}
}

static void apply_to(struct sp_lint_run *l, const struct sp_policy_rule *r, struct sp_lint_tool *t)
{
	if (!t)
		return;
	if (r->effect == SP_EFFECT_ALLOW)
		grant(l, t, r->at);
	else
		t->reviewed = true;
}

static void apply_rule(struct sp_lint_run *l, const struct sp_policy_rule *r)
{
	bool patterns = false;
	bool for_all = sp_lint_unconditional(r) && sp_lint_any(&r->agents) &&
		       sp_lint_any(&r->roles) && sp_lint_any(&r->environments);

	if (r->effect == SP_EFFECT_DENY || (r->effect == SP_EFFECT_REVIEW && !for_all))
		return;
	l->grants = l->grants || r->effect == SP_EFFECT_ALLOW;
	for (uint32_t i = 0; i < r->tools.n; i++)
		if (exact(r->tools.v[i]))
			apply_to(l, r, sp_lint_tool_find(l, r->tools.v[i]));
		else
			patterns = true;
	for (uint32_t i = 0; (patterns || r->tools.n == 0) && i < l->tools_n; i++)
		if (sp_lint_has_tool(&r->tools, l->tool[i].name))
			apply_to(l, r, &l->tool[i]);
}

int sp_lint_gather(struct sp_lint_run *l)
{
	const struct sp_policy *p = l->p;

	SP_TRY(name_tools(l));
	for (uint32_t i = 0; i < p->agents_n; i++) {
		for (uint32_t k = 0; k < p->agent[i].actions_n; k++) {
			const char *name = p->action[p->agent[i].actions[k]];
			struct sp_lint_tool *t = sp_lint_tool_find(l, name);

			l->grants = true;
			if (t)
				grant(l, t, p->agent[i].at);
		}
	}
	for (uint32_t i = 0; i < p->tools_n; i++)
		constrain(l, &p->tool[i]);
	for (uint32_t i = 0; i < p->rules_n; i++)
		apply_rule(l, &p->rule[i]);
	for (uint32_t i = 0; i < l->tools_n; i++) {
		l->tool[i].cls_guessed = l->tool[i].cls == SP_CLASS_AUTO;
		if (l->tool[i].cls_guessed)
			l->tool[i].cls = sp_action_class_guess(sp_bytes_cstr(l->tool[i].name));
	}
	return 0;
}
