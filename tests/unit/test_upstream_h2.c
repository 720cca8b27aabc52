/// HTTP/2 upstreams over streams in memory: sharing, retries, limits of the peer, cancelling, back-pressure.
#include "tests/support/h2_peer.h"

#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

static struct client k;
static struct call a, b, many[24];

static void start_many(size_t n, bool idempotent)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(start(&k, &many[i], REQ, idempotent, 0), 0);
}

static void all_fine(size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_ok(&k, &many[i], "fine");
}

static void calls_share_one_connection_whatever_the_pieces(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 64, 16384};

	(void)state;
	for (size_t p = 0; p < SP_ARRAY_LEN(pieces); p++) {
		lab_begin(&k, pieces[p], peer_fine);
		for (int round = 0; round < 3; round++) {
			start_many(SP_ARRAY_LEN(many), round & 1);
			all_fine(SP_ARRAY_LEN(many));
		}
		assert_int_equal(lab.n, 1);
		assert_int_equal(lab.peer[0].requests, 3 * SP_ARRAY_LEN(many));
		assert_int_equal(k.stat[SP_STAT_UP_CONNECTS], 1);
		assert_int_equal(k.stat[SP_STAT_UP_STREAMS], 3 * SP_ARRAY_LEN(many));
		lab_end(&k);
	}
}

static void a_request_says_all_that_http1_says(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(a.status, 200);
	assert_string_equal(lab.peer[0].fields,
		":method: POST\n:scheme: http\n:authority: one.example\n:path: /mcp\n"
		"authorization: Bearer up\ncontent-length: 8\ncontent-type: application/json\n");
	lab_end(&k);
}

static void lines_of_any_name_and_order_are_fields_and_secrets_stay_out_of_tables(void **state)
{
	struct sp_exchange_req req = {.snap = &k.snap,
		.verb = SP_HTTP_DELETE,
		.headers = SP_LIT("Mcp-Name: one\r\nX-Own: two\r\nAccept: */*\r\nMcp-Session-Id: three\r\n"
				  "Mcp-Param-City: four\r\nAccept-Language: de\r\nmcp-session-id: five\r\n"),
		.ops = &ops,
		.user = &a};

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	for (int i = 0; i < 2; i++) {
		a = (struct call){0};
		assert_int_equal(sp_upstream_start(k.u, &req, &a.x), 0);
		expect_ok(&k, &a, "fine");
		assert_string_equal(lab.peer[0].fields,
			":method: DELETE\n:scheme: http\n:authority: one.example\n:path: /mcp\n"
			"authorization: Bearer up\nmcp-name: one\nx-own: two\naccept: */*\n"
			"mcp-session-id: three\nmcp-param-city: four\naccept-language: de\n"
			"mcp-session-id: five\n");
		assert_string_equal(
			lab.peer[0].hidden, " authorization mcp-session-id mcp-param-city mcp-session-id");
	}
	lab_end(&k);
}

static void requests_of_one_turn_leave_in_one_piece(void **state)
{
	size_t before;

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	turns(&k, 30);
	before = lab.peer[0].seen;
	start_many(8, false);
	assert_int_equal(lab.peer[0].seen, before);
	sp_upstreams_flush(k.u);
	assert_true(sp_io_turn(k.io, k.now, 0) >= 0);
	assert_int_equal(lab.peer[0].requests, 9);
	all_fine(8);
	lab_end(&k);
}

static char large[300000];
static void a_large_request_waits_for_the_peers_window(void **state)
{
	(void)state;
	memset(large, 'x', sizeof(large));
	lab_begin(&k, 16384, peer_fine);
	assert_int_equal(start(&k, &a, sp_bytes(large, sizeof(large)), false, 0), 0);
	expect_ok(&k, &a, "fine");
	assert_int_equal(lab.peer[0].body, sizeof(large));
	lab_end(&k);
}

static void a_paused_answer_stays_within_its_window_and_holds_up_no_other(void **state)
{
	struct sp_exchange *x;

	(void)state;
	x = flood_begin(&k);
	sp_exchange_pause(x);
	turns(&k, 300);
	assert_true(flow.n <= 3u * UP_H2_STREAM_WINDOW);
	start_many(4, false);
	all_fine(4);
	assert_false(flow.done);
	sp_exchange_resume(x);
	while (!flow.done)
		turn(&k);
	assert_int_equal(flow.n, 8u << 20);
	assert_int_equal(lab.n, 1);
	lab_end(&k);
}

static void data_on_its_way_to_a_cancelled_call_costs_no_other(void **state)
{
	struct sp_exchange *x;

	(void)state;
	x = flood_begin(&k);
	sp_exchange_cancel(x);
	start_many(8, false);
	all_fine(8);
	turns(&k, 300);
	assert_int_equal(k.stat[SP_STAT_UP_VIOLATIONS], 0);
	assert_int_equal(lab.n, 1);
	assert_int_equal(sp_upstreams_open(k.u), 1);
	lab_end(&k);
}

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
	up.breaker_open_ns = SP_NS_PER_SEC; // the last call is refused within, however loaded the machine
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
	turns_ms(&k, 1100);
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

static void cancelling_resets_the_stream_and_nothing_else(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	start_many(8, false);
	turns(&k, 30);
	assert_int_equal(lab.peer[0].requests, 8);
	for (size_t i = 0; i < 8; i += 2)
		sp_exchange_cancel(many[i].x);
	turns(&k, 30);
	assert_int_equal(lab.peer[0].resets, 4);
	assert_int_equal(lab.peer[0].reset_code, NGHTTP2_CANCEL);
	for (size_t i = 1; i < 8; i += 2)
		peer_answer(&lab.peer[0], (int32_t)(2 * i + 1), "fine");
	peer_flush(&lab.peer[0]);
	for (size_t i = 1; i < 8; i += 2)
		expect_ok(&k, &many[i], "fine");
	assert_int_equal(sp_upstreams_open(k.u), 1);
	lab_end(&k);
}

static void a_request_cancelled_before_the_turn_ends_is_never_sent(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	memset(large, 'x', sizeof(large));
	for (size_t i = 0; i < 4; i++) // kept on the heap, so that a use after free is seen
		assert_int_equal(start(&k, &many[i], sp_bytes(large, 10000), false, 0), 0);
	for (size_t i = 0; i < 4; i++)
		sp_exchange_cancel(many[i].x);
	turns(&k, 30);
	assert_int_equal(lab.peer[0].requests, 1);
	assert_int_equal(lab.peer[0].resets, 0);
	start_many(4, false);
	all_fine(4);
	lab_end(&k);
}

static void cancelling_from_the_callbacks_is_fine(void **state)
{
	(void)state;
	lab_begin(&k, 3, peer_fine);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		a.cancel_in_head = i & 1;
		a.cancel_in_body = !(i & 1);
		assert_int_equal(start(&k, &b, REQ, false, 0), 0);
		expect_ok(&k, &b, "fine");
		turns(&k, 30);
		assert_true(!a.done && !a.failed && a.heads == 1);
	}
	assert_int_equal(lab.n, 1);
	lab_end(&k);
}

static void no_more_streams_than_the_peer_takes(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	lab.max_streams = 3;
	start_many(1, false);
	turns(&k, 30); // its settings came
	for (size_t i = 1; i < 12; i++)
		assert_int_equal(start(&k, &many[i], REQ, false, 0), 0);
	turns(&k, 30);
	assert_int_equal(lab.n, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(lab.peer[i].requests, 3);
	for (size_t i = 0; i < 12; i++)
		sp_exchange_cancel(many[i].x);
	lab_end(&k);
}

static void who_finds_no_stream_waits_for_one(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_fine);
	lab.max_streams = 1;
	start_many(SP_ARRAY_LEN(many), false);
	all_fine(SP_ARRAY_LEN(many));
	assert_true(lab.n <= 4);
	lab_end(&k);
}

static void who_waits_gets_the_stream_of_a_cancelled_call(void **state)
{
	(void)state;
	lab_begin(&k, 16384, peer_nothing);
	lab.max_streams = 1;
	start_many(6, false);
	turns(&k, 60);
	assert_int_equal(lab.n, 4);
	lab.serve = peer_fine;
	for (size_t i = 0; i < 4; i++)
		sp_exchange_cancel(many[i].x);
	expect_ok(&k, &many[4], "fine");
	expect_ok(&k, &many[5], "fine");
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

/// Each answer begins the next request, and one that is given up at once.
static struct call chained;
static unsigned chain_left;
static void chain_start(void);
static void chain_done(void *user)
{
	on_done(user);
	if (!chain_left)
		return;
	chain_left--;
	chain_start();
}
static void chain_start(void)
{
	static const struct sp_exchange_ops chain_ops = {on_head, on_body, chain_done, on_failed};
	struct sp_exchange_req req = {.snap = &k.snap,
		.verb = SP_HTTP_POST,
		.body = REQ,
		.ops = &chain_ops,
		.user = &chained};

	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	sp_exchange_cancel(b.x);
	memset(&chained, 0, sizeof(chained));
	assert_int_equal(sp_upstream_start(k.u, &req, &chained.x), 0);
}

/// The peer reads nothing: what is queued stays in its blocks.
static void what_finds_no_block_leaves_when_there_is_one(void **state)
{
	const struct sp_io_conf io = {.max_streams = 64, .blocks = 12, .recv_buffers = 64};
	static char body[3000];

	(void)state;
	memset(body, 'x', sizeof(body));
	lab_begin_with(&k, &io, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	sp_stream_pause(lab.peer[0].stream);
	for (size_t i = 0; i < SP_ARRAY_LEN(many); i++) {
		assert_int_equal(start(&k, &many[i], sp_bytes(body, sizeof(body)), false, 0), 0);
		turns(&k, 3);
	}
	assert_true(sp_io_stats(k.io)->tx_no_block > 0);
	sp_stream_resume(lab.peer[0].stream);
	all_fine(SP_ARRAY_LEN(many));
	assert_int_equal(lab.peer[0].requests, 1 + SP_ARRAY_LEN(many));
	assert_int_equal(lab.n, 1);
	lab_end(&k);
}

static void more_than_the_queue_takes_leaves_when_the_peer_reads(void **state)
{
	(void)state;
	memset(large, 'x', sizeof(large));
	lab_begin(&k, 16384, peer_fine);
	lab.extra = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 20};
	lab.connection_window = 8u << 20;
	start_many(1, false);
	all_fine(1);
	sp_stream_pause(lab.peer[0].stream);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(start(&k, &many[i], sp_bytes(large, sizeof(large)), false, 0), 0);
	turns(&k, 30);
	sp_stream_resume(lab.peer[0].stream);
	all_fine(6);
	assert_int_equal(lab.peer[0].requests, 7);
	assert_true(lab.peer[0].seen > 6 * sizeof(large));
	lab_end(&k);
}

static void a_request_may_be_begun_and_cancelled_while_answers_are_read(void **state)
{
	(void)state;
	lab_begin(&k, 7, peer_fine);
	for (int i = 0; i < 20; i++) {
		chain_left = 3;
		chain_start();
		while (chain_left || !chained.done)
			turn(&k);
	}
	assert_int_equal(lab.n, 1);
	assert_int_equal(lab.peer[0].requests, 80);
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

static void a_request_of_too_many_fields_fails_at_once_and_costs_no_connection(void **state)
{
	static char headers[8192];
	struct sp_exchange_req req = {.snap = &k.snap, .verb = SP_HTTP_POST, .body = REQ, .ops = &ops, .user = &a};
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 65; i++)
		n += (size_t)snprintf(headers + n, sizeof(headers) - n, "X-Field-%d: value %d\r\n", i, i);
	req.headers = sp_bytes(headers, n);
	lab_begin(&k, 16384, peer_fine);
	start_many(1, false);
	all_fine(1);
	turns(&k, 30);
	assert_int_equal(sp_upstream_start(k.u, &req, &a.x), SP_REASON_PARAMS_INVALID);
	turns(&k, 30);
	assert_int_equal(lab.n, 1);
	start_many(1, false);
	all_fine(1);
	assert_int_equal(lab.peer[0].requests, 2);
	lab_end(&k);
}

static void a_steady_load_allocates_nothing(void **state)
{
	size_t before = 0;

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	for (int round = 0; round < 40; round++) {
		start_many(SP_ARRAY_LEN(many), false);
		all_fine(SP_ARRAY_LEN(many));
		if (round == 9)
			before = up_h2_memory(k.u);
	}
	assert_true(before > 0);
	assert_int_equal(up_h2_memory(k.u), before);
	lab_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_share_one_connection_whatever_the_pieces),
		cmocka_unit_test(a_request_says_all_that_http1_says),
		cmocka_unit_test(lines_of_any_name_and_order_are_fields_and_secrets_stay_out_of_tables),
		cmocka_unit_test(requests_of_one_turn_leave_in_one_piece),
		cmocka_unit_test(a_large_request_waits_for_the_peers_window),
		cmocka_unit_test(a_paused_answer_stays_within_its_window_and_holds_up_no_other),
		cmocka_unit_test(data_on_its_way_to_a_cancelled_call_costs_no_other),
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
		cmocka_unit_test(a_server_that_takes_no_streams_is_waited_for),
		cmocka_unit_test(a_server_that_always_leaves_gets_one_more_connection_and_no_third),
		cmocka_unit_test(a_connection_that_cannot_be_made_fails_all_who_wait_for_it),
		cmocka_unit_test(cancelling_resets_the_stream_and_nothing_else),
		cmocka_unit_test(a_request_cancelled_before_the_turn_ends_is_never_sent),
		cmocka_unit_test(cancelling_from_the_callbacks_is_fine),
		cmocka_unit_test(no_more_streams_than_the_peer_takes),
		cmocka_unit_test(who_finds_no_stream_waits_for_one),
		cmocka_unit_test(who_waits_gets_the_stream_of_a_cancelled_call),
		cmocka_unit_test(a_silent_connection_gets_no_new_streams),
		cmocka_unit_test(an_upstream_that_is_gone_finishes_what_it_carries),
		cmocka_unit_test(what_finds_no_block_leaves_when_there_is_one),
		cmocka_unit_test(more_than_the_queue_takes_leaves_when_the_peer_reads),
		cmocka_unit_test(a_request_may_be_begun_and_cancelled_while_answers_are_read),
		cmocka_unit_test(a_closing_connection_ends_though_its_peer_does_not_read),
		cmocka_unit_test(a_request_of_too_many_fields_fails_at_once_and_costs_no_connection),
		cmocka_unit_test(a_steady_load_allocates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
