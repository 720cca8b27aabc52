#include "config/compile_inner.h"

#include "common/room.h"
#include "common/url.h"
#include "common/banned.h"

void *sp_compile_room(struct sp_compiling *k, size_t n, size_t size)
{
	return sp_arena_alloc(&k->c->arena, (n ? n : 1) * size);
}

int sp_inverse_init(struct sp_inverse *v, uint32_t keys)
{
	*v = (struct sp_inverse){.keys = keys, .last = calloc(keys + 1ul, sizeof(*v->last))};
	return v->last ? 0 : -ENOMEM;
}

void sp_inverse_done(struct sp_inverse *v)
{
	free(v->pair);
	free(v->last);
	*v = (struct sp_inverse){0};
}

int sp_inverse_add(struct sp_compiling *k, struct sp_inverse *v, uint32_t key, uint32_t value)
{
	uint64_t *room;

	SP_BUG_IF(key >= v->keys);
	if (v->last[key] == value + 1)
		return 0;
	if (++k->entries > SP_COMPILED_HITS_MAX)
		return -E2BIG;
	room = sp_room_for_one(v->pair, v->n, &v->cap, sizeof(*room));
	if (!room)
		return -ENOMEM;
	v->pair = room;
	v->last[key] = value + 1;
	v->pair[v->n++] = (uint64_t)key << 32 | value;
	return 0;
}

int sp_inverse_lists(struct sp_compiling *k, const struct sp_inverse *v, struct sp_lists *ret)
{
	struct sp_list *list = sp_compile_room(k, v->keys, sizeof(*list));
	uint32_t *all = sp_compile_room(k, v->n, sizeof(*all)), at = 0;
	uint32_t *next = calloc(v->keys + 1ul, sizeof(*next));

	if (!list || !all || !next) {
		free(next);
		return -ENOMEM;
	}
	for (size_t i = 0; i < v->n; i++)
		list[v->pair[i] >> 32].n++;
	for (uint32_t i = 0; i < v->keys; i++) {
		list[i].v = all + at;
		next[i] = at;
		at += list[i].n;
	}
	for (size_t i = 0; i < v->n; i++)
		all[next[v->pair[i] >> 32]++] = (uint32_t)v->pair[i];
	free(next);
	*ret = (struct sp_lists){list, v->keys};
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

uint32_t sp_compile_sort(uint32_t *v, uint32_t n)
{
	uint32_t kept = 0;
	bool sorted = true;

	for (uint32_t i = 1; i < n && sorted; i++)
		sorted = v[i - 1] <= v[i];
	if (!sorted)
		qsort(v, n, sizeof(*v), by_number);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			v[kept++] = v[i];
	return kept;
}

int sp_compile_numbers(struct sp_compiling *k, const struct sp_names *names,
	const struct sp_policy_strs *strs, struct sp_at at, const char *what, struct sp_list *ret)
{
	uint32_t *v = sp_compile_room(k, strs->n, sizeof(*v)), n = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < strs->n; i++) {
		v[n] = sp_names_find(names, strs->v[i]);
		if (v[n] == SP_SNAP_NONE)
			sp_check_add(
				k->check, at, NULL, "%s '%s' is not declared", what, strs->v[i]);
		else
			n++;
	}
	*ret = (struct sp_list){v, sp_compile_sort(v, n)};
	return 0;
}

uint64_t sp_compile_bits(const struct sp_names *names, const struct sp_policy_strs *strs)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < strs->n; i++) {
		uint32_t bit = sp_names_find(names, strs->v[i]);

		if (bit < 64)
			bits |= 1ull << bit;
	}
	return bits;
}

static int add_glob(struct sp_globs *g, const char *tool)
{
	uint32_t no;

	return sp_is_glob(tool) ? sp_names_add(&g->names, tool, &no) : 0;
}

static int add_globs(struct sp_globs *g, const struct sp_policy_strs *strs)
{
	for (uint32_t i = 0; i < strs->n; i++)
		SP_TRY(add_glob(g, strs->v[i]));
	return 0;
}

static int gather(struct sp_globs *g, const struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->rules_n; i++)
		SP_TRY(add_globs(g, &p->rule[i].tools));
	for (uint32_t i = 0; i < p->limits_n; i++)
		SP_TRY(add_globs(g, &p->limit[i].tools));
	for (uint32_t i = 0; i < p->purposes_n; i++)
		SP_TRY(add_globs(g, &p->purpose[i].tools));
	for (uint32_t i = 0; i < p->tools_n; i++)
		SP_TRY(add_glob(g, p->tool[i].name));
	for (uint32_t i = 0; i < p->sequences_n; i++) {
		const struct sp_policy_sequence *s = &p->sequence[i];

		SP_TRY(add_globs(g, &s->first));
		SP_TRY(add_globs(g, &s->between));
		SP_TRY(add_globs(g, &s->then));
	}
	return 0;
}

/// Actions are sorted: those a glob can match lie together, by the text before its first wildcard.
static int find_hits(struct sp_compiling *k, const char *glob, struct sp_list *ret)
{
	const struct sp_names *names = &k->c->actions_names;
	size_t prefix = strcspn(glob, "*?");
	bool rest = strcmp(glob + prefix, "*") != 0;
	uint32_t from, to, n = 0, *v;

	sp_names_range(names, sp_bytes(glob, prefix), &from, &to);
	v = sp_compile_room(k, to - from, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = from; i < to; i++)
		if (!rest || sp_glob_match(sp_bytes_cstr(glob), sp_bytes_cstr(names->v[i]), false))
			v[n++] = i;
	k->entries += to - from;
	*ret = (struct sp_list){v, n};
	return k->entries > SP_COMPILED_HITS_MAX ? -E2BIG : 0;
}

int sp_compile_globs(struct sp_compiling *k)
{
	struct sp_globs *g = &k->globs;

	SP_TRY(gather(g, k->p));
	g->hits = sp_compile_room(k, g->names.n, sizeof(*g->hits));
	if (!g->hits)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->names.n; i++)
		SP_TRY(find_hits(k, g->names.v[i], &g->hits[i]));
	return 0;
}

struct sp_list sp_compile_hits(const struct sp_compiling *k, const char *glob)
{
	uint32_t no = sp_names_find(&k->globs.names, glob);

	SP_BUG_IF(no == SP_SNAP_NONE);
	return k->globs.hits[no];
}

int sp_compile_tools_of(struct sp_compiling *k, const struct sp_policy_strs *tools, bool expand,
	struct sp_list *ret_actions, struct sp_policy_strs *ret_globs)
{
	const char **globs = sp_compile_room(k, tools->n, sizeof(*globs));
	size_t room = tools->n;
	uint32_t *v, n = 0, globs_n = 0;

	for (uint32_t i = 0; expand && i < tools->n; i++)
		room += sp_is_glob(tools->v[i]) ? sp_compile_hits(k, tools->v[i]).n : 0;
	v = sp_compile_room(k, room, sizeof(*v));
	if (!globs || !v)
		return -ENOMEM;
	for (uint32_t i = 0; i < tools->n; i++) {
		struct sp_list hits;

		if (!sp_is_glob(tools->v[i])) {
			v[n++] = sp_names_find(&k->c->actions_names, tools->v[i]);
			continue;
		}
		globs[globs_n++] = tools->v[i];
		hits = expand ? sp_compile_hits(k, tools->v[i]) : (struct sp_list){0};
		if (hits.n)
			memcpy(v + n, hits.v, hits.n * sizeof(*v));
		n += hits.n;
	}
	k->entries += n;
	*ret_actions = (struct sp_list){v, sp_compile_sort(v, n)};
	*ret_globs = (struct sp_policy_strs){globs, globs_n};
	return k->entries > SP_COMPILED_HITS_MAX ? -E2BIG : 0;
}
