#include "tests/support/audit_rig.h"

#include "common/childfd.h"
#include "common/clock.h"
#include "common/record.h"
#include "controlplane/audit/note.h"
#include "controlplane/audit/verify.h"
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "common/banned.h"

#define HIGH_FD 400
#define ARENA (1u << 20)

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "audit rig: %s: %s\n", what, strerror(errno));
	abort();
}

/// Out of the way of the numbers children are given.
static int high(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);

	must(r >= 0, "descriptor");
	close(fd);
	return r;
}

static struct sp_shm region(const char *name, enum sp_region_kind kind, size_t bytes, size_t root, int *fd)
{
	struct sp_shm m;

	must(sp_shm_create(name, kind, bytes, root, &m, fd) == 0, name);
	*fd = high(*fd);
	return m;
}

static void make_regions(struct sp_rig *r, uint32_t entries)
{
	struct sp_shm m = region("rig-root", SP_REGION_ROOT, sizeof(struct sp_root),
		sizeof(struct sp_root), &r->root_fd);

	r->root = (struct sp_root *)m.base;
	r->root->workers = r->workers;
	must(getrandom(r->root->boot_id, 16, 0) == 16, "boot id");
	for (uint32_t i = 0; i <= r->workers; i++) {
		r->channel[i] = region("rig-channel", SP_REGION_CHANNEL,
			sp_channel_bytes(entries, ARENA, 16), sizeof(struct sp_channel_region),
			&r->channel_fd[i]);
		must(sp_channel_format(&r->channel[i], i, entries, ARENA, 16) == 0, "format");
		r->worker_event[i] = high(eventfd(0, EFD_NONBLOCK));
		r->worker_life[i] = -1;
	}
	r->audit_event = high(eventfd(0, EFD_NONBLOCK));
	must(pipe(r->life) == 0, "life line");
	r->life[0] = high(r->life[0]);
	r->life[1] = high(r->life[1]);
}

void sp_rig_init(struct sp_rig *r, const char *base, uint32_t workers, uint32_t entries)
{
	struct sp_shm m;

	*r = (struct sp_rig){.workers = workers};
	snprintf(r->path, sizeof(r->path), "%s/sp-audit-XXXXXX", base);
	must(mkdtemp(r->path) != NULL, r->path);
	make_regions(r, entries);
	m = region("rig-plan", SP_REGION_PLAN, sizeof(struct sp_plan), sizeof(struct sp_plan),
		&r->plan_fd);
	r->plan = (struct sp_plan *)m.base;
	r->plan->workers = workers;
	r->plan->max_calls = 4096;
	r->plan->segment_bytes = 4u << 20;
	r->plan->flush_ns = 5 * SP_NS_PER_MS;
	r->plan->reserve_bytes = 1u << 20;
	r->plan->audit_ring_entries = entries;
	snprintf(r->plan->state_dir, sizeof(r->plan->state_dir), "%s", r->path);
	snprintf(r->plan->run_dir, sizeof(r->plan->run_dir), "%s", r->path);
}

static void close_life(struct sp_rig *r)
{
	for (uint32_t i = 0; i <= r->workers; i++) {
		sp_close_fd(&r->channel_fd[i]);
		sp_close_fd(&r->worker_event[i]);
		sp_close_fd(&r->worker_life[i]);
		sp_shm_detach(&r->channel[i]);
	}
	sp_close_fd(&r->root_fd);
	sp_close_fd(&r->audit_event);
	sp_close_fd(&r->life[0]);
	sp_close_fd(&r->life[1]);
}

void sp_rig_new_life(struct sp_rig *r)
{
	close_life(r);
	make_regions(r, r->plan->audit_ring_entries);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void sp_rig_done(struct sp_rig *r)
{
	if (r->audit > 0)
		sp_rig_kill_audit(r);
	close_life(r);
	sp_close_fd(&r->plan_fd);
	nftw(r->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void give(int fd, int number)
{
	if (fd >= 0 && dup2(fd, number) < 0)
		_exit(126);
}

void sp_rig_start_audit(struct sp_rig *r)
{
	atomic_store(&r->root->audit.state, SP_STORE_STARTING);
	r->audit = fork();
	must(r->audit >= 0, "fork");
	if (r->audit > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	give(r->life[0], SP_FD_LIFE);
	give(r->root_fd, SP_FD_ROOT);
	give(r->plan_fd, SP_FD_PLAN);
	give(r->audit_event, SP_FD_EVENT);
	for (uint32_t i = 0; i <= r->workers; i++) {
		give(r->channel_fd[i], SP_FD_CHANNEL + (int)i);
		give(r->worker_event[i],
			i < r->workers ? SP_FD_WORKER_EVENT + (int)i : SP_FD_CONTROL_EVENT);
		give(r->worker_life[i], SP_FD_WORKER_LIFE + (int)i);
	}
	execl(SP_AUDIT_EXE, "sallyport-audit", "0", (char *)NULL);
	_exit(127);
}

void sp_rig_kill_audit(struct sp_rig *r)
{
	kill(r->audit, SIGKILL);
	waitpid(r->audit, NULL, 0);
	r->audit = 0;
}

int sp_rig_leave_audit(struct sp_rig *r, int ms)
{
	uint64_t until = sp_clock_boot_ns() + (uint64_t)ms * SP_NS_PER_MS;
	const struct timespec nap = {0, 1000000};
	int status;

	sp_close_fd(&r->life[1]);
	while (waitpid(r->audit, &status, WNOHANG) == 0) {
		if (sp_clock_boot_ns() > until)
			return -1;
		nanosleep(&nap, NULL);
	}
	r->audit = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool sp_rig_state(struct sp_rig *r, enum sp_audit_state s, int ms)
{
	uint64_t until = sp_clock_boot_ns() + (uint64_t)ms * SP_NS_PER_MS;
	const struct timespec nap = {0, 1000000};

	while (atomic_load(&r->root->audit.state) != s) {
		if (sp_clock_boot_ns() > until)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

pid_t sp_rig_worker(struct sp_rig *r, uint32_t i, void (*body)(struct sp_rig *r, uint32_t i, void *ctx),
	void *ctx)
{
	int life[2];
	pid_t pid;

	must(pipe(life) == 0, "worker's life line");
	sp_close_fd(&r->worker_life[i]);
	r->worker_life[i] = high(life[0]);
	atomic_fetch_add(&r->root->worker[i].epoch, 1);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(r->life[1]);
		body(r, i, ctx);
		_exit(0);
	}
	close(life[1]);
	return pid;
}

static void call_id(uint64_t call, uint32_t worker, uint8_t id[16])
{
	memset(id, 0, 16);
	memcpy(id, &call, sizeof(call));
	memcpy(id + 8, &worker, sizeof(worker));
}

bool sp_rig_record(struct sp_rig *r, struct sp_channel *c, uint32_t i, unsigned type, uint64_t call,
	const char *level, uint64_t *ret_seq)
{
	static const char *const agents[] = {"support-bot", "analyst", "risk-7"};
	uint8_t *p = sp_channel_reserve(c, 700), id[16];
	char tool[32];
	struct sp_record_writer w;
	int n;

	if (!p)
		return false;
	call_id(call, i, id);
	snprintf(tool, sizeof(tool), "tool.%u", (unsigned)(call % 17));
	sp_record_begin(&w, p, 700);
	sp_record_u(&w, SP_F_TYPE, type);
	sp_record_u(&w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_u(&w, SP_F_WORKER, i);
	sp_record_u(&w, SP_F_EPOCH, atomic_load(&r->root->worker[i].epoch));
	sp_record_b(&w, SP_F_CALL, sp_bytes(id, sizeof(id)));
	sp_record_s(&w, SP_F_AGENT, sp_bytes_cstr(agents[call % 3]));
	sp_record_s(&w, SP_F_TOOL, sp_bytes_cstr(tool));
	sp_record_s(&w, SP_F_METHOD, SP_LIT("tools/call"));
	sp_record_b(&w, SP_F_SESSION, sp_bytes(agents[call % 3], 6));
	if (type == SP_RECORD_DECISION) {
		sp_record_s(&w, SP_F_ISSUER, SP_LIT("https://issuer.example/realms/agents"));
		sp_record_s(&w, SP_F_PEER, SP_LIT("192.0.2.17:49152"));
		sp_record_b(&w, SP_F_ARGS_DIGEST, sp_bytes(w.out.p, 32));
		sp_record_s(&w, SP_F_DECISION, call % 10 ? SP_LIT("allow") : SP_LIT("deny"));
		sp_record_u(&w, SP_F_REASON, call % 10 ? 0 : 300);
	} else {
		sp_record_s(&w, SP_F_OUTCOME, SP_LIT("ok"));
		sp_record_u(&w, SP_F_UPSTREAM_US, 1234);
	}
	sp_record_s(&w, SP_F_LEVEL, sp_bytes_cstr(level));
	n = sp_record_end(&w);
	must(n > 0, "record");
	*ret_seq = sp_channel_commit(c, (size_t)n);
	return true;
}

bool sp_rig_wait_durable(struct sp_rig *r, struct sp_channel *c, uint32_t i, uint64_t seq, int ms)
{
	uint64_t until = sp_clock_boot_ns() + (uint64_t)ms * SP_NS_PER_MS, n;
	bool ok;

	atomic_store(&c->r->want_wake, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&r->root->audit.sleeping)) {
		n = 1;
		must(write(r->audit_event, &n, sizeof(n)) > 0 || errno == EAGAIN, "kick");
	}
	while (!(ok = sp_channel_durable(c, seq)) && sp_clock_boot_ns() < until) {
		struct pollfd f = {.fd = r->worker_event[i], .events = POLLIN};

		if (poll(&f, 1, 20) > 0)
			(void)!read(f.fd, &n, sizeof(n));
	}
	atomic_store(&c->r->want_wake, 0);
	return ok;
}

struct counting {
	struct sp_rig *r;
	struct sp_rig_tally *t;
	struct sp_open_calls open, closed;
};

static void count_call(struct counting *k, const struct sp_note *n, const struct sp_frame *f)
{
	struct sp_open_call c = {.seq = f->head.seq, .worker = 0};

	memcpy(c.call, n->call, sizeof(c.call));
	if (n->kind == SP_NOTE_OPENS) {
		sp_open_calls_add(&k->open, &c);
	} else if (n->kind == SP_NOTE_CLOSES) {
		uint32_t before = k->closed.used;

		sp_open_calls_close(&k->open, n->call, SP_FRAME_OWN);
		sp_open_calls_add(&k->closed, &c);
		k->t->closed_twice += k->closed.used == before;
	}
}

static void count_frame(struct counting *k, const struct sp_frame *f, bool this_life)
{
	struct sp_rig_tally *t = k->t;
	struct sp_feed_entry fed;
	struct sp_note n;
	struct sp_record rec;

	t->records++;
	sp_note_of(f, 1, &n, &fed);
	count_call(k, &n, f);
	if (f->head.worker == SP_FRAME_OWN) {
		t->own++;
		if (sp_record_read(f->bytes, &rec) == 0) {
			t->lifecycle += rec.u[SP_F_TYPE] == SP_RECORD_LIFECYCLE;
			t->in_doubt += rec.u[SP_F_TYPE] == SP_RECORD_IN_DOUBT;
			t->admin += rec.u[SP_F_TYPE] == SP_RECORD_ADMIN;
		}
	} else if (this_life && f->head.worker <= SP_WORKERS_MAX) {
		uint64_t *last = &t->last[f->head.worker], seq = f->head.worker_seq;

		t->lost += seq > *last + 1 ? seq - *last - 1 : 0;
		t->repeated += seq <= *last;
		*last = sp_max(*last, seq);
	}
}

static void count_segment(struct counting *k, int dir, uint64_t number)
{
	struct sp_segment_head h;
	struct sp_chain c;
	struct sp_scan s;
	struct sp_frame f;
	uint8_t *p = NULL;
	size_t n = 0;

	must(sp_segment_load(dir, number, &p, &n) == 0, "segment");
	must(sp_segment_head_read(sp_bytes(p, n), &h) == 0, "segment's head");
	c.seq = h.first_seq - 1;
	memcpy(c.hash, h.prev_hash, sizeof(c.hash));
	sp_scan_init(&s, sp_bytes(p, n), h.head_bytes, &c);
	while (sp_scan_next(&s, &f) > 0)
		count_frame(k, &f, memcmp(h.boot_id, k->r->root->boot_id, 16) == 0);
	free(p);
}

void sp_rig_count(struct sp_rig *r, struct sp_rig_tally *ret)
{
	char path[160];
	struct counting k = {.r = r, .t = ret};
	struct sp_segment_list l;
	struct sp_verify v;
	int dir;

	*ret = (struct sp_rig_tally){0};
	snprintf(path, sizeof(path), "%s/audit", r->path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir >= 0, path);
	must(sp_open_calls_init(&k.open, 1u << 20) == 0, "memory");
	must(sp_open_calls_init(&k.closed, 1u << 22) == 0, "memory");
	must(sp_segment_list(dir, &l) == 0, "segments");
	for (size_t i = 0; i < l.n; i++)
		count_segment(&k, dir, l.number[i]);
	sp_segment_list_done(&l);
	ret->open = k.open.used;
	ret->verify_ns = sp_clock_boot_ns();
	must(sp_verify_init(&v, dir, 0, 0) == 0, "verify");
	while (sp_verify_step(&v) > 0)
		;
	ret->verify_ns = sp_clock_boot_ns() - ret->verify_ns;
	ret->chain_ok = v.chain_ok && v.records == ret->records;
	sp_verify_done(&v);
	sp_open_calls_done(&k.open);
	sp_open_calls_done(&k.closed);
	close(dir);
}
