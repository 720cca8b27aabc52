/// Members that are plain strings are read at once, and a few names are told apart at a glance: what comes of it is
/// what was written, wherever the text ends.
#include "tests/support/json_both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define DEPTH 8u
#define CAP 64u
#define LONGEST 45u
#define LETTERS "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"

static void is_at(const struct json_both *b, uint32_t t, enum sp_json_type type, const char *text, const char *what,
	size_t n)
{
	const struct sp_json_tok *k = &b->j.tok[t];

	assert_int_equal(k->type, type);
	assert_ptr_equal(text + k->off, what);
	assert_int_equal(k->len, n);
	assert_int_equal(k->count, 0);
	assert_int_equal(k->next, t + 1);
	assert_int_equal(k->plain, type == SP_JSON_STRING);
	assert_false(k->escaped || k->apart);
}

static void members_of_all_lengths_are_where_they_were_written(void **state)
{
	char text[256];

	(void)state;
	for (unsigned name = 0; name <= LONGEST; name++)
		for (unsigned value = 0; value <= LONGEST; value++) {
			int n = snprintf(text, sizeof(text), "{\"%.*s\":\"%.*s\",\"#\":7,\"##\":\"%.*s\"}", (int)name,
				LETTERS, (int)value, LETTERS, (int)(name + value) / 2, LETTERS);
			struct json_both b = json_both(sp_bytes(text, (size_t)n), DEPTH, CAP);
			const char *second = text + name + value + 8;

			assert_int_equal(b.err, 0);
			json_both_check_index(&b.j);
			assert_int_equal(b.j.n, 7);
			assert_int_equal(b.j.tok[0].count, 3);
			assert_true(b.j.tok[0].apart);
			is_at(&b, 1, SP_JSON_STRING, text, text + 2, name);
			is_at(&b, 2, SP_JSON_STRING, text, text + name + 5, value);
			is_at(&b, 3, SP_JSON_STRING, text, second, 1);
			is_at(&b, 4, SP_JSON_NUMBER, text, second + 3, 1);
			is_at(&b, 5, SP_JSON_STRING, text, second + 6, 2);
			is_at(&b, 6, SP_JSON_STRING, text, second + 11, (name + value) / 2);
			json_both_done(&b);
		}
}

static void a_text_cut_anywhere_or_with_a_wrong_byte_is_refused_there(void **state)
{
	static const char whole[] = "{\"name\":\"value\",\"of\":\"it\",\"a\":{\"" LETTERS "\":\"" LETTERS
				    "\",\"b\":[\"c\"]},\"d\":\"e\",\"f\":\"" LETTERS "\"}";
	char text[sizeof(whole)];

	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct json_both b = json_both(sp_bytes(whole, n), DEPTH, CAP);

		assert_int_equal(b.err, n == sizeof(whole) - 1 ? 0 : -EBADMSG);
		json_both_done(&b);
	}
	for (size_t at = 0; at < sizeof(whole) - 1; at++) {
		struct json_both b;

		memcpy(text, whole, sizeof(whole));
		text[at] = 0x1f;
		b = json_both(sp_bytes(text, sizeof(whole) - 1), DEPTH, CAP);
		assert_int_equal(b.err, -EBADMSG);
		assert_int_equal(b.error.off, at);
		json_both_done(&b);
	}
}

static void of_tokens_there_are_never_more_than_there_is_room_for(void **state)
{
	static const char text[] = "{\"a\":\"" LETTERS "\",\"b\":\"" LETTERS "\",\"c\":\"" LETTERS "\"}";

	(void)state;
	for (uint32_t cap = 0; cap < 9; cap++) {
		struct json_both b = json_both(sp_bytes_cstr(text), DEPTH, cap);

		assert_int_equal(b.err, cap < 7 ? -E2BIG : 0);
		json_both_done(&b);
	}
}

/// `n` members with names of their own, but that number `same` has the one of number 0, in capitals or not.
static size_t object_of(char *buf, size_t cap, unsigned n, unsigned same, bool capitals, unsigned length,
	uint32_t *ret_off)
{
	size_t len = (size_t)snprintf(buf, cap, "{");

	for (unsigned i = 0; i < n; i++) {
		const char *first = i == same ? "q" : &LETTERS[i];

		len += (size_t)snprintf(buf + len, cap - len, "%s\"", i ? "," : "");
		if (i == same)
			*ret_off = (uint32_t)len;
		len += (size_t)snprintf(buf + len, cap - len, "%.1s%.*s\":\"v\"",
			i == 0 ? "q" : i == same && capitals ? "Q" : first, (int)length, LETTERS LETTERS);
	}
	len += (size_t)snprintf(buf + len, cap - len, "}%40s", "");
	return len;
}

static void a_name_that_comes_again_is_found_beside_any_number_of_others(void **state)
{
	char text[2048];

	(void)state;
	for (unsigned n = 2; n < 12; n++)
		for (unsigned same = 1; same <= n; same++)
			for (unsigned length = 0; length < 30; length++) {
				uint32_t off = 0;
				size_t len = object_of(text, sizeof(text), n, same, false, length, &off);
				struct json_both b = json_both(sp_bytes(text, len), DEPTH, CAP);

				assert_int_equal(b.err, same < n ? -EEXIST : 0);
				assert_true(same == n || b.error.off == off);
				json_both_done(&b);
				len = object_of(text, sizeof(text), n, same, true, length, &off);
				b = json_both(sp_bytes(text, len), DEPTH, CAP);
				assert_int_equal(b.err, 0);
				assert_true(same == n || !b.j.tok[0].apart);
				json_both_done(&b);
			}
}

/// A name, values with `n` names of their own, and a name once more: whether it is the first is `same`.
static size_t object_around(char *buf, size_t cap, unsigned n, bool same, uint32_t *ret_off)
{
	size_t len = (size_t)snprintf(buf, cap, "{\"q\":[{\"q\":0");

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s\"n%u\":%u", i % 7 == 6 ? "},{" : ",", i, i);
	len += (size_t)snprintf(buf + len, cap - len, "}],\"r\":{\"q\":1},");
	*ret_off = (uint32_t)len + 1;
	return len + (size_t)snprintf(buf + len, cap - len, "\"%s\":2}", same ? "q" : "s");
}

static void a_name_that_comes_again_is_found_behind_values_with_any_number_of_names(void **state)
{
	static char text[1 << 14];

	(void)state;
	for (unsigned n = 0; n < 600; n++) {
		uint32_t off = 0;
		size_t len = object_around(text, sizeof(text), n, true, &off);
		struct json_both b = json_both(sp_bytes(text, len), DEPTH, 2048);

		assert_int_equal(b.err, -EEXIST);
		assert_int_equal(b.error.off, off);
		json_both_done(&b);
		len = object_around(text, sizeof(text), n, false, &off);
		b = json_both(sp_bytes(text, len), DEPTH, 2048);
		assert_int_equal(b.err, 0);
		assert_true(b.j.tok[0].apart);
		json_both_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_all_lengths_are_where_they_were_written),
		cmocka_unit_test(a_text_cut_anywhere_or_with_a_wrong_byte_is_refused_there),
		cmocka_unit_test(of_tokens_there_are_never_more_than_there_is_room_for),
		cmocka_unit_test(a_name_that_comes_again_is_found_beside_any_number_of_others),
		cmocka_unit_test(a_name_that_comes_again_is_found_behind_values_with_any_number_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
