/// What the parts of sp_snap_open() share: is a string, table or index inside the blob?
#pragma once

#include "config/snapshot.h"

struct sp_snap_blob {
	const uint8_t *base;
	uint64_t n;
	const struct sp_snap_header *h;
};
bool sp_snap_range_ok(const struct sp_snap_blob *b, uint64_t off, uint64_t len, uint64_t align);
bool sp_snap_str_ok(const struct sp_snap_blob *b, struct sp_snap_str s);
/// A table of `size`-byte entries; an empty one may lie anywhere inside.
bool sp_snap_table_ok(const struct sp_snap_blob *b, struct sp_snap_table t, uint64_t size);
bool sp_snap_str_table_ok(const struct sp_snap_blob *b, struct sp_snap_table t);
bool sp_snap_index_ok(const struct sp_snap_blob *b, struct sp_snap_index x, uint32_t entries);
/// Numbers, ascending and each below `below`.
bool sp_snap_list_ok(const struct sp_snap_blob *b, struct sp_snap_table t, uint32_t below);
/// The policy part: every offset, number, word and program.
bool sp_snap_policy_ok(const struct sp_snap_blob *b);
