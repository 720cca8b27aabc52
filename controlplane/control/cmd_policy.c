#include "controlplane/control/commands.h"

#include "common/clock.h"
#include "config/diff.h"
#include "config/policy_view.h"
#include "config/policy_read.h"

#include <stdio.h>
#include "common/banned.h"

#define SOURCES_SHOWN 1000u // files in the summary of a check
#define CHANGES_MAX 20000u
#define CHANGES_BYTES (SP_CTL_ANSWER_MAX / 2) // of a diff; the last change and the end of the answer fit beyond

/// Fill the stage with the files a request carries.
static int stage_request(struct sp_job *j, struct sp_bytes sources)
{
	struct sp_cv_value list;

	SP_TRY(sp_policies_stage_clear(&j->c->policies));
	SP_TRY(sp_cv_next(&sources, &list));
	if (list.type != SP_CV_ARRAY || list.n == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < list.n; i++) {
		struct sp_bytes item, raw;
		struct sp_cv_value name, text;

		SP_TRY(sp_cv_skip(&sources, &item));
		SP_TRY(sp_cv_get(item, SP_LIT("name"), &raw));
		SP_TRY(sp_cv_next(&raw, &name));
		SP_TRY(sp_cv_get(item, SP_LIT("text"), &raw));
		SP_TRY(sp_cv_next(&raw, &text));
		if (name.type != SP_CV_STR || text.type != SP_CV_STR)
			return -EINVAL;
		SP_TRY(sp_policies_stage_file(&j->c->policies, name.s, text.s));
	}
	return 0;
}

bool sp_job_stage_sources(struct sp_job *j)
{
	struct sp_bytes sources;
	int err = sp_ctl_arg_raw(j->r, "sources", &sources);

	if (err == 0)
		err = stage_request(j, sources);
	if (err == -EINVAL)
		sp_reply_error(
			j->reply, "policy files have names that end in .json, .yaml or .yml");
	else if (err < 0)
		sp_reply_error(j->reply, "the policy files of the request: %s", strerror(-err));
	return err == 0;
}

/// Compile the stage with the configuration in force, as a check. The caller frees both.
static int try_stage(struct sp_job *j, struct sp_check *check, struct sp_policy **ret_policy,
	struct sp_bytes *ret)
{
	struct sp_policy *policy;
	uint8_t *blob;
	size_t n;
	int err;

	SP_TRY(sp_load_policy(j->c->policies.stage_path, check, &policy));
	err = sp_candidate_try(&j->c->now, policy, 1, check, &blob, &n);
	if (err < 0) {
		sp_policy_free(policy);
		return err;
	}
	*ret_policy = policy;
	*ret = sp_bytes(blob, n);
	return 0;
}

/// Answer out of the policy on the stage and its snapshot.
typedef void answer_fn(
	struct sp_job *j, const struct sp_policy *policy, const struct sp_snap *s);

static void ask_stage(struct sp_job *j, answer_fn *answer)
{
	struct sp_policy *policy = NULL;
	struct sp_bytes blob = SP_NOBYTES;
	struct sp_check check;
	struct sp_snap s;
	int err;

	if (!sp_job_stage_sources(j))
		return;
	sp_check_init(&check);
	err = try_stage(j, &check, &policy, &blob);
	if (err < 0)
		sp_job_problems(j, &check, err);
	else if (sp_snap_open(blob.p, blob.n, &s) == 0)
		answer(j, policy, &s);
	else
		sp_reply_error(j->reply, "the compiled policy does not read back");
	free((void *)(uintptr_t)blob.p);
	sp_policy_free(policy);
	sp_check_done(&check);
}

static void answer_check(
	struct sp_job *j, const struct sp_policy *policy, const struct sp_snap *s)
{
	sp_view_check(
		sp_reply_data(j->reply, SP_CTL_OK), policy, s, j->c->policies.stage_path);
}

void sp_cmd_policy_check(struct sp_job *j)
{
	ask_stage(j, answer_check);
}

struct changes {
	struct sp_cv_out *o;
	uint64_t n, left_out;
};

static void put_change(void *user, const struct sp_change *change)
{
	struct changes *c = user;

	if (change->kind == SP_CHANGE_IDENTITY) // a check compiles without key sets
		return;
	if (c->left_out || c->n == CHANGES_MAX || sp_cv_out_bytes(c->o).n > CHANGES_BYTES) {
		c->left_out++;
		return;
	}
	c->n++;
	sp_view_change(c->o, change);
}

static void put_changes(const struct sp_snap *now, const struct sp_snap *next, struct sp_cv_out *o)
{
	struct changes c = {.o = o};

	sp_cv_put_array(o);
	if (sp_snap_diff(now, next, put_change, &c) < 0)
		o->failed = true;
	if (c.left_out) {
		sp_cv_put_map(o);
		sp_put_str(o, "kind", "more");
		sp_put_u64(o, "changes", c.left_out);
		sp_cv_put_str(o, "text");
		sp_cv_put_fmt(o, "and %llu more", (unsigned long long)c.left_out);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static void answer_diff(
	struct sp_job *j, const struct sp_policy *policy, const struct sp_snap *s)
{
	struct sp_snap now;

	(void)policy;
	if (sp_publisher_current(&j->c->publisher, &now) == 0)
		put_changes(&now, s, sp_reply_data(j->reply, SP_CTL_OK));
	else
		sp_reply_error(j->reply, "there is nothing in force to compare with");
}

void sp_cmd_policy_diff(struct sp_job *j)
{
	ask_stage(j, answer_diff);
}

static void answer_publish(struct sp_job *j, const struct sp_check *check, int err)
{
	struct sp_control *c = j->c;
	unsigned long long generation = sp_publisher_generation(&c->publisher);
	uint32_t laggard;

	if (err == -EBUSY)
		sp_reply_error(j->reply,
			"nothing was published: calls in flight still hold every older "
			"generation; try again when they have ended");
	else if (err == -EFBIG)
		sp_reply_error(
			j->reply, "nothing was published: it is larger than limits.policy_slot");
	else if (err < 0)
		sp_job_problems(j, check, err);
	else if (sp_publish_wait(&c->publisher, SP_ACK_NS, &laggard) < 0)
		sp_reply_error(j->reply,
			"generation %llu is in force, but worker %u has not acknowledged it: see "
			"'sallyctl workers'",
			generation, laggard);
	else
		sp_reply_text(j->reply, c->publisher.effect_ns
						? "generation %llu is in force on every worker, %llu us "
						  "after it was set"
						: "generation %llu is in force on every worker",
			generation, (unsigned long long)(c->publisher.effect_ns / SP_NS_PER_US));
}

static void publish(struct sp_job *j, const struct sp_why *why, struct sp_bytes object)
{
	struct sp_check check;
	int err;

	sp_check_init(&check);
	err = sp_control_publish_stage(j->c, why, &check);
	sp_job_record(j, object, sp_job_note(j), err == 0);
	answer_publish(j, &check, err);
	sp_check_done(&check);
}

void sp_cmd_policy_publish(struct sp_job *j)
{
	struct sp_why why = {SP_ORIGIN_UPLOAD, 0, j->who->name, ""};
	const char *folder = j->c->now.gateway->policy.directory.s;
	struct sp_bytes sources, said = sp_job_note(j);
	char note[SP_NOTE_MAX + 1];
	int err;

	if (!sp_job_may_act(j))
		return;
	snprintf(note, sizeof(note), "%.*s", SP_FMT(said));
	why.note = note;
	if (sp_ctl_arg_raw(j->r, "sources", &sources) == 0) {
		if (sp_job_stage_sources(j))
			publish(j, &why, SP_LIT("upload"));
		return;
	}
	why.origin = SP_ORIGIN_FOLDER;
	err = sp_policies_stage_folder(&j->c->policies, folder);
	if (err < 0)
		sp_reply_error(j->reply, "%s: %s", folder, strerror(-err));
	else
		publish(j, &why, sp_bytes_cstr(folder));
}

/// The generation named, or the one kept before that in force.
static int rollback_target(struct sp_job *j, uint64_t *ret)
{
	struct sp_policy_entry kept[SP_POLICIES_KEPT];
	int n = sp_policies_list(&j->c->policies, kept);
	uint64_t wanted = 0;
	bool named = sp_ctl_arg_u64(j->r, "generation", &wanted) == 0;

	for (int i = 0; i < n; i++) {
		if (named ? kept[i].generation == wanted
			  : kept[i].generation < j->c->entry.generation) {
			*ret = kept[i].generation;
			return 0;
		}
	}
	return n < 0 ? n : -ENOENT;
}

void sp_cmd_policy_rollback(struct sp_job *j)
{
	struct sp_why why = {SP_ORIGIN_ROLLBACK, 0, j->who->name, ""};
	char object[48];
	int err;

	if (!sp_job_may_act(j))
		return;
	err = rollback_target(j, &why.from);
	if (err == 0)
		err = sp_policies_stage_kept(&j->c->policies, why.from);
	if (err == -ENOENT) {
		sp_reply_error(
			j->reply, "no such generation is kept: see 'sallyctl policy history'");
		return;
	}
	if (err < 0) {
		sp_reply_error(j->reply, "the kept policy cannot be read: %s", strerror(-err));
		return;
	}
	snprintf(object, sizeof(object), "generation %llu", (unsigned long long)why.from);
	publish(j, &why, sp_bytes_cstr(object));
}

void sp_cmd_policy_history(struct sp_job *j)
{
	static struct sp_policy_entry kept[SP_POLICIES_KEPT];
	int n = sp_policies_list(&j->c->policies, kept);
	struct sp_cv_out *o;

	if (n < 0) {
		sp_reply_error(j->reply, "the history cannot be read: %s", strerror(-n));
		return;
	}
	o = sp_reply_data(j->reply, SP_CTL_OK);
	sp_cv_put_array(o);
	for (int i = 0; i < n; i++) {
		const struct sp_policy_entry *e = &kept[i];

		sp_cv_put_map(o);
		sp_put_u64(o, "generation", e->generation);
		sp_cv_put_str(o, "published");
		sp_put_time(o, e->wall_ns);
		sp_cv_put_str(o, "origin");
		if (e->origin == SP_ORIGIN_ROLLBACK)
			sp_cv_put_fmt(o, "rollback to %llu", (unsigned long long)e->from);
		else
			sp_cv_put_str(o, sp_policy_origin_name(e->origin));
		sp_put_str(o, "by", e->actor);
		sp_put_str(o, "note", e->note);
		sp_put_str(o, "state", e->generation == j->c->entry.generation ? "in force" : "");
		sp_cv_put_str(o, "sha256");
		sp_put_hex(o, e->sha256, 8);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}
