/// sallyport-audit: started by the supervisor with the descriptors of common/childfd.h.
/// `sallyport-audit --verify DIR [KEY]` proves a store's journal instead and prints JSON; KEY is a copy
/// of the verifier key kept elsewhere, to prove that the store's newest checkpoint is of that store.
#include "common/childfd.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "controlplane/audit/drain.h"
#include "controlplane/audit/server.h"
#include "controlplane/audit/verify.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "common/banned.h"

#define LOCK_WAIT_NS (30 * SP_NS_PER_SEC)
#define LATCHED_LEAVE_NS (10 * SP_NS_PER_SEC)
#define IDLE_MOST_NS (50 * SP_NS_PER_MS)
#define FLUSH_DEFAULT_NS (10 * SP_NS_PER_MS)

struct process {
	struct sp_root *root;
	const struct sp_plan *plan;
	int dir, lock;
	struct sp_store_io *io;
	struct sp_feed feed;
	struct sp_drain drain;
	struct sp_server *server;
	uint64_t idle_ns, second_ns, leaving_since;
	bool life_over;
};

static volatile sig_atomic_t asked_to_stop;

static void on_term(int sig)
{
	(void)sig;
	asked_to_stop = 1;
}

static void beat(struct process *p)
{
	atomic_store_explicit(
		&p->root->audit.beat_ns, sp_clock_boot_ns(), memory_order_relaxed);
}

static int attach(struct process *p)
{
	struct sp_shm root, plan;

	SP_TRY(sp_shm_attach(SP_FD_ROOT, SP_REGION_ROOT, sizeof(struct sp_root), true, &root));
	SP_TRY(sp_shm_attach(SP_FD_PLAN, SP_REGION_PLAN, sizeof(struct sp_plan), false, &plan));
	p->root = (struct sp_root *)root.base;
	p->plan = (const struct sp_plan *)plan.base;
	if (p->plan->workers > SP_WORKERS_MAX || p->plan->state_dir[SP_PATH_MAX - 1] ||
		p->plan->run_dir[SP_PATH_MAX - 1])
		return -EINVAL;
	return 0;
}

/// One owner at a time: a successor waits until its predecessor has drained and left.
static int lock_store(struct process *p)
{
	uint64_t start = sp_clock_boot_ns();
	const struct timespec nap = {0, 20000000};
	char path[SP_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/audit", p->plan->state_dir);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return -errno;
	p->lock = openat(p->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->lock < 0)
		return -errno;
	while (flock(p->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (sp_clock_boot_ns() - start > LOCK_WAIT_NS)
			return -ETIMEDOUT;
		beat(p);
		nanosleep(&nap, NULL);
	}
	return 0;
}

static void add_workers(struct process *p)
{
	for (uint32_t i = 0; i <= p->plan->workers; i++) {
		struct sp_shm shm;
		int event = i < p->plan->workers ? SP_FD_WORKER_EVENT + (int)i
						 : SP_FD_CONTROL_EVENT;
		int err = sp_shm_attach(SP_FD_CHANNEL + (int)i, SP_REGION_CHANNEL,
			sizeof(struct sp_channel_region), true, &shm);

		if (err < 0)
			sp_log_err("start", err, "channel %u cannot be used", i);
		else
			sp_drain_add_worker(
				&p->drain, i, &shm, fcntl(event, F_GETFD) < 0 ? -1 : event);
	}
}

static const char *why_not(int err)
{
	if (err == -ESTALE)
		return ": it ends before records that workers were told are durable";
	if (err == -EBADMSG)
		return ": its last segment is not as it was written; '--verify' tells where";
	return "";
}

static int start(struct process *p)
{
	struct sp_drain_config c;
	int err = lock_store(p);

	if (err < 0)
		return sp_log_err("start", err, "%s/audit cannot be locked", p->plan->state_dir);
	err = sp_store_io_new(&p->io);
	if (err < 0)
		return sp_log_err("start", err, "no io_uring");
	(void)!fcntl(SP_FD_EVENT, F_SETFL, O_NONBLOCK);
	err = sp_feed_init(&p->feed, SP_FD_EVENT);
	if (err < 0)
		return sp_log_err("start", err, "no memory");
	c = (struct sp_drain_config){p->root, p->plan, p->dir, p->io, &p->feed};
	err = sp_drain_init(&p->drain, &c);
	if (err < 0)
		return sp_log_err("start", err, "the journal in %s/audit cannot be taken up%s",
			p->plan->state_dir, why_not(err));
	err = sp_server_new(p->root, p->plan, p->dir, &p->feed, &p->drain.journal, &p->server);
	if (err < 0)
		return sp_log_err("start", err, "no query socket in %s", p->plan->run_dir);
	add_workers(p);
	err = sp_sandbox_enter(SP_SANDBOX_AUDIT);
	if (err < 0)
		return sp_log_err("start", err, "no sandbox");
	return sp_server_start(p->server);
}

static uint64_t flush_ns(const struct process *p)
{
	return p->plan->flush_ns ? p->plan->flush_ns : FLUSH_DEFAULT_NS;
}

/// True when something was made durable.
static bool turn(struct process *p, bool kicked)
{
	struct sp_drain *d = &p->drain;

	sp_drain_gather(d);
	if (sp_drain_latched(d))
		return false;
	if (d->journal.batch_n == 0) {
		(void)sp_drain_commit(d); // lets go of repeats
		return false;
	}
	if (!kicked && !d->strict && !sp_drain_wanted(d) && !p->leaving_since &&
		sp_clock_boot_ns() - d->since < flush_ns(p))
		return false;
	return sp_drain_commit(d);
}

static uint64_t nap_ns(struct process *p)
{
	struct sp_drain *d = &p->drain;
	uint64_t now = sp_clock_boot_ns(), due;

	if (sp_drain_latched(d) || p->leaving_since)
		return 10 * SP_NS_PER_MS;
	if (d->journal.batch_n == 0) {
		due = 2 * sp_max(p->idle_ns, flush_ns(p));
		p->idle_ns = sp_min(due, IDLE_MOST_NS);
		return p->idle_ns;
	}
	p->idle_ns = 0;
	due = d->since + flush_ns(p);
	return due > now ? due - now : 0;
}

/// True when a worker (or a query) asked for a commit now.
static bool sleep_a_while(struct process *p)
{
	struct sp_drain *d = &p->drain;
	struct pollfd f[2] = {{.fd = SP_FD_EVENT, .events = POLLIN},
		{.fd = p->life_over ? -1 : SP_FD_LIFE, .events = POLLIN}};
	struct timespec t;
	uint64_t ns, count;
	bool kicked = false;

	atomic_store_explicit(&p->root->audit.sleeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	sp_drain_gather(d);
	ns = nap_ns(p);
	t = (struct timespec){(time_t)(ns / SP_NS_PER_SEC), (long)(ns % SP_NS_PER_SEC)};
	if (d->strict || sp_drain_wanted(d))
		kicked = true;
	else if (ns && ppoll(f, 2, &t, NULL) > 0) {
		if (f[0].revents & POLLIN)
			kicked = read(SP_FD_EVENT, &count, sizeof(count)) > 0;
		if (f[1].revents)
			p->life_over = true;
	}
	atomic_store_explicit(&p->root->audit.sleeping, 0, memory_order_relaxed);
	return kicked;
}

/// Every process that writes records is gone: the kernel closed the last write end.
static bool writers_gone(const struct process *p)
{
	for (uint32_t i = 0; i <= p->plan->workers; i++) {
		struct pollfd f = {.fd = SP_FD_WORKER_LIFE + (int)i, .events = POLLIN};

		if (poll(&f, 1, 0) > 0 && (f.revents & (POLLHUP | POLLNVAL)))
			continue;
		return false;
	}
	return true;
}

/// True when there is nothing left to wait for.
static bool may_leave(struct process *p, uint64_t now)
{
	bool drain = atomic_load_explicit(&p->root->run_state, memory_order_acquire) != 0;

	if (!p->life_over && !drain && !asked_to_stop)
		return false;
	if (!p->leaving_since)
		p->leaving_since = now;
	if (sp_drain_latched(&p->drain))
		return writers_gone(p) && now - p->leaving_since > LATCHED_LEAVE_NS;
	if (asked_to_stop && !p->life_over && !drain)
		return sp_drain_idle(&p->drain);
	if (!writers_gone(p))
		return false;
	// What a worker wrote with its last breath is in the ring by now.
	sp_drain_gather(&p->drain);
	return sp_drain_idle(&p->drain);
}

static void loop(struct process *p)
{
	bool kicked = false;

	for (;;) {
		uint64_t now = sp_clock_boot_ns();
		bool worked;

		atomic_store_explicit(&p->root->audit.beat_ns, now, memory_order_relaxed);
		if (now - p->second_ns >= SP_NS_PER_SEC) {
			p->second_ns = now;
			sp_drain_second(&p->drain, now);
		}
		worked = turn(p, kicked);
		sp_drain_settle(&p->drain, false);
		if (may_leave(p, now))
			return;
		kicked = worked ? false : sleep_a_while(p);
	}
}

static int leave(struct process *p)
{
	struct sp_drain *d = &p->drain;
	bool gone = writers_gone(p);
	int failed;

	if (gone)
		sp_drain_settle(d, true);
	if (!sp_drain_latched(d)) {
		sp_drain_own(d, SP_RECORD_LIFECYCLE, "store closed",
			gone ? "every process that writes records has left and every ring is empty" : "asked to stop");
		(void)sp_drain_commit(d);
	}
	failed = d->journal.failed;
	if (failed)
		sp_log_err("stop", failed, "records that workers still hold are lost");
	sp_drain_tell_tree(d);
	sp_server_stop(p->server);
	sp_drain_done(d);
	sp_feed_done(&p->feed);
	sp_store_io_free(p->io);
	return failed ? 1 : 0;
}

/// With a key file given there must be a checkpoint by it; else the store's own counts when it is there.
static int expect_checkpoint(struct sp_verify *v, int dir, const char *key_file)
{
	struct sp_checkpoint c;
	int err = sp_checkpoint_load(dir, key_file ? AT_FDCWD : dir,
		key_file ? key_file : SP_CHECKPOINT_PUB, &c);

	if (err == -ENOENT && !key_file)
		return 0;
	if (err < 0)
		fprintf(stderr, "checkpoint: %s\n",
			err == -EKEYREJECTED ? "not signed by this key" : strerror(-err));
	else
		sp_verify_expect(v, &c);
	return err;
}

static int verify_folder(const char *path, const char *key_file)
{
	static uint8_t text[1024];
	struct sp_out out = sp_out_init(text, sizeof(text));
	SP_AUTO_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sp_verify v;
	int err = dir < 0 ? -errno : sp_verify_init(&v, dir, 0, 0);

	if (err < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return 2;
	}
	if (expect_checkpoint(&v, dir, key_file) < 0)
		return 1;
	while ((err = sp_verify_step(&v)) > 0)
		;
	if (err < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	sp_verify_json(&v, &out);
	printf("%.*s\n", (int)out.len, text);
	sp_verify_done(&v);
	return err < 0 ? 2 : v.chain_ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct process p;
	struct sigaction term = {.sa_handler = on_term};
	int err;

	if ((argc == 3 || argc == 4) && strcmp(argv[1], "--verify") == 0)
		return verify_folder(argv[2], argc == 4 ? argv[3] : NULL);
	sp_log_init("sallyport-audit", SP_LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error of the store like others
	signal(SIGINT, SIG_IGN);
	sigaction(SIGTERM, &term, NULL);
	err = attach(&p);
	if (err < 0)
		return sp_log_err("start", err, "not started by the supervisor"), 1;
	beat(&p);
	atomic_store_explicit(&p.root->audit.sleeping, 0, memory_order_relaxed);
	if (start(&p) < 0) {
		atomic_store_explicit(&p.root->audit.state, SP_STORE_LATCHED, memory_order_release);
		return 1;
	}
	atomic_store_explicit(&p.root->audit.state, SP_STORE_READY, memory_order_release);
	sp_log(SP_LOG_NOTICE, "start", "ready after record %llu",
		(unsigned long long)p.drain.journal.chain.seq);
	loop(&p);
	return leave(&p);
}
