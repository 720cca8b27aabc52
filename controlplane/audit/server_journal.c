/// What the index lacks is read from the journal: batch by batch from where it stands, not segment by segment.
#include "controlplane/audit/server_inner.h"

#include "controlplane/audit/note.h"
#include "common/banned.h"

/// Holds the largest batch there can be.
#define CHUNK SP_BATCH_BYTES_MAX

/// Number of the segment that holds record `seq`.
static int segment_of(int dir, uint64_t seq, uint64_t *ret)
{
	struct sp_segment_list l;
	struct sp_segment_head h;
	size_t lo = 0, hi;
	int err;

	SP_TRY(sp_segment_list(dir, &l));
	for (hi = l.n; hi - lo > 1;) {
		size_t mid = lo + (hi - lo) / 2;

		err = sp_segment_head_load(dir, l.number[mid], &h);
		if (err < 0) {
			sp_segment_list_done(&l);
			return err;
		}
		if (h.first_seq <= seq)
			lo = mid;
		else
			hi = mid;
	}
	err = l.n ? 0 : -ENOENT;
	if (!err)
		*ret = l.number[lo];
	sp_segment_list_done(&l);
	return err;
}

int sp_server_index_add(struct sp_server *s, const struct sp_feed_entry *e)
{
	SP_TRY(sp_index_add(s->index, e));
	s->indexed = *e;
	return 0;
}

static int index_frame(struct sp_server *s, const struct sp_frame *f, uint64_t segment)
{
	struct sp_feed_entry e;
	struct sp_note n;

	sp_note_of(f, segment, &n, &e);
	return sp_server_index_add(s, &e);
}

/// The whole batches of one chunk, as far as they are wanted. The scan stands behind the last one.
static int index_chunk(struct sp_server *s, uint64_t number, uint64_t off, struct sp_scan *scan, uint64_t until)
{
	struct sp_frame f;
	int r = 0;

	while (sp_index_next(s->index) <= until && (r = sp_scan_next(scan, &f)) > 0) {
		if (f.head.seq != sp_index_next(s->index))
			continue;
		f.off += off;
		r = index_frame(s, &f, number);
		if (r < 0)
			return r;
	}
	return r;
}

/// The records of a segment up to `until`, from the batch at `off` on; `chain` is what is before it.
static int index_span(
	struct sp_server *s, uint64_t number, uint64_t off, struct sp_chain chain, uint64_t until)
{
	while (sp_index_next(s->index) <= until) {
		struct sp_scan scan;
		size_t n = 0;
		int r;

		SP_TRY(sp_segment_read(s->dir, number, off, s->chunk, CHUNK, &n));
		sp_scan_init(&scan, sp_bytes(s->chunk, n), 0, &chain);
		r = index_chunk(s, number, off, &scan, until);
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0 && scan.batch == 0)
			return r; // not even one that could be cut by the chunk's end
		if (r == 0 && (n < CHUNK || scan.off == 0))
			return 0;
		chain = r < 0 ? scan.before : scan.chain;
		off += r < 0 ? scan.batch : scan.off;
	}
	return 0;
}

/// From a segment's first record on.
static int index_segment(struct sp_server *s, uint64_t number, uint64_t until)
{
	struct sp_segment_head h;
	struct sp_chain chain;

	SP_TRY(sp_segment_head_load(s->dir, number, &h));
	chain.seq = h.first_seq - 1;
	memcpy(chain.hash, h.prev_hash, sizeof(chain.hash));
	return index_span(s, number, h.head_bytes, chain, until);
}

/// From behind the last record indexed, when that is known and ended a batch. What this leaves, or cannot
/// read, is found from its segment's start.
static void index_onward(struct sp_server *s, uint64_t until)
{
	const struct sp_feed_entry *last = &s->indexed;
	uint8_t buf[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX];
	struct sp_chain chain;
	struct sp_frame f;

	if (last->seq == 0 || last->seq + 1 != sp_index_next(s->index) ||
		sp_segment_frame(s->dir, last->segment, last->off, buf, &f) < 0 || f.head.seq != last->seq)
		return;
	chain.seq = f.head.seq;
	memcpy(chain.hash, f.head.hash, sizeof(chain.hash));
	(void)!index_span(s, last->segment, last->off + sp_frame_size(f.head.len), chain, until);
}

int sp_server_index_journal(struct sp_server *s, uint64_t until)
{
	uint64_t number, before;

	if (sp_index_next(s->index) <= until && !s->chunk)
		s->chunk = malloc(CHUNK);
	while (sp_index_next(s->index) <= until) {
		if (!s->chunk)
			return -ENOMEM;
		before = sp_index_next(s->index);
		index_onward(s, until);
		if (sp_index_next(s->index) > before)
			continue;
		SP_TRY(segment_of(s->dir, before, &number));
		SP_TRY(index_segment(s, number, until));
		if (sp_index_next(s->index) == before)
			return -EBADMSG;
	}
	return 0;
}
