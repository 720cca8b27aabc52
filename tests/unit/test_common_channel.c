#include "common/channel.h"
#include "common/clock.h"
#include "common/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>
#include "common/banned.h"

#define ENTRIES 64u
#define ARENA 8192u

static void make(struct sp_shm *shm, uint32_t entries, size_t arena)
{
	int fd = -1;

	assert_int_equal(sp_shm_create("test-channel", SP_REGION_CHANNEL,
				 sp_channel_bytes(entries, arena, 8),
				 sizeof(struct sp_channel_region), shm, &fd),
		0);
	close(fd);
	assert_int_equal(sp_channel_format(shm, 3, entries, arena, 8), 0);
}

/// Bytes of record `seq`: length and content follow from the number alone.
static size_t record_len(uint64_t seq)
{
	return 16 + (size_t)(seq * 2654435761u % 700);
}

static void fill(uint8_t *p, uint64_t seq)
{
	size_t n = record_len(seq);

	memcpy(p, &seq, sizeof(seq));
	for (size_t i = sizeof(seq); i < n; i++)
		p[i] = (uint8_t)(seq + i);
}

static bool intact(struct sp_bytes b, uint64_t seq)
{
	if (b.n != record_len(seq) || memcmp(b.p, &seq, sizeof(seq)) != 0)
		return false;
	for (size_t i = sizeof(seq); i < b.n; i++)
		if (b.p[i] != (uint8_t)(seq + i))
			return false;
	return true;
}

static bool produce(struct sp_channel *c)
{
	uint8_t *p = sp_channel_reserve(c, 800);

	if (!p)
		return false;
	fill(p, c->seq + 1);
	sp_channel_commit(c, record_len(c->seq + 1));
	return true;
}

static void records_arrive_whole_in_order_and_wrap(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	struct sp_channel_record r[16];
	uint64_t next = 1;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	for (int round = 0; round < 5000; round++) {
		unsigned n;

		for (int i = 0; i < round % 9; i++)
			produce(&w);
		n = sp_channel_peek(&a, 0, r, (unsigned)(round % 7) + 1);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(r[i].seq, next + i);
			assert_true(intact(r[i].bytes, next + i));
		}
		next += n;
		sp_channel_release(&a, n);
	}
	assert_true(next > 1000);
	assert_int_equal(a.faults, 0);
	sp_shm_detach(&shm);
}

static void a_full_ring_or_arena_refuses_and_recovers(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	struct sp_channel_record r[ENTRIES];
	unsigned n = 0;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	assert_null(sp_channel_reserve(&w, ARENA));
	while (produce(&w))
		n++;
	assert_in_range(n, 8, ENTRIES - 1);
	assert_int_equal(sp_channel_peek(&a, 0, r, ENTRIES), n);
	for (unsigned freed = 1; sp_channel_release(&a, 1), !produce(&w); freed++)
		assert_true(freed < 6);
	for (n = sp_channel_peek(&a, 0, r, ENTRIES); n; n = sp_channel_peek(&a, 0, r, ENTRIES))
		sp_channel_release(&a, n);
	for (n = 0; sp_channel_reserve(&w, 1); n++)
		sp_channel_commit(&w, 1);
	assert_int_equal(n, ENTRIES - 1);
	sp_shm_detach(&shm);
}

static void room_that_was_promised_is_there(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	struct sp_channel_record r[ENTRIES];
	unsigned promised = 0, refused = 0;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t records = round * 7 % 70 + 1, len = round * 131 % 800 + 1;

		if (sp_channel_has_room(&w, records, (size_t)records * len, len)) {
			promised++;
			for (uint32_t i = 0; i < records; i++) {
				assert_non_null(sp_channel_reserve(&w, len));
				sp_channel_commit(&w, len);
			}
		} else {
			refused++;
		}
		sp_channel_release(&a, sp_channel_peek(&a, 0, r, round * 13 % ENTRIES));
	}
	assert_true(promised > 1000 && refused > 1000);
	assert_false(sp_channel_has_room(&w, ENTRIES, ENTRIES, 1));
	assert_false(sp_channel_has_room(&w, 1, ARENA, 1));
	sp_shm_detach(&shm);
}

static void peek_skips_what_was_taken_and_release_frees_the_oldest(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	struct sp_channel_record r[8];

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	for (int i = 0; i < 5; i++)
		assert_true(produce(&w));
	assert_int_equal(sp_channel_peek(&a, 0, r, 2), 2);
	assert_int_equal(sp_channel_peek(&a, 2, r, 8), 3);
	assert_int_equal(r[0].seq, 3);
	assert_int_equal(sp_channel_peek(&a, 5, r, 8), 0);
	sp_channel_release(&a, 2);
	assert_int_equal(sp_channel_peek(&a, 0, r, 8), 3);
	assert_int_equal(r[0].seq, 3);
	// A successor of audit sees again what was taken but not released.
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	assert_int_equal(sp_channel_peek(&a, 0, r, 8), 3);
	assert_int_equal(r[0].seq, 3);
	assert_false(sp_channel_durable(&w, 1));
	sp_channel_set_durable(&a, 2);
	assert_true(sp_channel_durable(&w, 2));
	sp_shm_detach(&shm);
}

static void messages_pass_both_ways_until_full(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, c;
	struct sp_control_msg m = {.type = SP_MSG_WAKE}, got;
	int n = 0;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_control(&shm, &c), 0);
	assert_int_equal(sp_channel_msg_get(&w, true, &got), -EAGAIN);
	assert_int_equal(sp_channel_msg_get(&c, false, &got), -EAGAIN);
	for (int round = 0; round < 3; round++) {
		for (n = 0; m.epoch = (uint32_t)n, sp_channel_msg_put(&c, true, &m) == 0;)
			n++;
		assert_int_equal(n, 7);
		for (int i = 0; i < n; i++) {
			assert_int_equal(sp_channel_msg_get(&w, true, &got), 0);
			assert_int_equal(got.epoch, i);
		}
		for (n = 0; m.epoch = (uint32_t)n, sp_channel_msg_put(&w, false, &m) == 0;)
			n++;
		assert_int_equal(n, 7);
		// A restarted control goes on where its predecessor was.
		assert_int_equal(sp_channel_attach_control(&shm, &c), 0);
		for (int i = 0; i < n; i++) {
			assert_int_equal(sp_channel_msg_get(&c, false, &got), 0);
			assert_int_equal(got.epoch, i);
		}
	}
	assert_int_equal(sp_channel_msg_put(&w, true, &m), -EPERM);
	assert_int_equal(sp_channel_msg_get(&c, true, &got), -EPERM);
	sp_shm_detach(&shm);
}

/// Shared by the processes of the kill test.
struct ledger {
	_Atomic uint64_t checked;  ///< highest sequence number seen whole and in order
	_Atomic uint64_t released; ///< written before the release
	_Atomic uint64_t bad;
};

static SP_NORETURN void producer(const struct sp_shm *shm)
{
	struct sp_channel w;

	if (sp_channel_attach_worker(shm, &w) < 0)
		_exit(1);
	for (;;)
		if (!produce(&w))
			sched_yield();
}

static SP_NORETURN void consumer(const struct sp_shm *shm, struct ledger *l)
{
	struct sp_channel a;
	struct sp_channel_record r[8];

	if (sp_channel_attach_audit(shm, &a) < 0)
		_exit(1);
	for (;;) {
		unsigned n = sp_channel_peek(&a, 0, r, 8);

		for (unsigned i = 0; i < n; i++) {
			uint64_t last = atomic_load(&l->checked);

			// Nothing lost: never beyond the next. Repeats only of what may be unreleased.
			if (r[i].seq > last + 1 || r[i].seq <= atomic_load(&l->released) ||
				!intact(r[i].bytes, r[i].seq))
				atomic_fetch_add(&l->bad, 1);
			else if (r[i].seq == last + 1)
				atomic_store(&l->checked, last + 1);
		}
		if (n)
			sp_channel_set_durable(&a, r[n - 1].seq);
		sp_channel_release(&a, n);
		// Told after the release: a repeat of a number told here would be one too many.
		if (n)
			atomic_store(&l->released, r[n - 1].seq);
		else
			sched_yield();
		if (a.faults)
			atomic_fetch_add(&l->bad, 1);
	}
}

static pid_t spawn(bool producing, const struct sp_shm *shm, struct ledger *l)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (producing)
			producer(shm);
		consumer(shm, l);
	}
	assert_true(pid > 0);
	return pid;
}

static void kills_at_random_instants_lose_nothing(void **state)
{
	struct sp_shm shm;
	struct ledger *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[2];
	unsigned seed = 12345;
	uint64_t before = 0, moved = 0, until = sp_clock_boot_ns() + 30 * SP_NS_PER_SEC;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	pid[0] = spawn(true, &shm, l);
	pid[1] = spawn(false, &shm, l);
	// On a loaded machine few get as far as doing anything before they are killed.
	for (int kills = 0; kills < 400 || (moved <= 100 && sp_clock_boot_ns() < until); kills++) {
		int who = rand_r(&seed) & 1;
		struct timespec nap = {0, 50000 + rand_r(&seed) % 1500000};

		nanosleep(&nap, NULL);
		kill(pid[who], SIGKILL);
		waitpid(pid[who], NULL, 0);
		pid[who] = spawn(who == 0, &shm, l);
		moved += atomic_load(&l->checked) > before;
		before = atomic_load(&l->checked);
	}
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	assert_int_equal(atomic_load(&l->bad), 0);
	assert_true(moved > 100);
	// What is left in the ring follows on, whole.
	{
		struct sp_channel a;
		struct sp_channel_record r[ENTRIES];
		uint64_t last = atomic_load(&l->checked);
		unsigned n;

		assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
		n = sp_channel_peek(&a, 0, r, ENTRIES);
		for (unsigned i = 0; i < n; i++) {
			assert_true(intact(r[i].bytes, r[i].seq));
			if (r[i].seq > last)
				assert_int_equal(r[i].seq, ++last);
		}
		// The last record may be in the ring while its count was not yet told.
		assert_in_range(last - atomic_load(&((struct sp_channel_region *)shm.base)->produced_seq), 0, 1);
	}
	munmap(l, sizeof(*l));
	sp_shm_detach(&shm);
}

static void a_forged_number_does_not_outlive_its_worker(void **state)
{
	struct sp_shm shm;
	struct sp_channel w, a;
	struct sp_channel_record r[4];

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	for (int i = 0; i < 3; i++)
		assert_true(produce(&w));
	sp_channel_set_durable(&a, 3);
	w.seq = UINT64_MAX - 1;
	assert_non_null(sp_channel_reserve(&w, 8));
	assert_true(sp_channel_commit(&w, 8) == UINT64_MAX);
	assert_int_equal(sp_channel_attach_worker(&shm, &w), 0);
	assert_int_equal(w.seq, 3 + ENTRIES - 1);
	assert_false(sp_channel_durable(&w, w.seq + 1));
	assert_int_equal(sp_channel_peek(&a, 0, r, 4), 4);
	sp_shm_detach(&shm);
}

/// The region as a hostile worker would leave it: any word, any value, at any time.
static void a_forged_region_harms_only_its_own_records(void **state)
{
	struct sp_shm shm;
	struct sp_channel a, c;
	struct sp_channel_record r[ENTRIES];
	struct sp_control_msg m = {0};
	unsigned seed = 99;
	volatile uint8_t sum = 0;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_attach_audit(&shm, &a), 0);
	assert_int_equal(sp_channel_attach_control(&shm, &c), 0);
	for (int round = 0; round < 200000; round++) {
		size_t at = (size_t)rand_r(&seed) % (shm.size / 4) * 4;
		uint32_t v = rand_r(&seed) & 1 ? (uint32_t)rand_r(&seed) * 3u
					       : (uint32_t)(rand_r(&seed) % 70);
		unsigned n;

		if (round % 3)
			at = (size_t)rand_r(&seed) % 640 * 4;
		memcpy(shm.base + at, &v, sizeof(v));
		n = sp_channel_peek(&a, (unsigned)rand_r(&seed) % 4, r, ENTRIES);
		assert_true(n <= ENTRIES);
		for (unsigned i = 0; i < n; i++) {
			assert_true(r[i].bytes.n <= SP_RECORD_MAX);
			for (size_t k = 0; k < r[i].bytes.n; k += 61)
				sum = (uint8_t)(sum + r[i].bytes.p[k]);
		}
		sp_channel_release(&a, n ? (unsigned)rand_r(&seed) % n : 0);
		(void)!sp_channel_msg_get(&c, false, &m);
		(void)!sp_channel_msg_put(&c, true, &m);
		if (round % 1000 == 0) {
			struct sp_channel again;

			if (sp_channel_attach_audit(&shm, &again) == 0)
				(void)sp_channel_peek(&again, 0, r, ENTRIES);
			(void)!sp_channel_attach_control(&shm, &again);
		}
	}
	assert_true(a.faults > 0);
	sp_shm_detach(&shm);
}

static void impossible_sizes_are_refused(void **state)
{
	struct sp_shm shm;

	(void)state;
	make(&shm, ENTRIES, ARENA);
	assert_int_equal(sp_channel_format(&shm, 0, 63, ARENA, 8), -EINVAL);
	assert_int_equal(sp_channel_format(&shm, 0, ENTRIES, 100, 8), -EINVAL);
	assert_int_equal(sp_channel_format(&shm, 0, ENTRIES * 64, ARENA * 64, 8), -ENOSPC);
	sp_shm_detach(&shm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_arrive_whole_in_order_and_wrap),
		cmocka_unit_test(a_full_ring_or_arena_refuses_and_recovers),
		cmocka_unit_test(room_that_was_promised_is_there),
		cmocka_unit_test(peek_skips_what_was_taken_and_release_frees_the_oldest),
		cmocka_unit_test(messages_pass_both_ways_until_full),
		cmocka_unit_test(kills_at_random_instants_lose_nothing),
		cmocka_unit_test(a_forged_number_does_not_outlive_its_worker),
		cmocka_unit_test(a_forged_region_harms_only_its_own_records),
		cmocka_unit_test(impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
