/// What the table says about the commands: help, completion, manual page. To standard output.
#pragma once

#include "common/ctl_table.h"

void sp_help_all(void);
void sp_help_command(const struct sp_ctl_command *c);
void sp_help_bash(void);
void sp_help_man(void);
