#include "common/shm.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "common/banned.h"

#define HUGE_PAGE ((size_t)2 << 20)

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
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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
		err = make(name, bytes, HUGE_PAGE, MFD_HUGETLB | MFD_HUGE_2MB, &m, &fd);
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
	print = mmap(NULL, (size_t)st.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		fd, 0);
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

void sp_shm_detach(struct sp_shm *m)
{
	if (m->base)
		munmap(m->base, m->size);
	*m = (struct sp_shm){0};
}
