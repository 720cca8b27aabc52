/// Calls whose decision "allow" is on record and whose outcome is not. Owned by the thread that
/// writes the journal; no allocation after start, but only as much of it in use as there are calls.
#pragma once

#include "controlplane/audit/frame.h"

#define SP_CALL_ID 16u

/// As it also lies in segment heads.
struct sp_open_call {
	uint8_t call[SP_CALL_ID];
	uint64_t seq; ///< of the decision; 0 = free slot
	uint64_t segment;
	uint32_t off;
	uint32_t worker;
	uint32_t epoch;
	uint32_t reserved; ///< 0
};

struct sp_open_calls {
	struct sp_open_call *slot, *other; ///< `other`: of the same size, empty
	uint32_t mask, mask_most, used, most;
	uint64_t untracked; ///< decisions that found the table full
	uint64_t key[3]; ///< of its hashes, random
};

/// Room for `most` open calls. -ENOMEM; -EIO without random bytes.
SP_MUST_CHECK int sp_open_calls_init(struct sp_open_calls *t, uint32_t most);
void sp_open_calls_done(struct sp_open_calls *t);
void sp_open_calls_clear(struct sp_open_calls *t);
/// A second decision of the same call and worker takes the first one's place.
void sp_open_calls_add(struct sp_open_calls *t, const struct sp_open_call *c);
/// Only the worker that opened a call may close it, or audit itself (SP_FRAME_OWN).
void sp_open_calls_close(
	struct sp_open_calls *t, const uint8_t call[SP_CALL_ID], uint32_t worker);
/// Walk: start with *i = 0; NULL at the end. The table may not change in between.
const struct sp_open_call *sp_open_calls_next(const struct sp_open_calls *t, uint32_t *i);
