/// The variables conditions may read, one table for the compiler, the judge and the reference. Pure.
#pragma once

#include "config/cel/cel_compile.h"

/// Variables: mcp.tool.name, mcp.tool.arguments, mcp.method, mcp.upstream, mcp.route, mcp.revision, mcp.session,
/// agent.identity (a string; its fields are attributes: the registry's, else the token's claims), agent.name,
/// agent.roles, agent.environment, agent.owner, jwt (claims; jwt.scope, jwt.sub ...), request (fields are
/// arguments, then the context the agent declared in _meta), request.scope (where those have none, the token's),
/// request.arguments, request.context, request.purpose, request.time, source.address.
enum sp_judge_var {
	SP_VAR_TOOL_NAME = 0,
	SP_VAR_TOOL_ARGUMENTS,
	SP_VAR_METHOD,
	SP_VAR_UPSTREAM,
	SP_VAR_ROUTE,
	SP_VAR_REVISION,
	SP_VAR_SESSION,
	SP_VAR_AGENT_IDENTITY,
	SP_VAR_AGENT_ATTRIBUTES,
	SP_VAR_AGENT_NAME,
	SP_VAR_AGENT_ROLES,
	SP_VAR_AGENT_ENVIRONMENT,
	SP_VAR_AGENT_OWNER,
	SP_VAR_JWT,
	SP_VAR_REQUEST,
	SP_VAR_REQUEST_ARGUMENTS,
	SP_VAR_REQUEST_CONTEXT,
	SP_VAR_REQUEST_PURPOSE,
	SP_VAR_REQUEST_TIME,
	SP_VAR_SOURCE_ADDRESS,
	SP_VAR_REQUEST_SCOPE,
	SP_VAR__COUNT
};
const struct sp_cel_env *sp_judge_env(void);
