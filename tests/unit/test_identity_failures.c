#include "dataplane/identity/failures.h"

#include "common/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "common/banned.h"

#define MINUTE (60 * SP_NS_PER_SEC)
#define NOW (100 * MINUTE)

static void key_of(uint32_t n, uint8_t key[SP_FAILURES_KEY])
{
	memset(key, 0, SP_FAILURES_KEY);
	memcpy(key + 4, &n, sizeof(n));
	key[15] = 4;
}

static bool may(const struct sp_failures *f, uint32_t n, uint64_t now, uint64_t *retry_ms)
{
	uint8_t key[SP_FAILURES_KEY];

	key_of(n, key);
	return sp_failures_may(f, key, now, retry_ms);
}

static void add(struct sp_failures *f, uint32_t n, uint64_t now)
{
	uint8_t key[SP_FAILURES_KEY];

	key_of(n, key);
	sp_failures_add(f, key, now);
}

static void an_address_has_so_many_failures_a_minute_and_no_more(void **state)
{
	struct sp_failures *f = NULL;
	uint64_t retry = 0;

	(void)state;
	assert_int_equal(sp_failures_new(3, &f), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(may(f, 1, NOW + i, &retry));
		add(f, 1, NOW + i);
	}
	assert_int_equal(retry, 0);
	assert_false(may(f, 1, NOW + 2, &retry));
	assert_in_range(retry, 59999, 60001);
	assert_true(may(f, 2, NOW + 2, &retry));
	assert_false(may(f, 1, NOW + MINUTE - 1, &retry));
	assert_int_equal(retry, 1);
	assert_true(may(f, 1, NOW + MINUTE, &retry));
	add(f, 1, NOW + MINUTE);
	assert_true(may(f, 1, NOW + MINUTE, &retry));
	f = sp_failures_free(f);
}

static void without_a_limit_everything_may_be_tried(void **state)
{
	struct sp_failures *f = NULL;
	uint64_t retry = 0;

	(void)state;
	assert_int_equal(sp_failures_new(0, &f), 0);
	for (unsigned i = 0; i < 10000; i++)
		add(f, 1, NOW);
	assert_true(may(f, 1, NOW, &retry));
	f = sp_failures_free(f);
}

static void many_addresses_push_out_the_oldest_and_never_a_neighbour_that_is_free(void **state)
{
	struct sp_failures *f = NULL;
	uint64_t retry = 0;
	unsigned held = 0;

	(void)state;
	assert_int_equal(sp_failures_new(1, &f), 0);
	for (uint32_t n = 0; n < 100000; n++)
		add(f, n, NOW + n);
	for (uint32_t n = 0; n < 100000; n++)
		held += !may(f, n, NOW + 100000, &retry);
	assert_in_range(held, 4000, 4096); // as many as there is room for
	assert_false(may(f, 99999, NOW + 100000, &retry));
	assert_true(may(f, 0, NOW + 100000, &retry));
	f = sp_failures_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_so_many_failures_a_minute_and_no_more),
		cmocka_unit_test(without_a_limit_everything_may_be_tried),
		cmocka_unit_test(many_addresses_push_out_the_oldest_and_never_a_neighbour_that_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
