/// The upstream room over io_uring against small blocking servers, one thread each.
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
#include <sys/un.h>
#include <cmocka.h>
#include "common/banned.h"

#define OK(body, n) "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " n "\r\n\r\n" body

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	_Atomic unsigned accepted, requests;
	_Atomic bool stop;
	/// Serve connection number `nth` (from 0); it is closed afterwards.
	void (*serve)(struct server *s, int fd, unsigned nth);
	char last[8192];
};

static void *serve_all(void *arg)
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
	}
}

static void server_listen(struct server *s, const struct sockaddr *a, socklen_t n,
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

static void server_start(struct server *s, void (*serve)(struct server *, int, unsigned))
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	server_listen(s, (struct sockaddr *)&a, sizeof(a), serve);
}

static void server_stop(struct server *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/// Read one request with its Content-Length body; false when the client is gone.
static bool read_request(struct server *s, int fd)
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
		if (n == sizeof(s->last) - 1)
			n = (size_t)(end + 4 - s->last); // a long body: the head is enough
	}
}

static void say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}
static void nap_ms(unsigned ms)
{
	poll(NULL, 0, (int)ms);
}

struct call {
	struct sp_exchange *x;
	unsigned heads, done, failed, pieces;
	uint16_t status;
	enum sp_reason why;
	bool sent;
	char body[65536];
	size_t n;
	uint64_t first_ns, last_ns;
	bool cancel_in_body, cancel_in_head;
};

struct client {
	struct sp_io *io;
	struct sp_wheel wheel;
	uint64_t now;
	_Atomic uint64_t stat[SP_STAT__COUNT];
	struct sp_upstreams *u;
	struct sp_snap snap;
	uint8_t *blob;
};

static void on_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	struct call *c = user;

	assert_non_null(buf);
	assert_int_equal(c->heads, 0);
	c->heads++;
	c->status = h->status;
	if (c->cancel_in_head)
		sp_exchange_cancel(c->x);
}
static void on_body(void *user, const uint8_t *p, size_t n)
{
	struct call *c = user;

	assert_true(c->heads == 1 && !c->done && !c->failed);
	memcpy(c->body + c->n, p, n);
	c->n += n;
	c->pieces++;
	c->last_ns = sp_clock_boot_ns();
	if (!c->first_ns)
		c->first_ns = c->last_ns;
	if (c->cancel_in_body)
		sp_exchange_cancel(c->x);
}
static void on_done(void *user)
{
	struct call *c = user;

	assert_true(c->heads == 1 && !c->done && !c->failed);
	c->done++;
}
static void on_failed(void *user, enum sp_reason why, bool sent)
{
	struct call *c = user;

	assert_true(!c->done && !c->failed);
	c->failed++;
	c->why = why;
	c->sent = sent;
}
static const struct sp_exchange_ops ops = {on_head, on_body, on_done, on_failed};

static struct sp_snap_in_upstream upstream_at(uint16_t port)
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

static void take_up(struct client *k, const struct sp_snap_in_upstream *up, uint32_t n)
{
	struct sp_snap_in in = {.generation = 1, .profile = SP_LIT("t"), .upstreams = up, .upstreams_n = n};
	size_t bytes;

	free(k->blob);
	assert_int_equal(sp_snap_build(&in, &k->blob, &bytes), 0);
	assert_int_equal(sp_snap_open(k->blob, bytes, &k->snap), 0);
	assert_int_equal(sp_upstreams_refresh(k->u, &k->snap), 0);
}

static void client_new(struct client *k, const struct sp_snap_in_upstream *up)
{
	struct sp_io_conf io = {.max_streams = 64, .blocks = 256, .recv_buffers = 32};
	struct sp_upstreams_conf conf = {
		.wheel = &k->wheel,
		.now_ns = &k->now,
		.stat = k->stat,
		.max_connections = 8,
		.max_exchanges = 32,
		.limits = {.max_head_bytes = 4096, .max_headers = 64, .max_body_bytes = 1 << 20},
	};

	memset(k, 0, sizeof(*k));
	k->now = sp_clock_boot_ns();
	sp_wheel_init(&k->wheel, k->now);
	if (sp_io_uring_new(&io, &k->io) < 0) {
		print_message("no io_uring here: skipped\n");
		skip();
	}
	conf.io = k->io;
	assert_int_equal(sp_upstreams_new(&conf, &k->u), 0);
	take_up(k, up, 1);
}

static void turn(struct client *k)
{
	k->now = sp_clock_boot_ns();
	assert_true(sp_io_turn(k->io, k->now, SP_NS_PER_MS) >= 0);
	k->now = sp_clock_boot_ns();
	sp_wheel_run(&k->wheel, k->now);
}

static void client_free(struct client *k)
{
	k->io = sp_io_free(k->io);
	k->u = sp_upstreams_free(k->u);
	assert_int_equal(k->wheel.armed, 0);
	free(k->blob);
}

static int start(struct client *k, struct call *c, struct sp_bytes body, bool idempotent, uint64_t in_ms)
{
	struct sp_exchange_req req = {
		.snap = &k->snap,
		.verb = SP_HTTP_POST,
		.headers = SP_LIT("Content-Type: application/json\r\n"),
		.body = body,
		.idempotent = idempotent,
		.ops = &ops,
		.user = c,
	};

	k->now = sp_clock_boot_ns();
	req.deadline_ns = in_ms ? k->now + in_ms * SP_NS_PER_MS : 0;
	memset(c, 0, sizeof(*c));
	return sp_upstream_start(k->u, &req, &c->x);
}

static void finish(struct client *k, const struct call *c)
{
	uint64_t end = sp_clock_boot_ns() + 10 * SP_NS_PER_SEC;

	while (!c->done && !c->failed) {
		assert_true(sp_clock_boot_ns() < end);
		turn(k);
	}
}
static void turns_ms(struct client *k, unsigned ms)
{
	uint64_t end = sp_clock_boot_ns() + ms * SP_NS_PER_MS;

	while (sp_clock_boot_ns() < end)
		turn(k);
}

static void expect_ok(struct client *k, struct call *c, const char *body)
{
	finish(k, c);
	if (!c->done)
		fail_msg("failed: %s sent %d", sp_reason_info(c->why)->name, c->sent);
	assert_int_equal(c->n, strlen(body));
	assert_memory_equal(c->body, body, c->n);
}
static void expect_failed(struct client *k, struct call *c, enum sp_reason why, bool sent)
{
	finish(k, c);
	assert_true(c->failed);
	assert_string_equal(sp_reason_info(c->why)->name, sp_reason_info(why)->name);
	assert_int_equal(c->sent, sent);
}

static struct client k;
static struct call a, b;
#define REQ SP_LIT("{\"id\":1}")

static void answer_each(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd))
		say(fd, OK("fine", "4"));
}

static void a_connection_is_used_again_for_the_next_request(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, answer_each);
	up = upstream_at(s.port);
	client_new(&k, &up);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(start(&k, &a, REQ, i & 1, 0), 0);
		expect_ok(&k, &a, "fine");
		assert_int_equal(a.status, 200);
	}
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.requests, 5);
	assert_string_equal(s.last,
		"POST /mcp HTTP/1.1\r\nHost: one.example\r\nAuthorization: Bearer up\r\n"
		"Content-Length: 8\r\nContent-Type: application/json\r\n\r\n{\"id\":1}");
	assert_int_equal(k.stat[SP_STAT_UP_CONNECTS], 1);
	assert_int_equal(k.stat[SP_STAT_UP_REUSED], 4);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	client_free(&k);
	server_stop(&s);
}

static void idle_connections_close_after_their_time(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, answer_each);
	up = upstream_at(s.port);
	up.idle_ns = 60 * SP_NS_PER_MS;
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	turns_ms(&k, 30);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	turns_ms(&k, 200);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	assert_int_equal(s.accepted, 1);
	client_free(&k);
	server_stop(&s);
}

static void framed_many_ways(struct server *s, int fd, unsigned nth)
{
	if (!read_request(s, fd))
		return;
	if (nth == 0) {
		say(fd, "HTTP/1.1 200 OK\r\n\r\nuntil ");
		nap_ms(20);
		say(fd, "the end");
	} else if (nth == 1) {
		say(fd, "HTTP/1.1 200 OK\r\nTransfer-Enc");
		nap_ms(10);
		say(fd, "oding: chunked\r\n\r\n3\r\nabc\r");
		nap_ms(10);
		say(fd, "\n2;x\r\nde\r\n0\r\n\r\n");
		if (read_request(s, fd))
			say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
	} else if (nth == 2) {
		say(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 10");
		nap_ms(10);
		say(fd, "3 Early\r\nLink: x\r\n\r\n" OK("last", "4"));
	} else {
		say(fd, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none");
	}
	while (nth == 2 && read_request(s, fd))
		say(fd, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

static void answers_of_every_framing_are_read_and_reused_only_when_they_may_be(void **state)
{
	static const struct {
		const char *body;
		unsigned accepted, open;
	} rows[] = {{"until the end", 1, 0}, {"abcde", 2, 1}, {"x", 2, 0}, {"last", 3, 1}, {"", 3, 0},
		{"one", 4, 0}};
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, framed_many_ways);
	up = upstream_at(s.port);
	client_new(&k, &up);
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		expect_ok(&k, &a, rows[i].body);
		turns_ms(&k, 10);
		assert_int_equal(s.accepted, rows[i].accepted);
		assert_int_equal(sp_upstreams_open(k.u), rows[i].open);
	}
	client_free(&k);
	server_stop(&s);
}

static void stream_slowly(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
			"chunked\r\n\r\n");
		for (int i = 0; i < 4; i++) {
			nap_ms(30);
			say(fd, "9\r\ndata: x\n\n\r\n");
		}
		nap_ms(30);
		say(fd, "0\r\n\r\n");
	}
}

static void events_are_passed_on_as_they_come(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_slowly);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "data: x\n\ndata: x\n\ndata: x\n\ndata: x\n\n");
	assert_int_equal(a.pieces, 4);
	assert_true(a.last_ns - a.first_ns > 60 * SP_NS_PER_MS);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	client_free(&k);
	server_stop(&s);
}

static void cancelling_a_stream_closes_its_connection_and_nothing_is_called(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_slowly);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	a.cancel_in_body = true;
	turns_ms(&k, 150);
	assert_int_equal(a.pieces, 1);
	assert_true(!a.done && !a.failed);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	b.cancel_in_head = true;
	turns_ms(&k, 100);
	assert_true(b.heads == 1 && b.pieces == 0 && !b.done && !b.failed);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	sp_exchange_cancel(b.x); // before it is connected
	turns_ms(&k, 50);
	assert_true(!b.heads && !b.failed);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	client_free(&k);
	server_stop(&s);
}

static void a_paused_answer_stops_and_resumes(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_slowly);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	sp_exchange_pause(a.x);
	turns_ms(&k, 120);
	assert_int_equal(a.heads, 0);
	sp_exchange_resume(a.x);
	expect_ok(&k, &a, "data: x\n\ndata: x\n\ndata: x\n\ndata: x\n\n");
	client_free(&k);
	server_stop(&s);
}

static void never_answer(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd))
		continue;
}

static void a_slow_upstream_meets_the_deadline(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;
	uint64_t t;

	(void)state;
	server_start(&s, never_answer);
	up = upstream_at(s.port);
	client_new(&k, &up);
	t = sp_clock_boot_ns();
	assert_int_equal(start(&k, &a, REQ, true, 60), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_TIMEOUT, true);
	t = sp_clock_boot_ns() - t;
	assert_true(t >= 60 * SP_NS_PER_MS && t < 500 * SP_NS_PER_MS);
	assert_int_equal(start(&k, &a, REQ, true, 60), 0);
	sp_exchange_deadline(a.x, k.now + 160 * SP_NS_PER_MS);
	t = sp_clock_boot_ns();
	expect_failed(&k, &a, SP_REASON_UPSTREAM_TIMEOUT, true);
	assert_true(sp_clock_boot_ns() - t >= 150 * SP_NS_PER_MS);
	turns_ms(&k, 10);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	client_free(&k);
	server_stop(&s);
}

static uint16_t closed_port(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static void a_refused_connection_tries_the_next_address_and_then_fails_unsent(void **state)
{
	struct sp_snap_in_upstream up, both;
	struct server s;

	(void)state;
	server_start(&s, answer_each);
	up = upstream_at(closed_port());
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CONNECT, false);
	both = upstream_at(s.port);
	memcpy(both.addr[1], both.addr[0], sizeof(both.addr[0]));
	memcpy(both.addr[0], up.addr[0], sizeof(up.addr[0]));
	both.addr_len[1] = both.addr_len[0];
	both.addrs_n = 2;
	take_up(&k, &both, 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0); // a second connection: straight to the good one
	expect_ok(&k, &a, "fine");
	sp_exchange_cancel(b.x);
	turns_ms(&k, 5);
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 1);
	client_free(&k);
	server_stop(&s);
}

static void an_address_that_does_not_answer_is_left_after_the_connect_deadline(void **state)
{
	// A listener whose queue is full drops the handshake.
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sp_snap_in_upstream up;
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[8];
	uint64_t t;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)&in, n);
	}
	nap_ms(20);
	up = upstream_at(ntohs(in.sin_port));
	up.connect_ns = 80 * SP_NS_PER_MS;
	client_new(&k, &up);
	t = sp_clock_boot_ns();
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CONNECT, false);
	t = sp_clock_boot_ns() - t;
	assert_true(t >= 75 * SP_NS_PER_MS && t < SP_NS_PER_SEC);
	client_free(&k);
	for (size_t i = 0; i < SP_ARRAY_LEN(fill); i++)
		close(fill[i]);
	close(fd);
}

static void fail_thrice_then_answer(struct server *s, int fd, unsigned nth)
{
	while (read_request(s, fd)) {
		if (nth < 3)
			return;
		say(fd, OK("fine", "4"));
	}
}

static void the_breaker_opens_lets_one_probe_through_and_closes_again(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, fail_thrice_then_answer);
	up = upstream_at(s.port);
	up.breaker_failures = 2;
	client_new(&k, &up);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start(&k, &a, REQ, true, 0), 0);
		expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	}
	assert_int_equal(k.stat[SP_STAT_BREAKER_OPENED], 1);
	assert_int_equal(start(&k, &a, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	turns_ms(&k, 120);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0); // the probe
	assert_int_equal(start(&k, &b, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(start(&k, &a, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	turns_ms(&k, 120);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	sp_exchange_cancel(a.x); // a probe that was cancelled leaves the next one its turn
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	assert_int_equal(start(&k, &b, REQ, true, 0), 0);
	finish(&k, &a);
	client_free(&k);
	server_stop(&s);
}

static void answer_with_more(struct server *s, int fd, unsigned nth)
{
	if (!read_request(s, fd))
		return;
	if (nth == 0) {
		say(fd, OK("fine", "4") OK("evil", "4"));
	} else {
		say(fd, OK("fine", "4"));
		nap_ms(30);
		say(fd, "HTTP/1.1 200 OK\r\n");
	}
	while (read_request(s, fd))
		say(fd, OK("late", "4"));
}

static void bytes_behind_an_answer_close_the_connection_and_reach_nobody(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_with_more);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(k.stat[SP_STAT_UP_STRAY], 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(s.accepted, 2);
	turns_ms(&k, 80);
	assert_int_equal(k.stat[SP_STAT_UP_STRAY], 2);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	client_free(&k);
	server_stop(&s);
}

static void break_off(struct server *s, int fd, unsigned nth)
{
	static const char *const parts[] = {
		"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "garbage\r\n\r\n",
	};

	if (read_request(s, fd))
		say(fd, parts[nth]);
	nap_ms(10);
}

static void answers_cut_short_or_malformed_fail_as_sent(void **state)
{
	static const enum sp_reason want[] = {SP_REASON_UPSTREAM_CLOSED, SP_REASON_UPSTREAM_CLOSED,
		SP_REASON_UPSTREAM_CLOSED, SP_REASON_UPSTREAM_CLOSED, SP_REASON_UPSTREAM_INVALID,
		SP_REASON_UPSTREAM_TOO_LARGE, SP_REASON_UPSTREAM_INVALID};
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, break_off);
	up = upstream_at(s.port);
	client_new(&k, &up);
	for (size_t i = 0; i < SP_ARRAY_LEN(want); i++) {
		assert_int_equal(start(&k, &a, REQ, true, 0), 0);
		expect_failed(&k, &a, want[i], true);
		assert_int_equal(a.heads, i == 2 || i == 3);
	}
	assert_int_equal(s.requests, SP_ARRAY_LEN(want));
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 0);
	client_free(&k);
	server_stop(&s);
}

static void answer_once_then_close_on_the_next(struct server *s, int fd, unsigned nth)
{
	if (!read_request(s, fd))
		return;
	say(fd, OK("fine", "4"));
	if (nth == 1)
		answer_each(s, fd, nth);
	read_request(s, fd);
}

static void a_warm_connection_found_dead_is_retried_once_if_the_request_may_be(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_once_then_close_on_the_next);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, true, 0), 0); // read, then closed: sent again on a fresh one
	expect_ok(&k, &a, "fine");
	assert_int_equal(s.accepted, 2);
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 1);
	client_free(&k);
	server_stop(&s);
	server_start(&s, answer_once_then_close_on_the_next);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, false, 0), 0); // not idempotent: never again
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(s.accepted, 1);
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 0);
	client_free(&k);
	server_stop(&s);
}

static void answer_after_a_while(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd)) {
		nap_ms(20);
		say(fd, OK("fine", "4"));
	}
}

static void over_the_limit_requests_wait_in_order_and_then_are_refused(void **state)
{
	static struct call calls[6];
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_after_a_while);
	up = upstream_at(s.port);
	up.max_connections = 1;
	client_new(&k, &up);
	for (int i = 0; i < 5; i++)
		assert_int_equal(start(&k, &calls[i], REQ, false, 0), 0);
	assert_int_equal(start(&k, &calls[5], REQ, false, 0), SP_REASON_OVERLOAD);
	sp_exchange_cancel(calls[2].x);
	for (int i = 0; i < 5; i++) {
		if (i == 2)
			continue;
		expect_ok(&k, &calls[i], "fine");
		for (int j = i + 1; j < 5; j++)
			assert_false(calls[j].done);
	}
	assert_false(calls[2].heads);
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.requests, 4);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	assert_int_equal(start(&k, &b, REQ, false, 10), 0); // waits longer than it may
	expect_failed(&k, &b, SP_REASON_UPSTREAM_TIMEOUT, false);
	expect_ok(&k, &a, "fine");
	client_free(&k);
	server_stop(&s);
}

static void long_requests_arrive_whole(void **state)
{
	static char body[300000];
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	memset(body, 'x', sizeof(body));
	server_start(&s, answer_each);
	up = upstream_at(s.port);
	client_new(&k, &up);
	for (int i = 0; i < 2; i++) { // cold, then warm
		assert_int_equal(start(&k, &a, sp_bytes(body, 7000), i, 0), 0);
		expect_ok(&k, &a, "fine");
	}
	client_free(&k);
	server_stop(&s);
}

static void a_unix_socket_serves_as_well(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sp_snap_in_upstream up = upstream_at(0);
	struct server s;

	(void)state;
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/sp-upstream-%d.sock", (int)getpid());
	unlink(un.sun_path);
	server_listen(&s, (struct sockaddr *)&un, sizeof(un), answer_each);
	up.kind = SP_UP_UNIX;
	up.addr_len[0] = sizeof(un);
	memcpy(up.addr[0], &un, sizeof(un));
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	client_free(&k);
	server_stop(&s);
	unlink(un.sun_path);
}

static void pools_outlive_a_snapshot_that_keeps_them_and_drain_when_it_does_not(void **state)
{
	struct sp_snap_in_upstream two[2];
	struct server s, other;

	(void)state;
	server_start(&s, answer_each);
	server_start(&other, stream_slowly);
	two[0] = upstream_at(s.port);
	client_new(&k, &two[0]);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	two[1] = two[0];
	two[0] = upstream_at(other.port);
	two[0].name = SP_LIT("other");
	take_up(&k, two, 2);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	turns_ms(&k, 50);
	assert_int_equal(b.heads, 1);
	take_up(&k, NULL, 0); // both gone: the idle one closes, the busy one finishes
	turns_ms(&k, 10);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	expect_ok(&k, &b, "data: x\n\ndata: x\n\ndata: x\n\ndata: x\n\n");
	turns_ms(&k, 20);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	take_up(&k, NULL, 0);
	client_free(&k);
	server_stop(&s);
	server_stop(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_used_again_for_the_next_request),
		cmocka_unit_test(idle_connections_close_after_their_time),
		cmocka_unit_test(answers_of_every_framing_are_read_and_reused_only_when_they_may_be),
		cmocka_unit_test(events_are_passed_on_as_they_come),
		cmocka_unit_test(cancelling_a_stream_closes_its_connection_and_nothing_is_called),
		cmocka_unit_test(a_paused_answer_stops_and_resumes),
		cmocka_unit_test(a_slow_upstream_meets_the_deadline),
		cmocka_unit_test(a_refused_connection_tries_the_next_address_and_then_fails_unsent),
		cmocka_unit_test(an_address_that_does_not_answer_is_left_after_the_connect_deadline),
		cmocka_unit_test(the_breaker_opens_lets_one_probe_through_and_closes_again),
		cmocka_unit_test(bytes_behind_an_answer_close_the_connection_and_reach_nobody),
		cmocka_unit_test(answers_cut_short_or_malformed_fail_as_sent),
		cmocka_unit_test(a_warm_connection_found_dead_is_retried_once_if_the_request_may_be),
		cmocka_unit_test(over_the_limit_requests_wait_in_order_and_then_are_refused),
		cmocka_unit_test(long_requests_arrive_whole),
		cmocka_unit_test(a_unix_socket_serves_as_well),
		cmocka_unit_test(pools_outlive_a_snapshot_that_keeps_them_and_drain_when_it_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
