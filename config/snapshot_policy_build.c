#include "config/snapshot_policy_build.h"

#include "config/snapshot_policy.h"
#include "config/snapshot_policy_tools.h"
#include "common/banned.h"

static struct sp_snap_str text(struct sp_snap_put *p, const char *s)
{
	return sp_snap_put_once(p, s ? sp_bytes_cstr(s) : SP_NOBYTES);
}

static struct sp_snap_table strs(struct sp_snap_put *p, const struct sp_policy_strs *s)
{
	return sp_snap_put_strs_of(p, s);
}

static struct sp_snap_table list(struct sp_snap_put *p, struct sp_list l)
{
	return sp_snap_put_list(p, l.v, l.n);
}

/// List of a key, or none where a policy has no such lists.
static struct sp_snap_table keyed(struct sp_snap_put *p, const struct sp_lists *l, uint32_t key)
{
	return key < l->n ? list(p, l->v[key]) : sp_snap_put_list(p, NULL, 0);
}

/// Only the name of a file: where it lay when it was compiled is nothing to a reader.
struct sp_snap_str sp_snap_put_source(struct sp_snap_put *p, const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	return text(p, slash ? slash + 1 : file);
}

struct sp_snap_table sp_snap_put_strs_of(struct sp_snap_put *p, const struct sp_policy_strs *s)
{
	struct sp_snap_table t = sp_snap_put_table(p, s->n, sizeof(struct sp_snap_str));

	for (uint32_t i = 0; i < s->n; i++) {
		struct sp_snap_str v = text(p, s->v[i]);

		*(struct sp_snap_str *)sp_snap_put_entry(p, t, i, sizeof(v)) = v;
	}
	return t;
}

#define PUT(p, t, i, v) (*(__typeof__(v) *)sp_snap_put_entry((p), (t), (i), sizeof(v)) = (v))

#define AHEAD_MAX 448u ///< bytes of conditions and programs that are worth asking for before they are needed

struct programs {
	const struct sp_compiled *c;
	struct sp_snap_str *at; ///< of each, once written
};

static struct sp_snap_str put_program(struct sp_snap_put *p, struct programs *g, uint32_t no)
{
	const struct sp_c_program *from = &g->c->program[no];
	uint8_t *to;

	if (g->at[no].len)
		return g->at[no];
	g->at[no] = (struct sp_snap_str){sp_blob_room(&p->blob, from->n, 8), (uint32_t)from->n};
	to = sp_blob_at(&p->blob, g->at[no].off);
	if (to && from->n)
		memcpy(to, from->code, from->n);
	return g->at[no];
}

/// The programs lie right behind the table, for both are asked for at once (config/judge/judge_in.c); texts are cold.
static struct sp_snap_table put_conditions(
	struct sp_snap_put *p, struct programs *g, const struct sp_c_rule *r)
{
	struct sp_snap_table t =
		sp_snap_put_rows(p, r->conditions_n, sizeof(struct sp_snap_condition));

	for (uint32_t i = 0; i < r->conditions_n; i++)
		put_program(p, g, r->condition[i].program);
	for (uint32_t i = 0; i < r->conditions_n; i++) {
		const struct sp_c_condition *c = &r->condition[i];
		struct sp_snap_condition v = {
			.text = text(p, c->of->text),
			.code = put_program(p, g, c->program),
			.line = c->of->at.line,
			.col = c->of->at.col,
		};

		PUT(p, t, i, v);
	}
	return t;
}

static void put_rules(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	struct programs g = {c, calloc(c->programs_n + 1ul, sizeof(*g.at))};
	uint32_t n = c->policy->rules_n;

	if (!g.at) {
		p->blob.err = -ENOMEM;
		return;
	}
	out->rules = sp_snap_put_rows(p, n, sizeof(struct sp_snap_rule));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_c_rule *r = &c->rule[i];
		struct sp_snap_rule v = {
			.name = text(p, r->of->name),
			.source = sp_snap_put_source(p, r->of->at.file),
			.reason = text(p, r->of->reason),
			.line = r->of->at.line,
			.effect = r->of->effect,
			.group = r->of->group == UINT32_MAX ? SP_SNAP_NONE : r->of->group,
			.any_agent = r->any_agent,
			.roles = r->roles,
			.environments = r->environments,
			.agents = list(p, r->agents),
			.actions = list(p, r->actions),
			.globs = strs(p, &r->globs),
			.purposes = list(p, r->purposes),
			.conditions = put_conditions(p, &g, r),
		};

		PUT(p, out->rules, i, v);
	}
	free(g.at);
}

static void put_groups(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	uint32_t n = c->policy->groups_n;

	out->groups = sp_snap_put_table(p, n, sizeof(struct sp_snap_group));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_policy_group *g = &c->policy->group[i];
		struct sp_snap_group v = {
			.name = text(p, g->name),
			.store = text(p, g->store),
			.has_audit_level = g->has_audit_level,
			.audit_level = g->audit_level,
			.limits = keyed(p, &c->group_limits, i),
		};

		PUT(p, out->groups, i, v);
	}
}

static void put_limits(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	out->limits = sp_snap_put_table(p, c->limits_n, sizeof(struct sp_snap_limit));
	for (uint32_t i = 0; i < c->limits_n; i++) {
		const struct sp_c_limit *l = &c->limit[i];
		struct sp_snap_limit v = {
			.name = text(p, l->name),
			.id = l->id,
			.kind = l->kind,
			.per = l->per,
			.max = l->max,
			.group = l->group,
			.by_agent = l->by_agent,
			.by_tool = l->by_tool,
			.any_agent = l->any_agent,
			.roles = l->roles,
			.agents = list(p, l->agents),
			.actions = list(p, l->actions),
			.globs = strs(p, &l->globs),
			.any_tool = l->any_tool,
			.allow_list = l->allow_list,
		};

		PUT(p, out->limits, i, v);
	}
	out->wild_limits = list(p, c->wild_limits);
}

static void put_purposes(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	uint32_t n = c->policy->purposes_n;

	out->purposes = sp_snap_put_table(p, n, sizeof(struct sp_snap_purpose));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_c_purpose *u = &c->purpose[i];
		struct sp_snap_purpose v = {
			.name = text(p, u->of->name),
			.roles = u->roles,
			.any_agent = u->any_agent,
			.agents = list(p, u->agents),
			.actions = list(p, u->actions),
			.globs = strs(p, &u->globs),
		};

		PUT(p, out->purposes, i, v);
	}
}

static void put_sequences(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	uint32_t n = c->policy->sequences_n;

	out->sequences = sp_snap_put_table(p, n, sizeof(struct sp_snap_sequence));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_c_sequence *s = &c->sequence[i];
		struct sp_snap_sequence v = {
			.name = text(p, s->of->name),
			.reason = text(p, s->of->reason),
			.kind = s->of->kind,
			.effect = s->of->effect,
			.window_ns = s->of->window_ns,
			.roles = s->roles,
			.id = s->id,
			.any_agent = s->any_agent,
			.agents = list(p, s->agents),
			.first = strs(p, &s->of->first),
			.between = strs(p, &s->of->between),
			.then = strs(p, &s->of->then),
		};

		PUT(p, out->sequences, i, v);
	}
	out->wild_sequences = list(p, c->wild_sequences);
}

static struct sp_snap_table put_attributes(struct sp_snap_put *p, const struct sp_policy_agent *a)
{
	struct sp_snap_table t =
		sp_snap_put_table(p, a->attributes_n, 2 * sizeof(struct sp_snap_str));

	for (uint32_t i = 0; i < a->attributes_n; i++) {
		struct sp_snap_str name = text(p, a->attributes[i].name);
		struct sp_snap_str value = text(p, a->attributes[i].value);
		struct sp_snap_str *at = sp_snap_put_entry(p, t, i, 2 * sizeof(*at));

		at[0] = name;
		at[1] = value;
	}
	return t;
}

/// A rule's conditions up to the end of their programs, as far as these lie behind them.
static void ahead_of_rule(struct sp_snap_put *p, const struct sp_snap_policy *out,
	uint32_t number, struct sp_snap_agent_facts *f)
{
	const struct sp_snap_rule *r = sp_snap_put_entry(p, out->rules, number, sizeof(*r));
	struct sp_snap_table t = r->conditions;
	uint32_t end = t.off + t.n * (uint32_t)sizeof(struct sp_snap_condition);

	f->ahead_rule = number;
	for (uint32_t i = 0; i < t.n; i++) {
		const struct sp_snap_condition *k = sp_snap_put_entry(p, t, i, sizeof(*k));
		uint32_t to = k->code.off + k->code.len;

		if (to > end && to - t.off <= AHEAD_MAX)
			end = to;
	}
	f->ahead_off = t.off;
	f->ahead_bytes = end - t.off;
}

static void put_ahead(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	for (uint32_t i = 0; i < c->pairs.n && !p->blob.err; i++) {
		struct sp_snap_agent_facts *f = sp_snap_put_entry(
			p, out->agent_facts, c->pairs.v[i].agent, sizeof(*f));

		if (f->ahead_rule == SP_SNAP_NONE)
			ahead_of_rule(p, out, c->pairs.rules.v[i].v[0], f);
	}
}

static void put_agent_facts(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	static const struct sp_policy_agent nobody = {.implied = true};
	uint32_t n = c->agents_names.n;

	out->agent_facts = sp_snap_put_rows(p, n, sizeof(struct sp_snap_agent_facts));
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_c_agent *a = &c->agent[i];
		const struct sp_policy_agent *of = a->of ? a->of : &nobody;
		struct sp_snap_agent_facts v = {
			.roles = a->roles,
			.environment = a->environment,
			.name_hash = sp_snap_hash(sp_bytes_cstr(a->name)),
			.environment_name = text(p, of->environment),
			.owner = text(p, of->owner),
			.attributes = put_attributes(p, of),
			.role_names = strs(p, &of->roles),
			.has_allow_list = of->has_allow_list,
			.implied = of->implied,
			.rules = keyed(p, &c->agent_rules, i),
			.limits = keyed(p, &c->agent_limits, i),
			.ahead_rule = SP_SNAP_NONE,
		};

		PUT(p, out->agent_facts, i, v);
	}
	put_ahead(p, c, out);
}

static void put_action_facts(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	uint32_t n = c->actions_names.n;

	out->action_facts = sp_snap_put_table(p, n, sizeof(struct sp_snap_action_facts));
	for (uint32_t i = 0; i < n; i++) {
		struct sp_snap_action_facts v = {
			.rules = keyed(p, &c->action_rules, i),
			.limits = keyed(p, &c->action_limits, i),
			.sequences = keyed(p, &c->action_sequences, i),
			.tool = c->action[i].tool,
			.cls = c->action[i].cls,
			.high_risk = c->action[i].high_risk,
		};

		PUT(p, out->action_facts, i, v);
	}
}

static void put_pairs(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_policy *out)
{
	uint32_t n = c->pairs.n;
	struct sp_snap_index x = sp_snap_put_index_room(p, n, sizeof(struct sp_snap_pair));

	for (uint32_t i = 0; i < n && !p->blob.err; i++) {
		struct sp_list rules = c->pairs.rules.v[i];
		struct sp_snap_pair v = {c->pairs.v[i].agent, c->pairs.v[i].action, rules.n, rules.v[0]};
		uint64_t h = sp_snap_pair_hash(v.agent, v.action);
		struct sp_snap_pair *slot;

		if (rules.n > 1)
			v.at = list(p, rules).off;
		slot = sp_blob_at(&p->blob, x.off);
		if (!slot)
			return;
		while (slot[h & x.mask].n)
			h++;
		slot[h & x.mask] = v;
	}
	out->pairs = x;
	out->pairs_n = n;
}

static struct sp_snap_risk risk_of(const struct sp_policy_risk *r)
{
	unsigned mode = r->mode <= SP_RISK_MANUAL ? r->mode : SP_RISK_MANUAL;
	struct sp_snap_risk v = {
		.on = r->on,
		.mode = mode,
		.review_at = r->review_at[mode],
		.review_writes_at = r->review_writes_at[mode],
		.block_at = r->block_at[mode],
		.work_from_minute = r->work_from_minute,
		.work_until_minute = r->work_until_minute,
		.work_days = r->work_days,
	};

	memcpy(v.weight, r->weight, sizeof(v.weight));
	memcpy(v.class_base, r->class_base, sizeof(v.class_base));
	return v;
}

void sp_snap_put_policy(
	struct sp_snap_put *p, const struct sp_compiled *c, struct sp_snap_header *h)
{
	struct sp_snap_policy *out = &h->policy;

	if (h->agents.n != c->agents_names.n || h->actions.n != c->actions_names.n)
		sp_snap_put_refuse(p);
	put_rules(p, c, out);
	put_groups(p, c, out);
	put_limits(p, c, out);
	sp_snap_put_tools(p, c, out);
	put_purposes(p, c, out);
	put_sequences(p, c, out);
	put_agent_facts(p, c, out);
	put_action_facts(p, c, out);
	put_pairs(p, c, out);
	out->wild_rules = list(p, c->wild_rules);
	out->role_names = strs(p, &(struct sp_policy_strs){c->roles.v, c->roles.n});
	out->environment_names =
		strs(p, &(struct sp_policy_strs){c->environments.v, c->environments.n});
	out->risk = risk_of(&c->policy->risk);
	out->uses_claims = c->uses_claims;
	out->uses_arguments = c->uses_arguments;
	out->details_required = c->policy->details_required;
	out->purpose_required = c->policy->purpose_required;
}

/// The name that opens an entry.
static struct sp_bytes name_at(struct sp_snap_put *p, struct sp_snap_table t, uint32_t i, size_t size)
{
	const struct sp_snap_str *name = sp_snap_put_entry(p, t, i, size);

	return p->blob.err ? SP_NOBYTES : sp_bytes(p->blob.p + name->off, name->len);
}

void sp_snap_put_no_policy(struct sp_snap_put *p, struct sp_snap_header *h)
{
	struct sp_snap_policy *out = &h->policy;
	struct sp_snap_table *tables[] = {&out->rules, &out->groups, &out->limits, &out->tools,
		&out->purposes, &out->sequences, &out->wild_rules, &out->wild_tools,
		&out->wild_limits, &out->wild_sequences, &out->role_names, &out->environment_names};
	struct sp_snap_table none = sp_snap_put_list(p, NULL, 0);

	for (size_t i = 0; i < SP_ARRAY_LEN(tables); i++)
		*tables[i] = none;
	out->agent_facts = sp_snap_put_rows(p, h->agents.n, sizeof(struct sp_snap_agent_facts));
	for (uint32_t i = 0; i < h->agents.n; i++) {
		struct sp_snap_agent_facts v = {
			.name_hash = sp_snap_hash(name_at(p, h->agents, i, sizeof(struct sp_snap_agent))),
			.has_allow_list = 1,
			.ahead_rule = SP_SNAP_NONE,
		};

		PUT(p, out->agent_facts, i, v);
	}
	out->action_facts = sp_snap_put_table(p, h->actions.n, sizeof(struct sp_snap_action_facts));
	for (uint32_t i = 0; i < h->actions.n; i++) {
		struct sp_bytes name = name_at(p, h->actions, i, sizeof(struct sp_snap_action));
		struct sp_snap_action_facts v = {
			.tool = SP_SNAP_NONE, .cls = sp_action_class_guess(name)};

		PUT(p, out->action_facts, i, v);
	}
	out->pairs = sp_snap_put_index_room(p, 0, sizeof(struct sp_snap_pair));
	out->risk.review_at = out->risk.review_writes_at = out->risk.block_at = 101;
}
