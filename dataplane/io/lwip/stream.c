/// One stream on lwIP: what its callbacks note, and what the flush then does about it. A callback never
/// closes a connection, since lwIP is in the middle of it.
#include "dataplane/io/lwip/stack.h"

#include "dataplane/io/lwip/random.h"
#include "common/banned.h"

#define PORT_FIRST 32768u
#define PORT_TRIES 64u
#define POLL_SLOW_TURNS 2u
#define HOLDERS 64u ///< so many streams share what may be held

static void drop_held(struct lwip_stream *ls)
{
	struct pbuf *p;

	while ((p = ls->held)) {
		ls->held = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	ls->held_last = NULL;
	lwip_of(ls)->held -= ls->held_n;
	ls->held_n = 0;
}

static void hold(struct lwip_stream *ls, struct pbuf *p)
{
	while (p) {
		struct pbuf *next = p->next;

		p->next = NULL;
		p->tot_len = p->len;
		if (ls->held)
			ls->held_last->next = p;
		else
			ls->held = p;
		ls->held_last = p;
		ls->held_n++;
		lwip_of(ls)->held++;
		p = next;
	}
}

static void took(struct lwip_stream *ls, size_t n)
{
	for (; n && ls->pcb; n -= sp_min(n, (size_t)UINT16_MAX))
		tcp_recved(ls->pcb, (u16_t)sp_min(n, (size_t)UINT16_MAX));
}

static void deliver(struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;
	size_t n = 0;

	while (ls->held && !s->paused && s->phase == SP_STREAM_OPEN) {
		struct pbuf *p = ls->held;

		lwip_of(ls)->called++;
		s->ops->on_data(s, s->user, p->payload, p->len);
		n += p->len;
		ls->held = p->next;
		if (!ls->held)
			ls->held_last = NULL;
		p->next = NULL;
		pbuf_free(p);
		ls->held_n--;
		lwip_of(ls)->held--;
	}
	took(ls, n);
}

/// Who holds the most, if not more than its share itself: a stream that pauses for a moment pays for nobody else.
static struct lwip_stream *holder(struct lwip_io *l, struct lwip_stream *most)
{
	if (most->held_n > l->held_most / HOLDERS)
		return most;
	for (uint32_t i = 0; i < l->io.fresh_streams; i++) {
		struct lwip_stream *ls = lwip_stream(sp_io_stream(&l->io, i));

		if (ls->s.phase == SP_STREAM_OPEN && ls->held_n > most->held_n)
			most = ls;
	}
	return most;
}

static void too_much_held(struct lwip_io *l, struct lwip_stream *ls)
{
	ls = holder(l, ls);
	l->io.stats.rx_no_buffer++;
	ls->s.reset = true;
	drop_held(ls);
	sp_stream_end(&ls->s, -ENOBUFS);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct lwip_stream *ls = arg;
	struct lwip_io *l;

	(void)pcb, (void)err;
	if (!p) {
		ls->over = true;
		sp_stream_mark(&ls->s);
		return ERR_OK;
	}
	l = lwip_of(ls);
	if (ls->s.phase != SP_STREAM_OPEN) {
		took(ls, p->tot_len);
		pbuf_free(p);
		return ERR_OK;
	}
	hold(ls, p);
	deliver(ls);
	if (sp_unlikely(ls->held && l->held > l->held_most && ls->s.phase == SP_STREAM_OPEN))
		too_much_held(l, ls);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t n)
{
	(void)pcb, (void)n;
	lwip_tx_acked(arg);
	return ERR_OK;
}

/// Something could not be given to lwIP for want of memory, perhaps: try again.
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct lwip_stream *ls = arg;

	(void)pcb;
	if (ls->s.queued > ls->given || ls->s.phase == SP_STREAM_CLOSING)
		sp_stream_mark(&ls->s);
	return ERR_OK;
}

static int error_of(const struct lwip_stream *ls, err_t err)
{
	if (err == ERR_CLSD)
		return 0;
	if (err == ERR_RST)
		return ls->s.phase == SP_STREAM_CONNECTING ? -ECONNREFUSED : -ECONNRESET;
	return err == ERR_ABRT ? -ETIMEDOUT : -ECONNABORTED;
}

static void on_err(void *arg, err_t err)
{
	struct lwip_stream *ls = arg;

	ls->pcb = NULL;
	ls->err = error_of(ls, err);
	ls->over = true;
	ls->connected = ls->s.phase == SP_STREAM_CONNECTING;
	ls->given = 0;
	ls->block = NULL;
	sp_tx_drop(&ls->s);
	sp_stream_mark(&ls->s);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct lwip_stream *ls = arg;

	(void)pcb, (void)err;
	ls->connected = true;
	sp_stream_mark(&ls->s);
	return ERR_OK;
}

static void fresh(struct lwip_stream *ls, struct tcp_pcb *pcb)
{
	memset((char *)ls + sizeof(ls->s), 0, sizeof(*ls) - sizeof(ls->s));
	ls->pcb = pcb;
	tcp_arg(pcb, ls);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_err);
	tcp_poll(pcb, on_poll, POLL_SLOW_TURNS);
	tcp_nagle_disable(pcb);
}

err_t lwip_stream_accept(void *listener, struct tcp_pcb *pcb, err_t err)
{
	struct lwip_listener *li = listener;
	struct sockaddr_storage peer;
	struct sp_stream *s;

	if (err != ERR_OK || !pcb)
		return ERR_OK; // no memory for one more: its peer tries again
	sp_lwip_half_open_over(pcb);
	s = li->pcb ? sp_stream_take(&li->io->io, SP_STREAM_OPEN) : NULL;
	if (!s) {
		li->io->io.stats.accept_errors++;
		return ERR_MEM;
	}
	fresh(lwip_stream(s), pcb);
	lwip_address_to(&pcb->remote_ip, pcb->remote_port, &peer);
	li->io->called++;
	if (li->fn(s, li->user, &peer) < 0) {
		s->told = true;
		s->io->live--;
		s->reset = true;
		sp_stream_end(s, 0);
	}
	return ERR_OK;
}

/// A port nobody can foretell (RFC 6056) that is free towards this peer.
static int choose_port(struct lwip_io *l, struct tcp_pcb *pcb, const ip_addr_t *ip, uint16_t port)
{
	const ip_addr_t *local = ip_netif_get_local_ip(&l->netif, ip);

	for (unsigned i = 0; local && i < PORT_TRIES; i++) {
		uint16_t p = (uint16_t)(PORT_FIRST + sp_lwip_random() % (65536 - PORT_FIRST));

		if (sp_lwip_find(local, p, ip, port))
			continue;
		pcb->local_port = p;
		return 0;
	}
	return local ? -EADDRNOTAVAIL : -ENETUNREACH;
}

int lwip_stream_connect(struct sp_stream *s, const struct sockaddr *addr, socklen_t len)
{
	struct lwip_stream *ls = lwip_stream(s);
	struct tcp_pcb *pcb;
	uint16_t port;
	ip_addr_t ip;
	int r;

	SP_TRY(lwip_address_from(addr, len, &ip, &port));
	pcb = tcp_new_ip_type(IP_GET_TYPE(&ip));
	if (!pcb)
		return -ENOBUFS;
	fresh(ls, pcb);
	ls->ours = true;
	pcb->rto = 1000 / TCP_SLOW_INTERVAL; // RFC 6298; lwIP begins with three seconds
	r = choose_port(lwip_of(ls), pcb, &ip, port);
	if (r == 0 && tcp_connect(pcb, &ip, port, on_connected) == ERR_OK)
		return 0;
	tcp_err(pcb, NULL);
	tcp_abort(pcb);
	return r ? r : -EHOSTUNREACH;
}

void lwip_streams_lost(struct lwip_io *l)
{
	for (uint32_t i = 0; i < l->io.fresh_streams; i++) {
		struct lwip_stream *ls = lwip_stream(sp_io_stream(&l->io, i));

		if (!ls->ours || (ls->s.phase != SP_STREAM_OPEN && ls->s.phase != SP_STREAM_CLOSING))
			continue;
		ls->s.reset = true;
		sp_stream_end(&ls->s, -ECONNRESET);
	}
}

static void linger(struct lwip_io *l, struct lwip_stream *ls)
{
	ls->linger_ns = l->io.now_ns + LWIP_LINGER_NS;
	ls->lingers = true;
	l->lingering++;
	ls->linger_next = NULL;
	ls->linger_prev = l->linger_tail;
	if (l->linger_tail)
		l->linger_tail->linger_next = ls;
	else
		l->linger_head = ls;
	l->linger_tail = ls;
}

static void unlinger(struct lwip_io *l, struct lwip_stream *ls)
{
	if (!ls->lingers)
		return;
	ls->lingers = false;
	l->lingering--;
	if (ls->linger_prev)
		ls->linger_prev->linger_next = ls->linger_next;
	else
		l->linger_head = ls->linger_next;
	if (ls->linger_next)
		ls->linger_next->linger_prev = ls->linger_prev;
	else
		l->linger_tail = ls->linger_prev;
}

void lwip_linger_expire(struct lwip_io *l)
{
	uint32_t most = l->io.conf.max_streams / 8 + 8;

	while (l->linger_head &&
		(l->lingering > most || l->linger_head->linger_ns <= l->io.now_ns)) {
		struct lwip_stream *ls = l->linger_head;

		unlinger(l, ls);
		sp_stream_end(&ls->s, 0);
	}
}

/// The connection goes on without us as far as the protocol wants (TIME_WAIT and the like): it must not know
/// the stream any more, and its segments hold no data of ours.
static void let_go(struct lwip_stream *ls)
{
	struct tcp_pcb *pcb = ls->pcb;

	ls->pcb = NULL;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	if (ls->shut && !ls->given && !ls->s.reset) {
		tcp_set_flags(pcb, TF_RXCLOSED); // what still comes is answered with a reset
		return;
	}
	tcp_abort(pcb);
}

static void flush_dying(struct lwip_io *l, struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;

	unlinger(l, ls);
	if (!s->told) {
		l->called++;
		sp_stream_tell_closed(s);
	}
	drop_held(ls);
	if (ls->pcb)
		let_go(ls);
	sp_tx_drop(s);
	if (!s->dirty)
		sp_stream_give(s);
}

static void tell_connected(struct lwip_io *l, struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;

	ls->connected = false;
	if (!ls->err && ls->pcb)
		s->phase = SP_STREAM_OPEN;
	l->called++;
	s->ops->on_connected(s, s->user, ls->err);
	if (ls->err)
		sp_stream_end(s, ls->err);
}

/// All that was received has been delivered, and the peer has ended its direction or the connection.
static void tell_over(struct lwip_io *l, struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;

	if (ls->err || s->phase == SP_STREAM_LINGER || (!ls->pcb && ls->eof_told)) {
		sp_stream_end(s, ls->err);
	} else if (s->phase == SP_STREAM_OPEN && !ls->eof_told) {
		ls->eof_told = true;
		l->called++;
		s->ops->on_eof(s, s->user);
	}
}

/// The user closed and the peer has it all: tell the user, and wait for the peer's end.
static void finish_closing(struct lwip_io *l, struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;

	if (ls->over || !ls->pcb) {
		sp_stream_end(s, ls->err);
		return;
	}
	s->phase = SP_STREAM_LINGER;
	linger(l, ls);
	l->called++;
	sp_stream_tell_closed(s);
}

void lwip_stream_flush(struct lwip_io *l, struct lwip_stream *ls)
{
	struct sp_stream *s = &ls->s;

	if (s->phase == SP_STREAM_CONNECTING && ls->connected)
		tell_connected(l, ls);
	if (s->phase == SP_STREAM_OPEN)
		deliver(ls);
	else
		drop_held(ls);
	if (ls->over && !ls->held && s->phase != SP_STREAM_CONNECTING)
		tell_over(l, ls);
	if (s->phase == SP_STREAM_OPEN || s->phase == SP_STREAM_CLOSING)
		lwip_tx_push(ls);
	if (s->phase == SP_STREAM_CLOSING && (!ls->pcb || (ls->shut && !s->queued)))
		finish_closing(l, ls);
	// What died just now is marked again: one flush of its own, so that it is never reused while
	// listed.
	if (s->phase == SP_STREAM_DYING && !s->dirty)
		flush_dying(l, ls);
}
