#include "config/policy_native.h"

#include "config/policy_forms.h"
#include "config/policy_text.h"

#include <stdio.h>
#include "common/banned.h"

#define MODES 3u

static struct sp_at place(const struct sp_policy_reader *r, const struct sp_group_at *at)
{
	return (struct sp_at){r->file, at->line, at->col};
}

static struct sp_policy_strs strs(struct sp_policy_reader *r, const struct sp_texts *t)
{
	struct sp_policy_strs v = {sp_arena_alloc(&r->p->arena, (t->n + 1) * sizeof(*v.v)), t->n};

	if (!v.v) {
		r->err = -ENOMEM;
		return (struct sp_policy_strs){0};
	}
	for (uint32_t i = 0; t->v && i < t->n; i++)
		v.v[i] = t->v[i].s;
	return v;
}

/// Words that begin with "default".
static void level(uint32_t word, bool *has, enum sp_audit_level *ret)
{
	*has = word != 0;
	if (word)
		*ret = (enum sp_audit_level)(word - 1);
}

static void put_allow(
	struct sp_policy_reader *r, const struct sp_texts *allow, struct sp_policy_agent *a)
{
	a->has_allow_list = allow->v != NULL;
	a->actions = sp_arena_alloc(&r->p->arena, (allow->n + 1) * sizeof(*a->actions));
	if (!a->actions)
		r->err = -ENOMEM;
	for (uint32_t i = 0; allow->v && i < allow->n && !r->err; i++) {
		r->err = sp_policy_action(r->p, sp_bytes_cstr(allow->v[i].s), &a->actions[i]);
		for (uint32_t k = 0; k < i && !r->err; k++)
			if (strcmp(allow->v[k].s, allow->v[i].s) == 0)
				sp_check_add(r->check,
					(struct sp_at){r->file, allow->v[i].line, allow->v[i].col},
					"keep one of them", "allow: '%s' stands there twice",
					allow->v[i].s);
		a->actions_n += r->err == 0;
	}
}

static void put_attributes(
	struct sp_policy_reader *r, const struct sp_pairs *pairs, struct sp_policy_agent *a)
{
	a->attributes = sp_arena_alloc(&r->p->arena, (pairs->n + 1) * sizeof(*a->attributes));
	if (!a->attributes) {
		r->err = -ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < pairs->n; i++)
		a->attributes[i] = (struct sp_policy_pair){pairs->v[i].name.s, pairs->v[i].value.s};
	a->attributes_n = pairs->n;
}

static void put_agent(struct sp_policy_reader *r, const struct sp_pf_agent *f)
{
	struct sp_policy_agent a = {
		.name = f->name.s,
		.at = {r->file, f->name.line, f->name.col},
		.description = f->description.s,
		.owner = f->owner.s,
		.environment = f->environment.s,
		.roles = strs(r, &f->roles),
		.per_minute = (uint32_t)f->limits.per_minute,
		.per_hour = (uint32_t)f->limits.per_hour,
		.per_request_tokens = f->limits.tokens_per_request,
		.daily_tokens = f->limits.tokens_per_day,
	};
	int err;

	level(f->audit_level, &a.has_audit_level, &a.audit_level);
	put_allow(r, &f->allow, &a);
	put_attributes(r, &f->attributes, &a);
	if (r->err)
		return;
	err = sp_policy_agent_put(r->p, &a, r->check);
	r->err = err == -EBADMSG ? 0 : err;
}

static uint32_t styles(const struct sp_texts *t)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < t->n; i++)
		bits |= sp_policy_style(t->v[i].s);
	return bits;
}

static void put_arguments(
	struct sp_policy_reader *r, const struct sp_pf_tool *f, struct sp_policy_tool *t)
{
	t->sql.on = f->sql.at.line != 0;
	t->sql.dialect = f->sql.dialect;
	t->sql.parameters = strs(r, &f->sql.parameters);
	t->sql.allow = styles(&f->sql.styles);
	t->sql.forbid = styles(&f->sql.forbid_styles);
	t->sql.allow_tables = strs(r, &f->sql.tables);
	t->sql.deny_tables = strs(r, &f->sql.forbid_tables);
	t->sql.allow_functions = strs(r, &f->sql.functions);
	t->sql.returning = f->sql.returning;
	t->endpoint.on = f->endpoints.at.line != 0;
	t->endpoint.parameters = strs(r, &f->endpoints.parameters);
	t->endpoint.allow = strs(r, &f->endpoints.allow);
	t->endpoint.forbid = strs(r, &f->endpoints.forbid);
	t->endpoint.private_hosts = f->endpoints.private_hosts;
	t->path.parameters = strs(r, &f->paths.parameters);
	t->path.roots = strs(r, &f->paths.roots);
}

/// Lists in which no entry means no restriction may not be written empty.
static void not_empty(struct sp_policy_reader *r, const struct sp_group_at *at, const char *key,
	const struct sp_texts *t)
{
	if (t->v && t->n == 0)
		sp_check_add(r->check, place(r, at), "name what is allowed, or leave it out",
			"%s: an empty list could mean nothing or everything", key);
}

static void put_tool(struct sp_policy_reader *r, const struct sp_pf_tool *f)
{
	struct sp_policy_tool *t;
	struct sp_at at = {r->file, f->name.line, f->name.col};

	not_empty(r, &f->sql.at, "styles", &f->sql.styles);
	not_empty(r, &f->sql.at, "tables", &f->sql.tables);
	not_empty(r, &f->endpoints.at, "allow", &f->endpoints.allow);
	r->err = sp_policy_tool_add(r->p, at, &t);
	if (r->err)
		return;
	t->name = f->name.s;
	t->has_allowed_for = f->allowed_for.v != NULL;
	t->allowed_for = strs(r, &f->allowed_for);
	t->has_environments = f->environments.v != NULL;
	t->allowed_environments = strs(r, &f->environments);
	t->required_scopes = strs(r, &f->scopes);
	t->max_calls = f->max_calls;
	t->require_approval = f->require_approval;
	t->require_human_initiated = f->require_human_initiated;
	t->cls = (enum sp_action_class)f->cls;
	t->sensitivity = (enum sp_sensitivity)f->sensitivity;
	t->egress = f->egress;
	t->taints = f->taints;
	t->cost_micros = f->cost_micros;
	t->max_argument_bytes = f->max_argument_bytes;
	t->base_risk = f->risk > 100 ? -1 : (int64_t)f->risk;
	t->high_risk = f->high_risk;
	put_arguments(r, f, t);
}

static void put_when(
	struct sp_policy_reader *r, const struct sp_texts *t, struct sp_policy_conditions *ret)
{
	ret->v = sp_arena_alloc(&r->p->arena, (t->n + 1) * sizeof(*ret->v));
	if (!ret->v) {
		r->err = -ENOMEM;
		return;
	}
	ret->n = t->n;
	for (uint32_t i = 0; i < t->n; i++)
		ret->v[i] = (struct sp_policy_condition){
			t->v[i].s, {r->file, t->v[i].text_line, t->v[i].text_col}, t->v[i].written};
}

static const char *numbered(struct sp_policy_reader *r, const char *prefix, uint32_t no)
{
	char text[SP_POLICY_NAME_MAX + 16];
	const char *s;

	snprintf(text, sizeof(text), "%.*s/%u", (int)SP_POLICY_NAME_MAX, prefix, no);
	s = sp_arena_str(&r->p->arena, sp_bytes_cstr(text));
	if (!s)
		r->err = -ENOMEM;
	return s;
}

static void put_rules(struct sp_policy_reader *r, const struct sp_groups *list, const char *prefix,
	uint32_t group)
{
	for (uint32_t i = 0; i < list->n && !r->err; i++) {
		const struct sp_pf_rule *f = (const struct sp_pf_rule *)list->v + i;
		struct sp_policy_rule *rule;

		r->err = sp_policy_rule_add(r->p, place(r, &f->at), &rule);
		if (r->err)
			return;
		rule->name = f->name.s ? f->name.s : numbered(r, prefix, i + 1);
		rule->effect = (enum sp_effect)f->effect;
		rule->reason = f->reason.s;
		rule->group = group;
		rule->agents = strs(r, &f->agents);
		rule->roles = strs(r, &f->roles);
		rule->environments = strs(r, &f->environments);
		rule->tools = strs(r, &f->tools);
		rule->purposes = strs(r, &f->purposes);
		not_empty(r, &f->at, "agents", &f->agents);
		not_empty(r, &f->at, "roles", &f->roles);
		not_empty(r, &f->at, "environments", &f->environments);
		not_empty(r, &f->at, "purposes", &f->purposes);
		not_empty(r, &f->at, "when", &f->when);
		put_when(r, &f->when, &rule->when);
	}
}

static bool names(const struct sp_texts *t, const char *s)
{
	for (uint32_t i = 0; t->v && i < t->n; i++)
		if (strcmp(t->v[i].s, s) == 0)
			return true;
	return false;
}

static bool limit_fits(struct sp_policy_reader *r, const struct sp_pf_limit *f)
{
	enum sp_limit_per per = (enum sp_limit_per)(f->per + 1);
	unsigned given = (f->calls != 0) + (f->tokens != 0) + (f->money != 0);

	not_empty(r, &f->at, "agents", &f->agents);
	not_empty(r, &f->at, "roles", &f->roles);
	not_empty(r, &f->at, "tools", &f->tools);
	if (given != 1)
		sp_check_add(r->check, place(r, &f->at), "give one of calls, tokens, money",
			"limit '%s': %s", f->name.s,
			given ? "it limits several things at once" : "it limits nothing");
	else if (f->calls && per == SP_PER_REQUEST)
		sp_check_add(r->check, place(r, &f->at), "second, minute, hour, day, session",
			"limit '%s': calls cannot be limited per request", f->name.s);
	return given == 1;
}

static void put_limits(struct sp_policy_reader *r, const struct sp_groups *list, uint32_t group)
{
	for (uint32_t i = 0; i < list->n && !r->err; i++) {
		const struct sp_pf_limit *f = (const struct sp_pf_limit *)list->v + i;
		struct sp_policy_limit *l;

		if (!limit_fits(r, f))
			continue;
		r->err = sp_policy_limit_add(r->p, place(r, &f->at), &l);
		if (r->err)
			return;
		l->name = f->name.s;
		l->kind = f->calls ? SP_LIMIT_CALLS : f->tokens ? SP_LIMIT_TOKENS : SP_LIMIT_MONEY;
		l->max = f->calls ? f->calls : f->tokens ? f->tokens : f->money;
		l->per = (enum sp_limit_per)(f->per + 1);
		l->group = group;
		l->agents = strs(r, &f->agents);
		l->roles = strs(r, &f->roles);
		l->tools = strs(r, &f->tools);
		l->by_agent = !f->apart.v || names(&f->apart, "agent");
		l->by_tool = names(&f->apart, "tool");
	}
}

static void put_group(struct sp_policy_reader *r, const struct sp_pf_group *f)
{
	struct sp_policy_group *g;
	uint32_t no = r->p->groups_n;

	r->err = sp_policy_group_add(r->p, place(r, &f->at), &g);
	if (r->err)
		return;
	g->name = f->name.s;
	g->description = f->description.s;
	g->store = f->store.s;
	level(f->audit_level, &g->has_audit_level, &g->audit_level);
	put_rules(r, &f->rules, f->name.s, no);
	put_limits(r, &f->limits, no);
}

static void put_purpose(struct sp_policy_reader *r, const struct sp_pf_purpose *f)
{
	struct sp_policy_purpose *p;

	r->err = sp_policy_purpose_add(r->p, place(r, &f->at), &p);
	if (r->err)
		return;
	not_empty(r, &f->at, "agents", &f->agents);
	not_empty(r, &f->at, "roles", &f->roles);
	p->name = f->name.s;
	p->tools = strs(r, &f->tools);
	p->agents = strs(r, &f->agents);
	p->roles = strs(r, &f->roles);
}

static void sequence_fits(struct sp_policy_reader *r, const struct sp_pf_sequence *f)
{
	enum sp_sequence_kind kind = (enum sp_sequence_kind)(f->kind + 1);
	bool taint = kind == SP_SEQ_FORBID_AFTER_TAINT;

	not_empty(r, &f->at, "agents", &f->agents);
	not_empty(r, &f->at, "roles", &f->roles);
	if (taint && f->first.n)
		sp_check_add(r->check, place(r, &f->at),
			"leave it out; tools say of themselves that they taint",
			"sequence '%s': first has no meaning with forbid-after-taint", f->name.s);
	if (!taint && !f->first.n)
		sp_check_add(r->check, place(r, &f->at), "the tools that come before",
			"sequence '%s': first is missing", f->name.s);
	if (kind != SP_SEQ_REQUIRE_BEFORE && f->between.n)
		sp_check_add(r->check, place(r, &f->at), "leave it out",
			"sequence '%s': between has a meaning with require-before only", f->name.s);
}

static void put_sequence(struct sp_policy_reader *r, const struct sp_pf_sequence *f)
{
	struct sp_policy_sequence *s;

	sequence_fits(r, f);
	r->err = sp_policy_sequence_add(r->p, place(r, &f->at), &s);
	if (r->err)
		return;
	s->name = f->name.s;
	s->kind = (enum sp_sequence_kind)(f->kind + 1);
	s->effect = (enum sp_effect)f->effect;
	s->reason = f->reason.s;
	s->first = strs(r, &f->first);
	s->between = strs(r, &f->between);
	s->then = strs(r, &f->then);
	s->window_ns = f->window_ns;
	s->agents = strs(r, &f->agents);
	s->roles = strs(r, &f->roles);
}

static void put_hours(
	struct sp_policy_reader *r, const struct sp_pf_hours *f, struct sp_policy_risk *risk)
{
	if (!f->at.line)
		return;
	if (!f->from.s || !f->until.s) {
		sp_check_add(r->check, place(r, &f->at), "say both from and until",
			"work_hours: half of the day's bounds is missing");
		return;
	}
	risk->work_from_minute = sp_policy_clock(f->from.s);
	risk->work_until_minute = sp_policy_clock(f->until.s);
	not_empty(r, &f->at, "days", &f->days);
	risk->work_days = f->days.n ? 0 : 0x1f;
	for (uint32_t i = 0; i < f->days.n; i++)
		risk->work_days |= 1u << sp_policy_day(f->days.v[i].s);
}

static void put_risk(struct sp_policy_reader *r, const struct sp_pf_risk *f)
{
	const struct sp_pf_mode *mode[MODES] = {&f->automatic, &f->mixed, &f->manual};
	struct sp_policy_risk *risk = &r->p->risk;

	if (!f->at.line)
		return;
	if (risk->native) {
		sp_check_add(r->check, place(r, &f->at), "join the two",
			"risk stands at %s:%u already", risk->at.file, risk->at.line);
		return;
	}
	risk->on = risk->native = true;
	risk->at = place(r, &f->at);
	risk->mode = (enum sp_risk_mode)f->mode;
	for (unsigned m = 0; m < MODES; m++) {
		risk->review_at[m] = (uint32_t)mode[m]->review_at;
		risk->review_writes_at[m] = (uint32_t)mode[m]->review_writes_at;
		risk->block_at[m] = (uint32_t)mode[m]->block_at;
		risk->block_given |= (mode[m]->at.line != 0) << m;
	}
	for (unsigned t = 0; t < SP_TERM__COUNT; t++)
		risk->weight[t] = (int32_t)f->weights.v[t];
	for (unsigned c = SP_CLASS_READ; c <= SP_CLASS_ADMIN; c++)
		risk->class_base[c] = (int32_t)f->class_base.v[c];
	put_hours(r, &f->work_hours, risk);
}

/// A file's name without folder and ending: what its nameless rules are called after.
static const char *stem(struct sp_policy_reader *r)
{
	const char *slash = strrchr(r->file, '/'), *base = slash ? slash + 1 : r->file;
	const char *dot = strrchr(base, '.');
	const char *s = sp_arena_str(
		&r->p->arena, sp_bytes(base, dot ? (size_t)(dot - base) : strlen(base)));

	if (!s)
		r->err = -ENOMEM;
	return s;
}

#define EACH(r, list, type, fn)                                                                    \
	for (uint32_t i_ = 0; i_ < (list)->n && !(r)->err; i_++)                                   \
	fn(r, (const struct type *)(list)->v + i_)

static void put_all(struct sp_policy_reader *r, const struct sp_pf *f)
{
	const char *name = stem(r);

	EACH(r, &f->agents, sp_pf_agent, put_agent);
	EACH(r, &f->tools, sp_pf_tool, put_tool);
	if (!r->err)
		put_rules(r, &f->rules, name, UINT32_MAX);
	EACH(r, &f->groups, sp_pf_group, put_group);
	if (!r->err)
		put_limits(r, &f->limits, UINT32_MAX);
	EACH(r, &f->purposes, sp_pf_purpose, put_purpose);
	EACH(r, &f->sequences, sp_pf_sequence, put_sequence);
	put_risk(r, &f->risk);
	r->p->purpose_required |= f->intent.require_purpose;
	r->p->details_required |= f->intent.require_authorization_details;
}

void sp_form_native(struct sp_policy_reader *r, const struct sp_node *map)
{
	struct sp_schema_in in = {.tree = r->tree,
		.arena = &r->p->arena,
		.check = r->check,
		.whole_groups = true};
	uint32_t before = sp_check_count(r->check);
	struct sp_pf *f = sp_arena_alloc(&r->p->arena, sizeof(*f));

	r->err = f ? sp_schema_read(&in, &sp_policy_schema, map, f) : -ENOMEM;
	if (!r->err && sp_check_count(r->check) == before)
		put_all(r, f);
}

void sp_policy_json_schema(struct sp_out *out)
{
	sp_schema_json(out, &sp_policy_schema, "Sallyport policy, native form");
}

void sp_policy_reference(struct sp_out *out)
{
	sp_schema_markdown(out, &sp_policy_schema);
}
