/// What the supervisor opens besides memory: listening sockets, eventfds and the pipes that tell
/// who lives. All close-on-exec, kept open for the next life of a child.
#pragma once

#include "common/plan.h"

struct sp_pipe {
	int read_fd, write_fd;
};
struct sp_doors {
	uint32_t workers, listeners_n;
	int listener[SP_WORKERS_MAX][SP_LISTENERS_MAX];
	int worker_event[SP_WORKERS_MAX], audit_event, control_event;
	struct sp_pipe life; ///< end-of-file: no supervisor
	struct sp_pipe child_life[SP_WORKERS_MAX + 1]; ///< of worker i; the last of control
	struct sp_pipe orders; ///< control to supervisor, read end non-blocking
};

/// -errno, with *ret_listener naming the listener it was about, -1 = none. Nothing is left open
/// then.
SP_MUST_CHECK int sp_doors_init(
	const struct sp_plan *plan, struct sp_doors *ret, int *ret_listener);
void sp_doors_done(struct sp_doors *d);
/// Give up our copies of the listening sockets: what the workers close is closed then.
void sp_doors_close_listeners(struct sp_doors *d);
/// Let go of all life lines: every child that watches one leaves.
void sp_doors_close_life(struct sp_doors *d);
/// Wake a process. Never blocks.
void sp_door_kick(int event_fd);
