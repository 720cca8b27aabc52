/// Starts sallyport-audit as the supervisor would, with workers played by child processes, in a
/// folder of its own. For unit tests, fault tests and figures.
#pragma once

#include "common/channel.h"
#include "common/plan.h"

#include <sys/types.h>

struct sp_rig {
	char path[96]; ///< state_dir and run_dir in one
	struct sp_root *root;
	struct sp_plan *plan;
	struct sp_shm channel[SP_WORKERS_MAX + 1]; ///< control's behind the workers'
	uint32_t workers;
	int root_fd, plan_fd, audit_event;
	int channel_fd[SP_WORKERS_MAX + 1], worker_event[SP_WORKERS_MAX + 1];
	int worker_life[SP_WORKERS_MAX + 1]; ///< read ends
	int life[2];                     ///< the write end is ours
	pid_t audit;
};

/// Regions and folder, nothing started. `base` is where the folder is made. Aborts on failure.
void sp_rig_init(struct sp_rig *r, const char *base, uint32_t workers, uint32_t entries);
/// Stops what runs and removes the folder.
void sp_rig_done(struct sp_rig *r);
/// A fresh life of the gateway on the same folder: new regions, new boot id.
void sp_rig_new_life(struct sp_rig *r);
void sp_rig_start_audit(struct sp_rig *r);
/// SIGKILL and wait.
void sp_rig_kill_audit(struct sp_rig *r);
/// Close the life line and wait: the exit status, -1 when it did not leave in `ms`.
int sp_rig_leave_audit(struct sp_rig *r, int ms);
/// Wait until audit says this state; false after `ms`.
bool sp_rig_state(struct sp_rig *r, enum sp_audit_state s, int ms);
/// Fork a worker: `body` runs in the child, which then leaves. Raises the worker's epoch.
pid_t sp_rig_worker(struct sp_rig *r, uint32_t i, void (*body)(struct sp_rig *r, uint32_t i, void *ctx),
	void *ctx);

/// In a worker: one record into the ring. False when there was no room. `type` decision or outcome.
bool sp_rig_record(struct sp_rig *r, struct sp_channel *c, uint32_t i, unsigned type, uint64_t call,
	const char *level, uint64_t *ret_seq);
/// In a worker: wait until its records up to `seq` are durable, as a strict call does.
bool sp_rig_wait_durable(struct sp_rig *r, struct sp_channel *c, uint32_t i, uint64_t seq, int ms);

/// What the journal holds, counted by walking it whole.
struct sp_rig_tally {
	bool chain_ok;
	uint64_t records, own, lifecycle, in_doubt, admin;
	uint64_t last[SP_WORKERS_MAX + 1];   ///< highest worker number
	uint64_t lost, repeated;         ///< gaps and repeats in workers' numbers
	uint64_t verify_ns;              ///< what proving all of it took
	uint64_t open, closed_twice;     ///< allowed calls without an end, with more than one
};
/// Workers' numbers are those of the present life (boot id) alone; the chain is of all.
void sp_rig_count(struct sp_rig *r, struct sp_rig_tally *ret);
