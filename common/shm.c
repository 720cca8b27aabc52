#include "common/shm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "common/banned.h"

int sp_shm_create(const char *name, enum sp_region_kind kind, size_t bytes, size_t root_size,
	struct sp_shm *ret, int *ret_fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	SP_AUTO_FD fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct sp_shm_print *print;

	if (fd < 0)
		return -errno;
	bytes = (bytes + page - 1) / page * page;
	if (ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	print = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (print == MAP_FAILED)
		return -errno;
	*print = (struct sp_shm_print){
		.magic = SP_SHM_MAGIC,
		.layout = SP_SHM_LAYOUT,
		.kind = kind,
		.size = bytes,
		.root_size = root_size,
	};
	*ret = (struct sp_shm){(uint8_t *)print, bytes};
	*ret_fd = sp_take_fd(&fd);
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
