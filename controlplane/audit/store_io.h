/// What the journal asks of the file system, as a table, so that tests can make any one call fail.
/// All block; all but `append` may be called from any thread. 0 or -errno; a short write is -EIO.
#pragma once

#include "common/bytes.h"

struct sp_store_io {
	int (*open)(struct sp_store_io *io, int dir, const char *name, int flags, int *ret);
	/// From here on appends to `fd`, of whole pages from memory at a page's start, may pass the page cache by.
	void (*direct)(struct sp_store_io *io, int fd);
	/// Write and sync in one go (io_uring: one write with RWF_DSYNC).
	int (*append)(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off);
	int (*write)(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off);
	int (*sync)(struct sp_store_io *io, int fd); ///< data and metadata; directories too
	int (*resize)(struct sp_store_io *io, int fd, uint64_t bytes);
	int (*allocate)(struct sp_store_io *io, int fd, uint64_t bytes);
	int (*rename)(struct sp_store_io *io, int dir, const char *from, const char *to);
	int (*free_bytes)(struct sp_store_io *io, int dir, uint64_t *ret);
};

/// The real one. `append` belongs to the calling thread. -errno when there is no io_uring.
SP_MUST_CHECK int sp_store_io_new(struct sp_store_io **ret);
void sp_store_io_free(struct sp_store_io *io);
/// Plain system calls throughout (append: pwrite, fdatasync); for other threads and offline tools.
extern struct sp_store_io sp_store_io_plain;
