/// Records after the handshake: against RFC 8448's trace, against OpenSSL's client, and what no correct peer sends.
#include "tests/unit/fixture_tls.h"
#include "tests/unit/fixture_tls_records.h"
#include "common/banned.h"

/// RFC 8448 section 3: traffic secrets of a connection and its application data.
static const uint8_t client_secret[] = {0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d, 0xc0, 0x5a, 0xf8, 0x88, 0x9b,
	0xce, 0x65, 0x52, 0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf, 0x00, 0x87, 0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04,
	0xa5};
static const uint8_t server_secret[] = {0xa1, 0x1a, 0xf9, 0xf0, 0x55, 0x31, 0xf8, 0x56, 0xad, 0x47, 0x11, 0x6b, 0x45,
	0xa9, 0x50, 0x32, 0x82, 0x04, 0xb4, 0xf4, 0x4b, 0xfb, 0x6b, 0x3a, 0x4b, 0x4f, 0x1f, 0x3f, 0xcb, 0x63, 0x16,
	0x43};
static const uint8_t client_record[] = {0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94, 0xd0,
	0xaf, 0xfa, 0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea, 0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc, 0xab,
	0x3f, 0x2b, 0x98, 0x19, 0xa8, 0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20, 0x44, 0x1e, 0x2b, 0x62,
	0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd, 0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb,
	0x21, 0x69, 0x49, 0x15, 0xe4};
/// The server's, behind one ticket.
static const uint8_t server_record[] = {0x17, 0x03, 0x03, 0x00, 0x43, 0x2e, 0x93, 0x7e, 0x11, 0xef, 0x4a, 0xc7, 0x40,
	0xe5, 0x38, 0xad, 0x36, 0x00, 0x5f, 0xc4, 0xa4, 0x69, 0x32, 0xfc, 0x32, 0x25, 0xd0, 0x5f, 0x82, 0xaa, 0x1b,
	0x36, 0xe3, 0x0e, 0xfa, 0xf9, 0x7d, 0x90, 0xe6, 0xdf, 0xfc, 0x60, 0x2d, 0xcb, 0x50, 0x1a, 0x59, 0xa8, 0xfc,
	0xc4, 0x9c, 0x4b, 0xf2, 0xe5, 0xf0, 0xa2, 0x1c, 0x00, 0x47, 0xc2, 0xab, 0xf3, 0x32, 0x54, 0x0d, 0xd0, 0x32,
	0xe1, 0x67, 0xc2, 0x95, 0x5d};

/// Two ends without a handshake, over a pair whose sides only keep what came.
struct ends {
	struct pair *p;
	struct tls_records client, server;
	uint8_t got[65536];
};

static struct ends *new_ends(void)
{
	struct ends *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->p = new_pair(64);
	assert_int_equal(tls_records_init(&e->server, TLS_AES_128_GCM, client_secret, server_secret, 0), 0);
	assert_int_equal(tls_records_init(&e->client, TLS_AES_128_GCM, server_secret, client_secret, 0), 0);
	return e;
}

static void free_ends(struct ends *e)
{
	tls_records_done(&e->server);
	tls_records_done(&e->client);
	free_pair(e->p);
	free(e);
}

/// All that came to a side so far, taken away.
static struct sp_bytes arrived(struct ends *e, struct side *side)
{
	struct sp_bytes b = sp_bytes(side->raw, side->raw_n);

	run(e->p);
	b.n = side->raw_n;
	side->raw_n = 0;
	return b;
}

static int server_reads(struct ends *e, struct sp_bytes *in, size_t cap, size_t *ret)
{
	return tls_records_read(&e->server, e->p->server.stream, in, e->got, cap, ret);
}

static void the_trace_of_rfc_8448_is_opened_and_sealed_to_the_byte(void **state)
{
	struct ends *e = new_ends();
	struct sp_bytes in = sp_bytes(client_record, sizeof(client_record));
	uint8_t data[50];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), 0);
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(e->got, data, sizeof(data));
	assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), -EAGAIN);
	e->server.out.seq = 1;
	assert_int_equal(tls_records_write(&e->server, e->p->server.stream, data, sizeof(data)), 0);
	in = arrived(e, &e->p->client);
	assert_int_equal(in.n, sizeof(server_record));
	assert_memory_equal(in.p, server_record, sizeof(server_record));
	free_ends(e);
}

static void every_suite_is_taken_over_and_carries_data(void **state)
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(suites); i++) {
		struct sp_tls_client *cli = client_of(&ca);
		struct pair *p;

		assert_int_equal(SSL_CTX_set_ciphersuites(cli->ctx, suites[i]), 1);
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_null(p->server.tls->ssl);
		assert_int_equal(info(p->server.tls).version, TLS1_3_VERSION);
		exchange(p);
		free_pair(p);
		sp_tls_client_free(cli);
	}
	sp_tls_server_free(srv);
}

static void what_comes_together_with_the_end_of_the_handshake_is_read(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(64);

	(void)state;
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	for (unsigned i = 0; i < 1000 && !sp_tls_established(p->client.tls); i++)
		sp_io_turn(p->io, sp_clock_boot_ns(), 0);
	assert_false(sp_tls_established(p->server.tls));
	assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)"early", 5), 0);
	run(p);
	assert_null(p->server.tls->ssl);
	assert_int_equal(p->server.plain_n, 5);
	assert_memory_equal(p->server.plain, "early", 5);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void keys_are_updated_when_a_client_wishes(void **state)
{
	static const int kinds[] = {SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED};
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "a.example");

	(void)state;
	exchange(p);
	for (unsigned i = 0; i < 2 * TLS_UPDATES_MAX; i++) {
		p->server.plain_n = p->client.plain_n = 0;
		assert_int_equal(SSL_key_update(p->client.tls->ssl, kinds[i % 2]), 1);
		exchange(p);
	}
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void our_key_is_updated_before_it_has_sealed_too_much(void **state)
{
	struct ends *e = new_ends();
	struct sp_bytes in;
	uint8_t old_iv[12];
	size_t n = 0;

	(void)state;
	memcpy(old_iv, e->client.out.iv, sizeof(old_iv));
	e->client.out.seq = e->server.in.seq = TLS_REKEY_AT - 1;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(tls_records_write(&e->client, e->p->client.stream, (const uint8_t *)"data", 4), 0);
		in = arrived(e, &e->p->server);
		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), 0);
		assert_int_equal(n, 4);
		assert_memory_equal(e->got, "data", 4);
	}
	assert_int_equal(e->client.out.seq, 2);
	assert_memory_not_equal(e->client.out.iv, old_iv, sizeof(old_iv));
	free_ends(e);
}

static void small_buffers_and_small_pieces_give_the_same_bytes(void **state)
{
	static uint8_t text[40000];
	static const size_t caps[] = {1, 7, 1000, 16384, sizeof(text)}, pieces[] = {1, 5, 6, 1001, sizeof(text)};

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + (i >> 8));
	for (unsigned i = 0; i < SP_ARRAY_LEN(caps) * SP_ARRAY_LEN(pieces); i++) {
		size_t cap = caps[i % SP_ARRAY_LEN(caps)], piece = pieces[i / SP_ARRAY_LEN(caps)], at = 0, n = 0;
		struct ends *e = new_ends();
		struct sp_bytes all;

		for (size_t k = 0; k < sizeof(text); k += 8000) {
			assert_int_equal(tls_records_write(&e->client, e->p->client.stream, text + k, 8000), 0);
			all = arrived(e, &e->p->server);
			while (all.n) {
				struct sp_bytes in = sp_bytes(all.p, sp_min(all.n, piece));

				all = sp_bytes(all.p + in.n, all.n - in.n);
				while (server_reads(e, &in, cap, &n) == 0) {
					assert_memory_equal(e->got, text + at, n);
					at += n;
				}
				assert_int_equal(in.n, 0);
			}
		}
		assert_int_equal(at, sizeof(text));
		assert_null(e->server.hold);
		free_ends(e);
	}
}

static void every_truncation_of_a_record_waits_for_the_rest(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(client_record); k++) {
		struct ends *e = new_ends();
		struct sp_bytes in = sp_bytes(client_record, k);
		size_t n = 0;

		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), -EAGAIN);
		in = sp_bytes(client_record + k, sizeof(client_record) - k);
		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), 0);
		assert_int_equal(n, 50);
		assert_int_equal(arrived(e, &e->p->client).n, 0);
		free_ends(e);
	}
}

/// What the alert says that the server sent, by the client's keys.
static uint8_t alert_of(struct ends *e)
{
	struct sp_bytes in = arrived(e, &e->p->client);
	uint8_t copy[256], plain[64];
	int k;

	assert_int_equal(in.n, 5 + 2 + 1 + 16);
	memcpy(copy, in.p, in.n);
	assert_int_equal(EVP_DecryptInit_ex(e->client.in.aead, NULL, NULL, NULL, e->client.in.iv), 1);
	assert_int_equal(EVP_DecryptUpdate(e->client.in.aead, plain, &k, copy + 5, 3), 1);
	assert_int_equal(plain[0], 2);
	assert_int_equal(plain[2], TLS_ALERT);
	return plain[1];
}

static void a_record_with_any_bit_changed_is_refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(client_record); bit++) {
		struct ends *e = new_ends();
		uint8_t copy[sizeof(client_record)];
		struct sp_bytes in = sp_bytes(copy, sizeof(copy));
		size_t n = 0, at = bit / 8;
		int r;

		memcpy(copy, client_record, sizeof(copy));
		copy[at] ^= (uint8_t)(1u << bit % 8);
		r = server_reads(e, &in, sizeof(e->got), &n);
		if ((at == 3 || at == 4) && r == -EAGAIN) { // longer now: the rest is waited for
			free_ends(e);
			continue;
		}
		assert_int_equal(r, -EPROTO);
		assert_non_null(e->server.error);
		assert_int_equal(n, 0);
		r = alert_of(e);
		if (at >= 5)
			assert_int_equal(r, TLS_BAD_RECORD_MAC);
		free_ends(e);
	}
}

static void a_record_sent_twice_or_out_of_turn_is_refused(void **state)
{
	struct ends *e = new_ends();
	struct sp_bytes in = sp_bytes(client_record, sizeof(client_record));
	size_t n = 0;

	(void)state;
	assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), 0);
	in = sp_bytes(client_record, sizeof(client_record));
	assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), -EPROTO);
	assert_int_equal(alert_of(e), TLS_BAD_RECORD_MAC);
	free_ends(e);
}

static void heads_that_cannot_be_are_refused_before_their_bodies_come(void **state)
{
	static const struct {
		uint8_t head[5], alert;
	} cases[] = {
		{{20, 3, 3, 0, 1}, TLS_UNEXPECTED_MESSAGE},
		{{21, 3, 3, 0, 2}, TLS_UNEXPECTED_MESSAGE},
		{{22, 3, 3, 0, 5}, TLS_UNEXPECTED_MESSAGE},
		{{23, 3, 1, 0, 67}, TLS_DECODE_ERROR},
		{{23, 3, 3, 0, 16}, TLS_DECODE_ERROR},
		{{23, 3, 3, 0, 0}, TLS_DECODE_ERROR},
		{{23, 3, 3, 0x41, 1}, TLS_RECORD_OVERFLOW},
		{{23, 3, 3, 0xff, 0xff}, TLS_RECORD_OVERFLOW},
	};

	(void)state;
	for (unsigned i = 0; i < 2 * SP_ARRAY_LEN(cases); i++) {
		struct ends *e = new_ends();
		const uint8_t *head = cases[i / 2].head;
		struct sp_bytes in = sp_bytes(head, i % 2 ? 2 : 5);
		size_t n = 0;

		if (i % 2) { // in pieces
			assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), -EAGAIN);
			in = sp_bytes(head + 2, 3);
		}
		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), -EPROTO);
		assert_int_equal(alert_of(e), cases[i / 2].alert);
		free_ends(e);
	}
}

static void contents_are_taken_by_their_type_and_padding_is_dropped(void **state)
{
	static const struct {
		uint8_t inner[16];
		size_t n;
		int result; ///< 0 = data
		int alert;  ///< -1 = none
	} cases[] = {
		{{'h', 'i', TLS_DATA}, 3, 0, -1},
		{{'h', 'i', TLS_DATA, 0, 0, 0, 0}, 7, 0, -1},
		{{TLS_DATA}, 1, -EAGAIN, -1},
		{{0}, 1, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{0, 0, 0}, 3, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{1, TLS_CHANGE_CIPHER}, 2, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{1, 99}, 2, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{1, TLS_CLOSE_NOTIFY, TLS_ALERT}, 3, -EPIPE, -1},
		{{1, TLS_USER_CANCELED, TLS_ALERT}, 3, -EAGAIN, -1},
		{{2, TLS_BAD_RECORD_MAC, TLS_ALERT}, 3, -EPROTO, -1},
		{{2, TLS_ALERT}, 2, -EPROTO, TLS_DECODE_ERROR},
		{{24, 0, 0, 1, 0, TLS_HANDSHAKE}, 6, -EAGAIN, -1},
		{{24, 0, 0, 1, 2, TLS_HANDSHAKE}, 6, -EPROTO, TLS_ILLEGAL_PARAMETER},
		{{24, 0, 0, 1, TLS_HANDSHAKE}, 5, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{24, 0, 0, 1, 0, 0, TLS_HANDSHAKE}, 7, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{1, 0, 0, 1, 0, TLS_HANDSHAKE}, 6, -EPROTO, TLS_UNEXPECTED_MESSAGE},
		{{TLS_HANDSHAKE}, 1, -EPROTO, TLS_UNEXPECTED_MESSAGE},
	};

	(void)state;
	for (unsigned i = 0; i < SP_ARRAY_LEN(cases); i++) {
		struct ends *e = new_ends();
		uint8_t rec[64];
		struct sp_bytes in =
			sp_bytes(rec, seal_inner(&e->client.out, cases[i].inner, cases[i].n, rec));
		size_t n = 0;

		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), cases[i].result);
		assert_int_equal(n, cases[i].result ? 0 : 2);
		if (cases[i].alert >= 0)
			assert_int_equal(alert_of(e), cases[i].alert);
		else
			assert_int_equal(arrived(e, &e->p->client).n, 0);
		free_ends(e);
	}
}

static void the_largest_record_is_read_and_a_larger_one_refused(void **state)
{
	static uint8_t inner[TLS_RECORD_MAX], rec[TLS_RECORD_MAX + 64];

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct ends *e = new_ends();
		size_t n = 0;
		struct sp_bytes in;

		memset(inner, 'x', sizeof(inner));
		inner[TLS_RECORD_PLAIN_MAX + over] = TLS_DATA;
		in = sp_bytes(rec, seal_inner(&e->client.out, inner, TLS_RECORD_PLAIN_MAX + over + 1, rec));
		assert_int_equal(server_reads(e, &in, sizeof(e->got), &n), over ? -EPROTO : 0);
		assert_int_equal(n, over ? 0 : TLS_RECORD_PLAIN_MAX);
		if (over)
			assert_int_equal(alert_of(e), TLS_RECORD_OVERFLOW);
		free_ends(e);
	}
}

static void key_updates_without_data_between_them_are_limited(void **state)
{
	static const uint8_t update[] = {24, 0, 0, 1, 0, TLS_HANDSHAKE};
	struct ends *e = new_ends();
	struct tls_half *peer = &e->client.out;
	uint8_t rec[64];
	size_t n = 0;
	int r = 0;

	(void)state;
	for (unsigned i = 0; i <= TLS_UPDATES_MAX; i++) {
		struct sp_bytes in = sp_bytes(rec, seal_inner(peer, update, sizeof(update), rec));

		r = server_reads(e, &in, sizeof(e->got), &n);
		assert_int_equal(r, i < TLS_UPDATES_MAX ? -EAGAIN : -EPROTO);
		// the peer's next generation is what the server reads by
		memcpy(peer->secret, e->server.in.secret, sizeof(peer->secret));
		memcpy(peer->iv, e->server.in.iv, sizeof(peer->iv));
		peer->seq = 0;
		EVP_CIPHER_CTX_free(peer->aead);
		peer->aead = EVP_CIPHER_CTX_new();
		assert_int_equal(EVP_CIPHER_CTX_copy(peer->aead, e->server.in.aead), 1);
	}
	assert_int_equal(alert_of(e), TLS_UNEXPECTED_MESSAGE);
	free_ends(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trace_of_rfc_8448_is_opened_and_sealed_to_the_byte),
		cmocka_unit_test(every_suite_is_taken_over_and_carries_data),
		cmocka_unit_test(what_comes_together_with_the_end_of_the_handshake_is_read),
		cmocka_unit_test(keys_are_updated_when_a_client_wishes),
		cmocka_unit_test(our_key_is_updated_before_it_has_sealed_too_much),
		cmocka_unit_test(small_buffers_and_small_pieces_give_the_same_bytes),
		cmocka_unit_test(every_truncation_of_a_record_waits_for_the_rest),
		cmocka_unit_test(a_record_with_any_bit_changed_is_refused),
		cmocka_unit_test(a_record_sent_twice_or_out_of_turn_is_refused),
		cmocka_unit_test(heads_that_cannot_be_are_refused_before_their_bodies_come),
		cmocka_unit_test(contents_are_taken_by_their_type_and_padding_is_dropped),
		cmocka_unit_test(the_largest_record_is_read_and_a_larger_one_refused),
		cmocka_unit_test(key_updates_without_data_between_them_are_limited),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
