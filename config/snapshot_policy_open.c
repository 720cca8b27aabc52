/// The policy part of a blob, distrusted once: afterwards the judge may follow every offset, index
/// every table by every number, and run every program.
#include "config/cel/cel_compile.h"
#include "config/judge/judge_env.h"
#include "config/snapshot_check.h"
#include "common/banned.h"

#define ENTRY(b, t, type, i) ((const struct type *)((b)->base + (t).off) + (i))
#define POLICY(b, table, type, i) ENTRY(b, (b)->h->policy.table, type, i)

static bool flag_ok(uint32_t v)
{
	return v <= 1;
}

static bool number_ok(uint32_t v, uint32_t below)
{
	return v < below || v == SP_SNAP_NONE;
}

static bool agents_ok(const struct sp_snap_blob *b, struct sp_snap_table t, uint32_t any_agent)
{
	return flag_ok(any_agent) && sp_snap_list_ok(b, t, b->h->agents.n);
}

static bool actions_ok(
	const struct sp_snap_blob *b, struct sp_snap_table actions, struct sp_snap_table globs)
{
	return sp_snap_list_ok(b, actions, b->h->actions.n) && sp_snap_str_table_ok(b, globs);
}

static struct sp_bytes bytes_of(const struct sp_snap_blob *b, struct sp_snap_str s)
{
	return sp_bytes(b->base + s.off, s.len);
}

static bool conditions_ok(const struct sp_snap_blob *b, struct sp_snap_table t)
{
	if (!sp_snap_table_ok(b, t, sizeof(struct sp_snap_condition)))
		return false;
	for (uint32_t i = 0; i < t.n; i++) {
		const struct sp_snap_condition *c = ENTRY(b, t, sp_snap_condition, i);

		if (!sp_snap_str_ok(b, c->text) || c->code.off % 8 != 0 ||
			!sp_snap_str_ok(b, c->code) ||
			sp_cel_verify(bytes_of(b, c->code), SP_VAR__COUNT) < 0)
			return false;
	}
	return true;
}

static bool rules_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	for (uint32_t i = 0; i < p->rules.n; i++) {
		const struct sp_snap_rule *r = POLICY(b, rules, sp_snap_rule, i);

		if (!sp_snap_str_ok(b, r->name) || !sp_snap_str_ok(b, r->source) ||
			!sp_snap_str_ok(b, r->reason) || r->effect > SP_EFFECT_ALLOW ||
			!number_ok(r->group, p->groups.n) ||
			!agents_ok(b, r->agents, r->any_agent) ||
			!actions_ok(b, r->actions, r->globs) ||
			!sp_snap_list_ok(b, r->purposes, p->purposes.n) ||
			!conditions_ok(b, r->conditions))
			return false;
	}
	return sp_snap_list_ok(b, p->wild_rules, p->rules.n);
}

static bool groups_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	for (uint32_t i = 0; i < p->groups.n; i++) {
		const struct sp_snap_group *g = POLICY(b, groups, sp_snap_group, i);

		if (!sp_snap_str_ok(b, g->name) || !sp_snap_str_ok(b, g->store) ||
			!flag_ok(g->has_audit_level) || g->audit_level > SP_AUDIT_STRICT ||
			!sp_snap_list_ok(b, g->limits, p->limits.n))
			return false;
	}
	return true;
}

static bool limits_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	for (uint32_t i = 0; i < p->limits.n; i++) {
		const struct sp_snap_limit *l = POLICY(b, limits, sp_snap_limit, i);

		if (!sp_snap_str_ok(b, l->name) || l->kind < SP_LIMIT_CALLS ||
			l->kind > SP_LIMIT_MONEY || l->per < SP_PER_REQUEST ||
			l->per > SP_PER_SESSION || !number_ok(l->group, p->groups.n) ||
			!flag_ok(l->by_agent) || !flag_ok(l->by_tool) || !flag_ok(l->any_tool) ||
			!flag_ok(l->allow_list) ||
			!agents_ok(b, l->agents, l->any_agent) ||
			!actions_ok(b, l->actions, l->globs))
			return false;
	}
	return sp_snap_list_ok(b, p->wild_limits, p->limits.n);
}

static bool tool_flags_ok(const struct sp_snap_tool *t)
{
	return t->glob <= SP_SNAP_TOOL_JOINED && flag_ok(t->has_allowed_for) &&
	       flag_ok(t->has_environments) && flag_ok(t->require_approval) &&
	       flag_ok(t->require_human_initiated) && flag_ok(t->egress) && flag_ok(t->taints) &&
	       flag_ok(t->high_risk) && t->cls >= SP_CLASS_READ && t->cls <= SP_CLASS_ADMIN &&
	       t->judges_arguments == sp_snap_tool_judges(t) &&
	       t->sensitivity <= SP_SENSE_RESTRICTED && t->base_risk >= -1 && t->base_risk <= 100;
}

static bool arguments_ok(const struct sp_snap_blob *b, const struct sp_snap_tool *t)
{
	const struct sp_snap_table tables[] = {t->globs, t->scopes, t->sql.parameters, t->sql.allow_tables,
		t->sql.deny_tables, t->sql.allow_functions, t->endpoint.parameters,
		t->endpoint.allow, t->endpoint.forbid, t->path.parameters, t->path.roots};

	for (size_t i = 0; i < SP_ARRAY_LEN(tables); i++)
		if (!sp_snap_str_table_ok(b, tables[i]))
			return false;
	return flag_ok(t->sql.on) && flag_ok(t->sql.returning) && flag_ok(t->endpoint.on) &&
	       flag_ok(t->endpoint.private_hosts);
}

/// Numbers in no order: that of specificity.
static bool wild_tools_ok(const struct sp_snap_blob *b)
{
	struct sp_snap_table t = b->h->policy.wild_tools;
	const uint32_t *v = (const uint32_t *)(b->base + t.off);

	if (!sp_snap_table_ok(b, t, sizeof(*v)))
		return false;
	for (uint32_t i = 0; i < t.n; i++)
		if (v[i] >= b->h->policy.tools.n)
			return false;
	return true;
}

static bool tools_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->policy.tools.n; i++) {
		const struct sp_snap_tool *t = POLICY(b, tools, sp_snap_tool, i);

		if (!sp_snap_str_ok(b, t->name) || !sp_snap_str_ok(b, t->source) ||
			!tool_flags_ok(t) || !arguments_ok(b, t))
			return false;
	}
	return wild_tools_ok(b);
}

static bool purposes_ok(const struct sp_snap_blob *b)
{
	for (uint32_t i = 0; i < b->h->policy.purposes.n; i++) {
		const struct sp_snap_purpose *u = POLICY(b, purposes, sp_snap_purpose, i);

		if (!sp_snap_str_ok(b, u->name) || !agents_ok(b, u->agents, u->any_agent) ||
			!actions_ok(b, u->actions, u->globs))
			return false;
	}
	return true;
}

static bool sequences_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	if (p->sequences.n > SP_SNAP_SEQUENCES_MAX)
		return false;
	for (uint32_t i = 0; i < p->sequences.n; i++) {
		const struct sp_snap_sequence *q = POLICY(b, sequences, sp_snap_sequence, i);

		if (!sp_snap_str_ok(b, q->name) || !sp_snap_str_ok(b, q->reason) ||
			q->kind < SP_SEQ_REQUIRE_BEFORE || q->kind > SP_SEQ_FORBID_AFTER_TAINT ||
			q->effect > SP_EFFECT_REVIEW || !agents_ok(b, q->agents, q->any_agent) ||
			!sp_snap_str_table_ok(b, q->first) ||
			!sp_snap_str_table_ok(b, q->between) || !sp_snap_str_table_ok(b, q->then))
			return false;
	}
	return sp_snap_list_ok(b, p->wild_sequences, p->sequences.n);
}

static bool ahead_ok(const struct sp_snap_blob *b, const struct sp_snap_agent_facts *f)
{
	return number_ok(f->ahead_rule, b->h->policy.rules.n) &&
	       (f->ahead_bytes == 0 || sp_snap_range_ok(b, f->ahead_off, f->ahead_bytes, 1));
}

static bool facts_of_agents_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	for (uint32_t i = 0; i < p->agent_facts.n; i++) {
		const struct sp_snap_agent_facts *f =
			POLICY(b, agent_facts, sp_snap_agent_facts, i);
		struct sp_snap_table pairs = {f->attributes.off, f->attributes.n * 2};

		if (f->attributes.n > UINT32_MAX / 2 || !sp_snap_str_table_ok(b, pairs) ||
			(f->environment & (f->environment - 1)) ||
			!sp_snap_str_ok(b, f->environment_name) || !sp_snap_str_ok(b, f->owner) ||
			!sp_snap_str_table_ok(b, f->role_names) || !flag_ok(f->has_allow_list) ||
			!flag_ok(f->implied) || !sp_snap_list_ok(b, f->rules, p->rules.n) ||
			!sp_snap_list_ok(b, f->limits, p->limits.n) || !ahead_ok(b, f) ||
			f->name_hash !=
				sp_snap_hash(bytes_of(b, ENTRY(b, b->h->agents, sp_snap_agent, i)->name)))
			return false;
	}
	return true;
}

static bool facts_of_actions_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	for (uint32_t i = 0; i < p->action_facts.n; i++) {
		const struct sp_snap_action_facts *f =
			POLICY(b, action_facts, sp_snap_action_facts, i);

		if (!number_ok(f->tool, p->tools.n) || f->cls < SP_CLASS_READ ||
			f->cls > SP_CLASS_ADMIN || !flag_ok(f->high_risk) ||
			!sp_snap_list_ok(b, f->rules, p->rules.n) ||
			!sp_snap_list_ok(b, f->limits, p->limits.n) ||
			!sp_snap_list_ok(b, f->sequences, p->sequences.n))
			return false;
	}
	return true;
}

static bool pair_ok(const struct sp_snap_blob *b, const struct sp_snap_pair *v)
{
	if (v->agent >= b->h->agents.n || v->action >= b->h->actions.n)
		return false;
	if (v->n == 1)
		return v->at < b->h->policy.rules.n;
	return sp_snap_list_ok(b, (struct sp_snap_table){v->at, v->n}, b->h->policy.rules.n);
}

static bool pairs_ok(const struct sp_snap_blob *b)
{
	struct sp_snap_index x = b->h->policy.pairs;
	uint64_t slots = (uint64_t)x.mask + 1, used = 0;
	const struct sp_snap_pair *v = (const struct sp_snap_pair *)(b->base + x.off);

	if ((slots & (slots - 1)) || slots > UINT32_MAX ||
		!sp_snap_range_ok(b, x.off, slots * sizeof(*v), 8))
		return false;
	for (uint64_t i = 0; i < slots; i++) {
		if (v[i].n && !pair_ok(b, &v[i]))
			return false;
		used += v[i].n != 0;
	}
	return used < slots && used == b->h->policy.pairs_n;
}

static bool risk_ok(const struct sp_snap_risk *r)
{
	return flag_ok(r->on) && r->mode <= SP_RISK_MANUAL && r->review_at <= 101 &&
	       r->review_writes_at <= 101 && r->block_at <= 101 && r->work_from_minute <= 1440 &&
	       r->work_until_minute <= 1440;
}

static bool tables_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	return sp_snap_table_ok(b, p->rules, sizeof(struct sp_snap_rule)) &&
	       sp_snap_table_ok(b, p->groups, sizeof(struct sp_snap_group)) &&
	       sp_snap_table_ok(b, p->limits, sizeof(struct sp_snap_limit)) &&
	       sp_snap_table_ok(b, p->tools, sizeof(struct sp_snap_tool)) &&
	       sp_snap_table_ok(b, p->purposes, sizeof(struct sp_snap_purpose)) &&
	       sp_snap_table_ok(b, p->sequences, sizeof(struct sp_snap_sequence)) &&
	       sp_snap_table_ok(b, p->agent_facts, sizeof(struct sp_snap_agent_facts)) &&
	       sp_snap_table_ok(b, p->action_facts, sizeof(struct sp_snap_action_facts)) &&
	       p->agent_facts.n == b->h->agents.n && p->action_facts.n == b->h->actions.n &&
	       p->role_names.n <= 64 && p->environment_names.n <= 64 &&
	       sp_snap_str_table_ok(b, p->role_names) &&
	       sp_snap_str_table_ok(b, p->environment_names);
}

bool sp_snap_policy_ok(const struct sp_snap_blob *b)
{
	const struct sp_snap_policy *p = &b->h->policy;

	return tables_ok(b) && rules_ok(b) && groups_ok(b) && limits_ok(b) && tools_ok(b) &&
	       purposes_ok(b) && sequences_ok(b) && facts_of_agents_ok(b) &&
	       facts_of_actions_ok(b) && pairs_ok(b) && risk_ok(&p->risk) &&
	       flag_ok(p->uses_claims) && flag_ok(p->uses_arguments) &&
	       flag_ok(p->details_required) && flag_ok(p->purpose_required);
}
