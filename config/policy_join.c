#include "config/policy.h"

#include "common/url.h"

#include <stdio.h>
#include "common/banned.h"

/// Two documents about one thing: what `b` says is added to `a`.
struct joining {
	struct sp_arena *arena;
	struct sp_check *check;
	const char *what, *name; ///< "tool", "agent"
	struct sp_at a, b;
};

static void differ(const struct joining *j, const char *key)
{
	sp_check_add(j->check, j->b, "both are in force: make them agree",
		"%s '%s': %s contradicts what %s:%u says", j->what, j->name, key, j->a.file,
		j->a.line);
}

static bool has(const struct sp_policy_strs *v, const char *s)
{
	for (uint32_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

static int unite(const struct joining *j, struct sp_policy_strs *a, const struct sp_policy_strs *b)
{
	const char **v;
	uint32_t n = a->n;

	if (b->n == 0)
		return 0;
	v = sp_arena_alloc(j->arena, (a->n + b->n) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (a->n)
		memcpy(v, a->v, a->n * sizeof(*v));
	for (uint32_t i = 0; i < b->n; i++)
		if (!has(a, b->v[i]))
			v[n++] = b->v[i];
	*a = (struct sp_policy_strs){v, n};
	return 0;
}

/// Whether everything that `narrow` matches is matched by `wide`: only what is certain counts.
static bool within(const char *narrow, const char *wide)
{
	size_t n = strlen(wide);
	const char *star = strchr(wide, '*');

	if (strcmp(narrow, wide) == 0)
		return true;
	return star && star == wide + n - 1 && strncmp(narrow, wide, n - 1) == 0;
}

static unsigned dots(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '.';
	return n;
}

/// The '*' of a table's name stands for no dot, but by itself.
static bool table_within(const char *narrow, const char *wide)
{
	return within(narrow, wide) && (dots(narrow) == dots(wide) || strcmp(wide, "*") == 0);
}

static bool root_within(const char *narrow, const char *wide)
{
	return sp_path_below(sp_bytes_cstr(narrow), sp_bytes_cstr(wide));
}

typedef bool within_fn(const char *narrow, const char *wide);

static bool within_any(const char *narrow, const struct sp_policy_strs *wide, within_fn *inside)
{
	for (uint32_t i = 0; i < wide->n; i++)
		if (inside(narrow, wide->v[i]))
			return true;
	return false;
}

/// What both lists allow. Two lists that share nothing would let nothing pass: somebody erred.
static int intersect_by(const struct joining *j, const char *key, struct sp_policy_strs *a,
	const struct sp_policy_strs *b, within_fn *inside)
{
	const char **v = sp_arena_alloc(j->arena, (a->n + b->n + 1) * sizeof(*v));
	uint32_t n = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->n; i++)
		if (within_any(a->v[i], b, inside))
			v[n++] = a->v[i];
	for (uint32_t i = 0; i < b->n; i++)
		if (within_any(b->v[i], a, inside) && !has(&(struct sp_policy_strs){v, n}, b->v[i]))
			v[n++] = b->v[i];
	if (n == 0 && a->n && b->n)
		differ(j, key);
	*a = (struct sp_policy_strs){v, n};
	return 0;
}

static int intersect(const struct joining *j, const char *key, struct sp_policy_strs *a,
	const struct sp_policy_strs *b)
{
	return intersect_by(j, key, a, b, within);
}

/// Lists in which no entry means no restriction.
static int intersect_open(const struct joining *j, const char *key, struct sp_policy_strs *a,
	const struct sp_policy_strs *b, within_fn *inside)
{
	if (b->n == 0)
		return 0;
	if (a->n)
		return intersect_by(j, key, a, b, inside);
	*a = *b;
	return 0;
}

/// Lists in which no entry means nobody.
static int intersect_closed(const struct joining *j, const char *key, bool *has_a,
	struct sp_policy_strs *a, bool has_b, const struct sp_policy_strs *b)
{
	if (!has_b)
		return 0;
	if (*has_a)
		return intersect(j, key, a, b);
	*has_a = true;
	*a = *b;
	return 0;
}

/// A number of which 0 means none given.
static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a == 0 ? b : b == 0 ? a : sp_min(a, b);
}

static uint32_t fact(
	const struct joining *j, const char *key, uint32_t a, uint32_t b, uint32_t unsaid)
{
	if (a != unsaid && b != unsaid && a != b)
		differ(j, key);
	return a == unsaid ? b : a;
}

static int join_sql(
	const struct joining *j, struct sp_policy_tool *a, const struct sp_policy_tool *b)
{
	if (!b->sql.on)
		return 0;
	a->sql.returning = a->sql.on ? a->sql.returning && b->sql.returning : b->sql.returning;
	a->sql.on = true;
	a->sql.dialect = fact(j, "dialect", a->sql.dialect, b->sql.dialect, 0);
	if (a->sql.allow && b->sql.allow && !(a->sql.allow & b->sql.allow))
		differ(j, "the SQL styles allowed");
	a->sql.allow = a->sql.allow && b->sql.allow ? a->sql.allow & b->sql.allow
						    : a->sql.allow | b->sql.allow;
	a->sql.forbid |= b->sql.forbid;
	SP_TRY(unite(j, &a->sql.parameters, &b->sql.parameters));
	SP_TRY(intersect_open(j, "the tables allowed", &a->sql.allow_tables, &b->sql.allow_tables,
		table_within));
	SP_TRY(unite(j, &a->sql.deny_tables, &b->sql.deny_tables));
	/* A document without a list says nothing of functions. */
	if (a->sql.allow_functions.n && b->sql.allow_functions.n)
		return intersect(j, "the functions allowed", &a->sql.allow_functions,
			&b->sql.allow_functions);
	return unite(j, &a->sql.allow_functions, &b->sql.allow_functions);
}

static int join_endpoint(
	const struct joining *j, struct sp_policy_tool *a, const struct sp_policy_tool *b)
{
	if (!b->endpoint.on)
		return 0;
	a->endpoint.private_hosts = a->endpoint.on
					    ? a->endpoint.private_hosts && b->endpoint.private_hosts
					    : b->endpoint.private_hosts;
	a->endpoint.on = true;
	SP_TRY(unite(j, &a->endpoint.parameters, &b->endpoint.parameters));
	SP_TRY(intersect_open(
		j, "the endpoints allowed", &a->endpoint.allow, &b->endpoint.allow, within));
	return unite(j, &a->endpoint.forbid, &b->endpoint.forbid);
}

static int join_facts(
	const struct joining *j, struct sp_policy_tool *a, const struct sp_policy_tool *b)
{
	a->cls = fact(j, "class", a->cls, b->cls, SP_CLASS_AUTO);
	a->sensitivity = sp_max(a->sensitivity, b->sensitivity);
	if (a->cost_micros && b->cost_micros && a->cost_micros != b->cost_micros)
		differ(j, "cost");
	a->cost_micros = a->cost_micros ? a->cost_micros : b->cost_micros;
	if (a->base_risk >= 0 && b->base_risk >= 0 && a->base_risk != b->base_risk)
		differ(j, "risk");
	a->base_risk = a->base_risk >= 0 ? a->base_risk : b->base_risk;
	a->egress |= b->egress;
	a->taints |= b->taints;
	a->high_risk |= b->high_risk;
	return 0;
}

static int join_tool(struct sp_arena *arena, struct sp_check *check, struct sp_policy_tool *a,
	const struct sp_policy_tool *b)
{
	const struct joining j = {arena, check, "tool", a->name, a->at, b->at};

	SP_TRY(intersect_closed(&j, "the roles allowed", &a->has_allowed_for, &a->allowed_for,
		b->has_allowed_for, &b->allowed_for));
	SP_TRY(intersect_closed(&j, "the environments allowed", &a->has_environments,
		&a->allowed_environments, b->has_environments, &b->allowed_environments));
	SP_TRY(unite(&j, &a->required_scopes, &b->required_scopes));
	a->max_calls = lesser(a->max_calls, b->max_calls);
	a->max_argument_bytes = lesser(a->max_argument_bytes, b->max_argument_bytes);
	a->require_approval |= b->require_approval;
	a->require_human_initiated |= b->require_human_initiated;
	SP_TRY(join_facts(&j, a, b));
	SP_TRY(join_sql(&j, a, b));
	SP_TRY(join_endpoint(&j, a, b));
	SP_TRY(unite(&j, &a->path.parameters, &b->path.parameters));
	if (a->path.roots.n && b->path.roots.n)
		return intersect_by(&j, "the roots", &a->path.roots, &b->path.roots, root_within);
	return unite(&j, &a->path.roots, &b->path.roots);
}

int sp_policy_tool_narrow(struct sp_arena *arena, struct sp_check *check, struct sp_policy_tool *a,
	const struct sp_policy_tool *b)
{
	struct sp_policy_tool more = *b;

	if (a->cls != SP_CLASS_AUTO)
		more.cls = SP_CLASS_AUTO;
	if (a->cost_micros)
		more.cost_micros = 0;
	if (a->base_risk >= 0)
		more.base_risk = -1;
	if (a->sql.dialect)
		more.sql.dialect = 0;
	return join_tool(arena, check, a, &more);
}

static int by_name_then_place(const void *a, const void *b)
{
	const struct sp_policy_tool *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : sp_at_compare(&x->at, &y->at);
}

/// What is left of the styles when all documents are in force.
static void check_styles(struct sp_check *check, const struct sp_policy_tool *t)
{
	if (t->sql.on && t->sql.allow && !(t->sql.allow & ~t->sql.forbid))
		sp_check_add(check, t->at, "allow a style that is not forbidden",
			"tool '%s': every SQL style that is allowed is forbidden too", t->name);
}

int sp_policy_join_tools(struct sp_policy *p, struct sp_check *check)
{
	uint32_t n = 0;

	if (p->tools_n)
		qsort(p->tool, p->tools_n, sizeof(*p->tool), by_name_then_place);
	for (uint32_t i = 0; i < p->tools_n; i++) {
		if (n && strcmp(p->tool[n - 1].name, p->tool[i].name) == 0)
			SP_TRY(join_tool(&p->arena, check, &p->tool[n - 1], &p->tool[i]));
		else
			p->tool[n++] = p->tool[i];
	}
	p->tools_n = n;
	for (uint32_t i = 0; i < n; i++)
		check_styles(check, &p->tool[i]);
	return 0;
}

static int join_attributes(
	const struct joining *j, struct sp_policy_agent *a, const struct sp_policy_agent *b)
{
	struct sp_policy_pair *v;
	uint32_t n = a->attributes_n;

	if (b->attributes_n == 0)
		return 0;
	v = sp_arena_alloc(j->arena, (n + b->attributes_n) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (n)
		memcpy(v, a->attributes, n * sizeof(*v));
	for (uint32_t i = 0; i < b->attributes_n; i++) {
		uint32_t k = 0;

		while (k < a->attributes_n && strcmp(v[k].name, b->attributes[i].name) != 0)
			k++;
		if (k == a->attributes_n)
			v[n++] = b->attributes[i];
		else if (strcmp(v[k].value, b->attributes[i].value) != 0)
			differ(j, b->attributes[i].name);
	}
	a->attributes = v;
	a->attributes_n = n;
	return 0;
}

static const char *join_text(const struct joining *j, const char *key, const char *a, const char *b)
{
	if (a && b && strcmp(a, b) != 0)
		differ(j, key);
	return a ? a : b;
}

static int join_agent(
	const struct joining *j, struct sp_policy_agent *a, const struct sp_policy_agent *b)
{
	if (a->has_allow_list && b->has_allow_list) {
		sp_check_add(j->check, b->at, "an agent has one policy; join the two",
			"agent '%s' stands at %s:%u already", a->name, a->at.file, a->at.line);
		return 0;
	}
	if (b->has_allow_list) {
		a->has_allow_list = true;
		a->actions = b->actions;
		a->actions_n = b->actions_n;
	}
	if (a->has_audit_level && b->has_audit_level && a->audit_level != b->audit_level)
		differ(j, "audit_level");
	if (b->has_audit_level)
		a->audit_level = b->audit_level;
	a->has_audit_level |= b->has_audit_level;
	a->per_minute = (uint32_t)lesser(a->per_minute, b->per_minute);
	a->per_hour = (uint32_t)lesser(a->per_hour, b->per_hour);
	a->per_request_tokens = lesser(a->per_request_tokens, b->per_request_tokens);
	a->daily_tokens = lesser(a->daily_tokens, b->daily_tokens);
	a->environment = join_text(j, "environment", a->environment, b->environment);
	a->owner = join_text(j, "owner", a->owner, b->owner);
	a->description = a->description ? a->description : b->description;
	SP_TRY(unite(j, &a->roles, &b->roles));
	return join_attributes(j, a, b);
}

int sp_policy_agent_put(
	struct sp_policy *p, const struct sp_policy_agent *more, struct sp_check *check)
{
	struct joining j = {.arena = &p->arena, .check = check, .what = "agent", .b = more->at};
	uint32_t before = sp_check_count(check);
	struct sp_policy_agent *a, kept;
	int err = sp_policy_agent_add(p, sp_bytes_cstr(more->name), more->at, &a);

	if (err == -EEXIST) {
		j.name = a->name;
		j.a = a->at;
		SP_TRY(join_agent(&j, a, more));
	} else if (err) {
		return err;
	} else {
		kept = *a;
		*a = *more;
		a->name = kept.name;
		a->at = kept.at;
	}
	return sp_check_count(check) == before ? 0 : -EBADMSG;
}
