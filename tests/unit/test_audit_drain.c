/// Whose life a call belongs to, with workers that die and begin anew while audit looks at their ring.
#include "common/record.h"
#include "controlplane/audit/drain.h"
#include "tests/support/audit_rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>
#include "common/banned.h"

#define LEFT 7u   ///< a call whose worker dies
#define NEXT 8u   ///< the first one of its next life
#define DENIED 10u ///< calls of this number, twice it ... are denied: records that leave nothing open

struct scene {
	struct sp_store_io io; ///< first: the table's functions find the rest by it
	struct sp_rig rig;
	struct sp_channel worker;
	struct sp_feed feed;
	struct sp_drain drain;
	int dir;
	bool dies; ///< while audit waits for the disk next time
};

static uint64_t record(struct scene *s, unsigned type, uint64_t call)
{
	uint64_t seq = 0;

	assert_true(sp_rig_record(&s->rig, &s->worker, 0, type, call, "enhanced", &seq));
	return seq;
}

static void next_life(struct scene *s)
{
	atomic_fetch_add(&s->rig.root->worker[0].epoch, 1);
	assert_int_equal(sp_channel_attach_worker(&s->rig.channel[0], &s->worker), 0);
}

static int append(struct sp_store_io *io, int fd, struct sp_bytes b, uint64_t off)
{
	struct scene *s = (struct scene *)io;

	if (s->dies) {
		s->dies = false;
		next_life(s);
		record(s, SP_RECORD_DECISION, NEXT);
	}
	return sp_store_io_plain.append(io, fd, b, off);
}

static int no_sync(struct sp_store_io *io, int fd)
{
	(void)io, (void)fd; // tests need no real disk
	return 0;
}

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct sp_drain_config c;
	char path[128];

	sp_rig_init(&s->rig, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", 1, 4096);
	s->rig.plan->segment_bytes = SP_JOURNAL_SEGMENT_MIN;
	snprintf(path, sizeof(path), "%s/audit", s->rig.path);
	assert_int_equal(mkdir(path, 0700), 0);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->dir >= 0);
	s->io = sp_store_io_plain;
	s->io.append = append;
	s->io.sync = no_sync;
	assert_int_equal(sp_feed_init(&s->feed, -1), 0);
	c = (struct sp_drain_config){s->rig.root, s->rig.plan, s->dir, &s->io, &s->feed};
	assert_int_equal(sp_drain_init(&s->drain, &c), 0);
	sp_drain_add_worker(&s->drain, 0, &s->rig.channel[0], -1);
	next_life(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	sp_drain_done(&s->drain);
	sp_feed_done(&s->feed);
	close(s->dir);
	sp_rig_done(&s->rig);
	free(s);
	return 0;
}

/// As audit's loop does.
static void turn(struct scene *s)
{
	sp_drain_gather(&s->drain);
	assert_true(sp_drain_commit(&s->drain));
	sp_drain_settle(&s->drain, false);
	assert_false(sp_drain_latched(&s->drain));
}

static uint64_t in_doubt(const struct scene *s)
{
	return atomic_load(&s->rig.root->audit.in_doubt);
}

static void a_life_that_begins_amid_a_look_keeps_its_calls(void **state)
{
	struct scene *s = *state;
	struct sp_rig_tally t;

	// More than one segment holds: audit commits before it has seen the ring's end.
	record(s, SP_RECORD_DECISION, LEFT);
	for (uint64_t i = 0; i < 1500; i++)
		record(s, SP_RECORD_DECISION, i * DENIED);
	s->dies = true;
	sp_drain_gather(&s->drain);
	assert_false(s->dies);
	assert_int_equal(s->drain.worker[0].last, s->worker.seq); // the next life's was seen in that same look
	turn(s);
	turn(s);
	assert_int_equal(in_doubt(s), 1);
	record(s, SP_RECORD_OUTCOME, NEXT);
	turn(s);
	sp_drain_settle(&s->drain, true);
	sp_rig_count(&s->rig, &t);
	assert_int_equal(t.in_doubt, 1);
	assert_int_equal(t.open, 0);
	assert_int_equal(t.closed_twice, 0);
	assert_int_equal(t.lost + t.repeated, 0);
	assert_true(t.chain_ok);
}

static void a_worker_that_claims_a_later_life_has_its_calls_put_in_doubt_all_the_same(void **state)
{
	struct scene *s = *state;
	_Atomic uint32_t *epoch = &s->rig.root->worker[0].epoch;

	atomic_store(epoch, 9);
	record(s, SP_RECORD_DECISION, LEFT);
	atomic_store(epoch, 1);
	turn(s);
	assert_int_equal(in_doubt(s), 0);
	next_life(s);
	turn(s);
	assert_int_equal(in_doubt(s), 1);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_life_that_begins_amid_a_look_keeps_its_calls),
		TEST(a_worker_that_claims_a_later_life_has_its_calls_put_in_doubt_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
