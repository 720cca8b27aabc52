#include "controlplane/control/shadow.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/control/statefile.h"

#include <stdio.h>
#include "common/banned.h"

#define SHADOW_FILE "shadow" // who began it and why: the rest lies in the region
#define SHADOW_FILE_MAX 4096u

static void keep(struct sp_control *c)
{
	uint8_t text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text));
	int err;

	sp_policy_entry_print(&c->shadow, &o);
	err = o.overflow ? -E2BIG : sp_state_write(c->dir_fd, SHADOW_FILE, sp_bytes(text, o.len));
	if (err < 0)
		sp_log_err("shadow", err,
			"after a restart of control it will not be known who began it");
}

static int place(struct sp_control *c, const struct sp_policy *policy, struct sp_check *check)
{
	uint64_t generation;
	uint8_t *blob;
	size_t n;
	int err;

	SP_TRY(sp_publisher_reserve(&c->publisher, &generation));
	SP_TRY(sp_candidate_try(&c->now, policy, generation, check, &blob, &n));
	err = sp_publish_shadow(&c->publisher, sp_bytes(blob, n), SP_SLOT_NS);
	free(blob);
	return err;
}

int sp_shadow_start(
	struct sp_control *c, const char *actor, const char *note, struct sp_check *check)
{
	struct sp_policy *policy;
	int err;

	SP_TRY(sp_load_policy(c->policies.stage_path, check, &policy));
	err = place(c, policy, check);
	if (err == 0) {
		c->shadow = (struct sp_policy_entry){
			.generation = atomic_load(&c->root->shadow_head) >> 8,
			.wall_ns = sp_clock_wall_ns(),
			.origin = SP_ORIGIN_UPLOAD,
		};
		memcpy(c->shadow.sha256, policy->sha256, sizeof(c->shadow.sha256));
		snprintf(c->shadow.actor, sizeof(c->shadow.actor), "%s", actor);
		snprintf(c->shadow.note, sizeof(c->shadow.note), "%s", note);
		keep(c);
	}
	sp_policy_free(policy);
	return err;
}

void sp_shadow_off(struct sp_control *c)
{
	sp_publish_shadow_off(&c->publisher);
	c->shadow = (struct sp_policy_entry){0};
}

void sp_shadow_end(struct sp_control *c, const char *why)
{
	unsigned long long generation = c->shadow.generation;
	struct sp_act act = {
		.act = sp_ctl_command(SP_CMD_POLICY_SHADOW_OFF)->words,
		.actor = "control",
		.detail = sp_bytes_cstr(why),
		.outcome = "ok",
		.generation = sp_publisher_generation(&c->publisher),
	};
	char object[48];

	snprintf(object, sizeof(object), "generation %llu", generation);
	act.object = sp_bytes_cstr(object);
	sp_shadow_off(c);
	sp_log(SP_LOG_NOTICE, "shadow", "generation %llu ends: %s", generation, why);
	if (sp_acts_record(&c->acts, &act) < 0)
		sp_log(SP_LOG_ERROR, "audit", "the end of the candidate could not be recorded");
}

static int read_kept(struct sp_control *c, struct sp_policy_entry *ret)
{
	uint8_t *text;
	size_t n;
	int err;

	SP_TRY(sp_state_read(c->dir_fd, SHADOW_FILE, SHADOW_FILE_MAX, &text, &n));
	err = sp_policy_entry_parse(sp_bytes(text, n), ret);
	free(text);
	return err;
}

void sp_shadow_take_up(struct sp_control *c)
{
	struct sp_policy_entry kept;
	struct sp_snap s;

	c->shadow = (struct sp_policy_entry){0};
	if (sp_publisher_shadow(&c->publisher, &s) < 0) {
		sp_publish_shadow_off(&c->publisher); // of what cannot be read nobody could be told
		return;
	}
	if (read_kept(c, &kept) == 0 && kept.generation == s.h->generation) {
		c->shadow = kept;
		return;
	}
	c->shadow = (struct sp_policy_entry){.generation = s.h->generation,
		.wall_ns = s.h->built_ns,
		.origin = SP_ORIGIN_UPLOAD};
	memcpy(c->shadow.sha256, s.h->policy_sha256, sizeof(c->shadow.sha256));
}

void sp_shadow_published(struct sp_control *c, const struct sp_policy *policy)
{
	if (c->shadow.generation == 0 ||
		memcmp(policy->sha256, c->shadow.sha256, sizeof(c->shadow.sha256)) != 0)
		return;
	sp_shadow_end(c, "its files were published");
}
