#include "dataplane/http/http2_head.h"

#include "dataplane/http/http1_int.h"
#include "common/banned.h"

#define FIELD_OVERHEAD 32u

void sp_http2_head_init(struct sp_http2_head *h, uint8_t *buf, size_t cap)
{
	*h = (struct sp_http2_head){
		.head = {.is_response = true, .keep_alive = true},
		.buf = buf,
		.cap = cap,
	};
}

static int take_status(struct sp_http_head *h, struct sp_bytes v)
{
	uint64_t n;

	if (h->status || v.n != 3 || sp_bytes_u64(v, &n) < 0 || n < 100 || n > 599 || n == 101)
		return -EBADMSG;
	h->status = (uint16_t)n;
	return 0;
}

/// Fields of a connection have no place here (RFC 9113 8.2.2).
static bool of_connection(int known, struct sp_bytes name)
{
	return known == SP_HDR_CONNECTION || known == SP_HDR_TRANSFER_ENCODING ||
	       known == SP_HDR_UPGRADE || sp_bytes_eq(name, SP_LIT("keep-alive")) ||
	       sp_bytes_eq(name, SP_LIT("proxy-connection"));
}

static int take_known(struct sp_http2_head *h, unsigned known, struct sp_bytes v)
{
	struct sp_http_head *head = &h->head;

	if (!sp_http_value_ok(v))
		return -EBADMSG;
	if (head->present & 1u << known)
		return known == SP_HDR_WWW_AUTHENTICATE ? 0 : -EBADMSG;
	if (v.n > h->cap - h->len)
		return -E2BIG;
	if (known == SP_HDR_CONTENT_LENGTH) {
		if (sp_bytes_u64(v, &head->content_length) < 0)
			return -EBADMSG;
		head->has_length = true;
	}
	head->present |= 1u << known;
	if (v.n) {
		memcpy(h->buf + h->len, v.p, v.n);
		head->header[known] = (struct sp_http_span){(uint32_t)h->len, (uint32_t)v.n};
	}
	h->len += v.n;
	return 0;
}

int sp_http2_head_field(struct sp_http2_head *h, const struct sp_http_limits *limits,
	struct sp_bytes name, struct sp_bytes value)
{
	int known;

	h->bytes += name.n + value.n + FIELD_OVERHEAD;
	if (h->bytes > limits->max_head_bytes || ++h->fields > limits->max_headers)
		return -E2BIG;
	if (name.n && name.p[0] == ':')
		return h->fields == 1 && sp_bytes_eq(name, SP_LIT(":status"))
			       ? take_status(&h->head, value)
			       : -EBADMSG;
	if (!sp_http2_name_ok(name))
		return -EBADMSG;
	known = sp_http_header_find(name);
	if (of_connection(known, name))
		return -EBADMSG;
	return known < 0 ? 0 : take_known(h, (unsigned)known, value);
}

int sp_http2_head_finish(struct sp_http2_head *h, const struct sp_http_limits *limits)
{
	struct sp_http_head *head = &h->head;
	bool bodiless = head->status < 200 || head->status == 204;

	if (!head->status || (bodiless && head->content_length))
		return -EBADMSG;
	if (head->has_length && head->status != 304 &&
		head->content_length > limits->max_body_bytes)
		return -EFBIG;
	head->bytes = (uint32_t)h->bytes;
	return 0;
}
