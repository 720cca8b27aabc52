/// Server-sent events (WHATWG HTML, "event stream"): a real parser across chunk boundaries (CR, LF and
/// CRLF, leading BOM, multi-line data).
#pragma once

#include "common/bytes.h"

struct sp_sse_event {
	struct sp_bytes type; ///< "" = message
	struct sp_bytes data; ///< lines joined by LF
	struct sp_bytes id;   ///< "" = none
	bool has_data;        ///< a priming event has an id and empty data
	int64_t retry_ms;     ///< -1 = none
};
/// Called for an event with data, an id or a retry time (comments and a bare type are none); valid during
/// the call. Non-zero stops the parser.
typedef int (*sp_sse_fn)(void *user, const struct sp_sse_event *e);

struct sp_sse {
	uint8_t *buf; ///< the caller's, cap bytes: the event being gathered
	size_t cap, len;
	size_t line;   ///< where the current line starts in buf
	size_t data_len, id_len, type_len;
	int64_t retry_ms;
	bool has_data, has_id, cr, started;
};
void sp_sse_init(struct sp_sse *s, uint8_t *buf, size_t cap);
/// 0, -EMSGSIZE (an event over the buffer), or what `fn` returned.
SP_MUST_CHECK int sp_sse_feed(struct sp_sse *s, const uint8_t *p, size_t n, sp_sse_fn fn, void *user);
#define SP_SSE_KEEPALIVE ":\n\n"
