/// The head of an HTTP/2 answer, field by field as HPACK yields it, into the same struct
/// sp_http_head as an HTTP/1.1 answer's, judged alike (RFC 9113 8.2, 8.3). Pure; values are copied
/// to the caller's buffer.
#pragma once

#include "dataplane/http/http1.h"

struct sp_http2_head {
	struct sp_http_head head;
	uint8_t *buf; ///< the caller's: what the head's spans refer to
	size_t cap, len;
	size_t bytes; ///< RFC 9113 6.5.2: names, values, and 32 for each field
	uint32_t fields;
};
void sp_http2_head_init(struct sp_http2_head *h, uint8_t *buf, size_t cap);
/// 0, -EBADMSG (malformed), or -E2BIG: over the limits of a head.
SP_MUST_CHECK int sp_http2_head_field(struct sp_http2_head *h, const struct sp_http_limits *limits,
	struct sp_bytes name, struct sp_bytes value);
/// All fields were given: 0, -EBADMSG, or -EFBIG: its body is over the limit.
SP_MUST_CHECK int sp_http2_head_finish(
	struct sp_http2_head *h, const struct sp_http_limits *limits);
