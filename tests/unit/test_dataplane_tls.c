/// TLS over streams in memory, with certificates made here.
#include "common/clock.h"
#include "dataplane/tls/private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define PLAIN_MAX (1 << 20)

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t pem[4096], key_pem[2048];
	size_t pem_n, key_n;
};

static struct identity ca, other_ca, leaf_a, leaf_b, client_id;

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;

	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static size_t bio_text(BIO *b, uint8_t *to, size_t cap)
{
	int n = BIO_read(b, to, (int)cap);

	assert_true(n > 0 && (size_t)n < cap);
	BIO_free(b);
	return (size_t)n;
}

static void make(struct identity *id, const char *name, const char *san, struct identity *by,
	long valid_s)
{
	static long serial = 1;
	BIO *b;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_non_null(id->key);
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), valid_s);
	X509_set_pubkey(id->cert, id->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(id->cert, X509_get_subject_name(by->cert));
	if (by == id)
		add_ext(id->cert, id->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (san)
		add_ext(id->cert, by->cert, NID_subject_alt_name, san);
	assert_true(X509_sign(id->cert, by->key, EVP_sha256()) > 0);
	b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, id->cert);
	id->pem_n = bio_text(b, id->pem, sizeof(id->pem));
	b = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(b, id->key, NULL, NULL, 0, NULL, NULL);
	id->key_n = bio_text(b, id->key_pem, sizeof(id->key_pem));
}

static void drop(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

static int make_all(void **state)
{
	(void)state;
	make(&ca, "ca", NULL, &ca, 7200);
	make(&other_ca, "other", NULL, &other_ca, 7200);
	make(&leaf_a, "a", "DNS:a.example,IP:127.0.0.1", &ca, 7200);
	make(&leaf_b, "b", "DNS:*.b.example", &ca, 7200);
	make(&client_id, "agent", NULL, &ca, 7200);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	drop(&ca);
	drop(&other_ca);
	drop(&leaf_a);
	drop(&leaf_b);
	drop(&client_id);
	return 0;
}

/// A half of the secrets region, built as control does.
union half {
	struct sp_secrets_half h;
	uint8_t bytes[sizeof(struct sp_secrets_half) + 65536];
};

static void put(union half *u, const void *p, size_t n, uint32_t *off, uint32_t *len)
{
	memcpy(u->bytes + u->h.bytes, p, n);
	*off = u->h.bytes;
	*len = (uint32_t)n;
	u->h.bytes += (uint32_t)n;
}

static struct sp_secret_cert *put_cert(union half *u, const struct identity *id)
{
	struct sp_secret_cert *c = &u->h.cert[u->h.certs_n++];

	put(u, id->pem, id->pem_n, &c->chain_off, &c->chain_len);
	put(u, id->key_pem, id->key_n, &c->key_off, &c->key_len);
	return c;
}

static void set_ticket_key(union half *u, unsigned i, uint8_t seed)
{
	memset(&u->h.ticket[i], seed, sizeof(u->h.ticket[i]));
}

static union half *new_half(void)
{
	union half *u = calloc(1, sizeof(*u));
	struct sp_secret_cert *b;

	assert_non_null(u);
	u->h.bytes = sizeof(u->h);
	put_cert(u, &leaf_a);
	b = put_cert(u, &leaf_b);
	b->names_n = 2;
	snprintf(b->names[0], sizeof(b->names[0]), "*.b.example");
	snprintf(b->names[1], sizeof(b->names[1]), "b.example");
	set_ticket_key(u, 0, 1);
	return u;
}

static struct sp_tls_server *server_of(union half *u)
{
	struct sp_tls_server *s = NULL;

	assert_int_equal(sp_tls_server_new(&u->h, &s), 0);
	free(u);
	return s;
}

static struct sp_tls_client *client_of(const struct identity *trusted)
{
	struct sp_tls_client *c = NULL;

	assert_int_equal(sp_tls_client_new(sp_bytes(trusted->pem, trusted->pem_n), &c), 0);
	return c;
}

struct side {
	struct sp_stream *stream;
	struct sp_tls *tls;
	uint8_t *plain;
	size_t plain_n, raw_n;
	uint8_t raw[16384]; ///< the first bytes as they came
	int err;
	bool closed;
};

struct pair {
	struct sp_io *io;
	struct side client, server;
};

static void side_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct side *e = user;
	size_t keep = sp_min(n, sizeof(e->raw) - e->raw_n), got = 0;

	(void)s;
	memcpy(e->raw + e->raw_n, data, keep);
	e->raw_n += keep;
	if (!e->tls || e->err)
		return;
	sp_tls_feed(e->tls, data, n);
	do {
		assert_true(e->plain_n < PLAIN_MAX);
		e->err = sp_tls_read(e->tls, e->plain + e->plain_n, PLAIN_MAX - e->plain_n, &got);
		if (!e->err)
			e->plain_n += got;
	} while (!e->err);
	if (e->err == -EAGAIN)
		e->err = 0;
}

static void side_eof(struct sp_stream *s, void *user)
{
	(void)s;
	(void)user;
}

static void side_closed(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)err;
	((struct side *)user)->closed = true;
}

static const struct sp_stream_ops side_ops = {
	.on_data = side_data,
	.on_eof = side_eof,
	.on_closed = side_closed,
};

static struct pair *new_pair(uint32_t blocks)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct sp_io_conf conf = {.max_streams = 4, .blocks = blocks, .recv_buffers = 4};

	assert_non_null(p);
	p->client.plain = malloc(PLAIN_MAX);
	p->server.plain = malloc(PLAIN_MAX);
	assert_int_equal(sp_io_mem_new(&conf, &p->io), 0);
	assert_int_equal(sp_io_mem_pair(p->io, &side_ops, &p->client, &side_ops, &p->server,
				 &p->client.stream, &p->server.stream), 0);
	return p;
}

static void run(struct pair *p)
{
	for (unsigned quiet = 0, i = 0; quiet < 3 && i < 100000; i++)
		quiet = sp_io_turn(p->io, sp_clock_boot_ns(), 0) ? 0 : quiet + 1;
}

static struct pair *shake(struct sp_tls_server *srv, struct sp_tls_client *cli, const char *name)
{
	struct pair *p = new_pair(256);

	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, name, p->client.stream, &p->client.tls), 0);
	run(p);
	return p;
}

static void free_pair(struct pair *p)
{
	sp_tls_free(p->client.tls);
	sp_tls_free(p->server.tls);
	sp_io_free(p->io);
	free(p->client.plain);
	free(p->server.plain);
	free(p);
}

static bool both_established(const struct pair *p)
{
	return sp_tls_established(p->client.tls) && sp_tls_established(p->server.tls);
}

static struct sp_tls_info info(const struct sp_tls *t)
{
	struct sp_tls_info i;

	sp_tls_info(t, &i);
	return i;
}

static void exchange(struct pair *p)
{
	static uint8_t text[300000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 11 + (i >> 9));
	assert_int_equal(sp_tls_write(p->client.tls, text, sizeof(text)), 0);
	assert_int_equal(sp_tls_write(p->server.tls, text, 1000), 0);
	run(p);
	assert_int_equal(p->server.plain_n, sizeof(text));
	assert_memory_equal(p->server.plain, text, sizeof(text));
	assert_int_equal(p->client.plain_n, 1000);
	assert_memory_equal(p->client.plain, text, 1000);
}

static void both_versions_shake_hands_and_carry_data(void **state)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct sp_tls_server *srv = server_of(new_half());

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sp_tls_client *cli = client_of(&ca);
		struct pair *p;

		SSL_CTX_set_max_proto_version(cli->ctx, versions[i]);
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_int_equal(info(p->server.tls).version, versions[i]);
		assert_string_equal(info(p->server.tls).sni, "a.example");
		assert_false(info(p->server.tls).resumed || info(p->server.tls).has_client_cert);
		exchange(p);
		free_pair(p);
		sp_tls_client_free(cli);
	}
	sp_tls_server_free(srv);
}

static void a_byte_at_a_time_makes_no_difference(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(256);

	(void)state;
	sp_io_mem_chunk(p->io, 1);
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	run(p);
	assert_true(both_established(p));
	assert_int_equal(sp_tls_write(p->client.tls, (const uint8_t *)"hello", 5), 0);
	run(p);
	assert_memory_equal(p->server.plain, "hello", 5);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void resume_between(union half *first, union half *second, uint16_t version, bool expected)
{
	struct sp_tls_server *one = server_of(first), *two = server_of(second);
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	SSL_CTX_set_max_proto_version(cli->ctx, version);
	p = shake(one, cli, "a.example");
	assert_true(both_established(p));
	free_pair(p);
	p = shake(two, cli, "a.example");
	assert_true(both_established(p));
	assert_int_equal(info(p->server.tls).resumed, expected);
	assert_int_equal(info(p->client.tls).resumed, expected);
	exchange(p);
	free_pair(p);
	// The replacement ticket of an old key is under the new one.
	p = shake(two, cli, "a.example");
	assert_true(info(p->server.tls).resumed);
	free_pair(p);
	sp_tls_client_free(cli);
	sp_tls_server_free(one);
	sp_tls_server_free(two);
}

static void another_worker_resumes_what_one_began(void **state)
{
	(void)state;
	resume_between(new_half(), new_half(), TLS1_2_VERSION, true);
	resume_between(new_half(), new_half(), TLS1_3_VERSION, true);
}

static void rotated_keys_still_open_old_tickets_and_gone_keys_do_not(void **state)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		union half *rotated = new_half(), *gone = new_half();

		set_ticket_key(rotated, 0, 2);
		set_ticket_key(rotated, 1, 1);
		resume_between(new_half(), rotated, versions[i], true);
		set_ticket_key(gone, 0, 3);
		set_ticket_key(gone, 1, 2);
		resume_between(new_half(), gone, versions[i], false);
	}
}

static void another_certificate_ends_old_sessions(void **state)
{
	union half *u = new_half();
	struct sp_secret_cert *c = &u->h.cert[0];
	struct identity renewed;

	(void)state;
	make(&renewed, "a", "DNS:a.example", &ca, 7200);
	put(u, renewed.pem, renewed.pem_n, &c->chain_off, &c->chain_len);
	put(u, renewed.key_pem, renewed.key_n, &c->key_off, &c->key_len);
	resume_between(new_half(), u, TLS1_3_VERSION, false);
	drop(&renewed);
}

static void unset_ticket_keys_issue_nothing(void **state)
{
	union half *u = new_half();
	struct sp_tls_server *srv;
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p;

	(void)state;
	memset(u->h.ticket, 0, sizeof(u->h.ticket));
	srv = server_of(u);
	for (unsigned i = 0; i < 2; i++) {
		p = shake(srv, cli, "a.example");
		assert_true(both_established(p));
		assert_false(info(p->server.tls).resumed);
		free_pair(p);
	}
	sp_tls_client_free(cli);
	sp_tls_server_free(srv);
}

static void sessions_outlive_the_server_they_were_accepted_by(void **state)
{
	struct sp_tls_server *srv = server_of(new_half());
	struct sp_tls_client *cli = client_of(&ca);
	struct pair *p = new_pair(256);

	(void)state;
	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, "a.example", p->client.stream, &p->client.tls), 0);
	sp_tls_server_free(srv);
	sp_tls_client_free(cli);
	run(p);
	assert_true(both_established(p));
	exchange(p);
	free_pair(p);
}

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
	assert_non_null(sp_tls_error(p->client.tls));
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
			SSL_CTX_set_cipher_list(cli->ctx, i == 1 ? "ECDHE-ECDSA-AES128-SHA256" : "AES128-GCM-SHA256");
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
	assert_string_equal(sp_tls_error(p->server.tls), "http request");
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
	sp_tls_shutdown(p->client.tls);
	run(p);
	assert_int_equal(p->server.err, -EPIPE);
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
		cmocka_unit_test(both_versions_shake_hands_and_carry_data),
		cmocka_unit_test(a_byte_at_a_time_makes_no_difference),
		cmocka_unit_test(another_worker_resumes_what_one_began),
		cmocka_unit_test(rotated_keys_still_open_old_tickets_and_gone_keys_do_not),
		cmocka_unit_test(another_certificate_ends_old_sessions),
		cmocka_unit_test(unset_ticket_keys_issue_nothing),
		cmocka_unit_test(sessions_outlive_the_server_they_were_accepted_by),
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
		cmocka_unit_test(running_out_of_blocks_is_told),
		cmocka_unit_test(bad_secrets_are_refused_as_a_whole),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
