/// The worker as HTTP client: pooled, kept-alive HTTP/1.1 connections, and shared HTTP/2 connections, to
/// upstream MCP servers over TCP, TLS or unix sockets, with deadlines, a circuit breaker, and a retry only
/// where nothing was sent. One worker, callbacks inside the loop's turn. Pools and breakers are named by the
/// upstream's identity and outlive snapshots; those of an identity no longer in any snapshot drain away.
#pragma once

#include "common/reason.h"
#include "config/snapshot.h"
#include "dataplane/http/http1.h"
#include "dataplane/io/io.h"
#include "dataplane/timer.h"

struct sp_upstreams;
struct sp_exchange; ///< one request and its answer; the pool's, valid until on_done/on_failed returned or cancelled

struct sp_upstreams_conf {
	struct sp_io *io;
	struct sp_wheel *wheel;
	const uint64_t *now_ns; ///< the turn's boot time
	_Atomic uint64_t *stat; ///< the worker's counters (enum sp_stat), UP_* and BREAKER_* are written
	uint32_t max_connections; ///< over all upstreams
	uint32_t max_exchanges; ///< of which one upstream has three quarters at most
	struct sp_http_limits limits; ///< for answers
};
SP_MUST_CHECK int sp_upstreams_new(const struct sp_upstreams_conf *conf, struct sp_upstreams **ret);
/// After sp_io_free(), or once sp_upstreams_open() is 0: streams still open would call into freed memory.
struct sp_upstreams *sp_upstreams_free(struct sp_upstreams *u);
/// Take up a new snapshot: make TLS contexts of new identities, drop pools of gone ones. All or nothing.
/// Between turns, never from a callback of this room.
SP_MUST_CHECK int sp_upstreams_refresh(struct sp_upstreams *u, const struct sp_snap *s);

struct sp_exchange_ops {
	/// The head of the answer; `buf` is what its spans refer to, valid during the call.
	/// Interim (1xx) answers are not shown.
	void (*on_head)(void *user, const struct sp_http_head *h, const uint8_t *buf);
	/// Body bytes, unchunked, as they come. A caller that holds answers whole gathers them itself.
	void (*on_body)(void *user, const uint8_t *p, size_t n);
	void (*on_done)(void *user);
	/// Instead of on_done. `sent`: the upstream may have acted on the request.
	void (*on_failed)(void *user, enum sp_reason why, bool sent);
};
struct sp_exchange_req {
	uint32_t upstream; ///< in `snap`
	const struct sp_snap *snap; ///< only read during sp_upstream_start
	enum sp_http_verb verb;
	/// Complete header lines ("Name: value\r\n") after those the pool writes itself (request line, Host,
	/// Content-Length, credential), and the body: both copied before the call returns.
	struct sp_bytes headers, body;
	uint64_t deadline_ns; ///< boot time: the whole answer; 0 = the upstream's response_ns from now
	bool idempotent; ///< may be sent again when a warm connection turns out dead before any byte of an answer
	const struct sp_exchange_ops *ops;
	void *user;
};
/// 0 and *ret, or a reason (BREAKER_OPEN, OVERLOAD, UPSTREAM_CONNECT when its pool is gone or no address can
/// be tried) with no callback and nothing sent. Never calls back before it returns.
SP_MUST_CHECK int sp_upstream_start(struct sp_upstreams *u, const struct sp_exchange_req *req,
	struct sp_exchange **ret);
/// Once a turn, after all callbacks: what was asked of HTTP/2 connections leaves, one send each.
void sp_upstreams_flush(struct sp_upstreams *u);
/// Forget it: no callback follows; its connection is closed unless the answer was complete, its HTTP/2 stream
/// is reset.
void sp_exchange_cancel(struct sp_exchange *x);
/// Another one takes its callbacks from now on.
void sp_exchange_adopt(struct sp_exchange *x, const struct sp_exchange_ops *ops, void *user);
/// Move the deadline (progress arrived, a stream is being read).
void sp_exchange_deadline(struct sp_exchange *x, uint64_t deadline_ns);
/// Back-pressure while the agent reads slowly; what was already received may still be delivered.
void sp_exchange_pause(struct sp_exchange *x);
void sp_exchange_resume(struct sp_exchange *x);
/// Connections open now, for draining.
uint32_t sp_upstreams_open(const struct sp_upstreams *u);
