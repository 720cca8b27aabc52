/// What the writer and the checker of a snapshot share, and nobody else needs.
#pragma once

#include "config/snapshot.h"

/// Checksum of a blob of `n` bytes, at least a header's.
uint64_t sp_snap_checksum(const void *base, size_t n);
