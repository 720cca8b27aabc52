/// Between drain.c and drain_own.c only.
#pragma once

#include "controlplane/audit/drain.h"

/// Into the journal's batch, committing what is there when it is full; false when latched.
bool sp_drain_put(struct sp_drain *d, uint32_t worker, uint64_t worker_seq, uint32_t epoch,
	struct sp_bytes bytes, struct sp_frame *ret);
/// Read the record just put.
void sp_drain_note(struct sp_drain *d, const struct sp_frame *f);
void sp_drain_on_found(void *ctx, const struct sp_frame *f, uint64_t segment);
