#include "common/shm.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "common/banned.h"

#ifndef MADV_COLLAPSE // Linux 6.1; older headers
#define MADV_COLLAPSE 25
#endif

/// A larger file at a multiple of a huge page: only there can one be mapped. With one thread: a mapping that fails
/// may leave a hole in the range, which another thread could take before all of it is given back.
static void *map(int fd, size_t bytes, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), end = (bytes + page - 1) / page * page;
	size_t room = end + SP_HUGE_PAGE, before;
	uint8_t *all;
	void *ret;

	if (bytes < SP_HUGE_PAGE)
		return mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);
	all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return MAP_FAILED;
	before = -(uintptr_t)all % SP_HUGE_PAGE;
	ret = mmap(all + before, bytes, prot, MAP_SHARED | MAP_FIXED, fd, 0);
	if (ret == MAP_FAILED) {
		munmap(all, room);
		return MAP_FAILED;
	}
	if (before)
		munmap(all, before);
	munmap(all + before + end, SP_HUGE_PAGE - before);
	return ret;
}

static int make(const char *name, size_t bytes, size_t page, unsigned flags, struct sp_shm *ret,
	int *ret_fd)
{
	SP_AUTO_FD fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	void *base;

	if (fd < 0)
		return -errno;
	bytes = (bytes + page - 1) / page * page;
	if (ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	base = map(fd, bytes, PROT_READ | PROT_WRITE);
	if (base == MAP_FAILED)
		return -errno;
	*ret = (struct sp_shm){base, bytes};
	*ret_fd = sp_take_fd(&fd);
	return 0;
}

/// Read and written at random places by every call: small pages would cost more than the memory itself.
static bool is_scattered(enum sp_region_kind kind)
{
	return kind == SP_REGION_POLICY || kind == SP_REGION_LIMITS;
}

int sp_shm_create(const char *name, enum sp_region_kind kind, size_t bytes, size_t root_size,
	struct sp_shm *ret, int *ret_fd)
{
	struct sp_shm m = {0};
	int fd = -1, err = -EINVAL;

	// the mapping reserves every page, so that none can be missing later
	if (is_scattered(kind))
		err = make(name, bytes, SP_HUGE_PAGE, MFD_HUGETLB | MFD_HUGE_2MB, &m, &fd);
	if (err)
		SP_TRY(make(name, bytes, (size_t)sysconf(_SC_PAGESIZE), 0, &m, &fd));
	if (!m.base)
		return -ENOMEM;
	*(struct sp_shm_print *)m.base = (struct sp_shm_print){
		.magic = SP_SHM_MAGIC,
		.layout = SP_SHM_LAYOUT,
		.kind = kind,
		.size = m.size,
		.root_size = root_size,
	};
	*ret = m;
	*ret_fd = fd;
	return 0;
}

int sp_shm_attach(int fd, enum sp_region_kind kind, size_t root_size, bool writable,
	struct sp_shm *ret)
{
	struct stat st;
	const struct sp_shm_print *print;
	int err = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size < sizeof(*print) || (size_t)st.st_size < root_size)
		return -EINVAL;
	print = map(fd, (size_t)st.st_size, PROT_READ | (writable ? PROT_WRITE : 0));
	if (print == MAP_FAILED)
		return -errno;
	if (print->magic != SP_SHM_MAGIC || print->kind != kind)
		err = -EINVAL;
	else if (print->layout != SP_SHM_LAYOUT || print->size != (uint64_t)st.st_size ||
		print->root_size != root_size)
		err = -ESTALE;
	if (err) {
		munmap((void *)print, (size_t)st.st_size);
		return err;
	}
	*ret = (struct sp_shm){(uint8_t *)print, (size_t)st.st_size};
	return 0;
}

void sp_shm_gather(const struct sp_shm *m, size_t off, size_t bytes)
{
	size_t begin = (off + SP_HUGE_PAGE - 1) / SP_HUGE_PAGE * SP_HUGE_PAGE;
	size_t end = (off + bytes) / SP_HUGE_PAGE * SP_HUGE_PAGE;

	for (size_t at = begin; at < end; at += SP_HUGE_PAGE) {
		(void)*(const volatile uint8_t *)(m->base + at); // one without any page at all would be refused
		(void)madvise(m->base + at, SP_HUGE_PAGE, MADV_COLLAPSE); // a kernel without it says so
	}
}

void sp_shm_detach(struct sp_shm *m)
{
	if (m->base)
		munmap(m->base, m->size);
	*m = (struct sp_shm){0};
}
