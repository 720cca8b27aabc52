#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static const struct sp_stream_ops stream_ops;

static void on_timer(struct sp_timer *t);

/// The least recently used idle connection of any pool makes room.
static void evict_idle(struct sp_upstreams *u)
{
	struct up_conn *oldest = NULL;

	for (unsigned i = 0; i < UP_POOL_BUCKETS; i++)
		for (struct up_pool *p = u->bucket[i]; p; p = p->next)
			for (struct up_conn *c = p->idle; c; c = c->next)
				if (!oldest || c->idle_since_ns < oldest->idle_since_ns)
					oldest = c;
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
}

static void idle_remove(struct up_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->pool->idle = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

struct up_conn *up_conn_take_idle(struct up_pool *p)
{
	struct up_conn *c = p->idle;

	if (c)
		idle_remove(c);
	return c;
}

void up_conn_put_idle(struct up_conn *c)
{
	struct up_pool *p = c->pool;

	c->state = UP_IDLE;
	c->idle_since_ns = up_now(c->u);
	c->prev = NULL;
	c->next = p->idle;
	if (p->idle)
		p->idle->prev = c;
	p->idle = c;
	if (!sp_timer_armed(&c->timer))
		sp_timer_arm(c->u->conf.wheel, &c->timer, c->idle_since_ns + p->conf.idle_ns);
}

static void leave(struct up_conn *c)
{
	if (c->state == UP_IDLE)
		idle_remove(c);
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

void up_conn_close(struct up_conn *c)
{
	if (c->state == UP_CLOSING)
		return;
	leave(c);
	up_secure_shutdown(c);
	sp_stream_close(c->stream);
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
	c->x = x;
	x->conn = c;
	x->state = UP_X_CONN;
	return 0;
}

void up_conn_begin(struct up_conn *c, struct sp_exchange *x)
{
	struct sp_http_limits limits = c->u->conf.limits;

	limits.max_head_bytes = (uint32_t)c->u->head_cap;
	c->x = x;
	c->state = UP_BUSY;
	c->have = 0;
	c->interim = 0;
	c->began = c->head_shown = c->answered = c->stray = false;
	sp_http1_init(c->parser, true, &limits);
	sp_http1_expect(c->parser, (enum sp_http_verb)x->verb);
	x->conn = c;
	x->state = UP_X_CONN;
	if (x->paused)
		sp_stream_pause(c->stream);
}

/// Connected, and secure where it must be: send what it was made for.
static void ready(struct up_conn *c)
{
	struct sp_exchange *x = c->x;

	sp_timer_stop(c->u->conf.wheel, &c->timer);
	c->pool->first_addr = (c->pool->first_addr + c->tried) % c->pool->conf.addrs_n;
	up_count(c->u, SP_STAT_UP_CONNECTS);
	if (up_request_send(c, x, NULL) < 0)
		up_exchange_fail(x, SP_REASON_OVERLOAD);
	else
		up_conn_begin(c, x);
}

static void on_connected(struct sp_stream *s, void *user, int err)
{
	struct up_conn *c = user;

	(void)s;
	if (err < 0 || c->state != UP_CONNECTING)
		return; // on_closed follows
	if (c->pool->conf.kind != SP_UP_TLS) {
		ready(c);
		return;
	}
	c->state = UP_HANDSHAKE;
	if (up_secure_begin(c) < 0)
		sp_stream_abort(c->stream);
}

static void secure_data(struct up_conn *c, const uint8_t *p, size_t n)
{
	int r = up_secure_data(c, p, n);

	if (c->state == UP_HANDSHAKE && (r < 0 || c->stray))
		sp_stream_abort(c->stream);
	else if (c->state == UP_HANDSHAKE && up_secure_ready(c))
		ready(c);
	else if (c->state == UP_HANDSHAKE)
		return;
	else if (r < 0 && c->state != UP_CLOSING)
		up_answer_eof(c, r == -EPIPE);
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
		up_answer_bytes(c, p, n);
	if (c->state != UP_CLOSING)
		up_answer_delivered(c);
}

static void on_eof(struct sp_stream *s, void *user)
{
	struct up_conn *c = user;

	if (c->state == UP_BUSY || c->state == UP_IDLE)
		up_answer_eof(c, !c->tls);
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
	if (c->state == UP_BUSY || c->state == UP_IDLE)
		up_answer_eof(c, false);
	c->stream = NULL;
	up_secure_free(c);
	if (c->state == UP_CONNECTING || c->state == UP_HANDSHAKE) {
		sp_timer_stop(c->u->conf.wheel, &c->timer);
		c->tried++;
		if (c->tried < p->conf.addrs_n)
			up_count(c->u, SP_STAT_UP_RETRIES);
		if (dial_next(c) == 0)
			return;
		c->state = UP_CLOSING;
		x->conn = NULL;
		up_exchange_fail(x, SP_REASON_UPSTREAM_CONNECT);
	}
	give(c);
	up_serve_waiting(p);
}

static const struct sp_stream_ops stream_ops = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_eof = on_eof,
	.on_closed = on_closed,
};

static void on_timer(struct sp_timer *t)
{
	struct up_conn *c = sp_container_of(t, struct up_conn, timer);
	uint64_t due = c->idle_since_ns + c->pool->conf.idle_ns;

	if (c->state == UP_CONNECTING || c->state == UP_HANDSHAKE)
		sp_stream_abort(c->stream); // on_closed tries the next address
	else if (c->state == UP_IDLE && due <= up_now(c->u))
		up_conn_close(c);
	else if (c->state == UP_IDLE)
		sp_timer_arm(c->u->conf.wheel, t, due);
}
