#include "controlplane/supervisor/dirs.h"

#include "common/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "common/banned.h"

static int make_parents(const char *path)
{
	char part[SP_PATH_MAX + 16];
	size_t n = strlen(path);

	if (path[0] != '/' || n >= sizeof(part))
		return -EINVAL;
	for (size_t i = 1; i < n; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/// The folder itself is opened before it is changed: a link put in its place is not followed.
static int make_dir(const char *path, mode_t mode, uint32_t uid, uint32_t gid)
{
	SP_AUTO_FD fd = -1;

	SP_TRY(make_parents(path));
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (geteuid() == 0 && uid && fchown(fd, uid, gid) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int make_below(const struct sp_plan *plan, const char *name, uint32_t uid)
{
	char path[SP_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", plan->state_dir, name);
	return make_dir(path, 0700, uid, plan->gid);
}

int sp_dirs_make(const struct sp_plan *plan)
{
	int err = make_dir(plan->state_dir, 0755, 0, 0);

	if (err >= 0)
		err = make_below(plan, "control", plan->uid_control);
	if (err >= 0)
		err = make_below(plan, "audit", plan->uid_audit);
	if (err < 0)
		return sp_log_err("start", err, "state folder %s", plan->state_dir);
	// control and audit both make their sockets here, and replace only their own
	err = make_dir(plan->run_dir, 0755, 0, 0);
	if (err >= 0 && geteuid() == 0 && plan->gid) {
		if (chown(plan->run_dir, 0, plan->gid) < 0 || chmod(plan->run_dir, 01775) < 0)
			err = -errno;
	}
	return err < 0 ? sp_log_err("start", err, "run folder %s", plan->run_dir) : 0;
}

int sp_dirs_lock(const struct sp_plan *plan, int *ret)
{
	char path[SP_PATH_MAX + 16];
	SP_AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "%s/lock", plan->state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret = sp_take_fd(&fd);
	return 0;
}
