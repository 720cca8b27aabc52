/// A request as an HTTP/2 stream, made from the kept bytes, which are HTTP/1.1's: so it may go to
/// either.
#include "dataplane/upstream/h2_int.h"
#include "common/banned.h"

#define FIELDS_MAX 64u

struct fields {
	nghttp2_nv v[FIELDS_MAX];
	size_t n;
};

/// nghttp2 reads both when the stream is opened and not later; one that is cancelled before, never.
static bool add(struct fields *f, struct sp_bytes name, struct sp_bytes value, bool secret)
{
	if (f->n == FIELDS_MAX)
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

/// "POST /path HTTP/1.1\r\nHost: host\r\n", which request.c wrote.
static bool add_target(struct fields *f, struct sp_bytes *in, bool tls)
{
	struct sp_bytes method = cut(in, memchr(in->p, ' ', in->n), 1);
	struct sp_bytes path = cut(in, memchr(in->p, ' ', in->n), 1);
	struct sp_bytes host;

	cut(in, memchr(in->p, '\n', in->n), 1);
	cut(in, memchr(in->p, ' ', in->n), 1);
	host = cut(in, memchr(in->p, '\r', in->n), 2);
	return add(f, SP_LIT(":method"), method, false) &&
	       add(f, SP_LIT(":scheme"), tls ? SP_LIT("https") : SP_LIT("http"), false) &&
	       add(f, SP_LIT(":authority"), host, false) && add(f, SP_LIT(":path"), path, false);
}

/// The lines from Host on; those of the pool's own credential are secret whatever they are called.
static bool add_lines(struct fields *f, struct sp_bytes *in, const uint8_t *credential_end)
{
	while (in->n >= 2 && in->p[0] != '\r') {
		bool ours = in->p < credential_end;
		struct sp_bytes name = cut(in, memchr(in->p, ':', in->n), 2);
		struct sp_bytes value = cut(in, memchr(in->p, '\r', in->n), 2);

		lower(name);
		if (!add(f, name, value, ours || is_secret(name)))
			return false;
	}
	in->p += 2;
	in->n -= 2;
	return true;
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

int up_h2_submit(struct up_h2 *h, struct sp_exchange *x)
{
	const nghttp2_data_provider body = {.read_callback = up_h2_on_read};
	struct sp_bytes in = sp_bytes(x->keep, x->keep_len);
	struct fields f; // not all of it is needed
	const uint8_t *line_end;
	int32_t id;

	f.n = 0;
	// The verb, then what the pool writes.
	line_end = (const uint8_t *)memchr(in.p, ' ', in.n) + h->conn->pool->line_tail.n;
	if (!add_target(&f, &in, h->conn->tls) || !add_lines(&f, &in, line_end))
		return -E2BIG;
	x->body_at = x->keep_len - in.n;
	id = nghttp2_submit_request(h->session, NULL, f.v, f.n, in.n ? &body : NULL, x);
	if (id < 0)
		return id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? -EAGAIN : -ENOBUFS;
	x->stream_id = id;
	return 0;
}
