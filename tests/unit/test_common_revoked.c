#include "common/revoked.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

#define CAPACITY 4096u

static struct sp_shm shm;
static int shm_fd;
static struct sp_revoked_region *region;

static int fresh(void **state)
{
	(void)state;
	if (sp_shm_create("revoked", SP_REGION_REVOKED, sp_revoked_bytes(CAPACITY),
		    sizeof(struct sp_revoked_region), &shm, &shm_fd) < 0)
		return -1;
	region = (struct sp_revoked_region *)shm.base;
	return sp_revoked_format(&shm, CAPACITY);
}

static int gone(void **state)
{
	(void)state;
	sp_shm_detach(&shm);
	close(shm_fd);
	return 0;
}

/// A digest-like id: the low word spreads over the table, or all in one chain when `crowd`.
static struct sp_revoked_key key_of(uint64_t i, bool crowd)
{
	uint8_t sha[32] = {0};
	uint64_t hi = i, lo = crowd ? 77 + ((uint64_t)i << 32) : i * 0x9e3779b97f4a7c15ull;

	memcpy(sha, &hi, sizeof(hi));
	memcpy(sha + 8, &lo, sizeof(lo));
	return sp_revoked_key(SP_REVOKED_TOKEN, sha);
}

static void what_was_revoked_is_found_and_nothing_else(void **state)
{
	(void)state;
	assert_false(sp_revoked_has(region, key_of(1, false)));
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(sp_revoked_add(region, key_of(i, false)), 0);
	for (uint64_t i = 0; i < 2000; i++)
		assert_int_equal(sp_revoked_has(region, key_of(i, false)), i < 1000);
	assert_int_equal(sp_revoked_add(region, key_of(999, false)), -EEXIST);
	assert_int_equal(region->used, 1000);
}

static void ids_that_share_a_chain_stay_apart(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(sp_revoked_add(region, key_of(i, true)), 0);
	for (uint64_t i = 0; i < 400; i++)
		assert_int_equal(sp_revoked_has(region, key_of(i, true)), i < 200);
}

static void the_same_id_of_another_kind_is_another_key(void **state)
{
	uint8_t sha[32] = {1, 2, 3};

	(void)state;
	assert_int_equal(sp_revoked_add(region, sp_revoked_key(SP_REVOKED_AGENT, sha)), 0);
	assert_true(sp_revoked_has(region, sp_revoked_key(SP_REVOKED_AGENT, sha)));
	assert_false(sp_revoked_has(region, sp_revoked_key(SP_REVOKED_TOKEN, sha)));
	assert_false(sp_revoked_has(region, sp_revoked_key(SP_REVOKED_SESSION, sha)));
}

static void a_key_is_never_the_empty_entry(void **state)
{
	uint8_t sha[32] = {0};
	struct sp_revoked_key k = sp_revoked_key(SP_REVOKED_AGENT, sha);

	(void)state;
	memcpy(sha + 8, &k.lo, sizeof(k.lo));
	assert_int_not_equal(sp_revoked_key(SP_REVOKED_AGENT, sha).lo, 0);
}

static void it_refuses_at_three_quarters_and_keeps_what_it_has(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < CAPACITY / 4 * 3; i++)
		assert_int_equal(sp_revoked_add(region, key_of(i, false)), 0);
	assert_int_equal(sp_revoked_add(region, key_of(CAPACITY, false)), -ENOSPC);
	assert_int_equal(sp_revoked_add(region, key_of(5, false)), -EEXIST);
	assert_true(sp_revoked_has(region, key_of(CAPACITY / 4 * 3 - 1, false)));
	assert_false(sp_revoked_has(region, key_of(CAPACITY, false)));
}

static _Atomic uint64_t announced;
static _Atomic unsigned missed, invented;

static void *reader(void *arg)
{
	uint64_t n;

	(void)arg;
	do {
		n = atomic_load_explicit(&announced, memory_order_acquire);
		for (uint64_t i = n > 64 ? n - 64 : 0; i < n; i++)
			missed += !sp_revoked_has(region, key_of(i, i % 2));
		for (uint64_t i = 0; i < 64; i++)
			invented += sp_revoked_has(region, key_of(1000000 + i, i % 2));
	} while (n < 2000);
	return NULL;
}

static void readers_see_a_revocation_once_it_was_announced(void **state)
{
	pthread_t t[3];

	(void)state;
	announced = 0;
	for (unsigned i = 0; i < SP_ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, NULL), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		assert_int_equal(sp_revoked_add(region, key_of(i, i % 2)), 0);
		atomic_store_explicit(&announced, i + 1, memory_order_release);
	}
	for (unsigned i = 0; i < SP_ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	assert_int_equal(missed, 0);
	assert_int_equal(invented, 0);
}

static void only_powers_of_two_that_fit_are_laid_out(void **state)
{
	(void)state;
	assert_int_equal(sp_revoked_format(&shm, 1000), -EINVAL);
	assert_int_equal(sp_revoked_format(&shm, 2), -EINVAL);
	assert_int_equal(sp_revoked_format(&shm, CAPACITY * 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_revoked_is_found_and_nothing_else, fresh, gone),
		cmocka_unit_test_setup_teardown(ids_that_share_a_chain_stay_apart, fresh, gone),
		cmocka_unit_test_setup_teardown(the_same_id_of_another_kind_is_another_key, fresh, gone),
		cmocka_unit_test_setup_teardown(a_key_is_never_the_empty_entry, fresh, gone),
		cmocka_unit_test_setup_teardown(
			it_refuses_at_three_quarters_and_keeps_what_it_has, fresh, gone),
		cmocka_unit_test_setup_teardown(
			readers_see_a_revocation_once_it_was_announced, fresh, gone),
		cmocka_unit_test_setup_teardown(only_powers_of_two_that_fit_are_laid_out, fresh, gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
