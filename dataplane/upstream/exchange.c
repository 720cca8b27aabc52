#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static void give(struct sp_exchange *x)
{
	struct sp_upstreams *u = x->u;

	up_request_drop(x);
	sp_timer_stop(x->u->conf.wheel, &x->timer);
	x->state = UP_X_FREE;
	x->next = u->free_exchanges;
	u->free_exchanges = x;
	x->pool->exchanges_n--;
}

static void on_deadline(struct sp_timer *t)
{
	struct sp_exchange *x = sp_container_of(t, struct sp_exchange, timer);

	up_h2_silent(x);
	up_exchange_fail(x, SP_REASON_UPSTREAM_TIMEOUT);
}

/// A quarter is for the others, however slow an upstream of many streams is.
static bool has_its_share(const struct sp_upstreams *u, const struct up_pool *p)
{
	return p->exchanges_n >= u->conf.max_exchanges - u->conf.max_exchanges / 4;
}

static struct sp_exchange *take(
	struct sp_upstreams *u, struct up_pool *p, const struct sp_exchange_req *req, bool probe)
{
	struct sp_exchange *x = u->free_exchanges;

	if (!x || has_its_share(u, p))
		return NULL;
	u->free_exchanges = x->next;
	*x = (struct sp_exchange){
		.u = u,
		.pool = p,
		.ops = req->ops,
		.user = req->user,
		.timer = {.fn = on_deadline},
		.room = x->room,
		.state = UP_X_WAITING,
		.verb = (uint8_t)req->verb,
		.idempotent = req->idempotent,
		.probe = probe,
	};
	p->exchanges_n++;
	return x;
}

/// Send on a connection that is ready; one that takes nothing is of no use to anybody.
static bool send_on(
	struct up_conn *c, struct sp_exchange *x, const struct sp_exchange_req *req, size_t n)
{
	if (up_request_send(c, x, req, n) < 0) {
		up_conn_drop(c);
		return false;
	}
	if (c->warm)
		up_count(x->u, SP_STAT_UP_REUSED);
	up_conn_begin(c, x);
	return true;
}

/// As a stream of a shared connection: 0, -ENOBUFS when none takes it, or -E2BIG when none will.
static int share(struct sp_exchange *x)
{
	struct up_conn *c = up_h2_room(x->pool);

	return c ? up_h2_begin(c, x) : -ENOBUFS;
}

/// Not while enough streams are on their way for all who wait. Those that leave are replaced, but no
/// server may have more than as many of them again.
static bool may_dial(const struct up_pool *p)
{
	uint32_t leaving = sp_min(p->leaving_n, p->conf.max_connections);

	return p->conns_n - leaving < p->conf.max_connections &&
	       !(up_h2_hoped(p) && p->dialing_n &&
		       p->waiting_n < p->dialing_n * up_h2_streams_hoped(p));
}

static uint32_t waiting_max(const struct up_pool *p)
{
	return p->conf.max_connections *
	       (up_h2_hoped(p) ? UP_H2_STREAMS_HOPED : UP_WAITERS_PER_CONNECTION);
}

int up_exchange_place(struct sp_exchange *x)
{
	struct up_pool *p = x->pool;
	int r = share(x);

	if (r == 0 || r == -E2BIG)
		return r ? (int)up_h2_reason(r) : 0;
	if (may_dial(p))
		r = up_conn_dial(p, x);
	if (r != -ENOBUFS)
		return r < 0 ? (int)SP_REASON_UPSTREAM_CONNECT : 0;
	if (p->waiting_n >= waiting_max(p))
		return SP_REASON_OVERLOAD;
	up_wait_push(x);
	return 0;
}

void up_exchange_retry(struct sp_exchange *x)
{
	int r;

	x->retried = true;
	x->in_doubt = x->sent;
	x->conn = NULL;
	x->state = UP_X_CONN;
	up_count(x->u, SP_STAT_UP_RETRIES);
	r = up_exchange_place(x);
	if (r)
		up_exchange_fail(x, (enum sp_reason)r);
}

static int launch(struct sp_exchange *x, const struct sp_exchange_req *req)
{
	size_t n = up_request_bytes(x->pool, req);
	struct up_conn *c = x->pool->shared ? NULL : up_conn_take_idle(x->pool);

	if (c && n <= UP_PIECE_BYTES && !x->idempotent && send_on(c, x, req, n))
		return 0;
	if (c && c->state == UP_CLOSING)
		c = NULL;
	if (up_request_keep(x, req, n) < 0) {
		if (c)
			up_conn_put_idle(c);
		return SP_REASON_OVERLOAD;
	}
	if (c && send_on(c, x, NULL, 0))
		return 0;
	return up_exchange_place(x);
}

int sp_upstream_start(
	struct sp_upstreams *u, const struct sp_exchange_req *req, struct sp_exchange **ret)
{
	struct up_pool *p = up_pool_find(u, sp_snap_upstream(req->snap, req->upstream)->identity);
	struct sp_exchange *x;
	bool probe;
	int r;

	if (!p)
		return SP_REASON_UPSTREAM_CONNECT;
	if (!up_breaker_admits(p, &probe))
		return SP_REASON_BREAKER_OPEN;
	x = take(u, p, req, probe);
	r = x ? launch(x, req) : (int)SP_REASON_OVERLOAD;
	if (r) {
		p->probing = p->probing && !probe;
		if (x)
			give(x);
		return r;
	}
	sp_timer_arm(u->conf.wheel, &x->timer,
		req->deadline_ns ? req->deadline_ns : up_now(u) + p->conf.response_ns);
	*ret = x;
	return 0;
}

void up_fail_waiting(struct up_pool *p, enum sp_reason why)
{
	for (uint32_t n = p->waiting_n; n && p->wait_head; n--)
		up_exchange_fail(p->wait_head, why);
}

static void fail_all_waiting(struct up_pool *p, enum sp_reason why)
{
	// Those that come while the callbacks run are refused by the breaker, so this ends.
	while (p->wait_head)
		up_exchange_fail(p->wait_head, why);
}

/// Not the upstream's doing, or not again: it never saw a request that only waited.
static bool is_ours(const struct sp_exchange *x, enum sp_reason why)
{
	return x->excused || x->state == UP_X_WAITING || why == SP_REASON_OVERLOAD || why == SP_REASON_PARAMS_INVALID;
}

/// Its connection is of no use any more, or just its stream.
static void let_go(struct sp_exchange *x)
{
	if (x->conn && x->conn->h2)
		up_h2_detach(x, true);
	else if (x->conn)
		up_conn_drop(x->conn);
	x->conn = NULL;
}

void up_exchange_fail(struct sp_exchange *x, enum sp_reason why)
{
	struct up_pool *p = x->pool;
	bool ours = is_ours(x, why), opened = false;

	if (x->state == UP_X_WAITING)
		up_wait_remove(x);
	x->state = UP_X_OVER;
	sp_timer_stop(x->u->conf.wheel, &x->timer);
	let_go(x);
	if (ours)
		p->probing = p->probing && !x->probe;
	else
		opened = up_breaker_failure(p, x->probe);
	up_count(x->u, SP_STAT_UP_ERRORS);
	x->ops->on_failed(x->user, why, x->sent);
	if (opened)
		fail_all_waiting(p, SP_REASON_BREAKER_OPEN);
	give(x);
}

void up_exchange_done(struct sp_exchange *x)
{
	x->state = UP_X_OVER;
	x->conn = NULL;
	sp_timer_stop(x->u->conf.wheel, &x->timer);
	x->ops->on_done(x->user);
	give(x);
}

void sp_exchange_cancel(struct sp_exchange *x)
{
	if (x->state == UP_X_OVER || x->state == UP_X_FREE)
		return;
	if (x->state == UP_X_WAITING)
		up_wait_remove(x);
	x->state = UP_X_OVER;
	let_go(x);
	x->pool->probing = x->pool->probing && !x->probe;
	give(x);
}

void sp_exchange_adopt(struct sp_exchange *x, const struct sp_exchange_ops *ops, void *user)
{
	x->ops = ops;
	x->user = user;
}

void sp_exchange_deadline(struct sp_exchange *x, uint64_t deadline_ns)
{
	if (x->state == UP_X_WAITING || x->state == UP_X_CONN)
		sp_timer_arm(x->u->conf.wheel, &x->timer, deadline_ns);
}

void sp_exchange_pause(struct sp_exchange *x)
{
	if (x->state != UP_X_CONN || x->paused)
		return;
	x->paused = true;
	if (x->conn->state == UP_BUSY)
		sp_stream_pause(x->conn->stream);
}

void sp_exchange_resume(struct sp_exchange *x)
{
	if (x->state != UP_X_CONN || !x->paused)
		return;
	x->paused = false;
	if (x->conn->state == UP_SHARED)
		up_h2_resume(x);
	else if (x->conn->state == UP_BUSY)
		sp_stream_resume(x->conn->stream);
}

/// On an idle connection or a new one; false when neither is to be had now.
static bool serve_one(struct up_pool *p)
{
	struct sp_exchange *x = p->wait_head;
	struct up_conn *c;
	int r = -ENOBUFS;

	if ((c = up_h2_room(p))) {
		up_wait_remove(x);
		x->state = UP_X_CONN;
		r = up_h2_begin(c, x);
		if (r < 0)
			up_exchange_fail(x, up_h2_reason(r));
		return true;
	}
	c = up_conn_take_idle(p);
	if (c) {
		if (!send_on(c, x, NULL, 0))
			return false;
		up_wait_remove(x);
		return true;
	}
	if (may_dial(p))
		r = up_conn_dial(p, x);
	if (r == -ENOBUFS)
		return false;
	up_wait_remove(x);
	x->state = UP_X_CONN;
	if (r < 0)
		up_exchange_fail(x, SP_REASON_UPSTREAM_CONNECT);
	return true;
}

void up_serve_waiting(struct up_pool *p)
{
	struct sp_upstreams *u = p->u;

	while (p->wait_head && serve_one(p))
		continue;
	for (unsigned i = 0; i < UP_POOL_BUCKETS && u->waiting_n && u->free_conns; i++)
		for (struct up_pool *q = u->bucket[i]; q; q = q->next)
			while (q->wait_head && serve_one(q))
				continue;
}
