/// What a policy says, as an operator's answer: the same words from control and from a check without a gateway.
#pragma once

#include "common/ctlval.h"
#include "config/diff.h"
#include "config/policy.h"
#include "config/snapshot.h"

/// One map: what all files come to, and `files`, each with its form and what it gave. `hide` (may be NULL) is a
/// folder not shown in front of files.
void sp_view_check(struct sp_cv_out *o, const struct sp_policy *p, const struct sp_snap *s, const char *hide);
/// Members for an open map: how much of everything, risk mode, and the rules in order.
void sp_view_policy(struct sp_cv_out *o, const struct sp_snap *s);
/// Members for an open map: the agent's facts, limits, and each tool named that it may call, with its standing.
void sp_view_agent(struct sp_cv_out *o, const struct sp_snap *s, uint32_t agent);
/// One map: `kind`, who and what changed, `before` and `after` where there are, and `text`, the sentence.
void sp_view_change(struct sp_cv_out *o, const struct sp_change *c);
