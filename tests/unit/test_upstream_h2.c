/// Calls that share an HTTP/2 connection, over streams in memory: windows, streams, cancelling, what waits for room.
#include "tests/support/h2_calls.h"

#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

static struct call b;

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

static void a_steady_load_allocates_nothing(void **state)
{
	size_t before = 0;

	(void)state;
	lab_begin(&k, 16384, peer_fine);
	for (int round = 0; round < 40; round++) {
		start_many(SP_ARRAY_LEN(many), false);
		all_fine(SP_ARRAY_LEN(many));
		if (round == 9)
			before = up_h2_mem_bytes(k.u->h2->mem);
	}
	assert_true(before > 0);
	assert_int_equal(up_h2_mem_bytes(k.u->h2->mem), before);
	lab_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_share_one_connection_whatever_the_pieces),
		cmocka_unit_test(requests_of_one_turn_leave_in_one_piece),
		cmocka_unit_test(a_large_request_waits_for_the_peers_window),
		cmocka_unit_test(a_paused_answer_stays_within_its_window_and_holds_up_no_other),
		cmocka_unit_test(data_on_its_way_to_a_cancelled_call_costs_no_other),
		cmocka_unit_test(cancelling_resets_the_stream_and_nothing_else),
		cmocka_unit_test(a_request_cancelled_before_the_turn_ends_is_never_sent),
		cmocka_unit_test(cancelling_from_the_callbacks_is_fine),
		cmocka_unit_test(no_more_streams_than_the_peer_takes),
		cmocka_unit_test(who_finds_no_stream_waits_for_one),
		cmocka_unit_test(who_waits_gets_the_stream_of_a_cancelled_call),
		cmocka_unit_test(what_finds_no_block_leaves_when_there_is_one),
		cmocka_unit_test(more_than_the_queue_takes_leaves_when_the_peer_reads),
		cmocka_unit_test(a_request_may_be_begun_and_cancelled_while_answers_are_read),
		cmocka_unit_test(a_steady_load_allocates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
