/// Messages rewritten by span: the bytes that were judged, but for the members the gateway mints.
#pragma once

#include "dataplane/mcp/mcp.h"
#include "dataplane/mcp/splice.h"

#define SP_EDITS_MAX 5u

/// `text` with `edits` (any order, not overlapping; those at one place stay in theirs) as parts that
/// borrow both, nothing copied. Returns how many parts: at most 2 * n + 1.
unsigned sp_compose_parts(struct sp_bytes text, struct sp_splice *edits, unsigned n, struct sp_bytes *part);

/// The request as it goes south: id and progress token minted, the name without its prefix. Into `o`.
void sp_compose_request(const struct sp_call *c, struct sp_out *o);
/// The upstream's answer as the agent gets it, into call->part: its own id, and what its era demands of a
/// result that an older upstream did not write. Sets outcome, rpc_code and http_status.
void sp_compose_answer(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e);
/// The same with one edit more (NULL = none).
void sp_compose_answer_with(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e,
	const struct sp_splice *more);
/// A result composed by the gateway: `{"jsonrpc":"2.0","id":<id>,"result":` to call->out.
struct sp_out sp_compose_begin(struct sp_call *c);
void sp_compose_end(struct sp_call *c, struct sp_out *o);
/// An empty one. 0 or SP_REASON_OVERLOAD.
SP_MUST_CHECK int sp_compose_empty(struct sp_call *c);
