/// The seams between the connection, the stages and the MCP side of a worker. All run on the worker.
#pragma once

#include "dataplane/conn.h"
#include "dataplane/mcp/call.h"
#include "dataplane/worker.h"

// receive.c: the connection hands over
/// A whole HTTP request is in the connection's buffer. Answers at once, or later through sp_conn_*.
void sp_mcp_request(struct sp_conn *c);
/// The agent is gone while its request was served.
void sp_mcp_gone(struct sp_conn *c);
/// The peer caught up with reading.
void sp_mcp_drained(struct sp_conn *c);

// wellknown.c: what is served without a token
bool sp_wellknown_serve(struct sp_conn *c, struct sp_bytes path);

// answer.c: what the agent is told
/// Refuse with call->wire_reason, in the way of its era.
void sp_answer_refusal(struct sp_call *c);
/// As sp_answer_refusal for requests that never became a call.
void sp_answer_http(struct sp_conn *c, enum sp_reason why);
/// The answer's parts (call->part) as JSON or as the last event of the stream.
void sp_answer_parts(struct sp_call *c);
/// 202 for an accepted notification.
void sp_answer_accepted(struct sp_call *c);
/// `WWW-Authenticate` of a route for a refusal; `more`: scopes needed besides the route's.
void sp_answer_challenge(struct sp_out *o, const struct sp_snap *s, const struct sp_snap_route *r,
	enum sp_reason why, struct sp_bytes more);

// batch.c: arrays of messages, 2025-03-26 only
/// A call whose body is an array: refused, or its elements become calls.
void sp_batch_serve(struct sp_call *c);
/// The element before has been answered, or its reader caught up: the next one, or the end.
void sp_batch_next(struct sp_conn *conn);
/// The answer of one element.
void sp_batch_event(struct sp_call *c, const struct sp_bytes *part, unsigned n);

// forward.c: one exchange with one upstream
struct sp_south_ask {
	uint32_t upstream;
	bool modern;
	enum sp_http_verb verb;
	enum sp_method method;
	struct sp_bytes name;   ///< for Mcp-Name (modern)
	struct sp_bytes params; ///< Mcp-Param header lines, or empty
	struct sp_bytes body;
	bool idempotent;
	bool relay;
	uint64_t until_ns; ///< boot time by which it is answered, whatever events come; 0 = the upstream's response_ns
	sp_south_fn on_answer;
};
/// 0, or a reason. The answer or failure arrives through on_answer (failure: j == NULL, call->reason set).
SP_MUST_CHECK int sp_south_start(struct sp_call *c, const struct sp_south_ask *ask);
void sp_south_stop(struct sp_call *c);
// tell.c: what no agent waits for
/// A message nobody waits for the answer of (cancellation, refusal of a server's request).
void sp_south_tell(struct sp_worker *w, const struct sp_snap *s, uint32_t upstream, enum sp_http_verb verb,
	enum sp_revision revision, struct sp_bytes session, struct sp_bytes body);
/// The exchange under way is given up. A legacy server is told so, and its stream closes once it was (or within
/// two seconds); a modern one sees its stream close when sp_south_stop() comes.
void sp_south_leave(struct sp_call *c);
/// The exchange failed by its deadline: a legacy server is told to give it up.
void sp_south_expired(struct sp_call *c);
/// notifications/cancelled for the call's id south.
void sp_south_put_cancelled(struct sp_out *o, const struct sp_call *c);

// cancel.c: calls that their agents give up, on this worker or another
void sp_cancel_serve(struct sp_call *c);
/// SHA-256 of session and id: what every worker knows a session's call by.
void sp_cancel_digest(const struct sp_call *c, uint8_t digest[32]);
/// Another worker was asked to cancel this call.
bool sp_cancel_heard(const struct sp_call *c);

/// Mint the raw id of the call's next request south: one that no other request of this worker has.
void sp_south_mint(struct sp_call *c);
/// The id for the agent's own request: within a session derived from the agent's id, so that any worker can
/// name the call when the agent cancels it; else as above.
void sp_south_mint_own(struct sp_call *c);

// relay.c: requests that go to one upstream as they are
SP_MUST_CHECK int sp_relay_start(struct sp_call *c);
/// The same, with somebody else to take the answer (as sp_south_fn).
SP_MUST_CHECK int sp_relay_start_with(struct sp_call *c, sp_south_fn fn);
/// Mcp-Param-* headers of a modern tools/call against its arguments, by what the worker knows of the tool.
/// 0 or a reason.
SP_MUST_CHECK int sp_relay_params_agree(struct sp_call *c);
// handshake.c, discover.c: initialize, initialized, discover, session ends, sessions kept for modern agents
SP_MUST_CHECK int sp_handshake_initialize(struct sp_call *c);
SP_MUST_CHECK int sp_handshake_initialized(struct sp_call *c);
SP_MUST_CHECK int sp_handshake_discover(struct sp_call *c);
void sp_handshake_delete(struct sp_call *c);
/// Make sure of the upstream's era and, for a legacy one, of a session there; then `go`, with c->reason set when
/// neither is to be had: what it returns then is the call's end. 0 (go was or will be called) or a reason.
SP_MUST_CHECK int sp_handshake_ready(struct sp_call *c, uint32_t upstream, int (*go)(struct sp_call *));
// level.c: logging/setLevel, at every upstream of the route
SP_MUST_CHECK int sp_level_start(struct sp_call *c);
/// Set the call's log_level at its south.upstream. 0 or a reason.
SP_MUST_CHECK int sp_level_ask(struct sp_call *c, sp_south_fn fn);
// list.c: tools/list filtered by policy, over one or several upstreams
SP_MUST_CHECK int sp_list_start(struct sp_call *c);

// The rest of the stages: called by south handlers when the answer is complete in call->part,
// or when it failed (call->reason).
void sp_call_finish(struct sp_call *c);
void sp_call_fail(struct sp_call *c, enum sp_reason why);
/// Given up by its agent while its upstream works: told so within this turn.
void sp_call_cancel(struct sp_call *c);
