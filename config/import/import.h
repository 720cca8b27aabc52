/// Other people's files to native policy text: authorization rules in the form agentgateway reads,
/// and the `mcpServers` files of MCP clients. What cannot be carried over is told, and errs on the
/// side of refusing: an allow that is not understood is left out, a deny is widened. Pure, heap;
/// tools and tests.
#pragma once

#include "config/check.h"

enum sp_import_from { SP_IMPORT_AGENTGATEWAY = 1, SP_IMPORT_MCP_SERVERS };
/// "agentgateway", "mcp-servers"; -EINVAL.
SP_MUST_CHECK int sp_import_from_parse(const char *s, enum sp_import_from *ret);

/// JSON when `file` ends in .json, else YAML, which includes most JSON. *ret is heap text that
/// sp_policy_read() takes, with comments for sallyport.yaml; secrets are never copied into it.
/// `lossy` tells what is missing in it or has to be looked at. -EBADMSG with problems in `check`,
/// -ENOMEM.
SP_MUST_CHECK int sp_import(enum sp_import_from from, struct sp_bytes text, const char *file,
	struct sp_check *check, struct sp_check *lossy, char **ret);
