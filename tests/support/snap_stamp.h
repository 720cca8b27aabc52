/// A blob that was changed gets another generation and time, and a checksum that fits.
#pragma once

#include "config/snapshot_format.h"

static inline void snap_stamp(uint8_t *blob, size_t n, uint64_t generation, uint64_t built_ns)
{
	struct sp_snap_header *h = (struct sp_snap_header *)blob;
	uint64_t sum;

	h->generation = generation;
	h->built_ns = built_ns;
	sum = sp_snap_checksum(blob, n);
	memcpy(h->checksum, &sum, sizeof(sum));
}
