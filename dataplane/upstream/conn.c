#include "dataplane/upstream/upstream_int.h"

#include "dataplane/soon.h"
#include "common/clock.h"
#include "common/banned.h"

/// A connection that is closed has so long to send what is left.
#define UP_CLOSING_NS (5 * SP_NS_PER_SEC)

static const struct sp_stream_ops stream_ops;

static void on_timer(struct sp_timer *t);

static struct up_conn *older(struct up_conn *a, struct up_conn *b)
{
	return !a || b->idle_since_ns < a->idle_since_ns ? b : a;
}

/// The least recently used idle connection of any pool makes room.
static void evict_idle(struct sp_upstreams *u)
{
	struct up_conn *oldest = NULL;

	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		for (struct up_pool *p = u->bucket[i]; p; p = p->next) {
			for (struct up_conn *c = p->idle; c; c = c->next)
				oldest = older(oldest, c);
			for (struct up_conn *c = p->shared; c; c = c->next)
				if (up_h2_unused(c))
					oldest = older(oldest, c);
		}
	if (oldest)
		up_conn_close(oldest);
}

static struct up_conn *take(struct up_pool *p)
{
	struct sp_upstreams *u = p->u;
	struct up_conn *c = u->free_conns;

	if (!c)
		return NULL;
	u->free_conns = c->next;
	*c = (struct up_conn){
		.u = u,
		.pool = p,
		.parser = c->parser,
		.buf = c->buf,
		.timer = {.fn = on_timer},
	};
	sp_http1_init(c->parser, true, &u->conf.limits);
	sp_http1_remember(c->parser, p->known);
	p->conns_n++;
	u->open++;
	return c;
}

static void give(struct up_conn *c)
{
	struct sp_upstreams *u = c->u;
	struct up_pool *p = c->pool;

	sp_timer_stop(c->u->conf.wheel, &c->timer);
	c->state = UP_FREE;
	c->next = u->free_conns;
	u->free_conns = c;
	p->conns_n--;
	u->open--;
	if (!p->conns_n)
		sp_http1_forget(p->known);
}

static void list_add(struct up_conn **list, struct up_conn *c)
{
	c->prev = NULL;
	c->next = *list;
	if (*list)
		(*list)->prev = c;
	*list = c;
}

static void list_remove(struct up_conn **list, struct up_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		*list = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

struct up_conn *up_conn_take_idle(struct up_pool *p)
{
	struct up_conn *c = p->idle;

	if (c)
		list_remove(&p->idle, c);
	return c;
}

void up_conn_put_idle(struct up_conn *c)
{
	c->state = UP_IDLE;
	list_add(&c->pool->idle, c);
	up_conn_unused(c);
}

void up_conn_unused(struct up_conn *c)
{
	c->idle_since_ns = up_now(c->u);
	if (!sp_timer_armed(&c->timer))
		sp_timer_arm(c->u->conf.wheel, &c->timer, c->idle_since_ns + c->pool->conf.idle_ns);
}

static void leave(struct up_conn *c)
{
	if (c->state == UP_IDLE)
		list_remove(&c->pool->idle, c);
	else if (c->state == UP_SHARED)
		list_remove(&c->pool->shared, c);
	if (c->state == UP_CONNECTING || c->state == UP_HANDSHAKE ||
		(c->state == UP_SHARED && !up_h2_is_settled(c)))
		c->pool->dialing_n--;
	if (c->state == UP_SHARED && up_h2_is_retired(c))
		c->pool->leaving_n--;
	sp_timer_stop(c->u->conf.wheel, &c->timer);
	c->state = UP_CLOSING;
	c->x = NULL;
}

void up_conn_drop(struct up_conn *c)
{
	if (c->state == UP_CLOSING)
		return;
	leave(c);
	sp_stream_abort(c->stream);
}

/// Its peer does not read: what is queued would never be sent.
static bool is_stuck(const struct up_conn *c)
{
	return sp_stream_progress_ns(c->stream) + SP_NS_PER_SEC < up_now(c->u);
}

void up_conn_close(struct up_conn *c)
{
	if (c->state == UP_CLOSING)
		return;
	if (c->state == UP_SHARED && is_stuck(c)) {
		up_conn_drop(c);
		return;
	}
	if (c->state == UP_SHARED)
		up_h2_goodbye(c);
	leave(c);
	up_secure_shutdown(c);
	sp_stream_close(c->stream);
	sp_timer_arm(c->u->conf.wheel, &c->timer, up_now(c->u) + UP_CLOSING_NS);
}

/// Try the addresses from the one that worked last on.
static int dial_next(struct up_conn *c)
{
	struct up_pool *p = c->pool;

	for (; c->tried < p->conf.addrs_n; c->tried++) {
		uint32_t i = (p->first_addr + c->tried) % p->conf.addrs_n;
		struct sockaddr_storage a;
		int r;

		memcpy(&a, p->conf.addr[i], sizeof(a));
		r = sp_io_connect(c->u->conf.io, (const struct sockaddr *)&a, p->conf.addr_len[i],
			&stream_ops, c, &c->stream);
		if (r == -ENOBUFS)
			return r;
		if (r < 0)
			continue;
		c->state = UP_CONNECTING;
		sp_timer_arm(c->u->conf.wheel, &c->timer, up_now(c->u) + p->conf.connect_ns);
		return 0;
	}
	return -ECONNREFUSED;
}

int up_conn_dial(struct up_pool *p, struct sp_exchange *x)
{
	struct up_conn *c = take(p);
	int r = c ? dial_next(c) : -ENOBUFS;

	if (r < 0 && c)
		give(c);
	if (r == -ENOBUFS)
		evict_idle(p->u); // it comes free when its stream has closed; `x` can wait for that
	if (r < 0)
		return r;
	p->dialing_n++;
	c->x = x;
	x->conn = c;
	x->state = UP_X_CONN;
	return 0;
}

void up_conn_begin(struct up_conn *c, struct sp_exchange *x)
{
	c->x = x;
	c->user = x->user;
	c->state = UP_BUSY;
	c->have = 0;
	c->interim = 0;
	c->began = c->head_shown = c->answered = c->stray = false;
	sp_http1_next(c->parser);
	sp_http1_expect(c->parser, (enum sp_http_verb)x->verb);
	x->conn = c;
	x->state = UP_X_CONN;
	if (x->paused)
		sp_stream_pause(c->stream);
}

/// From now on many exchanges share it, the one it was made for first.
static void share(struct up_conn *c)
{
	struct sp_exchange *x = c->x;
	int r;

	c->x = NULL;
	c->state = UP_SHARED;
	list_add(&c->pool->shared, c);
	x->conn = NULL;
	r = up_h2_begin(c, x);
	if (r < 0)
		up_exchange_fail(x, up_h2_reason(r));
	if (c->state == UP_SHARED && up_h2_unused(c))
		up_conn_unused(c);
	up_serve_waiting(c->pool);
}

bool up_conn_ready(struct up_conn *c)
{
	struct up_pool *p = c->pool;
	struct sp_exchange *x = c->x;
	bool h2 = c->tls ? up_secure_is_h2(c) : p->conf.http == SP_UP_HTTP_2;

	if ((p->conf.http == SP_UP_HTTP_2 && !h2) || (h2 && up_h2_open(c) < 0))
		return false;
	sp_timer_stop(c->u->conf.wheel, &c->timer);
	p->speaks = h2 ? SP_UP_HTTP_2 : SP_UP_HTTP_1;
	p->first_addr = (p->first_addr + c->tried) % p->conf.addrs_n;
	up_count(c->u, SP_STAT_UP_CONNECTS);
	if (h2) {
		share(c);
		return true;
	}
	p->dialing_n--;
	c->state = UP_BUSY;
	if (up_request_send(c, x, NULL, 0) < 0)
		up_exchange_fail(x, SP_REASON_OVERLOAD);
	else
		up_conn_begin(c, x);
	if (p->wait_head)
		up_serve_waiting(p);
	return true;
}

static void on_connected(struct sp_stream *s, void *user, int err)
{
	struct up_conn *c = user;

	if (err < 0 || c->state != UP_CONNECTING)
		return; // on_closed follows
	if (c->pool->conf.kind != SP_UP_TLS) {
		if (!up_conn_ready(c))
			sp_stream_abort(s);
		return;
	}
	c->state = UP_HANDSHAKE;
	if (up_secure_begin(c) < 0)
		sp_stream_abort(c->stream);
}

static void ended(struct up_conn *c, bool clean)
{
	if (c->state == UP_SHARED)
		up_h2_lost(c, SP_REASON_UPSTREAM_CLOSED);
	else if (c->state == UP_BUSY || c->state == UP_IDLE)
		up_answer_eof(c, clean);
}

static void secure_data(struct up_conn *c, const uint8_t *p, size_t n)
{
	int r = up_secure_data(c, p, n);

	if (c->state == UP_HANDSHAKE && (r < 0 || c->stray))
		sp_stream_abort(c->stream);
	else if (c->state == UP_HANDSHAKE && up_secure_ready(c) && !up_conn_ready(c))
		sp_stream_abort(c->stream);
	else if (r < 0)
		ended(c, r == -EPIPE);
}

void up_conn_plain(struct up_conn *c, const uint8_t *p, size_t n)
{
	if (c->state == UP_SHARED)
		up_h2_data(c, p, n);
	else
		up_answer_bytes(c, p, n);
}

static void on_data(struct sp_stream *s, void *user, const uint8_t *p, size_t n)
{
	struct up_conn *c = user;

	(void)s;
	if (c->state == UP_CLOSING)
		return;
	if (c->tls)
		secure_data(c, p, n);
	else
		up_conn_plain(c, p, n);
	if (c->state != UP_CLOSING)
		up_answer_delivered(c);
}

static void on_eof(struct sp_stream *s, void *user)
{
	struct up_conn *c = user;

	if (c->state == UP_BUSY || c->state == UP_IDLE || c->state == UP_SHARED)
		ended(c, !c->tls);
	else if (c->state != UP_CLOSING)
		sp_stream_abort(s);
}

static void on_closed(struct sp_stream *s, void *user, int err)
{
	struct up_conn *c = user;
	struct up_pool *p = c->pool;
	struct sp_exchange *x = c->x;

	(void)s;
	(void)err;
	ended(c, false);
	c->stream = NULL;
	up_h2_free(c);
	up_secure_free(c);
	if (c->state == UP_CONNECTING || c->state == UP_HANDSHAKE) {
		sp_timer_stop(c->u->conf.wheel, &c->timer);
		c->tried++;
		if (c->tried < p->conf.addrs_n)
			up_count(c->u, SP_STAT_UP_RETRIES);
		if (dial_next(c) == 0)
			return;
		c->state = UP_CLOSING;
		p->dialing_n--;
		x->conn = NULL;
		up_exchange_fail(x, SP_REASON_UPSTREAM_CONNECT);
		if (up_h2_hoped(p) && p->conns_n == 1)
			up_fail_waiting(p, SP_REASON_UPSTREAM_CONNECT); // it was made for them too
	}
	give(c);
	up_serve_waiting(p);
}

static void on_soon(const void *user)
{
	const struct up_conn *c = user;

	sp_prefetch(c->parser, 4);
	if (!c->x)
		return;
	sp_prefetch(c->x, 3);
	sp_prefetch(c->user, 2);
}

static void on_drained(struct sp_stream *s, void *user)
{
	struct up_conn *c = user;

	(void)s;
	if (c->state == UP_SHARED)
		up_h2_mark(c);
}

static const struct sp_stream_ops stream_ops = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_drained = on_drained,
	.on_soon = on_soon,
	.on_closed = on_closed,
};

static void on_timer(struct sp_timer *t)
{
	struct up_conn *c = sp_container_of(t, struct up_conn, timer);
	uint64_t due = c->idle_since_ns + c->pool->conf.idle_ns;

	if (c->state == UP_CONNECTING || c->state == UP_HANDSHAKE)
		sp_stream_abort(c->stream); // on_closed tries the next address
	else if (c->state == UP_CLOSING && c->stream)
		sp_stream_abort(c->stream); // its peer does not read what is left
	else if (c->state != UP_IDLE && !(c->state == UP_SHARED && up_h2_unused(c)))
		return;
	else if (due <= up_now(c->u))
		up_conn_close(c);
	else
		sp_timer_arm(c->u->conf.wheel, t, due);
}
