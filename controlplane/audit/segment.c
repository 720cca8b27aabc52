#include "controlplane/audit/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/banned.h"

#define SEGMENT_BYTES_MAX (4ull << 30)

void sp_segment_name(uint64_t number, char ret[SP_SEGMENT_NAME])
{
	snprintf(ret, SP_SEGMENT_NAME, "journal-%012" PRIu64, number);
}

int sp_segment_number(const char *name, uint64_t *ret)
{
	struct sp_bytes n = sp_bytes_cstr(name), prefix = SP_LIT("journal-");

	if (!sp_bytes_starts(n, prefix) || n.n != prefix.n + 12)
		return -EINVAL;
	return sp_bytes_u64(sp_bytes(n.p + prefix.n, n.n - prefix.n), ret);
}

size_t sp_segment_head_bytes(uint32_t open_n)
{
	size_t n = sizeof(struct sp_segment_head) + (size_t)open_n * sizeof(struct sp_open_call);

	return (n + SP_SEGMENT_PAGE - 1) / SP_SEGMENT_PAGE * SP_SEGMENT_PAGE;
}

static void digest_of(struct sp_bytes head, uint8_t ret[SP_SHA256])
{
	static const uint8_t zero[SP_SHA256];
	size_t at = offsetof(struct sp_segment_head, digest);
	struct sp_bytes piece[] = {{head.p, at}, {zero, sizeof(zero)},
		{head.p + at + SP_SHA256, head.n - at - SP_SHA256}};

	sp_sha256(piece, SP_ARRAY_LEN(piece), ret);
}

void sp_segment_head_write(
	uint8_t *p, const struct sp_segment_head *h, const struct sp_open_calls *open)
{
	size_t total = sp_segment_head_bytes(open->used);
	struct sp_segment_head head = *h;
	uint8_t *at = p + sizeof(head);
	const struct sp_open_call *c;
	uint32_t i = 0;

	memcpy(head.magic, SP_SEGMENT_MAGIC, sizeof(head.magic));
	head.head_bytes = (uint32_t)total;
	head.open_n = open->used;
	memset(p, 0, total);
	while ((c = sp_open_calls_next(open, &i))) {
		memcpy(at, c, sizeof(*c));
		at += sizeof(*c);
	}
	memset(head.digest, 0, sizeof(head.digest));
	memcpy(p, &head, sizeof(head));
	digest_of(sp_bytes(p, total), head.digest);
	memcpy(p, &head, sizeof(head));
}

int sp_segment_head_read(struct sp_bytes data, struct sp_segment_head *ret)
{
	struct sp_segment_head h;
	uint8_t digest[SP_SHA256];

	if (data.n < sizeof(h))
		return -EBADMSG;
	memcpy(&h, data.p, sizeof(h));
	if (memcmp(h.magic, SP_SEGMENT_MAGIC, sizeof(h.magic)) != 0 || h.open_n > 1u << 24 ||
		h.head_bytes != sp_segment_head_bytes(h.open_n) || h.head_bytes > data.n ||
		h.number == 0 || h.first_seq == 0 || h.tree.size != h.first_seq - 1)
		return -EBADMSG;
	digest_of(sp_bytes(data.p, h.head_bytes), digest);
	if (memcmp(digest, h.digest, sizeof(digest)) != 0)
		return -EBADMSG;
	*ret = h;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/// A folder that cannot be read to its end is not the shorter one it seems.
static int read_numbers(DIR *d, struct sp_segment_list *l)
{
	struct dirent *e;
	size_t cap = 0;

	while (errno = 0, (e = readdir(d))) {
		uint64_t number;

		if (sp_segment_number(e->d_name, &number) < 0)
			continue;
		if (l->n == cap) {
			uint64_t *more = reallocarray(
				l->number, cap = cap ? 2 * cap : 64, sizeof(*more));

			if (!more)
				return -ENOMEM;
			l->number = more;
		}
		l->number[l->n++] = number;
	}
	return -errno;
}

int sp_segment_list(int dir, struct sp_segment_list *ret)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct sp_segment_list l = {0};

	if (!d) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = read_numbers(d, &l);
	closedir(d);
	if (err < 0) {
		sp_segment_list_done(&l);
		return err;
	}
	if (l.n)
		qsort(l.number, l.n, sizeof(*l.number), by_number);
	*ret = l;
	return 0;
}

void sp_segment_list_done(struct sp_segment_list *l)
{
	free(l->number);
	*l = (struct sp_segment_list){0};
}

static int read_all(int fd, uint8_t *p, size_t n, uint64_t off, size_t *ret)
{
	size_t at = 0;

	while (at < n) {
		ssize_t r = pread(fd, p + at, n - at, (off_t)(off + at));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		at += (size_t)r;
	}
	*ret = at;
	return 0;
}

static int load(int dir, uint64_t number, size_t most, uint8_t **ret, size_t *ret_n)
{
	char name[SP_SEGMENT_NAME];
	SP_AUTO_FD fd = -1;
	struct stat st;
	uint8_t *p;
	size_t n;
	int err;

	sp_segment_name(number, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size < sizeof(struct sp_segment_head) ||
		(uint64_t)st.st_size > SEGMENT_BYTES_MAX)
		return -EBADMSG;
	n = sp_min((size_t)st.st_size, most);
	p = malloc(n);
	if (!p)
		return -ENOMEM;
	err = read_all(fd, p, n, 0, &n);
	if (err < 0 || n < sizeof(struct sp_segment_head)) {
		free(p);
		return err < 0 ? err : -EBADMSG;
	}
	*ret = p;
	*ret_n = n;
	return 0;
}

int sp_segment_load(int dir, uint64_t number, uint8_t **ret, size_t *ret_n)
{
	return load(dir, number, SIZE_MAX, ret, ret_n);
}

int sp_segment_read(int dir, uint64_t number, uint64_t off, uint8_t *buf, size_t cap, size_t *ret_n)
{
	char name[SP_SEGMENT_NAME];
	SP_AUTO_FD fd = -1;

	sp_segment_name(number, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	return read_all(fd, buf, cap, off, ret_n);
}

int sp_segment_head_load(int dir, uint64_t number, struct sp_segment_head *ret)
{
	struct sp_segment_head h;
	uint8_t *p = NULL;
	size_t n = 0;
	int err;

	SP_TRY(load(dir, number, sizeof(h), &p, &n));
	if (!p)
		return -EIO;
	memcpy(&h, p, sizeof(h));
	err = sp_segment_head_bytes(h.open_n & 0xffffff);
	free(p);
	p = NULL;
	SP_TRY(load(dir, number, (size_t)err, &p, &n));
	err = p ? sp_segment_head_read(sp_bytes(p, n), ret) : -EIO;
	free(p);
	return err;
}

int sp_segment_frame(int dir, uint64_t number, uint32_t off,
	uint8_t buf[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX], struct sp_frame *ret)
{
	char name[SP_SEGMENT_NAME];
	SP_AUTO_FD fd = -1;
	ssize_t n;

	sp_segment_name(number, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	n = pread(fd, buf, sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX, off);
	if (n < 0)
		return -errno;
	return sp_frame_at(sp_bytes(buf, (size_t)n), 0, ret);
}
