/// Recorded calls judged again by another policy, in the order of their time, with windows, order
/// rules and taint of their own: what was refused then and passes now is taken to have succeeded.
/// What a record does not hold (the token's claims, the declared context, arguments where they were
/// not recorded) makes a call undecidable where its verdict hangs on it. Pure, heap; tools.
#pragma once

#include "common/history.h"
#include "config/judge/judge.h"
#include "tools/sallyctl/records.h"

struct sp_replay {
	const struct sp_snap *snap;
	struct sp_history history; ///< its windows alone
	void *cells;
	size_t cells_bytes;
	uint64_t last_boot_ns;
	struct sp_cel_arena arena;
	struct sp_json_tok *tok;
	uint8_t *text;
	uint8_t sequence[SP_SNAP_SEQUENCES_MAX];
};

struct sp_replayed {
	enum sp_recorded decision;
	enum sp_reason reason;
	const char *lacks; ///< NULL = decided; else what the record would have to hold
	struct sp_bytes rule; ///< of the candidate; borrows its snapshot
	uint32_t score;
	char detail[96];
};

/// `snap` must outlive it. `calls`: how many will come, for the size of the windows. -ENOMEM.
SP_MUST_CHECK int sp_replay_new(
	const struct sp_snap *snap, uint32_t calls, struct sp_replay **ret);
struct sp_replay *sp_replay_free(struct sp_replay *r);
/// False for calls that something else than policy refused (a bad token, an overload): those are
/// not judged again.
bool sp_replay_concerns(const struct sp_recorded_call *c);
void sp_replay_call(
	struct sp_replay *r, const struct sp_recorded_call *c, struct sp_replayed *ret);
