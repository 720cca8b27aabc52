/// A journal in a folder of its own, and an I/O table that can be told to fail. A test's set-up is journal_set_up(),
/// its end journal_tear_down(); *state is the fixture.
#pragma once

#include "common/record.h"
#include "controlplane/audit/journal.h"
#include "controlplane/audit/verify.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SEGMENT SP_JOURNAL_SEGMENT_MIN

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

static inline bool fails(struct sp_store_io *io)
{
	struct fixture *f = (struct fixture *)io;

	return ++f->calls == f->fail_at;
}

static inline int failure(struct sp_store_io *io)
{
	int r = ((struct fixture *)io)->fail_with;

	return r == 1 ? -EIO : r;
}

/// As the real one would: half of it may be on disk.
static inline int io_append(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	if (fails(io)) {
		struct fixture *f = (struct fixture *)io;
		size_t part = f->fail_with == -EIO ? b.n : f->fail_with == 1 ? b.n / 2 : 0;

		assert_int_equal(pwrite(fd, b.p, part, (off_t)off), part);
		return failure(io);
	}
	return sp_store_io_plain.append(io, fd, b, off);
}
static inline int io_write(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	return fails(io) ? failure(io) : sp_store_io_plain.write(io, fd, b, off);
}
static inline int io_sync(struct sp_store_io *io, int fd)
{
	(void)fd; // tests need no real disk
	return fails(io) ? failure(io) : 0;
}
static inline int io_resize(struct sp_store_io *io, int fd, uint64_t n)
{
	return fails(io) ? failure(io) : sp_store_io_plain.resize(io, fd, n);
}
static inline int io_allocate(struct sp_store_io *io, int fd, uint64_t n)
{
	return fails(io) ? failure(io) : sp_store_io_plain.allocate(io, fd, n);
}
static inline int io_rename(struct sp_store_io *io, int dir, const char *a, const char *b)
{
	return fails(io) ? failure(io) : sp_store_io_plain.rename(io, dir, a, b);
}
static inline int io_open(struct sp_store_io *io, int dir, const char *name, int flags, int *ret)
{
	return fails(io) ? failure(io) : sp_store_io_plain.open(io, dir, name, flags, ret);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline int journal_set_up(void **state)
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

static inline int journal_tear_down(void **state)
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

static inline void on_found(void *ctx, const struct sp_frame *fr, uint64_t segment)
{
	struct fixture *f = ctx;

	(void)fr, (void)segment;
	f->seen++;
}

static inline int reopen(struct fixture *f)
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

static inline int add(struct fixture *f, uint64_t n)
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
static inline void write_batches(struct fixture *f, unsigned batches)
{
	for (unsigned b = 0; b < batches; b++) {
		for (unsigned i = 0; i <= b % 5; i++)
			assert_int_equal(add(f, f->j.next.seq + 1), 0);
		assert_int_equal(sp_journal_commit(&f->j), 0);
	}
}

static inline struct sp_verify proved(struct fixture *f)
{
	struct sp_verify v;

	assert_int_equal(sp_verify_init(&v, f->dir, 0, 0), 0);
	while (sp_verify_step(&v) > 0)
		;
	sp_verify_done(&v);
	return v;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, journal_set_up, journal_tear_down)
