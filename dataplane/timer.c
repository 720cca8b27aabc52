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

void sp_timer_arm(struct sp_wheel *w, struct sp_timer *t, uint64_t due_ns)
{
	uint64_t tick = due_ns / SP_NS_PER_MS + (due_ns % SP_NS_PER_MS != 0);
	unsigned i;

	sp_timer_stop(w, t);
	i = sp_max(tick, w->tick + 1) & SLOT_MASK;
	t->due_ns = due_ns;
	link_in(&w->slot[i], t);
	w->earliest_ns[i] = sp_min(w->earliest_ns[i], due_ns);
	w->armed++;
}

void sp_timer_stop(struct sp_wheel *w, struct sp_timer *t)
{
	if (!t->link)
		return;
	unlink_from(t);
	w->armed--;
}

/// Move what is due out of a slot and note the earliest of the rest.
static void take_due(struct sp_wheel *w, unsigned i, uint64_t now_ns, struct sp_timer **due)
{
	uint64_t earliest = UINT64_MAX;

	for (struct sp_timer *t = w->slot[i], *next; t; t = next) {
		next = t->next;
		if (t->due_ns <= now_ns) {
			unlink_from(t);
			link_in(due, t);
		} else {
			earliest = sp_min(earliest, t->due_ns);
		}
	}
	w->earliest_ns[i] = earliest;
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

uint64_t sp_wheel_wait_ns(const struct sp_wheel *w, uint64_t now_ns, uint64_t most)
{
	uint64_t ticks = most / SP_NS_PER_MS + 1;

	if (!w->armed)
		return most;
	ticks = sp_min(ticks, SP_WHEEL_SLOTS);
	for (uint64_t tick = w->tick + 1; tick <= w->tick + ticks; tick++) {
		uint64_t at = tick * SP_NS_PER_MS;

		if (w->earliest_ns[tick & SLOT_MASK] <= at)
			return at <= now_ns ? 0 : sp_min(at - now_ns, most);
	}
	return sp_min(most, (uint64_t)SP_WHEEL_SLOTS * SP_NS_PER_MS);
}
