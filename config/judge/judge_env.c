#include "config/judge/judge_env.h"
#include "common/banned.h"

#define CALL SP_CEL_PHASE_CALL
#define BOTH (SP_CEL_PHASE_CALL | SP_CEL_PHASE_LIST)
#define HERE SP_JSON_NONE

static const struct sp_cel_var vars[] = {
	[SP_VAR_TOOL_NAME] = {"mcp.tool.name", SP_CEL_T_STRING, BOTH,
		"the tool's name as the agent sees it", HERE},
	[SP_VAR_TOOL_ARGUMENTS] = {"mcp.tool.arguments", SP_CEL_T_MAP, CALL, "the call's arguments", HERE},
	[SP_VAR_METHOD] = {"mcp.method", SP_CEL_T_STRING, BOTH, "the MCP method: \"tools/call\"", HERE},
	[SP_VAR_UPSTREAM] = {"mcp.upstream", SP_CEL_T_STRING, BOTH, "name of the tool's upstream", HERE},
	[SP_VAR_ROUTE] = {"mcp.route", SP_CEL_T_STRING, BOTH, "path of the endpoint the agent uses", HERE},
	[SP_VAR_REVISION] = {"mcp.revision", SP_CEL_T_STRING, BOTH, "the agent's protocol revision", HERE},
	[SP_VAR_SESSION] = {"mcp.session", SP_CEL_T_STRING, BOTH,
		"print of the session's id; no value without a session", HERE},
	[SP_VAR_AGENT_IDENTITY] = {"agent.identity", SP_CEL_T_STRING, BOTH,
		"the agent's name; its fields are attributes", SP_VAR_AGENT_ATTRIBUTES},
	[SP_VAR_AGENT_ATTRIBUTES] = {"agent.attributes", SP_CEL_T_MAP, BOTH,
		"attributes from the policy, and the token's claims where it has none of the name", HERE},
	[SP_VAR_AGENT_NAME] = {"agent.name", SP_CEL_T_STRING, BOTH, "the agent's name", HERE},
	[SP_VAR_AGENT_ROLES] = {"agent.roles", SP_CEL_T_LIST, BOTH, "the agent's roles", HERE},
	[SP_VAR_AGENT_ENVIRONMENT] = {"agent.environment", SP_CEL_T_STRING, BOTH,
		"the agent's environment; no value when the policy names none", HERE},
	[SP_VAR_AGENT_OWNER] = {"agent.owner", SP_CEL_T_STRING, BOTH,
		"who answers for the agent; no value when the policy names nobody", HERE},
	[SP_VAR_JWT] = {"jwt", SP_CEL_T_MAP, BOTH, "claims of the verified token", HERE},
	[SP_VAR_REQUEST] = {"request", SP_CEL_T_MAP, CALL,
		"arguments, and the declared context where they have none of the name", HERE},
	[SP_VAR_REQUEST_ARGUMENTS] = {"request.arguments", SP_CEL_T_MAP, CALL, "the call's arguments", HERE},
	[SP_VAR_REQUEST_CONTEXT] = {"request.context", SP_CEL_T_MAP, CALL,
		"the context declared in _meta \"sallyport/context\"", HERE},
	[SP_VAR_REQUEST_PURPOSE] = {"request.purpose", SP_CEL_T_STRING, CALL,
		"the declared purpose; no value without one", HERE},
	[SP_VAR_REQUEST_TIME] = {"request.time", SP_CEL_T_TIMESTAMP, BOTH, "when the call came, UTC", HERE},
	[SP_VAR_SOURCE_ADDRESS] = {"source.address", SP_CEL_T_STRING, BOTH,
		"the peer's address without its port", HERE},
	[SP_VAR_REQUEST_SCOPE] = {"request.scope", SP_CEL_T_DYN, CALL,
		"`scope` of arguments or context; where they have none, the token's scopes", HERE},
};
_Static_assert(SP_ARRAY_LEN(vars) == SP_VAR__COUNT, "a row a variable");

const struct sp_cel_env *sp_judge_env(void)
{
	static const struct sp_cel_env env = {vars, SP_VAR__COUNT, NULL};

	return &env;
}
