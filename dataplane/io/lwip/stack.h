/// State of the lwIP back end, shared by its files. Private to dataplane/io/lwip.
#pragma once

#include "dataplane/io/lwip/lwip.h"
#include "dataplane/io/stream.h"

#include "dataplane/io/lwip/lists.h"

#include <lwip/netif.h>
#include <lwip/tcp.h>

#define LWIP_LISTENERS 8u
#define LWIP_LINGER_NS 1000000000ull

/// What each message touches lies in the first two lines of the caches.
struct lwip_stream {
	_Alignas(SP_CACHE_LINE) struct sp_stream s;
	struct tcp_pcb *pcb; ///< NULL: not yet, or no longer
	/// Received and not delivered: our own queue through pbuf.next, since a pbuf chain ends at 64 KiB.
	struct pbuf *held, *held_last;
	/// What lwIP was given of the transmit queue: that many bytes from its head, up to `at` in `block`.
	struct sp_block *block;
	uint32_t at, given;
	uint32_t held_n;
	bool over; ///< it is gone, or the peer ended its direction
	bool ours; ///< we connected
	bool connected; ///< the outcome of a connect is there, to be told
	bool shut;
	bool eof_told, lingers;
	int err; ///< why the connection is gone
	uint64_t linger_ns;
	struct lwip_stream *linger_next, *linger_prev;
};

struct lwip_listener {
	struct tcp_pcb *pcb;
	struct lwip_io *io;
	sp_io_accept_fn fn;
	void *user;
};

struct lwip_io {
	struct sp_io io;
	struct sp_wire *wire;
	struct sp_io *kernel;
	struct sp_port port;
	struct netif netif;
	bool up;
	unsigned called;
	uint32_t held, held_most; ///< frames kept for streams that do not read
	uint32_t out; ///< frames the stack has not given back
	uint32_t lost; ///< of the wire's losses, those that were acted on
	bool mld_due;
	uint64_t busy_ns; ///< last turn with work
	uint64_t tcp_ns, second_ns; ///< when the timers ran
	struct lwip_stream *linger_head, *linger_tail;
	uint32_t lingering;
	uint32_t listeners_n;
	struct lwip_listener listener[LWIP_LISTENERS];
	struct sp_io_lwip_stats stats;
};

static inline struct lwip_stream *lwip_stream(struct sp_stream *s)
{
	return sp_container_of(s, struct lwip_stream, s);
}
static inline struct lwip_io *lwip_io(struct sp_io *io)
{
	return sp_container_of(io, struct lwip_io, io);
}
static inline struct lwip_io *lwip_of(const struct lwip_stream *ls)
{
	return lwip_io(ls->s.io);
}

// address.c
/// -EAFNOSUPPORT or -EINVAL. A wildcard keeps its family; [::] stands for IPv6 alone.
SP_MUST_CHECK int lwip_address_from(
	const struct sockaddr *addr, socklen_t len, ip_addr_t *ret_ip, uint16_t *ret_port);
void lwip_address_to(const ip_addr_t *ip, uint16_t port, struct sockaddr_storage *ret);
/// The port reaches this address: by its own network or through a gateway.
bool lwip_address_reached(const struct lwip_io *l, const ip_addr_t *ip);

// netif.c
SP_MUST_CHECK int lwip_netif_up(struct lwip_io *l);
void lwip_netif_down(struct lwip_io *l);
/// Take in up to a burst of frames; returns how many.
unsigned lwip_netif_receive(struct lwip_io *l, const struct sp_frame *frames, unsigned n);

// stream.c
int lwip_stream_connect(struct sp_stream *s, const struct sockaddr *addr, socklen_t len);
err_t lwip_stream_accept(void *listener, struct tcp_pcb *pcb, err_t err);
void lwip_stream_flush(struct lwip_io *l, struct lwip_stream *ls);
/// End lingering streams past their time, and the oldest when they take too much of the pool's slack.
void lwip_linger_expire(struct lwip_io *l);

/// The other end went away: who comes back knows nothing of the connections we made, so they end now rather than with
/// the next call's bytes. Those to us end by their peers' or their users' timers.
void lwip_streams_lost(struct lwip_io *l);

// stream_tx.c
/// Give lwIP what the peer can take of the transmit queue; and the end, when it is due.
void lwip_tx_push(struct lwip_stream *ls);
/// The peer has acknowledged something: release what no segment refers to any more.
void lwip_tx_acked(struct lwip_stream *ls);
