#include "controlplane/control/commands.h"

#include "controlplane/control/shadow.h"
#include "controlplane/control/shadow_kept.h"

#include <stdio.h>
#include "common/banned.h"

static void answer_start(struct sp_job *j, const struct sp_check *check, int err)
{
	struct sp_control *c = j->c;
	unsigned long long generation = c->shadow.generation;
	uint32_t laggard;

	if (err == -EBUSY)
		sp_reply_error(j->reply,
			"nothing was changed: calls in flight hold so many older generations that no "
			"room would be left for a publish; try again when they have ended");
	else if (err == -EFBIG)
		sp_reply_error(
			j->reply, "nothing was changed: it is larger than limits.policy_slot");
	else if (err < 0)
		sp_job_problems(j, check, err);
	else if (sp_publish_shadow_wait(&c->publisher, SP_ACK_NS, &laggard) < 0)
		sp_reply_error(j->reply,
			"generation %llu is in shadow, but worker %u has not acknowledged it: see "
			"'sallyctl policy shadow status'",
			generation, laggard);
	else
		sp_reply_text(j->reply,
			"generation %llu is judged beside generation %llu on every worker; "
			"'sallyctl policy "
			"shadow report' tells what it would change",
			generation, (unsigned long long)sp_publisher_generation(&c->publisher));
}

void sp_cmd_policy_shadow(struct sp_job *j)
{
	struct sp_bytes note = sp_job_note(j);
	char why[SP_NOTE_MAX + 1], object[48];
	struct sp_check check;
	int err;

	if (!sp_job_may_act(j) || !sp_job_stage_sources(j))
		return;
	snprintf(why, sizeof(why), "%.*s", SP_FMT(note));
	sp_check_init(&check);
	err = sp_shadow_start(j->c, j->who->name, why, &check);
	snprintf(object, sizeof(object), err ? "upload" : "generation %llu",
		(unsigned long long)j->c->shadow.generation);
	sp_job_record(j, sp_bytes_cstr(object), note, err == 0);
	answer_start(j, &check, err);
	sp_check_done(&check);
}

void sp_cmd_policy_shadow_off(struct sp_job *j)
{
	unsigned long long generation = j->c->shadow.generation;
	char object[48];
	uint32_t laggard;

	if (generation == 0) {
		sp_reply_text(j->reply, "no candidate was in shadow");
		return;
	}
	if (!sp_job_may_act(j))
		return;
	sp_shadow_off(j->c);
	snprintf(object, sizeof(object), "generation %llu", generation);
	sp_job_record(j, sp_bytes_cstr(object), SP_NOBYTES, true);
	if (sp_publish_shadow_wait(&j->c->publisher, SP_ACK_NS, &laggard) < 0)
		sp_reply_error(j->reply,
			"worker %u has not acknowledged it: see 'sallyctl workers'", laggard);
	else
		sp_reply_text(j->reply, "generation %llu is judged no more", generation);
}

static void put_workers(const struct sp_control *c, struct sp_cv_out *o)
{
	uint64_t judged = 0, differed = 0, here = 0;

	for (uint32_t i = 0; i < c->root->workers; i++) {
		const struct sp_worker_slot *w = &c->root->worker[i];

		if (atomic_load(&w->shadow_generation) != c->shadow.generation)
			continue;
		here += atomic_load(&w->pid) && atomic_load(&w->state) == SP_STATE_READY;
		judged += atomic_load(&w->shadow_judged);
		differed += atomic_load(&w->shadow_differed);
	}
	sp_cv_put_str(o, "workers");
	sp_cv_put_fmt(o, "%llu of %u", (unsigned long long)here, c->root->workers);
	sp_put_u64(o, "judged", judged);
	sp_put_u64(o, "differed", differed);
}

void sp_cmd_policy_shadow_status(struct sp_job *j)
{
	const struct sp_control *c = j->c;
	struct sp_cv_out *o = sp_reply_data(j->reply, SP_CTL_OK);
	struct sp_snap now, next;

	sp_cv_put_map(o);
	sp_put_str(o, "state", c->shadow.generation ? "judging" : "off");
	if (c->shadow.generation) {
		sp_put_u64(o, "generation", c->shadow.generation);
		sp_put_u64(o, "beside", sp_publisher_generation(&c->publisher));
		sp_cv_put_str(o, "since");
		sp_put_time(o, c->shadow.wall_ns);
		sp_put_str(o, "by", c->shadow.actor);
		sp_put_str(o, "note", c->shadow.note);
		sp_cv_put_str(o, "sha256");
		sp_put_hex(o, c->shadow.sha256, 8);
		put_workers(c, o);
		if (sp_publisher_current(&c->publisher, &now) == 0 &&
			sp_publisher_shadow(&c->publisher, &next) == 0)
			sp_put_not_judged(&now, &next, o);
	}
	sp_cv_put_end(o);
}
