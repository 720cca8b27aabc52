/// Searching the trail: filters over the index, then the records themselves from the journal.
#pragma once

#include "controlplane/audit/index.h"
#include "controlplane/audit/segment.h"

#define SP_QUERY_LIMIT_MAX 10000u
#define SP_QUERY_ANY 0u ///< SHADOW: of any candidate

struct sp_query {
	/// What a record must have, by dimension; borrowed text or bytes, or a number.
	struct {
		bool set;
		struct sp_bytes b;
		uint64_t u;
	} want[SP_DIM__COUNT];
	uint64_t since_ns, until_ns; ///< until is exclusive; 0 = no bound
	uint64_t from;   ///< first record looked at; 0 = newest ones are wanted
	uint64_t before; ///< exclusive; 0 = up to the last
	uint32_t limit;
};

struct sp_query_hit {
	uint64_t seq, segment;
	uint32_t off;
};

/// Matching records, oldest first: with `from` the first `limit` of them, else the last. *ret_next is
/// the record to go on from. `hits` has room for `limit`.
SP_MUST_CHECK int sp_query_run(struct sp_index *x, int dir, const struct sp_query *q,
	struct sp_query_hit *hits, uint32_t *ret_n, uint64_t *ret_next);

/// Reads records by place, keeping the last segment open.
struct sp_reader {
	int dir; ///< borrowed
	int fd;
	uint64_t segment;
	uint8_t buf[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX];
};
/// The frame at `h`, valid until the next call; -EBADMSG when another record lies there.
SP_MUST_CHECK int sp_reader_get(
	struct sp_reader *r, const struct sp_query_hit *h, struct sp_frame *ret);
void sp_reader_done(struct sp_reader *r);
