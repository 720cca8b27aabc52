/// From OpenSSL's record layer to ours: a TLS 1.3 server connection is taken over as soon as the
/// handshake is done and its tickets are out; then OpenSSL's half of it is freed.
#include "dataplane/tls/private.h"

#include "common/banned.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Lower-case hex up to the text's end; its length, 0 when it is none.
static size_t unhex(const char *text, uint8_t *to, size_t cap)
{
	size_t n = 0;

	for (; text[0] && text[1]; text += 2, n++) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0 || n == cap)
			return 0;
		to[n] = (uint8_t)(high << 4 | low);
	}
	return text[0] ? 0 : n;
}

/// The only way OpenSSL gives a traffic secret away: `label client-random secret`.
static void on_secret(const SSL *ssl, const char *line)
{
	static const char ours[] = "SERVER_TRAFFIC_SECRET_0 ", theirs[] = "CLIENT_TRAFFIC_SECRET_0 ";
	struct sp_tls *t = SSL_get_app_data(ssl);
	bool out = strncmp(line, ours, sizeof(ours) - 1) == 0;
	struct tls_half *h = out ? &t->records.out : &t->records.in;
	const char *secret;

	if (!out && strncmp(line, theirs, sizeof(theirs) - 1) != 0)
		return;
	secret = strchr(line + sizeof(ours) - 1, ' ');
	if (!secret)
		return;
	t->secret_n[out] = (uint8_t)unhex(secret + 1, h->secret, sizeof(h->secret));
	if (out)
		h->seq = 0; // what is sealed from now on is so under this secret
}

/// Counts the records that OpenSSL seals itself: the tickets.
static void on_message(int writes, int version, int type, const void *buf, size_t n, SSL *ssl, void *arg)
{
	struct sp_tls *t = SSL_get_app_data(ssl);

	(void)version;
	(void)buf;
	(void)n;
	(void)arg;
	if (writes && type == SSL3_RT_HEADER && t)
		t->records.out.seq++;
}

void tls_handover_use(SSL_CTX *ctx)
{
	SSL_CTX_set_keylog_callback(ctx, on_secret);
	SSL_CTX_set_msg_callback(ctx, on_message);
}

static enum tls_suite suite_of(const SSL *ssl)
{
	const SSL_CIPHER *c = SSL_get_current_cipher(ssl);

	switch (c ? SSL_CIPHER_get_protocol_id(c) : 0) {
	case 0x1301:
		return TLS_AES_128_GCM;
	case 0x1302:
		return TLS_AES_256_GCM;
	case 0x1303:
		return TLS_CHACHA20_POLY1305;
	default:
		return TLS_SUITE_NONE;
	}
}

int tls_handover(struct sp_tls *t)
{
	uint8_t in[TLS_SECRET_MAX], out[TLS_SECRET_MAX];
	enum tls_suite suite = suite_of(t->ssl);
	size_t n = suite ? tls_suite_secret(suite) : 0;
	int r;

	if (!n || SSL_version(t->ssl) != TLS1_3_VERSION || t->secret_n[0] != n || t->secret_n[1] != n ||
		SSL_has_pending(t->ssl)) {
		sp_wipe(&t->records, sizeof(t->records));
		SSL_set_read_ahead(t->ssl, 1);
		return 0;
	}
	sp_tls_info(t, &t->info);
	memcpy(in, t->records.in.secret, n);
	memcpy(out, t->records.out.secret, n);
	r = tls_records_init(&t->records, suite, in, out, t->records.out.seq);
	sp_wipe(in, sizeof(in));
	sp_wipe(out, sizeof(out));
	if (r < 0)
		return r;
	SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	t->ssl = NULL;
	return 0;
}
