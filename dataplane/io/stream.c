#include "dataplane/io/stream.h"

#include "common/pages.h"
#include "common/banned.h"

uint32_t sp_io_pool_streams(const struct sp_io_conf *conf)
{
	return conf->max_streams + conf->max_streams / 8 + 16;
}

int sp_io_base_init(struct sp_io *io, const struct sp_io_backend *be, const struct sp_io_conf *conf,
	size_t stream_bytes)
{
	if (!conf->max_streams || conf->max_streams > 1u << 20 || conf->blocks < SP_IO_MIN_BLOCKS ||
		conf->recv_buffers < SP_IO_MIN_RECV_BUFFERS)
		return -EINVAL;
	io->be = be;
	io->conf = *conf;
	io->stream_bytes = stream_bytes;
	io->streams_n = sp_io_pool_streams(conf);
	io->streams = sp_pages_map(io->streams_n * stream_bytes);
	io->blocks = calloc(conf->blocks, sizeof(*io->blocks));
	if (!io->streams || !io->blocks)
		return -ENOMEM;
	io->block_data = sp_pages_map((size_t)conf->blocks * SP_IO_BLOCK_STRIDE);
	if (!io->block_data)
		return -ENOMEM;
	for (uint32_t i = conf->blocks; i-- > 0;) {
		io->blocks[i].data = io->block_data + (size_t)i * SP_IO_BLOCK_STRIDE;
		io->blocks[i].next = io->free_blocks;
		io->free_blocks = &io->blocks[i];
	}
	return 0;
}

void sp_io_base_done(struct sp_io *io)
{
	if (io->block_data)
		munmap(io->block_data, (size_t)io->conf.blocks * SP_IO_BLOCK_STRIDE);
	free(io->blocks);
	if (io->streams)
		munmap(io->streams, io->streams_n * io->stream_bytes);
}

struct sp_stream *sp_stream_take(struct sp_io *io, enum sp_stream_phase phase)
{
	struct sp_stream *s = io->free_streams;

	if (io->live >= io->conf.max_streams || (!s && io->fresh_streams == io->streams_n))
		return NULL;
	if (s)
		io->free_streams = s->next;
	else
		s = sp_io_stream(io, io->fresh_streams++);
	io->live++;
	*s = (struct sp_stream){.io = io, .phase = (uint8_t)phase, .progress_ns = io->now_ns};
	return s;
}

void sp_stream_give(struct sp_stream *s)
{
	SP_BUG_IF(s->phase == SP_STREAM_FREE || s->dirty);
	sp_tx_drop(s);
	if (!s->told)
		s->io->live--;
	s->told = true;
	s->phase = SP_STREAM_FREE;
	s->next = s->io->free_streams;
	s->io->free_streams = s;
}

void sp_stream_mark(struct sp_stream *s)
{
	struct sp_io *io = s->io;

	if (s->dirty)
		return;
	s->dirty = true;
	s->next = NULL;
	if (io->dirty_head)
		io->dirty_tail->next = s;
	else
		io->dirty_head = s;
	io->dirty_tail = s;
}

struct sp_stream *sp_io_next_dirty(struct sp_io *io)
{
	struct sp_stream *s = io->dirty_head;

	if (s) {
		io->dirty_head = s->next;
		s->dirty = false;
	}
	return s;
}

void sp_stream_end(struct sp_stream *s, int err)
{
	if (s->phase == SP_STREAM_DYING)
		return;
	s->phase = SP_STREAM_DYING;
	s->close_err = err;
	sp_stream_mark(s);
}

void sp_stream_tell_closed(struct sp_stream *s)
{
	if (s->told)
		return;
	s->told = true;
	s->io->live--;
	s->ops->on_closed(s, s->user, s->close_err);
}

void sp_tx_consume(struct sp_stream *s, size_t n)
{
	struct sp_io *io = s->io;

	SP_BUG_IF(n > s->queued);
	s->progress_ns = io->now_ns;
	s->queued -= n;
	while (s->tx_head) {
		struct sp_block *b = s->tx_head;
		uint32_t k = (uint32_t)sp_min((size_t)(b->end - b->start), n);

		b->start += k;
		n -= k;
		if (b->start < b->end)
			break;
		s->tx_head = b->next;
		b->next = io->free_blocks;
		io->free_blocks = b;
	}
	if (!s->tx_head)
		s->tx_tail = NULL;
	if (s->over_high && s->queued < SP_IO_TX_LOW) {
		s->over_high = false;
		if (s->phase == SP_STREAM_OPEN && s->ops->on_drained)
			s->ops->on_drained(s, s->user);
	}
}

void sp_tx_drop(struct sp_stream *s)
{
	struct sp_io *io = s->io;

	while (s->tx_head) {
		struct sp_block *b = s->tx_head;

		s->tx_head = b->next;
		b->next = io->free_blocks;
		io->free_blocks = b;
	}
	s->tx_tail = NULL;
	s->queued = 0;
	s->over_high = false;
}

static bool writable(const struct sp_stream *s)
{
	return s->phase == SP_STREAM_OPEN || s->phase == SP_STREAM_CONNECTING;
}

static struct sp_block *append_block(struct sp_stream *s)
{
	struct sp_io *io = s->io;
	struct sp_block *b = io->free_blocks;

	if (!b)
		return NULL;
	io->free_blocks = b->next;
	__builtin_prefetch(b->next, 1);
	b->next = NULL;
	b->start = b->end = 0;
	if (s->tx_tail)
		s->tx_tail->next = b;
	else
		s->tx_head = b;
	s->tx_tail = b;
	return b;
}

uint8_t *sp_stream_reserve(struct sp_stream *s, size_t min, size_t *ret_room)
{
	struct sp_block *b = s->tx_tail;

	SP_BUG_IF(min > SP_IO_BLOCK_BYTES);
	if (!writable(s))
		return NULL;
	if (!b || SP_IO_BLOCK_BYTES - b->end < sp_max(min, (size_t)1))
		b = append_block(s);
	if (!b) {
		s->io->stats.tx_no_block++;
		return NULL;
	}
	*ret_room = SP_IO_BLOCK_BYTES - b->end;
	return b->data + b->end;
}

void sp_stream_commit(struct sp_stream *s, size_t n)
{
	struct sp_block *b = s->tx_tail;

	SP_BUG_IF(!b || n > SP_IO_BLOCK_BYTES - b->end);
	if (!s->queued)
		s->progress_ns = s->io->now_ns;
	b->end += (uint32_t)n;
	s->queued += n;
	if (!s->queued)
		sp_tx_drop(s);
	if (s->queued >= SP_IO_TX_HIGH)
		s->over_high = true;
	sp_stream_mark(s);
}

int sp_stream_send(struct sp_stream *s, const void *p, size_t n)
{
	size_t tail_room = s->tx_tail ? SP_IO_BLOCK_BYTES - s->tx_tail->end : 0;
	const uint8_t *from = p;
	size_t room = tail_room;

	if (!writable(s))
		return -ENOBUFS;
	for (struct sp_block *b = s->io->free_blocks; room < n && b; b = b->next)
		room += SP_IO_BLOCK_BYTES;
	if (room < n) {
		s->io->stats.tx_no_block++;
		return -ENOBUFS;
	}
	while (n) {
		uint8_t *to = sp_stream_reserve(s, 1, &room);

		SP_BUG_IF(!to);
		room = sp_min(room, n);
		memcpy(to, from, room);
		sp_stream_commit(s, room);
		from += room;
		n -= room;
	}
	return 0;
}

size_t sp_stream_queued(const struct sp_stream *s)
{
	return s->queued;
}

uint64_t sp_stream_progress_ns(const struct sp_stream *s)
{
	return s->queued ? s->progress_ns : s->io->now_ns;
}

void sp_stream_set_ops(struct sp_stream *s, const struct sp_stream_ops *ops, void *user)
{
	s->ops = ops;
	s->user = user;
}

void sp_stream_pause(struct sp_stream *s)
{
	if (s->paused)
		return;
	s->paused = true;
	sp_stream_mark(s);
}

void sp_stream_resume(struct sp_stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	sp_stream_mark(s);
}

void sp_stream_close(struct sp_stream *s)
{
	if (s->phase == SP_STREAM_CONNECTING) {
		sp_stream_end(s, 0);
	} else if (s->phase == SP_STREAM_OPEN) {
		s->phase = SP_STREAM_CLOSING;
		sp_stream_mark(s);
	}
}

void sp_stream_abort(struct sp_stream *s)
{
	if (s->told)
		return;
	s->reset = true;
	sp_stream_end(s, 0);
}
