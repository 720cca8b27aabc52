/// A running audit process, calls recorded by workers that come and go, and questions to it as sallyctl asks them. A
/// test's set-up is audit_set_up(), its end audit_tear_down(); *state is the rig.
#pragma once

#include "common/ctlmsg.h"
#include "common/record.h"
#include "common/unixsock.h"
#include "tests/support/audit_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ANSWERS 300u
#define WAIT_MS 20000

static inline const char *base(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static inline int audit_set_up(void **state)
{
	struct sp_rig *r = calloc(1, sizeof(*r));

	sp_rig_init(r, base(), 2, 1024);
	*state = r;
	return 0;
}

static inline int audit_tear_down(void **state)
{
	sp_rig_done(*state);
	free(*state);
	return 0;
}

static inline void start(struct sp_rig *r)
{
	sp_rig_start_audit(r);
	assert_true(sp_rig_state(r, SP_STORE_READY, WAIT_MS));
}

static inline void leave(struct sp_rig *r)
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

static inline void forget(struct answers *a)
{
	for (unsigned i = 0; i < a->n; i++)
		free(a->text[i]);
	a->n = 0;
}

static inline bool take_answer(int fd, struct answers *a)
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

static inline int call(struct sp_rig *r, struct sp_cv_out *o)
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
static inline void begin(struct sp_cv_out *o, const char *command, const char *const *args)
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

static inline void ask(struct sp_rig *r, struct answers *a, const char *command, const char *const *args)
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

static inline bool all_have(const struct answers *a, const char *text)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!strstr(a->text[i], text))
			return false;
	return true;
}

/// 60 calls, the last of them left without outcome; then gone.
static inline void sixty_calls(struct sp_rig *r, uint32_t i, void *ctx)
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

static inline void run_calls(struct sp_rig *r, uint32_t i, uint64_t first)
{
	pid_t pid = sp_rig_worker(r, i, sixty_calls, &first);
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, audit_set_up, audit_tear_down)
