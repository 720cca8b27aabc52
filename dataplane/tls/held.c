/// What is written while a part of a handshake message has come (RFC 8446 5.1): OpenSSL writes
/// nothing until it has read the rest, which follows at once unless the peer is a strange one.
#include "dataplane/tls/private.h"

#include "common/banned.h"

static unsigned holding; ///< connections

int tls_hold(struct sp_tls *t, const uint8_t *p, size_t n)
{
	struct tls_held *h = t->held;

	if (!h) {
		h = holding < TLS_HOLDING_MAX ? malloc(sizeof(*h)) : NULL;
		if (!h)
			return -ENOBUFS;
		holding++;
		h->n = 0;
		t->held = h;
	}
	if (n > sizeof(h->bytes) - h->n)
		return -ENOBUFS;
	memcpy(h->bytes + h->n, p, n);
	h->n += n;
	return 0;
}

struct tls_held *tls_held_free(struct tls_held *h)
{
	if (!h)
		return NULL;
	sp_wipe(h->bytes, h->n);
	free(h);
	holding--;
	return NULL;
}
