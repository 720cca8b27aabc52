/// Severities of log notifications, and which of them a request asked for. Pure.
/// Source: MCP Logging (RFC 5424 severities); 2026-07-28: a request without a level gets none.
#pragma once

#include "common/json.h"

enum sp_severity { SP_SEVERITY_NONE = 0, SP_SEVERITY_DEBUG = 1, SP_SEVERITY_EMERGENCY = 8 };

/// SP_SEVERITY_NONE when the word is none of the eight.
enum sp_severity sp_severity_parse(const struct sp_json *j, uint32_t word);
const char *sp_severity_name(enum sp_severity l);
/// Is the notification with these params at least as severe as what was asked for?
bool sp_severity_passes(enum sp_severity asked, const struct sp_json *j, uint32_t params);
