#include "controlplane/control/statefile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

int sp_state_write_fd(int fd, struct sp_bytes content)
{
	while (content.n > 0) {
		ssize_t w = write(fd, content.p, content.n);

		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0)
			content = sp_bytes(content.p + w, content.n - (size_t)w);
	}
	return 0;
}

int sp_state_write(int dir_fd, const char *name, struct sp_bytes content)
{
	char fresh[128];
	SP_AUTO_FD fd = -1;

	if (snprintf(fresh, sizeof(fresh), "%s~", name) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	SP_TRY(sp_state_write_fd(fd, content));
	if (fsync(fd) < 0 || renameat(dir_fd, fresh, dir_fd, name) < 0 || fsync(dir_fd) < 0)
		return -errno;
	return 0;
}

int sp_state_read(int dir_fd, const char *name, size_t max, uint8_t **ret, size_t *ret_n)
{
	SP_AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	uint8_t *buf;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, buf + n, (size_t)st.st_size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) { // shorter than it was: half of what somebody wrote is none of it
			int err = r < 0 ? -errno : -EIO;

			free(buf);
			return err;
		}
		n += (size_t)r;
	}
	buf[n] = 0;
	*ret = buf;
	*ret_n = n;
	return 0;
}

int sp_state_read_u64(int dir_fd, const char *name, uint64_t *ret)
{
	uint8_t *text = NULL;
	size_t n = 0;
	uint64_t v;
	int err = sp_state_read(dir_fd, name, 64, &text, &n);

	if (err == -ENOENT) {
		*ret = 0;
		return 0;
	}
	if (err < 0)
		return err;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	err = sp_bytes_u64(sp_bytes(text, n), &v);
	free(text);
	if (err < 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int sp_state_write_u64(int dir_fd, const char *name, uint64_t v)
{
	uint8_t text[24];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_out_u64(&o, v);
	sp_out_lit(&o, "\n");
	return sp_state_write(dir_fd, name, sp_bytes(text, o.len));
}
