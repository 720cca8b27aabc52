/// What a 2026-07-28 client repeats of its message in HTTP headers, and which family of revisions a
/// request speaks. Headers never decide: they must agree with the body or the request is refused.
/// Pure; results are 0 or a reason (enum sp_reason), never -errno.
/// Sources: MCP 2026-07-28 Transports (Request Metadata, Value Encoding), Versioning
/// (Compatibility).
#pragma once

#include "dataplane/http/http1.h"
#include "dataplane/mcp/envelope.h"

/// Longest decoded header value that is compared; what is longer does not agree.
#define SP_HEADER_VALUE_MAX 4096u

/// The era of a POSTed message, by header and body together:
///   neither names a revision            legacy, *ret = NONE
///   a legacy header, a body without     legacy, *ret = that revision
///   `initialize` without a modern word  legacy, *ret = NONE
///   the same modern revision in both    modern
///   modern header, nothing in the body  modern notification; META_MISSING for a request
///   a revision that is none of ours, or a legacy one in _meta   VERSION_UNSUPPORTED
///   anything else                       HEADER_MISMATCH; a response with a modern header
///   ENVELOPE_INVALID
/// `*ret` is also set on refusal, to the family the answer is best phrased in.
SP_MUST_CHECK int sp_headers_era(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *j, const struct sp_envelope *e, enum sp_revision *ret);

/// The other headers of a message that sp_headers_era() took for a modern one against its body: Mcp-Method,
/// Mcp-Name (decoded) where the method has one, and that _meta has what a request must have. A
/// notification may leave headers out; those it has must agree. HEADER_MISMATCH, META_MISSING.
SP_MUST_CHECK int sp_headers_agree(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *j, const struct sp_envelope *e);

/// A header value as meant: `=?base64?...?=` decoded into buf[0..SP_HEADER_VALUE_MAX), else itself.
/// -EINVAL bad base64, -ENOSPC too long, -EILSEQ a literal with bytes that must be encoded.
SP_MUST_CHECK int sp_headers_value(struct sp_bytes raw, uint8_t *buf, struct sp_bytes *ret);
/// `value` (UTF-8) as a header value: literal where that is unambiguous, else `=?base64?...?=`.
void sp_headers_put_value(struct sp_out *o, struct sp_bytes value);
