/// What is changed, removed, exchanged or shortened in a journal is found.
#include "tests/support/journal_rig.h"
#include "common/banned.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_changed_byte_is_found),
		TEST(a_change_before_the_last_batch_is_not_cut_away),
		TEST(removed_and_exchanged_records_are_found),
		TEST(removed_exchanged_and_shortened_segments_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
