#include "dataplane/timer.h"

#include "common/clock.h"
#include "common/banned.h"

#define SLOT_MASK (SP_WHEEL_SLOTS - 1)

_Static_assert((SP_WHEEL_SLOTS & SLOT_MASK) == 0, "slots are found by masking");

void sp_wheel_init(struct sp_wheel *w, uint64_t now_ns)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_ns / SP_NS_PER_MS;
	for (unsigned i = 0; i < SP_WHEEL_SLOTS; i++)
		w->earliest_ns[i] = UINT64_MAX;
}

static void link_in(struct sp_timer **head, struct sp_timer *t)
{
	t->next = *head;
	t->link = head;
	if (t->next)
		t->next->link = &t->next;
	*head = t;
}

static void unlink_from(struct sp_timer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->next = NULL;
	t->link = NULL;
}

static void place(struct sp_wheel *w, struct sp_timer *t)
{
	uint64_t tick = sp_max(t->due_ns / SP_NS_PER_MS + (t->due_ns % SP_NS_PER_MS != 0), w->tick + 1);
	unsigned i = tick & SLOT_MASK;

	t->slot_ns = t->due_ns;
	link_in(&w->slot[i], t);
	w->earliest_ns[i] = sp_min(w->earliest_ns[i], t->due_ns);
	w->idle_until_ns = sp_min(w->idle_until_ns, tick * SP_NS_PER_MS);
}

void sp_timer_arm(struct sp_wheel *w, struct sp_timer *t, uint64_t due_ns)
{
	t->due_ns = due_ns;
	// Deadlines are put off with every request, and moving one touches its neighbours' memory.
	if (t->link && due_ns > t->slot_ns)
		return;
	sp_timer_stop(w, t);
	place(w, t);
	w->armed++;
}

void sp_timer_stop(struct sp_wheel *w, struct sp_timer *t)
{
	if (!t->link)
		return;
	unlink_from(t);
	w->armed--;
}

/// Move what is due out of a slot, and what was put off to its new place.
static void take_due(struct sp_wheel *w, unsigned i, uint64_t now_ns, struct sp_timer **due)
{
	struct sp_timer *t = w->slot[i], *next;

	w->slot[i] = NULL;
	w->earliest_ns[i] = UINT64_MAX;
	for (; t; t = next) {
		next = t->next;
		if (t->due_ns <= now_ns) {
			t->slot_ns = UINT64_MAX; // armed anew from a callback it leaves the list
			link_in(due, t);
		} else {
			place(w, t);
		}
	}
}

unsigned sp_wheel_run(struct sp_wheel *w, uint64_t now_ns)
{
	uint64_t now = now_ns / SP_NS_PER_MS, from = w->tick + 1;
	unsigned ran = 0;

	if (now < from)
		return 0;
	if (now - from >= SP_WHEEL_SLOTS)
		from = now - SLOT_MASK;
	// Callbacks see a wheel that is already at `now`: what they arm waits for a later run.
	w->tick = now;
	for (uint64_t tick = from; tick <= now; tick++) {
		struct sp_timer *due = NULL;

		if (w->earliest_ns[tick & SLOT_MASK] > now_ns)
			continue;
		take_due(w, tick & SLOT_MASK, now_ns, &due);
		while (due) {
			struct sp_timer *t = due;

			unlink_from(t);
			w->armed--;
			ran++;
			t->fn(t);
		}
	}
	return ran;
}

/// The end of the first slot in which something may be due, at most `ticks` away.
static uint64_t next_due_ns(const struct sp_wheel *w, uint64_t ticks)
{
	uint64_t tick = w->tick + 1;

	for (; tick < w->tick + ticks; tick++)
		if (w->earliest_ns[tick & SLOT_MASK] <= tick * SP_NS_PER_MS)
			break;
	return tick * SP_NS_PER_MS;
}

uint64_t sp_wheel_wait_ns(struct sp_wheel *w, uint64_t now_ns, uint64_t most)
{
	if (!w->armed)
		return most;
	if (w->idle_until_ns <= now_ns)
		w->idle_until_ns = next_due_ns(w, sp_min(most / SP_NS_PER_MS + 1, SP_WHEEL_SLOTS));
	return w->idle_until_ns <= now_ns ? 0 : sp_min(w->idle_until_ns - now_ns, most);
}
