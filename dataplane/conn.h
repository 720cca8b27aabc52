/// An agent's connection: TLS, HTTP/1.1 framing, deadlines, answers. It carries one request at a time; what
/// a client pipelines behind it waits in the buffer. The MCP side is handed whole requests and
/// writes answers through the functions below; it never sees the stream.
#pragma once

#include "common/json.h"
#include "common/record.h"
#include "config/judge/judge.h"
#include "dataplane/http/http1.h"
#include "dataplane/identity/jwt.h"
#include "dataplane/io/io.h"
#include "dataplane/mcp/session.h"
#include "dataplane/timer.h"
#include "dataplane/tls/tls.h"

struct sp_worker;
struct sp_call;

enum sp_conn_state {
	SP_CONN_FREE = 0,
	SP_CONN_HANDSHAKE, ///< TLS not yet established
	SP_CONN_IDLE,      ///< between requests, no byte of the next one
	SP_CONN_READING,   ///< part of a request has come
	SP_CONN_BUSY,      ///< a request is with the MCP side
	SP_CONN_STREAMING, ///< the answer's head went out as an event stream
	SP_CONN_FLUSHING,  ///< the last answer is leaving, then close
	SP_CONN__COUNT,
};

#define SP_CONN_PARTS 12u

/// What the last request on a connection proved, so that the next one need not again. Apart from it, since many
/// connections never make a request.
struct sp_conn_seen {
	bool judged; ///< what the snapshot says is known:
	bool covers; ///< the principal has the scopes of the route
	uint32_t agent; ///< in the snapshot, or SP_SNAP_NONE
	uint32_t windows_n; ///< that its calls are counted in
	uint64_t window[SP_JUDGE_AHEAD_KEYS];
	struct sp_principal principal; ///< here, for each call reads it: the first lines are asked for ahead
	struct sp_bytes peer; ///< as the judge is told of it, in peer_text; empty until it was
	char stand_in[32]; ///< what the judge takes for one, where there is no session; goes with `peer`
	struct sp_record_piece who; ///< what records say of the principal and its peer, once one was made
	uint8_t bearer[1024]; ///< the exact header value, to compare; wiped at close
	struct sp_session session;
	uint8_t session_text[SP_SESSION_TEXT_MAX];
};

struct sp_conn {
	// What every call reads comes first.
	struct sp_worker *w;
	struct sp_stream *stream;
	struct sp_tls *tls; ///< NULL on plain listeners, and until the first bytes have their turn
	struct sp_http1 *http; ///< embedded behind this struct
	uint8_t *in; ///< small or large buffer, a hello's while it waits, NULL while idle
	size_t in_len, in_cap;
	size_t request_bytes; ///< of the request being served, at the start of `in`
	struct sp_call *call;
	enum sp_conn_state state;
	bool keep_alive, peer_eof, parsing;
	bool secure; ///< TLS, begun or not
	bool greeted; ///< its hello was answered
	bool waits;  ///< a flight of the handshake lies in `in` and waits for its turn
	bool broken; ///< the stream was aborted: nothing more is written
	bool batch; ///< one is being served
	bool held; ///< TLS held bytes back when the last deadline of this call came
	uint32_t agent; ///< number of its last call's, or SP_SNAP_NONE: only what is asked of memory ahead goes by it
	struct sp_timer timer;
	struct sp_conn_seen *seen; ///< of use as far as these lengths say
	struct sp_http1_memo *heads; ///< of use once a request was read
	uint32_t bearer_len, bearer_route, bearer_off;
	uint32_t session_len;
	uint64_t bearer_generation; ///< route numbers, and what a route asks of a token, are a generation's own
	uint64_t bearer_stamp; ///< of the head that had it at `bearer_off`, or 0
	uint32_t parts_n;
	char peer_text[64];
	struct sp_tls_info tls_info;
	/// Rest of an answer that waits for the peer to read: borrowed from the call until it is done.
	struct sp_bytes part[SP_CONN_PARTS];
	struct sockaddr_storage peer;
	uint32_t addr_slot; ///< of the per-address count
	size_t batch_from, batch_len, batch_at; ///< of the batch being served: its array in `in`, and how far it is
	struct sp_conn *next_free, *wait_next, *wait_prev;
	uint64_t came_turn; ///< in which the waiting flight came
};

struct sp_conn_queue {
	struct sp_conn *head, *tail;
	uint32_t n;
};
#define SP_HELLO_BYTES 2048u ///< most flights of clients, hellos with post-quantum shares too
/// Handshakes of a worker that wait for their turn: those whose hello was answered, and the others.
struct sp_greetings {
	struct sp_conn_queue begun, fresh;
	bool fresh_stood_back; ///< in the turn before
	uint64_t call_bytes, calls_until_ns; ///< what calls had moved when that was last looked at
};

struct sp_addr_count {
	uint8_t addr[16];
	uint32_t n;
};
struct sp_conn_pool {
	uint8_t *mem;
	size_t stride;
	struct sp_conn_seen *seen; ///< one each
	uint8_t *heads;            ///< what is known of their heads, one each
	struct sp_conn *free; ///< used before; those from `fresh` on never were, and take no memory
	uint32_t count, fresh, open;
	struct sp_addr_count *addrs; ///< open addressing, twice the connections
	uint32_t addr_mask;
};
/// The key a peer is counted under: its IPv4 address, its IPv6 /64, or all unix peers as one.
void sp_conn_address_key(const struct sockaddr_storage *peer, uint8_t key[16]);
SP_MUST_CHECK int sp_conn_pool_init(struct sp_worker *w, uint32_t count);
void sp_conn_pool_done(struct sp_worker *w);
/// sp_io_accept_fn for TLS and for plain listeners; `user` is the worker.
int sp_conn_accept_tls(struct sp_stream *s, void *user, const struct sockaddr_storage *peer);
int sp_conn_accept_plain(struct sp_stream *s, void *user, const struct sockaddr_storage *peer);
/// Answer flights of handshakes that wait: while calls come or are open at most limits.handshakes_per_turn, else
/// eight, in 2 ms, if that is more. What calls have ready leaves before.
void sp_conn_greet(struct sp_worker *w);
/// Draining: idle connections close now, the others after their answer.
void sp_conn_drain_all(struct sp_worker *w);

/// A whole answer: status, extra header lines ("Name: value\r\n"), body parts (borrowed until the call ends when
/// they do not fit the transmit queue at once). Content-Type is JSON when there is a body. With a call on the
/// connection the caller ends both by sp_call_answered() once `parts_n` is 0; else the connection does.
void sp_conn_answer(struct sp_conn *c, unsigned status, struct sp_bytes headers,
	const struct sp_bytes *body, unsigned body_n);
/// The whole answer is queued and its call has ended: go on with the next request, or close.
void sp_conn_answered(struct sp_conn *c);
/// An event stream: head, then events, then the end. Each event is flushed by the turn it was written in.
void sp_conn_stream_begin(struct sp_conn *c, struct sp_bytes headers);
void sp_conn_stream_event(struct sp_conn *c, const struct sp_bytes *data, unsigned data_n);
void sp_conn_stream_keepalive(struct sp_conn *c);
void sp_conn_stream_end(struct sp_conn *c); ///< then sp_call_answered()
/// True when the peer reads too slowly for more events; sp_mcp_drained() tells when it caught up.
bool sp_conn_congested(const struct sp_conn *c);
