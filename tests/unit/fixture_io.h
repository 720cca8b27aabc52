/// One io with a listener and ends that check what they get, over memory, loopback TCP or unix sockets; or,
/// with OVER_LWIP, over a TCP/IP stack of our own that talks to itself.
#pragma once

#include "common/clock.h"
#include "dataplane/io/io.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <cmocka.h>

#ifdef OVER_LWIP
#include "dataplane/io/lwip/lwip.h"
#include "tests/unit/wire_loop.h"
#endif

enum transport { MEM, TCP, UNIX, LWIP };

#define ENDS_MAX 2100

struct end {
	struct sp_stream *s;
	size_t got, to_send, sent;
	bool echo, bad, eof, closed, connected, close_on_eof, close_when_sent;
	int err, connect_err;
	unsigned drained, after_end;
	size_t pause_at; ///< pause when so many bytes have come
	bool must_not_get;
};

struct fixture {
	enum transport transport;
	struct sp_io *io;
	int listen_fd;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	struct end server[ENDS_MAX];
	unsigned accepted, refuse;
	struct end model; ///< what accepted ends start as
	struct sockaddr_storage peer;
	struct loop_wire *wire; ///< LWIP
};

static inline uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

static inline void pump(struct end *e)
{
	while (e->sent < e->to_send && sp_stream_queued(e->s) < SP_IO_TX_HIGH) {
		size_t room, n;
		uint8_t *p = sp_stream_reserve(e->s, 1, &room);

		if (!p)
			return;
		n = sp_min(room, e->to_send - e->sent);
		for (size_t i = 0; i < n; i++)
			p[i] = pattern(e->sent + i);
		e->sent += n;
		sp_stream_commit(e->s, n);
	}
	if (e->close_when_sent && e->sent == e->to_send) {
		e->close_when_sent = false;
		sp_stream_close(e->s);
	}
}

static inline void end_connected(struct sp_stream *s, void *user, int err)
{
	struct end *e = user;

	(void)s;
	e->connected = true;
	e->connect_err = err;
	if (err == 0)
		pump(e);
}

static inline void end_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct end *e = user;

	if (e->eof || e->closed || e->must_not_get)
		e->after_end++;
	for (size_t i = 0; i < n; i++)
		e->bad |= data[i] != pattern(e->got + i);
	e->got += n;
	if (e->pause_at && e->got >= e->pause_at) {
		sp_stream_pause(s);
		e->must_not_get = true;
	}
	if (e->echo && sp_stream_send(s, data, n) < 0)
		e->bad = true;
	pump(e);
}

static inline void end_eof(struct sp_stream *s, void *user)
{
	struct end *e = user;

	if (e->eof || e->closed)
		e->after_end++;
	e->eof = true;
	if (e->close_on_eof)
		sp_stream_close(s);
}

static inline void end_drained(struct sp_stream *s, void *user)
{
	struct end *e = user;

	(void)s;
	e->drained++;
	pump(e);
}

static inline void end_closed(struct sp_stream *s, void *user, int err)
{
	struct end *e = user;

	(void)s;
	if (e->closed)
		e->after_end++;
	e->closed = true;
	e->err = err;
	e->s = NULL;
}

static const struct sp_stream_ops end_ops = {
	.on_connected = end_connected,
	.on_data = end_data,
	.on_eof = end_eof,
	.on_drained = end_drained,
	.on_closed = end_closed,
};

static inline int accepted(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	struct fixture *f = user;
	struct end *e;

	if (f->refuse) {
		f->refuse--;
		return -ECONNREFUSED;
	}
	e = &f->server[f->accepted++ % ENDS_MAX];
	*e = f->model;
	e->s = s;
	f->peer = *peer;
	sp_stream_set_ops(s, &end_ops, e);
	pump(e);
	return 0;
}

#ifdef OVER_LWIP
static uint16_t port_vlan; ///< of the next port

static inline int lwip_new(struct fixture *f, const struct sp_io_conf *conf)
{
	const struct sp_port port = {.mtu = 1500, .prefix4 = 24, .frames = LOOP_FRAMES, .half_open = 64,
		.addr4.s_addr = htonl(0x0a090001), .vlan = port_vlan};
	struct sp_io *kernel = NULL;

	f->wire = loop_new();
	assert_int_equal(sp_io_uring_new(conf, &kernel), 0);
	return sp_io_lwip_new(conf, &port, &f->wire->wire, kernel, &f->io);
}

static inline void lwip_listen_on(struct fixture *f)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80),
		.sin_addr.s_addr = htonl(0x0a090001)};

	memcpy(&f->addr, &in, sizeof(in));
	f->addr_len = sizeof(in);
	f->listen_fd = -1;
	assert_int_equal(sp_io_listen_addr(f->io, (struct sockaddr *)&in, sizeof(in), accepted, f), 0);
}
#endif

static inline void listen_on(struct fixture *f)
{
#ifdef OVER_LWIP
	if (f->transport == LWIP) {
		lwip_listen_on(f);
		return;
	}
#endif
	if (f->transport == MEM) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};

		memcpy(&f->addr, &in, sizeof(in));
		f->addr_len = sizeof(in);
		f->listen_fd = 80;
	} else if (f->transport == TCP) {
		struct sockaddr_in in = {
			.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

		f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_int_equal(bind(f->listen_fd, (void *)&in, sizeof(in)), 0);
		f->addr_len = sizeof(f->addr);
		assert_int_equal(getsockname(f->listen_fd, (void *)&f->addr, &f->addr_len), 0);
		assert_int_equal(listen(f->listen_fd, 512), 0);
	} else {
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		static unsigned serial;

		// An abstract name: nothing to clean up.
		f->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					  (size_t)snprintf(un.sun_path + 1, 64, "sp-io-%d-%u",
						  getpid(), serial++));
		memcpy(&f->addr, &un, sizeof(un));
		f->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(bind(f->listen_fd, (void *)&f->addr, f->addr_len), 0);
		assert_int_equal(listen(f->listen_fd, 512), 0);
	}
	assert_int_equal(sp_io_listen(f->io, f->listen_fd, accepted, f), 0);
}

static inline struct fixture *start(enum transport t, struct sp_io_conf conf)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->transport = t;
#ifdef OVER_LWIP
	if (t == LWIP)
		assert_int_equal(lwip_new(f, &conf), 0);
	else
#endif
		assert_int_equal(
			t == MEM ? sp_io_mem_new(&conf, &f->io) : sp_io_uring_new(&conf, &f->io), 0);
	listen_on(f);
	return f;
}

static inline void stop(struct fixture *f)
{
	sp_io_free(f->io);
	if (f->transport != MEM && f->transport != LWIP)
		close(f->listen_fd);
	free(f);
}

static inline void turn(struct fixture *f)
{
	assert_true(sp_io_turn(f->io, sp_clock_boot_ns(), SP_NS_PER_MS) >= 0);
}

/// However long that takes a loaded machine.
#define TURN_UNTIL(f, cond)                                                                        \
	do {                                                                                       \
		uint64_t until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;                          \
		while (!(cond) && sp_clock_boot_ns() < until)                                      \
			turn(f);                                                                   \
		assert_true(cond);                                                                 \
	} while (0)

static inline void turns(struct fixture *f, unsigned n)
{
	while (n--)
		turn(f);
}

/// So many turns at one time of the test's choice: none waits, for waiting is time, too.
static inline void turns_at(struct fixture *f, unsigned n, uint64_t now_ns)
{
	while (n--)
		assert_true(sp_io_turn(f->io, now_ns, 0) >= 0);
}

static inline int dial(struct fixture *f, struct end *e)
{
	return sp_io_connect(f->io, (struct sockaddr *)&f->addr, f->addr_len, &end_ops, e, &e->s);
}

static const struct sp_io_conf usual = {.max_streams = 64, .blocks = 256, .recv_buffers = 64};

#ifdef OVER_LWIP
#define EACH(name)                                                                                 \
	static void name##_lwip(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		name(LWIP);                                                                        \
	}
#define ON_EACH(name) cmocka_unit_test(name##_lwip)
#else
#define EACH(name)                                                                                 \
	static void name##_mem(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		name(MEM);                                                                         \
	}                                                                                          \
	static void name##_tcp(void **state)                                                       \
	{                                                                                          \
		(void)state;                                                                       \
		name(TCP);                                                                         \
	}                                                                                          \
	static void name##_unix(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		name(UNIX);                                                                        \
	}

#define ON_EACH(name)                                                                              \
	cmocka_unit_test(name##_mem), cmocka_unit_test(name##_tcp), cmocka_unit_test(name##_unix)
#endif
