/// A legacy agent gives up a call of its own, on whatever connection and worker. The worker that has the call
/// ends it; when that is another one, the upstream is told from here, by the id any worker derives for the call,
/// and the other workers are told by a table in shared memory that only this one writes.
#include "dataplane/mcp/handshake.h"

#include "dataplane/decide/stages.h"
#include "dataplane/worker_shared.h"
#include "common/sha256.h"
#include "common/banned.h"

#define LOOK_NS (50 * SP_NS_PER_MS) ///< how often a worker looks for calls others were asked to cancel

void sp_cancel_digest(const struct sp_call *c, uint8_t digest[SP_SHA256])
{
	sp_sha256((struct sp_bytes[]){sp_bytes(c->session.number, sizeof(c->session.number)),
			  sp_bytes(c->id, c->id_len)},
		2, digest);
}

/// Not to be guessed without the session's secret number.
static uint64_t key_of(const struct sp_call *c)
{
	uint8_t digest[SP_SHA256];
	uint64_t key;

	sp_cancel_digest(c, digest);
	memcpy(&key, digest, sizeof(key));
	return key;
}

/// This worker's table keeps the last ones. `c` has the id of the call that is cancelled.
static void tell_workers(struct sp_call *c)
{
	struct sp_worker_slot *slot = c->w->slot;
	uint64_t n = atomic_load_explicit(&slot->cancels, memory_order_relaxed);
	struct sp_cancelled *e = &slot->cancelled[n % SP_CANCELLED_MAX];

	atomic_store_explicit(&e->key, key_of(c), memory_order_relaxed);
	atomic_store_explicit(&e->party, sp_call_party(c, sp_bytes(c->id, c->id_len)), memory_order_relaxed);
	atomic_store_explicit(&e->at_ns, sp_clock_boot_ns(), memory_order_relaxed);
	atomic_store_explicit(&slot->cancels, n + 1, memory_order_release);
}

/// Every upstream of the session: this worker does not know which one has the call.
static void tell_upstreams(struct sp_call *c)
{
	uint8_t text[160];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_south_mint_own(c);
	sp_south_put_cancelled(&o, c);
	for (uint32_t i = 0; i < c->session.south_n; i++) {
		const struct sp_south_session *s = &c->session.south[i];
		uint32_t up = sp_handshake_by_identity(c->snap, s->upstream);

		if (up != SP_SNAP_NONE)
			sp_south_tell(c->w, c->snap, up, SP_HTTP_POST, (enum sp_revision)s->revision,
				sp_bytes(s->id, s->len), sp_bytes(o.p, o.len));
	}
}

static bool is_south(const struct sp_call *c)
{
	return c->forwarded && c->stage == sp_stage_forward_index && !c->link &&
		c->method != SP_METHOD_INITIALIZE;
}

void sp_cancel_serve(struct sp_call *c)
{
	struct sp_call *target;
	struct sp_bytes raw;

	if (!c->has_session || c->env.request_id == SP_JSON_NONE)
		return;
	raw = sp_json_raw(&c->doc, c->env.request_id);
	if (raw.n > SP_RAW_ID_MAX)
		return;
	target = sp_call_find(c, raw);
	if (target) {
		if (is_south(target))
			sp_call_cancel(target);
		return;
	}
	memcpy(c->id, raw.p, raw.n);
	c->id_len = (uint32_t)raw.n;
	if (c->w->plan->workers > 1)
		tell_workers(c); // before the upstream is: its reaction must find the word there
	tell_upstreams(c);
}

/// Is the call among those of a worker's table? An id may come again in a later call, which is not meant.
static bool in_table(const struct sp_worker_slot *slot, uint64_t key, uint64_t start_ns)
{
	for (unsigned i = 0; i < SP_CANCELLED_MAX; i++)
		if (atomic_load_explicit(&slot->cancelled[i].key, memory_order_relaxed) == key &&
			atomic_load_explicit(&slot->cancelled[i].at_ns, memory_order_relaxed) >= start_ns)
			return true;
	return false;
}

bool sp_cancel_heard(const struct sp_call *c)
{
	uint64_t key;

	if (!c->has_session || c->w->plan->workers < 2)
		return false;
	key = key_of(c);
	for (uint32_t i = 0; i < c->w->plan->workers; i++) {
		const struct sp_worker_slot *slot = &c->w->root->worker[i];

		if (i != c->w->index && atomic_load_explicit(&slot->cancels, memory_order_acquire) &&
			in_table(slot, key, c->start_ns))
			return true;
	}
	return false;
}

static void end_call(struct sp_worker *w, const struct sp_cancelled *e)
{
	uint64_t key = atomic_load_explicit(&e->key, memory_order_relaxed);
	uint32_t party = atomic_load_explicit(&e->party, memory_order_relaxed);
	struct sp_call *c = w->calls.in_flight[party % SP_CALL_HASH], *next;

	for (; c; c = next) {
		next = c->hash_next;
		if (c->hash == party && is_south(c) && key_of(c) == key &&
			atomic_load_explicit(&e->at_ns, memory_order_relaxed) >= c->start_ns)
			sp_call_cancel(c);
	}
}

void sp_cancels_look(struct sp_worker *w)
{
	if (w->plan->workers < 2 || w->now_ns - w->cancels_looked_ns < LOOK_NS)
		return;
	w->cancels_looked_ns = w->now_ns;
	for (uint32_t i = 0; i < w->plan->workers; i++) {
		const struct sp_worker_slot *slot = &w->root->worker[i];
		uint64_t n = atomic_load_explicit(&slot->cancels, memory_order_acquire);
		uint64_t from = sp_max(w->cancels_seen[i], n > SP_CANCELLED_MAX ? n - SP_CANCELLED_MAX : 0);

		w->cancels_seen[i] = n;
		for (; i != w->index && from < n; from++)
			end_call(w, &slot->cancelled[from % SP_CANCELLED_MAX]);
	}
}

void sp_cancels_begin(struct sp_worker *w)
{
	for (uint32_t i = 0; i < w->plan->workers; i++)
		w->cancels_seen[i] = atomic_load_explicit(&w->root->worker[i].cancels, memory_order_acquire);
}
