/// HTTP/1.1 messages (RFC 9110, 9112), strict: llhttp in strict mode plus what it lets through
/// (obs-fold, missing or repeated Host, TE with CL, repeated singletons, absolute-form and userinfo
/// targets, control bytes in values, over-long heads, chunk extensions over the limit).
/// Pure parsers over a buffer the caller grows; spans are offsets, so the buffer may move between calls.
#pragma once

#include "common/bytes.h"

enum sp_http_verb { SP_HTTP_OTHER = 0, SP_HTTP_GET, SP_HTTP_POST, SP_HTTP_DELETE, SP_HTTP_OPTIONS, SP_HTTP_HEAD };

/// Singleton headers the gateway reads, one list: X(symbol, lower-case name)
#define SP_HTTP_HEADERS(X)                                                                         \
	X(HOST, "host")                                                                            \
	X(AUTHORIZATION, "authorization")                                                          \
	X(CONTENT_TYPE, "content-type")                                                            \
	X(CONTENT_LENGTH, "content-length")                                                        \
	X(CONTENT_ENCODING, "content-encoding")                                                    \
	X(TRANSFER_ENCODING, "transfer-encoding")                                                  \
	X(CONNECTION, "connection")                                                                \
	X(EXPECT, "expect")                                                                        \
	X(UPGRADE, "upgrade")                                                                      \
	X(ORIGIN, "origin")                                                                        \
	X(SESSION_ID, "mcp-session-id")                                                            \
	X(PROTOCOL_VERSION, "mcp-protocol-version")                                                \
	X(MCP_METHOD, "mcp-method")                                                                \
	X(MCP_NAME, "mcp-name")                                                                    \
	X(LAST_EVENT_ID, "last-event-id")                                                          \
	X(TRACEPARENT, "traceparent")                                                              \
	X(RETRY_AFTER, "retry-after")                                                              \
	X(WWW_AUTHENTICATE, "www-authenticate")
/// Accept is the one list-valued header read: it may repeat, so it is kept as two answers.

enum sp_http_header {
#define X(sym, name) SP_HDR_##sym,
	SP_HTTP_HEADERS(X)
#undef X
	SP_HDR__COUNT,
};

struct sp_http_span {
	uint32_t off, len; ///< off 0 and len 0 = absent
};
/// Mcp-Param-* headers, to be compared and forwarded: name after the prefix, and value.
#define SP_HTTP_PARAMS_MAX 16u

struct sp_http_limits {
	uint32_t max_head_bytes, max_headers;
	uint64_t max_body_bytes;
};

struct sp_http_head {
	bool is_response;
	bool accept_json, accept_sse; ///< by media range, "*/*" counts for both; no Accept = both
	bool has_accept;
	bool keep_alive, chunked, expect_continue, has_length;
	uint16_t status;
	enum sp_http_verb verb;
	uint32_t bytes; ///< of the head, with the empty line
	uint32_t present; ///< bit per enum sp_http_header: also set for an empty value
	uint32_t params_n;
	uint64_t content_length;
	struct sp_http_span path, query; ///< origin-form target, still percent-encoded
	struct sp_http_span header[SP_HDR__COUNT];
	struct sp_http_span param_name[SP_HTTP_PARAMS_MAX], param_value[SP_HTTP_PARAMS_MAX]; ///< as many as there are
};

/// Why a message was refused: an HTTP status to answer with (400, 413, 414, 417, 431, 501, 505) and a text.
struct sp_http_error {
	uint16_t status;
	const char *what;
};

struct sp_http1; // parser state; its size is known to sp_http1_size() so that pools can embed it
size_t sp_http1_size(void);
void sp_http1_init(struct sp_http1 *p, bool is_response, const struct sp_http_limits *limits);
/// A response to this verb has no body (HEAD); call before its first byte.
void sp_http1_expect(struct sp_http1 *p, enum sp_http_verb of_request);
/// Make ready for the next message on the same connection.
void sp_http1_next(struct sp_http1 *p);

/// What the beginning of heads came to. Agents repeat all but their last lines, as do servers: a head that begins with
/// the very same bytes is read on from there, for a parser's state depends on nothing else. The caller's memory, of
/// sp_http1_memo_size() bytes, zero at first; it holds what heads hold, tokens too, so an agent's is its connection's.
struct sp_http1_memo;
size_t sp_http1_memo_size(void);
/// Use `m` for all messages of this parser, of one kind and with the same limits, until sp_http1_init().
void sp_http1_remember(struct sp_http1 *p, struct sp_http1_memo *m);
/// Stands for the bytes at `s` of a head that was read: another head's bytes in that place are the same when it has the
/// same stamp and was read with the same memo, not wiped between. 0: nothing is known.
uint64_t sp_http1_stamp(const struct sp_http1 *p, struct sp_http_span s);
/// Wipe it, when who it is about goes.
void sp_http1_forget(struct sp_http1_memo *m);

enum sp_http1_state { SP_HTTP1_HEAD, SP_HTTP1_BODY, SP_HTTP1_DONE, SP_HTTP1_ERROR };

/// Requests (and responses to be held whole): parse on with `buf[0..len)`, which starts at the message's
/// first byte. The body is gathered in place, right after the head, chunk framing removed.
/// DONE: *ret_used bytes of the buffer belong to this message and head/body are final. A message needs at
/// most max_head_bytes + 2 * max_body_bytes + 16 KiB of buffer (the twice for chunk framing).
enum sp_http1_state sp_http1_parse(struct sp_http1 *p, uint8_t *buf, size_t len, size_t *ret_used);
const struct sp_http_head *sp_http1_head(const struct sp_http1 *p); ///< from state BODY on
struct sp_http_span sp_http1_body(const struct sp_http1 *p);        ///< at DONE
struct sp_http_error sp_http1_error(const struct sp_http1 *p);      ///< at ERROR

/// Responses that stream: as above, but body bytes are given to `fn` as they come instead of gathered,
/// and *ret_used says how much of the buffer may be dropped. `fn` returning non-zero stops: state ERROR.
/// The call that completes the head consumes just the head (BODY, or DONE without a body): read
/// sp_http1_head() against this `buf`, drop *ret_used bytes, call again with what is left.
/// max_body_bytes is held against Content-Length; a stream without a length is for `fn` to bound.
typedef int (*sp_http1_body_fn)(void *user, const uint8_t *p, size_t n);
enum sp_http1_state sp_http1_stream(struct sp_http1 *p, const uint8_t *buf, size_t len, size_t *ret_used,
	sp_http1_body_fn fn, void *user);
/// The connection ended: DONE when that ends the message legally (responses without framing), else ERROR.
enum sp_http1_state sp_http1_finish(struct sp_http1 *p);

static inline struct sp_bytes sp_http_get(const uint8_t *buf, struct sp_http_span s)
{
	return s.len ? sp_bytes(buf + s.off, s.len) : SP_NOBYTES;
}

/// What ends an answer in chunks.
#define SP_HTTP_LAST_CHUNK "0\r\n\r\n"
/// Token characters of RFC 9110; visible ASCII. For everything copied into a header.
bool sp_http_token_ok(struct sp_bytes s);
bool sp_http_value_ok(struct sp_bytes s);
