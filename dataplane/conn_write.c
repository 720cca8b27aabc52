#include "dataplane/conn_private.h"

#include "dataplane/http/sse.h"
#include "dataplane/mcp/call.h"
#include "common/banned.h"

/// One TLS record's worth: small answers leave as one record, large ones in full records.
#define WRITE_BYTES 16000u

static const struct {
	uint16_t status;
	const char *text;
} statuses[] = {
	{200, "OK"},
	{202, "Accepted"},
	{204, "No Content"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

static const char *status_text(unsigned status)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

void sp_conn_write(struct sp_conn *c, struct sp_bytes b)
{
	int r;

	if (c->broken)
		return;
	r = c->tls ? sp_tls_write(c->tls, b.p, b.n) : sp_stream_send(c->stream, b.p, b.n);

	c->w->stat[SP_STAT_BYTES_OUT] += b.n;
	if (r < 0) {
		sp_count(c->w, r == -ENOBUFS ? SP_STAT_SHED_MEMORY : SP_STAT_TLS_FAILED);
		sp_conn_abort(c);
	}
}

bool sp_conn_congested(const struct sp_conn *c)
{
	return sp_stream_queued(c->stream) > SP_IO_TX_HIGH;
}

/// Gather parts into records of WRITE_BYTES until all are out or, after a full record, the peer turns out too
/// slow: then c->part keeps the rest. What fits one record is never kept.
static void write_parts(struct sp_conn *c, uint8_t *gather, size_t len)
{
	unsigned i = 0;

	while (i < c->parts_n && !c->broken) {
		struct sp_bytes *b = &c->part[i];
		size_t take = sp_min(b->n, WRITE_BYTES - len);

		memcpy(gather + len, b->p, take);
		len += take;
		b->p += take;
		b->n -= take;
		if (b->n == 0)
			i++;
		if (len == WRITE_BYTES) {
			sp_conn_write(c, sp_bytes(gather, len));
			len = 0;
			if (sp_conn_congested(c))
				break;
		}
	}
	if (len)
		sp_conn_write(c, sp_bytes(gather, len));
	memmove(c->part, c->part + i, (c->parts_n - i) * sizeof(c->part[0]));
	c->parts_n -= i;
	if (c->broken)
		c->parts_n = 0;
}

void sp_conn_pump(struct sp_conn *c)
{
	uint8_t gather[WRITE_BYTES];

	if (c->parts_n == 0 || c->broken)
		return;
	write_parts(c, gather, 0);
	if (c->parts_n == 0 && c->state == SP_CONN_BUSY && !c->broken) {
		if (c->call)
			sp_call_answered(c->call);
		else
			sp_conn_answered(c);
	}
}

static void out_status(struct sp_out *o, unsigned status)
{
	sp_out_lit(o, "HTTP/1.1 ");
	sp_out_u64(o, status);
	sp_out_lit(o, " ");
	sp_out_bytes(o, sp_bytes_cstr(status_text(status)));
}

#define JSON_FOLLOWS "\r\nContent-Type: application/json"

void sp_conn_answer(struct sp_conn *c, unsigned status, struct sp_bytes headers,
	const struct sp_bytes *body, unsigned body_n)
{
	uint8_t gather[WRITE_BYTES];
	struct sp_out o = sp_out_init(gather, sizeof(gather));
	const struct sp_http_head *request = sp_http1_head(c->http);
	size_t total = 0;

	c->parts_n = 0;
	for (unsigned i = 0; i < body_n; i++) {
		total += body[i].n;
		if (body[i].n)
			c->part[c->parts_n++] = body[i];
	}
	if (status == 200 && total) { // at once, as nearly all answers begin
		sp_out_lit(&o, "HTTP/1.1 200 OK" JSON_FOLLOWS);
	} else {
		out_status(&o, status);
		if (total)
			sp_out_lit(&o, JSON_FOLLOWS);
	}
	sp_out_lit(&o, "\r\nContent-Length: ");
	sp_out_u64(&o, total);
	sp_out_lit(&o, "\r\n");
	if (!c->keep_alive)
		sp_out_lit(&o, "Connection: close\r\n");
	sp_out_bytes(&o, headers);
	sp_out_lit(&o, "\r\n");
	SP_BUG_IF(o.overflow);
	if (request && request->verb == SP_HTTP_HEAD)
		c->parts_n = 0; // the length is said, the body is not sent
	write_parts(c, gather, o.len);
	if (c->parts_n == 0 && !c->call)
		sp_conn_answered(c);
}

void sp_conn_stream_begin(struct sp_conn *c, struct sp_bytes headers)
{
	uint8_t head[4096];
	struct sp_out o = sp_out_init(head, sizeof(head));

	sp_conn_set_state(c, SP_CONN_STREAMING);
	sp_out_lit(&o, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		       "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
		       "Transfer-Encoding: chunked\r\n");
	if (!c->keep_alive)
		sp_out_lit(&o, "Connection: close\r\n");
	sp_out_bytes(&o, headers);
	sp_out_lit(&o, "\r\n");
	SP_BUG_IF(o.overflow);
	sp_conn_write(c, sp_bytes(head, o.len));
}

static void out_hex(struct sp_out *o, size_t v)
{
	static const char digits[] = "0123456789abcdef";
	char text[16];
	size_t n = sizeof(text);

	do {
		text[--n] = digits[v & 15];
		v >>= 4;
	} while (v);
	sp_out_put(o, text + n, sizeof(text) - n);
}

/// Events are written whole: the upstream is paused before the queue could grow past one more of them.
void sp_conn_stream_event(struct sp_conn *c, const struct sp_bytes *data, unsigned data_n)
{
	static const char before[] = "event: message\ndata: ";
	uint8_t gather[WRITE_BYTES];
	struct sp_out o = sp_out_init(gather, sizeof(gather));
	size_t total = sizeof(before) - 1 + 2;

	for (unsigned i = 0; i < data_n; i++)
		total += data[i].n;
	out_hex(&o, total);
	sp_out_lit(&o, "\r\n");
	sp_out_put(&o, before, sizeof(before) - 1);
	for (unsigned i = 0; i < data_n; i++) {
		struct sp_bytes b = data[i];

		while (b.n && !c->broken) {
			size_t take = sp_min(b.n, o.cap - o.len);

			sp_out_put(&o, b.p, take);
			b.p += take;
			b.n -= take;
			if (o.len == o.cap) {
				sp_conn_write(c, sp_bytes(gather, o.len));
				o.len = 0;
			}
		}
	}
	if (o.cap - o.len < 4 && !c->broken) {
		sp_conn_write(c, sp_bytes(gather, o.len));
		o.len = 0;
	}
	sp_out_lit(&o, "\n\n\r\n");
	if (!c->broken)
		sp_conn_write(c, sp_bytes(gather, o.len));
}

void sp_conn_stream_keepalive(struct sp_conn *c)
{
	sp_conn_write(c, SP_LIT("3\r\n" SP_SSE_KEEPALIVE "\r\n"));
}

void sp_conn_stream_end(struct sp_conn *c)
{
	sp_conn_write(c, SP_LIT(SP_HTTP_LAST_CHUNK));
}
