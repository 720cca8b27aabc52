/// Commands that need no gateway: they read files here and print. Each returns the exit code.
#pragma once

#include "tools/sallyctl/args.h"

int sp_local_policy_lint(const struct sp_line *l, const char *version);
int sp_local_policy_import(const struct sp_line *l, const char *version);
