#include "tools/sallyctl/sources.h"

#include "common/ctlmsg.h"
#include "common/mp.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include "common/banned.h"

#define TOTAL_MAX (SP_CTL_REQUEST_MAX - 64u * 1024u)

static int failed(const char *path, int err)
{
	fprintf(stderr, "sallyctl: %s: %s\n", path, strerror(-err));
	return err;
}

static int put_file(const char *path, const char *name, size_t *total, struct sp_cv_out *o)
{
	SP_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint8_t *text;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(path, -errno);
	if (!S_ISREG(st.st_mode)) {
		fprintf(stderr, "sallyctl: %s is no regular file\n", path);
		return -EINVAL;
	}
	if ((size_t)st.st_size > TOTAL_MAX - *total) {
		fprintf(stderr, "sallyctl: with %s the files are too large for one request\n", path);
		return -EFBIG;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return failed(path, -ENOMEM);
	while (n < (size_t)st.st_size) {
		ssize_t r = read(fd, text + n, (size_t)st.st_size - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	*total += n;
	if (!sp_utf8_ok(sp_bytes(text, n)) || memchr(text, 0, n)) {
		fprintf(stderr, "sallyctl: %s is not UTF-8 text\n", path);
		free(text);
		return -EINVAL;
	}
	sp_cv_put_map(o);
	sp_cv_put_str(o, "name");
	sp_cv_put_str(o, name);
	sp_cv_put_str(o, "text");
	sp_cv_put_bytes(o, sp_bytes(text, n));
	sp_cv_put_end(o);
	free(text);
	return 0;
}

static int is_policy(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot &&
	       (strcasecmp(dot, ".json") == 0 || strcasecmp(dot, ".yaml") == 0 ||
		       strcasecmp(dot, ".yml") == 0);
}

static int put_folder(const char *path, struct sp_cv_out *o)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_policy, alphasort), err = 0;
	size_t total = 0;

	if (n < 0)
		return failed(path, -errno);
	for (int i = 0; i < n; i++) {
		char full[PATH_MAX];

		snprintf(full, sizeof(full), "%s/%s", path, entries[i]->d_name);
		if (err == 0)
			err = put_file(full, entries[i]->d_name, &total, o);
		free(entries[i]);
	}
	free(entries);
	if (n == 0) {
		fprintf(stderr, "sallyctl: %s holds no .json, .yaml or .yml file\n", path);
		return -EINVAL;
	}
	return err;
}

int sp_sources_put(const char *path, struct sp_cv_out *o)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	size_t total = 0;
	int err;

	if (stat(path, &st) < 0)
		return failed(path, -errno);
	sp_cv_put_array(o);
	if (S_ISDIR(st.st_mode))
		err = put_folder(path, o);
	else
		err = put_file(path, slash ? slash + 1 : path, &total, o);
	if (err < 0)
		return err;
	sp_cv_put_end(o);
	return 0;
}
