#include "config/load.h"
#include "config/tree.h"
#include "config/value.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_check check;

static void assert_place(const struct sp_node *n, unsigned line, unsigned col)
{
	assert_non_null(n);
	assert_int_equal(n->line, line);
	assert_int_equal(n->col, col);
}

static void yaml_nodes_know_their_places(void **state)
{
	struct sp_tree t;
	const struct sp_node *b;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(
		sp_yaml_parse(SP_LIT("# x\na: 1\nb:\n  - two\n  - 'three'\n"), "f", &check, &t), 0);
	assert_place(sp_node_get(t.root, "a"), 2, 4);
	assert_place(sp_node_get(t.root, "a")->key, 2, 1);
	b = sp_node_get(t.root, "b");
	assert_int_equal(b->n, 2);
	assert_place(b->first, 4, 5);
	assert_false(b->first->quoted);
	assert_true(b->first->next->quoted);
	assert_string_equal(b->first->next->text, "three");
	assert_null(sp_node_get(t.root, "c"));
	assert_null(sp_node_get(b, "c"));
	sp_tree_done(&t);
}

static void a_blocks_text_begins_below_its_mark_and_keeps_its_blank_lines(void **state)
{
	static const char *const texts[] = {"a: |\n\n    x\n    y\n", "a: |\r\n\r\n    x\r\n    y\r\n"};
	struct sp_tree t;
	const struct sp_node *a;

	(void)state;
	sp_check_init(&check);
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		assert_int_equal(sp_yaml_parse(sp_bytes_cstr(texts[i]), "f", &check, &t), 0);
		a = sp_node_get(t.root, "a");
		assert_string_equal(a->text, "\nx\ny\n");
		assert_int_equal(a->text_line, 2);
		assert_int_equal(a->text_col, 5);
		sp_tree_done(&t);
	}
}

static void a_byte_order_mark_is_no_part_of_a_file(void **state)
{
	struct sp_tree t;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_yaml_parse(SP_LIT("\xef\xbb\xbf" "a: 1\nb: 2\n"), "f", &check, &t), 0);
	assert_place(sp_node_get(t.root, "a"), 1, 4);
	assert_place(sp_node_get(t.root, "b"), 2, 4);
	sp_tree_done(&t);
	assert_int_equal(
		sp_json_tree_parse(SP_LIT("\xef\xbb\xbf" "{\"a\":1}"), "f", &check, &t), 0);
	assert_place(sp_node_get(t.root, "a"), 1, 6);
	sp_tree_done(&t);
}

static void json_nodes_know_their_places(void **state)
{
	struct sp_tree t;
	const struct sp_node *b, *c;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_json_tree_parse(SP_LIT("{\"a\": 1,\n \"b\": [true, \"x\\ny\", {\"c\": "
						   "[[]]}],\n\"d\": null}"),
				 "f", &check, &t),
		0);
	assert_place(sp_node_get(t.root, "a"), 1, 7);
	assert_place(sp_node_get(t.root, "b")->key, 2, 2);
	b = sp_node_get(t.root, "b");
	assert_int_equal(b->n, 3);
	assert_place(b->first, 2, 8);
	assert_false(b->first->quoted);
	assert_string_equal(b->first->next->text, "x\ny");
	assert_true(b->first->next->quoted);
	assert_non_null(b->first->next->written.s);
	assert_null(b->first->written.s);
	c = sp_node_get(b->first->next->next, "c");
	assert_place(c, 2, 28);
	assert_int_equal(c->first->n, 0);
	assert_null(c->first->next);
	assert_place(sp_node_get(t.root, "d"), 3, 6);
	assert_string_equal(sp_node_get(t.root, "d")->text, "null");
	sp_tree_done(&t);
}

/// In each the value of `a` is a text with MARK in it.
static const struct {
	bool json;
	const char *source;
} written[] = {
	{true, "{\"a\": \"x \\\"y\\\" \\\\ MARK z\"}"},
	{true, "{\"a\": \"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\\t\\/ MARK\"}"},
	{true, "{\"b\": 1,\n \"a\": \"\xc3\xa9 MARK\"}"},
	{false, "a: x MARK y # z\n"},
	{false, "a: \"\\x41\\u00e9\\u20ac\\U0001f600\\_\\N\\L\\P\\\"\\\\\\ MARK\"\n"},
	{false, "a: 'it''s ''MARK'\n"},
	{false, "b: >\n  q\na: \"x\\ny\n   z\n\n  \\u00e9 MARK\"\n"},
	{false, "a: \"x\\\n     y\\\n   MARK\"\n"},
	{false, "a: x\n  y  \n\n\n  z MARK\n  w\nb: 1\n"},
	{false, "a: 'x\n  ''y''\n  MARK'\n"},
	{false, "a: |\n  x\n\n    y\n  MARK\n"},
	{false, "a: >\n  x y\n  z\n  MARK\n"},
	{false, "a: >-\r\n  x y\r\n\r\n\r\n  z MARK\r\n"},
	{false, "a: >\n\n\n  x\n    more\n\n    and\n  z\n  w MARK\nb: 1\n"},
	{false, "- a: >2\n    x\n    MARK\n"},
	{false, "c: |\n  a\n\n  b\na: >+\n  x\n  MARK\n\n\nb: 1\n"},
};

static void what_stands_within_a_text_is_found_however_it_is_written(void **state)
{
	(void)state;
	sp_check_init(&check);
	for (size_t i = 0; i < SP_ARRAY_LEN(written); i++) {
		struct sp_bytes source = sp_bytes_cstr(written[i].source);
		const char *mark = strstr(written[i].source, "MARK"), *line = written[i].source;
		struct sp_at at = {"f", 1, 0};
		const struct sp_node *a;
		struct sp_tree t;

		assert_int_equal((written[i].json ? sp_json_tree_parse : sp_yaml_parse)(source, "f", &check, &t), 0);
		for (const char *nl; (nl = strchr(line, '\n')) && nl < mark; line = nl + 1)
			at.line++;
		at.col = (unsigned)(mark - line) + 1;
		a = sp_node_get(t.root->kind == SP_NODE_SEQ ? t.root->first : t.root, "a");
		print_message("%s\n", a->text);
		for (unsigned k = 0; k <= 4; k++, at.col++) {
			struct sp_bytes text = sp_bytes(a->text, a->n);
			struct sp_at begins = {"f", a->text_line, a->text_col}, found;

			found = sp_written_at(
				&a->written, text, (size_t)(strstr(a->text, "MARK") - a->text) + k, begins);
			assert_int_equal(found.line, at.line);
			assert_int_equal(found.col, at.col);
		}
		sp_tree_done(&t);
	}
	sp_check_done(&check);
}

/// Its texts are found one from the other: each from the line's beginning would outlast the test's time.
static void a_file_may_be_one_long_line(void **state)
{
	static const char one[] = "\"\\u00e9\", \xc3\xa9, ", end[] = "'it''s ']\n";
	const size_t n = 250000;
	char *text = malloc(1 + n * (sizeof(one) - 1) + sizeof(end)), *p = text;
	const struct sp_node *last = NULL;
	unsigned seen = 0;
	struct sp_tree t;

	(void)state;
	assert_non_null(text);
	*p++ = '[';
	for (size_t i = 0; i < n; i++, p += sizeof(one) - 1)
		memcpy(p, one, sizeof(one) - 1);
	memcpy(p, end, sizeof(end));
	sp_check_init(&check);
	assert_int_equal(sp_yaml_parse(sp_bytes_cstr(text), "f", &check, &t), 0);
	for (const struct sp_node *k = t.root->first; k; k = k->next) {
		last = k;
		seen++;
		if (k->quoted && k->next)
			assert_string_equal(k->written.s, "\\u00e9\"");
		else
			assert_true(!k->written.s == !k->quoted);
	}
	assert_int_equal(seen, 2 * n + 1);
	assert_string_equal(last->text, "it's ");
	assert_string_equal(last->written.s, "it''s '");
	sp_tree_done(&t);
	sp_check_done(&check);
	free(text);
}

static void blanks_within_a_text_may_be_many(void **state)
{
	const size_t n = SP_YAML_MAX;
	char *text = malloc(n + 2), *s = malloc(n + 5);
	const struct sp_at at = {"f", 7, 3};
	struct sp_at found;

	(void)state;
	assert_true(text && s);
	memset(text, ' ', n);
	memcpy(text + n, "q", 2);
	memcpy(s, "\\x20", 4);
	memcpy(s + 4, text + 1, n + 1);
	for (size_t off = n - 2; off <= n + 1; off++) {
		found = sp_written_at(&(struct sp_written){s, SP_WRITTEN_DOUBLE}, sp_bytes(text, n + 1), off, at);
		assert_int_equal(found.line, 7);
		assert_int_equal(found.col, 3 + 3 + off);
	}
	free(text);
	free(s);
}

/// What is written may be cut short or be another text's: the place is wrong then, and nothing else.
static void a_place_within_a_text_of_another_kind_is_still_a_place(void **state)
{
	static const char chars[] = "a \n\r'\"\\ux0dU8";
	char s[24], text[24];
	uint32_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		const struct sp_written w = {s, (enum sp_written_style)(i % 4 + 1)};
		const struct sp_at at = {"f", 3, 1 + i % 5};
		struct sp_at found;

		for (size_t k = 0; k < sizeof(s); k++) {
			seed = seed * 1664525u + 1013904223u;
			s[k] = chars[(seed >> 8) % (sizeof(chars) - 1)];
			text[k] = chars[(seed >> 16) % 3];
		}
		s[(seed >> 8) % sizeof(s)] = '\0';
		s[sizeof(s) - 1] = '\0';
		found = sp_written_at(&w, sp_bytes(text, sizeof(text)), i % (sizeof(text) + 1), at);
		assert_in_range(found.line, 3, 3 + sizeof(s));
		assert_in_range(found.col, 1, 5 + 2 * sizeof(s));
	}
}

/// Wherever they stand: a comment that one reader ends there may hold a grant.
static void breaks_of_lines_that_not_every_reader_sees_are_refused(void **state)
{
	static const char *const breaks[] = {"\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	static const char *const told[] = {"carriage return without a line feed", "next line (U+0085)",
		"line separator (U+2028)", "paragraph separator (U+2029)"};
	static const struct {
		const char *before, *behind;
		unsigned line, col;
	} rows[] = {
		{"", "a: 1\n", 1, 1},
		{"a: 1", "b: 2\n", 1, 5},
		{"a: 1\r\nb: 2 # \xc3\xa4", "c: 3\r\n", 2, 9},
		{"a: 1\n\nb: |\n  x\n  y", "  z\n", 5, 4},
		{"a: \"x", "y\"\n", 1, 6},
		{"a: [1]\n", "", 2, 1},
	};
	char text[64];
	struct sp_tree t;

	(void)state;
	for (size_t b = 0; b < SP_ARRAY_LEN(breaks); b++)
		for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
			sp_check_init(&check);
			snprintf(text, sizeof(text), "%s%s%s", rows[i].before, breaks[b], rows[i].behind);
			assert_int_equal(sp_yaml_parse(sp_bytes_cstr(text), "f", &check, &t), -EBADMSG);
			assert_int_equal(check.n, 1);
			assert_int_equal(strncmp(check.v[0].what, told[b], strlen(told[b])), 0);
			assert_int_equal(check.v[0].line, rows[i].line);
			assert_int_equal(check.v[0].col, rows[i].col);
			sp_check_done(&check);
		}
}

static void the_same_as_escapes_and_their_neighbours_are_text(void **state)
{
	struct sp_tree t;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(
		sp_yaml_parse(SP_LIT("a: \"x\\L\\P\\N\"\r\nb: \xc2\xa0\xe2\x80\xa7\xe2\x80\xaa\r\n"), "f",
			&check, &t),
		0);
	assert_string_equal(t.root->first->text, "x\xe2\x80\xa8\xe2\x80\xa9\xc2\x85");
	assert_string_equal(t.root->first->next->text, "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaa");
	assert_int_equal(t.root->first->next->line, 2);
	sp_tree_done(&t);
	sp_check_done(&check);
}

static void repeated_keys_of_yaml_are_kept_and_marked(void **state)
{
	struct sp_tree t;
	const struct sp_node *c;

	(void)state;
	sp_check_init(&check);
	assert_int_equal(sp_yaml_parse(SP_LIT("a: 1\nb: 2\na: 3\n"), "f", &check, &t), 0);
	c = t.root->first;
	assert_false(c->repeated);
	assert_false(c->next->repeated);
	assert_true(c->next->next->repeated);
	assert_string_equal(c->next->next->text, "3");
	assert_int_equal(t.root->n, 3);
	sp_tree_done(&t);
}

static void the_seeds_of_policy_keep_both_conditions(void **state)
{
	const char *shared = getenv("SP_SHARED");
	const struct sp_node *rules, *rule;
	unsigned repeated = 0;
	struct sp_tree t;
	char path[512];
	uint8_t *text;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/fixtures/seeds/policy-definitions.yaml",
		shared ? shared : "../shared");
	if (sp_load_file(path, 1 << 20, &text, &n) < 0) {
		print_message("%s is absent: skipped\n", path);
		skip();
	}
	sp_check_init(&check);
	assert_int_equal(sp_yaml_parse(sp_bytes(text, n), path, &check, &t), 0);
	rules = sp_node_get(sp_node_get(t.root, "policy_definitions")->first, "rules");
	for (rule = rules->first; rule; rule = rule->next)
		for (const struct sp_node *m = rule->first; m; m = m->next)
			repeated += m->repeated && strcmp(m->key->text, "condition") == 0;
	assert_true(repeated > 0);
	sp_tree_done(&t);
	free(text);
}

static void too_much_of_anything_is_refused(void **state)
{
	const size_t cap = (4u << 20) + 16;
	char *text = malloc(cap);
	struct sp_tree t;
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 1025; i++)
		n += (size_t)snprintf(text + n, cap - n, "k%d: 1\n", i);
	sp_check_init(&check);
	assert_int_equal(sp_yaml_parse(sp_bytes(text, n), "f", &check, &t), -EBADMSG);
	assert_string_equal(check.v[0].what, "too many keys in one mapping");
	n = 0;
	for (int i = 0; i < 1000001; i++)
		n += (size_t)snprintf(text + n, cap - n, "- 1\n");
	assert_int_equal(sp_yaml_parse(sp_bytes(text, n), "f", &check, &t), -EBADMSG);
	assert_string_equal(check.v[1].what, "the file has too many entries");
	memset(text, ' ', cap);
	assert_int_equal(sp_yaml_parse(sp_bytes(text, SP_YAML_MAX + 1), "f", &check, &t), -EBADMSG);
	assert_int_equal(sp_json_tree_parse(sp_bytes(text, cap), "f", &check, &t), -EBADMSG);
	memset(text, '[', 33);
	assert_int_equal(sp_json_tree_parse(sp_bytes(text, 33), "f", &check, &t), -EBADMSG);
	assert_int_equal(check.n, 5);
	sp_check_done(&check);
	free(text);
}

static void problems_never_steer_a_terminal(void **state)
{
	char text[128];

	(void)state;
	sp_check_init(&check);
	sp_check_add(&check, (struct sp_at){"a\nb", 3, 4}, "c\x1b[2J", "d\x07");
	sp_problem_text(&check.v[0], text, sizeof(text));
	assert_string_equal(text, "a?b:3:4: d? (c?[2J)");
	sp_check_done(&check);
}

static void durations_and_sizes_read_as_they_are_shown(void **state)
{
	static const char *const durations[] = {
		"0", "1ns", "50us", "10ms", "90s", "5m", "36h", "7d"};
	static const char *const sizes[] = {"0", "1B", "512B", "16KiB", "3MiB", "1GiB", "2TiB"};
	static const char *const wrong[] = {
		"", "5", "ms", "5 ms", "-5ms", "5MS", "5mss", "1.5s", "5kb"};
	char buf[32];
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(durations); i++) {
		assert_int_equal(sp_value_duration(durations[i], &v), 0);
		sp_value_show_duration(v, buf, sizeof(buf));
		assert_string_equal(buf, durations[i]);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(sizes); i++) {
		assert_int_equal(sp_value_size(sizes[i], &v), 0);
		sp_value_show_size(v, buf, sizeof(buf));
		assert_string_equal(buf, sizes[i]);
	}
	v = 7;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++) {
		assert_int_equal(sp_value_duration(wrong[i], &v), -EINVAL);
		assert_int_equal(sp_value_size(wrong[i], &v), -EINVAL);
	}
	assert_int_equal(sp_value_duration("999999999999999d", &v), -ERANGE);
	assert_int_equal(sp_value_size("99999999999999999999B", &v), -ERANGE);
	assert_int_equal(v, 7);
}

static void the_nearest_word_is_near_or_none(void **state)
{
	static const char *const words[] = {"idle", "idle_timeout", "head", "path", NULL};

	(void)state;
	assert_string_equal(sp_value_nearest("idel", words), "idle");
	assert_string_equal(sp_value_nearest("idle_timout", words), "idle_timeout");
	assert_string_equal(sp_value_nearest("paht", words), "path");
	assert_string_equal(sp_value_nearest("head", words), "head");
	assert_null(sp_value_nearest("zebra", words));
	assert_null(sp_value_nearest("", words));
	assert_null(sp_value_nearest("a-word-so-long-that-nobody-could-have-meant-it", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_nodes_know_their_places),
		cmocka_unit_test(a_blocks_text_begins_below_its_mark_and_keeps_its_blank_lines),
		cmocka_unit_test(a_byte_order_mark_is_no_part_of_a_file),
		cmocka_unit_test(json_nodes_know_their_places),
		cmocka_unit_test(what_stands_within_a_text_is_found_however_it_is_written),
		cmocka_unit_test(a_file_may_be_one_long_line),
		cmocka_unit_test(blanks_within_a_text_may_be_many),
		cmocka_unit_test(a_place_within_a_text_of_another_kind_is_still_a_place),
		cmocka_unit_test(breaks_of_lines_that_not_every_reader_sees_are_refused),
		cmocka_unit_test(the_same_as_escapes_and_their_neighbours_are_text),
		cmocka_unit_test(repeated_keys_of_yaml_are_kept_and_marked),
		cmocka_unit_test(the_seeds_of_policy_keep_both_conditions),
		cmocka_unit_test(too_much_of_anything_is_refused),
		cmocka_unit_test(problems_never_steer_a_terminal),
		cmocka_unit_test(durations_and_sizes_read_as_they_are_shown),
		cmocka_unit_test(the_nearest_word_is_near_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
