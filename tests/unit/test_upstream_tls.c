/// Upstreams over TLS: certificates made here, OpenSSL's own server at the other end.
#include "tests/support/upstream_run.h"

#include <nghttp2/nghttp2.h>
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

/// The server takes one connection after the other.
static void answer_one_tls(struct server *s, int fd, unsigned nth)
{
	SSL *ssl = accept_tls(fd);

	(void)nth;
	if (ssl && read_tls(s, ssl)) {
		say_tls(ssl, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nsafe");
		SSL_shutdown(ssl);
	}
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

/// Plain HTTP that takes what is said for the start of a request.
static void listen_only(struct server *s, int fd, unsigned nth)
{
	(void)nth;
	while (recv(fd, s->last, sizeof(s->last), 0) > 0)
		atomic_fetch_add(&s->requests, 1);
}

static void plain_text_where_tls_was_meant_fails_unsent(void **state)
{
	struct sp_snap_in_upstream up;
	struct server s;

	(void)state;
	server_start(&s, listen_only);
	up = tls_upstream(s.port, &one);
	client_new(&k, &up);
	assert_int_equal(start(&k, &a, REQ, true, 0), 0);
	TURN_UNTIL(&k, s.requests > 0);
	pass_ms(&k, 499);
	assert_false(a.failed);
	pass_ms(&k, 1); // the connect deadline
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
	TURN_UNTIL(&k, k.stat[SP_STAT_UP_STRAY] == 1 && sp_upstreams_open(k.u) == 0);
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

/// What the server speaks, by preference.
static const char *spoken;

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned n,
	void *arg)
{
	(void)ssl;
	(void)arg;
	if (!spoken ||
		SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, (const unsigned char *)spoken,
			(unsigned)strlen(spoken), in, n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static ssize_t read_safe(nghttp2_session *h2, int32_t id, uint8_t *to, size_t cap, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	(void)h2;
	(void)id;
	(void)cap;
	(void)source;
	(void)user;
	memcpy(to, "safe", 4);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 4;
}

static int answer_h2(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	const nghttp2_data_provider body = {.read_callback = read_safe};
	nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"200", 7, 3, NGHTTP2_NV_FLAG_NONE};
	struct server *s = user;

	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
		!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	atomic_fetch_add(&s->requests, 1);
	return nghttp2_submit_response(h2, frame->hd.stream_id, &status, 1, &body);
}

/// Its settings go out before the client has said that it is done with the handshake, where TLS lets them.
static void serve_h2(struct server *s, int fd, unsigned nth)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *h2;
	const uint8_t *out;
	uint8_t in[4096];
	SSL *ssl = SSL_new(server_ctx);
	ssize_t n = 0;
	size_t done;

	(void)nth;
	SSL_set_fd(ssl, fd);
	SSL_set_accept_state(ssl);
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, answer_h2);
	assert_int_equal(nghttp2_session_server_new(&h2, cb, s), 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(h2, 0, NULL, 0);
	if (SSL_read_early_data(ssl, in, sizeof(in), &done) == SSL_READ_EARLY_DATA_FINISH) {
		n = nghttp2_session_mem_send(h2, &out);
		if (n > 0 && SSL_write_early_data(ssl, out, (size_t)n, &done) != 1)
			n = -1;
	}
	while (n >= 0) {
		while ((n = nghttp2_session_mem_send(h2, &out)) > 0)
			if (SSL_write(ssl, out, (int)n) <= 0)
				break;
		n = SSL_read(ssl, in, sizeof(in));
		if (n <= 0 || nghttp2_session_mem_recv(h2, in, (size_t)n) < 0)
			break;
	}
	ERR_clear_error();
	nghttp2_session_del(h2);
	SSL_free(ssl);
}

static void tls_by(enum sp_upstream_http http, const char *server_speaks,
	void (*serve)(struct server *, int, unsigned), bool ok, uint64_t streams)
{
	static struct call many[20];
	struct sp_snap_in_upstream up;
	struct server s;

	spoken = server_speaks;
	SSL_CTX_set_alpn_select_cb(server_ctx, choose, NULL);
	server_start(&s, serve);
	up = tls_upstream(s.port, &one);
	up.http = http;
	client_new(&k, &up);
	for (size_t i = 0; i < SP_ARRAY_LEN(many); i++)
		assert_int_equal(start(&k, &many[i], REQ, false, 0), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(many); i++)
		if (ok)
			expect_ok(&k, &many[i], "safe");
		else
			expect_failed(&k, &many[i], SP_REASON_UPSTREAM_CONNECT, false);
	assert_int_equal(k.stat[SP_STAT_UP_STREAMS], streams);
	if (streams)
		assert_int_equal(s.accepted, 1);
	client_free(&k);
	server_stop(&s);
	spoken = NULL;
}

static void alpn_chooses_the_protocol(void **state)
{
	(void)state;
	tls_by(SP_UP_HTTP_AUTO, "\x02h2\x08http/1.1", serve_h2, true, 20);
	tls_by(SP_UP_HTTP_2, "\x02h2", serve_h2, true, 20);
	tls_by(SP_UP_HTTP_AUTO, "\x08http/1.1", answer_one_tls, true, 0);
	tls_by(SP_UP_HTTP_AUTO, NULL, answer_one_tls, true, 0);
	tls_by(SP_UP_HTTP_1, "\x02h2\x08http/1.1", answer_one_tls, true, 0);
}

static void http2_that_must_be_and_is_not_fails_unsent(void **state)
{
	(void)state;
	tls_by(SP_UP_HTTP_2, "\x08http/1.1", answer_one_tls, false, 0);
	tls_by(SP_UP_HTTP_2, NULL, answer_one_tls, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tls_connection_is_verified_and_used_again),
		cmocka_unit_test(a_certificate_of_a_stranger_or_another_name_is_refused_unsent),
		cmocka_unit_test(plain_text_where_tls_was_meant_fails_unsent),
		cmocka_unit_test(an_answer_is_over_only_with_close_notify_and_ends_with_nothing_behind_it),
		cmocka_unit_test(an_unusable_certificate_authority_refuses_the_whole_snapshot),
		cmocka_unit_test(alpn_chooses_the_protocol),
		cmocka_unit_test(http2_that_must_be_and_is_not_fails_unsent),
	};
	return cmocka_run_group_tests(tests, make_all, drop_all);
}
