/// One MCP message, understood: what JSON-RPC kind it is, which method, and the members a gateway
/// judges or rewrites. Pure; every span borrows the scanned text.
/// Sources: JSON-RPC 2.0; MCP 2025-03-26 .. 2026-07-28 (Base, Transports, Tools).
#pragma once

#include "common/json.h"
#include "common/level.h"
#include "common/method.h"
#include "common/reason.h"

struct sp_bytes sp_method_name(enum sp_method m); ///< "" for OTHER
unsigned sp_method_flags(enum sp_method m);
/// The method has a member that Mcp-Name repeats: sp_envelope.name.
bool sp_method_named(enum sp_method m);

enum sp_rpc_kind { SP_RPC_REQUEST = 1, SP_RPC_NOTIFICATION, SP_RPC_RESULT, SP_RPC_ERROR };

struct sp_envelope {
	enum sp_rpc_kind kind;
	enum sp_method method;
	struct sp_bytes method_text; ///< its name when it is ours, else the bytes as sent
	uint32_t id;      ///< token of the id, SP_JSON_NONE when there is none
	uint32_t params;  ///< object token or NONE
	uint32_t meta;    ///< params._meta (or result._meta), object token or NONE
	uint32_t name;    ///< params.name or params.uri as the method has it, string token or NONE
	uint32_t arguments;      ///< params.arguments, object token or NONE
	uint32_t progress_token; ///< of params._meta (a request), of params (notifications/progress)
	uint32_t result, error;  ///< tokens or NONE
	uint32_t cursor;         ///< params.cursor, string token or NONE
	uint32_t request_id;     ///< notifications/cancelled: params.requestId or NONE
	// modern
	uint32_t meta_version;      ///< _meta["io.modelcontextprotocol/protocolVersion"], string or NONE
	uint32_t meta_capabilities; ///< _meta["io.modelcontextprotocol/clientCapabilities"], object or NONE
	uint32_t log_level;         ///< _meta["io.modelcontextprotocol/logLevel"], string or NONE
	uint32_t traceparent;       ///< _meta.traceparent, string or NONE
	// members of the result, of any type, or NONE
	uint32_t is_error, result_type, cache_scope, ttl_ms;
};

/// Classify a scanned document. 0 or a reason (positive enum sp_reason): ENVELOPE_INVALID,
/// BATCH_REFUSED (an array), PARAMS_INVALID (a member of the wrong type). When the id could be read
/// `ret->id` is valid even on failure, so that the answer can carry it.
/// Rules: "jsonrpc" is exactly "2.0"; id a string (1..256 bytes as written) or an integer within +-2^53, in
/// plain digits; requests have method and id, notifications method only, and a method of ours must be
/// what the list says it is; responses have no params, an id and exactly one of result (object) and error
/// (object with integer code and string message). An error may lack the id (NONE) or have a null (the
/// token of that null): its sender could not read it. params is an object. Progress tokens and requestId
/// follow the rules of the id. Members of a method that is not ours are left out, not refused, when
/// their type is wrong. A member that differs only in case from one of these ("Method", "params.Name") refuses
/// the message: some readers take it for that one. `*ret` is filled as far as reading went.
SP_MUST_CHECK int sp_envelope_read(const struct sp_json *j, struct sp_envelope *ret);
