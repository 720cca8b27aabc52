#include "config/lint/lint_run.h"

#include "config/policy_pinned.h"
#include "common/banned.h"

/// "file.yaml:12" of another rule, for messages.
#define PLACE "%s:%u"
#define PLACE_OF(r) (r)->at.file, (r)->at.line

static const struct sp_policy_agent *find_agent(const struct sp_policy *p, const char *name)
{
	uint32_t lo = 0, hi = p->agents_n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(p->agent[mid].name, name);

		if (c == 0)
			return &p->agent[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool lists_any(const struct sp_policy *p, const struct sp_policy_agent *a,
	const struct sp_policy_strs *tools)
{
	for (uint32_t i = 0; i < a->actions_n; i++)
		if (sp_lint_has_tool(tools, p->action[a->actions[i]]))
			return true;
	return false;
}

/// Every agent it names is bounded by an allow-list that has none of its tools.
static bool outside_allow_lists(const struct sp_policy *p, const struct sp_policy_rule *r)
{
	if (r->effect != SP_EFFECT_ALLOW || sp_lint_any(&r->agents))
		return false;
	for (uint32_t i = 0; i < r->agents.n; i++) {
		const struct sp_policy_agent *a = find_agent(p, r->agents.v[i]);

		if (!a || !a->has_allow_list || lists_any(p, a, &r->tools))
			return false;
	}
	return true;
}

/// Every tool it names is closed to everybody by the tool's own constraints.
static bool all_closed(const struct sp_lint_run *l, const struct sp_policy_rule *r)
{
	if (r->effect == SP_EFFECT_DENY || r->tools.n == 0)
		return false;
	for (uint32_t i = 0; i < r->tools.n; i++) {
		const struct sp_lint_tool *t = sp_lint_tool_find(l, r->tools.v[i]);

		if (!t || !t->closed)
			return false;
	}
	return true;
}

static const struct sp_policy_condition *never_true(const struct sp_policy_rule *r)
{
	for (uint32_t i = 0; i < r->when.n; i++) {
		const char *s = r->when.v[i].text;

		s += strspn(s, " \t\n(");
		if (strncmp(s, "false", 5) == 0 && s[5 + strspn(s + 5, " \t\n)")] == 0)
			return &r->when.v[i];
	}
	return NULL;
}

/// Two conditions that name different callers, in the form `agent.identity == 'x'`.
static bool names_two_callers(struct sp_lint_run *l, const struct sp_policy_rule *r)
{
	const char *first = NULL, *name;

	for (uint32_t i = 0; i < r->when.n; i++) {
		if (!sp_policy_pinned(sp_bytes_cstr(r->when.v[i].text), &l->out->arena, &name, 1))
			continue;
		if (first && strcmp(first, name) != 0)
			return true;
		first = name;
	}
	return first && !sp_lint_any(&r->agents) && !sp_lint_has(&r->agents, first);
}

/// True when a finding was added.
static bool unreachable(struct sp_lint_run *l, const struct sp_policy_rule *r)
{
	const struct sp_policy_condition *c = never_true(r);

	if (c) {
		sp_lint_add(l, SP_LINT_UNREACHABLE_RULE, c->at,
			"rule '%s': its condition never holds", r->name);
		return true;
	}
	if (names_two_callers(l, r)) {
		sp_lint_add(l, SP_LINT_UNREACHABLE_RULE, r->at,
			"rule '%s' asks for two different agents at once", r->name);
		return true;
	}
	if (outside_allow_lists(l->p, r)) {
		sp_lint_add(l, SP_LINT_UNREACHABLE_RULE, r->at,
			"rule '%s' allows tools that are in no allow-list of the agents it names",
			r->name);
		return true;
	}
	if (all_closed(l, r)) {
		sp_lint_add(l, SP_LINT_UNREACHABLE_RULE, r->at,
			"rule '%s' is about tools whose allowed_for is empty: nobody may call them",
			r->name);
		return true;
	}
	return false;
}

/// Another rule that leaves nothing for this one.
static void compare(struct sp_lint_run *l, uint32_t i)
{
	const struct sp_policy *p = l->p;
	const struct sp_policy_rule *r = &p->rule[i], *wider = NULL;

	for (uint32_t n = 0; n < l->sure_n; n++) {
		const uint32_t k = l->sure[n];
		const struct sp_policy_rule *o = &p->rule[k];

		if (k == i || !sp_lint_rule_covers(o, r))
			continue;
		if (o->effect == SP_EFFECT_DENY && r->effect != SP_EFFECT_DENY) {
			sp_lint_add(l, SP_LINT_UNREACHABLE_RULE, r->at,
				"rule '%s' never takes effect: '%s' at " PLACE " denies all of it",
				r->name, o->name, PLACE_OF(o));
			return;
		}
		if (o->effect != r->effect || wider)
			continue;
		if (sp_lint_rule_covers(r, o) && k > i)
			continue; // the later of two equal ones is reported
		wider = o;
	}
	if (wider && sp_lint_rule_covers(r, wider))
		sp_lint_add(l, SP_LINT_DUPLICATE_RULE, r->at,
			"rule '%s' says what '%s' at " PLACE " says", r->name, wider->name,
			PLACE_OF(wider));
	else if (wider)
		sp_lint_add(l, SP_LINT_SHADOWED_RULE, r->at,
			"rule '%s' adds nothing to '%s' at " PLACE ", which covers it", r->name,
			wider->name, PLACE_OF(wider));
}

static void broad(struct sp_lint_run *l, const struct sp_policy_rule *r)
{
	bool any_agent = sp_lint_any(&r->agents) && sp_lint_any(&r->roles);
	bool bounded = !sp_lint_unconditional(r);

	if (r->effect != SP_EFFECT_ALLOW)
		return;
	if (sp_lint_any(&r->tools))
		sp_lint_add_as(l, SP_LINT_BROAD_TOOLS,
			any_agent && !bounded ? SP_LINT_ERROR : SP_LINT_WARNING, r->at,
			"rule '%s' allows every tool%s", r->name,
			any_agent && !bounded ? " to every agent" : "");
	else if (any_agent && !bounded)
		sp_lint_add(l, SP_LINT_BROAD_AGENTS, r->at,
			"rule '%s' allows '%s'%s to every agent", r->name, r->tools.v[0],
			r->tools.n > 1 ? " and more" : "");
}

/// A limit of calls in time that counts every call this rule allows.
static bool rule_limited(const struct sp_policy *p, const struct sp_policy_rule *r)
{
	for (uint32_t i = 0; i < p->limits_n; i++) {
		const struct sp_policy_limit *m = &p->limit[i];

		if (m->kind == SP_LIMIT_CALLS && m->per != SP_PER_SESSION &&
			(m->group == UINT32_MAX || m->group == r->group) &&
			sp_lint_covers(&m->agents, &r->agents) &&
			sp_lint_covers(&m->roles, &r->roles) &&
			sp_lint_covers_tools(&m->tools, &r->tools))
			return true;
	}
	if (sp_lint_any(&r->agents))
		return false;
	for (uint32_t i = 0; i < r->agents.n; i++) {
		const struct sp_policy_agent *a = find_agent(p, r->agents.v[i]);

		if (!a || (!a->per_minute && !a->per_hour))
			return false;
	}
	return true;
}

static int find_sure(struct sp_lint_run *l)
{
	l->sure = sp_arena_alloc(&l->out->arena, (l->p->rules_n + 1ul) * sizeof(*l->sure));
	if (!l->sure)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->p->rules_n; i++)
		if (sp_lint_unconditional(&l->p->rule[i]))
			l->sure[l->sure_n++] = i;
	return 0;
}

void sp_lint_check_rules(struct sp_lint_run *l)
{
	const struct sp_policy *p = l->p;

	if (!l->err)
		l->err = find_sure(l);
	for (uint32_t i = 0; i < p->rules_n && !l->err; i++) {
		const struct sp_policy_rule *r = &p->rule[i];

		if (!unreachable(l, r))
			compare(l, i);
		broad(l, r);
		if (r->effect == SP_EFFECT_ALLOW && !rule_limited(p, r))
			sp_lint_add(l, SP_LINT_NO_RATE_LIMIT, r->at,
				"calls that rule '%s' allows have no rate limit", r->name);
		if (r->effect == SP_EFFECT_DENY && (!r->reason || !r->reason[0]))
			sp_lint_add(l, SP_LINT_DENY_NO_REASON, r->at,
				"rule '%s' refuses without a reason", r->name);
	}
	for (uint32_t i = 0; i < p->groups_n && !l->err; i++)
		if (!p->group[i].has_audit_level)
			sp_lint_add(l, SP_LINT_NO_AUDIT_LEVEL, p->group[i].at,
				"'%s' sets no audit level", p->group[i].name);
}
