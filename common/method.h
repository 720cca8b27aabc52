/// The MCP methods the gateway knows: the data plane reads them, policy and routes name them.
#pragma once

#include "common/base.h"

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
