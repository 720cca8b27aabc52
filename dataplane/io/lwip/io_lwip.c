/// The back end itself: set-up, the turn, listeners.
#include "dataplane/io/lwip/stack.h"

#include "common/clock.h"
#include "dataplane/io/lwip/memory.h"
#include "dataplane/io/lwip/random.h"

#include <lwip/init.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <netif/etharp.h>

#include <time.h>
#include "common/banned.h"

#define SLEEP_MOST_NS (100 * SP_NS_PER_US)
#define SPIN_NS (200 * SP_NS_PER_US) ///< after work, before the first sleep
#define TURN_BURSTS 4u
#define SEGMENTS 16384u

static bool in_use; // lwIP's state is global

u32_t sys_now(void)
{
	return (u32_t)(sp_clock_boot_ns() / SP_NS_PER_MS);
}

static void run_timers(struct lwip_io *l)
{
	uint64_t now_ns = l->io.now_ns;

	if (now_ns - l->tcp_ns >= TCP_TMR_INTERVAL * SP_NS_PER_MS) {
		l->tcp_ns = now_ns;
		tcp_tmr();
		if (l->mld_due)
			mld6_tmr();
		l->mld_due = !l->mld_due; // every other time: MLD6_TMR_INTERVAL
	}
	if (now_ns - l->second_ns >= SP_NS_PER_SEC) {
		l->second_ns = now_ns;
		etharp_tmr();
		nd6_tmr();
	}
}

/// Streams marked while this runs wait for the next turn, which then does not sleep.
static unsigned flush(struct lwip_io *l)
{
	const struct sp_stream *last = l->io.dirty_tail;
	struct sp_stream *s;
	unsigned n = 0;

	while ((s = sp_io_next_dirty(&l->io))) {
		lwip_stream_flush(l, lwip_stream(s));
		n++;
		if (s == last)
			break;
	}
	return n;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

/// Wait, if that is asked for and nothing is there to be done; what the kernel has for us comes first.
static int wait_and_wake(struct lwip_io *l, uint64_t wait_ns, unsigned frames)
{
	if (frames || l->io.dirty_head || l->io.now_ns - l->busy_ns < SPIN_NS)
		wait_ns = 0;
	wait_ns = sp_min(wait_ns, (uint64_t)SLEEP_MOST_NS);
	if (l->kernel) {
		int n = sp_io_turn(l->kernel, l->io.now_ns, wait_ns);

		l->io.stats.waited_ns = sp_io_stats(l->kernel)->waited_ns;
		return n;
	}
	if (wait_ns) {
		sleep_ns(wait_ns);
		l->io.now_ns += wait_ns;
		l->io.stats.waited_ns += wait_ns;
	}
	sp_io_awake(&l->io);
	return 0;
}

static uint64_t kernel_awake(void *user)
{
	struct lwip_io *l = user;

	if (l->io.awake)
		sp_io_awake(&l->io);
	else
		l->io.now_ns = sp_clock_boot_ns();
	return l->io.now_ns;
}

/// Burst by burst, and what is to be sent after each: a burst and all it touches fit the caches, a turn's frames do
/// not.
static unsigned receive(struct lwip_io *l, struct sp_frame *frames, unsigned n)
{
	unsigned done = lwip_netif_receive(l, frames, n);

	for (unsigned i = 1; i < TURN_BURSTS && n == SP_WIRE_BURST; i++) {
		done += flush(l);
		l->wire->ops->flush(l->wire);
		n = l->wire->ops->receive(l->wire, frames, SP_WIRE_BURST);
		done += lwip_netif_receive(l, frames, n);
	}
	return done;
}

static int lwip_turn(struct sp_io *io, uint64_t wait_ns)
{
	struct lwip_io *l = lwip_io(io);
	struct sp_frame frames[SP_WIRE_BURST];
	unsigned n = l->wire->ops->receive(l->wire, frames, SP_WIRE_BURST), done;
	int kernel;

	l->called = 0;
	kernel = wait_and_wake(l, wait_ns, n);
	sp_lwip_clock(io->now_ns);
	if (sp_unlikely(l->wire->lost != l->lost)) {
		l->lost = l->wire->lost;
		lwip_streams_lost(l);
	}
	done = flush(l) + receive(l, frames, n);
	run_timers(l);
	lwip_linger_expire(l);
	if (kernel < 0)
		return kernel;
	done += flush(l) + (unsigned)kernel;
	l->wire->ops->flush(l->wire);
	io->stats.half_open_dropped = sp_lwip_half_open_dropped();
	if (done)
		l->busy_ns = io->now_ns;
	return (int)sp_max(done, l->called);
}

static struct sp_io *lwip_via(struct sp_io *io, const struct sockaddr *addr, socklen_t len)
{
	struct lwip_io *l = lwip_io(io);
	uint16_t port;
	ip_addr_t ip;

	if (!l->kernel || (lwip_address_from(addr, len, &ip, &port) == 0 && lwip_address_reached(l, &ip)))
		return io;
	return l->kernel;
}

static int lwip_listen_addr(struct sp_io *io, const struct sockaddr *addr, socklen_t len,
	sp_io_accept_fn fn, void *user)
{
	struct lwip_io *l = lwip_io(io);
	struct lwip_listener *li = &l->listener[l->listeners_n];
	struct tcp_pcb *pcb, *listening;
	uint16_t port;
	ip_addr_t ip;
	err_t err;
	int r;

	r = lwip_address_from(addr, len, &ip, &port);
	if (l->kernel && (r < 0 || (!ip_addr_isany_val(ip) && !lwip_address_reached(l, &ip))))
		return sp_io_listen_addr(l->kernel, addr, len, fn, user);
	SP_TRY(r);
	if (l->listeners_n == LWIP_LISTENERS)
		return -ENOSPC;
	pcb = tcp_new_ip_type(IP_GET_TYPE(&ip));
	if (!pcb)
		return -ENOBUFS;
	err = tcp_bind(pcb, &ip, port);
	listening = err == ERR_OK ? tcp_listen(pcb) : NULL;
	if (!listening) {
		tcp_close(pcb);
		return err == ERR_USE ? -EADDRINUSE : -ENOBUFS;
	}
	*li = (struct lwip_listener){.pcb = listening, .io = l, .fn = fn, .user = user};
	tcp_arg(listening, li);
	tcp_accept(listening, lwip_stream_accept);
	l->listeners_n++;
	return 0;
}

static int lwip_listen(struct sp_io *io, int fd, sp_io_accept_fn fn, void *user)
{
	struct lwip_io *l = lwip_io(io);

	return l->kernel ? sp_io_listen(l->kernel, fd, fn, user) : -EOPNOTSUPP;
}

static void lwip_stop_accepting(struct sp_io *io)
{
	struct lwip_io *l = lwip_io(io);

	for (uint32_t i = 0; i < l->listeners_n; i++) {
		if (l->listener[i].pcb)
			tcp_close(l->listener[i].pcb);
		l->listener[i].pcb = NULL;
	}
	if (l->kernel)
		sp_io_stop_accepting(l->kernel);
}

static int lwip_watch(struct sp_io *io, int fd, bool once, void (*fn)(void *user), void *user)
{
	struct sp_io *kernel = lwip_io(io)->kernel;

	return kernel ? kernel->be->watch(kernel, fd, once, fn, user) : -EOPNOTSUPP;
}

static void abort_all(struct lwip_io *l)
{
	struct tcp_pcb *pcb;

	for (uint32_t i = 0; l->io.streams && i < l->io.streams_n; i++) {
		struct lwip_stream *ls = lwip_stream(sp_io_stream(&l->io, i));

		if (ls->s.phase == SP_STREAM_FREE)
			continue;
		while (ls->held) {
			struct pbuf *p = ls->held;

			ls->held = p->next;
			p->next = NULL;
			pbuf_free(p);
		}
		if (ls->pcb)
			tcp_err(ls->pcb, NULL);
	}
	lwip_stop_accepting(&l->io);
	while ((pcb = tcp_active_pcbs))
		tcp_abort(pcb);
	while ((pcb = tcp_tw_pcbs))
		tcp_abort(pcb);
	l->wire->ops->flush(l->wire);
}

static struct sp_io *lwip_free(struct sp_io *io)
{
	struct lwip_io *l = lwip_io(io);

	if (l->up) {
		abort_all(l);
		lwip_netif_down(l);
	}
	sp_lwip_memory_done();
	sp_lwip_lists_done();
	in_use = false;
	l->wire->ops->free(l->wire);
	sp_io_free(l->kernel);
	sp_io_base_done(io);
	free(l);
	return NULL;
}

static const struct sp_io_backend backend = {
	.turn = lwip_turn,
	.free = lwip_free,
	.listen = lwip_listen,
	.listen_addr = lwip_listen_addr,
	.stop_accepting = lwip_stop_accepting,
	.connect = lwip_stream_connect,
	.watch = lwip_watch,
	.via = lwip_via,
};

static int start_stack(struct lwip_io *l)
{
	uint32_t streams = l->io.streams_n;
	struct sp_lwip_sizes sizes = {
		.pcbs = streams + streams / 2 + l->port.half_open + 1024,
		.segments = SEGMENTS + 8 * streams + l->port.half_open,
	};

	SP_TRY(sp_lwip_random_init());
	SP_TRY(sp_lwip_lists_init(sizes.pcbs, l->port.half_open));
	SP_TRY(sp_lwip_memory_init(&sizes));
	lwip_init();
	l->tcp_ns = l->second_ns = l->busy_ns = sp_clock_boot_ns();
	sp_lwip_clock(l->tcp_ns);
	return lwip_netif_up(l);
}

int sp_io_lwip_new(const struct sp_io_conf *conf, const struct sp_port *port, struct sp_wire *wire,
	struct sp_io *kernel, struct sp_io **ret)
{
	struct lwip_io *l = in_use ? NULL : calloc(1, sizeof(*l));
	int r;

	if (!l) {
		wire->ops->free(wire);
		sp_io_free(kernel);
		return in_use ? -EBUSY : -ENOMEM;
	}
	in_use = true;
	l->wire = wire;
	l->kernel = kernel;
	l->port = *port;
	l->held_most = port->frames / 2;
	r = sp_io_base_init(&l->io, &backend, conf, sizeof(struct lwip_stream));
	if (r == 0)
		r = start_stack(l);
	if (r < 0) {
		lwip_free(&l->io);
		return r;
	}
	if (kernel)
		sp_io_set_awake(kernel, kernel_awake, l);
	*ret = &l->io;
	return 0;
}

void sp_io_lwip_stats(const struct sp_io *io, struct sp_io_lwip_stats *ret)
{
	const struct lwip_io *l = sp_container_of(io, struct lwip_io, io);

	SP_BUG_IF(io->be != &backend);
	*ret = l->stats;
	ret->half_open = sp_lwip_half_open();
	ret->half_open_dropped = sp_lwip_half_open_dropped();
	ret->memory_refused = sp_lwip_memory_refused();
	ret->held = l->held;
	ret->frames_dropped += l->wire->dropped;
}
