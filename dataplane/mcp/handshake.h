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
/// Ask the route's upstreams in turn, from c->pos on: `ready` once era and session of one are settled (it calls
/// sp_handshake_next() when it or its answer is done), `finish` when all were asked and some answered
/// (c->found). c->reason is why the last one was no use: 0, or why none was.
SP_MUST_CHECK int sp_handshake_each(struct sp_call *c, int (*ready)(struct sp_call *),
	void (*finish)(struct sp_call *));
void sp_handshake_next(struct sp_call *c, int (*ready)(struct sp_call *), void (*finish)(struct sp_call *));
/// The same for one that was no use, by c->reason, which is counted.
void sp_handshake_skip(struct sp_call *c, int (*ready)(struct sp_call *), void (*finish)(struct sp_call *));
/// A legacy upstream no longer knows the session it gave us, so it surely did not run the call.
bool sp_handshake_lost(const struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e);
/// When that is so, `go` again with a session of the worker's own, or with c->reason why there is none; false: it
/// is not so, or the session was a new one.
SP_MUST_CHECK bool sp_handshake_renew(struct sp_call *c, const struct sp_json *j,
	const struct sp_envelope *e, int (*go)(struct sp_call *));
SP_MUST_CHECK int sp_handshake_ask_discover(struct sp_call *c, uint32_t upstream, sp_south_fn fn);
/// SP_CAP_* of a result's `capabilities`, and those of the call as the agent is offered them.
uint32_t sp_handshake_capabilities(const struct sp_json *j, uint32_t result);
void sp_handshake_put_capabilities(struct sp_out *o, const struct sp_call *c);
