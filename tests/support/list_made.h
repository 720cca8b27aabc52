/// A document with a list filtered and its names prefixed, put together as a tools/list of one upstream is.
#pragma once

#include "dataplane/mcp/splice.h"

/// As sp_list_elements() and sp_splice_put() say; `buf` is for the elements.
static inline int list_made(
	struct sp_out *o, const struct sp_list *l, uint8_t *buf, size_t cap, uint32_t *ret_kept)
{
	struct sp_out e = sp_out_init(buf, cap);
	struct sp_splice edit;
	uint32_t kept;

	sp_out_lit(&e, "[");
	SP_TRY(sp_list_elements(&e, l, true, &kept));
	sp_out_lit(&e, "]");
	if (e.overflow)
		return -ENOSPC;
	edit = sp_splice_tok(l->j, l->array, sp_bytes(e.p, e.len));
	SP_TRY(sp_splice_put(o, l->j->text, &edit, 1));
	*ret_kept = kept;
	return 0;
}
