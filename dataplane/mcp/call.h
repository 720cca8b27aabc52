/// One JSON-RPC message of an agent, from the moment it is whole until its outcome is on record and its
/// answer has left. A call pins the snapshot it is judged by. It belongs to one worker.
#pragma once

#include "common/json.h"
#include "common/level.h"
#include "common/reason.h"
#include "common/record.h"
#include "config/judge/judge.h"
#include "config/snapshot.h"
#include "dataplane/decide/shadow.h"
#include "dataplane/http/sse.h"
#include "dataplane/identity/jwt.h"
#include "dataplane/mcp/envelope.h"
#include "dataplane/mcp/severity.h"
#include "dataplane/mcp/session.h"
#include "dataplane/timer.h"

struct sp_worker;
struct sp_conn;
struct sp_exchange;
struct sp_call;

#define SP_RAW_ID_MAX 264u
#define SP_NAME_MAX 256u

enum sp_outcome {
	SP_OUTCOME_NONE = 0,
	SP_OUTCOME_OK,
	SP_OUTCOME_TOOL_ERROR, ///< a result with isError
	SP_OUTCOME_RPC_ERROR,  ///< the upstream answered a JSON-RPC error
	SP_OUTCOME_FAILED,     ///< no usable answer; the reason says why
	SP_OUTCOME_CANCELLED,
};
struct sp_bytes sp_outcome_name(enum sp_outcome o);

/// What a south answer is given to: the message (scanned, in worker scratch) or a failure.
typedef void (*sp_south_fn)(struct sp_call *c, const struct sp_json *j, const struct sp_envelope *e);

/// The exchange with one upstream that is under way for a call.
struct sp_south {
	struct sp_exchange *x;
	uint32_t upstream; ///< in the call's snapshot
	sp_south_fn on_answer;
	bool relay;    ///< notifications on its stream go to the agent
	bool modern;   ///< revision family spoken to this upstream
	bool pooled;   ///< the session is the agent's own here, not the one of its session id
	bool note;     ///< a notification: its answer is a status
	bool cancellable; ///< a legacy server may be told to give it up
	bool is_sse, final, sent;
	uint16_t status;
	uint32_t asked; ///< requests the server made on this stream
	struct sp_bytes message; ///< the final one, in buf
	struct sp_timer timer;   ///< a final event whose stream does not end
	uint64_t started_ns;
	uint64_t until_ns; ///< as asked for: events do not put it off; 0 = they do
	uint8_t *buf; ///< gathers the answer, or one event: small buffer, then large
	size_t len, cap;
	struct sp_sse sse;
	uint8_t id[24]; ///< raw, with quotes: minted by us
	uint32_t id_len;
	uint32_t caps; ///< SP_CAP_* that it told when `session` began
	uint32_t new_session_len;
	struct sp_south_session session; ///< in use with this upstream (legacy)
	uint8_t new_session[SP_SOUTH_SESSION_MAX]; ///< given in the answer's head
};

struct sp_call {
	struct sp_worker *w;
	struct sp_conn *conn; ///< NULL once the agent is gone
	const struct sp_snap *snap;
	uint32_t snap_slot;
	uint64_t start_ns;

	// parse: valid while the message is being worked on in the turn it came or was scanned again
	struct sp_bytes body;
	struct sp_json doc;
	struct sp_envelope env;

	// what outlives the turn
	enum sp_rpc_kind kind;
	enum sp_method method;
	enum sp_revision revision;
	bool modern, has_session;
	bool known_here; ///< the principal, and what the snapshot says of it, is what the connection has seen
	bool in_batch; ///< an element of one: its answer is an event of the batch's stream
	uint32_t route, agent, upstream; ///< in the snapshot, or SP_SNAP_NONE
	uint32_t issuer;
	uint32_t id_len, progress_len;
	enum sp_severity log_level; ///< the least severe notification a modern request wants, or logging/setLevel sets
	uint32_t name_len;
	uint32_t name_prefix; ///< bytes of `name` that name the upstream
	uint32_t limit_slot; ///< of the agent, once `counted` among its calls in flight
	bool counted;
	uint32_t taken_n; ///< of sp_call_taken()
	uint64_t tokens;
	uint64_t args_bytes;

	// judgement
	struct sp_judge_verdict verdict; ///< of a tools/call, once `judged`
	struct sp_judge_history past; ///< it was scored with, but for order rules
	bool judged, past_known, scored;
	struct sp_shadow_verdict shadow;
	uint64_t pair; ///< agent and tool in the history
	uint32_t stage;
	enum sp_reason parse_reason; ///< found by parse, answered after identify has said who
	enum sp_reason reason;       ///< as recorded
	enum sp_reason wire_reason;  ///< as answered: hides what policy hides
	uint64_t retry_ms;
	enum sp_audit_level level;
	uint8_t call_id[16];
	bool recorded, forwarded, outcome_recorded;
	bool unsent; ///< forwarded, but nothing of it reached an upstream
	uint64_t room_until_ns; ///< refused after this when the ring stays full; 0 = it was not
	uint64_t wait_seq; ///< record that must be durable before the call goes on; 0 = none
	uint64_t wait_until_ns; ///< and how long that is waited for

	// south
	bool tried_session, set_level;
	sp_south_fn relayed;            ///< takes the answer of a relayed request
	int (*ready)(struct sp_call *); ///< goes on once era and session of an upstream are settled, or reason is set
	uint32_t pos;   ///< upstream of the route, where all are asked in turn
	uint32_t caps;  ///< SP_CAP_*, gathered
	uint32_t found; ///< upstreams that answered
	uint32_t pages; ///< of tools/list, of the upstream being asked
	uint64_t pages_until_ns; ///< boot time by which all of them must be there
	uint8_t *out;                  ///< composed answers: small buffer, then large
	size_t out_len, out_cap;
	size_t out_kept; ///< of a gathered list: what upstreams that gave all of theirs put there

	// answer
	enum sp_outcome outcome;
	int64_t rpc_code;
	uint16_t http_status;
	uint64_t upstream_us, answer_bytes;
	uint32_t parts_n;
	struct sp_bytes headers; ///< extra header lines of the answer
	bool streaming, ended, cancelled;
	struct sp_timer keepalive;

	struct sp_call *next, **link; ///< free list, or the list of calls that wait for audit
	struct sp_call *hash_next;    ///< in flight, by principal, session and id
	uint32_t hash;

	struct sp_south south;
	// From its session's id on little is cleared when a call begins: lengths say what is of use, and the
	// principal is wiped when a call ends.
	uint8_t id[SP_RAW_ID_MAX], progress[SP_RAW_ID_MAX]; ///< the agent's own bytes, quotes included
	uint8_t name[SP_NAME_MAX]; ///< tool, prompt or resource as the agent named it
	struct sp_principal principal;
	struct sp_bytes part[12]; ///< of the answer
	struct sp_session session; ///< of a legacy request
};

#define SP_CALL_HASH 1024u
struct sp_call_pool {
	struct sp_call *mem, *free;
	struct sp_window_ask *taken; ///< SP_JUDGE_LIMITS_MAX a call
	uint32_t count, open;
	uint32_t fresh; ///< of `mem`, from here on never used: memory that no call needed is not touched
	struct sp_call *waiting, **waiting_tail; ///< on the durable cursor or on room in the ring, oldest first
	struct sp_call *in_flight[SP_CALL_HASH];
};
SP_MUST_CHECK int sp_call_pool_init(struct sp_call_pool *p, uint32_t count);
void sp_call_pool_done(struct sp_call_pool *p);

/// A call for the whole request `conn` holds, pinned to the current snapshot; NULL when the pool is empty.
struct sp_call *sp_call_begin(struct sp_worker *w, struct sp_conn *conn);
/// Give back everything it holds. The connection (if any) is told by its own functions before.
void sp_call_end(struct sp_call *c);
/// The answer is queued: end the call and let its connection go on.
void sp_call_answered(struct sp_call *c);
/// What was taken of limits for the call: given back when it ends without having gone out.
struct sp_window_ask *sp_call_taken(const struct sp_call *c);
/// Scan the body again into worker scratch: after a wait, before it is forwarded.
SP_MUST_CHECK int sp_call_rescan(struct sp_call *c);
/// Put on and take off the list of calls that wait for audit.
void sp_call_wait(struct sp_call *c);
void sp_call_unwait(struct sp_call *c);
/// The worker's turn: calls whose wait is over go on.
void sp_calls_poll(struct sp_worker *w);
/// Enter the table of calls in flight, if it is of a session; -EEXIST when the same agent, session and id is there.
SP_MUST_CHECK int sp_call_enter(struct sp_call *c);
/// The call in flight with this raw id, of the same agent and session as `of`, which has one; or NULL.
struct sp_call *sp_call_find(const struct sp_call *of, struct sp_bytes raw_id);

/// The hash under which a call of this agent and session, which `of` has, with this raw id is in flight: never 0.
uint32_t sp_call_party(const struct sp_call *of, struct sp_bytes raw_id);

/// Grow `*buf` (a small buffer, or none yet) so that it holds `need` bytes: -ENOBUFS, -EMSGSIZE.
SP_MUST_CHECK int sp_call_grow(struct sp_worker *w, uint8_t **buf, size_t *cap, size_t len, size_t need);
/// Whichever pool it is of.
void sp_call_release(struct sp_worker *w, uint8_t **buf, size_t *cap, size_t used);

static inline const struct sp_snap_route *sp_call_route(const struct sp_call *c)
{
	return sp_snap_route(c->snap, c->route);
}
static inline struct sp_bytes sp_call_name(const struct sp_call *c)
{
	return sp_bytes(c->name, c->name_len);
}
