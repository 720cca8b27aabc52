#include "controlplane/control/control.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/control/roles.h"
#include "controlplane/control/shadow.h"

#include <stdio.h>
#include "common/banned.h"

#define RESOLVE_NS (30 * SP_NS_PER_SEC)
#define RESOLVE_SOON_NS (5 * SP_NS_PER_SEC)

static int compile(struct sp_control *c, const struct sp_candidate *from,
	const struct sp_policy *policy, uint64_t generation, uint64_t built_ns,
	struct sp_check *check, uint8_t **ret, size_t *ret_n)
{
	struct sp_issuer_keys *keys = sp_trust_keys(&c->trust);
	struct sp_compile_in in = {
		.gateway = from->gateway,
		.policy = policy,
		.keys = keys,
		.upstreams = from->upstreams.v,
		.limits = &c->limits,
		.generation = generation,
		.built_ns = built_ns,
	};
	int err = keys ? sp_compile(&in, check, ret, ret_n) : -ENOMEM;

	free(keys);
	return err;
}

/// It compiles to what is in force already, byte for byte but for number and time.
static bool is_in_force(
	struct sp_control *c, const struct sp_candidate *from, const struct sp_policy *policy)
{
	struct sp_check check;
	struct sp_snap snap;
	uint8_t *blob = NULL;
	size_t n = 0;
	bool same = false;

	sp_check_init(&check);
	if (sp_publisher_current(&c->publisher, &snap) == 0 &&
		compile(c, from, policy, snap.h->generation, snap.h->built_ns, &check, &blob, &n) ==
			0)
		same = n == snap.h->bytes && memcmp(blob, snap.base, n) == 0;
	free(blob);
	sp_check_done(&check);
	return same;
}

static int publish(struct sp_control *c, const struct sp_candidate *from,
	const struct sp_policy *policy, struct sp_check *check)
{
	uint64_t generation;
	uint8_t *blob;
	size_t n;
	int err;

	SP_TRY(sp_publisher_reserve(&c->publisher, &generation));
	SP_TRY(compile(c, from, policy, generation, sp_clock_wall_ns(), check, &blob, &n));
	err = sp_publish(&c->publisher, sp_bytes(blob, n), SP_SLOT_NS);
	if (err == -EBUSY && c->shadow.generation) {
		sp_shadow_end(c, "its slot was needed for a publish");
		err = sp_publish(&c->publisher, sp_bytes(blob, n), SP_SLOT_NS);
	}
	free(blob);
	if (err < 0)
		return err;
	sp_log(SP_LOG_NOTICE, "policy", "generation %llu is in force: %u agents, %u tools",
		(unsigned long long)generation, policy->agents_n, policy->actions_n);
	sp_shadow_published(c, policy);
	return 0;
}

static void describe(struct sp_control *c, const struct sp_why *why, const struct sp_policy *policy)
{
	c->entry = (struct sp_policy_entry){
		.generation = sp_publisher_generation(&c->publisher),
		.wall_ns = sp_clock_wall_ns(),
		.origin = why->origin,
		.from = why->from,
	};
	memcpy(c->entry.sha256, policy->sha256, sizeof(c->entry.sha256));
	snprintf(c->entry.actor, sizeof(c->entry.actor), "%s", why->actor);
	snprintf(c->entry.note, sizeof(c->entry.note), "%s", why->note);
}

static void keep(struct sp_control *c)
{
	int err = sp_policies_keep(&c->policies, &c->entry);

	if (err < 0) // it is in force all the same; a rollback to it will not be possible
		sp_log_err("policy", err, "generation %llu cannot be kept for a rollback",
			(unsigned long long)c->entry.generation);
}

int sp_control_publish_stage(struct sp_control *c, const struct sp_why *why, struct sp_check *check)
{
	struct sp_policy *policy;
	int err;

	SP_TRY(sp_load_policy(c->policies.stage_path, check, &policy));
	err = publish(c, &c->now, policy, check);
	if (err < 0) {
		sp_policy_free(policy);
		return err;
	}
	if (c->now.policy)
		sp_policy_free(c->now.policy);
	c->now.policy = policy;
	describe(c, why, policy);
	keep(c);
	return 0;
}

int sp_control_stage_in_force(struct sp_control *c, const struct sp_gateway *g)
{
	struct sp_policy_entry kept[SP_POLICIES_KEPT];
	int n = sp_policies_list(&c->policies, kept);

	if (n < 0)
		return n;
	if (n > 0 && kept[0].origin != SP_ORIGIN_FOLDER) {
		c->entry = kept[0];
		return sp_policies_stage_kept(&c->policies, kept[0].generation);
	}
	c->entry = n > 0 ? kept[0] : (struct sp_policy_entry){.origin = SP_ORIGIN_FOLDER};
	return sp_policies_stage_folder(&c->policies, g->policy.directory.s);
}

int sp_control_secrets(struct sp_control *c)
{
	int err = sp_secrets_publish(&c->secrets, c->now.tls, &c->keys);

	c->secrets_due = err == -EBUSY;
	if (err == 0) {
		sp_log(SP_LOG_NOTICE, "secrets",
			"certificates and keys are in force, generation %llu",
			(unsigned long long)(atomic_load(&c->root->secrets_head) >> 8));
		sp_publisher_kick(&c->publisher);
	}
	return err < 0 && err != -EBUSY ? err : 0;
}

static void plan_resolving(struct sp_control *c)
{
	bool missing = false;

	for (uint32_t i = 0; i < c->now.upstreams.n; i++)
		missing = missing || c->now.upstreams.v[i].resolve_err;
	c->upstreams_due_ns = sp_clock_boot_ns() + (missing ? RESOLVE_SOON_NS : RESOLVE_NS);
}

int sp_control_recompile(struct sp_control *c)
{
	struct sp_upstream_set fresh;
	struct sp_check check;
	int err = 0;

	sp_check_init(&check);
	if (sp_load_upstreams(c->now.gateway, sp_resolve_system, NULL, &check, &fresh) == 0) {
		for (uint32_t i = 0; i < fresh.n;
			i++) // a name server's silence takes no address away
			if (fresh.v[i].resolve_err && c->now.upstreams.v[i].addrs_n) {
				fresh.v[i].addrs_n = c->now.upstreams.v[i].addrs_n;
				memcpy(fresh.v[i].addr_len, c->now.upstreams.v[i].addr_len,
					sizeof(fresh.v[i].addr_len));
				memcpy(fresh.v[i].addr, c->now.upstreams.v[i].addr,
					sizeof(fresh.v[i].addr));
			}
		sp_upstream_set_done(&c->now.upstreams);
		c->now.upstreams = fresh;
	}
	plan_resolving(c);
	if (!is_in_force(c, &c->now, c->now.policy))
		err = publish(c, &c->now, c->now.policy, &check);
	sp_check_done(&check);
	return err;
}

/// The candidate takes the place of what is in force, its policy included.
static void adopt(struct sp_control *c, struct sp_candidate *next)
{
	struct sp_role_number role[SP_ROLES_MAX];

	sp_candidate_done(&c->now);
	c->now = *next;
	sp_role_table_put(&c->root->control, role, sp_role_numbers(&c->now.gateway->control.roles, role));
	plan_resolving(c);
}

/// `c->entry` tells the candidate's policy, whether or not it comes into force.
static int bring_in(struct sp_control *c, struct sp_candidate *next, struct sp_check *check)
{
	struct sp_snap snap;
	bool running = sp_publisher_current(&c->publisher, &snap) == 0;
	bool first = c->now.gateway == NULL;

	SP_TRY(sp_control_stage_in_force(c, next->gateway));
	SP_TRY(sp_load_policy(c->policies.stage_path, check, &next->policy));
	SP_TRY(sp_trust_configure(&c->trust, next->gateway, running ? &snap : NULL));
	if (!is_in_force(c, next, next->policy)) {
		int err = publish(c, next, next->policy, check);

		if (err < 0) { // the key sets follow the configuration that stays
			if (!first && sp_trust_configure(&c->trust, c->now.gateway, &snap) < 0)
				sp_log(SP_LOG_ERROR, "keys", "no memory");
			return err;
		}
	}
	// the same sources under another number (keys changed, a restart) are no new entry
	if (c->entry.origin == SP_ORIGIN_FOLDER &&
		memcmp(c->entry.sha256, next->policy->sha256, sizeof(c->entry.sha256)) != 0) {
		const struct sp_why why = {SP_ORIGIN_FOLDER, 0, "configuration", ""};

		describe(c, &why, next->policy);
		keep(c);
	}
	return 0;
}

/// From files to force. The old configuration stays whole until the new one is in force.
static int bring_up(struct sp_control *c, struct sp_candidate *next, struct sp_check *check)
{
	struct sp_policy_entry before = c->entry;
	int err = bring_in(c, next, check);

	if (err == 0)
		adopt(c, next);
	else if (c->now.gateway) // after a start it tells what was kept as in force
		c->entry = before;
	return err;
}

int sp_control_reload(struct sp_control *c, struct sp_check *check)
{
	struct sp_candidate next;
	int err;

	SP_TRY(sp_candidate_read(c->plan->config_path, check, &next));
	// the region is as large as at the start; once policy is in force it is too late to find out
	err = sp_tls_files_room(next.tls, next.gateway, c->secrets.region->half_bytes, check);
	if (err == 0)
		err = bring_up(c, &next, check);
	if (err < 0) {
		sp_candidate_done(&next);
		return err;
	}
	return sp_control_secrets(c);
}

int sp_control_start(struct sp_control *c, const char *config_path)
{
	struct sp_check check;
	struct sp_candidate next;
	int err;

	sp_shadow_take_up(c);
	sp_check_init(&check);
	err = sp_candidate_read(config_path, &check, &next);
	if (err == 0) {
		err = sp_keys_init(&c->keys, c->dir_fd, sp_secrets_current(&c->secrets),
			sp_clock_boot_ns(), next.gateway->tls.ticket_rotation_ns);
		if (err == 0)
			err = bring_up(c, &next, &check);
		if (err < 0)
			sp_candidate_done(&next);
	}
	if (err == 0)
		err = sp_control_secrets(c);
	if (err < 0) {
		sp_problems_text(&check, c->policies.stage_path, c->trouble, sizeof(c->trouble));
		sp_log_err("start", err, "nothing was published: %s", c->trouble);
	}
	sp_check_done(&check);
	return err;
}
