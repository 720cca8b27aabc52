/// Receive buffers: the kernel's ring of provided buffers, and what a paused stream holds back.
#include "dataplane/io/uring.h"

#include "common/pages.h"
#include "common/banned.h"

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static void add(struct uring_rx *rx, uint32_t bid)
{
	struct uring_rxbuf *b = &rx->buf[rx->of_bid[bid]];

	io_uring_buf_ring_add(rx->ring, b->data, SP_IO_BLOCK_BYTES, (unsigned short)bid,
		io_uring_buf_ring_mask(rx->ring_entries), 0);
	io_uring_buf_ring_advance(rx->ring, 1);
}

static void circulate(struct uring_rx *rx, uint32_t upto)
{
	for (; rx->live < upto; rx->live++) {
		rx->of_bid[rx->live] = rx->live;
		add(rx, rx->live);
	}
}

int uring_rx_init(struct uring_io *u)
{
	struct uring_rx *rx = &u->rx;
	struct io_uring_buf_reg reg = {0};
	uint32_t n = u->io.conf.recv_buffers;
	int r;

	if (n > 32768)
		return -EINVAL;
	rx->n = n;
	rx->ring_entries = power_of_two(n);
	rx->ring_bytes = rx->ring_entries * sizeof(struct io_uring_buf);
	rx->ring = sp_pages_map(rx->ring_bytes);
	rx->data = sp_pages_map((size_t)2 * n * SP_IO_BLOCK_STRIDE);
	rx->buf = calloc((size_t)2 * n, sizeof(*rx->buf));
	rx->of_bid = calloc(n, sizeof(*rx->of_bid));
	if (!rx->ring || !rx->data || !rx->buf || !rx->of_bid)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)rx->ring;
	reg.ring_entries = rx->ring_entries;
	r = io_uring_register_buf_ring(&u->ring, &reg, 0);
	if (r < 0)
		return r;
	io_uring_buf_ring_init(rx->ring);
	rx->spare = URING_BUF_NONE;
	for (uint32_t i = 2 * n; i-- > 0;) {
		rx->buf[i].data = rx->data + (size_t)i * SP_IO_BLOCK_STRIDE;
		if (i >= n) {
			rx->buf[i].next = rx->spare;
			rx->spare = i;
		}
	}
	circulate(rx, sp_min(n, URING_RX_FIRST));
	return 0;
}

void uring_rx_grow(struct uring_rx *rx)
{
	circulate(rx, sp_min(2 * rx->live, rx->n));
}

void uring_rx_done(struct uring_io *u)
{
	struct uring_rx *rx = &u->rx;

	if (rx->ring)
		munmap(rx->ring, rx->ring_bytes);
	if (rx->data)
		munmap(rx->data, (size_t)2 * rx->n * SP_IO_BLOCK_STRIDE);
	free(rx->buf);
	free(rx->of_bid);
}

void uring_rx_return(struct uring_rx *rx, uint32_t bid)
{
	add(rx, bid);
}

int uring_rx_hold(struct uring_rx *rx, struct uring_stream *us, uint32_t bid, uint32_t n)
{
	uint32_t i = rx->of_bid[bid], spare = rx->spare;
	struct uring_rxbuf *b = &rx->buf[i], *tail;

	if (us->held_tail != URING_BUF_NONE) {
		tail = &rx->buf[us->held_tail];
		if (n <= SP_IO_BLOCK_BYTES - tail->start - tail->len) {
			memcpy(tail->data + tail->start + tail->len, b->data, n);
			tail->len += n;
			add(rx, bid);
			return 0;
		}
	}
	if (spare == URING_BUF_NONE)
		return -ENOBUFS;
	rx->spare = rx->buf[spare].next;
	rx->of_bid[bid] = spare;
	add(rx, bid);
	b->start = 0;
	b->len = n;
	b->next = URING_BUF_NONE;
	if (us->held_tail != URING_BUF_NONE)
		rx->buf[us->held_tail].next = i;
	else
		us->held_head = i;
	us->held_tail = i;
	return 0;
}

static void release_first(struct uring_rx *rx, struct uring_stream *us)
{
	uint32_t i = us->held_head;

	us->held_head = rx->buf[i].next;
	if (us->held_head == URING_BUF_NONE)
		us->held_tail = URING_BUF_NONE;
	rx->buf[i].next = rx->spare;
	rx->spare = i;
}

unsigned uring_rx_deliver_held(struct uring_rx *rx, struct uring_stream *us)
{
	struct sp_stream *s = &us->s;
	unsigned called = 0;

	while (us->held_head != URING_BUF_NONE && !s->paused && s->phase == SP_STREAM_OPEN) {
		struct uring_rxbuf *b = &rx->buf[us->held_head];

		called++;
		s->ops->on_data(s, s->user, b->data + b->start, b->len);
		release_first(rx, us);
	}
	return called;
}

void uring_rx_drop_held(struct uring_rx *rx, struct uring_stream *us)
{
	while (us->held_head != URING_BUF_NONE)
		release_first(rx, us);
}
