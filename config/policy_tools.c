#include "config/policy_forms.h"
#include "config/policy_text.h"

#include "common/banned.h"

static void read_tool(struct sp_policy_reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {"allowed_for", "max_calls", "forbidden_tables",
		"allowed_environments", "require_approval", "require_human_initiated", NULL};
	struct sp_policy_tool *t, part = {.base_risk = -1};

	sp_pn_keys(r, map, "a tool policy", keys, NULL);
	part.name = sp_pn_text(r, map->key, "a tool's name", sp_policy_tool_wrong);
	part.has_allowed_for =
		sp_pn_texts(r, map, "allowed_for", sp_policy_word_wrong, &part.allowed_for);
	part.has_environments = sp_pn_texts(
		r, map, "allowed_environments", sp_policy_word_wrong, &part.allowed_environments);
	part.max_calls = sp_pn_count(r, map, "max_calls", SP_LIMIT_CALLS_MAX);
	part.sql.on = sp_pn_texts(
		r, map, "forbidden_tables", sp_policy_table_wrong, &part.sql.deny_tables);
	sp_pn_bool(r, map, "require_approval", &part.require_approval);
	sp_pn_bool(r, map, "require_human_initiated", &part.require_human_initiated);
	if (!part.name || r->err)
		return;
	r->err = sp_policy_tool_add(r->p, sp_pn_at(r, map->key), &t);
	if (!r->err) {
		part.at = t->at;
		*t = part;
	}
}

void sp_form_tools(struct sp_policy_reader *r, const struct sp_node *map)
{
	if (!sp_pn_is(r, map, "TOOL_POLICIES", SP_NODE_MAP))
		return;
	for (const struct sp_node *c = map->first; c && !r->err; c = c->next) {
		if (c->repeated)
			sp_check_add(r->check, sp_pn_at(r, c->key), "keep one of them",
				"tool '%s' stands here a second time", c->key->text);
		else if (sp_pn_is(r, c, "a tool policy", SP_NODE_MAP))
			read_tool(r, c);
	}
}
