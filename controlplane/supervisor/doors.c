#include "controlplane/supervisor/doors.h"

#include "common/loopback.h"
#include "common/unixsock.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "common/banned.h"

/// One socket a worker, so that the kernel spreads connections and no worker waits for another.
static int listen_tcp(const struct sp_plan_listener *l, int *ret)
{
	static const int on = 1;
	SP_AUTO_FD fd =
		socket(l->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -errno;
	if (l->addr.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	sp_loopback_tune(fd, (const struct sockaddr *)&l->addr);
	if (bind(fd, (const struct sockaddr *)&l->addr, l->addr_len) < 0)
		return -errno;
	if (listen(fd, (int)l->backlog) < 0)
		return -errno;
	*ret = sp_take_fd(&fd);
	return 0;
}

/// A path has one socket: every worker accepts from the same.
static int listen_unix(const struct sp_plan *plan, const struct sp_plan_listener *l,
	struct sp_doors *d, uint32_t number)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&l->addr;

	SP_TRY(sp_unix_listen(un->sun_path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP, (int)l->backlog,
		&d->listener[0][number]));
	if (plan->gid && geteuid() == 0 && chown(un->sun_path, (uid_t)-1, plan->gid) < 0)
		return -errno;
	for (uint32_t w = 1; w < plan->workers; w++) {
		d->listener[w][number] = fcntl(d->listener[0][number], F_DUPFD_CLOEXEC, 3);
		if (d->listener[w][number] < 0)
			return -errno;
	}
	return 0;
}

static int open_listener(const struct sp_plan *plan, struct sp_doors *d, uint32_t number)
{
	const struct sp_plan_listener *l = &plan->listener[number];

	if (l->port) // the worker's own stack listens
		return 0;
	if (l->addr.ss_family == AF_UNIX)
		return listen_unix(plan, l, d, number);
	for (uint32_t w = 0; w < plan->workers; w++)
		SP_TRY(listen_tcp(l, &d->listener[w][number]));
	return 0;
}

static int open_event(int *ret)
{
	*ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret < 0 ? -errno : 0;
}

static int open_pipe(struct sp_pipe *ret)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	*ret = (struct sp_pipe){fd[0], fd[1]};
	return 0;
}

static int open_all(const struct sp_plan *plan, struct sp_doors *d, int *ret_listener)
{
	*ret_listener = -1;
	SP_TRY(open_pipe(&d->life));
	SP_TRY(open_pipe(&d->orders));
	SP_TRY(open_event(&d->audit_event));
	SP_TRY(open_event(&d->control_event));
	SP_TRY(open_pipe(&d->child_life[plan->workers]));
	for (uint32_t w = 0; w < plan->workers; w++) {
		SP_TRY(open_event(&d->worker_event[w]));
		SP_TRY(open_pipe(&d->child_life[w]));
	}
	for (uint32_t i = 0; i < plan->listeners_n; i++) {
		*ret_listener = (int)i;
		SP_TRY(open_listener(plan, d, i));
	}
	return 0;
}

static void pipe_done(struct sp_pipe *p)
{
	sp_close_fd(&p->read_fd);
	sp_close_fd(&p->write_fd);
}

void sp_doors_close_listeners(struct sp_doors *d)
{
	for (uint32_t w = 0; w < SP_WORKERS_MAX; w++)
		for (uint32_t i = 0; i < SP_LISTENERS_MAX; i++)
			sp_close_fd(&d->listener[w][i]);
}

void sp_doors_close_life(struct sp_doors *d)
{
	sp_close_fd(&d->life.write_fd);
	for (uint32_t i = 0; i < SP_WORKERS_MAX + 1; i++)
		sp_close_fd(&d->child_life[i].write_fd);
}

void sp_doors_done(struct sp_doors *d)
{
	sp_doors_close_listeners(d);
	sp_doors_close_life(d);
	pipe_done(&d->life);
	pipe_done(&d->orders);
	sp_close_fd(&d->audit_event);
	sp_close_fd(&d->control_event);
	for (uint32_t i = 0; i < SP_WORKERS_MAX; i++)
		sp_close_fd(&d->worker_event[i]);
	for (uint32_t i = 0; i < SP_WORKERS_MAX + 1; i++)
		pipe_done(&d->child_life[i]);
}

int sp_doors_init(const struct sp_plan *plan, struct sp_doors *ret, int *ret_listener)
{
	struct sp_doors d;
	int err;

	memset(&d, 0xff, sizeof(d)); // every descriptor -1
	d.workers = plan->workers;
	d.listeners_n = plan->listeners_n;
	err = open_all(plan, &d, ret_listener);
	if (err < 0) {
		sp_doors_done(&d);
		return err;
	}
	*ret = d;
	return 0;
}

void sp_door_kick(int event_fd)
{
	const uint64_t one = 1;

	// full means a wake-up is pending already
	if (event_fd >= 0 && write(event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		SP_BUG_IF(errno == EBADF || errno == EINVAL);
}
