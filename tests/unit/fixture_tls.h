/// Two TLS ends over streams in memory, with certificates made here.
#pragma once

#include "common/clock.h"
#include "dataplane/tls/private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define PLAIN_MAX (1 << 20)

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t pem[4096], key_pem[2048];
	size_t pem_n, key_n;
};

static struct identity ca, other_ca, leaf_a, leaf_b, client_id;

static inline void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;

	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline size_t bio_text(BIO *b, uint8_t *to, size_t cap)
{
	int n = BIO_read(b, to, (int)cap);

	assert_true(n > 0 && (size_t)n < cap);
	BIO_free(b);
	return (size_t)n;
}

static inline void make(
	struct identity *id, const char *name, const char *san, struct identity *by, long valid_s)
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

static inline void drop(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

static inline int make_all(void **state)
{
	(void)state;
	make(&ca, "ca", NULL, &ca, 7200);
	make(&other_ca, "other", NULL, &other_ca, 7200);
	make(&leaf_a, "a", "DNS:a.example,IP:127.0.0.1", &ca, 7200);
	make(&leaf_b, "b", "DNS:*.b.example", &ca, 7200);
	make(&client_id, "agent", NULL, &ca, 7200);
	return 0;
}

static inline int drop_all(void **state)
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

static inline void put(union half *u, const void *p, size_t n, uint32_t *off, uint32_t *len)
{
	memcpy(u->bytes + u->h.bytes, p, n);
	*off = u->h.bytes;
	*len = (uint32_t)n;
	u->h.bytes += (uint32_t)n;
}

static inline struct sp_secret_cert *put_cert(union half *u, const struct identity *id)
{
	struct sp_secret_cert *c = &u->h.cert[u->h.certs_n++];

	put(u, id->pem, id->pem_n, &c->chain_off, &c->chain_len);
	put(u, id->key_pem, id->key_n, &c->key_off, &c->key_len);
	return c;
}

static inline void set_ticket_key(union half *u, unsigned i, uint8_t seed)
{
	memset(&u->h.ticket[i], seed, sizeof(u->h.ticket[i]));
}

static inline union half *new_half(void)
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

static inline struct sp_tls_server *server_of(union half *u)
{
	struct sp_tls_server *s = NULL;

	assert_int_equal(sp_tls_server_new(&u->h, &s), 0);
	free(u);
	return s;
}

static inline struct sp_tls_client *client_of(const struct identity *trusted)
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

static inline void side_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
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

static inline void side_eof(struct sp_stream *s, void *user)
{
	(void)s;
	(void)user;
}

static inline void side_closed(struct sp_stream *s, void *user, int err)
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

static inline struct pair *new_pair(uint32_t blocks)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct sp_io_conf conf = {.max_streams = 4, .blocks = blocks, .recv_buffers = 4};

	assert_non_null(p);
	p->client.plain = malloc(PLAIN_MAX);
	p->server.plain = malloc(PLAIN_MAX);
	assert_int_equal(sp_io_mem_new(&conf, &p->io), 0);
	assert_int_equal(sp_io_mem_pair(p->io, &side_ops, &p->client, &side_ops, &p->server,
				 &p->client.stream, &p->server.stream),
		0);
	return p;
}

static inline void run(struct pair *p)
{
	for (unsigned quiet = 0, i = 0; quiet < 3 && i < 100000; i++)
		quiet = sp_io_turn(p->io, sp_clock_boot_ns(), 0) ? 0 : quiet + 1;
}

static inline struct pair *shake(struct sp_tls_server *srv, struct sp_tls_client *cli, const char *name)
{
	struct pair *p = new_pair(256);

	assert_int_equal(sp_tls_accept(srv, p->server.stream, &p->server.tls), 0);
	assert_int_equal(sp_tls_connect(cli, name, p->client.stream, &p->client.tls), 0);
	run(p);
	return p;
}

static inline void free_pair(struct pair *p)
{
	sp_tls_free(p->client.tls);
	sp_tls_free(p->server.tls);
	sp_io_free(p->io);
	free(p->client.plain);
	free(p->server.plain);
	free(p);
}

static inline bool both_established(const struct pair *p)
{
	return sp_tls_established(p->client.tls) && sp_tls_established(p->server.tls);
}

static inline struct sp_tls_info info(const struct sp_tls *t)
{
	struct sp_tls_info i;

	sp_tls_info(t, &i);
	return i;
}

static inline void exchange(struct pair *p)
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

/// A list of tests with OpenSSL's ciphers and, where this build and CPU have them, with the faster
/// ones: how many failed.
#define RUN_WITH_BOTH_CIPHERS(tests)                                                               \
	({                                                                                         \
		int failed = cmocka_run_group_tests_name(                                          \
			"records by OpenSSL", tests, make_all, drop_all);                          \
                                                                                                   \
		if (sp_tls_fast_records() == 0)                                                    \
			failed += cmocka_run_group_tests_name(                                     \
				"records by intel-ipsec-mb", tests, make_all, drop_all);           \
		failed;                                                                            \
	})
