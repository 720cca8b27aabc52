#include "dataplane/mcp/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_session_keys keys;
static struct sp_secrets_half half;
static uint8_t text[SP_SESSION_TEXT_MAX];
static size_t text_len;

static struct sp_session sample(void)
{
	struct sp_session s = {
		.revision = SP_REV_2025_11_25,
		.route = 42,
		.expires_s = 1000,
		.south_n = 2,
		.south = {{.upstream = 7, .revision = SP_REV_2025_06_18, .len = 4, .id = "abcd"},
			{.upstream = 8, .revision = SP_REV_2025_03_26}},
	};

	memset(s.principal, 5, sizeof(s.principal));
	memset(s.number, 6, sizeof(s.number));
	return s;
}

static int set_up(void **state)
{
	struct sp_session s = sample();

	(void)state;
	memset(half.session_key[0], 1, 32);
	memset(half.session_key[1], 2, 32);
	half.session_key_id[0] = 9;
	half.session_key_id[1] = 8;
	assert_int_equal(sp_session_keys_init(&keys), 0);
	sp_session_keys_set(&keys, &half);
	assert_int_equal(sp_session_seal(&keys, &s, text, sizeof(text), &text_len), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sp_session_keys_done(&keys);
	return 0;
}

static void a_sealed_session_opens_as_it_was(void **state)
{
	struct sp_session want = sample(), got;

	(void)state;
	assert_int_equal(sp_session_open(&keys, sp_bytes(text, text_len), 999, &got), 0);
	assert_int_equal(got.revision, want.revision);
	assert_int_equal(got.south_n, 2);
	assert_memory_equal(got.number, want.number, sizeof(want.number));
	assert_memory_equal(got.principal, want.principal, sizeof(want.principal));
	assert_int_equal(got.south[0].len, 4);
	assert_memory_equal(got.south[0].id, "abcd", 4);
	for (size_t i = 0; i < text_len; i++)
		assert_in_range(text[i], 0x21, 0x7e);
}

static void it_ends_at_its_expiry(void **state)
{
	struct sp_session got;

	(void)state;
	assert_int_equal(sp_session_open(&keys, sp_bytes(text, text_len), 1000, &got), -EBADMSG);
}

static void any_changed_character_is_refused(void **state)
{
	struct sp_session got;

	(void)state;
	for (size_t i = 0; i < text_len; i++) {
		uint8_t was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(sp_session_open(&keys, sp_bytes(text, text_len), 1, &got), -EBADMSG);
		text[i] = was;
	}
}

static void every_truncation_is_refused(void **state)
{
	struct sp_session got;

	(void)state;
	for (size_t n = 0; n < text_len; n++)
		assert_int_equal(sp_session_open(&keys, sp_bytes(text, n), 1, &got), -EBADMSG);
}

static void the_key_before_still_opens_and_one_older_does_not(void **state)
{
	struct sp_secrets_half next = half;
	struct sp_session got;

	(void)state;
	memcpy(next.session_key[1], half.session_key[0], 32);
	next.session_key_id[1] = half.session_key_id[0];
	memset(next.session_key[0], 3, 32);
	next.session_key_id[0] = 10;
	sp_session_keys_set(&keys, &next);
	assert_int_equal(sp_session_open(&keys, sp_bytes(text, text_len), 1, &got), 0);
	next.session_key_id[1] = 11;
	sp_session_keys_set(&keys, &next);
	assert_int_equal(sp_session_open(&keys, sp_bytes(text, text_len), 1, &got), -EBADMSG);
	sp_session_keys_set(&keys, &half);
}

static void two_seals_of_one_session_differ(void **state)
{
	struct sp_session s = sample();
	uint8_t other[SP_SESSION_TEXT_MAX];
	size_t n;

	(void)state;
	assert_int_equal(sp_session_seal(&keys, &s, other, sizeof(other), &n), 0);
	assert_int_equal(n, text_len);
	assert_memory_not_equal(other, text, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_session_opens_as_it_was),
		cmocka_unit_test(it_ends_at_its_expiry),
		cmocka_unit_test(any_changed_character_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(the_key_before_still_opens_and_one_older_does_not),
		cmocka_unit_test(two_seals_of_one_session_differ),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
