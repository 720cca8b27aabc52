#include "common/clock.h"
#include "tools/sallyctl/args.h"
#include "tools/sallyctl/local.h"
#include "tools/sallyctl/show.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define NOW (1800000000ull * SP_NS_PER_SEC)

static void times_are_ages_or_rfc3339(void **state)
{
	static const char *const wrong[] = {"", "s", "1", "1w", "-1h", "2026-01-31",
		"2026-13-01T00:00:00Z", "2026-01-31T08:00:00", "2026-01-31T08:00:00Zx",
		"99999999999d"};
	uint64_t t = 7;

	(void)state;
	assert_int_equal(sp_time_parse("90s", NOW, &t), 0);
	assert_true(t == NOW - 90 * SP_NS_PER_SEC);
	assert_int_equal(sp_time_parse("7d", NOW, &t), 0);
	assert_true(t == NOW - 7 * 86400 * SP_NS_PER_SEC);
	assert_int_equal(sp_time_parse("2026-01-31T08:00:00Z", NOW, &t), 0);
	assert_true(t == 1769846400ull * SP_NS_PER_SEC);
	assert_int_equal(sp_time_parse("2026-01-31T08:00:00.25+02:00", NOW, &t), 0);
	assert_true(t == 1769839200ull * SP_NS_PER_SEC);
	t = 7;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++)
		assert_int_equal(sp_time_parse(wrong[i], NOW, &t), -EINVAL);
	assert_true(t == 7);
}

/// Parse a command line given as one NULL-ended list; the args as JSON.
static int line_json(char **argv, char *json, size_t cap)
{
	struct sp_out out = sp_out_init(json, cap - 1);
	struct sp_line l;
	struct sp_cv_out o;
	int argc = 0, err;

	while (argv[argc])
		argc++;
	SP_TRY(sp_line_read(argc, argv, &l));
	if (!l.command)
		return -ENOENT;
	sp_cv_out_init(&o);
	err = sp_line_args(&l, NOW, &o);
	if (err == 0) {
		sp_cv_json(sp_cv_out_bytes(&o), &out);
		json[out.len] = 0;
	}
	sp_cv_out_done(&o);
	return err;
}
#define LINE(json, ...) line_json((char *[]){"sallyctl", __VA_ARGS__, NULL}, json, sizeof(json))

static void arguments_become_the_request_by_the_table(void **state)
{
	char json[512];

	(void)state;
	assert_int_equal(LINE(json, "revoke", "agent", "a 1", "--note=lost laptop"), 0);
	assert_string_equal(json, "{\"id\":\"a 1\",\"note\":\"lost laptop\"}");
	assert_int_equal(
		LINE(json, "--json", "audit", "query", "--limit", "5", "--since", "90s"), 0);
	assert_string_equal(json, "{\"limit\":5,\"since\":1799999910000000000}");
	assert_int_equal(LINE(json, "audit", "tail", "--no-follow"), 0);
	assert_string_equal(json, "{\"no-follow\":true}");
	assert_int_equal(LINE(json, "policy", "rollback", "7"), 0);
	assert_string_equal(json, "{\"generation\":7}");
	assert_int_equal(LINE(json, "policy", "shadow", "report", "--generation", "8"), 0);
	assert_string_equal(json, "{\"generation\":8}");
	assert_int_equal(LINE(json, "policy", "--json", "shadow", "off"), 0);
	assert_string_equal(json, "{}");
}

static void a_wrong_command_line_is_refused(void **state)
{
	char json[512];
	int err = open("/dev/null", O_WRONLY | O_CLOEXEC), kept = dup(STDERR_FILENO);

	(void)state;
	dup2(err, STDERR_FILENO); // the messages are not what is looked at
	assert_int_equal(LINE(json, "revoke", "agent"), -EINVAL);
	assert_int_equal(LINE(json, "revoke", "agent", "a", "b"), -EINVAL);
	assert_int_equal(LINE(json, "revoke", "agent", "a", "--limit", "3"), -EINVAL);
	assert_int_equal(LINE(json, "audit", "query", "--limit", "many"), -EINVAL);
	assert_int_equal(LINE(json, "audit", "query", "--limit"), -EINVAL);
	assert_int_equal(LINE(json, "audit", "query", "--limit", "1", "--limit", "2"), -EINVAL);
	assert_int_equal(LINE(json, "policy"), -EINVAL);
	assert_int_equal(LINE(json, "nonsense"), -EINVAL);
	assert_int_equal(LINE(json, "policy", "check", "/nonexistent"), -EIO);
	dup2(kept, STDERR_FILENO);
	close(err);
	close(kept);
}

/// Standard output of `policy check` over a folder, run without a gateway.
static int checked(const char *folder, char *buf, size_t cap)
{
	int out[2], kept = dup(STDOUT_FILENO), err = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int kept_err = dup(STDERR_FILENO), code;
	char *argv[] = {"sallyctl", "--run-dir", "/nonexistent", "policy", "check", (char *)(uintptr_t)folder};
	struct sp_line line;
	ssize_t n;

	assert_int_equal(sp_line_read((int)SP_ARRAY_LEN(argv), argv, &line), 0);
	assert_int_equal(pipe(out), 0);
	fflush(stdout);
	dup2(out[1], STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out[1]);
	assert_true(sp_local_policy_check_wanted(&line));
	code = sp_local_policy_check(&line);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	dup2(kept_err, STDERR_FILENO);
	close(kept);
	close(kept_err);
	close(err);
	n = read(out[0], buf, cap - 1);
	close(out[0]);
	buf[n < 0 ? 0 : n] = 0;
	return code;
}

static void a_check_without_a_gateway_sums_up_what_each_file_gives(void **state)
{
	const char *shared = getenv("SP_SHARED");
	char path[512], text[8192];

	(void)state;
	snprintf(path, sizeof(path), "%s/fixtures/seeds", shared ? shared : "../shared");
	if (access(path, R_OK) < 0) {
		print_message("%s is absent: skipped\n", path);
		skip();
	}
	assert_int_equal(checked(path, text, sizeof(text)), SP_CTL_OK);
	assert_non_null(strstr(text, "policy             good\n"));
	assert_non_null(strstr(text, "rules              4\n"));
	assert_non_null(strstr(text, "conditions         6\n"));
	assert_non_null(strstr(text, "\n  policy-definitions.yaml  policy definitions"));
	assert_non_null(strstr(text, "\n  style-rules.json         style rules, risk scoring"));
	assert_non_null(strstr(text, "\n  tool-policies.json       tool policies"));
	assert_non_null(strstr(text, "\n  whitelist.json           allow-list"));
}

static void a_check_without_a_gateway_tells_problems_with_their_places(void **state)
{
	char path[] = "/tmp/sp-check-XXXXXX.json", text[8192];
	int fd = mkstemps(path, 5);
	static const char policy[] = "{\"policy_definitions\": [{\"name\": \"d\", \"rules\": [\n"
				     "  {\"action\": \"read\", \"allowed\": true, \"condition\": \"1 +\"}]}]}";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, policy, sizeof(policy) - 1), sizeof(policy) - 1);
	close(fd);
	assert_int_equal(checked(path, text, sizeof(text)), SP_CTL_REFUSED);
	unlink(path);
	assert_non_null(strstr(text, ".json:2:"));
	assert_non_null(strstr(text, "the condition ends where a value was expected"));
}

static void put_row(struct sp_cv_out *o, const char *name, uint64_t calls)
{
	sp_cv_put_map(o);
	sp_cv_put_str(o, "agent");
	sp_cv_put_str(o, name);
	sp_cv_put_str(o, "calls");
	sp_cv_put_u64(o, calls);
	sp_cv_put_end(o);
}

/// What sp_show() writes to standard output.
static void shown(struct sp_show *s, const struct sp_cv_out *o, char *buf, size_t cap)
{
	int out[2], kept = dup(STDOUT_FILENO);
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	fflush(stdout);
	dup2(out[1], STDOUT_FILENO);
	close(out[1]);
	sp_show(s, sp_cv_out_bytes(o));
	dup2(kept, STDOUT_FILENO);
	close(kept);
	n = read(out[0], buf, cap - 1);
	close(out[0]);
	buf[n < 0 ? 0 : n] = 0;
}

static void a_list_of_maps_is_an_aligned_table_without_escapes(void **state)
{
	struct sp_show s = {0};
	struct sp_cv_out o;
	char text[512];

	(void)state;
	sp_cv_out_init(&o);
	sp_cv_put_array(&o);
	put_row(&o, "ok", 12345678);
	put_row(&o, "b\x1b[2J\xc2\x9b\xe2\x80\xae", 7);
	put_row(&o, "m\xc3\xbcller", 0);
	sp_cv_put_end(&o);
	shown(&s, &o, text, sizeof(text));
	assert_string_equal(text, "agent       calls\n"
				  "ok       12345678\n"
				  "b?[2J\?\?         7\n"
				  "m\xc3\xbcller          0\n");
	sp_cv_out_done(&o);
}

static void a_map_is_lines_with_what_it_holds_below(void **state)
{
	struct sp_show s = {0};
	struct sp_cv_out o;
	char text[512];

	(void)state;
	sp_cv_out_init(&o);
	sp_cv_put_map(&o);
	sp_cv_put_str(&o, "state");
	sp_cv_put_str(&o, "serving");
	sp_cv_put_str(&o, "sealed");
	sp_cv_put_bool(&o, true);
	sp_cv_put_str(&o, "agents");
	sp_cv_put_array(&o);
	put_row(&o, "a", 1);
	sp_cv_put_end(&o);
	sp_cv_put_end(&o);
	shown(&s, &o, text, sizeof(text));
	assert_string_equal(
		text, "state   serving\nsealed  yes\nagents\n  agent  calls\n  a          1\n");
	sp_cv_out_done(&o);
}

/// A local command's exit code, with what it prints put away.
static int run_local(int (*run)(const struct sp_line *l, const char *version), char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	struct sp_line l;
	int argc = 0, code = -1;

	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (sp_line_read(argc, argv, &l) == 0)
		code = run(&l, "0");
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(null);
	close(out);
	close(err);
	return code;
}
#define LOCAL(fn, ...) run_local(fn, (char *[]){"sallyctl", __VA_ARGS__, NULL})

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void lint_fails_when_a_finding_is_an_error(void **state)
{
	char dir[] = "/tmp/sp-lint-XXXXXX", good[64], bad[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", dir), SP_CTL_REFUSED); // empty
	snprintf(good, sizeof(good), "%s/good.yaml", dir);
	snprintf(bad, sizeof(bad), "%s/bad.json", dir);
	write_file(good, "tool_id: a\nallowed_actions: [delete_records]\n");
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", good), SP_CTL_OK);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", dir, "--sarif"), SP_CTL_OK);
	write_file(bad, "{\"TOOL_POLICIES\": {\"delete_records\": {\"allowed_for\": []}}}");
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", bad), SP_CTL_OK);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", good, bad), SP_CTL_REFUSED);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", "--json", dir), SP_CTL_REFUSED);
	write_file(bad, "{");
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", dir), SP_CTL_REFUSED);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint"), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", "--colour", dir), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_lint, "policy", "lint", "/nonexistent"), SP_CTL_REFUSED);
	unlink(good);
	unlink(bad);
	rmdir(dir);
}

static void import_prints_policy_and_fails_on_what_it_cannot_read(void **state)
{
	char file[] = "/tmp/sp-import-XXXXXX";
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(file, "rules: ['mcp.tool.name == \"a\"', 'apiKey.x == 1']\n");
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", "--from", "agentgateway", file), SP_CTL_OK);
	assert_int_equal(
		LOCAL(sp_local_policy_import, "policy", "import", file, "--from=agentgateway", "--json"), SP_CTL_OK);
	assert_int_equal(
		LOCAL(sp_local_policy_import, "policy", "import", file, "--from=mcp-servers"), SP_CTL_REFUSED);
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", file), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", "--from", "opa", file), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", "--from"), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", "--to=x", file), SP_CTL_USAGE);
	assert_int_equal(LOCAL(sp_local_policy_import, "policy", "import", file, file), SP_CTL_USAGE);
	assert_int_equal(
		LOCAL(sp_local_policy_import, "policy", "import", "--from=mcp-servers", "/nonexistent"),
		SP_CTL_REFUSED);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_ages_or_rfc3339),
		cmocka_unit_test(arguments_become_the_request_by_the_table),
		cmocka_unit_test(a_check_without_a_gateway_sums_up_what_each_file_gives),
		cmocka_unit_test(a_check_without_a_gateway_tells_problems_with_their_places),
		cmocka_unit_test(a_wrong_command_line_is_refused),
		cmocka_unit_test(a_list_of_maps_is_an_aligned_table_without_escapes),
		cmocka_unit_test(a_map_is_lines_with_what_it_holds_below),
		cmocka_unit_test(lint_fails_when_a_finding_is_an_error),
		cmocka_unit_test(import_prints_policy_and_fails_on_what_it_cannot_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
