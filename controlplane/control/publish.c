#include "controlplane/control/publish.h"

#include "common/clock.h"
#include "common/rcu.h"
#include "controlplane/control/statefile.h"

#include <time.h>
#include "common/banned.h"

#define GENERATION_FILE "generation"

#define WATCH_NS (5 * SP_NS_PER_MS) ///< how long a publish watches its effect
static const struct timespec nap = {0, SP_NS_PER_MS};
static const struct timespec moment = {0, 10 * SP_NS_PER_US}; ///< workers take a new head within so many

static uint32_t slot_of(uint64_t head)
{
	return (uint32_t)(head & 0xff);
}

int sp_publisher_init(struct sp_publisher *p, const struct sp_shm *root,
	const struct sp_shm *policy, int dir_fd, int worker_event0)
{
	struct sp_policy_region *region = (struct sp_policy_region *)policy->base;
	struct rte_rcu_qsbr *rcu = sp_rcu_at(root);
	uint64_t kept;

	if (!rcu || !sp_shm_at(policy, region->slots_off, SP_POLICY_SLOTS * region->slot_bytes))
		return -EINVAL;
	SP_TRY(sp_state_read_u64(dir_fd, GENERATION_FILE, &kept));
	*p = (struct sp_publisher){
		.root = (struct sp_root *)root->base,
		.region = region,
		.shm = *policy,
		.rcu = rcu,
		.workers = ((struct sp_root *)root->base)->workers,
		.dir_fd = dir_fd,
		.worker_event0 = worker_event0,
	};
	p->reserved_generation = sp_max(kept, sp_publisher_generation(p));
	// what a predecessor left may still be read: it is free after a grace period from now
	for (uint32_t i = 0; i < SP_POLICY_SLOTS; i++) {
		p->retired[i] = atomic_load(&region->used[i]) != 0;
		p->token[i] = rte_rcu_qsbr_start(rcu);
	}
	return 0;
}

static int open_head(const struct sp_publisher *p, uint64_t head, struct sp_snap *ret)
{
	uint32_t slot = slot_of(head);
	uint64_t used;

	if (head == 0 || slot >= SP_POLICY_SLOTS)
		return -ENOENT;
	used = atomic_load(&p->region->used[slot]);
	if (used > p->region->slot_bytes)
		return -EINVAL;
	return sp_snap_open(
		p->shm.base + p->region->slots_off + slot * p->region->slot_bytes, used, ret);
}

int sp_publisher_current(const struct sp_publisher *p, struct sp_snap *ret)
{
	return open_head(p, atomic_load(&p->root->policy_head), ret);
}

int sp_publisher_shadow(const struct sp_publisher *p, struct sp_snap *ret)
{
	return open_head(p, atomic_load(&p->root->shadow_head), ret);
}

int sp_publisher_reserve(struct sp_publisher *p, uint64_t *ret)
{
	uint64_t next = p->reserved_generation + 1;

	SP_TRY(sp_state_write_u64(p->dir_fd, GENERATION_FILE, next));
	p->reserved_generation = next;
	*ret = next;
	return 0;
}

static bool pinned(const struct sp_publisher *p, uint32_t slot)
{
	for (uint32_t w = 0; w < p->workers; w++)
		if (atomic_load(&p->root->worker[w].pins[slot]) != 0)
			return true;
	return false;
}

/// The grace period first, the pins after it: none of an old slot can appear any more by then.
static bool is_free(struct sp_publisher *p, uint32_t slot)
{
	uint64_t policy = atomic_load(&p->root->policy_head),
		 shadow = atomic_load(&p->root->shadow_head);

	if ((policy && slot_of(policy) == slot) || (shadow && slot_of(shadow) == slot))
		return false;
	if (!p->retired[slot])
		return true;
	return rte_rcu_qsbr_check(p->rcu, p->token[slot], false) == 1 && !pinned(p, slot);
}

static int free_slot(struct sp_publisher *p, uint64_t wait_ns, uint32_t *ret)
{
	uint64_t end = sp_clock_boot_ns() + wait_ns;

	for (;;) {
		for (uint32_t i = 0; i < SP_POLICY_SLOTS; i++) {
			if (is_free(p, i)) {
				*ret = i;
				return 0;
			}
		}
		if (sp_clock_boot_ns() >= end)
			return -EBUSY;
		sp_publisher_kick(p);
		nanosleep(&nap, NULL);
	}
}

typedef bool has_taken_fn(const struct sp_publisher *p, const struct sp_worker_slot *w);

static bool has_policy(const struct sp_publisher *p, const struct sp_worker_slot *w)
{
	return atomic_load(&w->seen_policy) >= sp_publisher_generation(p);
}

static bool has_shadow(const struct sp_publisher *p, const struct sp_worker_slot *w)
{
	return atomic_load(&w->shadow_generation) == atomic_load(&p->root->shadow_head) >> 8;
}

static bool lags(const struct sp_publisher *p, uint32_t worker, has_taken_fn *has)
{
	const struct sp_worker_slot *w = &p->root->worker[worker];

	return atomic_load(&w->pid) != 0 && atomic_load(&w->state) == SP_STATE_READY && !has(p, w);
}

static int wait_all(
	const struct sp_publisher *p, has_taken_fn *has, uint64_t wait_ns, uint32_t *ret_laggard)
{
	uint64_t begin = sp_clock_boot_ns();

	for (uint32_t w = 0; w < p->workers;) {
		uint64_t waited = sp_clock_boot_ns() - begin;

		if (!lags(p, w, has)) {
			w++;
			continue;
		}
		if (waited >= wait_ns) {
			*ret_laggard = w;
			return -ETIMEDOUT;
		}
		nanosleep(waited < SP_NS_PER_MS ? &moment : &nap, NULL);
	}
	return 0;
}

int sp_publish_wait(const struct sp_publisher *p, uint64_t wait_ns, uint32_t *ret_laggard)
{
	return wait_all(p, has_policy, wait_ns, ret_laggard);
}

int sp_publish_shadow_wait(const struct sp_publisher *p, uint64_t wait_ns, uint32_t *ret_laggard)
{
	return wait_all(p, has_shadow, wait_ns, ret_laggard);
}

/// The blob in a slot of its own, where nobody looks yet; *ret is the head that names it.
static int place(struct sp_publisher *p, struct sp_bytes blob, uint64_t newer_than,
	uint64_t wait_ns, uint64_t *ret)
{
	struct sp_snap snap;
	uint32_t slot;
	uint8_t *at;

	if (blob.n > p->region->slot_bytes)
		return -EFBIG;
	SP_TRY(free_slot(p, wait_ns, &slot));
	at = p->shm.base + p->region->slots_off + slot * p->region->slot_bytes;
	atomic_store(&p->region->used[slot], 0);
	memcpy(at, blob.p, blob.n);
	// the rest of the last huge page is this slot's, too
	sp_shm_gather(&p->shm, (size_t)(at - p->shm.base),
		sp_min((blob.n + SP_HUGE_PAGE - 1) / SP_HUGE_PAGE * SP_HUGE_PAGE, p->region->slot_bytes));
	SP_TRY(sp_snap_open(at, blob.n, &snap)); // what workers will read is what is checked
	if (snap.h->generation <= newer_than || snap.h->generation > p->reserved_generation)
		return -EINVAL;
	atomic_store(&p->region->used[slot], blob.n);
	p->retired[slot] = false;
	*ret = snap.h->generation << 8 | slot;
	return 0;
}

/// Store a head; what the one before named is free after a grace period.
static void set_head(struct sp_publisher *p, _Atomic uint64_t *head, uint64_t to)
{
	uint64_t old = atomic_exchange(head, to);
	uint32_t slot = slot_of(old);

	if (old && slot < SP_POLICY_SLOTS) {
		p->token[slot] = rte_rcu_qsbr_start(p->rcu);
		p->retired[slot] = true;
	}
	sp_publisher_kick(p);
}

int sp_publish(struct sp_publisher *p, struct sp_bytes blob, uint64_t wait_ns)
{
	uint64_t head, set_ns;
	uint32_t laggard;
	bool late;

	SP_TRY(place(p, blob, sp_publisher_generation(p), wait_ns, &head));
	set_ns = sp_clock_boot_ns();
	set_head(p, &p->root->policy_head, head);
	late = sp_publish_wait(p, WATCH_NS, &laggard) < 0;
	p->effect_ns = late ? 0 : sp_clock_boot_ns() - set_ns;
	return 0;
}

static unsigned free_slots(struct sp_publisher *p)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < SP_POLICY_SLOTS; i++)
		n += is_free(p, i);
	return n;
}

int sp_publish_shadow(struct sp_publisher *p, struct sp_bytes blob, uint64_t wait_ns)
{
	uint64_t head, before = atomic_load(&p->root->shadow_head) >> 8,
		       end = sp_clock_boot_ns() + wait_ns;

	while (free_slots(p) < 2) { // the other is for the next publish
		if (sp_clock_boot_ns() >= end)
			return -EBUSY;
		sp_publisher_kick(p);
		nanosleep(&nap, NULL);
	}
	SP_TRY(place(p, blob, before, wait_ns, &head));
	set_head(p, &p->root->shadow_head, head);
	return 0;
}

void sp_publish_shadow_off(struct sp_publisher *p)
{
	if (atomic_load(&p->root->shadow_head))
		set_head(p, &p->root->shadow_head, 0);
}

void sp_publisher_kick(const struct sp_publisher *p)
{
	const uint64_t one = 1;

	if (p->worker_event0 < 0)
		return;
	for (uint32_t w = 0; w < p->workers; w++)
		if (write(p->worker_event0 + (int)w, &one, sizeof(one)) < 0 && errno != EAGAIN)
			SP_BUG_IF(errno == EBADF);
}
