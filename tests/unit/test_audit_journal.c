#include "common/record.h"
#include "controlplane/audit/journal.h"
#include "controlplane/audit/verify.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <ftw.h>
#include <sys/stat.h>

#include <cmocka.h>
#include "common/banned.h"

#define SEGMENT SP_JOURNAL_SEGMENT_MIN

/// A store folder, and an I/O table that can be told to fail.
struct fixture {
	struct sp_store_io io; ///< first: the table's functions find the rest by it
	char path[64];
	int dir;
	struct sp_open_calls open;
	struct sp_journal j;
	bool opened;
	uint8_t boot;
	unsigned calls, fail_at; ///< 0 = never
	int fail_with;           ///< -errno; 1 = a short write
	uint64_t seen;           ///< records handed to on_found
};

static bool fails(struct sp_store_io *io)
{
	struct fixture *f = (struct fixture *)io;

	return ++f->calls == f->fail_at;
}

static int failure(struct sp_store_io *io)
{
	int r = ((struct fixture *)io)->fail_with;

	return r == 1 ? -EIO : r;
}

/// As the real one would: half of it may be on disk.
static int io_append(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	if (fails(io)) {
		struct fixture *f = (struct fixture *)io;
		size_t part = f->fail_with == -EIO ? b.n : f->fail_with == 1 ? b.n / 2 : 0;

		assert_int_equal(pwrite(fd, b.p, part, (off_t)off), part);
		return failure(io);
	}
	return sp_store_io_plain.append(io, fd, b, off);
}
static int io_write(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	return fails(io) ? failure(io) : sp_store_io_plain.write(io, fd, b, off);
}
static int io_sync(struct sp_store_io *io, int fd)
{
	(void)fd; // tests need no real disk
	return fails(io) ? failure(io) : 0;
}
static int io_resize(struct sp_store_io *io, int fd, uint64_t n)
{
	return fails(io) ? failure(io) : sp_store_io_plain.resize(io, fd, n);
}
static int io_allocate(struct sp_store_io *io, int fd, uint64_t n)
{
	return fails(io) ? failure(io) : sp_store_io_plain.allocate(io, fd, n);
}
static int io_rename(struct sp_store_io *io, int dir, const char *a, const char *b)
{
	return fails(io) ? failure(io) : sp_store_io_plain.rename(io, dir, a, b);
}
static int io_open(struct sp_store_io *io, int dir, const char *name, int flags, int *ret)
{
	return fails(io) ? failure(io) : sp_store_io_plain.open(io, dir, name, flags, ret);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->io = sp_store_io_plain;
	f->io.append = io_append;
	f->io.write = io_write;
	f->io.sync = io_sync;
	f->io.resize = io_resize;
	f->io.allocate = io_allocate;
	f->io.rename = io_rename;
	f->io.open = io_open;
	// Memory, where there is some: the real disk is what tests/faults use.
	snprintf(f->path, sizeof(f->path), "%s/sp-journal-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->boot = 1;
	*state = f;
	return sp_open_calls_init(&f->open, 64);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->opened)
		sp_journal_close(&f->j);
	sp_open_calls_done(&f->open);
	close(f->dir);
	nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void on_found(void *ctx, const struct sp_frame *fr, uint64_t segment)
{
	struct fixture *f = ctx;

	(void)fr, (void)segment;
	f->seen++;
}

static int reopen(struct fixture *f)
{
	struct sp_journal_config c = {.dir = f->dir, .io = &f->io, .segment_bytes = SEGMENT,
		.open = &f->open, .on_found = on_found, .ctx = f};
	int err;

	memset(c.boot_id, f->boot, sizeof(c.boot_id));
	if (f->opened)
		sp_journal_close(&f->j);
	f->seen = 0;
	err = sp_journal_open(&f->j, &c);
	f->opened = err == 0;
	return err;
}

static int add(struct fixture *f, uint64_t n)
{
	uint8_t buf[700], text[300];
	struct sp_record_writer w;
	struct sp_frame fr;
	int len;

	sp_record_begin(&w, buf, sizeof(buf));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_OUTCOME);
	sp_record_u(&w, SP_F_TIME, n);
	memset(text, (int)n, sizeof(text));
	sp_record_b(&w, SP_F_ARGS_DIGEST, sp_bytes(text, 20 + n % 280));
	len = sp_record_end(&w);
	return sp_journal_add(&f->j, (uint32_t)(n % 3), n, 1, sp_bytes(buf, (size_t)len), &fr);
}

/// `batches` of 1 to 5 records; every one must be durable.
static void write_batches(struct fixture *f, unsigned batches)
{
	for (unsigned b = 0; b < batches; b++) {
		for (unsigned i = 0; i <= b % 5; i++)
			assert_int_equal(add(f, f->j.next.seq + 1), 0);
		assert_int_equal(sp_journal_commit(&f->j), 0);
	}
}

static struct sp_verify proved(struct fixture *f)
{
	struct sp_verify v;

	assert_int_equal(sp_verify_init(&v, f->dir, 0, 0), 0);
	while (sp_verify_step(&v) > 0)
		;
	sp_verify_done(&v);
	return v;
}

static void the_chain_goes_on_over_segments_and_restarts(void **state)
{
	struct fixture *f = *state;
	struct sp_verify v;
	uint64_t seq;

	assert_int_equal(reopen(f), 0);
	for (int i = 0; i < 4; i++) {
		write_batches(f, 400);
		seq = f->j.chain.seq;
		assert_int_equal(reopen(f), 0);
		assert_int_equal(f->j.chain.seq, seq);
		assert_int_equal(f->j.cut_bytes, 0);
	}
	assert_true(f->j.number > 3);
	v = proved(f);
	assert_true(v.chain_ok);
	assert_int_equal(v.records, f->j.chain.seq);
	assert_int_equal(v.segments, f->j.number);
	assert_memory_equal(v.chain.hash, f->j.chain.hash, SP_SHA256);
	assert_int_equal(v.tree.size, f->j.tree.size);
}

static void a_part_of_the_trail_can_be_proved_alone(void **state)
{
	struct fixture *f = *state;
	struct sp_verify v;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 1500);
	assert_int_equal(sp_verify_init(&v, f->dir, 2000, 2100), 0);
	while (sp_verify_step(&v) > 0)
		;
	assert_true(v.chain_ok);
	assert_int_equal(v.first_seq, 2000);
	assert_int_equal(v.last_seq, 2100);
	assert_true(v.segments <= 2);
	sp_verify_done(&v);
}

static void every_truncation_of_the_tail_recovers_to_a_whole_batch(void **state)
{
	struct fixture *f = *state;
	uint64_t start, end, before, seq, number;
	char name[SP_SEGMENT_NAME];
	struct stat st;
	uint8_t *p = NULL;
	size_t n = 0;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 14);
	before = f->j.chain.seq;
	start = f->j.off;
	write_batches(f, 5);
	write_batches(f, 3);
	end = f->j.off;
	seq = f->j.chain.seq;
	number = f->j.number;
	sp_segment_name(number, name);
	assert_int_equal(sp_segment_load(f->dir, number, &p, &n), 0);
	for (uint64_t cut = start; cut <= end; cut += cut % 7 + 1) {
		int fd = openat(f->dir, name, O_RDWR);
		struct sp_verify v;

		assert_int_equal(pwrite(fd, p, n, 0), n);
		// Half the time the file is short, half the time the rest was never written.
		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		if (cut % 2)
			assert_int_equal(ftruncate(fd, (off_t)n), 0);
		close(fd);
		assert_int_equal(reopen(f), 0);
		assert_int_equal(f->j.number, number);
		assert_in_range(f->j.chain.seq, before, seq);
		assert_int_equal(f->seen, f->j.chain.seq);
		if (cut == end)
			assert_int_equal(f->j.chain.seq, seq);
		// What is written next proves, with what was cut gone.
		write_batches(f, 2);
		v = proved(f);
		assert_true(v.chain_ok);
		assert_int_equal(v.last_seq, f->j.chain.seq);
		if (f->j.number != number) {
			char next[SP_SEGMENT_NAME];

			sp_segment_name(f->j.number, next);
			assert_int_equal(unlinkat(f->dir, next, 0), 0);
		}
	}
	free(p);
	assert_int_equal(fstatat(f->dir, name, &st, 0), 0);
}

static void a_page_missing_from_the_last_batch_cuts_it_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t start, seq;
	char name[SP_SEGMENT_NAME];
	uint8_t *p = NULL;
	size_t n = 0;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 20);
	seq = f->j.chain.seq;
	start = f->j.off;
	for (int i = 0; i < 200; i++)
		assert_int_equal(add(f, seq + 1 + (uint64_t)i), 0);
	assert_int_equal(sp_journal_commit(&f->j), 0);
	sp_segment_name(f->j.number, name);
	assert_int_equal(sp_segment_load(f->dir, f->j.number, &p, &n), 0);
	for (uint64_t page = start & ~4095ull; page < f->j.off; page += 4096) {
		static const uint8_t zeros[4096];
		uint64_t from = sp_max(page, start), to = sp_min(page + 4096, (uint64_t)n);
		int fd = openat(f->dir, name, O_RDWR);

		assert_int_equal(pwrite(fd, p, n, 0), n);
		assert_int_equal(pwrite(fd, zeros, to - from, (off_t)from), to - from);
		close(fd);
		assert_int_equal(reopen(f), 0);
		assert_int_equal(f->j.chain.seq, seq);
		assert_true(f->j.cut_bytes > 0);
	}
	free(p);
}

static void put_file(struct fixture *f, const uint8_t *p, size_t n)
{
	char name[SP_SEGMENT_NAME];
	int fd;

	sp_segment_name(f->j.number, name);
	fd = openat(f->dir, name, O_RDWR);
	assert_int_equal(pwrite(fd, p, n, 0), n);
	close(fd);
}

#define SECTOR 512u

/// The last write begins in the page that the one before ended in: power fails when any of its sectors were written.
static void a_write_torn_between_sectors_is_cut_and_takes_nothing_acknowledged_with_it(void **state)
{
	struct fixture *f = *state;
	uint64_t start, seq;
	uint8_t *old = NULL, *new = NULL, *mix;
	size_t n = 0, first, sectors;
	unsigned seed = 3;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 14);
	seq = f->j.chain.seq;
	start = f->j.off;
	assert_int_not_equal(start % SP_SEGMENT_PAGE, 0);
	assert_int_equal(sp_segment_load(f->dir, f->j.number, &old, &n), 0);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(add(f, seq + 1 + i), 0);
	assert_int_equal(sp_journal_commit(&f->j), 0);
	assert_int_equal(sp_segment_load(f->dir, f->j.number, &new, &n), 0);
	mix = malloc(n);
	first = start / SP_SEGMENT_PAGE * SP_SEGMENT_PAGE / SECTOR;
	sectors = (f->j.off + SP_SEGMENT_PAGE - 1) / SP_SEGMENT_PAGE * SP_SEGMENT_PAGE / SECTOR - first;
	assert_true(sectors > 8);
	for (unsigned i = 0; i < 6 * sectors; i++) {
		bool whole;

		memcpy(mix, old, n);
		for (unsigned k = 0; k < sectors; k++) {
			size_t at = (first + k) * SECTOR;
			bool written = i < sectors ? k < i : i < 2 * sectors ? k >= i - sectors : rand_r(&seed) & 1;

			if (written)
				memcpy(mix + at, new + at, SECTOR);
		}
		whole = memcmp(mix, new, n) == 0;
		put_file(f, mix, n);
		assert_int_equal(reopen(f), 0);
		assert_int_equal(f->j.chain.seq, whole ? seq + 40 : seq);
		assert_true(proved(f).chain_ok);
	}
	free(old);
	free(new);
	free(mix);
}

static void every_garbled_byte_of_the_last_page_is_refused_or_cut_with_the_last_batch(void **state)
{
	struct fixture *f = *state;
	uint64_t last, end, before, seq;
	uint8_t *p = NULL;
	size_t n = 0;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 13);
	do {
		before = f->j.chain.seq;
		last = f->j.off;
		assert_int_equal(add(f, 7), 0);
		assert_int_equal(sp_journal_commit(&f->j), 0);
	} while (f->j.off % SP_SEGMENT_PAGE < 1024 || f->j.off - last > f->j.off % SP_SEGMENT_PAGE);
	end = f->j.off;
	seq = f->j.chain.seq;
	assert_int_equal(sp_segment_load(f->dir, f->j.number, &p, &n), 0);
	for (uint64_t at = end / SP_SEGMENT_PAGE * SP_SEGMENT_PAGE; at < end + 64; at++) {
		int err;

		p[at] ^= 0x40;
		put_file(f, p, n);
		err = reopen(f);
		p[at] ^= 0x40;
		if (at < last) {
			assert_int_equal(err, -EBADMSG);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(f->j.chain.seq, at < end ? before : seq);
		assert_true(f->j.cut_bytes > 0);
	}
	put_file(f, p, n);
	assert_int_equal(reopen(f), 0);
	assert_int_equal(f->j.chain.seq, seq);
	assert_int_equal(f->j.cut_bytes, 0);
	free(p);
}

static void change_byte(struct fixture *f, uint64_t number, size_t at, uint8_t with)
{
	char name[SP_SEGMENT_NAME];
	uint8_t b;
	int fd;

	sp_segment_name(number, name);
	fd = openat(f->dir, name, O_RDWR);
	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= with;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
	close(fd);
}

static void every_changed_byte_is_found(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 7;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 700);
	assert_true(f->j.number >= 3);
	for (int i = 0; i < 1000; i++) {
		uint64_t number = 1 + (unsigned)rand_r(&seed) % f->j.number;
		char name[SP_SEGMENT_NAME];
		struct stat st;
		size_t at;
		uint8_t with = (uint8_t)(1 << rand_r(&seed) % 8);
		struct sp_verify v;

		sp_segment_name(number, name);
		assert_int_equal(fstatat(f->dir, name, &st, 0), 0);
		at = (size_t)rand_r(&seed) % (size_t)st.st_size;
		change_byte(f, number, at, with);
		v = proved(f);
		if (v.chain_ok)
			fail_msg("byte %zu of segment %d changed unseen", at, (int)number);
		assert_in_range(v.first_bad_seq, 1, f->j.chain.seq + 1);
		change_byte(f, number, at, with);
	}
	assert_true(proved(f).chain_ok);
}

static void a_change_before_the_last_batch_is_not_cut_away(void **state)
{
	struct fixture *f = *state;
	struct sp_verify v;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 30);
	change_byte(f, 1, f->j.data + 2000, 0x10);
	assert_int_equal(reopen(f), -EBADMSG);
	v = proved(f);
	assert_false(v.chain_ok);
	assert_true(v.first_bad_seq < 20);
	change_byte(f, 1, f->j.data + 2000, 0x10);
	assert_int_equal(reopen(f), 0);
}

/// The frames of segment 1 in memory, to be put back in another order.
static unsigned frames_of(struct fixture *f, uint8_t **p, size_t *n, struct sp_frame *fr, unsigned most)
{
	struct sp_segment_head h;
	struct sp_chain c = {0};
	struct sp_scan s;
	unsigned k = 0;

	assert_int_equal(sp_segment_load(f->dir, 1, p, n), 0);
	assert_int_equal(sp_segment_head_read(sp_bytes(*p, *n), &h), 0);
	sp_scan_init(&s, sp_bytes(*p, *n), h.head_bytes, &c);
	while (k < most && sp_scan_next(&s, &fr[k]) > 0)
		k++;
	return k;
}

static void put_back(struct fixture *f, const uint8_t *p, size_t n)
{
	char name[SP_SEGMENT_NAME];
	int fd;

	sp_segment_name(1, name);
	fd = openat(f->dir, name, O_RDWR | O_TRUNC);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void removed_and_exchanged_records_are_found(void **state)
{
	struct fixture *f = *state;
	static struct sp_frame fr[64];
	uint8_t *p = NULL, *q;
	size_t n = 0, a, b, size;
	unsigned k;

	assert_int_equal(reopen(f), 0);
	for (int i = 0; i < 60; i++)
		assert_int_equal(add(f, 280), 0); // all of one length
	assert_int_equal(sp_journal_commit(&f->j), 0);
	k = frames_of(f, &p, &n, fr, 64);
	assert_int_equal(k, 61);
	q = malloc(n);
	a = fr[10].off;
	b = fr[11].off;
	size = b - a;
	// exchanged
	memcpy(q, p, n);
	memcpy(q + a, p + b, size);
	memcpy(q + b, p + a, size);
	put_back(f, q, n);
	assert_false(proved(f).chain_ok);
	assert_int_equal(proved(f).first_bad_seq, 11);
	// removed, and the rest moved up
	memcpy(q, p, n);
	memmove(q + a, p + b, n - b);
	put_back(f, q, n);
	assert_false(proved(f).chain_ok);
	// removed from the middle with its head mended: the chain still tells
	memcpy(q, p, n);
	memmove(q + a, p + b, n - b);
	sp_batch_head_write(q + fr[0].off - sizeof(struct sp_batch_head),
		(uint32_t)(fr[60].off + sp_frame_size(fr[60].head.len) - fr[0].off - size), 1, 60);
	put_back(f, q, n);
	assert_false(proved(f).chain_ok);
	assert_int_equal(proved(f).first_bad_seq, 11);
	put_back(f, p, n);
	assert_true(proved(f).chain_ok);
	free(p);
	free(q);
}

static void removed_exchanged_and_shortened_segments_are_found(void **state)
{
	struct fixture *f = *state;
	char one[SP_SEGMENT_NAME], two[SP_SEGMENT_NAME];
	struct stat st;
	int fd;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 1500);
	assert_true(f->j.number >= 4);
	sp_segment_name(2, one);
	sp_segment_name(3, two);
	assert_int_equal(renameat(f->dir, one, f->dir, "away"), 0);
	assert_false(proved(f).chain_ok);
	assert_int_equal(renameat(f->dir, two, f->dir, one), 0);
	assert_int_equal(renameat(f->dir, "away", f->dir, two), 0);
	assert_false(proved(f).chain_ok);
	assert_int_equal(renameat(f->dir, one, f->dir, "away"), 0);
	assert_int_equal(renameat(f->dir, two, f->dir, one), 0);
	assert_int_equal(renameat(f->dir, "away", f->dir, two), 0);
	assert_true(proved(f).chain_ok);
	fd = openat(f->dir, one, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - 8), 0);
	close(fd);
	assert_false(proved(f).chain_ok);
	// The oldest may go by retention: what is left proves from its own head.
	sp_segment_name(1, one);
	assert_int_equal(unlinkat(f->dir, one, 0), 0);
	assert_int_equal(unlinkat(f->dir, "journal-000000000002", 0), 0);
	assert_true(proved(f).chain_ok);
	assert_true(proved(f).first_seq > 1);
}

static void workers_and_open_calls_survive_a_restart_and_a_new_life_counts_anew(void **state)
{
	struct fixture *f = *state;
	struct sp_open_call c = {.call = {9}, .seq = 5, .worker = 2, .epoch = 1};
	uint64_t life;

	assert_int_equal(reopen(f), 0);
	write_batches(f, 10);
	sp_open_calls_add(&f->open, &c);
	f->boot = 2;
	assert_int_equal(reopen(f), 0); // the table of the head, not of memory
	assert_int_equal(f->open.used, 0);
	assert_true(f->j.new_boot);
	assert_int_equal(f->j.worker_seq[1], 0);
	sp_open_calls_add(&f->open, &c);
	write_batches(f, 600);
	assert_true(f->j.number >= 3);
	life = f->j.boot_first_seq;
	sp_open_calls_clear(&f->open);
	assert_int_equal(reopen(f), 0);
	assert_false(f->j.new_boot);
	assert_int_equal(f->open.used, 1);
	assert_int_equal(f->j.boot_first_seq, life);
	assert_int_equal(f->j.worker_seq[f->j.chain.seq % 3], f->j.chain.seq);
}

/// One failing call after another, over writes, syncs, rotations: what was acknowledged stays.
static void fail_every_call(struct fixture *f, int with)
{
	unsigned latched = 0;

	for (unsigned at = 1; at < 120; at++) {
		uint64_t acknowledged;

		f->fail_with = with;
		for (unsigned b = 0; b < 60; b++) {
			int err = 0;

			f->calls = 0;
			f->fail_at = b == 30 ? at : 0;
			acknowledged = f->j.chain.seq;
			for (int i = 0; i < 12 && !err; i++)
				err = add(f, f->j.next.seq + 1);
			if (!err)
				err = sp_journal_commit(&f->j);
			f->fail_at = 0;
			if (!err)
				continue;
			latched++;
			assert_int_equal(f->j.chain.seq, acknowledged);
			assert_int_equal(f->j.failed, err);
			assert_int_not_equal(add(f, 1), 0);
			// The first attempt to come back fails as well, now and then.
			f->calls = 0;
			f->fail_at = at % 3;
			if (sp_journal_reopen(&f->j) < 0) {
				assert_int_equal(f->j.failed, err);
				f->fail_at = 0;
				assert_int_equal(sp_journal_reopen(&f->j), 0);
			}
			f->fail_at = 0;
			assert_int_equal(f->j.chain.seq, acknowledged);
		}
		if (at % 40 == 0) {
			acknowledged = f->j.chain.seq;
			assert_int_equal(reopen(f), 0);
			assert_int_equal(f->j.chain.seq, acknowledged);
		}
	}
	assert_true(latched >= 1);
	assert_true(proved(f).chain_ok);
	assert_int_equal(proved(f).last_seq, f->j.chain.seq);
}

static void a_failing_write_or_sync_loses_nothing_acknowledged(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reopen(f), 0);
	fail_every_call(f, -EIO);
	fail_every_call(f, -ENOSPC);
	fail_every_call(f, 1);
}

/// Rotation takes many calls: each of them fails once, right there.
static void a_failing_rotation_loses_nothing_acknowledged(void **state)
{
	struct fixture *f = *state;
	unsigned latched = 0;

	assert_int_equal(reopen(f), 0);
	for (unsigned at = 1; at < 30; at++) {
		uint64_t acknowledged = f->j.chain.seq;
		int err;

		f->j.end = f->j.off; // the next batch needs a new segment
		f->calls = 0;
		f->fail_at = at;
		f->fail_with = at % 2 ? -EIO : -ENOSPC;
		err = add(f, 1);
		if (!err)
			err = sp_journal_commit(&f->j);
		f->fail_at = 0;
		if (err) {
			latched++;
			assert_int_equal(f->j.chain.seq, acknowledged);
			// Or audit is killed here: then what was written, but not told, may count.
			assert_int_equal(at % 4 == 3 ? reopen(f) : sp_journal_reopen(&f->j), 0);
			assert_in_range(f->j.chain.seq, acknowledged,
				at % 4 == 3 ? acknowledged + 2 : acknowledged);
		}
		write_batches(f, 3);
		assert_true(proved(f).chain_ok);
		assert_int_equal(proved(f).last_seq, f->j.chain.seq);
	}
	assert_in_range(latched, 8, 28);
}

static void what_a_new_segment_got_of_a_full_disk_is_given_back(void **state)
{
	struct fixture *f = *state;
	unsigned at = 0;
	int err;

	assert_int_equal(reopen(f), 0);
	f->fail_with = -ENOSPC;
	do {
		f->calls = 0;
		f->fail_at = ++at;
		err = sp_journal_prepare(&f->j);
		assert_int_equal(faccessat(f->dir, SP_SEGMENT_SPARE, F_OK, 0), err ? -1 : 0);
	} while (err);
	assert_true(at > 4); // making, room, zeros, sync
}

static _Atomic bool enough;

static void *prepare(void *arg)
{
	struct fixture *f = arg;

	while (!atomic_load(&enough))
		if (sp_journal_prepare(&f->j) < 0)
			return f;
	return NULL;
}

/// The next segment's file is made by another thread, at any moment of a rotation.
static void segments_made_ahead_by_another_thread_are_never_mixed_up(void **state)
{
	struct fixture *f = *state;
	pthread_t t;
	void *failed;

	f->io = sp_store_io_plain;
	assert_int_equal(reopen(f), 0);
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&t, NULL, prepare, f), 0);
	for (int i = 0; i < 150; i++) {
		f->j.end = f->j.off;
		write_batches(f, 3);
	}
	atomic_store(&enough, true);
	pthread_join(t, &failed);
	assert_null(failed);
	assert_true(proved(f).chain_ok);
	assert_int_equal(proved(f).last_seq, f->j.chain.seq);
	assert_int_equal(f->j.number, 151);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_chain_goes_on_over_segments_and_restarts),
		TEST(a_part_of_the_trail_can_be_proved_alone),
		TEST(every_truncation_of_the_tail_recovers_to_a_whole_batch),
		TEST(a_page_missing_from_the_last_batch_cuts_it_whole),
		TEST(a_write_torn_between_sectors_is_cut_and_takes_nothing_acknowledged_with_it),
		TEST(every_garbled_byte_of_the_last_page_is_refused_or_cut_with_the_last_batch),
		TEST(every_changed_byte_is_found),
		TEST(a_change_before_the_last_batch_is_not_cut_away),
		TEST(removed_and_exchanged_records_are_found),
		TEST(removed_exchanged_and_shortened_segments_are_found),
		TEST(workers_and_open_calls_survive_a_restart_and_a_new_life_counts_anew),
		TEST(a_failing_write_or_sync_loses_nothing_acknowledged),
		TEST(segments_made_ahead_by_another_thread_are_never_mixed_up),
		TEST(a_failing_rotation_loses_nothing_acknowledged),
		TEST(what_a_new_segment_got_of_a_full_disk_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
