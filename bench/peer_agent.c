#include "bench/peer_agent.h"

#include "common/clock.h"

#include <stdio.h>
#include "common/banned.h"

#define READ_CHUNK 17000u ///< a full TLS record and a little

struct peer_agent {
	struct load_conn c;
	struct peer_agents *all;
	struct sp_stream *stream; ///< NULL = down
	struct sp_tls *tls;
};

static struct peer_agent *agent_of(struct load_conn *c)
{
	return sp_container_of(c, struct peer_agent, c);
}

static struct peer_agents *agents_of(struct load_client *l)
{
	return sp_container_of(l, struct peer_agents, l);
}

/// Frames still come in while a turn runs: its own time, which stamps_turns would have, is too early for those.
static void tell(struct peer_agent *a, enum load_event e)
{
	struct load_client *l = &a->all->l;

	if (e != EVENT_NONE)
		l->on_event(l->user, &a->c, e, sp_clock_boot_ns());
}

static void lost(struct peer_agent *a)
{
	tell(a, load_conn_down(&a->all->l, &a->c));
}

static void on_nothing(struct sp_stream *s, void *user)
{
	(void)s;
	(void)user;
}

static void on_late_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	(void)s;
	(void)user;
	(void)data;
	(void)n;
}

static void on_late_result(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)user;
	(void)err;
}

/// A stream that was given up: its agent may have another one by now.
static const struct sp_stream_ops late_ops = {
	.on_connected = on_late_result,
	.on_data = on_late_data,
	.on_eof = on_nothing,
	.on_closed = on_late_result,
};

static void drop(struct load_client *l, struct load_conn *c)
{
	struct peer_agent *a = agent_of(c);

	(void)l;
	if (a->tls)
		a->tls = sp_tls_free(a->tls);
	if (!a->stream)
		return;
	sp_stream_set_ops(a->stream, &late_ops, NULL);
	sp_stream_abort(a->stream);
	a->stream = NULL;
}

static void on_connected(struct sp_stream *s, void *user, int err)
{
	struct peer_agent *a = user;
	struct load_client *l = &a->all->l;

	if (err) {
		lost(a);
	} else if (!a->all->tls) {
		tell(a, load_conn_up(l, &a->c));
	} else {
		a->c.state = CONN_HANDSHAKING;
		if (sp_tls_connect(a->all->tls, l->target->name, s, &a->tls) < 0)
			lost(a);
	}
}

/// Plaintext at the end of what the agent has to read. 0, -EAGAIN, or what ends the connection.
static int take(struct peer_agent *a, struct sp_bytes *in, size_t *ret)
{
	uint8_t *room = demo_buf_room(&a->c.answer.in, READ_CHUNK);

	if (a->tls)
		return sp_tls_read(a->tls, room, READ_CHUNK, ret);
	if (!in->n)
		return -EAGAIN;
	*ret = sp_min(in->n, (size_t)READ_CHUNK);
	memcpy(room, in->p, *ret);
	*in = sp_bytes(in->p + *ret, in->n - *ret);
	return 0;
}

static void on_data(struct sp_stream *s, void *user, const uint8_t *data, size_t n)
{
	struct peer_agent *a = user;
	struct load_client *l = &a->all->l;
	struct sp_bytes in = sp_bytes(data, n);

	if (a->tls)
		sp_tls_feed(a->tls, data, n);
	// Any event may end this stream.
	while (a->stream == s) {
		int r = take(a, &in, &n);

		if (r < 0 && r != -EAGAIN) {
			lost(a);
			return;
		}
		if (a->c.state == CONN_HANDSHAKING && sp_tls_established(a->tls))
			tell(a, load_conn_up(l, &a->c));
		if (r == -EAGAIN)
			return;
		if (a->stream == s)
			tell(a, load_conn_received(l, &a->c, n));
	}
}

static void on_eof(struct sp_stream *s, void *user)
{
	(void)s;
	lost(user);
}

static void on_closed(struct sp_stream *s, void *user, int err)
{
	(void)s;
	(void)err;
	lost(user);
}

static struct load_conn *make(void)
{
	return calloc(1, sizeof(struct peer_agent)); // of which it is the first member
}

static enum load_event dial(struct load_client *l, struct load_conn *c)
{
	static const struct sp_stream_ops ops = {
		.on_connected = on_connected, .on_data = on_data, .on_eof = on_eof, .on_closed = on_closed};
	struct peer_agent *a = agent_of(c);

	a->all = agents_of(l);
	c->item = NULL;
	c->state = CONN_CONNECTING;
	if (sp_io_connect(a->all->io, (const struct sockaddr *)&l->target->addr, l->target->addr_len, &ops, a,
		    &a->stream) < 0)
		return load_conn_down(l, c);
	return EVENT_NONE;
}

static enum load_event flush(struct load_client *l, struct load_conn *c)
{
	struct peer_agent *a = agent_of(c);
	const uint8_t *p = c->out.p + c->out_at;
	size_t n = c->out.len - c->out_at;

	if ((a->tls ? sp_tls_write(a->tls, p, n) : sp_stream_send(a->stream, p, n)) < 0)
		return load_conn_down(l, c);
	c->sent_bytes += n;
	c->out.len = c->out_at = 0;
	return EVENT_NONE;
}

static void turn(struct load_client *l, uint64_t wait_ns)
{
	SP_BUG_IF(sp_io_turn(agents_of(l)->io, sp_clock_boot_ns(), wait_ns) < 0);
}

static uint64_t awake(void *user)
{
	(void)user;
	return sp_clock_boot_ns();
}

static int open_ca(const char *path, struct sp_tls_client **ret)
{
	struct demo_buf pem = {0};
	FILE *f = path ? fopen(path, "re") : NULL;
	int r = 0;

	if (path && !f)
		return -errno;
	while (f && !feof(f) && !ferror(f))
		pem.len += fread(demo_buf_room(&pem, 4096), 1, 4096, f);
	if (f && (ferror(f) || !pem.len))
		r = -EIO;
	if (f)
		fclose(f);
	if (!r)
		r = sp_tls_client_new(demo_bytes(&pem), ret);
	demo_buf_done(&pem);
	return r;
}

int peer_agents_init(struct peer_agents *p, struct sp_io *io, const struct load_target *target, const char *ca)
{
	static const struct load_wire wire = {make, dial, flush, drop, turn};

	*p = (struct peer_agents){.l.wire = &wire, .io = io};
	if (target->tls) {
		int r = sp_tls_init();

		if (r < 0 && (r != -ENOENT || !ca))
			return r;
		r = sp_tls_fast_records();
		if (r < 0 && r != -ENOTSUP)
			return r;
		SP_TRY(open_ca(ca, &p->tls));
	}
	sp_io_set_awake(io, awake, NULL);
	return 0;
}

void peer_agents_done(struct peer_agents *p)
{
	if (p->tls)
		p->tls = sp_tls_client_free(p->tls);
}
