/// The forms of policy text that stand in other people's documents, each a reader of its part of a
/// tree. Problems go to the reader's check, -ENOMEM and -E2BIG to its `err`. Used by policy_read.c
/// only.
#pragma once

#include "config/policy_node.h"

/// An agent's allow-list, or a list of such.
void sp_form_whitelist(struct sp_policy_reader *r, const struct sp_node *root);
/// `style_rules`: what SQL and which endpoints a tool may be called with.
void sp_form_styles(struct sp_policy_reader *r, const struct sp_node *list);
/// `risk_scoring`: tools of high risk, and the score at which calls are blocked.
void sp_form_risk(struct sp_policy_reader *r, const struct sp_node *map);
/// `policy_definitions`: groups of rules with conditions, their limits and audit.
void sp_form_definitions(struct sp_policy_reader *r, const struct sp_node *list);
/// `TOOL_POLICIES`: roles, environments and approvals a tool asks for.
void sp_form_tools(struct sp_policy_reader *r, const struct sp_node *map);
/// The native form; see policy_native.h.
void sp_form_native(struct sp_policy_reader *r, const struct sp_node *map);
