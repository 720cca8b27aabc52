/// The commands' functions, one each; inside controlplane/control/cmd_*.c.
#pragma once

#include "controlplane/control/control.h"

struct sp_job {
	struct sp_control *c;
	const struct sp_ctl_command *cmd;
	const struct sp_ctl_request *r;
	const struct sp_caller *who;
	struct sp_reply *reply;
};
typedef void sp_job_fn(struct sp_job *j);
sp_job_fn sp_cmd_status, sp_cmd_workers, sp_cmd_metrics, sp_cmd_version, sp_cmd_agents;
sp_job_fn sp_cmd_config_check, sp_cmd_config_show, sp_cmd_config_reload, sp_cmd_drain;
sp_job_fn sp_cmd_policy_check, sp_cmd_policy_show, sp_cmd_policy_diff, sp_cmd_policy_publish;
sp_job_fn sp_cmd_policy_rollback, sp_cmd_policy_history;
sp_job_fn sp_cmd_policy_shadow, sp_cmd_policy_shadow_status, sp_cmd_policy_shadow_off;
sp_job_fn sp_cmd_revoke;

/// Put the act on the record: to be called once its outcome is known.
void sp_job_record(struct sp_job *j, struct sp_bytes object, struct sp_bytes detail, bool done);
/// False, with the error answered, when an act cannot be recorded: it must then not happen.
bool sp_job_may_act(struct sp_job *j);
/// The problems as the answer: a list with code 1.
void sp_job_problems(struct sp_job *j, const struct sp_check *check, int err);
#define SP_NOTE_MAX 199u ///< bytes of a note; longer ones are cut between characters
/// The optional argument `note`, or nothing.
struct sp_bytes sp_job_note(const struct sp_job *j);

/// cmd_policy.c: the request's policy files on the stage. False with the error answered.
bool sp_job_stage_sources(struct sp_job *j);

/// RFC 3339 with milliseconds; "-" for 0.
void sp_put_time(struct sp_cv_out *o, uint64_t wall_ns);
void sp_put_hex(struct sp_cv_out *o, const uint8_t *p, size_t n);
#define sp_put_u64(o, key, v) (sp_cv_put_str((o), (key)), sp_cv_put_u64((o), (v)))
#define sp_put_str(o, key, v) (sp_cv_put_str((o), (key)), sp_cv_put_str((o), (v)))
#define sp_put_bytes(o, key, v) (sp_cv_put_str((o), (key)), sp_cv_put_bytes((o), (v)))
