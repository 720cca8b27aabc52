/// One stream on io_uring: which operations it has in the kernel, and what their outcomes mean.
#include "dataplane/io/uring.h"

#include "common/loopback.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include "common/banned.h"

int uring_stream_open(struct uring_io *u, struct sp_stream *s, int fd)
{
	struct uring_stream *us = uring_stream(s);
	uint32_t gen = us->gen + 1;
	int r;

	r = io_uring_register_files_update(&u->ring, sp_stream_index(s), &fd, 1);
	if (r != 1) {
		close(fd);
		return r < 0 ? r : -EIO;
	}
	memset((char *)us + sizeof(us->s), 0, offsetof(struct uring_stream, msg) - sizeof(us->s));
	us->slot = sp_stream_index(s);
	us->fd = fd;
	us->gen = gen;
	us->held_head = us->held_tail = URING_BUF_NONE;
	return 0;
}

int uring_stream_connect(struct sp_stream *s, const struct sockaddr *addr, socklen_t addr_len)
{
	struct uring_stream *us = uring_stream(s);
	int fd, one = 1;

	fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (addr->sa_family != AF_UNIX &&
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	sp_loopback_tune(fd, addr);
	SP_TRY(uring_stream_open(uring_of(us), s, fd));
	memcpy(&us->addr, addr, addr_len);
	us->addr_len = addr_len;
	return 0;
}

static struct io_uring_sqe *stream_sqe(struct uring_io *u, struct uring_stream *us)
{
	struct io_uring_sqe *sqe = uring_sqe(u);

	if (sqe)
		us->ops++;
	else
		sp_stream_mark(&us->s);
	return sqe;
}

static uint64_t tag(const struct uring_stream *us, enum uring_op op)
{
	return uring_tag(op, us->slot, us->gen);
}

static void start_recv(struct uring_io *u, struct uring_stream *us)
{
	struct io_uring_sqe *sqe = stream_sqe(u, us);

	if (!sqe)
		return;
	io_uring_prep_recv_multishot(sqe, (int)us->slot, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	sqe->user_data = tag(us, URING_OP_RECV);
	us->rx = URING_BUSY;
}

static void start_send(struct uring_io *u, struct uring_stream *us)
{
	int slot = (int)us->slot, flags = MSG_NOSIGNAL | MSG_WAITALL;
	const struct sp_block *b = us->s.tx_head;
	struct io_uring_sqe *sqe = stream_sqe(u, us);
	unsigned n = 0;

	if (!sqe)
		return;
	if (!b->next) {
		io_uring_prep_send(sqe, slot, b->data + b->start, b->end - b->start, flags);
	} else {
		for (; b && n < URING_GATHER; b = b->next)
			us->iov[n++] = (struct iovec){b->data + b->start, b->end - b->start};
		us->msg = (struct msghdr){.msg_iov = us->iov, .msg_iovlen = n};
		io_uring_prep_sendmsg(sqe, slot, &us->msg, (unsigned)flags);
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = tag(us, URING_OP_SEND);
	us->tx = URING_BUSY;
}

static void start_connect(struct uring_io *u, struct uring_stream *us)
{
	struct io_uring_sqe *sqe = stream_sqe(u, us);

	if (!sqe)
		return;
	io_uring_prep_connect(sqe, (int)us->slot, (struct sockaddr *)&us->addr, us->addr_len);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = tag(us, URING_OP_CONNECT);
	us->conn = URING_BUSY;
}

static void cancel(struct uring_io *u, struct uring_stream *us, enum uring_op op, uint8_t *state)
{
	struct io_uring_sqe *sqe;

	if (*state != URING_BUSY)
		return;
	sqe = stream_sqe(u, us);
	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, tag(us, op), 0);
	sqe->user_data = tag(us, URING_OP_CANCEL);
	*state = URING_CANCELLING;
}

static void linger(struct uring_io *u, struct uring_stream *us)
{
	us->linger_ns = u->io.now_ns + URING_LINGER_NS;
	us->lingers = true;
	u->lingering++;
	us->linger_next = NULL;
	us->linger_prev = u->linger_tail;
	if (u->linger_tail)
		u->linger_tail->linger_next = us;
	else
		u->linger_head = us;
	u->linger_tail = us;
}

static void unlinger(struct uring_io *u, struct uring_stream *us)
{
	if (!us->lingers)
		return;
	us->lingers = false;
	u->lingering--;
	if (us->linger_prev)
		us->linger_prev->linger_next = us->linger_next;
	else
		u->linger_head = us->linger_next;
	if (us->linger_next)
		us->linger_next->linger_prev = us->linger_prev;
	else
		u->linger_tail = us->linger_prev;
}

void uring_linger_expire(struct uring_io *u)
{
	uint32_t most = u->io.conf.max_streams / 8 + 8;

	while (u->linger_head &&
		(u->lingering > most || u->linger_head->linger_ns <= u->io.now_ns)) {
		struct uring_stream *us = u->linger_head;

		unlinger(u, us);
		sp_stream_end(&us->s, 0);
	}
}

/// Drop the connection so that the peer sees it at once: closing the fixed slot may be deferred by
/// the kernel, and disconnecting is how a TCP socket sends RST without being closed.
static void drop_connection(struct uring_stream *us)
{
	struct sockaddr unspec = {.sa_family = AF_UNSPEC};

	if (us->s.reset)
		(void)!connect(us->fd, &unspec, sizeof(unspec));
	if (us->rx_err != -ECONNRESET) // the peer did that already
		shutdown(us->fd, SHUT_RDWR);
	sp_close_fd(&us->fd);
}

static void flush_dying(struct uring_io *u, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;
	struct io_uring_sqe *sqe;

	unlinger(u, us);
	if (!s->told) {
		u->called++;
		sp_stream_tell_closed(s);
	}
	uring_rx_drop_held(&u->rx, us);
	if (us->fd >= 0)
		drop_connection(us);
	cancel(u, us, URING_OP_RECV, &us->rx);
	cancel(u, us, URING_OP_SEND, &us->tx);
	cancel(u, us, URING_OP_CONNECT, &us->conn);
	if (us->ops)
		return;
	sqe = stream_sqe(u, us);
	if (!sqe)
		return;
	io_uring_prep_close_direct(sqe, us->slot);
	sqe->user_data = tag(us, URING_OP_CLOSE);
}

/// The user closed and all is sent: FIN, tell the user, and read on until the peer's FIN, because
/// closing with unread input would reset the connection and may destroy what was just sent.
static void finish_closing(struct uring_io *u, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;

	if (us->rx_done) {
		sp_stream_end(s, us->rx_err);
		return;
	}
	if (!us->shut && shutdown(us->fd, SHUT_WR) < 0) {
		sp_stream_end(s, 0);
		return;
	}
	us->shut = true;
	s->phase = SP_STREAM_LINGER;
	linger(u, us);
	u->called++;
	sp_stream_tell_closed(s);
}

/// All that was read has been delivered, and the socket has ended or failed.
static void tell_end(struct uring_io *u, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;
	int err = us->rx_err ? us->rx_err : us->tx_err;

	if (s->phase == SP_STREAM_LINGER || (err && s->phase == SP_STREAM_CLOSING)) {
		sp_stream_end(s, err);
	} else if (s->phase == SP_STREAM_OPEN && err) {
		sp_stream_end(s, err);
	} else if (s->phase == SP_STREAM_OPEN && !us->eof_told) {
		us->eof_told = true;
		u->called++;
		s->ops->on_eof(s, s->user);
	}
}

static void flush_receive(struct uring_io *u, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;
	bool discard = s->phase != SP_STREAM_OPEN;

	if (discard)
		uring_rx_drop_held(&u->rx, us);
	else
		u->called += uring_rx_deliver_held(&u->rx, us);
	if (s->phase == SP_STREAM_DYING || us->held_head != URING_BUF_NONE) {
		if (us->eager && s->paused)
			cancel(u, us, URING_OP_RECV, &us->rx);
		return;
	}
	if (us->rx_done)
		tell_end(u, us);
	else if (s->paused && !discard && us->eager)
		cancel(u, us, URING_OP_RECV, &us->rx);
	else if (us->rx == URING_IDLE && (discard || !s->paused))
		start_recv(u, us);
}

void uring_stream_flush(struct uring_io *u, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;

	if (s->phase == SP_STREAM_CONNECTING) {
		if (us->conn == URING_IDLE)
			start_connect(u, us);
		return;
	}
	if (s->phase == SP_STREAM_OPEN || s->phase == SP_STREAM_CLOSING ||
		s->phase == SP_STREAM_LINGER)
		flush_receive(u, us);
	if (us->tx == URING_IDLE && us->tx_err)
		sp_tx_drop(s);
	if (us->tx == URING_IDLE && s->queued &&
		(s->phase == SP_STREAM_OPEN || s->phase == SP_STREAM_CLOSING))
		start_send(u, us);
	if (s->phase == SP_STREAM_CLOSING && us->tx == URING_IDLE && !s->queued)
		finish_closing(u, us);
	// What died just now is marked again: one flush of its own, so that it is never reused
	// while listed.
	if (s->phase == SP_STREAM_DYING && !s->dirty)
		flush_dying(u, us);
}

static void received(struct uring_io *u, struct uring_stream *us, uint32_t bid, uint32_t n)
{
	struct sp_stream *s = &us->s;

	if (s->phase != SP_STREAM_OPEN) {
		uring_rx_return(&u->rx, bid);
	} else if (sp_likely(!s->paused && us->held_head == URING_BUF_NONE)) {
		s->ops->on_data(s, s->user, u->rx.buf[u->rx.of_bid[bid]].data, n);
		uring_rx_return(&u->rx, bid);
	} else if (uring_rx_hold(&u->rx, us, bid, n) == 0) {
		us->eager = true;
		sp_stream_mark(s);
	} else {
		uring_rx_return(&u->rx, bid);
		u->io.stats.rx_no_buffer++;
		s->reset = true;
		sp_stream_end(s, -ENOBUFS);
	}
}

static void recv_event(struct uring_io *u, struct uring_stream *us, int res, uint32_t flags)
{
	if (!(flags & IORING_CQE_F_MORE)) {
		us->rx = URING_IDLE;
		us->ops--;
		sp_stream_mark(&us->s);
	}
	if (res > 0) {
		received(u, us, flags >> IORING_CQE_BUFFER_SHIFT, (uint32_t)res);
		return;
	}
	if (flags & IORING_CQE_F_BUFFER)
		uring_rx_return(&u->rx, flags >> IORING_CQE_BUFFER_SHIFT);
	if (res == -ENOBUFS) {
		if (u->rx.live == u->rx.n)
			u->io.stats.rx_no_buffer++;
		uring_rx_grow(&u->rx);
		return;
	}
	if (res == -ECANCELED || res == -EINTR || res == -EAGAIN)
		return;
	us->rx_done = true;
	us->rx_err = res;
	if (us->held_head == URING_BUF_NONE)
		tell_end(u, us);
}

static void send_event(struct uring_stream *us, int res)
{
	struct sp_stream *s = &us->s;

	us->tx = URING_IDLE;
	us->ops--;
	if (res > 0) {
		sp_tx_consume(s, (size_t)res);
		if (s->queued || s->phase != SP_STREAM_OPEN)
			sp_stream_mark(s);
		return;
	}
	sp_stream_mark(s);
	if (s->phase == SP_STREAM_DYING || res == -EINTR || res == -EAGAIN)
		return;
	us->tx_err = res ? res : -EPIPE;
	sp_tx_drop(s);
	// After a reset the answer may still lie in the socket: let the receive find the end
	// itself.
	if (s->phase == SP_STREAM_OPEN && us->rx == URING_BUSY &&
		(res == -EPIPE || res == -ECONNRESET))
		return;
	sp_stream_end(s, us->tx_err);
}

static void connect_event(struct uring_stream *us, int res)
{
	struct sp_stream *s = &us->s;

	us->conn = URING_IDLE;
	us->ops--;
	sp_stream_mark(s);
	if (s->phase != SP_STREAM_CONNECTING || res == -EINTR)
		return;
	if (res == 0)
		s->phase = SP_STREAM_OPEN;
	s->ops->on_connected(s, s->user, res);
	if (res < 0)
		sp_stream_end(s, res);
}

void uring_stream_event(
	struct uring_io *u, struct uring_stream *us, enum uring_op op, int res, uint32_t flags)
{
	switch (op) {
	case URING_OP_RECV:
		recv_event(u, us, res, flags);
		break;
	case URING_OP_SEND:
		send_event(us, res);
		break;
	case URING_OP_CONNECT:
		connect_event(us, res);
		break;
	case URING_OP_CANCEL:
		us->ops--;
		sp_stream_mark(&us->s);
		break;
	case URING_OP_CLOSE:
		sp_stream_give(&us->s);
		break;
	default:
		SP_BUG_IF(true);
	}
}
