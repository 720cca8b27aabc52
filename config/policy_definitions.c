#include "config/policy_forms.h"
#include "config/policy_text.h"

#include <stdio.h>
#include "common/banned.h"

#define TEXT_MAX 4096u // of a description, reason, condition

static const char *prose_wrong(const char *s)
{
	if (strlen(s) > TEXT_MAX)
		return "is too long";
	return *s ? NULL : "may not be empty";
}

static const char *line_wrong(const char *s)
{
	return strpbrk(s, "\n\t") ? "has to be one line" : prose_wrong(s);
}

static const char *condition_wrong(const char *s)
{
	if (strlen(s) > TEXT_MAX)
		return "is too long";
	return s[strspn(s, " \t\n")] ? NULL : "says nothing";
}

static const char *join_name(struct sp_policy_reader *r, const char *group, const char *rest)
{
	char text[2 * SP_POLICY_NAME_MAX];
	int n = snprintf(text, sizeof(text), "%s/%s", group, rest);
	const char *copy =
		sp_arena_str(&r->p->arena, sp_bytes(text, sp_min((size_t)n, sizeof(text) - 1)));

	if (!copy)
		r->err = -ENOMEM;
	return copy;
}

static void read_condition(
	struct sp_policy_reader *r, const struct sp_node *n, struct sp_policy_rule *rule)
{
	const char *text = sp_pn_text(r, n, "condition", condition_wrong);
	struct sp_at at = sp_pn_at(r, n);
	struct sp_written written;

	if (!text)
		return;
	at.line = n->text_line;
	at.col = n->text_col;
	if (sp_written_copy(&r->p->arena, &n->written, &written) < 0)
		r->err = -ENOMEM;
	else
		rule->when.v[rule->when.n++] = (struct sp_policy_condition){text, at, written};
}

/// A key that stands twice, or a list: all of them are required.
static void read_conditions(
	struct sp_policy_reader *r, const struct sp_node *map, struct sp_policy_rule *rule)
{
	uint32_t n = 0;

	for (const struct sp_node *c = map->first; c; c = c->next)
		if (strcmp(c->key->text, "condition") == 0)
			n += c->kind == SP_NODE_SEQ ? c->n : 1;
	rule->when.v = sp_arena_alloc(&r->p->arena, (n + 1) * sizeof(*rule->when.v));
	if (!rule->when.v) {
		r->err = -ENOMEM;
		return;
	}
	for (const struct sp_node *c = map->first; c; c = c->next) {
		if (strcmp(c->key->text, "condition") != 0)
			continue;
		if (c->kind == SP_NODE_SEQ && c->n == 0)
			sp_check_add(r->check, sp_pn_at(r, c), "leave it out",
				"condition: the list is empty");
		for (const struct sp_node *i = c->kind == SP_NODE_SEQ ? c->first : NULL; i;
			i = i->next)
			read_condition(r, i, rule);
		if (c->kind != SP_NODE_SEQ)
			read_condition(r, c, rule);
	}
}

static void read_rule(struct sp_policy_reader *r, const struct sp_node *map, const char *group,
	uint32_t group_no, uint32_t no)
{
	static const char *const keys[] = {"action", "condition", "allowed", "reason", NULL};
	struct sp_policy_rule *rule;
	const char **tool = sp_arena_alloc(&r->p->arena, sizeof(*tool));
	bool allowed = false;
	char number[16];

	r->err = tool ? sp_policy_rule_add(r->p, sp_pn_at(r, map), &rule) : -ENOMEM;
	if (r->err)
		return;
	sp_pn_keys(r, map, "a rule", keys, "condition");
	*tool = sp_pn_member(r, map, "action", sp_policy_tool_wrong, "the tool it is about");
	if (!sp_node_get(map, "allowed"))
		sp_check_add(r->check, sp_pn_at(r, map), "true or false", "allowed is missing");
	sp_pn_bool(r, map, "allowed", &allowed);
	snprintf(number, sizeof(number), "%u", no);
	rule->name = join_name(r, group, number);
	rule->group = group_no;
	rule->effect = allowed ? SP_EFFECT_ALLOW : SP_EFFECT_DENY;
	rule->reason = sp_pn_member(r, map, "reason", line_wrong, NULL);
	rule->tools = (struct sp_policy_strs){tool, *tool != NULL};
	read_conditions(r, map, rule);
}

static void add_limit(struct sp_policy_reader *r, const struct sp_node *at, const char *name,
	struct sp_policy_limit limit)
{
	struct sp_policy_limit *l;

	if (!limit.max || r->err || !name)
		return;
	r->err = sp_policy_limit_add(r->p, sp_pn_at(r, at), &l);
	if (r->err)
		return;
	limit.at = l->at;
	limit.name = name;
	limit.by_agent = true;
	*l = limit;
}

static void read_limits(
	struct sp_policy_reader *r, const struct sp_node *map, const char *group, uint32_t group_no)
{
	static const char *const keys[] = {"requests_per_minute", "tokens_per_request", NULL};
	const struct sp_node *part = sp_pn_part(r, map, "rate_limits", keys);

	if (!part)
		return;
	add_limit(r, part, join_name(r, group, keys[0]),
		(struct sp_policy_limit){.kind = SP_LIMIT_CALLS,
			.per = SP_PER_MINUTE,
			.group = group_no,
			.max = sp_pn_count(r, part, keys[0], SP_LIMIT_CALLS_MAX)});
	add_limit(r, part, join_name(r, group, keys[1]),
		(struct sp_policy_limit){.kind = SP_LIMIT_TOKENS,
			.per = SP_PER_REQUEST,
			.group = group_no,
			.max = sp_pn_count(r, part, keys[1], SP_LIMIT_TOKENS_MAX)});
}

static void read_rules(
	struct sp_policy_reader *r, const struct sp_node *map, const char *group, uint32_t group_no)
{
	const struct sp_node *rules = sp_node_get(map, "rules");
	uint32_t no = 0;

	if (!rules) {
		sp_check_add(r->check, sp_pn_at(r, map), "a list of what is allowed and denied",
			"rules is missing");
		return;
	}
	if (!sp_pn_is(r, rules, "rules", SP_NODE_SEQ))
		return;
	for (const struct sp_node *c = rules->first; c && !r->err; c = c->next)
		if (sp_pn_is(r, c, "a rule", SP_NODE_MAP))
			read_rule(r, c, group, group_no, ++no);
}

static void read_group(struct sp_policy_reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {
		"name", "description", "rules", "rate_limits", "audit", NULL};
	static const char *const audits[] = {"log_level", "store_in", NULL};
	struct sp_policy_group *g;
	const struct sp_node *audit;
	const char *name;
	uint32_t no = r->p->groups_n;

	sp_pn_keys(r, map, "a policy definition", keys, NULL);
	name = sp_pn_member(r, map, "name", sp_policy_title_wrong, "every definition has one");
	if (!name || r->err)
		return;
	r->err = sp_policy_group_add(r->p, sp_pn_at(r, map), &g);
	if (r->err)
		return;
	g->name = name;
	g->description = sp_pn_member(r, map, "description", prose_wrong, NULL);
	audit = sp_pn_part(r, map, "audit", audits);
	if (audit) {
		sp_pn_level(r, audit, "log_level", &g->has_audit_level, &g->audit_level);
		g->store = sp_pn_member(r, audit, "store_in", sp_policy_word_wrong, NULL);
	}
	read_rules(r, map, name, no);
	read_limits(r, map, name, no);
}

void sp_form_definitions(struct sp_policy_reader *r, const struct sp_node *list)
{
	if (!sp_pn_is(r, list, "policy_definitions", SP_NODE_SEQ))
		return;
	for (const struct sp_node *c = list->first; c && !r->err; c = c->next)
		if (sp_pn_is(r, c, "a policy definition", SP_NODE_MAP))
			read_group(r, c);
}
