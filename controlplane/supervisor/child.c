#include "controlplane/supervisor/child.h"

#include "common/childfd.h"
#include "common/clock.h"
#include "common/rcu.h"

#include "common/banned.h"

/// How long without a sign of life is too long: a worker never blocks, control waits for peers,
/// audit for a disk.
static const uint64_t beat_limit_ns[] = {
	[SP_ROLE_CONTROL] = 60 * SP_NS_PER_SEC,
	[SP_ROLE_AUDIT] = 120 * SP_NS_PER_SEC,
	[SP_ROLE_WORKER] = 5 * SP_NS_PER_SEC,
};
#define START_LIMIT_NS (60 * SP_NS_PER_SEC)
#define SLEEP_LIMIT_NS (60 * SP_NS_PER_SEC) // even a worker without work wakes now and then

const char *sp_role_name(enum sp_role r)
{
	switch (r) {
	case SP_ROLE_CONTROL:
		return "control";
	case SP_ROLE_AUDIT:
		return "audit";
	case SP_ROLE_WORKER:
		return "worker";
	}
	return "unknown";
}

const char *sp_child_program(const struct sp_child *c, const struct sp_plan *plan)
{
	return c->role == SP_ROLE_WORKER && plan->ports_n ? "worker-dpdk" : sp_role_name(c->role);
}

static void give_control(const struct sp_plan *plan, const struct sp_regions *r,
	const struct sp_doors *d, struct sp_spawn *s)
{
	sp_spawn_give(s, r->policy.fd, SP_FD_POLICY);
	sp_spawn_give(s, r->secrets.fd, SP_FD_SECRETS);
	sp_spawn_give(s, r->revoked.fd, SP_FD_REVOKED);
	sp_spawn_give(s, r->limits.fd, SP_FD_LIMITS);
	sp_spawn_give(s, d->control_event, SP_FD_EVENT);
	sp_spawn_give(s, d->audit_event, SP_FD_AUDIT_EVENT);
	sp_spawn_give(s, d->orders.write_fd, SP_FD_SUPERVISOR);
	sp_spawn_give(s, d->child_life[plan->workers].write_fd, SP_FD_WORKER_LIFE);
	for (uint32_t i = 0; i <= plan->workers; i++)
		sp_spawn_give(s, r->channel[i].fd, SP_FD_CHANNEL + (int)i);
	for (uint32_t i = 0; i < plan->workers; i++)
		sp_spawn_give(s, d->worker_event[i], SP_FD_WORKER_EVENT + (int)i);
	s->uid = plan->uid_control;
}

static void give_audit(const struct sp_plan *plan, const struct sp_regions *r,
	const struct sp_doors *d, struct sp_spawn *s)
{
	sp_spawn_give(s, d->audit_event, SP_FD_EVENT);
	sp_spawn_give(s, d->control_event, SP_FD_CONTROL_EVENT);
	for (uint32_t i = 0; i <= plan->workers; i++) {
		sp_spawn_give(s, r->channel[i].fd, SP_FD_CHANNEL + (int)i);
		sp_spawn_give(s, d->child_life[i].read_fd, SP_FD_WORKER_LIFE + (int)i);
	}
	for (uint32_t i = 0; i < plan->workers; i++)
		sp_spawn_give(s, d->worker_event[i], SP_FD_WORKER_EVENT + (int)i);
	s->uid = plan->uid_audit;
}

static void give_worker(const struct sp_child *c, const struct sp_plan *plan,
	const struct sp_regions *r, const struct sp_doors *d, struct sp_spawn *s)
{
	sp_spawn_give(s, r->policy.ro_fd, SP_FD_POLICY);
	sp_spawn_give(s, r->secrets.ro_fd, SP_FD_SECRETS);
	sp_spawn_give(s, r->revoked.ro_fd, SP_FD_REVOKED);
	sp_spawn_give(s, r->limits.fd, SP_FD_LIMITS);
	sp_spawn_give(s, d->worker_event[c->index], SP_FD_EVENT);
	sp_spawn_give(s, d->audit_event, SP_FD_AUDIT_EVENT);
	sp_spawn_give(s, d->control_event, SP_FD_CONTROL_EVENT);
	for (uint32_t i = 0; i < plan->listeners_n; i++)
		if (!plan->listener[i].port)
			sp_spawn_give(s, d->listener[c->index][i], SP_FD_LISTENER + (int)i);
	sp_spawn_give(s, r->channel[c->index].fd, SP_FD_CHANNEL);
	sp_spawn_give(s, d->worker_event[c->index], SP_FD_WORKER_EVENT);
	sp_spawn_give(s, d->child_life[c->index].write_fd, SP_FD_WORKER_LIFE);
	s->uid = plan->uid_worker;
	if (plan->first_cpu >= 0)
		s->cpu = plan->first_cpu + (int)c->index;
}

void sp_child_give(const struct sp_child *c, const struct sp_plan *plan, const struct sp_regions *r,
	const struct sp_doors *d, struct sp_spawn *s)
{
	s->cpu = -1;
	s->gid = plan->gid;
	sp_spawn_give(s, d->life.read_fd, SP_FD_LIFE);
	sp_spawn_give(s, r->root.fd, SP_FD_ROOT);
	sp_spawn_give(s, r->plan.ro_fd, SP_FD_PLAN);
	switch (c->role) {
	case SP_ROLE_CONTROL:
		give_control(plan, r, d, s);
		break;
	case SP_ROLE_AUDIT:
		give_audit(plan, r, d, s);
		break;
	case SP_ROLE_WORKER:
		give_worker(c, plan, r, d, s);
		break;
	}
}

/// Where the root region keeps a child's pid and epoch.
static void words_of(const struct sp_child *c, struct sp_root *root, _Atomic uint32_t **ret_pid,
	_Atomic uint32_t **ret_epoch)
{
	switch (c->role) {
	case SP_ROLE_CONTROL:
		*ret_pid = &root->control.pid;
		*ret_epoch = &root->control.epoch;
		return;
	case SP_ROLE_AUDIT:
		*ret_pid = &root->audit.pid;
		*ret_epoch = &root->audit.epoch;
		return;
	case SP_ROLE_WORKER:
		*ret_pid = &root->worker[c->index].pid;
		*ret_epoch = &root->worker[c->index].epoch;
		return;
	}
}

void sp_child_announce(const struct sp_child *c, struct sp_root *root)
{
	struct sp_worker_slot *w = &root->worker[c->index];
	_Atomic uint32_t *pid, *epoch;

	words_of(c, root, &pid, &epoch);
	if (atomic_load(epoch) == 0)
		atomic_store(epoch, 1);
	switch (c->role) {
	case SP_ROLE_CONTROL:
		atomic_store(&root->control.beat_ns, 0);
		atomic_store(&root->control.state, SP_STATE_STARTING);
		return;
	case SP_ROLE_AUDIT:
		atomic_store(&root->audit.beat_ns, 0);
		atomic_store(&root->audit.sleeping, 0);
		return;
	case SP_ROLE_WORKER:
		atomic_store(&w->beat_ns, 0);
		atomic_store(&w->seen_policy, 0);
		atomic_store(&w->seen_secrets, 0);
		atomic_store(&w->seen_revoked, 0);
		atomic_store(&w->sleeping, 0);
		atomic_store(&w->state, SP_STATE_STARTING);
		for (unsigned i = 0; i < SP_STAT__COUNT; i++)
			atomic_store_explicit(&w->stat[i], 0, memory_order_relaxed);
		return;
	}
}

void sp_child_started(struct sp_child *c, struct sp_root *root, uint64_t now_ns)
{
	_Atomic uint32_t *pid, *epoch;

	words_of(c, root, &pid, &epoch);
	c->started_ns = now_ns;
	c->abort_ns = 0;
	atomic_store(pid, (uint32_t)c->pid);
}

static void clear_worker(uint32_t index, const struct sp_regions *r)
{
	struct sp_worker_slot *w = &sp_regions_root(r)->worker[index];

	atomic_store(&w->state, SP_STATE_GONE);
	atomic_store(&w->sleeping, 0);
	for (unsigned i = 0; i < SP_POLICY_SLOTS; i++)
		atomic_store(&w->pins[i], 0);
	sp_rcu_unregister(sp_rcu_at(&r->root.shm), index);
}

/// Nothing becomes durable now. A store that was in order will be taken up again soon, so rings may still be
/// filled; one that was refused stays refused until an audit process has opened it.
static void store_without_audit(struct sp_root *root)
{
	uint32_t ready = SP_STORE_READY;

	atomic_compare_exchange_strong(&root->audit.state, &ready, SP_STORE_STARTING);
}

void sp_child_died(
	struct sp_child *c, const struct sp_plan *plan, const struct sp_regions *r, uint64_t now_ns)
{
	struct sp_root *root = sp_regions_root(r);
	_Atomic uint32_t *pid, *epoch;

	words_of(c, root, &pid, &epoch);
	if (c->role == SP_ROLE_WORKER)
		clear_worker(c->index, r);
	else if (c->role == SP_ROLE_CONTROL)
		atomic_store(&root->control.state, SP_STATE_GONE);
	else
		store_without_audit(root);
	atomic_store(pid, 0);
	atomic_fetch_add(epoch, 1);
	if (c->backoff_ns == 0 || now_ns - c->started_ns >= SP_CHILD_STABLE_NS)
		c->backoff_ns = plan->restart_min_ns;
	else
		c->backoff_ns = sp_min(c->backoff_ns * 2, plan->restart_max_ns);
	c->start_at_ns = now_ns + c->backoff_ns;
	c->pid = 0;
	c->restarts++;
}

bool sp_child_ready(const struct sp_child *c, const struct sp_root *root)
{
	if (c->pid == 0)
		return false;
	switch (c->role) {
	case SP_ROLE_CONTROL:
		return atomic_load(&root->control.state) == SP_STATE_READY &&
		       atomic_load(&root->policy_head) != 0;
	case SP_ROLE_AUDIT:
		return atomic_load(&root->audit.state) == SP_STORE_READY;
	case SP_ROLE_WORKER:
		return atomic_load(&root->worker[c->index].state) == SP_STATE_READY;
	}
	return false;
}

bool sp_child_stuck(const struct sp_child *c, const struct sp_root *root, uint64_t now_ns)
{
	const struct sp_worker_slot *w = &root->worker[c->index];
	uint64_t beat = 0, limit = beat_limit_ns[c->role];

	if (c->pid == 0)
		return false;
	switch (c->role) {
	case SP_ROLE_CONTROL:
		beat = atomic_load(&root->control.beat_ns);
		break;
	case SP_ROLE_AUDIT:
		if (atomic_load(&root->audit.sleeping))
			return false;
		beat = atomic_load(&root->audit.beat_ns);
		break;
	case SP_ROLE_WORKER:
		if (atomic_load(&w->sleeping))
			limit = SLEEP_LIMIT_NS;
		beat = atomic_load(&w->beat_ns);
		break;
	}
	if (beat ==
		0) // recovery of a long journal takes its time: audit has no limit until it beats
		return c->role != SP_ROLE_AUDIT && now_ns - c->started_ns > START_LIMIT_NS;
	return now_ns > beat && now_ns - beat > limit;
}
