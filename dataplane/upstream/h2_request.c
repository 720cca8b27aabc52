/// A request as an HTTP/2 stream, made from the kept bytes, which are HTTP/1.1's: so it may go to
/// either.
#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

/// nghttp2 reads both when the stream is opened and not later; one that is cancelled before, never.
static bool add(struct up_h2_fields *f, struct sp_bytes name, struct sp_bytes value, bool secret)
{
	if (f->n == UP_H2_FIELDS_MAX)
		return false;
	f->v[f->n++] = (nghttp2_nv){
		.name = (uint8_t *)name.p,
		.value = (uint8_t *)value.p,
		.namelen = name.n,
		.valuelen = value.n,
		.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE |
			 (secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE),
	};
	return true;
}

static struct sp_bytes cut(struct sp_bytes *from, const void *end, size_t sep)
{
	struct sp_bytes s = sp_bytes(from->p, (size_t)((const uint8_t *)end - from->p));

	from->p += s.n + sep;
	from->n -= s.n + sep;
	return s;
}

/// HTTP/2 knows no upper case (RFC 9113 8.2); to HTTP/1.1 it is all one.
static void lower(struct sp_bytes name)
{
	uint8_t *p = (uint8_t *)name.p;

	for (size_t i = 0; i < name.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] |= 0x20;
}

static bool starts(struct sp_bytes s, struct sp_bytes with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

/// Secrets may not be guessed through the size of what is sent, and what differs call by call is
/// not worth a place in the peer's table. `name` is in lower case.
static bool is_secret(struct sp_bytes name)
{
	return starts(name, SP_LIT("authorization")) || starts(name, SP_LIT("mcp-session-id")) ||
	       starts(name, SP_LIT("mcp-param-"));
}

/// Lines this program writes, in the order it writes them: their names need not be looked for.
static const struct {
	struct sp_bytes line, name;
	bool secret;
} ours[] = {
	{SP_LIT("Content-Length: "), SP_LIT("content-length"), false},
	{SP_LIT("Content-Type: "), SP_LIT("content-type"), false},
	{SP_LIT("Accept: "), SP_LIT("accept"), false},
	{SP_LIT("MCP-Protocol-Version: "), SP_LIT("mcp-protocol-version"), false},
	{SP_LIT("Mcp-Session-Id: "), SP_LIT("mcp-session-id"), true},
	{SP_LIT("Mcp-Method: "), SP_LIT("mcp-method"), false},
	{SP_LIT("Mcp-Name: "), SP_LIT("mcp-name"), false},
};

static bool add_any(struct up_h2_fields *f, struct sp_bytes *in, bool secret)
{
	struct sp_bytes name = cut(in, memchr(in->p, ':', in->n), 2);
	struct sp_bytes value = cut(in, memchr(in->p, '\r', in->n), 2);

	lower(name);
	return add(f, name, value, secret || is_secret(name));
}

static bool add_lines(struct up_h2_fields *f, struct sp_bytes *in)
{
	size_t i = 0;

	while (in->n >= 2 && in->p[0] != '\r') {
		while (i < SP_ARRAY_LEN(ours) && !starts(*in, ours[i].line))
			i++;
		if (i == SP_ARRAY_LEN(ours)) {
			i = 0;
			if (!add_any(f, in, false))
				return false;
			continue;
		}
		in->p += ours[i].line.n;
		in->n -= ours[i].line.n;
		if (!add(f, ours[i].name, cut(in, memchr(in->p, '\r', in->n), 2), ours[i].secret))
			return false;
		i++;
	}
	in->p += 2;
	in->n -= 2;
	return true;
}

/// " /path HTTP/1.1\r\nHost: host\r\n", and the pool's credential, secret whatever it is called.
static bool read_fixed(struct up_h2_fields *f, struct sp_bytes in, bool tls)
{
	struct sp_bytes path, host;
	bool fits;

	cut(&in, in.p, 1);
	path = cut(&in, memchr(in.p, ' ', in.n), 1);
	cut(&in, memchr(in.p, '\n', in.n), 1);
	cut(&in, memchr(in.p, ' ', in.n), 1);
	host = cut(&in, memchr(in.p, '\r', in.n), 2);
	fits = add(f, SP_LIT(":method"), SP_NOBYTES, false) &&
	       add(f, SP_LIT(":scheme"), tls ? SP_LIT("https") : SP_LIT("http"), false) &&
	       add(f, SP_LIT(":authority"), host, false) && add(f, SP_LIT(":path"), path, false);
	while (fits && in.n)
		fits = add_any(f, &in, true);
	return fits;
}

ssize_t up_h2_on_read(nghttp2_session *s, int32_t id, uint8_t *to, size_t cap, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct sp_exchange *x = nghttp2_session_get_stream_user_data(s, id);
	size_t n;

	(void)source;
	(void)user;
	if (!x || !x->keep)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = sp_min(cap, (size_t)UP_H2_DATA_MAX);
	n = sp_min(n, x->keep_len - x->body_at);
	memcpy(to, x->keep + x->body_at, n);
	x->body_at += n;
	if (x->body_at == x->keep_len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

void up_h2_prepare(struct up_h2 *h)
{
	struct sp_bytes tail = h->conn->pool->line_tail;
	bool fits;

	memcpy(h->text, tail.p, tail.n);
	fits = read_fixed(&h->fixed, sp_bytes(h->text, tail.n), h->conn->tls);
	SP_BUG_IF(!fits); // five at most
}

int up_h2_submit(struct up_h2 *h, struct sp_exchange *x)
{
	const nghttp2_data_provider body = {.read_callback = up_h2_on_read};
	struct sp_bytes in = sp_bytes(x->keep, x->keep_len);
	struct sp_bytes method = cut(&in, memchr(in.p, ' ', in.n), h->conn->pool->line_tail.n);
	struct up_h2_fields f; // not all of it is needed
	int32_t id;

	f.n = h->fixed.n;
	memcpy(f.v, h->fixed.v, f.n * sizeof(f.v[0]));
	f.v[0].value = (uint8_t *)method.p;
	f.v[0].valuelen = method.n;
	if (!add_lines(&f, &in))
		return -E2BIG;
	x->body_at = x->keep_len - in.n;
	id = nghttp2_submit_request(h->session, NULL, f.v, f.n, in.n ? &body : NULL, x);
	if (id < 0)
		return id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? -EAGAIN : -ENOBUFS;
	x->stream_id = id;
	return 0;
}
