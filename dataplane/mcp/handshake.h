/// Shared by handshake.c, discover.c and list.c: the upstreams of a route, asked in turn.
#pragma once

#include "dataplane/mcp/mcp.h"

#ifndef SP_VERSION
#define SP_VERSION "0.1.0"
#endif

/// Number of the route's i-th upstream in the call's snapshot.
uint32_t sp_handshake_upstream(const struct sp_call *c, uint32_t i);
/// Number of the upstream with this identity, or SP_SNAP_NONE.
uint32_t sp_handshake_by_identity(const struct sp_snap *s, uint64_t identity);
SP_MUST_CHECK int sp_handshake_ask_discover(struct sp_call *c, uint32_t upstream, sp_south_fn fn);
/// SP_CAP_* of a result's `capabilities`, and those of the call as the agent is offered them.
uint32_t sp_handshake_capabilities(const struct sp_json *j, uint32_t result);
void sp_handshake_put_capabilities(struct sp_out *o, const struct sp_call *c);
