#include "config/load.h"
#include "common/room.h"
#include "config/policy_read.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <stdio.h>
#include "common/banned.h"

#define FILES_MAX 100000u

struct folder {
	const char *dir;
	char **name;
	uint32_t n, cap;
	struct sp_check *check;
	struct sp_policy *policy;
	EVP_MD_CTX *hash;
};

static int add_name(struct folder *f, const char *name)
{
	char **v;

	if (f->n == FILES_MAX)
		return -E2BIG;
	v = sp_room_for_one(f->name, f->n, &f->cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	f->name = v;
	f->name[f->n] = strdup(name);
	if (!f->name[f->n])
		return -ENOMEM;
	f->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int unreadable(struct folder *f, int err)
{
	sp_check_add(f->check, (struct sp_at){f->dir, 0, 0}, NULL, "cannot be read: %s", strerror(err));
	return -EBADMSG;
}

static int list(struct folder *f)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;
	int err = 0;

	if (!d)
		return unreadable(f, errno);
	for (errno = 0; !err && (e = readdir(d)); errno = 0)
		if (sp_policy_file_name(e->d_name))
			err = add_name(f, e->d_name);
	if (!err && errno) // not read to its end: a denial may stand in what is missing
		err = unreadable(f, errno);
	closedir(d);
	if (f->n)
		qsort(f->name, f->n, sizeof(*f->name), by_name);
	return err;
}

/// Name and content, each with its length, so that no two sets of files share a text.
static int hash_file(struct folder *f, const char *name, struct sp_bytes text)
{
	const uint64_t lens[2] = {strlen(name), text.n};

	if (EVP_DigestUpdate(f->hash, lens, sizeof(lens)) != 1 ||
		EVP_DigestUpdate(f->hash, name, lens[0]) != 1 ||
		EVP_DigestUpdate(f->hash, text.p, text.n) != 1)
		return -ENOMEM;
	return 0;
}

static int read_file(struct folder *f, const char *name)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", f->dir, name), err;
	uint8_t *text;
	size_t n;

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	err = sp_load_file(path, SP_POLICY_TEXT_MAX, &text, &n);
	if (err == -ENOMEM)
		return err;
	if (err) {
		sp_check_add(f->check, (struct sp_at){path, 0, 0}, NULL, "cannot be read: %s",
			sp_load_why(err));
		return -EBADMSG;
	}
	err = sp_policy_read(f->policy, sp_bytes(text, n), path, f->check);
	if (!err)
		err = hash_file(f, name, sp_bytes(text, n));
	free(text);
	return err;
}

/// Every file is read, so that all problems are told; one that is wrong spoils the whole.
static int read_all(struct folder *f)
{
	uint32_t before = sp_check_count(f->check);
	int err = list(f);

	if (err)
		return err;
	for (size_t i = 0; i < f->n; i++) {
		err = read_file(f, f->name[i]);
		if (err && err != -EBADMSG)
			return err;
	}
	if (sp_check_count(f->check) != before)
		return -EBADMSG;
	if (EVP_DigestFinal_ex(f->hash, f->policy->sha256, NULL) != 1)
		return -ENOMEM;
	return sp_policy_seal_in(f->policy, f->check);
}

int sp_load_policy(const char *dir, struct sp_check *check, struct sp_policy **ret)
{
	struct folder f = {.dir = dir, .check = check, .hash = EVP_MD_CTX_new()};
	int err = sp_policy_new(&f.policy);

	if (!err && (!f.hash || EVP_DigestInit_ex(f.hash, EVP_sha256(), NULL) != 1))
		err = -ENOMEM;
	if (!err)
		err = read_all(&f);
	EVP_MD_CTX_free(f.hash);
	for (size_t i = 0; i < f.n; i++)
		free(f.name[i]);
	free(f.name);
	if (err)
		sp_policy_free(f.policy);
	else
		*ret = f.policy;
	return err;
}
