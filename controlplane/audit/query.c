#include "controlplane/audit/query.h"

#include "common/record.h"
#include <fcntl.h>
#include "common/banned.h"

struct run {
	const struct sp_query *q;
	struct sp_reader reader;
	struct sp_query_hit *hits;
	uint32_t n;
	bool down;
	int err;
};

int sp_reader_get(struct sp_reader *r, const struct sp_query_hit *h, struct sp_frame *ret)
{
	char name[SP_SEGMENT_NAME];
	struct sp_frame f;
	ssize_t n;

	if (r->fd < 0 || r->segment != h->segment) {
		sp_close_fd(&r->fd);
		sp_segment_name(h->segment, name);
		r->fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (r->fd < 0)
			return -errno;
		r->segment = h->segment;
	}
	n = pread(r->fd, r->buf, sizeof(r->buf), h->off);
	if (n < 0)
		return -errno;
	SP_TRY(sp_frame_at(sp_bytes(r->buf, (size_t)n), 0, &f));
	if (f.head.seq != h->seq)
		return -EBADMSG;
	*ret = f;
	return 0;
}

void sp_reader_done(struct sp_reader *r)
{
	sp_close_fd(&r->fd);
}

static bool matches(const struct sp_query *q, const struct sp_record *r)
{
	static const uint8_t fields[SP_DIM__COUNT] = {
#define X(sym) [SP_DIM_##sym] = SP_F_##sym,
		SP_DIMS(X)
#undef X
	};
	uint64_t t = sp_record_has(r, SP_F_TIME) ? r->u[SP_F_TIME] : 0;

	if (t < q->since_ns || (q->until_ns && t >= q->until_ns))
		return false;
	for (unsigned d = 0; d < SP_DIM__COUNT; d++) {
		enum sp_record_field f = (enum sp_record_field)fields[d];

		if (!q->want[d].set)
			continue;
		if (!sp_record_has(r, f))
			return false;
		if (d == SP_DIM_SHADOW && q->want[d].u == SP_QUERY_ANY)
			continue;
		if (sp_dim_is_number((enum sp_dim)d) ? r->u[f] != q->want[d].u
						     : !sp_bytes_eq(r->b[f], q->want[d].b))
			return false;
	}
	return true;
}

/// Does every list hold `i`? They ascend.
static bool in_all(const uint16_t *const *list, const uint32_t *n, unsigned lists, uint16_t i)
{
	for (unsigned l = 1; l < lists; l++) {
		uint32_t lo = 0, hi = n[l];

		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (list[l][mid] < i)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == n[l] || list[l][lo] != i)
			return false;
	}
	return true;
}

static bool bounded(const struct sp_query *q, uint64_t seq)
{
	return seq >= q->from && (q->before == 0 || seq < q->before);
}

/// False when enough was found, or a record cannot be read.
static bool try_record(struct run *r, const struct sp_block *b, uint16_t i)
{
	struct sp_query_hit h = {.seq = b->head.first_seq + i};
	struct sp_record rec;
	struct sp_frame f = {0};

	if (!bounded(r->q, h.seq))
		return true;
	sp_block_where(b, i, &h.segment, &h.off);
	r->err = sp_reader_get(&r->reader, &h, &f);
	if (r->err == -ENOENT) { // removed with its segment, the index follows
		r->err = 0;
		return true;
	}
	if (r->err < 0)
		return false;
	if (sp_record_read(f.bytes, &rec) < 0)
		rec.present[0] = rec.present[1] = 0;
	if (!matches(r->q, &rec))
		return true;
	r->hits[r->n++] = h;
	return r->n < r->q->limit;
}

/// The shortest list leads.
static void swap_lists(const uint16_t **list, uint32_t *n, unsigned with)
{
	const uint16_t *l = list[0];
	uint32_t k = n[0];

	list[0] = list[with];
	n[0] = n[with];
	list[with] = l;
	n[with] = k;
}

static bool try_block(void *ctx, const struct sp_block *b)
{
	struct run *r = ctx;
	const struct sp_query *q = r->q;
	const uint16_t *list[SP_DIM__COUNT];
	uint32_t n[SP_DIM__COUNT] = {b->head.n};
	unsigned lists = 0;

	if (q->before && b->head.first_seq >= q->before)
		return r->down;
	if (b->head.first_seq + b->head.n <= q->from)
		return !r->down;
	if (b->head.max_ns < q->since_ns || (q->until_ns && b->head.min_ns >= q->until_ns))
		return true;
	for (unsigned d = 0; d < SP_DIM__COUNT; d++) {
		bool number = sp_dim_is_number((enum sp_dim)d);

		if (!q->want[d].set)
			continue;
		list[lists] = sp_block_find(b, (enum sp_dim)d,
			number ? sp_dim_hash_of((enum sp_dim)d, q->want[d].u)
			       : sp_dim_hash_bytes(q->want[d].b),
			&n[lists]);
		if (!list[lists])
			return true;
		if (n[lists] < n[0])
			swap_lists(list, n, lists);
		lists++;
	}
	for (uint32_t k = 0; k < n[0]; k++) {
		uint32_t at = r->down ? n[0] - 1 - k : k;
		uint16_t i = lists ? list[0][at] : (uint16_t)at;

		if (i < b->head.n && in_all(list, n, lists, i) && !try_record(r, b, i))
			return false;
	}
	return true;
}

int sp_query_run(struct sp_index *x, int dir, const struct sp_query *q, struct sp_query_hit *hits,
	uint32_t *ret_n, uint64_t *ret_next)
{
	struct run r = {.q = q, .reader = {.dir = dir, .fd = -1}, .hits = hits, .down = q->from == 0};
	uint64_t end = q->before ? sp_min(q->before, sp_index_next(x)) : sp_index_next(x);
	int err;

	if (q->limit == 0 || q->limit > SP_QUERY_LIMIT_MAX)
		return -EINVAL;
	err = sp_index_walk(x, r.down ? end - 1 : q->from, r.down, try_block, &r);
	sp_reader_done(&r.reader);
	if (err < 0 || r.err < 0)
		return err < 0 ? err : r.err;
	for (uint32_t i = 0; r.down && i < r.n / 2; i++) {
		struct sp_query_hit h = hits[i];

		hits[i] = hits[r.n - 1 - i];
		hits[r.n - 1 - i] = h;
	}
	*ret_n = r.n;
	*ret_next = r.n == q->limit && !r.down ? hits[r.n - 1].seq + 1 : sp_max(end, q->from);
	return 0;
}
