/// The strings of a call that constraints are about: parameters by name, found in the arguments. Inside of the judge.
#pragma once

#include "config/judge/judge_in.h"

/// Called with every string that a parameter holds; `parameter` is its name in policy.
typedef void judge_text_fn(void *user, struct sp_bytes parameter, struct sp_bytes text);

/// What was there besides strings.
struct judge_found {
	uint32_t strings;
	bool other; ///< a value that is neither string nor array of strings
	bool alike; ///< a member that differs from a parameter's name in case alone
	bool room;  ///< false: a string was too long for the arena
};
/// All strings of the parameters `names` (struct sp_snap_str), or of `usual` when there are none: a name is sought as
/// it is, and, when it has dots, as a way into nested objects; each element of an array counts.
void judge_parameters(struct judge *j, struct sp_snap_table names, const struct sp_bytes *usual,
	uint32_t usual_n, judge_text_fn *fn, void *user, struct judge_found *ret);
