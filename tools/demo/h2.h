/// The demo server's HTTP/2 by prior knowledge (RFC 9113 3.3), over nghttp2: requests become those of http.h,
/// and what mcp.h answers becomes frames. No sockets here.
#pragma once

#include "tools/demo/mcp.h"

#define DEMO_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct demo_h2;
/// One connection; `m` outlives it.
struct demo_h2 *demo_h2_new(struct demo_mcp *m);
void demo_h2_free(struct demo_h2 *h);
/// Bytes of the client. False when the connection is over.
bool demo_h2_feed(struct demo_h2 *h, struct sp_bytes in);
/// Append what is to be sent. False when nothing will follow and the connection can be closed.
bool demo_h2_drain(struct demo_h2 *h, struct demo_buf *out);
/// A request that was asked to cancel another, taken off: true with *ret, see DEMO_CANCELS.
bool demo_h2_cancels(struct demo_h2 *h, struct demo_slow *ret);
/// Give up the stream that `what` names; true when it is here.
bool demo_h2_cancel(struct demo_h2 *h, const struct demo_slow *what);
/// When the next event of a stream is due; UINT64_MAX = none is being written.
uint64_t demo_h2_due_ns(const struct demo_h2 *h);
/// Write the events that are due.
void demo_h2_run(struct demo_h2 *h, uint64_t now_ns);
