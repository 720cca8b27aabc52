#include "controlplane/supervisor/spawn.h"

#include "common/childfd.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "common/banned.h"

void sp_spawn_give(struct sp_spawn *s, int from, int to)
{
	SP_BUG_IF(s->fds_n >= SP_SPAWN_FDS_MAX || to <= STDERR_FILENO || to >= SP_FD__END);
	s->fd[s->fds_n++] = (struct sp_spawn_fd){from, to};
}

int sp_spawn_drop(uint32_t uid, uint32_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (uid == 0 || geteuid() != 0)
		return 0;
	if (gid == 0)
		return -EINVAL;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return -errno;
	if (ruid != uid || euid != uid || suid != uid || rgid != gid || egid != gid || sgid != gid)
		return -EPERM;
	if (getgroups(0, NULL) != 0 || setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
		return -EPERM;
	return 0;
}

/// Every source is first moved above all targets, so that no target overwrites a source yet to
/// come.
static int place_fds(const struct sp_spawn *s, int *status_fd)
{
	bool wanted[SP_FD__END] = {
		[STDIN_FILENO] = true, [STDOUT_FILENO] = true, [STDERR_FILENO] = true};
	int moved[SP_SPAWN_FDS_MAX];

	*status_fd = fcntl(*status_fd, F_DUPFD_CLOEXEC, SP_FD__END);
	if (*status_fd < 0)
		return -errno;
	for (uint32_t i = 0; i < s->fds_n; i++) {
		moved[i] = fcntl(s->fd[i].from, F_DUPFD_CLOEXEC, SP_FD__END);
		if (moved[i] < 0)
			return -errno;
	}
	for (uint32_t i = 0; i < s->fds_n; i++) {
		if (dup2(moved[i], s->fd[i].to) < 0)
			return -errno;
		wanted[s->fd[i].to] = true;
	}
	for (int fd = 0; fd < SP_FD__END; fd++)
		if (!wanted[fd])
			close(fd);
	// what lies above is close-on-exec, or inherited from whoever started us
	return close_range(SP_FD__END, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); // SIGKILL and SIGSTOP refuse, rightly
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become_child(const struct sp_spawn *s, int *status_fd)
{
	static char *const environment[] = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin", NULL};
	cpu_set_t set;

	default_signals();
	// a terminal's Ctrl-C is for the supervisor, which then stops the others in order
	if (setpgid(0, 0) < 0)
		return -errno;
	SP_TRY(place_fds(s, status_fd));
	if (s->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((unsigned)s->cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) < 0)
			return -errno;
	}
	SP_TRY(sp_spawn_drop(s->uid, s->gid));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	execve(s->path, (char *const *)s->argv, environment);
	return -errno;
}

int sp_spawn(const struct sp_spawn *s, pid_t *ret_pid)
{
	int status[2], err = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(status[0]);
		close(status[1]);
		return err;
	}
	if (pid == 0) {
		err = become_child(s, &status[1]);
		n = write(status[1], &err, sizeof(err));
		_exit(n == sizeof(err) ? 127 : 126);
	}
	close(status[1]);
	do
		n = read(status[0], &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close(status[0]);
	if (n == 0) {
		*ret_pid = pid;
		return 0;
	}
	waitpid(pid, NULL, 0);
	return n == sizeof(err) && err < 0 ? err : -ECHILD;
}
