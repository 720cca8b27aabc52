/// The control process: what it holds, and the steps its loop and its commands are made of.
#pragma once

#include "common/history.h"
#include "controlplane/control/acts.h"
#include "controlplane/control/candidate.h"
#include "controlplane/control/desk.h"
#include "controlplane/control/policies.h"
#include "controlplane/control/publish.h"
#include "controlplane/control/revocations.h"
#include "controlplane/control/secrets.h"
#include "controlplane/control/trust.h"

#define SP_ACK_NS (10 * 1000000000ull) // how long a publish waits for every worker
#define SP_SLOT_NS (5 * 1000000000ull) // and for a free slot

struct sp_control {
	const struct sp_plan *plan;
	struct sp_root *root;
	struct sp_shm limits;
	struct sp_history history; ///< the same region
	int dir_fd; ///< state_dir/control
	struct sp_publisher publisher;
	struct sp_secrets secrets;
	struct sp_keys keys;
	struct sp_revocations revocations;
	struct sp_policies policies;
	struct sp_acts acts;
	struct sp_trust trust;
	struct sp_desk *desk;
	struct sp_channel worker[SP_WORKERS_MAX]; ///< their messages
	struct sp_candidate now; ///< what is in force
	struct sp_policy_entry entry; ///< how its policy came to be
	struct sp_policy_entry shadow; ///< the same of the candidate in shadow; generation 0 = none
	bool sessions_full; ///< the last session an agent ended could not be
	bool secrets_due; ///< a publish of secrets waits for a worker
	uint64_t upstreams_due_ns; ///< boot time at which names are resolved again
	bool reload, stop; ///< asked for
	char trouble[2048]; ///< why the last reload changed nothing; "" = it did
};

/// What a change says of itself when it is kept and recorded.
struct sp_why {
	enum sp_policy_origin origin;
	uint64_t from;
	const char *actor, *note;
};
/// Put the policy that lies on the stage in force with the configuration that is; keep it. Problems
/// go to `check`. 0, -EBADMSG, or what sp_publish() says.
SP_MUST_CHECK int sp_control_publish_stage(
	struct sp_control *c, const struct sp_why *why, struct sp_check *check);
/// Read everything again and put it in force. As above.
SP_MUST_CHECK int sp_control_reload(struct sp_control *c, struct sp_check *check);
/// Compile what is in force anew (keys or addresses changed) and publish it if it came out
/// differently.
SP_MUST_CHECK int sp_control_recompile(struct sp_control *c);
/// Certificates and keys into force; when a worker is not ready for it, later.
SP_MUST_CHECK int sp_control_secrets(struct sp_control *c);
/// First configuration, policy and keys of this process. Problems were logged.
SP_MUST_CHECK int sp_control_start(struct sp_control *c, const char *config_path);
/// Stage the policy that should be in force by what was kept: the folder's, or the last one
/// published.
SP_MUST_CHECK int sp_control_stage_in_force(struct sp_control *c, const struct sp_gateway *g);

/// Commands (common/ctl_table.h).
void sp_control_run(void *ctx, const struct sp_ctl_command *cmd, const struct sp_ctl_request *r,
	const struct sp_caller *who, struct sp_reply *reply);
/// There is a function for it.
bool sp_control_serves(enum sp_ctl_command_id id);
/// Names of things common to several commands.
const char *sp_process_state_name(uint32_t state);
const char *sp_audit_state_name(uint32_t state);
