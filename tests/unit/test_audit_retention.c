#include "common/record.h"
#include "controlplane/audit/server_inner.h"
#include "tests/support/lmdb_full.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>
#include "common/banned.h"

/// What the code under test takes for the time.
static time_t later;

int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += later;
	return r;
}

static bool index_fails;

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **ret)
{
	int (*real)(MDB_env *, MDB_txn *, unsigned, MDB_txn **);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	return index_fails ? ENOSPC : real(env, parent, flags, ret);
}

static int entries_left = -1; ///< of folders, before reading fails; -1 = it does not

struct dirent *readdir(DIR *d)
{
	struct dirent *(*real)(DIR *);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	if (entries_left == 0) {
		errno = EIO;
		return NULL;
	}
	entries_left -= entries_left > 0;
	return real(d);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static struct sp_server s;
static struct sp_plan plan;
static struct sp_root root;
static struct sp_feed feed;
static struct sp_journal journal;
static struct sp_open_calls open_calls;
static struct sp_journal_config config;

static int set_up(void **state)
{
	char path[SP_PATH_MAX + 16];

	(void)state;
	config = (struct sp_journal_config){.io = &sp_store_io_plain,
		.segment_bytes = SP_JOURNAL_SEGMENT_MIN, .open = &open_calls};
	plan.retention_days = 0;
	later = 0;
	snprintf(plan.state_dir, sizeof(plan.state_dir), "%s/sp-retention-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(plan.state_dir))
		return -1;
	snprintf(path, sizeof(path), "%s/audit", plan.state_dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	config.dir = open(path, O_RDONLY | O_DIRECTORY);
	s = (struct sp_server){.root = &root, .plan = &plan, .dir = config.dir, .feed = &feed,
		.journal = &journal, .listener = -1};
	s.taken = calloc(SP_FEED_ENTRIES, sizeof(*s.taken));
	s.hits = calloc(SP_QUERY_LIMIT_MAX, sizeof(*s.hits));
	if (sp_open_calls_init(&open_calls, 16) < 0 || sp_feed_init(&feed, -1) < 0)
		return -1;
	return sp_journal_open(&journal, &config);
}

static int tear_down(void **state)
{
	(void)state;
	sp_journal_close(&journal);
	if (s.index)
		sp_index_close(s.index);
	sp_feed_done(&feed);
	sp_open_calls_done(&open_calls);
	free(s.taken);
	free(s.hits);
	free(s.chunk);
	close(s.dir);
	return nftw(plan.state_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_records_of(unsigned n, size_t bytes)
{
	uint8_t buf[4000], text[3900] = {1};
	struct sp_record_writer w;
	struct sp_frame f;
	int len;

	for (unsigned i = 0; i < n; i++) {
		sp_record_begin(&w, buf, sizeof(buf));
		sp_record_u(&w, SP_F_TYPE, SP_RECORD_OUTCOME);
		sp_record_b(&w, SP_F_ARGS_DIGEST, sp_bytes(text, bytes));
		len = sp_record_end(&w);
		assert_int_equal(sp_journal_add(&journal, 0, 0, 0, sp_bytes(buf, (size_t)len), &f), 0);
		assert_int_equal(sp_journal_commit(&journal), 0);
		atomic_store(&feed.durable_seq, journal.chain.seq);
	}
}

static void write_records(unsigned n)
{
	write_records_of(n, 200);
}

static unsigned segments(void)
{
	struct sp_segment_list l;
	unsigned n;

	assert_int_equal(sp_segment_list(s.dir, &l), 0);
	n = (unsigned)l.n;
	sp_segment_list_done(&l);
	return n;
}

static unsigned take_acts(void)
{
	static struct sp_feed_act act[SP_FEED_ACTS];

	return sp_feed_acts(&feed, act, SP_FEED_ACTS);
}

static void no_segment_goes_before_its_going_can_be_on_record(void **state)
{
	unsigned n, told = 0;

	(void)state;
	while (journal.number < SP_FEED_ACTS + 20)
		write_records_of(50, 3900);
	n = segments();
	later = 2 * 86400;
	while (segments() == n)
		write_records_of(10, 3900);
	assert_int_equal(sp_server_catch_up(&s), 0);
	plan.retention_days = 1;
	for (uint64_t now = 1; now <= 2; now++) { // sixty-four, then the rest
		sp_server_retain(&s, now);
		told += take_acts();
		assert_int_equal(n + 1 - segments(), told);
	}
	assert_int_equal(segments(), 2);
}

static void a_segment_that_went_is_on_record_whatever_becomes_of_the_index(void **state)
{
	unsigned n;

	(void)state;
	while (journal.number < 4)
		write_records_of(50, 3900);
	later = 2 * 86400;
	n = segments();
	while (segments() == n)
		write_records_of(10, 3900);
	assert_int_equal(sp_server_catch_up(&s), 0);
	plan.retention_days = 1;
	index_fails = true;
	sp_server_retain(&s, 1);
	index_fails = false;
	assert_int_equal(n + 1 - segments(), take_acts());
	assert_int_not_equal(segments(), n + 1);
}

static void segments_go_when_the_next_one_is_older_than_records_are_kept(void **state)
{
	struct sp_query q = {.limit = 1, .from = 1};
	struct sp_query_hit hit;
	struct sp_feed_act act[4];
	struct sp_segment_list l;
	struct sp_verify v;
	uint64_t next, old;
	uint32_t n;

	(void)state;
	write_records(3000);
	old = journal.number;
	assert_true(old >= 3);
	later = 2 * 86400;
	while (journal.number == old)
		write_records(10);
	assert_int_equal(sp_server_catch_up(&s), 0);
	// Kept for ever, then for a week: nothing goes.
	sp_server_retain(&s, 1);
	plan.retention_days = 7;
	sp_server_retain(&s, 1);
	assert_int_equal(sp_segment_list(s.dir, &l), 0);
	assert_int_equal(l.n, journal.number);
	sp_segment_list_done(&l);
	plan.retention_days = 1;
	sp_server_retain(&s, 2); // looked at a moment ago
	assert_int_equal(sp_segment_list(s.dir, &l), 0);
	assert_int_equal(l.n, journal.number);
	sp_segment_list_done(&l);
	sp_server_retain(&s, 4000ull * 1000000000ull);
	assert_int_equal(sp_segment_list(s.dir, &l), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.number[0], old);
	sp_segment_list_done(&l);
	// What is left proves from its own head, and is what queries find.
	assert_int_equal(sp_verify_init(&v, s.dir, 0, 0), 0);
	while (sp_verify_step(&v) > 0)
		;
	assert_true(v.chain_ok);
	assert_true(v.first_seq > 1);
	assert_int_equal(v.last_seq, journal.chain.seq);
	assert_int_equal(sp_query_run(s.index, s.dir, &q, &hit, &n, &next), 0);
	assert_int_equal(n, 1);
	assert_int_equal(hit.seq, v.first_seq);
	sp_verify_done(&v);
	// And it is on record.
	assert_int_equal(sp_feed_acts(&feed, act, 4), old - 1);
}

static void a_journal_whose_folder_cannot_be_read_to_its_end_is_not_taken_for_a_shorter_one(void **state)
{
	struct sp_segment_list l = {0};
	struct sp_verify v;
	unsigned n;

	(void)state;
	write_records(3000);
	n = segments();
	assert_true(n >= 3);
	for (int at = 0; at <= (int)n; at++) {
		entries_left = at;
		assert_int_equal(sp_segment_list(s.dir, &l), -EIO);
		assert_null(l.number);
		entries_left = at;
		assert_int_equal(sp_verify_init(&v, s.dir, 0, 0), -EIO);
	}
	entries_left = -1;
	assert_int_equal(segments(), n);
}

/// Every record once, in its place: what a query finds is read back from the journal.
static void all_are_found(uint64_t last)
{
	struct sp_query q = {.limit = SP_QUERY_LIMIT_MAX, .from = 1};
	uint64_t seq = 0, next;
	uint32_t n;

	do {
		assert_int_equal(sp_query_run(s.index, s.dir, &q, s.hits, &n, &next), 0);
		for (uint32_t i = 0; i < n; i++) {
			uint8_t buf[sizeof(struct sp_frame_head) + SP_FRAME_BYTES_MAX];
			struct sp_frame f;

			assert_int_equal(s.hits[i].seq, ++seq);
			assert_int_equal(sp_segment_frame(s.dir, s.hits[i].segment, s.hits[i].off, buf, &f), 0);
			assert_int_equal(f.head.seq, seq);
		}
		q.from = seq + 1;
	} while (n);
	assert_int_equal(seq, last);
}

static void an_index_that_is_told_nothing_reads_on_where_it_stood(void **state)
{
	(void)state;
	later = 0;
	for (unsigned i = 0; i < 40; i++) {
		write_records(i % 3 ? 61 : 1);
		assert_int_equal(sp_server_catch_up(&s), 0);
		assert_int_equal(sp_index_next(s.index), journal.chain.seq + 1);
	}
	assert_true(journal.number >= 2);
	all_are_found(journal.chain.seq);
	// A place that is not one any more costs time, not records.
	s.indexed.off += 8;
	write_records(2);
	assert_int_equal(sp_server_catch_up(&s), 0);
	s.indexed.segment += 7;
	write_records(2);
	assert_int_equal(sp_server_catch_up(&s), 0);
	s.indexed.seq = 0;
	write_records(1);
	assert_int_equal(sp_server_catch_up(&s), 0);
	all_are_found(journal.chain.seq);
}

static void records_that_are_not_in_the_journal_are_told_of(void **state)
{
	(void)state;
	write_records(3);
	assert_int_equal(sp_server_catch_up(&s), 0);
	atomic_store(&feed.durable_seq, journal.chain.seq + 1);
	assert_int_equal(sp_server_catch_up(&s), -EBADMSG);
	write_records(1);
	assert_int_equal(sp_server_catch_up(&s), 0);
	all_are_found(journal.chain.seq);
}

/// As when a copy of the journal is put back, and not of the index.
static void an_index_ahead_of_the_journal_is_filled_anew(void **state)
{
	char name[SP_SEGMENT_NAME];
	uint64_t number, off;
	int fd;

	(void)state;
	while (journal.chain.seq < SP_BLOCK_RECORDS - 2)
		write_records(1);
	number = journal.number;
	off = journal.off;
	write_records(2);
	assert_int_equal(journal.number, number);
	assert_int_equal(sp_server_catch_up(&s), 0);
	sp_index_close(s.index);
	s.index = NULL;
	sp_journal_close(&journal);
	sp_segment_name(number, name);
	fd = openat(s.dir, name, O_RDWR);
	assert_int_equal(ftruncate(fd, (off_t)off), 0);
	close(fd);
	assert_int_equal(sp_journal_open(&journal, &config), 0);
	write_records_of(9, 31);
	assert_int_equal(sp_server_catch_up(&s), 0);
	all_are_found(journal.chain.seq);
}

static void full_blocks_that_a_full_disk_does_not_take_are_asked_all_the_same(void **state)
{
	(void)state;
	write_records_of(5 * SP_BLOCK_RECORDS, 31);
	assert_int_equal(sp_server_catch_up(&s), 0);
	disk_full = true;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(sp_server_catch_up(&s), -ENOSPC);
		all_are_found(journal.chain.seq);
	}
	disk_full = false;
	assert_int_equal(sp_server_catch_up(&s), 0);
	all_are_found(journal.chain.seq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			segments_go_when_the_next_one_is_older_than_records_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_index_that_is_told_nothing_reads_on_where_it_stood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			records_that_are_not_in_the_journal_are_told_of, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			no_segment_goes_before_its_going_can_be_on_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_segment_that_went_is_on_record_whatever_becomes_of_the_index, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			full_blocks_that_a_full_disk_does_not_take_are_asked_all_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_index_ahead_of_the_journal_is_filled_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_journal_whose_folder_cannot_be_read_to_its_end_is_not_taken_for_a_shorter_one, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
