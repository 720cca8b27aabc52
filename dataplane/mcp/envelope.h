/// One MCP message, understood: what JSON-RPC kind it is, which method, and the members a gateway
/// judges or rewrites. Pure; every span borrows the scanned text.
/// Sources: JSON-RPC 2.0; MCP 2025-03-26 .. 2026-07-28 (Base, Transports, Tools).
#pragma once

#include "common/json.h"
#include "common/level.h"
#include "common/reason.h"

/// X(symbol, method, name member of params that Mcp-Name repeats, flags). One list of all methods.
#define SP_M_LEGACY 1u  ///< known in the legacy revisions
#define SP_M_MODERN 2u  ///< known in 2026-07-28
#define SP_M_NOTE 4u    ///< a notification
#define SP_M_LOCAL 8u   ///< answered by the gateway itself
#define SP_M_FROM_SERVER 16u
#define SP_METHODS(X)                                                                              \
	X(INITIALIZE, "initialize", "", SP_M_LEGACY | SP_M_LOCAL)                                  \
	X(PING, "ping", "", SP_M_LEGACY | SP_M_LOCAL)                                              \
	X(DISCOVER, "server/discover", "", SP_M_MODERN | SP_M_LOCAL)                               \
	X(TOOLS_LIST, "tools/list", "", SP_M_LEGACY | SP_M_MODERN)                                 \
	X(TOOLS_CALL, "tools/call", "name", SP_M_LEGACY | SP_M_MODERN)                             \
	X(PROMPTS_LIST, "prompts/list", "", SP_M_LEGACY | SP_M_MODERN)                             \
	X(PROMPTS_GET, "prompts/get", "name", SP_M_LEGACY | SP_M_MODERN)                           \
	X(RESOURCES_LIST, "resources/list", "", SP_M_LEGACY | SP_M_MODERN)                         \
	X(RESOURCES_TEMPLATES, "resources/templates/list", "", SP_M_LEGACY | SP_M_MODERN)          \
	X(RESOURCES_READ, "resources/read", "uri", SP_M_LEGACY | SP_M_MODERN)                      \
	X(RESOURCES_SUBSCRIBE, "resources/subscribe", "", SP_M_LEGACY)                             \
	X(RESOURCES_UNSUBSCRIBE, "resources/unsubscribe", "", SP_M_LEGACY)                         \
	X(COMPLETE, "completion/complete", "", SP_M_LEGACY | SP_M_MODERN)                          \
	X(SET_LEVEL, "logging/setLevel", "", SP_M_LEGACY)                                          \
	X(LISTEN, "subscriptions/listen", "", SP_M_MODERN)                                         \
	X(N_INITIALIZED, "notifications/initialized", "", SP_M_LEGACY | SP_M_NOTE | SP_M_LOCAL)    \
	X(N_CANCELLED, "notifications/cancelled", "", SP_M_LEGACY | SP_M_MODERN | SP_M_NOTE)       \
	X(N_PROGRESS, "notifications/progress", "", SP_M_LEGACY | SP_M_MODERN | SP_M_NOTE)         \
	X(N_MESSAGE, "notifications/message", "",                                                  \
		SP_M_LEGACY | SP_M_MODERN | SP_M_NOTE | SP_M_FROM_SERVER)                          \
	X(N_ROOTS, "notifications/roots/list_changed", "", SP_M_LEGACY | SP_M_NOTE)                \
	X(SAMPLING, "sampling/createMessage", "", SP_M_LEGACY | SP_M_FROM_SERVER)                  \
	X(ELICIT, "elicitation/create", "", SP_M_LEGACY | SP_M_FROM_SERVER)                        \
	X(ROOTS_LIST, "roots/list", "", SP_M_LEGACY | SP_M_FROM_SERVER)

enum sp_method {
	SP_METHOD_OTHER = 0, ///< well-formed, not one of ours
#define X(sym, text, name, flags) SP_METHOD_##sym,
	SP_METHODS(X)
#undef X
	SP_METHOD__COUNT,
};
const char *sp_method_name(enum sp_method m);
unsigned sp_method_flags(enum sp_method m);

enum sp_rpc_kind { SP_RPC_REQUEST = 1, SP_RPC_NOTIFICATION, SP_RPC_RESULT, SP_RPC_ERROR };

struct sp_envelope {
	enum sp_rpc_kind kind;
	enum sp_method method;
	struct sp_bytes method_text; ///< unescaped bytes of the method, as sent
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
	uint32_t traceparent;       ///< _meta.traceparent, string or NONE
};

/// Classify a scanned document. 0 or a reason (positive enum sp_reason): ENVELOPE_INVALID,
/// BATCH_REFUSED (an array), PARAMS_INVALID (a member of the wrong type). When the id could be read
/// `ret->id` is valid even on failure, so that the answer can carry it.
/// Rules: "jsonrpc" is exactly "2.0"; id a string (1..256 bytes) or an integer within +-2^53, in plain
/// digits; requests have method and id, notifications method only, responses an id and exactly one of
/// result (object) and error (object with integer code and string message); params is an object.
SP_MUST_CHECK int sp_envelope_read(const struct sp_json *j, struct sp_envelope *ret);
