/// A journal that goes on: over segments, restarts, and whatever end a crash left it.
#include "tests/support/journal_rig.h"
#include "common/banned.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_chain_goes_on_over_segments_and_restarts),
		TEST(a_part_of_the_trail_can_be_proved_alone),
		TEST(workers_and_open_calls_survive_a_restart_and_a_new_life_counts_anew),
		TEST(every_truncation_of_the_tail_recovers_to_a_whole_batch),
		TEST(a_page_missing_from_the_last_batch_cuts_it_whole),
		TEST(a_write_torn_between_sectors_is_cut_and_takes_nothing_acknowledged_with_it),
		TEST(every_garbled_byte_of_the_last_page_is_refused_or_cut_with_the_last_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
