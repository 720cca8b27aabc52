/// JSONTestSuite (Nicolas Seriot), read from $SP_SHARED or ../shared; skipped when neither is
/// there.
#include "tests/support/json_both.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define DEPTH 64u
#define CAP 65536u

/// Verdicts the suite leaves open, and the two places where we are stricter than its "y".
static const struct {
	const char *name;
	int err;
	const char *why;
} verdicts[] = {
	{"y_object_duplicated_key.json", -EEXIST, "parsers differ on which value counts"},
	{"y_object_duplicated_key_and_value.json", -EEXIST, "as above; the value is not looked at"},
	{"i_number_double_huge_neg_exp.json", 0, "numbers stay text, no range applies"},
	{"i_number_huge_exp.json", 0, "as above"},
	{"i_number_neg_int_huge_exp.json", 0, "as above"},
	{"i_number_pos_double_huge_exp.json", 0, "as above"},
	{"i_number_real_neg_overflow.json", 0, "as above"},
	{"i_number_real_pos_overflow.json", 0, "as above"},
	{"i_number_real_underflow.json", 0, "as above"},
	{"i_number_too_big_neg_int.json", 0, "as above; sp_json_i64 says -ERANGE"},
	{"i_number_too_big_pos_int.json", 0, "as above"},
	{"i_number_very_big_negative_int.json", 0, "as above"},
	{"i_object_key_lone_2nd_surrogate.json", -EILSEQ, "no UTF-8 spells a surrogate"},
	{"i_string_1st_surrogate_but_2nd_missing.json", -EILSEQ, "as above"},
	{"i_string_1st_valid_surrogate_2nd_invalid.json", -EILSEQ, "as above"},
	{"i_string_incomplete_surrogate_and_escape_valid.json", -EILSEQ, "as above"},
	{"i_string_incomplete_surrogate_pair.json", -EILSEQ, "as above"},
	{"i_string_incomplete_surrogates_escape_valid.json", -EILSEQ, "as above"},
	{"i_string_invalid_lonely_surrogate.json", -EILSEQ, "as above"},
	{"i_string_invalid_surrogate.json", -EILSEQ, "as above"},
	{"i_string_inverted_surrogates_U+1D11E.json", -EILSEQ, "as above"},
	{"i_string_lone_second_surrogate.json", -EILSEQ, "as above"},
	{"i_string_UTF8_surrogate_U+D800.json", -EILSEQ, "as above, encoded"},
	{"i_string_UTF-8_invalid_sequence.json", -EILSEQ, "RFC 8259 section 8.1: UTF-8"},
	{"i_string_invalid_utf-8.json", -EILSEQ, "as above"},
	{"i_string_iso_latin_1.json", -EILSEQ, "as above"},
	{"i_string_lone_utf8_continuation_byte.json", -EILSEQ, "as above"},
	{"i_string_not_in_unicode_range.json", -EILSEQ, "as above"},
	{"i_string_overlong_sequence_2_bytes.json", -EILSEQ, "as above"},
	{"i_string_overlong_sequence_6_bytes.json", -EILSEQ, "as above"},
	{"i_string_overlong_sequence_6_bytes_null.json", -EILSEQ, "as above"},
	{"i_string_truncated-utf-8.json", -EILSEQ, "as above"},
	{"i_string_UTF-16LE_with_BOM.json", -EBADMSG, "as above, and no byte-order mark"},
	{"i_string_utf16BE_no_BOM.json", -EBADMSG, "as above"},
	{"i_string_utf16LE_no_BOM.json", -EBADMSG, "as above"},
	{"i_structure_500_nested_arrays.json", -E2BIG, "over the depth of this test"},
	{"i_structure_UTF-8_BOM_empty_object.json", -EBADMSG, "a byte-order mark is refused"},
	{"number_-9223372036854775808.json", 0, "numbers stay text"},
	{"number_-9223372036854775809.json", 0, "as above"},
	{"number_1.0.json", 0, "as above"},
	{"number_1.000000000000000005.json", 0, "as above"},
	{"number_1000000000000000.json", 0, "as above"},
	{"number_10000000000000000999.json", 0, "as above"},
	{"number_1e-999.json", 0, "as above"},
	{"number_1e6.json", 0, "as above"},
	{"number_9223372036854775807.json", 0, "as above"},
	{"number_9223372036854775808.json", 0, "as above"},
	{"object_key_nfc_nfd.json", 0, "keys are bytes, never normalised"},
	{"object_key_nfd_nfc.json", 0, "as above"},
	{"object_same_key_different_values.json", -EEXIST, "parsers differ on which value counts"},
	{"object_same_key_same_value.json", -EEXIST, "as above"},
	{"object_same_key_unclear_values.json", -EEXIST, "as above"},
	{"string_1_escaped_invalid_codepoint.json", -EILSEQ, "no UTF-8 spells a surrogate"},
	{"string_2_escaped_invalid_codepoints.json", -EILSEQ, "as above"},
	{"string_3_escaped_invalid_codepoints.json", -EILSEQ, "as above"},
	{"string_1_invalid_codepoint.json", -EILSEQ, "as above, encoded"},
	{"string_2_invalid_codepoints.json", -EILSEQ, "as above"},
	{"string_3_invalid_codepoints.json", -EILSEQ, "as above"},
	{"string_with_escaped_NULL.json", 0,
		"U+0000 escaped is legal; only the raw byte is refused"},
};

static int in_table(const char *name, int *ret)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(verdicts); i++)
		if (strcmp(verdicts[i].name, name) == 0) {
			*ret = verdicts[i].err;
			return 0;
		}
	return -ENOENT;
}

static struct sp_bytes read_file(const char *dir, const char *name)
{
	static uint8_t data[1 << 20];
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(data, 1, sizeof(data), f);
	assert_true(n < sizeof(data));
	fclose(f);
	return sp_bytes(data, n);
}

/// Every cut, and every byte changed in three ways, for files that are not huge.
static void vary(struct sp_bytes text)
{
	uint8_t *copy = malloc(text.n + 1);

	assert_non_null(copy);
	for (size_t n = 0; n < text.n && text.n <= 2000; n++) {
		static const uint8_t flips[] = {0x01, 0x80, '"'};
		struct json_both b = json_both(sp_bytes(text.p, n), DEPTH, 1024);

		json_both_done(&b);
		for (size_t i = 0; i < sizeof(flips); i++) {
			memcpy(copy, text.p, text.n);
			copy[n] ^= flips[i];
			b = json_both(sp_bytes(copy, text.n), DEPTH, 1024);
			if (!b.err)
				json_both_check_index(&b.j);
			json_both_done(&b);
		}
	}
	free(copy);
}

static void judge(const char *dir, const char *name)
{
	struct sp_bytes text = read_file(dir, name);
	struct json_both b = json_both(text, DEPTH, CAP);
	int want;

	if (in_table(name, &want) == 0)
		assert_int_equal(b.err, want);
	else if (strncmp(name, "y_", 2) == 0)
		assert_int_equal(b.err, 0);
	else if (strncmp(name, "n_", 2) == 0)
		assert_int_not_equal(b.err, 0);
	else
		fail_msg("%s: no verdict is written down", name);
	if (!b.err)
		json_both_check_index(&b.j);
	json_both_done(&b);
	vary(text);
}

static unsigned judge_folder(const char *folder)
{
	const char *shared = getenv("SP_SHARED");
	char dir[2048];
	unsigned n = 0;
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/vectors/json-test-suite/%s", shared ? shared : "../shared",
		folder);
	d = opendir(dir);
	if (!d) {
		print_message("skipped: %s is absent\n", dir);
		return 0;
	}
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			judge(dir, e->d_name);
			n++;
		}
	closedir(d);
	return n;
}

static void the_suite_is_judged_as_written_down(void **state)
{
	unsigned n = judge_folder("test_parsing");

	(void)state;
	if (!n)
		skip();
	assert_true(n >= 318);
}

static void the_transform_files_are_judged_as_written_down(void **state)
{
	unsigned n = judge_folder("test_transform");

	(void)state;
	if (!n)
		skip();
	assert_true(n >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_suite_is_judged_as_written_down),
		cmocka_unit_test(the_transform_files_are_judged_as_written_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
