/// Workers that die, lie or run wild, audit that dies, and disks that are full: no record is lost, and none made up.
#include "tests/support/audit_ask.h"
#include "common/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include "common/banned.h"

static void a_call_of_a_dead_worker_is_put_in_doubt_once(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_rig_tally t;

	start(r);
	run_calls(r, 0, 0);   // leaves call 59 open
	run_calls(r, 0, 100); // its next life: now 59 is in doubt; leaves 159 open
	ASK(r, &a, "audit query", "type", "in_doubt");
	for (unsigned i = 0; a.n == 0 && i < WAIT_MS / 10; i++) {
		usleep(10 * 1000);
		ASK(r, &a, "audit query", "type", "in_doubt");
	}
	assert_int_equal(a.n, 1);
	assert_non_null(strstr(a.text[0], "3b000000000000000000000000000000"));
	assert_non_null(strstr(a.text[0], "\"agent\":\"risk-7\""));
	assert_non_null(strstr(a.text[0], "\"tool\":\"tool.8\""));
	assert_non_null(strstr(a.text[0], "\"reason\":\"worker_died\""));
	forget(&a);
	sp_rig_kill_audit(r);
	start(r); // settled calls stay settled
	// A new life of the gateway knows nothing of the old one's workers.
	sp_rig_kill_audit(r);
	sp_rig_new_life(r);
	start(r);
	ASK(r, &a, "audit query", "type", "in_doubt");
	assert_int_equal(a.n, 2);
	assert_non_null(strstr(a.text[1], "9f000000000000000000000000000000"));
	forget(&a);
	leave(r);
	sp_rig_count(r, &t);
	assert_int_equal(t.in_doubt, 2);
	assert_int_equal(t.open, 0);
	assert_true(t.chain_ok);
}

/// Writes anything anywhere in its own channel, for a while.
static void run_wild(struct sp_rig *r, uint32_t i, void *ctx)
{
	const struct sp_shm *m = &r->channel[i];
	struct sp_channel c;
	unsigned seed = *(unsigned *)ctx;
	uint64_t end = sp_clock_boot_ns() + 700 * SP_NS_PER_MS, seq;

	if (sp_channel_attach_worker(m, &c) < 0)
		_exit(1);
	while (sp_clock_boot_ns() < end) {
		uint32_t v = rand_r(&seed) & 1 ? (uint32_t)rand_r(&seed) * 5u : (uint32_t)rand_r(&seed) % 2048;
		size_t at = (size_t)rand_r(&seed) % (rand_r(&seed) & 1 ? m->size / 4 : 300) * 4;

		(void)sp_rig_record(r, &c, i, SP_RECORD_DECISION, (uint64_t)seed, "strict", &seq);
		memcpy(m->base + at, &v, sizeof(v));
		c.r->want_wake = 1;
		// Its own view of the ring stays usable, most of the time.
		if (sp_channel_attach_worker(m, &c) < 0)
			_exit(0);
	}
	_exit(0);
}

static void a_worker_gone_wild_harms_nobody_elses_records(void **state)
{
	struct sp_rig *r = *state;
	struct sp_rig_tally t;
	unsigned seed = 77;
	int status;

	start(r);
	for (unsigned i = 0; i < 3; i++) {
		pid_t pid;

		seed += i;
		pid = sp_rig_worker(r, 1, run_wild, &seed);
		run_calls(r, 0, 1000 * i);
		run_calls(r, 0, 1000 * i + 500);
		waitpid(pid, &status, 0); // it may well have hurt itself
		assert_int_equal(atomic_load(&r->root->audit.state), SP_STORE_READY);
	}
	assert_int_equal(kill(r->audit, 0), 0);
	leave(r);
	sp_rig_count(r, &t);
	assert_true(t.chain_ok);
	assert_int_equal(t.last[0], 3 * 2 * 119);
}

static void a_successor_waits_until_its_predecessor_has_left(void **state)
{
	struct sp_rig *r = *state;
	struct sp_rig_tally t;
	pid_t first;
	int status;

	start(r);
	run_calls(r, 0, 0);
	first = r->audit;
	sp_rig_start_audit(r);
	usleep(300000);
	assert_int_equal(atomic_load(&r->root->audit.state), SP_STORE_STARTING);
	assert_int_equal(waitpid(r->audit, &status, WNOHANG), 0);
	kill(first, SIGTERM);
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_int_equal(status, 0);
	assert_true(sp_rig_state(r, SP_STORE_READY, WAIT_MS));
	run_calls(r, 1, 0);
	leave(r);
	sp_rig_count(r, &t);
	assert_true(t.chain_ok);
	assert_int_equal(t.lost + t.repeated, 0);
}

/// Strict calls until one is not durable after so many milliseconds; how many were is told by the exit status.
static void strict_calls(struct sp_rig *r, uint32_t i, void *ms)
{
	struct sp_channel c;
	uint64_t seq;
	unsigned done = 0;

	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(255);
	for (uint64_t n = 0; n < 20; n++) {
		if (!sp_rig_record(r, &c, i, SP_RECORD_DECISION, n, "strict", &seq) ||
			!sp_rig_wait_durable(r, &c, i, seq, *(int *)ms))
			break;
		done++;
	}
	_exit((int)done);
}

static unsigned count_strict(struct sp_rig *r, uint32_t i, int ms)
{
	pid_t pid = sp_rig_worker(r, i, strict_calls, &ms);
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (unsigned)WEXITSTATUS(status);
}

static void fill_up(const char *dir, char *path, size_t n)
{
	static uint8_t block[65536];
	int fd;

	memset(block, 1, sizeof(block));
	snprintf(path, n, "%s/ballast", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t size = sizeof(block); size >= 512; size /= 2)
		while (write(fd, block, size) > 0)
			;
	close(fd);
}

static void a_full_disk_stops_strict_calls_and_loses_nothing(void **state)
{
	char dir[] = "/tmp/sp-small-XXXXXX", path[160];
	struct sp_rig r;
	struct sp_rig_tally t;
	uint64_t first = 5000, until;
	pid_t pid;
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	if (mount("tmpfs", dir, "tmpfs", 0, "size=24m") < 0) {
		print_message("a small file system cannot be mounted here (%s): skipped\n", strerror(errno));
		rmdir(dir);
		skip();
	}
	sp_rig_init(&r, dir, 2, 1024);
	r.plan->segment_bytes = 1u << 20;
	r.plan->reserve_bytes = 4u << 20;
	start(&r);
	assert_int_equal(count_strict(&r, 0, WAIT_MS), 20);
	fill_up(dir, path, sizeof(path));
	assert_true(sp_rig_state(&r, SP_STORE_FULL, WAIT_MS));
	// What is under way still has room in the segments at hand; then nothing is told to be durable.
	until = sp_clock_boot_ns() + 40 * SP_NS_PER_SEC;
	while (atomic_load(&r.root->audit.errors) == 0 && sp_clock_boot_ns() < until) {
		pid = sp_rig_worker(&r, 1, sixty_calls, &first);
		usleep(60000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		first += 60;
	}
	assert_true(atomic_load(&r.root->audit.errors) > 0);
	assert_int_not_equal(atomic_load(&r.root->audit.state), SP_STORE_READY);
	assert_int_equal(count_strict(&r, 0, 300), 0);
	assert_int_equal(unlink(path), 0);
	assert_true(sp_rig_state(&r, SP_STORE_READY, WAIT_MS));
	assert_int_equal(count_strict(&r, 0, WAIT_MS), 20);
	leave(&r);
	sp_rig_count(&r, &t);
	assert_true(t.chain_ok);
	assert_int_equal(t.lost + t.repeated, 0);
	assert_int_equal(t.open, 0);
	sp_rig_done(&r);
	umount(dir);
	rmdir(dir);
}

static void told_is_kept_a_shortened_journal_is_not_taken_up(void **state)
{
	struct sp_rig *r = *state;
	char path[160];
	int status;

	start(r);
	run_calls(r, 0, 0);
	sp_rig_kill_audit(r);
	snprintf(path, sizeof(path), "%s/audit/journal-000000000001", r->path);
	assert_int_equal(truncate(path, 8200), 0);
	sp_rig_start_audit(r);
	assert_int_equal(waitpid(r->audit, &status, 0), r->audit);
	assert_int_equal(WEXITSTATUS(status), 1);
	r->audit = 0;
	assert_int_equal(atomic_load(&r->root->audit.state), SP_STORE_LATCHED);
}

/// Number 1 twice, then 2, then 9.
static void misnumbered(struct sp_rig *r, uint32_t i, void *ctx)
{
	struct sp_channel c;
	uint64_t seq = 0;

	(void)ctx;
	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(1);
	for (unsigned n = 0; n < 4; n++) {
		c.seq = n == 1 ? 0 : n == 3 ? 8 : c.seq;
		if (!sp_rig_record(r, &c, i, SP_RECORD_OUTCOME, n, "strict", &seq) ||
			!sp_rig_wait_durable(r, &c, i, n == 1 ? 1 : seq, WAIT_MS))
			_exit(2);
	}
	_exit(0);
}

static bool found(struct sp_rig *r, const char *text)
{
	struct answers a = {0};
	bool yes = false;

	for (unsigned i = 0; i < WAIT_MS / 50 && !yes; i++) {
		usleep(50 * 1000);
		ASK(r, &a, "audit query", "type", "lifecycle");
		for (unsigned k = 0; k < a.n; k++)
			yes |= strstr(a.text[k], text) != NULL;
	}
	forget(&a);
	return yes;
}

static void a_record_numbered_twice_is_kept_and_told_of(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	int status = -1;
	pid_t pid;

	start(r);
	pid = sp_rig_worker(r, 0, misnumbered, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ASK(r, &a, "audit query", "type", "outcome");
	assert_int_equal(a.n, 4);
	forget(&a);
	assert_true(found(r, "2 records out of order"));
	// What audit had not let go of when it died comes again, and counts once.
	sp_rig_kill_audit(r);
	start(r);
	ASK(r, &a, "audit query", "type", "outcome");
	assert_int_equal(a.n, 4);
	forget(&a);
	leave(r);
}

/// More calls than anybody said there would be, none of which ends.
static void calls_without_end(struct sp_rig *r, uint32_t i, void *ctx)
{
	struct sp_channel c;
	uint64_t seq = 0;

	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(1);
	for (uint64_t n = 0; n < *(uint64_t *)ctx; n++)
		while (!sp_rig_record(r, &c, i, SP_RECORD_DECISION, n * 10 + 1, "enhanced", &seq))
			if (!sp_rig_wait_durable(r, &c, i, seq, WAIT_MS))
				_exit(2);
	_exit(sp_rig_wait_durable(r, &c, i, seq, WAIT_MS) ? 0 : 3);
}

static void more_open_calls_than_can_be_followed_are_told_of(void **state)
{
	struct sp_rig *r = *state;
	uint64_t calls;
	int status = -1;
	pid_t pid;

	r->plan->max_calls = 1024;
	calls = 2 * 2 * 1024 + 5;
	start(r);
	pid = sp_rig_worker(r, 1, calls_without_end, &calls);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(found(r, "5 allowed calls since audit began"));
	leave(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_of_a_dead_worker_is_put_in_doubt_once),
		TEST(a_worker_gone_wild_harms_nobody_elses_records),
		TEST(a_successor_waits_until_its_predecessor_has_left),
		cmocka_unit_test(a_full_disk_stops_strict_calls_and_loses_nothing),
		TEST(told_is_kept_a_shortened_journal_is_not_taken_up),
		TEST(a_record_numbered_twice_is_kept_and_told_of),
		TEST(more_open_calls_than_can_be_followed_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
