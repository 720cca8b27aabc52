/// A growing run of bytes whose parts are named by offset, for building a snapshot. Sticky failure:
/// after `err` is set writes are dropped; check it once at the end.
#pragma once

#include "common/bytes.h"

struct sp_blob {
	uint8_t *p;
	size_t n, cap, max;
	int err; ///< 0, -ENOMEM, -E2BIG
};

void sp_blob_init(struct sp_blob *b, size_t max);
void sp_blob_done(struct sp_blob *b);
/// Room for `n` zeroed bytes at an offset that is a multiple of `align`; 0 on failure.
uint32_t sp_blob_room(struct sp_blob *b, size_t n, size_t align);
/// A copy of `s`; its offset.
uint32_t sp_blob_put(struct sp_blob *b, struct sp_bytes s);
/// Address of an offset given out earlier; moves when the blob grows. NULL after a failure.
void *sp_blob_at(struct sp_blob *b, uint32_t off);
