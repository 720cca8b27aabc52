/// State of the io_uring back end, shared by its files. Private to dataplane/io.
///
/// A stream has a descriptor of its own and the same file in the ring's fixed table, at the
/// stream's index: operations use the fixed slot (no reference counting a call), the descriptor
/// serves getpeername, shutdown and socket options. A stream is reused only after every operation
/// the kernel held for it has completed; `gen` in the user data proves it.
#pragma once

#include "dataplane/io/stream.h"

#include <liburing.h>

#define URING_SOURCES 8u ///< listeners, and watches
#define URING_ACCEPTS 4u ///< of one listener in a turn: a crowd at the door does not hold up those inside
#define URING_GATHER 8u ///< transmit blocks of one send
#define URING_RX_FIRST 64u ///< receive buffers that circulate at first
#define URING_LINGER_NS 1000000000ull
#define URING_RETRY_NS 10000000ull
#define URING_BUF_NONE UINT32_MAX

enum uring_op {
	URING_OP_RECV = 1,
	URING_OP_SEND,
	URING_OP_CONNECT,
	URING_OP_CLOSE,
	URING_OP_CANCEL, ///< of a stream's operation
	URING_OP_ACCEPT, ///< index: listener
	URING_OP_WATCH, ///< index: watch
	URING_OP_CANCEL_ACCEPT, ///< index: listener
};

enum uring_op_state { URING_IDLE = 0, URING_BUSY, URING_CANCELLING };

struct uring_stream {
	// Two cache lines have what a message needs.
	_Alignas(SP_CACHE_LINE) struct sp_stream s;
	uint32_t slot; ///< in the fixed table, which is the stream's index
	int fd;
	uint32_t gen;
	uint32_t ops; ///< operations the kernel holds, cancels included
	uint8_t rx, tx, conn; ///< enum uring_op_state
	bool rx_done; ///< end or error read from the socket
	bool eof_told;
	bool eager; ///< data came while paused before: cancel the receive at once from now on
	bool shut; ///< FIN sent
	bool lingers; ///< in the linger list
	int rx_err, tx_err;
	uint32_t held_head, held_tail; ///< receive buffers kept while paused
	struct uring_stream *linger_next, *linger_prev;
	uint64_t linger_ns;
	union {
		struct { ///< of a send under way
			struct msghdr msg;
			struct iovec iov[URING_GATHER];
		};
		struct { ///< of a connect
			struct sockaddr_storage addr;
			socklen_t addr_len;
		};
	};
};

struct uring_listener {
	int fd;
	bool own; ///< made here, so closed here
	bool armed, stopped;
	bool ready; ///< somebody may wait to be accepted
	bool tuned; ///< bound to loopback, so what it accepts begins as such
	uint64_t retry_ns;
	sp_io_accept_fn fn;
	void *user;
};

struct uring_watch {
	int fd;
	bool armed, once, over;
	void (*fn)(void *user);
	void *user;
};

struct uring_rxbuf {
	uint8_t *data;
	uint32_t next; ///< in a stream's held list or the spare list
	uint32_t start, len;
};

/// Receive buffers: up to `n` circulate through the kernel's ring, as many more stand in for held ones. The kernel
/// takes them in turn, so no more circulate than were ever needed at once: what is received
/// stays in the caches.
struct uring_rx {
	struct io_uring_buf_ring *ring;
	size_t ring_bytes;
	uint32_t ring_entries, n;
	uint32_t live; ///< in circulation: the ids below
	uint8_t *data;
	struct uring_rxbuf *buf;
	uint32_t *of_bid; ///< which buffer the kernel has under an id
	uint32_t spare;
};

struct uring_io {
	struct sp_io io;
	struct io_uring ring;
	bool ring_up;
	unsigned called; ///< callbacks run in this turn's flush
	bool sources_idle; ///< a listener or watch is to be armed
	struct uring_rx rx;
	struct uring_stream *linger_head, *linger_tail;
	uint32_t lingering;
	uint32_t listeners_n, watches_n;
	struct uring_listener listener[URING_SOURCES];
	struct uring_watch watch[URING_SOURCES];
};

static inline struct uring_stream *uring_stream(struct sp_stream *s)
{
	return sp_container_of(s, struct uring_stream, s);
}
static inline struct uring_io *uring_of(const struct uring_stream *us)
{
	return sp_container_of(us->s.io, struct uring_io, io);
}
static inline uint64_t uring_tag(enum uring_op op, uint32_t index, uint32_t gen)
{
	return (uint64_t)gen << 32 | (uint64_t)index << 4 | op;
}

/// A submission entry; submits what is queued when the ring is full. NULL: try again next turn.
struct io_uring_sqe *uring_sqe(struct uring_io *u);

// uring_rx.c
SP_MUST_CHECK int uring_rx_init(struct uring_io *u);
void uring_rx_done(struct uring_io *u);
/// The kernel found none: let more circulate, up to all.
void uring_rx_grow(struct uring_rx *rx);
/// Put the buffer under `bid` back into the kernel's ring.
void uring_rx_return(struct uring_rx *rx, uint32_t bid);
/// Keep `n` bytes under `bid` for a paused stream. -ENOBUFS when no spare buffer is left.
SP_MUST_CHECK int uring_rx_hold(
	struct uring_rx *rx, struct uring_stream *us, uint32_t bid, uint32_t n);
/// Deliver what is held until it is used up or the stream pauses again; returns how many callbacks.
unsigned uring_rx_deliver_held(struct uring_rx *rx, struct uring_stream *us);
void uring_rx_drop_held(struct uring_rx *rx, struct uring_stream *us);

// uring_stream.c
/// Give `s` the descriptor `fd` (taken, also on failure) and its place in the fixed table.
SP_MUST_CHECK int uring_stream_open(struct uring_io *u, struct sp_stream *s, int fd);
/// Bring the operations of a marked stream in line with what its user wants.
void uring_stream_flush(struct uring_io *u, struct uring_stream *us);
void uring_stream_event(
	struct uring_io *u, struct uring_stream *us, enum uring_op op, int res, uint32_t flags);
/// End lingering streams past their time, and the oldest when they take too much of the pool's
/// slack.
void uring_linger_expire(struct uring_io *u);
int uring_stream_connect(struct sp_stream *s, const struct sockaddr *addr, socklen_t addr_len);
