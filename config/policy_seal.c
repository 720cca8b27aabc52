#include "config/policy.h"
#include "config/policy_pinned.h"
#include "config/policy_text.h"
#include "config/value.h"

#include <stdio.h>
#include "common/banned.h"

#define PINNED_MAX 64u // agents one condition may name
#define WORDS_MAX 64u // roles, environments: a bit each in a snapshot

struct sealing {
	struct sp_policy *p;
	struct sp_check *check;
};

struct named {
	const char *name;
	struct sp_at at;
};

static int by_name_then_place(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : sp_at_compare(&x->at, &y->at);
}

static void find_repeats(struct sealing *s, const char *what, struct named *v, uint32_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), by_name_then_place);
	for (uint32_t i = 1; i < n; i++)
		if (strcmp(v[i].name, v[i - 1].name) == 0)
			sp_check_add(s->check, v[i].at, "give each a name of its own",
				"%s '%s' stands at %s:%u already", what, v[i].name,
				v[i - 1].at.file, v[i - 1].at.line);
}

#define NAMES_UNIQUE(s, what, table, count)                                                        \
	do {                                                                                       \
		struct named *v_ = calloc((s)->p->count + 1ul, sizeof(*v_));                       \
                                                                                                   \
		if (!v_)                                                                           \
			return -ENOMEM;                                                            \
		for (uint32_t i_ = 0; i_ < (s)->p->count; i_++)                                    \
			v_[i_] = (struct named){(s)->p->table[i_].name, (s)->p->table[i_].at};     \
		find_repeats(s, what, v_, (s)->p->count);                                          \
		free(v_);                                                                          \
	} while (0)

static int unique_names(struct sealing *s)
{
	NAMES_UNIQUE(s, "rule", rule, rules_n);
	NAMES_UNIQUE(s, "group", group, groups_n);
	NAMES_UNIQUE(s, "limit", limit, limits_n);
	NAMES_UNIQUE(s, "purpose", purpose, purposes_n);
	NAMES_UNIQUE(s, "sequence", sequence, sequences_n);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/// A rule names a purpose that somebody declared.
static int purposes_exist(struct sealing *s)
{
	const char **name = calloc(s->p->purposes_n + 1ul, sizeof(*name));

	if (!name)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->p->purposes_n; i++)
		name[i] = s->p->purpose[i].name;
	if (s->p->purposes_n)
		qsort(name, s->p->purposes_n, sizeof(*name), by_text);
	for (uint32_t i = 0; i < s->p->rules_n; i++) {
		const struct sp_policy_rule *r = &s->p->rule[i];

		for (uint32_t k = 0; k < r->purposes.n; k++) {
			const char *near = NULL, *wanted = r->purposes.v[k];
			char mend[192] = "declare it under purposes";

			if (bsearch(&wanted, name, s->p->purposes_n, sizeof(*name), by_text))
				continue;
			near = sp_value_nearest(wanted, name);
			if (near)
				snprintf(mend, sizeof(mend), "did you mean '%s'?", near);
			sp_check_add(s->check, r->at, mend, "rule '%s': there is no purpose '%s'",
				r->name, wanted);
		}
	}
	free(name);
	return 0;
}

/// A set of words that a snapshot has a bit for each.
struct words {
	const char *what;
	const char **v;
	uint32_t n;
	bool full;
};

static void words_add(struct sealing *s, struct words *w, const char *word, struct sp_at at)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i], word) == 0)
			return;
	if (w->n < WORDS_MAX) {
		w->v[w->n++] = word;
		return;
	}
	if (!w->full)
		sp_check_add(s->check, at, NULL, "%s '%s' is one more than the %u there may be",
			w->what, word, WORDS_MAX);
	w->full = true;
}

static void words_all(
	struct sealing *s, struct words *w, const struct sp_policy_strs *v, struct sp_at at)
{
	for (uint32_t i = 0; i < v->n; i++)
		words_add(s, w, v->v[i], at);
}

static void gather_words(struct sealing *s, struct words *roles, struct words *envs)
{
	const struct sp_policy *p = s->p;

	for (uint32_t i = 0; i < p->agents_n; i++) {
		words_all(s, roles, &p->agent[i].roles, p->agent[i].at);
		if (p->agent[i].environment)
			words_add(s, envs, p->agent[i].environment, p->agent[i].at);
	}
	for (uint32_t i = 0; i < p->rules_n; i++) {
		words_all(s, roles, &p->rule[i].roles, p->rule[i].at);
		words_all(s, envs, &p->rule[i].environments, p->rule[i].at);
	}
	for (uint32_t i = 0; i < p->tools_n; i++) {
		words_all(s, roles, &p->tool[i].allowed_for, p->tool[i].at);
		words_all(s, envs, &p->tool[i].allowed_environments, p->tool[i].at);
	}
	for (uint32_t i = 0; i < p->limits_n; i++)
		words_all(s, roles, &p->limit[i].roles, p->limit[i].at);
	for (uint32_t i = 0; i < p->purposes_n; i++)
		words_all(s, roles, &p->purpose[i].roles, p->purpose[i].at);
	for (uint32_t i = 0; i < p->sequences_n; i++)
		words_all(s, roles, &p->sequence[i].roles, p->sequence[i].at);
}

static int bit_words(struct sealing *s)
{
	struct sp_policy *p = s->p;
	struct words roles = {
		.what = "role", .v = sp_arena_alloc(&p->arena, WORDS_MAX * sizeof(*roles.v))};
	struct words envs = {
		.what = "environment", .v = sp_arena_alloc(&p->arena, WORDS_MAX * sizeof(*envs.v))};

	_Static_assert(SP_POLICY_ROLES_MAX == WORDS_MAX, "a bit each");
	if (!roles.v || !envs.v)
		return -ENOMEM;
	gather_words(s, &roles, &envs);
	qsort(roles.v, roles.n, sizeof(*roles.v), by_text);
	qsort(envs.v, envs.n, sizeof(*envs.v), by_text);
	p->role = roles.v;
	p->roles_n = roles.n;
	p->environment = envs.v;
	p->environments_n = envs.n;
	return 0;
}

static int imply(struct sealing *s, const char *name, struct sp_at at)
{
	struct sp_policy_agent *a;
	int err = sp_policy_agent_add(s->p, sp_bytes_cstr(name), at, &a);

	if (err == 0)
		a->implied = true;
	return err == -EEXIST ? 0 : err;
}

static int imply_all(struct sealing *s, const struct sp_policy_strs *v, struct sp_at at)
{
	for (uint32_t i = 0; i < v->n; i++)
		SP_TRY(imply(s, v->v[i], at));
	return 0;
}

/// Agents that a condition compares the caller's name with: without a place in the registry no rule
/// could be found by them.
static int imply_pinned(struct sealing *s, const struct sp_policy_rule *r)
{
	const char *name[PINNED_MAX];

	for (uint32_t i = 0; i < r->when.n; i++) {
		uint32_t n = sp_policy_pinned(
			sp_bytes_cstr(r->when.v[i].text), &s->p->arena, name, SP_ARRAY_LEN(name));

		for (uint32_t k = 0; k < n; k++)
			if (!sp_policy_agent_wrong(name[k]))
				SP_TRY(imply(s, name[k], r->when.v[i].at));
	}
	return 0;
}

static int imply_agents(struct sealing *s)
{
	const struct sp_policy *p = s->p;

	for (uint32_t i = 0; i < p->rules_n; i++) {
		SP_TRY(imply_all(s, &p->rule[i].agents, p->rule[i].at));
		if (p->rule[i].agents.n == 0)
			SP_TRY(imply_pinned(s, &p->rule[i]));
	}
	for (uint32_t i = 0; i < p->limits_n; i++)
		SP_TRY(imply_all(s, &p->limit[i].agents, p->limit[i].at));
	for (uint32_t i = 0; i < p->purposes_n; i++)
		SP_TRY(imply_all(s, &p->purpose[i].agents, p->purpose[i].at));
	for (uint32_t i = 0; i < p->sequences_n; i++)
		SP_TRY(imply_all(s, &p->sequence[i].agents, p->sequence[i].at));
	return 0;
}

static int action_of(struct sp_policy *p, const char *tool)
{
	uint32_t no;

	return sp_policy_is_glob(tool) ? 0 : sp_policy_action(p, sp_bytes_cstr(tool), &no);
}

static int actions_of(struct sp_policy *p, const struct sp_policy_strs *tools)
{
	for (uint32_t i = 0; i < tools->n; i++)
		SP_TRY(action_of(p, tools->v[i]));
	return 0;
}

static int name_actions(struct sp_policy *p)
{
	for (uint32_t i = 0; i < p->rules_n; i++)
		SP_TRY(actions_of(p, &p->rule[i].tools));
	for (uint32_t i = 0; i < p->limits_n; i++)
		SP_TRY(actions_of(p, &p->limit[i].tools));
	for (uint32_t i = 0; i < p->tools_n; i++)
		SP_TRY(action_of(p, p->tool[i].name));
	for (uint32_t i = 0; i < p->purposes_n; i++)
		SP_TRY(actions_of(p, &p->purpose[i].tools));
	for (uint32_t i = 0; i < p->sequences_n; i++) {
		SP_TRY(actions_of(p, &p->sequence[i].first));
		SP_TRY(actions_of(p, &p->sequence[i].between));
		SP_TRY(actions_of(p, &p->sequence[i].then));
	}
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

static int sort_names(struct sp_policy *p)
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
	free(now);
	free(v);
	return v && now ? 0 : -ENOMEM;
}

/// The threshold of the style form holds in every mode; where a mode's own was written, the lower
/// one.
static void join_risk(struct sp_policy_risk *r)
{
	for (unsigned m = 0; r->auto_block && m < SP_ARRAY_LEN(r->block_at); m++)
		r->block_at[m] = r->block_given & (1u << m) ? sp_min(r->block_at[m], r->auto_block)
							    : r->auto_block;
}

static int seal(struct sealing *s)
{
	SP_TRY(sp_policy_join_tools(s->p, s->check));
	SP_TRY(unique_names(s));
	SP_TRY(purposes_exist(s));
	SP_TRY(bit_words(s));
	SP_TRY(imply_agents(s));
	SP_TRY(name_actions(s->p));
	join_risk(&s->p->risk);
	return sort_names(s->p);
}

int sp_policy_seal_in(struct sp_policy *p, struct sp_check *check)
{
	struct sealing s = {p, check};
	uint32_t before = sp_check_count(check);
	int err = seal(&s);

	free(p->agent_index);
	free(p->action_index);
	p->agent_index = p->action_index = NULL;
	p->agent_mask = p->action_mask = 0;
	if (err == -E2BIG) {
		sp_check_add(
			check, (struct sp_at){p->file, 0, 0}, NULL, "too many agents or tools");
		err = -EBADMSG;
	}
	if (err)
		return err;
	p->sealed = true;
	return sp_check_count(check) == before ? 0 : -EBADMSG;
}
