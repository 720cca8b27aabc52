/// Strict, zero-copy JSON (RFC 8259): the whole document is validated and indexed before anyone looks
/// at any of it. Refused besides bad grammar: byte-order marks, NUL, invalid UTF-8, lone surrogates,
/// duplicate keys (after unescaping), depth and token count over the limit, trailing bytes.
/// AVX2 where the CPU has it, one scalar twin, same verdict, index and error from both.
/// Pure: no I/O, no allocation, any process. Time is O(n) but for repeated keys: of most objects is seen on the way
/// that there are none, of the others they are sought when the object closes: linear up to 32 members, O(n log n)
/// beyond whatever the keys are. Depth costs no stack. No byte outside of the text is read.
#pragma once

#include "common/bytes.h"

enum sp_json_type {
	SP_JSON_NULL = 1,
	SP_JSON_FALSE,
	SP_JSON_TRUE,
	SP_JSON_NUMBER,
	SP_JSON_STRING, ///< span without the quotes, escapes as they are in the text
	SP_JSON_ARRAY,  ///< span with the brackets
	SP_JSON_OBJECT, ///< span with the braces; children alternate key, value
};

/// Tokens in document order: a container is followed by its children. 16 bytes.
struct sp_json_tok {
	uint32_t off, len;  ///< span in the text
	uint32_t next;      ///< index of the token after this one and all its children
	uint32_t type : 3;  ///< enum sp_json_type
	uint32_t escaped : 1; ///< a string with at least one backslash
	uint32_t apart : 1; ///< an object of which the scan saw that no two names are alike but for case
	uint32_t plain : 1; ///< a string of ASCII without escapes
	uint32_t count : 26;  ///< children: elements of an array, members of an object
};

struct sp_json {
	struct sp_bytes text;
	struct sp_json_tok *tok; ///< tok[0] is the document
	uint32_t n;
};

struct sp_json_error {
	int err;          ///< -EBADMSG grammar, -EILSEQ UTF-8 or surrogate, -EEXIST duplicate key,
	                  ///< -E2BIG depth or tokens over the limit
	uint32_t off;     ///< where
	const char *what; ///< static text, e.g. "duplicate key"
};

#define SP_JSON_NONE UINT32_MAX

/// Scan `text` (under 4 GiB) into `tok[0..cap)`, at most 2^26 - 1 tokens. 0, or error->err with
/// `*error` filled (may be NULL). `*ret` borrows `text` and `tok`; on failure `tok` holds rubbish.
SP_MUST_CHECK int sp_json_scan(struct sp_bytes text, uint32_t max_depth, struct sp_json_tok *tok,
	uint32_t cap, struct sp_json *ret, struct sp_json_error *error);
/// The scalar twin, for tests and for comparing.
SP_MUST_CHECK int sp_json_scan_scalar(struct sp_bytes text, uint32_t max_depth,
	struct sp_json_tok *tok, uint32_t cap, struct sp_json *ret, struct sp_json_error *error);

/// Value of a member of object token `obj` by (unescaped) key; SP_JSON_NONE when absent or no object.
uint32_t sp_json_get(const struct sp_json *j, uint32_t obj, struct sp_bytes key);
/// First child token of a container (a key, in an object), or SP_JSON_NONE when empty.
uint32_t sp_json_first(const struct sp_json *j, uint32_t container);
static inline enum sp_json_type sp_json_type(const struct sp_json *j, uint32_t t)
{
	return t < j->n ? (enum sp_json_type)j->tok[t].type : (enum sp_json_type)0;
}
/// The token's bytes in the text; strings without quotes and still escaped.
static inline struct sp_bytes sp_json_span(const struct sp_json *j, uint32_t t)
{
	return sp_bytes(j->text.p + j->tok[t].off, j->tok[t].len);
}
/// As sp_json_span but a string keeps its quotes: what to copy when the value is forwarded.
struct sp_bytes sp_json_raw(const struct sp_json *j, uint32_t t);
/// String token equal to `s` after unescaping.
bool sp_json_str_eq(const struct sp_json *j, uint32_t t, struct sp_bytes s);
/// String tokens of two documents (or one), equal after unescaping.
bool sp_json_same_str(const struct sp_json *a, uint32_t t, const struct sp_json *b, uint32_t u);
/// Equal to `name` (ASCII) for a reader that matches members without regard to case.
bool sp_json_str_alike(const struct sp_json *j, uint32_t t, struct sp_bytes name);
/// Has the object a member that such a reader takes for `name`, though it is called differently?
bool sp_json_has_alike(const struct sp_json *j, uint32_t obj, struct sp_bytes name);
/// Has it two members that such a reader takes for one? Mostly the scan has seen that it has not (`apart`). Else
/// over 64 members need room for 8 bytes each, aligned to 4; without it the answer is yes. Each name is read once,
/// and the members are sorted: whoever knows `salt` could choose names that are compared byte by byte, the answer
/// does not depend on it.
bool sp_json_alike_keys(
	const struct sp_json *j, uint32_t obj, uint64_t salt, void *room, size_t room_bytes);
/// String token unescaped to UTF-8: *ret borrows the text when nothing is escaped, else `buf`.
/// -EINVAL no string, -ENOSPC over `cap`.
SP_MUST_CHECK int sp_json_str(const struct sp_json *j, uint32_t t, uint8_t *buf, size_t cap,
	struct sp_bytes *ret);
/// Number token that is an integer without fraction or exponent: -EINVAL otherwise, -ERANGE overflow.
SP_MUST_CHECK int sp_json_i64(const struct sp_json *j, uint32_t t, int64_t *ret);
/// Line and column (from 1, columns in bytes) of an offset, for messages about files.
void sp_json_where(struct sp_bytes text, uint32_t off, unsigned *ret_line, unsigned *ret_col);
