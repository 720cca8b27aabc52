#include "config/policy.h"

#include "common/room.h"
#include "config/snapshot.h"
#include "common/banned.h"

static const struct sp_policy_risk default_risk = {
	.mode = SP_RISK_AUTOMATIC,
	.review_at = {50, 50, 0},
	.review_writes_at = {50, 40, 0},
	.block_at = {80, 80, 101},
	.work_days = 0x7f,
	.weight =
		{
			[SP_TERM_CLASS] = 100,
			[SP_TERM_HIGH_RISK] = 60,
			[SP_TERM_SENSITIVITY] = 15,
			[SP_TERM_ARGUMENTS] = 30,
			[SP_TERM_EGRESS] = 10,
			[SP_TERM_TAINT] = 25,
			[SP_TERM_HISTORY] = 15,
			[SP_TERM_FAILURES] = 10,
			[SP_TERM_RARITY] = 10,
			[SP_TERM_RATE] = 15,
			[SP_TERM_TIME] = 10,
			[SP_TERM_NEW_SESSION] = 3,
		},
	.class_base =
		{
			[SP_CLASS_AUTO] = 20,
			[SP_CLASS_READ] = 5,
			[SP_CLASS_WRITE] = 20,
			[SP_CLASS_SEND] = 25,
			[SP_CLASS_DELETE] = 45,
			[SP_CLASS_EXECUTE] = 50,
			[SP_CLASS_ADMIN] = 50,
		},
};

int sp_policy_new(struct sp_policy **ret)
{
	struct sp_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	sp_arena_init(&p->arena);
	p->risk = default_risk;
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
	free(p->rule);
	free(p->group);
	free(p->limit);
	free(p->tool);
	free(p->purpose);
	free(p->sequence);
	free(p->source);
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
	void *room = sp_room_for_one(*v, n, cap, size);

	if (!room)
		return -ENOMEM;
	*v = room;
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

const char *sp_policy_file(struct sp_policy *p, const char *file)
{
	const char *copy;

	if (p->file && (p->file == file || strcmp(p->file, file) == 0))
		return p->file;
	copy = sp_arena_str(&p->arena, sp_bytes_cstr(file));
	if (copy)
		p->file = copy;
	return copy;
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
	a.at.file = sp_policy_file(p, at.file);
	if (!a.name || !a.at.file)
		return -ENOMEM;
	p->agent[p->agents_n] = a;
	*ret = &p->agent[p->agents_n++];
	*slot = p->agents_n;
	return 0;
}

/// A zeroed entry at the end of one of the tables; `at` is that of the entry.
static int entry_add(struct sp_policy *p, void **v, uint32_t n, uint32_t *cap, size_t size,
	uint32_t max, struct sp_at *at, void **ret)
{
	uint8_t *entry;

	if (n == max)
		return -E2BIG;
	SP_TRY(array_grow(v, n, cap, size));
	at->file = sp_policy_file(p, at->file);
	if (!at->file)
		return -ENOMEM;
	entry = (uint8_t *)*v + n * size;
	memset(entry, 0, size);
	*ret = entry;
	return 0;
}

#define ENTRY_ADD(type, table, count, capacity, most)                                              \
	int sp_policy_##type##_add(                                                                \
		struct sp_policy *p, struct sp_at at, struct sp_policy_##type **ret)               \
	{                                                                                          \
		void *v = p->table, *entry;                                                        \
		int err = entry_add(                                                               \
			p, &v, p->count, &p->capacity, sizeof(*p->table), most, &at, &entry);      \
                                                                                                   \
		p->table = v;                                                                      \
		if (err)                                                                           \
			return err;                                                                \
		p->count++;                                                                        \
		*ret = entry;                                                                      \
		place_##type(*ret, at);                                                            \
		return 0;                                                                          \
	}
#define PLACE(type)                                                                                \
	static void place_##type(struct sp_policy_##type *e, struct sp_at at)                      \
	{                                                                                          \
		e->at = at;                                                                        \
	}
PLACE(rule)
PLACE(group)
PLACE(limit)
PLACE(tool)
PLACE(purpose)
PLACE(sequence)
static void place_source(struct sp_policy_source *e, struct sp_at at)
{
	e->file = at.file;
}

ENTRY_ADD(rule, rule, rules_n, rules_cap, SP_POLICY_RULES_MAX)
ENTRY_ADD(group, group, groups_n, groups_cap, SP_POLICY_LISTS_MAX)
ENTRY_ADD(limit, limit, limits_n, limits_cap, SP_POLICY_LISTS_MAX)
ENTRY_ADD(tool, tool, tools_n, tools_cap, SP_POLICY_LISTS_MAX)
ENTRY_ADD(purpose, purpose, purposes_n, purposes_cap, SP_POLICY_LISTS_MAX)
ENTRY_ADD(sequence, sequence, sequences_n, sequences_cap, SP_POLICY_LISTS_MAX)
ENTRY_ADD(source, source, sources_n, sources_cap, SP_POLICY_AGENTS_MAX)
