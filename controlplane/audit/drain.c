#include "controlplane/audit/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/audit/drain_inner.h"
#include "controlplane/audit/note.h"
#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

#define LOOK 64u
#define FIRST_SEQ_MAX (1ull << 48)

static struct sp_audit_slot *slot(const struct sp_drain *d)
{
	return &d->c.root->audit;
}

static void set_state(struct sp_drain *d, enum sp_audit_state s)
{
	atomic_store_explicit(&slot(d)->state, s, memory_order_release);
}

bool sp_drain_latched(const struct sp_drain *d)
{
	return d->journal.failed != 0;
}

static void latch(struct sp_drain *d, int err)
{
	bool full = err == -ENOSPC || err == -EDQUOT;

	set_state(d, full ? SP_STORE_FULL : SP_STORE_LATCHED);
	atomic_fetch_add_explicit(&slot(d)->errors, 1, memory_order_relaxed);
	sp_log_err("store", err, "nothing is made durable any more: segment %" PRIu64 ", record %" PRIu64,
		d->journal.number, d->journal.chain.seq + 1);
	d->tried_ns = sp_clock_boot_ns();
}

/// The open batch is gone; its records are still in the rings.
static void forget_batch(struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers; i++) {
		d->worker[i].taken = 0;
		d->worker[i].last = d->worker[i].durable;
	}
	d->notes = 0;
	d->acts_added = 0;
	d->strict = false;
	d->since = 0;
}

static void follow_call(struct sp_drain *d, const struct sp_note *n, const struct sp_feed_entry *fed)
{
	struct sp_open_call c = {
		.seq = fed->seq,
		.segment = fed->segment,
		.off = fed->off,
		.worker = n->worker,
		.epoch = n->epoch,
	};

	if (n->kind == SP_NOTE_CLOSES)
		sp_open_calls_close(&d->open, n->call, n->worker);
	if (n->kind != SP_NOTE_OPENS)
		return;
	memcpy(c.call, n->call, sizeof(c.call));
	sp_open_calls_add(&d->open, &c);
}

void sp_drain_on_found(void *ctx, const struct sp_frame *f, uint64_t segment)
{
	struct sp_feed_entry fed;
	struct sp_note n;

	sp_note_of(f, segment, &n, &fed);
	follow_call(ctx, &n, &fed);
}

/// The open batch is on disk.
static void take_durable(struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->notes; i++)
		follow_call(d, &d->note[i], &d->fed[i]);
}

static void tell_workers(struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers; i++) {
		struct sp_drain_worker *w = &d->worker[i];

		if (!w->taken)
			continue;
		w->durable = w->last;
		sp_channel_set_durable(&w->channel, w->durable);
		sp_channel_release(&w->channel, w->taken);
		w->taken = 0;
		atomic_thread_fence(memory_order_seq_cst);
		if (w->event >= 0 &&
			atomic_load_explicit(&w->channel.r->want_wake, memory_order_relaxed)) {
			uint64_t one = 1;

			(void)!write(w->event, &one, sizeof(one));
		}
	}
}

static void tell_everyone(struct sp_drain *d, uint32_t records, uint64_t bytes)
{
	struct sp_audit_slot *s = slot(d);

	atomic_store_explicit(&s->seq, d->journal.chain.seq, memory_order_release);
	atomic_fetch_add_explicit(&s->records, records, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bytes, bytes, memory_order_relaxed);
	// The index first: who was told that a record is durable also finds it.
	sp_feed_put(d->c.feed, d->fed, d->notes, d->journal.chain.seq);
	tell_workers(d);
	if (d->acts_added) {
		d->acts -= d->acts_added;
		memmove(d->act, d->act + d->acts_added, d->acts * sizeof(d->act[0]));
		d->acts_added = 0;
	}
}

bool sp_drain_commit(struct sp_drain *d)
{
	uint32_t records = d->journal.batch_n;
	uint64_t bytes = d->journal.batch_len;
	int err;

	if (records == 0) {
		tell_workers(d); // repeats alone: dropped, and free to be overwritten
		return !sp_drain_latched(d);
	}
	err = sp_journal_commit(&d->journal);
	if (err < 0) {
		forget_batch(d);
		latch(d, err);
		return false;
	}
	take_durable(d);
	tell_everyone(d, records, bytes);
	d->notes = d->acts_added = 0;
	d->strict = false;
	d->since = 0;
	return true;
}

bool sp_drain_put(struct sp_drain *d, uint32_t worker, uint64_t worker_seq, uint32_t epoch,
	struct sp_bytes bytes, struct sp_frame *ret)
{
	int err = d->journal.batch_n >= SP_NOTES_MAX
		? -EAGAIN
		: sp_journal_add(&d->journal, worker, worker_seq, epoch, bytes, ret);

	if (err == -EAGAIN) {
		if (!sp_drain_commit(d))
			return false;
		err = sp_journal_add(&d->journal, worker, worker_seq, epoch, bytes, ret);
	}
	if (err < 0) {
		forget_batch(d);
		latch(d, err);
		return false;
	}
	if (d->since == 0)
		d->since = sp_clock_boot_ns();
	return true;
}

static void note_down(struct sp_drain *d, const struct sp_frame *f)
{
	struct sp_note *n = &d->note[d->notes];

	sp_note_of(f, d->journal.number, n, &d->fed[d->notes++]);
	d->strict |= n->strict;
}

void sp_drain_note(struct sp_drain *d, const struct sp_frame *f)
{
	struct sp_frame pin;

	if (d->notes == 0 && sp_journal_pinned(&d->journal, &pin))
		note_down(d, &pin);
	note_down(d, f);
}

/// A worker's numbers go up by one, from one on. Where another one comes records were lost, or it is forged: then it
/// counts for nothing, but the record is kept.
static uint64_t judge_seq(struct sp_drain_worker *w, uint64_t seq)
{
	uint64_t most = w->last ? 2 * ((uint64_t)w->channel.mask + 1) : FIRST_SEQ_MAX;

	if (seq != w->last + 1)
		w->odd++;
	return seq - w->last - 1 < most ? seq : 0;
}

/// Audit died between a write and letting go of its records: they are in the ring still, before any other.
static bool comes_again(const struct sp_drain_worker *w, uint64_t seq)
{
	return seq && w->last && w->last == w->began && w->last - seq <= w->channel.mask;
}

static bool take(struct sp_drain *d, uint32_t i, const struct sp_channel_record *r, uint32_t epoch)
{
	struct sp_drain_worker *w = &d->worker[i];
	struct sp_frame f;
	uint64_t seq;

	if (comes_again(w, r->seq)) {
		w->taken++;
		return true;
	}
	if (r->bytes.n == 0)
		w->odd++;
	seq = judge_seq(w, r->seq);
	if (!sp_drain_put(d, i, seq, epoch, r->bytes, &f))
		return false;
	w->taken++;
	w->last = seq ? seq : w->last;
	sp_drain_note(d, &f);
	return true;
}

static uint32_t epoch_now(const struct sp_drain_worker *w)
{
	return atomic_load_explicit(w->epoch_word, memory_order_acquire);
}

static void gather_worker(struct sp_drain *d, uint32_t i)
{
	struct sp_drain_worker *w = &d->worker[i];
	struct sp_channel_record r[LOOK];
	unsigned budget = w->channel.mask + 1;

	w->epoch = epoch_now(w);
	w->empty = false;
	while (budget) {
		unsigned n = sp_channel_peek(&w->channel, w->taken, r, LOOK);
		// Read after them: a worker may die and its next life write while a commit on the way waits for the
		// disk. By an older epoch its calls would be put in doubt while it still has them.
		uint32_t epoch = epoch_now(w);

		if (n == 0) {
			w->empty = true;
			return;
		}
		for (unsigned k = 0; k < n; k++) {
			// Committing in between released what was taken: the rest is looked at anew.
			unsigned before = w->taken;

			if (!take(d, i, &r[k], epoch))
				return;
			if (w->taken != before + 1)
				break;
		}
		budget -= sp_min(n, budget);
	}
}

static void gather_acts(struct sp_drain *d)
{
	if (d->acts == 0)
		d->acts = sp_feed_acts(d->c.feed, d->act, SP_FEED_ACTS);
	while (d->acts_added < d->acts) {
		// A copy: a commit on the way moves those that follow up.
		struct sp_feed_act a = d->act[d->acts_added];
		struct sp_frame f;

		if (!sp_drain_put(d, SP_FRAME_OWN, 0, 0, sp_bytes(a.record, a.len), &f))
			return;
		sp_drain_note(d, &f);
		d->acts_added++;
	}
}

void sp_drain_gather(struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers && !sp_drain_latched(d); i++)
		if (d->worker[i].present)
			gather_worker(d, i);
	if (!sp_drain_latched(d))
		gather_acts(d);
}

bool sp_drain_wanted(const struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers; i++)
		if (d->worker[i].present && d->worker[i].taken &&
			atomic_load_explicit(
				&d->worker[i].channel.r->want_wake, memory_order_relaxed))
			return true;
	return false;
}

bool sp_drain_idle(const struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers; i++)
		if (d->worker[i].present && (!d->worker[i].empty || d->worker[i].taken))
			return false;
	return d->journal.batch_n == 0;
}
