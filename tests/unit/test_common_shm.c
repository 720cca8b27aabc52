/// Shared regions of sizes around a huge page: what is written is read, whoever maps it and wherever it lies.
#include "common/shm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/banned.h"

#define HEAD sizeof(struct sp_shm_print)
#ifndef MADV_COLLAPSE // Linux 6.1; older headers
#define MADV_COLLAPSE 25
#endif

static const size_t sizes[] = {
	HEAD, 4097, SP_HUGE_PAGE - 4096, SP_HUGE_PAGE, SP_HUGE_PAGE + 1, 5 * SP_HUGE_PAGE + 4096};

struct pair {
	struct sp_shm mine, other;
	int fd;
};

static struct pair begin(enum sp_region_kind kind, size_t bytes)
{
	struct pair p;

	assert_int_equal(sp_shm_create("test", kind, bytes, HEAD, &p.mine, &p.fd), 0);
	assert_int_equal(sp_shm_attach(p.fd, kind, HEAD, false, &p.other), 0);
	assert_int_equal(p.mine.size, p.other.size);
	assert_true(p.mine.size >= bytes);
	return p;
}

static void end(struct pair *p)
{
	sp_shm_detach(&p->mine);
	sp_shm_detach(&p->other);
	close(p->fd);
}

static uint8_t value(size_t at, uint8_t salt)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ salt);
}

static void fill(const struct sp_shm *m, uint8_t salt)
{
	for (size_t i = HEAD; i < m->size; i++)
		m->base[i] = value(i, salt);
}

static void check(const struct sp_shm *m, uint8_t salt)
{
	for (size_t i = HEAD; i < m->size; i++)
		if (m->base[i] != value(i, salt))
			fail_msg("byte %zu of %zu", i, m->size);
}

static void what_one_writes_another_reads_in_a_region_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		struct pair p = begin(SP_REGION_CHANNEL, sizes[i]);

		fill(&p.mine, 1);
		check(&p.other, 1);
		end(&p);
	}
}

static void a_region_that_is_gathered_holds_what_it_held_and_stays_shared(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		struct pair p = begin(SP_REGION_POLICY, sizes[i]);

		fill(&p.mine, 2);
		check(&p.other, 2);
		sp_shm_gather(&p.mine, 0, p.mine.size);
		check(&p.mine, 2);
		check(&p.other, 2);
		fill(&p.mine, 3);
		check(&p.other, 3);
		sp_shm_gather(&p.mine, 1, 0);
		sp_shm_gather(&p.mine, p.mine.size, 0);
		check(&p.other, 3);
		end(&p);
	}
}

/// Of this process' mapping that begins at `base`.
static size_t in_huge_pages(const void *base)
{
	static const char *const names[] = {"ShmemPmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:"};
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false;
	size_t kib = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *end;
		uintptr_t begins = strtoull(line, &end, 16);

		if (*end == '-')
			here = begins == (uintptr_t)base;
		for (size_t i = 0; here && i < SP_ARRAY_LEN(names); i++)
			if (strncmp(line, names[i], strlen(names[i])) == 0)
				kib += strtoull(line + strlen(names[i]), NULL, 10);
	}
	assert_int_equal(fclose(f), 0);
	return kib << 10;
}

/// Does the kernel have huge pages for such a file at all?
static bool kernel_gathers(void)
{
	struct pair p = begin(SP_REGION_POLICY, SP_HUGE_PAGE);
	bool r;

	memset(p.mine.base + HEAD, 1, p.mine.size - HEAD);
	r = in_huge_pages(p.mine.base) > 0 || madvise(p.mine.base, SP_HUGE_PAGE, MADV_COLLAPSE) == 0;
	end(&p);
	return r;
}

static void a_region_that_nobody_has_written_is_gathered_whole(void **state)
{
	struct pair p;

	(void)state;
	if (!kernel_gathers()) {
		print_message("skipped: this kernel gathers no huge pages\n");
		skip();
	}
	p = begin(SP_REGION_LIMITS, 5 * SP_HUGE_PAGE);
	sp_shm_gather(&p.mine, 0, p.mine.size);
	for (size_t i = 0; i < p.mine.size; i += SP_HUGE_PAGE)
		p.mine.base[i + SP_HUGE_PAGE - 1] = 1;
	assert_int_equal(in_huge_pages(p.mine.base), 5 * SP_HUGE_PAGE);
	end(&p);
}

static void a_large_region_lies_where_huge_pages_can(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		struct pair p = begin(SP_REGION_LIMITS, sizes[i]);

		if (p.mine.size >= SP_HUGE_PAGE) {
			assert_int_equal((uintptr_t)p.mine.base % SP_HUGE_PAGE, 0);
			assert_int_equal((uintptr_t)p.other.base % SP_HUGE_PAGE, 0);
		}
		end(&p);
	}
}

static void a_region_of_another_kind_layout_or_root_is_refused(void **state)
{
	struct pair p = begin(SP_REGION_CHANNEL, SP_HUGE_PAGE);
	struct sp_shm_print *print = (struct sp_shm_print *)p.mine.base;
	struct sp_shm m = {0};
	int pipes[2];

	(void)state;
	assert_int_equal(sp_shm_attach(p.fd, SP_REGION_POLICY, HEAD, false, &m), -EINVAL);
	assert_int_equal(sp_shm_attach(p.fd, SP_REGION_CHANNEL, HEAD + 1, false, &m), -ESTALE);
	assert_int_equal(sp_shm_attach(p.fd, SP_REGION_CHANNEL, 2 * SP_HUGE_PAGE, false, &m), -EINVAL);
	print->layout++;
	assert_int_equal(sp_shm_attach(p.fd, SP_REGION_CHANNEL, HEAD, false, &m), -ESTALE);
	print->layout--;
	print->magic++;
	assert_int_equal(sp_shm_attach(p.fd, SP_REGION_CHANNEL, HEAD, false, &m), -EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(sp_shm_attach(pipes[0], SP_REGION_CHANNEL, HEAD, false, &m), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	assert_null(m.base);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_writes_another_reads_in_a_region_of_any_size),
		cmocka_unit_test(a_region_that_is_gathered_holds_what_it_held_and_stays_shared),
		cmocka_unit_test(a_region_that_nobody_has_written_is_gathered_whole),
		cmocka_unit_test(a_large_region_lies_where_huge_pages_can),
		cmocka_unit_test(a_region_of_another_kind_layout_or_root_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
