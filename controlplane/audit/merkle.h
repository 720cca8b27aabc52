/// The Merkle tree of RFC 6962 over the journal's records, as its frontier: the roots of the perfect
/// subtrees. The leaf of record n is its chain hash. Pure.
#pragma once

#include "common/sha256.h"

#define SP_MERKLE_LEVELS 48u

struct sp_merkle {
	uint64_t size;
	uint8_t node[SP_MERKLE_LEVELS][SP_SHA256]; ///< [k] is set when bit k of size is
};

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256]);
void sp_merkle_root(const struct sp_merkle *m, uint8_t ret[SP_SHA256]);
