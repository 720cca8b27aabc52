/// Mcp-Param-* headers: the arguments that a tool's inputSchema asks its clients to repeat with the
/// keyword `x-mcp-header`. Headers that no property asks for are not looked at; they are forwarded
/// as they are. Pure. Recursion is bounded by the depth of the scanned schema. Source: MCP
/// 2026-07-28 Transports (Custom Headers, Server Validation).
#pragma once

#include "dataplane/mcp/headers.h"

/// The annotations of the schema at object token `input` obey the specification: each a non-empty
/// token, unique ignoring case, on an integer, string or boolean property, reachable from the root
/// through `properties` alone; at most SP_HTTP_PARAMS_MAX. A tool that fails this is not shown to
/// modern clients. Keys named x-mcp-header anywhere else (but as the name of a property) fail it
/// too.
bool sp_param_schema_ok(const struct sp_json *schema, uint32_t input);

/// The schema asks for headers at all, in order or not.
bool sp_param_schema_asks(const struct sp_json *schema, uint32_t input);

/// The schema cut down to what sp_param_headers_agree() looks at: annotated properties and the way to
/// them. Of a schema that is ok.
void sp_param_schema_put(struct sp_out *o, const struct sp_json *schema, uint32_t input);

/// Every annotated property against `arguments` (object token of `j`, or SP_JSON_NONE): a value
/// that is there must be in its header, equal (strings by bytes, numbers by value, booleans by
/// word); one that is absent or null must have no header. 0 or SP_REASON_HEADER_MISMATCH.
SP_MUST_CHECK int sp_param_headers_agree(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *schema, uint32_t input, const struct sp_json *j, uint32_t arguments);
