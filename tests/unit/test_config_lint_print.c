#include "tests/support/lint_rig.h"

#include <jansson.h>
#include "common/banned.h"

static char *printed(void (*print)(const struct sp_lint *l, FILE *f))
{
	char *buf = NULL;
	size_t n;
	FILE *f = open_memstream(&buf, &n);

	print(&lint, f);
	fclose(f);
	return buf;
}

static void print_sarif(const struct sp_lint *l, FILE *f)
{
	sp_lint_print_sarif(l, "1.2.3", f);
}

static json_t *must_parse(char *text)
{
	json_error_t err;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &err);

	if (!j)
		fail_msg("%s at %d: %s", err.text, err.position, text);
	free(text);
	return j;
}

static const char *str(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	if (!s)
		fail_msg("no text '%s'", key);
	return s;
}

/// The policy of the printing tests: names that JSON and terminals stumble over, a file that is no
/// URI.
static void print_fixture(void)
{
	struct sp_policy_rule *r;

	begin();
	r = rule("quote \" back \\ 客", SP_EFFECT_ALLOW);
	r->at.file = sp_policy_file(p, "/tmp/my policies/ä%.yaml");
	r->tools = STRS("*");
	rule("no", SP_EFFECT_DENY)->reason = NULL;
	end();
}

/// What SARIF 2.1.0 requires of a log: sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.28-3.30, 3.49.
static void sarif_has_the_properties_its_standard_requires(void **state)
{
	json_t *log, *run, *driver, *rules, *results;
	size_t i;

	(void)state;
	print_fixture();
	log = must_parse(printed(print_sarif));
	assert_string_equal(str(log, "version"), "2.1.0");
	assert_non_null(strstr(str(log, "$schema"), "sarif-schema-2.1.0.json"));
	assert_int_equal(json_array_size(json_object_get(log, "runs")), 1);
	run = json_array_get(json_object_get(log, "runs"), 0);
	driver = json_object_get(json_object_get(run, "tool"), "driver");
	assert_string_equal(str(driver, "name"), "sallyctl policy lint");
	assert_string_equal(str(driver, "version"), "1.2.3");
	rules = json_object_get(driver, "rules");
	assert_int_equal(json_array_size(rules), SP_LINT__COUNT);
	for (i = 0; i < json_array_size(rules); i++) {
		json_t *r = json_array_get(rules, i);

		assert_true(strlen(str(r, "id")) > 0);
		assert_true(strlen(str(json_object_get(r, "shortDescription"), "text")) > 0);
		assert_true(strlen(str(json_object_get(r, "help"), "text")) > 0);
	}
	results = json_object_get(run, "results");
	assert_true(json_is_array(results));
	assert_int_equal(json_array_size(results), lint.n);
	for (i = 0; i < json_array_size(results); i++) {
		json_t *r = json_array_get(results, i);
		json_t *place = json_object_get(
			json_array_get(json_object_get(r, "locations"), 0), "physicalLocation");
		json_t *region = json_object_get(place, "region");
		const char *level = str(r, "level");
		const char *uri = str(json_object_get(place, "artifactLocation"), "uri");

		assert_string_equal(str(r, "ruleId"),
			str(json_array_get(rules,
				    (size_t)json_integer_value(json_object_get(r, "ruleIndex"))),
				"id"));
		assert_true(strcmp(level, "error") == 0 || strcmp(level, "warning") == 0 ||
			    strcmp(level, "note") == 0);
		assert_true(strlen(str(json_object_get(r, "message"), "text")) > 0);
		assert_true(strcmp(uri, "p.yaml") == 0 ||
			    strcmp(uri, "file:///tmp/my%20policies/%C3%A4%25.yaml") == 0);
		if (region) {
			assert_true(json_integer_value(json_object_get(region, "startLine")) >= 1);
			assert_true(
				json_integer_value(json_object_get(region, "startColumn")) >= 1);
		}
	}
	json_decref(log);
	done();
}

static void json_and_text_say_the_same(void **state)
{
	json_t *j;
	char *s;

	(void)state;
	print_fixture();
	j = must_parse(printed(sp_lint_print_json));
	assert_int_equal(json_array_size(json_object_get(j, "findings")), lint.n);
	assert_int_equal(json_integer_value(json_object_get(j, "errors")),
		times(SP_LINT_BROAD_TOOLS) + times(SP_LINT_UNREACHABLE_RULE));
	s = printed(sp_lint_print_text);
	for (uint32_t i = 0; i < lint.n; i++) {
		json_t *f = json_array_get(json_object_get(j, "findings"), i);

		assert_string_equal(str(f, "id"), sp_lint_rules[lint.v[i].id].id);
		assert_non_null(strstr(s, str(f, "text")));
		assert_non_null(strstr(s, sp_lint_rules[lint.v[i].id].id));
	}
	assert_non_null(strstr(
		s, "p.yaml:101:3: note: rule 'no' refuses without a reason [deny-without-reason]"));
	free(s);
	json_decref(j);
	done();
}

/// docs/lint.md is made from the table: SP_UPDATE=1 writes it anew.
static void the_manual_names_every_rule_as_the_table_does(void **state)
{
	char *want = NULL, *have = NULL;
	size_t n, have_n = 0;
	FILE *f = open_memstream(&want, &n);

	(void)state;
	fputs("# What `sallyctl policy lint` finds\n\n"
	      "`sallyctl policy lint PATH...` reads policy files without a gateway and tells what "
	      "is unwise in them. It exits\n"
	      "with 1 when a finding is an error. `--json` prints one object, `--sarif` SARIF "
	      "2.1.0 for code scanning. Ids are\n"
	      "stable; a finding may be milder or graver than usual where its text says why.\n\n"
	      "| id | usually | what it is | how to mend it |\n|---|---|---|---|\n",
		f);
	for (unsigned i = 0; i < SP_LINT__COUNT; i++)
		fprintf(f, "| `%s` | %s | %s | %s |\n", sp_lint_rules[i].id,
			sp_lint_severity_name(sp_lint_rules[i].severity), sp_lint_rules[i].says,
			sp_lint_rules[i].mend);
	fclose(f);
	if (getenv("SP_UPDATE")) {
		f = fopen("docs/lint.md", "w");
		assert_non_null(f);
		fputs(want, f);
		assert_int_equal(fclose(f), 0);
	}
	f = fopen("docs/lint.md", "r");
	assert_non_null(f);
	assert_true(getdelim(&have, &have_n, 0, f) > 0);
	fclose(f);
	assert_string_equal(have, want);
	free(have);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sarif_has_the_properties_its_standard_requires),
		cmocka_unit_test(json_and_text_say_the_same),
		cmocka_unit_test(the_manual_names_every_rule_as_the_table_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
