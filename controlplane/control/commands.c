#include "controlplane/control/commands.h"

#include "common/childfd.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mp.h"

#include <stdio.h>
#include <time.h>
#include "common/banned.h"

#define SHOW_BYTES (4u << 20)

static sp_job_fn *const functions[SP_CMD__COUNT] = {
	[SP_CMD_STATUS] = sp_cmd_status,
	[SP_CMD_WORKERS] = sp_cmd_workers,
	[SP_CMD_METRICS] = sp_cmd_metrics,
	[SP_CMD_VERSION] = sp_cmd_version,
	[SP_CMD_CONFIG_CHECK] = sp_cmd_config_check,
	[SP_CMD_CONFIG_SHOW] = sp_cmd_config_show,
	[SP_CMD_CONFIG_RELOAD] = sp_cmd_config_reload,
	[SP_CMD_POLICY_CHECK] = sp_cmd_policy_check,
	[SP_CMD_POLICY_SHOW] = sp_cmd_policy_show,
	[SP_CMD_POLICY_DIFF] = sp_cmd_policy_diff,
	[SP_CMD_POLICY_SHADOW] = sp_cmd_policy_shadow,
	[SP_CMD_POLICY_SHADOW_STATUS] = sp_cmd_policy_shadow_status,
	[SP_CMD_POLICY_SHADOW_OFF] = sp_cmd_policy_shadow_off,
	[SP_CMD_POLICY_PUBLISH] = sp_cmd_policy_publish,
	[SP_CMD_POLICY_ROLLBACK] = sp_cmd_policy_rollback,
	[SP_CMD_POLICY_HISTORY] = sp_cmd_policy_history,
	[SP_CMD_AGENTS] = sp_cmd_agents,
	[SP_CMD_REVOKE_AGENT] = sp_cmd_revoke,
	[SP_CMD_REVOKE_TOKEN] = sp_cmd_revoke,
	[SP_CMD_REVOKE_SESSION] = sp_cmd_revoke,
	[SP_CMD_DRAIN] = sp_cmd_drain,
};

bool sp_control_serves(enum sp_ctl_command_id id)
{
	return id < SP_CMD__COUNT && functions[id] != NULL;
}

void sp_control_run(void *ctx, const struct sp_ctl_command *cmd, const struct sp_ctl_request *r,
	const struct sp_caller *who, struct sp_reply *reply)
{
	struct sp_job j = {.c = ctx, .cmd = cmd, .r = r, .who = who, .reply = reply};

	if (functions[cmd->id])
		functions[cmd->id](&j);
	else
		sp_reply_error(reply, "'%s' is not served here", cmd->words);
}

void sp_job_record(struct sp_job *j, struct sp_bytes object, struct sp_bytes detail, bool done)
{
	const struct sp_act act = {.act = j->cmd->words,
		.actor = j->who->name,
		.object = object,
		.detail = detail,
		.outcome = done ? "ok" : "failed",
		.generation = sp_publisher_generation(&j->c->publisher)};

	sp_log(SP_LOG_NOTICE, "act", "%s: %s %.*s: %s", j->who->name, j->cmd->words, SP_FMT(object),
		act.outcome);
	if (sp_acts_record(&j->c->acts, &act) < 0)
		sp_log(SP_LOG_ERROR, "audit", "the act before could not be recorded");
}

bool sp_job_may_act(struct sp_job *j)
{
	if (sp_acts_room(&j->c->acts))
		return true;
	sp_reply_error(j->reply,
		"the audit process takes no records at present, so nothing was done: "
		"see 'sallyctl status'");
	return false;
}

void sp_job_problems(struct sp_job *j, const struct sp_check *check, int err)
{
	struct sp_cv_out *o;

	if (check->n == 0) {
		sp_reply_error(j->reply, "%s: %s", j->cmd->words, strerror(-err));
		return;
	}
	o = sp_reply_data(j->reply, SP_CTL_REFUSED);
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < check->n; i++) {
		const struct sp_problem *p = &check->v[i];
		const char *file = sp_problem_file(p->file, j->c->policies.stage_path);

		sp_cv_put_map(o);
		sp_cv_put_str(o, "where");
		if (p->line)
			sp_cv_put_fmt(o, "%s:%u:%u", file, p->line, p->col);
		else
			sp_cv_put_str(o, file);
		sp_put_str(o, "problem", p->what);
		sp_put_str(o, "mend", p->mend ? p->mend : "");
		sp_cv_put_end(o);
	}
	if (check->dropped) {
		sp_cv_put_map(o);
		sp_put_str(o, "where", "");
		sp_cv_put_str(o, "problem");
		sp_cv_put_fmt(o, "and %u more", check->dropped);
		sp_put_str(o, "mend", "");
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

struct sp_bytes sp_job_note(const struct sp_job *j)
{
	struct sp_bytes note = SP_NOBYTES;

	if (sp_ctl_arg_str(j->r, "note", &note) < 0)
		return SP_NOBYTES;
	return sp_utf8_cut(note, SP_NOTE_MAX);
}

void sp_put_time(struct sp_cv_out *o, uint64_t wall_ns)
{
	time_t s = (time_t)(wall_ns / SP_NS_PER_SEC);
	char text[40];
	struct tm tm;

	if (wall_ns == 0 || !gmtime_r(&s, &tm)) {
		sp_cv_put_str(o, "-");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	sp_cv_put_fmt(o, "%s.%03uZ", text, (unsigned)(wall_ns % SP_NS_PER_SEC / SP_NS_PER_MS));
}

void sp_put_hex(struct sp_cv_out *o, const uint8_t *p, size_t n)
{
	uint8_t text[128];
	struct sp_out hex = sp_out_init(text, sizeof(text));

	sp_out_hex(&hex, sp_bytes(p, n));
	sp_cv_put_bytes(o, sp_bytes(text, hex.len));
}

void sp_cmd_drain(struct sp_job *j)
{
	const char order = SP_ORDER_DRAIN;
	bool done;

	if (!sp_job_may_act(j))
		return;
	done = write(SP_FD_SUPERVISOR, &order, 1) == 1;
	sp_job_record(j, SP_NOBYTES, SP_NOBYTES, done);
	if (done)
		sp_reply_text(j->reply, "the gateway drains: calls in flight have %llu ms to end",
			(unsigned long long)(j->c->plan->drain_ns / SP_NS_PER_MS));
	else
		sp_reply_error(j->reply, "the supervisor cannot be reached: %s", strerror(errno));
}

/// What was loaded last, from the file and from the table's defaults; what of it waits for the next start is told
/// by "config check".
void sp_cmd_config_show(struct sp_job *j)
{
	uint8_t *text = malloc(SHOW_BYTES);
	struct sp_out o = sp_out_init(text, SHOW_BYTES);

	if (!j->c->now.gateway) {
		sp_reply_error(j->reply, "no configuration was loaded yet");
		free(text);
		return;
	}
	if (!text) {
		sp_reply_error(j->reply, "%s", strerror(ENOMEM));
		return;
	}
	sp_gateway_show(j->c->now.gateway, &o);
	if (o.overflow)
		sp_reply_error(j->reply, "the configuration is longer than can be shown");
	else
		sp_cv_put_bytes(sp_reply_data(j->reply, SP_CTL_OK), sp_bytes(o.p, o.len));
	free(text);
}

void sp_cmd_config_check(struct sp_job *j)
{
	const char *path = j->c->plan->config_path;
	char named[SP_PATH_MAX];
	struct sp_bytes file;
	struct sp_check check;
	struct sp_candidate cand;
	uint8_t *blob, text[1024];
	struct sp_out later = sp_out_init(text, sizeof(text) - 1);
	size_t n;
	int err;

	if (sp_ctl_arg_str(j->r, "file", &file) == 0) {
		snprintf(named, sizeof(named), "%.*s", SP_FMT(file));
		path = named;
	}
	sp_check_init(&check);
	err = sp_candidate_read(path, &check, &cand);
	if (err == 0) {
		err = sp_candidate_try(&cand, j->c->now.policy, 1, &check, &blob, &n);
		if (err == 0) {
			free(blob);
			(void)sp_gateway_needs_restart(j->c->now.gateway, cand.gateway, &later);
		}
		sp_candidate_done(&cand);
	}
	text[later.len] = 0;
	if (err < 0)
		sp_job_problems(j, &check, err);
	else if (later.len)
		sp_reply_text(j->reply, "%s is good; takes effect only at the next start: %s", path,
			(char *)text);
	else
		sp_reply_text(j->reply, "%s is good", path);
	sp_check_done(&check);
}

void sp_cmd_config_reload(struct sp_job *j)
{
	struct sp_control *c = j->c;
	struct sp_gateway *running;
	uint8_t text[1024];
	struct sp_out later = sp_out_init(text, sizeof(text) - 1);
	struct sp_check check;
	uint32_t laggard;
	int err;

	if (!sp_job_may_act(j))
		return;
	sp_check_init(&check);
	err = sp_load_gateway(c->plan->config_path, &check, &running);
	if (err == 0) {
		(void)sp_gateway_needs_restart(c->now.gateway, running, &later);
		sp_gateway_free(running);
		err = sp_control_reload(c, &check);
	}
	text[later.len] = 0;
	sp_job_record(j, sp_bytes_cstr(c->plan->config_path), SP_NOBYTES, err == 0);
	sp_problems_text(&check, c->policies.stage_path, c->trouble, sizeof(c->trouble));
	if (err < 0)
		sp_job_problems(j, &check, err);
	else if (sp_publish_wait(&c->publisher, SP_ACK_NS, &laggard) < 0)
		sp_reply_error(j->reply, "reloaded, but worker %u has not taken it up", laggard);
	else
		sp_reply_text(j->reply, "reloaded: policy generation %llu%s%s",
			(unsigned long long)sp_publisher_generation(&c->publisher),
			later.len ? "; only at the next start: " : "", (char *)text);
	sp_check_done(&check);
}
