/// The ring itself: set-up, the turn, listeners and watched descriptors.
#include "dataplane/io/uring.h"

#include "dataplane/soon.h"
#include "common/clock.h"
#include "common/loopback.h"
#include "common/plan.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include "common/banned.h"

static struct uring_io *uring_io(struct sp_io *io)
{
	return sp_container_of(io, struct uring_io, io);
}

struct io_uring_sqe *uring_sqe(struct uring_io *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe)
		return sqe;
	if (io_uring_submit(&u->ring) < 0)
		return NULL;
	return io_uring_get_sqe(&u->ring);
}

static void add_stream(
	struct uring_io *u, struct uring_listener *l, int fd, const struct sockaddr_storage *peer)
{
	struct sp_stream *s;
	int r;

	s = sp_stream_take(&u->io, SP_STREAM_OPEN);
	if (!s) {
		close(fd);
		u->io.stats.accept_errors++;
		return;
	}
	r = uring_stream_open(u, s, fd);
	if (r < 0) {
		sp_stream_give(s);
		u->io.stats.accept_errors++;
		return;
	}
	if (!l->tuned)
		sp_loopback_tune(fd, (const struct sockaddr *)peer);
	sp_stream_mark(s);
	if (l->fn(s, l->user, peer) < 0) {
		s->told = true;
		u->io.live--;
		sp_stream_end(s, 0);
	}
}

static void accept_event(struct uring_io *u, struct uring_listener *l, int res, uint32_t flags)
{
	if (!(flags & IORING_CQE_F_MORE)) {
		l->armed = false;
		u->sources_idle = true;
	}
	if (res >= 0)
		l->ready = true;
	else if (res != -ECANCELED && res != -EINTR)
		l->retry_ns = u->io.now_ns + URING_RETRY_NS;
}

static unsigned accept_some(struct uring_io *u, struct uring_listener *l)
{
	unsigned n;

	for (n = 0; n < URING_ACCEPTS; n++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

		if (fd >= 0) {
			add_stream(u, l, fd, &peer);
		} else if (errno == EAGAIN) {
			l->ready = false;
			break;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			l->retry_ns = u->io.now_ns + URING_RETRY_NS;
			u->io.stats.accept_errors++;
			break;
		}
	}
	return n;
}

static bool may_accept(const struct uring_io *u, const struct uring_listener *l)
{
	return l->ready && !l->stopped && l->retry_ns <= u->io.now_ns;
}

static unsigned accept_all(struct uring_io *u)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < u->listeners_n; i++)
		if (may_accept(u, &u->listener[i]))
			n += accept_some(u, &u->listener[i]);
	return n;
}

static void watch_event(struct uring_io *u, struct uring_watch *w, int res, uint32_t flags)
{
	if (!(flags & IORING_CQE_F_MORE)) {
		w->armed = false;
		u->sources_idle = true;
	}
	if (res < 0)
		return;
	w->over = w->once;
	w->fn(w->user);
}

static void arm_listener(struct uring_io *u, uint32_t i)
{
	struct uring_listener *l = &u->listener[i];
	struct io_uring_sqe *sqe;

	if (l->armed || l->stopped)
		return;
	sqe = l->retry_ns <= u->io.now_ns ? uring_sqe(u) : NULL;
	if (!sqe) {
		u->sources_idle = true;
		return;
	}
	io_uring_prep_poll_multishot(sqe, l->fd, POLLIN);
	sqe->user_data = uring_tag(URING_OP_ACCEPT, i, 0);
	l->armed = true;
}

static void arm_watch(struct uring_io *u, uint32_t i)
{
	struct uring_watch *w = &u->watch[i];
	struct io_uring_sqe *sqe;

	if (w->armed || w->over)
		return;
	sqe = uring_sqe(u);
	if (!sqe) {
		u->sources_idle = true;
		return;
	}
	if (w->once)
		io_uring_prep_poll_add(sqe, w->fd, POLLIN | POLLHUP | POLLERR);
	else
		io_uring_prep_poll_multishot(sqe, w->fd, POLLIN);
	sqe->user_data = uring_tag(URING_OP_WATCH, i, 0);
	w->armed = true;
}

static void arm_sources(struct uring_io *u)
{
	u->sources_idle = false;
	for (uint32_t i = 0; i < u->listeners_n; i++)
		arm_listener(u, i);
	for (uint32_t i = 0; i < u->watches_n; i++)
		arm_watch(u, i);
}

/// True when all that it accepts comes from loopback: what is set here, that is born with.
static bool tune_listener(int fd)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0 || !sp_addr_loopback(&at))
		return false;
	sp_loopback_tune(fd, (const struct sockaddr *)&at);
	return true;
}

static int uring_listen(struct sp_io *io, int fd, sp_io_accept_fn fn, void *user)
{
	struct uring_io *u = uring_io(io);
	int flags, one = 1;

	if (u->listeners_n == URING_SOURCES)
		return -ENOSPC;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 &&
		errno != EOPNOTSUPP && errno != ENOPROTOOPT)
		return -errno;
	u->listener[u->listeners_n++] = (struct uring_listener){
		.fd = fd,
		.ready = true, // some may wait from before
		.tuned = tune_listener(fd),
		.fn = fn,
		.user = user};
	u->sources_idle = true;
	return 0;
}

static int open_listener(const struct sockaddr *addr, socklen_t len, int *ret)
{
	SP_AUTO_FD fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (addr->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (addr->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, addr, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret = sp_take_fd(&fd);
	return 0;
}

static int uring_listen_addr(struct sp_io *io, const struct sockaddr *addr, socklen_t len,
	sp_io_accept_fn fn, void *user)
{
	struct uring_io *u = uring_io(io);
	int fd = -1, r;

	SP_TRY(open_listener(addr, len, &fd));
	r = uring_listen(io, fd, fn, user);
	if (r < 0)
		close(fd);
	else
		u->listener[u->listeners_n - 1].own = true;
	return r;
}

static void uring_stop_accepting(struct sp_io *io)
{
	struct uring_io *u = uring_io(io);

	for (uint32_t i = 0; i < u->listeners_n; i++) {
		struct uring_listener *l = &u->listener[i];
		struct io_uring_sqe *sqe;

		if (l->stopped)
			continue;
		l->stopped = true;
		sqe = l->armed ? uring_sqe(u) : NULL;
		if (!sqe)
			continue;
		io_uring_prep_cancel64(sqe, uring_tag(URING_OP_ACCEPT, i, 0), 0);
		sqe->user_data = uring_tag(URING_OP_CANCEL_ACCEPT, i, 0);
	}
}

static int uring_watch(struct sp_io *io, int fd, bool once, void (*fn)(void *user), void *user)
{
	struct uring_io *u = uring_io(io);

	if (u->watches_n == URING_SOURCES)
		return -ENOSPC;
	u->watch[u->watches_n++] =
		(struct uring_watch){.fd = fd, .once = once, .fn = fn, .user = user};
	u->sources_idle = true;
	return 0;
}

static void dispatch(struct uring_io *u, uint64_t tag, int res, uint32_t flags)
{
	enum uring_op op = (enum uring_op)(tag & 15);
	uint32_t index = (uint32_t)tag >> 4, gen = (uint32_t)(tag >> 32);
	struct uring_stream *us;

	if (op == URING_OP_ACCEPT) {
		accept_event(u, &u->listener[index], res, flags);
	} else if (op == URING_OP_WATCH) {
		watch_event(u, &u->watch[index], res, flags);
	} else if (op != URING_OP_CANCEL_ACCEPT) {
		us = uring_stream(sp_io_stream(&u->io, index));
		SP_BUG_IF(us->gen != gen || us->s.phase == SP_STREAM_FREE);
		uring_stream_event(u, us, op, res, flags);
	}
}

/// The event at `at` will have its turn: its stream is fetched, and returned if bytes have come for it.
static const struct sp_stream *foresee(const struct uring_io *u, unsigned at, unsigned end)
{
	const struct io_uring_cqe *c = &u->ring.cq.cqes[at & u->ring.cq.ring_mask];
	const struct sp_stream *s;
	enum uring_op op;

	if ((int)(end - at) <= 0)
		return NULL;
	op = (enum uring_op)(c->user_data & 15);
	if (op != URING_OP_RECV && op != URING_OP_SEND)
		return NULL;
	s = sp_io_stream(&u->io, (uint32_t)c->user_data >> 4);
	sp_prefetch(s, 2);
	return op == URING_OP_RECV && c->res > 0 ? s : NULL;
}

/// What an event touches has mostly left the caches since the stream's last one. So it is fetched while those before
/// are worked on: first the stream, then its user, then what that one names. Events that are posted meanwhile are for
/// the next turn, which does not wait then.
static unsigned drain(struct uring_io *u)
{
	const struct io_uring_cq *cq = &u->ring.cq;
	unsigned head = *cq->khead, n = io_uring_cq_ready(&u->ring), end = head + n;
	const struct sp_stream *next, *second = foresee(u, head + 1, end), *third = foresee(u, head + 2, end);

	for (unsigned at = head; at != end; at++) {
		const struct io_uring_cqe *c = &cq->cqes[at & cq->ring_mask];
		uint64_t tag = c->user_data;
		uint32_t flags = c->flags;
		int res = c->res;

		next = second;
		second = third;
		third = foresee(u, at + 3, end);
		if (second)
			sp_prefetch(second->user, 3);
		if (next && next->phase == SP_STREAM_OPEN && next->ops->on_soon)
			next->ops->on_soon(next->user);
		io_uring_cq_advance(&u->ring, 1);
		dispatch(u, tag, res, flags);
	}
	return n;
}

/// Streams marked while this runs wait for the next turn, which then does not sleep.
static void flush(struct uring_io *u)
{
	const struct sp_stream *last = u->io.dirty_tail;
	struct sp_stream *s;

	while ((s = sp_io_next_dirty(&u->io))) {
		uring_stream_flush(u, uring_stream(s));
		if (s == last)
			break;
	}
}

static int enter(struct uring_io *u, uint64_t wait_ns)
{
	struct __kernel_timespec ts = {
		.tv_sec = (long long)(wait_ns / SP_NS_PER_SEC),
		.tv_nsec = (long long)(wait_ns % SP_NS_PER_SEC),
	};
	struct io_uring_cqe *cqe;
	uint64_t before;
	int r;

	if (wait_ns) {
		before = sp_clock_boot_ns();
		r = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
		before = sp_clock_boot_ns() - before;
		u->io.now_ns += before;
		u->io.stats.waited_ns += before;
	} else {
		unsigned kernel_has = IO_URING_READ_ONCE(*u->ring.sq.kflags) &
				      (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);

		if (!kernel_has && !io_uring_sq_ready(&u->ring))
			return 0;
		r = io_uring_submit_and_get_events(&u->ring);
	}
	if (r == -ETIME || r == -EINTR || r == -EAGAIN || r == -EBUSY)
		r = 0;
	return sp_min(r, 0);
}

static uint64_t bound_wait(const struct uring_io *u, uint64_t wait_ns)
{
	const struct uring_stream *first = u->linger_head;

	if (u->called || u->io.dirty_head)
		return 0;
	for (uint32_t i = 0; i < u->listeners_n; i++) {
		if (may_accept(u, &u->listener[i]))
			return 0;
		if (u->listener[i].ready && !u->listener[i].stopped)
			wait_ns = sp_min(wait_ns, URING_RETRY_NS);
	}
	if (u->sources_idle)
		wait_ns = sp_min(wait_ns, URING_RETRY_NS);
	if (!first)
		return wait_ns;
	if (first->linger_ns <= u->io.now_ns)
		return 0;
	return sp_min(wait_ns, first->linger_ns - u->io.now_ns);
}

static int uring_turn(struct sp_io *io, uint64_t wait_ns)
{
	struct uring_io *u = uring_io(io);
	unsigned n;

	u->called = 0;
	if (u->sources_idle)
		arm_sources(u);
	flush(u);
	uring_linger_expire(u);
	SP_TRY(enter(u, bound_wait(u, wait_ns)));
	sp_io_awake(io);
	n = drain(u);
	return (int)(n + accept_all(u) + u->called);
}

static void uring_flush(struct sp_io *io)
{
	struct uring_io *u = uring_io(io);

	flush(u);
	// What fails here is left in the ring: the turn submits it again, and reports.
	if (io_uring_sq_ready(&u->ring))
		(void)io_uring_submit(&u->ring);
}

static struct sp_io *uring_free(struct sp_io *io)
{
	struct uring_io *u = uring_io(io);

	for (uint32_t i = 0; io->streams && i < io->fresh_streams; i++) {
		struct uring_stream *us = uring_stream(sp_io_stream(io, i));

		if (us->s.phase != SP_STREAM_FREE && us->fd >= 0) {
			shutdown(us->fd, SHUT_RDWR);
			sp_close_fd(&us->fd);
		}
	}
	for (uint32_t i = 0; i < u->listeners_n; i++)
		if (u->listener[i].own)
			sp_close_fd(&u->listener[i].fd);
	if (u->ring_up)
		io_uring_queue_exit(&u->ring);
	uring_rx_done(u);
	sp_io_base_done(io);
	free(u);
	return NULL;
}

static const struct sp_io_backend backend = {
	.turn = uring_turn,
	.flush = uring_flush,
	.free = uring_free,
	.listen = uring_listen,
	.listen_addr = uring_listen_addr,
	.stop_accepting = uring_stop_accepting,
	.connect = uring_stream_connect,
	.watch = uring_watch,
};

static int set_up_ring(struct uring_io *u)
{
	uint32_t streams = u->io.streams_n, entries = sp_min(2 * streams, 1024u);
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = sp_min(2 * streams + 1024, 16384u),
	};
	int r;

	r = io_uring_queue_init_params(sp_max(entries, 64u), &u->ring, &p);
	if (r < 0)
		return r == -EINVAL ? -ENOSYS : r;
	u->ring_up = true;
	if (!(p.features & IORING_FEAT_EXT_ARG) || !(p.features & IORING_FEAT_SUBMIT_STABLE))
		return -ENOSYS;
	// Only saves a look-up a call, so doing without is fine.
	(void)io_uring_register_ring_fd(&u->ring);
	return io_uring_register_files_sparse(&u->ring, streams);
}

int sp_io_uring_new(const struct sp_io_conf *conf, struct sp_io **ret)
{
	struct uring_io *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	r = sp_io_base_init(&u->io, &backend, conf, sizeof(struct uring_stream));
	if (r == 0)
		r = set_up_ring(u);
	if (r == 0)
		r = uring_rx_init(u);
	if (r < 0) {
		uring_free(&u->io);
		return r;
	}
	*ret = &u->io;
	return 0;
}
