/// Upstreams over TLS: certificates made here, OpenSSL's own server at the other end.
#include "tests/support/upstream_run.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include "common/banned.h"

static struct client k;
static struct call a;

static struct tls_id {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t pem[4096];
	size_t pem_n;
} one, stranger;
static SSL_CTX *server_ctx;
static _Atomic unsigned resumed;

static void make(struct tls_id *id, const char *san)
{
	X509_EXTENSION *e;
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_true(id->key && id->cert && out);
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
	X509_set_pubkey(id->cert, id->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN", MBSTRING_ASC,
		(const unsigned char *)san, -1, -1, 0);
	X509_set_issuer_name(id->cert, X509_get_subject_name(id->cert));
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	assert_non_null(e);
	X509_add_ext(id->cert, e, -1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
	PEM_write_bio_X509(out, id->cert);
	n = BIO_read(out, id->pem, sizeof(id->pem));
	assert_true(n > 0 && (size_t)n < sizeof(id->pem));
	id->pem_n = (size_t)n;
	BIO_free(out);
}

static int make_all(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	make(&one, "DNS:one.example");
	make(&stranger, "DNS:one.example");
	server_ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(server_ctx, one.cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server_ctx, one.key), 1);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	SSL_CTX_free(server_ctx);
	X509_free(one.cert);
	EVP_PKEY_free(one.key);
	X509_free(stranger.cert);
	EVP_PKEY_free(stranger.key);
	return 0;
}

static bool read_tls(struct server *s, SSL *ssl)
{
	size_t n = 0, want = SIZE_MAX;

	while (n < want) {
		int r = SSL_read(ssl, s->last + n, (int)(sizeof(s->last) - 1 - n));
		const char *end;

		if (r <= 0)
			return false;
		n += (size_t)r;
		s->last[n] = 0;
		end = strstr(s->last, "\r\n\r\n");
		if (end)
			want = (size_t)(end + 4 - s->last) +
			       strtoul(strstr(s->last, "Content-Length: ") + 16, NULL, 10);
	}
	atomic_fetch_add(&s->requests, 1);
	return true;
}

static void say_tls(SSL *ssl, const char *text)
{
	(void)SSL_write(ssl, text, (int)strlen(text));
}

static SSL *accept_tls(int fd)
{
	SSL *ssl = SSL_new(server_ctx);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		return NULL;
	}
	if (SSL_session_reused(ssl))
		atomic_fetch_add(&resumed, 1);
	return ssl;
}

static void answer_each_tls(struct server *s, int fd, unsigned nth)
{
	SSL *ssl = accept_tls(fd);

	(void)nth;
	if (!ssl)
		return;
	while (read_tls(s, ssl))
		say_tls(ssl, OK("safe", "4"));
	SSL_free(ssl);
}

/// Close-delimited answers: with a close-notify, without one; then an answer with bytes behind it.
static void end_in_many_ways(struct server *s, int fd, unsigned nth)
{
	SSL *ssl = accept_tls(fd);

	if (!ssl)
		return;
	if (read_tls(s, ssl) && nth < 2) {
		say_tls(ssl, "HTTP/1.1 200 OK\r\n\r\nto the end");
		if (nth == 0)
			SSL_shutdown(ssl);
	} else if (nth == 2) {
		say_tls(ssl, OK("fine", "4"));
		say_tls(ssl, OK("evil", "4"));
		read_tls(s, ssl);
	}
	SSL_free(ssl);
}

static struct sp_snap_in_upstream tls_upstream(uint16_t port, const struct tls_id *trusted)
{
	struct sp_snap_in_upstream up = upstream_at(port);

	up.kind = SP_UP_TLS;
	up.server_name = SP_LIT("one.example");
	up.ca_pem = sp_bytes(trusted->pem, trusted->pem_n);
	return up;
}

static void a_tls_connection_is_verified_and_used_again(void **state)
{
	static char body[40000];
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	memset(body, 'x', sizeof(body));
	server_start(&s, answer_each_tls);
	up = tls_upstream(s.port, &one);
	client_new(&k, &up);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(start(&k, &a, i ? SP_LIT("{}") : sp_bytes(body, 5000), i == 2, 0), 0);
		expect_ok(&k, &a, "safe");
	}
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.requests, 4);
	assert_int_equal(k.stat[SP_STAT_UP_REUSED], 3);
	client_free(&k);
	server_stop(&s);
}

static void a_certificate_of_a_stranger_or_another_name_is_refused_unsent(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_each_tls);
	up = tls_upstream(s.port, &stranger);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CONNECT, false);
	up = tls_upstream(s.port, &one);
	up.server_name = SP_LIT("two.example");
	take_up(&k, &up, 1);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CONNECT, false);
	assert_int_equal(s.requests, 0);
	client_free(&k);
	server_stop(&s);
}

static void plain_text_where_tls_was_meant_fails_unsent(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, answer_each);
	up = tls_upstream(s.port, &one);
	up.connect_ns = 150 * SP_NS_PER_MS;
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CONNECT, false);
	client_free(&k);
	server_stop(&s);
}

static void an_answer_is_over_only_with_close_notify_and_ends_with_nothing_behind_it(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, end_in_many_ways);
	up = tls_upstream(s.port, &one);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "to the end");
	assert_int_equal(start(&k, &a, REQ, false, 0), 0); // cut by a FIN alone: may be a truncation
	expect_failed(&k, &a, SP_REASON_UPSTREAM_CLOSED, true);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0);
	expect_ok(&k, &a, "fine");
	turns_ms(&k, 50);
	assert_int_equal(k.stat[SP_STAT_UP_STRAY], 1);
	assert_int_equal(sp_upstreams_open(k.u), 0);
	assert_true(resumed > 0);
	client_free(&k);
	server_stop(&s);
}

static void an_unusable_certificate_authority_refuses_the_whole_snapshot(void **state)
{
	struct sp_snap_in_upstream two[2];
	struct sp_snap_in in = {.generation = 2, .profile = SP_LIT("t"), .upstreams = two, .upstreams_n = 2};
	struct sp_snap snap;
	struct server s;
	uint8_t *blob;
	size_t n;

	(void)state;
	server_start(&s, answer_each_tls);
	two[0] = tls_upstream(s.port, &one);
	client_new(&k, &two[0]);
	two[1] = tls_upstream(s.port, &one);
	two[1].name = SP_LIT("bad");
	two[1].ca_pem = SP_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_int_equal(sp_snap_build(&in, &blob, &n), 0);
	assert_int_equal(sp_snap_open(blob, n, &snap), 0);
	assert_true(sp_upstreams_refresh(k.u, &snap) < 0);
	assert_int_equal(start(&k, &a, REQ, false, 0), 0); // what was there goes on
	expect_ok(&k, &a, "safe");
	free(blob);
	client_free(&k);
	server_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tls_connection_is_verified_and_used_again),
		cmocka_unit_test(a_certificate_of_a_stranger_or_another_name_is_refused_unsent),
		cmocka_unit_test(plain_text_where_tls_was_meant_fails_unsent),
		cmocka_unit_test(an_answer_is_over_only_with_close_notify_and_ends_with_nothing_behind_it),
		cmocka_unit_test(an_unusable_certificate_authority_refuses_the_whole_snapshot),
	};
	return cmocka_run_group_tests(tests, make_all, drop_all);
}
