#include "dataplane/tls/records.h"

#include "dataplane/tls/records_inner.h"
#include "common/banned.h"

#define HOLD_BYTES (TLS_RECORD_HEAD + TLS_RECORD_MAX)
#define HOLDS_KEPT 64u
/// What a record adds to its data: head, content type, tag.
#define OVERHEAD (TLS_RECORD_HEAD + 1u + TLS_RECORD_TAG)
/// A record lies in one transmit block.
#define DATA_MAX (16384u - OVERHEAD)

/// Buffers of connections that need none now, for the next that does: no allocation a record.
static struct {
	uint8_t *free[HOLDS_KEPT];
	unsigned n;
} holds;

static int hold_take(struct tls_records *r)
{
	if (!r->hold)
		r->hold = holds.n ? holds.free[--holds.n] : malloc(HOLD_BYTES);
	return r->hold ? 0 : -ENOBUFS;
}

static void hold_give(struct tls_records *r)
{
	if (!r->hold)
		return;
	if (holds.n < HOLDS_KEPT)
		holds.free[holds.n++] = r->hold;
	else
		free(r->hold);
	r->hold = NULL;
}

int tls_records_init(struct tls_records *r, enum tls_suite suite, const uint8_t *in, const uint8_t *out,
	uint64_t out_seq)
{
	int err;

	*r = (struct tls_records){.suite = (uint8_t)suite};
	err = tls_half_init(&r->in, suite, in, false);
	if (err == 0)
		err = tls_half_init(&r->out, suite, out, true);
	if (err < 0)
		tls_records_done(r);
	r->out.seq = out_seq;
	return err;
}

void tls_records_done(struct tls_records *r)
{
	if (r->hold)
		sp_wipe(r->hold, HOLD_BYTES);
	hold_give(r);
	tls_half_done(&r->in);
	tls_half_done(&r->out);
}

static void nonce_of(const struct tls_half *h, uint8_t nonce[12])
{
	memcpy(nonce, h->iv, 12);
	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(h->seq >> (56 - 8 * i));
}

/// `to` has room for `n` + OVERHEAD.
static int seal(struct tls_half *h, enum tls_content type, const uint8_t *p, size_t n, uint8_t *to)
{
	size_t len = n + 1 + TLS_RECORD_TAG;
	const uint8_t head[TLS_RECORD_HEAD] = {
		TLS_DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
	const uint8_t inner = (uint8_t)type;
	uint8_t nonce[12], *at = to + TLS_RECORD_HEAD;
	int k;

	nonce_of(h, nonce);
	memcpy(to, head, sizeof(head));
	if (EVP_EncryptInit_ex(h->aead, NULL, NULL, NULL, nonce) != 1 ||
		EVP_EncryptUpdate(h->aead, NULL, &k, head, sizeof(head)) != 1 ||
		EVP_EncryptUpdate(h->aead, at, &k, p, (int)n) != 1 ||
		EVP_EncryptUpdate(h->aead, at + n, &k, &inner, 1) != 1 ||
		EVP_EncryptFinal_ex(h->aead, at + n + 1, &k) != 1 ||
		EVP_CIPHER_CTX_ctrl(h->aead, EVP_CTRL_AEAD_GET_TAG, TLS_RECORD_TAG, at + n + 1) != 1)
		return -EPROTO;
	h->seq++;
	return 0;
}

static int put(struct tls_records *r, struct sp_stream *stream, enum tls_content type, const uint8_t *p,
	size_t n)
{
	size_t room;
	uint8_t *to = sp_stream_reserve(stream, n + OVERHEAD, &room);

	if (!to)
		return -ENOBUFS;
	SP_TRY(seal(&r->out, type, p, n, to));
	sp_stream_commit(stream, n + OVERHEAD);
	return 0;
}

void tls_records_alert(struct tls_records *r, struct sp_stream *stream, enum tls_alert what)
{
	const uint8_t alert[] = {what == TLS_CLOSE_NOTIFY ? 1 : 2, (uint8_t)what};

	(void)!put(r, stream, TLS_ALERT, alert, sizeof(alert));
}

/// Tell the peer that our next record is under new keys, and be so.
static int update_out(struct tls_records *r, struct sp_stream *stream)
{
	static const uint8_t update[] = {24, 0, 0, 1, 0};

	SP_TRY(put(r, stream, TLS_HANDSHAKE, update, sizeof(update)));
	return tls_half_update(&r->out, r->suite, true) < 0 ? -EPROTO : 0;
}

int tls_records_write(struct tls_records *r, struct sp_stream *stream, const uint8_t *p, size_t n)
{
	while (n) {
		size_t take = sp_min(n, (size_t)DATA_MAX);

		if (sp_unlikely(r->out.seq >= TLS_REKEY_AT))
			SP_TRY(update_out(r, stream));
		SP_TRY(put(r, stream, TLS_DATA, p, take));
		p += take;
		n -= take;
	}
	return 0;
}

static int refuse(struct tls_records *r, struct sp_stream *stream, enum tls_alert alert, const char *why)
{
	r->error = why;
	tls_records_alert(r, stream, alert);
	return -EPROTO;
}

/// Length of what follows a record's head, or -EPROTO.
static int body_length(struct tls_records *r, struct sp_stream *stream, const uint8_t *head)
{
	unsigned n = (unsigned)head[3] << 8 | head[4];

	if (head[0] != TLS_DATA)
		return refuse(r, stream, TLS_UNEXPECTED_MESSAGE, "a record in clear after the handshake");
	if (head[1] != 3 || head[2] != 3)
		return refuse(r, stream, TLS_DECODE_ERROR, "a record of another version");
	if (n > TLS_RECORD_MAX)
		return refuse(r, stream, TLS_RECORD_OVERFLOW, "a record over the limit");
	if (n < 1 + TLS_RECORD_TAG)
		return refuse(r, stream, TLS_DECODE_ERROR, "a record too short");
	return (int)n;
}

/// `rec` is a whole record with a body of `n`; `to` has room for n - TLS_RECORD_TAG and may be the body's place.
static int open_record(struct tls_half *h, const uint8_t *rec, size_t n, uint8_t *to)
{
	const uint8_t *body = rec + TLS_RECORD_HEAD;
	size_t plain = n - TLS_RECORD_TAG;
	uint8_t nonce[12], tag[TLS_RECORD_TAG];
	int k;

	nonce_of(h, nonce);
	memcpy(tag, body + plain, sizeof(tag));
	if (EVP_DecryptInit_ex(h->aead, NULL, NULL, NULL, nonce) != 1 ||
		EVP_CIPHER_CTX_ctrl(h->aead, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1 ||
		EVP_DecryptUpdate(h->aead, NULL, &k, rec, TLS_RECORD_HEAD) != 1 ||
		EVP_DecryptUpdate(h->aead, to, &k, body, (int)plain) != 1 ||
		EVP_DecryptFinal_ex(h->aead, to + plain, &k) != 1)
		return -EBADMSG;
	h->seq++;
	return 0;
}

/// The only message of a client's after the handshake. It ends its record (RFC 8446 5.1), and nobody
/// sends five bytes in pieces.
static int take_handshake(struct tls_records *r, struct sp_stream *stream, const uint8_t *p, size_t n)
{
	static const uint8_t update[] = {24, 0, 0, 1};

	if (n != sizeof(update) + 1 || memcmp(p, update, sizeof(update)) != 0)
		return refuse(r, stream, TLS_UNEXPECTED_MESSAGE, "a handshake message after the handshake");
	if (p[4] > 1)
		return refuse(r, stream, TLS_ILLEGAL_PARAMETER, "a key update that is none");
	if (++r->updates > TLS_UPDATES_MAX)
		return refuse(r, stream, TLS_UNEXPECTED_MESSAGE, "too many key updates");
	if (tls_half_update(&r->in, r->suite, false) < 0)
		return refuse(r, stream, TLS_INTERNAL_ERROR, "no memory for keys");
	return p[4] ? update_out(r, stream) : 0;
}

static int take_alert(struct tls_records *r, struct sp_stream *stream, const uint8_t *p, size_t n)
{
	if (n != 2)
		return refuse(r, stream, TLS_DECODE_ERROR, "an alert that is none");
	if (p[1] == TLS_CLOSE_NOTIFY)
		return -EPIPE;
	if (p[1] == TLS_USER_CANCELED) // close-notify follows
		return 0;
	r->error = "the peer sent an alert";
	return -EPROTO;
}

/// What an opened record holds: content, its type, zeros. *ret is the data's length, 0 for what is none.
static int take_content(struct tls_records *r, struct sp_stream *stream, const uint8_t *p, size_t n, size_t *ret)
{
	*ret = 0;
	while (n && p[n - 1] == 0)
		n--;
	if (!n)
		return refuse(r, stream, TLS_UNEXPECTED_MESSAGE, "a record without content type");
	n--;
	if (n > TLS_RECORD_PLAIN_MAX)
		return refuse(r, stream, TLS_RECORD_OVERFLOW, "a record over the limit");
	switch (p[n]) {
	case TLS_DATA:
		if (n)
			r->updates = 0;
		*ret = n;
		return 0;
	case TLS_ALERT:
		return take_alert(r, stream, p, n);
	case TLS_HANDSHAKE:
		return take_handshake(r, stream, p, n);
	default:
		return refuse(r, stream, TLS_UNEXPECTED_MESSAGE, "a record of an unknown type");
	}
}

/// Bring the held part of a record forward to `n` bytes; false when there is no more.
static bool top_up(struct tls_records *r, struct sp_bytes *in, size_t n)
{
	size_t k = r->held < n ? sp_min(n - r->held, in->n) : 0;

	if (k) {
		memcpy(r->hold + r->held, in->p, k);
		r->held += (uint32_t)k;
		*in = sp_bytes(in->p + k, in->n - k);
	}
	return r->held >= n;
}

/// The next whole record: where it came, or put together in `hold`. Its body's length, or an error.
static int next_record(struct tls_records *r, struct sp_stream *stream, struct sp_bytes *in, const uint8_t **ret)
{
	int n;

	if (!in->n)
		return -EAGAIN;
	if (!r->held && in->n >= TLS_RECORD_HEAD) {
		n = body_length(r, stream, in->p);
		if (n < 0)
			return n;
		if (in->n >= TLS_RECORD_HEAD + (size_t)n) {
			*ret = in->p;
			*in = sp_bytes(in->p + TLS_RECORD_HEAD + n, in->n - TLS_RECORD_HEAD - (size_t)n);
			return n;
		}
	}
	SP_TRY(hold_take(r));
	if (!top_up(r, in, TLS_RECORD_HEAD))
		return -EAGAIN;
	n = body_length(r, stream, r->hold);
	if (n < 0)
		return n;
	if (!top_up(r, in, TLS_RECORD_HEAD + (size_t)n))
		return -EAGAIN;
	r->held = 0;
	*ret = r->hold;
	return n;
}

static size_t hand_out(struct tls_records *r, uint8_t *buf, size_t cap)
{
	size_t n = sp_min((size_t)r->plain_n, cap);

	memcpy(buf, r->hold + r->plain_at, n);
	r->plain_at += (uint32_t)n;
	r->plain_n -= (uint32_t)n;
	return n;
}

static int read_one(struct tls_records *r, struct sp_stream *stream, struct sp_bytes *in, uint8_t *buf,
	size_t cap, size_t *ret)
{
	const uint8_t *rec;
	int n = next_record(r, stream, in, &rec);
	bool fits;
	uint8_t *to;

	if (n < 0)
		return n;
	fits = (size_t)n - TLS_RECORD_TAG <= cap;
	if (!fits)
		SP_TRY(hold_take(r));
	to = fits ? buf : r->hold + TLS_RECORD_HEAD;
	if (open_record(&r->in, rec, (size_t)n, to) < 0)
		return refuse(r, stream, TLS_BAD_RECORD_MAC, "a record that was tampered with");
	SP_TRY(take_content(r, stream, to, (size_t)n - TLS_RECORD_TAG, ret));
	if (!fits && *ret) {
		r->plain_at = TLS_RECORD_HEAD;
		r->plain_n = (uint32_t)*ret;
		*ret = hand_out(r, buf, cap);
	}
	return 0;
}

int tls_records_read(struct tls_records *r, struct sp_stream *stream, struct sp_bytes *in, uint8_t *buf,
	size_t cap, size_t *ret)
{
	size_t n = r->plain_n ? hand_out(r, buf, cap) : 0;
	int err = 0;

	while (!n && err == 0)
		err = read_one(r, stream, in, buf, cap, &n);
	if (!r->held && !r->plain_n)
		hold_give(r);
	if (err == 0)
		*ret = n;
	return err;
}
