/// A set of names with numbers: found by hash, ascending once sorted. Heap for its tables, the texts are borrowed.
#pragma once

#include "config/snapshot_tables.h"

struct sp_names {
	const char **v;
	uint32_t n, cap;
	uint32_t *slot, mask;
};

void sp_names_done(struct sp_names *s);
/// Number of `name`, known or new. -ENOMEM.
SP_MUST_CHECK int sp_names_add(struct sp_names *s, const char *name, uint32_t *ret);
/// Number, or SP_SNAP_NONE.
uint32_t sp_names_find(const struct sp_names *s, const char *name);
/// Numbers become the order of the texts. -ENOMEM.
SP_MUST_CHECK int sp_names_sort(struct sp_names *s);
/// First of a sorted set that is not below `prefix`, and one past the last that begins with it.
void sp_names_range(const struct sp_names *s, struct sp_bytes prefix, uint32_t *ret_from, uint32_t *ret_to);
