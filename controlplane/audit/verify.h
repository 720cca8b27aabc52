/// Proves a journal folder: every byte as it was written, every segment joined to the one before it.
/// Needs nothing but the files. Steps through one segment at a time, so that a server can go on.
#pragma once

#include "controlplane/audit/checkpoint.h"
#include "controlplane/audit/segment.h"

struct sp_verify {
	int dir; ///< borrowed
	struct sp_segment_list list;
	size_t i;
	uint64_t from, to; ///< records asked about; 0 = no bound
	struct sp_chain chain;
	struct sp_merkle tree;
	uint8_t store_id[16];
	uint8_t *data; ///< the segment being read
	struct sp_checkpoint expect; ///< size 0 = none
	bool met;                    ///< the tree was that of the checkpoint
	// the result
	uint64_t segments, records, first_seq, last_seq;
	bool chain_ok;
	uint64_t first_bad_seq;  ///< when not ok: the first record that cannot be proved
	uint64_t bad_segment;
	char why[96];
};

/// `to` bounds a journal that is being written: records after it are not looked at. -ENOENT no journal.
SP_MUST_CHECK int sp_verify_init(struct sp_verify *v, int dir, uint64_t from, uint64_t to);
/// The tree of a signed checkpoint must come by.
static inline void sp_verify_expect(struct sp_verify *v, const struct sp_checkpoint *c)
{
	v->expect = *c;
}
/// 1 = call again; 0 = done (see the result); -errno a file could not be read.
SP_MUST_CHECK int sp_verify_step(struct sp_verify *v);
void sp_verify_done(struct sp_verify *v);
/// The result as one JSON object.
void sp_verify_json(const struct sp_verify *v, struct sp_out *out);
