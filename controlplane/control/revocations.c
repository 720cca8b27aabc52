#include "controlplane/control/revocations.h"

#include "controlplane/control/statefile.h"

#include <fcntl.h>
#include <sys/file.h>
#include "common/banned.h"

#define FILE_NAME "revoked"
#define FILE_MAX (1u << 30)
#define BY_ITS_AGENT UINT32_MAX ///< in place of an operator's uid

static const char *const kinds[] = {
	[SP_REVOKED_AGENT] = "agent",
	[SP_REVOKED_TOKEN] = "token",
	[SP_REVOKED_SESSION] = "session",
};

/// "<wall ns> <uid> <kind> <32 hex digits>"
void sp_revocation_print(const struct sp_revocation *v, struct sp_out *out)
{
	sp_out_u64(out, v->wall_ns);
	sp_out_lit(out, " ");
	sp_out_u64(out, v->uid);
	sp_out_lit(out, " ");
	sp_out_bytes(out, sp_bytes_cstr(kinds[v->kind]));
	sp_out_lit(out, " ");
	sp_out_hex(out, sp_bytes(v->id, sizeof(v->id)));
}

static int word(struct sp_bytes *line, struct sp_bytes *ret)
{
	const uint8_t *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
	size_t n = space ? (size_t)(space - line->p) : line->n;

	if (n == 0)
		return -EBADMSG;
	*ret = sp_bytes(line->p, n);
	n += space != NULL;
	*line = sp_bytes(line->p + n, line->n - n);
	return 0;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -EBADMSG;
}

static int parse_id(struct sp_bytes s, uint8_t ret[16])
{
	if (s.n != 32)
		return -EBADMSG;
	for (size_t i = 0; i < 16; i++) {
		int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EBADMSG;
		ret[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

static int parse_kind(struct sp_bytes s, enum sp_revoked_kind *ret)
{
	for (unsigned i = SP_REVOKED_AGENT; i < SP_ARRAY_LEN(kinds); i++) {
		if (sp_bytes_eq(s, sp_bytes_cstr(kinds[i]))) {
			*ret = (enum sp_revoked_kind)i;
			return 0;
		}
	}
	return -EBADMSG;
}

int sp_revocation_parse(struct sp_bytes line, struct sp_revocation *ret)
{
	struct sp_revocation v = {0};
	struct sp_bytes w;
	uint64_t uid;

	if (word(&line, &w) < 0 || sp_bytes_u64(w, &v.wall_ns) < 0)
		return -EBADMSG;
	if (word(&line, &w) < 0 || sp_bytes_u64(w, &uid) < 0 || uid > UINT32_MAX)
		return -EBADMSG;
	v.uid = (uint32_t)uid;
	SP_TRY(word(&line, &w));
	SP_TRY(parse_kind(w, &v.kind));
	SP_TRY(word(&line, &w));
	SP_TRY(parse_id(w, v.id));
	if (line.n)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static struct sp_revoked_key key_of(const struct sp_revocation *v)
{
	uint8_t sha256[32] = {0};

	memcpy(sha256, v->id, sizeof(v->id));
	return sp_revoked_key(v->kind, sha256);
}

static void take_effect(struct sp_revocations *r)
{
	atomic_fetch_add(&r->root->revoked_head, 1);
}

struct lines {
	uint8_t *text;
	size_t n, whole; ///< bytes, and those of whole lines
	size_t kept;     ///< bytes of lines kept, moved to the front
	uint64_t sessions_from_ns;
};

/// Every whole line into the region; those of expired sessions are left out.
static int load_lines(struct sp_revocations *r, struct lines *l)
{
	for (;;) {
		uint8_t *line = l->text + l->whole;
		const uint8_t *end = l->n > l->whole ? memchr(line, '\n', l->n - l->whole) : NULL;
		size_t n = end ? (size_t)(end - line) : 0;
		struct sp_revocation v;
		int err;

		if (!end)
			return 0;
		SP_TRY(sp_revocation_parse(sp_bytes(line, n), &v));
		l->whole += n + 1;
		if (v.kind == SP_REVOKED_SESSION && v.wall_ns < l->sessions_from_ns) {
			r->expired++;
			continue;
		}
		err = sp_revoked_add(r->region, key_of(&v));
		if (err < 0 && err != -EEXIST)
			return err;
		memmove(l->text + l->kept, line, n + 1);
		l->kept += n + 1;
		r->loaded++;
	}
}

static int open_file(struct sp_revocations *r, int dir_fd)
{
	r->fd = openat(
		dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return r->fd < 0 ? -errno : 0;
}

static int load(struct sp_revocations *r, int dir_fd, uint64_t sessions_from_ns)
{
	struct lines l = {.sessions_from_ns = sessions_from_ns};
	int err = sp_state_read(dir_fd, FILE_NAME, FILE_MAX, &l.text, &l.n);

	if (err < 0)
		return err;
	err = load_lines(r, &l);
	if (err == 0 && r->expired) {
		err = sp_state_write(dir_fd, FILE_NAME, sp_bytes(l.text, l.kept));
		sp_close_fd(&r->fd);
		if (err == 0)
			err = open_file(r, dir_fd);
	}
	free(l.text);
	if (err < 0)
		return err;
	// a crash while appending: that revocation was never acknowledged
	if (!r->expired && l.whole < l.n && ftruncate(r->fd, (off_t)l.whole) < 0)
		return -errno;
	r->cut = l.n - l.whole;
	if (r->loaded)
		take_effect(r);
	return 0;
}

int sp_revocations_init(struct sp_revocations *r, struct sp_root *root, const struct sp_shm *region,
	int dir_fd, uint64_t sessions_from_ns)
{
	int err;

	*r = (struct sp_revocations){
		.root = root, .region = (struct sp_revoked_region *)region->base};
	SP_TRY(open_file(r, dir_fd));
	err = load(r, dir_fd, sessions_from_ns);
	if (err >= 0 && fsync(dir_fd) < 0)
		err = -errno;
	if (err < 0)
		sp_revocations_done(r);
	return err;
}

void sp_revocations_done(struct sp_revocations *r)
{
	sp_close_fd(&r->fd);
}

/// Append one line and wait for the disk. What was written of it is taken back when that fails.
static int append(struct sp_revocations *r, const struct sp_revocation *v)
{
	uint8_t line[128];
	struct sp_out o = sp_out_init(line, sizeof(line));
	off_t end = lseek(r->fd, 0, SEEK_END);
	int err;

	if (end < 0)
		return -errno;
	sp_revocation_print(v, &o);
	sp_out_lit(&o, "\n");
	SP_BUG_IF(o.overflow);
	err = sp_state_write_fd(r->fd, sp_bytes(line, o.len));
	if (err >= 0 && fdatasync(r->fd) < 0)
		err = -errno;
	if (err < 0 && ftruncate(r->fd, end) < 0)
		return -EIO;
	return err;
}

int sp_revocations_add(struct sp_revocations *r, const struct sp_revocation *v)
{
	struct sp_revoked_key key = key_of(v);

	if (sp_revoked_has(r->region, key))
		return -EEXIST;
	if (atomic_load(&r->region->used) >= r->region->capacity / 4 * 3)
		return -ENOSPC;
	SP_TRY(append(r, v));
	SP_TRY(sp_revoked_add(r->region, key));
	take_effect(r);
	return 0;
}

int sp_revocations_end_session(struct sp_revocations *r, const uint8_t id[16], uint64_t wall_ns)
{
	struct sp_revocation v = {
		.kind = SP_REVOKED_SESSION, .wall_ns = wall_ns, .uid = BY_ITS_AGENT};

	memcpy(v.id, id, sizeof(v.id));
	if (atomic_load(&r->region->used) >= r->region->capacity / 2)
		return -ENOSPC;
	return sp_revocations_add(r, &v);
}
