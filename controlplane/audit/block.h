/// A block: what the index keeps of up to SP_BLOCK_RECORDS consecutive records, in one LMDB value.
/// Position of each record, and for each value that occurs the records that have it. Pure.
///   block := struct sp_block_head, u32 off[n], struct sp_block_run[runs], struct sp_block_group[groups]
///            (ascending dimension, hash), u16 index[] (the groups' lists, ascending)
#pragma once

#include "controlplane/audit/feed.h"

#define SP_BLOCK_RECORDS 4096u
#define SP_BLOCK_VERSION 3u

struct sp_block_head {
	uint32_t version, n;
	uint64_t first_seq;
	uint64_t min_ns, max_ns; ///< times of its records
	uint32_t runs, groups, lists, reserved;
};
/// From record `index` on they lie in this segment.
struct sp_block_run {
	uint64_t segment;
	uint32_t index, reserved;
};
struct sp_block_group {
	uint32_t hash;
	uint32_t list; ///< where in index[] its list begins
	uint16_t count;
	uint8_t dim, reserved;
};

#define SP_BLOCK_BYTES_MAX                                                                         \
	(sizeof(struct sp_block_head) + SP_BLOCK_RECORDS * (4 + sizeof(struct sp_block_run)) +     \
		SP_BLOCK_RECORDS * SP_DIM__COUNT * (sizeof(struct sp_block_group) + 2))

struct sp_block_builder; ///< scratch memory for building
SP_MUST_CHECK int sp_block_builder_new(struct sp_block_builder **ret);
void sp_block_builder_free(struct sp_block_builder *b);
/// `n` entries, consecutive. The bytes lie in the builder until its next use.
struct sp_bytes sp_block_build(struct sp_block_builder *b, const struct sp_feed_entry *e, uint32_t n);

/// Checked view of a block that lies at a multiple of eight: -EBADMSG.
struct sp_block {
	struct sp_block_head head;
	const uint32_t *off;
	const struct sp_block_run *run;
	const struct sp_block_group *group;
	const uint16_t *list;
};
SP_MUST_CHECK int sp_block_open(struct sp_bytes b, struct sp_block *ret);
/// Records having `hash` in `dim`, as indexes into the block; NULL and 0 when there are none.
const uint16_t *sp_block_find(const struct sp_block *b, enum sp_dim dim, uint32_t hash, uint32_t *ret_n);
/// Where record `index` lies.
void sp_block_where(const struct sp_block *b, uint32_t index, uint64_t *ret_segment, uint32_t *ret_off);
