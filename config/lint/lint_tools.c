#include "config/lint/lint_run.h"

#include "common/url.h"
#include "common/banned.h"

static bool host_is_open(const char *glob)
{
	const char *host = strstr(glob, "://");

	host = host ? host + 3 : glob;
	return host[0] == '*' && (host[1] == '/' || host[1] == ':');
}

static void endpoints(struct sp_lint_run *l, const struct sp_policy_tool *t)
{
	if (!t->endpoint.on)
		return;
	if (t->endpoint.allow.n == 0)
		sp_lint_add(l, SP_LINT_BROAD_ENDPOINTS, t->at,
			"'%s' may reach every endpoint that is not forbidden", t->name);
	for (uint32_t i = 0; i < t->endpoint.allow.n; i++) {
		const char *g = t->endpoint.allow.v[i];

		if (host_is_open(g) || strcmp(g, "/*") == 0 || strcmp(g, "/**") == 0)
			sp_lint_add(l, SP_LINT_BROAD_ENDPOINTS, t->at, "'%s' may reach '%s': %s",
				t->name, g, g[0] == '/' ? "every path" : "any host");
	}
	if (t->endpoint.private_hosts)
		sp_lint_add(l, SP_LINT_PRIVATE_ENDPOINTS, t->at, "'%s' may reach private addresses",
			t->name);
}

static bool matches_granted(const struct sp_lint_run *l, const struct sp_policy_tool *c)
{
	for (uint32_t i = 0; i < l->tools_n; i++)
		if (l->tool[i].granted && sp_glob_match(sp_bytes_cstr(c->name),
						  sp_bytes_cstr(l->tool[i].name), false))
			return true;
	for (uint32_t i = 0; i < l->p->rules_n; i++) {
		const struct sp_policy_rule *r = &l->p->rule[i];

		if (r->effect == SP_EFFECT_ALLOW && strpbrk(c->name, "*?") &&
			sp_lint_any(&r->tools))
			return true;
	}
	return false;
}

/// More than an entry in the list of high-risk tools, which may well name what nobody is granted.
static bool says_more(const struct sp_policy_tool *t)
{
	return t->sql.on || t->endpoint.on || t->path.roots.n || t->required_scopes.n ||
	       t->has_environments || t->max_calls || t->max_argument_bytes ||
	       t->require_approval || t->require_human_initiated;
}

static void constraint(struct sp_lint_run *l, const struct sp_policy_tool *t)
{
	endpoints(l, t);
	for (uint32_t i = 0; i < t->path.roots.n; i++)
		if (strcmp(t->path.roots.v[i], "/") == 0)
			sp_lint_add(
				l, SP_LINT_BROAD_ROOT, t->at, "'%s' may reach every file", t->name);
	if (t->sql.on && t->sql.dialect == 0)
		sp_lint_add(l, SP_LINT_SQL_NO_DIALECT, t->at, "'%s' has SQL rules but no dialect",
			t->name);
	if (!t->has_allowed_for && says_more(t) && !matches_granted(l, t))
		sp_lint_add(
			l, SP_LINT_UNUSED_CONSTRAINT, t->at, "'%s' is granted to nobody", t->name);
}

static void limit_allowed_for(struct sp_lint_run *l, const struct sp_policy_tool *t)
{
	if (!t->has_allowed_for || t->allowed_for.n == 0)
		return;
	for (uint32_t i = 0; i < l->p->limits_n; i++) {
		const struct sp_policy_limit *m = &l->p->limit[i];

		if (m->kind == SP_LIMIT_CALLS && m->per != SP_PER_SESSION &&
			m->group == UINT32_MAX && sp_lint_any(&m->agents) &&
			sp_lint_covers(&m->roles, &t->allowed_for) &&
			sp_lint_has_tool(&m->tools, t->name))
			return;
	}
	sp_lint_add(l, SP_LINT_NO_RATE_LIMIT, t->at,
		"'%s' is granted to roles without a rate limit", t->name);
}

static void danger(struct sp_lint_run *l, const struct sp_lint_tool *t)
{
	const struct sp_policy_risk *r = &l->p->risk;
	bool scored = r->on && (r->review_at[r->mode] <= 100 || r->block_at[r->mode] <= 100);

	if (!t->granted || t->reviewed || t->closed)
		return;
	if (t->high_risk || (!t->cls_guessed && t->cls >= SP_CLASS_DELETE))
		sp_lint_add_as(l, SP_LINT_HIGH_RISK_OPEN, scored ? SP_LINT_WARNING : SP_LINT_ERROR,
			t->granted_at, "'%s' is %s and is granted without approval%s", t->name,
			t->high_risk ? "a high-risk tool" : "of a dangerous class",
			scored ? "; only its score stands between" : "");
	else if (t->cls_guessed && t->cls >= SP_CLASS_DELETE)
		sp_lint_add(l, SP_LINT_DANGEROUS_OPEN, t->granted_at,
			"'%s' looks like a tool of class %s and is granted without approval",
			t->name, sp_action_class_name(t->cls));
}

static void taint(struct sp_lint_run *l)
{
	const struct sp_policy_tool *taints = NULL, *egress = NULL;
	const struct sp_policy_sequence *waits = NULL;

	for (uint32_t i = 0; i < l->p->tools_n; i++) {
		taints = l->p->tool[i].taints && !taints ? &l->p->tool[i] : taints;
		egress = l->p->tool[i].egress && !egress ? &l->p->tool[i] : egress;
	}
	for (uint32_t i = 0; i < l->p->sequences_n && !waits; i++)
		if (l->p->sequence[i].kind == SP_SEQ_FORBID_AFTER_TAINT)
			waits = &l->p->sequence[i];
	if (taints && egress && !waits)
		sp_lint_add(l, SP_LINT_TAINT_OPEN, taints->at,
			"results of '%s' taint a session, and '%s' may still send data out after "
			"them",
			taints->name, egress->name);
	if (waits && !taints)
		sp_lint_add(l, SP_LINT_TAINT_NEVER, waits->at,
			"sequence '%s' waits for taint that no tool sets", waits->name);
}

void sp_lint_check_tools(struct sp_lint_run *l)
{
	for (uint32_t i = 0; i < l->p->tools_n && !l->err; i++) {
		constraint(l, &l->p->tool[i]);
		limit_allowed_for(l, &l->p->tool[i]);
	}
	for (uint32_t i = 0; i < l->tools_n && !l->err; i++)
		danger(l, &l->tool[i]);
	taint(l);
}
