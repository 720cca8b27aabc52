/// Base64, one spelling for each value (RFC 4648): what is not exactly what the encoder would write
/// is refused, so that two texts never mean the same bytes (tokens, signatures, header values).
/// Pure: no I/O, no allocation, any process. Not constant-time: for texts that are not secret keys.
#pragma once

#include "common/bytes.h"

/// Section 5 alphabet ("-_"), no padding, unused bits zero (RFC 7515 section 2, JOSE). Empty is
/// empty. `out` may be `in.p` itself. -EINVAL not strict base64url, -ENOSPC over `cap`; then `out`
/// may hold part of the bytes and *ret is untouched.
SP_MUST_CHECK int sp_base64url_decode(struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret);
/// Section 4 alphabet ("+/"), padding required, unused bits zero. As above otherwise.
SP_MUST_CHECK int sp_base64_decode(struct sp_bytes in, uint8_t *out, size_t cap, size_t *ret);

/// Base64url without padding, and base64 with padding. Overflow is `o`'s sticky flag.
void sp_base64url_encode(struct sp_out *o, struct sp_bytes in);
void sp_base64_encode(struct sp_out *o, struct sp_bytes in);
