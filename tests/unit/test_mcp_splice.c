#include "tests/support/list_made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_json_tok tok[4096];

static struct sp_json scan(const char *text)
{
	struct sp_json_error e;
	struct sp_json j;

	if (sp_json_scan(sp_bytes_cstr(text), 64, tok, SP_ARRAY_LEN(tok), &j, &e))
		fail_msg("%s: %s at %u", text, e.what, e.off);
	return j;
}

static void members_are_replaced_and_the_rest_stays(void **state)
{
	struct sp_json j = scan("{ \"id\": 14,\"params\" : {\"name\":\"up.x\\u0031\"} }");
	uint32_t id = sp_json_get(&j, 0, SP_LIT("id"));
	uint32_t name = sp_json_get(&j, sp_json_get(&j, 0, SP_LIT("params")), SP_LIT("name"));
	const struct sp_splice edits[] = {
		sp_splice_tok(&j, id, SP_LIT("\"g-1\"")),
		{j.tok[name].off, 3, SP_NOBYTES},
		{j.tok[name].off + j.tok[name].len, 0, SP_LIT("!")},
	};
	struct sp_bytes want = SP_LIT("{ \"id\": \"g-1\",\"params\" : {\"name\":\"x\\u0031!\"} }");
	uint8_t buf[128];
	struct sp_out o = sp_out_init(buf, sizeof(buf));
	size_t n;

	(void)state;
	assert_int_equal(sp_splice_len(j.text, edits, 3, &n), 0);
	assert_int_equal(n, want.n);
	assert_int_equal(sp_splice_put(&o, j.text, edits, 3), 0);
	assert_true(sp_bytes_eq(sp_bytes(buf, o.len), want));
	for (size_t cap = 0; cap < want.n; cap++) {
		o = sp_out_init(buf, cap);
		assert_int_equal(sp_splice_put(&o, j.text, edits, 3), -ENOSPC);
		assert_int_equal(o.len, 0);
	}
}

static void edits_out_of_order_or_range_are_refused(void **state)
{
	static const struct sp_splice bad[][2] = {
		{{4, 1, SP_NOBYTES}, {3, 1, SP_NOBYTES}},
		{{2, 3, SP_NOBYTES}, {4, 1, SP_NOBYTES}},
		{{0, 0, SP_NOBYTES}, {6, 0, SP_NOBYTES}},
		{{0, 0, SP_NOBYTES}, {5, 1, SP_NOBYTES}},
		{{0, 0, SP_NOBYTES}, {1, UINT32_MAX, SP_NOBYTES}},
	};
	uint8_t buf[64];
	struct sp_out o = sp_out_init(buf, sizeof(buf));
	size_t n = 7;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		assert_int_equal(sp_splice_len(SP_LIT("hello"), bad[i], 2, &n), -EINVAL);
		assert_int_equal(sp_splice_put(&o, SP_LIT("hello"), bad[i], 2), -EINVAL);
	}
	assert_int_equal(n, 7);
	assert_int_equal(o.len, 0);
}

static void inserts_at_one_place_keep_their_order(void **state)
{
	const struct sp_splice edits[] = {
		{0, 0, SP_LIT("a")}, {0, 0, SP_LIT("b")}, {5, 0, SP_LIT("c")}, {5, 0, SP_LIT("d")}};
	uint8_t buf[64];
	struct sp_out o = sp_out_init(buf, sizeof(buf));

	(void)state;
	assert_int_equal(sp_splice_put(&o, SP_LIT("hello"), edits, 4), 0);
	assert_true(sp_bytes_eq(sp_bytes(buf, o.len), SP_LIT("abhellocd")));
}

static bool not_listed(void *user, struct sp_bytes name, uint32_t element)
{
	const char *hidden = user;

	(void)element;
	for (size_t i = 0; i < name.n; i++)
		if (strchr(hidden, name.p[i]))
			return false;
	return true;
}

static const struct {
	const char *hidden, *prefix, *text, *want;
	uint32_t kept;
} lists[] = {
	{"", "", "{\"tools\":[]}", "{\"tools\":[]}", 0},
	{"", "", "{\"tools\":[ ] }", "{\"tools\":[] }", 0},
	{"", "u.", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"x\":[1]}",
		"{\"tools\":[{\"name\":\"u.a\"},{\"name\":\"u.b\"}],\"x\":[1]}", 2},
	{"a", "", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
		"{\"tools\":[{\"name\":\"b\"},{\"name\":\"c\"}]}", 2},
	{"b", "", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
		"{\"tools\":[{\"name\":\"a\"},{\"name\":\"c\"}]}", 2},
	{"c", "", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
		"{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", 2},
	{"abc", "", "{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
		"{\"tools\":[]}", 0},
	{"b", "p/",
		"{\"tools\" : [\n  {\"name\":\"a\", \"d\":[{},\"]\"]} ,\n  {\"name\":\"b\"},\n  "
		"{\"t\":1,\"name\":\"\\u0063\"}\n] }\n",
		"{\"tools\" : [\n  {\"name\":\"p/a\", \"d\":[{},\"]\"]},\n  "
		"{\"t\":1,\"name\":\"p/\\u0063\"}] }\n",
		2},
	{"c", "", "{\"tools\":[{\"name\":\"\\u0063\"},{\"name\":\"d\"}]}",
		"{\"tools\":[{\"name\":\"d\"}]}", 1},
	{"", "", "{\"tools\":[{\"name\":7},\"name\",[{\"name\":\"a\"}],{},null,{\"name\":\"d\"}]}",
		"{\"tools\":[{\"name\":\"d\"}]}", 1},
};

static struct sp_list list_of(const struct sp_json *j, const char *prefix, const char *hidden)
{
	return (struct sp_list){
		.j = j,
		.array = sp_json_get(j, 0, SP_LIT("tools")),
		.key = SP_LIT("name"),
		.prefix = sp_bytes_cstr(prefix),
		.keep = not_listed,
		.user = (void *)hidden,
	};
}

static void lists_lose_what_is_hidden_and_their_commas_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(lists); i++) {
		struct sp_json j = scan(lists[i].text);
		struct sp_list l = list_of(&j, lists[i].prefix, lists[i].hidden);
		struct sp_bytes want = sp_bytes_cstr(lists[i].want);
		uint8_t buf[512], elements[512];
		struct sp_out o = sp_out_init(buf, sizeof(buf));
		uint32_t kept = 99;
		size_t n;

		assert_int_equal(list_made(&o, &l, elements, sizeof(elements), &kept), 0);
		if (!sp_bytes_eq(sp_bytes(buf, o.len), want))
			fail_msg("%zu: %.*s", i, (int)o.len, (const char *)buf);
		assert_int_equal(kept, lists[i].kept);
		for (size_t cap = 0; cap < want.n; cap++) {
			kept = 99;
			o = sp_out_init(buf, cap);
			assert_int_equal(list_made(&o, &l, elements, sizeof(elements), &kept), -ENOSPC);
			assert_int_equal(o.len, 0);
			assert_int_equal(kept, 99);
		}
		o = sp_out_init(buf, sizeof(buf));
		assert_int_equal(sp_list_elements(&o, &l, true, &kept), 0);
		n = o.len;
		for (size_t cap = 0; cap < n; cap++) {
			kept = 99;
			o = sp_out_init(buf, cap);
			assert_int_equal(sp_list_elements(&o, &l, true, &kept), -ENOSPC);
			assert_int_equal(o.len, 0);
			assert_true(o.overflow);
			assert_int_equal(kept, 99);
		}
	}
}

static void elements_of_several_lists_join(void **state)
{
	struct sp_json j = scan("{\"tools\":[{\"name\":\"a\"}, {\"name\":\"b\"}]}");
	struct sp_list one = list_of(&j, "one.", "a"), two = list_of(&j, "two.", "");
	uint8_t buf[256];
	struct sp_out o = sp_out_init(buf, sizeof(buf));
	uint32_t kept;

	(void)state;
	assert_int_equal(sp_list_elements(&o, &one, true, &kept), 0);
	assert_int_equal(kept, 1);
	assert_int_equal(sp_list_elements(&o, &two, false, &kept), 0);
	assert_int_equal(kept, 2);
	assert_true(sp_bytes_eq(sp_bytes(buf, o.len),
		SP_LIT(" {\"name\":\"one.b\"},{\"name\":\"two.a\"}, {\"name\":\"two.b\"}")));
}

static void a_prefix_that_needs_escaping_or_a_missing_array_is_refused(void **state)
{
	static const char *const bad[] = {"a\"", "a\\", "a\n", "\xc3\xa9"};
	struct sp_json j = scan("{\"tools\":[{\"name\":\"a\"}],\"no\":{}}");
	uint8_t buf[64];
	struct sp_out o = sp_out_init(buf, sizeof(buf));
	struct sp_list l = list_of(&j, "", "");
	uint32_t kept;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		l.prefix = sp_bytes_cstr(bad[i]);
		assert_int_equal(sp_list_elements(&o, &l, true, &kept), -EINVAL);
	}
	l = list_of(&j, "", "");
	l.array = sp_json_get(&j, 0, SP_LIT("no"));
	assert_int_equal(sp_list_elements(&o, &l, true, &kept), -EINVAL);
	l.array = SP_JSON_NONE;
	assert_int_equal(sp_list_elements(&o, &l, true, &kept), -EINVAL);
	assert_int_equal(o.len, 0);
	assert_false(o.overflow);
}

static void an_element_whose_name_is_too_long_is_left_out(void **state)
{
	char text[SP_LIST_NAME_MAX + 64];
	uint8_t buf[sizeof(text)];

	(void)state;
	for (int n = SP_LIST_NAME_MAX - 1; n <= (int)SP_LIST_NAME_MAX + 1; n++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));
		struct sp_json j;
		struct sp_list l;
		uint32_t kept;

		snprintf(text, sizeof(text), "{\"tools\":[{\"name\":\"%0*d\"}]}", n, 0);
		j = scan(text);
		l = list_of(&j, "", "");
		assert_int_equal(sp_list_elements(&o, &l, true, &kept), 0);
		assert_int_equal(kept, n <= (int)SP_LIST_NAME_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_replaced_and_the_rest_stays),
		cmocka_unit_test(edits_out_of_order_or_range_are_refused),
		cmocka_unit_test(inserts_at_one_place_keep_their_order),
		cmocka_unit_test(lists_lose_what_is_hidden_and_their_commas_fit),
		cmocka_unit_test(elements_of_several_lists_join),
		cmocka_unit_test(a_prefix_that_needs_escaping_or_a_missing_array_is_refused),
		cmocka_unit_test(an_element_whose_name_is_too_long_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
