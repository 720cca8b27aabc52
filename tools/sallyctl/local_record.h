/// Recorded decisions, rebuilt and judged again.
#pragma once

#include "tools/sallyctl/args.h"
#include "tools/sallyctl/local_trial.h"

/// Every tools/call decision of `file` ("-" is standard input), one JSON record a line or all in one array; what
/// `more` says is added where the record is silent. 0 when all are as recorded, -EINVAL when one is not or there is
/// none, -ENODATA when else one cannot be decided by what is there, -errno after a message.
SP_MUST_CHECK int sp_local_explain_records(const struct sp_line *l, const struct sp_snap *s,
	const char *file, const struct sp_trial_in *more);
