#include "config/whitelist.h"

#include "common/limits.h"
#include "config/tree.h"
#include "config/value.h"

#include <stdio.h>
#include "common/banned.h"

#define ACTIONS_PER_AGENT_MAX 10000u

struct reader {
	struct sp_policy *p;
	const struct sp_tree *tree;
	struct sp_check *check;
	int err; ///< -ENOMEM or -E2BIG
};

static struct sp_at at(const struct reader *r, const struct sp_node *n)
{
	return sp_node_at(r->tree, n);
}

/// NULL, or what is wrong with a name.
static const char *name_wrong(const struct sp_node *n)
{
	if (n->kind != SP_NODE_SCALAR || !n->quoted)
		return "has to be a string";
	if (n->n == 0 || n->n > SP_POLICY_NAME_MAX)
		return "has to have 1 to 128 characters";
	for (const char *s = n->text; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return "has to be visible ASCII without blanks";
	if (strchr(n->text, '*'))
		return "holds a *: names are exact, there are no wildcards";
	return NULL;
}

static bool name_ok(struct reader *r, const struct sp_node *n, const char *what)
{
	const char *wrong = name_wrong(n);

	if (wrong)
		sp_check_add(r->check, at(r, n), NULL, "%s: '%s' %s", what,
			n->kind == SP_NODE_SCALAR ? n->text : "...", wrong);
	return !wrong;
}

/// Every member's key is among `keys` (ended by NULL).
static void check_keys(struct reader *r, const struct sp_node *map, const char *const *keys)
{
	for (const struct sp_node *c = map->first; c; c = c->next) {
		const char *const *k = keys;
		const char *near;
		char mend[96];

		while (*k && strcmp(*k, c->key->text) != 0)
			k++;
		if (*k)
			continue;
		near = sp_value_nearest(c->key->text, keys);
		if (near)
			snprintf(mend, sizeof(mend), "did you mean '%s'?", near);
		sp_check_add(r->check, at(r, c->key), near ? mend : NULL, "unknown key '%s'",
			c->key->text);
	}
}

static uint64_t read_limit(
	struct reader *r, const struct sp_node *map, const char *key, uint64_t max)
{
	const struct sp_node *n = map ? sp_node_get(map, key) : NULL;
	uint64_t v = 0;

	if (!n)
		return 0;
	if (n->kind != SP_NODE_SCALAR || n->quoted || sp_value_number(n->text, &v) < 0)
		sp_check_add(r->check, at(r, n), NULL, "%s: '%s' is no whole number of 1 or more",
			key, n->kind == SP_NODE_SCALAR ? n->text : "...");
	else if (v == 0)
		sp_check_add(r->check, at(r, n),
			"leave it out for no limit, empty allowed_actions to allow nothing",
			"%s: 0 could mean nothing or everything", key);
	else if (v > max)
		sp_check_add(r->check, at(r, n), NULL, "%s: %s is above the maximum of %llu", key,
			n->text, (unsigned long long)max);
	else
		return v;
	return 0;
}

/// A member that is a mapping with only these keys, or NULL when it is absent or wrong.
static const struct sp_node *read_part(
	struct reader *r, const struct sp_node *map, const char *key, const char *const *keys)
{
	const struct sp_node *n = sp_node_get(map, key);

	if (!n)
		return NULL;
	if (n->kind != SP_NODE_MAP) {
		sp_check_add(r->check, at(r, n), NULL, "%s has to be an object", key);
		return NULL;
	}
	check_keys(r, n, keys);
	return n;
}

static void read_level(struct reader *r, const struct sp_node *map, struct sp_policy_agent *a)
{
	const struct sp_node *n = sp_node_get(map, "audit_level");

	if (!n)
		return;
	if (n->kind != SP_NODE_SCALAR || !n->quoted ||
		sp_audit_level_parse(sp_bytes_cstr(n->text), &a->audit_level) < 0)
		sp_check_add(r->check, at(r, n), "basic, enhanced or strict",
			"audit_level: '%s' is no audit level",
			n->kind == SP_NODE_SCALAR ? n->text : "...");
	a->has_audit_level = true;
}

static void read_actions(struct reader *r, const struct sp_node *map, struct sp_policy_agent *a)
{
	const struct sp_node *list = sp_node_get(map, "allowed_actions");

	if (!list || list->kind != SP_NODE_SEQ || list->n > ACTIONS_PER_AGENT_MAX) {
		sp_check_add(r->check, at(r, list ? list : map),
			"a list of the tools this agent may call", "allowed_actions %s",
			!list                       ? "is missing"
			: list->kind != SP_NODE_SEQ ? "has to be a list"
						    : "has too many entries");
		return;
	}
	a->actions = sp_arena_alloc(&r->p->arena, (list->n + 1) * sizeof(*a->actions));
	if (!a->actions) {
		r->err = -ENOMEM;
		return;
	}
	for (const struct sp_node *c = list->first; c && !r->err; c = c->next) {
		uint32_t action;

		if (!name_ok(r, c, "allowed_actions"))
			continue;
		r->err = sp_policy_action(r->p, sp_bytes(c->text, c->n), &action);
		if (!r->err)
			a->actions[a->actions_n++] = action;
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void check_repeats(struct reader *r, const struct sp_node *map, struct sp_policy_agent *a)
{
	if (a->actions_n == 0)
		return;
	qsort(a->actions, a->actions_n, sizeof(*a->actions), by_number);
	for (uint32_t i = 1; i < a->actions_n; i++)
		if (a->actions[i] == a->actions[i - 1])
			sp_check_add(r->check, at(r, sp_node_get(map, "allowed_actions")),
				"keep one of them", "allowed_actions: '%s' stands there twice",
				r->p->action[a->actions[i]]);
}

static struct sp_policy_agent *add_agent(struct reader *r, const struct sp_node *name)
{
	struct sp_policy_agent *a = NULL;
	int err = sp_policy_agent_add(r->p, sp_bytes(name->text, name->n), at(r, name), &a);

	if (err == -EEXIST) {
		sp_check_add(r->check, at(r, name), "an agent has one policy; join the two",
			"agent '%s' stands at %s:%u already", name->text, a->at.file, a->at.line);
		return NULL;
	}
	if (err)
		r->err = err;
	return err ? NULL : a;
}

static void read_agent(struct reader *r, const struct sp_node *map)
{
	static const char *const keys[] = {
		"tool_id", "allowed_actions", "rate_limits", "budget_limits", "audit_level", NULL};
	static const char *const rates[] = {"per_minute", "per_hour", NULL};
	static const char *const budgets[] = {"per_request_tokens", "daily_max_tokens", NULL};
	const struct sp_node *name = sp_node_get(map, "tool_id"), *part;
	struct sp_policy_agent *a;

	if (!name) {
		sp_check_add(r->check, at(r, map),
			"an object with tool_id, allowed_actions, rate_limits, budget_limits, "
			"audit_level",
			"tool_id is missing: this is no allow-list, and no other form is read yet");
		return;
	}
	check_keys(r, map, keys);
	a = name_ok(r, name, "tool_id") ? add_agent(r, name) : NULL;
	if (!a)
		return;
	a->has_allow_list = true;
	read_actions(r, map, a);
	check_repeats(r, map, a);
	part = read_part(r, map, "rate_limits", rates);
	a->per_minute = (uint32_t)read_limit(r, part, "per_minute", SP_LIMIT_CALLS_MAX);
	a->per_hour = (uint32_t)read_limit(r, part, "per_hour", SP_LIMIT_CALLS_MAX);
	part = read_part(r, map, "budget_limits", budgets);
	a->per_request_tokens = read_limit(r, part, "per_request_tokens", SP_LIMIT_TOKENS_MAX);
	a->daily_tokens = read_limit(r, part, "daily_max_tokens", SP_LIMIT_TOKENS_MAX);
	read_level(r, map, a);
}

static void read_root(struct reader *r)
{
	const struct sp_node *root = r->tree->root;

	if (root->kind == SP_NODE_MAP) {
		read_agent(r, root);
		return;
	}
	if (root->kind == SP_NODE_SEQ) {
		for (const struct sp_node *c = root->first; c && !r->err; c = c->next) {
			if (c->kind == SP_NODE_MAP)
				read_agent(r, c);
			else
				sp_check_add(r->check, at(r, c), NULL, "an object was expected");
		}
		return;
	}
	sp_check_add(r->check, at(r, root), NULL, "an object or a list of objects was expected");
}

int sp_whitelist_read(
	struct sp_policy *p, struct sp_bytes text, const char *file, struct sp_check *check)
{
	uint32_t before = sp_check_count(check);
	struct sp_tree tree;
	struct reader r = {p, &tree, check, 0};

	SP_TRY(sp_json_tree_parse(text, file, check, &tree));
	read_root(&r);
	if (r.err == -E2BIG) {
		sp_check_add(check, (struct sp_at){file, 0, 0}, NULL, "too many agents or actions");
		r.err = -EBADMSG;
	}
	sp_tree_done(&tree);
	if (r.err)
		return r.err;
	return sp_check_count(check) == before ? 0 : -EBADMSG;
}
