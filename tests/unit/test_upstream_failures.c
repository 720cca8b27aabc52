/// What the upstream room does when the other side is slow, gone or wrong.
#include "tests/support/upstream_run.h"

#include <netinet/tcp.h>
#include "common/banned.h"

static struct client k;
static struct call a, b;

static void never_answer(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd))
		continue;
}

static void fails_after_ms(unsigned ms, enum sp_reason why, bool sent)
{
	pass_ms(&k, ms - 1);
	turns(&k, 5);
	assert_false(a.done || a.failed);
	pass_ms(&k, 1);
	expect_failed(&k, &a, why, sent);
}

static void a_slow_upstream_meets_the_deadline(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, never_answer);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 60), 0);
	TURN_UNTIL(&k, s.requests == 1);
	fails_after_ms(60, SP_REASON_UPSTREAM_TIMEOUT, true);
	assert_int_equal(start(&k, &a, REQ, true, 60), 0);
	TURN_UNTIL(&k, s.requests == 2);
	sp_exchange_deadline(a.x, k.now + 160 * SP_NS_PER_MS);
	fails_after_ms(160, SP_REASON_UPSTREAM_TIMEOUT, true);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	TURN_UNTIL(&k, s.requests == 3);
	fails_after_ms(2000, SP_REASON_UPSTREAM_TIMEOUT, true); // response_ns
	TURN_UNTIL(&k, sp_upstreams_open(k.u) == 0);
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
	TURN_UNTIL(&k, k.stat[SP_STAT_UP_CONNECTS] == 2);
	sp_exchange_cancel(b.x);
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 1);
	client_free(&k);
	server_stop(&s);
}

static bool queue_is_full(int listener)
{
	struct tcp_info i;
	socklen_t n = sizeof(i);

	assert_int_equal(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &i, &n), 0);
	return i.tcpi_unacked > i.tcpi_sacked; // of a listener: how many wait, and how many may
}

static void an_address_that_does_not_answer_is_left_after_the_connect_deadline(void **state)
{
	// A listener whose queue is full drops the handshake.
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sp_snap_in_upstream up;
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[8];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)&in, n);
	}
	while (!queue_is_full(fd))
		nap_ms(1);
	up = upstream_at(ntohs(in.sin_port));
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	turn(&k);
	fails_after_ms(500, SP_REASON_UPSTREAM_CONNECT, false);
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
	pass_ms(&k, 99);
	assert_int_equal(start(&k, &a, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	pass_ms(&k, 1);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0); // the probe
	assert_int_equal(start(&k, &b, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(start(&k, &a, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	pass_ms(&k, 99);
	assert_int_equal(start(&k, &a, REQ, true, 0), SP_REASON_BREAKER_OPEN);
	pass_ms(&k, 1);
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
		step(s);
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
	assert_int_equal(k.stat[SP_STAT_UP_STRAY], 1);
	let_go_on(&s, 1);
	TURN_UNTIL(&k, k.stat[SP_STAT_UP_STRAY] == 2 && sp_upstreams_open(k.u) == 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_upstream_meets_the_deadline),
		cmocka_unit_test(a_refused_connection_tries_the_next_address_and_then_fails_unsent),
		cmocka_unit_test(an_address_that_does_not_answer_is_left_after_the_connect_deadline),
		cmocka_unit_test(the_breaker_opens_lets_one_probe_through_and_closes_again),
		cmocka_unit_test(bytes_behind_an_answer_close_the_connection_and_reach_nobody),
		cmocka_unit_test(answers_cut_short_or_malformed_fail_as_sent),
		cmocka_unit_test(a_warm_connection_found_dead_is_retried_once_if_the_request_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
