#include "controlplane/audit/journal.h"

#include "common/clock.h"
#include "common/record.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "common/banned.h"

#define HUGE_PAGE (2u << 20)
#define ZERO_STEP HUGE_PAGE
#define ROOM_BYTES (2 * HUGE_PAGE)
_Static_assert(ROOM_BYTES >= SP_BATCH_BYTES_MAX + 2 * SP_SEGMENT_PAGE + SP_SHA256_PAD, "a batch in whole pages");
/// Room that a segment must have left for a batch to be begun in it.
#define ROOM_MIN (sizeof(struct sp_batch_head) + 2 * (sizeof(struct sp_frame_head) + SP_RECORD_MAX))

/// Memory that goes to the disk as it lies, in as few pieces as can be.
static uint8_t *disk_memory(size_t bytes)
{
	uint8_t *p = aligned_alloc(HUGE_PAGE, bytes);

	if (p)
		(void)!madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

/// Past the page cache where the file system can: copying zeros into it costs more than records do.
/// *ret_direct = it could.
static int write_zeros(
	struct sp_store_io *io, int fd, const uint8_t *zeros, uint64_t bytes, bool *ret_direct)
{
	int flags = fcntl(fd, F_GETFL);
	bool direct = flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
	int err = 0;

	for (uint64_t at = 0; at < bytes && !err;) {
		uint64_t n = sp_min((uint64_t)ZERO_STEP, bytes - at);

		err = io->write(io, fd, sp_bytes(zeros, n), at);
		if (err == -EINVAL && direct) {
			direct = false;
			err = fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
		} else {
			at += n;
		}
	}
	if (direct && !err)
		err = fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
	*ret_direct = direct;
	return err;
}

static int fill_spare(struct sp_store_io *io, int fd, uint64_t bytes)
{
	uint8_t *room, *zeros;
	bool direct;
	int err;

	SP_TRY(io->allocate(io, fd, bytes));
	// Memory that is only read is the kernel's one huge page of zeros: nobody has to clear it.
	room = mmap(NULL, 2 * ZERO_STEP, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	zeros = room + (HUGE_PAGE - (uintptr_t)room % HUGE_PAGE) % HUGE_PAGE;
	(void)!madvise(zeros, ZERO_STEP, MADV_HUGEPAGE);
	err = write_zeros(io, fd, zeros, bytes, &direct);
	munmap(room, 2 * ZERO_STEP);
	SP_TRY(err);
	SP_TRY(io->sync(io, fd));
	// Through the cache a write that ends within a page wants the page at hand.
	if (!direct)
		(void)!posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	return 0;
}

static int make_spare(struct sp_journal *j, uint64_t bytes)
{
	struct sp_store_io *io = j->c.io;
	SP_AUTO_FD fd = -1;
	int err;

	// A new file each time: one of this name may be a segment that is just getting its own.
	if (unlinkat(j->c.dir, SP_SEGMENT_SPARE, 0) < 0 && errno != ENOENT)
		return -errno;
	SP_TRY(io->open(io, j->c.dir, SP_SEGMENT_SPARE, O_RDWR | O_CREAT | O_EXCL, &fd));
	err = fill_spare(io, fd, bytes);
	if (err < 0) { // what it got of a full disk is for others
		(void)!unlinkat(j->c.dir, SP_SEGMENT_SPARE, 0);
		return err;
	}
	j->spare = sp_take_fd(&fd);
	j->spare_bytes = bytes;
	return 0;
}

int sp_journal_prepare(struct sp_journal *j)
{
	int err = 0;

	pthread_mutex_lock(&j->spare_lock);
	atomic_store_explicit(&j->spare_wanted, false, memory_order_relaxed);
	if (j->spare < 0)
		err = make_spare(j, j->c.segment_bytes);
	pthread_mutex_unlock(&j->spare_lock);
	return err;
}

static void head_of_next(const struct sp_journal *j, struct sp_segment_head *h)
{
	*h = (struct sp_segment_head){
		.number = j->number + 1,
		.first_seq = j->chain.seq + 1,
		.boot_first_seq = j->boot_first_seq,
		.created_ns = sp_clock_wall_ns(),
		.tree = j->tree,
	};
	memcpy(h->store_id, j->store_id, sizeof(h->store_id));
	memcpy(h->boot_id, j->c.boot_id, sizeof(h->boot_id));
	memcpy(h->prev_hash, j->chain.hash, sizeof(h->prev_hash));
	memcpy(h->worker_seq, j->worker_seq, sizeof(h->worker_seq));
}

/// Write the head into the spare and give it its name: from then on it is the last segment.
/// Under the spare's lock: until it has that name, nobody may make another one.
static int name_spare(struct sp_journal *j, int fd, struct sp_bytes head, uint64_t number)
{
	struct sp_store_io *io = j->c.io;
	char name[SP_SEGMENT_NAME];

	sp_segment_name(number, name);
	SP_TRY(io->write(io, fd, head, 0));
	SP_TRY(io->sync(io, fd));
	SP_TRY(io->rename(io, j->c.dir, SP_SEGMENT_SPARE, name));
	return io->sync(io, j->c.dir);
}

static int use_spare(struct sp_journal *j, uint64_t bytes, struct sp_bytes head, int *ret)
{
	SP_AUTO_FD fd = -1;
	int err = 0;

	pthread_mutex_lock(&j->spare_lock);
	if (j->spare >= 0 && j->spare_bytes < bytes)
		sp_close_fd(&j->spare);
	if (j->spare < 0)
		err = make_spare(j, bytes);
	if (!err) {
		fd = sp_take_fd(&j->spare);
		err = name_spare(j, fd, head, j->number + 1);
	}
	pthread_mutex_unlock(&j->spare_lock);
	if (!err)
		*ret = sp_take_fd(&fd);
	return err;
}

/// A process that was killed may leave a write on its way to the disk. The lock is of the open file, which that write
/// holds, so whoever gets it next finds the file at rest.
static int hold(int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static uint64_t page_of(uint64_t off)
{
	return off / SP_SEGMENT_PAGE * SP_SEGMENT_PAGE;
}

static int start_segment(struct sp_journal *j)
{
	size_t head_bytes = sp_segment_head_bytes(j->c.open->used);
	uint64_t least = sp_max(j->c.segment_bytes, 2 * head_bytes + ROOM_MIN);
	uint64_t bytes = page_of(least + SP_SEGMENT_PAGE - 1);
	uint8_t *head = malloc(head_bytes);
	struct sp_segment_head h;
	SP_AUTO_FD fd = -1;
	int err;

	if (!head)
		return -ENOMEM;
	head_of_next(j, &h);
	sp_segment_head_write(head, &h, j->c.open);
	err = use_spare(j, bytes, sp_bytes(head, head_bytes), &fd);
	memcpy(&h, head, sizeof(h));
	free(head);
	SP_TRY(err);
	SP_TRY(hold(fd));
	j->c.io->direct(j->c.io, fd);
	sp_close_fd(&j->fd);
	j->fd = sp_take_fd(&fd);
	j->number = h.number;
	j->off = j->data = head_bytes;
	j->end = bytes;
	memcpy(j->head_digest, h.digest, sizeof(h.digest));
	return 0;
}

/// The old segment ends where its last batch does, for good, before there is a next one.
static int rotate(struct sp_journal *j)
{
	struct sp_store_io *io = j->c.io;

	if (j->fd >= 0) {
		SP_TRY(io->resize(io, j->fd, j->off));
		SP_TRY(io->sync(io, j->fd));
		j->end = j->off;
	}
	return start_segment(j);
}

static void frame_into_batch(struct sp_journal *j, uint32_t worker, uint64_t worker_seq,
	uint32_t epoch, struct sp_bytes bytes, struct sp_frame *ret)
{
	uint8_t *p = j->batch + j->batch_len;

	sp_frame_write(p, &j->next, &j->side, worker, worker_seq, epoch, bytes);
	memcpy(&ret->head, p, sizeof(ret->head));
	ret->bytes = sp_bytes(p + sizeof(ret->head), bytes.n);
	ret->off = j->off + j->batch_len;
	if (worker < SP_PRODUCERS_MAX && worker_seq)
		j->next_worker_seq[worker] = worker_seq;
	j->batch_len += sp_frame_size(bytes.n);
	j->batch_n++;
}

/// A segment's first record puts its head under the chain.
static void pin_head(struct sp_journal *j)
{
	uint8_t buf[512];
	char object[48], detail[80];
	struct sp_out hex = sp_out_init(detail, sizeof(detail));
	struct sp_record_writer w;
	struct sp_frame f;
	int n;

	snprintf(object, sizeof(object), "segment %" PRIu64, j->number);
	sp_out_hex(&hex, sp_bytes(j->head_digest, sizeof(j->head_digest)));
	sp_record_begin(&w, buf, sizeof(buf));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_LIFECYCLE);
	sp_record_u(&w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_b(&w, SP_F_NODE, sp_bytes(j->c.boot_id, sizeof(j->c.boot_id)));
	sp_record_s(&w, SP_F_ACTOR, SP_LIT("audit"));
	sp_record_s(&w, SP_F_OBJECT, sp_bytes_cstr(object));
	sp_record_s(&w, SP_F_DETAIL, sp_bytes(detail, hex.len));
	n = sp_record_end(&w);
	SP_BUG_IF(n < 0);
	frame_into_batch(j, SP_FRAME_OWN, 0, 0, sp_bytes(buf, (size_t)n), &f);
}

static int begin_batch(struct sp_journal *j)
{
	if (j->end - j->off < ROOM_MIN) {
		int err = rotate(j);

		if (err < 0) {
			j->failed = err;
			return err;
		}
	}
	j->batch = j->room + (j->off - page_of(j->off));
	j->batch_len = sizeof(struct sp_batch_head);
	j->batch_n = 0;
	j->next = j->chain;
	j->next_tree = j->tree;
	sp_side_init(&j->side, &j->next_tree, j->batch + j->batch_len);
	memcpy(j->next_worker_seq, j->worker_seq, sizeof(j->worker_seq));
	if (j->off == j->data)
		pin_head(j);
	return 0;
}

int sp_journal_add(struct sp_journal *j, uint32_t worker, uint64_t worker_seq, uint32_t epoch,
	struct sp_bytes bytes, struct sp_frame *ret)
{
	size_t need = sp_frame_size(bytes.n);

	if (j->failed)
		return j->failed;
	SP_BUG_IF(bytes.n > SP_FRAME_BYTES_MAX);
	if (j->batch_n == 0)
		SP_TRY(begin_batch(j));
	else if (need > SP_BATCH_BYTES_MAX - j->batch_len ||
		need > j->end - j->off - j->batch_len)
		return -EAGAIN;
	frame_into_batch(j, worker, worker_seq, epoch, bytes, ret);
	return 0;
}

bool sp_journal_pinned(const struct sp_journal *j, struct sp_frame *ret)
{
	size_t at = sizeof(struct sp_batch_head);
	struct sp_frame f;

	if (j->batch_n == 0 || j->off != j->data || sp_frame_at(sp_bytes(j->batch, j->batch_len), at, &f) < 0)
		return false;
	f.off += j->off;
	*ret = f;
	return true;
}

/// The batch in whole pages: its first one as it is on disk up to the batch, its last one ending in zeros.
static int append_batch(struct sp_journal *j)
{
	uint64_t page = page_of(j->off);
	size_t n = (size_t)(j->off - page) + j->batch_len, whole = page_of(n + SP_SEGMENT_PAGE - 1);

	memset(j->room + n, 0, whole - n);
	return j->c.io->append(j->c.io, j->fd, sp_bytes(j->room, whole), page);
}

/// What follows begins within the page that the batch ended in.
static void keep_last_page(struct sp_journal *j)
{
	const uint8_t *end = j->batch + j->batch_len;
	size_t n;

	j->off += j->batch_len;
	n = (size_t)(j->off - page_of(j->off));
	memmove(j->room, end - n, n);
}

int sp_journal_commit(struct sp_journal *j)
{
	size_t head = sizeof(struct sp_batch_head);
	int err;

	if (j->failed || j->batch_n == 0)
		return j->failed;
	sp_side_done(&j->side);
	sp_batch_head_write(
		j->batch, (uint32_t)(j->batch_len - head), j->chain.seq + 1, j->batch_n);
	err = append_batch(j);
	j->batch_n = 0;
	if (err < 0) {
		j->failed = err;
		return err;
	}
	j->chain = j->next;
	j->tree = j->next_tree;
	memcpy(j->worker_seq, j->next_worker_seq, sizeof(j->worker_seq));
	keep_last_page(j);
	if (j->off - j->data > (j->end - j->data) / 4)
		atomic_store_explicit(&j->spare_wanted, true, memory_order_relaxed);
	return 0;
}

static int restore_head(struct sp_journal *j, struct sp_bytes data)
{
	struct sp_segment_head h;
	struct sp_open_call c;

	SP_TRY(sp_segment_head_read(data, &h));
	memcpy(j->store_id, h.store_id, sizeof(j->store_id));
	memcpy(j->head_digest, h.digest, sizeof(j->head_digest));
	memcpy(j->worker_seq, h.worker_seq, sizeof(j->worker_seq));
	memcpy(j->chain.hash, h.prev_hash, SP_SHA256);
	j->chain.seq = h.first_seq - 1;
	j->tree = h.tree;
	j->data = h.head_bytes;
	j->boot_first_seq = h.boot_first_seq;
	sp_open_calls_clear(j->c.open);
	for (uint32_t i = 0; i < h.open_n; i++) {
		memcpy(&c, data.p + sizeof(h) + i * sizeof(c), sizeof(c));
		if (c.seq)
			sp_open_calls_add(j->c.open, &c);
	}
	j->new_boot = memcmp(h.boot_id, j->c.boot_id, sizeof(h.boot_id)) != 0;
	return 0;
}

static void take_found(struct sp_journal *j, const struct sp_frame *f)
{
	sp_merkle_add(&j->tree, f->head.hash);
	if (f->head.worker < SP_PRODUCERS_MAX && f->head.worker_seq)
		j->worker_seq[f->head.worker] = f->head.worker_seq;
	if (j->c.on_found)
		j->c.on_found(j->c.ctx, f, j->number);
}

/// Frames are handed on batch by batch: those of a torn batch were never acknowledged.
static int replay(struct sp_journal *j, struct sp_scan *s)
{
	struct sp_frame f;
	int r;

	while ((r = sp_scan_next(s, &f)) > 0) {
		size_t at = s->batch + sizeof(struct sp_batch_head);

		if (s->batch_end)
			continue;
		while (at < s->off) {
			SP_TRY(sp_frame_at(s->data, at, &f));
			take_found(j, &f);
			at += sp_frame_size(f.head.len);
		}
	}
	if (r < 0 && !sp_scan_torn(s))
		return r;
	j->chain = r < 0 ? s->before : s->chain;
	j->found_seq = j->chain.seq;
	j->off = r < 0 ? s->batch : s->off;
	j->end = sp_max(j->off, page_of(s->data.n));
	memcpy(j->room, s->data.p + page_of(j->off), (size_t)(j->off - page_of(j->off)));
	if (r < 0)
		j->cut_bytes = s->data.n - s->batch;
	return 0;
}

/// Read from the disk, not from what the page cache still holds of the failed write.
static int drop_cache(struct sp_journal *j, const char *name)
{
	SP_AUTO_FD fd = -1;

	SP_TRY(sp_store_io_plain.open(&sp_store_io_plain, j->c.dir, name, O_RDONLY, &fd));
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int recover(struct sp_journal *j, uint64_t number)
{
	char name[SP_SEGMENT_NAME];
	struct sp_scan s;
	uint8_t *p = NULL;
	size_t n = 0;
	int err;

	j->number = number;
	sp_segment_name(number, name);
	SP_TRY(j->c.io->open(j->c.io, j->c.dir, name, O_RDWR, &j->fd));
	SP_TRY(hold(j->fd));
	SP_TRY(drop_cache(j, name));
	SP_TRY(sp_segment_load(j->c.dir, number, &p, &n));
	err = restore_head(j, sp_bytes(p, n));
	if (!err) {
		sp_scan_init(&s, sp_bytes(p, n), j->data, &j->chain);
		err = replay(j, &s);
	}
	if (!err && j->cut_bytes) { // tell what was written of it, not the zeros behind
		size_t last = n;

		while (last > j->off && p[last - 1] == 0)
			last--;
		j->cut_bytes = last - j->off;
	}
	free(p);
	SP_TRY(err);
	j->c.io->direct(j->c.io, j->fd);
	if (j->cut_bytes) {
		SP_TRY(j->c.io->resize(j->c.io, j->fd, j->off));
		j->end = j->off;
	}
	// What was read may not be on disk yet: the last life may have died before its sync.
	return j->c.io->sync(j->c.io, j->fd);
}

static int recover_or_create(struct sp_journal *j)
{
	struct sp_segment_list l;
	uint64_t last;

	SP_TRY(sp_segment_list(j->c.dir, &l));
	last = l.n ? l.number[l.n - 1] : 0;
	sp_segment_list_done(&l);
	if (last == 0) {
		if (getrandom(j->store_id, sizeof(j->store_id), 0) != sizeof(j->store_id))
			return -EIO;
		j->new_boot = true;
		return start_segment(j);
	}
	SP_TRY(recover(j, last));
	if (j->new_boot) {
		// Workers count anew, and a segment is of one life.
		memset(j->worker_seq, 0, sizeof(j->worker_seq));
		j->boot_first_seq = j->chain.seq + 1;
		return rotate(j);
	}
	return 0;
}

int sp_journal_open(struct sp_journal *j, const struct sp_journal_config *c)
{
	int err;

	if (c->segment_bytes < SP_JOURNAL_SEGMENT_MIN)
		return -EINVAL;
	*j = (struct sp_journal){.c = *c, .fd = -1, .spare = -1, .boot_first_seq = 1};
	pthread_mutex_init(&j->spare_lock, NULL);
	j->room = disk_memory(ROOM_BYTES);
	if (!j->room)
		return -ENOMEM;
	err = recover_or_create(j);
	if (err < 0)
		sp_journal_close(j);
	return err;
}

void sp_journal_close(struct sp_journal *j)
{
	sp_close_fd(&j->fd);
	sp_close_fd(&j->spare);
	free(j->room);
	j->room = j->batch = NULL;
}

static int prove(const struct sp_journal *j, struct sp_bytes data)
{
	struct sp_segment_head h;
	struct sp_chain c;
	struct sp_scan s;
	struct sp_frame f;

	SP_TRY(sp_segment_head_read(data, &h));
	c.seq = h.first_seq - 1;
	memcpy(c.hash, h.prev_hash, sizeof(c.hash));
	sp_scan_init(&s, data, h.head_bytes, &c);
	while (s.chain.seq < j->chain.seq)
		if (sp_scan_next(&s, &f) <= 0)
			return -EBADMSG;
	if (s.chain.seq != j->chain.seq || s.off != j->off ||
		memcmp(s.chain.hash, j->chain.hash, SP_SHA256) != 0)
		return -EBADMSG;
	return 0;
}

int sp_journal_reopen(struct sp_journal *j)
{
	struct sp_store_io *io = j->c.io;
	char name[SP_SEGMENT_NAME];
	SP_AUTO_FD fd = -1;
	uint8_t *p = NULL;
	size_t n = 0;
	int err;

	sp_segment_name(j->number, name);
	sp_close_fd(&j->fd); // with it the lock, unless a write is still under way
	SP_TRY(io->open(io, j->c.dir, name, O_RDWR, &fd));
	SP_TRY(hold(fd));
	SP_TRY(drop_cache(j, name));
	SP_TRY(sp_segment_load(j->c.dir, j->number, &p, &n));
	err = prove(j, sp_bytes(p, n));
	free(p);
	SP_TRY(err);
	SP_TRY(io->resize(io, fd, j->off));
	SP_TRY(io->sync(io, fd));
	j->fd = sp_take_fd(&fd);
	j->end = j->off;
	j->batch_n = 0;
	j->failed = 0;
	return 0;
}
