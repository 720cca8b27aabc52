#include "bench/load_conn.h"
#include "common/banned.h"

#define FIRST_ID 1000000u

void load_conn_init(struct load_conn *c, const struct load_agent *agent, unsigned first_turn)
{
	c->agent = agent;
	c->turn = first_turn % MIX_SLOTS;
	c->id = FIRST_ID;
}

enum load_event load_conn_down(struct load_client *l, struct load_conn *c)
{
	l->wire->drop(l, c);
	c->state = CONN_DOWN;
	c->session[0] = 0;
	c->out.len = c->out_at = 0;
	c->answer.at = c->answer.in.len = 0;
	return EVENT_BROKEN;
}

void load_conn_done(struct load_client *l, struct load_conn *c)
{
	load_conn_down(l, c);
	load_answer_done(&c->answer);
	demo_buf_done(&c->out);
}

static void put_session(struct load_conn *c)
{
	if (c->session[0])
		demo_printf(&c->out, "Mcp-Session-Id: %s\r\n", c->session);
}

static enum load_event send_open(struct load_client *l, struct load_conn *c, const char *body)
{
	demo_printf(&c->out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
			     "Accept: application/json, text/event-stream\r\n",
		l->plan->path, l->plan->host);
	if (c->agent->token) {
		demo_lit(&c->out, "Authorization: Bearer ");
		demo_put_bytes(&c->out, sp_bytes_cstr(c->agent->token));
		demo_lit(&c->out, "\r\n");
	}
	put_session(c);
	demo_printf(&c->out, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	return l->wire->flush(l, c);
}

/// The next step of opening, or idle.
static enum load_event ready(struct load_client *l, struct load_conn *c)
{
	if (l->plan->era == ERA_LEGACY && c->state < CONN_OPENING) {
		c->state = CONN_OPENING;
		return send_open(l, c,
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
			"\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
			"\"clientInfo\":{\"name\":\"sallyport-load\",\"version\":\"1\"}}}");
	}
	if (c->state == CONN_OPENING) {
		memcpy(c->session, c->answer.session, sizeof(c->session));
		if (c->answer.status != 200 || load_answer_failed(&c->answer))
			return load_conn_down(l, c);
		load_answer_begin(&c->answer);
		c->state = CONN_NOTIFYING;
		return send_open(l, c, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
	}
	c->state = CONN_IDLE;
	return EVENT_READY;
}

enum load_event load_conn_up(struct load_client *l, struct load_conn *c)
{
	load_answer_begin(&c->answer);
	return ready(l, c);
}

static enum load_event whole(struct load_client *l, struct load_conn *c)
{
	if (c->state != CONN_BUSY) {
		if (c->state == CONN_NOTIFYING)
			load_answer_begin(&c->answer);
		return ready(l, c);
	}
	c->state = CONN_IDLE;
	return EVENT_ANSWERED;
}

enum load_event load_conn_received(struct load_client *l, struct load_conn *c, size_t n)
{
	int r;

	if (c->state < CONN_OPENING || c->state == CONN_IDLE)
		return load_conn_down(l, c);
	c->answer.in.len += n;
	c->received_bytes += n;
	r = load_answer_feed(&c->answer);
	if (r < 0)
		return load_conn_down(l, c);
	return r ? whole(l, c) : EVENT_NONE;
}

static void patch(uint8_t *at, unsigned digits, uint64_t v)
{
	for (unsigned i = digits; i-- > 0; v /= 10)
		at[i] = (uint8_t)('0' + v % 10);
}

enum load_event load_conn_call(struct load_client *l, struct load_conn *c, uint64_t ref, uint64_t start_ns)
{
	unsigned item = c->agent->mix->turn[c->turn];
	const struct load_request *r = &c->agent->request[item];
	uint8_t *body;

	c->turn = (c->turn + 1) % MIX_SLOTS;
	c->item = &c->agent->mix->item[item];
	c->known = &c->agent->mix->known[item];
	c->id = c->id == FIRST_ID * 10 - 1 ? FIRST_ID : c->id + 1;
	c->ref = ref;
	c->start_ns = start_ns;
	demo_put(&c->out, r->head, r->head_n);
	put_session(c);
	demo_lit(&c->out, "\r\n");
	demo_put(&c->out, r->body, r->body_n);
	body = c->out.p + c->out.len - r->body_n;
	patch(body + r->id_at, ID_DIGITS, c->id);
	if (r->ref_at != NO_OFFSET)
		patch(body + r->ref_at, REF_DIGITS, ref);
	load_answer_begin(&c->answer);
	c->state = CONN_BUSY;
	return l->wire->flush(l, c);
}
