#include "tools/demo/commands.h"

#include "common/clock.h"
#include "tools/demo/h2.h"
#include "tools/demo/listen.h"
#include "tools/demo/mcp.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include "common/banned.h"

#define LISTENERS_MAX 8u
#define EVENTS_MAX 256
#define LEDGER_FLUSH_NS (100 * SP_NS_PER_MS)
#define READ_MIN 16384u

enum source_kind { SOURCE_CONN, SOURCE_LISTENER, SOURCE_SIGNAL };

/// What an epoll event points to; a connection starts with one.
struct source {
	enum source_kind kind;
	int fd;
};

struct conn {
	struct source source;
	uint8_t *in;
	size_t in_len, in_cap;
	struct demo_buf out;
	size_t out_at;
	bool closing, hanging, waits_to_write, gone, known; ///< known: which HTTP it speaks
	struct demo_h2 *h2;
	struct demo_slow *slow; ///< the stream being written, or NULL
	uint64_t due_ns;        ///< its next event
	LIST_ENTRY(conn) list;  ///< of those that are open, or gone
};
LIST_HEAD(conns, conn);

struct server {
	int epoll_fd;
	struct source listener[LISTENERS_MAX], signals;
	unsigned listeners_n;
	struct demo_mcp mcp;
	struct demo_ledger ledger;
	uint64_t flushed_ns;
	struct conn **slow; ///< connections with a stream
	size_t slow_n, slow_cap;
	struct conns open;
	struct conns gone; ///< closed in this turn; freed at its end, events may still name them
	bool stop;
};

static void slow_remove(struct server *s, struct conn *c)
{
	for (size_t i = 0; i < s->slow_n; i++)
		if (s->slow[i] == c)
			s->slow[i--] = s->slow[--s->slow_n];
	free(c->slow);
	c->slow = NULL;
}

/// `c` is looked at when c->due_ns has come.
static void slow_list(struct server *s, struct conn *c)
{
	if (s->slow_n == s->slow_cap) {
		s->slow_cap = s->slow_cap ? 2 * s->slow_cap : 16;
		s->slow = realloc(s->slow, s->slow_cap * sizeof(struct conn *));
		SP_BUG_IF(!s->slow);
	}
	s->slow[s->slow_n++] = c;
}

static void slow_add(struct server *s, struct conn *c, const struct demo_slow *what)
{
	c->slow = malloc(sizeof(*c->slow));
	SP_BUG_IF(!c->slow);
	*c->slow = *what;
	c->due_ns = sp_clock_boot_ns() + what->delay_ms * SP_NS_PER_MS;
	slow_list(s, c);
}

static void conn_close(struct server *s, struct conn *c)
{
	if (c->gone)
		return;
	if (c->slow) {
		demo_ledger_add(&s->ledger, c->slow->modern ? SP_LIT("!cancelled") : SP_LIT("!left"),
			sp_bytes(c->slow->call_ref, c->slow->call_ref_n));
	}
	slow_remove(s, c);
	demo_h2_free(c->h2);
	c->h2 = NULL;
	sp_close_fd(&c->source.fd);
	c->gone = true;
	LIST_REMOVE(c, list);
	LIST_INSERT_HEAD(&s->gone, c, list);
}

static void free_gone(struct server *s)
{
	for (struct conn *c; (c = LIST_FIRST(&s->gone));) {
		LIST_REMOVE(c, list);
		free(c->in);
		demo_buf_done(&c->out);
		free(c);
	}
}

static void watch_writing(struct server *s, struct conn *c, bool on)
{
	struct epoll_event e = {.events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};

	if (c->waits_to_write == on)
		return;
	c->waits_to_write = on;
	SP_BUG_IF(epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->source.fd, &e) < 0);
}

static void conn_flush(struct server *s, struct conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = send(c->source.fd, c->out.p + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			watch_writing(s, c, true);
			return;
		}
		if (n < 0) {
			conn_close(s, c);
			return;
		}
		c->out_at += (size_t)n;
	}
	c->out.len = c->out_at = 0;
	watch_writing(s, c, false);
	if (c->closing)
		conn_close(s, c);
}

static void h2_flush(struct server *s, struct conn *c)
{
	uint64_t due;

	if (!demo_h2_drain(c->h2, &c->out))
		c->closing = true;
	due = demo_h2_due_ns(c->h2);
	if (due != UINT64_MAX && c->due_ns == UINT64_MAX)
		slow_list(s, c);
	c->due_ns = due;
	if (c->out.len > c->out_at || c->closing)
		conn_flush(s, c);
}

/// Give up the stream of `what`'s session that answers the request of `what`'s id.
static void cancel(struct server *s, const struct demo_slow *what)
{
	for (size_t i = 0; i < s->slow_n; i++) {
		struct conn *c = s->slow[i];

		if (c->h2 && demo_h2_cancel(c->h2, what)) {
			h2_flush(s, c);
			return;
		}
		if (!c->slow || !demo_slow_same(c->slow, what))
			continue;
		demo_ledger_add(&s->ledger, SP_LIT("!cancelled"),
			sp_bytes(c->slow->call_ref, c->slow->call_ref_n));
		slow_remove(s, c);
		demo_http_chunk(&c->out, SP_NOBYTES);
		conn_flush(s, c);
		return;
	}
}

static void conn_refuse(struct conn *c, int err)
{
	demo_http_empty(&c->out, err == -E2BIG ? 413 : 400, SP_LIT("Connection: close\r\n"));
	c->closing = true;
	c->in_len = 0;
}

/// Take one request from what was read: bytes used, or 0 when it is not whole yet.
static size_t conn_request(struct server *s, struct conn *c, struct sp_bytes in)
{
	struct demo_request r;
	struct demo_slow slow;
	size_t head;
	int got = demo_http_head(in, &r, &head);

	if (got < 0)
		conn_refuse(c, got);
	if (got <= 0)
		return 0;
	if (in.n - head < r.content_length) {
		if (r.expect_continue && in.n == head)
			demo_lit(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		return 0;
	}
	r.body = sp_bytes(in.p + head, r.content_length);
	c->closing = r.close;
	switch (demo_mcp_handle(&s->mcp, &r, &c->out, &slow)) {
	case DEMO_STREAMS:
		slow_add(s, c, &slow);
		break;
	case DEMO_HANGS:
		c->hanging = true;
		break;
	case DEMO_CLOSES:
	case DEMO_LEAVES:
		c->closing = true;
		break;
	case DEMO_CANCELS:
		cancel(s, &slow);
		break;
	case DEMO_ANSWERED:
		break;
	}
	return head + r.content_length;
}

static void h2_work(struct server *s, struct conn *c)
{
	struct demo_slow what;
	bool ok = demo_h2_feed(c->h2, sp_bytes(c->in, c->in_len));

	c->in_len = 0;
	if (demo_h2_cancels(c->h2, &what))
		cancel(s, &what);
	c->closing |= !ok;
	if (!c->gone)
		h2_flush(s, c);
}

/// The first bytes tell; false while they may be either's.
static bool which_http(struct server *s, struct conn *c)
{
	size_t n = sp_min(c->in_len, sizeof(DEMO_H2_PREFACE) - 1);
	bool may_be = memcmp(c->in, DEMO_H2_PREFACE, n) == 0;

	c->known = !may_be || n == sizeof(DEMO_H2_PREFACE) - 1;
	if (c->known && may_be) {
		c->h2 = demo_h2_new(&s->mcp);
		c->due_ns = UINT64_MAX;
	}
	return c->known;
}

static void conn_work(struct server *s, struct conn *c)
{
	size_t at = 0, used;

	if (!c->known && !which_http(s, c))
		return;
	if (c->h2) {
		h2_work(s, c);
		return;
	}
	while (at < c->in_len && !c->slow && !c->hanging && !c->closing) {
		used = conn_request(s, c, sp_bytes(c->in + at, c->in_len - at));
		if (!used)
			break;
		at += used;
	}
	if (at && at < c->in_len)
		memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= sp_min(at, c->in_len);
	if (c->out.len > c->out_at || (c->closing && !c->slow))
		conn_flush(s, c);
}

static void conn_read(struct server *s, struct conn *c)
{
	ssize_t n;

	if (c->in_cap - c->in_len < READ_MIN / 4) {
		size_t cap = c->in_cap ? 2 * c->in_cap : READ_MIN;

		if (cap > 2 * (size_t)DEMO_BODY_MAX) {
			conn_close(s, c);
			return;
		}
		c->in = realloc(c->in, cap);
		SP_BUG_IF(!c->in);
		c->in_cap = cap;
	}
	n = recv(c->source.fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(s, c);
		return;
	}
	c->in_len += (size_t)n;
	conn_work(s, c);
}

static void accept_all(struct server *s, int listener_fd)
{
	for (;;) {
		int fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct epoll_event e = {.events = EPOLLIN};
		struct conn *c;

		if (fd < 0)
			return;
		demo_socket_tune(fd);
		c = calloc(1, sizeof(*c));
		SP_BUG_IF(!c);
		c->source = (struct source){SOURCE_CONN, fd};
		LIST_INSERT_HEAD(&s->open, c, list);
		e.data.ptr = c;
		SP_BUG_IF(epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0);
	}
}

/// Its next event; whether the connection stays in the list is seen when that is written.
static void run_h2(struct server *s, struct conn *c, uint64_t now_ns)
{
	demo_h2_run(c->h2, now_ns);
	slow_remove(s, c);
	c->due_ns = UINT64_MAX;
	h2_flush(s, c);
}

static void run_slow(struct server *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->slow_n;) {
		struct conn *c = s->slow[i];

		if (c->due_ns > now_ns) {
			i++;
			continue;
		}
		if (c->h2) {
			run_h2(s, c, now_ns);
			continue;
		}
		if (demo_mcp_step(&s->mcp, c->slow, &c->out))
			slow_remove(s, c);
		else
			c->due_ns = now_ns + c->slow->delay_ms * SP_NS_PER_MS;
		conn_flush(s, c);
		if (!c->gone && !c->slow)
			conn_work(s, c);
	}
}

/// Milliseconds until a stream or the ledger wants attention; -1 = only sockets matter.
static int wait_ms(const struct server *s, uint64_t now_ns)
{
	uint64_t until = UINT64_MAX;

	if (s->ledger.len)
		until = s->flushed_ns + LEDGER_FLUSH_NS;
	for (size_t i = 0; i < s->slow_n; i++)
		until = sp_min(until, s->slow[i]->due_ns);
	if (until == UINT64_MAX)
		return -1;
	return until <= now_ns ? 0 : (int)((until - now_ns + SP_NS_PER_MS - 1) / SP_NS_PER_MS);
}

static void turn(struct server *s)
{
	struct epoll_event events[EVENTS_MAX];
	bool timed = s->slow_n || s->ledger.len;
	int n = epoll_wait(s->epoll_fd, events, EVENTS_MAX, timed ? wait_ms(s, sp_clock_boot_ns()) : -1);

	SP_BUG_IF(n < 0 && errno != EINTR);
	for (int i = 0; i < n; i++) {
		struct source *src = events[i].data.ptr;
		struct conn *c = (struct conn *)src;

		if (src->kind == SOURCE_SIGNAL) {
			s->stop = true;
		} else if (src->kind == SOURCE_LISTENER) {
			accept_all(s, src->fd);
		} else if (!c->gone) {
			if (events[i].events & EPOLLOUT)
				conn_flush(s, c);
			if (!c->gone && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				conn_read(s, c);
		}
	}
	if (timed) {
		uint64_t now_ns = sp_clock_boot_ns();

		run_slow(s, now_ns);
		if (s->ledger.len && now_ns - s->flushed_ns >= LEDGER_FLUSH_NS) {
			demo_ledger_flush(&s->ledger);
			s->flushed_ns = now_ns;
		}
	}
	free_gone(s);
}

static int watch(struct server *s, struct source *src)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = src};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, src->fd, &e) < 0 ? -errno : 0;
}

static int open_signals(struct server *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signals = (struct source){SOURCE_SIGNAL, signalfd(-1, &set, SFD_CLOEXEC)};
	return s->signals.fd < 0 ? -errno : watch(s, &s->signals);
}

static int add_listener(struct server *s, const char *where, bool is_unix)
{
	struct source *l = &s->listener[s->listeners_n];
	int fd;

	if (s->listeners_n == LISTENERS_MAX)
		return -E2BIG;
	fd = is_unix ? demo_listen_unix(where) : demo_listen_tcp(where);
	if (fd < 0) {
		fprintf(stderr, "sallyport-demo: %s: %s\n", where, strerror(-fd));
		return fd;
	}
	*l = (struct source){SOURCE_LISTENER, fd};
	s->listeners_n++;
	demo_print_listener(fd, where, is_unix);
	return watch(s, l);
}

static int parse_options(struct server *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"unix", required_argument, NULL, 'u'},
		{"ledger", required_argument, NULL, 'L'},
		{"witness", required_argument, NULL, 'W'},
		{"no-sessions", no_argument, NULL, 's'},
		{"always-stream", no_argument, NULL, 'S'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		int r = 0;

		if (opt == 'l' || opt == 'u')
			r = add_listener(s, optarg, opt == 'u');
		else if (opt == 'L' || opt == 'W')
			r = demo_ledger_open(&s->ledger, optarg, opt == 'W');
		else if (opt == 's')
			s->mcp.no_sessions = true;
		else if (opt == 'S')
			s->mcp.always_stream = true;
		else
			return -EINVAL;
		if (r < 0)
			return r;
	}
	return s->listeners_n ? 0 : add_listener(s, "127.0.0.1:8900", false);
}

int demo_cmd_serve(int argc, char **argv)
{
	static struct server s;
	int r;

	s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = demo_ledger_open(&s.ledger, NULL, false);
	if (!r)
		r = demo_mcp_init(&s.mcp, &s.ledger);
	if (!r)
		r = open_signals(&s);
	if (!r)
		r = parse_options(&s, argc, argv);
	if (r < 0) {
		fprintf(stderr, "sallyport-demo serve: %s\n", strerror(-r));
		return 1;
	}
	fflush(stdout);
	while (!s.stop)
		turn(&s);
	for (struct conn *c; (c = LIST_FIRST(&s.open));)
		conn_close(&s, c);
	free_gone(&s);
	demo_ledger_close(&s.ledger);
	demo_mcp_done(&s.mcp);
	free(s.slow);
	fprintf(stderr, "sallyport-demo: %llu calls\n", (unsigned long long)s.mcp.calls);
	return 0;
}
