#include "bench/peer_server.h"

#include "tools/demo/h2.h"
#include "common/banned.h"

/// One connection of the gateway's. What it sent of a request that is not whole yet is kept.
struct caller {
	struct peer_server *server;
	LIST_ENTRY(caller) open;
	struct demo_buf kept;
	struct demo_h2 *h2;
	bool known; ///< which HTTP it speaks
	bool over;  ///< said so by HTTP/2
};

/// Answer one request into the server's `out`: the bytes it took, 0 when it is not whole yet, or -EBADMSG.
static ssize_t answer(struct peer_server *p, struct sp_bytes in)
{
	struct demo_request r;
	struct demo_slow slow;
	size_t head;
	int got = demo_http_head(in, &r, &head);

	if (got <= 0)
		return got;
	if (in.n - head < r.content_length)
		return 0;
	r.body = sp_bytes(in.p + head, r.content_length);
	// The mixes ask for nothing that takes time.
	if (demo_mcp_handle(p->mcp, &r, &p->out, &slow) != DEMO_ANSWERED || r.close)
		return -EBADMSG;
	return (ssize_t)(head + r.content_length);
}

/// The first bytes tell; false while they may be either's.
static bool which_http(struct caller *c, struct sp_bytes in)
{
	size_t n = sp_min(in.n, sizeof(DEMO_H2_PREFACE) - 1);
	bool may_be = memcmp(in.p, DEMO_H2_PREFACE, n) == 0;

	c->known = !may_be || n == sizeof(DEMO_H2_PREFACE) - 1;
	if (c->known && may_be)
		c->h2 = demo_h2_new(c->server->mcp);
	return c->known;
}

static ssize_t answer_h2(struct caller *c, struct sp_bytes in)
{
	if (!demo_h2_feed(c->h2, in) || demo_h2_due_ns(c->h2) != UINT64_MAX)
		return -EBADMSG;
	c->over = !demo_h2_drain(c->h2, &c->server->out);
	return (ssize_t)in.n;
}

/// All of `in` that is whole, answered into the server's `out`: the bytes it took, or -EBADMSG.
static ssize_t answer_all(struct caller *c, struct sp_bytes in)
{
	size_t at = 0;
	ssize_t used;

	if (!c->known && !which_http(c, in))
		return 0;
	if (c->h2)
		return answer_h2(c, in);
	while (at < in.n && (used = answer(c->server, sp_bytes(in.p + at, in.n - at))) != 0) {
		if (used < 0)
			return used;
		at += (size_t)used;
	}
	return (ssize_t)at;
}

static void give_up(struct sp_stream *s, struct caller *c)
{
	c->server->refused++;
	sp_stream_abort(s);
}

static void on_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct caller *c = user;
	struct peer_server *p = c->server;
	struct sp_bytes in = sp_bytes(data, n);
	ssize_t used;

	if (c->kept.len) {
		demo_put(&c->kept, data, n);
		in = demo_bytes(&c->kept);
	}
	p->out.len = 0;
	used = answer_all(c, in);
	if (used < 0) {
		give_up(s, c);
		return;
	}
	in = sp_bytes(in.p + used, in.n - (size_t)used);
	if (!c->kept.len) {
		demo_put_bytes(&c->kept, in);
	} else {
		memmove(c->kept.p, in.p, in.n);
		c->kept.len = in.n;
	}
	if (p->out.len && sp_stream_send(s, p->out.p, p->out.len) < 0)
		give_up(s, c);
	else if (c->over)
		sp_stream_close(s);
}

static void on_eof(struct sp_stream *s, void *user)
{
	(void)user;
	sp_stream_close(s);
}

static void on_closed(struct sp_stream *s, void *user, int err)
{
	struct caller *c = user;

	(void)s;
	(void)err;
	LIST_REMOVE(c, open);
	demo_h2_free(c->h2);
	demo_buf_done(&c->kept);
	free(c);
}

int peer_server_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	static const struct sp_stream_ops ops = {.on_data = on_data, .on_eof = on_eof, .on_closed = on_closed};
	struct caller *c = calloc(1, sizeof(*c));

	(void)peer;
	if (!c)
		return -ENOMEM;
	c->server = user;
	LIST_INSERT_HEAD(&c->server->callers, c, open);
	sp_stream_set_ops(s, &ops, c);
	return 0;
}

void peer_server_done(struct peer_server *p)
{
	for (struct caller *c; (c = LIST_FIRST(&p->callers));)
		on_closed(NULL, c, 0);
	demo_buf_done(&p->out);
}
