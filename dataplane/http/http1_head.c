/// What a head's lines mean, and what is refused in them.
#include "dataplane/http/http1_int.h"
#include "common/banned.h"

#define NAME_MAX_LEN 24u
static const struct {
	uint8_t len;
	char name[NAME_MAX_LEN];
} names[] = {
#define X(sym, name) {sizeof(name) - 1, name},
	SP_HTTP_HEADERS(X)
#undef X
};
#define PARAM_PREFIX "mcp-param-"

/// Refuses: false, so that a rule can return it.
static bool refuse(struct sp_http1 *p, uint16_t status, const char *what)
{
	sp_http1_fail(p, status, what);
	return false;
}

/// `s` is a token, so folding bit 5 confuses no two of its characters with a letter or a dash.
static bool name_is(const uint8_t *s, const char *lower, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((s[i] | 0x20) != (uint8_t)lower[i])
			return false;
	return true;
}

static int find_name(struct sp_bytes f)
{
	for (unsigned i = 0; i < SP_HDR__COUNT; i++)
		if (names[i].len == f.n && name_is(f.p, names[i].name, f.n))
			return (int)i;
	return -1;
}

static const struct {
	const char *name;
	enum sp_http_verb verb;
} verbs[] = {
	{"POST", SP_HTTP_POST},
	{"GET", SP_HTTP_GET},
	{"DELETE", SP_HTTP_DELETE},
	{"OPTIONS", SP_HTTP_OPTIONS},
	{"HEAD", SP_HTTP_HEAD},
	{"PUT", SP_HTTP_OTHER},
	{"PATCH", SP_HTTP_OTHER},
	{"TRACE", SP_HTTP_OTHER},
};

static bool take_method(struct sp_http1 *p, struct sp_bytes m)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(verbs); i++) {
		if (sp_bytes_eq(m, sp_bytes_cstr(verbs[i].name))) {
			p->head.verb = verbs[i].verb;
			return true;
		}
	}
	return refuse(p, 501, "a method that is not served");
}

static bool take_target(struct sp_http1 *p, struct sp_http_span target)
{
	struct sp_bytes t = sp_http_get(p->base, target);
	const uint8_t *q = NULL;

	if (!t.n || t.p[0] != '/')
		return refuse(p, 400, "the target is not in origin-form");
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] <= 0x20 || t.p[i] >= 0x7f || t.p[i] == '#')
			return refuse(p, 400, "a byte that may not stand in the target");
		if (t.p[i] == '?' && !q)
			q = t.p + i;
	}
	p->head.path = target;
	if (q) {
		p->head.path.len = (uint32_t)(q - t.p);
		p->head.query.off = target.off + p->head.path.len + 1;
		p->head.query.len = target.len - p->head.path.len - 1;
	}
	return true;
}

/// "METHOD /target HTTP/1.1", one space between each.
static bool request_line(struct sp_http1 *p, struct sp_http_span line)
{
	struct sp_bytes l = sp_http_get(p->base, line), version;
	const uint8_t *first = memchr(l.p, ' ', l.n), *second;
	size_t method_n = first ? (size_t)(first - l.p) : l.n;

	if (!take_method(p, sp_bytes(l.p, method_n)))
		return false;
	if (!first)
		return refuse(p, 400, "malformed request line");
	first++;
	second = memchr(first, ' ', l.n - method_n - 1);
	version = second ? sp_bytes(second + 1, (size_t)(l.p + l.n - second - 1)) : SP_NOBYTES;
	if (!second)
		second = l.p + l.n;
	if (!take_target(p, (struct sp_http_span){(uint32_t)(first - p->base), (uint32_t)(second - first)}))
		return false;
	if (sp_bytes_eq(version, SP_LIT("HTTP/1.1")))
		return true;
	if (!version.p || (version.n >= 5 && memcmp(version.p, "HTTP/", 5) == 0))
		return refuse(p, 505, "only HTTP/1.1 is served");
	return refuse(p, 400, "malformed request line");
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/// "HTTP/1.x 200", then nothing or a space and a phrase that nobody reads.
static bool status_line(struct sp_http1 *p, struct sp_http_span line)
{
	struct sp_bytes l = sp_http_get(p->base, line);

	if (l.n < 9 || memcmp(l.p, "HTTP/", 5) != 0 || l.p[8] != ' ')
		return refuse(p, 400, "malformed status line");
	if (memcmp(l.p + 5, "1.1", 3) != 0 && memcmp(l.p + 5, "1.0", 3) != 0)
		return refuse(p, 505, "only HTTP/1.1 and HTTP/1.0 are understood");
	if (l.n < 12 || !is_digit(l.p[9]) || !is_digit(l.p[10]) || !is_digit(l.p[11]) ||
		(l.n > 12 && l.p[12] != ' '))
		return refuse(p, 400, "malformed status line");
	p->old = l.p[7] == '0';
	p->head.status = (uint16_t)((l.p[9] - '0') * 100 + (l.p[10] - '0') * 10 + (l.p[11] - '0'));
	return true;
}

static bool take_param(struct sp_http1 *p, struct sp_http_span name, struct sp_http_span value)
{
	struct sp_http_head *h = &p->head;

	name.off += sizeof(PARAM_PREFIX) - 1;
	name.len -= sizeof(PARAM_PREFIX) - 1;
	if (h->params_n == SP_HTTP_PARAMS_MAX)
		return refuse(p, 431, "too many Mcp-Param headers");
	for (uint32_t i = 0; i < h->params_n; i++)
		if (sp_bytes_ieq(
			    sp_http_get(p->base, h->param_name[i]), sp_http_get(p->base, name)))
			return refuse(p, 400, "repeated Mcp-Param header");
	h->param_name[h->params_n] = name;
	h->param_value[h->params_n++] = value;
	return true;
}

/// `raw` is the value with what surrounds it: parsers do not agree on tabs around a number or a coding.
static bool take_length(struct sp_http1 *p, struct sp_bytes raw, struct sp_bytes v)
{
	uint64_t n;

	if (memchr(raw.p, '\t', raw.n) || sp_bytes_u64(v, &n) < 0)
		return refuse(p, 400, "Content-Length is not one number");
	p->head.content_length = n;
	p->head.has_length = true;
	return true;
}

/// Chunks inside another coding are malformed (RFC 9112 section 6.1); other codings are only unknown.
static bool take_coding(struct sp_http1 *p, struct sp_bytes raw, struct sp_bytes v)
{
	static const struct sp_bytes chunked = {(const uint8_t *)"chunked", 7};
	bool inside = v.n > chunked.n && v.p[chunked.n] == ',' && sp_bytes_ieq(sp_bytes(v.p, chunked.n), chunked);

	if (memchr(raw.p, '\t', raw.n) || !sp_bytes_ieq(v, chunked))
		return refuse(p, p->is_response || inside ? 400 : 501, "Transfer-Encoding is not just chunked");
	p->head.chunked = true;
	return true;
}

/// What an answer may say more than once without changing how it is framed.
static bool may_repeat(const struct sp_http1 *p, unsigned h)
{
	return p->is_response &&
	       (h == SP_HDR_CONNECTION || h == SP_HDR_WWW_AUTHENTICATE || h == SP_HDR_UPGRADE);
}

static bool judge_known(struct sp_http1 *p, unsigned h, struct sp_bytes raw, struct sp_bytes v)
{
	switch (h) {
	case SP_HDR_CONTENT_LENGTH:
		return take_length(p, raw, v);
	case SP_HDR_TRANSFER_ENCODING:
		return take_coding(p, raw, v);
	case SP_HDR_CONNECTION:
		if (sp_field_has_token(v, SP_LIT("close")))
			p->head.keep_alive = false;
		return true;
	case SP_HDR_EXPECT:
		if (p->is_response)
			return true;
		if (!sp_bytes_ieq(v, SP_LIT("100-continue")))
			return refuse(p, 417, "Expect is not 100-continue");
		p->head.expect_continue = true;
		return true;
	case SP_HDR_UPGRADE:
		return p->is_response || refuse(p, 501, "Upgrade is not served");
	case SP_HDR_HOST:
		return p->is_response || sp_field_host_ok(v) || refuse(p, 400, "malformed Host");
	default:
		return true;
	}
}

static bool take_known(struct sp_http1 *p, unsigned h, struct sp_bytes raw, struct sp_http_span value)
{
	struct sp_bytes v = sp_http_get(p->base, value);

	if (p->head.present & 1u << h) {
		if (!may_repeat(p, h))
			return refuse(
				p, 400, h == SP_HDR_HOST ? "repeated Host" : "repeated header");
	} else {
		p->head.present |= 1u << h;
		p->head.header[h] = value;
	}
	if (p->is_response && !sp_http_value_ok(v))
		return refuse(p, 400, "non-ASCII byte in a header that is read");
	return judge_known(p, h, raw, v);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct sp_http_span trimmed(const uint8_t *base, struct sp_http_span v)
{
	while (v.len && is_blank(base[v.off + v.len - 1]))
		v.len--;
	while (v.len && is_blank(base[v.off])) {
		v.off++;
		v.len--;
	}
	return v.len ? v : (struct sp_http_span){0, 0};
}

static bool header_line(struct sp_http1 *p, struct sp_http_span line)
{
	const uint8_t *l = p->base + line.off, *colon = memchr(l, ':', line.len);
	struct sp_http_span name = {line.off, colon ? (uint32_t)(colon - l) : 0}, value;
	struct sp_bytes f = sp_http_get(p->base, name), raw;
	int h;

	if (!sp_http_token_ok(f))
		return refuse(p, 400, colon == l ? "empty header name" : "malformed header name");
	raw = sp_bytes(colon + 1, line.len - name.len - 1);
	value = trimmed(p->base, (struct sp_http_span){name.off + name.len + 1, (uint32_t)raw.n});
	h = find_name(f);
	if (h >= 0)
		return take_known(p, (unsigned)h, raw, value);
	if (f.n == 6 && name_is(f.p, "accept", 6)) {
		p->head.has_accept = true;
		sp_accept_add(&p->accept, sp_http_get(p->base, value));
	} else if (f.n > sizeof(PARAM_PREFIX) - 1 &&
		   name_is(f.p, PARAM_PREFIX, sizeof(PARAM_PREFIX) - 1)) {
		return take_param(p, name, value);
	}
	return true;
}

static bool finish_request(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;

	if (!(h->present & 1u << SP_HDR_HOST))
		return refuse(p, 400, "Host is missing");
	if (h->chunked)
		p->body_kind = SP_BODY_CHUNKED;
	else
		p->body_kind = h->content_length ? SP_BODY_LENGTH : SP_BODY_NONE;
	return true;
}

static bool finish_response(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;
	bool bodiless;

	if (h->status < 100 || h->status > 599 || h->status == 101)
		return refuse(p, 400, "status out of range");
	if (p->old) {
		if (h->chunked)
			return refuse(p, 400, "chunked coding in HTTP/1.0");
		h->keep_alive = false;
	}
	bodiless = h->status < 200 || h->status == 204;
	if (bodiless && (h->chunked || h->content_length))
		return refuse(p, 400, "a body where there can be none");
	if (bodiless || h->status == 304 || p->is_head_answer)
		p->body_kind = SP_BODY_NONE;
	else if (h->chunked)
		p->body_kind = SP_BODY_CHUNKED;
	else if (h->has_length)
		p->body_kind = h->content_length ? SP_BODY_LENGTH : SP_BODY_NONE;
	else
		p->body_kind = SP_BODY_EOF;
	if (p->body_kind == SP_BODY_EOF)
		h->keep_alive = false;
	return true;
}

static bool finish(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;

	if (h->chunked && h->has_length)
		return refuse(p, 400, "Transfer-Encoding and Content-Length");
	if (!(p->is_response ? finish_response(p) : finish_request(p)))
		return false;
	if (p->body_kind == SP_BODY_LENGTH && h->content_length > p->limits.max_body_bytes)
		return refuse(p, 413, "body over the limit");
	h->accept_json = !h->has_accept || p->accept.yes[0];
	h->accept_sse = !h->has_accept || p->accept.yes[1];
	return true;
}

void sp_http1_read_head(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	size_t upto = sp_min(len, (size_t)p->limits.max_head_bytes);
	struct sp_http_span line;
	enum sp_scan r;

	p->base = buf;
	while ((r = sp_http1_line(p, buf, upto, &line)) == SP_SCAN_LINE) {
		bool first = line.off == 0;

		if (first ? !(p->is_response ? status_line(p, line) : request_line(p, line))
			  : !header_line(p, line))
			return;
	}
	if (r == SP_SCAN_MORE && len > upto)
		sp_http1_fail(p, p->is_response || p->line ? 431 : 414, "head over the limit");
	if (r != SP_SCAN_END || !finish(p))
		return;
	p->head.bytes = p->scan;
	p->state = SP_HTTP1_BODY;
}
