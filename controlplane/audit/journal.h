/// The journal: appends records to segments, durable batch by batch. One thread writes it; other
/// threads may read finished parts of the files and prepare the spare. After a failed write or sync
/// nothing is appended (the batch is dropped, the state stays that of the last durable batch) until
/// sp_journal_reopen() has read back and proved what was acknowledged.
#pragma once

#include "controlplane/audit/segment.h"

#include <pthread.h>

struct sp_journal_config {
	int dir;                 ///< borrowed; locked by the caller
	struct sp_store_io *io;  ///< borrowed
	uint64_t segment_bytes;  ///< SP_JOURNAL_SEGMENT_MIN at least
	uint8_t boot_id[16];
	struct sp_open_calls *open; ///< borrowed: filled from the last head, written into new ones
	/// Every record found in the last segment when the journal is opened, in order.
	void (*on_found)(void *ctx, const struct sp_frame *f, uint64_t segment);
	void *ctx;
};
#define SP_JOURNAL_SEGMENT_MIN (256u << 10)

struct sp_journal {
	struct sp_journal_config c;
	uint8_t store_id[16];
	// durable
	int fd;
	uint64_t number;   ///< of the segment being written
	uint64_t off, end; ///< next write, and where room ends; off == end: a new segment comes first
	uint64_t data;     ///< where the segment's batches begin
	uint64_t boot_first_seq;
	struct sp_chain chain;
	struct sp_merkle tree;
	uint64_t worker_seq[SP_PRODUCERS_MAX]; ///< last number of each, in this life of the gateway
	uint8_t head_digest[SP_SHA256];
	// the batch being filled
	uint8_t *room;  ///< whole pages: what is durable of the page that the batch begins in, then the batch
	uint8_t *batch; ///< within it
	size_t batch_len;
	uint32_t batch_n;
	// what becomes durable with it
	struct sp_chain next;
	struct sp_merkle next_tree;
	struct sp_side side; ///< of next_tree
	uint64_t next_worker_seq[SP_PRODUCERS_MAX];
	int failed; ///< 0, or the -errno that latched
	// what opening found
	uint64_t found_seq; ///< the last record
	uint64_t cut_bytes; ///< of a batch that was never acknowledged
	bool new_boot;
	// the next segment's file, made ahead by any thread
	pthread_mutex_t spare_lock;
	int spare;
	uint64_t spare_bytes;
	_Atomic bool spare_wanted; ///< the segment is well used: time to prepare
};

/// Recover or create. -EBADMSG: the last segment is not as it was written (nothing was changed).
SP_MUST_CHECK int sp_journal_open(struct sp_journal *j, const struct sp_journal_config *c);
void sp_journal_close(struct sp_journal *j);
/// Put a record into the open batch; `worker_seq` 0 leaves the worker's last number as it is.
/// -EAGAIN: commit first. Else the error that latched.
SP_MUST_CHECK int sp_journal_add(struct sp_journal *j, uint32_t worker, uint64_t worker_seq,
	uint32_t epoch, struct sp_bytes bytes, struct sp_frame *ret);
/// The record that pins the segment's head under the chain, when the open batch begins with it.
bool sp_journal_pinned(const struct sp_journal *j, struct sp_frame *ret);
/// Make the batch durable. On failure it is dropped and the journal latched.
SP_MUST_CHECK int sp_journal_commit(struct sp_journal *j);
/// After a failure: wait for a write that may still be under way, read the segment back from disk, prove it up to
/// the last acknowledged record, cut what lies beyond. Appending goes on in a new segment.
SP_MUST_CHECK int sp_journal_reopen(struct sp_journal *j);
/// Make the next segment's file if there is none (any thread; slow).
SP_MUST_CHECK int sp_journal_prepare(struct sp_journal *j);
