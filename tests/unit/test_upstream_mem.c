/// The upstream room over streams in memory, answers delivered in pieces of every size.
#include "tests/support/upstream_run.h"
#include "common/banned.h"

static struct client k;
static struct call a, b;

/// The server is a listener in the same io: one request at a time, answered with `answer`.
static struct {
	struct sp_bytes answer;
	bool close;
	char got[4096];
	size_t n;
	unsigned accepted, requests;
} peer;

static void peer_data(struct sp_stream *s, void *user, const uint8_t *p, size_t n)
{
	const char *end;

	(void)user;
	assert_true(n < sizeof(peer.got) - peer.n);
	memcpy(peer.got + peer.n, p, n);
	peer.n += n;
	peer.got[peer.n] = 0;
	end = strstr(peer.got, "\r\n\r\n");
	if (!end || strcmp(end + 4, "{\"id\":1}") != 0)
		return;
	peer.n = 0;
	peer.requests++;
	assert_int_equal(sp_stream_send(s, peer.answer.p, peer.answer.n), 0);
	if (peer.close)
		sp_stream_close(s);
}
static void peer_eof(struct sp_stream *s, void *user)
{
	(void)user;
	sp_stream_close(s);
}
static void peer_closed(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)user;
	(void)err;
}
static const struct sp_stream_ops peer_ops = {
	.on_data = peer_data, .on_eof = peer_eof, .on_closed = peer_closed};

static int peer_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *from)
{
	(void)user;
	(void)from;
	peer.accepted++;
	peer.n = 0;
	sp_stream_set_ops(s, &peer_ops, NULL);
	return 0;
}

static void client_mem(size_t piece)
{
	struct sp_io_conf io = {.max_streams = 64, .blocks = 256, .recv_buffers = 32};
	struct sp_snap_in_upstream up = upstream_at(7);

	up.breaker_failures = 0; // never opens
	memset(&k, 0, sizeof(k));
	memset(&peer, 0, sizeof(peer));
	k.in_memory = true;
	assert_int_equal(sp_io_mem_new(&io, &k.io), 0);
	sp_io_mem_chunk(k.io, piece);
	assert_int_equal(sp_io_listen(k.io, 7, peer_accept, NULL), 0);
	client_begin(&k, &up);
}

static const struct {
	struct sp_bytes answer;
	const char *body;
	bool close, kept;
	uint16_t status;
} rows[] = {
	{SP_LIT(OK("fine", "4")), "fine", false, true, 200},
	{SP_LIT("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"), "", false, true, 202},
	{SP_LIT("HTTP/1.1 204 No Content\r\n\r\n"), "", false, true, 204},
	{SP_LIT("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n" OK("fine", "4")), "fine", false, true,
		200},
	{SP_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nA;x=y\r\n0123456789\r\n"
		"0\r\nTrailer: v\r\n\r\n"),
		"a0123456789", false, true, 200},
	{SP_LIT("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"), "x", false, false,
		200},
	{SP_LIT("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\n\r\nto the end"), "to the end", true, false,
		401},
};

static void the_size_of_pieces_changes_nothing(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 64, 16384};

	(void)state;
	for (size_t p = 0; p < SP_ARRAY_LEN(pieces); p++) {
		client_mem(pieces[p]);
		for (size_t i = 0; i < 2 * SP_ARRAY_LEN(rows); i++) {
			size_t r = i / 2;

			peer.answer = rows[r].answer;
			peer.close = rows[r].close;
			assert_int_equal(start(&k, &a, REQ, i & 1, 0), 0);
			expect_ok(&k, &a, rows[r].body);
			assert_int_equal(a.status, rows[r].status);
			turns(&k, 2);
			assert_int_equal(sp_upstreams_open(k.u), rows[r].kept);
		}
		assert_int_equal(peer.requests, 2 * SP_ARRAY_LEN(rows));
		assert_int_equal(k.stat[SP_STAT_UP_STRAY], 0);
		client_free(&k);
	}
}

static void every_truncation_fails_as_sent_and_never_looks_whole(void **state)
{
	(void)state;
	client_mem(16384);
	for (size_t r = 0; r < 5; r++)
		for (size_t n = 0; n < rows[r].answer.n; n++) {
			peer.answer = sp_bytes(rows[r].answer.p, n);
			peer.close = true;
			assert_int_equal(start(&k, &a, REQ, false, 0), 0);
			expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
		}
	client_free(&k);
}

static void a_head_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
	static char text[5000];
	static const size_t pieces[] = {1, 100, 16384};

	(void)state;
	for (size_t p = 0; p < SP_ARRAY_LEN(pieces); p++) {
		const char *fixed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \r\n\r\n";
		int pad = 4096 - (int)strlen(fixed), n;

		client_mem(pieces[p]);
		n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: %0*d\r\n\r\nok",
			pad, 1);
		peer.answer = sp_bytes(text, (size_t)n);
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		expect_ok(&k, &a, "ok");
		n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: %0*d\r\n\r\nok",
			pad + 1, 1);
		peer.answer = sp_bytes(text, (size_t)n);
		assert_int_equal(start(&k, &a, REQ, false, 0), 0);
		expect_failed(&k, &a, SP_REASON_UPSTREAM_INVALID, true);
		client_free(&k);
	}
}

static void interim_answers_without_end_are_refused(void **state)
{
	static char text[1024];
	size_t n = 0;

	(void)state;
	client_mem(16384);
	for (int i = 0; i < 9; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "HTTP/1.1 100 Continue\r\n\r\n");
	peer.answer = sp_bytes(text, n);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_INVALID, true);
	client_free(&k);
}

static struct call chained[50];
static unsigned chained_n;
static void chain_done(void *user)
{
	struct call *c = user;

	c->done++;
	if (++chained_n < SP_ARRAY_LEN(chained)) {
		struct sp_exchange_req req = {.snap = &k.snap,
			.verb = SP_HTTP_POST,
			.body = REQ,
			.ops = c->ops,
			.user = &chained[chained_n]};

		chained[chained_n].ops = c->ops;
		assert_int_equal(sp_upstream_start(k.u, &req, &chained[chained_n].x), 0);
	}
}
static void a_request_may_be_made_from_the_end_of_another(void **state)
{
	static const struct sp_exchange_ops chain_ops = {on_head, on_body, chain_done, on_failed};
	struct sp_exchange_req req = {
		.verb = SP_HTTP_POST, .body = REQ, .ops = &chain_ops, .user = &chained[0]};

	(void)state;
	client_mem(16384);
	peer.answer = SP_LIT(OK("fine", "4"));
	req.snap = &k.snap;
	chained[0].ops = &chain_ops;
	assert_int_equal(sp_upstream_start(k.u, &req, &chained[0].x), 0);
	finish(&k, &chained[SP_ARRAY_LEN(chained) - 1]);
	assert_int_equal(peer.accepted, 1); // the connection is free before on_done
	assert_int_equal(peer.requests, SP_ARRAY_LEN(chained));
	client_free(&k);
}

static void cancelling_everything_at_once_leaves_nothing(void **state)
{
	static struct call many[12];

	(void)state;
	client_mem(3);
	peer.answer = SP_LIT(OK("fine", "4"));
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < SP_ARRAY_LEN(many); i++)
			assert_int_equal(start(&k, &many[i], REQ, i & 1, 0), 0);
		for (int t = 0; t < round; t++)
			turn(&k);
		for (size_t i = 0; i < SP_ARRAY_LEN(many); i++)
			if (!many[i].done)
				sp_exchange_cancel(many[i].x);
	}
	turns(&k, 5);
	assert_int_equal(start(&k, &b, REQ, false, 0), 0);
	expect_ok(&k, &b, "fine");
	client_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_size_of_pieces_changes_nothing),
		cmocka_unit_test(every_truncation_fails_as_sent_and_never_looks_whole),
		cmocka_unit_test(a_head_may_be_as_long_as_the_limit_and_no_longer),
		cmocka_unit_test(interim_answers_without_end_are_refused),
		cmocka_unit_test(a_request_may_be_made_from_the_end_of_another),
		cmocka_unit_test(cancelling_everything_at_once_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
