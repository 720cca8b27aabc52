#include "tools/demo/commands.h"
#include "tools/demo/files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include "common/banned.h"

#define DAYS_CA 3650
#define DAYS_LEAF 398

struct issued {
	EVP_PKEY *key;
	X509 *cert;
};

/// What distinguishes the three certificates.
struct profile {
	const char *common_name, *constraints, *usage, *extended, *names;
	long days;
};

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int ok;

	if (!value)
		return 0;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok ? 0 : -EINVAL;
}

static int set_identity(X509 *cert, X509 *issuer, const struct profile *p)
{
	X509_NAME *name = X509_get_subject_name(cert);
	unsigned char serial[16];
	BIGNUM *bn;
	int ok;

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return -EIO;
	serial[0] &= 0x7f;
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) && X509_set_version(cert, 2) &&
		X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
		X509_time_adj_ex(X509_getm_notAfter(cert), (int)p->days, 0, NULL) &&
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_UTF8, (const unsigned char *)p->common_name, -1, -1, 0) &&
		X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	BN_free(bn);
	return ok ? 0 : -EINVAL;
}

/// `ca` NULL makes a self-signed one. On failure *ret holds what was made so far: free both always.
static int issue(const struct profile *p, const struct issued *ca, struct issued *ret)
{
	X509 *issuer;

	ret->key = EVP_EC_gen("P-256");
	ret->cert = X509_new();
	if (!ret->key || !ret->cert)
		return -ENOMEM;
	issuer = ca ? ca->cert : ret->cert;
	SP_TRY(set_identity(ret->cert, issuer, p));
	if (!X509_set_pubkey(ret->cert, ret->key))
		return -EINVAL;
	SP_TRY(add_extension(ret->cert, issuer, NID_basic_constraints, p->constraints));
	SP_TRY(add_extension(ret->cert, issuer, NID_key_usage, p->usage));
	SP_TRY(add_extension(ret->cert, issuer, NID_ext_key_usage, p->extended));
	SP_TRY(add_extension(ret->cert, issuer, NID_subject_alt_name, p->names));
	SP_TRY(add_extension(ret->cert, issuer, NID_subject_key_identifier, "hash"));
	SP_TRY(add_extension(ret->cert, issuer, NID_authority_key_identifier, "keyid:always"));
	return X509_sign(ret->cert, ca ? ca->key : ret->key, EVP_sha256()) ? 0 : -EIO;
}

static void issued_done(struct issued *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->cert);
}

static int write_bio(const char *dir, const char *name, BIO *bio, unsigned mode)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return demo_file_write(dir, name, sp_bytes(p, (size_t)n), mode);
}

static int write_pair(const char *dir, const char *stem, const struct issued *i, const struct issued *ca)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	char name[64];
	int r = -ENOMEM;

	if (cert && key && PEM_write_bio_X509(cert, i->cert) && (!ca || PEM_write_bio_X509(cert, ca->cert)) &&
		PEM_write_bio_PKCS8PrivateKey(key, i->key, NULL, NULL, 0, NULL, NULL)) {
		snprintf(name, sizeof(name), "%s.pem", stem);
		r = write_bio(dir, name, cert, 0644);
	}
	if (!r) {
		snprintf(name, sizeof(name), "%s.key", stem);
		r = write_bio(dir, name, key, 0600);
	}
	BIO_free(cert);
	BIO_free(key);
	return r;
}

static int make_all(const char *dir)
{
	static const struct profile ca_profile = {"Sallyport development CA", "critical,CA:TRUE,pathlen:0",
		"critical,keyCertSign,cRLSign", NULL, NULL, DAYS_CA};
	static const struct {
		const char *stem;
		struct profile profile;
	} leaves[] = {
		{"server", {"localhost", "critical,CA:FALSE", "critical,digitalSignature", "serverAuth",
				   "DNS:localhost,IP:127.0.0.1,IP:::1", DAYS_LEAF}},
		{"client", {"demo-agent", "critical,CA:FALSE", "critical,digitalSignature", "clientAuth",
				   NULL, DAYS_LEAF}},
	};
	struct issued ca = {0};
	int r = issue(&ca_profile, NULL, &ca);

	if (!r)
		r = write_pair(dir, "ca", &ca, NULL);
	for (size_t i = 0; i < SP_ARRAY_LEN(leaves) && !r; i++) {
		struct issued leaf = {0};

		r = issue(&leaves[i].profile, &ca, &leaf);
		if (!r)
			r = write_pair(dir, leaves[i].stem, &leaf, NULL);
		issued_done(&leaf);
	}
	issued_done(&ca);
	return r;
}

int demo_cmd_pki(int argc, char **argv)
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: sallyport-demo pki DIR\n");
		return 2;
	}
	r = demo_folder(argv[1]);
	if (!r)
		r = make_all(argv[1]);
	if (r) {
		ERR_print_errors_fp(stderr);
		fprintf(stderr, "sallyport-demo pki: %s\n", strerror(-r));
		return 1;
	}
	return 0;
}
