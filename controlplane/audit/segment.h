/// A journal segment's file: its name and its head. The head holds all that is needed to go on from
/// it without the segments before: where chain and tree stand, what is open, what each worker sent.
/// It is written whole and synced under a passing name before the segment gets its own.
#pragma once

#include "controlplane/audit/frame.h"
#include "controlplane/audit/merkle.h"
#include "controlplane/audit/open_calls.h"
#include "controlplane/audit/store_io.h"
#include "common/shm_layout.h"

#define SP_SEGMENT_MAGIC "SPJRNL\x00\x01"
#define SP_SEGMENT_PAGE 4096u
#define SP_SEGMENT_NAME 32u
#define SP_SEGMENT_SPARE "spare.tmp"
/// Those who write records: the workers, and behind them control (its number is that of the workers).
#define SP_PRODUCERS_MAX (SP_WORKERS_MAX + 1u)

struct sp_segment_head {
	uint8_t magic[8];
	uint32_t head_bytes; ///< of the whole head: a multiple of SP_SEGMENT_PAGE
	uint32_t open_n;     ///< struct sp_open_call behind this struct
	uint64_t number;     ///< 1, 2, 3 ...
	uint64_t first_seq;
	uint64_t boot_first_seq; ///< first record of that life: open calls before it are in doubt
	uint64_t created_ns;     ///< wall time
	uint8_t store_id[16]; ///< random, made with segment 1
	uint8_t boot_id[16];  ///< life of the gateway that writes this segment
	uint8_t prev_hash[SP_SHA256]; ///< chain hash of record first_seq - 1
	uint64_t worker_seq[SP_PRODUCERS_MAX];
	struct sp_merkle tree; ///< of the records before first_seq
	uint8_t digest[SP_SHA256]; ///< SHA-256 of the whole head with this member zero
};

void sp_segment_name(uint64_t number, char ret[SP_SEGMENT_NAME]);
/// -EINVAL when it is no segment's name.
SP_MUST_CHECK int sp_segment_number(const char *name, uint64_t *ret);
/// Bytes of the head with `open_n` open calls.
size_t sp_segment_head_bytes(uint32_t open_n);
/// Lay out head and table into `p` (sp_segment_head_bytes() of it) and seal it with the digest.
void sp_segment_head_write(
	uint8_t *p, const struct sp_segment_head *h, const struct sp_open_calls *open);
/// Check `data`, the start of a segment; the open calls lie behind the struct. -EBADMSG.
SP_MUST_CHECK int sp_segment_head_read(struct sp_bytes data, struct sp_segment_head *ret);

struct sp_segment_list {
	uint64_t *number; ///< ascending; heap
	size_t n;
};
SP_MUST_CHECK int sp_segment_list(int dir, struct sp_segment_list *ret);
void sp_segment_list_done(struct sp_segment_list *l);
/// The whole file in memory, to be freed by the caller. -EBADMSG when shorter than a head.
SP_MUST_CHECK int sp_segment_load(int dir, uint64_t number, uint8_t **ret, size_t *ret_n);
/// Up to `cap` bytes of the file from `off` on; fewer only at its end.
SP_MUST_CHECK int sp_segment_read(
	int dir, uint64_t number, uint64_t off, uint8_t *buf, size_t cap, size_t *ret_n);
/// Only the head (without the open calls behind it).
SP_MUST_CHECK int sp_segment_head_load(int dir, uint64_t number, struct sp_segment_head *ret);
/// One frame's bytes into `buf`, without its chain: -EBADMSG, or the error of open and read.
SP_MUST_CHECK int sp_segment_frame(int dir, uint64_t number, uint32_t off,
	uint8_t buf[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX], struct sp_frame *ret);
