/// What audit has to say itself: its start, its troubles, calls left in doubt.
#include "controlplane/audit/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/reason.h"
#include "controlplane/audit/drain_inner.h"
#include "controlplane/audit/note.h"
#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

#define DOUBTS 128u
#define REOPEN_NS SP_NS_PER_SEC

static void add_own(struct sp_drain *d, struct sp_record_writer *w, const uint8_t *buf)
{
	int n = sp_record_end(w);
	struct sp_frame f;

	SP_BUG_IF(n < 0);
	if (sp_drain_put(d, SP_FRAME_OWN, 0, 0, sp_bytes(buf, (size_t)n), &f))
		sp_drain_note(d, &f);
}

static void begin_own(struct sp_drain *d, struct sp_record_writer *w, uint8_t *buf, size_t cap,
	enum sp_record_type type)
{
	sp_record_begin(w, buf, cap);
	sp_record_u(w, SP_F_TYPE, type);
	sp_record_u(w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_u(w, SP_F_BOOT, sp_clock_boot_ns());
	sp_record_b(w, SP_F_NODE, sp_bytes(d->c.root->boot_id, sizeof(d->c.root->boot_id)));
}

void sp_drain_own(struct sp_drain *d, unsigned type, const char *object, const char *detail)
{
	uint8_t buf[2048];
	struct sp_record_writer w;

	begin_own(d, &w, buf, sizeof(buf), type);
	sp_record_s(&w, SP_F_ACTOR, SP_LIT("audit"));
	sp_record_s(&w, SP_F_OBJECT, sp_bytes_cstr(object));
	sp_record_s(&w, SP_F_DETAIL, sp_bytes_cstr(detail));
	add_own(d, &w, buf);
}

static void in_doubt(struct sp_drain *d, const struct sp_open_call *c)
{
	uint8_t buf[2048], raw[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX];
	static const enum sp_record_field kept[] = {SP_F_AGENT, SP_F_TOOL, SP_F_UPSTREAM, SP_F_METHOD};
	struct sp_record_writer w;
	struct sp_record r;
	struct sp_frame f;

	begin_own(d, &w, buf, sizeof(buf), SP_RECORD_IN_DOUBT);
	sp_record_b(&w, SP_F_CALL, sp_bytes(c->call, sizeof(c->call)));
	sp_record_u(&w, SP_F_OF_SEQ, c->seq);
	sp_record_u(&w, SP_F_WORKER, c->worker);
	sp_record_u(&w, SP_F_EPOCH, c->epoch);
	sp_record_u(&w, SP_F_REASON, SP_REASON_WORKER_DIED);
	sp_record_s(&w, SP_F_OUTCOME, SP_LIT("in_doubt"));
	if (sp_segment_frame(d->c.dir, c->segment, c->off, raw, &f) == 0 && f.head.seq == c->seq &&
		sp_record_read(f.bytes, &r) == 0) {
		for (size_t i = 0; i < SP_ARRAY_LEN(kept); i++)
			if (sp_record_has(&r, kept[i]))
				sp_record_s(&w, kept[i], r.b[kept[i]]);
		if (sp_record_has(&r, SP_F_SESSION))
			sp_record_b(&w, SP_F_SESSION, r.b[SP_F_SESSION]);
	}
	add_own(d, &w, buf);
}

static bool over(const struct sp_drain *d, const struct sp_open_call *c, uint32_t worker,
	uint32_t epoch, bool all)
{
	if (all || c->seq < d->journal.boot_first_seq)
		return true;
	return c->worker == worker && c->epoch < epoch;
}

/// True when none is left: the table changes with each commit, so it is searched anew.
static bool settle(struct sp_drain *d, uint32_t worker, uint32_t epoch, bool all)
{
	struct sp_open_call found[DOUBTS];
	uint32_t n;

	do {
		const struct sp_open_call *c;
		uint32_t at = 0;

		n = 0;
		while (n < DOUBTS && (c = sp_open_calls_next(&d->open, &at)))
			if (over(d, c, worker, epoch, all))
				found[n++] = *c;
		for (uint32_t i = 0; i < n && !sp_drain_latched(d); i++)
			in_doubt(d, &found[i]);
		if (!sp_drain_commit(d))
			return false;
		atomic_fetch_add_explicit(
			&d->c.root->audit.in_doubt, n, memory_order_relaxed);
	} while (n);
	return true;
}

void sp_drain_settle(struct sp_drain *d, bool all)
{
	if (sp_drain_latched(d))
		return;
	if (all) {
		(void)settle(d, 0, 0, true);
		return;
	}
	for (uint32_t i = 0; i < d->workers; i++) {
		struct sp_drain_worker *w = &d->worker[i];
		uint32_t epoch = w->epoch;

		if (!w->present || !w->empty || w->taken || epoch == w->settled)
			continue;
		if (!settle(d, i, epoch, false))
			return;
		w->settled = epoch;
		// A forged cursor does not outlive the worker that forged it.
		sp_channel_set_durable(&w->channel, w->durable);
	}
}

static void tell_oddities(struct sp_drain *d)
{
	for (uint32_t i = 0; i < d->workers; i++) {
		struct sp_drain_worker *w = &d->worker[i];
		uint64_t odd = w->odd + w->channel.faults;
		char object[32], detail[96];

		if (!w->present || odd == w->odd_told)
			continue;
		if (i < d->c.plan->workers)
			snprintf(object, sizeof(object), "worker %" PRIu32, i);
		else
			snprintf(object, sizeof(object), "control");
		snprintf(detail, sizeof(detail),
			"%" PRIu64 " records out of order or not readable since audit began", odd);
		sp_log(SP_LOG_WARN, "ring", "%s: %s", object, detail);
		sp_drain_own(d, SP_RECORD_LIFECYCLE, object, detail);
		w->odd_told = odd;
	}
}

/// The table of open calls is bounded, and one worker can fill it.
static void tell_untracked(struct sp_drain *d)
{
	char detail[96];

	if (d->open.untracked == d->untracked_told)
		return;
	snprintf(detail, sizeof(detail),
		"%" PRIu64 " allowed calls since audit began would not be told of if their worker died",
		d->open.untracked);
	sp_log(SP_LOG_WARN, "ring", "too many open calls: %s", detail);
	sp_drain_own(d, SP_RECORD_LIFECYCLE, "too many open calls", detail);
	d->untracked_told = d->open.untracked;
}

static void try_reopen(struct sp_drain *d, uint64_t now_ns)
{
	int was = d->journal.failed, err;
	char detail[128];

	if (now_ns - d->tried_ns < REOPEN_NS)
		return;
	d->tried_ns = now_ns;
	err = sp_journal_reopen(&d->journal);
	if (err < 0) {
		sp_log_err("store", err, "the store cannot be taken up again yet");
		return;
	}
	snprintf(detail, sizeof(detail), "latched by %s; read back and proved up to record %" PRIu64,
		strerror(-was), d->journal.chain.seq);
	sp_drain_own(d, SP_RECORD_LIFECYCLE, "store recovered", detail);
	if (sp_drain_commit(d)) {
		sp_log(SP_LOG_NOTICE, "store", "recovered: %s", detail);
		atomic_store_explicit(
			&d->c.root->audit.state, SP_STORE_READY, memory_order_release);
	}
}

/// The reserve is for what is under way: below it nothing new is let in, by the workers.
static void watch_space(struct sp_drain *d)
{
	_Atomic uint32_t *state = &d->c.root->audit.state;
	uint32_t now = atomic_load_explicit(state, memory_order_relaxed), want;
	uint64_t bytes;

	if (d->c.io->free_bytes(d->c.io, d->c.dir, &bytes) < 0)
		return;
	want = bytes < d->c.plan->reserve_bytes ? SP_STORE_FULL : SP_STORE_READY;
	if (want == now)
		return;
	atomic_store_explicit(state, want, memory_order_release);
	sp_log(want == SP_STORE_FULL ? SP_LOG_ERROR : SP_LOG_NOTICE, "store",
		"%" PRIu64 " bytes free, %" PRIu64 " reserved: %s", bytes, d->c.plan->reserve_bytes,
		want == SP_STORE_FULL ? "calls that must be recorded are refused"
				      : "recording again");
}

void sp_drain_tell_tree(struct sp_drain *d)
{
	uint8_t root[SP_SHA256];

	sp_merkle_root(&d->journal.tree, root);
	sp_feed_tree(d->c.feed, d->journal.tree.size, root);
}

void sp_drain_second(struct sp_drain *d, uint64_t now_ns)
{
	sp_drain_tell_tree(d);
	if (sp_drain_latched(d))
		try_reopen(d, now_ns);
	if (sp_drain_latched(d))
		return;
	watch_space(d);
	tell_oddities(d);
	tell_untracked(d);
}

static uint32_t calls_most(const struct sp_plan *p)
{
	uint64_t n = (uint64_t)sp_max(p->workers, 1u) * sp_max(p->max_calls, 1024u) * 2;

	return (uint32_t)sp_min(n, (uint64_t)1 << 20);
}

static void tell_start(struct sp_drain *d)
{
	const struct sp_journal *j = &d->journal;
	char detail[160];

	snprintf(detail, sizeof(detail), "after record %" PRIu64 "; %" PRIu64
		" bytes of an unfinished batch cut; %s", j->chain.seq, j->cut_bytes,
		j->new_boot ? "a new life of the gateway" : "audit alone began anew");
	if (j->cut_bytes)
		sp_log(SP_LOG_WARN, "store", "opened %s", detail);
	sp_drain_own(d, SP_RECORD_LIFECYCLE, "store opened", detail);
}

int sp_drain_init(struct sp_drain *d, const struct sp_drain_config *c)
{
	struct sp_journal_config jc = {
		.dir = c->dir,
		.io = c->io,
		.segment_bytes = sp_max(c->plan->segment_bytes, (uint64_t)SP_JOURNAL_SEGMENT_MIN),
		.open = &d->open,
		.on_found = sp_drain_on_found,
		.ctx = d,
	};
	uint64_t told = atomic_load_explicit(&c->root->audit.seq, memory_order_acquire);

	*d = (struct sp_drain){.c = *c};
	memcpy(jc.boot_id, c->root->boot_id, sizeof(jc.boot_id));
	d->note = calloc(SP_NOTES_MAX + 2, sizeof(*d->note));
	d->fed = calloc(SP_NOTES_MAX + 2, sizeof(*d->fed));
	if (!d->note || !d->fed)
		return -ENOMEM;
	SP_TRY(sp_open_calls_init(&d->open, calls_most(c->plan)));
	SP_TRY(sp_journal_open(&d->journal, &jc));
	if (d->journal.chain.seq < told)
		return -ESTALE;
	tell_start(d);
	if (!sp_drain_commit(d))
		return d->journal.failed;
	// Open calls of an earlier life of the gateway: nobody will tell how they ended.
	return settle(d, UINT32_MAX, 0, false) ? 0 : d->journal.failed;
}

void sp_drain_done(struct sp_drain *d)
{
	sp_journal_close(&d->journal);
	sp_open_calls_done(&d->open);
	free(d->note);
	free(d->fed);
	d->note = NULL;
	d->fed = NULL;
}

void sp_drain_add_worker(struct sp_drain *d, uint32_t i, const struct sp_shm *shm, int event)
{
	struct sp_drain_worker *w = &d->worker[i];
	int err;

	SP_BUG_IF(i > d->c.plan->workers || i >= SP_PRODUCERS_MAX);
	err = sp_channel_attach_audit(shm, &w->channel);
	d->workers = sp_max(d->workers, i + 1);
	if (err < 0) {
		sp_log_err("ring", err, "worker %" PRIu32 " has no usable ring", i);
		return;
	}
	w->last = w->durable = w->began = d->journal.worker_seq[i];
	w->event = event;
	w->epoch_word = i < d->c.plan->workers ? &d->c.root->worker[i].epoch
					       : &d->c.root->control.epoch;
	w->present = true;
	if (w->durable)
		sp_channel_set_durable(&w->channel, w->durable);
}
