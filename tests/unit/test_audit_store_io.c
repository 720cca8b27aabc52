#include "controlplane/audit/store_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>
#include "common/banned.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_that_fails_is_not_used_again_and_writes_nothing_late),
		cmocka_unit_test(an_append_that_can_not_be_written_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
