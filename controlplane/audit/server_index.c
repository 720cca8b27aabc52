#include "controlplane/audit/server_inner.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/audit/note.h"
#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

#define FEW_BLOCKS 4u
#define MANY_BLOCKS 64u
#define RETRY_NS (250 * SP_NS_PER_MS)
#define RETAIN_NS (3600 * SP_NS_PER_SEC)
#define DAY_NS (86400 * SP_NS_PER_SEC)

static void index_path(const struct sp_server *s, char ret[SP_PATH_MAX + 16])
{
	snprintf(ret, SP_PATH_MAX + 16, "%s/audit/index", s->plan->state_dir);
}

/// When it is first wanted: records are taken without an index, which may be lost at any time.
static int open_index(struct sp_server *s)
{
	char path[SP_PATH_MAX + 16];
	struct sp_segment_list l;
	struct sp_segment_head h = {.first_seq = 1};
	int err;

	SP_TRY(sp_segment_list(s->dir, &l));
	err = l.n ? sp_segment_head_load(s->dir, l.number[0], &h) : -ENOENT;
	sp_segment_list_done(&l);
	SP_TRY(err);
	index_path(s, path);
	// By what the last life left: numbers behind that are given anew, to other records.
	return sp_index_open(path, s->journal->store_id, h.first_seq, s->journal->found_seq, &s->index);
}

static void discard_index(struct sp_server *s)
{
	char path[SP_PATH_MAX + 16];
	int err;

	sp_index_close(s->index);
	s->index = NULL;
	index_path(s, path);
	err = sp_index_remove(path);
	sp_log_err("index", err, "its files are spoilt: it is made anew from the journal");
}

static int take_in(struct sp_server *s)
{
	uint64_t durable;
	uint32_t n = sp_feed_take(s->feed, &s->taken, &durable);

	s->due_ns = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct sp_feed_entry *e = &s->taken[i];

		if (e->seq > sp_index_next(s->index))
			SP_TRY(sp_server_index_journal(s, e->seq - 1));
		if (e->seq == sp_index_next(s->index))
			SP_TRY(sp_server_index_add(s, e));
	}
	return sp_server_index_journal(s, durable);
}

/// Blocks are written some at a time, and not in the turn that built one: both keep a worker on this core waiting.
static int catch_up(struct sp_server *s)
{
	uint32_t had = sp_index_pending(s->index), has;
	int err = take_in(s), flush = 0;

	has = sp_index_pending(s->index);
	if (has >= MANY_BLOCKS || (has >= FEW_BLOCKS && has == had))
		flush = sp_index_flush(s->index);
	// What was not written is asked all the same.
	if (err == 0 && flush < 0 && flush != -EUCLEAN)
		err = sp_server_index_journal(s, atomic_load(&s->feed->durable_seq));
	return err < 0 ? err : flush;
}

int sp_server_catch_up(struct sp_server *s)
{
	int err = s->index ? 0 : open_index(s);

	if (!err)
		err = catch_up(s);
	if (err == -EUCLEAN && s->index)
		discard_index(s);
	if (!s->index)
		s->due_ns = sp_clock_boot_ns() + RETRY_NS;
	return err;
}

static void tell_removed(struct sp_server *s, uint64_t number, uint64_t first_kept)
{
	uint8_t buf[512];
	char detail[128];
	struct sp_record_writer w;
	int n;

	snprintf(detail, sizeof(detail), "segment %" PRIu64 " removed, the trail begins with record %" PRIu64,
		number, first_kept);
	sp_record_begin(&w, buf, sizeof(buf));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_LIFECYCLE);
	sp_record_u(&w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_s(&w, SP_F_ACTOR, SP_LIT("audit"));
	sp_record_s(&w, SP_F_OBJECT, SP_LIT("retention"));
	sp_record_s(&w, SP_F_DETAIL, sp_bytes_cstr(detail));
	n = sp_record_end(&w);
	if (n > 0)
		(void)!sp_feed_act(s->feed, sp_bytes(buf, (size_t)n));
}

/// The oldest segment goes when the next one was begun longer ago than records are kept.
static bool retain_one(struct sp_server *s)
{
	uint64_t keep = s->plan->retention_days * DAY_NS, now = sp_clock_wall_ns(), number;
	struct sp_segment_list l;
	struct sp_segment_head h;
	char name[SP_SEGMENT_NAME];
	bool old;

	if (sp_segment_list(s->dir, &l) < 0)
		return false;
	old = l.n >= 3 && sp_segment_head_load(s->dir, l.number[1], &h) == 0 &&
		h.created_ns < now && now - h.created_ns > keep;
	number = old ? l.number[0] : 0;
	sp_segment_list_done(&l);
	if (!old || h.first_seq > sp_index_next(s->index))
		return false;
	sp_segment_name(number, name);
	if (unlinkat(s->dir, name, 0) < 0)
		return false;
	tell_removed(s, number, h.first_seq); // whatever becomes of the rest
	return fsync(s->dir) == 0 && sp_index_drop_before(s->index, h.first_seq) == 0;
}

void sp_server_retain(struct sp_server *s, uint64_t now_ns)
{
	if (!s->index || s->plan->retention_days == 0 ||
		(s->retention_ns && now_ns - s->retention_ns < RETAIN_NS))
		return;
	// What goes is on record: as many at a time as find room there, the others when those were taken.
	while (sp_feed_act_room(s->feed))
		if (!retain_one(s)) {
			s->retention_ns = now_ns;
			return;
		}
}
