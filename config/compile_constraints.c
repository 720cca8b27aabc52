/// Constraints of a tool come from its exact name and from every glob that matches it. They are
/// joined here, so that a call meets one entry: for each action, and for each glob together with
/// the globs that cover it.
#include "config/compile_inner.h"

#include "common/url.h"
#include "common/banned.h"

/// Ways in which patterns may overlap besides one covering the other.
#define OVERLAPS_MAX 512u

/// Which of the policy's entries are joined into one of the compiled, the one that decides first.
struct sets {
	struct sp_list *v; ///< of each compiled entry
	uint32_t *slot, mask;
};
struct joiner {
	struct sp_compiling *k;
	struct sets sets;
	uint32_t *scratch; ///< room for two sets
	uint32_t *order, order_n; ///< entries by glob, the most specific first
	struct sp_inverse matched; ///< by action: places in `order`
	struct sp_lists by_action;
};

static size_t literals(const char *glob)
{
	size_t n = 0;

	for (; *glob; glob++)
		n += *glob != '*' && *glob != '?';
	return n;
}

static const struct sp_policy_tool *entry(const struct joiner *j, uint32_t i)
{
	return &j->k->p->tool[i];
}

/// Text of the glob at a place of `order`.
static const char *glob_at(const struct joiner *j, uint32_t place)
{
	return entry(j, j->order[place])->name;
}

static int by_specific(const void *va, const void *vb, void *user)
{
	const struct joiner *j = user;
	const char *a = entry(j, *(const uint32_t *)va)->name,
		   *b = entry(j, *(const uint32_t *)vb)->name;
	size_t la = literals(a), lb = literals(b);

	return la != lb ? (la > lb ? -1 : 1) : strcmp(a, b);
}

/// Whatever `narrow` matches, `wide` does: its wildcards stand over all of narrow's.
static bool covers(const char *wide, const char *narrow)
{
	size_t prefix = strcspn(wide, "*?");

	return strncmp(wide, narrow, prefix) == 0 && !strchr(wide, '?') &&
	       sp_glob_match(sp_bytes_cstr(wide), sp_bytes_cstr(narrow), false);
}

/// Names of the globs of a set.
static int globs_of(struct joiner *j, struct sp_list set, struct sp_policy_strs *ret)
{
	ret->v = sp_compile_room(j->k, set.n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (uint32_t i = 0; i < set.n; i++)
		if (sp_is_glob(entry(j, set.v[i])->name))
			ret->v[ret->n++] = entry(j, set.v[i])->name;
	return 0;
}

static int add_entry(
	struct joiner *j, struct sp_list set, enum sp_snap_tool_kind kind, uint32_t *ret)
{
	struct sp_compiled *c = j->k->c;
	struct sp_c_tool *out;

	if (c->tools_n == c->tools_cap) {
		uint32_t cap = c->tools_cap * 2;
		struct sp_c_tool *v = sp_compile_room(j->k, cap, sizeof(*v));
		struct sp_list *sets = sp_compile_room(j->k, cap, sizeof(*sets));

		if (!v || !sets)
			return -ENOMEM;
		memcpy(v, c->tool, c->tools_n * sizeof(*v));
		memcpy(sets, j->sets.v, c->tools_n * sizeof(*sets));
		c->tool = v;
		j->sets.v = sets;
		c->tools_cap = cap;
	}
	out = &c->tool[c->tools_n];
	*out = (struct sp_c_tool){.t = *entry(j, set.v[0]), .kind = kind};
	SP_TRY(globs_of(j, set, &out->globs));
	for (uint32_t i = 1; i < set.n; i++)
		SP_TRY(sp_policy_tool_narrow(&c->arena, j->k->check, &out->t, entry(j, set.v[i])));
	out->allowed_for = sp_compile_bits(&c->roles, &out->t.allowed_for);
	out->environments = sp_compile_bits(&c->environments, &out->t.allowed_environments);
	if (out->t.cls == SP_CLASS_AUTO)
		out->t.cls = sp_action_class_guess(sp_bytes_cstr(out->t.name));
	j->sets.v[c->tools_n] = set;
	*ret = c->tools_n++;
	return 0;
}

static bool same(struct sp_list a, struct sp_list b)
{
	return a.n == b.n && memcmp(a.v, b.v, a.n * sizeof(*a.v)) == 0;
}

static int sets_grow(struct joiner *j)
{
	uint32_t mask = j->sets.slot ? j->sets.mask * 2 + 1 : 255, *slot;

	if (j->sets.slot && j->k->c->tools_n < j->sets.mask / 2)
		return 0;
	while (mask / 2 <= j->k->c->tools_n)
		mask = mask * 2 + 1;
	slot = calloc((size_t)mask + 1, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < j->k->c->tools_n; i++) {
		uint64_t h =
			sp_snap_hash(sp_bytes(j->sets.v[i].v, j->sets.v[i].n * sizeof(uint32_t)));

		while (slot[h & mask])
			h++;
		slot[h & mask] = i + 1;
	}
	free(j->sets.slot);
	j->sets.slot = slot;
	j->sets.mask = mask;
	return 0;
}

/// The entry joined of `set`, made when there is none yet.
static int find_entry(
	struct joiner *j, struct sp_list set, enum sp_snap_tool_kind kind, uint32_t *ret)
{
	uint64_t h = sp_snap_hash(sp_bytes(set.v, set.n * sizeof(*set.v)));

	SP_TRY(sets_grow(j));
	for (; j->sets.slot[h & j->sets.mask]; h++) {
		uint32_t no = j->sets.slot[h & j->sets.mask] - 1;

		if (same(j->sets.v[no], set)) {
			*ret = no;
			return 0;
		}
	}
	SP_TRY(add_entry(j, set, kind, ret));
	j->sets.slot[h & j->sets.mask] = *ret + 1;
	return 0;
}

static int sort_globs(struct joiner *j)
{
	const struct sp_policy *p = j->k->p;

	j->order = sp_compile_room(j->k, p->tools_n, sizeof(*j->order));
	j->scratch = sp_compile_room(j->k, 2ul * p->tools_n + 2, sizeof(*j->scratch));
	if (!j->order || !j->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->tools_n; i++)
		if (sp_is_glob(p->tool[i].name))
			j->order[j->order_n++] = i;
	if (j->order_n)
		qsort_r(j->order, j->order_n, sizeof(*j->order), by_specific, j);
	for (uint32_t g = 0; g < j->order_n; g++) {
		struct sp_list hits = sp_compile_hits(j->k, entry(j, j->order[g])->name);

		for (uint32_t i = 0; i < hits.n; i++)
			SP_TRY(sp_inverse_add(j->k, &j->matched, hits.v[i], g));
	}
	return sp_inverse_lists(j->k, &j->matched, &j->by_action);
}

/// Could one name match both? Not when the texts before or after their wildcards contradict each
/// other.
static bool overlap(const char *a, const char *b)
{
	size_t pa = strcspn(a, "*?"), pb = strcspn(b, "*?"), na = strlen(a), nb = strlen(b);
	size_t sa = 0, sb = 0;

	while (sa < na && !strchr("*?", a[na - 1 - sa]))
		sa++;
	while (sb < nb && !strchr("*?", b[nb - 1 - sb]))
		sb++;
	sa = sp_min(sa, sb);
	return strncmp(a, b, sp_min(pa, pb)) == 0 && memcmp(a + na - sa, b + nb - sa, sa) == 0;
}

/// Sets of globs that a name may match together, as places in `order`, each ascending.
struct family {
	struct sp_list *set;
	uint32_t n, alone; ///< the first are those of one glob and what covers it
};

static bool in_family(const struct family *f, struct sp_list set)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (same(f->set[i], set))
			return true;
	return false;
}

/// A set with one more glob, and with the globs that cover it.
static int with_glob(struct joiner *j, struct sp_list set, uint32_t g, struct sp_list *ret)
{
	uint32_t *v = j->scratch, *kept, n = 0;

	for (uint32_t i = 0; i < set.n; i++)
		v[n++] = set.v[i];
	v[n++] = g;
	for (uint32_t w = 0; w < j->order_n; w++)
		if (w != g && covers(glob_at(j, w), glob_at(j, g)))
			v[n++] = w;
	n = sp_compile_sort(v, n);
	kept = sp_compile_room(j->k, n, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	memcpy(kept, v, n * sizeof(*kept));
	*ret = (struct sp_list){kept, n};
	return 0;
}

static bool all_overlap(const struct joiner *j, struct sp_list set, uint32_t g)
{
	for (uint32_t i = 0; i < set.n; i++)
		if (set.v[i] == g || !overlap(glob_at(j, set.v[i]), glob_at(j, g)))
			return false;
	return true;
}

/// Every set that can be met, from each glob alone onwards.
static int grow_family(struct joiner *j, struct family *f)
{
	struct sp_list none = {0};

	for (uint32_t g = 0; g < j->order_n; g++) {
		SP_TRY(with_glob(j, none, g, &f->set[f->n]));
		f->n += !in_family(f, f->set[f->n]);
	}
	f->alone = f->n;
	for (uint32_t i = 0; i < f->n; i++) {
		for (uint32_t g = 0; g < j->order_n; g++) {
			struct sp_list set;

			if (!all_overlap(j, f->set[i], g))
				continue;
			SP_TRY(with_glob(j, f->set[i], g, &set));
			if (in_family(f, set))
				continue;
			if (f->n == j->order_n + OVERLAPS_MAX)
				return -E2BIG;
			f->set[f->n++] = set;
		}
	}
	return 0;
}

static int by_size(const void *va, const void *vb)
{
	const struct sp_list *a = va, *b = vb;

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return memcmp(
		a->v, b->v, a->n * sizeof(*a->v)); // of one size: any order that is always the same
}

static int family_entry(
	struct joiner *j, struct sp_list places, enum sp_snap_tool_kind kind, uint32_t *ret)
{
	uint32_t *set = sp_compile_room(j->k, places.n, sizeof(*set));

	if (!set)
		return -ENOMEM;
	for (uint32_t i = 0; i < places.n; i++)
		set[i] = j->order[places.v[i]];
	return find_entry(j, (struct sp_list){set, places.n}, kind, ret);
}

/// Entries for names that are no action, the largest sets first: the first of which all globs match
/// has them all.
static int wild_entries(struct joiner *j)
{
	struct family f = {
		sp_compile_room(j->k, j->order_n + (size_t)OVERLAPS_MAX + 1, sizeof(*f.set)), 0, 0};
	uint32_t *wild;
	int err = f.set ? grow_family(j, &f) : -ENOMEM;

	if (err == -E2BIG) {
		sp_check_add(j->k->check, entry(j, j->order[0])->at,
			"let fewer patterns match the same names",
			"patterns of tools overlap in more than %u ways", OVERLAPS_MAX);
		return 0;
	}
	wild = err ? NULL : sp_compile_room(j->k, f.n, sizeof(*wild));
	if (!wild)
		return err ? err : -ENOMEM;
	for (uint32_t i = 0; i < f.alone; i++)
		SP_TRY(family_entry(j, f.set[i], SP_SNAP_TOOL_GLOB, &wild[i]));
	if (f.n)
		qsort(f.set, f.n, sizeof(*f.set), by_size);
	for (uint32_t i = 0; i < f.n; i++)
		SP_TRY(family_entry(j, f.set[i], SP_SNAP_TOOL_JOINED, &wild[i]));
	j->k->c->wild_tools = (struct sp_list){wild, f.n};
	return 0;
}

static int action_entry(struct joiner *j, uint32_t action, uint32_t exact)
{
	struct sp_compiled *c = j->k->c;
	struct sp_list globs = j->by_action.v[action];
	uint32_t *set = sp_compile_room(j->k, globs.n + 1ul, sizeof(*set)), n = 0;
	struct sp_c_action *out = &c->action[action];

	if (!set)
		return -ENOMEM;
	if (exact != SP_SNAP_NONE)
		set[n++] = exact;
	for (uint32_t i = 0; i < globs.n; i++)
		set[n++] = j->order[globs.v[i]];
	out->cls = sp_action_class_guess(sp_bytes_cstr(c->actions_names.v[action]));
	out->tool = SP_SNAP_NONE;
	if (n == 0)
		return 0;
	SP_TRY(find_entry(j, (struct sp_list){set, n},
		exact != SP_SNAP_NONE ? SP_SNAP_TOOL_EXACT : SP_SNAP_TOOL_JOINED, &out->tool));
	out->high_risk = c->tool[out->tool].t.high_risk;
	for (uint32_t i = n; i-- > 0;)
		if (entry(j, set[i])->cls != SP_CLASS_AUTO)
			out->cls = entry(j, set[i])->cls;
	return 0;
}

static int join_all(struct joiner *j)
{
	struct sp_compiled *c = j->k->c;
	const struct sp_policy *p = j->k->p;
	uint32_t *exact = sp_compile_room(j->k, c->actions_names.n, sizeof(*exact));

	c->tools_cap = p->tools_n + 64;
	c->tool = sp_compile_room(j->k, c->tools_cap, sizeof(*c->tool));
	j->sets.v = sp_compile_room(j->k, c->tools_cap, sizeof(*j->sets.v));
	if (!exact || !c->tool || !j->sets.v)
		return -ENOMEM;
	memset(exact, 0xff, c->actions_names.n * sizeof(*exact));
	for (uint32_t i = 0; i < p->tools_n; i++) {
		uint32_t no = sp_names_find(&c->actions_names, p->tool[i].name);

		if (no == SP_SNAP_NONE)
			continue;
		if (exact[no] != SP_SNAP_NONE)
			sp_check_add(j->k->check, p->tool[i].at, "join the two",
				"tool '%s' is spoken of twice", p->tool[i].name);
		exact[no] = i;
	}
	SP_TRY(sp_inverse_init(&j->matched, c->actions_names.n));
	SP_TRY(sort_globs(j));
	SP_TRY(wild_entries(j));
	for (uint32_t i = 0; i < c->actions_names.n; i++)
		SP_TRY(action_entry(j, i, exact[i]));
	return 0;
}

int sp_compile_constraints(struct sp_compiling *k)
{
	struct joiner j = {.k = k};
	int err = join_all(&j);

	sp_inverse_done(&j.matched);
	free(j.sets.slot);
	return err;
}
