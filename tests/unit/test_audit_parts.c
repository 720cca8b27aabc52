#include "common/record.h"
#include "controlplane/audit/block.h"
#include "controlplane/audit/checkpoint.h"
#include "controlplane/audit/index.h"
#include "controlplane/audit/merkle.h"
#include "controlplane/audit/note.h"
#include "controlplane/audit/verify.h"
#include "tests/support/lmdb_full.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>
#include "common/banned.h"

/// What the code under test meets.
static bool no_readers;
static unsigned folders_synced;

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **ret)
{
	int (*real)(MDB_env *, MDB_txn *, unsigned, MDB_txn **);

	*(void **)&real = dlsym(RTLD_NEXT, __func__);
	return no_readers && flags & MDB_RDONLY ? MDB_READERS_FULL : real(env, parent, flags, ret);
}

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		folders_synced++;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	char path[] = "/tmp/sp-parts-XXXXXX";

	*state = mkdtemp(path) ? strdup(path) : NULL;
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

/// RFC 6962 section 2.1 as it is written: MTH of n leaves.
static void tree_by_definition(const uint8_t (*leaf)[SP_SHA256], size_t n, uint8_t ret[SP_SHA256])
{
	uint8_t l[SP_SHA256], r[SP_SHA256];
	size_t k = 1;

	if (n == 0) {
		sp_sha256(NULL, 0, ret);
	} else if (n == 1) {
		struct sp_bytes p[] = {SP_LIT("\0"), {leaf[0], SP_SHA256}};

		sp_sha256(p, 2, ret);
	} else {
		struct sp_bytes p[] = {SP_LIT("\1"), {l, SP_SHA256}, {r, SP_SHA256}};

		while (2 * k < n)
			k *= 2;
		tree_by_definition(leaf, k, l);
		tree_by_definition(leaf + k, n - k, r);
		sp_sha256(p, 3, ret);
	}
}

static void the_tree_is_that_of_rfc_6962(void **state)
{
	static uint8_t leaf[130][SP_SHA256];
	uint8_t want[SP_SHA256], got[SP_SHA256];
	struct sp_merkle m = {0};

	(void)state;
	for (size_t n = 0; n < SP_ARRAY_LEN(leaf); n++) {
		tree_by_definition(leaf, n, want);
		sp_merkle_root(&m, got);
		assert_memory_equal(want, got, SP_SHA256);
		memset(leaf[n], (int)n + 1, SP_SHA256);
		sp_merkle_add(&m, leaf[n]);
	}
}

static void the_table_of_open_calls_agrees_with_a_plain_list(void **state)
{
	static struct {
		uint8_t id[SP_CALL_ID];
		bool open;
	} list[200];
	struct sp_open_calls t;
	unsigned seed = 3, open = 0;

	(void)state;
	assert_int_equal(sp_open_calls_init(&t, 90), 0);
	for (unsigned i = 0; i < SP_ARRAY_LEN(list); i++)
		memcpy(list[i].id, &(unsigned){i * 7919u}, sizeof(unsigned));
	for (unsigned round = 0; round < 200000; round++) {
		unsigned i = (unsigned)rand_r(&seed) % SP_ARRAY_LEN(list), found = 0;
		const struct sp_open_call *c;
		uint32_t at = 0;

		if (rand_r(&seed) % 2) {
			struct sp_open_call n = {.seq = i + 1, .worker = 1};
			bool room = list[i].open || open < 90;

			memcpy(n.call, list[i].id, SP_CALL_ID);
			sp_open_calls_add(&t, &n);
			open += room && !list[i].open;
			list[i].open |= room;
		} else {
			sp_open_calls_close(&t, list[i].id, 2); // another worker's word counts nothing
			assert_int_equal(t.used, open);
			sp_open_calls_close(&t, list[i].id, rand_r(&seed) % 2 ? 1 : SP_FRAME_OWN);
			open -= list[i].open;
			list[i].open = false;
		}
		assert_int_equal(t.used, open);
		if (round % 500)
			continue;
		while ((c = sp_open_calls_next(&t, &at))) {
			assert_true(list[c->seq - 1].open);
			assert_memory_equal(c->call, list[c->seq - 1].id, SP_CALL_ID);
			found++;
		}
		assert_int_equal(found, open);
	}
	assert_true(t.untracked > 0);
	sp_open_calls_done(&t);
}

static unsigned longest_run(const struct sp_open_calls *t)
{
	unsigned most = 0, run = 0;

	for (uint32_t i = 0; i <= t->mask; i++) {
		run = t->slot[i].seq ? run + 1 : 0;
		most = sp_max(most, run);
	}
	return most;
}

/// At this load the longest run is of some twenty; one of a hundred has no chance.
static void calls_counted_in_whichever_byte_lie_apart(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < SP_CALL_ID; byte++) {
		struct sp_open_calls t;

		assert_int_equal(sp_open_calls_init(&t, 1024), 0);
		for (unsigned i = 0; i < 200; i++) {
			struct sp_open_call c = {.call = {1, 2, 3, 4, 5, 6, 7, 8}, .seq = i + 1};

			c.call[byte] = (uint8_t)i;
			sp_open_calls_add(&t, &c);
		}
		assert_int_equal(t.used, 200);
		assert_int_equal(t.mask, 511);
		assert_true(longest_run(&t) < 100);
		sp_open_calls_done(&t);
	}
}

static struct sp_feed_entry entry(uint64_t seq, unsigned *seed)
{
	struct sp_feed_entry e = {.seq = seq, .time_ns = 1000 + seq, .segment = seq / 1000, .off = (uint32_t)seq * 8};

	for (unsigned d = 0; d < SP_DIM__COUNT; d++)
		if (rand_r(seed) % 5)
			e.hash[d] = sp_dim_hash_u(d == SP_DIM_CALL ? seq / 2 : (uint64_t)rand_r(seed) % (d + 2));
	return e;
}

static void a_block_finds_exactly_the_records_that_have_a_value(void **state)
{
	static struct sp_feed_entry e[SP_BLOCK_RECORDS];
	static const uint32_t sizes[] = {1, 2, 3, 777, SP_BLOCK_RECORDS};
	struct sp_block_builder *b = NULL;
	unsigned seed = 5;

	(void)state;
	assert_int_equal(sp_block_builder_new(&b), 0);
	for (unsigned s = 0; s < SP_ARRAY_LEN(sizes); s++) {
		struct sp_block v;
		uint32_t n;

		for (uint32_t i = 0; i < sizes[s]; i++)
			e[i] = entry(5000 + i, &seed);
		assert_int_equal(sp_block_open(sp_block_build(b, e, sizes[s]), &v), 0);
		assert_int_equal(v.head.min_ns, 6000);
		assert_int_equal(v.head.max_ns, 5999 + sizes[s]);
		for (uint32_t k = 0; k < 50; k++) {
			uint32_t i = (uint32_t)rand_r(&seed) % sizes[s], at = 0, off;
			unsigned d = (unsigned)rand_r(&seed) % SP_DIM__COUNT;
			uint32_t hash = e[i].hash[d] ? e[i].hash[d] : 12345;
			uint64_t segment;
			const uint16_t *list = sp_block_find(&v, (enum sp_dim)d, hash, &n);

			for (uint32_t r = 0; r < sizes[s]; r++)
				if (e[r].hash[d] == hash)
					assert_true(at < n && list[at++] == r);
			assert_int_equal(at, n);
			sp_block_where(&v, i, &segment, &off);
			assert_int_equal(segment, e[i].segment);
			assert_int_equal(off, e[i].off);
		}
	}
	sp_block_builder_free(b);
}

static void a_changed_block_is_refused_or_stays_within_itself(void **state)
{
	static struct sp_feed_entry e[64];
	struct sp_block_builder *b = NULL;
	unsigned seed = 6;
	struct sp_bytes good;
	struct sp_block v;

	(void)state;
	assert_int_equal(sp_block_builder_new(&b), 0);
	for (uint32_t i = 0; i < 64; i++)
		e[i] = entry(1 + i, &seed);
	good = sp_block_build(b, e, 64);
	for (size_t cut = 0; cut < good.n; cut++)
		assert_int_equal(sp_block_open(sp_bytes(good.p, cut), &v), -EBADMSG);
	for (int i = 0; i < 20000; i++) {
		uint8_t *copy = aligned_alloc(8, (good.n + 7) / 8 * 8);
		uint32_t n, off;
		uint64_t segment;

		memcpy(copy, good.p, good.n);
		copy[(size_t)rand_r(&seed) % good.n] ^= (uint8_t)(1 << rand_r(&seed) % 8);
		if (sp_block_open(sp_bytes(copy, good.n), &v) == 0) {
			const uint16_t *l = sp_block_find(&v, SP_DIM_CALL, e[9].hash[SP_DIM_CALL], &n);

			for (uint32_t k = 0; k < n; k++)
				off = l[k];
			sp_block_where(&v, v.head.n - 1, &segment, &off);
		}
		free(copy);
	}
	sp_block_builder_free(b);
}

struct walked {
	uint64_t first, last, blocks;
	bool down;
};

static bool walk(void *ctx, const struct sp_block *b)
{
	struct walked *w = ctx;

	if (w->blocks)
		assert_true(w->down ? b->head.first_seq < w->last : b->head.first_seq > w->last);
	else
		w->first = b->head.first_seq;
	w->last = b->head.first_seq;
	w->blocks++;
	return true;
}

static void the_index_goes_on_where_it_was_and_is_emptied_for_another_store(void **state)
{
	struct sp_index *x = NULL;
	const uint8_t store[16] = {1}, other[16] = {2};
	struct walked w = {.down = true}, up = {0};
	unsigned seed = 9;

	assert_int_equal(sp_index_open(*state, store, 1, 0, &x), 0);
	assert_int_equal(sp_index_next(x), 1);
	for (uint64_t seq = 1; seq <= 10000; seq++) {
		struct sp_feed_entry e = entry(seq, &seed);

		assert_int_equal(sp_index_add(x, &e), 0);
		if (seq % 1500 == 0)
			assert_int_equal(sp_index_flush(x), 0);
	}
	// The last block is in memory alone: it is walked all the same.
	assert_int_equal(sp_index_walk(x, 10000, true, walk, &w), 0);
	assert_int_equal(w.blocks, 3);
	assert_int_equal(w.first, 8193);
	assert_int_equal(sp_index_walk(x, 4100, false, walk, &up), 0);
	assert_int_equal(up.blocks, 2);
	assert_int_equal(sp_index_flush(x), 0);
	sp_index_close(x);
	assert_int_equal(sp_index_open(*state, store, 1, 10000, &x), 0);
	assert_int_equal(sp_index_next(x), 8193); // the block that was not full is wanted again
	assert_int_equal(sp_index_drop_before(x, 4200), 0);
	w.blocks = 0;
	assert_int_equal(sp_index_walk(x, 10000, true, walk, &w), 0);
	assert_int_equal(w.blocks, 1);
	sp_index_close(x);
	// Ahead of the journal, or of another store: of no use.
	assert_int_equal(sp_index_open(*state, store, 1, 8191, &x), 0);
	assert_int_equal(sp_index_next(x), 1);
	sp_index_close(x);
	assert_int_equal(sp_index_open(*state, other, 7, 10000, &x), 0);
	assert_int_equal(sp_index_next(x), 7);
	sp_index_close(x);
}

static void add_entries(struct sp_index *x, uint64_t last)
{
	unsigned seed = 9;

	while (sp_index_next(x) <= last) {
		struct sp_feed_entry e = entry(sp_index_next(x), &seed);

		assert_int_equal(sp_index_add(x, &e), 0);
	}
}

static uint64_t blocks_of(struct sp_index *x)
{
	struct walked w = {0};

	assert_int_equal(sp_index_walk(x, 1, false, walk, &w), 0);
	return w.blocks;
}

static void a_full_disk_keeps_the_index_from_being_written_not_from_being_asked(void **state)
{
	struct sp_index *x = NULL;
	const uint8_t store[16] = {1};

	assert_int_equal(sp_index_open(*state, store, 1, 0, &x), 0);
	disk_full = true;
	for (uint64_t seq = 100; seq <= 300; seq += 100) {
		add_entries(x, seq);
		assert_int_equal(sp_index_flush(x), 0);
		assert_int_equal(sp_index_next(x), seq + 1);
		assert_int_equal(blocks_of(x), 1);
	}
	// Of blocks that became full meanwhile nothing is left: they are wanted again.
	add_entries(x, 9000);
	assert_int_equal(blocks_of(x), 3);
	assert_int_equal(sp_index_flush(x), -ENOSPC);
	assert_int_equal(sp_index_next(x), 1);
	disk_full = false;
	add_entries(x, 9000);
	assert_int_equal(sp_index_flush(x), 0);
	assert_int_equal(blocks_of(x), 3);
	sp_index_close(x);
}

static void full_blocks_are_written_together_and_when_the_index_is_closed(void **state)
{
	struct sp_index *x = NULL;
	const uint8_t store[16] = {1};

	assert_int_equal(sp_index_open(*state, store, 1, 0, &x), 0);
	add_entries(x, 8192);
	assert_int_equal(sp_index_pending(x), 2);
	assert_int_equal(blocks_of(x), 2);
	assert_int_equal(sp_index_flush(x), 0);
	assert_int_equal(sp_index_pending(x), 0);
	add_entries(x, 13000);
	assert_int_equal(sp_index_drop_before(x, 5000), 0);
	assert_int_equal(blocks_of(x), 3);
	add_entries(x, 16384);
	assert_int_equal(sp_index_pending(x), 1);
	sp_index_close(x);
	assert_int_equal(sp_index_open(*state, store, 1, 16384, &x), 0);
	assert_int_equal(sp_index_next(x), 16385);
	sp_index_close(x);
}

static void records_that_are_gone_are_not_wanted_again_whatever_is_lost_of_the_index(void **state)
{
	struct sp_index *x = NULL;
	const uint8_t store[16] = {1};

	assert_int_equal(sp_index_open(*state, store, 1, 0, &x), 0);
	add_entries(x, 9000);
	disk_full = true;
	assert_int_equal(sp_index_drop_before(x, 6000), -ENOSPC);
	disk_full = false;
	assert_int_equal(sp_index_next(x), 6000);
	sp_index_close(x);
}

static void an_index_of_which_nobody_knows_what_it_lacks_is_given_up(void **state)
{
	struct sp_index *x = NULL;
	const uint8_t store[16] = {1};

	assert_int_equal(sp_index_open(*state, store, 1, 0, &x), 0);
	add_entries(x, 5000);
	disk_full = no_readers = true;
	assert_int_equal(sp_index_flush(x), -EUCLEAN);
	disk_full = no_readers = false;
	sp_index_close(x);
}

static void a_checkpoint_holds_for_its_key_and_no_other_byte(void **state)
{
	uint8_t note[SP_CHECKPOINT_MAX], vkey[256], root[SP_SHA256] = {7};
	const uint8_t store[16] = {3}, other[16] = {4};
	struct sp_out out = sp_out_init(note, sizeof(note));
	struct sp_checkpoint c = {0};
	struct sp_signer *s = NULL;
	int dir = open(*state, O_RDONLY | O_DIRECTORY), fd;
	ssize_t n;

	folders_synced = 0;
	assert_int_equal(sp_signer_new(dir, store, &s), 0);
	assert_int_equal(folders_synced, 2); // a key that was told of does not vanish with the power
	assert_int_equal(sp_signer_note(s, 4711, root, &out), 0);
	fd = openat(dir, SP_CHECKPOINT_PUB, O_RDONLY);
	n = read(fd, vkey, sizeof(vkey));
	assert_true(n > 40);
	close(fd);
	assert_int_equal(sp_checkpoint_read(sp_bytes(note, out.len), sp_bytes(vkey, (size_t)n), &c), 0);
	assert_int_equal(c.size, 4711);
	assert_memory_equal(c.root, root, sizeof(root));
	for (size_t i = 0; i < out.len; i++) {
		int err;

		assert_true(sp_checkpoint_read(sp_bytes(note, i), sp_bytes(vkey, (size_t)n), &c) < 0);
		note[i] ^= 1;
		err = sp_checkpoint_read(sp_bytes(note, out.len), sp_bytes(vkey, (size_t)n), &c);
		assert_true(err == -EBADMSG || err == -EKEYREJECTED);
		note[i] ^= 1;
	}
	assert_int_equal(sp_signer_publish(s, dir, 12, root), 0);
	sp_signer_free(s);
	// The key stays; a store of another name has another verifier key.
	assert_int_equal(sp_signer_new(dir, store, &s), 0);
	assert_int_equal(sp_checkpoint_load(dir, dir, SP_CHECKPOINT_PUB, &c), 0);
	assert_int_equal(c.size, 12);
	sp_signer_free(s);
	assert_int_equal(sp_signer_new(dir, other, &s), 0);
	assert_true(sp_checkpoint_load(dir, dir, SP_CHECKPOINT_PUB, &c) < 0);
	sp_signer_free(s);
	close(dir);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_tree_is_that_of_rfc_6962),
		TEST(the_table_of_open_calls_agrees_with_a_plain_list),
		TEST(calls_counted_in_whichever_byte_lie_apart),
		TEST(a_block_finds_exactly_the_records_that_have_a_value),
		TEST(a_changed_block_is_refused_or_stays_within_itself),
		TEST(the_index_goes_on_where_it_was_and_is_emptied_for_another_store),
		TEST(a_full_disk_keeps_the_index_from_being_written_not_from_being_asked),
		TEST(full_blocks_are_written_together_and_when_the_index_is_closed),
		TEST(records_that_are_gone_are_not_wanted_again_whatever_is_lost_of_the_index),
		TEST(an_index_of_which_nobody_knows_what_it_lacks_is_given_up),
		TEST(a_checkpoint_holds_for_its_key_and_no_other_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
