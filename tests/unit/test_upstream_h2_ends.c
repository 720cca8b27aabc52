/// What ends an HTTP/2 connection or a call on it, over streams in memory: GOAWAY, resets, losses, limits of the
/// peer; and what is sent again.
#include "tests/support/h2_calls.h"

#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

static struct call b;

static unsigned refusals;
static void serve_refusals(struct peer *p, int32_t id)
{
	if (refusals) {
		refusals--;
		nghttp2_submit_rst_stream(p->session, 0, id, NGHTTP2_REFUSED_STREAM);
	} else {
		peer_fine(p, id);
	}
}
static void a_refused_stream_is_sent_again_once_also_when_not_idempotent(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_refusals);
	refusals = 1;
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 1);
	refusals = 2;
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, false);
	assert_int_equal(lab.n, 1);
	lab_end(&k);
}

/// The first connection takes two requests of four and says so.
static void serve_leaving(struct peer *p, int32_t id)
{
	if (p == &lab.peer[0] && p->requests == 2)
		nghttp2_submit_goaway(p->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
	if (p == &lab.peer[0] && p->requests > 2)
		return;
	peer_fine(p, id);
}
static void goaway_in_mid_flight_loses_no_call(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_leaving);
	start_many(4, false);
	all_fine(4);
	assert_int_equal(lab.n, 2);
	assert_int_equal(k.stat[SP_STAT_UP_RETRIES], 2);
	turns(&k, 30);
	assert_int_equal(sp_upstreams_open(k.u), 1); // the one that was left is closed
	assert_true(lab.peer[0].ended);
	start_many(4, false);
	all_fine(4);
	assert_int_equal(lab.n, 2);
	lab_end(&k);
}

static void serve_reset(struct peer *p, int32_t id)
{
	nghttp2_submit_rst_stream(p->session, 0, id, NGHTTP2_INTERNAL_ERROR);
}
static void a_stream_reset_by_the_peer_may_have_been_acted_on(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_reset);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	lab.serve = peer_fine;
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	expect_ok(&k, &b, "fine");
	assert_int_equal(lab.n, 1);
	lab_end(&k);
}

static void serve_then_die(struct peer *p, int32_t id)
{
	if (p == &lab.peer[0] && p->requests > 1)
		sp_stream_abort(p->stream);
	else
		peer_fine(p, id);
}
static void a_lost_connection_fails_what_may_not_be_repeated(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_then_die);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	expect_failed(&k, &b, SP_REASON_UPSTREAM_CLOSED, true);
	expect_ok(&k, &a, "fine");
	assert_int_equal(lab.n, 2);
	lab_end(&k);
}

/// One answer, then eight calls on each connection, and it is lost.
static void serve_one_and_die_of_eight(struct peer *p, int32_t id)
{
	bool first = p == &lab.peer[0];

	if (first && p->requests == 1)
		peer_fine(p, id);
	else if (p->requests == (first ? 9 : 8))
		sp_stream_abort(p->stream);
}
static void a_lost_connection_is_one_failure_however_many_calls_it_carried(void **state)
{
	struct sp_snap_in_upstream up;

	(void)state;
	lab_begin(&k, 16384, serve_one_and_die_of_eight);
	up = lab_upstream();
	up.breaker_failures = 2;
	take_up(&k, &up, 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	for (unsigned lost = 0; lost < 2; lost++) {
		assert_int_equal(k.stat[SP_STAT_BREAKER_OPENED], 0);
		start_many(8, false);
		for (size_t i = 0; i < 8; i++)
			expect_failed(&k, &many[i], SP_REASON_UPSTREAM_CLOSED, true);
	}
	assert_int_equal(k.stat[SP_STAT_BREAKER_OPENED], 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), SP_REASON_BREAKER_OPEN);
	lab_end(&k);
}

/// One answer, one call without, then resets; another connection is lost with its second call.
static void serve_resets_and_die_of_two(struct peer *p, int32_t id)
{
	bool first = p == &lab.peer[0];

	if (first && p->requests == 1)
		peer_fine(p, id);
	else if (first && p->requests > 2)
		nghttp2_submit_rst_stream(p->session, 0, id, NGHTTP2_INTERNAL_ERROR);
	else if (!first && p->requests == 2)
		sp_stream_abort(p->stream);
}
/// An older call that is sent again joins the probe on its connection, and its loss is the one that counts.
static void a_probe_that_is_lost_with_another_call_keeps_the_breaker_open(void **state)
{
	struct sp_snap_in_upstream up;
	struct peer *first = &lab.peer[0];

	(void)state;
	lab_begin(&k, 16384, serve_resets_and_die_of_two);
	up = lab_upstream();
	up.breaker_failures = 2;
	up.breaker_open_ns = SP_NS_PER_SEC;
	take_up(&k, &up, 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	start_many(2, false);
	for (size_t i = 0; i < 2; i++)
		expect_failed(&k, &many[i], SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(k.stat[SP_STAT_BREAKER_OPENED], 1);
	nghttp2_submit_goaway(first->session, 0, 7, NGHTTP2_NO_ERROR, NULL, 0);
	peer_flush(first);
	turns(&k, 1100);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0); // the probe
	while (lab.n < 2 || lab.peer[1].requests < 1)
		turn(&k);
	sp_stream_abort(first->stream);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	expect_failed(&k, &b, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(lab.peer[1].requests, 2);
	assert_int_equal(start(&k, &a, REQ, false, 0), SP_REASON_BREAKER_OPEN);
	lab_end(&k);
}

static void serve_die_then_refuse(struct peer *p, int32_t id)
{
	if (p == &lab.peer[0])
		serve_then_die(p, id);
	else
		nghttp2_submit_rst_stream(p->session, 0, id, NGHTTP2_REFUSED_STREAM);
}
static void what_was_sent_before_a_refusal_stays_in_doubt(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_die_then_refuse);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(lab.n, 2);
	lab_end(&k);
}

/// The first connection leaves with a call on it that goes on.
static void serve_one_and_leave(struct peer *p, int32_t id)
{
	if (p == &lab.peer[0])
		nghttp2_submit_goaway(p->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
	else
		peer_fine(p, id);
}
static void who_waits_does_not_wait_for_a_connection_that_leaves(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_one_and_leave);
	lab.max_streams = 1;
	start_many(4, false);
	for (size_t i = 1; i < 4; i++)
		expect_ok(&k, &many[i], "fine");
	assert_false(many[0].done || many[0].failed);
	assert_false(lab.peer[0].ended);
	peer_answer(&lab.peer[0], 1, "fine");
	peer_flush(&lab.peer[0]);
	all_fine(1);
	lab_end(&k);
}

static void one_connection(void)
{
	struct sp_snap_in_upstream up = lab_upstream();

	up.max_connections = 1;
	take_up(&k, &up, 1);
}

static void a_connection_that_leaves_is_replaced_though_there_may_be_but_one(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_one_and_leave);
	one_connection();
	start_many(1, false);
	turns(&k, 30);
	assert_int_equal(lab.peer[0].requests, 1);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(lab.n, 2);
	assert_false(lab.peer[0].ended);
	peer_answer(&lab.peer[0], 1, "fine");
	peer_flush(&lab.peer[0]);
	all_fine(1);
	lab_end(&k);
}

static void a_connection_that_has_given_its_last_stream_is_replaced(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	lab.max_streams = 2; // the third finds no stream: it would wait for one of these two
	one_connection();
	start_many(1, false);
	turns(&k, 30);
	assert_int_equal(nghttp2_session_set_next_stream_id(many[0].x->conn->h2->session, INT32_MAX), 0);
	assert_int_equal(start(&k, &many[1], REQ, false, 0), 0);
	assert_int_equal(start(&k, &many[2], REQ, false, 0), 0);
	turns(&k, 30);
	assert_int_equal(lab.n, 2);
	assert_int_equal(lab.peer[0].requests, 2);
	assert_int_equal(lab.peer[0].last_id, INT32_MAX);
	peer_answer(&lab.peer[0], 1, "fine");
	peer_answer(&lab.peer[0], INT32_MAX, "fine");
	peer_answer(&lab.peer[1], 1, "fine");
	peer_flush(&lab.peer[0]);
	peer_flush(&lab.peer[1]);
	all_fine(3);
	turns(&k, 30);
	assert_true(lab.peer[0].ended);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	lab_end(&k);
}

static void serve_and_leave(struct peer *p, int32_t id)
{
	nghttp2_submit_goaway(p->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
}
static void a_server_that_always_leaves_gets_one_more_connection_and_no_third(void **state)
{
	(void)state;
	lab_begin(&k, 16384, serve_and_leave);
	one_connection();
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(start(&k, &many[i], REQ, false, 0), 0);
		turns(&k, 30);
	}
	assert_int_equal(lab.n, 2);
	for (size_t i = 0; i < 6; i++)
		sp_exchange_cancel(many[i].x);
	lab_end(&k);
}

static void a_server_that_takes_no_streams_is_waited_for(void **state)
{
	nghttp2_settings_entry most = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0};

	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	one_connection();
	lab.extra = most;
	start_many(3, false);
	turns(&k, 60);
	assert_int_equal(lab.n, 1);
	assert_int_equal(lab.peer[0].requests, 0);
	for (most.value = 1; most.value < 4; most.value++) {
		assert_int_equal(nghttp2_submit_settings(lab.peer[0].session, 0, &most, 1), 0);
		peer_flush(&lab.peer[0]);
		turns(&k, 30);
		assert_int_equal(lab.peer[0].requests, most.value);
	}
	most.value = 0; // those that run are not touched
	assert_int_equal(nghttp2_submit_settings(lab.peer[0].session, 0, &most, 1), 0);
	for (int32_t id = lab.peer[0].last_id; id > lab.peer[0].last_id - 6; id -= 2)
		peer_answer(&lab.peer[0], id, "fine");
	peer_flush(&lab.peer[0]);
	all_fine(3);
	lab_end(&k);
}

static void a_connection_that_cannot_be_made_fails_all_who_wait_for_it(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	sp_io_stop_accepting(k.io);
	start_many(10, false);
	for (size_t i = 0; i < 10; i++)
		expect_failed(&k, &many[i], SP_REASON_UPSTREAM_CONNECT, false);
	lab_end(&k);
}

static void a_silent_connection_gets_no_new_streams(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	turns(&k, 30);
	lab.serve = peer_nothing;
	assert_int_equal(start(&k, &a, REQ, false, 30), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_TIMEOUT, true);
	lab.serve = peer_fine;
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	expect_ok(&k, &b, "fine");
	assert_int_equal(lab.n, 2);
	lab_end(&k);
}

static void an_upstream_that_is_gone_finishes_what_it_carries(void **state)
{
	struct sp_snap_in_upstream other = upstream_at(8);

	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	start_many(2, false);
	turns(&k, 30);
	take_up(&k, &other, 1);
	turns(&k, 30);
	assert_false(lab.peer[0].ended);
	peer_answer(&lab.peer[0], 1, "fine");
	peer_answer(&lab.peer[0], 3, "fine");
	peer_flush(&lab.peer[0]);
	all_fine(2);
	turns(&k, 30);
	assert_true(lab.peer[0].ended);
	assert_int_equal(lab.peer[0].goaways, 1);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	lab_end(&k);
}

/// A peer that reads nothing holds no connection that is to be closed.
static void a_closing_connection_ends_though_its_peer_does_not_read(void **state)
{
	struct sp_snap_in_upstream other = upstream_at(8);

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	sp_stream_pause(lab.peer[0].stream);
	take_up(&k, &other, 1);
	turns(&k, 30);
	assert_false(lab.peer[0].ended);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	k.now += 10 * SP_NS_PER_SEC;
	assert_true(sp_io_turn(k.io, k.now, 0) >= 0);
	sp_wheel_run(&k.wheel, k.now);
	assert_true(sp_io_turn(k.io, k.now, 0) >= 0);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	lab_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_stream_is_sent_again_once_also_when_not_idempotent),
		cmocka_unit_test(goaway_in_mid_flight_loses_no_call),
		cmocka_unit_test(a_stream_reset_by_the_peer_may_have_been_acted_on),
		cmocka_unit_test(a_lost_connection_fails_what_may_not_be_repeated),
		cmocka_unit_test(a_lost_connection_is_one_failure_however_many_calls_it_carried),
		cmocka_unit_test(a_probe_that_is_lost_with_another_call_keeps_the_breaker_open),
		cmocka_unit_test(what_was_sent_before_a_refusal_stays_in_doubt),
		cmocka_unit_test(who_waits_does_not_wait_for_a_connection_that_leaves),
		cmocka_unit_test(a_connection_that_leaves_is_replaced_though_there_may_be_but_one),
		cmocka_unit_test(a_connection_that_has_given_its_last_stream_is_replaced),
		cmocka_unit_test(a_server_that_always_leaves_gets_one_more_connection_and_no_third),
		cmocka_unit_test(a_server_that_takes_no_streams_is_waited_for),
		cmocka_unit_test(a_connection_that_cannot_be_made_fails_all_who_wait_for_it),
		cmocka_unit_test(a_silent_connection_gets_no_new_streams),
		cmocka_unit_test(an_upstream_that_is_gone_finishes_what_it_carries),
		cmocka_unit_test(a_closing_connection_ends_though_its_peer_does_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
