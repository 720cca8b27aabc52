#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static struct sp_bytes verb_name(enum sp_http_verb v)
{
	switch (v) {
	case SP_HTTP_GET:
		return SP_LIT("GET");
	case SP_HTTP_DELETE:
		return SP_LIT("DELETE");
	case SP_HTTP_OPTIONS:
		return SP_LIT("OPTIONS");
	case SP_HTTP_HEAD:
		return SP_LIT("HEAD");
	default:
		return SP_LIT("POST");
	}
}

static bool has_length(const struct sp_exchange_req *req)
{
	return req->body.n || req->verb == SP_HTTP_POST || req->verb == SP_HTTP_OTHER;
}

#define LENGTH "Content-Length: "

static size_t decimal_digits(size_t v)
{
	size_t n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

size_t up_request_bytes(const struct up_pool *p, const struct sp_exchange_req *req)
{
	size_t length = has_length(req) ? sizeof(LENGTH) - 1 + decimal_digits(req->body.n) + 2 : 0;

	return verb_name(req->verb).n + p->line_tail.n + length + req->headers.n + 2 + req->body.n;
}

void up_request_write(const struct up_pool *p, const struct sp_exchange_req *req, struct sp_out *o)
{
	sp_out_bytes(o, verb_name(req->verb));
	sp_out_bytes(o, p->line_tail);
	if (has_length(req)) {
		sp_out_lit(o, LENGTH);
		sp_out_u64(o, req->body.n);
		sp_out_lit(o, "\r\n");
	}
	sp_out_bytes(o, req->headers);
	sp_out_lit(o, "\r\n");
	sp_out_bytes(o, req->body);
}

int up_request_keep(struct sp_exchange *x, const struct sp_exchange_req *req, size_t n)
{
	struct sp_upstreams *u = x->u;
	uint8_t *to = x->room;
	struct sp_out o;

	if (n > UP_KEEP_BYTES) {
		to = n <= UP_KEEP_HEAP_MAX - u->keep_heap ? malloc(n) : NULL;
		if (!to) {
			up_count(u, SP_STAT_SHED_MEMORY);
			return -ENOBUFS;
		}
		u->keep_heap += n;
	}
	o = sp_out_init(to, n);
	up_request_write(x->pool, req, &o);
	SP_BUG_IF(o.overflow || o.len != n);
	x->keep = to;
	x->keep_len = n;
	return 0;
}

void up_request_drop(struct sp_exchange *x)
{
	if (x->keep && x->keep != x->room) {
		x->u->keep_heap -= x->keep_len;
		free(x->keep);
	}
	x->keep = NULL;
	x->keep_len = 0;
}

static int send_bytes(struct up_conn *c, const uint8_t *p, size_t n)
{
	return c->tls ? up_secure_write(c, p, n) : sp_stream_send(c->stream, p, n);
}

/// Straight from the caller's spans into the transmit queue.
static int send_direct(
	struct up_conn *c, const struct up_pool *p, const struct sp_exchange_req *req, size_t n)
{
	size_t room;
	uint8_t *to = c->tls ? c->u->out : sp_stream_reserve(c->stream, n, &room);
	struct sp_out o;

	if (!to)
		return -ENOBUFS;
	o = sp_out_init(to, n);
	up_request_write(p, req, &o);
	SP_BUG_IF(o.overflow || o.len != n);
	if (c->tls)
		return up_secure_write(c, to, n);
	sp_stream_commit(c->stream, n);
	return 0;
}

int up_request_send(
	struct up_conn *c, struct sp_exchange *x, const struct sp_exchange_req *req, size_t n)
{
	int r = req ? send_direct(c, x->pool, req, n) : send_bytes(c, x->keep, x->keep_len);

	if (r < 0)
		return r;
	x->sent = true;
	if (!c->warm || !x->idempotent || x->retried)
		up_request_drop(x);
	return 0;
}
