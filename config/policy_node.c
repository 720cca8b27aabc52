#include "config/policy_node.h"

#include "config/value.h"

#include <stdio.h>
#include <strings.h>
#include "common/banned.h"

#define LIST_MAX 10000u

struct sp_at sp_pn_at(const struct sp_policy_reader *r, const struct sp_node *n)
{
	return (struct sp_at){r->file, n->line, n->col};
}

const char *sp_pn_show(const struct sp_node *n)
{
	return n->kind == SP_NODE_SCALAR ? n->text : "...";
}

static const char *nearest(const char *s, const char *const *keys)
{
	for (const char *const *k = keys; *k; k++)
		if (strcasecmp(*k, s) == 0)
			return *k;
	return sp_value_nearest(s, keys);
}

static bool known(const char *s, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(*keys, s) == 0)
			return true;
	return false;
}

void sp_pn_keys(struct sp_policy_reader *r, const struct sp_node *map, const char *form,
	const char *const *keys, const char *may_repeat)
{
	for (const struct sp_node *c = map->first; c; c = c->next) {
		const char *key = c->key->text, *near;
		char mend[96];

		if (known(key, keys)) {
			if (c->repeated && (!may_repeat || strcmp(key, may_repeat) != 0))
				sp_check_add(r->check, sp_pn_at(r, c->key), "keep one of them",
					"%s stands here a second time", key);
			continue;
		}
		near = nearest(key, keys);
		if (near)
			snprintf(mend, sizeof(mend), "did you mean '%s'?", near);
		sp_check_add(r->check, sp_pn_at(r, c->key), near ? mend : NULL,
			"unknown key '%s' in %s", key, form);
	}
}

bool sp_pn_is(struct sp_policy_reader *r, const struct sp_node *n, const char *what,
	enum sp_node_kind kind)
{
	static const char *const names[] = {[SP_NODE_SCALAR] = "a single value",
		[SP_NODE_SEQ] = "a list",
		[SP_NODE_MAP] = "an object"};

	if (!n)
		return false;
	if (n->kind == kind)
		return true;
	sp_check_add(r->check, sp_pn_at(r, n), NULL, "%s has to be %s", what, names[kind]);
	return false;
}

const struct sp_node *sp_pn_part(struct sp_policy_reader *r, const struct sp_node *map,
	const char *key, const char *const *keys)
{
	const struct sp_node *n = sp_node_get(map, key);

	if (!sp_pn_is(r, n, key, SP_NODE_MAP))
		return NULL;
	sp_pn_keys(r, n, key, keys, NULL);
	return n;
}

const char *sp_pn_text(struct sp_policy_reader *r, const struct sp_node *n, const char *what,
	sp_policy_wrong_fn *wrong_fn)
{
	const char *wrong = NULL, *copy;

	if (n->kind != SP_NODE_SCALAR || (r->json && !n->quoted))
		wrong = "has to be a string";
	else if (!n->quoted && (strcmp(n->text, "null") == 0 || strcmp(n->text, "~") == 0))
		wrong = "is nothing: leave the key out, or put quotes around it";
	else
		wrong = wrong_fn(n->text);
	if (wrong) {
		sp_check_add(
			r->check, sp_pn_at(r, n), NULL, "%s: '%s' %s", what, sp_pn_show(n), wrong);
		return NULL;
	}
	copy = sp_arena_str(&r->p->arena, sp_bytes(n->text, n->n));
	if (!copy)
		r->err = -ENOMEM;
	return copy;
}

const char *sp_pn_member(struct sp_policy_reader *r, const struct sp_node *map, const char *key,
	sp_policy_wrong_fn *wrong, const char *hint)
{
	const struct sp_node *n = sp_node_get(map, key);

	if (n)
		return sp_pn_text(r, n, key, wrong);
	if (hint)
		sp_check_add(r->check, sp_pn_at(r, map), hint, "%s is missing", key);
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_repeats(struct sp_policy_reader *r, const struct sp_node *list, const char *key,
	const struct sp_policy_strs *v)
{
	const char **sorted = v->n ? calloc(v->n, sizeof(*sorted)) : NULL;

	if (!sorted) {
		r->err = v->n ? -ENOMEM : r->err;
		return;
	}
	memcpy(sorted, v->v, v->n * sizeof(*sorted));
	qsort(sorted, v->n, sizeof(*sorted), by_text);
	for (uint32_t i = 1; i < v->n; i++)
		if (strcmp(sorted[i], sorted[i - 1]) == 0)
			sp_check_add(r->check, sp_pn_at(r, list), "keep one of them",
				"%s: '%s' stands there twice", key, sorted[i]);
	free(sorted);
}

bool sp_pn_texts(struct sp_policy_reader *r, const struct sp_node *map, const char *key,
	sp_policy_wrong_fn *wrong, struct sp_policy_strs *ret)
{
	const struct sp_node *list = sp_node_get(map, key);
	struct sp_policy_strs v = {0};

	if (!sp_pn_is(r, list, key, SP_NODE_SEQ))
		return false;
	if (list->n > LIST_MAX) {
		sp_check_add(r->check, sp_pn_at(r, list), NULL, "%s has too many entries", key);
		return true;
	}
	v.v = sp_arena_alloc(&r->p->arena, (list->n + 1) * sizeof(*v.v));
	if (!v.v) {
		r->err = -ENOMEM;
		return true;
	}
	for (const struct sp_node *c = list->first; c && !r->err; c = c->next) {
		const char *s = sp_pn_text(r, c, key, wrong);

		if (s)
			v.v[v.n++] = s;
	}
	check_repeats(r, list, key, &v);
	*ret = v;
	return true;
}

bool sp_pn_bool(struct sp_policy_reader *r, const struct sp_node *map, const char *key, bool *ret)
{
	const struct sp_node *n = sp_node_get(map, key);

	if (!n)
		return false;
	if (n->kind == SP_NODE_SCALAR && sp_value_bool(n->text, ret) == 0)
		return true;
	sp_check_add(r->check, sp_pn_at(r, n), "true or false",
		"%s: '%s' is neither true nor false", key, sp_pn_show(n));
	return false;
}

uint64_t sp_pn_count(
	struct sp_policy_reader *r, const struct sp_node *map, const char *key, uint64_t max)
{
	const struct sp_node *n = map ? sp_node_get(map, key) : NULL;
	uint64_t v = 0;

	if (!n)
		return 0;
	if (n->kind != SP_NODE_SCALAR || n->quoted || sp_value_number(n->text, &v) < 0)
		sp_check_add(r->check, sp_pn_at(r, n), NULL,
			"%s: '%s' is no whole number of 1 or more", key, sp_pn_show(n));
	else if (v == 0)
		sp_check_add(r->check, sp_pn_at(r, n),
			"leave it out for no limit, grant nothing to allow nothing",
			"%s: 0 could mean nothing or everything", key);
	else if (v > max)
		sp_check_add(r->check, sp_pn_at(r, n), NULL, "%s: %s is above the maximum of %llu",
			key, n->text, (unsigned long long)max);
	else
		return v;
	return 0;
}

void sp_pn_level(struct sp_policy_reader *r, const struct sp_node *map, const char *key, bool *has,
	enum sp_audit_level *ret)
{
	const struct sp_node *n = map ? sp_node_get(map, key) : NULL;

	if (!n)
		return;
	*has = true;
	if (n->kind != SP_NODE_SCALAR || (r->json && !n->quoted) ||
		sp_audit_level_parse(sp_bytes_cstr(n->text), ret) < 0)
		sp_check_add(r->check, sp_pn_at(r, n), "basic, enhanced or strict",
			"%s: '%s' is no audit level", key, sp_pn_show(n));
}
