/// One exchange with control or audit.
#pragma once

#include "common/ctlmsg.h"
#include "tools/sallyctl/args.h"

/// An answer came; return non-zero to ask for no more of them.
typedef int (*sp_answer_fn)(const struct sp_ctl_answer *a, void *user);

/// Send the command of `l` and hand every answer to `fn`. Exit code: SP_CTL_OK or the last
/// answer's, SP_CTL_USAGE, SP_CTL_NO_CONNECTION; problems other than an answer's were written to
/// standard error unless `quiet`.
enum sp_ctl_code sp_ask(const struct sp_line *l, bool quiet, sp_answer_fn fn, void *user);
