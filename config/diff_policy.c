#include "config/diff_inner.h"
#include "config/standing.h"
#include "common/banned.h"

typedef uint64_t print_fn(const struct sp_snap *s, uint32_t i);

/// A kind of thing that policy names.
struct kind {
	const char *word;
	size_t table_off, size, name_off; ///< table within struct sp_snap_policy, name within an entry
	print_fn *print;
	enum sp_scope_of scope;
};
#define KIND(word, table, type, print, scope)                                                             \
	{                                                                                          \
		word, offsetof(struct sp_snap_policy, table), sizeof(struct type),                 \
			offsetof(struct type, name), print, scope                                  \
	}
static const struct kind kinds[] = {
	KIND("definition", groups, sp_snap_group, sp_print_group, SP_SCOPE_NONE),
	KIND("rule", rules, sp_snap_rule, sp_print_rule, SP_SCOPE_RULE),
	KIND("limit", limits, sp_snap_limit, sp_print_limit, SP_SCOPE_LIMIT),
	KIND("tool", tools, sp_snap_tool, sp_print_tool, SP_SCOPE_TOOL),
	KIND("purpose", purposes, sp_snap_purpose, sp_print_purpose, SP_SCOPE_PURPOSE),
	KIND("sequence", sequences, sp_snap_sequence, sp_print_sequence, SP_SCOPE_SEQUENCE),
};

struct entry {
	struct sp_bytes name;
	uint64_t print;
	uint32_t number;
};

static int by_name(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	size_t n = sp_min(a->name.n, b->name.n);
	int r = n ? memcmp(a->name.p, b->name.p, n) : 0;

	if (r == 0 && a->name.n != b->name.n)
		r = a->name.n < b->name.n ? -1 : 1;
	if (r == 0 && a->print != b->print)
		r = a->print < b->print ? -1 : 1;
	return r;
}

/// Joined constraints and the figures of allow-lists have no name of their own: they show with
/// tools and agents.
static bool has_name(const struct kind *k, const void *entry)
{
	if (k->print == sp_print_tool)
		return ((const struct sp_snap_tool *)entry)->glob != SP_SNAP_TOOL_JOINED;
	if (k->print == sp_print_limit)
		return !((const struct sp_snap_limit *)entry)->allow_list;
	return true;
}

struct entries {
	struct entry *v;
	uint32_t n;
};

static int list(const struct sp_snap *s, const struct kind *k, struct entries *ret)
{
	const struct sp_snap_table *t;

	*ret = (struct entries){0};
	if (!s)
		return 0;
	t = (const struct sp_snap_table *)((const uint8_t *)&s->h->policy + k->table_off);
	ret->v = calloc(t->n + 1ul, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n; i++) {
		const uint8_t *entry = sp_snap_at(s, *t, i, k->size);

		if (has_name(k, entry))
			ret->v[ret->n++] = (struct entry){
				sp_snap_str(s, *(const struct sp_snap_str *)(entry + k->name_off)),
				k->print(s, i), i};
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

/// The limits of a definition bind what its rules allow: they are not about agents and tools of their own.
static bool has_scope(const struct sp_snap *s, const struct kind *k, const struct entry *e)
{
	if (k->scope == SP_SCOPE_LIMIT && e)
		return SP_SNAP_POLICY(s, limits, sp_snap_limit, e->number)->group == SP_SNAP_NONE;
	return k->scope != SP_SCOPE_NONE;
}

/// `x` of the one and `y` of the other; NULL where it is not there.
static void tell(struct sp_differ *d, const struct sp_scoper *scoper, const struct kind *k,
	const struct entry *x, const struct entry *y)
{
	struct sp_change c = {.what = sp_bytes_cstr(k->word)};
	const struct entry *named = y ? y : x;
	struct sp_scope scope;

	if (!named)
		return;
	c.kind = !x ? SP_CHANGE_RULE_NEW : !y ? SP_CHANGE_RULE_GONE : SP_CHANGE_RULE;
	c.agent = named->name;
	if (d->fn && has_scope(d->a, k, x) && has_scope(d->b, k, y)) {
		sp_scope_fill(scoper, k->scope, x ? x->number : SP_SNAP_NONE,
			y ? y->number : SP_SNAP_NONE, &scope);
		c.scope = &scope;
	}
	sp_diff_tell(d, &c);
}

static int compare_names(const struct entry *a, const struct entry *b)
{
	struct entry x = *a, y = *b;

	x.print = y.print = 0;
	return by_name(&x, &y);
}

/// Both sides are sorted: what stands on one only is new or gone.
static void merge(struct sp_differ *d, const struct sp_scoper *scoper, const struct kind *k,
	const struct entries *a, const struct entries *b)
{
	uint32_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		int r = i == a->n ? 1 : j == b->n ? -1 : compare_names(&a->v[i], &b->v[j]);

		if (r < 0) {
			tell(d, scoper, k, &a->v[i++], NULL);
		} else if (r > 0) {
			tell(d, scoper, k, NULL, &b->v[j++]);
		} else {
			if (a->v[i].print != b->v[j].print)
				tell(d, scoper, k, &a->v[i], &b->v[j]);
			i++;
			j++;
		}
	}
}

static int diff_kind(struct sp_differ *d, const struct sp_scoper *scoper, const struct kind *k)
{
	struct entries a = {0}, b = {0};
	int err = list(d->a, k, &a);

	if (!err)
		err = list(d->b, k, &b);
	if (!err)
		merge(d, scoper, k, &a, &b);
	free(a.v);
	free(b.v);
	return err;
}

int sp_diff_policy(struct sp_differ *d)
{
	struct sp_scoper scoper;
	int err = sp_scoper_init(&scoper, d->a, d->b);

	for (size_t i = 0; i < SP_ARRAY_LEN(kinds) && !err; i++)
		err = diff_kind(d, &scoper, &kinds[i]);
	sp_scoper_done(&scoper);
	SP_TRY(err);
	if (d->a && sp_print_risk(d->a) != sp_print_risk(d->b))
		sp_diff_tell(d, &(struct sp_change){.kind = SP_CHANGE_RISK});
	return 0;
}
