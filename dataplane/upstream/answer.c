#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

static int on_body(void *user, const uint8_t *p, size_t n)
{
	struct up_conn *c = user;

	c->x->ops->on_body(c->x->user, p, n);
	return c->state == UP_BUSY ? 0 : -ECANCELED;
}

/// The request may go out again: nothing of an answer came on a connection that had worked before.
static bool may_retry(const struct up_conn *c)
{
	const struct sp_exchange *x = c->x;

	return c->warm && !c->began && x->idempotent && !x->retried && x->keep;
}

static void retry(struct up_conn *c)
{
	struct sp_exchange *x = c->x;

	up_conn_drop(c);
	up_exchange_retry(x);
}

/// After the head of an interim answer comes another head on the same request.
static void skip_interim(struct up_conn *c)
{
	sp_http1_next(c->parser);
	sp_http1_expect(c->parser, (enum sp_http_verb)c->x->verb);
	if (++c->interim > UP_INTERIM_MAX)
		up_exchange_fail(c->x, SP_REASON_UPSTREAM_INVALID);
}

/// One step of the parser; returns how many bytes it used, 0 when it wants more of a head.
static size_t step(struct up_conn *c, const uint8_t *p, size_t n)
{
	const struct sp_http_head *h = sp_http1_head(c->parser);
	enum sp_http1_state s;
	size_t used;

	s = sp_http1_stream(c->parser, p, n, &used, on_body, c);
	if (c->state != UP_BUSY)
		return n;
	if (s == SP_HTTP1_ERROR) {
		up_exchange_fail(c->x, sp_http1_error(c->parser).status == 413
					       ? SP_REASON_UPSTREAM_TOO_LARGE
					       : SP_REASON_UPSTREAM_INVALID);
		return n;
	}
	if (s == SP_HTTP1_HEAD)
		return 0;
	if (!c->head_shown && h->status < 200) {
		skip_interim(c);
		return used;
	}
	if (!c->head_shown) {
		c->head_shown = true;
		c->x->ops->on_head(c->x->user, h, p);
	}
	if (s == SP_HTTP1_DONE && c->state == UP_BUSY)
		c->answered = true;
	return used;
}

static bool wants_more(const struct up_conn *c)
{
	return c->state == UP_BUSY && !c->answered;
}

/// A head that comes in pieces is put together in the connection's buffer, as is what came with its
/// end.
static void gather(struct up_conn *c, const uint8_t **p, size_t *n)
{
	size_t k = sp_min(*n, c->u->head_cap + 1 - c->have), at = 0, used = 1;

	memcpy(c->buf + c->have, *p, k);
	c->have += k;
	*p += k;
	*n -= k;
	while (at < c->have && used && wants_more(c)) {
		used = step(c, c->buf + at, c->have - at);
		at += used;
	}
	if (at < c->have && c->answered)
		c->stray = true;
	c->have -= at;
	memmove(c->buf, c->buf + at, c->have);
}

void up_answer_bytes(struct up_conn *c, const uint8_t *p, size_t n)
{
	if (c->state == UP_BUSY && n)
		c->began = true;
	while (n && wants_more(c)) {
		size_t used = c->have ? 0 : step(c, p, n);

		p += used;
		n -= used;
		if (n && !used)
			gather(c, &p, &n);
	}
	if (!n)
		return;
	c->stray = true; // judged when the delivery is over
	if (c->state != UP_IDLE)
		return;
	up_count(c->u, SP_STAT_UP_STRAY);
	up_conn_drop(c);
}

/// `reuse`: complete, well framed, all of the request taken, nothing behind it.
static void finish(struct up_conn *c, bool reuse)
{
	struct sp_exchange *x = c->x;
	struct up_pool *p = c->pool;

	if (c->stray)
		up_count(c->u, SP_STAT_UP_STRAY);
	up_breaker_success(p);
	c->x = NULL;
	if (x->paused)
		sp_stream_resume(c->stream);
	c->warm = true;
	if (reuse && p->live) {
		up_conn_put_idle(c);
		if (p->wait_head)
			up_serve_waiting(p);
	} else if (c->stray || sp_stream_queued(c->stream)) {
		up_conn_drop(c);
	} else {
		up_conn_close(c);
	}
	up_exchange_done(x);
}

void up_answer_delivered(struct up_conn *c)
{
	if (c->state != UP_BUSY || !c->answered)
		return;
	finish(c,
		sp_http1_head(c->parser)->keep_alive && !c->stray && !sp_stream_queued(c->stream));
}

void up_answer_eof(struct up_conn *c, bool clean)
{
	if (c->state == UP_IDLE) {
		up_conn_close(c);
		return;
	}
	if (c->state != UP_BUSY)
		return;
	if (c->answered || (clean && c->head_shown && sp_http1_finish(c->parser) == SP_HTTP1_DONE))
		finish(c, false);
	else if (may_retry(c))
		retry(c);
	else
		up_exchange_fail(c->x, SP_REASON_UPSTREAM_CLOSED);
}
