/// What the back ends share: the pools of streams and transmit blocks, the transmit queue, and the
/// list of streams that have something for the back end to do. Private to dataplane/io.
#pragma once

#include "dataplane/io/io.h"

#define SP_IO_BLOCK_BYTES 16384u
/// Distance of two blocks in memory: were it a power of two, the heads of all of them, which is what most messages
/// use, would share a few sets of the caches.
#define SP_IO_BLOCK_STRIDE (SP_IO_BLOCK_BYTES + 17u * SP_CACHE_LINE)
/// Lower limits of sp_io_conf, so that a stream can always make progress.
#define SP_IO_MIN_BLOCKS 4u
#define SP_IO_MIN_RECV_BUFFERS 4u

struct sp_block {
	struct sp_block *next;
	uint8_t *data;
	uint32_t start, end; ///< queued bytes
};

enum sp_stream_phase {
	SP_STREAM_FREE = 0,
	SP_STREAM_CONNECTING,
	SP_STREAM_OPEN,
	SP_STREAM_CLOSING, ///< closed by the user: the queue is being sent
	SP_STREAM_LINGER, ///< FIN sent, user told, waiting for the peer's FIN
	SP_STREAM_DYING, ///< ended: tell the user, get every operation back, then reuse
};

struct sp_stream {
	struct sp_io *io;
	const struct sp_stream_ops *ops;
	void *user;
	struct sp_stream *next; ///< in the dirty list, or in the free list
	struct sp_block *tx_head, *tx_tail;
	size_t queued;
	uint64_t progress_ns;
	int close_err;
	uint8_t phase; ///< enum sp_stream_phase
	bool dirty;
	bool paused;
	bool over_high;
	bool reset; ///< aborted: the peer shall see it
	bool told; ///< on_closed was called, or must never be
};

struct sp_io_backend {
	int (*turn)(struct sp_io *io, uint64_t wait_ns);
	void (*flush)(struct sp_io *io); ///< or NULL: nothing to gain
	struct sp_io *(*free)(struct sp_io *io);
	int (*listen)(struct sp_io *io, int fd, sp_io_accept_fn fn, void *user);
	int (*listen_addr)(struct sp_io *io, const struct sockaddr *addr, socklen_t len, sp_io_accept_fn fn,
		void *user);
	void (*stop_accepting)(struct sp_io *io);
	/// The io that has the connections to this address: itself, or one within. NULL: always itself.
	struct sp_io *(*via)(struct sp_io *io, const struct sockaddr *addr, socklen_t len);
	/// `s` is a fresh stream in phase CONNECTING; on failure the caller gives it back.
	int (*connect)(struct sp_stream *s, const struct sockaddr *addr, socklen_t addr_len);
	int (*watch)(struct sp_io *io, int fd, bool once, void (*fn)(void *user), void *user);
};

struct sp_io {
	const struct sp_io_backend *be;
	struct sp_io_conf conf;
	struct sp_io_stats stats;
	uint64_t now_ns;
	uint64_t (*awake)(void *user); ///< or NULL
	void *awake_user;
	uint32_t live; ///< streams whose user was not yet told of their end
	uint8_t *streams;
	size_t stream_bytes; ///< size of the back end's own stream, which starts with struct
			     ///< sp_stream
	uint32_t streams_n, fresh_streams; ///< from the latter on they were never used, and take no memory
	struct sp_stream *free_streams;
	struct sp_stream *dirty_head, *dirty_tail;
	struct sp_block *blocks, *free_blocks;
	uint8_t *block_data;
};

/// The wait of a turn is over: every back end calls this before the first event's callback.
static inline void sp_io_awake(struct sp_io *io)
{
	if (io->awake)
		io->now_ns = io->awake(io->awake_user);
}
/// More streams than the user may have, for those that linger or still get operations back.
uint32_t sp_io_pool_streams(const struct sp_io_conf *conf);
/// -EINVAL or -ENOMEM; sp_io_base_done() is right after either.
SP_MUST_CHECK int sp_io_base_init(struct sp_io *io, const struct sp_io_backend *be,
	const struct sp_io_conf *conf, size_t stream_bytes);
void sp_io_base_done(struct sp_io *io);

static inline struct sp_stream *sp_io_stream(const struct sp_io *io, uint32_t i)
{
	return (struct sp_stream *)(io->streams + (size_t)i * io->stream_bytes);
}
static inline uint32_t sp_stream_index(const struct sp_stream *s)
{
	return (uint32_t)((size_t)((const uint8_t *)s - s->io->streams) / s->io->stream_bytes);
}

/// A stream of the pool with all common fields fresh, or NULL: the limit is reached or none is
/// free.
struct sp_stream *sp_stream_take(struct sp_io *io, enum sp_stream_phase phase);
void sp_stream_give(struct sp_stream *s);
/// Call the back end's attention to `s` in the next flush.
void sp_stream_mark(struct sp_stream *s);
/// Next stream that was marked, or NULL.
struct sp_stream *sp_io_next_dirty(struct sp_io *io);
/// The stream is over: on_closed(err) follows from the back end's flush.
void sp_stream_end(struct sp_stream *s, int err);
/// Call on_closed, once.
void sp_stream_tell_closed(struct sp_stream *s);
/// `n` queued bytes were taken; calls on_drained when due.
void sp_tx_consume(struct sp_stream *s, size_t n);
void sp_tx_drop(struct sp_stream *s);
