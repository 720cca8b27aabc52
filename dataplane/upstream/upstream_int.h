/// The inside of the upstream room: pools (one an identity), their connections, exchanges.
#pragma once

#include "common/stats.h"
#include "dataplane/tls/tls.h"
#include "dataplane/upstream/upstream.h"

#define UP_POOL_BUCKETS 64u
/// A request this long or shorter leaves in one piece; longer ones are put together on the heap.
#define UP_PIECE_BYTES 16384u
/// Room every exchange has for a request that must be kept; longer ones are on the heap, counted.
#define UP_KEEP_BYTES 4096u
#define UP_KEEP_HEAP_MAX (64u << 20)
#define UP_HEAD_MAX 65536u
#define UP_WAITERS_PER_CONNECTION 4u
#define UP_INTERIM_MAX 8u
/// Streams of one HTTP/2 connection at most, whatever the peer allows; and how many are thought to fit on
/// one that is being made.
#define UP_H2_STREAMS_MAX 256u
#define UP_H2_STREAMS_HOPED 100u

enum up_conn_state {
	UP_FREE = 0,
	UP_CONNECTING,
	UP_HANDSHAKE,
	UP_BUSY,
	UP_IDLE,
	UP_SHARED, ///< speaks HTTP/2: carries any number of exchanges, also none
	UP_CLOSING, ///< on_closed will give it back
};

struct up_pool;
struct up_h2;
struct up_h2_shared; ///< h2_int.h

struct up_conn {
	// Two cache lines have what an answer needs.
	_Alignas(SP_CACHE_LINE) struct up_conn *next; ///< idle or shared list of the pool; free list
	struct up_conn *prev;
	struct sp_upstreams *u;
	struct up_pool *pool;
	struct sp_exchange *x; ///< not while shared
	struct sp_stream *stream;
	struct sp_tls *tls;
	struct sp_http1 *parser;
	size_t have;
	uint64_t idle_since_ns;
	const void *user; ///< of its exchange as that began: only what is asked of memory ahead goes by it
	uint8_t state; ///< enum up_conn_state
	uint8_t interim;
	bool warm;     ///< has carried an exchange before
	bool began;    ///< a byte of the answer came
	bool head_shown;
	bool answered; ///< the answer is complete
	bool stray;    ///< and more came
	struct sp_timer timer; ///< connecting: its deadline; else now and then: idle for too long?
	uint32_t tried;        ///< addresses that failed
	uint8_t *buf; ///< an answer's head that came in pieces
	struct up_h2 *h2; ///< once it speaks HTTP/2, until its stream has closed
};

enum up_exchange_state { UP_X_FREE = 0, UP_X_WAITING, UP_X_CONN, UP_X_OVER };

struct sp_exchange {
	struct sp_exchange *next, *prev; ///< wait queue of the pool; streams of its connection; free list
	struct sp_upstreams *u;
	struct up_pool *pool;
	struct up_conn *conn;
	const struct sp_exchange_ops *ops;
	void *user;
	struct sp_timer timer;
	uint8_t *keep; ///< the request, while it may have to be sent (again)
	size_t keep_len;
	uint8_t *room; ///< UP_KEEP_BYTES of its own
	uint8_t state; ///< enum up_exchange_state
	uint8_t verb;
	bool idempotent, retried, sent, paused, probe;
	bool excused; ///< it fails with others by one loss, which was counted
	bool in_doubt; ///< retried, and the attempt before may have been acted on
	bool began, head_shown, reset; ///< HTTP/2: a field of the answer came; its head; RST_STREAM came
	uint8_t interim;
	int32_t stream_id;
	uint64_t begun_ns;
	size_t body_at; ///< in `keep`: the next byte of the body to be sent
	size_t held;    ///< received and not given back yet: the peer may not send as much anew
};

struct up_pool {
	struct up_pool *next;
	struct sp_upstreams *u;
	uint64_t identity;
	bool live; ///< in the snapshot taken up last
	uint32_t conns_n, exchanges_n, waiting_n;
	uint32_t leaving_n; ///< connections that only finish what they have
	uint32_t dialing_n; ///< connections of which it is not known yet how many exchanges they take
	struct up_conn *idle;   ///< last used first
	struct up_conn *shared; ///< those that take streams, or have some
	uint32_t streams_most;  ///< of a connection, as the server said last; 0 = it never did
	uint8_t speaks;         ///< enum sp_upstream_http: what is known of the server
	struct sp_exchange *wait_head, *wait_tail;

	uint32_t failures; ///< in a row
	bool open, probing;
	uint64_t open_until_ns;

	struct sp_snap_upstream conf; ///< its strings are not used
	uint32_t first_addr;          ///< the one that worked last
	struct sp_bytes line_tail;    ///< " path HTTP/1.1\r\nHost: host\r\n" and the credential
	struct sp_http1_memo *known; ///< of the heads of its answers: wiped when no connection is left
	const char *server_name;
	struct sp_tls_client *tls;
	uint8_t text[]; ///< what the two above point to
};

struct sp_upstreams {
	struct sp_upstreams_conf conf;
	struct up_pool *bucket[UP_POOL_BUCKETS];
	struct up_conn *conns, *free_conns;
	struct sp_exchange *exchanges, *free_exchanges;
	struct up_h2_shared *h2;
	struct up_h2 *dirty; ///< have something to say in this turn
	uint8_t *heads, *parsers, *rooms;
	uint32_t open, waiting_n;
	size_t head_cap;
	uint64_t keep_heap; ///< bytes of requests on the heap
	uint8_t in[UP_PIECE_BYTES + 256], out[UP_PIECE_BYTES]; ///< plaintext of TLS, within one call
	uint8_t gather[UP_PIECE_BYTES]; ///< frames for one record
	bool pumping;                   ///< it is in use
};

static inline void up_count(struct sp_upstreams *u, enum sp_stat s)
{
	uint64_t v = atomic_load_explicit(&u->conf.stat[s], memory_order_relaxed);

	atomic_store_explicit(&u->conf.stat[s], v + 1, memory_order_relaxed);
}
static inline uint64_t up_now(const struct sp_upstreams *u)
{
	return *u->conf.now_ns;
}

// pool.c
struct up_pool *up_pool_find(struct sp_upstreams *u, uint64_t identity);
SP_MUST_CHECK int up_pool_new(struct sp_upstreams *u, const struct sp_snap *s,
	const struct sp_snap_upstream *conf, struct up_pool **ret);
/// Free those that are in no snapshot and that nothing uses. Only called when no callback runs.
void up_pools_reap(struct sp_upstreams *u);
void up_pool_free(struct up_pool *p);
bool up_breaker_admits(struct up_pool *p, bool *ret_probe);
void up_breaker_success(struct up_pool *p);
/// True when this opened it.
SP_MUST_CHECK bool up_breaker_failure(struct up_pool *p, bool probe);
void up_wait_push(struct sp_exchange *x);
void up_wait_remove(struct sp_exchange *x);

// request.c
size_t up_request_bytes(const struct up_pool *p, const struct sp_exchange_req *req);
void up_request_write(const struct up_pool *p, const struct sp_exchange_req *req, struct sp_out *o);
/// Keep a copy of the request, of `n` bytes, with the exchange: 0 or -ENOBUFS.
SP_MUST_CHECK int up_request_keep(
	struct sp_exchange *x, const struct sp_exchange_req *req, size_t n);
void up_request_drop(struct sp_exchange *x);
/// Queue the request on a connection that is ready, from `req`, of `n` bytes, or, when NULL, from the kept copy: 0, or
/// negative and nothing was queued (the connection may be unusable).
SP_MUST_CHECK int up_request_send(struct up_conn *c, struct sp_exchange *x,
	const struct sp_exchange_req *req, size_t n);

// exchange.c
/// Find a connection for an exchange whose request is kept, or queue it: 0 or a reason.
SP_MUST_CHECK int up_exchange_place(struct sp_exchange *x);
/// Over without a complete answer: its connection is dropped, on_failed called, `x` given back.
void up_exchange_fail(struct sp_exchange *x, enum sp_reason why);
/// It may go out again, on another connection or stream; at most once.
void up_exchange_retry(struct sp_exchange *x);
/// Those waiting for a connection now, not who comes meanwhile.
void up_fail_waiting(struct up_pool *p, enum sp_reason why);
/// Over with one; the connection has let go of it.
void up_exchange_done(struct sp_exchange *x);
/// Capacity came free: serve who waits.
void up_serve_waiting(struct up_pool *p);

// conn.c
/// A connection of `p` for `x`, connecting: 0, -ENOBUFS (no slot), or -ECONNREFUSED and the like.
SP_MUST_CHECK int up_conn_dial(struct up_pool *p, struct sp_exchange *x);
struct up_conn *up_conn_take_idle(struct up_pool *p);
void up_conn_put_idle(struct up_conn *c);
/// The request is queued: `c` now carries `x`.
void up_conn_begin(struct up_conn *c, struct sp_exchange *x);
/// Connected, and secure where it must be: send what it was made for. False when it speaks another protocol
/// than it must.
SP_MUST_CHECK bool up_conn_ready(struct up_conn *c);
/// Plaintext, whatever it speaks.
void up_conn_plain(struct up_conn *c, const uint8_t *p, size_t n);
/// Nothing uses a shared connection any more: look when it has been so for too long.
void up_conn_unused(struct up_conn *c);
void up_conn_drop(struct up_conn *c);  ///< at once
void up_conn_close(struct up_conn *c); ///< after what is queued

// answer.c
/// Plaintext arrived. The end of a delivery is told apart because an answer is only over when the whole
/// delivery was looked at: what follows it must not be taken for the next one's.
void up_answer_bytes(struct up_conn *c, const uint8_t *p, size_t n);
void up_answer_delivered(struct up_conn *c);
/// The connection ended; `clean` = by a FIN, or a close-notify in TLS.
void up_answer_eof(struct up_conn *c, bool clean);

// secure.c
SP_MUST_CHECK int up_secure_client(struct sp_bytes ca_pem, enum sp_upstream_http http,
	struct sp_tls_client **ret);
/// ALPN chose HTTP/2.
bool up_secure_is_h2(const struct up_conn *c);
void up_secure_client_free(struct sp_tls_client *t);
/// Start the handshake on a connected stream.
SP_MUST_CHECK int up_secure_begin(struct up_conn *c);
/// Ciphertext: 0, -EPIPE the peer closed, or another error.
SP_MUST_CHECK int up_secure_data(struct up_conn *c, const uint8_t *p, size_t n);
SP_MUST_CHECK int up_secure_write(struct up_conn *c, const uint8_t *p, size_t n);
bool up_secure_ready(const struct up_conn *c);
void up_secure_shutdown(struct up_conn *c);
void up_secure_free(struct up_conn *c);

// h2.c: HTTP/2 connections; the rest of this room knows no more of them than this
SP_MUST_CHECK int up_h2_shared_new(struct sp_upstreams *u);
void up_h2_shared_free(struct sp_upstreams *u);
/// A connection that is ready speaks HTTP/2 from now on: 0 or -ENOMEM.
SP_MUST_CHECK int up_h2_open(struct up_conn *c);
void up_h2_free(struct up_conn *c);
/// A connection of `p` with room for one more stream, or NULL.
struct up_conn *up_h2_room(const struct up_pool *p);
/// Connections being made may turn out to carry many exchanges, so that others rather wait for them.
bool up_h2_hoped(const struct up_pool *p);
/// `x`, whose request is kept, becomes a stream of `c`; it leaves with the turn's flush. 0, -ENOBUFS, or
/// -E2BIG: it has more fields than any connection takes.
SP_MUST_CHECK int up_h2_begin(struct up_conn *c, struct sp_exchange *x);
/// What became of an exchange that could not be begun.
enum sp_reason up_h2_reason(int error);
/// `x` lets go of its stream; `reset`: the peer is told.
void up_h2_detach(struct sp_exchange *x, bool reset);
void up_h2_data(struct up_conn *c, const uint8_t *p, size_t n);
/// The connection is lost: its exchanges are sent again where they may be, else they fail.
void up_h2_lost(struct up_conn *c, enum sp_reason why);
/// No stream is begun on it any more.
void up_h2_retire(struct up_conn *c);
/// `x` was not answered in time: a connection on which nothing was heard since is not trusted any more.
void up_h2_silent(const struct sp_exchange *x);
void up_h2_resume(struct sp_exchange *x);
/// Say GOAWAY; nothing follows.
void up_h2_goodbye(struct up_conn *c);
void up_h2_mark(struct up_conn *c);
bool up_h2_unused(const struct up_conn *c);
/// The peer said how many streams it takes.
bool up_h2_is_settled(const struct up_conn *c);
/// It takes no more streams.
bool up_h2_is_retired(const struct up_conn *c);
/// Streams thought to fit on a connection that is being made.
uint32_t up_h2_streams_hoped(const struct up_pool *p);
