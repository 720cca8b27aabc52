#include "tools/sallyctl/local_files.h"

#include "config/load.h"
#include "config/policy_read.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

static int is_policy(const struct dirent *e)
{
	return sp_policy_file_name(e->d_name);
}

static int unreadable(struct sp_check *check, const char *path, int err)
{
	if (err == -ENOMEM)
		return err;
	sp_check_add(check, (struct sp_at){path, 0, 0}, NULL, "cannot be read: %s", sp_load_why(err));
	return 0;
}

/// Problems go to `check`, so that those of all files are told.
static int read_file(struct sp_policy *p, const char *path, struct sp_check *check)
{
	uint8_t *text;
	size_t n;
	int err = sp_load_file(path, SP_POLICY_TEXT_MAX, &text, &n);

	if (err)
		return unreadable(check, path, err);
	err = sp_policy_read(p, sp_bytes(text, n), path, check);
	free(text);
	return err == -EBADMSG ? 0 : err;
}

static int read_folder(struct sp_policy *p, const char *path, struct sp_check *check)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_policy, alphasort), err = 0;

	if (n < 0)
		return unreadable(check, path, -errno);
	if (n == 0)
		sp_check_add(check, (struct sp_at){path, 0, 0}, NULL,
			"holds no .json, .yaml or .yml file");
	for (int i = 0; i < n; i++) {
		char *full;

		if (err == 0 && asprintf(&full, "%s/%s", path, entries[i]->d_name) < 0)
			err = -ENOMEM;
		if (err == 0) {
			err = read_file(p, full, check);
			free(full);
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

int sp_local_policy(const char *const *path, int n, struct sp_check *check, struct sp_policy **ret)
{
	struct sp_policy *p;
	struct stat st;
	int err = 0;

	SP_TRY(sp_policy_new(&p));
	for (int i = 0; i < n && err == 0; i++) {
		if (stat(path[i], &st) < 0)
			err = unreadable(check, path[i], -errno);
		else if (S_ISDIR(st.st_mode))
			err = read_folder(p, path[i], check);
		else
			err = read_file(p, path[i], check);
	}
	if (err == 0)
		err = sp_check_ok(check) ? sp_policy_seal_in(p, check) : -EBADMSG;
	if (err)
		sp_policy_free(p);
	else
		*ret = p;
	return err;
}
