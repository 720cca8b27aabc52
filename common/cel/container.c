#include "common/cel/value.h"

#include "common/banned.h"

#define ROOM_MIN 4u ///< elements a growing list begins with

uint32_t cel_count(const struct sp_cel *v)
{
	if (v->is_json)
		return v->json.doc->tok[v->json.tok].count;
	return v->type == SP_CEL_LIST ? v->list->n : v->map->n;
}

void cel_cursor_init(struct cel_cursor *c, const struct sp_cel *container)
{
	c->of = *container;
	c->i = 0;
	c->n = cel_count(container);
	c->tok = container->is_json ? container->json.tok + 1 : 0;
}

static bool next_json(struct cel_cursor *c, struct sp_cel_arena *arena, struct sp_cel *key,
	struct sp_cel *value, enum sp_cel_error *ret_error)
{
	const struct sp_json *doc = c->of.json.doc;

	*ret_error = sp_cel_from_json(doc, c->tok, arena, key);
	if (c->of.type == SP_CEL_MAP) {
		if (value && *ret_error == SP_CEL_E_NONE)
			*ret_error = sp_cel_from_json(doc, c->tok + 1, arena, value);
		c->tok++;
	}
	c->tok = doc->tok[c->tok].next;
	return *ret_error == SP_CEL_E_NONE;
}

bool cel_cursor_next(struct cel_cursor *c, struct sp_cel_arena *arena, struct sp_cel *key,
	struct sp_cel *value, enum sp_cel_error *ret_error)
{
	uint32_t i = c->i;

	*ret_error = SP_CEL_E_NONE;
	if (i >= c->n)
		return false;
	c->i++;
	if (c->of.is_json)
		return next_json(c, arena, key, value, ret_error);
	if (c->of.type == SP_CEL_MAP) {
		*key = c->of.map->kv[i][0];
		if (value)
			*value = c->of.map->kv[i][1];
		return true;
	}
	if (c->of.list->prog) {
		*ret_error = cel_from_const(c->of.list->prog, c->of.list->first + i, arena, key);
		return *ret_error == SP_CEL_E_NONE;
	}
	*key = c->of.list->v[i];
	return true;
}

/// The position a key means in a list: integral, of whatever numeric type.
static enum sp_cel_error position(const struct sp_cel *key, uint64_t *ret)
{
	switch (key->type) {
	case SP_CEL_INT:
		if (key->i < 0)
			return SP_CEL_E_INDEX;
		*ret = (uint64_t)key->i;
		return SP_CEL_E_NONE;
	case SP_CEL_UINT:
		*ret = key->u;
		return SP_CEL_E_NONE;
	case SP_CEL_DOUBLE:
		if (!(key->d >= 0 && key->d < 4294967296.0 && (double)(uint64_t)key->d == key->d))
			return SP_CEL_E_INDEX;
		*ret = (uint64_t)key->d;
		return SP_CEL_E_NONE;
	default:
		return SP_CEL_E_NO_OVERLOAD;
	}
}

static enum sp_cel_error element(
	const struct sp_cel *list, uint64_t i, struct cel_meter *m, struct sp_cel *ret)
{
	const struct sp_cel_list *l = list->list;
	uint32_t tok;

	if (i >= cel_count(list))
		return SP_CEL_E_INDEX;
	if (list->is_json) {
		if (!cel_pay(m, i / 8))
			return SP_CEL_E_COST;
		tok = list->json.tok + 1;
		for (uint64_t k = 0; k < i; k++)
			tok = list->json.doc->tok[tok].next;
		return sp_cel_from_json(list->json.doc, tok, m->arena, ret);
	}
	if (l->prog)
		return cel_from_const(l->prog, l->first + (uint32_t)i, m->arena, ret);
	*ret = l->v[i];
	return SP_CEL_E_NONE;
}

bool sp_cel_pay_members(struct cel_meter *m, uint32_t n)
{
	return cel_pay(m, n / 8);
}

enum sp_cel_error sp_cel_field_of_json(const struct sp_json *doc, uint32_t obj, struct sp_bytes name,
	struct cel_meter *m, struct sp_cel *ret)
{
	uint32_t tok;

	if (!cel_pay(m, doc->tok[obj].count / 8))
		return SP_CEL_E_COST;
	tok = sp_json_get(doc, obj, name);
	return tok == SP_JSON_NONE ? SP_CEL_E_NO_SUCH_KEY : sp_cel_from_json(doc, tok, m->arena, ret);
}

enum sp_cel_error cel_field(
	const struct sp_cel *map, struct sp_bytes name, struct cel_meter *m, struct sp_cel *ret)
{
	const struct sp_cel_map *t = map->map;

	if (map->type != SP_CEL_MAP)
		return SP_CEL_E_NO_OVERLOAD;
	if (map->is_json)
		return sp_cel_field_of_json(map->json.doc, map->json.tok, name, m, ret);
	if (!cel_pay(m, t->n / 8))
		return SP_CEL_E_COST;
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->kv[i][0].type == SP_CEL_STRING && sp_bytes_eq(t->kv[i][0].s, name)) {
			*ret = t->kv[i][1];
			return SP_CEL_E_NONE;
		}
	}
	return SP_CEL_E_NO_SUCH_KEY;
}

enum sp_cel_error cel_index(const struct sp_cel *container, const struct sp_cel *key,
	struct cel_meter *m, struct sp_cel *ret)
{
	const struct sp_cel_map *t = container->map;
	enum sp_cel_error e;
	uint64_t i;
	bool same;

	if (container->type == SP_CEL_LIST) {
		e = position(key, &i);
		return e ? e : element(container, i, m, ret);
	}
	if (container->type != SP_CEL_MAP)
		return SP_CEL_E_NO_OVERLOAD;
	if (key->type == SP_CEL_STRING)
		return cel_field(container, key->s, m, ret);
	if (container->is_json || (!cel_is_number(key) && key->type != SP_CEL_BOOL))
		return SP_CEL_E_NO_SUCH_KEY;
	if (!cel_pay(m, t->n / 8))
		return SP_CEL_E_COST;
	for (uint32_t k = 0; k < t->n; k++) {
		e = cel_equal(&t->kv[k][0], key, m, &same);
		if (e)
			return e;
		if (same) {
			*ret = t->kv[k][1];
			return SP_CEL_E_NONE;
		}
	}
	return SP_CEL_E_NO_SUCH_KEY;
}

enum sp_cel_error cel_in(
	const struct sp_cel *v, const struct sp_cel *container, struct cel_meter *m, bool *ret)
{
	struct cel_cursor c;
	struct sp_cel element_of;
	enum sp_cel_error e;

	if (container->type == SP_CEL_MAP) {
		e = cel_index(container, v, m, &element_of);
		if (e && e != SP_CEL_E_NO_SUCH_KEY)
			return e;
		*ret = e == SP_CEL_E_NONE;
		return SP_CEL_E_NONE;
	}
	if (container->type != SP_CEL_LIST)
		return SP_CEL_E_NO_OVERLOAD;
	cel_cursor_init(&c, container);
	*ret = false;
	while (!*ret && cel_cursor_next(&c, m->arena, &element_of, NULL, &e)) {
		if (!cel_pay(m, 1))
			return SP_CEL_E_COST;
		e = cel_equal(&element_of, v, m, ret);
		if (e)
			return e;
	}
	return e;
}

enum sp_cel_error cel_new_list(struct sp_cel_arena *a, uint32_t cap, struct sp_cel *ret)
{
	struct sp_cel_list *l = sp_cel_alloc(a, sizeof(*l));
	struct sp_cel *v = cap ? sp_cel_alloc(a, cap * sizeof(*v)) : NULL;

	if (!l || (cap && !v))
		return SP_CEL_E_COST;
	*l = (struct sp_cel_list){.cap = cap, .v = v};
	*ret = (struct sp_cel){.type = SP_CEL_LIST, .list = l};
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_new_map(struct sp_cel_arena *a, uint32_t cap, struct sp_cel *ret)
{
	struct sp_cel_map *t = sp_cel_alloc(a, sizeof(*t));
	struct sp_cel(*kv)[2] = cap ? sp_cel_alloc(a, cap * sizeof(*kv)) : NULL;

	if (!t || (cap && !kv))
		return SP_CEL_E_COST;
	*t = (struct sp_cel_map){.cap = cap, .kv = kv};
	*ret = (struct sp_cel){.type = SP_CEL_MAP, .map = t};
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_push(struct sp_cel *list, const struct sp_cel *v, struct sp_cel_arena *a)
{
	struct sp_cel_list *l;
	struct sp_cel *more;

	if (list->type != SP_CEL_LIST || list->is_json || list->list->prog)
		return SP_CEL_E_BAD_PROGRAM;
	l = (struct sp_cel_list *)(uintptr_t)list->list;
	if (l->n == l->cap) {
		more = sp_cel_alloc(a, (l->cap * 2ul + ROOM_MIN) * sizeof(*more));
		if (!more)
			return SP_CEL_E_COST;
		if (l->n)
			memcpy(more, l->v, l->n * sizeof(*more));
		l->v = more;
		l->cap = l->cap * 2 + ROOM_MIN;
	}
	l->v[l->n++] = *v;
	return SP_CEL_E_NONE;
}

enum sp_cel_error cel_put(
	struct sp_cel *map, const struct sp_cel *k, const struct sp_cel *v, struct cel_meter *m)
{
	struct sp_cel_map *t;
	struct sp_cel there;
	enum sp_cel_error e;

	if (map->type != SP_CEL_MAP || map->is_json)
		return SP_CEL_E_BAD_PROGRAM;
	if (k->type != SP_CEL_STRING && k->type != SP_CEL_INT && k->type != SP_CEL_UINT &&
		k->type != SP_CEL_BOOL)
		return SP_CEL_E_NO_OVERLOAD;
	t = (struct sp_cel_map *)(uintptr_t)map->map;
	e = cel_index(map, k, m, &there);
	if (e != SP_CEL_E_NO_SUCH_KEY)
		return e ? e : SP_CEL_E_REPEATED_KEY;
	if (t->n == t->cap)
		return SP_CEL_E_BAD_PROGRAM;
	t->kv[t->n][0] = *k;
	t->kv[t->n][1] = *v;
	t->n++;
	return SP_CEL_E_NONE;
}
