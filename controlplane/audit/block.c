#include "controlplane/audit/block.h"

#include "common/banned.h"

#define HOMES_BITS 13
#define HOMES (1u << HOMES_BITS)
#define SLOTS (HOMES + SP_BLOCK_RECORDS) // what is pushed off the last home needs no way round
#define ITEMS (SP_BLOCK_RECORDS * SP_DIM__COUNT)

_Static_assert(HOMES >= 2 * SP_BLOCK_RECORDS, "the table of values must stay half empty");

/// While building: a value, with its records as a list linked through next[].
struct value {
	uint32_t hash;
	uint16_t first, last, count;
	uint8_t dim;
};

struct sp_block_builder {
	uint16_t slot[SLOTS]; ///< of one dimension: 1 + index into value[]; 0 = free
	struct value found[SP_BLOCK_RECORDS]; ///< of one dimension, as they came
	struct value value[ITEMS];
	uint16_t next[SP_DIM__COUNT][SP_BLOCK_RECORDS];
	uint32_t values;
	alignas(8) uint8_t bytes[SP_BLOCK_BYTES_MAX];
};

int sp_block_builder_new(struct sp_block_builder **ret)
{
	struct sp_block_builder *b = malloc(sizeof(*b));

	if (!b)
		return -ENOMEM;
	*ret = b;
	return 0;
}

void sp_block_builder_free(struct sp_block_builder *b)
{
	free(b);
}

/// Homes follow the order of the hashes.
static uint32_t home_of(uint32_t hash)
{
	return hash >> (32 - HOMES_BITS);
}

static uint32_t put(
	struct sp_block_builder *b, uint32_t values, uint32_t hash, uint16_t i, uint16_t *next)
{
	uint32_t s = home_of(hash);
	struct value *v;

	for (; b->slot[s]; s++) {
		v = &b->found[b->slot[s] - 1];
		if (v->hash == hash) {
			next[v->last] = i;
			v->last = i;
			v->count++;
			return values;
		}
	}
	b->found[values] = (struct value){.hash = hash, .first = i, .last = i, .count = 1};
	b->slot[s] = (uint16_t)(values + 1);
	return values + 1;
}

/// The values of a dimension in the order of their hashes: as they lie in the table, but for neighbours.
static void sort_in(struct sp_block_builder *b, uint32_t values, unsigned dim)
{
	struct value *to = b->value + b->values;
	uint32_t n = 0;

	for (uint32_t s = 0; n < values; s++) {
		struct value v;
		uint32_t at = n;

		if (!b->slot[s])
			continue;
		v = b->found[b->slot[s] - 1];
		v.dim = (uint8_t)dim;
		for (; at && to[at - 1].hash > v.hash; at--)
			to[at] = to[at - 1];
		to[at] = v;
		n++;
	}
	b->values += n;
}

static void collect(struct sp_block_builder *b, const struct sp_feed_entry *e, uint32_t n)
{
	b->values = 0;
	for (unsigned d = 0; d < SP_DIM__COUNT; d++) {
		uint32_t values = 0;

		memset(b->slot, 0, sizeof(b->slot));
		for (uint32_t i = 0; i < n; i++)
			if (e[i].hash[d])
				values = put(b, values, e[i].hash[d], (uint16_t)i, b->next[d]);
		sort_in(b, values, d);
	}
}

static struct sp_block_head head_of(const struct sp_feed_entry *e, uint32_t n)
{
	struct sp_block_head h = {
		.version = SP_BLOCK_VERSION, .n = n, .first_seq = e[0].seq, .min_ns = UINT64_MAX};

	for (uint32_t i = 0; i < n; i++) {
		h.runs += i == 0 || e[i].segment != e[i - 1].segment;
		h.min_ns = sp_min(h.min_ns, e[i].time_ns);
		h.max_ns = sp_max(h.max_ns, e[i].time_ns);
	}
	return h;
}

static void write_places(struct sp_out *o, const struct sp_feed_entry *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sp_out_put(o, &e[i].off, sizeof(e[i].off));
	if (n % 2)
		sp_out_put(o, "\0\0\0", 4); // what follows is aligned to eight
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || e[i].segment != e[i - 1].segment) {
			struct sp_block_run r = {e[i].segment, i, 0};

			sp_out_put(o, &r, sizeof(r));
		}
}

/// Number by number past sp_out_put(): there are eight for each record.
static void write_lists(const struct sp_block_builder *b, struct sp_out *o, uint32_t lists)
{
	uint16_t *to = (uint16_t *)(o->p + o->len);

	SP_BUG_IF(o->cap - o->len < lists * sizeof(*to));
	for (uint32_t i = 0; i < b->values; i++) {
		const struct value *v = &b->value[i];
		uint16_t at = v->first;

		for (uint32_t k = 0; k < v->count; k++, at = b->next[v->dim][at])
			*to++ = at;
	}
	o->len += lists * sizeof(*to);
}

struct sp_bytes sp_block_build(struct sp_block_builder *b, const struct sp_feed_entry *e, uint32_t n)
{
	struct sp_out o = sp_out_init(b->bytes, sizeof(b->bytes));
	struct sp_block_head h = head_of(e, n);

	SP_BUG_IF(n == 0 || n > SP_BLOCK_RECORDS);
	collect(b, e, n);
	h.groups = b->values;
	for (uint32_t i = 0; i < b->values; i++)
		h.lists += b->value[i].count;
	sp_out_put(&o, &h, sizeof(h));
	write_places(&o, e, n);
	for (uint32_t i = 0, at = 0; i < b->values; i++) {
		const struct value *v = &b->value[i];
		struct sp_block_group g = {v->hash, at, v->count, v->dim, 0};

		sp_out_put(&o, &g, sizeof(g));
		at += v->count;
	}
	write_lists(b, &o, h.lists);
	SP_BUG_IF(o.overflow);
	return sp_bytes(b->bytes, o.len);
}

int sp_block_open(struct sp_bytes b, struct sp_block *ret)
{
	struct sp_block v;
	size_t off_bytes, want;

	if (b.n < sizeof(v.head))
		return -EBADMSG;
	memcpy(&v.head, b.p, sizeof(v.head));
	if (v.head.version != SP_BLOCK_VERSION || v.head.n == 0 || v.head.n > SP_BLOCK_RECORDS ||
		v.head.runs == 0 || v.head.runs > v.head.n || v.head.groups > ITEMS ||
		v.head.lists > ITEMS)
		return -EBADMSG;
	off_bytes = (v.head.n + v.head.n % 2) * sizeof(uint32_t);
	want = sizeof(v.head) + off_bytes + v.head.runs * sizeof(*v.run) +
		v.head.groups * sizeof(*v.group) + v.head.lists * sizeof(*v.list);
	if (b.n != want)
		return -EBADMSG;
	v.off = (const uint32_t *)(b.p + sizeof(v.head));
	v.run = (const struct sp_block_run *)((const uint8_t *)v.off + off_bytes);
	v.group = (const struct sp_block_group *)(v.run + v.head.runs);
	v.list = (const uint16_t *)(v.group + v.head.groups);
	for (uint32_t i = 0; i < v.head.groups; i++)
		if (v.group[i].count == 0 || v.group[i].count > v.head.lists ||
			v.group[i].list > v.head.lists - v.group[i].count)
			return -EBADMSG;
	*ret = v;
	return 0;
}

const uint16_t *sp_block_find(const struct sp_block *b, enum sp_dim dim, uint32_t hash, uint32_t *ret_n)
{
	uint32_t lo = 0, hi = b->head.groups;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct sp_block_group *g = &b->group[mid];

		if (g->dim == dim && g->hash == hash) {
			*ret_n = g->count;
			return b->list + g->list;
		}
		if (g->dim < dim || (g->dim == dim && g->hash < hash))
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_n = 0;
	return NULL;
}

void sp_block_where(const struct sp_block *b, uint32_t index, uint64_t *ret_segment, uint32_t *ret_off)
{
	uint32_t r = b->head.runs - 1;

	while (r > 0 && b->run[r].index > index)
		r--;
	*ret_segment = b->run[r].segment;
	*ret_off = b->off[index];
}
