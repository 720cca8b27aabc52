/// The command line against the table: which command, its arguments as the request's args. Errors
/// are usage errors, written to standard error.
#pragma once

#include "common/ctl_table.h"
#include "common/ctlmsg.h"

struct sp_line {
	bool json, no_color, help, version;
	const char *run_dir;
	unsigned timeout_s;
	const struct sp_ctl_command *command; ///< NULL when no command was named
	int argc; ///< what follows the command's words, global options taken out
	const char *argv[64];
};

/// The first `n` words of the line, with a space between; "" when they are too long for `buf`.
void sp_line_words(const struct sp_line *l, int n, char *buf, size_t cap);
/// Global options and the command. -EINVAL after a message.
SP_MUST_CHECK int sp_line_read(int argc, char **argv, struct sp_line *ret);
/// Put the command's arguments as a map. Reads policy files named. After a message -EINVAL, or -EIO
/// where such files cannot be sent: the command line is right.
SP_MUST_CHECK int sp_line_args(const struct sp_line *l, uint64_t wall_ns, struct sp_cv_out *o);
/// "90s", "15m", "2h", "7d" before `wall_ns`, or RFC 3339 with Z or an offset. -EINVAL.
SP_MUST_CHECK int sp_time_parse(const char *text, uint64_t wall_ns, uint64_t *ret);
