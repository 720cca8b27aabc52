#include "common/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/landlock.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "common/banned.h"

/// Run `act` inside the role's cage in a child; its exit code, or 1000 + the signal that killed it.
static int caged(enum sp_sandbox_role role, int (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (sp_sandbox_enter(role) < 0)
			_exit(99);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_program(void)
{
	char *argv[] = {"true", NULL};
	char *envp[] = {NULL};

	return execve("/bin/true", argv, envp) < 0 ? 7 : 0;
}
static void no_role_may_run_a_program(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_WORKER, run_program), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, run_program), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_AUDIT, run_program), 1000 + SIGSYS);
}

#ifndef SP_SANDBOX_TOLERANT
static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}
static void a_worker_is_refused_files_and_lives(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_WORKER, open_file), EACCES);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, open_file), 0);
	assert_int_equal(caged(SP_SANDBOX_AUDIT, open_file), 0);
}

static struct io_uring ring;

static int open_by_ring(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;

	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe) < 0)
		return 98;
	return cqe->res < 0 ? -cqe->res : 0;
}
static void a_worker_cannot_open_through_io_uring_either(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		skip(); // a kernel without Landlock: nothing to show here
	if (io_uring_queue_init(4, &ring, 0) < 0)
		skip();
	assert_int_equal(caged(SP_SANDBOX_WORKER, open_by_ring), EACCES);
	io_uring_queue_exit(&ring);
}

static int map_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 7 : 0;
}
static int protect_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? 7 : 0;
}
static void memory_never_becomes_executable(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_WORKER, map_code), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_WORKER, protect_code), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, map_code), 7);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, protect_code), 1000 + SIGSYS);
}

static int make_child(void)
{
	return fork() == 0 ? 0 : 7;
}
static void *nothing(void *p)
{
	return p;
}
static int make_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0 ? 0 : 7;
}
static void control_makes_threads_but_no_process_and_a_worker_neither(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_CONTROL, make_child), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, make_thread), 0);
	assert_int_equal(caged(SP_SANDBOX_WORKER, make_thread), 1000 + SIGSYS);
}

static int stream_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? 7 : 0;
}
static int arm_interrupt(void)
{
	return ioctl(-1, VFIO_DEVICE_SET_IRQS, NULL) < 0 ? errno : 0;
}
static int any_ioctl(void)
{
	int n;

	return ioctl(0, FIONREAD, &n) < 0 ? errno : 0;
}
static void a_worker_with_a_port_asks_devices_for_their_interrupts_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_WORKER_PORT, arm_interrupt), EBADF);
	assert_int_equal(caged(SP_SANDBOX_WORKER_PORT, any_ioctl), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_WORKER, arm_interrupt), 1000 + SIGSYS);
}

static int packet_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? 7 : 0;
}
static void a_worker_makes_stream_sockets_only_and_audit_no_network_socket(void **state)
{
	(void)state;
	assert_int_equal(caged(SP_SANDBOX_WORKER, stream_socket), 0);
	assert_int_equal(caged(SP_SANDBOX_WORKER, packet_socket), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_AUDIT, stream_socket), 1000 + SIGSYS);
	assert_int_equal(caged(SP_SANDBOX_CONTROL, packet_socket), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_role_may_run_a_program),
#ifndef SP_SANDBOX_TOLERANT
		cmocka_unit_test(a_worker_is_refused_files_and_lives),
		cmocka_unit_test(a_worker_cannot_open_through_io_uring_either),
		cmocka_unit_test(memory_never_becomes_executable),
		cmocka_unit_test(control_makes_threads_but_no_process_and_a_worker_neither),
		cmocka_unit_test(a_worker_with_a_port_asks_devices_for_their_interrupts_and_nothing_else),
		cmocka_unit_test(a_worker_makes_stream_sockets_only_and_audit_no_network_socket),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
