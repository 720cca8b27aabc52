/// The demo's tools: customer support, finance, and a few for exercising a gateway.
#pragma once

#include "common/json.h"
#include "tools/demo/buf.h"
#include "tools/demo/data.h"

#define DEMO_BIG_MAX (8u << 20)

/// One call while its tool runs. Borrowed from the request for the duration of the call.
struct demo_call {
	const struct sp_json *j;
	uint32_t arguments; ///< object token or SP_JSON_NONE
	struct demo_data *data;
	struct demo_buf *out;  ///< the tool writes one JSON object here: the structured content
	const char *complaint; ///< set instead when an argument cannot be used: what to mend
	uint8_t scratch[2048]; ///< unescaped arguments
	size_t scratch_used;
};

enum demo_tool_kind {
	DEMO_TOOL_PLAIN = 0,
	DEMO_TOOL_SLOW,      ///< answered over time, by a stream
	DEMO_TOOL_MISBEHAVE, ///< answered wrongly, see misbehave.h
};

struct demo_tool {
	const char *name;
	enum demo_tool_kind kind;
	void (*run)(struct demo_call *c); ///< NULL unless plain
	const char *definition;           ///< members of its entry in tools/list besides the name
};

/// By name, or NULL.
const struct demo_tool *demo_tool_find(struct sp_bytes name);
/// The array for tools/list.
void demo_tools_list(struct demo_buf *out);

/// String argument, unescaped; empty and a complaint when it is absent or no string.
struct sp_bytes demo_arg_str(struct demo_call *c, const char *key);
/// As above without the complaint.
struct sp_bytes demo_arg_opt(struct demo_call *c, const char *key);
/// Integer argument within [least, most], or `absent` when it is not there; otherwise a complaint.
int64_t demo_arg_int(struct demo_call *c, const char *key, int64_t least, int64_t most, int64_t absent);
