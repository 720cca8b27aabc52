#include "config/names.h"

#include "config/snapshot.h"
#include "common/banned.h"

void sp_names_done(struct sp_names *s)
{
	free(s->v);
	free(s->slot);
	*s = (struct sp_names){0};
}

static uint32_t *slot_of(const struct sp_names *s, const char *name)
{
	uint64_t h = sp_snap_hash(sp_bytes_cstr(name));

	while (s->slot[h & s->mask] && strcmp(s->v[s->slot[h & s->mask] - 1], name) != 0)
		h++;
	return &s->slot[h & s->mask];
}

static int reindex(struct sp_names *s, uint32_t mask)
{
	uint32_t *slot = calloc((size_t)mask + 1, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	free(s->slot);
	s->slot = slot;
	s->mask = mask;
	for (uint32_t i = 0; i < s->n; i++)
		*slot_of(s, s->v[i]) = i + 1;
	return 0;
}

static int grow(struct sp_names *s)
{
	uint32_t mask = s->slot ? s->mask * 2 + 1 : 63;
	const char **v;

	if (s->n < s->cap)
		return 0;
	v = realloc(s->v, (mask + 1ull) / 2 * sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	SP_TRY(reindex(s, mask));
	s->cap = (mask + 1) / 2;
	return 0;
}

int sp_names_add(struct sp_names *s, const char *name, uint32_t *ret)
{
	uint32_t *slot;

	SP_TRY(grow(s));
	slot = slot_of(s, name);
	if (*slot == 0) {
		s->v[s->n] = name;
		*slot = ++s->n;
	}
	*ret = *slot - 1;
	return 0;
}

uint32_t sp_names_find(const struct sp_names *s, const char *name)
{
	uint32_t e = s->slot ? *slot_of(s, name) : 0;

	return e ? e - 1 : SP_SNAP_NONE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int sp_names_sort(struct sp_names *s)
{
	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(*s->v), by_text);
	return reindex(s, s->mask);
}

/// First name that is not below `prefix`, or, with `past`, that is above all that begin with it.
static uint32_t bound(const struct sp_names *s, struct sp_bytes prefix, bool past)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int r = strncmp(s->v[mid], (const char *)prefix.p, prefix.n);

		if (r < 0 || (past && r == 0))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void sp_names_range(
	const struct sp_names *s, struct sp_bytes prefix, uint32_t *ret_from, uint32_t *ret_to)
{
	*ret_from = prefix.n ? bound(s, prefix, false) : 0;
	*ret_to = prefix.n ? bound(s, prefix, true) : s->n;
}
