#include "controlplane/supervisor/regions.h"

#include "common/channel.h"
#include "common/history.h"
#include "common/rcu.h"
#include "common/revoked.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "common/banned.h"

static size_t align(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t align_line(size_t n)
{
	return align(n, SP_CACHE_LINE);
}

/// A region nobody reaches but through a descriptor we hand out: by its name in /proc neither.
static int make(const char *name, enum sp_region_kind kind, size_t bytes, size_t root_size,
	bool with_ro, struct sp_region *ret)
{
	char path[64];

	SP_TRY(sp_shm_create(name, kind, bytes, root_size, &ret->shm, &ret->fd));
	if (fchmod(ret->fd, S_IRUSR | S_IWUSR) < 0)
		return -errno;
	if (!with_ro)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ret->fd);
	ret->ro_fd = open(path, O_RDONLY | O_CLOEXEC);
	return ret->ro_fd < 0 ? -errno : 0;
}

static int make_root(const struct sp_plan *plan, struct sp_region *ret)
{
	size_t qsbr = align_line(sizeof(struct sp_root));
	struct sp_root *root;

	SP_TRY(make("sallyport-root", SP_REGION_ROOT, qsbr + sp_rcu_bytes(plan->workers),
		sizeof(struct sp_root), false, ret));
	root = (struct sp_root *)ret->shm.base;
	root->workers = plan->workers;
	root->qsbr_off = qsbr;
	root->qsbr_bytes = sp_rcu_bytes(plan->workers);
	if (getrandom(root->boot_id, sizeof(root->boot_id), 0) != sizeof(root->boot_id))
		return -EIO;
	sp_rcu_format(sp_rcu_at(&ret->shm), plan->workers);
	return 0;
}

static int make_policy(const struct sp_plan *plan, struct sp_region *ret)
{
	size_t unit = plan->policy_slot_bytes < SP_HUGE_PAGE ? SP_CACHE_LINE : SP_HUGE_PAGE;
	size_t off = align(sizeof(struct sp_policy_region), unit);
	size_t slot = align(plan->policy_slot_bytes, unit); // so that no two share a huge page
	struct sp_policy_region *r;

	SP_TRY(make("sallyport-policy", SP_REGION_POLICY, off + SP_POLICY_SLOTS * slot, sizeof(*r), true, ret));
	r = (struct sp_policy_region *)ret->shm.base;
	r->slots_off = off;
	r->slot_bytes = slot;
	return 0;
}

static int make_secrets(const struct sp_plan *plan, struct sp_region *ret)
{
	size_t off = align_line(sizeof(struct sp_secrets_region));
	struct sp_secrets_region *r;

	SP_TRY(make("sallyport-secrets", SP_REGION_SECRETS, off + 2 * plan->secrets_bytes,
		sizeof(*r), true, ret));
	r = (struct sp_secrets_region *)ret->shm.base;
	r->half_off[0] = off;
	r->half_off[1] = off + plan->secrets_bytes;
	r->half_bytes = plan->secrets_bytes;
	return 0;
}

static int make_revoked(const struct sp_plan *plan, struct sp_region *ret)
{
	SP_TRY(make("sallyport-revoked", SP_REGION_REVOKED,
		sp_revoked_bytes(plan->revoked_capacity), sizeof(struct sp_revoked_region), true,
		ret));
	return sp_revoked_format(&ret->shm, plan->revoked_capacity);
}

static int make_limits(const struct sp_plan *plan, struct sp_region *ret)
{
	const struct sp_history_sizes sizes = {.agents = plan->limit_slots,
		.windows = plan->limit_windows,
		.pairs = plan->history_pairs,
		.session_ns = plan->session_ns,
		.agent_percent = plan->agent_windows_percent};

	SP_TRY(make("sallyport-limits", SP_REGION_LIMITS, sp_history_bytes(&sizes),
		sizeof(struct sp_limits_region), false, ret));
	sp_shm_gather(&ret->shm, 0, ret->shm.size);
	return sp_history_format(&ret->shm, &sizes);
}

/// A copy of our own: who wrote the first one may still have it mapped.
static int make_plan(const struct sp_plan *plan, struct sp_region *ret)
{
	struct sp_plan *p;
	struct sp_shm_print print;

	SP_TRY(make("sallyport-plan", SP_REGION_PLAN, sizeof(*p), sizeof(*p), true, ret));
	p = (struct sp_plan *)ret->shm.base;
	print = p->print;
	*p = *plan;
	p->print = print;
	return 0;
}

static int make_channel(const struct sp_plan *plan, uint32_t i, struct sp_region *ret)
{
	size_t bytes = sp_channel_bytes(
		plan->audit_ring_entries, plan->audit_arena_bytes, plan->control_ring_entries);

	SP_TRY(make("sallyport-channel", SP_REGION_CHANNEL, bytes, sizeof(struct sp_channel_region),
		false, ret));
	return sp_channel_format(&ret->shm, i, plan->audit_ring_entries, plan->audit_arena_bytes,
		plan->control_ring_entries);
}

static int make_all(const struct sp_plan *plan, struct sp_regions *r)
{
	SP_TRY(make_root(plan, &r->root));
	SP_TRY(make_plan(plan, &r->plan));
	SP_TRY(make_policy(plan, &r->policy));
	SP_TRY(make_secrets(plan, &r->secrets));
	SP_TRY(make_revoked(plan, &r->revoked));
	SP_TRY(make_limits(plan, &r->limits));
	for (uint32_t i = 0; i < plan->workers + 1; i++) {
		r->channels_n = i + 1;
		SP_TRY(make_channel(plan, i, &r->channel[i]));
	}
	return 0;
}

static void region_done(struct sp_region *r)
{
	sp_shm_detach(&r->shm);
	sp_close_fd(&r->fd);
	sp_close_fd(&r->ro_fd);
}

void sp_regions_done(struct sp_regions *r)
{
	region_done(&r->root);
	region_done(&r->plan);
	region_done(&r->policy);
	region_done(&r->secrets);
	region_done(&r->revoked);
	region_done(&r->limits);
	for (uint32_t i = 0; i < r->channels_n; i++)
		region_done(&r->channel[i]);
	r->channels_n = 0;
}

int sp_regions_init(const struct sp_plan *plan, struct sp_regions *ret)
{
	const struct sp_region none = {.fd = -1, .ro_fd = -1};
	struct sp_regions r = {.root = none,
		.plan = none,
		.policy = none,
		.secrets = none,
		.revoked = none,
		.limits = none};
	int err;

	for (uint32_t i = 0; i < SP_CHANNELS_MAX; i++)
		r.channel[i] = none;
	err = make_all(plan, &r);
	if (err < 0) {
		sp_regions_done(&r);
		return err;
	}
	*ret = r;
	return 0;
}
