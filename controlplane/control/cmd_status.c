#include "controlplane/control/commands.h"

#include "common/clock.h"

#include <limits.h>
#include <stdio.h>
#include "common/banned.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif
#define CERT_WARN_DAYS 14

const char *sp_process_state_name(uint32_t state)
{
	static const char *const names[] = {[SP_STATE_STARTING] = "starting",
		[SP_STATE_READY] = "ready",
		[SP_STATE_DRAINING] = "draining",
		[SP_STATE_GONE] = "gone"};

	return state < SP_ARRAY_LEN(names) ? names[state] : "unknown";
}

const char *sp_audit_state_name(uint32_t state)
{
	static const char *const names[] = {[SP_STORE_STARTING] = "starting",
		[SP_STORE_READY] = "ready",
		[SP_STORE_LATCHED] = "latched",
		[SP_STORE_FULL] = "full"};

	return state < SP_ARRAY_LEN(names) ? names[state] : "unknown";
}

static uint64_t beat_age_ms(uint64_t beat_ns)
{
	uint64_t now = sp_clock_boot_ns();

	return beat_ns && now > beat_ns ? (now - beat_ns) / SP_NS_PER_MS : 0;
}

static void put_process(struct sp_cv_out *o, const char *name, uint32_t pid, const char *state,
	uint32_t epoch, uint64_t beat_ns)
{
	sp_cv_put_map(o);
	sp_put_str(o, "process", name);
	sp_put_u64(o, "pid", pid);
	sp_put_str(o, "state", pid ? state : "gone");
	sp_put_u64(o, "restarts", epoch ? epoch - 1 : 0);
	sp_put_u64(o, "beat_ms", beat_age_ms(beat_ns));
	sp_cv_put_end(o);
}

static unsigned put_processes(const struct sp_control *c, struct sp_cv_out *o)
{
	const struct sp_root *r = c->root;
	unsigned ready = 0;

	sp_cv_put_str(o, "processes");
	sp_cv_put_array(o);
	put_process(o, "control", r->control.pid, sp_process_state_name(r->control.state),
		r->control.epoch, r->control.beat_ns);
	put_process(o, "audit", r->audit.pid, sp_audit_state_name(r->audit.state), r->audit.epoch,
		r->audit.beat_ns);
	for (uint32_t i = 0; i < r->workers; i++) {
		const struct sp_worker_slot *w = &r->worker[i];
		char name[24];

		snprintf(name, sizeof(name), "worker %u", i);
		put_process(o, name, w->pid, sp_process_state_name(w->state), w->epoch, w->beat_ns);
		ready += w->pid && w->state == SP_STATE_READY;
	}
	sp_cv_put_end(o);
	return ready;
}

static uint64_t sum(const struct sp_control *c, enum sp_stat stat)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < c->root->workers; i++)
		v += atomic_load_explicit(&c->root->worker[i].stat[stat], memory_order_relaxed);
	return v;
}

static void put_calls(const struct sp_control *c, struct sp_cv_out *o)
{
	sp_cv_put_str(o, "calls");
	sp_cv_put_map(o);
	sp_put_u64(o, "judged", sum(c, SP_STAT_CALLS));
	sp_put_u64(o, "allowed", sum(c, SP_STAT_ALLOWED));
	sp_put_u64(o, "denied", sum(c, SP_STAT_DENIED));
	sp_put_u64(o, "failed", sum(c, SP_STAT_FAILED));
	sp_put_u64(o, "in_flight", sum(c, SP_STAT_CALLS_OPEN));
	sp_put_u64(o, "connections", sum(c, SP_STAT_OPEN));
	sp_cv_put_end(o);
}

static void put_audit(const struct sp_control *c, struct sp_cv_out *o)
{
	const struct sp_audit_slot *a = &c->root->audit;

	sp_cv_put_str(o, "audit");
	sp_cv_put_map(o);
	sp_put_u64(o, "sequence", a->seq);
	sp_put_u64(o, "records", a->records);
	sp_put_u64(o, "commits", a->commits);
	sp_put_u64(o, "bytes", a->bytes);
	sp_put_u64(o, "in_doubt", a->in_doubt);
	sp_put_u64(o, "errors", a->errors);
	sp_put_u64(o, "lost_basic", sum(c, SP_STAT_AUDIT_LOST));
	sp_put_u64(o, "lost_acts", c->acts.lost);
	sp_cv_put_end(o);
}

static void put_issuers(const struct sp_control *c, struct sp_cv_out *o)
{
	uint64_t now = sp_clock_wall_ns();

	sp_cv_put_str(o, "issuers");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < c->now.gateway->issuers.n; i++) {
		struct sp_refresh_status s;

		if (sp_refresh_status(c->trust.refresh, i, &s) < 0)
			continue;
		sp_cv_put_map(o);
		sp_put_str(o, "issuer", sp_gw_issuer(c->now.gateway, i)->issuer.s);
		sp_put_str(o, "state",
			s.keys == 0               ? "no keys"
			: s.valid_until_ns <= now ? "stale"
						  : "ok");
		sp_put_u64(o, "keys", s.keys);
		sp_cv_put_str(o, "read");
		sp_put_time(o, s.last_good_wall_ns);
		sp_cv_put_str(o, "valid_until");
		sp_put_time(o, s.valid_until_ns);
		sp_put_str(o, "trouble", s.why);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static void put_warnings(const struct sp_control *c, struct sp_cv_out *o)
{
	int days = sp_tls_files_days_left(c->now.tls, sp_clock_wall_ns());

	sp_cv_put_str(o, "warnings");
	sp_cv_put_array(o);
	if (c->trouble[0])
		sp_cv_put_fmt(o, "the last reload changed nothing: %s", c->trouble);
	if (days < 0)
		sp_cv_put_str(o, "a certificate has expired");
	else if (days < CERT_WARN_DAYS)
		sp_cv_put_fmt(o, "a certificate expires in %d days", days);
	if (c->entry.origin != SP_ORIGIN_FOLDER)
		sp_cv_put_str(o,
			"the policy in force was published by an operator, not read from the "
			"configured folder");
	if (c->secrets_due)
		sp_cv_put_str(
			o, "a worker has not taken up the certificates before the newest ones");
	for (uint32_t i = 0; i < c->now.upstreams.n; i++)
		if (c->now.upstreams.v[i].addrs_n == 0)
			sp_cv_put_fmt(o, "upstream %s has no address: its name does not resolve",
				sp_gw_upstream(c->now.gateway, i)->name.s);
	sp_cv_put_end(o);
}

static bool all_ready(const struct sp_control *c)
{
	for (uint32_t i = 0; i < c->root->workers; i++)
		if (!c->root->worker[i].pid || c->root->worker[i].state != SP_STATE_READY)
			return false;
	return c->root->audit.pid && c->root->audit.state == SP_STORE_READY &&
	       atomic_load(&c->root->policy_head) != 0;
}

void sp_cmd_status(struct sp_job *j)
{
	const struct sp_control *c = j->c;
	bool draining = atomic_load(&c->root->run_state) != 0, ready = all_ready(c) && !draining;
	struct sp_cv_out *o = sp_reply_data(j->reply, ready ? SP_CTL_OK : SP_CTL_REFUSED);

	sp_cv_put_map(o);
	sp_put_str(o, "state", draining ? "draining" : ready ? "serving" : "degraded");
	sp_put_str(o, "version", SP_VERSION);
	sp_put_str(o, "profile", sp_profile_name((enum sp_profile)c->now.gateway->profile));
	sp_put_u64(o, "generation", sp_publisher_generation(&c->publisher));
	sp_put_u64(o, "agents", c->now.policy->agents_n);
	sp_put_u64(o, "revocations", c->revocations.region->used);
	sp_cv_put_str(o, "workers_ready");
	sp_cv_put_fmt(o, "%s of %u", ready ? "all" : "not all", c->root->workers);
	put_processes(c, o);
	put_calls(c, o);
	put_audit(c, o);
	put_issuers(c, o);
	put_warnings(c, o);
	sp_cv_put_end(o);
}

void sp_cmd_version(struct sp_job *j)
{
	struct sp_cv_out *o = sp_reply_data(j->reply, SP_CTL_OK);

	sp_cv_put_map(o);
	sp_put_str(o, "gateway", SP_VERSION);
	sp_put_u64(o, "layout", SP_SHM_LAYOUT);
	sp_cv_put_str(o, "boot_id");
	sp_put_hex(o, j->c->root->boot_id, sizeof(j->c->root->boot_id));
	sp_cv_put_end(o);
}

void sp_cmd_workers(struct sp_job *j)
{
	const struct sp_root *r = j->c->root;
	struct sp_cv_out *o = sp_reply_data(j->reply, SP_CTL_OK);

	sp_cv_put_array(o);
	for (uint32_t i = 0; i < r->workers; i++) {
		const struct sp_worker_slot *w = &r->worker[i];

		sp_cv_put_map(o);
		sp_put_u64(o, "worker", i);
		sp_put_u64(o, "pid", w->pid);
		sp_put_str(o, "state", w->pid ? sp_process_state_name(w->state) : "gone");
		sp_put_u64(o, "restarts", w->epoch ? w->epoch - 1 : 0);
		sp_put_u64(o, "generation", w->seen_policy);
		sp_put_u64(o, "secrets", w->seen_secrets);
		sp_put_u64(o, "beat_ms", beat_age_ms(w->beat_ns));
		sp_put_u64(o, "sleeping", w->sleeping);
		for (unsigned k = 0; k < SP_STAT__COUNT; k++) {
			sp_cv_put_str(o, sp_stat_name((enum sp_stat)k));
			sp_cv_put_u64(o, atomic_load_explicit(&w->stat[k], memory_order_relaxed));
		}
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}
