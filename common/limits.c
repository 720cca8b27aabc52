#include "common/limits.h"

#include "common/clock.h"
#include "common/banned.h"

/// How a window is packed: `start << count_bits | count`, the start in units of `unit_ns`, which
/// wraps.
struct shape {
	unsigned count_bits;
	uint64_t unit_ns, length;
};
static const struct shape minute_shape = {24, SP_NS_PER_MS, 60 * 1000};
static const struct shape hour_shape = {24, SP_NS_PER_MS, 60 * 60 * 1000};
static const struct shape day_shape = {34, SP_NS_PER_SEC, 24 * 60 * 60};

static uint64_t count_max(const struct shape *h)
{
	return (1ull << h->count_bits) - 1;
}

static uint64_t start_mask(const struct shape *h)
{
	return (1ull << (64 - h->count_bits)) - 1;
}

static uint64_t ticks(const struct shape *h, uint64_t boot_ns)
{
	return (boot_ns / h->unit_ns) & start_mask(h);
}

/// Age of the window; workers sample time once a turn, so a start a little ahead of `now` is age 0.
static uint64_t age(const struct shape *h, uint64_t word, uint64_t now)
{
	uint64_t a = (now - (word >> h->count_bits)) & start_mask(h);

	return a > start_mask(h) / 2 ? 0 : a;
}

/// Whether the window counts now. The zero word is "never used", not a window that began at boot.
static bool is_open(const struct shape *h, uint64_t word, uint64_t now)
{
	return word != 0 && age(h, word, now) < h->length;
}

static uint64_t used_in(const struct shape *h, uint64_t word, uint64_t now)
{
	return is_open(h, word, now) ? word & count_max(h) : 0;
}

/// The word after `n` more at `now`, or 0 when that would pass `limit`. `n` is at least 1.
static uint64_t word_after(
	const struct shape *h, uint64_t word, uint64_t now, uint64_t n, uint64_t limit)
{
	uint64_t used = used_in(h, word, now);

	limit = sp_min(limit, count_max(h));
	if (n > limit || used > limit - n)
		return 0;
	if (!is_open(h, word, now))
		return now << h->count_bits | n;
	return word + n;
}

/// One window of a call that is being taken.
struct part {
	const struct shape *h;
	_Atomic uint64_t *w;
	uint64_t n, limit, now;
	uint64_t taken; ///< the word we left, 0 = nothing taken
	enum sp_limit_verdict verdict;
};

static bool part_take(struct part *p)
{
	uint64_t old = atomic_load_explicit(p->w, memory_order_relaxed), new;

	do {
		new = word_after(p->h, old, p->now, p->n, p->limit);
		if (!new)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		p->w, &old, new, memory_order_relaxed, memory_order_relaxed));
	p->taken = new;
	return true;
}

/// Give back what was taken, unless the window it came from is over: that one took it along.
static void part_refund(struct part *p)
{
	uint64_t old = atomic_load_explicit(p->w, memory_order_relaxed);

	do {
		if (old >> p->h->count_bits != p->taken >> p->h->count_bits)
			return;
	} while (!atomic_compare_exchange_weak_explicit(
		p->w, &old, old - p->n, memory_order_relaxed, memory_order_relaxed));
}

/// Milliseconds until `p` would pass, 0 when it passes now, UINT64_MAX when it never does.
static uint64_t part_wait_ms(const struct part *p, uint64_t boot_ns)
{
	uint64_t word = atomic_load_explicit(p->w, memory_order_relaxed), ms;

	if (word_after(p->h, word, p->now, p->n, p->limit))
		return 0;
	if (!is_open(p->h, word, p->now))
		return UINT64_MAX;
	if (p->n > sp_min(p->limit, count_max(p->h)))
		return UINT64_MAX;
	ms = (p->h->length - age(p->h, word, p->now)) * (p->h->unit_ns / SP_NS_PER_MS);
	return ms - boot_ns % p->h->unit_ns / SP_NS_PER_MS;
}

/// The refusing window that opens last, for the caller is told when it may come again.
static enum sp_limit_verdict refusal(
	const struct part *part, unsigned n, uint64_t boot_ns, uint64_t *ret_ms)
{
	enum sp_limit_verdict v = SP_LIMIT_OK;
	uint64_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t ms = part_wait_ms(&part[i], boot_ns);

		if (ms > most) {
			most = ms;
			v = part[i].verdict;
		}
	}
	*ret_ms = most == UINT64_MAX ? 0 : most;
	return v;
}

static unsigned parts_of(struct sp_limit_slot *s, const struct sp_limit_ask *ask, uint64_t boot_ns,
	struct part part[3])
{
	const struct part all[] = {
		{&minute_shape, &s->minute, 1, ask->per_minute, 0, 0, SP_LIMIT_MINUTE},
		{&hour_shape, &s->hour, 1, ask->per_hour, 0, 0, SP_LIMIT_HOUR},
		{&day_shape, &s->day_tokens, ask->tokens, ask->daily_tokens, 0, 0, SP_LIMIT_DAY},
	};
	unsigned n = 0;

	for (unsigned i = 0; i < SP_ARRAY_LEN(all); i++) {
		if (all[i].limit == 0 || all[i].n == 0)
			continue;
		part[n] = all[i];
		part[n].now = ticks(all[i].h, boot_ns);
		n++;
	}
	return n;
}

enum sp_limit_verdict sp_limits_take(struct sp_limit_slot *s, const struct sp_limit_ask *ask,
	uint64_t boot_ns, uint64_t *ret_retry_ms)
{
	struct part part[3];
	unsigned n = parts_of(s, ask, boot_ns, part);
	enum sp_limit_verdict v = refusal(part, n, boot_ns, ret_retry_ms);

	if (v != SP_LIMIT_OK)
		return v;
	for (unsigned i = 0; i < n; i++) {
		if (part_take(&part[i]))
			continue;
		for (unsigned k = 0; k < i; k++)
			part_refund(&part[k]);
		v = refusal(part, n, boot_ns, ret_retry_ms);
		if (v != SP_LIMIT_OK)
			return v;
		*ret_retry_ms = 1; // room came back meanwhile
		return part[i].verdict;
	}
	return SP_LIMIT_OK;
}

void sp_limits_charge(struct sp_limit_slot *s, uint64_t tokens, uint64_t boot_ns)
{
	const struct shape *h = &day_shape;
	uint64_t now = ticks(h, boot_ns), old, new;

	if (tokens == 0)
		return;
	old = atomic_load_explicit(&s->day_tokens, memory_order_relaxed);
	do {
		uint64_t room = count_max(h) - used_in(h, old, now);
		uint64_t n = sp_min(tokens, room);

		new = is_open(h, old, now) ? old + n : now << h->count_bits | n;
	} while (!atomic_compare_exchange_weak_explicit(
		&s->day_tokens, &old, new, memory_order_relaxed, memory_order_relaxed));
}

void sp_limits_use(const struct sp_limit_slot *s, uint64_t boot_ns, struct sp_limit_use *ret)
{
	uint64_t minute = atomic_load_explicit(&s->minute, memory_order_relaxed);
	uint64_t hour = atomic_load_explicit(&s->hour, memory_order_relaxed);
	uint64_t day = atomic_load_explicit(&s->day_tokens, memory_order_relaxed);

	*ret = (struct sp_limit_use){
		.minute = used_in(&minute_shape, minute, ticks(&minute_shape, boot_ns)),
		.hour = used_in(&hour_shape, hour, ticks(&hour_shape, boot_ns)),
		.day_tokens = used_in(&day_shape, day, ticks(&day_shape, boot_ns)),
	};
}

struct sp_limit_slot *sp_limits_slot(const struct sp_shm *shm, uint32_t i)
{
	const struct sp_limits_region *r = (const struct sp_limits_region *)shm->base;

	if (i >= r->capacity || r->slots_off % SP_CACHE_LINE)
		return NULL;
	return sp_shm_at(shm, r->slots_off + (uint64_t)i * sizeof(struct sp_limit_slot),
		sizeof(struct sp_limit_slot));
}
