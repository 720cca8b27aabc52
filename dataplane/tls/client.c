/// The client side: verified against a CA and a name, resuming its last session with that name.
#include "dataplane/tls/private.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include "common/banned.h"

/// The system's store is read once, before the process gives up opening files.
static X509_STORE *system_store;

static const char *system_store_path(void)
{
	const char *named = getenv(X509_get_default_cert_file_env());

	return named ? named : "/etc/ssl/certs/ca-certificates.crt";
}

int sp_tls_init(void)
{
	X509_STORE *store;
	int r = 0;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -ENOMEM;
	if (system_store)
		return 0;
	store = X509_STORE_new();
	if (!store)
		return -ENOMEM;
	if (X509_STORE_load_file(store, system_store_path()) != 1) {
		X509_STORE_free(store);
		r = -ENOENT;
	} else {
		system_store = store;
	}
	ERR_clear_error();
	return r;
}

static void keep_session(struct sp_tls *t, SSL_SESSION *session)
{
	struct sp_tls_client *c = t->client;

	SSL_SESSION_free(c->session);
	c->session = session;
	memcpy(c->session_name, t->sni, sizeof(c->session_name));
}

/// TLS 1.3 tickets come after the handshake, each good for one connection.
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct sp_tls *t = SSL_get_app_data(ssl);

	if (SSL_version(ssl) < TLS1_3_VERSION || !SSL_SESSION_is_resumable(session))
		return 0;
	keep_session(t, session);
	return 1;
}

/// OpenSSL does not announce a TLS 1.2 ticket that was renewed while resuming.
void tls_client_established(struct sp_tls *t)
{
	SSL_SESSION *session;

	if (SSL_version(t->ssl) >= TLS1_3_VERSION)
		return;
	session = SSL_get1_session(t->ssl);
	if (session && SSL_SESSION_is_resumable(session))
		keep_session(t, session);
	else
		SSL_SESSION_free(session);
}

static int trust(SSL_CTX *ctx, struct sp_bytes ca_pem)
{
	X509_STORE *store = NULL;

	if (ca_pem.n) {
		SP_TRY(tls_pem_store(ca_pem, &store));
		SSL_CTX_set_cert_store(ctx, store);
		return 0;
	}
	SP_TRY(sp_tls_init());
	SSL_CTX_set1_cert_store(ctx, system_store);
	return 0;
}

static int set_up(SSL_CTX *ctx, struct sp_bytes ca_pem)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	SP_TRY(trust(ctx, ca_pem));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_new_session);
	// This call alone answers 0 for success.
	return SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0 ? 0 : -ENOMEM;
}

int sp_tls_client_new(struct sp_bytes ca_pem, struct sp_tls_client **ret)
{
	struct sp_tls_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	r = tls_ctx_new(TLS_client_method(), &c->ctx);
	if (r == 0)
		r = set_up(c->ctx, ca_pem);
	ERR_clear_error();
	if (r < 0) {
		sp_tls_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int sp_tls_client_offer(struct sp_tls_client *c, struct sp_bytes protocols)
{
	return SSL_CTX_set_alpn_protos(c->ctx, protocols.p, (unsigned)protocols.n) == 0 ? 0 : -EINVAL;
}

struct sp_tls_client *sp_tls_client_free(struct sp_tls_client *c)
{
	if (!c || --c->refs)
		return NULL;
	SSL_SESSION_free(c->session);
	SSL_CTX_free(c->ctx);
	free(c);
	return NULL;
}

/// An address is checked against the certificate's addresses and is not sent as a name (RFC 6066
/// 3).
static int expect_name(SSL *ssl, const char *name)
{
	uint8_t addr[sizeof(struct in6_addr)];
	bool is_addr = inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1;

	if (is_addr)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 ? 0 : -EINVAL;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
		return -EINVAL;
	return 0;
}

int sp_tls_connect(struct sp_tls_client *cli, const char *server_name, struct sp_stream *out,
	struct sp_tls **ret)
{
	size_t n = strlen(server_name);
	struct sp_tls *t;
	int r;

	if (!n || n >= TLS_SNI_MAX)
		return -EINVAL;
	SP_TRY(tls_open(cli->ctx, out, &t));
	cli->refs++;
	t->client = cli;
	memcpy(t->sni, server_name, n + 1);
	SSL_set_connect_state(t->ssl);
	r = expect_name(t->ssl, server_name);
	if (r == 0 && cli->session && strcmp(cli->session_name, server_name) == 0)
		r = SSL_set_session(t->ssl, cli->session) == 1 ? 0 : -EINVAL;
	if (r == 0) {
		SSL_do_handshake(t->ssl);
		r = t->no_room ? -ENOBUFS : 0;
	}
	ERR_clear_error();
	if (r < 0) {
		sp_tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}
