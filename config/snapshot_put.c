#include "config/snapshot_put.h"

#include "common/banned.h"

void sp_snap_put_init(struct sp_snap_put *p)
{
	memset(p, 0, sizeof(*p));
	sp_blob_init(&p->blob, UINT32_MAX - 64);
	sp_blob_room(&p->blob, sizeof(struct sp_snap_header), 8);
}

static void seen_done(struct sp_snap_put_seen *s)
{
	free(s->slot);
	free(s->run);
	*s = (struct sp_snap_put_seen){0};
}

void sp_snap_put_done(struct sp_snap_put *p)
{
	sp_blob_done(&p->blob);
	seen_done(&p->strs);
	seen_done(&p->lists);
}

void sp_snap_put_refuse(struct sp_snap_put *p)
{
	if (!p->err)
		p->err = -EINVAL;
}

int sp_snap_put_err(const struct sp_snap_put *p)
{
	return p->blob.err ? p->blob.err : p->err;
}

static struct sp_bytes run_text(const struct sp_snap_put *p, struct sp_snap_str run)
{
	return sp_bytes(p->blob.p + run.off, run.len);
}

static int seen_grow(const struct sp_snap_put *p, struct sp_snap_put_seen *s)
{
	uint32_t mask = s->mask ? s->mask * 2 + 1 : 255, cap = (mask + 1) / 2, *slot;
	struct sp_snap_str *run;

	if (s->n < s->cap)
		return 0;
	run = realloc(s->run, cap * sizeof(*run));
	if (!run)
		return -ENOMEM;
	s->run = run;
	s->cap = cap;
	slot = calloc((size_t)mask + 1, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t h = sp_snap_hash(run_text(p, run[i]));

		while (slot[h & mask])
			h++;
		slot[h & mask] = i + 1;
	}
	free(s->slot);
	s->slot = slot;
	s->mask = mask;
	return 0;
}

/// The run that holds `v`, written now unless it lies there.
static struct sp_snap_str put_seen(
	struct sp_snap_put *p, struct sp_snap_put_seen *s, struct sp_bytes v, size_t align)
{
	struct sp_snap_str run = {sizeof(struct sp_snap_header), 0};
	uint64_t h = sp_snap_hash(v);

	if (v.n == 0 || p->blob.err)
		return run;
	if (v.n > UINT32_MAX) {
		p->blob.err = -E2BIG;
		return run;
	}
	p->blob.err = seen_grow(p, s);
	if (p->blob.err)
		return run;
	for (; s->slot[h & s->mask]; h++)
		if (sp_bytes_eq(run_text(p, s->run[s->slot[h & s->mask] - 1]), v))
			return s->run[s->slot[h & s->mask] - 1];
	run = (struct sp_snap_str){sp_blob_room(&p->blob, v.n, align), (uint32_t)v.n};
	if (p->blob.err)
		return run;
	memcpy(p->blob.p + run.off, v.p, v.n);
	s->run[s->n++] = run;
	s->slot[h & s->mask] = s->n;
	return run;
}

struct sp_snap_str sp_snap_put_str(struct sp_snap_put *p, struct sp_bytes s)
{
	if (s.n == 0)
		return (struct sp_snap_str){sizeof(struct sp_snap_header), 0};
	if (s.n > UINT32_MAX) {
		p->blob.err = -E2BIG;
		return (struct sp_snap_str){0};
	}
	return (struct sp_snap_str){sp_blob_put(&p->blob, s), (uint32_t)s.n};
}

struct sp_snap_str sp_snap_put_once(struct sp_snap_put *p, struct sp_bytes s)
{
	return put_seen(p, &p->strs, s, 1);
}

struct sp_snap_table sp_snap_put_list(struct sp_snap_put *p, const uint32_t *v, uint32_t n)
{
	struct sp_snap_str run = put_seen(p, &p->lists, sp_bytes(v, (size_t)n * sizeof(*v)), 8);

	return (struct sp_snap_table){run.off, n};
}

struct sp_snap_table sp_snap_put_table(struct sp_snap_put *p, uint32_t n, size_t size)
{
	return (struct sp_snap_table){sp_blob_room(&p->blob, (size_t)n * size, 8), n};
}

struct sp_snap_table sp_snap_put_rows(struct sp_snap_put *p, uint32_t n, size_t size)
{
	return (struct sp_snap_table){sp_blob_room(&p->blob, (size_t)n * size, SP_SNAP_ROW), n};
}

void *sp_snap_put_entry(struct sp_snap_put *p, struct sp_snap_table t, uint32_t i, size_t size)
{
	uint8_t *at = sp_blob_at(&p->blob, t.off);

	SP_BUG_IF(size > sizeof(p->scrap));
	return at ? at + (size_t)i * size : p->scrap;
}

struct sp_snap_index sp_snap_put_index_room(struct sp_snap_put *p, uint32_t entries, size_t size)
{
	struct sp_snap_index x = {0, 3};

	while (x.mask / 2 < entries)
		x.mask = x.mask * 2 + 1;
	x.off = sp_blob_room(&p->blob, ((size_t)x.mask + 1) * size, SP_SNAP_ROW);
	return x;
}

struct sp_snap_index sp_snap_put_index(struct sp_snap_put *p, struct sp_snap_table t, size_t size)
{
	struct sp_snap_index x = sp_snap_put_index_room(p, t.n, sizeof(uint32_t));
	uint32_t *slot = sp_blob_at(&p->blob, x.off);

	if (!slot)
		return x;
	for (uint32_t i = 0; i < t.n; i++) {
		const struct sp_snap_str *name = sp_snap_put_entry(p, t, i, size);
		struct sp_bytes text = run_text(p, *name);
		uint64_t h = sp_snap_hash(text);

		for (; slot[h & x.mask]; h++) {
			const struct sp_snap_str *other =
				sp_snap_put_entry(p, t, slot[h & x.mask] - 1, size);

			if (sp_bytes_eq(text, run_text(p, *other)))
				sp_snap_put_refuse(p);
		}
		slot[h & x.mask] = i + 1;
	}
	return x;
}
