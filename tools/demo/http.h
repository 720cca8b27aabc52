/// The demo server's HTTP/1.1: just what an MCP server behind a gateway needs, strictly.
/// Bodies come with Content-Length; a request without one that needs it is answered 411.
#pragma once

#include "tools/demo/buf.h"

#define DEMO_HEAD_MAX 16384u
#define DEMO_BODY_MAX (16u << 20)

struct demo_request {
	struct sp_bytes verb, path;
	struct sp_bytes session, version, mcp_method, mcp_name;
	struct sp_bytes body;
	size_t content_length;
	bool has_length, close, expect_continue, accepts_stream;
};

/// Parse the head at the start of `in`. 1 with *ret and *ret_head bytes used, 0 when it is not yet
/// whole, -EBADMSG, -E2BIG. Spans borrow `in`.
int demo_http_head(struct sp_bytes in, struct demo_request *ret, size_t *ret_head);

/// The fields an MCP server looks at; a repeated one is refused. 0, -EBADMSG, -E2BIG.
int demo_http_field(struct sp_bytes name, struct sp_bytes value, struct demo_request *r);

/// A whole answer; `extra` is complete header lines or empty.
void demo_http_answer(struct demo_buf *out, unsigned status, struct sp_bytes extra, struct sp_bytes json);
/// An answer without body.
void demo_http_empty(struct demo_buf *out, unsigned status, struct sp_bytes extra);
/// Head of an event stream: chunked.
void demo_http_stream(struct demo_buf *out);
/// One chunk of a stream; an empty one ends it.
void demo_http_chunk(struct demo_buf *out, struct sp_bytes data);
