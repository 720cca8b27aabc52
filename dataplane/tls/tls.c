/// One connection: OpenSSL between a fed span of ciphertext and the stream's transmit blocks.
#include "dataplane/tls/gcm.h"
#include "dataplane/tls/private.h"

#include "dataplane/soon.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include "common/banned.h"

static int pipe_read(BIO *b, char *buf, size_t cap, size_t *ret)
{
	struct sp_tls *t = BIO_get_data(b);
	size_t n = sp_min(t->in_n, cap);

	BIO_clear_retry_flags(b);
	if (!n) {
		t->dry = true;
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(buf, t->in, n);
	tls_memory_filled(buf, n);
	t->in += n;
	t->in_n -= n;
	*ret = n;
	return 1;
}

/// All or nothing would need a second pass: when blocks run out midway the connection is lost
/// anyway.
static int pipe_write(BIO *b, const char *buf, size_t n, size_t *ret)
{
	struct sp_tls *t = BIO_get_data(b);
	size_t left = n;

	BIO_clear_retry_flags(b);
	while (left) {
		size_t room;
		uint8_t *to = sp_stream_reserve(t->out, 1, &room);

		if (!to) {
			t->no_room = true;
			return -1;
		}
		room = sp_min(room, left);
		memcpy(to, buf, room);
		sp_stream_commit(t->out, room);
		buf += room;
		left -= room;
	}
	*ret = n;
	return 1;
}

static long pipe_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static const BIO_METHOD *pipe_method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport");
	if (m) {
		BIO_meth_set_read_ex(m, pipe_read);
		BIO_meth_set_write_ex(m, pipe_write);
		BIO_meth_set_ctrl(m, pipe_ctrl);
	}
	return m;
}

/// What contexts made from now on look for; NULL: OpenSSL's own.
static const char *record_ciphers;

int sp_tls_fast_records(void)
{
	if (record_ciphers)
		return 0;
	SP_TRY(tls_gcm_offer());
	record_ciphers = TLS_GCM_PROPERTIES;
	return 0;
}

bool sp_tls_records_fast(void)
{
	return record_ciphers != NULL;
}

int tls_ctx_new(const SSL_METHOD *method, SSL_CTX **ret)
{
	static const char tls13[] =
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
	static const char tls12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
	SSL_CTX *ctx;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -ENOMEM;
	ctx = SSL_CTX_new_ex(NULL, record_ciphers, method);
	if (!ctx)
		return -ENOMEM;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, tls13) != 1 ||
		SSL_CTX_set_cipher_list(ctx, tls12) != 1 ||
		SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1) {
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	SSL_CTX_set_options(ctx,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	// Idle connections keep no record buffers.
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	*ret = ctx;
	return 0;
}

int tls_open(SSL_CTX *ctx, struct sp_stream *out, struct sp_tls **ret)
{
	struct sp_tls *t = calloc(1, sizeof(*t));
	BIO *b = pipe_method() ? BIO_new(pipe_method()) : NULL;

	if (t)
		t->ssl = SSL_new(ctx);
	if (!t || !b || !t->ssl) {
		BIO_free(b);
		sp_tls_free(t);
		return -ENOMEM;
	}
	t->out = out;
	t->bio = b;
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b);
	SSL_set_app_data(t->ssl, t);
	*ret = t;
	return 0;
}

struct sp_tls *sp_tls_free(struct sp_tls *t)
{
	if (!t)
		return NULL;
	// OpenSSL takes a connection freed without a close-notify for a bad one and forgets its
	// session.
	if (t->established && !t->failed)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	tls_held_free(t->held);
	sp_tls_server_free(t->server);
	sp_tls_client_free(t->client);
	free(t);
	return NULL;
}

/// Of an SSL's cache lines, those that OpenSSL 3.0 looks at to read a record and to write one (seen by valgrind's
/// lackey); of another's layout they are a guess that costs little.
static const uint8_t record_lines[] = {
	0, 1, 2, 6, 11, 19, 33, 34, 36, 39, 40, 42, 46, 49, 50, 51, 74, 75, 114, 115, 116, 117};

void sp_tls_soon(const struct sp_tls *t)
{
	for (size_t i = 0; i < sizeof(record_lines); i++)
		sp_prefetch((const uint8_t *)t->ssl + record_lines[i] * (size_t)SP_CACHE_LINE, 1);
	sp_prefetch(t->bio, 2);
}

void sp_tls_feed(struct sp_tls *t, const uint8_t *data, size_t n)
{
	// What a connection that is over left unread is of no use to anybody.
	SP_BUG_IF(t->in_n && !t->failed && !t->ended);
	t->in = data;
	t->in_n = n;
}

/// Off the way of those who read and write on an open connection.
#define APART __attribute__((noinline))

static int fail(struct sp_tls *t)
{
	t->open = false;
	t->failed = true;
	return t->no_room ? -ENOBUFS : -EPROTO;
}

/// What a call of OpenSSL's that failed means. SSL_get_error() would ask the thread's error queue, in which others may
/// have left theirs: it would have to be looked through before each record.
static int outcome(struct sp_tls *t)
{
	ERR_clear_error();
	if (t->no_room)
		return fail(t);
	if (t->dry) { // OpenSSL does nothing more after that
		t->dry = false;
		return -EAGAIN;
	}
	// An alert of a failure counts as a shutdown, too, but leaves no state in which data could go on.
	if ((SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) && SSL_is_init_finished(t->ssl)) {
		t->open = false;
		t->ended = true;
		return -EPIPE;
	}
	return fail(t);
}

static int shake_hands(struct sp_tls *t)
{
	int r;

	t->dry = false; // it was set when a client began
	r = SSL_do_handshake(t->ssl);
	if (r != 1 || t->no_room)
		return outcome(t);
	t->open = t->established = true;
	if (t->client)
		tls_client_established(t);
	return 0;
}

static int decrypt(struct sp_tls *t, uint8_t *buf, size_t cap, size_t *ret)
{
	size_t n = 0;
	int r = SSL_read_ex(t->ssl, buf, cap, &n);

	if (r != 1 || t->no_room)
		return outcome(t);
	*ret = n;
	return 0;
}

static int hold(struct sp_tls *t, const uint8_t *p, size_t n)
{
	t->no_room = tls_hold(t, p, n) < 0;
	return t->no_room ? fail(t) : 0;
}

/// OpenSSL did not take `n` bytes.
static APART int not_written(struct sp_tls *t, const uint8_t *p, size_t n)
{
	ERR_clear_error();
	if (!t->dry || t->no_room)
		return fail(t);
	t->dry = t->open = false;
	return hold(t, p, n);
}

static int encrypt(struct sp_tls *t, const uint8_t *p, size_t n)
{
	size_t done;

	return SSL_write_ex(t->ssl, p, n, &done) == 1 ? 0 : not_written(t, p, n);
}

/// The peer's message has come whole.
static int let_go(struct sp_tls *t)
{
	struct tls_held *h = t->held;
	int r;

	t->held = NULL;
	t->open = !t->ended;
	r = encrypt(t, h->bytes, h->n);
	tls_held_free(h);
	return r;
}

static APART int read_unless_open(struct sp_tls *t, uint8_t *buf, size_t cap, size_t *ret)
{
	size_t n = 0;
	int r;

	if (t->failed)
		return t->no_room ? -ENOBUFS : -EPROTO;
	if (t->ended)
		return -EPIPE;
	if (!t->established)
		SP_TRY(shake_hands(t));
	r = decrypt(t, buf, cap, &n);
	if (t->held && !t->failed && SSL_is_init_finished(t->ssl))
		SP_TRY(let_go(t));
	if (r == 0)
		*ret = n;
	return r;
}

int sp_tls_read(struct sp_tls *t, uint8_t *buf, size_t cap, size_t *ret)
{
	if (!t->open)
		return read_unless_open(t, buf, cap, ret);
	// Asking OpenSSL for a record of which no byte is there costs a quarter of reading one.
	if (!t->in_n && !SSL_has_pending(t->ssl))
		return -EAGAIN;
	return decrypt(t, buf, cap, ret);
}

static APART int write_unless_open(struct sp_tls *t, const uint8_t *p, size_t n)
{
	if (t->failed && t->no_room)
		return -ENOBUFS;
	if (!t->established || t->failed)
		return -EPROTO;
	if (!n)
		return 0;
	return t->held ? hold(t, p, n) : encrypt(t, p, n);
}

int sp_tls_write(struct sp_tls *t, const uint8_t *p, size_t n)
{
	if (!t->open || !n)
		return write_unless_open(t, p, n);
	return encrypt(t, p, n);
}

bool sp_tls_holds(const struct sp_tls *t)
{
	return t->held != NULL;
}

void sp_tls_shutdown(struct sp_tls *t)
{
	if (!t->established || t->no_room || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
		return;
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

bool sp_tls_established(const struct sp_tls *t)
{
	return t->established;
}

struct sp_bytes sp_tls_alpn(const struct sp_tls *t)
{
	const unsigned char *name;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	return name ? sp_bytes(name, n) : SP_NOBYTES;
}

void sp_tls_info(const struct sp_tls *t, struct sp_tls_info *ret)
{
	struct sp_tls_info i = {
		.version = (uint16_t)SSL_version(t->ssl),
		.resumed = SSL_session_reused(t->ssl) == 1,
	};
	const X509 *cert = t->server ? SSL_get0_peer_certificate(t->ssl) : NULL;

	memcpy(i.sni, t->sni, sizeof(i.sni));
	if (cert && X509_digest(cert, EVP_sha256(), i.client_cert_sha256, NULL) == 1)
		i.has_client_cert = true;
	*ret = i;
}
