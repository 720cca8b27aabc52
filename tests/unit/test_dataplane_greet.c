/// Handshakes waiting for their turn, at a worker that is nothing but its door.
#include "tests/unit/fixture_tls.h"

#include "dataplane/conn_private.h"

#include <netinet/in.h>
#include "common/banned.h"

#define GUESTS 12u
#define HELLOS 4u
#define HOUR_NS (3600 * SP_NS_PER_SEC)

struct door {
	struct sp_worker w;
	struct sp_plan plan;
	struct sp_tls_client *cli;
	struct side guest[GUESTS];
};

static struct door *new_door(uint32_t per_turn, uint32_t waiting)
{
	struct door *d = calloc(1, sizeof(*d));
	struct sp_io_conf conf = {.max_streams = 2 * GUESTS + 4, .blocks = 256, .recv_buffers = 16};
	struct sp_worker *w = &d->w;

	d->plan = (struct sp_plan){.handshakes_per_turn = per_turn, .handshakes_waiting = waiting,
		.max_connections_per_address = 1000, .tls_ns = SP_NS_PER_SEC, .idle_ns = SP_NS_PER_SEC,
		.write_ns = SP_NS_PER_SEC, .head_ns = SP_NS_PER_SEC,
		.max_head_bytes = 4096, .max_headers = 16, .max_body_bytes = 4096};
	w->plan = &d->plan;
	w->now_ns = sp_clock_boot_ns() + HOUR_NS; // so that no turn has taken long
	w->greetings.calls_until_ns = UINT64_MAX; // as if calls never ceased
	sp_wheel_init(&w->wheel, w->now_ns);
	assert_int_equal(sp_io_mem_new(&conf, &w->io), 0);
	assert_int_equal(sp_bufpool_init(&w->small, 2 * GUESTS, 16384), 0);
	assert_int_equal(sp_bufpool_init(&w->large, 2, 65536), 0);
	assert_int_equal(sp_bufpool_init(&w->hellos, HELLOS, SP_HELLO_BYTES), 0);
	sp_bufpool_commit(&w->hellos);
	assert_int_equal(sp_conn_pool_init(w, GUESTS), 0);
	w->tls = server_of(new_half());
	d->cli = client_of(&ca);
	assert_int_equal(sp_io_listen(w->io, 7, sp_conn_accept_tls, w), 0);
	return d;
}

static void free_door(struct door *d)
{
	struct sp_worker *w = &d->w;

	for (unsigned i = 0; i < GUESTS; i++) {
		sp_tls_free(d->guest[i].tls);
		free(d->guest[i].plain);
	}
	sp_io_free(w->io);
	sp_conn_pool_done(w);
	sp_tls_server_free(w->tls);
	sp_tls_client_free(d->cli);
	sp_bufpool_done(&w->small);
	sp_bufpool_done(&w->large);
	sp_bufpool_done(&w->hellos);
	free(d);
}

/// Everything that can happen without a handshake having its turn.
static void settle(struct door *d)
{
	run(&(struct pair){.io = d->w.io});
}

/// One turn's handshakes, and what comes of them.
static void turn(struct door *d)
{
	d->w.stat[SP_STAT_TURNS]++;
	sp_conn_greet(&d->w);
	settle(d);
}

static void guest_connected(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)user;
	assert_int_equal(err, 0);
}

static const struct sp_stream_ops guest_ops = {
	.on_connected = guest_connected,
	.on_data = side_data,
	.on_eof = side_eof,
	.on_closed = side_closed,
};

static void come(struct door *d, unsigned i)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7)};
	struct side *g = &d->guest[i];

	g->plain = malloc(PLAIN_MAX);
	assert_int_equal(sp_io_connect(d->w.io, (struct sockaddr *)&at, sizeof(at), &guest_ops, g, &g->stream), 0);
	settle(d);
	assert_int_equal(sp_tls_connect(d->cli, "a.example", g->stream, &g->tls), 0);
	settle(d);
}

static unsigned established(const struct door *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUESTS; i++)
		n += d->guest[i].tls && sp_tls_established(d->guest[i].tls);
	return n;
}

static unsigned greeted(const struct door *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUESTS; i++)
		n += d->guest[i].raw_n > 0;
	return n;
}

static void a_turn_answers_no_more_flights_than_its_limit(void **state)
{
	struct door *d = new_door(3, 100);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	assert_int_equal(greeted(d), 0);
	turn(d);
	assert_int_equal(greeted(d), 3);
	for (unsigned turns = 1; established(d) < GUESTS || d->w.stat[SP_STAT_HANDSHAKES] < GUESTS;
		turns++) {
		assert_true(turns <= 2 * GUESTS / 3); // and one to end what the last of them began
		turn(d);
	}
	assert_false(sp_conn_greeting(&d->w));
	assert_int_equal(d->w.stat[SP_STAT_SHED_HELLO], 0);
	free_door(d);
}

static void without_calls_more_flights_have_their_turn_at_once(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	d->w.greetings.calls_until_ns = 0;
	turn(d);
	assert_int_equal(greeted(d), 8);
	d->w.stat[SP_STAT_BYTES_IN]++; // of a call: for a tenth of a second more may come
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	d->w.now_ns += 99 * SP_NS_PER_MS;
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES] + greeted(d), 10);
	d->w.now_ns += SP_NS_PER_MS;
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES] + greeted(d), 18);
	d->w.now_ns += SP_NS_PER_SEC;
	d->w.stat[SP_STAT_BYTES_OUT]++; // its answer
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES] + greeted(d), 19);
	free_door(d);
}

static void a_call_that_waits_for_its_upstream_counts_as_one_that_comes(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	d->w.greetings.calls_until_ns = 0;
	d->w.calls.open = 1;
	turn(d);
	assert_int_equal(greeted(d), 1);
	d->w.calls.open = 0;
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES] + greeted(d), 9);
	free_door(d);
}

static void a_turn_that_took_long_takes_no_more_flights_than_its_limit(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	d->w.greetings.calls_until_ns = 0;
	d->w.now_ns = 0; // the turn began when the machine did
	turn(d);
	assert_int_equal(greeted(d), 1);
	free_door(d);
}

static void a_turn_without_calls_takes_no_fewer_flights_than_its_limit(void **state)
{
	struct door *d = new_door(10, 100);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	d->w.greetings.calls_until_ns = 0;
	turn(d);
	assert_int_equal(greeted(d), 10);
	free_door(d);
}

static void what_was_begun_is_finished_before_anything_new(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	come(d, 0);
	turn(d); // its Finished is here now
	for (unsigned i = 1; i < GUESTS; i++)
		come(d, i);
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	assert_int_equal(greeted(d), 1);
	turn(d);
	assert_int_equal(greeted(d), 2);
	free_door(d);
}

static void hellos_beyond_those_that_may_wait_are_refused_and_counted(void **state)
{
	struct door *d = new_door(1, 4);

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	assert_int_equal(d->w.stat[SP_STAT_SHED_HELLO], GUESTS - 4);
	assert_int_equal(d->w.conns.open, 4);
	for (unsigned i = 4; i < GUESTS; i++)
		assert_true(d->guest[i].closed);
	for (unsigned i = 0; i < 8; i++)
		turn(d);
	assert_int_equal(established(d), 4);
	free_door(d);
}

static void hellos_wait_in_buffers_of_their_own_while_there_are_any_they_fit(void **state)
{
	struct door *d = new_door(1, 100);
	const struct sp_bufpool *small = &d->w.small, *hellos = &d->w.hellos;

	(void)state;
	for (unsigned i = 0; i < HELLOS; i++)
		come(d, i);
	assert_int_equal(hellos->free_n, 0);
	assert_int_equal(small->free_n, small->count);
	come(d, HELLOS);
	assert_int_equal(small->free_n, small->count - 1);
	sp_stream_abort(d->guest[1].stream);
	settle(d);
	assert_int_equal(hellos->free_n, 1);
	d->w.hellos.bytes = 16; // this one's is longer
	come(d, HELLOS + 1);
	assert_int_equal(hellos->free_n, 1);
	assert_int_equal(small->free_n, small->count - 2);
	for (unsigned i = 0; i < 3 * HELLOS; i++)
		turn(d);
	assert_int_equal(established(d), HELLOS + 1);
	assert_int_equal(hellos->free_n, HELLOS);
	free_door(d);
}

static void hellos_leave_a_quarter_of_the_buffers_to_calls(void **state)
{
	struct door *d = new_door(1, 100);
	uint8_t *taken[12];

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(taken); i++)
		taken[i] = sp_bufpool_get(&d->w.small);
	for (unsigned i = 0; i < GUESTS; i++)
		come(d, i);
	assert_int_equal(d->w.small.free_n, d->w.small.count / 4);
	assert_int_equal(d->w.stat[SP_STAT_SHED_HELLO], GUESTS - 6 - HELLOS);
	assert_int_equal(d->w.stat[SP_STAT_SHED_MEMORY], 0);
	for (unsigned i = 0; i < SP_ARRAY_LEN(taken); i++)
		sp_bufpool_put(&d->w.small, taken[i], 0);
	free_door(d);
}

static void who_leaves_costs_no_handshake_and_gives_its_place_back(void **state)
{
	struct door *d = new_door(1, 4);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		come(d, i);
	sp_stream_abort(d->guest[1].stream);
	sp_stream_close(d->guest[3].stream);
	settle(d);
	come(d, 4);
	come(d, 5);
	assert_int_equal(d->w.stat[SP_STAT_SHED_HELLO], 0);
	for (unsigned i = 0; i < 8; i++)
		turn(d);
	assert_int_equal(established(d), 4);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 4);
	assert_int_equal(d->w.stat[SP_STAT_TLS_FAILED], 0);
	assert_int_equal(d->w.small.free_n, d->w.small.count);
	free_door(d);
}

static void pieces_of_a_hello_take_no_ones_turn(void **state)
{
	struct door *d = new_door(1, 100);
	unsigned pieces = 0;

	(void)state;
	sp_io_mem_chunk(d->w.io, 40);
	come(d, 0);
	for (; d->w.stat[SP_STAT_HANDSHAKES] == 0; pieces++) {
		assert_true(pieces < 100);
		turn(d);
	}
	assert_true(pieces > 2);
	sp_io_mem_chunk(d->w.io, 5);
	come(d, 1);
	for (unsigned i = 0; i < 5; i++) { // begun, but not yet greeted: it goes on waiting among the new ones
		assert_true(d->w.greetings.begun.n == 0 && d->w.greetings.fresh.n == 1);
		sp_conn_greet(&d->w);
		sp_io_turn(d->w.io, sp_clock_boot_ns(), 0);
	}
	free_door(d);
}

/// The first `n` guests' hellos are answered, and the rest of their handshakes waits.
static void begin(struct door *d, unsigned n)
{
	uint32_t most = d->plan.handshakes_per_turn;

	for (unsigned i = 0; i < n; i++)
		come(d, i);
	d->plan.handshakes_per_turn = n;
	turn(d);
	d->plan.handshakes_per_turn = most;
	assert_int_equal(greeted(d), n);
}

static void a_newcomer_has_a_turn_however_many_go_on(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	begin(d, 6);
	come(d, 6);
	come(d, 7);
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	assert_int_equal(greeted(d), 6);
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	assert_true(d->guest[6].raw_n > 0 && d->guest[7].raw_n == 0);
	d->plan.handshakes_per_turn = 3;
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 3);
	assert_true(d->guest[7].raw_n > 0);
	free_door(d);
}

static void those_begun_that_wait_are_bounded_and_counted_too(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	d->plan.handshakes_waiting = 4;
	for (unsigned i = 0; i < 4; i++)
		come(d, i);
	d->plan.handshakes_waiting = 2;
	d->plan.handshakes_per_turn = 4;
	turn(d);
	assert_int_equal(d->w.greetings.begun.n, 2);
	assert_int_equal(d->w.stat[SP_STAT_SHED_HELLO], 2);
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 2);
	assert_int_equal(d->w.conns.open, 2);
	assert_int_equal(d->w.small.free_n, d->w.small.count);
	free_door(d);
}

static void pieces_of_what_was_begun_have_one_turn_each(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	come(d, 0);
	come(d, 1);
	d->plan.handshakes_per_turn = 2;
	sp_io_mem_chunk(d->w.io, 9);
	turn(d);
	d->plan.handshakes_per_turn = 1;
	for (unsigned i = 0; d->w.stat[SP_STAT_HANDSHAKES] < 2; i++) {
		uint32_t waited = d->w.greetings.begun.n;

		assert_true(i < 100);
		assert_int_equal(waited, 2 - d->w.stat[SP_STAT_HANDSHAKES]);
		sp_conn_greet(&d->w);
		assert_int_equal(d->w.greetings.begun.n, waited - 1);
		settle(d);
	}
	free_door(d);
}

static void what_comes_right_behind_a_flight_is_read_after_it(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	come(d, 0);
	turn(d);
	assert_true(sp_tls_established(d->guest[0].tls));
	assert_int_equal(sp_tls_write(d->guest[0].tls, (const uint8_t *)"POST /", 6), 0);
	settle(d);
	assert_int_equal(d->w.stat[SP_STAT_BYTES_IN], 0);
	turn(d);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	assert_int_equal(d->w.stat[SP_STAT_BYTES_IN], 6);
	free_door(d);
}

static void only_those_that_waited_longer_than_a_turn_are_counted_so(void **state)
{
	struct door *d = new_door(1, 100);

	(void)state;
	come(d, 0);
	sp_conn_greet(&d->w); // the turn it came in
	settle(d);
	sp_conn_greet(&d->w);
	settle(d);
	assert_int_equal(d->w.stat[SP_STAT_HELLO_WAITED], 0);
	come(d, 1);
	come(d, 2);
	sp_conn_greet(&d->w);
	turn(d);
	assert_true(d->w.stat[SP_STAT_HELLO_WAITED] > 0);
	free_door(d);
}

static void garbage_ends_only_itself(void **state)
{
	struct door *d = new_door(2, 100);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7)};
	struct side *g = &d->guest[0];

	(void)state;
	assert_int_equal(sp_io_connect(d->w.io, (struct sockaddr *)&at, sizeof(at), &guest_ops, g, &g->stream), 0);
	settle(d);
	assert_int_equal(sp_stream_send(g->stream, "GET / HTTP/1.1\r\n\r\n", 18), 0);
	settle(d);
	come(d, 1);
	for (unsigned i = 0; i < 3; i++)
		turn(d);
	assert_int_equal(d->w.stat[SP_STAT_TLS_FAILED], 1);
	assert_int_equal(d->w.stat[SP_STAT_HANDSHAKES], 1);
	free_door(d);
}

static void pass_deadline(struct door *d)
{
	d->w.now_ns += SP_NS_PER_SEC + SP_NS_PER_SEC / 2;
	sp_wheel_run(&d->w.wheel, d->w.now_ns);
	settle(d);
}

static void who_leaves_a_message_of_tls_unfinished_is_not_waited_for_longer_than_one_who_reads_nothing(void **state)
{
	struct door *d = new_door(1, 100);
	struct sp_conn *held, *other;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		come(d, i);
	for (unsigned i = 0; i < 8; i++)
		turn(d);
	assert_int_equal(established(d), 2);
	held = sp_conn_nth(&d->w, 0);
	other = sp_conn_nth(&d->w, 1);
	sp_conn_set_state(held, SP_CONN_STREAMING);
	sp_conn_set_state(other, SP_CONN_STREAMING);
	pass_deadline(d);
	assert_int_equal(tls_hold(held->tls, (const uint8_t *)"event", 5), 0);
	pass_deadline(d);
	assert_int_equal(d->w.conns.open, 2);
	held->tls->held = tls_held_free(held->tls->held); // the rest came in time
	pass_deadline(d);
	assert_int_equal(tls_hold(held->tls, (const uint8_t *)"event", 5), 0);
	pass_deadline(d);
	assert_int_equal(d->w.stat[SP_STAT_TIMEOUT_WRITE], 0);
	pass_deadline(d);
	assert_int_equal(d->w.stat[SP_STAT_TIMEOUT_WRITE], 1);
	assert_int_equal(d->w.conns.open, 1);
	assert_int_equal(other->state, SP_CONN_STREAMING);
	free_door(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_answers_no_more_flights_than_its_limit),
		cmocka_unit_test(without_calls_more_flights_have_their_turn_at_once),
		cmocka_unit_test(a_call_that_waits_for_its_upstream_counts_as_one_that_comes),
		cmocka_unit_test(a_turn_that_took_long_takes_no_more_flights_than_its_limit),
		cmocka_unit_test(a_turn_without_calls_takes_no_fewer_flights_than_its_limit),
		cmocka_unit_test(what_was_begun_is_finished_before_anything_new),
		cmocka_unit_test(hellos_beyond_those_that_may_wait_are_refused_and_counted),
		cmocka_unit_test(hellos_wait_in_buffers_of_their_own_while_there_are_any_they_fit),
		cmocka_unit_test(hellos_leave_a_quarter_of_the_buffers_to_calls),
		cmocka_unit_test(who_leaves_costs_no_handshake_and_gives_its_place_back),
		cmocka_unit_test(pieces_of_a_hello_take_no_ones_turn),
		cmocka_unit_test(a_newcomer_has_a_turn_however_many_go_on),
		cmocka_unit_test(those_begun_that_wait_are_bounded_and_counted_too),
		cmocka_unit_test(pieces_of_what_was_begun_have_one_turn_each),
		cmocka_unit_test(what_comes_right_behind_a_flight_is_read_after_it),
		cmocka_unit_test(only_those_that_waited_longer_than_a_turn_are_counted_so),
		cmocka_unit_test(garbage_ends_only_itself),
		cmocka_unit_test(
			who_leaves_a_message_of_tls_unfinished_is_not_waited_for_longer_than_one_who_reads_nothing),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
