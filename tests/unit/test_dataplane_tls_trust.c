/// Who is believed, and what is refused.
#include "tests/unit/fixture_tls.h"
#include "common/banned.h"

static X509 *shown(const struct pair *p)
{
	return SSL_get0_peer_certificate(p->client.tls->ssl);
}

static void the_certificate_is_chosen_by_name(void **state)
{
	static const struct {
		const char *name;
		const struct identity *want;
	} t[] = {
		{"a.example", &leaf_a},
		{"x.b.example", &leaf_b},
		{"X.B.Example", &leaf_b},
		{"b.example", &leaf_b},
		{"x.y.b.example", &leaf_a},
		{"nobody.example", &leaf_a},
		{"127.0.0.1", &leaf_a},
	};
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);

	(void)state;
	SSL_CTX_set_verify(cli->ctx, SSL_VERIFY_NONE, NULL);
	for (unsigned i = 0; i < SP_ARRAY_LEN(t); i++) {
		struct pair *p = shake(srv, cli, t[i].name);

		assert_true(both_established(p));
		assert_int_equal(X509_cmp(shown(p), t[i].want->cert), 0);
		free_pair(p);
	}
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void expect_refused(const struct identity *trusted, const char *name)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(trusted);
	struct pair *p = shake(srv, cli, name);

	assert_int_equal(p->client.err, -EPROTO);
	assert_false(sp_tls_established(p->client.tls));
	assert_int_equal(p->server.err, -EPROTO);
	assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)"x", 1), -EPROTO);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
	(void)state;
	expect_refused(&other_ca, "a.example");
}

static void a_certificate_for_another_name_is_refused(void **state)
{
	(void)state;
	expect_refused(&ca, "z.example");
	expect_refused(&ca, "127.0.0.2");
}

static void an_address_in_the_certificate_is_accepted(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "127.0.0.1");

	(void)state;
	assert_true(both_established(p));
	assert_string_equal(info(p->server.tls).sni, "");
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void an_expired_certificate_is_refused(void **state)
{
	struct identity old;
	union half *u = new_half();
	struct sp_secret_cert *c = &u->h.cert[0];
	struct sp_tls_server *srv;
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	(void)state;
	make(&old, "a", "DNS:a.example", &ca, -60);
	put(u, old.pem, old.pem_n, &c->chain_off, &c->chain_len);
	put(u, old.key_pem, old.key_n, &c->key_off, &c->key_len);
	srv = server_of(u);
	p = shake(srv, cli, "a.example");
	assert_int_equal(p->client.err, -EPROTO);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
	drop(&old);
}

static union half *half_with_client_ca(void)
{
	union half *u = new_half();

	put(u, ca.pem, ca.pem_n, &u->h.client_ca_off, &u->h.client_ca_len);
	return u;
}

static void a_client_certificate_is_asked_for_checked_and_shown(void **state)
{
	struct sp_tls_server *srv = server_of(half_with_client_ca());
	struct sp_tls_client *cli = client_of(&ca);
	uint8_t want[32];
	struct pair *p;

	(void)state;
	p = shake(srv, cli, "a.example");
	assert_true(both_established(p));
	assert_false(info(p->server.tls).has_client_cert);
	free_pair(p);
	sp_tls_client_free(cli);

	cli = client_of(&ca);
	SSL_CTX_use_certificate(cli->ctx, client_id.cert);
	SSL_CTX_use_PrivateKey(cli->ctx, client_id.key);
	X509_digest(client_id.cert, EVP_sha256(), want, NULL);
	for (unsigned i = 0; i < 2; i++) { // full, then resumed
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_int_equal(info(p->server.tls).resumed, i);
		assert_true(info(p->server.tls).has_client_cert);
		assert_memory_equal(info(p->server.tls).client_cert_sha256, want, 32);
		free_pair(p);
	}
	sp_tls_client_free(cli);

	cli = client_of(&ca);
	SSL_CTX_use_certificate(cli->ctx, other_ca.cert);
	SSL_CTX_use_PrivateKey(cli->ctx, other_ca.key);
	p = shake(srv, cli, "a.example");
	assert_int_equal(p->server.err, -EPROTO);
	assert_false(sp_tls_established(p->server.tls));
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void only_http_1_1_is_negotiated(void **state)
{
	static const unsigned char h2[] = "\x02h2", both[] = "\x02h2\x08http/1.1";
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	const unsigned char *alpn;
	struct pair *p;
	unsigned n;

	(void)state;
	SSL_CTX_set_alpn_protos(cli->ctx, h2, sizeof(h2) - 1);
	p = shake(srv, cli, "a.example");
	assert_int_equal(p->server.err, -EPROTO);
	assert_int_equal(p->client.err, -EPROTO);
	assert_int_equal(p->client.raw[0], 21);
	assert_int_equal(p->client.raw[6], SSL_AD_NO_APPLICATION_PROTOCOL);
	free_pair(p);
	SSL_CTX_set_alpn_protos(cli->ctx, both, sizeof(both) - 1);
	p = shake(srv, cli, "a.example");
	assert_true(both_established(p));
	SSL_get0_alpn_selected(p->client.tls->ssl, &alpn, &n);
	assert_int_equal(n, 8);
	free_pair(p);
	SSL_CTX_set_alpn_protos(cli->ctx, NULL, 0);
	p = shake(srv, cli, "a.example");
	assert_true(both_established(p));
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void old_versions_and_weak_ciphers_are_refused(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sp_tls_client *cli = client_of(&ca);
		struct pair *p;

		if (i == 0) {
			SSL_CTX_set_min_proto_version(cli->ctx, TLS1_VERSION);
			SSL_CTX_set_max_proto_version(cli->ctx, TLS1_1_VERSION);
			SSL_CTX_set_cipher_list(cli->ctx, "ALL:@SECLEVEL=0");
		} else {
			SSL_CTX_set_max_proto_version(cli->ctx, TLS1_2_VERSION);
			SSL_CTX_set_cipher_list(cli->ctx,
				i == 1 ? "ECDHE-ECDSA-AES128-SHA256" : "AES128-GCM-SHA256");
		}
		p = shake(srv, cli, "a.example");
		assert_int_equal(p->server.err, -EPROTO);
		assert_false(sp_tls_established(p->server.tls));
		assert_int_equal(p->client.raw[0], 21);
		free_pair(p);
		sp_tls_client_free(cli);
	}
	sp_tls_server_free(srv);
}

/// A client's first flight, as bytes.
static size_t hello(uint8_t *to, size_t cap)
{
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(16);
	size_t n;

	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	run(p);
	n = p->server.raw_n;
	assert_true(n > 100 && n <= cap);
	memcpy(to, p->server.raw, n);
	free_pair(p);
	sp_tls_client_free(cli);
	return n;
}

static void feed_raw(struct pair *p, const uint8_t *b, size_t n)
{
	assert_int_equal(sp_stream_send(p->client.stream, b, n), 0);
	run(p);
}

static void every_truncation_of_a_hello_just_waits(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	uint8_t b[4096];
	size_t n = hello(b, sizeof(b));

	(void)state;
	for (size_t k = 0; k < n; k++) {
		struct pair *p = new_pair(16);

		assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
		feed_raw(p, b, k);
		assert_int_equal(p->server.err, 0);
		assert_false(sp_tls_established(p->server.tls));
		assert_int_equal(p->client.raw_n, 0);
		feed_raw(p, b + k, n - k);
		assert_int_equal(p->server.err, 0);
		assert_int_equal(p->client.raw[0], 22); // the server's flight
		free_pair(p);
	}
	sp_tls_server_free(srv);
}

static void a_tampered_hello_never_establishes(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	uint8_t b[4096];
	size_t n = hello(b, sizeof(b));

	(void)state;
	for (size_t k = 0; k < n; k++) {
		struct pair *p = new_pair(16);

		b[k] ^= 0x41;
		assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
		feed_raw(p, b, n);
		b[k] ^= 0x41;
		assert_true(p->server.err == 0 || p->server.err == -EPROTO);
		assert_false(sp_tls_established(p->server.tls));
		free_pair(p);
	}
	assert_int_equal(ERR_peek_error(), 0);
	sp_tls_server_free(srv);
}

static void garbage_is_a_protocol_error_with_an_alert(void **state)
{
	static const uint8_t record[] = {22, 3, 1, 0, 8, 1, 0, 0, 4, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct sp_tls_server *srv = server_of(new_half());
	struct pair *p = new_pair(16);
	uint8_t b[16];
	size_t n;

	(void)state;
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	feed_raw(p, record, sizeof(record));
	assert_int_equal(p->server.err, -EPROTO);
	assert_int_equal(p->client.raw[0], 21);
	assert_int_equal(p->client.raw_n, 7);
	assert_int_equal(p->client.raw[5], 2);
	assert_int_equal(sp_tls_read(p->server.tls, b, sizeof(b), &n), -EPROTO);
	free_pair(p);
	p = new_pair(16);
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	feed_raw(p, http, sizeof(http) - 1);
	assert_int_equal(p->server.err, -EPROTO);
	free_pair(p);
	sp_tls_server_free(srv);
}

static void a_tampered_record_is_refused(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "a.example");
	uint8_t forged[64] = {23, 3, 3, 0, 59};

	(void)state;
	assert_true(both_established(p));
	feed_raw(p, forged, sizeof(forged));
	assert_int_equal(p->server.err, -EPROTO);
	assert_int_equal(p->server.plain_n, 0);
	assert_int_equal(p->client.err, -EPROTO);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void close_notify_is_told_apart_from_errors(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "a.example");

	(void)state;
	assert_int_equal(sp_tls_write(p->server.tls, (const uint8_t *)"bye", 3), 0);
	sp_tls_shutdown(p->server.tls);
	run(p);
	assert_int_equal(p->client.plain_n, 3);
	assert_int_equal(p->client.err, -EPIPE);
	assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)"you too", 7), 0);
	run(p);
	assert_int_equal(p->server.plain_n, 7);
	sp_tls_shutdown(p->client.tls);
	run(p);
	assert_int_equal(p->server.err, -EPIPE);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void errors_others_left_are_not_the_connections(void **state)
{
	static const uint8_t begun[] = {23, 3, 3, 0, 59, 0};
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = shake(srv, cli, "a.example");
	uint8_t b[16];
	size_t n;

	(void)state;
	sp_tls_shutdown(p->server.tls);
	ERR_raise(ERR_LIB_EVP, EVP_R_NO_CIPHER_SET);
	sp_tls_feed(p->server.tls, begun, sizeof(begun));
	assert_int_equal(sp_tls_read(p->server.tls, b, sizeof(b), &n), -EAGAIN);
	ERR_raise(ERR_LIB_EVP, EVP_R_NO_CIPHER_SET);
	run(p);
	assert_int_equal(p->client.err, -EPIPE);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void running_out_of_blocks_is_told(void **state)
{
	static uint8_t text[200000];
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(8);

	(void)state;
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	run(p);
	assert_true(both_established(p));
	assert_int_equal(sp_tls_write(p->client.tls, text, sizeof(text)), -ENOBUFS);
	assert_int_equal(sp_tls_write(p->client.tls, text, 1), -ENOBUFS);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void expect_bad_half(union half *u)
{
	struct sp_tls_server *s = NULL;

	assert_int_equal(sp_tls_server_new(&u->h, &s), -EINVAL);
	assert_null(s);
	assert_int_equal(ERR_peek_error(), 0);
	free(u);
}

static void bad_secrets_are_refused_as_a_whole(void **state)
{
	struct sp_tls_client *c = NULL;
	union half *u;

	(void)state;
	u = new_half();
	u->h.certs_n = 0;
	expect_bad_half(u);
	u = new_half();
	u->h.certs_n = SP_CERTS_MAX + 1;
	expect_bad_half(u);
	u = new_half();
	u->h.cert[1].key_off = u->h.cert[0].key_off; // another certificate's key
	u->h.cert[1].key_len = u->h.cert[0].key_len;
	expect_bad_half(u);
	u = new_half();
	u->h.cert[0].chain_len = u->h.bytes;
	expect_bad_half(u);
	u = new_half();
	u->h.cert[0].chain_off = UINT32_MAX;
	expect_bad_half(u);
	u = new_half();
	u->bytes[u->h.cert[0].chain_off + 100] = '!';
	expect_bad_half(u);
	u = new_half();
	u->h.cert[0].key_len = 0;
	expect_bad_half(u);
	u = new_half();
	memset(u->h.cert[1].names[0], 'x', sizeof(u->h.cert[1].names[0]));
	expect_bad_half(u);
	u = half_with_client_ca();
	u->h.client_ca_len = 10;
	expect_bad_half(u);
	assert_int_equal(sp_tls_client_new(SP_LIT("no certificate"), &c), -EINVAL);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_certificate_is_chosen_by_name),
		cmocka_unit_test(a_certificate_of_another_ca_is_refused),
		cmocka_unit_test(a_certificate_for_another_name_is_refused),
		cmocka_unit_test(an_address_in_the_certificate_is_accepted),
		cmocka_unit_test(an_expired_certificate_is_refused),
		cmocka_unit_test(a_client_certificate_is_asked_for_checked_and_shown),
		cmocka_unit_test(only_http_1_1_is_negotiated),
		cmocka_unit_test(old_versions_and_weak_ciphers_are_refused),
		cmocka_unit_test(every_truncation_of_a_hello_just_waits),
		cmocka_unit_test(a_tampered_hello_never_establishes),
		cmocka_unit_test(garbage_is_a_protocol_error_with_an_alert),
		cmocka_unit_test(a_tampered_record_is_refused),
		cmocka_unit_test(close_notify_is_told_apart_from_errors),
		cmocka_unit_test(errors_others_left_are_not_the_connections),
		cmocka_unit_test(running_out_of_blocks_is_told),
		cmocka_unit_test(bad_secrets_are_refused_as_a_whole),
	};

	return RUN_WITH_BOTH_CIPHERS(tests);
}
