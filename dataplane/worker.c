/// The loop: harvest and flush I/O, run connections, take messages, advance timers, publish counters,
/// quiesce. It makes no blocking call but its own wait, takes no lock, writes no log line.
#include "dataplane/worker.h"

#include "dataplane/conn_private.h"
#include "dataplane/worker_shared.h"
#include "common/childfd.h"
#include "common/rcu.h"
#include "common/banned.h"

#define IDLE_WAIT_NS (100 * SP_NS_PER_MS)
#define WAITING_WAIT_NS (200 * SP_NS_PER_US) ///< calls wait for audit: look again soon without a wake

static void sample_clocks(struct sp_worker *w)
{
	w->now_ns = sp_clock_boot_ns();
	w->wall_ns = sp_clock_wall_ns();
}

/// Any event another process may have caused: published words are looked at after this.
static void take_messages(struct sp_worker *w)
{
	struct sp_control_msg m;

	while (sp_channel_msg_get(&w->channel, true, &m) == 0)
		; // every message means: look again, which the turn does anyway
}

static void begin_drain(struct sp_worker *w)
{
	w->draining = true;
	sp_io_stop_accepting(w->io);
	sp_conn_drain_all(w);
	atomic_store_explicit(&w->slot->state, SP_STATE_DRAINING, memory_order_release);
}

static void check_drain(struct sp_worker *w)
{
	uint64_t deadline;

	if (!w->draining && atomic_load_explicit(&w->root->run_state, memory_order_acquire))
		begin_drain(w);
	if (!w->draining)
		return;
	deadline = w->lost_supervisor ? w->drain_until_ns :
					atomic_load_explicit(&w->root->drain_deadline_ns, memory_order_acquire);
	if ((w->conns.open == 0 && w->calls.open == 0) || w->now_ns >= deadline)
		w->stop = true;
}

void sp_worker_orphaned(void *user)
{
	struct sp_worker *w = user;

	w->lost_supervisor = true;
	w->drain_until_ns = w->now_ns + w->plan->drain_ns;
	if (!w->draining)
		begin_drain(w);
}

/// Strict calls wait for the durable cursor: audit is told to hurry, and woken when it sleeps.
static void hurry_audit(struct sp_worker *w)
{
	uint32_t want = w->calls.waiting != NULL;
	uint64_t one = 1;

	if (want != w->wants_wake) {
		w->wants_wake = want;
		atomic_store_explicit(&w->channel.r->want_wake, want, memory_order_seq_cst);
	}
	if (want && atomic_load_explicit(&w->root->audit.sleeping, memory_order_seq_cst) &&
		write(SP_FD_AUDIT_EVENT, &one, sizeof(one)) < 0)
		return; // its timer wakes it soon
}

static void publish_counters(struct sp_worker *w)
{
	const struct sp_io_stats *io = sp_io_stats(w->io);

	w->stat[SP_STAT_OPEN] = w->conns.open;
	w->stat[SP_STAT_CALLS_OPEN] = w->calls.open;
	w->stat[SP_STAT_TLS_KEPT] = sp_tls_memory_kept();
	w->stat[SP_STAT_TLS_FAST] = sp_tls_records_fast();
	w->stat[SP_STAT_HALF_OPEN_DROPPED] += io->half_open_dropped - w->half_open_dropped;
	w->half_open_dropped = io->half_open_dropped;
	for (unsigned i = 0; i < SP_STAT__COUNT; i++) {
		uint64_t v = w->stat[i] + atomic_load_explicit(&w->up_stat[i], memory_order_relaxed);

		if (v != w->published[i]) {
			w->published[i] = v;
			atomic_store_explicit(&w->slot->stat[i], v, memory_order_relaxed);
		}
	}
	atomic_store_explicit(&w->slot->beat_ns, w->now_ns, memory_order_release);
}

/// Pins first, then the quiescent state: whoever sees the latter sees the former.
static void quiesce(struct sp_worker *w)
{
	for (unsigned i = 0; i < SP_POLICY_SLOTS; i++) {
		if (w->held[i].calls != w->pinned[i]) {
			w->pinned[i] = w->held[i].calls;
			atomic_store_explicit(&w->slot->pins[i], w->pinned[i], memory_order_release);
		}
	}
	rte_rcu_qsbr_quiescent(w->qsbr, w->index);
}

static uint64_t wait_for(struct sp_worker *w, uint64_t idle_ns)
{
	uint64_t most = w->calls.waiting ? sp_min(idle_ns, (uint64_t)WAITING_WAIT_NS) : idle_ns;

	if (w->plan->mode == SP_MODE_BUSY || sp_conn_greeting(w) || w->now_ns - w->last_work_ns < w->plan->spin_ns)
		return 0;
	return sp_wheel_wait_ns(&w->wheel, w->now_ns, most);
}

void sp_worker_online(struct sp_worker *w)
{
	if (!w->offline)
		return;
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
	w->offline = false;
	atomic_store_explicit(&w->slot->sleeping, 0, memory_order_relaxed);
	sp_worker_refresh(w);
}

/// The wait is over: this is a reader again, the clocks are read, and whatever was published meanwhile
/// is taken up before any callback runs.
static uint64_t awake(void *user)
{
	struct sp_worker *w = user;

	sp_worker_online(w);
	sample_clocks(w);
	sp_worker_refresh(w);
	return w->now_ns;
}

/// While it sleeps the worker holds nothing but its pins, so it is no reader then. Who publishes stores
/// first and looks for sleepers after; so this says that it sleeps first, and looks after.
static int harvest(struct sp_worker *w, uint64_t wait_ns)
{
	if (wait_ns) {
		atomic_store_explicit(&w->slot->sleeping, 1, memory_order_seq_cst);
		w->offline = true;
		rte_rcu_qsbr_thread_offline(w->qsbr, w->index);
		if (sp_worker_outdated(w))
			wait_ns = 0;
	}
	return sp_io_turn(w->io, w->now_ns, wait_ns);
}

/// A poller's processor time says nothing of its load; the time of turns that found work does.
static void count_busy(struct sp_worker *w, int n, uint64_t waited_ns)
{
	uint64_t end_ns = sp_clock_boot_ns();

	if (n > 0 && w->turn_end_ns)
		w->stat[SP_STAT_BUSY_NS] += end_ns - w->turn_end_ns - waited_ns;
	w->turn_end_ns = end_ns;
}

int sp_worker_turn(struct sp_worker *w, uint64_t idle_ns)
{
	uint64_t waited_ns = sp_io_stats(w->io)->waited_ns;
	int n = harvest(w, wait_for(w, idle_ns));

	if (n < 0)
		return n;
	sp_count(w, SP_STAT_TURNS);
	if (n > 0) {
		sp_count(w, SP_STAT_BUSY_TURNS);
		w->last_work_ns = w->now_ns;
	}
	sp_conn_greet(w);
	take_messages(w);
	sp_cancels_look(w);
	if (w->calls.waiting)
		sp_calls_poll(w);
	sp_wheel_run(&w->wheel, w->now_ns);
	sp_upstreams_flush(w->upstreams);
	check_drain(w);
	hurry_audit(w);
	count_busy(w, n, sp_io_stats(w->io)->waited_ns - waited_ns);
	publish_counters(w);
	quiesce(w);
	return n;
}

int sp_worker_run(struct sp_worker *w)
{
	sample_clocks(w);
	sp_io_set_awake(w->io, awake, w);
	rte_rcu_qsbr_thread_online(w->qsbr, w->index);
	sp_worker_refresh(w);
	sp_cancels_begin(w);
	atomic_store_explicit(&w->slot->state, SP_STATE_READY, memory_order_release);
	while (!w->stop) {
		int n = sp_worker_turn(w, IDLE_WAIT_NS);

		if (n < 0 && n != -EINTR)
			return n;
	}
	atomic_store_explicit(&w->slot->state, SP_STATE_GONE, memory_order_release);
	return 0;
}
