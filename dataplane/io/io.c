/// The back ends' common front door.
#include "dataplane/io/stream.h"
#include "common/banned.h"

struct sp_io *sp_io_free(struct sp_io *io)
{
	return io ? io->be->free(io) : NULL;
}

int sp_io_listen(struct sp_io *io, int listen_fd, sp_io_accept_fn fn, void *user)
{
	return io->be->listen(io, listen_fd, fn, user);
}

int sp_io_listen_addr(struct sp_io *io, const struct sockaddr *addr, socklen_t addr_len, sp_io_accept_fn fn,
	void *user)
{
	if (addr_len < sizeof(addr->sa_family) || addr_len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	return io->be->listen_addr(io, addr, addr_len, fn, user);
}

void sp_io_stop_accepting(struct sp_io *io)
{
	io->be->stop_accepting(io);
}

int sp_io_connect(struct sp_io *io, const struct sockaddr *addr, socklen_t addr_len,
	const struct sp_stream_ops *ops, void *user, struct sp_stream **ret)
{
	struct sp_stream *s;
	int r;

	if (addr_len < sizeof(addr->sa_family) || addr_len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (io->be->via)
		io = io->be->via(io, addr, addr_len);
	s = sp_stream_take(io, SP_STREAM_CONNECTING);
	if (!s)
		return -ENOBUFS;
	sp_stream_set_ops(s, ops, user);
	r = io->be->connect(s, addr, addr_len);
	if (r < 0) {
		sp_stream_give(s);
		return r;
	}
	sp_stream_mark(s);
	*ret = s;
	return 0;
}

int sp_io_watch_event(struct sp_io *io, int event_fd, void (*fn)(void *user), void *user)
{
	return io->be->watch(io, event_fd, false, fn, user);
}

int sp_io_watch_hup(struct sp_io *io, int fd, void (*fn)(void *user), void *user)
{
	return io->be->watch(io, fd, true, fn, user);
}

void sp_io_set_awake(struct sp_io *io, uint64_t (*fn)(void *user), void *user)
{
	io->awake = fn;
	io->awake_user = user;
}

int sp_io_turn(struct sp_io *io, uint64_t now_ns, uint64_t wait_ns)
{
	io->now_ns = now_ns;
	return io->be->turn(io, wait_ns);
}

void sp_io_flush(struct sp_io *io)
{
	if (io->be->flush)
		io->be->flush(io);
}

const struct sp_io_stats *sp_io_stats(const struct sp_io *io)
{
	return &io->stats;
}
