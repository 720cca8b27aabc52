#include "tools/demo/http.h"
#include "common/banned.h"

static struct sp_bytes trimmed(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return sp_bytes(p, (size_t)(end - p));
}

static bool mentions(struct sp_bytes value, const char *word)
{
	return value.n && memmem(value.p, value.n, word, strlen(word));
}

static int take_length(struct sp_bytes value, struct demo_request *r)
{
	uint64_t n;

	if (r->has_length || sp_bytes_u64(value, &n) < 0)
		return -EBADMSG;
	if (n > DEMO_BODY_MAX)
		return -E2BIG;
	r->content_length = n;
	r->has_length = true;
	return 0;
}

int demo_http_field(struct sp_bytes name, struct sp_bytes value, struct demo_request *r)
{
	const struct {
		struct sp_bytes name;
		struct sp_bytes *to;
	} spans[] = {
		{SP_LIT("mcp-session-id"), &r->session},
		{SP_LIT("mcp-protocol-version"), &r->version},
		{SP_LIT("mcp-method"), &r->mcp_method},
		{SP_LIT("mcp-name"), &r->mcp_name},
	};

	if (name.n < 6)
		return name.n ? 0 : -EBADMSG;
	switch (name.p[0] | 0x20) {
	case 'm':
		for (size_t i = 0; i < SP_ARRAY_LEN(spans); i++)
			if (sp_bytes_ieq(name, spans[i].name)) {
				if (spans[i].to->p)
					return -EBADMSG;
				*spans[i].to = value;
			}
		return 0;
	case 'c':
		if (sp_bytes_ieq(name, SP_LIT("content-length")))
			return take_length(value, r);
		if (sp_bytes_ieq(name, SP_LIT("connection")) && sp_bytes_ieq(value, SP_LIT("close")))
			r->close = true;
		return 0;
	case 'a':
		if (sp_bytes_ieq(name, SP_LIT("accept")))
			r->accepts_stream = mentions(value, "text/event-stream") || mentions(value, "*/*");
		return 0;
	case 'e':
		if (sp_bytes_ieq(name, SP_LIT("expect")))
			r->expect_continue = sp_bytes_ieq(value, SP_LIT("100-continue"));
		return 0;
	case 't':
		return sp_bytes_ieq(name, SP_LIT("transfer-encoding")) ? -EBADMSG : 0;
	default:
		return 0;
	}
}

static int take_request_line(const uint8_t *p, const uint8_t *end, struct demo_request *r)
{
	const uint8_t *a = memchr(p, ' ', (size_t)(end - p)), *b;

	if (!a)
		return -EBADMSG;
	b = memchr(a + 1, ' ', (size_t)(end - a - 1));
	if (!b || !sp_bytes_eq(sp_bytes(b + 1, (size_t)(end - b - 1)), SP_LIT("HTTP/1.1")))
		return -EBADMSG;
	r->verb = sp_bytes(p, (size_t)(a - p));
	r->path = sp_bytes(a + 1, (size_t)(b - a - 1));
	return 0;
}

int demo_http_head(struct sp_bytes in, struct demo_request *ret, size_t *ret_head)
{
	struct demo_request r = {0};
	const uint8_t *end, *p, *line_end;

	if (!in.n)
		return 0;
	end = memmem(in.p, in.n, "\r\n\r\n", 4);
	if (!end)
		return in.n > DEMO_HEAD_MAX ? -E2BIG : 0;
	line_end = memmem(in.p, in.n, "\r\n", 2);
	SP_TRY(take_request_line(in.p, line_end, &r));
	for (p = line_end + 2; p < end + 2; p = line_end + 2) {
		const uint8_t *colon;

		line_end = memmem(p, (size_t)(end + 2 - p), "\r\n", 2);
		colon = memchr(p, ':', (size_t)(line_end - p));
		if (!colon)
			return -EBADMSG;
		SP_TRY(demo_http_field(
			sp_bytes(p, (size_t)(colon - p)), trimmed(colon + 1, line_end), &r));
	}
	*ret = r;
	*ret_head = (size_t)(end - in.p) + 4;
	return 1;
}

static const char *status_line(unsigned status)
{
	switch (status) {
	case 200:
		return "HTTP/1.1 200 OK\r\n";
	case 202:
		return "HTTP/1.1 202 Accepted\r\n";
	case 400:
		return "HTTP/1.1 400 Bad Request\r\n";
	case 404:
		return "HTTP/1.1 404 Not Found\r\n";
	case 405:
		return "HTTP/1.1 405 Method Not Allowed\r\n";
	case 411:
		return "HTTP/1.1 411 Length Required\r\n";
	case 413:
		return "HTTP/1.1 413 Content Too Large\r\n";
	case 503:
		return "HTTP/1.1 503 Service Unavailable\r\n";
	default:
		return "HTTP/1.1 500 Internal Server Error\r\n";
	}
}

void demo_http_answer(struct demo_buf *out, unsigned status, struct sp_bytes extra, struct sp_bytes json)
{
	demo_put_bytes(out, sp_bytes_cstr(status_line(status)));
	demo_lit(out, "Content-Type: application/json\r\n");
	demo_put_bytes(out, extra);
	demo_lit(out, "Content-Length: ");
	demo_u64(out, json.n);
	demo_lit(out, "\r\n\r\n");
	demo_put_bytes(out, json);
}

void demo_http_empty(struct demo_buf *out, unsigned status, struct sp_bytes extra)
{
	demo_put_bytes(out, sp_bytes_cstr(status_line(status)));
	demo_put_bytes(out, extra);
	demo_lit(out, "Content-Length: 0\r\n\r\n");
}

void demo_http_stream(struct demo_buf *out)
{
	demo_lit(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		      "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n");
}

void demo_http_chunk(struct demo_buf *out, struct sp_bytes data)
{
	demo_printf(out, "%zx\r\n", data.n);
	demo_put_bytes(out, data);
	demo_lit(out, "\r\n");
}
