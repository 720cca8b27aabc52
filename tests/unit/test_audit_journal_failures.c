/// Writes, syncs and rotations that fail, and segments made ahead: what was acknowledged stays.
#include "tests/support/journal_rig.h"
#include "common/banned.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failing_write_or_sync_loses_nothing_acknowledged),
		TEST(segments_made_ahead_by_another_thread_are_never_mixed_up),
		TEST(a_failing_rotation_loses_nothing_acknowledged),
		TEST(what_a_new_segment_got_of_a_full_disk_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
