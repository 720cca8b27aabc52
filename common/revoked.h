/// Revocations: effective on every worker with the next look, without a publish.
/// Entries are keyed by kind and id; see struct sp_revoked_region. Control writes, workers read.
#pragma once

#include "common/bytes.h"
#include "common/shm.h"

enum sp_revoked_kind { SP_REVOKED_AGENT = 1, SP_REVOKED_TOKEN = 2, SP_REVOKED_SESSION = 3 };

/// The 128-bit key of a revocation: a keyed-by-kind mix of SHA-256(id), computed by the caller once
/// (agents at load, tokens and sessions when verified).
struct sp_revoked_key {
	uint64_t hi, lo; ///< lo never 0
};
/// From the first 16 bytes of SHA-256 of the id.
struct sp_revoked_key sp_revoked_key(enum sp_revoked_kind kind, const uint8_t sha256[32]);
/// Wait-free. True when revoked.
bool sp_revoked_has(const struct sp_revoked_region *r, struct sp_revoked_key k);
/// Control only. 0, -EEXIST already there, -ENOSPC at three quarters full.
SP_MUST_CHECK int sp_revoked_add(struct sp_revoked_region *r, struct sp_revoked_key k);

/// Bytes of a region for `capacity` entries (a power of two, 4 at least); lay out a fresh one
/// (supervisor, once): 0 or -EINVAL.
size_t sp_revoked_bytes(uint32_t capacity);
SP_MUST_CHECK int sp_revoked_format(const struct sp_shm *shm, uint32_t capacity);
