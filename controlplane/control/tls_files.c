#include "controlplane/control/tls_files.h"

#include "common/clock.h"
#include "config/load.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include "common/banned.h"

#define PEM_MAX (256u * 1024u)

static int problem(struct sp_check *check, const struct sp_group_at *at, const char *file,
	const char *name, const char *mend, const char *what)
{
	sp_check_add(check, (struct sp_at){file, at->line, at->col}, mend, "%s: %s", name, what);
	return -EBADMSG;
}

static int read_pem(struct sp_check *check, const struct sp_group_at *at, const char *file,
	const char *name, struct sp_pem *ret)
{
	int err = sp_load_file(name, PEM_MAX, &ret->p, &ret->n);

	if (err == -ENOMEM)
		return err;
	if (err == -EACCES)
		return problem(check, at, file, name, "control's user must be able to read it",
			strerror(-err));
	return err < 0 ? problem(check, at, file, name, NULL, strerror(-err)) : 0;
}

static int refuse_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf, (void)size, (void)writing, (void)user;
	return -1;
}

static X509 *first_certificate(const struct sp_pem *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL) : NULL;

	BIO_free(bio);
	return x;
}

static EVP_PKEY *private_key(const struct sp_pem *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	EVP_PKEY *k = bio ? PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL) : NULL;

	BIO_free(bio);
	return k;
}

static int64_t end_of(const X509 *x)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}

/// The two files belong together, and can be used as they are.
static int check_pair(struct sp_check *check, const struct sp_gw_certificate *in, const char *file,
	struct sp_tls_cert *c)
{
	X509 *x = first_certificate(&c->chain);
	EVP_PKEY *k = private_key(&c->key);
	int err = 0;

	if (!x)
		err = problem(check, &in->at, file, in->chain.s,
			"PEM, the server's own certificate first", "no certificate could be read");
	if (!k)
		err = problem(check, &in->at, file, in->key.s, "PEM, without a passphrase",
			"no private key could be read");
	if (x && k && X509_check_private_key(x, k) != 1)
		err = problem(check, &in->at, file, in->key.s, "chain and key must be a pair",
			"the key does not belong to the certificate");
	if (x)
		c->not_after_s = end_of(x);
	X509_free(x);
	EVP_PKEY_free(k);
	return err;
}

static int copy_names(struct sp_check *check, const struct sp_gw_certificate *in, const char *file,
	struct sp_tls_cert *c)
{
	if (in->names.n > SP_CERT_NAMES_MAX)
		return problem(
			check, &in->at, file, in->chain.s, "give it twice", "more than 16 names");
	for (uint32_t i = 0; i < in->names.n; i++) {
		const char *name = in->names.v[i].s;

		if (snprintf(c->names[i], sizeof(c->names[i]), "%s", name) >=
			(int)sizeof(c->names[i]))
			return problem(check, &in->at, file, name, NULL, "a name over 127 bytes");
	}
	c->names_n = in->names.n;
	return 0;
}

static int read_cert(struct sp_check *check, const struct sp_gateway *g,
	const struct sp_gw_certificate *in, struct sp_tls_files *f)
{
	struct sp_tls_cert *c = &f->cert[f->certs_n++];
	int chain = read_pem(check, &in->at, g->file, in->chain.s, &c->chain);
	int key = read_pem(check, &in->at, g->file, in->key.s, &c->key);

	if (chain < 0 || key < 0)
		return chain == -ENOMEM || key == -ENOMEM ? -ENOMEM : -EBADMSG;
	SP_TRY(copy_names(check, in, g->file, c));
	return check_pair(check, in, g->file, c);
}

static int read_client_ca(
	struct sp_check *check, const struct sp_gateway *g, struct sp_tls_files *f)
{
	X509 *x;

	if (!g->tls.client_ca.s)
		return 0;
	SP_TRY(read_pem(check, &g->tls.at, g->file, g->tls.client_ca.s, &f->client_ca));
	x = first_certificate(&f->client_ca);
	if (!x)
		return problem(check, &g->tls.at, g->file, g->tls.client_ca.s, "PEM",
			"no certificate could be read");
	X509_free(x);
	return 0;
}

size_t sp_tls_files_bytes(const struct sp_tls_files *f)
{
	size_t n = sizeof(struct sp_secrets_half) + f->client_ca.n;

	for (uint32_t i = 0; i < f->certs_n; i++)
		n += f->cert[i].chain.n + f->cert[i].key.n;
	return n;
}

int sp_tls_files_room(
	const struct sp_tls_files *f, const struct sp_gateway *g, uint64_t bytes, struct sp_check *check)
{
	if (sp_tls_files_bytes(f) <= bytes)
		return 0;
	sp_check_add(check, (struct sp_at){g->file, g->tls.at.line, g->tls.at.col},
		"raise limits.secrets, which takes a start, or leave out what the files hold besides PEM",
		"certificates and keys take %zu bytes, there is room for %llu", sp_tls_files_bytes(f),
		(unsigned long long)bytes);
	return -EBADMSG;
}

int sp_tls_files_read(const struct sp_gateway *g, struct sp_check *check, struct sp_tls_files **ret)
{
	struct sp_tls_files *f = calloc(1, sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	if (g->tls.certificates.n > SP_CERTS_MAX)
		err = problem(check, &g->tls.at, g->file, "certificates", NULL, "more than 32");
	for (uint32_t i = 0; i < sp_min(g->tls.certificates.n, SP_CERTS_MAX); i++) {
		int one = read_cert(check, g, sp_gw_certificate(g, i), f);

		err = err == 0 || one == -ENOMEM ? one : err;
	}
	if (err != -ENOMEM) {
		int ca = read_client_ca(check, g, f);

		err = err == 0 || ca == -ENOMEM ? ca : err;
	}
	if (err == 0)
		err = sp_tls_files_room(f, g, g->limits.secrets_bytes, check);
	if (err < 0) {
		sp_tls_files_free(f);
		return err;
	}
	*ret = f;
	return 0;
}

static void pem_free(struct sp_pem *p)
{
	if (p->p)
		sp_wipe(p->p, p->n);
	free(p->p);
}

struct sp_tls_files *sp_tls_files_free(struct sp_tls_files *f)
{
	if (!f)
		return NULL;
	for (uint32_t i = 0; i < f->certs_n; i++) {
		pem_free(&f->cert[i].chain);
		pem_free(&f->cert[i].key);
	}
	pem_free(&f->client_ca);
	free(f);
	return NULL;
}

int sp_tls_files_days_left(const struct sp_tls_files *f, uint64_t wall_ns)
{
	int64_t now = (int64_t)(wall_ns / SP_NS_PER_SEC), first = INT64_MAX;

	for (uint32_t i = 0; i < f->certs_n; i++)
		first = sp_min(first, f->cert[i].not_after_s);
	if (first == INT64_MAX)
		return INT_MAX;
	return first < now ? -1 : (int)sp_min((first - now) / 86400, (int64_t)INT_MAX);
}
