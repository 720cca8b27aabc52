/// Policy files of the operator, sent by content: control needs no right to read them.
#pragma once

#include "common/ctlval.h"

/// Put [{name, text}, ...] of a file, or of the .json, .yaml and .yml files of a folder in the
/// order of their names. -errno or -EINVAL after a message to standard error.
SP_MUST_CHECK int sp_sources_put(const char *path, struct sp_cv_out *o);
