#include "config/diff_inner.h"
#include "config/standing.h"
#include "common/banned.h"

typedef uint64_t print_fn(const struct sp_snap *s, uint32_t i);

/// A kind of thing that policy names.
struct kind {
	const char *word;
	size_t table_off, size, name_off; ///< table within struct sp_snap_policy, name within an entry
	print_fn *print;
};
#define KIND(word, table, type, print)                                                             \
	{                                                                                          \
		word, offsetof(struct sp_snap_policy, table), sizeof(struct type),                 \
			offsetof(struct type, name), print                                         \
	}
static const struct kind kinds[] = {
	KIND("definition", groups, sp_snap_group, sp_print_group),
	KIND("rule", rules, sp_snap_rule, sp_print_rule),
	KIND("limit", limits, sp_snap_limit, sp_print_limit),
	KIND("tool", tools, sp_snap_tool, sp_print_tool),
	KIND("purpose", purposes, sp_snap_purpose, sp_print_purpose),
	KIND("sequence", sequences, sp_snap_sequence, sp_print_sequence),
};

struct entry {
	struct sp_bytes name;
	uint64_t print;
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
				k->print(s, i)};
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

static void tell(
	struct sp_differ *d, enum sp_change_kind change, const struct kind *k, struct sp_bytes name)
{
	sp_diff_tell(d,
		&(struct sp_change){.kind = change, .agent = name, .what = sp_bytes_cstr(k->word)});
}

static int compare_names(const struct entry *a, const struct entry *b)
{
	struct entry x = *a, y = *b;

	x.print = y.print = 0;
	return by_name(&x, &y);
}

/// Both sides are sorted: what stands on one only is new or gone.
static void merge(
	struct sp_differ *d, const struct kind *k, const struct entries *a, const struct entries *b)
{
	uint32_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		int r = i == a->n ? 1 : j == b->n ? -1 : compare_names(&a->v[i], &b->v[j]);

		if (r < 0) {
			tell(d, SP_CHANGE_RULE_GONE, k, a->v[i++].name);
		} else if (r > 0) {
			tell(d, SP_CHANGE_RULE_NEW, k, b->v[j++].name);
		} else {
			if (a->v[i].print != b->v[j].print)
				tell(d, SP_CHANGE_RULE, k, b->v[j].name);
			i++;
			j++;
		}
	}
}

int sp_diff_policy(struct sp_differ *d)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(kinds); i++) {
		struct entries a = {0}, b = {0};
		int err = list(d->a, &kinds[i], &a);

		if (!err)
			err = list(d->b, &kinds[i], &b);
		if (!err)
			merge(d, &kinds[i], &a, &b);
		free(a.v);
		free(b.v);
		if (err)
			return err;
	}
	if (d->a && sp_print_risk(d->a) != sp_print_risk(d->b))
		sp_diff_tell(d, &(struct sp_change){.kind = SP_CHANGE_RISK});
	return 0;
}
