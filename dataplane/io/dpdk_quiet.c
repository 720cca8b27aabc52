/// Drivers change their rings from EAL's interrupt thread, some without asking whether a burst is under way:
/// when a memif peer leaves, its memory is unmapped beneath the poller. So every callback that a driver
/// registers is called through here, and runs only between two bursts; a burst that meets one is left out.
/// And a callback ends with the handle it was registered for. When memif cannot greet a peer, who is gone already, it
/// closes and frees the channel with its callback in place: EAL's thread would wait for a closed descriptor and panic.
/// One that is given up while it waits for a burst's end is not called any more.
#include "dataplane/io/dpdk_wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <rte_alarm.h>
#include <rte_interrupts.h>
#include <sched.h>
#include <stdatomic.h>
#include "common/banned.h"

#define SLOTS 256u

int __real_rte_intr_callback_register(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg);
int __real_rte_intr_callback_unregister(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg);
int __real_rte_intr_callback_unregister_pending(const struct rte_intr_handle *h,
	rte_intr_callback_fn fn, void *arg, rte_intr_unregister_callback_fn done);
void __real_rte_intr_instance_free(struct rte_intr_handle *h);
int __real_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg);
int __real_rte_eal_alarm_cancel(rte_eal_alarm_callback fn, void *arg);
int __wrap_rte_intr_callback_register(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg);
int __wrap_rte_intr_callback_unregister(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg);
int __wrap_rte_intr_callback_unregister_pending(const struct rte_intr_handle *h,
	rte_intr_callback_fn fn, void *arg, rte_intr_unregister_callback_fn done);
int __wrap_rte_intr_callback_unregister_sync(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg);
void __wrap_rte_intr_instance_free(struct rte_intr_handle *h);
int __wrap_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg);
int __wrap_rte_eal_alarm_cancel(rte_eal_alarm_callback fn, void *arg);

struct guarded {
	void (*fn)(void *arg);
	void *arg;
	const struct rte_intr_handle *h; ///< the driver's, which it is registered for; NULL: an alarm
	unsigned uses; ///< registrations; 0 = free
	bool over; ///< to be unregistered, and not to be called any more
	rte_intr_unregister_callback_fn done; ///< called when it is unregistered at last
};

static struct guarded slot[SLOTS];
static void (*after)(void *user);
static void *after_user;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t in_burst, wanted;

bool sp_dpdk_burst_begin(void)
{
	atomic_store_explicit(&in_burst, 1, memory_order_seq_cst);
	return !atomic_load_explicit(&wanted, memory_order_seq_cst);
}

void sp_dpdk_after_callbacks(void (*fn)(void *user), void *user)
{
	pthread_mutex_lock(&lock);
	after = fn;
	after_user = user;
	pthread_mutex_unlock(&lock);
}

static void call_after(void)
{
	pthread_mutex_lock(&lock);
	if (after)
		after(after_user);
	pthread_mutex_unlock(&lock);
}

void sp_dpdk_burst_end(void)
{
	atomic_store_explicit(&in_burst, 0, memory_order_release);
}

static struct guarded *find(void (*fn)(void *arg), void *arg)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (slot[i].uses && slot[i].fn == fn && slot[i].arg == arg)
			return &slot[i];
	return NULL;
}

/// The slot that was free for longest: EAL may still hold one that was given up just now.
static struct guarded *free_slot(void)
{
	static unsigned next;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct guarded *g = &slot[next++ % SLOTS];

		if (!g->uses)
			return g;
	}
	return NULL;
}

static struct guarded *guard(const struct rte_intr_handle *h, void (*fn)(void *arg), void *arg)
{
	struct guarded *g;

	pthread_mutex_lock(&lock);
	g = find(fn, arg);
	if (!g && (g = free_slot()))
		*g = (struct guarded){.fn = fn, .arg = arg};
	if (g) {
		g->h = h;
		g->uses++;
	}
	pthread_mutex_unlock(&lock);
	return g;
}

/// -1 stands for any argument in EAL; it is never one of ours.
static struct guarded *known(void (*fn)(void *arg), void *arg)
{
	struct guarded *g;

	pthread_mutex_lock(&lock);
	g = find(fn, arg);
	pthread_mutex_unlock(&lock);
	return g;
}

static void give_up(struct guarded *g)
{
	pthread_mutex_lock(&lock);
	if (g->uses)
		g->uses--;
	pthread_mutex_unlock(&lock);
}

/// In the interrupt thread, the only one that runs callbacks.
static void call(void *arg)
{
	struct guarded g;

	atomic_store_explicit(&wanted, 1, memory_order_seq_cst);
	while (atomic_load_explicit(&in_burst, memory_order_seq_cst))
		sched_yield();
	pthread_mutex_lock(&lock);
	g = *(struct guarded *)arg;
	pthread_mutex_unlock(&lock);
	if (g.uses && !g.over)
		g.fn(g.arg);
	call_after();
	atomic_store_explicit(&wanted, 0, memory_order_release);
}

static void call_alarm(void *arg)
{
	struct guarded g;

	pthread_mutex_lock(&lock);
	g = *(struct guarded *)arg;
	pthread_mutex_unlock(&lock);
	give_up(arg); // it rings once
	call(&g);
}

/// An event that is late may be about a descriptor whose number is another's by now: a driver that then reads must
/// find nothing rather than wait for ever.
static void never_wait(int fd)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int __wrap_rte_intr_callback_register(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg)
{
	struct guarded *g = guard(h, fn, arg);
	int r;

	never_wait(rte_intr_fd_get(h));
	r = g ? __real_rte_intr_callback_register(h, call, g) : -ENOSPC;
	if (g && r < 0)
		give_up(g);
	return r;
}

int __wrap_rte_intr_callback_unregister(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg)
{
	struct guarded *g = known(fn, arg);
	int r = g ? __real_rte_intr_callback_unregister(h, call, g) :
		    __real_rte_intr_callback_unregister(h, fn, arg);

	if (g && r > 0)
		give_up(g);
	return r;
}

/// EAL's own goes by the driver's function, which it does not know. Not within a burst, whose end a callback waits for.
int __wrap_rte_intr_callback_unregister_sync(
	const struct rte_intr_handle *h, rte_intr_callback_fn fn, void *arg)
{
	int r;

	while ((r = __wrap_rte_intr_callback_unregister(h, fn, arg)) == -EAGAIN)
		sched_yield();
	return r;
}

static void unregistered(struct rte_intr_handle *h, void *arg)
{
	struct guarded g;

	pthread_mutex_lock(&lock);
	g = *(struct guarded *)arg;
	pthread_mutex_unlock(&lock);
	give_up(arg);
	if (g.done)
		g.done(h, g.arg);
}

static void end(struct guarded *g, bool over, rte_intr_unregister_callback_fn done)
{
	pthread_mutex_lock(&lock);
	g->over = over;
	g->done = done;
	pthread_mutex_unlock(&lock);
}

int __wrap_rte_intr_callback_unregister_pending(const struct rte_intr_handle *h,
	rte_intr_callback_fn fn, void *arg, rte_intr_unregister_callback_fn done)
{
	struct guarded *g = known(fn, arg);
	int r;

	if (!g)
		return __real_rte_intr_callback_unregister_pending(h, fn, arg, done);
	end(g, true, done);
	while ((r = __real_rte_intr_callback_unregister_pending(h, call, g, unregistered)) == -EAGAIN) {
		// It was running when the driver looked, and is not now: EAL leaves it registered, and memif loses it.
		r = __real_rte_intr_callback_unregister(h, call, g);
		if (r > 0)
			unregistered((struct rte_intr_handle *)(uintptr_t)h, g);
		if (r != -EAGAIN)
			break;
	}
	if (r <= 0)
		end(g, false, NULL);
	return r;
}

/// A callback that is registered for a handle still. Each is told once.
static struct guarded *left_behind(const struct rte_intr_handle *h)
{
	struct guarded *ret = NULL;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; h && i < SLOTS; i++) {
		if (!slot[i].uses || slot[i].h != h)
			continue;
		slot[i].h = NULL;
		ret = &slot[i];
		break;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void __wrap_rte_intr_instance_free(struct rte_intr_handle *h)
{
	struct guarded *g;

	while ((g = left_behind(h)))
		if (__real_rte_intr_callback_unregister(h, call, g) > 0)
			give_up(g);
	__real_rte_intr_instance_free(h);
}

int __wrap_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg)
{
	struct guarded *g = guard(NULL, fn, arg);
	int r = g ? __real_rte_eal_alarm_set(us, call_alarm, g) : -ENOSPC;

	if (g && r < 0)
		give_up(g);
	return r;
}

int __wrap_rte_eal_alarm_cancel(rte_eal_alarm_callback fn, void *arg)
{
	struct guarded *g = known(fn, arg);
	int r = g ? __real_rte_eal_alarm_cancel(call_alarm, g) : __real_rte_eal_alarm_cancel(fn, arg);

	for (int i = 0; g && i < r; i++)
		give_up(g);
	return r;
}
