/// OpenSSL by itself: what a handshake costs a server that does nothing else, without sockets.
#include "bench/shake.h"

#include "common/clock.h"

#include <openssl/err.h>
#include <stdio.h>
#include <time.h>
#include "common/banned.h"

struct alone {
	SSL_CTX *server, *client;
	uint64_t server_ns; ///< CPU time within the server's calls
};

static SSL_SESSION *last;

static int keep(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(last);
	last = s;
	return 1;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SP_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *user)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)user;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

int shake_server(const struct shake_options *o, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return -ENOMEM;
	if (!o->chain || !o->key || SSL_CTX_use_certificate_chain_file(ctx, o->chain) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
		SSL_CTX_set_num_tickets(ctx, 1) != 1) {
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	*ret = ctx;
	return 0;
}

static int set_up(struct alone *a, const struct shake_options *o)
{
	SP_TRY(shake_client(o, keep, &a->client));
	return shake_server(o, &a->server);
}

static int server_step(struct alone *a, SSL *s, bool read)
{
	uint64_t from = cpu_ns();
	char b;

	ERR_clear_error();
	if (read)
		(void)SSL_read(s, &b, 1);
	else
		(void)SSL_do_handshake(s);
	a->server_ns += cpu_ns() - from;
	return 0;
}

static int one(struct alone *a, const struct shake_options *o)
{
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	SSL *s, *c = SSL_new(a->client);
	uint64_t from = cpu_ns();
	char b;
	int r;

	s = SSL_new(a->server);
	if (!up || !down || !s || !c)
		return -ENOMEM;
	SSL_set_accept_state(s);
	BIO_up_ref(up);
	BIO_up_ref(down);
	SSL_set_bio(s, up, down);
	a->server_ns += cpu_ns() - from;
	SSL_set_connect_state(c);
	SSL_set_bio(c, down, up);
	if (o->resume && last && SSL_set_session(c, last) != 1)
		return -EINVAL;
	(void)SSL_do_handshake(c);
	SP_TRY(server_step(a, s, false));
	(void)SSL_do_handshake(c);
	SP_TRY(server_step(a, s, true));
	(void)SSL_read(c, &b, 1);
	r = SSL_is_init_finished(s) && SSL_is_init_finished(c) ? SSL_session_reused(s) : -EPROTO;
	SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c);
	from = cpu_ns();
	SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s);
	a->server_ns += cpu_ns() - from;
	return r;
}

int shake_alone(const struct shake_options *o)
{
	struct alone a = {0};
	uint64_t ends, n = 0, resumed = 0;
	int r = set_up(&a, o);

	for (unsigned i = 0; r >= 0 && i < 20; i++) // caches and the first ticket
		r = one(&a, o);
	a.server_ns = 0;
	ends = sp_clock_boot_ns() + o->seconds * SP_NS_PER_SEC;
	while (r >= 0 && sp_clock_boot_ns() < ends) {
		r = one(&a, o);
		n++;
		resumed += r > 0;
	}
	SSL_SESSION_free(last);
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
	if (r < 0) {
		ERR_print_errors_fp(stderr);
		return r;
	}
	printf("{\"handshakes\":%llu,\"resumed\":%llu,\"cpu_us\":%.2f}\n", (unsigned long long)n,
		(unsigned long long)resumed, (double)a.server_ns / 1000 / (double)n);
	return 0;
}
