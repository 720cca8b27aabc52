/// Allow-lists: one agent's tools, rates, budgets and audit level as a JSON object, or an array of such.
///   {"tool_id": "bot", "allowed_actions": ["read"], "rate_limits": {"per_minute": 100, "per_hour": 5000},
///    "budget_limits": {"per_request_tokens": 1000, "daily_max_tokens": 100000}, "audit_level": "enhanced"}
/// `tool_id` names the agent. A limit left out is no limit; a level left out is the gateway's default.
#include "config/policy_forms.h"
#include "config/policy_text.h"

#include "common/banned.h"

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void read_actions(
	struct sp_policy_reader *r, const struct sp_node *map, struct sp_policy_agent *a)
{
	struct sp_policy_strs names = {0};

	if (!sp_node_get(map, "allowed_actions")) {
		sp_check_add(r->check, sp_pn_at(r, map), "a list of the tools this agent may call",
			"allowed_actions is missing");
		return;
	}
	sp_pn_texts(r, map, "allowed_actions", sp_policy_action_wrong, &names);
	a->actions = sp_arena_alloc(&r->p->arena, (names.n + 1) * sizeof(*a->actions));
	if (!a->actions) {
		r->err = -ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < names.n && !r->err; i++) {
		r->err = sp_policy_action(
			r->p, sp_bytes_cstr(names.v[i]), &a->actions[a->actions_n]);
		a->actions_n += r->err == 0;
	}
	if (a->actions_n)
		qsort(a->actions, a->actions_n, sizeof(*a->actions), by_number);
}

static void read_agent(struct sp_policy_reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {
		"tool_id", "allowed_actions", "rate_limits", "budget_limits", "audit_level", NULL};
	static const char *const rates[] = {"per_minute", "per_hour", NULL};
	static const char *const budgets[] = {"per_request_tokens", "daily_max_tokens", NULL};
	const struct sp_node *name = sp_node_get(map, "tool_id"), *part;
	struct sp_policy_agent a = {.has_allow_list = true};
	int err;

	if (!name) {
		sp_check_add(r->check, sp_pn_at(r, map),
			"an object with tool_id, allowed_actions, rate_limits, budget_limits, "
			"audit_level",
			"tool_id is missing: this is no allow-list");
		return;
	}
	sp_pn_keys(r, map, "an allow-list", keys, NULL);
	a.at = sp_pn_at(r, name);
	a.name = sp_pn_text(r, name, "tool_id", sp_policy_agent_wrong);
	read_actions(r, map, &a);
	part = sp_pn_part(r, map, "rate_limits", rates);
	a.per_minute = (uint32_t)sp_pn_count(r, part, "per_minute", SP_LIMIT_CALLS_MAX);
	a.per_hour = (uint32_t)sp_pn_count(r, part, "per_hour", SP_LIMIT_CALLS_MAX);
	part = sp_pn_part(r, map, "budget_limits", budgets);
	a.per_request_tokens = sp_pn_count(r, part, "per_request_tokens", SP_LIMIT_TOKENS_MAX);
	a.daily_tokens = sp_pn_count(r, part, "daily_max_tokens", SP_LIMIT_TOKENS_MAX);
	sp_pn_level(r, map, "audit_level", &a.has_audit_level, &a.audit_level);
	if (!a.name || r->err)
		return;
	err = sp_policy_agent_put(r->p, &a, r->check);
	if (err != -EBADMSG)
		r->err = err;
}

void sp_form_whitelist(struct sp_policy_reader *r, const struct sp_node *root)
{
	if (root->kind == SP_NODE_MAP) {
		read_agent(r, root);
		return;
	}
	if (root->kind != SP_NODE_SEQ) {
		sp_check_add(r->check, sp_pn_at(r, root), NULL,
			"an object or a list of objects was expected");
		return;
	}
	for (const struct sp_node *c = root->first; c && !r->err; c = c->next) {
		if (c->kind == SP_NODE_MAP)
			read_agent(r, c);
		else
			sp_check_add(r->check, sp_pn_at(r, c), NULL, "an object was expected");
	}
}
