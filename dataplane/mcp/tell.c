/// Messages to upstreams that no agent waits for: refusals of their requests, the ends of sessions, and
/// cancellations, which reach a legacy server before the stream they are about is closed.
#include "dataplane/mcp/mcp.h"

#include "dataplane/worker_shared.h"
#include "common/banned.h"

#define PART_NS (2 * SP_NS_PER_SEC) ///< how long a stream outlives its call, for its server to be told

static void on_head(void *user, const struct sp_http_head *h, const uint8_t *buf)
{
	(void)user;
	(void)h;
	(void)buf;
}

static void on_body(void *user, const uint8_t *p, size_t n)
{
	(void)user;
	(void)p;
	(void)n;
}

static void on_done(void *user)
{
	(void)user;
}

static void on_failed(void *user, enum sp_reason why, bool sent)
{
	(void)user;
	(void)why;
	(void)sent;
}

static const struct sp_exchange_ops nobody = {on_head, on_body, on_done, on_failed};

struct telling {
	const struct sp_snap *snap;
	uint32_t upstream;
	enum sp_http_verb verb;
	enum sp_revision revision;
	struct sp_bytes session, body;
	uint64_t deadline_ns; ///< 0 = as any exchange
	const struct sp_exchange_ops *ops;
	void *user;
};

static int tell(struct sp_worker *w, const struct telling *t, struct sp_exchange **ret)
{
	uint8_t headers[1024];
	struct sp_out o = sp_out_init(headers, sizeof(headers));
	struct sp_exchange_req req = {
		.upstream = t->upstream,
		.snap = t->snap,
		.verb = t->verb,
		.body = t->body,
		.deadline_ns = t->deadline_ns,
		.ops = t->ops,
		.user = t->user,
	};
	int r;

	if (t->body.n)
		sp_out_lit(&o, "Content-Type: application/json\r\n");
	sp_out_lit(&o, "Accept: application/json, text/event-stream\r\n");
	if (t->revision >= SP_REV_2025_06_18) {
		sp_out_lit(&o, "MCP-Protocol-Version: ");
		sp_out_bytes(&o, sp_revision_name(t->revision));
		sp_out_lit(&o, "\r\n");
	}
	if (t->session.n) {
		sp_out_lit(&o, "Mcp-Session-Id: ");
		sp_out_bytes(&o, t->session);
		sp_out_lit(&o, "\r\n");
	}
	req.headers = sp_bytes(headers, o.len);
	r = sp_upstream_start(w->upstreams, &req, ret);
	if (r)
		sp_count(w, SP_STAT_UP_ERRORS);
	return r;
}

void sp_south_tell(struct sp_worker *w, const struct sp_snap *snap, uint32_t upstream,
	enum sp_http_verb verb, enum sp_revision revision, struct sp_bytes session, struct sp_bytes body)
{
	struct telling t = {snap, upstream, verb, revision, session, body, 0, &nobody, NULL};
	struct sp_exchange *x;

	(void)!tell(w, &t, &x); // counted
}

// A stream and the message that its call was given up: whichever ends first waits for the other

static void part_ends(struct sp_parting *p)
{
	struct sp_partings *all = p->all;

	if (p->told || p->stream)
		return;
	p->next = all->free;
	all->free = p;
}

static void on_stream_done(void *user)
{
	struct sp_parting *p = user;

	p->stream = NULL;
	part_ends(p);
}

static void on_stream_failed(void *user, enum sp_reason why, bool sent)
{
	(void)why;
	(void)sent;
	on_stream_done(user);
}

static const struct sp_exchange_ops stream_ops = {on_head, on_body, on_stream_done, on_stream_failed};

static void on_told(void *user)
{
	struct sp_parting *p = user;

	p->told = NULL;
	if (p->stream)
		sp_exchange_cancel(p->stream);
	p->stream = NULL;
	part_ends(p);
}

static void on_not_told(void *user, enum sp_reason why, bool sent)
{
	(void)why;
	(void)sent;
	on_told(user);
}

static const struct sp_exchange_ops told_ops = {on_head, on_body, on_told, on_not_told};

int sp_partings_init(struct sp_partings *all, uint32_t count)
{
	all->mem = calloc(count, sizeof(*all->mem));
	if (!all->mem)
		return -ENOMEM;
	for (uint32_t i = count; i-- > 0;) {
		all->mem[i].all = all;
		all->mem[i].next = all->free;
		all->free = &all->mem[i];
	}
	return 0;
}

void sp_partings_done(struct sp_partings *all)
{
	free(all->mem);
	*all = (struct sp_partings){0};
}

void sp_south_put_cancelled(struct sp_out *o, const struct sp_call *c)
{
	sp_out_lit(o, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":");
	sp_out_put(o, c->south.id, c->south.id_len);
	sp_out_lit(o, "}}");
}

static int tell_cancelled(struct sp_call *c, struct sp_parting *p)
{
	const struct sp_south *s = &c->south;
	uint8_t text[160];
	struct sp_out o = sp_out_init(text, sizeof(text));
	struct telling t = {
		.snap = c->snap,
		.upstream = s->upstream,
		.verb = SP_HTTP_POST,
		.revision = (enum sp_revision)s->session.revision,
		.session = sp_bytes(s->session.id, s->session.len),
		.deadline_ns = c->w->now_ns + PART_NS,
		.ops = p ? &told_ops : &nobody,
		.user = p,
	};
	struct sp_exchange *x = NULL;
	int r;

	sp_south_put_cancelled(&o, c);
	t.body = sp_bytes(o.p, o.len);
	r = tell(c->w, &t, &x);
	if (p)
		p->told = x;
	return r;
}

void sp_south_expired(struct sp_call *c)
{
	if (!c->south.modern && c->south.cancellable)
		(void)!tell_cancelled(c, NULL);
}

void sp_south_leave(struct sp_call *c)
{
	struct sp_south *s = &c->south;
	struct sp_parting *p = c->w->partings.free;

	if (!s->x || s->modern || s->final || !s->cancellable)
		return;
	if (!p) {
		(void)!tell_cancelled(c, NULL);
		return;
	}
	if (tell_cancelled(c, p))
		return; // it cannot be told: the end of its stream must do
	c->w->partings.free = p->next;
	p->stream = s->x;
	sp_exchange_adopt(s->x, &stream_ops, p);
	s->x = NULL;
}
