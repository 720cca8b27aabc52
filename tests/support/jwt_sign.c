#include "tests/support/jwt_sign.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include "common/banned.h"

struct sp_sign_key {
	EVP_PKEY *pkey;
	enum sp_jwt_alg alg;
	char *kid;
};

struct alg_info {
	const char *name, *kty, *crv;
	int pkey_id, curve_bits, field_bytes;
};
static const struct alg_info algs[] = {
	[SP_ALG_RS256] = {"RS256", "RSA", NULL, EVP_PKEY_RSA, 0, 0},
	[SP_ALG_PS256] = {"PS256", "RSA", NULL, EVP_PKEY_RSA, 0, 0},
	[SP_ALG_ES256] = {"ES256", "EC", "P-256", EVP_PKEY_EC, 256, 32},
	[SP_ALG_ES384] = {"ES384", "EC", "P-384", EVP_PKEY_EC, 384, 48},
	[SP_ALG_EDDSA] = {"EdDSA", "OKP", "Ed25519", EVP_PKEY_ED25519, 0, 32},
};

static bool alg_known(enum sp_jwt_alg alg)
{
	return alg >= SP_ALG_RS256 && alg <= SP_ALG_EDDSA;
}

char *sp_sign_base64url(struct sp_bytes b)
{
	size_t cap = (b.n + 2) / 3 * 4 + 1;
	char *s = malloc(cap);
	int n;

	if (!s)
		return NULL;
	n = EVP_EncodeBlock((unsigned char *)s, b.p ? b.p : (const uint8_t *)"", (int)b.n);
	while (n > 0 && s[n - 1] == '=')
		n--;
	s[n] = 0;
	for (char *c = s; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return s;
}

char *sp_sign_thumbprint(struct sp_bytes b)
{
	uint8_t md[32];

	if (EVP_Digest(b.p, b.n, md, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	return sp_sign_base64url(sp_bytes(md, sizeof(md)));
}

/// Takes `pkey` in every case.
static int wrap(EVP_PKEY *pkey, enum sp_jwt_alg alg, const char *kid, struct sp_sign_key **ret)
{
	struct sp_sign_key *k = pkey ? calloc(1, sizeof(*k)) : NULL;

	if (!k) {
		EVP_PKEY_free(pkey);
		return -EIO;
	}
	*k = (struct sp_sign_key){.pkey = pkey, .alg = alg, .kid = kid ? strdup(kid) : NULL};
	*ret = k;
	return 0;
}

int sp_sign_key_new_rsa(
	enum sp_jwt_alg alg, unsigned bits, const char *kid, struct sp_sign_key **ret)
{
	if (!alg_known(alg) || algs[alg].pkey_id != EVP_PKEY_RSA)
		return -EINVAL;
	return wrap(EVP_RSA_gen(bits), alg, kid, ret);
}

int sp_sign_key_new(enum sp_jwt_alg alg, const char *kid, struct sp_sign_key **ret)
{
	if (!alg_known(alg))
		return -EINVAL;
	if (algs[alg].pkey_id == EVP_PKEY_RSA)
		return sp_sign_key_new_rsa(alg, 2048, kid, ret);
	if (algs[alg].pkey_id == EVP_PKEY_EC)
		return wrap(EVP_EC_gen(algs[alg].crv), alg, kid, ret);
	return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), alg, kid, ret);
}

int sp_sign_key_from_pem(
	enum sp_jwt_alg alg, const char *pem, const char *kid, struct sp_sign_key **ret)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!pkey || !alg_known(alg) || EVP_PKEY_get_base_id(pkey) != algs[alg].pkey_id ||
		(algs[alg].curve_bits && EVP_PKEY_get_bits(pkey) != algs[alg].curve_bits)) {
		EVP_PKEY_free(pkey);
		return -EINVAL;
	}
	return wrap(pkey, alg, kid, ret);
}

struct sp_sign_key *sp_sign_key_free(struct sp_sign_key *k)
{
	if (k) {
		EVP_PKEY_free(k->pkey);
		free(k->kid);
		free(k);
	}
	return NULL;
}

char *sp_sign_key_pem(const struct sp_sign_key *k)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *s = NULL;

	if (bio && PEM_write_bio_PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		long n = BIO_get_mem_data(bio, &data);

		s = strndup(data, (size_t)n);
	}
	BIO_free(bio);
	return s;
}

uint8_t *sp_sign_spki(const struct sp_sign_key *k, size_t *ret_len)
{
	uint8_t *der = NULL, *s = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);

	if (n > 0 && (s = malloc((size_t)n))) {
		memcpy(s, der, (size_t)n);
		*ret_len = (size_t)n;
	}
	OPENSSL_free(der);
	return s;
}

/// A big-endian public number of the key in base64url, `width` bytes (0 = as many as it has).
static char *number(const struct sp_sign_key *k, const char *param, int width)
{
	BIGNUM *bn = NULL;
	uint8_t raw[1024];
	char *s = NULL;

	if (EVP_PKEY_get_bn_param(k->pkey, param, &bn) == 1) {
		int n = width ? width : BN_num_bytes(bn);

		if (n <= (int)sizeof(raw) && BN_bn2binpad(bn, raw, n) == n)
			s = sp_sign_base64url(sp_bytes(raw, (size_t)n));
	}
	BN_free(bn);
	return s;
}

char *sp_sign_jwk(const struct sp_sign_key *k)
{
	const struct alg_info *a = &algs[k->alg];
	char *x = NULL, *y = NULL, *s = NULL;
	uint8_t raw[32];
	size_t n = sizeof(raw);

	if (a->pkey_id == EVP_PKEY_RSA) {
		x = number(k, OSSL_PKEY_PARAM_RSA_N, 0);
		y = number(k, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (a->pkey_id == EVP_PKEY_EC) {
		x = number(k, OSSL_PKEY_PARAM_EC_PUB_X, a->field_bytes);
		y = number(k, OSSL_PKEY_PARAM_EC_PUB_Y, a->field_bytes);
	} else if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) == 1) {
		x = sp_sign_base64url(sp_bytes(raw, n));
	}
	if (!x || (a->pkey_id != EVP_PKEY_ED25519 && !y))
		goto out;
	if (asprintf(&s,
		    "{\"kty\":\"%s\",%s%s%s\"%s\":\"%s\"%s%s%s%s%s%s,\"alg\":\"%s\",\"use\":"
		    "\"sig\"}",
		    a->kty, a->crv ? "\"crv\":\"" : "", a->crv ? a->crv : "", a->crv ? "\"," : "",
		    a->crv ? "x" : "n", x, y ? (a->crv ? ",\"y\":\"" : ",\"e\":\"") : "",
		    y ? y : "", y ? "\"" : "", k->kid ? ",\"kid\":\"" : "", k->kid ? k->kid : "",
		    k->kid ? "\"" : "", a->name) < 0)
		s = NULL;
out:
	free(x);
	free(y);
	return s;
}

char *sp_sign_jwks(struct sp_sign_key *const *keys, size_t n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok = f != NULL;

	if (!f)
		return NULL;
	fputs("{\"keys\":[", f);
	for (size_t i = 0; i < n; i++) {
		char *jwk = sp_sign_jwk(keys[i]);

		ok = ok && jwk;
		fprintf(f, "%s%s", i ? "," : "", jwk ? jwk : "");
		free(jwk);
	}
	fputs("]}", f);
	if (fclose(f) == 0 && ok)
		return text;
	free(text);
	return NULL;
}

/// The two numbers of a DER ECDSA signature as fixed-width big-endian halves (RFC 7518 3.4).
static bool ec_raw(const uint8_t *der, size_t n, int width, uint8_t *raw)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, width) == width &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + width, width) == width;

	ECDSA_SIG_free(sig);
	return ok;
}

static bool sign(const struct sp_sign_key *k, struct sp_bytes input, uint8_t *sig, size_t *n)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	const EVP_MD *hash = k->alg == SP_ALG_EDDSA   ? NULL
			     : k->alg == SP_ALG_ES384 ? EVP_sha384()
						      : EVP_sha256();
	int width = algs[k->alg].field_bytes;
	uint8_t der[1024];
	size_t der_n = sizeof(der);
	bool ok = md && EVP_DigestSignInit(md, &ctx, hash, NULL, k->pkey) == 1;

	if (ok && k->alg == SP_ALG_PS256)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestSign(md, der, &der_n, input.p, input.n) == 1;
	EVP_MD_CTX_free(md);
	if (!ok)
		return false;
	if (algs[k->alg].pkey_id == EVP_PKEY_EC) {
		*n = (size_t)width * 2;
		return ec_raw(der, der_n, width, sig);
	}
	memcpy(sig, der, der_n);
	*n = der_n;
	return true;
}

char *sp_sign_jws(const struct sp_sign_key *k, const char *header, struct sp_bytes payload)
{
	char *made = NULL, *h, *p, *s = NULL, *input = NULL, *token = NULL;
	uint8_t sig[1024];
	size_t n;

	if (!header &&
		asprintf(&made, "{\"alg\":\"%s\"%s%s%s,\"typ\":\"JWT\"}", algs[k->alg].name,
			k->kid ? ",\"kid\":\"" : "", k->kid ? k->kid : "", k->kid ? "\"" : "") < 0)
		return NULL;
	h = sp_sign_base64url(sp_bytes_cstr(header ? header : made));
	p = sp_sign_base64url(payload);
	if (h && p && asprintf(&input, "%s.%s", h, p) >= 0 &&
		sign(k, sp_bytes_cstr(input), sig, &n) &&
		(s = sp_sign_base64url(sp_bytes(sig, n))) &&
		asprintf(&token, "%s.%s", input, s) < 0)
		token = NULL;
	free(made);
	free(h);
	free(p);
	free(input);
	free(s);
	return token;
}

static void put_string(FILE *f, const char *name, const char *value)
{
	uint8_t buf[4096];
	struct sp_out o = sp_out_init(buf, sizeof(buf));

	if (!value)
		return;
	sp_out_json_escaped(&o, sp_bytes_cstr(value));
	fprintf(f, ",\"%s\":\"%.*s\"", name, (int)o.len, (const char *)o.p);
}

static void put_audience(FILE *f, const char *audience)
{
	if (!audience || !strchr(audience, ' ')) {
		put_string(f, "aud", audience);
		return;
	}
	fputs(",\"aud\":[", f);
	for (const char *a = audience; *a;) {
		size_t n = strcspn(a, " ");

		fprintf(f, "%s\"%.*s\"", a == audience ? "" : ",", (int)n, a);
		a += n + (a[n] == ' ');
	}
	fputc(']', f);
}

static void put_time(FILE *f, const char *name, int64_t seconds)
{
	if (seconds)
		fprintf(f, ",\"%s\":%lld", name, (long long)seconds);
}

static void put_claims(FILE *f, const struct sp_sign_claims *c)
{
	put_string(f, "iss", c->iss);
	put_string(f, "sub", c->sub);
	put_audience(f, c->audience);
	put_string(f, "client_id", c->client_id);
	put_string(f, "scope", c->scope);
	put_string(f, "jti", c->jti);
	if (c->agent_claim)
		put_string(f, c->agent_claim, c->agent);
	put_time(f, "exp", c->exp);
	put_time(f, "nbf", c->nbf);
	put_time(f, "iat", c->iat);
	if (c->x5t_s256)
		fprintf(f, ",\"cnf\":{\"x5t#S256\":\"%s\"}", c->x5t_s256);
	if (c->extra)
		fprintf(f, ",%s", c->extra);
}

char *sp_sign_jwt(const struct sp_sign_key *k, const struct sp_sign_claims *c)
{
	char *payload = NULL, *header = NULL, *token = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&payload, &len);

	if (!f)
		return NULL;
	put_claims(f, c);
	fputc('}', f);
	if (fclose(f) != 0 ||
		asprintf(&header, "{\"alg\":\"%s\"%s%s%s,\"typ\":\"%s\"}", algs[k->alg].name,
			k->kid ? ",\"kid\":\"" : "", k->kid ? k->kid : "", k->kid ? "\"" : "",
			c->typ ? c->typ : "at+jwt") < 0) {
		free(payload);
		return NULL;
	}
	payload[0] = '{'; // every member was written with a comma before it
	token = sp_sign_jws(k, header, len > 1 ? sp_bytes(payload, len) : SP_LIT("{}"));
	free(payload);
	free(header);
	return token;
}
