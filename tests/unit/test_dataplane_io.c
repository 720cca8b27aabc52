/// The same behaviour from every transport: memory, loopback TCP and unix sockets over io_uring.
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
#include "common/banned.h"

enum transport { MEM, TCP, UNIX };

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
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

static void pump(struct end *e)
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

static void end_connected(struct sp_stream *s, void *user, int err)
{
	struct end *e = user;

	(void)s;
	e->connected = true;
	e->connect_err = err;
	if (err == 0)
		pump(e);
}

static void end_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
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

static void end_eof(struct sp_stream *s, void *user)
{
	struct end *e = user;

	if (e->eof || e->closed)
		e->after_end++;
	e->eof = true;
	if (e->close_on_eof)
		sp_stream_close(s);
}

static void end_drained(struct sp_stream *s, void *user)
{
	struct end *e = user;

	(void)s;
	e->drained++;
	pump(e);
}

static void end_closed(struct sp_stream *s, void *user, int err)
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

static int accepted(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
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

static void listen_on(struct fixture *f)
{
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
			(size_t)snprintf(un.sun_path + 1, 64, "sp-io-%d-%u", getpid(), serial++));
		memcpy(&f->addr, &un, sizeof(un));
		f->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(bind(f->listen_fd, (void *)&f->addr, f->addr_len), 0);
		assert_int_equal(listen(f->listen_fd, 512), 0);
	}
	assert_int_equal(sp_io_listen(f->io, f->listen_fd, accepted, f), 0);
}

static struct fixture *start(enum transport t, struct sp_io_conf conf)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->transport = t;
	assert_int_equal(t == MEM ? sp_io_mem_new(&conf, &f->io) : sp_io_uring_new(&conf, &f->io), 0);
	listen_on(f);
	return f;
}

static void stop(struct fixture *f)
{
	sp_io_free(f->io);
	if (f->transport != MEM)
		close(f->listen_fd);
	free(f);
}

static void turn(struct fixture *f)
{
	assert_true(sp_io_turn(f->io, sp_clock_boot_ns(), SP_NS_PER_MS) >= 0);
}

/// Turn until `cond`, for ten seconds at most.
#define TURN_UNTIL(f, cond)                                                                        \
	do {                                                                                       \
		uint64_t until = sp_clock_boot_ns() + 10 * SP_NS_PER_SEC;                          \
		while (!(cond) && sp_clock_boot_ns() < until)                                      \
			turn(f);                                                                   \
		assert_true(cond);                                                                 \
	} while (0)

static void turns(struct fixture *f, unsigned n)
{
	while (n--)
		turn(f);
}

static int dial(struct fixture *f, struct end *e)
{
	return sp_io_connect(f->io, (struct sockaddr *)&f->addr, f->addr_len, &end_ops, e, &e->s);
}

static const struct sp_io_conf usual = {.max_streams = 64, .blocks = 256, .recv_buffers = 64};

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

static void an_echo_comes_back_whole(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.to_send = 1000};

	f->model.echo = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.got == 1000);
	assert_true(c.connected && c.connect_err == 0);
	assert_false(c.bad || c.eof || c.closed);
	assert_int_equal(f->peer.ss_family, t == UNIX ? AF_UNIX : AF_INET);
	if (t != UNIX)
		assert_int_equal(((struct sockaddr_in *)&f->peer)->sin_addr.s_addr,
			htonl(INADDR_LOOPBACK));
	stop(f);
}
EACH(an_echo_comes_back_whole)

static void large_transfers_both_ways_lose_nothing(enum transport t)
{
	struct fixture *f = start(t, usual);
	size_t bytes = 20 << 20;
	struct end c = {.to_send = bytes};

	f->model.to_send = bytes;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.got == bytes && f->server[0].got == bytes);
	assert_false(c.bad || f->server[0].bad);
	assert_true(c.drained > 0 && f->server[0].drained > 0);
	stop(f);
}
EACH(large_transfers_both_ways_lose_nothing)

static void a_slow_reader_holds_the_sender_back(enum transport t)
{
	struct fixture *f = start(t, usual);
	size_t bytes = 32 << 20;
	struct end c = {.to_send = bytes};
	uint64_t stalled;

	f->model.pause_at = 1;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, f->server[0].got > 0);
	turns(f, 300);
	assert_true(sp_stream_queued(c.s) >= SP_IO_TX_LOW);
	assert_true(c.sent < bytes);
	assert_int_equal(f->server[0].after_end, 0);
	stalled = sp_stream_progress_ns(c.s);
	turns(f, 5);
	assert_true(sp_stream_progress_ns(c.s) == stalled);
	f->server[0].pause_at = 0;
	f->server[0].must_not_get = false;
	sp_stream_resume(f->server[0].s);
	TURN_UNTIL(f, f->server[0].got == bytes);
	assert_true(sp_stream_progress_ns(c.s) > stalled);
	assert_false(f->server[0].bad);
	stop(f);
}
EACH(a_slow_reader_holds_the_sender_back)

static void pausing_at_every_turn_loses_nothing(enum transport t)
{
	struct fixture *f = start(t, usual);
	size_t bytes = 8 << 20;
	struct end c = {.to_send = bytes, .close_when_sent = true};
	struct end *e = &f->server[0];

	f->model.pause_at = 1;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, f->accepted == 1);
	for (unsigned i = 0; i < 20000 && !e->eof; i++) {
		turn(f);
		if (e->must_not_get && i % 3 == 0) {
			e->must_not_get = false;
			sp_stream_resume(e->s);
		}
		// Pause and resume between turns, with nothing read, must not matter either.
		if (i % 5 == 0 && e->s && !e->must_not_get) {
			sp_stream_pause(e->s);
			sp_stream_resume(e->s);
		}
	}
	assert_true(e->eof);
	assert_int_equal(e->got, bytes);
	assert_false(e->bad);
	assert_int_equal(e->after_end, 0);
	stop(f);
}
EACH(pausing_at_every_turn_loses_nothing)

static void half_close_lets_the_other_direction_finish(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.to_send = 5000, .close_when_sent = true};

	f->model = (struct end){.to_send = 0};
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, f->accepted && f->server[0].eof && c.closed);
	assert_int_equal(c.err, 0);
	assert_int_equal(f->server[0].got, 5000);
	assert_false(f->server[0].closed);
	f->server[0].to_send = 100;
	pump(&f->server[0]);
	turns(f, 5);
	assert_false(f->server[0].closed);
	sp_stream_close(f->server[0].s);
	TURN_UNTIL(f, f->server[0].closed);
	assert_int_equal(f->server[0].err, 0);
	assert_int_equal(c.after_end + f->server[0].after_end, 0);
	stop(f);
}
EACH(half_close_lets_the_other_direction_finish)

static void close_sends_all_that_is_queued_first(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.close_on_eof = true};

	f->model.to_send = 200000;
	f->model.close_when_sent = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.closed && f->server[0].closed);
	assert_true(c.eof);
	assert_int_equal(c.got, 200000);
	assert_false(c.bad || c.err || f->server[0].err);
	stop(f);
}
EACH(close_sends_all_that_is_queued_first)

static void an_answer_before_the_request_ended_still_arrives(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.to_send = 4 << 20};

	f->model.to_send = 3000;
	f->model.close_when_sent = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.eof);
	assert_int_equal(c.got, 3000);
	TURN_UNTIL(f, sp_stream_queued(c.s) == 0);
	sp_stream_close(c.s);
	TURN_UNTIL(f, c.closed);
	assert_int_equal(c.err, 0);
	stop(f);
}
EACH(an_answer_before_the_request_ended_still_arrives)

static void abort_is_seen_by_the_peer_and_told_once(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {.to_send = 10};

	f->model.echo = true;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.got == 10);
	sp_stream_abort(c.s);
	assert_false(c.closed); // only in a turn
	TURN_UNTIL(f, c.closed && (f->server[0].closed || f->server[0].eof));
	assert_int_equal(c.err, 0);
	if (t != UNIX)
		assert_int_equal(f->server[0].err, -ECONNRESET);
	turns(f, 5);
	assert_int_equal(c.after_end + f->server[0].after_end, 0);
	stop(f);
}
EACH(abort_is_seen_by_the_peer_and_told_once)

static void an_abort_with_a_full_pipe_gives_its_blocks_back(enum transport t)
{
	struct sp_io_conf conf = usual;
	struct fixture *f;

	conf.blocks = 48;
	f = start(t, conf);
	f->model.pause_at = 1;
	for (unsigned round = 0; round < 20; round++) {
		struct end c = {.to_send = 16 << 20};

		assert_int_equal(dial(f, &c), 0);
		TURN_UNTIL(f, c.sent > 0 && f->accepted == round + 1);
		turns(f, 3);
		sp_stream_abort(c.s);
		if (f->server[round].s)
			sp_stream_abort(f->server[round].s);
		TURN_UNTIL(f, c.closed && f->server[round].closed);
	}
	turns(f, 3);
	{
		struct end c = {.to_send = 0};

		assert_int_equal(dial(f, &c), 0);
		TURN_UNTIL(f, c.connected);
		for (unsigned i = 0; i < 48; i++) {
			size_t room;

			assert_non_null(sp_stream_reserve(c.s, 16384, &room));
			sp_stream_commit(c.s, 16384);
		}
		assert_int_equal(sp_stream_send(c.s, "x", 1), -ENOBUFS);
		assert_int_equal(sp_io_stats(f->io)->tx_no_block, 1);
		sp_stream_abort(c.s);
		TURN_UNTIL(f, c.closed);
	}
	stop(f);
}
EACH(an_abort_with_a_full_pipe_gives_its_blocks_back)

static void a_full_pool_refuses_and_recovers(enum transport t)
{
	struct fixture *f = start(t, (struct sp_io_conf){.max_streams = 8, .blocks = 16, .recv_buffers = 8});
	struct end c[9] = {0};

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(dial(f, &c[i]), 0);
	TURN_UNTIL(f, f->accepted == 4 && c[3].connected);
	assert_int_equal(dial(f, &c[4]), -ENOBUFS);
	for (unsigned i = 0; i < 4; i++)
		sp_stream_close(f->server[i].s);
	TURN_UNTIL(f, f->server[0].closed && f->server[3].closed && c[0].eof && c[3].eof);
	for (unsigned i = 0; i < 4; i++)
		sp_stream_close(c[i].s);
	TURN_UNTIL(f, c[0].closed && c[1].closed && c[2].closed && c[3].closed);
	for (unsigned i = 5; i < 9; i++)
		assert_int_equal(dial(f, &c[i]), 0);
	TURN_UNTIL(f, f->accepted == 8);
	stop(f);
}
EACH(a_full_pool_refuses_and_recovers)

static void a_refused_connection_is_closed_without_callbacks(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {0}, d = {.to_send = 10};

	f->refuse = 1;
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.eof || c.closed);
	assert_int_equal(f->accepted, 0);
	f->model.echo = true;
	assert_int_equal(dial(f, &d), 0);
	TURN_UNTIL(f, d.got == 10);
	stop(f);
}
EACH(a_refused_connection_is_closed_without_callbacks)

static void nobody_listening_is_told_as_connect_error(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {0};

	sp_io_stop_accepting(f->io);
	if (t != MEM)
		close(f->listen_fd);
	turns(f, 2);
	assert_int_equal(dial(f, &c), 0);
	TURN_UNTIL(f, c.closed);
	assert_true(c.connected);
	assert_int_equal(c.connect_err, -ECONNREFUSED);
	assert_int_equal(c.err, -ECONNREFUSED);
	f->transport = MEM; // its descriptor is closed
	stop(f);
}
EACH(nobody_listening_is_told_as_connect_error)

static void a_connection_given_up_while_connecting_ends(enum transport t)
{
	struct fixture *f = start(t, usual);
	struct end c = {0}, d = {0};

	assert_int_equal(dial(f, &c), 0);
	assert_int_equal(dial(f, &d), 0);
	sp_stream_abort(c.s);
	sp_stream_close(d.s);
	TURN_UNTIL(f, c.closed && d.closed);
	assert_false(c.connected || d.connected);
	stop(f);
}
EACH(a_connection_given_up_while_connecting_ends)

static void two_thousand_connections_come_and_go(enum transport t)
{
	struct fixture *f = start(t, usual);
	static struct end c[2000];

	memset(c, 0, sizeof(c));
	f->model.echo = f->model.close_on_eof = true;
	for (unsigned i = 0; i < 2000; i += 20) {
		for (unsigned k = i; k < i + 20; k++) {
			c[k].to_send = 300;
			assert_int_equal(dial(f, &c[k]), 0);
		}
		for (unsigned k = i; k < i + 20; k++) {
			TURN_UNTIL(f, c[k].got == 300);
			if (k % 7)
				sp_stream_close(c[k].s);
			else
				sp_stream_abort(c[k].s);
		}
		TURN_UNTIL(f, c[i].closed && c[i + 19].closed);
	}
	TURN_UNTIL(f, f->server[1998].closed && f->server[1999].closed);
	turns(f, 10);
	for (unsigned i = 0; i < 2000; i++) {
		assert_true(c[i].closed && f->server[i].closed && c[i].err == 0);
		assert_false(c[i].bad || c[i].after_end || f->server[i].after_end);
	}
	stop(f);
}
EACH(two_thousand_connections_come_and_go)

static void watched(void *user)
{
	++*(unsigned *)user;
}

static void *write_later(void *arg)
{
	uint64_t one = 1;

	usleep(20000);
	assert_int_equal(write(*(int *)arg, &one, sizeof(one)), sizeof(one));
	return NULL;
}

static void an_eventfd_wakes_a_sleeping_turn_every_time(enum transport t)
{
	struct fixture *f = start(t, usual);
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unsigned woken = 0;

	assert_int_equal(sp_io_watch_event(f->io, efd, watched, &woken), 0);
	turn(f);
	assert_int_equal(woken, 0);
	for (unsigned i = 1; i <= 5; i++) {
		uint64_t before = sp_clock_boot_ns(), took;
		pthread_t th;

		assert_int_equal(pthread_create(&th, NULL, write_later, &efd), 0);
		assert_true(sp_io_turn(f->io, before, 5 * SP_NS_PER_SEC) > 0);
		took = sp_clock_boot_ns() - before;
		pthread_join(th, NULL);
		assert_int_equal(woken, i);
		assert_true(took >= 10 * SP_NS_PER_MS && took < 2 * SP_NS_PER_SEC);
	}
	stop(f);
	close(efd);
}
EACH(an_eventfd_wakes_a_sleeping_turn_every_time)

static void the_end_of_a_pipe_is_told_once(enum transport t)
{
	struct fixture *f = start(t, usual);
	unsigned hups = 0;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(sp_io_watch_hup(f->io, p[0], watched, &hups), 0);
	turns(f, 2);
	assert_int_equal(hups, 0);
	close(p[1]);
	TURN_UNTIL(f, hups == 1);
	turns(f, 3);
	assert_int_equal(hups, 1);
	stop(f);
	close(p[0]);
}
EACH(the_end_of_a_pipe_is_told_once)

static void a_peer_that_resets_mid_answer_is_an_error(void **state)
{
	struct fixture *f = start(TCP, usual);
	struct linger now = {.l_onoff = 1};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	f->model.to_send = 64 << 20;
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	TURN_UNTIL(f, f->accepted == 1);
	turns(f, 20);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
	TURN_UNTIL(f, f->server[0].closed);
	assert_true(f->server[0].err == -ECONNRESET || f->server[0].err == -EPIPE);
	turns(f, 3);
	assert_int_equal(f->server[0].after_end, 0);
	stop(f);
}

static void a_peer_that_never_closes_is_let_go_after_the_linger_time(void **state)
{
	struct fixture *f = start(TCP, usual);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t since;
	char b;

	(void)state;
	f->model.close_when_sent = true;
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	TURN_UNTIL(f, f->accepted == 1 && f->server[0].closed);
	assert_int_equal(read(fd, &b, 1), 0); // the FIN came
	since = sp_clock_boot_ns();
	TURN_UNTIL(f, send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	assert_true(sp_clock_boot_ns() - since > 500 * SP_NS_PER_MS);
	close(fd);
	stop(f);
}

static void receive_buffers_that_run_out_only_delay(void **state)
{
	struct fixture *f = start(TCP, (struct sp_io_conf){.max_streams = 64, .blocks = 1024, .recv_buffers = 4});
	static struct end c[20];

	(void)state;
	memset(c, 0, sizeof(c));
	for (unsigned i = 0; i < 20; i++) {
		c[i].to_send = 1 << 20;
		assert_int_equal(dial(f, &c[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++)
		TURN_UNTIL(f, f->accepted == 20 && f->server[i].got == 1 << 20);
	for (unsigned i = 0; i < 20; i++)
		assert_false(f->server[i].bad);
	assert_true(sp_io_stats(f->io)->rx_no_buffer > 0);
	stop(f);
}

static void paused_streams_cannot_starve_the_others(void **state)
{
	struct fixture *f = start(TCP, (struct sp_io_conf){.max_streams = 64, .blocks = 1024, .recv_buffers = 4});
	static struct end c[21];
	unsigned held = 0;

	(void)state;
	memset(c, 0, sizeof(c));
	f->model.pause_at = 1;
	for (unsigned i = 0; i < 20; i++) {
		c[i].to_send = 1 << 20;
		assert_int_equal(dial(f, &c[i]), 0);
	}
	TURN_UNTIL(f, f->accepted == 20);
	turns(f, 100);
	for (unsigned i = 0; i < 20; i++)
		held += f->server[i].s != NULL;
	assert_true(held > 0 && held <= 20);
	f->model = (struct end){.echo = true};
	c[20].to_send = 100000;
	assert_int_equal(dial(f, &c[20]), 0);
	TURN_UNTIL(f, c[20].got == 100000);
	for (unsigned i = 0; i < 20; i++) {
		struct end *e = &f->server[i];

		assert_int_equal(e->after_end, 0);
		if (!e->s) {
			assert_int_equal(e->err, -ENOBUFS);
			continue;
		}
		e->pause_at = 0;
		e->must_not_get = false;
		sp_stream_resume(e->s);
		TURN_UNTIL(f, e->got == 1 << 20);
		assert_false(e->bad);
	}
	stop(f);
}

static void running_out_of_descriptors_delays_accepting(void **state)
{
	struct fixture *f = start(TCP, usual);
	int fd = socket(AF_INET, SOCK_STREAM, 0), next = dup(fd);
	struct rlimit was, low;
	char b[4];

	(void)state;
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	turns(f, 20);
	assert_int_equal(f->accepted, 0);
	assert_true(sp_io_stats(f->io)->accept_errors > 0);
	assert_true(sp_io_stats(f->io)->accept_errors < 20); // it is retried now and then only
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	f->model.to_send = 4;
	// The kernel took that connection off the queue and dropped it, or kept it: a new one must work.
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	TURN_UNTIL(f, f->accepted >= 1 && recv(fd, b, 4, MSG_DONTWAIT | MSG_PEEK) == 4);
	close(fd);
	stop(f);
}

static void in_memory_chunks_are_as_small_as_asked(void **state)
{
	struct fixture *f = start(MEM, usual);
	struct end a = {.to_send = 3000}, b = {0};

	(void)state;
	sp_io_mem_chunk(f->io, 1);
	assert_int_equal(sp_io_mem_pair(f->io, &end_ops, &a, &end_ops, &b, &a.s, &b.s), 0);
	pump(&a);
	TURN_UNTIL(f, b.got == 3000);
	assert_false(b.bad);
	stop(f);
}

static void a_turn_without_waiting_returns_at_once(void **state)
{
	struct fixture *f = start(TCP, usual);
	uint64_t before;

	(void)state;
	turns(f, 2);
	before = sp_clock_boot_ns();
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(sp_io_turn(f->io, before, 0), 0);
	assert_true(sp_clock_boot_ns() - before < SP_NS_PER_SEC);
	stop(f);
}

static void nonsense_sizes_are_refused(void **state)
{
	struct sp_io *io = NULL;

	(void)state;
	assert_int_equal(sp_io_uring_new(&(struct sp_io_conf){0}, &io), -EINVAL);
	assert_int_equal(sp_io_mem_new(&(struct sp_io_conf){.max_streams = 1}, &io), -EINVAL);
	assert_null(io);
}

#define ON_EACH(name)                                                                              \
	cmocka_unit_test(name##_mem), cmocka_unit_test(name##_tcp), cmocka_unit_test(name##_unix)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(an_echo_comes_back_whole),
		ON_EACH(large_transfers_both_ways_lose_nothing),
		ON_EACH(a_slow_reader_holds_the_sender_back),
		ON_EACH(pausing_at_every_turn_loses_nothing),
		ON_EACH(half_close_lets_the_other_direction_finish),
		ON_EACH(close_sends_all_that_is_queued_first),
		ON_EACH(an_answer_before_the_request_ended_still_arrives),
		ON_EACH(abort_is_seen_by_the_peer_and_told_once),
		ON_EACH(an_abort_with_a_full_pipe_gives_its_blocks_back),
		ON_EACH(a_full_pool_refuses_and_recovers),
		ON_EACH(a_refused_connection_is_closed_without_callbacks),
		ON_EACH(nobody_listening_is_told_as_connect_error),
		ON_EACH(a_connection_given_up_while_connecting_ends),
		ON_EACH(two_thousand_connections_come_and_go),
		ON_EACH(an_eventfd_wakes_a_sleeping_turn_every_time),
		ON_EACH(the_end_of_a_pipe_is_told_once),
		cmocka_unit_test(a_peer_that_resets_mid_answer_is_an_error),
		cmocka_unit_test(a_peer_that_never_closes_is_let_go_after_the_linger_time),
		cmocka_unit_test(receive_buffers_that_run_out_only_delay),
		cmocka_unit_test(paused_streams_cannot_starve_the_others),
		cmocka_unit_test(running_out_of_descriptors_delays_accepting),
		cmocka_unit_test(in_memory_chunks_are_as_small_as_asked),
		cmocka_unit_test(a_turn_without_waiting_returns_at_once),
		cmocka_unit_test(nonsense_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
