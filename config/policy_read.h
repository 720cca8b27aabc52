/// Policy text in any of its forms, recognised by what stands at its top: an allow-list
/// (`tool_id`), style rules (`style_rules`, `risk_scoring`), policy definitions
/// (`policy_definitions`), tool policies
/// (`TOOL_POLICIES`), or the native form (`version`). Every form may be JSON or YAML. Pure.
#pragma once

#include "config/policy.h"

/// Most bytes of one policy file.
#define SP_POLICY_TEXT_MAX (4u << 20)
/// Whether a file of this name is policy text: .json, .yaml, .yml, and no leading dot.
bool sp_policy_file_name(const char *name);
/// Add what `text` says to `p`; JSON when `file` ends in .json, else YAML. 0, -EBADMSG with every
/// problem in `check` (`p` is then good for nothing but finding more of them), -ENOMEM.
SP_MUST_CHECK int sp_policy_read(
	struct sp_policy *p, struct sp_bytes text, const char *file, struct sp_check *check);
