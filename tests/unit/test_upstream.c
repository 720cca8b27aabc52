/// What the upstream room does when all goes well.
#include "tests/support/upstream_run.h"

#include <malloc.h>
#include <sys/un.h>
#include "common/banned.h"

static struct client k;
static struct call a, b;

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
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	pass_ms(&k, 3000);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	pass_ms(&k, 4999); // of 5 s since its last use
	turns(&k, 20);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	pass_ms(&k, 1);
	TURN_UNTIL(&k, sp_upstreams_open(k.u) == 0);
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
		step(s);
		say(fd, "the end");
	} else if (nth == 1) {
		say(fd, "HTTP/1.1 200 OK\r\nTransfer-Enc");
		step(s);
		say(fd, "oding: chunked\r\n\r\n3\r\nabc\r");
		step(s);
		say(fd, "\n2;x\r\nde\r\n0\r\n\r\n");
		if (read_request(s, fd))
			say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
	} else if (nth == 2) {
		say(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 10");
		step(s);
		say(fd, "3 Early\r\nLink: x\r\n\r\n" OK("last", "4"));
	} else {
		say(fd, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\none");
	}
	while (nth == 2 && read_request(s, fd))
		say(fd, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

/// What was said before a step is read before the next one.
static void finish_step_by_step(struct server *s, const struct call *c)
{
	while (!c->done && !c->failed) {
		TURN_UNTIL(&k, c->done || c->failed || s->asked > s->allowed);
		turns(&k, 3);
		let_go_on(s, s->asked - s->allowed);
	}
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
		finish_step_by_step(&s, &a);
		expect_ok(&k, &a, rows[i].body);
		assert_int_equal(s.accepted, rows[i].accepted);
		TURN_UNTIL(&k, sp_upstreams_open(k.u) == rows[i].open);
	}
	client_free(&k);
	server_stop(&s);
}

#define EVENTS "data: x\n\ndata: x\n\ndata: x\n\ndata: x\n\n"

/// Steps: four events and the end.
static void stream_in_steps(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd)) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
			"chunked\r\n\r\n");
		for (int i = 0; i < 4; i++) {
			step(s);
			say(fd, "9\r\ndata: x\n\n\r\n");
		}
		step(s);
		say(fd, "0\r\n\r\n");
	}
}

static void events_are_passed_on_as_they_come(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_in_steps);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	TURN_UNTIL(&k, a.heads == 1);
	for (unsigned i = 1; i <= 4; i++) { // the server says the next one when we have this one
		let_go_on(&s, 1);
		TURN_UNTIL(&k, a.pieces == i);
	}
	assert_false(a.done);
	let_go_on(&s, 1);
	expect_ok(&k, &a, EVENTS);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	client_free(&k);
	server_stop(&s);
}

static void cancelling_a_stream_closes_its_connection_and_nothing_is_called(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_in_steps);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	a.cancel_in_body = true;
	let_go_on(&s, 1);
	TURN_UNTIL(&k, a.pieces > 0 && sp_upstreams_open(k.u) == 0);
	let_go_on(&s, 4);
	TURN_UNTIL(&k, s.served == 1); // it has said all
	assert_true(a.pieces == 1 && !a.done && !a.failed);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	b.cancel_in_head = true;
	let_go_on(&s, 5);
	TURN_UNTIL(&k, b.heads > 0 && sp_upstreams_open(k.u) == 0 && s.served == 2);
	assert_true(b.heads == 1 && b.pieces == 0 && !b.done && !b.failed);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	sp_exchange_cancel(b.x); // before it is connected
	let_go_on(&s, 5);
	TURN_UNTIL(&k, sp_upstreams_open(k.u) == 0);
	turns(&k, 20);
	assert_true(!b.heads && !b.failed);
	client_free(&k);
	server_stop(&s);
}

static void a_paused_answer_stops_and_resumes(void **state)
{
	struct server s;
	struct sp_snap_in_upstream up;

	(void)state;
	server_start(&s, stream_in_steps);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	sp_exchange_pause(a.x);
	let_go_on(&s, 4);
	TURN_UNTIL(&k, s.asked == 5); // all but the end is said
	turns(&k, 20);
	assert_int_equal(a.heads, 0);
	sp_exchange_resume(a.x);
	TURN_UNTIL(&k, a.n == strlen(EVENTS));
	let_go_on(&s, 1);
	expect_ok(&k, &a, EVENTS);
	client_free(&k);
	server_stop(&s);
}

static void answer_in_steps(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (read_request(s, fd)) {
		step(s);
		say(fd, OK("fine", "4"));
	}
}

static void over_the_limit_requests_wait_in_order_and_then_are_refused(void **state)
{
	static struct call calls[6];
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_in_steps);
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
		let_go_on(&s, 1);
		expect_ok(&k, &calls[i], "fine");
		for (int j = i + 1; j < 5; j++)
			assert_false(calls[j].done);
	}
	assert_false(calls[2].heads);
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.requests, 4);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	assert_int_equal(start(&k, &b, REQ, false, 10), 0); // waits longer than it may
	pass_ms(&k, 9);
	assert_false(b.failed);
	pass_ms(&k, 1);
	expect_failed(&k, &b, SP_REASON_UPSTREAM_TIMEOUT, false);
	let_go_on(&s, 1);
	expect_ok(&k, &a, "fine");
	client_free(&k);
	server_stop(&s);
}

static void one_upstream_leaves_a_quarter_of_the_calls_to_others(void **state)
{
	static struct call calls[25]; // of 32
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_each);
	up = upstream_at(s.port);
	up.max_connections = 8;
	client_new(&k, &up);
	for (int i = 0; i < 24; i++)
		assert_int_equal(start(&k, &calls[i], REQ, false, 0), 0);
	assert_int_equal(start(&k, &calls[24], REQ, false, 0), SP_REASON_OVERLOAD);
	sp_exchange_cancel(calls[23].x);
	assert_int_equal(start(&k, &calls[24], REQ, false, 0), 0);
	expect_ok(&k, &calls[24], "fine");
	client_free(&k);
	server_stop(&s);
}

/// Reads whole bodies of any length and answers with how many bytes were 'x'.
static void count_body(struct server *s, int fd, unsigned nth)
{
	size_t n = 0, want = SIZE_MAX, xs = 0;

	(void)nth;
	while (n < want) {
		ssize_t r = recv(fd, s->last, sizeof(s->last) - 1, 0);
		const char *end;

		if (r <= 0)
			return;
		s->last[r] = 0;
		end = n ? NULL : strstr(s->last, "\r\n\r\n");
		if (end)
			want = (size_t)(end + 4 - s->last) +
			       strtoul(strstr(s->last, "Content-Length: ") + 16, NULL, 10);
		n += (size_t)r;
		for (const char *p = end ? end + 4 : s->last; p < s->last + r; p++)
			xs += *p == 'x';
		if (n == want) {
			char text[128], count[32];
			int digits = snprintf(count, sizeof(count), "%zu", xs);

			snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", digits,
				count);
			say(fd, text);
			n = xs = 0;
			want = SIZE_MAX;
		}
	}
}

static void long_requests_arrive_whole_on_cold_and_warm_connections(void **state)
{
	static char body[300000];
	static const size_t lens[] = {1, 3000, 9000, 16000, 20000, sizeof(body)};
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	memset(body, 'x', sizeof(body));
	server_start(&s, count_body);
	up = upstream_at(s.port);
	client_new(&k, &up);
	for (size_t i = 0; i < 2 * SP_ARRAY_LEN(lens); i++) {
		size_t n = lens[i / 2];
		char want[32];

		snprintf(want, sizeof(want), "%zu", n);
		assert_int_equal(start(&k, &a, sp_bytes(body, n), i & 1, 0), 0);
		expect_ok(&k, &a, want);
	}
	client_free(&k);
	server_stop(&s);
}

static void when_connections_run_out_the_longest_idle_one_makes_room(void **state)
{
	static struct call calls[8];
	struct sp_snap_in_upstream two[2];
	struct server s, other;

	(void)state;
	server_start(&s, answer_in_steps);
	server_start(&other, answer_each);
	two[0] = upstream_at(s.port);
	two[0].max_connections = 8;
	two[1] = upstream_at(other.port);
	two[1].name = SP_LIT("other");
	client_new(&k, &two[0]);
	take_up(&k, two, 2);
	for (int i = 0; i < 8; i++) // the server takes one at a time
		assert_int_equal(start(&k, &calls[i], REQ, false, 300), 0);
	assert_int_equal(sp_upstreams_open(k.u), 8);
	let_go_on(&s, 1);
	expect_ok(&k, &calls[0], "fine");
	assert_int_equal(start_at(&k, 1, &a, REQ, false, 0), 0); // waits for the idle one to close
	assert_int_equal(sp_upstreams_open(k.u), 8);
	expect_ok(&k, &a, "fine");
	pass_ms(&k, 300);
	for (int i = 1; i < 8; i++)
		expect_failed(&k, &calls[i], SP_REASON_UPSTREAM_TIMEOUT, true);
	client_free(&k);
	server_stop(&s);
	server_stop(&other);
}

static void a_warm_exchange_allocates_nothing(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;
	size_t before;

	(void)state;
	server_start(&s, answer_each);
	up = upstream_at(s.port);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_ok(&k, &a, "fine");
	before = mallinfo2().uordblks;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(start(&k, &a, REQ, i & 1, 0), 0);
		expect_ok(&k, &a, "fine");
	}
	assert_int_equal(mallinfo2().uordblks, before);
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
	server_start(&other, stream_in_steps);
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
	TURN_UNTIL(&k, b.heads == 1);
	take_up(&k, NULL, 0); // both gone: the idle one closes, the busy one finishes
	TURN_UNTIL(&k, sp_upstreams_open(k.u) == 1);
	let_go_on(&other, 5);
	expect_ok(&k, &b, EVENTS);
	TURN_UNTIL(&k, sp_upstreams_open(k.u) == 0);
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
		cmocka_unit_test(over_the_limit_requests_wait_in_order_and_then_are_refused),
		cmocka_unit_test(one_upstream_leaves_a_quarter_of_the_calls_to_others),
		cmocka_unit_test(long_requests_arrive_whole_on_cold_and_warm_connections),
		cmocka_unit_test(when_connections_run_out_the_longest_idle_one_makes_room),
		cmocka_unit_test(a_warm_exchange_allocates_nothing),
		cmocka_unit_test(a_unix_socket_serves_as_well),
		cmocka_unit_test(pools_outlive_a_snapshot_that_keeps_them_and_drain_when_it_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
