#include "bench/load_socket.h"

#include "common/clock.h"

#include <sys/epoll.h>
#include "common/banned.h"

#define READ_CHUNK 17000u ///< a full TLS record and a little

struct load_socket {
	struct load_conn c;
	int fd;
	SSL *ssl;
	bool watches_writing;
};

static struct load_socket *socket_of(struct load_conn *c)
{
	return sp_container_of(c, struct load_socket, c);
}

static struct load_conn *make(void)
{
	struct load_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = -1;
	return &s->c;
}

static void drop(struct load_client *l, struct load_conn *c)
{
	struct load_socket *s = socket_of(c);

	(void)l;
	if (s->ssl)
		SSL_free(s->ssl);
	s->ssl = NULL;
	sp_close_fd(&s->fd);
}

static void watch(const struct load_client *l, struct load_socket *s, int op, bool writing)
{
	const struct load_socket_client *k = sp_container_of(l, struct load_socket_client, l);
	struct epoll_event e = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = s};

	if (op == EPOLL_CTL_MOD && s->watches_writing == writing)
		return;
	s->watches_writing = writing;
	SP_BUG_IF(epoll_ctl(k->epoll_fd, op, s->fd, &e) < 0);
}

static enum load_event dial(struct load_client *l, struct load_conn *c)
{
	struct load_socket *s = socket_of(c);

	s->fd = load_target_dial(l->target);
	if (s->fd < 0)
		return load_conn_down(l, c);
	c->item = NULL;
	c->state = CONN_CONNECTING;
	watch(l, s, EPOLL_CTL_ADD, true);
	return EVENT_NONE;
}

/// What an SSL call that did not succeed means: 0 when it must wait, else -EPIPE.
static int waits(const SSL *ssl, int r)
{
	switch (SSL_get_error(ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return -EPIPE;
	}
}

/// Bytes written, 0 when the peer takes no more now, -EPIPE.
static ssize_t put(struct load_socket *s, const uint8_t *p, size_t n)
{
	ssize_t r;

	if (!s->ssl) {
		r = send(s->fd, p, n, MSG_NOSIGNAL);
		return r >= 0 ? r : errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	}
	r = SSL_write(s->ssl, p, (int)sp_min(n, (size_t)INT32_MAX));
	return r > 0 ? r : waits(s->ssl, (int)r);
}

/// As put().
static ssize_t get(struct load_socket *s, uint8_t *p, size_t cap)
{
	ssize_t r;

	if (!s->ssl) {
		r = recv(s->fd, p, cap, 0);
		return r > 0 ? r : r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
	}
	r = SSL_read(s->ssl, p, (int)cap);
	return r > 0 ? r : waits(s->ssl, (int)r);
}

static enum load_event flush(struct load_client *l, struct load_conn *c)
{
	struct load_socket *s = socket_of(c);

	while (c->out_at < c->out.len) {
		ssize_t n = put(s, c->out.p + c->out_at, c->out.len - c->out_at);

		if (n < 0)
			return load_conn_down(l, c);
		if (n == 0) {
			watch(l, s, EPOLL_CTL_MOD, true);
			return EVENT_NONE;
		}
		c->out_at += (size_t)n;
		c->sent_bytes += (size_t)n;
	}
	c->out.len = c->out_at = 0;
	watch(l, s, EPOLL_CTL_MOD, false);
	return EVENT_NONE;
}

static enum load_event handshake(struct load_client *l, struct load_socket *s)
{
	int r = SSL_do_handshake(s->ssl);

	if (r == 1) {
		watch(l, s, EPOLL_CTL_MOD, false);
		return load_conn_up(l, &s->c);
	}
	if (waits(s->ssl, r) < 0)
		return load_conn_down(l, &s->c);
	watch(l, s, EPOLL_CTL_MOD, SSL_want_write(s->ssl));
	return EVENT_NONE;
}

static enum load_event connected(struct load_client *l, struct load_socket *s)
{
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err)
		return load_conn_down(l, &s->c);
	if (!l->target->tls) {
		watch(l, s, EPOLL_CTL_MOD, false);
		return load_conn_up(l, &s->c);
	}
	s->ssl = SSL_new(l->target->tls);
	SP_BUG_IF(!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1 || SSL_set1_host(s->ssl, l->target->name) != 1);
	(void)SSL_set_tlsext_host_name(s->ssl, l->target->name);
	SSL_set_connect_state(s->ssl);
	s->c.state = CONN_HANDSHAKING;
	return handshake(l, s);
}

static enum load_event receive(struct load_client *l, struct load_socket *s)
{
	for (;;) {
		ssize_t n = get(s, demo_buf_room(&s->c.answer.in, READ_CHUNK), READ_CHUNK);
		enum load_event e;

		if (n < 0)
			return load_conn_down(l, &s->c);
		if (n == 0)
			return EVENT_NONE;
		e = load_conn_received(l, &s->c, (size_t)n);
		if (e != EVENT_NONE || (!s->ssl && (size_t)n < READ_CHUNK))
			return e;
	}
}

static enum load_event on_ready(struct load_client *l, struct load_socket *s, uint32_t events)
{
	switch (s->c.state) {
	case CONN_DOWN:
		return EVENT_NONE;
	case CONN_CONNECTING:
		return connected(l, s);
	case CONN_HANDSHAKING:
		return handshake(l, s);
	default:
		break;
	}
	if (events & EPOLLOUT && flush(l, &s->c) == EVENT_BROKEN)
		return EVENT_BROKEN;
	return events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? receive(l, s) : EVENT_NONE;
}

static void turn(struct load_client *l, uint64_t wait_ns)
{
	const struct load_socket_client *k = sp_container_of(l, struct load_socket_client, l);
	struct timespec t = {.tv_sec = (time_t)(wait_ns / SP_NS_PER_SEC), .tv_nsec = (long)(wait_ns % SP_NS_PER_SEC)};
	struct epoll_event events[256];
	int n = epoll_pwait2(k->epoll_fd, events, SP_ARRAY_LEN(events), &t, NULL);
	uint64_t now_ns = sp_clock_boot_ns();

	for (int i = 0; i < n; i++) {
		struct load_socket *s = events[i].data.ptr;

		l->on_event(l->user, &s->c, on_ready(l, s, events[i].events), now_ns);
		if (!l->stamps_turns)
			now_ns = sp_clock_boot_ns();
	}
}

int load_socket_init(struct load_socket_client *k)
{
	static const struct load_wire wire = {make, dial, flush, drop, turn};

	k->l.wire = &wire;
	k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return k->epoll_fd < 0 ? -errno : 0;
}

void load_socket_done(struct load_socket_client *k)
{
	sp_close_fd(&k->epoll_fd);
}
