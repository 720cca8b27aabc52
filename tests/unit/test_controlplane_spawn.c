#include "controlplane/supervisor/spawn.h"

#include "common/childfd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "common/banned.h"

/// Start a shell that prints what it sees to descriptor 3, and read it.
static size_t seen_by_child(const char *script, struct sp_spawn *s, char *buf, size_t cap)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	int out[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s->path = "/bin/sh";
	s->argv = argv;
	sp_spawn_give(s, out[1], 3);
	assert_int_equal(sp_spawn(s, &pid), 0);
	close(out[1]);
	while ((n = read(out[0], buf + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = 0;
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return len;
}

static void child_sees_exactly_the_listed_descriptors(void **state)
{
	struct sp_spawn s = {.cpu = -1};
	int stray = open("/dev/null", O_RDONLY),
	    self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int high, a, b;
	char seen[1024], expected[256];

	(void)state;
	high = fcntl(
		stray, F_DUPFD, 700); // not close-on-exec, as one a careless parent left behind
	a = open("/dev/null", O_RDONLY | O_CLOEXEC);
	b = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	// crosswise: a source is another one's target
	sp_spawn_give(&s, a, b);
	sp_spawn_give(&s, b, a);
	sp_spawn_give(&s, b, SP_FD_WORKER_LIFE + 64);
	sp_spawn_give(&s, self, 9);
	seen_by_child("exec /proc/self/fd/9 descriptors", &s, seen, sizeof(seen));
	snprintf(expected, sizeof(expected), "0 1 2 3 %d=zero %d=null 9 288=zero ", a, b);
	assert_true(a < b && b < 9);
	assert_string_equal(seen, expected);
	close(stray), close(high), close(a), close(b), close(self);
}

static void child_inherits_no_environment_of_ours(void **state)
{
	struct sp_spawn s = {.cpu = -1};
	char seen[1024];

	(void)state;
	setenv("SECRET_OF_THE_PARENT", "1", 1);
	seen_by_child("tr '\\0' '\\n' </proc/$$/environ | sort >&3", &s, seen, sizeof(seen));
	assert_string_equal(seen, "LANG=C.UTF-8\nPATH=/usr/bin:/bin\n");
}

static void child_has_no_way_to_new_privileges(void **state)
{
	struct sp_spawn s = {.cpu = -1};
	char seen[1024];

	(void)state;
	seen_by_child("grep NoNewPrivs /proc/$$/status >&3", &s, seen, sizeof(seen));
	assert_string_equal(seen, "NoNewPrivs:\t1\n");
}

static void root_is_given_up_with_its_groups(void **state)
{
	struct sp_spawn s = {.cpu = -1, .uid = 61234, .gid = 61235};
	char seen[1024];

	(void)state;
	if (geteuid() != 0)
		skip(); // only root has something to give up
	seen_by_child("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm)' /proc/$$/status >&3", &s, seen,
		sizeof(seen));
	assert_string_equal(seen,
		"Uid:\t61234\t61234\t61234\t61234\nGid:\t61235\t61235\t61235\t61235\n"
		"Groups:\t \nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n");
}

static void root_is_not_given_up_for_a_user_without_group(void **state)
{
	struct sp_spawn s = {.cpu = -1, .uid = 61234, .path = "/bin/true"};
	const char *argv[] = {"true", NULL};
	pid_t pid = 77;

	(void)state;
	if (geteuid() != 0)
		skip(); // only root has something to give up
	s.argv = argv;
	assert_int_equal(sp_spawn(&s, &pid), -EINVAL);
	assert_int_equal(pid, 77);
}

static void a_program_that_cannot_run_is_an_error_of_the_call(void **state)
{
	struct sp_spawn s = {.cpu = -1, .path = "/nonexistent/program"};
	const char *argv[] = {"program", NULL};
	pid_t pid = 77;

	(void)state;
	s.argv = argv;
	assert_int_equal(sp_spawn(&s, &pid), -ENOENT);
	assert_int_equal(pid, 77);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/// What this program does when it is the child: name its open descriptors, and the device behind
/// it.
static int list_descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		char link[64], target[64];
		ssize_t n;

		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		if (fd > 3 && strncmp(target, "/dev/", 5) == 0)
			dprintf(3, "%d=%s ", fd, target + 5);
		else
			dprintf(3, "%d ", fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return list_descriptors();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_sees_exactly_the_listed_descriptors),
		cmocka_unit_test(child_inherits_no_environment_of_ours),
		cmocka_unit_test(child_has_no_way_to_new_privileges),
		cmocka_unit_test(root_is_given_up_with_its_groups),
		cmocka_unit_test(root_is_not_given_up_for_a_user_without_group),
		cmocka_unit_test(a_program_that_cannot_run_is_an_error_of_the_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
