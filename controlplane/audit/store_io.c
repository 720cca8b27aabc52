#include "controlplane/audit/store_io.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include "common/banned.h"

struct uring_io {
	struct sp_store_io io;
	struct io_uring ring;
	bool broken; ///< the ring may hold what was never submitted or never answered: it is not used again
};

static int plain_open(struct sp_store_io *io, int dir, const char *name, int flags, int *ret)
{
	int fd = openat(dir, name, flags | O_CLOEXEC, 0600);

	(void)io;
	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

static int plain_write(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	(void)io;
	while (b.n) {
		ssize_t n = pwrite(fd, b.p, b.n, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		b.p += n;
		b.n -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

static int plain_append(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	SP_TRY(plain_write(io, fd, b, off));
	return fdatasync(fd) < 0 ? -errno : 0;
}

static void plain_direct(struct sp_store_io *io, int fd)
{
	(void)io;
	(void)fd;
}

static int plain_sync(struct sp_store_io *io, int fd)
{
	(void)io;
	return fsync(fd) < 0 ? -errno : 0;
}

static int plain_resize(struct sp_store_io *io, int fd, uint64_t bytes)
{
	(void)io;
	return ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
}

static int plain_allocate(struct sp_store_io *io, int fd, uint64_t bytes)
{
	(void)io;
	return fallocate(fd, 0, 0, (off_t)bytes) < 0 ? -errno : 0;
}

static int plain_rename(struct sp_store_io *io, int dir, const char *from, const char *to)
{
	(void)io;
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

static int plain_free_bytes(struct sp_store_io *io, int dir, uint64_t *ret)
{
	struct statvfs v;

	(void)io;
	if (fstatvfs(dir, &v) < 0)
		return -errno;
	*ret = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

#define PLAIN(append_fn)                                                                           \
	{                                                                                          \
		.open = plain_open, .append = (append_fn), .write = plain_write,                   \
		.sync = plain_sync, .resize = plain_resize, .allocate = plain_allocate,            \
		.rename = plain_rename, .free_bytes = plain_free_bytes, .direct = plain_direct,    \
	}

struct sp_store_io sp_store_io_plain = PLAIN(plain_append);

static void uring_direct(struct sp_store_io *io, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)io;
	if (flags >= 0)
		(void)!fcntl(fd, F_SETFL, flags | O_DIRECT);
}

static int harvest(struct uring_io *u, size_t want)
{
	struct io_uring_cqe *cqe;
	int r;

	do
		r = io_uring_wait_cqe(&u->ring, &cqe);
	while (r == -EINTR);
	if (r < 0) {
		u->broken = true;
		return r;
	}
	r = cqe->res;
	io_uring_cqe_seen(&u->ring, cqe);
	return r < 0 ? r : (size_t)r == want ? 0 : -EIO;
}

static int write_synced(struct uring_io *u, int fd, struct sp_bytes b, uint64_t off)
{
	struct io_uring_sqe *write = io_uring_get_sqe(&u->ring);
	int r;

	SP_BUG_IF(!write); // that of the last append was taken
	io_uring_prep_write(write, fd, b.p, (unsigned)b.n, off);
	write->rw_flags = RWF_DSYNC;
	do
		r = io_uring_submit_and_wait(&u->ring, 1);
	while (r == -EINTR);
	if (r == 1)
		return harvest(u, b.n);
	u->broken = true;
	return r < 0 ? r : -EIO;
}

static int uring_append(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	struct uring_io *u = sp_container_of(io, struct uring_io, io);
	bool plain = u->broken;
	int r = plain ? plain_append(io, fd, b, off) : write_synced(u, fd, b, off), flags;

	// A ring that just broke may still be writing, out of this memory.
	if (r != -EINVAL || plain != u->broken)
		return r;
	// A file system that wants another alignment, or has no direct writes at all.
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || !(flags & O_DIRECT) || fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0)
		return r;
	return u->broken ? plain_append(io, fd, b, off) : write_synced(u, fd, b, off);
}

int sp_store_io_new(struct sp_store_io **ret)
{
	struct uring_io *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->io = (struct sp_store_io)PLAIN(uring_append);
	u->io.direct = uring_direct;
	r = io_uring_queue_init(
		1, &u->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (r < 0) {
		free(u);
		return r;
	}
	*ret = &u->io;
	return 0;
}

void sp_store_io_free(struct sp_store_io *io)
{
	struct uring_io *u = sp_container_of(io, struct uring_io, io);

	io_uring_queue_exit(&u->ring);
	free(u);
}
