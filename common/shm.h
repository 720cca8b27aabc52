/// Shared regions: create and seal (supervisor), attach and check (everyone else), resolve offsets.
/// A mapping lives as long as its process; nothing here blocks after start.
#pragma once

#include "common/bytes.h"
#include "common/shm_layout.h"

#define SP_HUGE_PAGE ((size_t)2 << 20)

struct sp_shm {
	uint8_t *base;
	size_t size;
};

/// New anonymous memory file of `bytes` (rounded up to pages), print written, mapped read-write,
/// sealed against shrinking, growing and further seals. `name` shows in /proc. The caller owns *ret_fd.
/// Policy and limits lie in huge pages of 2 MiB when the host has reserved enough of them (vm.nr_hugepages),
/// else where sp_shm_gather() finds some.
SP_MUST_CHECK int sp_shm_create(const char *name, enum sp_region_kind kind, size_t bytes,
	size_t root_size, struct sp_shm *ret, int *ret_fd);
/// Map `fd` and compare its print with ours: -ESTALE another layout, -EINVAL another kind or no region.
SP_MUST_CHECK int sp_shm_attach(int fd, enum sp_region_kind kind, size_t root_size, bool writable,
	struct sp_shm *ret);
/// What lies in [off, off+bytes) into huge pages, as far as it fills some and the kernel has some to give (Linux 6.1
/// on, whatever its settings for transparent ones are but `shmem_enabled` at `deny`). Takes the memory at once.
/// Contents and addresses stay; who reads meanwhile may wait a millisecond, so not for what is in use.
void sp_shm_gather(const struct sp_shm *m, size_t off, size_t bytes);
void sp_shm_detach(struct sp_shm *m);

/// Address of [off, off+len) or NULL when any of it lies outside: the one door from offset to pointer.
static inline void *sp_shm_at(const struct sp_shm *m, uint64_t off, uint64_t len)
{
	return off <= m->size && len <= m->size - off ? m->base + off : NULL;
}
