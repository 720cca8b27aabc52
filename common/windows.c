#include "common/windows.h"

#include "common/clock.h"
#include "common/fold.h"
#include "common/windows_cell.h"
#include "common/banned.h"

/// How a window is packed: `start << count_bits | count`, the start in units of `unit_ns`.
struct shape {
	unsigned count_bits;
	uint64_t unit_ns, length, count_max, start_mask;
};
#define SHAPE(bits, unit, length) {bits, unit, length, (1ull << (bits)) - 1, (1ull << (64 - (bits))) - 1}
enum { SHAPE_SESSION = 8, SHAPE_LASTING = 9 };
static const struct shape shapes[] = {
	SHAPE(20, SP_NS_PER_MS, 1000),
	SHAPE(24, SP_NS_PER_MS, 60 * 1000),
	SHAPE(24, SP_NS_PER_MS, 60 * 60 * 1000),
	SHAPE(24, SP_NS_PER_MS, 24 * 60 * 60 * 1000),
	SHAPE(34, SP_NS_PER_SEC, 1 + 1), // the start is rounded down to its second
	SHAPE(34, SP_NS_PER_SEC, 60 + 1),
	SHAPE(34, SP_NS_PER_SEC, 60 * 60 + 1),
	SHAPE(34, SP_NS_PER_SEC, 24 * 60 * 60 + 1),
	[SHAPE_SESSION] = SHAPE(34, SP_NS_PER_SEC, 0), // of the table: session_ns
	[SHAPE_LASTING] = SHAPE(34, SP_NS_PER_SEC, SP_STATE_LASTS_S + 1),
};

static unsigned shape_of(enum sp_limit_kind kind, enum sp_limit_per per)
{
	if (per == SP_PER_SESSION)
		return SHAPE_SESSION;
	return (unsigned)per - SP_PER_SECOND + (kind == SP_LIMIT_CALLS ? 0 : 4);
}

/// Never 0, so that a word in use is never one of SP_CELL_SPECIAL.
static uint64_t ticks(const struct shape *h, uint64_t boot_ns)
{
	uint64_t t = h->unit_ns == SP_NS_PER_MS ? boot_ns / SP_NS_PER_MS : boot_ns / SP_NS_PER_SEC;

	return (t + 1) & h->start_mask; // divided by what is known when compiled
}

static uint64_t length_of(const struct sp_windows *t, const struct shape *h)
{
	return h->length ? h->length : t->session_ns / h->unit_ns + 1;
}

/// Where a window begins that is counted in now. A session's begins so long before its end as all of them last.
static uint64_t start_of(const struct sp_windows *t, const struct shape *h,
	const struct sp_window_owner *owner, uint64_t boot_ns)
{
	uint64_t ends, start;

	if (h->length || !owner || !owner->session_ends_ns)
		return ticks(h, boot_ns);
	ends = sp_min(owner->session_ends_ns, boot_ns + SP_STATE_LASTS_S * SP_NS_PER_SEC);
	start = (ticks(h, sp_max(ends, boot_ns)) + 1 - length_of(t, h)) & h->start_mask;
	return sp_max(start, (uint64_t)1);
}

/// Workers sample time once a turn, so a start a little ahead of `now` is age 0.
static uint64_t age(const struct shape *h, uint64_t word, uint64_t now)
{
	uint64_t a = (now - (word >> h->count_bits)) & h->start_mask;

	return a > h->start_mask / 2 ? 0 : a;
}

static bool is_open(const struct sp_windows *t, const struct shape *h, uint64_t word, uint64_t now)
{
	return word >= SP_CELL_SPECIAL && age(h, word, now) < length_of(t, h);
}

static uint64_t used_in(
	const struct sp_windows *t, const struct shape *h, uint64_t word, uint64_t now)
{
	return is_open(t, h, word, now) ? word & h->count_max : 0;
}

bool sp_cell_over(const struct sp_windows *t, uint64_t key, uint64_t word, uint64_t boot_ns)
{
	const struct shape *h = &shapes[sp_min(key & SP_CELL_SHAPES, (uint64_t)SHAPE_LASTING)];

	return !is_open(t, h, word, ticks(h, boot_ns));
}

/// The salt is in every factor: nobody can choose one that is 0, and takes the others' part with it. Its second form
/// differs from the first in more than their order.
uint64_t sp_window_key(
	uint64_t salt, uint64_t id, uint64_t agent, uint64_t tool, uint64_t session)
{
	uint64_t other = salt * SP_FOLD_GOLDEN | 1;
	uint64_t who = sp_fold(id ^ salt ^ SP_FOLD_0, agent ^ other ^ SP_FOLD_1);
	uint64_t what = sp_fold(tool ^ salt ^ SP_FOLD_2, session ^ other ^ SP_FOLD_3);

	return sp_fold(who ^ other ^ SP_FOLD_2, what ^ salt ^ SP_FOLD_1);
}

/// One window of a call that is being taken.
struct part {
	struct sp_cell_ref cell;
	const struct shape *h;
	uint64_t n, now, start;
	uint64_t limit; ///< no more than the window can count
	uint64_t seen, next; ///< once looked at: the word that was there, and the one after, 0 = none
	uint64_t taken; ///< the word we left, 0 = nothing taken
	unsigned ask;
};

/// The word after `n` more, or 0 when that would pass `limit`.
static inline uint64_t word_after(const struct sp_windows *t, const struct part *p, uint64_t word)
{
	bool open = is_open(t, p->h, word, p->now);
	uint64_t used = open ? word & p->h->count_max : 0;

	if (p->n > p->limit || used > p->limit - p->n)
		return 0;
	// a session's counter is kept anew with each use, a window lasts from its first
	if (p->h->length && open)
		return word + p->n;
	return p->start << p->h->count_bits | (used + p->n);
}

/// 0, -EDQUOT, or -ESTALE: the cell went to another key meanwhile.
static int part_take(const struct sp_windows *t, struct part *p)
{
	uint64_t old, new;

	if (p->next && sp_cell_swap(p->cell.word, p->seen, p->next)) {
		p->taken = p->next;
		return 0;
	}
	do {
		if (!sp_cell_load(&p->cell, &old))
			return -ESTALE;
		new = word_after(t, p, old);
		if (!new)
			return -EDQUOT;
	} while (!sp_cell_swap(p->cell.word, old, new));
	p->taken = new;
	return 0;
}

/// `word` is of the window that was taken from. A session's lasts while it is used.
static bool same_window(const struct sp_windows *t, const struct part *p, uint64_t word)
{
	if (p->h->length)
		return word >> p->h->count_bits == p->taken >> p->h->count_bits;
	return is_open(t, p->h, p->taken, p->now);
}

/// Give back what was taken, unless the window it came from is over: that one took it along.
static void part_refund(const struct sp_windows *t, struct part *p)
{
	uint64_t old;

	do {
		if (!sp_cell_load(&p->cell, &old))
			return;
		if (used_in(t, p->h, old, p->now) < p->n || !same_window(t, p, old))
			return;
	} while (!sp_cell_swap(p->cell.word, old, old - p->n));
	p->taken = 0;
}

/// Milliseconds until `p` would pass, 0 when it passes now, UINT64_MAX when it never does.
static uint64_t part_wait_ms(const struct sp_windows *t, const struct part *p, uint64_t boot_ns)
{
	uint64_t word, ms;

	if (!sp_cell_load(&p->cell, &word) || word_after(t, p, word))
		return 0;
	if (p->n > p->limit || !p->h->length || !is_open(t, p->h, word, p->now))
		return UINT64_MAX;
	ms = (length_of(t, p->h) - age(p->h, word, p->now)) * (p->h->unit_ns / SP_NS_PER_MS);
	return ms - boot_ns % p->h->unit_ns / SP_NS_PER_MS;
}

static uint64_t amount_of(const struct sp_window_ask *a)
{
	return a->kind == SP_LIMIT_MONEY ? (a->amount + SP_MONEY_UNIT - 1) / SP_MONEY_UNIT
					 : a->amount;
}

static uint64_t max_of(const struct sp_window_ask *a)
{
	return a->kind == SP_LIMIT_MONEY ? a->max / SP_MONEY_UNIT : a->max;
}

static uint32_t maker_of(const struct sp_window_owner *owner)
{
	return owner ? owner->agent : 0;
}

static int part_look(const struct sp_windows *t, const struct sp_window_ask *a, uint64_t boot_ns,
	uint32_t maker, struct part *ret)
{
	unsigned shape = shape_of(a->kind, a->per);

	ret->h = &shapes[shape];
	ret->n = amount_of(a);
	ret->limit = sp_min(max_of(a), ret->h->count_max);
	ret->start = ret->now = ticks(ret->h, boot_ns);
	ret->taken = ret->next = 0;
	return sp_cell_find(t, a->key, shape, boot_ns, maker, &ret->cell);
}

/// Made when it is not there.
static int part_find(const struct sp_windows *t, const struct sp_window_owner *owner,
	const struct sp_window_ask *a, uint64_t boot_ns, struct part *ret)
{
	SP_TRY(part_look(t, a, boot_ns, maker_of(owner), ret));
	if (!ret->h->length)
		ret->start = start_of(t, ret->h, owner, boot_ns);
	return 0;
}

/// A cell that went to another key refuses nothing here: it is found out when it is taken from.
static inline bool has_room(const struct sp_windows *t, struct part *p)
{
	if (!sp_cell_load(&p->cell, &p->seen))
		return true;
	p->next = word_after(t, p, p->seen);
	return p->next != 0;
}

/// The refusing window that opens last, for the caller is told when it may come again.
static int refusal(const struct sp_windows *t, const struct part *part, unsigned n,
	uint64_t boot_ns, unsigned *ret_refused, uint64_t *ret_ms)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t ms = part_wait_ms(t, &part[i], boot_ns);

		if (ms > most) {
			most = ms;
			*ret_refused = part[i].ask;
		}
	}
	*ret_ms = most == UINT64_MAX ? 0 : most;
	return most ? -EDQUOT : 0;
}

static int over_request(
	const struct sp_window_ask *ask, unsigned n, unsigned *ret_refused, uint64_t *ret_ms)
{
	for (unsigned i = 0; i < n; i++)
		if (ask[i].per == SP_PER_REQUEST && ask[i].amount > ask[i].max) {
			*ret_refused = i;
			*ret_ms = 0;
			return -EDQUOT;
		}
	return 0;
}

/// -ESTALE: a cell went to another key under our hands. -EAGAIN: what refused does no more.
static int take_once(const struct sp_windows *t, const struct sp_window_owner *owner,
	struct sp_window_ask *ask, unsigned n, uint64_t boot_ns, unsigned *ret_refused, uint64_t *ret_ms)
{
	struct part part[SP_WINDOWS_TAKE_MAX], *p = part, *end;
	bool room = true;
	int err;

	for (unsigned i = 0; i < n; i++)
		sp_windows_ahead(t, ask[i].key);
	for (unsigned i = 0; i < n; i++) { // all are looked at before any is taken from
		if (ask[i].per == SP_PER_REQUEST || ask[i].amount == 0)
			continue;
		p->ask = *ret_refused = i;
		SP_TRY(part_find(t, owner, &ask[i], boot_ns, p));
		room &= has_room(t, p++);
	}
	end = p;
	if (!room)
		SP_TRY(refusal(t, part, (unsigned)(end - part), boot_ns, ret_refused, ret_ms));
	for (p = part; p < end; p++) {
		err = part_take(t, p);
		if (!err)
			continue;
		while (p > part)
			part_refund(t, --p);
		if (err == -ESTALE)
			return err;
		err = refusal(t, part, (unsigned)(end - part), boot_ns, ret_refused, ret_ms);
		return err ? err : -EAGAIN; // room came back meanwhile
	}
	for (p = part; p < end; p++)
		ask[p->ask].began = p->taken >> p->h->count_bits;
	return 0;
}

int sp_windows_take(const struct sp_windows *t, const struct sp_window_owner *owner,
	struct sp_window_ask *ask, unsigned n, uint64_t boot_ns, unsigned *ret_refused,
	uint64_t *ret_retry_ms)
{
	int err = 0;

	*ret_refused = 0;
	*ret_retry_ms = 0;
	if (n > SP_WINDOWS_TAKE_MAX)
		return -ENOSPC;
	SP_TRY(over_request(ask, n, ret_refused, ret_retry_ms));
	for (unsigned tries = 0; tries < 8; tries++) {
		err = take_once(t, owner, ask, n, boot_ns, ret_refused, ret_retry_ms);
		if (err != -EAGAIN && err != -ESTALE)
			return err;
	}
	if (err == -ESTALE)
		return -ENOSPC; // its windows take each other's cells
	*ret_retry_ms = 1;
	return -EDQUOT;
}

int sp_windows_peek(const struct sp_windows *t, const struct sp_window_ask *ask, unsigned n,
	uint64_t boot_ns, unsigned *ret_refused)
{
	struct part part[SP_WINDOWS_TAKE_MAX];
	unsigned parts = 0;
	uint64_t ms;

	*ret_refused = 0;
	if (n > SP_WINDOWS_TAKE_MAX)
		return -EDQUOT;
	SP_TRY(over_request(ask, n, ret_refused, &ms));
	for (unsigned i = 0; i < n; i++) {
		struct part *p = &part[parts];

		if (ask[i].per == SP_PER_REQUEST)
			continue;
		p->ask = i;
		if (part_look(t, &ask[i], boot_ns, SP_CELL_LOOK, p) == 0) {
			parts++;
		} else if (p->n > p->limit) { // nothing was counted yet
			*ret_refused = i;
			return -EDQUOT;
		}
	}
	return refusal(t, part, parts, boot_ns, ret_refused, &ms);
}

void sp_windows_refund(const struct sp_windows *t, const struct sp_window_ask *ask, unsigned n,
	uint64_t boot_ns)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned shape;
		struct part p;

		if (ask[i].began == 0)
			continue;
		shape = shape_of(ask[i].kind, ask[i].per);
		p = (struct part){.h = &shapes[shape], .n = amount_of(&ask[i])};
		p.now = ticks(p.h, boot_ns);
		p.taken = ask[i].began << p.h->count_bits;
		if (sp_cell_find(t, ask[i].key, shape, boot_ns, SP_CELL_LOOK, &p.cell) == 0)
			part_refund(t, &p);
	}
}

uint64_t sp_windows_read(const struct sp_windows *t, uint64_t key, enum sp_limit_kind kind,
	enum sp_limit_per per, uint64_t boot_ns)
{
	unsigned shape = shape_of(kind, per);
	struct sp_cell_ref cell;
	uint64_t word, n;

	if (per == SP_PER_REQUEST || sp_cell_find(t, key, shape, boot_ns, SP_CELL_LOOK, &cell) < 0 ||
		!sp_cell_load(&cell, &word))
		return 0;
	n = used_in(t, &shapes[shape], word, ticks(&shapes[shape], boot_ns));
	return kind == SP_LIMIT_MONEY ? n * SP_MONEY_UNIT : n;
}

static unsigned shape_of_state(bool lasting)
{
	return lasting ? SHAPE_LASTING : SHAPE_SESSION;
}

uint64_t sp_windows_state(const struct sp_windows *t, uint64_t key, bool lasting, uint64_t boot_ns)
{
	unsigned shape = shape_of_state(lasting);
	struct sp_cell_ref cell;
	uint64_t word;

	if (sp_cell_find(t, key, shape, boot_ns, SP_CELL_LOOK, &cell) < 0 || !sp_cell_load(&cell, &word))
		return 0;
	return used_in(t, &shapes[shape], word, ticks(&shapes[shape], boot_ns));
}

int sp_windows_change(const struct sp_windows *t, const struct sp_window_owner *owner, uint64_t key,
	bool lasting, uint64_t set, uint64_t clear, uint64_t boot_ns, uint64_t *ret)
{
	const struct shape *h = &shapes[shape_of_state(lasting)];
	uint64_t now = ticks(h, boot_ns), start = start_of(t, h, owner, boot_ns), old, was;
	struct sp_cell_ref cell;

	do {
		SP_TRY(sp_cell_find(t, key, shape_of_state(lasting), boot_ns, maker_of(owner), &cell));
		while (sp_cell_load(&cell, &old)) {
			was = used_in(t, h, old, now);
			if (!sp_cell_swap(cell.word, old,
				    start << h->count_bits |
					    (((was & ~clear) | set) & h->count_max)))
				continue;
			if (ret)
				*ret = was;
			return 0;
		}
	} while (true);
}
