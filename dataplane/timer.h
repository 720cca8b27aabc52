/// Deadlines of one worker: a hashed wheel of 1 ms ticks, intrusive, no allocation. Exact to a tick.
#pragma once

#include "common/base.h"

struct sp_timer {
	struct sp_timer *next, **link; ///< owned by the wheel while armed
	uint64_t due_ns;
	uint64_t slot_ns; ///< what its place on the wheel is for: before `due_ns` once it was put off
	void (*fn)(struct sp_timer *t);
};

#define SP_WHEEL_SLOTS 4096u

struct sp_wheel {
	uint64_t tick; ///< last tick run
	uint32_t armed;
	uint64_t idle_until_ns; ///< as last looked for: no slot has anything due before
	struct sp_timer *slot[SP_WHEEL_SLOTS];
	uint64_t earliest_ns[SP_WHEEL_SLOTS]; ///< nothing in the slot is due before
};

void sp_wheel_init(struct sp_wheel *w, uint64_t now_ns);
/// Arm or re-arm: `fn` runs once in a later sp_wheel_run() at or after `due_ns` (boot time). What is put off keeps its
/// place until the wheel comes by it.
void sp_timer_arm(struct sp_wheel *w, struct sp_timer *t, uint64_t due_ns);
void sp_timer_stop(struct sp_wheel *w, struct sp_timer *t); ///< harmless when not armed
static inline bool sp_timer_armed(const struct sp_timer *t)
{
	return t->link != NULL;
}
/// Run what is due; returns how many ran.
unsigned sp_wheel_run(struct sp_wheel *w, uint64_t now_ns);
/// Nanoseconds until something may be due, at most `most`; slots are looked through only when the last look is used up.
uint64_t sp_wheel_wait_ns(struct sp_wheel *w, uint64_t now_ns, uint64_t most);
