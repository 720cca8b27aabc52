#include "common/clock.h"
#include "common/ctlmsg.h"
#include "common/record.h"
#include "common/unixsock.h"
#include "tests/support/audit_rig.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include "common/banned.h"

#define ANSWERS 300u
#define WAIT_MS 20000

static const char *base(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static int set_up(void **state)
{
	struct sp_rig *r = calloc(1, sizeof(*r));

	sp_rig_init(r, base(), 2, 1024);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	sp_rig_done(*state);
	free(*state);
	return 0;
}

static void start(struct sp_rig *r)
{
	sp_rig_start_audit(r);
	assert_true(sp_rig_state(r, SP_STORE_READY, WAIT_MS));
}

static void leave(struct sp_rig *r)
{
	assert_int_equal(sp_rig_leave_audit(r, WAIT_MS), 0);
}

/// What came back: each answer's data as JSON text.
struct answers {
	char *text[ANSWERS];
	uint64_t seq[ANSWERS];
	unsigned n;
	uint64_t code;
	char error[256];
};

static void forget(struct answers *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->text[i]);
	a->n = 0;
}

static bool take_answer(int fd, struct answers *a)
{
	uint8_t head[SP_CTL_HEAD_BYTES], *body;
	struct sp_ctl_answer got;
	struct sp_bytes value;
	struct sp_cv_value v;
	struct sp_out out;
	uint32_t n;

	assert_int_equal(sp_unix_read_all(fd, head, sizeof(head), WAIT_MS), 0);
	memcpy(&n, head, sizeof(n));
	assert_in_range(n, 1, SP_CTL_ANSWER_MAX);
	body = malloc(n);
	assert_int_equal(sp_unix_read_all(fd, body, n, WAIT_MS), 0);
	assert_int_equal(sp_ctl_answer_read(sp_bytes(body, n), &got), 0);
	a->code = got.code;
	snprintf(a->error, sizeof(a->error), "%.*s", SP_FMT(got.error));
	value = got.data;
	if (got.data.n && sp_cv_next(&value, &v) == 0 && v.type == SP_CV_ARRAY)
		assert_int_equal(v.n, 0); // nothing matched
	else if (got.data.n > 1 && a->n < ANSWERS) {
		a->text[a->n] = calloc(1, 8192);
		out = sp_out_init(a->text[a->n], 8191);
		sp_cv_json(got.data, &out);
		a->seq[a->n] = 0;
		if (sp_cv_get(got.data, SP_LIT("seq"), &value) == 0 && sp_cv_next(&value, &v) == 0)
			a->seq[a->n] = v.u;
		a->n++;
	}
	free(body);
	return got.more;
}

static int call(struct sp_rig *r, struct sp_cv_out *o)
{
	char path[160];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/audit.sock", r->path);
	assert_int_equal(sp_ctl_frame_end(o, SP_CTL_REQUEST_MAX), 0);
	assert_int_equal(sp_unix_connect(path, WAIT_MS, &fd), 0);
	assert_int_equal(sp_unix_write_all(fd, o->buf.data, o->buf.size, WAIT_MS), 0);
	sp_cv_out_done(o);
	return fd;
}

/// `args`: name, value ...; a value of digits goes as a number when the name says so. NULL ends.
static void begin(struct sp_cv_out *o, const char *command, const char *const *args)
{
	sp_cv_out_init(o);
	sp_ctl_request_begin(o, 1, sp_bytes_cstr(command));
	sp_cv_put_map(o);
	for (; *args; args += 2) {
		uint64_t n;

		sp_cv_put_str(o, args[0]);
		if (strstr("since until from before limit lines to", args[0]) &&
			sp_bytes_u64(sp_bytes_cstr(args[1]), &n) == 0)
			sp_cv_put_u64(o, n);
		else if (strcmp(args[0], "no-follow") == 0)
			sp_cv_put_bool(o, true);
		else
			sp_cv_put_str(o, args[1]);
	}
	sp_cv_put_end(o);
}

static void ask(struct sp_rig *r, struct answers *a, const char *command, const char *const *args)
{
	struct sp_cv_out o;
	int fd;

	forget(a);
	begin(&o, command, args);
	fd = call(r, &o);
	while (take_answer(fd, a))
		;
	close(fd);
}
#define ASK(r, a, command, ...) ask((r), (a), (command), (const char *const[]){__VA_ARGS__, NULL})

static bool all_have(const struct answers *a, const char *text)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!strstr(a->text[i], text))
			return false;
	return true;
}

/// 60 calls, the last of them left without outcome; then gone.
static void sixty_calls(struct sp_rig *r, uint32_t i, void *ctx)
{
	const uint64_t *first = ctx;
	struct sp_channel c;
	uint64_t seq = 0;

	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(1);
	for (uint64_t n = *first; n < *first + 60; n++) {
		if (!sp_rig_record(r, &c, i, SP_RECORD_DECISION, n, "enhanced", &seq))
			_exit(2);
		if (n < *first + 59 && !sp_rig_record(r, &c, i, SP_RECORD_OUTCOME, n, "enhanced", &seq))
			_exit(3);
	}
	_exit(sp_rig_wait_durable(r, &c, i, seq, WAIT_MS) ? 0 : 4);
}

static void run_calls(struct sp_rig *r, uint32_t i, uint64_t first)
{
	pid_t pid = sp_rig_worker(r, i, sixty_calls, &first);
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_was_recorded_is_found_by_all_it_can_be_asked_by(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char from[32];

	start(r);
	run_calls(r, 0, 0); // calls 0..59 by three agents in turn, every tenth denied
	ASK(r, &a, "audit query", "type", "decision");
	assert_int_equal(a.n, 60);
	assert_true(all_have(&a, "\"type\":\"decision\""));
	for (unsigned i = 1; i < a.n; i++)
		assert_true(a.seq[i] > a.seq[i - 1]);
	ASK(r, &a, "audit query", "agent", "analyst");
	assert_int_equal(a.n, 40);
	assert_true(all_have(&a, "\"agent\":\"analyst\""));
	ASK(r, &a, "audit query", "agent", "analyst", "type", "outcome");
	assert_int_equal(a.n, 20);
	ASK(r, &a, "audit query", "decision", "deny");
	assert_int_equal(a.n, 6);
	ASK(r, &a, "audit query", "reason", "tool_denied", "agent", "support-bot");
	assert_int_equal(a.n, 2);
	ASK(r, &a, "audit query", "tool", "tool.3", "decision", "allow");
	assert_int_equal(a.n, 3); // calls 3, 37, 54 are allowed, 20 is denied
	ASK(r, &a, "audit query", "call", "05000000000000000000000000000000");
	assert_int_equal(a.n, 2);
	assert_true(strstr(a.text[0], "\"type\":\"decision\"") != NULL);
	assert_true(strstr(a.text[1], "\"type\":\"outcome\"") != NULL);
	ASK(r, &a, "audit query", "session", "737570706f72");
	assert_int_equal(a.n, 40);
	ASK(r, &a, "audit query", "agent", "nobody");
	assert_int_equal(a.n, 0);
	assert_int_equal(a.code, SP_CTL_OK);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "5");
	assert_int_equal(a.n, 5); // the last ones
	assert_true(strstr(a.text[4], "3a000000000000000000000000000000") != NULL);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "5", "from", "1");
	assert_true(strstr(a.text[0], "\"call\":\"00000000000000000000000000000000\"") != NULL);
	snprintf(from, sizeof(from), "%llu", (unsigned long long)a.seq[4] + 1);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "100", "from", from);
	assert_int_equal(a.n, 54);
	ASK(r, &a, "audit query", "since", "2000000000000000000");
	assert_int_equal(a.n, 0);
	ASK(r, &a, "audit query", "until", "1000000000000000000");
	assert_int_equal(a.n, 0);
	// Who asked is on record too: written behind the answer, so it is waited for.
	for (unsigned i = 0; i < WAIT_MS / 10 && a.n < 3; i++) {
		usleep(10 * 1000);
		ASK(r, &a, "audit query", "type", "admin", "limit", "3");
	}
	assert_int_equal(a.n, 3);
	assert_true(all_have(&a, "\"object\":\"audit query\""));
	forget(&a);
	leave(r);
}

static void wrong_questions_are_told_what_is_wrong(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_cv_out o;
	uint8_t junk[600];
	int fd;

	start(r);
	ASK(r, &a, "audit query", "type", "nonsense");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	assert_non_null(strstr(a.error, "in_doubt"));
	ASK(r, &a, "audit query", "reason", "because");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "call", "xyz");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "limit", "0");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "limit", "many");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit burn", "limit", "1");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	// What is no request ends the connection, and nothing else.
	for (unsigned i = 0; i < 40; i++) {
		begin(&o, "audit query", (const char *const[]){NULL});
		fd = call(r, &o);
		assert_int_equal(getrandom(junk, sizeof(junk), 0), sizeof(junk));
		(void)!write(fd, junk, sizeof(junk) - i);
		close(fd);
	}
	ASK(r, &a, "audit query", "type", "lifecycle");
	assert_int_equal(a.code, SP_CTL_OK);
	assert_true(a.n > 0);
	forget(&a);
	leave(r);
}

static void tail_shows_the_last_records_and_those_that_come(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_cv_out o;
	int fd;

	start(r);
	run_calls(r, 0, 0);
	ASK(r, &a, "audit tail", "lines", "3", "no-follow", "", "agent", "analyst");
	assert_int_equal(a.n, 3);
	assert_true(all_have(&a, "\"agent\":\"analyst\""));
	forget(&a);
	begin(&o, "audit tail", (const char *const[]){"lines", "2", "decision", "deny", NULL});
	fd = call(r, &o);
	for (int i = 0; i < 2; i++)
		assert_true(take_answer(fd, &a));
	run_calls(r, 1, 100); // six of these are denied
	for (int i = 0; i < 6; i++)
		assert_true(take_answer(fd, &a));
	assert_true(all_have(&a, "\"decision\":\"deny\""));
	for (unsigned i = 1; i < a.n; i++)
		assert_true(a.seq[i] > a.seq[i - 1]);
	assert_non_null(strstr(a.text[7], "96000000000000000100000000000000"));
	close(fd);
	forget(&a);
	leave(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void a_deleted_index_is_filled_again_from_the_journal(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char path[160];

	start(r);
	for (unsigned i = 0; i < 50; i++) // more than one block
		run_calls(r, i % 2, 1000 * i);
	ASK(r, &a, "audit query", "decision", "deny", "limit", "299");
	assert_int_equal(a.n, 299);
	sp_rig_kill_audit(r);
	snprintf(path, sizeof(path), "%s/audit/index", r->path);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	start(r);
	ASK(r, &a, "audit query", "decision", "deny", "limit", "299");
	assert_int_equal(a.n, 299);
	ASK(r, &a, "audit query", "call", "10270000000000000000000000000000");
	assert_int_equal(a.n, 2);
	forget(&a);
	leave(r);
}

static void verify_proves_the_trail_and_names_a_changed_record(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char path[160], cmd[400];
	uint8_t b;
	int fd, status;

	start(r);
	run_calls(r, 0, 0);
	ASK(r, &a, "audit verify", "from", "1");
	assert_int_equal(a.code, SP_CTL_OK);
	assert_non_null(strstr(a.text[0], "\"chain_ok\":true"));
	snprintf(path, sizeof(path), "%s/audit/journal-000000000001", r->path);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &b, 1, 9000), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, 9000), 1);
	close(fd);
	ASK(r, &a, "audit verify", "from", "1");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	assert_non_null(strstr(a.text[0], "\"chain_ok\":false"));
	forget(&a);
	leave(r);
	snprintf(cmd, sizeof(cmd), "%s --verify %s/audit | grep -q '\"chain_ok\":false'", SP_AUDIT_EXE,
		r->path);
	status = system(cmd);
	assert_int_equal(status, 0);
}

static void a_call_of_a_dead_worker_is_put_in_doubt_once(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_rig_tally t;

	start(r);
	run_calls(r, 0, 0);   // leaves call 59 open
	run_calls(r, 0, 100); // its next life: now 59 is in doubt; leaves 159 open
	ASK(r, &a, "audit query", "type", "in_doubt");
	for (int i = 0; a.n == 0 && i < 200; i++)
		ASK(r, &a, "audit query", "type", "in_doubt");
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

/// As many strict calls as go through in a while; how many is told by the exit status.
static void strict_calls(struct sp_rig *r, uint32_t i, void *ctx)
{
	struct sp_channel c;
	uint64_t seq;
	unsigned done = 0;

	(void)ctx;
	if (sp_channel_attach_worker(&r->channel[i], &c) < 0)
		_exit(255);
	for (uint64_t n = 0; n < 20; n++) {
		if (!sp_rig_record(r, &c, i, SP_RECORD_DECISION, n, "strict", &seq) ||
			!sp_rig_wait_durable(r, &c, i, seq, 300))
			break;
		done++;
	}
	_exit((int)done);
}

static unsigned count_strict(struct sp_rig *r, uint32_t i)
{
	pid_t pid = sp_rig_worker(r, i, strict_calls, NULL);
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
	uint64_t first = 5000;
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
	assert_int_equal(count_strict(&r, 0), 20);
	fill_up(dir, path, sizeof(path));
	assert_true(sp_rig_state(&r, SP_STORE_FULL, WAIT_MS));
	// What is under way still has room in the segments at hand; then nothing is told to be durable.
	for (unsigned i = 0; i < 200 && atomic_load(&r.root->audit.errors) == 0; i++) {
		pid = sp_rig_worker(&r, 1, sixty_calls, &first);
		usleep(60000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		first += 60;
	}
	assert_true(atomic_load(&r.root->audit.errors) > 0);
	assert_int_not_equal(atomic_load(&r.root->audit.state), SP_STORE_READY);
	assert_int_equal(count_strict(&r, 0), 0);
	assert_int_equal(unlink(path), 0);
	assert_true(sp_rig_state(&r, SP_STORE_READY, WAIT_MS));
	assert_int_equal(count_strict(&r, 0), 20);
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

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_recorded_is_found_by_all_it_can_be_asked_by),
		TEST(wrong_questions_are_told_what_is_wrong),
		TEST(tail_shows_the_last_records_and_those_that_come),
		TEST(a_deleted_index_is_filled_again_from_the_journal),
		TEST(verify_proves_the_trail_and_names_a_changed_record),
		TEST(a_call_of_a_dead_worker_is_put_in_doubt_once),
		TEST(a_worker_gone_wild_harms_nobody_elses_records),
		TEST(a_record_numbered_twice_is_kept_and_told_of),
		TEST(more_open_calls_than_can_be_followed_are_told_of),
		TEST(a_successor_waits_until_its_predecessor_has_left),
		TEST(told_is_kept_a_shortened_journal_is_not_taken_up),
		cmocka_unit_test(a_full_disk_stops_strict_calls_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
