/// How records lie in a journal segment: batches of frames, tied by a SHA-256 chain.
///   segment := head (segment.h) batch* zeros
///   batch   := struct sp_batch_head, frame*             written at once, then synced
///   frame   := struct sp_frame_head, the record's bytes, zeros to a multiple of 8
///   hash n  := SHA-256(hash n-1 || the frame head but its hash || bytes)
/// Integers are little-endian. Everything here is pure: memory in, memory out.
#pragma once

#include "common/bytes.h"
#include "controlplane/audit/merkle.h"

#define SP_BATCH_MAGIC 0x48435442u // "BTCH"
#define SP_FRAME_ALIGN 8u
#define SP_FRAME_BYTES_MAX 4096u
/// The most that one write holds.
#define SP_BATCH_BYTES_MAX (2u << 20)
/// Worker number of records that audit writes itself.
#define SP_FRAME_OWN UINT32_MAX

struct sp_batch_head {
	uint32_t magic;
	uint32_t bytes; ///< of the frames that follow
	uint64_t first_seq;
	uint32_t count;
	uint32_t reserved; ///< 0
	uint32_t zero;     ///< 0
	uint32_t crc;      ///< CRC-32C of the members above: tells a torn batch from a changed one
};

struct sp_frame_head {
	uint32_t len;
	uint32_t worker;
	uint64_t seq;
	uint64_t worker_seq;
	uint32_t epoch;
	uint32_t reserved; ///< 0
	uint8_t hash[SP_SHA256];
};

struct sp_frame {
	struct sp_frame_head head;
	struct sp_bytes bytes;
	size_t off; ///< of the frame head, in the buffer scanned
};

static inline size_t sp_frame_size(size_t len)
{
	return sizeof(struct sp_frame_head) +
		(len + SP_FRAME_ALIGN - 1) / SP_FRAME_ALIGN * SP_FRAME_ALIGN;
}

/// Where a chain stands: after record `seq`, whose hash this is.
struct sp_chain {
	uint64_t seq;
	uint8_t hash[SP_SHA256];
};

/// The tree of a batch's frames follows their chain: what a frame adds to it is hashed beside the next one.
struct sp_side {
	struct sp_merkle *tree;
	const uint8_t *next, *end; ///< frames that were not begun
	bool under_way;
	struct sp_merkle_step step;
};
/// Its frames come one behind the other from `frames` on, and stay where they are until it is done.
void sp_side_init(struct sp_side *s, struct sp_merkle *tree, const uint8_t *frames);
/// All of them are in the tree.
void sp_side_done(struct sp_side *s);

/// Write a frame of `bytes` at `p` and move the chain on; bytes may already lie in place. It is sp_frame_size(bytes.n)
/// long; of what lies behind it SP_SHA256_PAD bytes are written over.
void sp_frame_write(uint8_t *p, struct sp_chain *chain, struct sp_side *side, uint32_t worker,
	uint64_t worker_seq, uint32_t epoch, struct sp_bytes bytes);
void sp_batch_head_write(uint8_t *p, uint32_t bytes, uint64_t first_seq, uint32_t count);

/// Walks the batches of a buffer, checking everything.
struct sp_scan {
	struct sp_bytes data;
	struct sp_chain chain; ///< after the last good frame
	size_t off;            ///< behind the last good frame
	struct sp_chain before; ///< at the start of the batch being read
	size_t batch;          ///< that start
	size_t batch_end;      ///< 0 = between batches
	uint32_t left;         ///< frames left in the batch
};
void sp_scan_init(struct sp_scan *s, struct sp_bytes data, size_t off, const struct sp_chain *chain);
/// 1 and a frame; 0 at the clean end (nothing but zeros follow); -EBADMSG at the first byte that is
/// not as it was written, with the chain standing before it.
SP_MUST_CHECK int sp_scan_next(struct sp_scan *s, struct sp_frame *ret);
/// After -EBADMSG: true when what follows can only be one batch whose write was cut short, since
/// every batch before it was synced before it was begun.
bool sp_scan_torn(const struct sp_scan *s);
/// Read the frame at `off` without its chain: -EBADMSG when it does not fit.
SP_MUST_CHECK int sp_frame_at(struct sp_bytes data, size_t off, struct sp_frame *ret);
/// True when all of it is zero.
bool sp_zeros(struct sp_bytes b);
