/// What the judge is told of a call: the call's own facts, and what workers remember together. One
/// call at a time, within the turn it is judged in; it borrows the request and the worker's
/// scratch.
#pragma once

#include "common/history.h"
#include "config/judge/judge.h"
#include "dataplane/mcp/mcp.h"

#define SP_FACTS_CLAIMS_MAX (SP_JWT_MAX_BYTES / 4 * 3)
#define SP_FACTS_CLAIMS_TOKENS 1024u
#define SP_FACTS_NAME_MAX 768u ///< an upstream's name, two dashes, a tool's
#define SP_FACTS_SEQUENCES_MAX 10000u ///< as many as a policy may have

/// What this worker knows of calls that have come before, by agent and tool: the last one to come to a place has it.
#define SP_FACTS_KNOWN 512u
struct sp_facts_known {
	uint64_t generation; ///< of the snapshot; 0 = nothing is here
	uint32_t agent, prefix, name_len;
	uint8_t name[68]; ///< longer ones are looked up each time
	uint64_t pair; ///< agent and tool in the history, 0 = not made yet
	struct sp_judge_known judge;
};

/// Scratch of one worker.
struct sp_facts {
	struct sp_judge_call call;
	struct sp_judge_history past;
	struct sp_cel_arena arena;
	struct sp_json claims;
	struct sp_facts_known *known; ///< SP_FACTS_KNOWN
	struct sp_json_tok *claims_tok;
	uint8_t *claims_text;
	uint8_t *sequence;
	char session[33];
	uint8_t name[SP_FACTS_NAME_MAX];
};
SP_MUST_CHECK int sp_facts_new(struct sp_facts **ret); ///< -ENOMEM
struct sp_facts *sp_facts_free(struct sp_facts *f);

/// Gather what authorize and the stages behind it look at. 0, or a reason.
SP_MUST_CHECK int sp_facts_gather(struct sp_call *c);
/// Where what is known of calls of `j`'s agent and tool is kept, made when it is not there. Borrows the scratch until
/// another call is gathered. NULL for names that are too short or too long.
struct sp_facts_known *sp_facts_known(const struct sp_call *c, const struct sp_judge_call *j);
/// Agent and tool of the gathered call, as the history knows them.
uint64_t sp_facts_pair(const struct sp_call *c);
/// The history's part, once the verdict knows the tool's actions. 0, or LIMIT_UNAVAILABLE when a
/// state that an order rule will need has no room.
SP_MUST_CHECK int sp_facts_past(struct sp_call *c);
/// For whom windows and states of a call are made.
struct sp_window_owner sp_facts_owner(const struct sp_call *c);
/// A call is refused for `err`, -ENOSPC or -EUSERS of windows: counts it, and is LIMIT_UNAVAILABLE.
enum sp_reason sp_facts_no_room(struct sp_call *c, int err);
/// Name the tool to the judge: with its upstream in front also where the route does without.
/// Borrows `buf` and `shown`.
SP_MUST_CHECK int sp_facts_name(const struct sp_call *c, uint32_t upstream, struct sp_bytes shown,
	uint32_t prefix, uint8_t buf[SP_FACTS_NAME_MAX], struct sp_judge_call *ret);
/// Read the token's claims unless they were, where somebody asks for them. 0 or a reason.
SP_MUST_CHECK int sp_facts_claims(struct sp_call *c, bool wanted);
/// For tools/list: who asks; the tool's name is set by the caller for each.
SP_MUST_CHECK int sp_facts_gather_list(struct sp_call *c);

// remember.c: what happened goes into the history
/// The call goes to its upstream now: what forbids or is used up counts from here on. 0, or
/// SEQUENCE_DENIED when another call used up what this one needs: then nothing changed. Only
/// when another worker does so at the same instant, what was used up before it stays so.
SP_MUST_CHECK int sp_remember_forwarded(struct sp_call *c);
/// South is done with it.
void sp_remember_outcome(struct sp_call *c);
void sp_remember_refusal(struct sp_call *c);

/// Keys of a call's session in the history: its own state, and an order rule's.
#define SP_SESSION_KNOWN 1u
#define SP_SESSION_TAINTED 2u
uint64_t sp_facts_session_key(const struct sp_call *c);
uint64_t sp_facts_sequence_key(const struct sp_call *c, const struct sp_snap_sequence *q);
/// Whether anything looks at what sessions did.
bool sp_facts_sessions_count(const struct sp_call *c);
/// Rule `number` of list `i` stood in the list before.
bool sp_facts_again(const struct sp_call *c, unsigned i, uint32_t number);
/// Numbers of the order rules of a policy that may concern a call, by its name `i` (0, 1) in that policy's verdict.
const uint32_t *sp_facts_sequences(
	const struct sp_snap *s, const struct sp_judge_verdict *v, unsigned i, uint32_t *ret_n);
