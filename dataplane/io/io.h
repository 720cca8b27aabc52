/// Byte streams for one worker: accept, connect, read, write, close. Three back ends behind the same
/// functions: `uring` (kernel TCP and unix sockets), `dpdk` (a TCP/IP stack of our own on a DPDK port:
/// dpdk.h) and `mem` (pairs in memory, for tests). One thread, no blocking call but sp_io_turn() when told to wait,
/// no allocation once it is made.
///
/// A stream belongs to the io; its user holds the pointer until on_closed returned, never after.
/// Callbacks run inside sp_io_turn() and sp_io_flush() only. Bytes given to on_data are valid until it returns.
#pragma once

#include "common/bytes.h"

#include <sys/socket.h>

struct sp_io;
struct sp_stream;

struct sp_stream_ops {
	/// The outcome of sp_io_connect: 0 or -errno (then on_closed follows).
	void (*on_connected)(struct sp_stream *s, void *user, int err);
	void (*on_data)(struct sp_stream *s, void *user, const uint8_t *data, size_t n);
	/// The peer ended its direction (FIN). The other one still works; call sp_stream_close when done.
	void (*on_eof)(struct sp_stream *s, void *user);
	/// The transmit queue, having reached SP_IO_TX_HIGH, fell below SP_IO_TX_LOW. May be NULL.
	void (*on_drained)(struct sp_stream *s, void *user);
	/// An on_data will be called soon: prefetch what it reads, change nothing. May be NULL, and may not be called.
	void (*on_soon)(const void *user);
	/// Last call ever for this stream: closed by us, by the peer, or by an error (-errno).
	void (*on_closed)(struct sp_stream *s, void *user, int err);
};

#define SP_IO_TX_HIGH (256u * 1024u)
#define SP_IO_TX_LOW (64u * 1024u)

struct sp_io_conf {
	uint32_t max_streams;
	uint32_t blocks;       ///< transmit blocks of 16 KiB, shared by all streams
	uint32_t recv_buffers; ///< receive buffers of 16 KiB given to the kernel
};

struct sp_io_stats {
	uint64_t tx_no_block; ///< writes refused because blocks ran out
	uint64_t rx_no_buffer;
	uint64_t accept_errors;
	uint64_t half_open_dropped; ///< handshakes given up for newer ones, by a stack of our own
	uint64_t waited_ns; ///< in turns that were told to wait
};

/// The io_uring back end: single issuer, deferred task run, direct descriptors, multishot receive,
/// provided buffers. -ENOSYS or -EPERM when the kernel has no such io_uring, -EMFILE when
/// RLIMIT_NOFILE is too small: it must exceed 9/8 of max_streams by about a hundred. Only the thread
/// that made it may use it.
SP_MUST_CHECK int sp_io_uring_new(const struct sp_io_conf *conf, struct sp_io **ret);
/// The in-memory back end: sp_io_mem_pair() makes connected streams within one io. There are no
/// sockets: sp_io_listen() takes any number as `listen_fd`, and sp_io_connect() to an internet address
/// with that port reaches it.
SP_MUST_CHECK int sp_io_mem_new(const struct sp_io_conf *conf, struct sp_io **ret);
/// Deliver at most `n` bytes a callback (in memory only): for parsers that must not care.
void sp_io_mem_chunk(struct sp_io *io, size_t n);
SP_MUST_CHECK int sp_io_mem_pair(struct sp_io *io, const struct sp_stream_ops *ops_a, void *user_a,
	const struct sp_stream_ops *ops_b, void *user_b, struct sp_stream **ret_a,
	struct sp_stream **ret_b);
/// Streams still open end without on_closed: what their users have is theirs to free.
struct sp_io *sp_io_free(struct sp_io *io);

/// Called for each accepted connection. Set ops with sp_stream_set_ops() and return 0, or refuse it
/// with a negative value (it is closed; no callback follows).
typedef int (*sp_io_accept_fn)(struct sp_stream *s, void *user, const struct sockaddr_storage *peer);
/// Accept on a listening socket the caller owns; it is made non-blocking, and TCP_NODELAY is set on it
/// for what it accepts. A few are accepted in a turn, after all that happened on streams.
/// Up to 8 listeners. `user` is given to `fn`.
SP_MUST_CHECK int sp_io_listen(struct sp_io *io, int listen_fd, sp_io_accept_fn fn, void *user);
/// Accept at an address; the io makes what it needs for that and ends it with itself. Where the io has a
/// stack of its own, an internet address is one of its port's, or a wildcard. -EADDRINUSE and the like.
SP_MUST_CHECK int sp_io_listen_addr(struct sp_io *io, const struct sockaddr *addr, socklen_t addr_len,
	sp_io_accept_fn fn, void *user);
/// Stop accepting on all listeners (draining). What the kernel accepted already may still be shown.
void sp_io_stop_accepting(struct sp_io *io);
/// Start a connection; on_connected tells. -ENOBUFS when the pool is empty.
SP_MUST_CHECK int sp_io_connect(struct sp_io *io, const struct sockaddr *addr, socklen_t addr_len,
	const struct sp_stream_ops *ops, void *user, struct sp_stream **ret);
/// Watch an eventfd: `fn` is called in a turn after somebody wrote to it, once or more for any number
/// of writes, and no write is missed. Its count is not taken, so it must not be a semaphore. Up to 8.
SP_MUST_CHECK int sp_io_watch_event(struct sp_io *io, int event_fd, void (*fn)(void *user), void *user);
/// Watch any descriptor for hang-up or readability once: the worker's life line to its supervisor.
SP_MUST_CHECK int sp_io_watch_hup(struct sp_io *io, int fd, void (*fn)(void *user), void *user);

void sp_stream_set_ops(struct sp_stream *s, const struct sp_stream_ops *ops, void *user);
/// Contiguous room at the end of the transmit queue: at least `min` bytes (<= 16 KiB) and up to the
/// block's end, or NULL when blocks ran out. Commit what was written before the next call on `s`.
uint8_t *sp_stream_reserve(struct sp_stream *s, size_t min, size_t *ret_room);
void sp_stream_commit(struct sp_stream *s, size_t n);
/// Copy into the transmit queue: 0 or -ENOBUFS (nothing queued).
SP_MUST_CHECK int sp_stream_send(struct sp_stream *s, const void *p, size_t n);
/// Queued bytes not yet taken by the kernel.
size_t sp_stream_queued(const struct sp_stream *s);
/// Boot time (of the turn) at which the kernel last took bytes, or the queue was last empty. A send
/// of up to 128 KiB counts when it is through.
uint64_t sp_stream_progress_ns(const struct sp_stream *s);
/// Stop and start reading: back-pressure. While paused no on_data comes; on_eof and on_closed may, once
/// all that was received has been delivered. -ENOBUFS closes a stream whose input cannot be kept.
void sp_stream_pause(struct sp_stream *s);
void sp_stream_resume(struct sp_stream *s);
/// Send what is queued, then FIN, then close; on_closed follows the FIN. No callback but that one
/// after this. Input is discarded until the peer's FIN, for a second at most. Gives up a connect.
void sp_stream_close(struct sp_stream *s);
/// Close now and drop what is queued (RST where the transport has one).
void sp_stream_abort(struct sp_stream *s);

/// Called in every turn when its wait is over and before any callback; returns the turn's boot time.
void sp_io_set_awake(struct sp_io *io, uint64_t (*fn)(void *user), void *user);
/// One turn: submit what is queued, wait up to `wait_ns` for the first event (0 = do not wait), run
/// callbacks. Returns the number of events handled or -errno. `now_ns` (boot time) stamps progress.
int sp_io_turn(struct sp_io *io, uint64_t now_ns, uint64_t wait_ns);
/// Submit now what the next turn would: before long work, so that nobody waits for bytes that are ready. As in a
/// turn, callbacks may run. Harvests nothing.
void sp_io_flush(struct sp_io *io);
const struct sp_io_stats *sp_io_stats(const struct sp_io *io);
