/// Raw frames into a stack with a listener: two bytes of length, then the frame, again and again. Checksums count
/// as verified, so that what lies behind them is reached.
#define LOOP_FRAMES 256u
#include "common/clock.h"
#include "dataplane/io/lwip/ahead.h"
#include "dataplane/io/lwip/checksum.h"
#include "dataplane/io/lwip/lwip.h"
#include "tests/unit/wire_loop.h"

#include <netinet/in.h>
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	(void)user;
	if (sp_stream_send(s, data, n) < 0)
		sp_stream_abort(s);
}

static void on_eof(struct sp_stream *s, void *user)
{
	(void)user;
	sp_stream_close(s);
}

static void on_closed(struct sp_stream *s, void *user, int err)
{
	(void)s, (void)user, (void)err;
}

static int accept_it(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	static const struct sp_stream_ops ops = {.on_data = on_data, .on_eof = on_eof, .on_closed = on_closed};

	(void)peer;
	sp_stream_set_ops(s, &ops, user);
	return 0;
}

static struct sp_io *start(struct loop_wire **ret)
{
	static const struct sp_io_conf conf = {.max_streams = 32, .blocks = 64, .recv_buffers = 16};
	const struct sp_port port = {.mtu = 1500, .prefix4 = 24, .frames = LOOP_FRAMES, .half_open = 64,
		.addr4.s_addr = htonl(0x0a090001), .gateway4.s_addr = htonl(0x0a090002), .addrs6 = 1,
		.addr6 = {{.s6_addr = {0xfd, 9, [15] = 1}}}};
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80)};
	const struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct loop_wire *w = loop_new();
	struct sp_io *io = NULL;

	SP_BUG_IF(!w);
	w->trusted = true;
	SP_BUG_IF(sp_io_lwip_new(&conf, &port, &w->wire, NULL, &io) < 0);
	SP_BUG_IF(sp_io_listen_addr(io, (const struct sockaddr *)&at, sizeof(at), accept_it, NULL) < 0);
	SP_BUG_IF(sp_io_listen_addr(io, (const struct sockaddr *)&at6, sizeof(at6), accept_it, NULL) < 0);
	*ret = w;
	return io;
}

/// With so few streams the stack itself does not.
static void look_ahead(const uint8_t *data, size_t n)
{
	uint64_t room[SP_FRAME_ROOM / 8];
	uint8_t *copy = malloc(n + 1);
	struct sp_frame f = {.data = copy + 1, .len = (uint32_t)n, .room = room};
	struct lwip_ahead a;

	SP_BUG_IF(!copy);
	memcpy(f.data, data, n);
	(void)lwip_sums_right(f.data, n);
	lwip_ahead_frame(&a, &f);
	lwip_ahead_pcb(&a);
	lwip_ahead_stream(&a);
	lwip_ahead_user(&a);
	lwip_ahead_soon(&a);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop_wire *w;
	struct sp_io *io = start(&w);
	uint64_t now_ns = sp_clock_boot_ns();

	while (size >= 2) {
		size_t n = sp_min((size_t)(data[0] << 8 | data[1]), size - 2);

		data += 2;
		size -= 2;
		look_ahead(data, n);
		if (n <= LOOP_BYTES)
			(void)loop_inject(w, data, (uint32_t)n);
		data += n;
		size -= n;
		now_ns += 60 * SP_NS_PER_MS; // timers run between two frames
		SP_BUG_IF(sp_io_turn(io, now_ns, 0) < 0);
	}
	for (unsigned i = 0; i < 8; i++)
		SP_BUG_IF(sp_io_turn(io, now_ns += SP_NS_PER_SEC, 0) < 0);
	SP_BUG_IF(w->out - w->queued > 64); // frames are given back, but for a few that wait for something
	sp_io_free(io);
	return 0;
}
