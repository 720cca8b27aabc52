/// What the two scanners share besides the grammar (common/json_twin.h): nothing here depends on
/// the vector unit, all of it is off the fast path. Internal to common/json*.c.
#pragma once

#include "common/json.h"

/// `count` has 26 bits, and the key sort links tokens through it.
#define SP_JSON_TOKENS_MAX ((1u << 26) - 1)

/// Fill *error; NULL, so that a scanning function can return it.
const uint8_t *sp_json_fail(struct sp_json_error *error, size_t off, int err, const char *what);

/// Of an escape of two characters, the second.
static inline bool sp_json_short_escape(uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	default:
		return false;
	}
}

/// At a backslash inside a string: the byte after the escape (both halves of a surrogate pair), or
/// NULL.
const uint8_t *sp_json_escape(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error);
/// At a byte >= 0x80: the first ASCII byte (or the end) after a run of well-formed UTF-8, or NULL.
const uint8_t *sp_json_utf8(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error);
/// At '-' or a digit: the byte after the number, or NULL.
const uint8_t *sp_json_number(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, struct sp_json_error *error);

/// The key token that repeats an earlier key of the closed object `obj`, or SP_JSON_NONE; sets the object's `apart`
/// where that can be seen on the way, never over 32 members.
/// O(n log n) in the bytes of the keys whatever they are; scratch lives in the key tokens and is undone.
uint32_t sp_json_repeated_key(const uint8_t *base, struct sp_json_tok *tok, uint32_t obj);

/// A plain name that is none of the `count - 1` which the open object `obj` has, all plain, and differs from each in
/// more than case: by length, first and last byte, of a few. There are `n` tokens.
bool sp_json_new_name(const uint8_t *base, const struct sp_json_tok *tok, uint32_t obj, uint32_t n, uint32_t count,
	struct sp_bytes name);

/// Bytes of a string token, unescaped, one at a time. The token was validated.
struct sp_json_reader {
	const uint8_t *p, *end;
	uint8_t pending[3], pending_n; ///< rest of a multi-byte escape, last byte first
};
static inline struct sp_json_reader sp_json_reader(const uint8_t *base, const struct sp_json_tok *t)
{
	return (struct sp_json_reader){.p = base + t->off, .end = base + t->off + t->len};
}
/// The next byte, or -1 at the end.
int sp_json_reader_next(struct sp_json_reader *r);

/// The twins. `sp_json_scan_avx2` must only be called where sp_json_has_avx2() says so.
bool sp_json_has_avx2(void);
int sp_json_scan_avx2(struct sp_bytes text, uint32_t max_depth, struct sp_json_tok *tok,
	uint32_t cap, struct sp_json *ret, struct sp_json_error *error);
