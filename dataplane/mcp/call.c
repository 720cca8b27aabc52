#include "dataplane/mcp/call.h"

#include "dataplane/decide/stages.h"
#include "dataplane/mcp/mcp.h"
#include "dataplane/soon.h"
#include "dataplane/worker_shared.h"
#include "common/pages.h"
#include "common/banned.h"

/// Of a call, when it begins.
#define CLEARED                                                                                    \
	(offsetof(struct sp_call, south) + offsetof(struct sp_south, session) +                    \
		offsetof(struct sp_south_session, id))

static const struct sp_bytes outcome_names[] = {
	[SP_OUTCOME_NONE] = SP_LIT("none"),
	[SP_OUTCOME_OK] = SP_LIT("ok"),
	[SP_OUTCOME_TOOL_ERROR] = SP_LIT("tool_error"),
	[SP_OUTCOME_RPC_ERROR] = SP_LIT("rpc_error"),
	[SP_OUTCOME_FAILED] = SP_LIT("failed"),
	[SP_OUTCOME_CANCELLED] = SP_LIT("cancelled"),
};

struct sp_bytes sp_outcome_name(enum sp_outcome o)
{
	return outcome_names[o <= SP_OUTCOME_CANCELLED ? o : SP_OUTCOME_FAILED];
}

int sp_call_pool_init(struct sp_call_pool *p, uint32_t count)
{
	p->count = count;
	p->mem = sp_pages_map(count * sizeof(*p->mem));
	p->taken = sp_pages_map(count * SP_JUDGE_LIMITS_MAX * sizeof(*p->taken));
	if (!p->mem || !p->taken) {
		sp_call_pool_done(p);
		return -ENOMEM;
	}
	p->waiting_tail = &p->waiting;
	return 0;
}

void sp_call_pool_done(struct sp_call_pool *p)
{
	if (p->mem)
		munmap(p->mem, p->count * sizeof(*p->mem));
	if (p->taken)
		munmap(p->taken, p->count * SP_JUDGE_LIMITS_MAX * sizeof(*p->taken));
	*p = (struct sp_call_pool){0};
}

/// 8 random bytes of this worker's life, then a counter: unique over workers and restarts.
static void mint_call_id(struct sp_worker *w, uint8_t id[16])
{
	uint64_t n = ++w->call_counter;

	memcpy(id, w->call_salt, 8);
	for (unsigned i = 0; i < 8; i++)
		id[8 + i] = (uint8_t)(n >> (56 - 8 * i));
}

static struct sp_call *get(struct sp_call_pool *p)
{
	struct sp_call *c = p->free;

	if (c) {
		p->free = c->next;
		if (p->free)
			sp_prefetch(&p->free->next, 1);
	} else if (p->fresh < p->count) {
		c = &p->mem[p->fresh++];
	}
	return c;
}

struct sp_call *sp_call_begin(struct sp_worker *w, struct sp_conn *conn)
{
	struct sp_call_pool *p = &w->calls;
	struct sp_call *c = get(p);

	if (!c)
		return NULL;
	sp_worker_online(w);
	p->open++;
	memset(c, 0, CLEARED);
	memset(&c->session, 0, offsetof(struct sp_session, south));
	c->w = w;
	c->conn = conn;
	conn->call = c;
	c->start_ns = w->now_ns;
	c->snap_slot = w->current;
	c->snap = &w->held[w->current].snap;
	w->held[w->current].calls++;
	c->agent = c->upstream = SP_SNAP_NONE;
	sp_judge_begin(&c->verdict);
	c->level = (enum sp_audit_level)c->snap->h->default_audit_level;
	mint_call_id(w, c->call_id);
	return c;
}

struct sp_window_ask *sp_call_taken(const struct sp_call *c)
{
	return &c->w->calls.taken[(size_t)(c - c->w->calls.mem) * SP_JUDGE_LIMITS_MAX];
}

static void leave_in_flight(struct sp_call *c)
{
	struct sp_call **link = &c->w->calls.in_flight[c->hash % SP_CALL_HASH];

	while (*link && *link != c)
		link = &(*link)->hash_next;
	if (*link)
		*link = c->hash_next;
}

void sp_call_end(struct sp_call *c)
{
	struct sp_worker *w = c->w;

	SP_BUG_IF(c->ended);
	c->ended = true;
	if (c->hash)
		leave_in_flight(c);
	sp_call_unwait(c);
	sp_south_stop(c);
	sp_timer_stop(&w->wheel, &c->keepalive);
	sp_call_release(w, &c->out, &c->out_cap, c->out_len);
	w->held[c->snap_slot].calls--;
	if (!c->forwarded || c->unsent)
		sp_windows_refund(&w->history.windows, sp_call_taken(c), c->taken_n, w->now_ns);
	if (c->counted)
		w->agent_calls[c->limit_slot]--;
	if (c->conn)
		c->conn->call = NULL;
	sp_wipe(&c->principal, sp_principal_used(&c->principal));
	c->next = w->calls.free;
	w->calls.free = c;
	w->calls.open--;
}

void sp_call_answered(struct sp_call *c)
{
	struct sp_conn *conn = c->conn;

	sp_call_end(c);
	if (conn && conn->batch)
		sp_batch_next(conn);
	else if (conn)
		sp_conn_answered(conn);
}

int sp_call_rescan(struct sp_call *c)
{
	const struct sp_plan *p = c->w->plan;

	SP_TRY(sp_json_scan(c->body, p->max_json_depth, c->w->tok_north, p->max_json_tokens, &c->doc, NULL));
	return sp_envelope_read(&c->doc, &c->env) ? -EBADMSG : 0;
}

void sp_call_wait(struct sp_call *c)
{
	struct sp_call_pool *p = &c->w->calls;

	if (c->link)
		return;
	c->next = NULL;
	c->link = p->waiting_tail;
	*p->waiting_tail = c;
	p->waiting_tail = &c->next;
}

void sp_call_unwait(struct sp_call *c)
{
	struct sp_call_pool *p = &c->w->calls;

	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	else
		p->waiting_tail = c->link;
	c->link = NULL;
	c->next = NULL;
}

void sp_calls_poll(struct sp_worker *w)
{
	struct sp_call *c = w->calls.waiting, *next;
	uint32_t bound = w->calls.open; // those that start to wait again go to the tail: each is seen once
	bool durable;

	for (; c && bound > 0; c = next, bound--) {
		next = c->next;
		durable = !c->wait_seq || sp_channel_durable(&w->channel, c->wait_seq);
		if (!durable && w->now_ns < c->wait_until_ns)
			continue;
		sp_call_unwait(c);
		if (durable)
			sp_stages_resume(c);
		else
			sp_stages_give_up(c);
		if (next && !next->link) // ended by what the other one did
			next = w->calls.waiting;
	}
}

static bool same_party(const struct sp_call *a, const struct sp_call *b)
{
	return memcmp(a->principal.id, b->principal.id, sizeof(a->principal.id)) == 0 &&
		memcmp(a->session.number, b->session.number, sizeof(a->session.number)) == 0;
}

uint32_t sp_call_party(const struct sp_call *c, struct sp_bytes raw_id)
{
	uint64_t h = sp_snap_hash(raw_id) ^ sp_snap_hash(sp_bytes(c->principal.id, 32)) ^
		sp_snap_hash(sp_bytes(c->session.number, 16)) * 31;

	SP_BUG_IF_HOT(!c->has_session);
	return (uint32_t)(h ^ h >> 32) | 1;
}

struct sp_call *sp_call_find(const struct sp_call *of, struct sp_bytes raw_id)
{
	uint32_t hash = sp_call_party(of, raw_id);
	struct sp_call *c = of->w->calls.in_flight[hash % SP_CALL_HASH];

	for (; c; c = c->hash_next)
		if (c->hash == hash && sp_bytes_eq(sp_bytes(c->id, c->id_len), raw_id) && same_party(c, of))
			return c;
	return NULL;
}

int sp_call_enter(struct sp_call *c)
{
	struct sp_bytes id = sp_bytes(c->id, c->id_len);
	struct sp_call **head;

	// Modern agents without a session may be many processes under one identity: their ids are
	// only theirs on one connection, and a connection carries one request at a time.
	if (!c->has_session) // nobody looks for such a one
		return 0;
	if (sp_call_find(c, id))
		return -EEXIST;
	c->hash = sp_call_party(c, id);
	head = &c->w->calls.in_flight[c->hash % SP_CALL_HASH];
	c->hash_next = *head;
	*head = c;
	return 0;
}

int sp_call_grow(struct sp_worker *w, uint8_t **buf, size_t *cap, size_t len, size_t need)
{
	uint8_t *b;

	if (need <= *cap)
		return 0;
	if (need > w->large.bytes)
		return -EMSGSIZE;
	if (!*buf && need <= w->small.bytes) {
		b = sp_bufpool_get(&w->small);
		if (!b)
			return -ENOBUFS;
		*buf = b;
		*cap = w->small.bytes;
		return 0;
	}
	b = sp_bufpool_get(&w->large);
	if (!b)
		return -ENOBUFS;
	if (*buf) {
		memcpy(b, *buf, len);
		sp_bufpool_put(&w->small, *buf, len);
	}
	*buf = b;
	*cap = w->large.bytes;
	return 0;
}

static struct sp_bufpool *pool_of(struct sp_worker *w, const uint8_t *buf)
{
	if (sp_bufpool_owns(&w->small, buf))
		return &w->small;
	return sp_bufpool_owns(&w->large, buf) ? &w->large : &w->hellos;
}

void sp_call_release(struct sp_worker *w, uint8_t **buf, size_t *cap, size_t used)
{
	if (*buf)
		sp_bufpool_put(pool_of(w, *buf), *buf, used);
	*buf = NULL;
	*cap = 0;
}
