#include "controlplane/control/jwks_refresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define S 1000000000ull
#define HOUR (3600 * S)
#define WALL0 (1800000000 * S)

/// A world in which the test decides what a fetch brings.
static struct {
	struct sp_refresh *r;
	struct sp_refresh_now now;
	int outcome[4]; ///< of the next fetch of each issuer
	uint32_t keys[4]; ///< names the set it brings
	uint32_t calls[4];
	uint64_t last_ns[4], least_gap_ns;
} w;

static struct sp_jwks *set_of(uint32_t name)
{
	struct sp_jwks *s = calloc(1, sizeof(*s) + sizeof(s->key[0]));

	assert_non_null(s);
	s->n = 1;
	s->key[0].alg = SP_ALG_ES256;
	s->key[0].kid_len = (uint32_t)snprintf(s->key[0].kid, sizeof(s->key[0].kid), "%u", name);
	return s;
}

static int fetch(void *ctx, uint32_t issuer, struct sp_jwks **ret, char *why, size_t cap)
{
	assert_ptr_equal(ctx, &w);
	if (w.calls[issuer]++)
		w.least_gap_ns = sp_min(w.least_gap_ns, w.now.boot_ns - w.last_ns[issuer]);
	w.last_ns[issuer] = w.now.boot_ns;
	if (w.outcome[issuer] == 0)
		*ret = set_of(w.keys[issuer]);
	else
		snprintf(why, cap, "outcome %d", w.outcome[issuer]);
	return w.outcome[issuer];
}

static void start(uint32_t n, uint64_t interval_ns)
{
	struct sp_refresh_issuer rules[4];

	memset(&w, 0, sizeof(w));
	w.now = (struct sp_refresh_now){.boot_ns = 5 * S, .wall_ns = WALL0};
	w.least_gap_ns = UINT64_MAX;
	for (uint32_t i = 0; i < n; i++)
		rules[i] = (struct sp_refresh_issuer){.interval_ns = interval_ns};
	assert_int_equal(sp_refresh_new(rules, n, fetch, &w, &w.r), 0);
}

static void stop(void)
{
	w.r = sp_refresh_free(w.r);
	assert_null(w.r);
}

static void pass(uint64_t ns)
{
	w.now.boot_ns += ns;
	w.now.wall_ns += ns;
	sp_refresh_tick(w.r, w.now);
}

static const char *kid(uint32_t issuer)
{
	uint64_t until;
	const struct sp_jwks *k = sp_refresh_keys(w.r, issuer, &until);

	return k ? k->key[0].kid : "none";
}

static uint64_t valid_until(uint32_t issuer)
{
	uint64_t until = 0;

	(void)sp_refresh_keys(w.r, issuer, &until);
	return until;
}

static void every_issuer_is_fetched_at_once_and_each_interval(void **state)
{
	(void)state;
	start(2, 600 * S);
	assert_int_equal(sp_refresh_next_ns(w.r), 0);
	assert_string_equal(kid(0), "none");
	pass(0);
	assert_int_equal(w.calls[0], 1);
	assert_int_equal(w.calls[1], 1);
	assert_string_equal(kid(1), "0");
	assert_int_equal(valid_until(0), WALL0 + 24 * HOUR);
	assert_int_equal(sp_refresh_next_ns(w.r), 605 * S);
	pass(600 * S - 1);
	assert_int_equal(w.calls[0], 1);
	pass(1);
	assert_int_equal(w.calls[0], 2);
	assert_int_equal(valid_until(0), WALL0 + 24 * HOUR + 600 * S);
	stop();
}

static void only_other_keys_or_a_good_deal_of_time_ask_for_a_snapshot(void **state)
{
	uint64_t dirty = 0;

	(void)state;
	start(1, 600 * S);
	assert_false(sp_refresh_take_dirty(w.r));
	pass(0);
	assert_true(sp_refresh_take_dirty(w.r));
	assert_false(sp_refresh_take_dirty(w.r));
	pass(600 * S);
	assert_false(sp_refresh_take_dirty(w.r));
	w.keys[0] = 9;
	pass(600 * S);
	assert_string_equal(kid(0), "9");
	assert_true(sp_refresh_take_dirty(w.r));
	for (unsigned i = 0; i < 24 * 6; i++) {
		pass(600 * S);
		dirty += sp_refresh_take_dirty(w.r);
	}
	assert_int_equal(dirty, 4);
	stop();
}

static void unknown_kids_cost_one_fetch_in_thirty_seconds(void **state)
{
	(void)state;
	start(2, 3600 * S);
	pass(0);
	for (unsigned i = 0; i < 59999; i++) {
		sp_refresh_unknown_kid(w.r, 0, w.now);
		sp_refresh_unknown_kid(w.r, 99, w.now);
		pass(S / 1000);
	}
	assert_int_equal(w.calls[0], 2);
	assert_int_equal(w.calls[1], 1);
	for (unsigned i = 0; i < 600; i++) {
		sp_refresh_unknown_kid(w.r, 0, w.now);
		pass(S / 2);
	}
	assert_in_range(w.calls[0], 11, 12);
	assert_true(w.least_gap_ns >= 30 * S);
	stop();
}

static void a_rotation_is_seen_at_the_first_token_of_the_new_key(void **state)
{
	(void)state;
	start(1, 3600 * S);
	pass(0);
	(void)sp_refresh_take_dirty(w.r);
	pass(100 * S);
	w.keys[0] = 2;
	sp_refresh_unknown_kid(w.r, 0, w.now);
	assert_int_equal(sp_refresh_next_ns(w.r), w.now.boot_ns);
	pass(0);
	assert_string_equal(kid(0), "2");
	assert_true(sp_refresh_take_dirty(w.r));
	stop();
}

static void failures_back_off_and_keep_the_last_good_set(void **state)
{
	static const uint64_t waits[] = {30, 60, 120, 240, 480, 600, 600};
	struct sp_refresh_status st;

	(void)state;
	start(1, 600 * S);
	pass(0);
	(void)sp_refresh_take_dirty(w.r);
	w.outcome[0] = -ETIMEDOUT;
	pass(600 * S);
	for (size_t i = 0; i < SP_ARRAY_LEN(waits); i++) {
		assert_int_equal(sp_refresh_next_ns(w.r), w.now.boot_ns + waits[i] * S);
		pass(waits[i] * S);
		assert_int_equal(w.calls[0], i + 3);
	}
	assert_string_equal(kid(0), "0");
	assert_int_equal(valid_until(0), WALL0 + 24 * HOUR);
	assert_false(sp_refresh_take_dirty(w.r));
	assert_int_equal(sp_refresh_status(w.r, 0, &st), 0);
	assert_int_equal(st.failures, 8);
	assert_int_equal(st.failed_in_a_row, 8);
	assert_int_equal(st.last_good_wall_ns, WALL0);
	assert_int_equal(st.last_try_wall_ns, w.now.wall_ns);
	assert_string_equal(st.why, "outcome -110");
	w.outcome[0] = 0;
	pass(600 * S);
	assert_int_equal(sp_refresh_status(w.r, 0, &st), 0);
	assert_int_equal(st.failed_in_a_row, 0);
	assert_string_equal(st.why, "");
	assert_int_equal(sp_refresh_status(w.r, 1, &st), -ENOENT);
	stop();
}

/// The issuer is gone for two days: the set's time passes, and it is asked for all the while.
static void an_outage_ends_in_denial_after_a_day(void **state)
{
	(void)state;
	start(1, 600 * S);
	pass(0);
	w.outcome[0] = -ECONNABORTED;
	for (unsigned i = 0; i < 48 * 60; i++)
		pass(60 * S);
	assert_int_equal(valid_until(0), WALL0 + 24 * HOUR);
	assert_true(valid_until(0) < w.now.wall_ns);
	assert_in_range(w.calls[0], 280, 300);
	w.outcome[0] = 0;
	(void)sp_refresh_take_dirty(w.r);
	pass(600 * S);
	assert_true(sp_refresh_take_dirty(w.r));
	assert_int_equal(valid_until(0), w.now.wall_ns + 24 * HOUR);
	stop();
}

static void a_fetch_may_take_its_time(void **state)
{
	(void)state;
	start(1, 600 * S);
	w.outcome[0] = -EINPROGRESS;
	pass(0);
	assert_int_equal(sp_refresh_next_ns(w.r), UINT64_MAX);
	sp_refresh_unknown_kid(w.r, 0, w.now);
	pass(2000 * S);
	assert_int_equal(w.calls[0], 1);
	sp_refresh_complete(w.r, 0, 0, set_of(4), NULL, w.now);
	assert_string_equal(kid(0), "4");
	assert_int_equal(sp_refresh_next_ns(w.r), w.now.boot_ns + 600 * S);
	sp_refresh_complete(w.r, 0, 0, set_of(5), NULL, w.now); // nobody asked for it
	sp_refresh_complete(w.r, 7, 0, set_of(5), NULL, w.now);
	assert_string_equal(kid(0), "4");
	pass(600 * S);
	sp_refresh_complete(w.r, 0, -EPROTO, NULL, "status 500", w.now);
	assert_string_equal(kid(0), "4");
	stop();
}

static void an_earlier_life_seeds_the_keys(void **state)
{
	(void)state;
	start(1, 600 * S);
	w.outcome[0] = -EHOSTUNREACH;
	sp_refresh_seed(w.r, 0, set_of(1), WALL0, w.now); // past its time
	assert_string_equal(kid(0), "none");
	sp_refresh_seed(w.r, 0, set_of(2), WALL0 + 90 * HOUR, w.now);
	assert_string_equal(kid(0), "2");
	assert_int_equal(valid_until(0), WALL0 + 24 * HOUR);
	sp_refresh_seed(w.r, 0, set_of(3), WALL0 + HOUR, w.now); // has one already
	sp_refresh_seed(w.r, 5, set_of(3), WALL0 + HOUR, w.now);
	assert_string_equal(kid(0), "2");
	pass(0);
	assert_int_equal(w.calls[0], 1);
	assert_string_equal(kid(0), "2");
	w.outcome[0] = 0;
	w.keys[0] = 8;
	pass(30 * S);
	assert_string_equal(kid(0), "8");
	stop();
}

static void limits_of_the_rules_hold_whatever_the_configuration_says(void **state)
{
	struct sp_refresh_issuer rules = {.interval_ns = 1, .max_age_ns = 999 * HOUR};

	(void)state;
	start(1, 1);
	sp_refresh_free(w.r);
	assert_int_equal(sp_refresh_new(&rules, 1, fetch, &w, &w.r), 0);
	for (unsigned i = 0; i < 3000; i++)
		pass(S / 10);
	assert_true(w.calls[0] <= 11);
	assert_true(w.least_gap_ns >= 30 * S);
	assert_true(valid_until(0) <= w.now.wall_ns + 24 * HOUR);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_issuer_is_fetched_at_once_and_each_interval),
		cmocka_unit_test(only_other_keys_or_a_good_deal_of_time_ask_for_a_snapshot),
		cmocka_unit_test(unknown_kids_cost_one_fetch_in_thirty_seconds),
		cmocka_unit_test(a_rotation_is_seen_at_the_first_token_of_the_new_key),
		cmocka_unit_test(failures_back_off_and_keep_the_last_good_set),
		cmocka_unit_test(an_outage_ends_in_denial_after_a_day),
		cmocka_unit_test(a_fetch_may_take_its_time),
		cmocka_unit_test(an_earlier_life_seeds_the_keys),
		cmocka_unit_test(limits_of_the_rules_hold_whatever_the_configuration_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
