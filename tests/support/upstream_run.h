/// Drives the upstream room in tests: a client over io_uring and small blocking servers, one thread each. A client's
/// time is its own, so no machine is too slow for its deadlines: it goes on by pass_ms(), in memory also by a
/// millisecond a turn.
#pragma once

#include "common/clock.h"
#include "common/stats.h"
#include "config/snapshot_build.h"
#include "dataplane/upstream/upstream.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>

#define OK(body, n) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " n "\r\n\r\n" body

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	_Atomic unsigned accepted, requests, served;
	_Atomic unsigned asked, allowed; ///< steps that servers waited for with step(), and that let_go_on() gave
	_Atomic bool stop;
	/// Serve connection number `nth` (from 0); it is closed afterwards, and then counted as served.
	void (*serve)(struct server *s, int fd, unsigned nth);
	char last[8192];
};

static inline void *serve_all(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 || atomic_load(&s->stop)) {
			sp_close_fd(&fd);
			return NULL;
		}
		s->serve(s, fd, atomic_fetch_add(&s->accepted, 1));
		close(fd);
		atomic_fetch_add(&s->served, 1);
	}
}

static inline void server_listen(struct server *s, const struct sockaddr *a, socklen_t n,
	void (*serve)(struct server *, int, unsigned))
{
	struct sockaddr_in in;
	socklen_t in_n = sizeof(in);

	*s = (struct server){.serve = serve};
	s->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, a, n), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	if (a->sa_family == AF_INET) {
		assert_int_equal(getsockname(s->fd, (struct sockaddr *)&in, &in_n), 0);
		s->port = ntohs(in.sin_port);
	}
	assert_int_equal(pthread_create(&s->thread, NULL, serve_all, s), 0);
}

static inline void server_start(struct server *s, void (*serve)(struct server *, int, unsigned))
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	server_listen(s, (struct sockaddr *)&a, sizeof(a), serve);
}

static inline void server_stop(struct server *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/// Read one request with its Content-Length body; false when the client is gone.
static inline bool read_request(struct server *s, int fd)
{
	size_t n = 0;

	for (;;) {
		ssize_t r = recv(fd, s->last + n, sizeof(s->last) - 1 - n, 0);
		const char *end, *cl;

		if (r <= 0)
			return false;
		n += (size_t)r;
		s->last[n] = 0;
		end = strstr(s->last, "\r\n\r\n");
		cl = strstr(s->last, "Content-Length: ");
		if (end && (!cl || n >= (size_t)(end + 4 - s->last) + strtoul(cl + 16, NULL, 10))) {
			atomic_fetch_add(&s->requests, 1);
			return true;
		}
	}
}

static inline void say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}
static inline void nap_ms(unsigned ms)
{
	poll(NULL, 0, (int)ms);
}

/// A server's: go on only when the test says so.
static inline void step(struct server *s)
{
	unsigned nth = atomic_fetch_add(&s->asked, 1);

	while (atomic_load(&s->allowed) <= nth && !atomic_load(&s->stop))
		nap_ms(1);
}
static inline void let_go_on(struct server *s, unsigned steps)
{
	atomic_fetch_add(&s->allowed, steps);
}

struct call {
	struct sp_exchange *x;
	const struct sp_exchange_ops *ops;
	unsigned heads, done, failed, pieces;
	uint16_t status;
	enum sp_reason why;
	bool sent;
	char body[65536];
	size_t n;
	bool cancel_in_body, cancel_in_head;
};

struct client {
	struct sp_io *io;
	struct sp_wheel wheel;
	uint64_t now;
	bool in_memory;
	_Atomic uint64_t stat[SP_STAT__COUNT];
	struct sp_upstreams *u;
	struct sp_snap snap;
	uint8_t *blob;
};

static inline void on_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	struct call *c = user;

	assert_non_null(buf);
	assert_int_equal(c->heads, 0);
	c->heads++;
	c->status = h->status;
	if (c->cancel_in_head)
		sp_exchange_cancel(c->x);
}
static inline void on_body(void *user, const uint8_t *p, size_t n)
{
	struct call *c = user;

	assert_true(c->heads == 1 && !c->done && !c->failed);
	memcpy(c->body + c->n, p, n);
	c->n += n;
	c->pieces++;
	if (c->cancel_in_body)
		sp_exchange_cancel(c->x);
}
static inline void on_done(void *user)
{
	struct call *c = user;

	assert_true(c->heads == 1 && !c->done && !c->failed);
	c->done++;
}
static inline void on_failed(void *user, enum sp_reason why, bool sent)
{
	struct call *c = user;

	assert_true(!c->done && !c->failed);
	c->failed++;
	c->why = why;
	c->sent = sent;
}
static const struct sp_exchange_ops ops = {on_head, on_body, on_done, on_failed};

static inline struct sp_snap_in_upstream upstream_at(uint16_t port)
{
	struct sp_snap_in_upstream up = {
		.name = SP_LIT("one"),
		.host = SP_LIT("one.example"),
		.path = SP_LIT("/mcp"),
		.credential = SP_LIT("Authorization: Bearer up\r\n"),
		.kind = SP_UP_TCP,
		.max_connections = 4,
		.breaker_failures = 100,
		.connect_ns = 500 * SP_NS_PER_MS,
		.response_ns = 2 * SP_NS_PER_SEC,
		.idle_ns = 5 * SP_NS_PER_SEC,
		.breaker_open_ns = 100 * SP_NS_PER_MS,
		.addrs_n = 1,
	};
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};

	up.addr_len[0] = sizeof(a);
	memcpy(up.addr[0], &a, sizeof(a));
	return up;
}

static inline void take_up(struct client *k, const struct sp_snap_in_upstream *up, uint32_t n)
{
	struct sp_snap_in in = {.generation = 1, .profile = SP_LIT("t"), .upstreams = up, .upstreams_n = n};
	size_t bytes;

	free(k->blob);
	assert_int_equal(sp_snap_build(&in, &k->blob, &bytes), 0);
	assert_int_equal(sp_snap_open(k->blob, bytes, &k->snap), 0);
	assert_int_equal(sp_upstreams_refresh(k->u, &k->snap), 0);
}

/// With `k->io` made, and `k->in_memory` set when it is.
static inline void client_begin(struct client *k, const struct sp_snap_in_upstream *up)
{
	struct sp_upstreams_conf conf = {
		.io = k->io,
		.wheel = &k->wheel,
		.now_ns = &k->now,
		.stat = k->stat,
		.max_connections = 8,
		.max_exchanges = 32,
		.limits = {.max_head_bytes = 4096, .max_headers = 64, .max_body_bytes = 1 << 20},
	};

	k->now = SP_NS_PER_SEC;
	sp_wheel_init(&k->wheel, k->now);
	assert_int_equal(sp_upstreams_new(&conf, &k->u), 0);
	take_up(k, up, 1);
}

static inline void client_new(struct client *k, const struct sp_snap_in_upstream *up)
{
	struct sp_io_conf io = {.max_streams = 64, .blocks = 256, .recv_buffers = 32};

	memset(k, 0, sizeof(*k));
	if (sp_io_uring_new(&io, &k->io) < 0) {
		print_message("no io_uring here: skipped\n");
		skip();
	}
	client_begin(k, up);
}

static inline void turn(struct client *k)
{
	assert_true(sp_io_turn(k->io, k->now, k->in_memory ? 0 : SP_NS_PER_MS) >= 0);
	k->now += k->in_memory ? SP_NS_PER_MS : 0;
	sp_wheel_run(&k->wheel, k->now);
	sp_upstreams_flush(k->u);
}

static inline void turns(struct client *k, unsigned n)
{
	while (n--)
		turn(k);
}

/// What is due by then runs.
static inline void pass_ms(struct client *k, unsigned ms)
{
	k->now += ms * SP_NS_PER_MS;
	turn(k);
}

/// However long that takes a loaded machine.
#define TURN_UNTIL(k, cond)                                                                                  \
	do {                                                                                                 \
		uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;                                    \
		while (!(cond) && sp_clock_boot_ns() < until)                                                \
			turn(k);                                                                             \
		assert_true(cond);                                                                           \
	} while (0)

static inline void client_free(struct client *k)
{
	k->io = sp_io_free(k->io);
	k->u = sp_upstreams_free(k->u);
	assert_int_equal(k->wheel.armed, 0);
	free(k->blob);
}

static inline int start_at(struct client *k, uint32_t upstream, struct call *c, struct sp_bytes body,
	bool idempotent, uint64_t in_ms)
{
	struct sp_exchange_req req = {
		.upstream = upstream,
		.snap = &k->snap,
		.verb = SP_HTTP_POST,
		.headers = SP_LIT("Content-Type: application/json\r\n"),
		.body = body,
		.idempotent = idempotent,
		.ops = &ops,
		.user = c,
	};

	req.deadline_ns = in_ms ? k->now + in_ms * SP_NS_PER_MS : 0;
	memset(c, 0, sizeof(*c));
	return sp_upstream_start(k->u, &req, &c->x);
}

static inline int start(struct client *k, struct call *c, struct sp_bytes body, bool idempotent, uint64_t in_ms)
{
	return start_at(k, 0, c, body, idempotent, in_ms);
}

static inline void finish(struct client *k, const struct call *c)
{
	TURN_UNTIL(k, c->done || c->failed);
}

static inline void expect_ok(struct client *k, struct call *c, const char *body)
{
	finish(k, c);
	if (!c->done)
		fail_msg("failed: %s sent %d", sp_reason_info(c->why)->name, c->sent);
	assert_int_equal(c->n, strlen(body));
	assert_memory_equal(c->body, body, c->n);
}
static inline void expect_failed(struct client *k, struct call *c, enum sp_reason why, bool sent)
{
	finish(k, c);
	assert_true(c->failed);
	assert_string_equal(sp_reason_info(c->why)->name, sp_reason_info(why)->name);
	assert_int_equal(c->sent, sent);
}

#define REQ SP_LIT("{\"id\":1}")

static inline void answer_each(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd))
		say(fd, OK("fine", "4"));
}
