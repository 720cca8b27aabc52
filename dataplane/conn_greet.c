/// Handshakes wait here for their turn. Answering a hello takes as long as ten calls, so a worker
/// answers a few between two looks at its calls. Those that only have to be finished go before new
/// ones, but for a share that is theirs: they cost least, and what they cost already would be lost.
#include "dataplane/conn_private.h"

#include "common/clock.h"
#include "common/banned.h"

/// Flights in one go while no calls come: each finds in the caches what the last one left there. None begins later in
/// its turn than this: with long keys one takes many times as long.
#define ALONE 8u
#define ALONE_NS (2 * SP_NS_PER_MS)
#define LATELY_NS (100 * SP_NS_PER_MS)
/// Pieces of flights cost little: so many are looked at in a turn at most.
#define PIECES_MAX 64u

static struct sp_conn_queue *queue_of(struct sp_conn *c)
{
	return c->greeted ? &c->w->greetings.begun : &c->w->greetings.fresh;
}

static void append(struct sp_conn *c)
{
	struct sp_conn_queue *q = queue_of(c);

	c->wait_prev = q->tail;
	c->wait_next = NULL;
	if (q->tail)
		q->tail->wait_next = c;
	else
		q->head = c;
	q->tail = c;
	q->n++;
	c->waits = true;
}

void sp_conn_greet_forget(struct sp_conn *c)
{
	struct sp_conn_queue *q = queue_of(c);

	if (!c->waits)
		return;
	if (c->wait_prev)
		c->wait_prev->wait_next = c->wait_next;
	else
		q->head = c->wait_next;
	if (c->wait_next)
		c->wait_next->wait_prev = c->wait_prev;
	else
		q->tail = c->wait_prev;
	q->n--;
	c->waits = false;
}

/// Most flights fit a buffer made for them; others may take all of calls' but the last quarter.
static struct sp_bufpool *pool_for(struct sp_worker *w, size_t n)
{
	if (n <= w->hellos.bytes && w->hellos.free_n)
		return &w->hellos;
	return w->small.free_n > w->small.count / 4 ? &w->small : NULL;
}

int sp_conn_greet_later(struct sp_conn *c, const uint8_t *data, size_t n)
{
	struct sp_worker *w = c->w;
	struct sp_bufpool *pool = pool_for(w, n);

	if (!pool || queue_of(c)->n >= w->plan->handshakes_waiting)
		return -EBUSY;
	SP_BUG_IF(n > pool->bytes || c->waits);
	c->in = sp_bufpool_get(pool);
	c->in_cap = pool->bytes;
	memcpy(c->in, data, n);
	c->in_len = n;
	c->came_turn = w->stat[SP_STAT_TURNS];
	append(c);
	sp_stream_pause(c->stream);
	return 0;
}

/// True when that was a flight's worth of work. Part of a hello is only put beside the others; of
/// what comes later any part may have a certificate verified.
static bool answer(struct sp_conn *c)
{
	struct sp_worker *w = c->w;
	uint8_t *raw = c->in;
	size_t n = c->in_len, cap = c->in_cap, queued = sp_stream_queued(c->stream);

	sp_conn_greet_forget(c);
	c->in = NULL;
	c->in_len = c->in_cap = 0;
	if (w->stat[SP_STAT_TURNS] != c->came_turn)
		sp_count(w, SP_STAT_HELLO_WAITED);
	sp_stream_resume(c->stream);
	sp_conn_handshake(c, raw, n);
	sp_call_release(w, &raw, &cap, n);
	if (c->state == SP_CONN_HANDSHAKE && !c->broken && sp_stream_queued(c->stream) == queued)
		return c->greeted;
	c->greeted = true;
	return true;
}

/// A turn's last flight is for somebody new, and its first one where nobody new had any the turn
/// before: however many go on with what they began, others come in.
static bool new_ones_turn(const struct sp_worker *w, uint32_t flights, uint32_t most, bool new_came)
{
	const struct sp_greetings *g = &w->greetings;

	if (!g->fresh.head || !g->begun.head)
		return g->fresh.head != NULL;
	return !new_came && (g->fresh_stood_back || (most > 1 && flights + 1 == most));
}

/// Bytes of calls, either way, say whether anybody is kept waiting, and so does a call whose answer is still
/// to come: that of a slow upstream moves none for long.
static uint32_t flights_allowed(struct sp_worker *w)
{
	struct sp_greetings *g = &w->greetings;
	uint64_t bytes = w->stat[SP_STAT_BYTES_IN] + w->stat[SP_STAT_BYTES_OUT];

	if (bytes != g->call_bytes) {
		g->call_bytes = bytes;
		g->calls_until_ns = w->now_ns + LATELY_NS;
	}
	if (w->calls.open || w->now_ns < g->calls_until_ns)
		return w->plan->handshakes_per_turn;
	return sp_max(w->plan->handshakes_per_turn, ALONE);
}

static bool may_answer(const struct sp_worker *w, uint32_t flights, uint32_t most)
{
	if (flights < w->plan->handshakes_per_turn)
		return true;
	return flights < most && sp_clock_boot_ns() < w->now_ns + ALONE_NS;
}

void sp_conn_greet(struct sp_worker *w)
{
	struct sp_greetings *g = &w->greetings;
	uint32_t flights = 0, most;
	bool new_came = false;

	if (sp_likely(!sp_conn_greeting(w)))
		return;
	most = flights_allowed(w);
	sp_io_flush(w->io);
	for (uint32_t i = 0; i < PIECES_MAX && may_answer(w, flights, most); i++) {
		bool new = new_ones_turn(w, flights, most, new_came);
		struct sp_conn *c = new ? g->fresh.head : g->begun.head;

		if (!c)
			break;
		new_came |= new;
		flights += answer(c);
	}
	g->fresh_stood_back = !new_came && g->fresh.head;
}
