#include "common/record.h"
#include "controlplane/audit/journal.h"
#include "controlplane/audit/verify.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <liburing.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <cmocka.h>
#include "common/banned.h"

/// The kernel took the write, and tells no more of it.
static bool ring_is_mute;

int io_uring_submit_and_wait(struct io_uring *ring, unsigned n)
{
	int (*real)(struct io_uring *, unsigned);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	return ring_is_mute ? 1 : real(ring, n);
}

int __io_uring_get_cqe(
	struct io_uring *ring, struct io_uring_cqe **ret, unsigned submit, unsigned n, sigset_t *mask)
{
	int (*real)(struct io_uring *, struct io_uring_cqe **, unsigned, unsigned, sigset_t *);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	return ring_is_mute ? -EINVAL : real(ring, ret, submit, n, mask);
}

/// The descriptor of the one io_uring of this process.
static int ring_fd(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int found = -1;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[300], to[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "io_uring"))
			found = (int)strtol(e->d_name, NULL, 10);
	}
	closedir(d);
	return found;
}

static void expect_file(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(pread(fd, got, sizeof(got) - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

static void a_ring_that_fails_is_not_used_again_and_writes_nothing_late(void **state)
{
	int fd = memfd_create("store", MFD_CLOEXEC), ring, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char batch[] = "first";
	struct sp_store_io *io;

	(void)state;
	if (sp_store_io_new(&io) < 0)
		skip();
	assert_int_equal(io->append(io, fd, sp_bytes(batch, 5), 0), 0);
	expect_file(fd, "first");
	ring = ring_fd();
	assert_true(ring >= 0);
	memcpy(batch, "wrong", 5);
	assert_int_equal(dup2(null, ring), ring); // as when the kernel refuses io_uring_enter
	assert_true(io->append(io, fd, sp_bytes(batch, 5), 0) < 0);
	expect_file(fd, "first");
	memcpy(batch, "after", 5); // the same memory: what a late submission would write
	assert_int_equal(io->append(io, fd, sp_bytes(batch, 5), 5), 0);
	expect_file(fd, "firstafter");
	sp_store_io_free(io);
	close(null);
	close(fd);
}

static void an_append_that_can_not_be_written_says_so(void **state)
{
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct sp_store_io *io;

	(void)state;
	if (sp_store_io_new(&io) < 0)
		skip();
	assert_int_equal(io->append(io, fd, SP_LIT("x"), 0), -ENOSPC);
	assert_int_equal(io->append(io, -1, SP_LIT("x"), 0), -EBADF);
	assert_int_equal(sp_store_io_plain.append(&sp_store_io_plain, fd, SP_LIT("x"), 0), -ENOSPC);
	sp_store_io_free(io);
	close(fd);
}

#define PAGE SP_SEGMENT_PAGE

static void a_write_of_which_nothing_is_known_is_not_told_to_be_durable(void **state)
{
	char path[] = "/tmp/sp-store-XXXXXX";
	int fd = mkstemp(path);
	uint8_t *p = aligned_alloc(PAGE, PAGE);
	struct sp_store_io *io;

	(void)state;
	if (sp_store_io_new(&io) < 0)
		skip();
	unlink(path);
	io->direct(io, fd);
	memset(p, 'a', PAGE);
	ring_is_mute = true;
	assert_int_equal(io->append(io, fd, sp_bytes(p, PAGE), 0), -EINVAL);
	ring_is_mute = false;
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	assert_int_equal(io->append(io, fd, sp_bytes(p, PAGE), 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), PAGE);
	sp_store_io_free(io);
	free(p);
	close(fd);
}

static void what_passes_the_page_cache_by_is_read_through_it(void **state)
{
	char path[] = "/tmp/sp-store-XXXXXX", c[2];
	int fd = mkstemp(path);
	uint8_t *p = aligned_alloc(PAGE, 2 * PAGE);
	struct sp_store_io *io;

	(void)state;
	if (sp_store_io_new(&io) < 0)
		skip();
	unlink(path);
	io->direct(io, fd);
	memset(p, 'a', 2 * PAGE);
	assert_int_equal(io->append(io, fd, sp_bytes(p, 2 * PAGE), 0), 0);
	assert_int_equal(pread(fd, p, PAGE, PAGE), PAGE); // into the cache, where there is one
	memset(p, 'b', PAGE);
	assert_int_equal(io->append(io, fd, sp_bytes(p, PAGE), PAGE), 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(pread(fd, c, 2, PAGE - 1), 2);
	assert_memory_equal(c, "ab", 2);
	sp_store_io_free(io);
	free(p);
	close(fd);
}

static void what_can_not_pass_the_page_cache_by_is_written_through_it(void **state)
{
	char path[] = "/tmp/sp-store-XXXXXX", c[3];
	int fd = mkstemp(path);
	struct sp_store_io *io;

	(void)state;
	if (sp_store_io_new(&io) < 0)
		skip();
	unlink(path);
	io->direct(io, fd);
	assert_int_equal(io->append(io, fd, SP_LIT("odd"), 1), 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(pread(fd, c, 3, 1), 3);
	assert_memory_equal(c, "odd", 3);
	sp_store_io_free(io);
	close(fd);
}

struct store {
	char path[32];
	struct sp_store_io *io;
	struct sp_open_calls open;
	struct sp_journal j;
	int dir;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct store *s = calloc(1, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "/tmp/sp-store-XXXXXX");
	if (!mkdtemp(s->path) || sp_store_io_new(&s->io) < 0)
		return -1;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;
	return sp_open_calls_init(&s->open, 64);
}

static int tear_down(void **state)
{
	struct store *s = *state;

	sp_open_calls_done(&s->open);
	sp_store_io_free(s->io);
	close(s->dir);
	nftw(s->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

static void open_store(struct store *s)
{
	struct sp_journal_config c = {.dir = s->dir, .io = s->io,
		.segment_bytes = SP_JOURNAL_SEGMENT_MIN + 100, .open = &s->open};

	assert_int_equal(sp_journal_open(&s->j, &c), 0);
}

static void record(struct store *s, size_t bytes)
{
	uint8_t text[3000];
	struct sp_frame f;

	memset(text, (int)bytes, sizeof(text));
	assert_int_equal(sp_journal_add(&s->j, 0, 0, 1, sp_bytes(text, bytes), &f), 0);
}

/// Batches that end within the page they begin in, at its end, and pages on; over segments and restarts.
static void a_journal_on_a_disk_goes_on_within_the_page_it_ended_in(void **state)
{
	struct store *s = *state;
	struct sp_verify v;
	uint64_t seq;

	for (int life = 0; life < 6; life++) {
		open_store(s);
		for (size_t i = 0; i < 120; i++) {
			for (size_t k = 0; k <= i % 4; k++)
				record(s, (i * 397 + k * 811) % 3000);
			assert_int_equal(sp_journal_commit(&s->j), 0);
		}
		seq = s->j.chain.seq;
		sp_journal_close(&s->j);
	}
	assert_int_equal(sp_verify_init(&v, s->dir, 0, 0), 0);
	while (sp_verify_step(&v) > 0)
		;
	assert_true(v.chain_ok);
	assert_int_equal(v.last_seq, seq);
	assert_true(v.segments > 2);
	sp_verify_done(&v);
}

/// A write that is under way holds the open file, as a duplicate does.
static void a_segment_is_taken_up_only_when_no_write_of_its_last_owner_is_under_way(void **state)
{
	struct store *s = *state;
	char name[SP_SEGMENT_NAME];
	int held, other;

	open_store(s);
	sp_segment_name(s->j.number, name);
	other = openat(s->dir, name, O_RDWR | O_CLOEXEC);
	held = dup(s->j.fd);
	sp_journal_close(&s->j);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(held);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	open_store(s);
	other = openat(s->dir, name, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close(other);
	sp_journal_close(&s->j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_that_fails_is_not_used_again_and_writes_nothing_late),
		cmocka_unit_test(an_append_that_can_not_be_written_says_so),
		cmocka_unit_test(a_write_of_which_nothing_is_known_is_not_told_to_be_durable),
		cmocka_unit_test(what_passes_the_page_cache_by_is_read_through_it),
		cmocka_unit_test(what_can_not_pass_the_page_cache_by_is_written_through_it),
		cmocka_unit_test_setup_teardown(
			a_journal_on_a_disk_goes_on_within_the_page_it_ended_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_segment_is_taken_up_only_when_no_write_of_its_last_owner_is_under_way, set_up,
			tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
