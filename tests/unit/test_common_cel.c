#include "common/cel/value.h"
#include "tests/support/cel_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct scene scene;

static struct sp_bytes program(const char *text)
{
	static uint8_t kept[SP_CEL_PROGRAM_MAX + 1];
	static struct sp_check check;
	const struct sp_cel_ask ask = {
		.text = sp_bytes_cstr(text), .env = &scene_env, .at = {"t", 1, 1}};
	uint8_t *p;
	size_t n;

	sp_check_done(&check);
	if (sp_cel_compile(&ask, &check, &p, &n) < 0)
		fail_msg("%s: %s", text, check.v[0].what);
	assert_int_equal(sp_cel_verify(sp_bytes(p, n), SCENE_N), 0);
	memcpy(kept + 1, p, n);
	free(p);
	return sp_bytes(kept + 1, n); /* an odd address: programs lie anywhere */
}

static struct sp_cel eval(const char *text)
{
	struct sp_cel v;

	scene.arena.used = 0;
	sp_cel_eval(program(text), &scene.run, &v);
	return v;
}

static void shows(const char *text, const char *want)
{
	struct sp_cel v = eval(text);
	char got[160];
	struct sp_out out = sp_out_init(got, sizeof(got) - 1);

	sp_cel_show(&v, &out);
	got[out.len] = '\0';
	assert_string_equal(got, want);
}

static void ends_in(const char *text, enum sp_cel_error error)
{
	struct sp_cel v = eval(text);

	assert_int_equal(v.type, SP_CEL_ERROR);
	assert_int_equal(v.error, error);
}

static void members_of_documents_are_values_of_the_language(void **state)
{
	(void)state;
	shows("request.user_id", "\"u1\"");
	shows("request.n + 1", "8");
	shows("request.x", "1.5");
	shows("request.whole", "1000");
	shows("request.big", "18446744073709552000.0");
	shows("request.tags[1]", "\"b\\n\"");
	shows("request.tags[2][1].k", "2");
	shows("request.tags", "[\"a\", \"b\\n\", [1, {\"k\": 2}]]");
	shows("request.deep.a.b", "true");
	shows("agent.identity.team == null", "true");
	shows("size(request) + size(request.tags)", "10");
	shows("'user_id' in request && !('none' in request) && 1.0 in any && !(4 in any)", "true");
	shows("request.tags == ['a', 'b\\n', [1, {'k': 2.0}]]", "true");
	shows("request.deep == {'a': {'b': false}}", "false");
	shows("request.deep.map(k, request.deep[k])", "[{\"b\": true}]");
	shows("agent.roles + ['x']", "[\"reader\", \"writer\", \"x\"]");
	ends_in("request.none", SP_CEL_E_NO_SUCH_KEY);
	ends_in("request.tags[3]", SP_CEL_E_INDEX);
	ends_in("request.tags.x", SP_CEL_E_NO_OVERLOAD);
	ends_in("request.n + request.user_id", SP_CEL_E_NO_OVERLOAD);
}

static void errors_are_absorbed_from_either_side_and_nowhere_else(void **state)
{
	(void)state;
	shows("request.none == 1 || true", "true");
	shows("true || request.none == 1", "true");
	shows("request.none == 1 && false", "false");
	ends_in("request.none == 1 && true", SP_CEL_E_NO_SUCH_KEY);
	ends_in("false || request.none == 1", SP_CEL_E_NO_SUCH_KEY);
	ends_in("!(request.none == 1)", SP_CEL_E_NO_SUCH_KEY);
	ends_in("request.none == 1 ? 1 : 2", SP_CEL_E_NO_SUCH_KEY);
	shows("any.exists(x, 6 / (x - 2) == 6 || x == 3)", "true");
	shows("any.all(x, 6 / (x - 2) == 6 && x != 1)", "false");
	ends_in("any.map(x, 6 / (x - 2))", SP_CEL_E_DIVIDE);
	ends_in("any.exists_one(x, 6 / (x - 2) == 6)", SP_CEL_E_DIVIDE);
	ends_in("any.filter(x, x)", SP_CEL_E_NO_OVERLOAD);
	ends_in("9223372036854775807 + request.n", SP_CEL_E_OVERFLOW);
	ends_in("int('12x')", SP_CEL_E_CONVERT);
	ends_in("{'a': 1, request.tags[0]: 2}", SP_CEL_E_REPEATED_KEY);
}

static void steps_and_memory_end_an_evaluation(void **state)
{
	(void)state;
	scene.run.max_steps = 60;
	ends_in("any.all(a, any.all(b, a + b > 0))", SP_CEL_E_COST);
	assert_int_equal(scene.run.steps, 60);
	scene.run.max_steps = 0;
	shows("any.all(a, any.all(b, a + b > 0))", "true");
	assert_in_range(scene.run.steps, 61, 120);
	scene.arena.cap = 64;
	ends_in("any.map(a, [a, a, a])", SP_CEL_E_COST);
	ends_in("request.user_id + request.user_id == 'u1u1' && 'x' + string(request.x) + 'y' == "
		"'x1.5y' && any.map(x, x).size() == 3",
		SP_CEL_E_COST);
	scene.arena.cap = sizeof(scene.memory);
}

static void patterns_take_time_in_proportion_to_the_text(void **state)
{
	static const char *const pattern[] = {"(a*)*b", "(a|aa)+$b",
		"a?a?a?a?a?a?a?a?a?a?aaaaaaaaaac", "^(([a-z])+.)+[A-Z]([a-z])+$"};
	char json[24000], text[128];
	uint32_t half, whole;
	struct sp_cel v;

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(pattern); i++) {
		snprintf(text, sizeof(text), "request.s.matches('%s')", pattern[i]);
		for (unsigned n = 10000; n <= 20000; n += 10000) {
			size_t len = (size_t)snprintf(json, sizeof(json), "{\"request\":{\"s\":\"");

			memset(json + len, 'a', n);
			snprintf(json + len + n, sizeof(json) - len - n, "\"}}");
			scene_init(&scene, sp_bytes_cstr(json));
			sp_cel_eval(program(text), &scene.run, &v);
			assert_int_equal(v.type, SP_CEL_BOOL);
			assert_false(v.b);
			half = n == 10000 ? scene.run.steps : half;
			whole = scene.run.steps;
		}
		assert_in_range(whole, half * 19 / 10, half * 21 / 10);
	}
	scene_init(&scene, SCENE_JSON);
}

static void patterns_mean_what_they_say(void **state)
{
	static const struct {
		const char *text, *pattern;
		bool match;
	} c[] = {{"", "", true}, {"", "^$", true}, {"a\nb", "a.b", false},
		{"a\nb", "(?s)a.b", true}, {"a\nb", "^b", false}, {"a\nb", "(?m)^b$", true},
		{"foo bar", "\\bbar\\b", true}, {"foobar", "\\bbar\\b", false},
		{"Abc", "abc", false}, {"Abc", "(?i)aBC", true},
		{"kK\xe2\x84\xaa", "^(?i:kkk)$", true}, {"x{2}", "x\\{2\\}", true},
		{"xx", "^x{2}$", true}, {"xxx", "^x{2}$", false}, {"xxxx", "^x{2,3}$", false},
		{"xxx", "^x{2,}$", true}, {"a{,2}", "^a{,2}$", true}, {"\xc3\xa9", "^.$", true},
		{"\xc3\xa9", "^[^a-z]$", true},
		{"\xf0\x9f\x98\x80", "^[\\x{1F600}-\\x{1F64F}]$", true}, {"a-]", "^[]a-]+$", true},
		{"12ab_", "^\\d+\\w+$", true}, {" \t", "^\\s\\S", false},
		{"a.b", "^\\Qa.b\\E$", true}, {"axb", "^\\Qa.b\\E$", false},
		{"zz9", "^[[:alpha:]]+[[:^alpha:]]$", true}, {"abab", "^(?:ab){2}$", true},
		{"ac", "^a(b|c|)$", true}, {"a", "^a(b|c|)$", true}};
	char text[128];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(c); i++) {
		struct sp_cel v;

		snprintf(text, sizeof(text), "'''%s'''.matches(r'%s')", c[i].text, c[i].pattern);
		v = eval(text);
		assert_int_equal(v.type, SP_CEL_BOOL);
		if (v.b != c[i].match)
			fail_msg("%s", text);
	}
}

static void zones_follow_their_summer_and_winter(void **state)
{
	(void)state;
	shows("timestamp('2024-03-31T00:59:59Z').getHours('Europe/Berlin')", "1");
	shows("timestamp('2024-03-31T01:00:00Z').getHours('Europe/Berlin')", "3");
	shows("timestamp('2024-10-27T00:59:59Z').getHours('Europe/Berlin')", "2");
	shows("timestamp('2024-10-27T01:00:00Z').getHours('Europe/Berlin')", "2");
	shows("timestamp('2075-07-01T00:00:00Z').getHours('Europe/Berlin')", "2");
	shows("timestamp('2075-01-01T00:00:00Z').getHours('Europe/Berlin')", "1");
	shows("timestamp('2075-01-01T00:00:00Z').getHours('Australia/Sydney')", "11");
	shows("timestamp('2075-07-01T00:00:00Z').getMinutes('Asia/Kathmandu')", "45");
	shows("timestamp('2024-01-01T00:30:00Z').getFullYear('-01:00')", "2023");
	shows("now.getHours(request.user_id + '') == 1 || true", "true");
	ends_in("now.getHours(request.user_id)", SP_CEL_E_CONVERT);
}

static void values_are_shown_as_text_of_the_language_and_cut_where_there_is_no_room(void **state)
{
	char got[8];
	struct sp_out out = sp_out_init(got, sizeof(got));
	struct sp_cel v;

	(void)state;
	shows("[null, true, -5, 5u, 2.0, 0.1, 'a\"\\\\', b'\\xff', int]",
		"[null, true, -5, 5u, 2.0, 0.1, \"a\\\"\\\\\", b\"\\xff\", int]");
	shows("[duration('1.5h'), duration('-1ms')]",
		"[duration(\"5400s\"), duration(\"-0.001s\")]");
	shows("now", "timestamp(\"2009-02-13T23:31:30.000000005Z\")");
	shows("{1: {true: 'x'}}", "{1: {true: \"x\"}}");
	shows("request.none", "error: no such key");
	shows("[1e300, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0]",
		"[1e+300, double(\"Inf\"), double(\"-Inf\"), double(\"NaN\")]");
	v = eval("'abc\xc3\xa9\xc3\xa9'");
	sp_cel_show(&v, &out);
	assert_false(out.overflow);
	assert_memory_equal(got, "\"abc...", 7);
}

static void damaged_programs_are_refused_or_stay_within_their_limits(void **state)
{
	static const char text[] =
		"request.tags.exists(t, t == 'a') && agent.identity.matches('s.*t|x') "
		"? any.map(x, x > 1, {'k': x} != {}) : [[now.getHours('+01:00')] in [[1, 2]]]";
	struct sp_bytes p = program(text);
	uint8_t *copy = malloc(p.n);
	unsigned ran = 0;
	struct sp_cel v;

	(void)state;
	for (size_t n = 0; n < p.n; n++)
		assert_int_equal(sp_cel_verify(sp_bytes(p.p, n), SCENE_N), -EBADMSG);
	assert_int_equal(sp_cel_verify(p, SCENE_ARGS), -EBADMSG);
	for (size_t at = 0; at < p.n; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(copy, p.p, p.n);
			copy[at] ^= (uint8_t)(1u << bit);
			if (sp_cel_verify(sp_bytes(copy, p.n), SCENE_N) < 0)
				continue;
			scene.arena.used = 0;
			scene.run.max_steps = 5000;
			sp_cel_eval(sp_bytes(copy, p.n), &scene.run, &v);
			assert_true(scene.run.steps <= 5000);
			ran++;
		}
	}
	scene.run.max_steps = 0;
	assert_true(ran > 0);
	free(copy);
}

static void lists_and_maps_of_the_caller_are_values(void **state)
{
	struct sp_cel list, map, key, value,
		v[2] = {{.type = SP_CEL_INT, .i = 4}, {.type = SP_CEL_NULL}};
	struct cel_cursor c;
	enum sp_cel_error e;
	struct sp_cel pair[1][2] = {{{.type = SP_CEL_STRING, .s = SP_LIT("k")}, v[0]}};

	(void)state;
	assert_int_equal(sp_cel_list_of(&scene.arena, v, 2, &list), SP_CEL_E_NONE);
	assert_int_equal(sp_cel_map_of(&scene.arena, (const struct sp_cel(*)[2])pair, 1, &map),
		SP_CEL_E_NONE);
	cel_cursor_init(&c, &list);
	assert_true(cel_cursor_next(&c, &scene.arena, &key, NULL, &e));
	assert_int_equal(key.i, 4);
	assert_true(cel_cursor_next(&c, &scene.arena, &key, NULL, &e));
	assert_int_equal(key.type, SP_CEL_NULL);
	assert_false(cel_cursor_next(&c, &scene.arena, &key, NULL, &e));
	cel_cursor_init(&c, &map);
	assert_true(cel_cursor_next(&c, &scene.arena, &key, &value, &e));
	assert_true(sp_bytes_eq(key.s, SP_LIT("k")));
	assert_int_equal(value.i, 4);
	assert_false(cel_cursor_next(&c, &scene.arena, &key, &value, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_documents_are_values_of_the_language),
		cmocka_unit_test(errors_are_absorbed_from_either_side_and_nowhere_else),
		cmocka_unit_test(steps_and_memory_end_an_evaluation),
		cmocka_unit_test(patterns_take_time_in_proportion_to_the_text),
		cmocka_unit_test(patterns_mean_what_they_say),
		cmocka_unit_test(zones_follow_their_summer_and_winter),
		cmocka_unit_test(
			values_are_shown_as_text_of_the_language_and_cut_where_there_is_no_room),
		cmocka_unit_test(damaged_programs_are_refused_or_stay_within_their_limits),
		cmocka_unit_test(lists_and_maps_of_the_caller_are_values),
	};

	scene_init(&scene, SCENE_JSON);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
