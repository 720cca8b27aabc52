/// How an upstream may break the protocol, for tests of what stands before it. `how` is one of
///   close        close without a byte
///   close_head   close inside the head of the answer
///   close_body   close inside the body
///   close_after  answer well, then close without having said so
///   hang         never answer
///   not_http     bytes that are no HTTP
///   not_json     200, application/json, and no JSON
///   duplicate    a result with a duplicate key
///   wrong_id     a well-formed result for an id that was not asked
///   http_500     a 500 with a text body
///   http_401     a 401 with a challenge of its own
///   redirect     a 302 to elsewhere
///   stream_cut   an event stream that ends before its answer
///   stream_junk  an event whose data is no JSON
///   leave        answer well and take no other request on this connection: GOAWAY, or Connection: close
///   two_lengths  two Content-Length fields that differ
#pragma once

#include "tools/demo/mcp.h"

/// `good` is the JSON a well-behaved server would have answered.
enum demo_after demo_misbehave(struct demo_buf *out, struct sp_bytes how, struct sp_bytes good);
