#include "dataplane/http/http1_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "common/banned.h"

static const char names[SP_HDR__COUNT][24] = {
#define X(sym, name) name,
	SP_HTTP_HEADERS(X)
#undef X
};
/// Apart from the names, so that all are compared at once.
_Static_assert(SP_HDR__COUNT <= 32, "the names' lengths fill two registers");
static const uint8_t lengths[32] = {
#define X(sym, name) sizeof(name) - 1,
	SP_HTTP_HEADERS(X)
#undef X
};
#define PARAM_PREFIX "mcp-param-"

static int refuse(struct sp_http1 *p, uint16_t status, const char *what)
{
	p->error = (struct sp_http_error){status, what};
	return HPE_USER;
}

/// `s` is a token, so folding bit 5 confuses no two of its characters with a letter or a dash.
static bool name_is(const uint8_t *s, const char *lower, size_t n)
{
	const uint64_t fold = 0x2020202020202020u;
	uint64_t a, b, differs = 0;

	if (n < sizeof(a)) {
		for (size_t i = 0; i < n; i++)
			differs |= (uint64_t)((s[i] | 0x20) ^ (uint8_t)lower[i]);
		return !differs;
	}
	for (size_t i = 0; i < n; i += sizeof(a)) {
		size_t at = sp_min(i, n - sizeof(a));

		memcpy(&a, s + at, sizeof(a));
		memcpy(&b, lower + at, sizeof(b));
		differs |= (a | fold) ^ b;
	}
	return !differs;
}

/// A bit for every name of that length.
static uint32_t of_length(size_t n)
{
#ifdef __SSE2__
	const __m128i want = _mm_set1_epi8((char)n);
	__m128i low = _mm_loadu_si128((const __m128i *)(const void *)lengths);
	__m128i high = _mm_loadu_si128((const __m128i *)(const void *)(lengths + 16));

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low, want)) |
	       (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(high, want)) << 16;
#else
	uint32_t bits = 0;

	for (unsigned i = 0; i < SP_HDR__COUNT; i++)
		bits |= (uint32_t)(lengths[i] == n) << i;
	return bits;
#endif
}

int sp_http_header_find(struct sp_bytes f)
{
	uint32_t left = f.n && f.n < sizeof(names[0]) ? of_length(f.n) : 0;

	for (; left; left &= left - 1) {
		int i = __builtin_ctz(left);

		if (name_is(f.p, names[i], f.n))
			return i;
	}
	return -1;
}

/// Spans of one element may come in pieces; they are contiguous because folding is refused.
static int extend(struct sp_http1 *p, struct sp_http_span *s, const char *at, size_t n)
{
	uint32_t off = (uint32_t)((const uint8_t *)at - p->base);

	if (!s->len)
		s->off = off;
	s->len = off + (uint32_t)n - s->off;
	return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	return extend(p, &p->target, at, n);
}
static int on_header_field(llhttp_t *ll, const char *at, size_t n)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	return extend(p, &p->field, at, n);
}
static int on_header_value(llhttp_t *ll, const char *at, size_t n)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	return extend(p, &p->value, at, n);
}

static enum sp_http_verb verb_of(uint8_t method)
{
	switch (method) {
	case HTTP_GET:
		return SP_HTTP_GET;
	case HTTP_POST:
		return SP_HTTP_POST;
	case HTTP_DELETE:
		return SP_HTTP_DELETE;
	case HTTP_OPTIONS:
		return SP_HTTP_OPTIONS;
	case HTTP_HEAD:
		return SP_HTTP_HEAD;
	default:
		return SP_HTTP_OTHER;
	}
}

static int on_method_complete(llhttp_t *ll)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	if (p->is_response)
		return 0;
	if (ll->method == HTTP_CONNECT)
		return refuse(p, 501, "CONNECT is not served");
	p->head.verb = verb_of(ll->method);
	return 0;
}

static int on_url_complete(llhttp_t *ll)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);
	struct sp_bytes t = sp_http_get(p->base, p->target);
	const uint8_t *q;

	if (!t.n || t.p[0] != '/')
		return refuse(p, 400, "the target is not in origin-form");
	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] <= 0x20 || t.p[i] >= 0x7f || t.p[i] == '#')
			return refuse(p, 400, "a byte that may not stand in the target");
	q = memchr(t.p, '?', t.n);
	p->head.path = p->target;
	if (q) {
		p->head.path.len = (uint32_t)(q - t.p);
		p->head.query.off = p->target.off + p->head.path.len + 1;
		p->head.query.len = p->target.len - p->head.path.len - 1;
	}
	p->target_seen = true;
	return 0;
}

static int on_version_complete(llhttp_t *ll)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	if (ll->http_major != 1 || (ll->http_minor != 1 && !p->is_response))
		return refuse(p, 505, "only HTTP/1.1 is served");
	return 0;
}

static int on_header_field_complete(llhttp_t *ll)
{
	struct sp_http1 *p = sp_container_of(ll, struct sp_http1, ll);

	if (!p->field.len)
		return refuse(p, 400, "empty header name");
	if (++p->headers > p->limits.max_headers)
		return refuse(p, 431, "too many headers");
	return 0;
}

static int take_param(struct sp_http1 *p, struct sp_http_span name, struct sp_http_span value)
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
	return 0;
}

static int take_length(struct sp_http1 *p, struct sp_bytes v)
{
	uint64_t n;

	if (sp_bytes_u64(v, &n) < 0)
		return refuse(p, 400, "Content-Length is not one number");
	p->head.content_length = n;
	p->head.has_length = true;
	return 0;
}

/// What an answer may say more than once without changing how it is framed.
static bool may_repeat(const struct sp_http1 *p, unsigned h)
{
	return p->is_response &&
	       (h == SP_HDR_CONNECTION || h == SP_HDR_WWW_AUTHENTICATE || h == SP_HDR_UPGRADE);
}

static int judge_known(struct sp_http1 *p, unsigned h, struct sp_bytes v)
{
	switch (h) {
	case SP_HDR_CONTENT_LENGTH:
		return take_length(p, v);
	case SP_HDR_TRANSFER_ENCODING:
		if (!sp_bytes_ieq(v, SP_LIT("chunked")))
			return refuse(p, p->is_response ? 400 : 501,
				"Transfer-Encoding is not just chunked");
		p->head.chunked = true;
		return 0;
	case SP_HDR_CONNECTION:
		if (sp_field_has_token(v, SP_LIT("close")))
			p->head.keep_alive = false;
		return 0;
	case SP_HDR_EXPECT:
		if (p->is_response)
			return 0;
		if (!sp_bytes_ieq(v, SP_LIT("100-continue")))
			return refuse(p, 417, "Expect is not 100-continue");
		p->head.expect_continue = true;
		return 0;
	case SP_HDR_UPGRADE:
		return p->is_response ? 0 : refuse(p, 501, "Upgrade is not served");
	case SP_HDR_HOST:
		return p->is_response || sp_field_host_ok(v) ? 0 : refuse(p, 400, "malformed Host");
	default:
		return 0;
	}
}

static int take_known(struct sp_http1 *p, unsigned h, struct sp_http_span value)
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
	return judge_known(p, h, v);
}

int sp_http1_kind(struct sp_bytes name)
{
	int h = sp_http_header_find(name);

	if (h >= 0)
		return h;
	if (name.n == 6 && name_is(name.p, "accept", 6))
		return SP_HDR_ACCEPT;
	if (name.n > sizeof(PARAM_PREFIX) - 1 &&
		name_is(name.p, PARAM_PREFIX, sizeof(PARAM_PREFIX) - 1))
		return SP_HDR_PARAM;
	return SP_HDR_UNREAD;
}

int sp_http1_take(struct sp_http1 *p, int kind, struct sp_http_span name, struct sp_http_span value)
{
	if (kind >= 0)
		return take_known(p, (unsigned)kind, value);
	if (kind == SP_HDR_PARAM)
		return take_param(p, name, value);
	if (kind == SP_HDR_ACCEPT) {
		p->head.has_accept = true;
		sp_accept_add(&p->accept, sp_http_get(p->base, value));
	}
	return 0;
}

int sp_http1_take_read(struct sp_http1 *p)
{
	struct sp_http_span v = p->value;
	int r;

	while (v.len && (p->base[v.off + v.len - 1] == ' ' || p->base[v.off + v.len - 1] == '\t'))
		v.len--;
	if (!v.len)
		v.off = 0;
	r = sp_http1_take(p, sp_http1_kind(sp_http_get(p->base, p->field)), p->field, v);
	p->field = p->value = (struct sp_http_span){0, 0};
	return r;
}

static int on_header_value_complete(llhttp_t *ll)
{
	return sp_http1_take_read(sp_container_of(ll, struct sp_http1, ll));
}

/// llhttp forgives spacing in the request line and knows protocols besides HTTP.
static bool request_line_ok(const struct sp_http1 *p)
{
	static const char tail[] = " HTTP/1.1\r\n";

	return p->target_seen &&
	       p->target.off == strlen(llhttp_method_name((llhttp_method_t)p->ll.method)) + 1 &&
	       memcmp(p->base + p->target.off + p->target.len, tail, sizeof(tail) - 1) == 0;
}

static int finish_request(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;

	if (p->ll.http_major != 1 || p->ll.http_minor != 1) // HTTP/0.9 has no version to complete
		return refuse(p, 505, "only HTTP/1.1 is served");
	if (!p->recalled && !request_line_ok(p)) // what is known has a line that was judged
		return refuse(p, 400, "malformed request line");
	if (!(h->present & 1u << SP_HDR_HOST))
		return refuse(p, 400, "Host is missing");
	if (h->chunked)
		p->body_kind = SP_BODY_CHUNKED;
	else
		p->body_kind = h->content_length ? SP_BODY_LENGTH : SP_BODY_NONE;
	return 0;
}

static int finish_response(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;
	bool bodiless;

	h->status = p->ll.status_code;
	if (h->status < 100 || h->status > 599 || h->status == 101)
		return refuse(p, 400, "status out of range");
	if (p->ll.http_minor == 0) {
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
	return 0;
}

int sp_http1_judge(struct sp_http1 *p)
{
	struct sp_http_head *h = &p->head;
	int r;

	if (h->chunked && h->has_length)
		return refuse(p, 400, "Transfer-Encoding and Content-Length");
	r = p->is_response ? finish_response(p) : finish_request(p);
	if (r)
		return r;
	if (p->body_kind == SP_BODY_LENGTH && h->content_length > p->limits.max_body_bytes)
		return refuse(p, 413, "body over the limit");
	h->accept_json = !h->has_accept || p->accept.yes[0];
	h->accept_sse = !h->has_accept || p->accept.yes[1];
	p->head_end = true;
	return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
	int r = sp_http1_judge(sp_container_of(ll, struct sp_http1, ll));

	return r ? r : HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_method_complete = on_method_complete,
	.on_url_complete = on_url_complete,
	.on_version_complete = on_version_complete,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
};

static void fail_llhttp(struct sp_http1 *p, llhttp_errno_t e)
{
	uint16_t status = 400;

	if (p->error.status) {
		p->state = SP_HTTP1_ERROR;
		return;
	}
	if (e == HPE_INVALID_METHOD)
		status = 501;
	else if (e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE)
		status = 505;
	sp_http1_fail(p, status, p->ll.reason ? p->ll.reason : "malformed HTTP");
}

/// llhttp reads what the line scan passed; false when the message is refused.
static bool feed(struct sp_http1 *p, const uint8_t *buf, size_t upto)
{
	llhttp_errno_t e;

	if (p->fed == upto)
		return true;
	e = llhttp_execute(&p->ll, (const char *)buf + p->fed, upto - p->fed);
	p->fed = (uint32_t)upto;
	if (e == HPE_OK || (e == HPE_PAUSED && p->head_end))
		return true;
	fail_llhttp(p, e);
	return false;
}

void sp_http1_read_head(struct sp_http1 *p, const uint8_t *buf, size_t len)
{
	bool first = p->fed == 0 && p->scan == 0;
	struct sp_http_error late;
	enum sp_scan r;

	if (first && p->memo)
		sp_http1_recall(p, buf, len);
	if (p->state != SP_HTTP1_HEAD)
		return;
	if (p->used_up)
		sp_http1_begin_next(p);
	if (first && !p->recalled) {
		llhttp_init(&p->ll, p->is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
		p->line_start = true;
	}
	p->base = buf;
	r = sp_http1_scan(p, buf, sp_min(len, (size_t)p->limits.max_head_bytes));
	late = p->error;
	p->error = (struct sp_http_error){0, NULL};
	if (!feed(p, buf, p->scan))
		return;
	if (r == SP_SCAN_BAD)
		sp_http1_fail(p, late.status, late.what);
	else if (r == SP_SCAN_MORE && len > p->limits.max_head_bytes)
		sp_http1_fail(
			p, p->is_response || p->target_seen ? 431 : 414, "head over the limit");
	else if (r == SP_SCAN_END && !p->head_end)
		sp_http1_fail(p, 400, "malformed head");
	if (r != SP_SCAN_END || p->state == SP_HTTP1_ERROR)
		return;
	p->head.bytes = p->scan;
	p->state = SP_HTTP1_BODY;
	if (first && p->memo)
		sp_http1_learn(p, buf);
}
