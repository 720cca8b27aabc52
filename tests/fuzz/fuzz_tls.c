/// What a stranger can send to a TLS listener before any key is agreed. The first byte picks the
/// size of the pieces it arrives in.
#include "dataplane/tls/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include "common/banned.h"

static const struct sp_stream_ops no_ops;

static void put_pem(struct sp_secrets_half *h, BIO *b, uint32_t *off, uint32_t *len)
{
	char *text;
	long n = BIO_get_mem_data(b, &text);

	SP_BUG_IF(n <= 0);
	memcpy((uint8_t *)h + h->bytes, text, (size_t)n);
	*off = h->bytes;
	*len = (uint32_t)n;
	h->bytes += (uint32_t)n;
	BIO_free(b);
}

static struct sp_tls_server *make_server(void)
{
	struct sp_secrets_half *h = calloc(1, sizeof(*h) + 65536);
	BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct sp_tls_server *srv = NULL;
	X509 *x = X509_new();

	SP_BUG_IF(!h || !key || !x);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	SP_BUG_IF(X509_sign(x, key, EVP_sha256()) <= 0);
	PEM_write_bio_X509(cert_pem, x);
	PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
	h->bytes = sizeof(*h);
	h->certs_n = 1;
	put_pem(h, cert_pem, &h->cert[0].chain_off, &h->cert[0].chain_len);
	put_pem(h, key_pem, &h->cert[0].key_off, &h->cert[0].key_len);
	memset(&h->ticket[0], 7, sizeof(h->ticket[0]));
	SP_BUG_IF(sp_tls_server_new(h, &srv) < 0);
	X509_free(x);
	EVP_PKEY_free(key);
	free(h);
	return srv;
}

static void feed(struct sp_tls *t, const uint8_t *data, size_t size, size_t piece)
{
	uint8_t plain[256];
	size_t n;

	while (size) {
		size_t k = sp_min(size, piece);
		int r;

		sp_tls_feed(t, data, k);
		r = sp_tls_read(t, plain, sizeof(plain), &n);
		SP_BUG_IF(r >= 0 || sp_tls_established(t));
		if (r != -EAGAIN) {
			SP_BUG_IF(r != -EPROTO && r != -EPIPE);
			SP_BUG_IF(sp_tls_read(t, plain, sizeof(plain), &n) != r);
			sp_tls_feed(t, data, k);
			SP_BUG_IF(sp_tls_write(t, plain, 1) != -EPROTO);
			break;
		}
		data += k;
		size -= k;
	}
	SP_BUG_IF(ERR_peek_error() != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_tls_server *srv;
	static struct sp_io *io;
	struct sp_io_conf conf = {.max_streams = 2, .blocks = 16, .recv_buffers = 4};
	struct sp_stream *a, *b;
	struct sp_tls *t;

	if (!srv)
		srv = make_server();
	if (size < 1 || size > 65536)
		return 0;
	SP_BUG_IF(sp_io_mem_new(&conf, &io) < 0);
	SP_BUG_IF(sp_io_mem_pair(io, &no_ops, NULL, &no_ops, NULL, &a, &b) < 0);
	SP_BUG_IF(sp_tls_accept(srv, a, &t) < 0);
	feed(t, data, size, data[0] == 22 ? size : (size_t)data[0] + 1);
	sp_tls_free(t);
	io = sp_io_free(io);
	return 0;
}
