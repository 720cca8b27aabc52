#include "config/gateway_schema.h"

#include "common/banned.h"

#define PLAN(f) .plan_off = offsetof(struct sp_plan, f)
#define AT(s, f) .off = offsetof(struct s, f)

#define NUMBER(f, p, d, h)                                                                         \
	{                                                                                          \
		.name = #f, .kind = SP_KIND_NUMBER, AT(sp_gw_limits, f), .def = (d), PLAN(p),      \
		.apply = SP_APPLY_RESTART, .help = (h)                                             \
	}
#define BYTES(n, f, d, h)                                                                          \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_SIZE, AT(sp_gw_limits, f), .def = (d), PLAN(f),       \
		.apply = SP_APPLY_RESTART, .help = (h)                                             \
	}
static const struct sp_field limits_fields[] = {
	NUMBER(max_connections, max_connections, "16384", "open connections of one worker"),
	NUMBER(max_connections_per_address, max_connections_per_address, "1024",
		"of those, from one address"),
	NUMBER(handshakes_per_turn, handshakes_per_turn, "1",
		"TLS flights a worker answers between two looks at its calls; without calls up to "
		"8"),
	NUMBER(handshakes_waiting, handshakes_waiting, "4096",
		"hellos that wait for that, in 2 KiB each from the start on; more are refused"),
	NUMBER(max_calls, max_calls, "8192", "calls in flight of one worker"),
	NUMBER(max_calls_per_agent, max_calls_per_agent, "512", "of those, of one agent"),
	NUMBER(max_upstream_connections, max_upstream_connections, "512",
		"upstream connections of one worker"),
	BYTES("max_head", max_head_bytes, "16KiB", "request line and headers"),
	NUMBER(max_headers, max_headers, "100", "header lines of a request"),
	BYTES("max_body", max_body_bytes, "1MiB", "a message from an agent"),
	BYTES("max_answer", max_answer_bytes, "8MiB", "an answer from an upstream"),
	NUMBER(max_json_depth, max_json_depth, "64", "nesting of a message"),
	NUMBER(max_json_tokens, max_json_tokens, "65536", "values in a message"),
	NUMBER(buffer_blocks, buffer_blocks, "8192", "buffers of one worker, 16 KiB each"),
	NUMBER(max_batch, max_batch, "32", "messages in a batch of a 2025-03-26 session"),
	NUMBER(token_cache_entries, token_cache_entries, "8192",
		"verified tokens kept by a worker"),
	NUMBER(refused_tokens_per_minute, refused_tokens_per_minute, "600",
		"of one address, which a worker checks before it refuses unread; 0: any number"),
	NUMBER(header_tools, header_tools, "1024",
		"tools whose Mcp-Param headers a worker knows to check"),
	BYTES("policy_slot", policy_slot_bytes, "16MiB", "room for one published snapshot"),
	BYTES("secrets", secrets_bytes, "2MiB", "room for certificates and keys"),
	NUMBER(limit_slots, limit_slots, "16384",
		"agents with a history in one life of the gateway"),
	NUMBER(limit_windows, limit_windows, "262144",
		"windows of limits and states of sessions counted at a time, all workers together"),
	NUMBER(agent_windows_percent, agent_windows_percent, "33",
		"of those, that one agent may hold by what it calls and the sessions it opens; "
		"what needs more is refused"),
	NUMBER(history_pairs, history_pairs, "131072",
		"pairs of agent and tool remembered for the risk score, all workers together"),
	NUMBER(revoked_capacity, revoked_capacity, "65536", "revocations; three quarters are used"),
	NUMBER(audit_ring_entries, audit_ring_entries, "8192", "records a worker may have waiting"),
	NUMBER(control_ring_entries, control_ring_entries, "256",
		"messages between control and a worker"),
	BYTES("audit_arena", audit_arena_bytes, "8MiB",
		"bytes of records a worker may have waiting"),
};
const struct sp_schema sp_gw_limits_schema = {
	"limits", limits_fields, SP_ARRAY_LEN(limits_fields), sizeof(struct sp_gw_limits)};

#define TIMEOUT(n, f, d, h)                                                                        \
	{                                                                                          \
		.name = (n), .kind = SP_KIND_DURATION, AT(sp_gw_timeouts, f), .def = (d), PLAN(f), \
		.apply = SP_APPLY_RESTART, .help = (h)                                             \
	}
static const struct sp_field timeouts_fields[] = {
	TIMEOUT("tls", tls_ns, "10s", "TLS handshake"),
	TIMEOUT("head", head_ns, "10s", "request head, from its first byte"),
	TIMEOUT("body", body_ns, "30s", "request body"),
	TIMEOUT("idle", idle_ns, "60s", "a connection without request"),
	TIMEOUT("write", write_ns, "30s", "a peer that reads nothing"),
	TIMEOUT("sse_keepalive", sse_keepalive_ns, "15s", "comment sent on a silent event stream"),
	TIMEOUT("session", session_ns, "8h", "a legacy session, from its handshake"),
	TIMEOUT("drain", drain_ns, "10s", "calls in flight at a graceful stop"),
};
const struct sp_schema sp_gw_timeouts_schema = {
	"timeouts", timeouts_fields, SP_ARRAY_LEN(timeouts_fields), sizeof(struct sp_gw_timeouts)};
