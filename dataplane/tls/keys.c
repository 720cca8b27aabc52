/// Keys of TLS 1.3 records: what RFC 8446 7.2 and 7.3 derive from a traffic secret.
#include "dataplane/tls/records.h"

#include <openssl/hmac.h>
#include "dataplane/tls/records_inner.h"
#include "common/banned.h"

static const struct suite {
	const char *name;
	const EVP_MD *(*digest)(void);
	uint8_t secret_n, key_n;
} suites[] = {
	[TLS_AES_128_GCM] = {"AES-128-GCM", EVP_sha256, 32, 16},
	[TLS_AES_256_GCM] = {"AES-256-GCM", EVP_sha384, 48, 32},
	[TLS_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", EVP_sha256, 32, 32},
};

size_t tls_suite_secret(enum tls_suite suite)
{
	return suites[suite].secret_n;
}

/// Fetched once and kept: a fetch costs more than a record.
static const EVP_CIPHER *cipher_of(enum tls_suite suite)
{
	static EVP_CIPHER *fetched[SP_ARRAY_LEN(suites)];

	if (!fetched[suite])
		fetched[suite] = EVP_CIPHER_fetch(NULL, suites[suite].name, NULL);
	return fetched[suite];
}

/// HKDF-Expand-Label with an empty context, for outputs no longer than the hash: one block of HKDF.
static int expand(const struct suite *s, const uint8_t *secret, const char *label, uint8_t *to, size_t n)
{
	uint8_t info[64], block[EVP_MAX_MD_SIZE];
	struct sp_out o = sp_out_init(info, sizeof(info));
	const uint8_t head[] = {0, (uint8_t)n, (uint8_t)(6 + strlen(label))}, tail[] = {0, 1};
	unsigned got = 0;

	sp_out_put(&o, head, sizeof(head));
	sp_out_lit(&o, "tls13 ");
	sp_out_bytes(&o, sp_bytes_cstr(label));
	sp_out_put(&o, tail, sizeof(tail));
	if (o.overflow || !HMAC(s->digest(), secret, s->secret_n, info, o.len, block, &got) || got < n)
		return -ENOMEM;
	memcpy(to, block, n);
	sp_wipe(block, sizeof(block));
	return 0;
}

static int use_secret(struct tls_half *h, enum tls_suite suite, bool seals)
{
	const struct suite *s = &suites[suite];
	const EVP_CIPHER *cipher = cipher_of(suite);
	uint8_t key[32];
	int r;

	SP_TRY(expand(s, h->secret, "key", key, s->key_n));
	r = expand(s, h->secret, "iv", h->iv, sizeof(h->iv));
	if (r == 0 && (!cipher || EVP_CipherInit_ex2(h->aead, cipher, key, h->iv, seals, NULL) != 1))
		r = -ENOMEM;
	sp_wipe(key, sizeof(key));
	h->seq = 0;
	return r;
}

int tls_half_init(struct tls_half *h, enum tls_suite suite, const uint8_t *secret, bool seals)
{
	memcpy(h->secret, secret, suites[suite].secret_n);
	h->aead = EVP_CIPHER_CTX_new();
	return h->aead ? use_secret(h, suite, seals) : -ENOMEM;
}

void tls_half_done(struct tls_half *h)
{
	EVP_CIPHER_CTX_free(h->aead);
	sp_wipe(h, sizeof(*h));
}

int tls_half_update(struct tls_half *h, enum tls_suite suite, bool seals)
{
	uint8_t next[TLS_SECRET_MAX];
	size_t n = suites[suite].secret_n;

	SP_TRY(expand(&suites[suite], h->secret, "traffic upd", next, n));
	memcpy(h->secret, next, n);
	sp_wipe(next, sizeof(next));
	return use_secret(h, suite, seals);
}
