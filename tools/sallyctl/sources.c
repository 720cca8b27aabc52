#include "tools/sallyctl/sources.h"

#include "common/ctlmsg.h"
#include "common/mp.h"
#include "config/load.h"
#include "config/policy_read.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

#define TOTAL_MAX (SP_CTL_REQUEST_MAX - 64u * 1024u)

static int failed(const char *path, int err)
{
	if (err == -E2BIG)
		fprintf(stderr, "sallyctl: with %s the files are too large for one request\n", path);
	else
		fprintf(stderr, "sallyctl: %s: %s\n", path, sp_load_why(err));
	return err;
}

static int put_file(const char *path, const char *name, size_t *total, struct sp_cv_out *o)
{
	uint8_t *text;
	size_t n;
	int err = sp_load_file(path, TOTAL_MAX - *total, &text, &n);

	if (err)
		return failed(path, err);
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
	return sp_policy_file_name(e->d_name);
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
