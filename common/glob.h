/// The one matcher of all globs: an automaton whose states are the bits of a few words, so the work
/// is at most SP_GLOB_WORDS a byte of text whatever the glob (Baeza-Yates, Gonnet: "A new approach
/// to text searching").
#pragma once

#include "common/bytes.h"

#define SP_GLOB_MAX 255u ///< bytes; a longer glob matches nothing
#define SP_GLOB_WORDS 4u

enum sp_glob_kind {
	SP_GLOB_NAME, ///< '*' any run, '?' one character (UTF-8)
	SP_GLOB_PATH, ///< '*' any run without '/', at the end any run; '**' any run; '?' itself
};
/// `*steps` grows by the work done, for tests.
bool sp_glob_run(enum sp_glob_kind kind, struct sp_bytes glob, struct sp_bytes text,
	bool ignore_case, uint64_t *steps);
