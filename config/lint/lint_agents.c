#include "config/lint/lint_run.h"

#include "common/url.h"
#include "common/banned.h"

static bool shares(const struct sp_policy_strs *a, const struct sp_policy_strs *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (sp_lint_has(b, a->v[i]))
			return true;
	return false;
}

static bool is_for(const struct sp_policy_strs *agents, const struct sp_policy_strs *roles,
	const struct sp_policy_agent *a)
{
	return (sp_lint_any(agents) || sp_lint_has(agents, a->name)) &&
	       (sp_lint_any(roles) || shares(roles, &a->roles));
}

static bool limited(
	const struct sp_policy *p, const struct sp_policy_agent *a, enum sp_limit_kind kind)
{
	for (uint32_t i = 0; i < p->limits_n; i++) {
		const struct sp_policy_limit *m = &p->limit[i];

		if (m->kind == kind && m->per != SP_PER_SESSION && m->group == UINT32_MAX &&
			sp_lint_any(&m->tools) && is_for(&m->agents, &m->roles, a))
			return true;
	}
	return false;
}

static void limits(struct sp_lint_run *l, const struct sp_policy_agent *a)
{
	if (!a->per_minute && !a->per_hour && !limited(l->p, a, SP_LIMIT_CALLS))
		sp_lint_add(
			l, SP_LINT_NO_RATE_LIMIT, a->at, "agent '%s' has no rate limit", a->name);
	if (!a->per_request_tokens && !a->daily_tokens && !limited(l->p, a, SP_LIMIT_TOKENS))
		sp_lint_add(l, SP_LINT_NO_TOKEN_BUDGET, a->at, "agent '%s' has no token budget",
			a->name);
	if (a->per_minute && a->per_hour && (uint64_t)a->per_minute * 60 <= a->per_hour)
		sp_lint_add(l, SP_LINT_LIMIT_NEVER_REACHED, a->at,
			"agent '%s': %u calls a minute are at most %llu an hour, so %u an hour are "
			"never reached",
			a->name, a->per_minute, (unsigned long long)a->per_minute * 60,
			a->per_hour);
	if (a->per_request_tokens && a->daily_tokens && a->daily_tokens < a->per_request_tokens)
		sp_lint_add(l, SP_LINT_LIMIT_CONTRADICTION, a->at,
			"agent '%s' may use %llu tokens a request, but only %llu a day", a->name,
			(unsigned long long)a->per_request_tokens,
			(unsigned long long)a->daily_tokens);
}

static const struct sp_policy_rule *also_granted(
	const struct sp_policy *p, const struct sp_policy_agent *a, const char *tool)
{
	for (uint32_t i = 0; i < p->rules_n; i++) {
		const struct sp_policy_rule *r = &p->rule[i];

		if (r->effect == SP_EFFECT_ALLOW && sp_lint_unconditional(r) &&
			sp_lint_any(&r->environments) && is_for(&r->agents, &r->roles, a) &&
			sp_lint_has_tool(&r->tools, tool))
			return r;
	}
	return NULL;
}

static void grants(struct sp_lint_run *l, const struct sp_policy_agent *a)
{
	for (uint32_t i = 0; i < a->actions_n; i++) {
		const char *name = l->p->action[a->actions[i]];
		const struct sp_lint_tool *t = sp_lint_tool_find(l, name);
		const struct sp_policy_rule *r = also_granted(l->p, a, name);

		if (t && t->closed)
			sp_lint_add(l, SP_LINT_UNREACHABLE_GRANT, a->at,
				"agent '%s' is granted '%s', whose allowed_for is empty: nobody "
				"may call it",
				a->name, name);
		if (r)
			sp_lint_add(l, SP_LINT_DUPLICATE_GRANT, a->at,
				"agent '%s' is granted '%s' by its allow-list and by rule '%s' at "
				"%s:%u",
				a->name, name, r->name, r->at.file, r->at.line);
	}
}

void sp_lint_check_agents(struct sp_lint_run *l)
{
	for (uint32_t i = 0; i < l->p->agents_n && !l->err; i++) {
		const struct sp_policy_agent *a = &l->p->agent[i];

		if (a->implied)
			continue;
		if (!a->has_audit_level)
			sp_lint_add(l, SP_LINT_NO_AUDIT_LEVEL, a->at,
				"agent '%s' has no audit level", a->name);
		limits(l, a);
		grants(l, a);
	}
}
