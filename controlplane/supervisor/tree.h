/// The supervisor's loop: starts the children, restarts them, watches their heartbeats, stops them
/// in order. Blocks in poll only; parses nothing.
#pragma once

#include "controlplane/supervisor/child.h"

enum sp_tree_phase {
	SP_TREE_RUN = 0,
	SP_TREE_DRAIN, ///< workers finish and leave
	SP_TREE_CONTROL, ///< control leaves
	SP_TREE_AUDIT, ///< audit makes the rest durable and leaves
	SP_TREE_OVER,
};

struct sp_tree {
	const struct sp_plan *plan;
	struct sp_regions *regions;
	struct sp_doors *doors;
	const char *exec_dir; ///< where sallyportd lies
	struct sp_child child[SP_CHILDREN_MAX];
	uint32_t children_n;
	int signal_fd;
	enum sp_tree_phase phase;
	uint64_t phase_end_ns; ///< then the phase is ended by force
	uint64_t watchdog_ns, watchdog_next_ns;
	uint64_t reload_end_ns; ///< a reload is under way until then; 0 = none
	uint64_t turn_ns; ///< when the loop last came round
	uint64_t beats_from_ns; ///< heartbeats are not judged before
	bool was_ready, forced;
};

/// `signal_fd`: a signalfd of SIGCHLD, SIGHUP, SIGTERM, SIGINT, which the caller has blocked.
void sp_tree_init(struct sp_tree *t, const struct sp_plan *plan, struct sp_regions *regions,
	struct sp_doors *doors, const char *exec_dir, int signal_fd);
/// Run until everything has stopped: 0 after a graceful stop, 1 after a forced one.
int sp_tree_run(struct sp_tree *t);
