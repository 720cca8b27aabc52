#include "controlplane/control/control.h"
#include "controlplane/control/desk.h"
#include "controlplane/control/roles.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "common/banned.h"

static char path[64];
static struct sp_desk *desk;
static struct {
	enum sp_ctl_access access;
	unsigned runs, refusals;
	char agent[64];
} seen;

static void who(void *ctx, struct sp_caller *caller)
{
	(void)ctx;
	caller->access = seen.access;
	snprintf(caller->name, sizeof(caller->name), "tester");
}

static void run(void *ctx, const struct sp_ctl_command *cmd, const struct sp_ctl_request *r,
	const struct sp_caller *caller, struct sp_reply *reply)
{
	struct sp_bytes id;

	(void)ctx, (void)caller;
	seen.runs++;
	if (sp_ctl_arg_str(r, "id", &id) == 0)
		snprintf(seen.agent, sizeof(seen.agent), "%.*s", SP_FMT(id));
	if (cmd->id == SP_CMD_VERSION)
		sp_reply_text(reply, "one");
	else
		sp_reply_error(reply, "no such agent");
}

static void refused(void *ctx, const struct sp_ctl_command *cmd, const struct sp_caller *caller)
{
	(void)ctx, (void)cmd, (void)caller;
	seen.refusals++;
}

static int set_up(void **state)
{
	const struct sp_desk_ops ops = {.who = who, .run = run, .refused = refused};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.access = SP_ACCESS_ADMIN;
	snprintf(path, sizeof(path), "/tmp/sp-desk-%d.sock", (int)getpid());
	return sp_desk_new(path, &ops, &desk);
}

static int tear_down(void **state)
{
	(void)state;
	sp_desk_free(desk);
	unlink(path);
	return 0;
}

static void turns(unsigned n, uint64_t boot_ns)
{
	while (n--) {
		struct pollfd p[SP_DESK_POLL_MAX];
		unsigned fds = sp_desk_poll(desk, p);

		poll(p, fds, 0);
		sp_desk_turn(desk, p, fds, boot_ns);
	}
}

static int connected(void)
{
	int fd;

	assert_int_equal(sp_unix_connect(path, 1000, &fd), 0);
	turns(1, SP_NS_PER_SEC);
	return fd;
}

static void put_request(struct sp_cv_out *o, uint64_t id, const char *cmd)
{
	sp_ctl_request_begin(o, id, sp_bytes_cstr(cmd));
	sp_cv_put_map(o);
	sp_cv_put_str(o, "id");
	sp_cv_put_str(o, "agent-7");
	sp_cv_put_end(o);
	assert_int_equal(sp_ctl_frame_end(o, SP_CTL_REQUEST_MAX), 0);
}

static void send_bytes(int fd, const void *p, size_t n)
{
	assert_int_equal(sp_unix_write_all(fd, p, n, 1000), 0);
}

/// The next answer's code and error text; -EPIPE when the connection was ended instead.
static int next_answer(int fd, uint64_t *id, char *text, size_t cap)
{
	static uint8_t buf[65536];
	uint8_t head[4];
	struct sp_ctl_answer a;
	uint32_t n;

	turns(4, SP_NS_PER_SEC);
	SP_TRY(sp_unix_read_all(fd, head, 4, 1000));
	n = (uint32_t)head[0] | (uint32_t)head[1] << 8;
	assert_true(n <= sizeof(buf));
	SP_TRY(sp_unix_read_all(fd, buf, n, 1000));
	assert_int_equal(sp_ctl_answer_read(sp_bytes(buf, n), &a), 0);
	*id = a.id;
	snprintf(text, cap, "%.*s", SP_FMT(a.error));
	return (int)a.code;
}

static void a_request_is_run_and_answered(void **state)
{
	struct sp_cv_out o;
	char text[256];
	uint64_t id;
	int fd = connected();

	(void)state;
	sp_cv_out_init(&o);
	put_request(&o, 5, "revoke agent");
	send_bytes(fd, o.buf.data, o.buf.size);
	assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_REFUSED);
	assert_int_equal(id, 5);
	assert_string_equal(text, "no such agent");
	assert_string_equal(seen.agent, "agent-7");
	sp_cv_out_done(&o);
	close(fd);
}

static void requests_sent_at_once_or_byte_by_byte_are_all_answered(void **state)
{
	struct sp_cv_out o;
	char text[256];
	uint64_t id;
	int fd = connected();

	(void)state;
	sp_cv_out_init(&o);
	put_request(&o, 1, "version");
	put_request(&o, 2, "version");
	put_request(&o, 3, "version");
	send_bytes(fd, o.buf.data, o.buf.size);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_OK);
		assert_int_equal(id, i);
	}
	for (size_t at = 0; at < o.buf.size; at++) {
		send_bytes(fd, o.buf.data + at, 1);
		turns(1, SP_NS_PER_SEC);
	}
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_OK);
	assert_int_equal(seen.runs, 6);
	sp_cv_out_done(&o);
	close(fd);
}

static void who_lacks_the_role_is_told_so_and_nothing_runs(void **state)
{
	struct sp_cv_out o;
	char text[256];
	uint64_t id;
	int fd;

	(void)state;
	seen.access = SP_ACCESS_VIEW;
	fd = connected();
	sp_cv_out_init(&o);
	put_request(&o, 1, "revoke agent");
	put_request(&o, 2, "version");
	send_bytes(fd, o.buf.data, o.buf.size);
	assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_REFUSED);
	assert_non_null(strstr(text, "needs the role operator"));
	assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_OK);
	assert_int_equal(seen.runs, 1);
	assert_int_equal(seen.refusals, 1);
	sp_cv_out_done(&o);
	close(fd);
}

static void commands_of_others_and_unknown_ones_are_not_run(void **state)
{
	static const char *const names[] = {"audit query", "help", "nonsense", "policy"};
	char text[256];
	uint64_t id;
	int fd = connected();

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		struct sp_cv_out o;

		sp_cv_out_init(&o);
		put_request(&o, i, names[i]);
		send_bytes(fd, o.buf.data, o.buf.size);
		assert_int_equal(next_answer(fd, &id, text, sizeof(text)), SP_CTL_REFUSED);
		assert_non_null(strstr(text, "there is no command"));
		sp_cv_out_done(&o);
	}
	assert_int_equal(seen.runs, 0);
	close(fd);
}

static void a_peer_that_breaks_the_framing_loses_only_its_own_connection(void **state)
{
	const uint8_t huge[] = {0xff, 0xff, 0xff, 0x7f, 0}, junk[] = {3, 0, 0, 0, 0xc1, 0xc1, 0xc1};
	struct sp_cv_out o;
	char text[256];
	uint64_t id;
	int good = connected(), bad = connected(), odd = connected();

	(void)state;
	send_bytes(bad, huge, sizeof(huge));
	turns(3, SP_NS_PER_SEC);
	assert_int_equal(next_answer(bad, &id, text, sizeof(text)), -EPIPE);
	send_bytes(odd, junk, sizeof(junk));
	assert_int_equal(next_answer(odd, &id, text, sizeof(text)), SP_CTL_REFUSED);
	sp_cv_out_init(&o);
	put_request(&o, 9, "version");
	send_bytes(good, o.buf.data, o.buf.size);
	assert_int_equal(next_answer(good, &id, text, sizeof(text)), SP_CTL_OK);
	sp_cv_out_done(&o);
	close(good), close(bad), close(odd);
}

static void a_stranger_cannot_make_control_hold_a_large_request(void **state)
{
	static uint8_t part[8192];
	const uint32_t claimed = 1u << 20;
	char text[256];
	uint64_t id;
	int fd;

	(void)state;
	seen.access = SP_ACCESS_NONE;
	fd = connected();
	memcpy(part, &claimed, sizeof(claimed));
	send_bytes(fd, part, sizeof(part));
	turns(4, SP_NS_PER_SEC);
	assert_int_equal(next_answer(fd, &id, text, sizeof(text)), -ECONNRESET);
	close(fd);
}

static void the_silent_make_room_for_new_peers(void **state)
{
	int fd[SP_DESK_CLIENTS + 3];
	struct sp_cv_out o;
	char text[256];
	uint64_t id;

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(fd); i++)
		fd[i] = connected();
	sp_cv_out_init(&o);
	put_request(&o, 1, "version");
	send_bytes(fd[SP_DESK_CLIENTS + 2], o.buf.data, o.buf.size);
	assert_int_equal(next_answer(fd[SP_DESK_CLIENTS + 2], &id, text, sizeof(text)), SP_CTL_OK);
	turns(1, 1000 * SP_NS_PER_SEC);
	assert_int_equal(next_answer(fd[SP_DESK_CLIENTS + 2], &id, text, sizeof(text)), -EPIPE);
	for (unsigned i = 0; i < SP_ARRAY_LEN(fd); i++)
		close(fd[i]);
	sp_cv_out_done(&o);
}

static void every_command_of_control_has_its_function_and_no_other_has(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SP_CMD__COUNT; i++)
		assert_true(sp_control_serves(i) == (sp_ctl_command(i)->server == SP_CTL_CONTROL));
}

static gid_t group_of(const char *name)
{
	return strcmp(name, "ops") == 0 ? 500 : (gid_t)-1;
}

static void roles_follow_user_number_and_group_and_the_highest_counts(void **state)
{
	struct sp_text viewers[] = {{.s = "ann"}, {.s = "@ops"}, {.s = "@ghosts"}};
	struct sp_text operators[] = {{.s = "1007"}}, admins[] = {{.s = "eve"}};
	const struct sp_gw_roles roles = {
		.viewer = {viewers, 3}, .operator= {operators, 1}, .admin = {admins, 1}};
	static const struct {
		struct sp_role_facts who;
		enum sp_ctl_access access;
	} cases[] = {
		{{.uid = 0}, SP_ACCESS_ADMIN},
		{{.uid = 900, .user = "gateway"}, SP_ACCESS_ADMIN}, // who runs it
		{{.uid = 1001, .user = "ann"}, SP_ACCESS_VIEW},
		{{.uid = 1007, .user = "ann"}, SP_ACCESS_OPERATE},
		{{.uid = 1002, .user = "bob", .group = {7, 500}, .groups_n = 2}, SP_ACCESS_VIEW},
		{{.uid = 1002, .user = "bob", .group = {7}, .groups_n = 1}, SP_ACCESS_NONE},
		{{.uid = 1003, .user = "eve"}, SP_ACCESS_ADMIN},
		{{.uid = 1004}, SP_ACCESS_NONE},
		{{.uid = 1005, .user = "1007"}, SP_ACCESS_NONE}, // a name that looks like a number
		{{.uid = 1006, .user = "@ops"}, SP_ACCESS_NONE},
		{{.uid = 1008, .user = "x", .group = {(gid_t)-1}, .groups_n = 1}, SP_ACCESS_NONE},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(cases); i++)
		assert_int_equal(sp_role_of(&roles, &cases[i].who, 900, group_of), cases[i].access);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_request_is_run_and_answered),
		CASE(requests_sent_at_once_or_byte_by_byte_are_all_answered),
		CASE(who_lacks_the_role_is_told_so_and_nothing_runs),
		CASE(commands_of_others_and_unknown_ones_are_not_run),
		CASE(a_peer_that_breaks_the_framing_loses_only_its_own_connection),
		CASE(a_stranger_cannot_make_control_hold_a_large_request),
		CASE(the_silent_make_room_for_new_peers),
		cmocka_unit_test(every_command_of_control_has_its_function_and_no_other_has),
		cmocka_unit_test(roles_follow_user_number_and_group_and_the_highest_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
