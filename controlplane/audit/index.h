/// The searchable index, in LMDB: one block (block.h) for each 4096 records, written when it is full; the open one
/// is in memory alone. It can be thrown away: whatever it lacks is read from the journal. One thread.
#pragma once

#include "controlplane/audit/block.h"

struct sp_index;

/// Open or create in folder `path`. An index of another store, of another form, or one that runs ahead
/// of the journal (`last_seq`) is emptied, and one whose files are spoilt made anew. -errno;
/// here and below -EUCLEAN says that the files are not what LMDB wrote.
SP_MUST_CHECK int sp_index_open(const char *path, const uint8_t store_id[16], uint64_t first_seq,
	uint64_t last_seq, struct sp_index **ret);
/// Remove the files of an index that is not open: what a failure with -EUCLEAN calls for.
SP_MUST_CHECK int sp_index_remove(const char *path);
void sp_index_close(struct sp_index *x);
/// The record it wants next; adding any other is a bug.
uint64_t sp_index_next(const struct sp_index *x);
/// Blocks that became full are written by sp_index_flush(), all at once, or when the index is closed. After a failure
/// of either the index may want records again that it was given since the last flush.
SP_MUST_CHECK int sp_index_add(struct sp_index *x, const struct sp_feed_entry *e);
SP_MUST_CHECK int sp_index_flush(struct sp_index *x);
/// Blocks that wait for that.
uint32_t sp_index_pending(const struct sp_index *x);
/// Records before `seq` are gone from the journal.
SP_MUST_CHECK int sp_index_drop_before(struct sp_index *x, uint64_t seq);

/// False ends the walk.
typedef bool (*sp_index_each)(void *ctx, const struct sp_block *b);
/// Walk from the block that holds `seq` (or the nearest in the direction) upward or downward; blocks
/// that do not hold it may come first.
SP_MUST_CHECK int sp_index_walk(
	struct sp_index *x, uint64_t seq, bool down, sp_index_each each, void *ctx);
