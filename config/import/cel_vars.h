/// Which variables and functions of agentgateway's conditions this gateway has, and what they are
/// called here. Pure.
#pragma once

#include "config/import/cel_text.h"

#include <stdio.h>

/// False when `t` reads something that is not here; *ret is what, up to its last selector.
bool sp_cel_vars_known(const struct sp_cel_toks *t, struct sp_bytes *ret);
/// The condition in our names, on one line.
void sp_cel_vars_write(const struct sp_cel_toks *t, FILE *f);
