/// Recorded calls, read back from what `sallyctl audit query --json` printed: one object a line.
/// Decisions of tools/call, each with its outcome; other records are counted and passed over.
/// Blocks on the file; tools only.
#pragma once

#include "common/reason.h"
#include "config/arena.h"
#include "config/check.h"

#include <stdio.h>

#define SP_RECORDS_MAX (8u << 20)
#define SP_RECORD_LINE_MAX (64u << 10) ///< bytes of a line

enum sp_recorded { SP_RECORDED_ALLOW = 1, SP_RECORDED_DENY, SP_RECORDED_REVIEW };
const char *sp_recorded_name(enum sp_recorded d); ///< "allow", "deny", "review"

/// Texts borrow the set's arena, where a NUL follows each; those a record does not have are empty.
struct sp_recorded_call {
	uint64_t seq, time_ns;
	uint64_t boot_ns; ///< 0 = not said
	uint64_t arguments_bytes; ///< as sent; 0 = the call had none
	uint64_t tokens;
	uint32_t risk;
	bool has_risk;
	enum sp_recorded decision;
	enum sp_reason reason;
	struct sp_bytes call; ///< its id, hexadecimal
	struct sp_bytes agent, tool; ///< never empty
	struct sp_bytes issuer, client_id, scopes, peer, session, token, revision, method, route, upstream;
	struct sp_bytes audit_level, rule, purpose, arguments, terms, history, detail;
	struct sp_bytes outcome; ///< "ok", "tool_error" ...; empty = the set has no record of it
};
/// The call had arguments, and its record does not hold them.
static inline bool sp_recorded_arguments_lost(const struct sp_recorded_call *c)
{
	return c->arguments_bytes && c->arguments.n == 0;
}

struct sp_recorded_outcome {
	struct sp_bytes call, outcome;
};
struct sp_records {
	struct sp_recorded_call *call; ///< once joined: ascending by time, each call once
	struct sp_recorded_outcome *outcome;
	struct sp_arena arena;
	struct sp_json_tok *tok;
	uint32_t calls_n, calls_cap, outcomes_n, outcomes_cap;
	uint32_t others; ///< records about something else
	uint32_t repeated; ///< records of a call that was there already
};

/// -1, 0, 1: by bytes, the shorter first.
int sp_records_order(struct sp_bytes a, struct sp_bytes b);
SP_MUST_CHECK int sp_records_init(struct sp_records *r); ///< -ENOMEM
void sp_records_done(struct sp_records *r);
/// One line without its end. -EBADMSG with the problem in `check`, -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_records_line(
	struct sp_records *r, struct sp_bytes line, struct sp_at at, struct sp_check *check);
/// Outcomes to their calls; order by time. Once, after the last line.
void sp_records_join(struct sp_records *r);
/// All lines of a file ("-" = standard input), joined. -EBADMSG with problems in `check`, -errno;
/// sp_records_done() is due either way.
SP_MUST_CHECK int sp_records_load(struct sp_records *r, const char *path, struct sp_check *check);
