/// `init`: a configuration to begin with. Nothing that is there is touched.
#include "tools/sallyctl/local.h"

#include "tools/sallyctl/init_files.h"
#include "tools/sallyctl/local_records.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s%s; see 'sallyctl help init'\n", what, which);
	return SP_CTL_USAGE;
}

static int failed(const char *path, int err)
{
	fprintf(stderr, "sallyctl: %s: %s\n", path, strerror(-err));
	return err;
}

static int below(char path[PATH_MAX], const char *name, size_t n)
{
	size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);

	if (len + 1 + n >= PATH_MAX)
		return -ENAMETOOLONG;
	path[len] = '/';
	memcpy(path + len + 1, name, n);
	path[len + 1 + n] = 0;
	return 0;
}

/// The absolute path of a folder that is there, or that can be made.
static int whole_path(const char *dir, char ret[PATH_MAX])
{
	char parent[PATH_MAX];
	size_t n = strlen(dir), base;

	if (realpath(dir, ret))
		return 0;
	if (errno != ENOENT)
		return -errno;
	while (n > 1 && dir[n - 1] == '/')
		n--;
	for (base = n; base > 0 && dir[base - 1] != '/';)
		base--;
	if (snprintf(parent, sizeof(parent), "%.*s", (int)base, base ? dir : "") >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!realpath(base ? parent : ".", ret))
		return -errno;
	return below(ret, dir + base, n - base);
}

static int no_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int empty_folder(const char *dir)
{
	struct dirent **entries;
	int n;

	if (mkdir(dir, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	n = scandir(dir, &entries, no_dots, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return n ? -ENOTEMPTY : 0;
}

static int put_file(const char *dir, const char *name, const char *text, size_t n)
{
	char path[PATH_MAX];
	SP_AUTO_FD fd = -1;
	ssize_t written;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	written = write(fd, text, n);
	if (written < 0)
		return -errno;
	return (size_t)written == n ? 0 : -ENOSPC;
}

/// What is written is a configuration that the gateway takes, wherever it stands.
static int check_gateway(const char *text, size_t n)
{
	struct sp_gateway *g;
	struct sp_check check;
	int err;

	sp_check_init(&check);
	err = sp_gateway_parse(sp_bytes(text, n), "sallyport.yaml", &check, &g);
	if (err)
		sp_records_tell(&check, "sallyport.yaml", err);
	else
		sp_gateway_free(g);
	sp_check_done(&check);
	return err;
}

static int make_text(void (*put)(FILE *f, enum sp_profile profile, const char *dir),
	enum sp_profile profile, const char *dir, char **ret, size_t *ret_n)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return -errno;
	put(f, profile, dir);
	if (fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	*ret_n = n;
	return 0;
}

static int write_all(enum sp_profile profile, const char *dir, const char *gateway, size_t gateway_n,
	const char *readme, size_t readme_n)
{
	const char *policy = sp_init_policy(profile);
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/policy", dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	SP_TRY(empty_folder(dir));
	SP_TRY(empty_folder(path));
	SP_TRY(put_file(path, "policy.yaml", policy, strlen(policy)));
	SP_TRY(put_file(dir, "sallyport.yaml", gateway, gateway_n));
	return put_file(dir, "README.md", readme, readme_n);
}

static int init(enum sp_profile profile, const char *dir)
{
	char *gateway = NULL, *readme = NULL;
	size_t gateway_n = 0, readme_n = 0;
	int err = make_text(sp_init_gateway, profile, dir, &gateway, &gateway_n);

	if (err == 0)
		err = make_text(sp_init_readme, profile, dir, &readme, &readme_n);
	if (err == 0)
		err = check_gateway(gateway, gateway_n);
	if (err == 0) {
		err = write_all(profile, dir, gateway, gateway_n, readme, readme_n);
		if (err == -ENOTEMPTY)
			fprintf(stderr, "sallyctl: %s is not empty: nothing was written\n", dir);
		else if (err)
			failed(dir, err);
	}
	free(gateway);
	free(readme);
	return err;
}

static int print(const struct sp_line *l, enum sp_profile profile, const char *dir)
{
	static const char *const files[] = {"sallyport.yaml", "policy/policy.yaml", "README.md"};
	struct sp_cv_out o;
	int err;

	sp_cv_out_init(&o);
	sp_cv_put_map(&o);
	sp_cv_put_str(&o, "profile");
	sp_cv_put_str(&o, sp_profile_name(profile));
	sp_cv_put_str(&o, "directory");
	sp_cv_put_str(&o, dir);
	sp_cv_put_str(&o, "files");
	sp_cv_put_array(&o);
	for (size_t i = 0; i < SP_ARRAY_LEN(files); i++)
		sp_cv_put_str(&o, files[i]);
	sp_cv_put_end(&o);
	sp_cv_put_end(&o);
	err = sp_records_print(l, &o, NULL);
	sp_cv_out_done(&o);
	return err;
}

static int profile_of(const char *text, enum sp_profile *ret)
{
	for (unsigned i = SP_PROFILE_DEVELOPMENT; i <= SP_PROFILE_COMPLIANCE; i++)
		if (strcmp(sp_profile_name((enum sp_profile)i), text) == 0) {
			*ret = (enum sp_profile)i;
			return 0;
		}
	return -EINVAL;
}

int sp_local_init(const struct sp_line *l)
{
	const char *dir = NULL, *name = NULL;
	enum sp_profile profile;
	char full[PATH_MAX];
	int err;

	for (int i = 0; i < l->argc; i++) {
		const char *arg = l->argv[i];

		if (strncmp(arg, "--profile=", 10) == 0)
			name = arg + 10;
		else if (strcmp(arg, "--profile") == 0 && i + 1 < l->argc)
			name = l->argv[++i];
		else if (strncmp(arg, "--", 2) == 0)
			return usage("unknown or incomplete option ", arg);
		else if (dir)
			return usage("one folder at a time, not also ", arg);
		else
			dir = arg;
	}
	if (!name)
		return usage("which profile has to be said with --profile", "");
	if (profile_of(name, &profile) < 0)
		return usage("--profile takes development, production or compliance, not ", name);
	if (!dir || !dir[0])
		return usage("init needs a folder", "");
	err = whole_path(dir, full);
	if (err)
		failed(dir, err);
	else
		err = init(profile, full);
	if (err == 0)
		err = print(l, profile, full);
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}
