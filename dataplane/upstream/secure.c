/// TLS on a connection: everything this room knows of it.
#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

int up_secure_client(struct sp_bytes ca_pem, enum sp_upstream_http http, struct sp_tls_client **ret)
{
	static const uint8_t h2[] = "\x02h2", both[] = "\x02h2\x08http/1.1";
	struct sp_tls_client *t;
	int r;

	SP_TRY(sp_tls_client_new(ca_pem, &t));
	r = http == SP_UP_HTTP_1 ? 0
	    : http == SP_UP_HTTP_2
		    ? sp_tls_client_offer(t, sp_bytes(h2, sizeof(h2) - 1))
		    : sp_tls_client_offer(t, sp_bytes(both, sizeof(both) - 1));
	if (r < 0) {
		sp_tls_client_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

bool up_secure_is_h2(const struct up_conn *c)
{
	return sp_bytes_eq(sp_tls_alpn(c->tls), SP_LIT("h2"));
}

void up_secure_client_free(struct sp_tls_client *t)
{
	if (t)
		sp_tls_client_free(t);
}

int up_secure_begin(struct up_conn *c)
{
	return sp_tls_connect(c->pool->tls, c->pool->server_name, c->stream, &c->tls);
}

int up_secure_data(struct up_conn *c, const uint8_t *p, size_t n)
{
	sp_tls_feed(c->tls, p, n);
	while (c->state != UP_CLOSING) {
		size_t got = 0;
		int r = sp_tls_read(c->tls, c->u->in, sizeof(c->u->in), &got);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		// An HTTP/2 server may speak first, in the flight that ends its handshake.
		if (c->state == UP_HANDSHAKE && up_secure_is_h2(c) && !up_conn_ready(c))
			return -EPROTO;
		up_conn_plain(c, c->u->in, got);
	}
	return 0;
}

int up_secure_write(struct up_conn *c, const uint8_t *p, size_t n)
{
	return sp_tls_write(c->tls, p, n);
}

bool up_secure_ready(const struct up_conn *c)
{
	return sp_tls_established(c->tls);
}

void up_secure_shutdown(struct up_conn *c)
{
	if (c->tls)
		sp_tls_shutdown(c->tls);
}

void up_secure_free(struct up_conn *c)
{
	if (c->tls)
		sp_tls_free(c->tls);
	c->tls = NULL;
}
