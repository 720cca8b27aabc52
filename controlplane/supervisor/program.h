/// Where the other programs are.
#pragma once

#include "common/base.h"

/// Absolute path of sallyport-<role>: beside sallyportd, else in the build tree's place, else in
/// the package's libexec folder. -ENOENT.
SP_MUST_CHECK int sp_program_find(const char *exec_dir, const char *role, char *ret, size_t cap);
/// Folder of the running program.
SP_MUST_CHECK int sp_program_dir(char *ret, size_t cap);
