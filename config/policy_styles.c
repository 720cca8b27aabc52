#include "config/policy_forms.h"
#include "config/policy_text.h"

#include "common/banned.h"

static uint32_t bits_of(const struct sp_policy_strs *v)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < v->n; i++)
		bits |= sp_policy_style(v->v[i]);
	return bits;
}

static void read_rule(struct sp_policy_reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {"action", "allowed_styles", "forbidden_styles",
		"allowed_endpoints", "forbidden_endpoints", NULL};
	struct sp_policy_strs allow = {0}, forbid = {0};
	struct sp_policy_tool *t, part = {.base_risk = -1};

	sp_pn_keys(r, map, "a style rule", keys, NULL);
	part.name = sp_pn_member(
		r, map, "action", sp_policy_tool_wrong, "the tool whose arguments it restricts");
	part.sql.on = sp_pn_texts(r, map, "allowed_styles", sp_policy_style_wrong, &allow);
	part.sql.on |= sp_pn_texts(r, map, "forbidden_styles", sp_policy_style_wrong, &forbid);
	part.sql.allow = bits_of(&allow);
	part.sql.forbid = bits_of(&forbid);
	part.endpoint.on = sp_pn_texts(
		r, map, "allowed_endpoints", sp_policy_endpoint_wrong, &part.endpoint.allow);
	part.endpoint.on |= sp_pn_texts(
		r, map, "forbidden_endpoints", sp_policy_endpoint_wrong, &part.endpoint.forbid);
	if (!part.sql.on && !part.endpoint.on)
		sp_check_add(r->check, sp_pn_at(r, map),
			"add allowed_styles, forbidden_styles, allowed_endpoints or "
			"forbidden_endpoints",
			"the rule restricts nothing");
	if ((sp_node_get(map, "allowed_styles") && !allow.n) ||
		(sp_node_get(map, "allowed_endpoints") && !part.endpoint.allow.n))
		sp_check_add(r->check, sp_pn_at(r, map), "name what is allowed, or leave it out",
			"an empty list of what is allowed could mean nothing or everything");
	if (!part.name || r->err)
		return;
	r->err = sp_policy_tool_add(r->p, sp_pn_at(r, map), &t);
	if (!r->err) {
		part.at = t->at;
		*t = part;
	}
}

void sp_form_styles(struct sp_policy_reader *r, const struct sp_node *list)
{
	if (!sp_pn_is(r, list, "style_rules", SP_NODE_SEQ))
		return;
	for (const struct sp_node *c = list->first; c && !r->err; c = c->next)
		if (sp_pn_is(r, c, "a style rule", SP_NODE_MAP))
			read_rule(r, c);
}

static void high_risk(struct sp_policy_reader *r, const char *name, struct sp_at at)
{
	struct sp_policy_tool *t;

	if (r->err)
		return;
	r->err = sp_policy_tool_add(r->p, at, &t);
	if (r->err)
		return;
	t->name = name;
	t->base_risk = -1;
	t->high_risk = true;
}

void sp_form_risk(struct sp_policy_reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {"high_risk_actions", "auto_block_threshold", NULL};
	struct sp_policy_risk *risk = &r->p->risk;
	struct sp_policy_strs tools = {0};
	uint32_t threshold;

	if (!sp_pn_is(r, map, "risk_scoring", SP_NODE_MAP))
		return;
	sp_pn_keys(r, map, "risk_scoring", keys, NULL);
	if (!risk->on)
		risk->at = sp_pn_at(r, map);
	risk->on = true;
	sp_pn_texts(r, map, "high_risk_actions", sp_policy_tool_wrong, &tools);
	for (uint32_t i = 0; i < tools.n; i++)
		high_risk(r, tools.v[i], sp_pn_at(r, sp_node_get(map, "high_risk_actions")));
	threshold = (uint32_t)sp_pn_count(r, map, "auto_block_threshold", 100);
	if (threshold)
		risk->auto_block =
			risk->auto_block ? sp_min(risk->auto_block, threshold) : threshold;
}
