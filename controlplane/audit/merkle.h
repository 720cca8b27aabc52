/// The Merkle tree of RFC 6962 over the journal's records, as its frontier: the roots of the perfect
/// subtrees. The leaf of record n is its chain hash. Pure.
#pragma once

#include "common/sha256_two.h"

#define SP_MERKLE_LEVELS 48u

struct sp_merkle {
	uint64_t size;
	uint8_t node[SP_MERKLE_LEVELS][SP_SHA256]; ///< [k] is set when bit k of size is
};

void sp_merkle_add(struct sp_merkle *m, const uint8_t leaf[SP_SHA256]);
void sp_merkle_root(const struct sp_merkle *m, uint8_t ret[SP_SHA256]);

/// The same hash by hash: who adds makes `hash`, beside others if it likes. Not to be moved while under way.
struct sp_merkle_step {
	struct sp_sha256_way hash;
	unsigned level; ///< of what is being hashed
	alignas(16) uint8_t bytes[2 * SP_SHA256_BLOCK];
};
void sp_merkle_begin(struct sp_merkle_step *s, const uint8_t leaf[SP_SHA256]);
/// `hash` is made: there is another one now; or false, the leaf is in the tree.
bool sp_merkle_on(struct sp_merkle_step *s, struct sp_merkle *m);
