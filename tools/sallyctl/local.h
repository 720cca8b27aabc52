/// Commands that need no gateway: they read files here and print. Each returns the exit code.
#pragma once

#include "tools/sallyctl/args.h"

int sp_local_policy_check(const struct sp_line *l);
/// It was asked for, or there is no gateway to ask; the latter is said on standard error.
bool sp_local_policy_check_wanted(const struct sp_line *l);
int sp_local_policy_diff(const struct sp_line *l);
bool sp_local_policy_diff_wanted(const struct sp_line *l); ///< two sets of files are given
int sp_local_policy_lint(const struct sp_line *l, const char *version);
int sp_local_policy_import(const struct sp_line *l, const char *version);
int sp_local_policy_explain(const struct sp_line *l);
int sp_local_policy_simulate(const struct sp_line *l);
int sp_local_policy_test(const struct sp_line *l);
int sp_local_policy_shadow_report(const struct sp_line *l); ///< asks control and audit
int sp_local_init(const struct sp_line *l);
int sp_local_policy_unused(const struct sp_line *l);
int sp_local_policy_suggest(const struct sp_line *l);
