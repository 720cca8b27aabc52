/// What passes between audit's two threads: the writer hands on what the index needs to know of durable
/// records; the server hands over records that are to be written (administrative acts).
/// The writer never waits: when the index is behind, entries are dropped and it reads the journal.
#pragma once

#include "common/record.h"
#include "controlplane/audit/frame.h"

#include <pthread.h>

/// Record fields that can be asked for.
#define SP_DIMS(X) X(TYPE) X(AGENT) X(TOOL) X(DECISION) X(REASON) X(SESSION) X(CALL) X(SHADOW)
enum sp_dim {
#define X(sym) SP_DIM_##sym,
	SP_DIMS(X)
#undef X
	SP_DIM__COUNT,
};

/// A cache line: it is handed on three times.
struct sp_feed_entry {
	uint64_t seq, time_ns, segment;
	uint32_t off;
	uint32_t reserved;
	uint32_t hash[SP_DIM__COUNT]; ///< 0 = the record has no such field
};
_Static_assert(sizeof(struct sp_feed_entry) == SP_CACHE_LINE, "a line");
uint32_t sp_dim_hash_bytes(struct sp_bytes b);
uint32_t sp_dim_hash_u(uint64_t v);
/// What a number is found by: SHADOW is indexed by being there, whatever the candidate.
static inline uint32_t sp_dim_hash_of(enum sp_dim d, uint64_t v)
{
	return sp_dim_hash_u(d == SP_DIM_SHADOW ? 0 : v);
}
static inline bool sp_dim_is_number(enum sp_dim d)
{
	return d == SP_DIM_TYPE || d == SP_DIM_REASON || d == SP_DIM_SHADOW;
}
/// Time and hashes.
void sp_feed_entry_fill(const struct sp_record *r, struct sp_feed_entry *ret);

#define SP_FEED_ENTRIES 32768u
#define SP_FEED_ACTS 64u

struct sp_feed_act {
	uint32_t len;
	uint8_t record[1024];
};

struct sp_feed {
	pthread_mutex_t lock;
	int event; ///< wakes the server
	int writer_event; ///< borrowed: wakes the writer
	// under the lock
	struct sp_feed_entry *entry;
	uint32_t entries, wake_at;
	struct sp_feed_act act[SP_FEED_ACTS];
	uint32_t acts;
	uint64_t tree_size; ///< newest tree to sign; 0 = none
	uint8_t tree_root[SP_SHA256];
	_Atomic bool leaving;
	_Atomic uint64_t durable_seq; ///< last record the server may read from the files
};

SP_MUST_CHECK int sp_feed_init(struct sp_feed *f, int writer_event);
void sp_feed_done(struct sp_feed *f);

/// The writer: entries of one commit.
void sp_feed_put(struct sp_feed *f, const struct sp_feed_entry *e, uint32_t n, uint64_t durable_seq);
/// The writer: take acts waiting to be written, at most `max`.
uint32_t sp_feed_acts(struct sp_feed *f, struct sp_feed_act *ret, uint32_t max);
/// The writer: this is the tree of what is durable.
void sp_feed_tree(struct sp_feed *f, uint64_t size, const uint8_t root[SP_SHA256]);
/// The server: the newest tree; its size.
uint64_t sp_feed_take_tree(struct sp_feed *f, uint8_t root[SP_SHA256]);
/// The writer is going: the server finishes.
void sp_feed_leave(struct sp_feed *f);

/// The server: wake me when so many entries have come; SP_FEED_WAKE to begin with.
void sp_feed_wake_at(struct sp_feed *f, uint32_t entries);
#define SP_FEED_WAKE 2048u
/// The server: exchange *e, an array of SP_FEED_ENTRIES, for the one with what has come. *ret_durable
/// is the last record that was durable then: entries may be missing.
uint32_t sp_feed_take(struct sp_feed *f, struct sp_feed_entry **e, uint64_t *ret_durable);
/// The server: another act finds room now.
bool sp_feed_act_room(struct sp_feed *f);
/// The server: hand over an act. -EBUSY when too many wait, -EMSGSIZE.
SP_MUST_CHECK int sp_feed_act(struct sp_feed *f, struct sp_bytes record);
