#include "common/unixsock.h"

#include "common/clock.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/banned.h"

static int address(const char *path, struct sockaddr_un *ret)
{
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, n + 1);
	return 0;
}

int sp_unix_listen(const char *path, mode_t mode, int backlog, int *ret)
{
	SP_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char fresh[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct sockaddr_un a, final;
	int err = 0;

	if (fd < 0)
		return -errno;
	SP_TRY(address(path, &final));
	if (snprintf(fresh, sizeof(fresh), "%s~", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	SP_TRY(address(fresh, &a));
	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	if (chmod(fresh, mode) < 0 || listen(fd, backlog) < 0 || rename(fresh, path) < 0)
		err = -errno;
	if (err < 0) {
		unlink(fresh);
		return err;
	}
	*ret = sp_take_fd(&fd);
	return 0;
}

static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = sp_clock_boot_ns();

	if (deadline_ns == UINT64_MAX)
		return -1;
	return now >= deadline_ns ? 0
				  : (int)((deadline_ns - now + SP_NS_PER_MS - 1) / SP_NS_PER_MS);
}

static uint64_t deadline_of(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	return sp_clock_boot_ns() + (uint64_t)timeout_ms * SP_NS_PER_MS;
}

static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, left_ms(deadline_ns));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

int sp_unix_connect(const char *path, int timeout_ms, int *ret)
{
	SP_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uint64_t deadline = deadline_of(timeout_ms);
	struct sockaddr_un a;

	if (fd < 0)
		return -errno;
	SP_TRY(address(path, &a));
	while (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) // a unix socket's full backlog, not a connection under way
			return -errno;
		if (left_ms(deadline) == 0)
			return -ETIMEDOUT;
		poll(NULL, 0, 10);
	}
	*ret = sp_take_fd(&fd);
	return 0;
}

int sp_unix_peer(int fd, struct sp_unix_peer *ret)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0)
		return -errno;
	*ret = (struct sp_unix_peer){.uid = c.uid, .gid = c.gid, .pid = c.pid};
	return 0;
}

uint32_t sp_unix_peer_groups(int fd, gid_t *ret, uint32_t cap)
{
	socklen_t n = cap * (socklen_t)sizeof(gid_t);

	return getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret, &n) < 0 ? 0 : n / (uint32_t)sizeof(gid_t);
}

int sp_unix_write_all(int fd, const void *p, size_t n, int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t w = send(fd, at, n, MSG_NOSIGNAL);

		if (w >= 0) {
			at += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			SP_TRY(wait_for(fd, POLLOUT, deadline));
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int sp_unix_read_all(int fd, void *p, size_t n, int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);
	uint8_t *at = p;

	while (n > 0) {
		ssize_t r = recv(fd, at, n, 0);

		if (r > 0) {
			at += r;
			n -= (size_t)r;
		} else if (r == 0) {
			return -EPIPE;
		} else if (errno == EAGAIN) {
			SP_TRY(wait_for(fd, POLLIN, deadline));
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}
