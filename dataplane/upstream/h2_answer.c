/// What nghttp2 tells of the peer. A stream whose exchange is over has no user data: all of it is
/// dropped.
#include "dataplane/upstream/h2_int.h"

#include "common/clock.h"
#include "common/banned.h"

static struct sp_exchange *exchange(struct up_h2 *h, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(h->session, id) : NULL;
}

static int stop(struct up_h2 *h)
{
	h->violated = true;
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// A frame costs, an answer earns, time earns: a peer that sends frames for nothing is cut off.
static int on_begin_frame(nghttp2_session *s, const nghttp2_frame_hd *hd, void *user)
{
	struct up_h2 *h = user;
	uint64_t now = up_now(h->conn->u), earned;

	(void)s;
	if (h->conn->state != UP_SHARED)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (hd->type == NGHTTP2_PUSH_PROMISE)
		return stop(h); // our settings, which forbid it, went before any request
	h->unknown -= (int64_t)hd->length + 9;
	if (!h->credit) {
		earned = (now - h->credit_ns) * UP_H2_CREDIT_PER_SECOND / SP_NS_PER_SEC;
		if (!earned)
			return stop(h);
		h->credit = (uint32_t)sp_min(earned, (uint64_t)UP_H2_CREDIT_MAX);
		h->credit_ns = now;
	}
	h->credit--;
	return 0;
}

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct up_h2 *h = user;

	(void)s;
	h->reading = exchange(h, frame->hd.stream_id);
	h->block_bytes = 0;
	sp_http2_head_init(&h->head, h->conn->buf, h->conn->u->head_cap);
	return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct up_h2 *h = user;
	struct sp_exchange *x = h->reading;
	const struct sp_http_limits *limits = &h->conn->u->conf.limits;

	(void)s;
	(void)frame;
	(void)flags;
	h->block_bytes += name_n + value_n + 32;
	if (h->block_bytes > UP_H2_BLOCK_TIMES * h->conn->u->head_cap)
		return stop(h);
	if (!x)
		return 0;
	x->began = true;
	if (h->block_bytes > limits->max_head_bytes ||
		(!x->head_shown && sp_http2_head_field(&h->head, limits, sp_bytes(name, name_n),
					   sp_bytes(value, value_n)) < 0))
		up_exchange_fail(x, SP_REASON_UPSTREAM_INVALID);
	return 0;
}

/// A field that is malformed; nghttp2 would let some of them pass.
static int on_invalid_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct sp_exchange *x = exchange(user, frame->hd.stream_id);

	(void)s;
	(void)name;
	(void)name_n;
	(void)value;
	(void)value_n;
	(void)flags;
	if (x)
		up_exchange_fail(x, SP_REASON_UPSTREAM_INVALID);
	return 0;
}

static int on_invalid_frame(nghttp2_session *s, const nghttp2_frame *frame, int error, void *user)
{
	struct sp_exchange *x = exchange(user, frame->hd.stream_id);

	(void)s;
	(void)error;
	if (x)
		up_exchange_fail(x, SP_REASON_UPSTREAM_INVALID);
	return 0;
}

static void headers_done(struct up_h2 *h, struct sp_exchange *x)
{
	int r;

	if (x->head_shown)
		return; // trailers
	r = sp_http2_head_finish(&h->head, &h->conn->u->conf.limits);
	if (r < 0) {
		up_exchange_fail(
			x, r == -EFBIG ? SP_REASON_UPSTREAM_TOO_LARGE : SP_REASON_UPSTREAM_INVALID);
	} else if (h->head.head.status >= 200) {
		x->head_shown = true;
		x->ops->on_head(x->user, &h->head.head, h->head.buf);
	} else if (++x->interim > UP_INTERIM_MAX) {
		up_exchange_fail(x, SP_REASON_UPSTREAM_INVALID);
	}
}

static int on_frame_recv(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct up_h2 *h = user;
	struct sp_exchange *x = exchange(h, frame->hd.stream_id);

	(void)s;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		up_h2_retire(h->conn);
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		up_h2_settled(h);
	if (!x)
		return 0;
	x->began = true;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		x->reset = true;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		headers_done(h, x);
		x = h->reading; // none, if that ended it
		h->reading = NULL;
	}
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if (x && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		up_h2_answered(x);
	return 0;
}

/// Bytes are taken in at once; only those of a paused exchange keep its stream's window small.
static int on_data(
	nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct up_h2 *h = user;
	struct sp_exchange *x = exchange(h, id);

	(void)flags;
	if (h->credit < UP_H2_CREDIT_MAX)
		h->credit++; // a frame that carries something is free
	h->taken += n;
	if (!x)
		return 0;
	x->held += n;
	if (!x->paused && x->held >= UP_H2_GIVE_BACK) {
		if (nghttp2_session_consume_stream(s, id, x->held) < 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
		x->held = 0;
	}
	x->ops->on_body(x->user, p, n);
	return 0;
}

/// Over without a whole answer: what ended it says whether it may be sent again.
static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t error, void *user)
{
	struct sp_exchange *x = exchange(user, id);

	(void)s;
	if (!x)
		return 0;
	up_h2_detach(x, false);
	if (error == NGHTTP2_REFUSED_STREAM && !x->head_shown)
		up_h2_refused(x);
	else
		up_exchange_fail(x, x->reset || error == NGHTTP2_REFUSED_STREAM
					    ? SP_REASON_UPSTREAM_CLOSED
					    : SP_REASON_UPSTREAM_INVALID);
	return 0;
}

static int on_frame_send(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct up_h2 *h = user;
	struct sp_exchange *x;

	(void)s;
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
		h->violated = true;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	x = exchange(h, frame->hd.stream_id);
	if (x)
		x->sent = true;
	return 0;
}

void up_h2_set_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
}
