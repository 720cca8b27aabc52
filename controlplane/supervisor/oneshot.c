#include "controlplane/supervisor/oneshot.h"

#include "common/childfd.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/shm.h"
#include "controlplane/supervisor/program.h"
#include "controlplane/supervisor/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "common/banned.h"

#define ONESHOT_MS 60000

/// Wait for it to end, not for ever: its exit code, or -ETIMEDOUT, -ECHILD when a signal ended it.
static int wait_child(pid_t pid)
{
	struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int n, status;

	if (p.fd < 0)
		return -errno;
	do
		n = poll(&p, 1, ONESHOT_MS);
	while (n < 0 && errno == EINTR);
	close(p.fd);
	if (n <= 0)
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (n <= 0)
		return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

static int run(const char *exec_dir, const char *mode, const char *config_path, uint32_t uid,
	uint32_t gid, int plan_fd)
{
	const char *argv[] = {"sallyport-control", mode, config_path, NULL};
	char path[512];
	struct sp_spawn s = {.path = path, .argv = argv, .uid = uid, .gid = gid, .cpu = -1};
	pid_t pid;
	int err = sp_program_find(exec_dir, "control", path, sizeof(path));

	if (err < 0)
		return sp_log_err("start", err,
			"sallyport-control is neither beside sallyportd nor installed");
	if (plan_fd >= 0)
		sp_spawn_give(&s, plan_fd, SP_FD_PLAN);
	err = sp_spawn(&s, &pid);
	if (err < 0)
		return sp_log_err("start", err, "%s cannot be run", path);
	err = wait_child(pid);
	return err < 0 ? sp_log_err("start", err, "%s %s", path, mode) : err;
}

int sp_oneshot_check(const char *exec_dir, const char *config_path, uint32_t uid, uint32_t gid)
{
	return run(exec_dir, "--check", config_path, uid, gid, -1);
}

int sp_oneshot_plan(const char *exec_dir, const char *config_path, uint32_t uid, uint32_t gid,
	struct sp_plan *ret)
{
	const char *field = "";
	struct sp_plan plan;
	struct sp_shm shm;
	SP_AUTO_FD fd = -1;
	int err = sp_shm_create(
		"sallyport-plan", SP_REGION_PLAN, sizeof(plan), sizeof(plan), &shm, &fd);

	if (err < 0)
		return sp_log_err("start", err, "memory for the plan");
	err = run(exec_dir, "--plan", config_path, uid, gid, fd);
	// copied before it is checked: what made it may still be able to write it
	memcpy(&plan, shm.base, sizeof(plan));
	sp_shm_detach(&shm);
	if (err < 0)
		return err;
	if (err > 0) {
		sp_log(SP_LOG_ERROR, "start", "the configuration was refused: %s", config_path);
		return -EINVAL;
	}
	err = sp_plan_check(&plan, &field);
	if (err < 0)
		return sp_log_err("start", err, "the plan's %s is out of range", field);
	*ret = plan;
	return 0;
}
