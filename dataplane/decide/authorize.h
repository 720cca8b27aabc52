/// May an agent call a tool? The one question that the stage and the filter of tools/list both ask.
#pragma once

#include "config/snapshot.h"

/// `name` as the agent sees it; its first `prefix` bytes name the upstream. Policy may name the tool with or
/// without that prefix. True with the action that allows it. Pure.
bool sp_authorize_tool(const struct sp_snap *s, const struct sp_snap_agent *agent, struct sp_bytes name,
	uint32_t prefix, uint32_t *ret_action);
