/// What a hostile HTTP/2 server can send to three calls in flight. First byte: the size of the pieces it
/// arrives in; second: bit 0 = the connection ends then, bit 1 = one call is cancelled in the middle, bit 2 = one
/// is paused. Every call ends exactly once.
#include "common/clock.h"
#include "common/stats.h"
#include "config/snapshot_build.h"
#include "dataplane/upstream/upstream.h"

#include <arpa/inet.h>
#include "common/banned.h"

struct call {
	unsigned heads, ends;
};
struct rig {
	struct sp_io *io;
	struct sp_upstreams *u;
	struct sp_wheel wheel;
	uint64_t now;
	_Atomic uint64_t stat[SP_STAT__COUNT];
	struct sp_stream *server;
	uint8_t *blob;
	struct sp_snap snap;
};

static void on_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	struct call *c = user;

	for (unsigned i = 0; i < SP_HDR__COUNT; i++)
		SP_BUG_IF(!sp_http_value_ok(sp_http_get(buf, h->header[i])));
	SP_BUG_IF(c->heads || c->ends || h->status < 200 || h->status > 599);
	c->heads++;
}
static void on_body(void *user, const uint8_t *p, size_t n)
{
	const struct call *c = user;

	SP_BUG_IF(!c->heads || c->ends || !p || !n);
}
static void on_done(void *user)
{
	struct call *c = user;

	SP_BUG_IF(!c->heads || c->ends++);
}
static void on_failed(void *user, enum sp_reason why, bool sent)
{
	struct call *c = user;

	(void)why;
	(void)sent;
	SP_BUG_IF(c->ends++);
}
static const struct sp_exchange_ops ops = {on_head, on_body, on_done, on_failed};

static void ignore(struct sp_stream *s, void *user, const uint8_t *p, size_t n)
{
	(void)s;
	(void)user;
	(void)p;
	(void)n;
}
static void on_eof(struct sp_stream *s, void *user)
{
	(void)user;
	sp_stream_close(s);
}
static void on_closed(struct sp_stream *s, void *user, int err)
{
	struct rig *r = user;

	(void)err;
	if (r->server == s)
		r->server = NULL;
}
static const struct sp_stream_ops server_ops = {.on_data = ignore, .on_eof = on_eof, .on_closed = on_closed};

static int on_accept(struct sp_stream *s, void *user, const struct sockaddr_storage *peer)
{
	struct rig *r = user;

	(void)peer;
	sp_stream_set_ops(s, &server_ops, r);
	r->server = s;
	return 0;
}

static void set_up(struct rig *r)
{
	struct sp_io_conf io = {.max_streams = 16, .blocks = 64, .recv_buffers = 16};
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(7)};
	struct sp_snap_in_upstream up = {.name = SP_LIT("one"),
		.host = SP_LIT("one.example"),
		.path = SP_LIT("/mcp"),
		.http = SP_UP_HTTP_2,
		.max_connections = 2,
		.connect_ns = SP_NS_PER_SEC,
		.response_ns = SP_NS_PER_SEC,
		.idle_ns = SP_NS_PER_SEC,
		.addrs_n = 1,
		.addr_len = {sizeof(a)}};
	struct sp_snap_in in = {.generation = 1, .profile = SP_LIT("t"), .upstreams = &up, .upstreams_n = 1};
	struct sp_upstreams_conf conf = {.wheel = &r->wheel,
		.now_ns = &r->now,
		.stat = r->stat,
		.max_connections = 4,
		.max_exchanges = 8,
		.limits = {.max_head_bytes = 2048, .max_headers = 32, .max_body_bytes = 1 << 16}};
	size_t n;

	memcpy(up.addr[0], &a, sizeof(a));
	r->now = SP_NS_PER_SEC;
	sp_wheel_init(&r->wheel, r->now);
	SP_BUG_IF(sp_io_mem_new(&io, &r->io) < 0 || sp_io_listen(r->io, 7, on_accept, r) < 0);
	conf.io = r->io;
	SP_BUG_IF(sp_upstreams_new(&conf, &r->u) < 0 || sp_snap_build(&in, &r->blob, &n) < 0);
	SP_BUG_IF(sp_snap_open(r->blob, n, &r->snap) < 0 || sp_upstreams_refresh(r->u, &r->snap) < 0);
}

static void turns(struct rig *r, unsigned n)
{
	while (n--) {
		SP_BUG_IF(sp_io_turn(r->io, r->now, 0) < 0);
		sp_wheel_run(&r->wheel, r->now);
		sp_upstreams_flush(r->u);
	}
}

static void pass_time(struct rig *r)
{
	for (int i = 0; i < 16; i++) {
		r->now += SP_NS_PER_SEC / 4;
		turns(r, 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig r = {0};
	struct call call[3] = {0};
	struct sp_exchange *x[3];
	uint8_t how = size > 1 ? data[1] : 0;

	if (size < 2 || size > 32768)
		return 0;
	set_up(&r);
	sp_io_mem_chunk(r.io, data[0] ? data[0] : 16384);
	for (int i = 0; i < 3; i++) {
		struct sp_exchange_req req = {.snap = &r.snap,
			.verb = SP_HTTP_POST,
			.body = SP_LIT("{}"),
			.idempotent = i == 1,
			.ops = &ops,
			.user = &call[i]};

		SP_BUG_IF(sp_upstream_start(r.u, &req, &x[i]) != 0);
	}
	turns(&r, 6);
	if (how & 4)
		sp_exchange_pause(x[0]);
	if (r.server)
		(void)!sp_stream_send(r.server, data + 2, size - 2);
	turns(&r, 3);
	if (how & 2 && !call[2].ends) {
		sp_exchange_cancel(x[2]);
		call[2].ends = 1;
	}
	if (how & 1 && r.server)
		sp_stream_close(r.server);
	pass_time(&r);
	for (int i = 0; i < 3; i++)
		SP_BUG_IF(call[i].ends != 1);
	SP_BUG_IF(sp_upstreams_open(r.u) != 0);
	sp_io_free(r.io);
	sp_upstreams_free(r.u);
	SP_BUG_IF(r.wheel.armed != 0);
	free(r.blob);
	return 0;
}
