#include "common/history.h"

#include "common/clock.h"

#include <sys/random.h>
#include "common/banned.h"

#define TEN_MINUTES_MS (10 * 60 * 1000ull)
#define MINUTE_MS (60 * 1000ull)
#define COUNT_BITS 24u
#define COUNT_MAX ((1ull << COUNT_BITS) - 1)
#define PAIR_COUNT_BITS 32u
#define STATE_BITS 3u ///< of an order rule; above them the second it began, 31 bits
#define STATE_MASK ((1u << STATE_BITS) - 1)

static uint64_t line(uint64_t n)
{
	return (n + SP_CACHE_LINE - 1) / SP_CACHE_LINE * SP_CACHE_LINE;
}

struct layout {
	uint64_t pasts, pairs, windows, end;
};

static struct layout lay_out(const struct sp_history_sizes *s)
{
	struct layout l = {.pasts = line(sizeof(struct sp_limits_region))};

	l.pairs = line(l.pasts + (uint64_t)s->agents * sizeof(struct sp_agent_past));
	l.windows = line(l.pairs + (uint64_t)s->pairs * sizeof(uint64_t));
	l.end = l.windows + sp_windows_bytes(s->windows);
	return l;
}

size_t sp_history_bytes(const struct sp_history_sizes *s)
{
	return lay_out(s).end;
}

static bool sizes_ok(const struct sp_history_sizes *s)
{
	return s->agents && s->pairs && !(s->pairs & (s->pairs - 1)) && s->agent_percent &&
	       s->agent_percent <= 100;
}

int sp_history_format(const struct sp_shm *shm, const struct sp_history_sizes *s)
{
	struct sp_limits_region *r = (struct sp_limits_region *)shm->base;
	struct layout l = lay_out(s);

	if (!sizes_ok(s) || shm->size < l.end)
		return -EINVAL;
	if (getrandom(&r->salt, sizeof(r->salt), 0) != sizeof(r->salt))
		return -EIO;
	r->pasts_off = l.pasts;
	r->pairs_off = l.pairs;
	r->windows_off = l.windows;
	r->capacity = s->agents;
	r->windows = s->windows;
	r->pairs = s->pairs;
	r->session_ns = s->session_ns;
	r->agent_percent = s->agent_percent;
	atomic_store(&r->used, 0);
	return 0;
}

int sp_history_attach(const struct sp_shm *shm, struct sp_history *ret)
{
	const struct sp_limits_region *r = (const struct sp_limits_region *)shm->base;
	const struct sp_history_sizes s = {
		r->capacity, r->windows, r->pairs, r->session_ns, r->agent_percent};
	struct layout l = lay_out(&s);

	if (!sizes_ok(&s) || l.end > shm->size || r->pasts_off != l.pasts ||
		r->pairs_off != l.pairs || r->windows_off != l.windows)
		return -EINVAL;
	*ret = (struct sp_history){
		.past = (void *)(shm->base + l.pasts),
		.pair = (void *)(shm->base + l.pairs),
		.agents = s.agents,
		.pair_mask = s.pairs - 1,
		.salt = r->salt,
	};
	SP_TRY(sp_windows_attach(shm->base + l.windows, shm->size - l.windows, s.windows,
		s.session_ns, &ret->windows));
	sp_windows_share(&ret->windows, s.agent_percent);
	return 0;
}

struct sp_agent_past *sp_history_slot(const struct sp_shm *shm, uint32_t i)
{
	const struct sp_limits_region *r = (const struct sp_limits_region *)shm->base;

	if (i >= r->capacity || r->pasts_off % SP_CACHE_LINE)
		return NULL;
	return sp_shm_at(shm, r->pasts_off + (uint64_t)i * sizeof(struct sp_agent_past),
		sizeof(struct sp_agent_past));
}

static uint64_t load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static bool swap(_Atomic uint64_t *p, uint64_t *old, uint64_t new)
{
	return atomic_compare_exchange_weak_explicit(
		p, old, new, memory_order_relaxed, memory_order_relaxed);
}

/// Workers sample time once a turn, so a start may lie a little ahead.
static bool is_open(uint64_t word, uint64_t now, uint64_t length_ms)
{
	uint64_t start = word >> COUNT_BITS;

	return word && (start >= now || now - start < length_ms);
}

/// Count in a window; *ret_was is the word it replaced.
static void count(_Atomic uint64_t *p, uint64_t length_ms, uint64_t boot_ns, uint64_t *ret_was)
{
	uint64_t now = boot_ns / SP_NS_PER_MS + 1, old = load(p), new;

	do {
		bool open = is_open(old, now, length_ms);

		if (open && (old & COUNT_MAX) == COUNT_MAX)
			break;
		new = open ? old + 1 : now << COUNT_BITS | 1;
	} while (!swap(p, &old, new));
	*ret_was = old;
}

static uint32_t counted(const _Atomic uint64_t *p, uint64_t length_ms, uint64_t boot_ns)
{
	uint64_t word = load(p), now = boot_ns / SP_NS_PER_MS + 1;

	return is_open(word, now, length_ms) ? (uint32_t)(word & COUNT_MAX) : 0;
}

uint64_t sp_history_pair(const struct sp_history *h, uint64_t agent, uint64_t tool)
{
	uint64_t key = sp_window_key(h->salt, 0, agent, tool, 0);

	return key ? key : 1;
}

static uint64_t pair_print(uint64_t pair)
{
	return pair >> PAIR_COUNT_BITS | 1;
}

static void count_pair(const struct sp_history *h, uint64_t pair)
{
	_Atomic uint64_t *p = &h->pair[pair & h->pair_mask];
	uint64_t print = pair_print(pair), old = load(p), new;

	do {
		if (old >> PAIR_COUNT_BITS != print)
			new = print << PAIR_COUNT_BITS | 1;
		else if ((uint32_t)old == UINT32_MAX)
			return;
		else
			new = old + 1;
	} while (!swap(p, &old, new));
}

/// A minute that is over goes into the average; minutes without a call do not.
static void learn(struct sp_agent_past *past, uint64_t was)
{
	uint64_t usual = load(&past->usual), n = (was & COUNT_MAX) * 16;

	if (was == 0)
		return;
	usual = usual ? (usual * 7 + n) / 8 : n;
	atomic_store_explicit(&past->usual, usual ? usual : 1, memory_order_relaxed);
}

void sp_history_called(const struct sp_history *h, uint32_t agent, uint64_t pair, uint64_t boot_ns)
{
	uint64_t was, now = boot_ns / SP_NS_PER_MS + 1;

	count_pair(h, pair);
	if (agent >= h->agents)
		return;
	count(&h->past[agent].minute, MINUTE_MS, boot_ns, &was);
	if (was && !is_open(was, now, MINUTE_MS))
		learn(&h->past[agent], was);
}

void sp_history_denied(const struct sp_history *h, uint32_t agent, uint64_t boot_ns)
{
	uint64_t was;

	if (agent < h->agents)
		count(&h->past[agent].denied, TEN_MINUTES_MS, boot_ns, &was);
}

void sp_history_failed(const struct sp_history *h, uint32_t agent, uint64_t boot_ns)
{
	uint64_t was;

	if (agent < h->agents)
		count(&h->past[agent].failed, TEN_MINUTES_MS, boot_ns, &was);
}

void sp_history_view(const struct sp_history *h, uint32_t agent, uint64_t pair, uint64_t boot_ns,
	struct sp_history_view *ret)
{
	uint64_t word = load(&h->pair[pair & h->pair_mask]);

	*ret = (struct sp_history_view){0};
	if (word >> PAIR_COUNT_BITS == pair_print(pair))
		ret->tool_calls = (uint32_t)word;
	if (agent >= h->agents)
		return;
	ret->denied = counted(&h->past[agent].denied, TEN_MINUTES_MS, boot_ns);
	ret->failed = counted(&h->past[agent].failed, TEN_MINUTES_MS, boot_ns);
	ret->minute = counted(&h->past[agent].minute, MINUTE_MS, boot_ns);
	ret->usual = (uint32_t)((load(&h->past[agent].usual) + 15) / 16);
}

int sp_history_session(const struct sp_history *h, const struct sp_window_owner *owner,
	uint64_t key, uint32_t set, uint64_t boot_ns, uint32_t *ret)
{
	uint64_t was = 0;

	SP_TRY(sp_windows_change(&h->windows, owner, key, false, set, 0, boot_ns, &was));
	*ret = (uint32_t)was;
	return 0;
}

uint32_t sp_history_session_seen(const struct sp_history *h, uint64_t key, uint64_t boot_ns)
{
	return (uint32_t)sp_windows_state(&h->windows, key, false, boot_ns);
}

static uint32_t within(uint64_t state, uint64_t window_ns, uint64_t boot_ns)
{
	uint64_t began = state >> STATE_BITS, now = boot_ns / SP_NS_PER_SEC;

	if (window_ns && now >= began && (now - began) * SP_NS_PER_SEC >= window_ns)
		return 0;
	return (uint32_t)state & STATE_MASK;
}

uint32_t sp_history_state(
	const struct sp_history *h, uint64_t key, uint64_t window_ns, uint64_t boot_ns)
{
	return within(sp_windows_state(&h->windows, key, window_ns != 0, boot_ns), window_ns, boot_ns);
}

int sp_history_set(const struct sp_history *h, const struct sp_window_owner *owner, uint64_t key,
	uint64_t window_ns, uint32_t set, uint32_t clear, uint64_t boot_ns, uint32_t *ret)
{
	uint64_t began = (boot_ns / SP_NS_PER_SEC) << STATE_BITS, was = 0;
	bool lasting = window_ns != 0;

	// what begins, begins now; what is added to it keeps its beginning
	if (set & 1)
		SP_TRY(sp_windows_change(&h->windows, owner, key, lasting, began | (set & STATE_MASK),
			~(uint64_t)set & (~(uint64_t)STATE_MASK | clear), boot_ns, &was));
	else
		SP_TRY(sp_windows_change(&h->windows, owner, key, lasting, set & STATE_MASK,
			clear & STATE_MASK, boot_ns, &was));
	if (ret)
		*ret = within(was, window_ns, boot_ns);
	return 0;
}
