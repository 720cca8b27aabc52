#include "common/sandbox.h"

#include <linux/landlock.h>
#include <linux/vfio.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include "common/banned.h"

static const int calls_every[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(futex),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(sched_yield),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(fstat),
	SCMP_SYS(fcntl),
	SCMP_SYS(lseek),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(getrusage),
	SCMP_SYS(uname),
	SCMP_SYS(membarrier),
	SCMP_SYS(sysinfo),
	// of sockets that are open
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
};
static const int calls_ring[] = {SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)};
/// EAL's interrupt thread, and a memif peer that comes back: its socket, its rings in a memfd.
static const int calls_port[] = {
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(eventfd2),
	SCMP_SYS(ftruncate),
	SCMP_SYS(memfd_create),
	SCMP_SYS(timerfd_settime),
};
static const int calls_files[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rmdir),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(msync),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(flock),
	SCMP_SYS(fadvise64),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(umask),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(signalfd4),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
};
static const int calls_threads[] = {
	SCMP_SYS(setpriority),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(prctl),
	SCMP_SYS(ioctl),
	SCMP_SYS(socketpair),
	SCMP_SYS(getppid),
};
/// What a worker is told it may not do, instead of being killed for it.
static const int calls_soft[] = {
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(stat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(access),
	SCMP_SYS(readlink),
};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		SP_TRY(seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0));
	return 0;
}
#define ALLOW(f, list) allow((f), (list), SP_ARRAY_LEN(list))

/// Memory that is never executable. A worker that asks for it is killed; control and audit are told
/// no, since the C library may try to load a module it can do without (names, users).
static int allow_memory(scmp_filter_ctx f, enum sp_sandbox_role role)
{
	if (role != SP_SANDBOX_WORKER && role != SP_SANDBOX_WORKER_PORT)
		SP_TRY(seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)));
	SP_TRY(seccomp_rule_add(
		f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_socket(scmp_filter_ctx f, int family)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
}

/// New threads, not new processes. clone3 hides its flags from the filter: the C library falls
/// back.
static int allow_threads(scmp_filter_ctx f)
{
	SP_TRY(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)));
	SP_TRY(seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
	return ALLOW(f, calls_threads);
}

static int worker_rules(scmp_filter_ctx f)
{
	static const int stream_types = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};

	SP_TRY(ALLOW(f, calls_ring));
	for (size_t i = 0; i < SP_ARRAY_LEN(families); i++)
		SP_TRY(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)stream_types, 0)));
	for (size_t i = 0; i < SP_ARRAY_LEN(calls_soft); i++)
		SP_TRY(seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), calls_soft[i], 0));
	return 0;
}

static int port_rules(scmp_filter_ctx f)
{
	static const int types = SOCK_NONBLOCK | SOCK_CLOEXEC;

	SP_TRY(worker_rules(f));
	SP_TRY(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
		SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)types, SOCK_SEQPACKET)));
	// Drivers of PCI devices arm their interrupt again in its handler.
	SP_TRY(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		SCMP_A1(SCMP_CMP_EQ, VFIO_DEVICE_SET_IRQS, 0)));
	return ALLOW(f, calls_port);
}

static int control_rules(scmp_filter_ctx f)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

	for (size_t i = 0; i < SP_ARRAY_LEN(families); i++)
		SP_TRY(allow_socket(f, families[i]));
	SP_TRY(ALLOW(f, calls_files));
	return allow_threads(f);
}

static int audit_rules(scmp_filter_ctx f)
{
	SP_TRY(allow_socket(f, AF_UNIX));
	SP_TRY(ALLOW(f, calls_ring));
	SP_TRY(ALLOW(f, calls_files));
	return allow_threads(f);
}

/// Sanitizers and coverage write files and trace themselves: their builds only forbid what follows.
#ifdef SP_SANDBOX_TOLERANT
static int build_rules(scmp_filter_ctx f, enum sp_sandbox_role role)
{
	static const int never[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(mount),
		SCMP_SYS(bpf), SCMP_SYS(setuid), SCMP_SYS(unshare)};
	(void)role;
	(void)worker_rules, (void)port_rules, (void)control_rules, (void)audit_rules, (void)allow_memory;
	(void)calls_every;
	for (size_t i = 0; i < SP_ARRAY_LEN(never); i++)
		SP_TRY(seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, never[i], 0));
	return 0;
}
#define DEFAULT_ACTION SCMP_ACT_ALLOW
#else
static int build_rules(scmp_filter_ctx f, enum sp_sandbox_role role)
{
	SP_TRY(ALLOW(f, calls_every));
	SP_TRY(allow_memory(f, role));
	switch (role) {
	case SP_SANDBOX_WORKER:
		return worker_rules(f);
	case SP_SANDBOX_WORKER_PORT:
		return port_rules(f);
	case SP_SANDBOX_CONTROL:
		return control_rules(f);
	case SP_SANDBOX_AUDIT:
		return audit_rules(f);
	}
	return -EINVAL;
}
#define DEFAULT_ACTION SCMP_ACT_KILL_PROCESS
#endif

static int load_filter(enum sp_sandbox_role role)
{
	scmp_filter_ctx f = seccomp_init(DEFAULT_ACTION);
	int err;

	if (!f)
		return -ENOMEM;
	err = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (err >= 0)
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err >= 0)
		err = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (err >= 0)
		err = build_rules(f, role);
	if (err >= 0)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

/// No file can be opened, made, moved or run from here on, by whatever interface.
static int shut_filesystem(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
				     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	SP_AUTO_FD fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0) // the kernel has no Landlock, or it is switched off: the filter stands alone
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}

int sp_sandbox_enter(enum sp_sandbox_role role)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
#ifndef SP_SANDBOX_TOLERANT
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (role == SP_SANDBOX_WORKER || role == SP_SANDBOX_WORKER_PORT)
		SP_TRY(shut_filesystem());
#else
	(void)shut_filesystem;
#endif
	return load_filter(role);
}
