#include "controlplane/control/policies.h"

#include "common/room.h"
#include "config/policy_read.h"
#include "controlplane/control/statefile.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

#define NAME_MAX_BYTES 200u
#define FILES_MAX 100000u

static int open_dir(int at, const char *name, bool make, int *ret)
{
	if (make && mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	*ret = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret < 0 ? -errno : 0;
}

int sp_policies_init(struct sp_policies *p, const char *state_dir, int control_dir_fd)
{
	int n = snprintf(
		p->stage_path, sizeof(p->stage_path), "%s/control/policies/stage", state_dir);

	if (n < 0 || (size_t)n >= sizeof(p->stage_path))
		return -ENAMETOOLONG;
	return open_dir(control_dir_fd, "policies", true, &p->dir_fd);
}

static bool name_fit(struct sp_bytes name)
{
	if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return true;
}

typedef int entry_fn(int dir_fd, const char *name, void *user);

/// Call `fn` for each name in a folder but "." and "..".
static int each(int dir_fd, entry_fn *fn, void *user)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		err = -errno;
		sp_close_fd(&fd);
		return err;
	}
	for (errno = 0; err == 0 && (e = readdir(d)); errno = 0)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = fn(dir_fd, e->d_name, user);
	if (err == 0)
		err = -errno; // a folder not read to its end
	closedir(d);
	return err;
}

static int remove_file(int dir_fd, const char *name, void *user)
{
	(void)user;
	return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}

int sp_policies_stage_clear(struct sp_policies *p)
{
	SP_AUTO_FD fd = -1;

	SP_TRY(open_dir(p->dir_fd, "stage", true, &fd));
	return each(fd, remove_file, NULL);
}

int sp_policies_stage_file(struct sp_policies *p, struct sp_bytes name, struct sp_bytes text)
{
	char path[NAME_MAX_BYTES + 16];
	SP_AUTO_FD fd = -1;

	if (!name_fit(name))
		return -EINVAL;
	snprintf(path, sizeof(path), "stage/%.*s", SP_FMT(name));
	// another would be passed over, and with it whom it names
	if (!sp_policy_file_name(path + strlen("stage/")))
		return -EINVAL;
	fd = openat(p->dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	SP_TRY(sp_state_write_fd(fd, text));
	return fsync(fd) < 0 ? -errno : 0;
}

struct copying {
	struct sp_policies *to;
	size_t bytes;
	unsigned files;
};

static int copy_file(int dir_fd, const char *name, void *user)
{
	struct copying *c = user;
	uint8_t *text;
	size_t n;
	int err;

	if (!sp_policy_file_name(name))
		return 0;
	if (++c->files > FILES_MAX)
		return -E2BIG;
	err = sp_state_read(dir_fd, name, SP_POLICY_BYTES_MAX - c->bytes, &text, &n);
	if (err < 0)
		return err == -EFBIG ? -E2BIG : err;
	c->bytes += n;
	err = sp_policies_stage_file(c->to, sp_bytes_cstr(name), sp_bytes(text, n));
	free(text);
	return err;
}

static int stage_from(struct sp_policies *p, int from_fd)
{
	struct copying c = {.to = p};

	SP_TRY(sp_policies_stage_clear(p));
	return each(from_fd, copy_file, &c);
}

int sp_policies_stage_folder(struct sp_policies *p, const char *folder)
{
	SP_AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : stage_from(p, fd);
}

int sp_policies_stage_kept(struct sp_policies *p, uint64_t generation)
{
	char path[48];
	SP_AUTO_FD fd = -1;

	snprintf(path, sizeof(path), "%llu/src", (unsigned long long)generation);
	SP_TRY(open_dir(p->dir_fd, path, false, &fd));
	return stage_from(p, fd);
}

static int remove_entry(const struct sp_policies *p, uint64_t generation)
{
	char name[32], src[48], meta[48];
	SP_AUTO_FD fd = -1;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)generation);
	snprintf(src, sizeof(src), "%s/src", name);
	snprintf(meta, sizeof(meta), "%s/meta", name);
	// without its meta it is no entry any more, whatever happens next
	if (unlinkat(p->dir_fd, meta, 0) < 0 && errno != ENOENT)
		return -errno;
	if (open_dir(p->dir_fd, src, false, &fd) == 0)
		SP_TRY(each(fd, remove_file, NULL));
	if ((unlinkat(p->dir_fd, src, AT_REMOVEDIR) < 0 && errno != ENOENT) ||
		(unlinkat(p->dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT))
		return -errno;
	return 0;
}

struct listing {
	uint64_t *generation;
	uint32_t n, cap;
};

static int add_generation(int dir_fd, const char *name, void *user)
{
	struct listing *l = user;
	uint64_t v, *room;

	(void)dir_fd;
	if (sp_bytes_u64(sp_bytes_cstr(name), &v) < 0)
		return 0;
	room = sp_room_for_one(l->generation, l->n, &l->cap, sizeof(*room));
	if (!room)
		return -ENOMEM;
	l->generation = room;
	l->generation[l->n++] = v;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static int list_generations(const struct sp_policies *p, struct listing *ret)
{
	int err = each(p->dir_fd, add_generation, ret);

	if (err < 0) {
		free(ret->generation);
		return err;
	}
	if (ret->n)
		qsort(ret->generation, ret->n, sizeof(*ret->generation), newest_first);
	return 0;
}

static int prune(const struct sp_policies *p)
{
	struct listing l = {0};
	int err = list_generations(p, &l);

	if (err < 0)
		return err;
	for (size_t i = SP_POLICIES_KEPT; i < l.n && err == 0; i++)
		err = remove_entry(p, l.generation[i]);
	free(l.generation);
	return err;
}

int sp_policies_keep(struct sp_policies *p, const struct sp_policy_entry *e)
{
	char name[32], src[48];
	uint8_t text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text));
	SP_AUTO_FD fd = -1;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)e->generation);
	snprintf(src, sizeof(src), "%s/src", name);
	sp_policy_entry_print(e, &o);
	if (o.overflow)
		return -E2BIG;
	SP_TRY(open_dir(p->dir_fd, name, true, &fd));
	if (renameat(p->dir_fd, "stage", p->dir_fd, src) < 0)
		return -errno;
	// meta last: an entry without it is not there
	SP_TRY(sp_state_write(fd, "meta", sp_bytes(text, o.len)));
	if (fsync(p->dir_fd) < 0)
		return -errno;
	return prune(p);
}

static int read_entry(const struct sp_policies *p, uint64_t generation, struct sp_policy_entry *ret)
{
	char path[48];
	uint8_t *text;
	size_t n;
	int err;

	snprintf(path, sizeof(path), "%llu/meta", (unsigned long long)generation);
	SP_TRY(sp_state_read(p->dir_fd, path, 4096, &text, &n));
	err = sp_policy_entry_parse(sp_bytes(text, n), ret);
	free(text);
	return err == 0 && ret->generation != generation ? -EBADMSG : err;
}

int sp_policies_list(const struct sp_policies *p, struct sp_policy_entry ret[SP_POLICIES_KEPT])
{
	struct listing l = {0};
	unsigned n = 0;

	SP_TRY(list_generations(p, &l));
	for (size_t i = 0; i < l.n && n < SP_POLICIES_KEPT; i++)
		if (read_entry(p, l.generation[i], &ret[n]) == 0)
			n++;
	free(l.generation);
	return (int)n;
}
