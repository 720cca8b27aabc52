/// The server side: one context a certificate, chosen by SNI before anything else of the hello is
/// used.
#include "dataplane/tls/private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include "common/banned.h"

static bool name_matches(const char *pattern, struct sp_bytes host)
{
	struct sp_bytes p = sp_bytes_cstr(pattern);
	const uint8_t *dot;

	if (p.n < 2 || memcmp(p.p, "*.", 2) != 0)
		return sp_bytes_ieq(p, host);
	dot = memchr(host.p, '.', host.n);
	if (!dot || dot == host.p)
		return false;
	return sp_bytes_ieq(
		sp_bytes(p.p + 1, p.n - 1), sp_bytes(dot, host.n - (size_t)(dot - host.p)));
}

/// Exact names go before wildcards, whatever their order.
static uint32_t choose(const struct sp_tls_server *s, struct sp_bytes host)
{
	uint32_t wild = s->first;

	for (uint32_t i = 0; i < s->n; i++) {
		for (uint32_t k = 0; k < s->names[i].n; k++) {
			const char *name = s->names[i].name[k];

			if (!name_matches(name, host))
				continue;
			if (name[0] != '*')
				return i;
			if (wild == s->first)
				wild = i;
		}
	}
	return wild;
}

/// The host name of a server_name extension (RFC 6066 3), empty when it is anything else.
static struct sp_bytes sni_host(const uint8_t *p, size_t n)
{
	size_t list, host;

	if (n < 5)
		return SP_NOBYTES;
	list = (size_t)p[0] << 8 | p[1];
	host = (size_t)p[3] << 8 | p[4];
	if (list != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name || host != n - 5)
		return SP_NOBYTES;
	p += 5;
	for (size_t i = 0; i < host; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f)
			return SP_NOBYTES;
	return host < TLS_SNI_MAX ? sp_bytes(p, host) : SP_NOBYTES;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct sp_tls *t = SSL_get_app_data(ssl);
	const unsigned char *ext;
	struct sp_bytes host;
	size_t n;

	(void)alert;
	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n) != 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	host = sni_host(ext, n);
	if (!host.n)
		return SSL_CLIENT_HELLO_SUCCESS;
	memcpy(t->sni, host.p, host.n);
	t->sni[host.n] = 0;
	SSL_set_SSL_CTX(ssl, t->server->ctx[choose(t->server, host)]);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < in_len; i += 1u + in[i]) {
		if (in[i] != sizeof(ours) - 1 || in_len - i - 1 < in[i])
			continue;
		if (memcmp(in + i + 1, ours, sizeof(ours) - 1) == 0) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A session may only be resumed where the same certificate answers and the same CA is asked for.
static int bind_sessions(SSL_CTX *ctx, struct sp_bytes ca)
{
	uint8_t leaf[EVP_MAX_MD_SIZE], digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned n = 0, digest_n = 0;
	uint8_t mode = ca.n ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
	bool ok;

	ok = md && X509_digest(SSL_CTX_get0_certificate(ctx), EVP_sha256(), leaf, &n) == 1 &&
	     EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(md, leaf, n) == 1 &&
	     EVP_DigestUpdate(md, &mode, 1) == 1 && EVP_DigestUpdate(md, ca.p, ca.n) == 1 &&
	     EVP_DigestFinal_ex(md, digest, &digest_n) == 1 &&
	     SSL_CTX_set_session_id_context(ctx, digest, digest_n) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : -EINVAL;
}

static int ask_for_client_cert(SSL_CTX *ctx, struct sp_bytes ca)
{
	X509_STORE *store = NULL;
	STACK_OF(X509_OBJECT) * all;

	if (!ca.n)
		return 0;
	SP_TRY(tls_pem_store(ca, &store));
	all = X509_STORE_get0_objects(store);
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

		if (x)
			SSL_CTX_add_client_CA(ctx, x);
	}
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(ctx, 5);
	return 0;
}

static int set_up(struct sp_tls_server *s, SSL_CTX *ctx, struct sp_bytes chain, struct sp_bytes key,
	struct sp_bytes ca)
{
	SP_TRY(tls_pem_identity(ctx, chain, key));
	SP_TRY(ask_for_client_cert(ctx, ca));
	SP_TRY(bind_sessions(ctx, ca));
	SP_TRY(tls_tickets_use(ctx, s));
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return 0;
}

static int slice(const struct sp_secrets_half *h, uint32_t off, uint32_t len, struct sp_bytes *ret)
{
	if (len && (off < sizeof(*h) || off > h->bytes || len > h->bytes - off))
		return -EINVAL;
	*ret = sp_bytes((const uint8_t *)h + off, len);
	return 0;
}

static int take_names(struct sp_tls_server *s, uint32_t i, const struct sp_secret_cert *c)
{
	if (c->names_n > SP_CERT_NAMES_MAX)
		return -EINVAL;
	for (uint32_t k = 0; k < c->names_n; k++) {
		if (!memchr(c->names[k], 0, sizeof(c->names[k])) || !c->names[k][0])
			return -EINVAL;
		memcpy(s->names[i].name[k], c->names[k], sizeof(c->names[k]));
	}
	s->names[i].n = c->names_n;
	return 0;
}

static void take_tickets(struct sp_tls_server *s, const struct sp_secrets_half *h)
{
	static const uint8_t unset[sizeof(h->ticket[0].aes)];

	for (uint32_t i = 0; i < SP_TICKET_KEYS; i++) {
		const struct sp_ticket_key *k = &h->ticket[i];

		// An unset key is one everybody knows. Without [0] nothing can be issued.
		if (memcmp(k->aes, unset, sizeof(unset)) == 0 ||
			memcmp(k->hmac, unset, sizeof(unset)) == 0) {
			if (i == 0)
				return;
			continue;
		}
		s->ticket[s->tickets_n++] = *k;
	}
}

static int load(struct sp_tls_server *s, const struct sp_secrets_half *h)
{
	bool have_default = false;
	struct sp_bytes ca;

	if (h->bytes < sizeof(*h) || !h->certs_n || h->certs_n > SP_CERTS_MAX)
		return -EINVAL;
	s->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (!s->ticket_cipher)
		return -ENOMEM;
	SP_TRY(slice(h, h->client_ca_off, h->client_ca_len, &ca));
	take_tickets(s, h);
	for (uint32_t i = 0; i < h->certs_n; i++) {
		const struct sp_secret_cert *c = &h->cert[i];
		struct sp_bytes chain, key;

		SP_TRY(slice(h, c->chain_off, c->chain_len, &chain));
		SP_TRY(slice(h, c->key_off, c->key_len, &key));
		SP_TRY(take_names(s, i, c));
		SP_TRY(tls_ctx_new(TLS_server_method(), &s->ctx[i]));
		s->n = i + 1;
		SP_TRY(set_up(s, s->ctx[i], chain, key, ca));
		if (!c->names_n && !have_default) {
			have_default = true;
			s->first = i;
		}
	}
	return 0;
}

int sp_tls_server_new(const struct sp_secrets_half *half, struct sp_tls_server **ret)
{
	struct sp_tls_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->refs = 1;
	r = load(s, half);
	ERR_clear_error();
	if (r < 0) {
		sp_tls_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct sp_tls_server *sp_tls_server_free(struct sp_tls_server *s)
{
	if (!s || --s->refs)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		SSL_CTX_free(s->ctx[i]);
	EVP_CIPHER_free(s->ticket_cipher);
	sp_wipe(s->ticket, sizeof(s->ticket));
	free(s);
	return NULL;
}

int sp_tls_accept(struct sp_tls_server *srv, struct sp_stream *out, struct sp_tls **ret)
{
	struct sp_tls *t;

	SP_TRY(tls_open(srv->ctx[srv->first], out, &t));
	srv->refs++;
	t->server = srv;
	SSL_set_accept_state(t->ssl);
	*ret = t;
	return 0;
}
