#include "config/policy.h"

#include "config/snapshot.h"
#include "common/banned.h"

int sp_policy_new(struct sp_policy **ret)
{
	struct sp_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	sp_arena_init(&p->arena);
	*ret = p;
	return 0;
}

struct sp_policy *sp_policy_free(struct sp_policy *p)
{
	if (!p)
		return NULL;
	sp_arena_done(&p->arena);
	free(p->agent);
	free(p->action);
	free(p->agent_index);
	free(p->action_index);
	free(p);
	return NULL;
}

/// Names by number, and the index over them: what agents and actions have in common.
struct names {
	uint32_t **index, *mask;
	uint32_t n;
	const char *(*name_of)(const struct sp_policy *p, uint32_t i);
};

static const char *agent_name(const struct sp_policy *p, uint32_t i)
{
	return p->agent[i].name;
}

static const char *action_name(const struct sp_policy *p, uint32_t i)
{
	return p->action[i];
}

static int index_grow(const struct sp_policy *p, const struct names *v)
{
	uint32_t mask = *v->mask ? *v->mask * 2 + 1 : 255, *slot;

	if (*v->index && v->n < *v->mask / 2)
		return 0;
	slot = calloc((size_t)mask + 1, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n; i++) {
		uint64_t h = sp_snap_hash(sp_bytes_cstr(v->name_of(p, i)));

		while (slot[h & mask])
			h++;
		slot[h & mask] = i + 1;
	}
	free(*v->index);
	*v->index = slot;
	*v->mask = mask;
	return 0;
}

/// The slot of `name`: it holds its number + 1, or 0 when it is new.
static uint32_t *index_slot(const struct sp_policy *p, const struct names *v, struct sp_bytes name)
{
	uint64_t h = sp_snap_hash(name);

	for (;; h++) {
		uint32_t *slot = &(*v->index)[h & *v->mask];

		if (*slot == 0 || sp_bytes_eq(sp_bytes_cstr(v->name_of(p, *slot - 1)), name))
			return slot;
	}
}

static int array_grow(void **v, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *p;

	if (n < *cap)
		return 0;
	p = realloc(*v, more * size);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = more;
	return 0;
}

int sp_policy_action(struct sp_policy *p, struct sp_bytes name, uint32_t *ret)
{
	const struct names v = {&p->action_index, &p->action_mask, p->actions_n, action_name};
	uint32_t *slot;
	char *copy;

	SP_TRY(index_grow(p, &v));
	slot = index_slot(p, &v, name);
	if (*slot) {
		*ret = *slot - 1;
		return 0;
	}
	if (p->actions_n == SP_POLICY_ACTIONS_MAX)
		return -E2BIG;
	SP_TRY(array_grow((void **)&p->action, p->actions_n, &p->actions_cap, sizeof(*p->action)));
	copy = sp_arena_str(&p->arena, name);
	if (!copy)
		return -ENOMEM;
	p->action[p->actions_n] = copy;
	*ret = p->actions_n++;
	*slot = p->actions_n;
	return 0;
}

/// Agents come file by file: the name of a file is kept once for all of them.
static const char *file_of(struct sp_policy *p, const char *file)
{
	const char *last = p->agents_n ? p->agent[p->agents_n - 1].at.file : NULL;

	return last && strcmp(last, file) == 0 ? last
					       : sp_arena_str(&p->arena, sp_bytes_cstr(file));
}

int sp_policy_agent_add(
	struct sp_policy *p, struct sp_bytes name, struct sp_at at, struct sp_policy_agent **ret)
{
	const struct names v = {&p->agent_index, &p->agent_mask, p->agents_n, agent_name};
	struct sp_policy_agent a = {.at = at};
	uint32_t *slot;

	SP_TRY(index_grow(p, &v));
	slot = index_slot(p, &v, name);
	if (*slot) {
		*ret = &p->agent[*slot - 1];
		return -EEXIST;
	}
	if (p->agents_n == SP_POLICY_AGENTS_MAX)
		return -E2BIG;
	SP_TRY(array_grow((void **)&p->agent, p->agents_n, &p->agents_cap, sizeof(*p->agent)));
	a.name = sp_arena_str(&p->arena, name);
	a.at.file = file_of(p, at.file);
	if (!a.name || !a.at.file)
		return -ENOMEM;
	p->agent[p->agents_n] = a;
	*ret = &p->agent[p->agents_n++];
	*slot = p->agents_n;
	return 0;
}

static int by_agent(const void *a, const void *b)
{
	return strcmp(((const struct sp_policy_agent *)a)->name,
		((const struct sp_policy_agent *)b)->name);
}

struct numbered {
	const char *name;
	uint32_t was;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct numbered *)a)->name, ((const struct numbered *)b)->name);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void renumber(struct sp_policy *p, const uint32_t *now)
{
	for (uint32_t i = 0; i < p->agents_n; i++) {
		struct sp_policy_agent *a = &p->agent[i];

		for (uint32_t k = 0; k < a->actions_n; k++)
			a->actions[k] = now[a->actions[k]];
		if (a->actions_n)
			qsort(a->actions, a->actions_n, sizeof(*a->actions), by_number);
	}
}

int sp_policy_seal(struct sp_policy *p)
{
	struct numbered *v = calloc(p->actions_n + 1ul, sizeof(*v));
	uint32_t *now = calloc(p->actions_n + 1ul, sizeof(*now));

	if (v && now) {
		for (uint32_t i = 0; i < p->actions_n; i++)
			v[i] = (struct numbered){p->action[i], i};
		qsort(v, p->actions_n, sizeof(*v), by_name);
		for (uint32_t i = 0; i < p->actions_n; i++) {
			p->action[i] = v[i].name;
			now[v[i].was] = i;
		}
		renumber(p, now);
		if (p->agents_n)
			qsort(p->agent, p->agents_n, sizeof(*p->agent), by_agent);
	}
	free(p->agent_index);
	free(p->action_index);
	p->agent_index = p->action_index = NULL;
	p->agent_mask = p->action_mask = 0;
	free(now);
	free(v);
	return v && now ? 0 : -ENOMEM;
}
