#include "dataplane/tls/private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include "common/banned.h"

static int no_passphrase(char *buf, int size, int rwflag, void *user)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)user;
	return 0;
}

/// The next certificate, or NULL; *ret_err is 0 at the clean end of the text.
static X509 *next_cert(BIO *b, int *ret_err)
{
	X509 *x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);

	*ret_err = 0;
	if (!x && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		*ret_err = -EINVAL;
	ERR_clear_error();
	return x;
}

static int use_chain(SSL_CTX *ctx, BIO *b)
{
	X509 *x;
	int err, n = 0;

	while ((x = next_cert(b, &err))) {
		if (n++ == 0) {
			err = SSL_CTX_use_certificate(ctx, x) == 1 ? 0 : -EINVAL;
			X509_free(x);
		} else if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
			X509_free(x);
			err = -EINVAL;
		}
		if (err < 0)
			return err;
	}
	return n ? err : -EINVAL;
}

static int use_key(SSL_CTX *ctx, BIO *b)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
	int ok;

	if (!key)
		return -EINVAL;
	ok = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	return ok ? 0 : -EINVAL;
}

int tls_pem_identity(SSL_CTX *ctx, struct sp_bytes chain, struct sp_bytes key)
{
	BIO *c, *k;
	int r;

	if (chain.n > INT32_MAX || key.n > INT32_MAX)
		return -EINVAL;
	c = BIO_new_mem_buf(chain.p, (int)chain.n);
	k = BIO_new_mem_buf(key.p, (int)key.n);
	r = c && k ? use_chain(ctx, c) : -ENOMEM;
	if (r == 0)
		r = use_key(ctx, k);
	BIO_free(c);
	BIO_free(k);
	ERR_clear_error();
	return r;
}

int tls_pem_store(struct sp_bytes pem, X509_STORE **ret)
{
	X509_STORE *store;
	BIO *b;
	X509 *x;
	int err = -ENOMEM, n = 0;

	if (pem.n > INT32_MAX)
		return -EINVAL;
	store = X509_STORE_new();
	b = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!store || !b)
		goto out;
	while ((x = next_cert(b, &err))) {
		n++;
		if (X509_STORE_add_cert(store, x) != 1)
			err = -EINVAL;
		X509_free(x);
		if (err < 0)
			goto out;
	}
	if (err == 0 && n == 0)
		err = -EINVAL;
	if (err == 0) {
		*ret = store;
		store = NULL;
	}
out:
	X509_STORE_free(store);
	BIO_free(b);
	ERR_clear_error();
	return err;
}
