/// audit-fault kill|figures [--kills N] [--seconds N] [--rate N] [--dir FOLDER]: sallyport-audit under
/// workers that never stop, killed at random instants (kill) or left alone and measured (figures).
/// Prints one JSON object.
#include "common/clock.h"
#include "common/record.h"
#include "tests/support/audit_rig.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "common/banned.h"

#define WORKERS 2u

/// Shared with the workers.
struct board {
	_Atomic uint64_t told[WORKERS];   ///< highest number a worker was told is durable
	_Atomic uint64_t calls;
	_Atomic uint32_t stop;
	_Atomic uint64_t strict_ns, strict_n;
	uint64_t rate; ///< records a second of each worker, 0 = as fast as they go
};

struct options {
	const char *mode, *dir;
	unsigned kills, seconds, rate;
};

static void pace(const struct board *b, uint64_t start, uint64_t done)
{
	uint64_t due = b->rate ? start + done * SP_NS_PER_SEC / b->rate : 0, now = sp_clock_boot_ns();

	if (due > now + SP_NS_PER_MS) {
		struct timespec t = {0, (long)sp_min(due - now, 50 * SP_NS_PER_MS)};

		nanosleep(&t, NULL);
	}
}

/// Waits for room. False when it is time to stop and there is none.
static bool put(struct sp_rig *r, struct sp_channel *c, uint32_t i, const struct board *b, unsigned type,
	uint64_t call, const char *level, uint64_t *ret_seq)
{
	while (!sp_rig_record(r, c, i, type, call, level, ret_seq)) {
		if (atomic_load(&b->stop))
			return false;
		sched_yield();
	}
	return true;
}

static bool one_call(struct sp_rig *r, struct sp_channel *c, uint32_t i, struct board *b, bool strict)
{
	uint64_t call = atomic_fetch_add(&b->calls, 1), seq, start = sp_clock_boot_ns();
	const char *level = strict ? "strict" : "enhanced";

	if (!put(r, c, i, b, SP_RECORD_DECISION, call, level, &seq))
		return true;
	if (strict) {
		if (!sp_rig_wait_durable(r, c, i, seq, 30000))
			return false;
		atomic_fetch_add(&b->strict_ns, sp_clock_boot_ns() - start);
		atomic_fetch_add(&b->strict_n, 1);
		atomic_store(&b->told[i], seq);
	}
	(void)put(r, c, i, b, SP_RECORD_OUTCOME, call, level, &seq);
	return true;
}

/// Worker 0 has a strict call now and then.
static void work(struct sp_rig *r, uint32_t i, void *ctx)
{
	struct board *b = ctx;
	struct sp_channel c;
	uint64_t start = sp_clock_boot_ns();

	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(1);
	for (uint64_t n = 0; !atomic_load(&b->stop); n++) {
		if (!one_call(r, &c, i, b, b->rate == 0 && i == 0 && n % 50 == 0))
			_exit(2);
		if (n % 8 == 0)
			pace(b, start, 2 * n);
	}
}

static void kill_one(struct sp_rig *r, pid_t *pid, uint32_t who, struct board *b)
{
	if (who < WORKERS) {
		kill(pid[who], SIGKILL);
		waitpid(pid[who], NULL, 0);
		pid[who] = sp_rig_worker(r, who, work, b);
	} else {
		sp_rig_kill_audit(r);
		sp_rig_start_audit(r);
	}
}

static bool stop_workers(struct board *b, const pid_t *pid)
{
	bool ok = true;
	int status;

	atomic_store(&b->stop, 1);
	for (uint32_t i = 0; i < WORKERS; i++)
		ok &= waitpid(pid[i], &status, 0) == pid[i] && status == 0;
	return ok;
}

static int run_kill(struct sp_rig *r, struct board *b, const struct options *o)
{
	struct sp_rig_tally t;
	pid_t pid[WORKERS];
	unsigned seed = 4242, audit_kills = 0;
	uint64_t produced = 0, untold = 0;
	bool ok;
	int left;

	for (uint32_t i = 0; i < WORKERS; i++)
		pid[i] = sp_rig_worker(r, i, work, b);
	sp_rig_start_audit(r);
	for (unsigned k = 0; k < o->kills; k++) {
		struct timespec nap = {0, 1000000 + rand_r(&seed) % 60000000};
		uint32_t who = (uint32_t)rand_r(&seed) % (WORKERS + 2);

		nanosleep(&nap, NULL);
		audit_kills += who >= WORKERS;
		kill_one(r, pid, who, b);
	}
	ok = stop_workers(b, pid) && sp_rig_state(r, SP_STORE_READY, 35000);
	left = sp_rig_leave_audit(r, 30000);
	sp_rig_count(r, &t);
	for (uint32_t i = 0; i < WORKERS; i++) {
		struct sp_channel c;

		ok &= sp_channel_attach_worker(&r->channel[i], &c) == 0;
		produced += c.seq;
		t.lost += c.seq - t.last[i];
		untold += atomic_load(&b->told[i]) > t.last[i];
	}
	ok &= left == 0 && t.chain_ok && !t.lost && !t.repeated && !t.open && !t.closed_twice && !untold;
	printf("{\"kills\":%u,\"audit_kills\":%u,\"records_produced\":%llu,\"records_stored\":%llu,"
	       "\"lost_records\":%llu,\"repeated_records\":%llu,\"told_but_missing\":%llu,"
	       "\"calls_without_end\":%llu,\"calls_ended_twice\":%llu,\"in_doubt\":%llu,"
	       "\"chain_ok\":%s,\"audit_exit\":%d,\"ok\":%s}\n",
		o->kills, audit_kills, (unsigned long long)produced, (unsigned long long)(t.records - t.own),
		(unsigned long long)t.lost, (unsigned long long)t.repeated, (unsigned long long)untold,
		(unsigned long long)t.open, (unsigned long long)t.closed_twice,
		(unsigned long long)t.in_doubt, t.chain_ok ? "true" : "false", left, ok ? "true" : "false");
	return ok ? 0 : 1;
}

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int run_figures(struct sp_rig *r, struct board *b, const struct options *o)
{
	struct timespec nap = {o->seconds, 0};
	struct sp_rig_tally t;
	struct sp_audit_slot *a = &r->root->audit;
	pid_t pid[WORKERS];
	double before, spent;
	bool ok;
	uint64_t start;

	b->rate = o->rate / WORKERS;
	sp_rig_start_audit(r);
	ok = sp_rig_state(r, SP_STORE_READY, 30000);
	start = sp_clock_boot_ns();
	for (uint32_t i = 0; i < WORKERS; i++)
		pid[i] = sp_rig_worker(r, i, work, b);
	nanosleep(&nap, NULL);
	ok &= stop_workers(b, pid);
	start = sp_clock_boot_ns() - start;
	before = cpu_us();
	ok &= sp_rig_leave_audit(r, 30000) == 0;
	spent = cpu_us() - before;
	sp_rig_count(r, &t);
	ok &= t.chain_ok && !t.lost && !t.repeated;
	printf("{\"records\":%llu,\"records_per_s\":%.0f,\"cpu_us_per_record\":%.3f,\"commits_per_s\":%.0f,"
	       "\"journal_bytes_per_record\":%.0f,\"strict_us\":%.0f,\"verify_records_per_s\":%.0f,"
	       "\"ok\":%s}\n",
		(unsigned long long)t.records, (double)t.records * 1e9 / (double)start,
		spent / (double)t.records, (double)atomic_load(&a->commits) * 1e9 / (double)start,
		(double)atomic_load(&a->bytes) / (double)t.records,
		atomic_load(&b->strict_n) ? (double)atomic_load(&b->strict_ns) /
				(double)atomic_load(&b->strict_n) / 1e3
					  : 0.0,
		(double)t.records * 1e9 / (double)t.verify_ns, ok ? "true" : "false");
	return ok ? 0 : 1;
}

static unsigned number(const char *s)
{
	uint64_t v = 0;

	if (sp_bytes_u64(sp_bytes_cstr(s), &v) < 0 || v > UINT32_MAX) {
		fprintf(stderr, "audit-fault: %s is no number\n", s);
		exit(2);
	}
	return (unsigned)v;
}

int main(int argc, char **argv)
{
	struct options o = {argc > 1 ? argv[1] : "", "/tmp", 60, 5, 20000};
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sp_rig r;
	int status = 2;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--kills") == 0)
			o.kills = number(argv[i + 1]);
		else if (strcmp(argv[i], "--seconds") == 0)
			o.seconds = number(argv[i + 1]);
		else if (strcmp(argv[i], "--rate") == 0)
			o.rate = number(argv[i + 1]);
		else if (strcmp(argv[i], "--dir") == 0)
			o.dir = argv[i + 1];
	}
	if (b == MAP_FAILED)
		return 2;
	sp_rig_init(&r, o.dir, WORKERS, 4096);
	if (strcmp(o.mode, "kill") == 0)
		status = run_kill(&r, b, &o);
	else if (strcmp(o.mode, "figures") == 0)
		status = run_figures(&r, b, &o);
	sp_rig_done(&r);
	return status;
}
