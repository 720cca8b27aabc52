/// The heart of audit: takes records from the workers' rings, gives them their numbers, makes them
/// durable in groups, then tells the workers and the index. One thread owns all of it; it blocks only in
/// the journal. A failed commit changes nothing: the records are still in the rings.
#pragma once

#include "common/channel.h"
#include "common/plan.h"
#include "controlplane/audit/feed.h"
#include "controlplane/audit/journal.h"

struct sp_note; ///< what was read out of a record when it was taken

struct sp_drain_worker {
	struct sp_channel channel;
	bool present;
	const _Atomic uint32_t *epoch_word; ///< of the process that writes
	int event;         ///< borrowed, wakes the worker; -1 = none
	unsigned taken;    ///< ring entries in the open batch (or skipped with it)
	uint64_t last;     ///< highest worker number taken
	uint64_t began;    ///< what it was when audit began: only records up to it come again
	uint64_t durable;  ///< highest worker number durable
	uint32_t epoch;    ///< seen before the ring was last looked through: earlier lives write no more
	uint32_t settled;  ///< lives before this one have no call left in doubt
	bool empty;        ///< the last look saw the ring's end
	uint64_t odd;      ///< records out of order or without readable bytes, ever
	uint64_t odd_told; ///< of those, already on record
};

struct sp_drain_config {
	struct sp_root *root;
	const struct sp_plan *plan;
	int dir;                 ///< the store's folder, locked
	struct sp_store_io *io;
	struct sp_feed *feed;
};

struct sp_drain {
	struct sp_drain_config c;
	struct sp_journal journal;
	struct sp_open_calls open;
	struct sp_drain_worker worker[SP_PRODUCERS_MAX];
	uint32_t workers; ///< with control behind them
	struct sp_note *note; ///< of the open batch
	struct sp_feed_entry *fed; ///< the same records for the index
	uint32_t notes;
	struct sp_feed_act act[SP_FEED_ACTS];
	uint32_t acts, acts_added;
	bool strict;    ///< the open batch holds a record somebody waits for
	uint64_t since; ///< boot time of the open batch's first record; 0 = none
	uint64_t tried_ns; ///< last attempt to reopen
	uint64_t untracked_told; ///< of open.untracked, already on record
};

/// Open the journal and settle what the last life left. -ESTALE: the journal ends before what workers
/// were told is durable. Others as sp_journal_open().
SP_MUST_CHECK int sp_drain_init(struct sp_drain *d, const struct sp_drain_config *c);
void sp_drain_done(struct sp_drain *d);
/// Add the channel of worker `i`, or of control as number plan->workers. A region that cannot be
/// attached is left out and logged.
void sp_drain_add_worker(struct sp_drain *d, uint32_t i, const struct sp_shm *shm, int event);
/// Take what is in the rings into the open batch (committing whenever it is full).
void sp_drain_gather(struct sp_drain *d);
/// Make the open batch durable, move cursors, wake who waits. False when the store is latched.
bool sp_drain_commit(struct sp_drain *d);
/// Write a record of audit's own into the open batch.
void sp_drain_own(struct sp_drain *d, unsigned type, const char *object, const char *detail);
/// Write in-doubt records for lives that are over and drained (`all`: for every open call).
void sp_drain_settle(struct sp_drain *d, bool all);
/// Hand the tree of what is durable to whom signs it.
void sp_drain_tell_tree(struct sp_drain *d);
/// Once a second: the tree, free space, oddities, attempts to leave the latched state.
void sp_drain_second(struct sp_drain *d, uint64_t now_ns);
/// Every ring is empty and nothing is left to commit.
bool sp_drain_idle(const struct sp_drain *d);
bool sp_drain_latched(const struct sp_drain *d);
/// A worker waits for its cursor, by its own word.
bool sp_drain_wanted(const struct sp_drain *d);
