#include "tests/support/cel_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_check check;

static int compile(const char *text, uint32_t phase, bool want_bool, uint8_t **ret, size_t *ret_n)
{
	const struct sp_cel_ask ask = {.text = sp_bytes_cstr(text),
		.env = &scene_env,
		.phase = phase,
		.want_bool = want_bool,
		.at = {"p.yaml", 7, 12}};

	sp_check_done(&check);
	return sp_cel_compile(&ask, &check, ret, ret_n);
}

static void accepted(const char *text)
{
	uint8_t *p;
	size_t n;

	if (compile(text, SP_CEL_PHASE_CALL, true, &p, &n) < 0)
		fail_msg("%s: %s", text, check.v[0].what);
	assert_int_equal(sp_cel_verify(sp_bytes(p, n), SCENE_N), 0);
	free(p);
}

/// Refused with exactly this first problem, as an operator sees it.
static void refused(const char *text, const char *problem)
{
	char got[512];
	uint8_t *p = NULL;
	size_t n = 0;

	assert_int_equal(compile(text, SP_CEL_PHASE_CALL, true, &p, &n), -EBADMSG);
	assert_null(p);
	sp_problem_text(&check.v[0], got, sizeof(got));
	assert_string_equal(got, problem);
}

static void problems_point_into_the_text_and_say_how_to_mend_it(void **state)
{
	(void)state;
	refused("agent.identity = 'x'", "p.yaml:7:27: an operator that is none (compare with ==)");
	refused("true &&\n  agent.roles + 1 == []", // the lines of a block are indented alike
		"p.yaml:8:26: operator + does not take list and int");
}

static void names_that_are_nearly_right_are_named(void **state)
{
	(void)state;
	refused("agent.identty == 'x'",
		"p.yaml:7:12: unknown variable 'agent.identty' (did you mean agent.identity?)");
	refused("request.user_id.startWith('x')",
		"p.yaml:7:28: unknown function 'startWith' (did you mean startsWith()?)");
	refused("quite_another", "p.yaml:7:12: unknown variable 'quite_another'");
	refused("length(agent.identity) > 1", "p.yaml:7:12: unknown function 'length'");
	refused("agent == 'x'", "p.yaml:7:12: 'agent' is no value by itself (ask for a part of it, "
				"such as agent.identity)");
}

static void a_name_longer_than_any_is_unknown(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refused(text, "p.yaml:7:12: unknown variable "
		      "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...'");
	memcpy(text + sizeof(text) - 4, ".id", 3);
	refused(text, "p.yaml:7:12: unknown variable "
		      "'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...'");
}

static void a_variable_outside_its_phase_is_refused(void **state)
{
	uint8_t *p;
	size_t n;

	(void)state;
	assert_int_equal(compile("request.n == 1", SP_CEL_PHASE_LIST, true, &p, &n), -EBADMSG);
	assert_string_equal(check.v[0].what, "'request' has no value here");
	assert_string_equal(check.v[0].mend, "it is known only when a call is judged");
	assert_int_equal(compile("agent.identity.team == 'a'", SP_CEL_PHASE_LIST, true, &p, &n), 0);
	free(p);
	assert_int_equal(compile("request.n == 1", 0, true, &p, &n), 0);
	free(p);
}

static void types_that_can_never_fit_are_refused_at_publish(void **state)
{
	(void)state;
	refused("agent.identity == 5", "p.yaml:7:27: operator == does not take string and int");
	refused("agent.identity + 1 == 'x'",
		"p.yaml:7:27: operator + does not take string and int (convert the other with "
		"string())");
	refused("1 + 1", "p.yaml:7:14: the condition's value is int (a condition is true or false, "
			 "such as a == b)");
	refused("'a' && true", "p.yaml:7:16: operator && does not take string and bool (it takes "
			       "booleans, such as a == b)");
	refused("size(5) == 1", "p.yaml:7:12: size() does not take int");
	refused("[1].all(x, x.y)", "p.yaml:7:25: a value without fields int");
	refused("agent.roles['x'] == 'a'",
		"p.yaml:7:23: operator [] does not take list and string");
	refused("true ? 1 : 'x'", "p.yaml:7:17: one of two types, int and string (make both of one "
				  "type)");
	refused("{1.5: 2} == {}", "p.yaml:7:13: a map's key cannot be double (keys are strings, "
				  "integers or booleans)");
	refused("now.getHours('Mars/Olympus') == 1",
		"p.yaml:7:25: unknown time zone ('UTC', '+02:00' or a name such as "
		"'Europe/Berlin')");
}

static void what_is_accepted_compiles_to_programs_that_verify(void **state)
{
	static const char *const text[] = {"true", "request.flag", "agent.identity.user_id == 'u1'",
		"agent.identity['user_id'] == 'u1'", "has(agent.identity.team)", "has(agent.roles)",
		"'a' in agent.roles && !('b' in request.tags)",
		"request.n in [1, 2u, 3.0, 'x', null]",
		"request.tags.map(t, t != 'a', [t]).size() < 5",
		"[[1], [2]].exists_one(l, l.all(x, x > 1))", "now - duration('1h') < now",
		"type(request.n) == int || type(now) == google.protobuf.Timestamp",
		"matches(agent.identity, 'a.*b')", "request.n > 1 ? request.a : request.b",
		"-request.n < 0 && - -3 == 3", "b'\\xff' != b\"\" && r'\\' != ''",
		"request.`odd name/x` == .agent.identity"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(text); i++)
		accepted(text[i]);
}

static void broken_texts_are_refused_wherever_they_are_cut(void **state)
{
	static const char whole[] = "[(agent.identity == \"a\\u00e9\" && request.tags.all(t, t in "
				    "['x', -1.5e3])) ? !true "
				    ": {'k': [1u]}['k'][0] == 2].all(x, x)";
	char cut[sizeof(whole)];
	uint8_t *p;
	size_t n;

	(void)state;
	accepted(whole);
	for (size_t len = 0; len + 1 < sizeof(whole); len++) {
		memcpy(cut, whole, len);
		cut[len] = '\0';
		assert_int_equal(compile(cut, SP_CEL_PHASE_CALL, true, &p, &n), -EBADMSG);
		assert_true(check.n >= 1);
	}
}

static void syntax_errors_say_what_was_expected(void **state)
{
	(void)state;
	refused("", "p.yaml:7:12: the condition is empty (write true for one that always holds)");
	refused("'abc", "p.yaml:7:16: a string without an end (close it with the quote it began "
			"with)");
	refused("'\\q' == ''", "p.yaml:7:13: an escape that does not exist (write \\\\ for a "
			       "backslash, or r'...' for a raw string)");
	refused("[1, 2", "p.yaml:7:17: a list without its closing ]");
	refused("for == 1", "p.yaml:7:12: a reserved word cannot be a name");
	refused("99999999999999999999 == 1", "p.yaml:7:12: the number is out of range");
	refused("9223372036854775808 == 1", "p.yaml:7:12: the number is out of range (write "
					    "9223372036854775808u for an unsigned number)");
	refused("has(agent)", "p.yaml:7:12: has() takes a field (has(a.b) asks whether a has the "
			      "field b)");
	refused("agent.roles.all(a.b, true)", "p.yaml:7:30: the first argument names the element, "
					      "it must be a simple name (list.all(x, x > 0))");
	refused("agent.roles.all(i, r, true)",
		"p.yaml:7:24: all() takes the element's name and an expression (list.all(x, x > "
		"0))");
	refused("Thing{a: 1} == 1", "p.yaml:7:17: messages cannot be made here (use a map, {'key': "
				    "value})");
	refused("request.?a == 1", "p.yaml:7:20: optional fields are not supported (has(a.b) ? a.b "
				   ": ...)");
}

static void nesting_is_bounded_and_long_chains_are_not_a_stack(void **state)
{
	char text[20000];
	size_t n = 0;
	uint8_t *p;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 240; i++)
		text[n++] = '(';
	n += (size_t)snprintf(text + n, sizeof(text) - n, "true");
	memset(text + n, ')', 240);
	text[n + 240] = '\0';
	accepted(text);
	memset(text, '(', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refused(text, "p.yaml:7:262: brackets within brackets, too many levels");
	memset(text, '!', 998);
	snprintf(text + 998, sizeof(text) - 998, "true");
	accepted(text);
	n = 0;
	for (unsigned i = 0; i < 900; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".a%u", i % 10);
	memcpy(text, "any", 3);
	accepted(text);
	memset(text, '!', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(compile(text, 0, true, &p, &len), -EBADMSG);
	n = 0;
	for (unsigned i = 0; i < 500; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "request.n == %u || ", i);
	snprintf(text + n, sizeof(text) - n, "true");
	accepted(text);
	n = 0;
	for (unsigned i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "1 + (");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "request.n");
	memset(text + n, ')', 100);
	snprintf(text + n + 100, sizeof(text) - n - 100, " > 0");
	refused(text, "p.yaml:7:622: the condition is too large or too deeply nested (split it "
		      "into several rules)");
}

static void a_condition_that_may_run_too_long_is_refused(void **state)
{
	static const struct sp_cel_ask tight = {.text = {(const uint8_t *)"request.n == 1", 14},
		.env = &scene_env,
		.max_cost = 2,
		.at = {"p.yaml", 1, 1}};
	uint8_t *p;
	size_t n;

	(void)state;
	accepted("request.tags.all(a, request.tags.all(b, a != b))");
	refused("request.tags.all(a, request.tags.all(b, request.tags.all(c, a != b || b != c)))",
		"p.yaml:7:12: the condition may take 10080805 steps, over the limit of 100000 "
		"(fewer "
		"loops within loops, or lists of known length)");
	sp_check_done(&check);
	assert_int_equal(sp_cel_compile(&tight, &check, &p, &n), -EBADMSG);
}

static void patterns_are_checked_at_publish(void **state)
{
	static const char *const good[] = {"", "a|b|", "^a+?b*?$", "[^]a-z\\\\d-]{2,5}",
		"(?i:abc)(?s).", "\\\\bfoo\\\\B\\\\x{1F600}\\\\.", "[[:alpha:][:^digit:]]",
		"(?P<name>a)(b)?", "a{,2}", "\\\\Qa.b\\\\E+", "(a*)*"};
	static const struct {
		const char *pattern, *what;
	} bad[] = {{"(a", "a ( without its ), at character 3"},
		{"a)", "a ) without its (, at character 2"},
		{"[a", "a [ without its ], at character 3"},
		{"*a", "nothing to repeat, at character 1"},
		{"a**", "a repetition of a repetition, at character 4"},
		{"a{2000}", "a count out of range, at character 8"},
		{"(a)\\\\1", "a reference back, which no linear search has, at character 6"},
		{"(?=a)", "a group of a kind that is not supported, at character 3"},
		{"\\\\pL", "classes of Unicode are not supported, at character 3"},
		{"[z-a]", "a range that runs backwards, at character 5"},
		{"((a{100}){100}){100}", "it is too large, at character 21"},
		{"((()*){1000}){1000}", "it is too large, at character 20"}};
	char text[256], problem[256];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(good); i++) {
		snprintf(text, sizeof(text), "agent.identity.matches('%s')", good[i]);
		accepted(text);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "agent.identity.matches('%s')", bad[i].pattern);
		snprintf(problem, sizeof(problem), "p.yaml:7:35: the pattern is refused: %s",
			bad[i].what);
		refused(text, problem);
	}
	refused("agent.identity.matches(request.p)",
		"p.yaml:7:43: matches() needs a constant pattern (write the pattern as a string)");
}

static void pins(const char *text, const char *want)
{
	const char *ret[3];
	char got[128] = "";
	struct sp_arena arena;
	uint32_t n;

	sp_arena_init(&arena);
	n = sp_cel_pinned(sp_bytes_cstr(text), &scene_env, SCENE_AGENT, &arena, ret, 3);
	for (uint32_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", ret[i]);
	sp_arena_done(&arena);
	assert_string_equal(got, want);
}

static void the_agents_a_condition_names_are_found_only_where_it_must_name_one(void **state)
{
	(void)state;
	pins("agent.identity == 'a'", "a ");
	pins("'a' == agent.identity && request.n == 1", "a ");
	pins("request.n == 1 && (agent.identity in ['a', 'b'])", "a b ");
	pins("agent.identity == 'a' || agent.identity in ['b', 'c']", "a b c ");
	pins("agent.identity == 'a' || request.n == 1", "");
	pins("!(agent.identity == 'a')", "");
	pins("agent.identity != 'a'", "");
	pins("agent.identity.team == 'a'", "");
	pins("agent.identity in ['a', 'b', 'c', 'd']", "");
	pins("agent.identity in ['a', request.x]", "");
	pins("agent.identity == 'a\\x00b'", "");
	pins("request.n == 1 ? agent.identity == 'a' : true", "");
	pins("agent.identity ==", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems_point_into_the_text_and_say_how_to_mend_it),
		cmocka_unit_test(names_that_are_nearly_right_are_named),
		cmocka_unit_test(a_name_longer_than_any_is_unknown),
		cmocka_unit_test(a_variable_outside_its_phase_is_refused),
		cmocka_unit_test(types_that_can_never_fit_are_refused_at_publish),
		cmocka_unit_test(what_is_accepted_compiles_to_programs_that_verify),
		cmocka_unit_test(broken_texts_are_refused_wherever_they_are_cut),
		cmocka_unit_test(syntax_errors_say_what_was_expected),
		cmocka_unit_test(nesting_is_bounded_and_long_chains_are_not_a_stack),
		cmocka_unit_test(a_condition_that_may_run_too_long_is_refused),
		cmocka_unit_test(patterns_are_checked_at_publish),
		cmocka_unit_test(
			the_agents_a_condition_names_are_found_only_where_it_must_name_one),
	};
	int failed;

	sp_check_init(&check);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	sp_check_done(&check);
	return failed;
}
