/// Small files of control's own folder that must survive a crash at any instant: the old content or
/// the new one, never a mixture. Control process only; blocks for the disk.
#pragma once

#include "common/bytes.h"

/// Write beside, fsync, rename over, fsync the folder. Mode 0600.
SP_MUST_CHECK int sp_state_write(int dir_fd, const char *name, struct sp_bytes content);
/// Whole file in heap memory, with a NUL behind it; the caller frees. -ENOENT, -EFBIG over `max`, -EIO when it
/// became shorter meanwhile.
SP_MUST_CHECK int sp_state_read(
	int dir_fd, const char *name, size_t max, uint8_t **ret, size_t *ret_n);
/// A decimal number kept in a file: 0 when there is none. -EBADMSG when it is something else.
SP_MUST_CHECK int sp_state_read_u64(int dir_fd, const char *name, uint64_t *ret);
SP_MUST_CHECK int sp_state_write_u64(int dir_fd, const char *name, uint64_t v);
/// Write all of `content` to an open descriptor.
SP_MUST_CHECK int sp_state_write_fd(int fd, struct sp_bytes content);
