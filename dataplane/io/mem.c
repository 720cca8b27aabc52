/// Streams in memory: what one side queued is handed to the other in the next turn. For tests, so
/// it keeps the order of events that sockets have, and a paused reader leaves the bytes with the
/// sender.
#include "dataplane/io/stream.h"

#include "common/clock.h"

#include <netinet/in.h>
#include <poll.h>
#include "common/banned.h"

#define MEM_SOURCES 8u

struct mem_stream {
	struct sp_stream s;
	struct mem_stream *peer; ///< NULL once the other side is gone
	struct sockaddr_storage addr;
	bool eof_told;
};

struct mem_source {
	int fd;
	bool once, over;
	sp_io_accept_fn accept;
	void (*fn)(void *user);
	void *user;
};

struct mem_io {
	struct sp_io io;
	size_t chunk;
	unsigned called;
	uint32_t listeners_n, watches_n;
	struct mem_source listener[MEM_SOURCES], watch[MEM_SOURCES];
};

static struct mem_io *mem_io(struct sp_io *io)
{
	return sp_container_of(io, struct mem_io, io);
}

static struct mem_stream *mem_stream(struct sp_stream *s)
{
	return sp_container_of(s, struct mem_stream, s);
}

static void fresh(struct mem_stream *ms, struct mem_stream *peer)
{
	ms->peer = peer;
	ms->eof_told = false;
}

static void tell_eof(struct mem_io *m, struct mem_stream *ms)
{
	struct sp_stream *s = &ms->s;

	if (s->phase != SP_STREAM_OPEN || ms->eof_told)
		return;
	ms->eof_told = true;
	m->called++;
	s->ops->on_eof(s, s->user);
}

/// Hand over what `from` queued, as far as its peer reads.
static void push(struct mem_io *m, struct mem_stream *from)
{
	struct sp_stream *s = &from->s;

	while (s->queued && (s->phase == SP_STREAM_OPEN || s->phase == SP_STREAM_CLOSING)) {
		struct sp_stream *to = from->peer ? &from->peer->s : NULL;
		const struct sp_block *b = s->tx_head;
		size_t n = sp_min((size_t)(b->end - b->start), m->chunk);

		if (to && to->phase == SP_STREAM_OPEN) {
			if (to->paused)
				return;
			m->called++;
			to->ops->on_data(to, to->user, b->data + b->start, n);
		}
		if (s->phase == SP_STREAM_DYING)
			return;
		sp_tx_consume(s, n);
	}
}

static void detach(struct mem_io *m, struct mem_stream *ms)
{
	struct mem_stream *peer = ms->peer;

	if (!peer)
		return;
	ms->peer = NULL;
	peer->peer = NULL;
	if (ms->s.reset)
		sp_stream_end(&peer->s, -ECONNRESET);
	else
		tell_eof(m, peer);
}

static void flush_dying(struct mem_io *m, struct mem_stream *ms)
{
	if (!ms->s.told) {
		m->called++;
		sp_stream_tell_closed(&ms->s);
	}
	sp_tx_drop(&ms->s);
	detach(m, ms);
	if (!ms->s.dirty)
		sp_stream_give(&ms->s);
}

static struct mem_source *listener_at(struct mem_io *m, const struct sockaddr_storage *addr)
{
	// The port lies at the same place in both families.
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	for (uint32_t i = 0; i < m->listeners_n; i++)
		if (m->listener[i].fd == ntohs(in->sin_port) && !m->listener[i].over)
			return &m->listener[i];
	return NULL;
}

static int accept_peer(struct mem_io *m, struct mem_stream *client)
{
	struct mem_source *l = listener_at(m, &client->addr);
	struct sockaddr_storage from = {0};
	struct mem_stream *ms;
	struct sp_stream *s;

	if (!l)
		return -ECONNREFUSED;
	s = sp_stream_take(&m->io, SP_STREAM_OPEN);
	if (!s) {
		m->io.stats.accept_errors++;
		return -ECONNREFUSED;
	}
	ms = mem_stream(s);
	fresh(ms, client);
	client->peer = ms;
	from.ss_family = AF_INET;
	((struct sockaddr_in *)&from)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (l->accept(s, l->user, &from) < 0) {
		s->told = true;
		m->io.live--;
		sp_stream_end(s, 0);
	}
	return 0;
}

static void flush_connecting(struct mem_io *m, struct mem_stream *ms)
{
	struct sp_stream *s = &ms->s;
	int r = accept_peer(m, ms);

	if (r == 0)
		s->phase = SP_STREAM_OPEN;
	m->called++;
	s->ops->on_connected(s, s->user, r);
	if (r < 0)
		sp_stream_end(s, r);
	sp_stream_mark(s);
}

static void flush_stream(struct mem_io *m, struct mem_stream *ms)
{
	struct sp_stream *s = &ms->s;

	if (s->phase == SP_STREAM_CONNECTING) {
		flush_connecting(m, ms);
		return;
	}
	if (ms->peer)
		push(m, ms->peer);
	push(m, ms);
	if (ms->peer && ms->peer->s.phase == SP_STREAM_CLOSING && !ms->peer->s.queued)
		sp_stream_mark(&ms->peer->s);
	if (s->phase == SP_STREAM_CLOSING && !s->queued) {
		sp_stream_end(s, 0);
		return;
	}
	if (s->phase == SP_STREAM_DYING)
		flush_dying(m, ms);
}

static unsigned run_watches(struct mem_io *m, uint64_t wait_ns)
{
	struct pollfd p[MEM_SOURCES];
	unsigned n = 0;

	for (uint32_t i = 0; i < m->watches_n; i++)
		p[i] = (struct pollfd){
			.fd = m->watch[i].over ? -1 : m->watch[i].fd, .events = POLLIN};
	if (!m->watches_n || poll(p, m->watches_n, (int)(wait_ns / SP_NS_PER_MS)) <= 0)
		return 0;
	for (uint32_t i = 0; i < m->watches_n; i++) {
		struct mem_source *w = &m->watch[i];
		uint64_t count;

		if (!p[i].revents)
			continue;
		if (!w->once && read(w->fd, &count, sizeof(count)) < 0)
			continue;
		w->over = w->once;
		n++;
		w->fn(w->user);
	}
	return n;
}

static int mem_turn(struct sp_io *io, uint64_t wait_ns)
{
	struct mem_io *m = mem_io(io);
	const struct sp_stream *last = io->dirty_tail;
	struct sp_stream *s;

	m->called = 0;
	sp_io_awake(io);
	while ((s = sp_io_next_dirty(io))) {
		flush_stream(m, mem_stream(s));
		if (s == last)
			break;
	}
	if (m->called || io->dirty_head)
		wait_ns = 0;
	return (int)(m->called + run_watches(m, wait_ns) + (io->dirty_head ? 1 : 0));
}

static int mem_listen(struct sp_io *io, int fd, sp_io_accept_fn fn, void *user)
{
	struct mem_io *m = mem_io(io);

	if (m->listeners_n == MEM_SOURCES)
		return -ENOSPC;
	m->listener[m->listeners_n++] = (struct mem_source){.fd = fd, .accept = fn, .user = user};
	return 0;
}

static int mem_listen_addr(struct sp_io *io, const struct sockaddr *addr, socklen_t len, sp_io_accept_fn fn,
	void *user)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr; // the port's place is common to both

	if ((addr->sa_family != AF_INET && addr->sa_family != AF_INET6) || len < sizeof(*in))
		return -EAFNOSUPPORT;
	return mem_listen(io, ntohs(in->sin_port), fn, user);
}

static void mem_stop_accepting(struct sp_io *io)
{
	struct mem_io *m = mem_io(io);

	for (uint32_t i = 0; i < m->listeners_n; i++)
		m->listener[i].over = true;
}

static int mem_connect(struct sp_stream *s, const struct sockaddr *addr, socklen_t addr_len)
{
	struct mem_stream *ms = mem_stream(s);

	if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	fresh(ms, NULL);
	memcpy(&ms->addr, addr, addr_len);
	return 0;
}

static int mem_watch(struct sp_io *io, int fd, bool once, void (*fn)(void *user), void *user)
{
	struct mem_io *m = mem_io(io);

	if (m->watches_n == MEM_SOURCES)
		return -ENOSPC;
	m->watch[m->watches_n++] =
		(struct mem_source){.fd = fd, .once = once, .fn = fn, .user = user};
	return 0;
}

static struct sp_io *mem_free(struct sp_io *io)
{
	sp_io_base_done(io);
	free(mem_io(io));
	return NULL;
}

static const struct sp_io_backend backend = {
	.turn = mem_turn,
	.free = mem_free,
	.listen = mem_listen,
	.listen_addr = mem_listen_addr,
	.stop_accepting = mem_stop_accepting,
	.connect = mem_connect,
	.watch = mem_watch,
};

int sp_io_mem_new(const struct sp_io_conf *conf, struct sp_io **ret)
{
	struct mem_io *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->chunk = SP_IO_BLOCK_BYTES;
	r = sp_io_base_init(&m->io, &backend, conf, sizeof(struct mem_stream));
	if (r < 0) {
		mem_free(&m->io);
		return r;
	}
	*ret = &m->io;
	return 0;
}

void sp_io_mem_chunk(struct sp_io *io, size_t n)
{
	SP_BUG_IF(io->be != &backend || n == 0);
	mem_io(io)->chunk = n;
}

int sp_io_mem_pair(struct sp_io *io, const struct sp_stream_ops *ops_a, void *user_a,
	const struct sp_stream_ops *ops_b, void *user_b, struct sp_stream **ret_a,
	struct sp_stream **ret_b)
{
	struct sp_stream *a, *b;

	if (io->be != &backend)
		return -EINVAL;
	a = sp_stream_take(io, SP_STREAM_OPEN);
	b = a ? sp_stream_take(io, SP_STREAM_OPEN) : NULL;
	if (!b) {
		if (a)
			sp_stream_give(a);
		return -ENOBUFS;
	}
	fresh(mem_stream(a), mem_stream(b));
	fresh(mem_stream(b), mem_stream(a));
	sp_stream_set_ops(a, ops_a, user_a);
	sp_stream_set_ops(b, ops_b, user_b);
	*ret_a = a;
	*ret_b = b;
	return 0;
}
