/// The children: what each is started with, how it is told dead, and when it is started again. Time
/// is passed in, so that the rules can be tested without waiting.
#pragma once

#include "controlplane/supervisor/doors.h"
#include "controlplane/supervisor/regions.h"
#include "controlplane/supervisor/spawn.h"

enum sp_role { SP_ROLE_CONTROL = 0, SP_ROLE_AUDIT, SP_ROLE_WORKER };

struct sp_child {
	enum sp_role role;
	uint32_t index; ///< worker number, else 0
	pid_t pid; ///< 0 = not running
	uint64_t started_ns;
	uint64_t start_at_ns; ///< when it may be started (again)
	uint64_t backoff_ns;
	uint64_t abort_ns; ///< when it was sent SIGABRT for being stuck; 0 = not
	uint32_t restarts;
	bool wanted; ///< started again when it dies
};

#define SP_CHILDREN_MAX (SP_WORKERS_MAX + 2)
#define SP_CHILD_STABLE_NS                                                                         \
	(10 * 1000000000ull) // ran so long: the next failure starts a new back-off

const char *sp_role_name(
	enum sp_role r); ///< "control", "audit", "worker": program is sallyport-<name>

/// What follows "sallyport-" in the name of its program: a worker that owns a port needs one with EAL.
const char *sp_child_program(const struct sp_child *c, const struct sp_plan *plan);

/// Everything a child of this role is given, by the rules of common/childfd.h.
void sp_child_give(const struct sp_child *c, const struct sp_plan *plan, const struct sp_regions *r,
	const struct sp_doors *d, struct sp_spawn *s);
/// Before a start: the slot of the new life in the root region. Nobody else writes it then.
void sp_child_announce(const struct sp_child *c, struct sp_root *root);
/// The process `c->pid` has started; note it in the root region.
void sp_child_started(struct sp_child *c, struct sp_root *root, uint64_t now_ns);
/// The process is gone: next epoch, pins and RCU reader cleared, next start set by the back-off.
/// Nobody is woken here.
void sp_child_died(struct sp_child *c, const struct sp_plan *plan, const struct sp_regions *r,
	uint64_t now_ns);
/// Its own word that it is at work.
bool sp_child_ready(const struct sp_child *c, const struct sp_root *root);
/// It should have given a sign of life by now and has not. A worker that waits in the kernel is
/// well.
bool sp_child_stuck(const struct sp_child *c, const struct sp_root *root, uint64_t now_ns);
