#include "bench/load_conn.h"

#include <sys/epoll.h>
#include "common/banned.h"

#define FIRST_ID 1000000u
#define READ_CHUNK 17000u ///< a full TLS record and a little

void load_conn_init(struct load_conn *c, const struct load_agent *agent, unsigned first_turn)
{
	*c = (struct load_conn){.fd = -1, .agent = agent, .turn = first_turn % MIX_SLOTS, .id = FIRST_ID};
}

static enum load_event down(struct load_conn *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	c->ssl = NULL;
	sp_close_fd(&c->fd);
	c->state = CONN_DOWN;
	c->session[0] = 0;
	c->out.len = c->out_at = 0;
	return EVENT_BROKEN;
}

void load_conn_done(struct load_conn *c)
{
	down(c);
	load_answer_done(&c->answer);
	demo_buf_done(&c->out);
}

static void watch(const struct load_client *l, struct load_conn *c, int op, bool writing)
{
	struct epoll_event e = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};

	if (op == EPOLL_CTL_MOD && c->watches_writing == writing)
		return;
	c->watches_writing = writing;
	SP_BUG_IF(epoll_ctl(l->epoll_fd, op, c->fd, &e) < 0);
}

enum load_event load_conn_dial(const struct load_client *l, struct load_conn *c)
{
	c->fd = load_target_dial(l->target);
	if (c->fd < 0)
		return down(c);
	c->item = NULL;
	c->answer.at = c->answer.in.len = 0;
	load_answer_begin(&c->answer);
	c->state = CONN_CONNECTING;
	watch(l, c, EPOLL_CTL_ADD, true);
	return EVENT_NONE;
}

/// Bytes written, 0 when the peer takes no more now, -EPIPE.
static ssize_t put(struct load_conn *c, const uint8_t *p, size_t n)
{
	ssize_t r;

	if (!c->ssl) {
		r = send(c->fd, p, n, MSG_NOSIGNAL);
		return r >= 0 ? r : errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	}
	r = SSL_write(c->ssl, p, (int)sp_min(n, (size_t)INT32_MAX));
	if (r > 0)
		return r;
	switch (SSL_get_error(c->ssl, (int)r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return -EPIPE;
	}
}

/// As put().
static ssize_t get(struct load_conn *c, uint8_t *p, size_t cap)
{
	ssize_t r;

	if (!c->ssl) {
		r = recv(c->fd, p, cap, 0);
		return r > 0 ? r : r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
	}
	r = SSL_read(c->ssl, p, (int)cap);
	if (r > 0)
		return r;
	switch (SSL_get_error(c->ssl, (int)r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return -EPIPE;
	}
}

static enum load_event flush(const struct load_client *l, struct load_conn *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = put(c, c->out.p + c->out_at, c->out.len - c->out_at);

		if (n < 0)
			return down(c);
		if (n == 0) {
			watch(l, c, EPOLL_CTL_MOD, true);
			return EVENT_NONE;
		}
		c->out_at += (size_t)n;
		c->sent_bytes += (size_t)n;
	}
	c->out.len = c->out_at = 0;
	watch(l, c, EPOLL_CTL_MOD, false);
	return EVENT_NONE;
}

static void put_session(struct load_conn *c)
{
	if (c->session[0])
		demo_printf(&c->out, "Mcp-Session-Id: %s\r\n", c->session);
}

static enum load_event send_open(const struct load_client *l, struct load_conn *c, const char *body)
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
	return flush(l, c);
}

static enum load_event ready(const struct load_client *l, struct load_conn *c)
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
			return down(c);
		load_answer_begin(&c->answer);
		c->state = CONN_NOTIFYING;
		return send_open(l, c, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
	}
	c->state = CONN_IDLE;
	return EVENT_READY;
}

static enum load_event handshake(const struct load_client *l, struct load_conn *c)
{
	int r = SSL_do_handshake(c->ssl);

	if (r == 1) {
		watch(l, c, EPOLL_CTL_MOD, false);
		return ready(l, c);
	}
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		watch(l, c, EPOLL_CTL_MOD, false);
		return EVENT_NONE;
	case SSL_ERROR_WANT_WRITE:
		watch(l, c, EPOLL_CTL_MOD, true);
		return EVENT_NONE;
	default:
		return down(c);
	}
}

static enum load_event connected(const struct load_client *l, struct load_conn *c)
{
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err)
		return down(c);
	if (!l->target->tls) {
		watch(l, c, EPOLL_CTL_MOD, false);
		return ready(l, c);
	}
	c->ssl = SSL_new(l->target->tls);
	SP_BUG_IF(!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set1_host(c->ssl, l->target->name) != 1);
	(void)SSL_set_tlsext_host_name(c->ssl, l->target->name);
	SSL_set_connect_state(c->ssl);
	c->state = CONN_HANDSHAKING;
	return handshake(l, c);
}

static enum load_event whole(const struct load_client *l, struct load_conn *c)
{
	if (c->state != CONN_BUSY) {
		if (c->state == CONN_NOTIFYING)
			load_answer_begin(&c->answer);
		return ready(l, c);
	}
	c->state = CONN_IDLE;
	return EVENT_ANSWERED;
}

static enum load_event receive(const struct load_client *l, struct load_conn *c)
{
	for (;;) {
		ssize_t n = get(c, demo_buf_room(&c->answer.in, READ_CHUNK), READ_CHUNK);
		int r;

		if (n < 0 || (n > 0 && c->state < CONN_OPENING) || (n > 0 && c->state == CONN_IDLE))
			return down(c);
		if (n == 0)
			return EVENT_NONE;
		c->answer.in.len += (size_t)n;
		c->received_bytes += (size_t)n;
		r = load_answer_feed(&c->answer);
		if (r < 0)
			return down(c);
		if (r)
			return whole(l, c);
		if (!c->ssl && (size_t)n < READ_CHUNK)
			return EVENT_NONE;
	}
}

enum load_event load_conn_on(const struct load_client *l, struct load_conn *c, uint32_t events)
{
	switch (c->state) {
	case CONN_DOWN:
		return EVENT_NONE;
	case CONN_CONNECTING:
		return connected(l, c);
	case CONN_HANDSHAKING:
		return handshake(l, c);
	default:
		break;
	}
	if (events & EPOLLOUT && flush(l, c) == EVENT_BROKEN)
		return EVENT_BROKEN;
	return events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? receive(l, c) : EVENT_NONE;
}

static void patch(uint8_t *at, unsigned digits, uint64_t v)
{
	for (unsigned i = digits; i-- > 0; v /= 10)
		at[i] = (uint8_t)('0' + v % 10);
}

enum load_event load_conn_call(
	const struct load_client *l, struct load_conn *c, uint64_t ref, uint64_t start_ns)
{
	unsigned item = c->agent->mix->turn[c->turn];
	const struct load_request *r = &c->agent->request[item];
	uint8_t *body;

	c->turn = (c->turn + 1) % MIX_SLOTS;
	c->item = &c->agent->mix->item[item];
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
	return flush(l, c);
}
