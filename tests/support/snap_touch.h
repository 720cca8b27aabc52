/// Reads everything a judge may read in a snapshot that opened: a wild offset or number shows under sanitizers.
#pragma once

#include "config/snapshot_policy.h"

static volatile uint64_t touch_sink;

static inline void touch_str(const struct sp_snap *s, struct sp_snap_str v)
{
	touch_sink += sp_snap_hash(sp_snap_str(s, v));
}

static inline void touch_strs(const struct sp_snap *s, struct sp_snap_table t)
{
	for (uint32_t i = 0; i < t.n; i++)
		touch_str(s, *SP_SNAP_GET(s, t, sp_snap_str, i));
}

/// Numbers that lead into a table of `below` entries.
static inline void touch_list(const struct sp_snap *s, struct sp_snap_table t, uint32_t below)
{
	for (uint32_t i = 0; i < t.n; i++)
		SP_BUG_IF(*(const uint32_t *)sp_snap_at(s, t, i, 4) >= below);
}

static inline void touch_tools(const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;

	for (uint32_t i = 0; i < p->tools.n; i++) {
		const struct sp_snap_tool *t = SP_SNAP_POLICY(s, tools, sp_snap_tool, i);
		const struct sp_snap_table tables[] = {t->globs, t->scopes, t->sql.parameters,
			t->sql.allow_tables, t->sql.deny_tables, t->sql.allow_functions,
			t->endpoint.parameters, t->endpoint.allow, t->endpoint.forbid,
			t->path.parameters, t->path.roots};

		touch_str(s, t->name);
		touch_str(s, t->source);
		for (size_t k = 0; k < SP_ARRAY_LEN(tables); k++)
			touch_strs(s, tables[k]);
		SP_BUG_IF(t->cls > SP_CLASS_ADMIN || t->cls == SP_CLASS_AUTO);
	}
	touch_list(s, p->wild_tools, p->tools.n);
}

static inline void touch_rules(const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;

	for (uint32_t i = 0; i < p->rules.n; i++) {
		const struct sp_snap_rule *r = SP_SNAP_POLICY(s, rules, sp_snap_rule, i);

		touch_str(s, r->name);
		touch_str(s, r->source);
		touch_str(s, r->reason);
		touch_strs(s, r->globs);
		touch_list(s, r->agents, s->h->agents.n);
		touch_list(s, r->actions, s->h->actions.n);
		touch_list(s, r->purposes, p->purposes.n);
		SP_BUG_IF(r->group != SP_SNAP_NONE && r->group >= p->groups.n);
		for (uint32_t k = 0; k < r->conditions.n; k++) {
			const struct sp_snap_condition *c =
				SP_SNAP_GET(s, r->conditions, sp_snap_condition, k);

			touch_str(s, c->text);
			touch_str(s, c->code);
		}
	}
	for (uint32_t i = 0; i < p->groups.n; i++) {
		touch_str(s, SP_SNAP_POLICY(s, groups, sp_snap_group, i)->name);
		touch_list(s, SP_SNAP_POLICY(s, groups, sp_snap_group, i)->limits, p->limits.n);
	}
}

static inline void touch_lists(const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;

	for (uint32_t i = 0; i < p->purposes.n; i++) {
		const struct sp_snap_purpose *u = SP_SNAP_POLICY(s, purposes, sp_snap_purpose, i);

		touch_str(s, u->name);
		touch_strs(s, u->globs);
		touch_list(s, u->agents, s->h->agents.n);
		touch_list(s, u->actions, s->h->actions.n);
	}
	for (uint32_t i = 0; i < p->sequences.n; i++) {
		const struct sp_snap_sequence *q = SP_SNAP_POLICY(s, sequences, sp_snap_sequence, i);

		touch_str(s, q->name);
		touch_str(s, q->reason);
		touch_strs(s, q->first);
		touch_strs(s, q->between);
		touch_strs(s, q->then);
		touch_list(s, q->agents, s->h->agents.n);
	}
	touch_list(s, p->wild_sequences, p->sequences.n);
	touch_list(s, p->wild_limits, p->limits.n);
	touch_list(s, p->wild_rules, p->rules.n);
	touch_strs(s, p->role_names);
	touch_strs(s, p->environment_names);
}

static inline void touch_facts(const struct sp_snap *s)
{
	const struct sp_snap_policy *p = &s->h->policy;

	for (uint32_t i = 0; i < p->agent_facts.n && i < 64; i++) {
		const struct sp_snap_agent_facts *f =
			SP_SNAP_POLICY(s, agent_facts, sp_snap_agent_facts, i);

		touch_str(s, f->environment_name);
		touch_str(s, f->owner);
		touch_strs(s, f->role_names);
		for (uint32_t k = 0; k < f->attributes.n; k++) {
			const struct sp_snap_str *pair = sp_snap_at(s, f->attributes, k, 16);

			touch_str(s, pair[0]);
			touch_str(s, pair[1]);
		}
	}
	for (uint32_t i = 0; i < p->action_facts.n && i < 256; i++) {
		const struct sp_snap_action_facts *f =
			SP_SNAP_POLICY(s, action_facts, sp_snap_action_facts, i);

		SP_BUG_IF(f->tool != SP_SNAP_NONE && f->tool >= p->tools.n);
		touch_list(s, f->sequences, p->sequences.n);
	}
}

/// What calls of a few agents and tools, known and unknown, come upon.
static inline void touch_calls(const struct sp_snap *s)
{
	uint32_t limits[16];

	for (uint32_t agent = 0; agent < s->h->agents.n && agent < 8; agent++) {
		for (uint32_t k = 0; k <= s->h->actions.n && k < 8; k++) {
			struct sp_snap_who who = {agent, SP_SNAP_NONE, SP_LIT("github__read_file")};
			struct sp_snap_rules it;

			if (k < s->h->actions.n) {
				who.action = k;
				who.tool = sp_snap_str(
					s, SP_SNAP_GET(s, s->h->actions, sp_snap_action, k)->name);
			}
			sp_snap_rules_begin(&it, s, &who);
			while (sp_snap_rules_next(&it) != SP_SNAP_NONE)
				touch_sink++;
			touch_sink += sp_snap_limits_of(s, &who, k, limits, SP_ARRAY_LEN(limits));
			touch_sink += sp_snap_tool_of(s, &who);
		}
	}
}

static inline void touch_policy(const struct sp_snap *s)
{
	touch_rules(s);
	touch_tools(s);
	touch_lists(s);
	touch_facts(s);
	touch_calls(s);
}
