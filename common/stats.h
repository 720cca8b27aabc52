/// Counters of a worker: one writer each, read by control at any time. One list for the layout,
/// `sallyctl workers` and the metrics. X(symbol, name, help)
#pragma once

#include "common/base.h"

#define SP_STATS(X)                                                                                \
	X(TURNS, "loop_turns", "turns of the worker's loop")                                       \
	X(BUSY_TURNS, "busy_turns", "turns that found work")                                       \
	X(BUSY_NS, "busy_nanoseconds", "time of those turns, waiting left out")                    \
	X(ACCEPTED, "connections_accepted", "connections accepted")                                \
	X(CLOSED, "connections_closed", "connections closed")                                      \
	X(OPEN, "connections_open", "connections open now")                                        \
	X(HANDSHAKES, "tls_handshakes", "TLS handshakes completed")                                \
	X(RESUMED, "tls_resumed", "of those, resumed")                                             \
	X(TLS_FAILED, "tls_failed", "TLS handshakes or records refused")                           \
	X(HELLO_WAITED, "tls_waited", "handshakes put off to a later turn for calls")             \
	X(SHED_HELLO, "shed_handshakes", "handshakes refused because too many waited")             \
	X(TLS_KEPT, "tls_memory_kept", "bytes of OpenSSL's that wait for their next use") \
	X(TLS_FAST, "tls_records_fast", "1: intel-ipsec-mb encrypts by AES-GCM, 0: OpenSSL does")  \
	X(REQUESTS, "http_requests", "HTTP requests read")                                         \
	X(HTTP_REFUSED, "http_refused", "HTTP requests refused before MCP")                        \
	X(MESSAGES, "mcp_messages", "JSON-RPC messages read")                                      \
	X(CALLS, "calls", "calls judged")                                                          \
	X(ALLOWED, "calls_allowed", "calls allowed")                                               \
	X(DENIED, "calls_denied", "calls denied")                                                  \
	X(SHADOW_JUDGED, "shadow_judged", "calls judged by a candidate policy, too")               \
	X(SHADOW_DIFFERED, "shadow_differed", "of those, calls it would have ended otherwise")     \
	X(FORWARDED, "calls_forwarded", "calls sent to an upstream")                               \
	X(ANSWERED, "calls_answered", "calls answered with the upstream's result")                 \
	X(FAILED, "calls_failed", "calls that failed after they were allowed")                     \
	X(CALLS_OPEN, "calls_open", "calls in flight now")                                         \
	X(RECORDS, "audit_records", "audit records handed to the ring")                            \
	X(AUDIT_LOST, "audit_lost", "records of basic calls that found no room")                   \
	X(AUDIT_REFUSED, "audit_refused", "calls refused because they could not be recorded")      \
	X(HALF_OPEN_DROPPED, "handshakes_dropped", "TCP handshakes at a port given up for newer ones") \
	X(SHED_CONN, "shed_connections", "connections refused at the limit")                       \
	X(SHED_ADDR, "shed_per_address", "connections refused at the per-address limit")           \
	X(SHED_CALL, "shed_calls", "calls refused at the limit")                                   \
	X(SHED_WINDOW, "shed_windows", "calls refused because limits or states had no room")       \
	X(SHED_SHARE, "shed_agent_windows", "of those, because their agent holds its share")       \
	X(HISTORY_LOST, "history_lost", "states of order rules and sessions that found no room")   \
	X(SHED_MEMORY, "shed_buffers", "refused because buffers ran out")                          \
	X(TIMEOUT_HEAD, "timeout_head", "closed: request head took too long")                      \
	X(TIMEOUT_BODY, "timeout_body", "closed: request body took too long")                      \
	X(TIMEOUT_IDLE, "timeout_idle", "closed: idle")                                            \
	X(TIMEOUT_WRITE, "timeout_write", "closed: peer does not read")                            \
	X(TIMEOUT_TLS, "timeout_tls", "closed: handshake took too long")                           \
	X(UP_CONNECTS, "upstream_connects", "upstream connections opened")                         \
	X(UP_REUSED, "upstream_reused", "upstream requests on a warm connection")                  \
	X(UP_ERRORS, "upstream_errors", "upstream requests that failed")                           \
	X(UP_RETRIES, "upstream_retries", "upstream requests sent again, or tried at another address") \
	X(UP_STRAY, "upstream_stray", "upstream messages that answer nothing, dropped")            \
	X(UP_STREAMS, "upstream_streams", "upstream requests sent as an HTTP/2 stream")            \
	X(UP_VIOLATIONS, "upstream_violations", "HTTP/2 connections ended: protocol broken, or flooded") \
	X(UP_LEFT_OUT, "upstream_left_out", "upstreams left out of an answer made of several")     \
	X(BREAKER_OPENED, "breaker_opened", "circuit breakers that opened")                        \
	X(TOKEN_HITS, "token_cache_hits", "tokens found in the cache")                             \
	X(TOKEN_CHECKED, "token_verified", "token signatures checked")                             \
	X(TOKEN_REFUSED, "token_refused", "tokens refused")                                        \
	X(TOKEN_UNREAD, "token_unread", "tokens refused unread: too many from there were bad")        \
	X(PARAM_EVICTED, "header_tools_evicted", "tools that made room for others in header_tools")        \
	X(SSE_EVENTS, "sse_events", "server-sent events forwarded")                                \
	X(BYTES_IN, "bytes_in", "plaintext bytes from agents")                                     \
	X(BYTES_OUT, "bytes_out", "plaintext bytes to agents")

enum sp_stat {
#define X(sym, name, help) SP_STAT_##sym,
	SP_STATS(X)
#undef X
	SP_STAT__COUNT,
};
const char *sp_stat_name(enum sp_stat s);
const char *sp_stat_help(enum sp_stat s);
