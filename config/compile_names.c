#include "config/compile_inner.h"

#include "common/banned.h"

static int add_all(struct sp_names *names, const struct sp_policy_strs *strs)
{
	uint32_t no;

	for (uint32_t i = 0; i < strs->n; i++)
		SP_TRY(sp_names_add(names, strs->v[i], &no));
	return 0;
}

static int add_tool(struct sp_names *names, const char *tool)
{
	uint32_t no;

	return sp_is_glob(tool) ? 0 : sp_names_add(names, tool, &no);
}

static int add_tools(struct sp_names *names, const struct sp_policy_strs *tools)
{
	for (uint32_t i = 0; i < tools->n; i++)
		SP_TRY(add_tool(names, tools->v[i]));
	return 0;
}

static int of_agents(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;
	const struct sp_policy *p = k->p;
	uint32_t no;

	for (uint32_t i = 0; i < p->actions_n; i++)
		SP_TRY(sp_names_add(&c->actions_names, p->action[i], &no));
	for (uint32_t i = 0; i < p->roles_n; i++)
		SP_TRY(sp_names_add(&c->roles, p->role[i], &no));
	for (uint32_t i = 0; i < p->agents_n; i++) {
		const struct sp_policy_agent *a = &p->agent[i];

		SP_TRY(sp_names_add(&c->agents_names, a->name, &no));
		SP_TRY(add_all(&c->roles, &a->roles));
		if (a->environment)
			SP_TRY(sp_names_add(&c->environments, a->environment, &no));
	}
	return 0;
}

static int of_rules(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;

	for (uint32_t i = 0; i < k->p->rules_n; i++) {
		const struct sp_policy_rule *r = &k->p->rule[i];

		SP_TRY(add_all(&c->agents_names, &c->rule[i].named));
		SP_TRY(add_all(&c->roles, &r->roles));
		SP_TRY(add_all(&c->environments, &r->environments));
		SP_TRY(add_tools(&c->actions_names, &r->tools));
	}
	return 0;
}

static int of_lists(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;
	const struct sp_policy *p = k->p;

	for (uint32_t i = 0; i < p->limits_n; i++) {
		SP_TRY(add_all(&c->agents_names, &p->limit[i].agents));
		SP_TRY(add_all(&c->roles, &p->limit[i].roles));
		SP_TRY(add_tools(&c->actions_names, &p->limit[i].tools));
	}
	for (uint32_t i = 0; i < p->purposes_n; i++) {
		const struct sp_policy_purpose *u = &p->purpose[i];
		uint32_t no;

		SP_TRY(sp_names_add(&c->purposes_names, u->name, &no));
		SP_TRY(add_all(&c->agents_names, &u->agents));
		SP_TRY(add_all(&c->roles, &u->roles));
		SP_TRY(add_tools(&c->actions_names, &u->tools));
		if (no != i)
			sp_check_add(k->check, u->at, "give it another name",
				"purpose '%s' is declared twice", u->name);
	}
	for (uint32_t i = 0; i < p->sequences_n; i++) {
		const struct sp_policy_sequence *s = &p->sequence[i];

		SP_TRY(add_all(&c->agents_names, &s->agents));
		SP_TRY(add_all(&c->roles, &s->roles));
		SP_TRY(add_tools(&c->actions_names, &s->first));
		SP_TRY(add_tools(&c->actions_names, &s->between));
		SP_TRY(add_tools(&c->actions_names, &s->then));
	}
	for (uint32_t i = 0; i < p->tools_n; i++) {
		const struct sp_policy_tool *t = &p->tool[i];

		SP_TRY(add_tool(&c->actions_names, t->name));
		SP_TRY(add_all(&c->roles, &t->allowed_for));
		SP_TRY(add_all(&c->environments, &t->allowed_environments));
	}
	return 0;
}

static void check_counts(struct sp_compiling *k)
{
	const struct sp_compiled *c = k->c;
	const struct sp_at at = {k->p->rules_n ? k->p->rule[0].at.file : "policy", 0, 0};

	if (c->roles.n > SP_POLICY_ROLES_MAX)
		sp_check_add(k->check, at, "give agents attributes instead",
			"%u roles are named, at most %u can be", c->roles.n, SP_POLICY_ROLES_MAX);
	if (c->environments.n > 64)
		sp_check_add(k->check, at, NULL, "%u environments are named, at most 64 can be",
			c->environments.n);
	if (c->agents_names.n > SP_POLICY_AGENTS_MAX || c->actions_names.n > SP_POLICY_ACTIONS_MAX)
		sp_check_add(k->check, at, NULL,
			"%u agents and %u tools are named, at most %u and %u can be",
			c->agents_names.n, c->actions_names.n, SP_POLICY_AGENTS_MAX,
			SP_POLICY_ACTIONS_MAX);
}

/// Numbers of the policy's own actions after sorting.
static uint32_t *renumber(struct sp_compiling *k)
{
	uint32_t *v = sp_compile_room(k, k->p->actions_n, sizeof(*v));

	for (uint32_t i = 0; v && i < k->p->actions_n; i++)
		v[i] = sp_names_find(&k->c->actions_names, k->p->action[i]);
	return v;
}

static int allow_list(struct sp_compiling *k, const uint32_t *number,
	const struct sp_policy_agent *a, struct sp_list *ret)
{
	uint32_t *v = sp_compile_room(k, a->actions_n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->actions_n; i++)
		v[i] = number[a->actions[i]];
	*ret = (struct sp_list){v, sp_compile_sort(v, a->actions_n)};
	return 0;
}

static uint64_t one_bit(const struct sp_names *names, const char *name)
{
	const struct sp_policy_strs one = {&name, 1};

	return sp_compile_bits(names, &one);
}

static int fill_agents(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;
	uint32_t *number = renumber(k);

	c->agent = sp_compile_room(k, c->agents_names.n, sizeof(*c->agent));
	c->action = sp_compile_room(k, c->actions_names.n, sizeof(*c->action));
	if (!number || !c->agent || !c->action)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->agents_names.n; i++)
		c->agent[i].name = c->agents_names.v[i];
	for (uint32_t i = 0; i < k->p->agents_n; i++) {
		const struct sp_policy_agent *a = &k->p->agent[i];
		struct sp_c_agent *out = &c->agent[sp_names_find(&c->agents_names, a->name)];

		out->of = a;
		out->roles = sp_compile_bits(&c->roles, &a->roles);
		if (a->environment)
			out->environment = one_bit(&c->environments, a->environment);
		SP_TRY(allow_list(k, number, a, &out->actions));
	}
	return 0;
}

int sp_compile_names(struct sp_compiling *k)
{
	struct sp_compiled *c = k->c;

	SP_TRY(of_agents(k));
	SP_TRY(of_rules(k));
	SP_TRY(of_lists(k));
	check_counts(k);
	SP_TRY(sp_names_sort(&c->agents_names));
	SP_TRY(sp_names_sort(&c->actions_names));
	SP_TRY(sp_names_sort(&c->roles));
	SP_TRY(sp_names_sort(&c->environments));
	return fill_agents(k);
}
