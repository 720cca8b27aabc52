/// The same behaviour from every transport: memory, loopback TCP and unix sockets over io_uring.
#include "tests/support/congestion.h"
#include "tests/unit/fixture_io.h"
#include "common/banned.h"

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
			htonl(t == LWIP ? 0x0a090001 : INADDR_LOOPBACK));
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
	TURN_UNTIL(f, c.drained > 0 && f->server[0].drained > 0);
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

#ifndef OVER_LWIP
/// How many ends of connections within this host there are in this process; one that is paced fails the test.
static unsigned unpaced_ends(void)
{
	unsigned n = 0;

	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in peer;
		socklen_t peer_len = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0 || peer.sin_family != AF_INET)
			continue;
		assert_true(congestion_plain(fd));
		n++;
	}
	return n;
}

/// A socket that would be paced, at a port of this address; skips the test when the system has nothing that paces.
static int paced_listener(uint32_t address, struct sockaddr_in *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (!congestion_another(fd)) {
		close(fd);
		print_message("skipped: no other congestion control\n");
		skip();
	}
	assert_int_equal(bind(fd, (void *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (void *)&in, &n), 0);
	assert_int_equal(listen(fd, 8), 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret = in;
	return fd;
}

static void neither_end_within_this_host_is_paced(uint32_t listen_at, bool listener_is)
{
	struct sockaddr_in at;
	int fd = paced_listener(listen_at, &at);
	struct fixture *f = start(TCP, usual);
	struct end c = {0};

	assert_int_equal(sp_io_listen(f->io, fd, accepted, f), 0);
	assert_int_equal(congestion_plain(fd), !listener_is);
	assert_int_equal(sp_io_connect(f->io, (void *)&at, sizeof(at), &end_ops, &c, &c.s), 0);
	TURN_UNTIL(f, c.connected && f->accepted == 1);
	assert_int_equal(unpaced_ends(), 2);
	stop(f);
	close(fd);
}

static void what_a_listener_on_loopback_accepts_is_born_unpaced(void **state)
{
	(void)state;
	neither_end_within_this_host_is_paced(INADDR_LOOPBACK, false);
}

/// It accepts from elsewhere too, where pacing is right.
static void a_listener_for_all_addresses_looks_at_each_peer(void **state)
{
	(void)state;
	neither_end_within_this_host_is_paced(INADDR_ANY, true);
}
#endif

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
#ifndef OVER_LWIP
		cmocka_unit_test(what_a_listener_on_loopback_accepts_is_born_unpaced),
		cmocka_unit_test(a_listener_for_all_addresses_looks_at_each_peer),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
