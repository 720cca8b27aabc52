/// Constraints of a tool come from its exact name and from every glob that matches it. They are
/// joined here, so that a call meets one entry: for each action, and for each glob together with
/// the globs that cover it.
#include "config/compile_inner.h"

#include "common/url.h"
#include "common/banned.h"

/// Which of the policy's entries are joined into one of the compiled, the one that decides first.
struct sets {
	struct sp_list *v; ///< of each compiled entry
	uint32_t *slot, mask;
};
struct joiner {
	struct sp_compiling *k;
	struct sets sets;
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

static int union_of(struct joiner *j, struct sp_policy_strs *a, const struct sp_policy_strs *b)
{
	const char **v = sp_compile_room(j->k, a->n + (size_t)b->n, sizeof(*v));
	uint32_t n = 0;

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->n; i++)
		v[n++] = a->v[i];
	for (uint32_t i = 0; i < b->n; i++) {
		bool known = false;

		for (uint32_t m = 0; m < n && !known; m++)
			known = strcmp(v[m], b->v[i]) == 0;
		if (!known)
			v[n++] = b->v[i];
	}
	*a = (struct sp_policy_strs){v, n};
	return 0;
}

/// What is forbidden in any place stays forbidden; what is allowed says the first that speaks of
/// it.
static int join_arguments(
	struct joiner *j, struct sp_policy_tool *t, const struct sp_policy_tool *more)
{
	if (!t->sql.on) {
		t->sql = more->sql;
	} else if (more->sql.on) {
		t->sql.forbid |= more->sql.forbid;
		SP_TRY(union_of(j, &t->sql.deny_tables, &more->sql.deny_tables));
	}
	if (!t->endpoint.on) {
		t->endpoint = more->endpoint;
	} else if (more->endpoint.on) {
		SP_TRY(union_of(j, &t->endpoint.forbid, &more->endpoint.forbid));
	}
	if (t->path.parameters.n == 0)
		t->path = more->path;
	if (t->max_argument_bytes == 0)
		t->max_argument_bytes = more->max_argument_bytes;
	return 0;
}

static int join(struct joiner *j, struct sp_policy_tool *t, const struct sp_policy_tool *more)
{
	if (!t->has_allowed_for && more->has_allowed_for) {
		t->has_allowed_for = true;
		t->allowed_for = more->allowed_for;
	}
	if (!t->has_environments && more->has_environments) {
		t->has_environments = true;
		t->allowed_environments = more->allowed_environments;
	}
	if (t->max_calls == 0)
		t->max_calls = more->max_calls;
	if (t->cls == SP_CLASS_AUTO)
		t->cls = more->cls;
	if (t->sensitivity == SP_SENSE_UNSET)
		t->sensitivity = more->sensitivity;
	if (t->cost_micros == 0)
		t->cost_micros = more->cost_micros;
	if (t->base_risk < 0)
		t->base_risk = more->base_risk;
	t->require_approval |= more->require_approval;
	t->require_human_initiated |= more->require_human_initiated;
	t->egress |= more->egress;
	t->taints |= more->taints;
	t->high_risk |= more->high_risk;
	SP_TRY(union_of(j, &t->required_scopes, &more->required_scopes));
	return join_arguments(j, t, more);
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
	for (uint32_t i = 1; i < set.n; i++)
		SP_TRY(join(j, &out->t, entry(j, set.v[i])));
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
	if (!j->order)
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

/// Entries of the globs, in the order in which names that are no action try them.
static int wild_entries(struct joiner *j)
{
	uint32_t *wild = sp_compile_room(j->k, j->order_n, sizeof(*wild));
	uint32_t *set = calloc(j->order_n + 1ul, sizeof(*set)), n, *kept;
	int err = wild && set ? 0 : -ENOMEM;

	for (uint32_t g = 0; g < j->order_n && !err; g++) {
		n = 0;
		set[n++] = j->order[g];
		for (uint32_t w = g + 1; w < j->order_n; w++)
			if (covers(entry(j, j->order[w])->name, entry(j, j->order[g])->name))
				set[n++] = j->order[w];
		kept = sp_compile_room(j->k, n, sizeof(*kept));
		if (!kept) {
			err = -ENOMEM;
			break;
		}
		memcpy(kept, set, n * sizeof(*kept));
		err = find_entry(j, (struct sp_list){kept, n}, SP_SNAP_TOOL_GLOB, &wild[g]);
	}
	free(set);
	j->k->c->wild_tools = (struct sp_list){wild, j->order_n};
	return err;
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
