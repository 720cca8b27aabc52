#include "tools/demo/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

static int complain(const char *dir, const char *name, int err)
{
	fprintf(stderr, "sallyport-demo: %s%s%s: %s\n", dir, *name ? "/" : "", name, strerror(-err));
	return err;
}

int demo_file_write(const char *dir, const char *name, struct sp_bytes text, unsigned mode)
{
	char path[4096];
	SP_AUTO_FD fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return complain(dir, name, -ENAMETOOLONG);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return complain(dir, name, -errno);
	for (size_t at = 0; at < text.n;) {
		ssize_t n = write(fd, text.p + at, text.n - at);

		if (n < 0)
			return complain(dir, name, -errno);
		at += (size_t)n;
	}
	return 0;
}

char *demo_file_read(const char *path)
{
	SP_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 1 << 20, n = 0;
	char *text = malloc(cap);
	ssize_t got = fd < 0 || !text ? -1 : 0;

	while (got >= 0 && n < cap - 1) {
		got = read(fd, text + n, cap - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (got < 0) {
		complain(path, "", -errno);
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

int demo_folder(const char *path)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST ? complain(path, "", -errno) : 0;
}
