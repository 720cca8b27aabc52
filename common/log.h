/// Log front end for the edges of processes that may block. One line a message, to standard error:
/// `<level> <process> <subsystem>: text`, which the service manager takes from there.
/// common/ and the worker's loop never call it: they return errors and count.
#pragma once

#include "common/base.h"

enum sp_log_level { SP_LOG_ERROR = 3, SP_LOG_WARN = 4, SP_LOG_NOTICE = 5, SP_LOG_INFO = 6, SP_LOG_DEBUG = 7 };

/// Name this process in every later line and set the most detailed level written. Not thread-safe.
void sp_log_init(const char *process, enum sp_log_level most);
/// Control bytes in the text are escaped; lines over 2 KiB are cut. `subsystem` is a short word.
void sp_log(enum sp_log_level level, const char *subsystem, const char *fmt, ...) SP_PRINTF(3, 4);
/// Log `what` with the text of `err` (negative errno) at ERROR and return `err`, for `return sp_log_err(...)`.
int sp_log_err(const char *subsystem, int err, const char *fmt, ...) SP_PRINTF(3, 4);
