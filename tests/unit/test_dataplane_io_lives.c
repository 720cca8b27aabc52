/// Streams that come, go, break and run out of something.
#include "tests/unit/fixture_io.h"

#include <dirent.h>
#include "common/banned.h"

static void a_full_pool_refuses_and_recovers(enum transport t)
{
	struct fixture *f =
		start(t, (struct sp_io_conf){.max_streams = 8, .blocks = 16, .recv_buffers = 8});
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
	if (t != MEM && t != LWIP)
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

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*seed * n >> 32);
}

static void random_act(struct end *e, uint32_t *seed)
{
	if (!e->s || (!e->connected && e->to_send))
		return;
	switch (random_below(seed, 12)) {
	case 0:
		sp_stream_close(e->s);
		e->must_not_get = true;
		e->s = NULL;
		break;
	case 1:
		sp_stream_abort(e->s);
		e->must_not_get = true;
		e->s = NULL;
		break;
	case 2:
	case 3:
	case 4:
		sp_stream_pause(e->s);
		e->must_not_get = true;
		break;
	default:
		sp_stream_resume(e->s);
		e->must_not_get = false;
		pump(e);
	}
}

static void random_lives_stay_apart_and_leave_nothing_behind(enum transport t)
{
	struct sp_io_conf conf = {.max_streams = 48, .blocks = 1024, .recv_buffers = 32};
	static struct end c[ENDS_MAX];
	struct fixture *f = start(t, conf);
	uint32_t seed = 7, dialled = 0, refused = 0;
	size_t room;

	memset(c, 0, sizeof(c));
	f->model.to_send = 200000;
	for (unsigned i = 0; i < 6000 && dialled < 1000; i++) {
		struct end *e = &c[dialled];

		e->to_send = random_below(&seed, 400000) + 1;
		if (random_below(&seed, 3) == 0 && dial(f, e) == 0)
			dialled++;
		for (unsigned k = 0; k < 8 && dialled; k++) {
			unsigned back = random_below(&seed, sp_min(dialled, 40u)) + 1;

			random_act(&c[dialled - back], &seed);
			if (f->accepted >= back)
				random_act(&f->server[f->accepted - back], &seed);
		}
		assert_true(sp_io_turn(f->io, sp_clock_boot_ns(), 0) >= 0);
	}
	assert_true(dialled > 200);
	for (unsigned i = 0; i < dialled; i++)
		if (c[i].s)
			sp_stream_abort(c[i].s);
	for (unsigned i = 0; i < f->accepted; i++)
		if (f->server[i].s)
			sp_stream_abort(f->server[i].s);
	for (unsigned i = 0; i < dialled; i++) {
		TURN_UNTIL(f, c[i].closed);
		assert_false(c[i].bad || c[i].after_end);
		refused += c[i].connect_err != 0;
	}
	for (unsigned i = 0; i < f->accepted; i++) {
		TURN_UNTIL(f, f->server[i].closed);
		assert_false(f->server[i].bad || f->server[i].after_end);
	}
	assert_true(t != TCP || refused == 0);
	sp_io_stop_accepting(f->io);
	turns(f, 3);
	memset(c, 0, sizeof(c));
	for (unsigned i = 0; i < conf.max_streams; i++)
		assert_int_equal(dial(f, &c[i]), 0);
	assert_int_equal(dial(f, &c[48]), -ENOBUFS);
	for (unsigned i = 0; i < conf.blocks; i++) {
		assert_non_null(sp_stream_reserve(c[0].s, 16384, &room));
		sp_stream_commit(c[0].s, 16384);
	}
	stop(f);
}
EACH(random_lives_stay_apart_and_leave_nothing_behind)

static void watched(void *user)
{
	++*(unsigned *)user;
}

#ifndef OVER_LWIP
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
		assert_true(sp_io_turn(f->io, before, 60 * SP_NS_PER_SEC) > 0);
		took = sp_clock_boot_ns() - before;
		pthread_join(th, NULL);
		assert_int_equal(woken, i);
		assert_true(took >= 10 * SP_NS_PER_MS && took < 30 * SP_NS_PER_SEC);
	}
	stop(f);
	close(efd);
}
EACH(an_eventfd_wakes_a_sleeping_turn_every_time)
#endif

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

#ifndef OVER_LWIP
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

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/// A unix socket is reset by closing it with something unread, one of TCP by its linger time of nothing.
static void reset_by_peer(struct fixture *f, bool while_closing)
{
	struct linger now = {.l_onoff = 1};
	struct end *e = &f->server[f->accepted];
	int fd = socket(f->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned n = f->accepted;
	char b;

	f->model.to_send = 10;
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	TURN_UNTIL(f, f->accepted == n + 1 && recv(fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	if (while_closing) {
		sp_stream_close(e->s);
		TURN_UNTIL(f, e->closed);
	}
	if (f->transport == TCP)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
	TURN_UNTIL(f, e->closed);
	assert_int_equal(e->err, while_closing ? 0 : -ECONNRESET);
	turns(f, 2);
	assert_int_equal(e->after_end, 0);
}

static void peers_that_reset_leave_room_and_descriptors_for_others(enum transport t)
{
	struct fixture *f = start(t, (struct sp_io_conf){.max_streams = 4, .blocks = 16, .recv_buffers = 8});
	unsigned before;

	reset_by_peer(f, false); // what is opened once is open now
	before = descriptors();
	for (unsigned i = 0; i < 20; i++)
		reset_by_peer(f, i & 1);
	TURN_UNTIL(f, descriptors() == before);
	stop(f);
}

static void peers_that_reset_leave_room_and_descriptors_for_others_tcp(void **state)
{
	(void)state;
	peers_that_reset_leave_room_and_descriptors_for_others(TCP);
}

static void peers_that_reset_leave_room_and_descriptors_for_others_unix(void **state)
{
	(void)state;
	peers_that_reset_leave_room_and_descriptors_for_others(UNIX);
}

static void a_peer_that_never_closes_is_let_go_after_the_linger_time(void **state)
{
	struct fixture *f = start(TCP, usual);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t before = sp_clock_boot_ns();
	char b;

	(void)state;
	f->model.close_when_sent = true;
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	TURN_UNTIL(f, f->accepted == 1 && f->server[0].closed);
	assert_int_equal(read(fd, &b, 1), 0); // the FIN came
	for (unsigned i = 0; i < 20; i++) {
		turns_at(f, 1, before + 900 * SP_NS_PER_MS);
		assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	}
	TURN_UNTIL(f, send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	close(fd);
	stop(f);
}

static void receive_buffers_that_run_out_only_delay(void **state)
{
	struct fixture *f = start(
		TCP, (struct sp_io_conf){.max_streams = 64, .blocks = 1024, .recv_buffers = 4});
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
	struct fixture *f = start(
		TCP, (struct sp_io_conf){.max_streams = 64, .blocks = 1024, .recv_buffers = 4});
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
	uint64_t now = sp_clock_boot_ns(), end = now + 30 * SP_NS_PER_SEC;
	struct rlimit was, low;
	char b[4];

	(void)state;
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&f->addr, f->addr_len), 0);
	while (!sp_io_stats(f->io)->accept_errors && sp_clock_boot_ns() < end)
		turns_at(f, 1, now);
	turns_at(f, 20, now + 9 * SP_NS_PER_MS);
	assert_int_equal(sp_io_stats(f->io)->accept_errors, 1);
	turns_at(f, 20, now + 10 * SP_NS_PER_MS); // it is retried now and then only
	assert_int_equal(sp_io_stats(f->io)->accept_errors, 2);
	assert_int_equal(f->accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	f->model.to_send = 4;
	// The kernel took that connection off the queue and dropped it, or kept it: a new one must
	// work.
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
	for (unsigned i = 0; i < 30000; i++)
		assert_int_equal(sp_io_turn(f->io, before, 0), 0);
	assert_true(sp_clock_boot_ns() - before < 20 * SP_NS_PER_SEC); // a millisecond each were thirty
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

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(a_full_pool_refuses_and_recovers),
		ON_EACH(a_refused_connection_is_closed_without_callbacks),
		ON_EACH(nobody_listening_is_told_as_connect_error),
		ON_EACH(a_connection_given_up_while_connecting_ends),
		ON_EACH(two_thousand_connections_come_and_go),
		ON_EACH(random_lives_stay_apart_and_leave_nothing_behind),
#ifndef OVER_LWIP
		ON_EACH(an_eventfd_wakes_a_sleeping_turn_every_time),
#endif
		ON_EACH(the_end_of_a_pipe_is_told_once),
#ifndef OVER_LWIP
		cmocka_unit_test(a_peer_that_resets_mid_answer_is_an_error),
		cmocka_unit_test(peers_that_reset_leave_room_and_descriptors_for_others_tcp),
		cmocka_unit_test(peers_that_reset_leave_room_and_descriptors_for_others_unix),
		cmocka_unit_test(a_peer_that_never_closes_is_let_go_after_the_linger_time),
		cmocka_unit_test(receive_buffers_that_run_out_only_delay),
		cmocka_unit_test(paused_streams_cannot_starve_the_others),
		cmocka_unit_test(running_out_of_descriptors_delays_accepting),
		cmocka_unit_test(in_memory_chunks_are_as_small_as_asked),
		cmocka_unit_test(a_turn_without_waiting_returns_at_once),
		cmocka_unit_test(nonsense_sizes_are_refused),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
