/// One message of TLS's at a time through the library's one-shot calls, and what EVP asks of a
/// cipher around that.
#include "dataplane/tls/gcm.h"

#include <intel-ipsec-mb.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include "common/banned.h"

#define TAG 16u
#define NONCE 12u
#define FIXED 4u ///< of a nonce in TLS 1.2: from the handshake
#define EXPLICIT 8u ///< and sent with the record (RFC 5288 3)
#define TLS12_AAD 13u ///< sequence number, type, version, length

/// How far the message is; a nonce makes it ready.
enum stage { IDLE, READY, DONE };

struct gcm {
	struct gcm_key_data key; ///< first: where new_ctx() puts it the library's widest register reads it
	const struct cipher *cipher;
	enum stage stage;
	bool keyed, sending, tagged;
	bool used; ///< the nonce, under this key
	bool tls12; ///< aad is that of a TLS 1.2 record
	uint8_t aad_n;
	uint8_t nonce[NONCE];
	uint8_t tag[TAG]; ///< made, or expected
	uint8_t aad[TLS_GCM_AAD_MAX];
};
_Static_assert(sizeof(struct gcm) <= 17 * SP_CACHE_LINE, "what an idle connection keeps, twice");
_Static_assert(offsetof(struct gcm, key) == 0, "as aligned as the whole");

struct cipher {
	size_t key_n;
	aes_gcm_pre_t expand;
	aes_gcm_enc_dec_t seal, open;
};
static struct cipher aes128 = {.key_n = 16}, aes256 = {.key_n = 32};

static void *new_ctx(const struct cipher *c)
{
	struct gcm *g = aligned_alloc(SP_CACHE_LINE, 17 * SP_CACHE_LINE);

	if (!g)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->cipher = c;
	return g;
}

static void *new128(void *provider)
{
	(void)provider;
	return new_ctx(&aes128);
}

static void *new256(void *provider)
{
	(void)provider;
	return new_ctx(&aes256);
}

static void free_ctx(void *ctx)
{
	if (ctx)
		sp_wipe(ctx, sizeof(struct gcm));
	free(ctx);
}

static int set_params(void *ctx, const OSSL_PARAM *p);

static int begin(struct gcm *g, const uint8_t *key, size_t key_n, const uint8_t *nonce,
	size_t nonce_n, bool sending)
{
	if ((key && key_n != g->cipher->key_n) || (nonce && nonce_n != NONCE))
		return 0;
	if (nonce && sending && !key && g->used && memcmp(nonce, g->nonce, NONCE) == 0)
		return 0;
	g->sending = sending;
	g->stage = IDLE;
	g->tagged = g->tls12 = false;
	g->aad_n = 0;
	if (key) {
		g->cipher->expand(key, &g->key);
		g->keyed = true;
		g->used = false;
	}
	if (nonce) {
		memcpy(g->nonce, nonce, NONCE);
		g->stage = READY;
	}
	return 1;
}

static int begin_seal(void *ctx, const unsigned char *key, size_t key_n, const unsigned char *nonce,
	size_t nonce_n, const OSSL_PARAM *p)
{
	return begin(ctx, key, key_n, nonce, nonce_n, true) && (!p || set_params(ctx, p));
}

static int begin_open(void *ctx, const unsigned char *key, size_t key_n, const unsigned char *nonce,
	size_t nonce_n, const OSSL_PARAM *p)
{
	return begin(ctx, key, key_n, nonce, nonce_n, false) && (!p || set_params(ctx, p));
}

/// The whole message. What does not bear its tag is wiped, not handed out.
static int message(struct gcm *g, uint8_t *out, const uint8_t *in, size_t n)
{
	struct {
		struct gcm_context_data run;
		uint8_t tag[TAG];
	} made;
	bool ready = g->stage == READY && g->keyed && (g->sending || g->tagged), ok = true;

	g->stage = IDLE;
	if (!ready)
		return 0;
	g->used = true;
	if (g->sending) {
		g->cipher->seal(&g->key, &made.run, out, in, n, g->nonce, g->aad, g->aad_n, g->tag, TAG);
	} else {
		g->cipher->open(&g->key, &made.run, out, in, n, g->nonce, g->aad, g->aad_n, made.tag, TAG);
		ok = CRYPTO_memcmp(made.tag, g->tag, TAG) == 0;
		if (!ok && n)
			sp_wipe(out, n);
		g->tagged = false;
	}
	sp_wipe(&made, sizeof(made));
	g->tls12 = false;
	g->aad_n = 0;
	if (ok)
		g->stage = DONE;
	return ok;
}

/// In place: the explicit nonce, the text, the tag. The nonce sent is the record's number (RFC 5288
/// 3), so none is used twice under a key.
static int record12(struct gcm *g, uint8_t *out, size_t *ret, const uint8_t *in, size_t n)
{
	size_t text = n - EXPLICIT - TAG;

	if (out != in || n < EXPLICIT + TAG || text != ((size_t)g->aad[11] << 8 | g->aad[12]))
		return 0;
	if (g->sending && g->used && memcmp(g->nonce + FIXED, g->aad, EXPLICIT) == 0)
		return 0;
	if (g->sending)
		memcpy(out, g->aad, EXPLICIT);
	else
		memcpy(g->tag, in + n - TAG, TAG);
	g->tagged = !g->sending;
	memcpy(g->nonce + FIXED, out, EXPLICIT);
	g->stage = READY;
	if (!message(g, out + EXPLICIT, in + EXPLICIT, text))
		return 0;
	if (g->sending)
		memcpy(out + n - TAG, g->tag, TAG);
	*ret = g->sending ? n : text;
	return 1;
}

static int update(
	void *ctx, unsigned char *out, size_t *ret, size_t cap, const unsigned char *in, size_t n)
{
	struct gcm *g = ctx;

	*ret = 0;
	if (g->tls12)
		return record12(g, out, ret, in, n);
	if (!n)
		return 1;
	if (!in)
		return 0;
	if (out) {
		if (cap < n || !message(g, out, in, n))
			return 0;
	} else {
		if (g->stage != READY || n > TLS_GCM_AAD_MAX - g->aad_n)
			return 0;
		memcpy(g->aad + g->aad_n, in, n);
		g->aad_n = (uint8_t)(g->aad_n + n);
	}
	*ret = n;
	return 1;
}

static int final(void *ctx, unsigned char *out, size_t *ret, size_t cap)
{
	struct gcm *g = ctx;
	uint8_t none = 0;

	(void)out;
	(void)cap;
	*ret = 0;
	if (g->stage == READY)
		return message(g, &none, &none, 0);
	return g->stage == DONE;
}

/// strcmp(key, name) == 0 for a name known here: of so few bytes the calls would be most of what it costs.
static inline __attribute__((always_inline)) bool is(const char *key, const char *name, size_t n)
{
#pragma GCC unroll 16
	for (size_t i = 0; i < n; i++)
		if (key[i] != name[i])
			return false;
	return true;
}
#define IS(key, name) is(key, name, sizeof(name))

static bool are_octets(const OSSL_PARAM *p, size_t n)
{
	return p->data_type == OSSL_PARAM_OCTET_STRING && p->data_size == n && p->data;
}

static int put(OSSL_PARAM *p, const uint8_t *from, size_t n)
{
	if (!are_octets(p, n))
		return 0;
	memcpy(p->data, from, n);
	p->return_size = n;
	return 1;
}

/// EVP asks for the nonce's length with each nonce. Unanswered, it takes describe()'s and has nothing to convert.
static int get_params(void *ctx, OSSL_PARAM *p)
{
	const struct gcm *g = ctx;
	int ok = 1;

	for (; ok && p->key; p++) {
		if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TAG))
			ok = g->stage == DONE && g->sending && put(p, g->tag, TAG);
		else if (IS(p->key, OSSL_CIPHER_PARAM_KEYLEN))
			ok = OSSL_PARAM_set_size_t(p, g->cipher->key_n);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TAGLEN) ||
			 IS(p->key, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD))
			ok = OSSL_PARAM_set_size_t(p, TAG);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TLS1_GET_IV_GEN) ||
			 IS(p->key, OSSL_CIPHER_PARAM_IV) ||
			 IS(p->key, OSSL_CIPHER_PARAM_UPDATED_IV))
			ok = 0; // who asks would take what is not written for a nonce
	}
	return ok;
}

static int take(uint8_t *to, size_t n, const OSSL_PARAM *p)
{
	if (!are_octets(p, n))
		return 0;
	memcpy(to, p->data, n);
	return 1;
}

/// The length in it is the record's, that the tag is made with the text's.
static int take_aad12(struct gcm *g, const OSSL_PARAM *p)
{
	size_t around = g->sending ? EXPLICIT : EXPLICIT + TAG, n;

	if (!take(g->aad, TLS12_AAD, p))
		return 0;
	n = (size_t)g->aad[11] << 8 | g->aad[12];
	if (n < around)
		return 0;
	n -= around;
	g->aad[11] = (uint8_t)(n >> 8);
	g->aad[12] = (uint8_t)n;
	g->aad_n = TLS12_AAD;
	g->tls12 = true;
	return 1;
}

static int expect_size(const OSSL_PARAM *p, size_t want)
{
	size_t n;

	return OSSL_PARAM_get_size_t(p, &n) && n == want;
}

static int set_params(void *ctx, const OSSL_PARAM *p)
{
	struct gcm *g = ctx;
	int ok = 1;

	for (; ok && p->key; p++) {
		if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TAG))
			ok = g->tagged = !g->sending && take(g->tag, TAG, p);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD))
			ok = take_aad12(g, p);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED))
			ok = take(g->nonce, FIXED, p);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD_TLS1_SET_IV_INV))
			ok = 0;
		else if (IS(p->key, OSSL_CIPHER_PARAM_IVLEN))
			ok = expect_size(p, NONCE);
		else if (IS(p->key, OSSL_CIPHER_PARAM_KEYLEN))
			ok = expect_size(p, g->cipher->key_n);
	}
	return ok;
}

static int describe(OSSL_PARAM *p, size_t key_n)
{
	int ok = 1;

	for (; ok && p->key; p++) {
		if (IS(p->key, OSSL_CIPHER_PARAM_MODE))
			ok = OSSL_PARAM_set_uint(p, EVP_CIPH_GCM_MODE);
		else if (IS(p->key, OSSL_CIPHER_PARAM_KEYLEN))
			ok = OSSL_PARAM_set_size_t(p, key_n);
		else if (IS(p->key, OSSL_CIPHER_PARAM_BLOCK_SIZE))
			ok = OSSL_PARAM_set_size_t(p, 1);
		else if (IS(p->key, OSSL_CIPHER_PARAM_IVLEN))
			ok = OSSL_PARAM_set_size_t(p, NONCE);
		else if (IS(p->key, OSSL_CIPHER_PARAM_AEAD) ||
			 IS(p->key, OSSL_CIPHER_PARAM_CUSTOM_IV))
			ok = OSSL_PARAM_set_int(p, 1);
	}
	return ok;
}

static int describe128(OSSL_PARAM *p)
{
	return describe(p, 16);
}

static int describe256(OSSL_PARAM *p)
{
	return describe(p, 32);
}

#define FN(f) ((void (*)(void))(f))
#define CIPHER(bits)                                                                               \
	static const OSSL_DISPATCH functions##bits[] = {                                           \
		{OSSL_FUNC_CIPHER_NEWCTX, FN(new##bits)},                                          \
		{OSSL_FUNC_CIPHER_FREECTX, FN(free_ctx)},                                          \
		{OSSL_FUNC_CIPHER_ENCRYPT_INIT, FN(begin_seal)},                                   \
		{OSSL_FUNC_CIPHER_DECRYPT_INIT, FN(begin_open)},                                   \
		{OSSL_FUNC_CIPHER_UPDATE, FN(update)},                                             \
		{OSSL_FUNC_CIPHER_FINAL, FN(final)},                                               \
		{OSSL_FUNC_CIPHER_GET_PARAMS, FN(describe##bits)},                                 \
		{OSSL_FUNC_CIPHER_GET_CTX_PARAMS, FN(get_params)},                                 \
		{OSSL_FUNC_CIPHER_SET_CTX_PARAMS, FN(set_params)},                                 \
		{0, NULL},                                                                         \
	}
CIPHER(128);
CIPHER(256);

#define PROPERTIES "provider=sallyport,sallyport.records=yes"
static const OSSL_ALGORITHM ciphers[] = {
	{"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", PROPERTIES, functions128, NULL},
	{"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", PROPERTIES, functions256, NULL},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int provide(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *from_core,
	const OSSL_DISPATCH **ret, void **ctx)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, FN(query)},
		{0, NULL},
	};

	(void)core;
	(void)from_core;
	*ret = functions;
	*ctx = &aes128; // anything but NULL
	return 1;
}

/// The library's calls for this CPU.
static int choose(void)
{
	// With the last it has held its own known answers against what it computes.
	const uint64_t need =
		IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_SELF_TEST_PASS;
	IMB_MGR *m = alloc_mb_mgr(0);
	IMB_ARCH arch;
	int r = 0;

	if (!m)
		return -ENOMEM;
	init_mb_mgr_auto(m, &arch);
	if (imb_get_errno(m) || (m->features & need) != need) {
		r = -ENOTSUP;
	} else {
		aes128 = (struct cipher){16, m->gcm128_pre, m->gcm128_enc, m->gcm128_dec};
		aes256 = (struct cipher){32, m->gcm256_pre, m->gcm256_enc, m->gcm256_dec};
	}
	free_mb_mgr(m);
	return r;
}

static OSSL_PROVIDER *own;

static void unload(void)
{
	OSSL_PROVIDER_unload(own);
}

int tls_gcm_offer(void)
{
	SP_TRY(choose());
	if (OSSL_PROVIDER_add_builtin(NULL, "sallyport", provide) != 1 ||
		OPENSSL_atexit(unload) != 1)
		return -ENOMEM;
	own = OSSL_PROVIDER_try_load(NULL, "sallyport", 1);
	return own ? 0 : -ENOMEM;
}
