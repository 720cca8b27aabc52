/// `sallyctl init`: each profile's configuration is one to begin with.
#include "tests/unit/fixture_sallyctl.h"

#include "config/lint/lint.h"
#include "config/load.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/local_records.h"

#include <sys/stat.h>
#include "common/banned.h"

static char dir[] = "/tmp/init-XXXXXX";
static char target[64];

static void path_of(char ret[128], const char *name)
{
	snprintf(ret, 128, "%s/%s", target, name);
}

static int run(enum sp_profile profile)
{
	char told[TOLD_MAX];

	return TOLD(told, sp_local_init, "init", "--profile",
		(char *)(uintptr_t)sp_profile_name(profile), target);
}

static void clear(void)
{
	static const char *const names[] = {
		"sallyport.yaml", "README.md", "policy/policy.yaml", "other"};
	char path[128];

	for (size_t i = 0; i < SP_ARRAY_LEN(names); i++) {
		path_of(path, names[i]);
		unlink(path);
	}
	path_of(path, "policy");
	rmdir(path);
	rmdir(target);
}

static void each_profile_is_a_configuration_the_gateway_takes(void **state)
{
	for (unsigned i = 0; i <= SP_PROFILE_COMPLIANCE; i++) {
		struct sp_gateway *g;
		struct sp_check check;
		char path[128], policy[128];

		assert_int_equal(run((enum sp_profile)i), SP_CTL_OK);
		path_of(path, "sallyport.yaml");
		path_of(policy, "policy");
		sp_check_init(&check);
		assert_int_equal(sp_load_gateway(path, &check, &g), 0);
		assert_int_equal(g->profile, i);
		assert_string_equal(g->policy.directory.s, policy);
		sp_gateway_free(g);
		sp_check_done(&check);
		clear();
	}
	(void)state;
}

/// What is in force of a configuration, but for the folders that are its own.
static void shown(const char *path, char *text, size_t cap)
{
	static const char *const own[] = {"\nstate_dir: ", "\nrun_dir: ", "\n  directory: "};
	struct sp_out out = sp_out_init(text, cap - 1);
	struct sp_gateway *g;
	struct sp_check check;

	sp_check_init(&check);
	assert_int_equal(sp_load_gateway(path, &check, &g), 0);
	sp_gateway_show(g, &out);
	assert_false(out.overflow);
	text[out.len] = 0;
	sp_gateway_free(g);
	sp_check_done(&check);
	for (size_t i = 0; i < SP_ARRAY_LEN(own); i++) {
		char *at = strstr(text, own[i]);

		assert_non_null(at);
		memset(at + 1, '.', strcspn(at + 1, "\n"));
		memmove(at + 1, at + 1 + strcspn(at + 1, "\n"), strlen(at + 1) - strcspn(at + 1, "\n") + 1);
	}
}

static void it_says_what_the_profiles_of_the_tree_say(void **state)
{
	static char ours[65536], theirs[65536];

	(void)state;
	for (unsigned i = 0; i <= SP_PROFILE_COMPLIANCE; i++) {
		char path[128];

		assert_int_equal(run((enum sp_profile)i), SP_CTL_OK);
		path_of(path, "sallyport.yaml");
		shown(path, ours, sizeof(ours));
		snprintf(path, sizeof(path), "config/profiles/%s.yaml",
			sp_profile_name((enum sp_profile)i));
		shown(path, theirs, sizeof(theirs));
		assert_string_equal(ours, theirs);
		clear();
	}
}

static int lint_all(const struct sp_line *l)
{
	return sp_local_policy_lint(l, "test");
}

static void its_policy_has_an_audit_level_limits_and_risk_and_no_finding(void **state)
{
	static const enum sp_audit_level level[] = {SP_AUDIT_BASIC, SP_AUDIT_ENHANCED, SP_AUDIT_STRICT};

	(void)state;
	for (unsigned i = 0; i <= SP_PROFILE_COMPLIANCE; i++) {
		struct sp_local_snap snap;
		struct sp_check check;
		struct sp_lint found;
		char path[128], text[TOLD_MAX];
		const char *paths[] = {path};

		assert_int_equal(run((enum sp_profile)i), SP_CTL_OK);
		path_of(path, "policy");
		sp_check_init(&check);
		assert_int_equal(sp_local_snap(paths, 1, &check, &snap), 0);
		assert_int_equal(snap.policy->agents_n, 1);
		assert_true(snap.policy->agent[0].has_audit_level);
		assert_int_equal(snap.policy->agent[0].audit_level, level[i]);
		assert_true(snap.policy->agent[0].per_minute && snap.policy->agent[0].daily_tokens);
		assert_true(snap.policy->risk.on);
		sp_lint_init(&found);
		assert_int_equal(sp_lint_policy(&found, snap.policy), 0);
		assert_false(sp_lint_has_errors(&found));
		sp_lint_done(&found);
		assert_int_equal(TOLD(text, lint_all, "policy", "lint", path), SP_CTL_OK);
		assert_non_null(strstr(text, "0 errors, 0 warnings"));
		sp_local_snap_done(&snap);
		sp_check_done(&check);
		clear();
	}
}

static void nothing_that_is_there_is_touched(void **state)
{
	char path[128], text[16] = "";
	struct stat st;
	FILE *f;

	(void)state;
	assert_int_equal(mkdir(target, 0755), 0);
	path_of(path, "other");
	put_file(path, "mine");
	assert_int_equal(run(SP_PROFILE_PRODUCTION), SP_CTL_REFUSED);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "mine");
	path_of(path, "sallyport.yaml");
	assert_int_equal(stat(path, &st), -1);
	clear();
	assert_int_equal(run(SP_PROFILE_PRODUCTION), SP_CTL_OK);
	assert_int_equal(run(SP_PROFILE_DEVELOPMENT), SP_CTL_REFUSED);
	clear();
	put_file(target, "a file");
	assert_int_equal(run(SP_PROFILE_DEVELOPMENT), SP_CTL_REFUSED);
	assert_int_equal(unlink(target), 0);
}

static void what_is_wrong_on_the_line_is_a_usage_error(void **state)
{
	char told[TOLD_MAX];

	(void)state;
	assert_int_equal(TOLD(told, sp_local_init, "init", target), SP_CTL_USAGE);
	assert_int_equal(
		TOLD(told, sp_local_init, "init", "--profile", "casual", target), SP_CTL_USAGE);
	assert_int_equal(TOLD(told, sp_local_init, "init", "--profile=production"), SP_CTL_USAGE);
	assert_int_equal(TOLD(told, sp_local_init, "init", "--profile=production", target, "b"),
		SP_CTL_USAGE);
	assert_int_equal(
		TOLD(told, sp_local_init, "init", "--profile=production", "/nonexistent/a/b"),
		SP_CTL_REFUSED);
	assert_int_equal(access(target, F_OK), -1);
}

static int make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(target, sizeof(target), "%s/new \"one\"", dir);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	clear();
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_profile_is_a_configuration_the_gateway_takes),
		cmocka_unit_test(it_says_what_the_profiles_of_the_tree_say),
		cmocka_unit_test(its_policy_has_an_audit_level_limits_and_risk_and_no_finding),
		cmocka_unit_test(nothing_that_is_there_is_touched),
		cmocka_unit_test(what_is_wrong_on_the_line_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
