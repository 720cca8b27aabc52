/// The audit record: a msgpack map with small integer keys, encoded by workers (dataplane/record),
/// completed, chained and stored by the audit process, decoded by audit and sallyctl.
/// One list of fields; numbers are stable for ever. X(symbol, key, JSON name, kind)
///   kind: U unsigned, S text (UTF-8), B bytes (hex in JSON), T wall time in ns (RFC 3339 in JSON)
#pragma once

#include "common/bytes.h"

#define SP_RECORD_MAX 4096u ///< bytes of an encoded record

#define SP_RECORD_FIELDS(X)                                                                        \
	X(TYPE, 1, "type", U)            /* enum sp_record_type, by name in JSON */                \
	X(TIME, 2, "time", T)                                                                      \
	X(BOOT, 3, "boot_ns", U)                                                                   \
	X(WORKER, 4, "worker", U)                                                                  \
	X(EPOCH, 5, "epoch", U)          /* life of that worker */                                 \
	X(CALL, 6, "call", B)            /* 16 bytes: ties decision and outcome */                 \
	X(NODE, 7, "boot_id", B)                                                                   \
	X(AGENT, 10, "agent", S)                                                                   \
	X(ISSUER, 11, "issuer", S)                                                                 \
	X(SUBJECT, 12, "subject_hash", B) /* SHA-256, first 16 bytes */                            \
	X(TOKEN, 13, "token_hash", B)     /* of the jti when there is one, else of the token */    \
	X(SCOPES, 14, "scopes", S)                                                                 \
	X(CLIENT, 15, "client_id", S)                                                              \
	X(PEER, 16, "peer", S)           /* address:port */                                        \
	X(TLS, 17, "tls", S)             /* "1.3" */                                               \
	X(SESSION, 20, "session", B)     /* hash, 16 bytes */                                      \
	X(REVISION, 21, "revision", S)                                                             \
	X(METHOD, 22, "method", S)                                                                 \
	X(ROUTE, 23, "route", S)                                                                   \
	X(UPSTREAM, 24, "upstream", S)                                                             \
	X(TOOL, 25, "tool", S)           /* tool, prompt or resource as the agent named it */      \
	X(REQUEST_ID, 26, "request_id_hash", B)                                                    \
	X(TRACE, 27, "traceparent", S)                                                             \
	X(ARGS_DIGEST, 28, "arguments_hash", B) /* SHA-256 of the exact bytes */                   \
	X(ARGS_BYTES, 29, "arguments_bytes", U)                                                    \
	X(TOKENS, 30, "tokens", U)                                                                 \
	X(DECISION, 31, "decision", S)   /* allow, deny, review */                                 \
	X(REASON, 32, "reason", U)       /* enum sp_reason, by name in JSON */                     \
	X(POLICY, 33, "policy", U)       /* generation */                                          \
	X(POLICY_HASH, 34, "policy_hash", B)                                                       \
	X(LEVEL, 35, "audit_level", S)                                                             \
	X(RISK, 36, "risk", U)                                                                     \
	X(RULE, 37, "rule", S)           /* of the policy, that decided */                         \
	X(PURPOSE, 38, "purpose", S)     /* declared */                                            \
	X(STORE, 39, "store", S)         /* named store the policy asks for */                     \
	X(OUTCOME, 40, "outcome", S)     /* ok, tool_error, rpc_error, failed, cancelled, in_doubt */ \
	X(UPSTREAM_US, 41, "upstream_us", U)                                                       \
	X(TOTAL_US, 42, "total_us", U)                                                             \
	X(ANSWER_BYTES, 43, "answer_bytes", U)                                                     \
	X(HTTP_STATUS, 44, "http_status", U)                                                       \
	X(RPC_CODE, 45, "rpc_code", S)                                                             \
	X(OF_SEQ, 46, "of", U)           /* in-doubt: sequence number of the decision */           \
	X(ARGS, 47, "arguments", S)      /* as sent, where the configuration asks for them */      \
	X(TERMS, 48, "terms", S)         /* of the risk score: "class=20 egress=10" */             \
	X(PAST, 49, "history", S)        /* what the judge was told of it: "denied=1 minute=12" */ \
	X(ACTOR, 50, "actor", S)         /* administrative acts: who */                            \
	X(OBJECT, 51, "object", S)       /* on what */                                             \
	X(DETAIL, 52, "detail", S)                                                                 \
	/* a candidate in shadow would have ended the call otherwise */                            \
	X(SHADOW, 60, "shadow", U)       /* its generation */                                      \
	X(SHADOW_HASH, 61, "shadow_hash", B) /* of its sources, first 16 bytes */                  \
	X(SHADOW_DECISION, 62, "shadow_decision", S)                                               \
	X(SHADOW_REASON, 63, "shadow_reason", U) /* by name in JSON */                             \
	X(SHADOW_RISK, 64, "shadow_risk", U)                                                       \
	/* added by the audit process around the worker's bytes, not inside them */                \
	X(SEQ, 90, "seq", U)

enum sp_record_field {
#define X(sym, key, name, kind) SP_F_##sym = (key),
	SP_RECORD_FIELDS(X)
#undef X
};

enum sp_record_type {
	SP_RECORD_DECISION = 1,
	SP_RECORD_OUTCOME = 2,
	SP_RECORD_IN_DOUBT = 3,
	SP_RECORD_AUTH_FAILURE = 4,
	SP_RECORD_ADMIN = 5,     ///< an operator's act: publish, rollback, revoke, drain, query
	SP_RECORD_LIFECYCLE = 6, ///< audit opened, closed, rotated, latched, recovered; worker restarted
};
const char *sp_record_type_name(unsigned type); ///< "decision"; "unknown"
/// The field holds a number of common/reason.h.
static inline bool sp_record_is_reason(unsigned f)
{
	return f == SP_F_REASON || f == SP_F_SHADOW_REASON;
}
/// Exact name to type; -ENOENT.
SP_MUST_CHECK int sp_record_type_parse(struct sp_bytes name, unsigned *ret);

/// Writes one record; fields may come in any order, each once. `overflow` on the writer says it did not fit.
struct sp_record_writer {
	struct sp_out out;
	uint32_t fields;
};
void sp_record_begin(struct sp_record_writer *w, uint8_t *buf, size_t cap);
void sp_record_u(struct sp_record_writer *w, enum sp_record_field f, uint64_t v);
/// Cut at 512 bytes on a UTF-8 boundary.
void sp_record_s(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v);
/// All of a text or, when it is longer than SP_RECORD_WHOLE_MAX or than the room left, nothing.
#define SP_RECORD_WHOLE_MAX 2048u
void sp_record_whole(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v);
void sp_record_b(struct sp_record_writer *w, enum sp_record_field f, struct sp_bytes v);
/// Fields that many records begin with alike, encoded once.
#define SP_RECORD_PIECE_MAX 376u
struct sp_record_piece {
	uint16_t len; ///< 0 = nothing is kept
	uint16_t fields;
	uint8_t bytes[SP_RECORD_PIECE_MAX];
};
/// Keep what was written since `from`, a copy of the writer then; what is too long is not kept.
void sp_record_keep(const struct sp_record_writer *w, const struct sp_record_writer *from,
	struct sp_record_piece *ret);
void sp_record_kept(struct sp_record_writer *w, const struct sp_record_piece *piece);
/// Length of the finished record, or -ENOSPC.
SP_MUST_CHECK int sp_record_end(struct sp_record_writer *w);

/// A decoded record: values borrow the bytes. Unknown keys are skipped, known ones of the wrong kind refuse.
struct sp_record {
	uint64_t present[2]; ///< bit per field number (0..127)
	uint64_t u[128];
	struct sp_bytes b[128];
};
SP_MUST_CHECK int sp_record_read(struct sp_bytes bytes, struct sp_record *ret); ///< -EBADMSG
static inline bool sp_record_has(const struct sp_record *r, enum sp_record_field f)
{
	return r->present[f / 64] >> (f % 64) & 1;
}
/// Wall time as RFC 3339 in UTC with nanoseconds.
void sp_out_time(struct sp_out *out, uint64_t wall_ns);
