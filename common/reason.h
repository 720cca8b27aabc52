/// Why a call was not answered with its tool's result: one list for the wire, the audit trail, the
/// counters and the command line. Codes and names are stable for ever; add at the end of a block.
///
/// X(symbol, number, HTTP status, JSON-RPC code, name, text for the caller)
/// The HTTP status is that of a modern (2026-07-28) client; dataplane/mcp/answer.c knows what legacy ones are told.
#pragma once

#include "common/bytes.h"

#define SP_REASONS(X)                                                                              \
	X(NONE, 0, 200, 0, "none", "allowed")                                                      \
	/* framing and protocol */                                                                 \
	X(JSON_INVALID, 100, 400, -32700, "json_invalid", "the body is not strict JSON")           \
	X(ENVELOPE_INVALID, 101, 400, -32600, "envelope_invalid", "not a JSON-RPC 2.0 message")    \
	X(BATCH_REFUSED, 102, 400, -32600, "batch_refused", "batches are not accepted")            \
	X(BODY_TOO_LARGE, 103, 413, -32600, "body_too_large", "the message is over the limit")     \
	X(HEADER_MISMATCH, 104, 400, -32020, "header_mismatch",                                    \
		"request headers and body disagree")                                               \
	X(VERSION_UNSUPPORTED, 105, 400, -32022, "version_unsupported",                            \
		"unsupported protocol version")                                                    \
	X(META_MISSING, 106, 400, -32602, "meta_missing",                                          \
		"params._meta lacks protocolVersion or clientCapabilities")                        \
	X(METHOD_UNKNOWN, 107, 404, -32601, "method_unknown", "method not found")                  \
	X(PARAMS_INVALID, 108, 200, -32602, "params_invalid", "invalid params")                    \
	X(TOOL_UNKNOWN, 109, 200, -32602, "tool_unknown", "unknown tool")                          \
	X(SESSION_MISSING, 110, 400, -32600, "session_missing", "Mcp-Session-Id is required")      \
	X(SESSION_UNKNOWN, 111, 404, -32600, "session_unknown", "no such session")                 \
	X(ORIGIN_FORBIDDEN, 112, 403, -32600, "origin_forbidden", "origin not allowed")            \
	X(HOST_FORBIDDEN, 113, 403, -32600, "host_forbidden", "host not served here")              \
	X(NOT_ACCEPTABLE, 114, 406, -32600, "not_acceptable",                                      \
		"Accept must list application/json and text/event-stream")                         \
	X(MEDIA_UNSUPPORTED, 115, 415, -32600, "media_unsupported",                                \
		"Content-Type must be application/json")                                           \
	X(PATH_UNKNOWN, 116, 404, -32600, "path_unknown", "no such endpoint")                      \
	X(VERB_REFUSED, 117, 405, -32600, "verb_refused", "method not allowed here")               \
	X(ID_IN_FLIGHT, 118, 400, -32600, "id_in_flight", "this id is already in flight")          \
	X(ERA_UNSERVED, 119, 400, -32022, "era_unserved",                                          \
		"the upstream does not speak this protocol revision")                              \
	X(HTTP_INVALID, 120, 400, -32600, "http_invalid", "malformed HTTP request")                \
	X(CAPABILITY_UNSUPPORTED, 121, 200, -32601, "capability_unsupported",                      \
		"the gateway does not carry this request")                                         \
	/* who */                                                                                  \
	X(TOKEN_MISSING, 200, 401, 401, "token_missing", "a bearer token is required")             \
	X(TOKEN_MALFORMED, 201, 401, 401, "token_malformed", "the token is malformed")             \
	X(TOKEN_ISSUER, 202, 401, 401, "token_issuer", "the token's issuer is not trusted")        \
	X(TOKEN_ALGORITHM, 203, 401, 401, "token_algorithm", "the token's algorithm is refused")   \
	X(TOKEN_KEY_UNKNOWN, 204, 401, 401, "token_key_unknown", "the token's key is unknown")     \
	X(TOKEN_SIGNATURE, 205, 401, 401, "token_signature", "the token's signature is wrong")     \
	X(TOKEN_EXPIRED, 206, 401, 401, "token_expired", "the token has expired")                  \
	X(TOKEN_NOT_YET, 207, 401, 401, "token_not_yet", "the token is not valid yet")             \
	X(TOKEN_AUDIENCE, 208, 401, 401, "token_audience", "the token is not for this resource")   \
	X(TOKEN_CLAIMS, 209, 401, 401, "token_claims", "the token lacks a required claim")         \
	X(TOKEN_REVOKED, 210, 401, 401, "token_revoked", "the token was revoked")                  \
	X(AGENT_UNKNOWN, 211, 200, 403, "agent_unknown", "the agent is not registered here")       \
	X(AGENT_REVOKED, 212, 200, 403, "agent_revoked", "the agent is stopped")                   \
	X(SESSION_REVOKED, 213, 404, -32600, "session_revoked", "the session was ended")           \
	X(SCOPE_INSUFFICIENT, 214, 403, 403, "insufficient_scope",                                 \
		"the token lacks a required scope")                                                \
	X(TOKEN_FAILURES, 215, 429, 429, "token_failures",                                         \
		"too many tokens from this address were refused")                                  \
	/* what for */                                                                             \
	X(TOOL_DENIED, 300, 200, 403, "tool_denied", "policy does not allow this tool")            \
	X(METHOD_DENIED, 301, 200, 403, "method_denied", "policy does not allow this method")      \
	X(RATE_MINUTE, 302, 200, 429, "rate_minute", "calls per minute exceeded")                  \
	X(RATE_HOUR, 303, 200, 429, "rate_hour", "calls per hour exceeded")                        \
	X(BUDGET_REQUEST, 304, 200, 403, "budget_request", "tokens per request exceeded")          \
	X(BUDGET_DAY, 305, 200, 429, "budget_day", "token budget of the day exceeded")             \
	X(RULE_DENIED, 306, 200, 403, "rule_denied", "a rule of the policy forbids this call")     \
	X(ROLE_DENIED, 307, 200, 403, "role_denied", "the agent's roles do not allow this tool")   \
	X(ENVIRONMENT_DENIED, 308, 200, 403, "environment_denied",                                 \
		"the tool is not allowed in this environment")                                     \
	X(HUMAN_REQUIRED, 309, 200, 403, "human_required", "only a person may start this call")    \
	X(DETAILS_DENIED, 310, 200, 403, "authorization_details",                                  \
		"the authorization details do not cover this call")                                \
	X(PURPOSE_DENIED, 311, 200, 403, "purpose_denied",                                         \
		"the declared purpose does not cover this call")                                   \
	X(PURPOSE_MISSING, 312, 200, 403, "purpose_missing", "this call needs a declared purpose") \
	X(RATE_SECOND, 313, 200, 429, "rate_second", "calls per second exceeded")                  \
	X(RATE_DAY, 314, 200, 429, "rate_day", "calls per day exceeded")                           \
	X(CALLS_SESSION, 315, 200, 429, "calls_session", "calls per session exceeded")             \
	X(BUDGET_WINDOW, 316, 200, 429, "budget_window",                                           \
		"the token budget of the window is exceeded")                                      \
	X(BUDGET_MONEY, 317, 200, 429, "budget_money",                                             \
		"the money budget of the window is exceeded")                                      \
	X(LIMIT_UNAVAILABLE, 318, 200, 503, "limit_unavailable",                                   \
		"a limit or state has no room: limits.limit_windows, or the agent's share of it")  \
	X(SQL_DENIED, 320, 200, 403, "sql_denied", "the SQL statement is not allowed")             \
	X(ENDPOINT_DENIED, 321, 200, 403, "endpoint_denied", "the endpoint is not allowed")        \
	X(PATH_DENIED, 322, 200, 403, "path_denied", "the path is not allowed")                    \
	X(ARGUMENT_SIZE, 323, 200, 403, "argument_size",                                           \
		"the arguments are too large for this tool")                                       \
	X(ARGUMENT_MISSING, 324, 200, 403, "argument_missing",                                     \
		"an argument that must be judged is missing, no string or there twice")            \
	X(SEQUENCE_DENIED, 325, 200, 403, "sequence_denied",                                       \
		"the order of calls does not allow this call now")                                 \
	X(CONDITION_FAILED, 326, 200, 403, "condition_failed",                                     \
		"a condition of the policy could not be evaluated")                                \
	X(RISK_BLOCKED, 330, 200, 403, "risk_blocked", "the call's risk is too high")              \
	X(REVIEW_RISK, 331, 200, 403, "risk_review", "the call's risk needs a person's review")    \
	X(REVIEW_RULE, 332, 200, 403, "rule_review", "a rule asks for a person's review")          \
	X(REVIEW_APPROVAL, 333, 200, 403, "approval_required",                                     \
		"the tool needs a person's approval")                                              \
	X(REVIEW_SEQUENCE, 334, 200, 403, "sequence_review",                                       \
		"the order of calls needs a person's review")                                      \
	/* the gateway and its upstreams */                                                        \
	X(AUDIT_UNAVAILABLE, 400, 503, 503, "audit_unavailable", "the call cannot be recorded")    \
	X(OVERLOAD, 401, 503, 503, "overload", "the gateway is at its limit")                      \
	X(DRAINING, 402, 503, 503, "draining", "the gateway is shutting down")                     \
	X(POLICY_ABSENT, 403, 503, 503, "policy_absent", "no policy is published")                 \
	X(UPSTREAM_CONNECT, 404, 200, 502, "upstream_connect", "the upstream is not reachable")    \
	X(UPSTREAM_TIMEOUT, 405, 200, 504, "upstream_timeout", "the upstream did not answer")      \
	X(UPSTREAM_INVALID, 406, 200, 502, "upstream_invalid", "the upstream's answer is invalid") \
	X(UPSTREAM_CLOSED, 407, 200, 502, "upstream_closed", "the upstream closed early")          \
	X(UPSTREAM_REFUSED, 408, 200, 502, "upstream_refused", "the upstream refused the gateway") \
	X(BREAKER_OPEN, 409, 200, 503, "breaker_open", "the upstream is failing; not asked")       \
	X(UPSTREAM_TOO_LARGE, 410, 200, 502, "upstream_too_large", "the answer is over the limit") \
	X(CANCELLED, 411, 200, 499, "cancelled", "the caller cancelled or went away")              \
	X(INTERNAL, 412, 500, -32603, "internal", "internal error")                                \
	X(WORKER_DIED, 413, 200, 0, "worker_died", "a worker ended before the outcome was known")

enum sp_reason {
#define X(sym, num, http, rpc, name, text) SP_REASON_##sym = (num),
	SP_REASONS(X)
#undef X
};

struct sp_reason_info {
	uint16_t number;
	uint16_t http_status; ///< what a modern client is answered with
	int32_t rpc_code; ///< JSON-RPC error code
	const char *name; ///< stable, lower_snake, goes to `data.reason` and the audit trail
	const char *text;
};

/// Never NULL: an unknown number gives the entry of INTERNAL.
const struct sp_reason_info *sp_reason_info(unsigned number);
/// Exact name to number; -ENOENT.
SP_MUST_CHECK int sp_reason_find(struct sp_bytes name, enum sp_reason *ret);
