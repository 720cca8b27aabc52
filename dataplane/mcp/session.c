#include "dataplane/mcp/session.h"

#include "common/base64.h"
#include "dataplane/http/http1.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include "common/banned.h"

/// text = base64url(key id, 12 bytes nonce, ciphertext, 16 bytes tag)
#define NONCE_BYTES 12u
#define TAG_BYTES 16u
#define FORMAT 1u
#define PLAIN_MAX 1600u

int sp_session_keys_init(struct sp_session_keys *k)
{
	*k = (struct sp_session_keys){.ctx = EVP_CIPHER_CTX_new()};
	return k->ctx ? 0 : -ENOMEM;
}

void sp_session_keys_set(struct sp_session_keys *k, const struct sp_secrets_half *half)
{
	memcpy(k->key, half->session_key, sizeof(k->key));
	memcpy(k->key_id, half->session_key_id, sizeof(k->key_id));
	k->set = true;
}

void sp_session_keys_done(struct sp_session_keys *k)
{
	EVP_CIPHER_CTX_free(k->ctx);
	sp_wipe(k, sizeof(*k));
}

static void put_int(struct sp_out *o, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;) {
		uint8_t b = (uint8_t)(v >> (8 * i));

		sp_out_put(o, &b, 1);
	}
}

static void put_session(struct sp_out *o, const struct sp_session *s)
{
	put_int(o, FORMAT, 1);
	put_int(o, s->revision, 1);
	put_int(o, s->route, 8);
	put_int(o, s->expires_s, 8);
	sp_out_put(o, s->principal, sizeof(s->principal));
	sp_out_put(o, s->number, sizeof(s->number));
	put_int(o, s->south_n, 1);
	for (uint32_t i = 0; i < s->south_n; i++) {
		put_int(o, s->south[i].upstream, 8);
		put_int(o, s->south[i].revision, 1);
		put_int(o, s->south[i].len, 1);
		sp_out_put(o, s->south[i].id, s->south[i].len);
	}
}

struct take {
	struct sp_bytes left;
	bool bad;
};

static void take_bytes(struct take *t, void *to, size_t n)
{
	if (t->left.n < n) {
		t->bad = true;
		return;
	}
	memcpy(to, t->left.p, n);
	t->left = sp_bytes(t->left.p + n, t->left.n - n);
}

static uint64_t take_int(struct take *t, unsigned bytes)
{
	uint8_t raw[8] = {0};
	uint64_t v = 0;

	take_bytes(t, raw, bytes);
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | raw[i];
	return v;
}

static int take_session(struct sp_bytes plain, struct sp_session *ret)
{
	struct take t = {.left = plain};
	struct sp_session s = {0};

	if (take_int(&t, 1) != FORMAT)
		return -EBADMSG;
	s.revision = (uint32_t)take_int(&t, 1);
	s.route = take_int(&t, 8);
	s.expires_s = take_int(&t, 8);
	take_bytes(&t, s.principal, sizeof(s.principal));
	take_bytes(&t, s.number, sizeof(s.number));
	s.south_n = (uint32_t)take_int(&t, 1);
	if (t.bad || s.south_n > SP_SESSION_UPSTREAMS_MAX || s.revision >= SP_REV__COUNT)
		return -EBADMSG;
	for (uint32_t i = 0; i < s.south_n; i++) {
		s.south[i].upstream = take_int(&t, 8);
		s.south[i].revision = (uint32_t)take_int(&t, 1);
		s.south[i].len = (uint32_t)take_int(&t, 1);
		if (s.south[i].len > SP_SOUTH_SESSION_MAX)
			return -EBADMSG;
		take_bytes(&t, s.south[i].id, s.south[i].len);
		if (s.south[i].len && !sp_http_value_ok(sp_bytes(s.south[i].id, s.south[i].len)))
			return -EBADMSG; // it is written into a header
	}
	if (t.bad || t.left.n)
		return -EBADMSG;
	*ret = s;
	return 0;
}

int sp_session_seal(struct sp_session_keys *k, const struct sp_session *s, uint8_t *text, size_t cap,
	size_t *ret_len)
{
	uint8_t plain[PLAIN_MAX], sealed[1 + NONCE_BYTES + PLAIN_MAX + TAG_BYTES];
	struct sp_out o = sp_out_init(plain, sizeof(plain)), out = sp_out_init(text, cap);
	uint8_t *ct = sealed + 1 + NONCE_BYTES;
	int n = 0;

	if (!k->set)
		return -EIO;
	put_session(&o, s);
	if (o.overflow)
		return -ENOSPC;
	sealed[0] = k->key_id[0];
	if (RAND_bytes(sealed + 1, NONCE_BYTES) != 1)
		return -EIO;
	if (EVP_EncryptInit_ex(k->ctx, EVP_aes_256_gcm(), NULL, k->key[0], sealed + 1) != 1 ||
		EVP_EncryptUpdate(k->ctx, NULL, &n, sealed, 1) != 1 ||
		EVP_EncryptUpdate(k->ctx, ct, &n, plain, (int)o.len) != 1 ||
		EVP_EncryptFinal_ex(k->ctx, ct + o.len, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, ct + o.len) != 1)
		return -EIO;
	sp_base64url_encode(&out, sp_bytes(sealed, 1 + NONCE_BYTES + o.len + TAG_BYTES));
	if (out.overflow)
		return -ENOSPC;
	*ret_len = out.len;
	return 0;
}

static const uint8_t *key_of(const struct sp_session_keys *k, uint8_t id)
{
	for (unsigned i = 0; i < 2; i++)
		if (k->key_id[i] == id)
			return k->key[i];
	return NULL;
}

int sp_session_open(struct sp_session_keys *k, struct sp_bytes text, uint64_t wall_s,
	struct sp_session *ret)
{
	uint8_t sealed[1 + NONCE_BYTES + PLAIN_MAX + TAG_BYTES], plain[PLAIN_MAX];
	struct sp_session s;
	const uint8_t *key;
	size_t n, body;
	int len = 0;

	if (!k->set || text.n > SP_SESSION_TEXT_MAX ||
		sp_base64url_decode(text, sealed, sizeof(sealed), &n) < 0 ||
		n < 1 + NONCE_BYTES + TAG_BYTES)
		return -EBADMSG;
	key = key_of(k, sealed[0]);
	body = n - 1 - NONCE_BYTES - TAG_BYTES;
	if (!key || body > sizeof(plain))
		return -EBADMSG;
	if (EVP_DecryptInit_ex(k->ctx, EVP_aes_256_gcm(), NULL, key, sealed + 1) != 1 ||
		EVP_DecryptUpdate(k->ctx, NULL, &len, sealed, 1) != 1 ||
		EVP_DecryptUpdate(k->ctx, plain, &len, sealed + 1 + NONCE_BYTES, (int)body) != 1 ||
		EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, sealed + n - TAG_BYTES) != 1 ||
		EVP_DecryptFinal_ex(k->ctx, plain + body, &len) != 1)
		return -EBADMSG;
	SP_TRY(take_session(sp_bytes(plain, body), &s));
	if (wall_s >= s.expires_s)
		return -EBADMSG;
	*ret = s;
	return 0;
}
