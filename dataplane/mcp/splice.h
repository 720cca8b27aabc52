/// Messages rewritten by span: what is forwarded is what was judged, byte for byte, but for the
/// pieces the gateway replaces. Pure; writes into a sp_out that the caller owns.
#pragma once

#include "common/json.h"

struct sp_splice {
	uint32_t off, len; ///< what is replaced in the text; len 0 inserts before `off`
	struct sp_bytes with;
};
/// Replace a token's value as it stands in the text (a string with its quotes) by `raw`.
static inline struct sp_splice sp_splice_tok(
	const struct sp_json *j, uint32_t t, struct sp_bytes raw)
{
	struct sp_bytes old = sp_json_raw(j, t);

	return (struct sp_splice){(uint32_t)(old.p - j->text.p), (uint32_t)old.n, raw};
}

/// Bytes of `text` after the edits. -EINVAL: they are not sorted by offset, overlap, or leave the
/// text. Several inserts at one place stay in their order.
SP_MUST_CHECK int sp_splice_len(
	struct sp_bytes text, const struct sp_splice *edits, size_t n, size_t *ret);
/// Write it. -EINVAL as above, nothing written; -ENOSPC when it does not fit, nothing written.
SP_MUST_CHECK int sp_splice_put(
	struct sp_out *o, struct sp_bytes text, const struct sp_splice *edits, size_t n);

/// Longest unescaped name (or uri) of a list's element; elements with a longer one are left out.
#define SP_LIST_NAME_MAX 1024u

/// May the element be listed? `name` is unescaped and valid during the call only.
typedef bool (*sp_list_keep_fn)(void *user, struct sp_bytes name, uint32_t element);

struct sp_list {
	const struct sp_json *j;
	uint32_t array; ///< array token: `tools` of a tools/list result, `prompts`, ...
	struct sp_bytes key; ///< string member that names an element: "name", "uri"
	struct sp_bytes
		prefix; ///< put before every kept name; no quote, backslash, control or non-ASCII
	sp_list_keep_fn keep; ///< NULL keeps all
	void *user;
};
/// The elements alone, comma-separated, without the brackets: to join lists of several upstreams.
/// `first`: no comma before the first element. *ret_kept says how many were written. An element
/// that is no object, or whose name is no string, is never kept. -EINVAL no array or a bad prefix,
/// nothing written; -ENOSPC `o` is full: `o` is as before but for its overflow flag.
SP_MUST_CHECK int sp_list_elements(
	struct sp_out *o, const struct sp_list *l, bool first, uint32_t *ret_kept);
