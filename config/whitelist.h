/// Allow-lists: one agent's tools, rates, budgets and audit level as a JSON object, or an array of
/// such.
///   {"tool_id": "bot", "allowed_actions": ["read"], "rate_limits": {"per_minute": 100, "per_hour":
///   5000},
///    "budget_limits": {"per_request_tokens": 1000, "daily_max_tokens": 100000}, "audit_level":
///    "enhanced"}
/// `tool_id` names the agent. A limit left out is no limit; a level left out is the gateway's
/// default.
#pragma once

#include "config/policy.h"

/// Add a file's agents to `p`. 0, -EBADMSG with every problem in `check` (`p` is then good for
/// nothing but finding more of them), -ENOMEM. Pure.
SP_MUST_CHECK int sp_whitelist_read(
	struct sp_policy *p, struct sp_bytes text, const char *file, struct sp_check *check);
