#include "common/sql/sql.h"
#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

#define ALLOWED(x) assert_int_equal((x), SP_REASON_NONE)
#define REFUSED(x, why) assert_int_equal((x), SP_REASON_##why)
#define ASK(r, args) rig_ask((r), "bot", "t", "{\"arguments\":" args "}")

static struct sp_policy_tool *begin(struct rig *r)
{
	rig_init(r);
	rig_allow_list(r->p, "bot", "t");
	return rig_tool(r->p, "t");
}

/// The tool takes SQL that only reads, in these parameters; NULL: in those that commonly hold some.
static struct sp_policy_tool *begin_sql(struct rig *r, const char *parameters)
{
	struct sp_policy_tool *t = begin(r);

	t->sql.on = true;
	t->sql.dialect = SP_SQL_POSTGRES;
	t->sql.allow = SP_SQL_SELECT;
	if (parameters)
		t->sql.parameters = rig_list(r->p, parameters);
	return t;
}

static void sql_is_judged_wherever_the_tool_takes_it(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	t = begin_sql(&r, NULL);
	t->sql.deny_tables = rig_list(r.p, "secrets,credentials");
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"sql\":\"SELECT a FROM orders\"}"));
	ALLOWED(ASK(&r, "{\"query\":\"SELECT a \\u0046ROM orders\"}"));
	REFUSED(ASK(&r, "{\"sql\":\"DELETE FROM orders\"}"), SQL_DENIED);
	assert_non_null(strstr(r.v.detail, "sql: sql_"));
	REFUSED(ASK(&r, "{\"statement\":\"SELECT * FROM secrets\"}"), SQL_DENIED);
	assert_non_null(strstr(r.v.detail, "statement: sql_table"));
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 1\",\"query\":\"DROP TABLE orders\"}"), SQL_DENIED);
	REFUSED(ASK(&r, "{\"sql\":[\"SELECT 1\",\"DELETE FROM x\"]}"), SQL_DENIED);
	ALLOWED(ASK(&r, "{\"sql\":[\"SELECT 1\",\"SELECT 2\"]}"));
	rig_done(&r);
}

static void sql_that_is_not_there_as_text_is_refused(void **state)
{
	struct rig r;

	(void)state;
	begin_sql(&r, NULL)->sql.dialect = 0; // nobody said which
	rig_publish(&r);
	REFUSED(ASK(&r, "{\"text\":\"SELECT 1\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":7}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":null}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":[\"SELECT 1\",{}]}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":[]}"), ARGUMENT_MISSING);
	REFUSED(rig_ask(&r, "bot", "t", ""), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "[\"SELECT 1\"]"), ARGUMENT_MISSING);
	ALLOWED(ASK(&r, "{\"sql\":\"SELECT 1\"}"));
	rig_done(&r);
}

static void dotted_names_lead_into_objects_and_mean_themselves_too(void **state)
{
	struct rig r;

	(void)state;
	begin_sql(&r, "db.text");
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"db\":{\"text\":\"SELECT 1\"}}"));
	REFUSED(ASK(&r, "{\"db\":{\"text\":\"DELETE FROM a\"}}"), SQL_DENIED);
	REFUSED(ASK(&r, "{\"db\":{\"text\":\"SELECT 1\"},\"db.text\":\"DELETE FROM a\"}"), SQL_DENIED);
	REFUSED(ASK(&r, "{\"db\":[{\"text\":\"SELECT 1\"},{\"text\":\"DELETE FROM a\"}]}"), SQL_DENIED);
	REFUSED(ASK(&r, "{\"db\":\"SELECT 1\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 1\"}"), ARGUMENT_MISSING);
	rig_done(&r);
}

static void a_parameter_by_another_spelling_is_no_way_around_the_judge(void **state)
{
	struct rig r;

	(void)state;
	begin_sql(&r, "sql,query,db.text");
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"sql\":\"SELECT 1\",\"other\":1,\"Limit\":2}"));
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 1\",\"SQL\":\"DROP TABLE a\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"query\":\"SELECT 1\",\"Sql\":\"DROP TABLE a\"}"), ARGUMENT_MISSING);
	assert_string_equal(r.v.detail, "arguments: a parameter by another spelling: sql");
	REFUSED(ASK(&r, "{\"query\":\"SELECT 1\",\"\u017fql\":\"DROP TABLE a\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"query\":\"SELECT 1\",\"\\u0053ql\":\"DROP TABLE a\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"Query\":\"SELECT 1\"}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 1\",\"DB\":{\"text\":\"DROP TABLE a\"}}"), ARGUMENT_MISSING);
	REFUSED(ASK(&r, "{\"db\":{\"text\":\"SELECT 1\",\"Text\":\"DROP TABLE a\"}}"), ARGUMENT_MISSING);
	rig_done(&r);
}

static void arguments_whose_names_differ_in_case_alone_are_refused(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "t,u");
	rig_rule(r.p, "large", SP_EFFECT_DENY, NULL, "t", "has(request.amount) && request.amount > 10");
	t = rig_tool(r.p, "u");
	t->has_environments = true;
	t->allowed_environments = rig_list(r.p, "staging");
	rig_agent(r.p, "bot")->environment = "staging";
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"amount\":1,\"to\":{\"a\":1,\"A\":2}}"));
	REFUSED(ASK(&r, "{\"amount\":1,\"Amount\":100}"), ARGUMENT_MISSING);
	assert_string_equal(r.v.detail, "two names differ in case alone");
	ALLOWED(rig_ask(&r, "bot", "u", "{\"arguments\":{\"environment\":\"staging\"}}"));
	ALLOWED(rig_ask(&r, "bot", "u", "{\"arguments\":{}}"));
	REFUSED(rig_ask(&r, "bot", "u", "{\"arguments\":{\"Environment\":\"production\"}}"), ENVIRONMENT_DENIED);
	REFUSED(rig_ask(&r, "bot", "u", "{\"arguments\":{\"ENV\":\"production\"}}"), ENVIRONMENT_DENIED);
	rig_done(&r);
}

static void endpoints_are_judged_on_what_was_parsed(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	t = begin(&r);
	t->endpoint.on = true;
	t->endpoint.allow = rig_list(r.p, "/api/v1/external/*,https://api.example.com/pub/*");
	t->endpoint.forbid = rig_list(r.p, "/api/admin/*");
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"endpoint\":\"/api/v1/external/x\"}"));
	ALLOWED(ASK(&r, "{\"url\":\"https://api.example.com/pub/x?y=1\"}"));
	REFUSED(ASK(&r, "{\"endpoint\":\"/api/v1/external/../../admin/x\"}"), ENDPOINT_DENIED);
	REFUSED(ASK(&r, "{\"path\":\"/api/v1/internal\"}"), ENDPOINT_DENIED);
	assert_string_equal(r.v.detail, "path: not_allowed");
	REFUSED(ASK(&r, "{\"url\":\"https://api.example.com/api/admin/x\"}"), ENDPOINT_DENIED);
	assert_string_equal(r.v.detail, "url: forbidden");
	REFUSED(ASK(&r, "{\"url\":\"https://api.example.com.evil.example/pub/x\"}"), ENDPOINT_DENIED);
	REFUSED(ASK(&r, "{\"uri\":\"ftp://api.example.com/pub/x\"}"), ENDPOINT_DENIED);
	REFUSED(ASK(&r, "{\"other\":\"/api/v1/external/x\"}"), ARGUMENT_MISSING);
	rig_done(&r);
}

static void private_addresses_are_asked_only_where_policy_says_so(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	t = begin(&r);
	t->endpoint.on = true;
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"url\":\"https://example.com/\"}"));
	REFUSED(ASK(&r, "{\"url\":\"http://169.254.169.254/latest/meta-data\"}"), ENDPOINT_DENIED);
	assert_string_equal(r.v.detail, "url: private_host");
	rig_done(&r);
	t = begin(&r);
	t->endpoint.on = true;
	t->endpoint.private_hosts = true;
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"url\":\"http://10.1.2.3/x\"}"));
	rig_done(&r);
}

static void paths_stay_below_their_roots(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	t = begin(&r);
	t->path.parameters = rig_list(r.p, "file");
	t->path.roots = rig_list(r.p, "/srv/data,/tmp/x");
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"file\":\"/srv/data/a.txt\"}"));
	REFUSED(ASK(&r, "{\"file\":\"/srv/data/../secret\"}"), PATH_DENIED);
	assert_string_equal(r.v.detail, "file: outside_roots");
	REFUSED(ASK(&r, "{\"file\":\"/srv/data2\"}"), PATH_DENIED);
	REFUSED(ASK(&r, "{\"file\":\"/srv/data/%2e%2e/x\"}"), PATH_DENIED);
	REFUSED(ASK(&r, "{\"path\":\"/srv/data/a\"}"), ARGUMENT_MISSING);
	rig_done(&r);
}

static void sizes_are_those_of_the_arguments_as_sent(void **state)
{
	struct rig r;

	(void)state;
	begin(&r)->max_argument_bytes = 10;
	rig_publish(&r);
	ALLOWED(ASK(&r, "{\"a\":\"34\"}"));
	REFUSED(ASK(&r, "{\"a\":\"345\"}"), ARGUMENT_SIZE);
	ALLOWED(rig_ask(&r, "bot", "t", ""));
	rig_done(&r);
}

static void a_text_that_does_not_fit_the_scratch_is_refused(void **state)
{
	struct rig r;

	(void)state;
	begin_sql(&r, NULL);
	rig_publish(&r);
	r.arena.cap = 96;
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 'far longer than the scratch', 'that is left to it', "
			"'and written with escapes \\u0061'\"}"),
		ARGUMENT_SIZE);
	r.arena.cap = 8;
	REFUSED(ASK(&r, "{\"sql\":\"SELECT 1\"}"), ARGUMENT_SIZE);
	rig_done(&r);
}

static void constraints_of_a_glob_bind_tools_nobody_named(void **state)
{
	struct sp_policy_tool *t;
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_rule(r.p, "all", SP_EFFECT_ALLOW, "bot", "db_*", NULL);
	t = rig_tool(r.p, "db_*");
	t->max_argument_bytes = 2;
	rig_publish(&r);
	ALLOWED(rig_ask(&r, "bot", "db_read", "{\"arguments\":{}}"));
	REFUSED(rig_ask(&r, "bot", "db_read", "{\"arguments\":{\"a\":1}}"), ARGUMENT_SIZE);
	rig_done(&r);
}

static void constraints_of_both_names_bind(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_allow_list(r.p, "bot", "crm__t");
	rig_tool(r.p, "crm__t")->max_argument_bytes = 100;
	rig_tool(r.p, "t")->max_argument_bytes = 2;
	rig_publish(&r);
	rig_call(&r, "bot", "crm__t", "{\"arguments\":{\"a\":1}}");
	r.call.prefix = 5;
	REFUSED(rig_judge(&r), ARGUMENT_SIZE);
	r.call.prefix = 0;
	ALLOWED(rig_judge(&r));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sql_is_judged_wherever_the_tool_takes_it),
		cmocka_unit_test(sql_that_is_not_there_as_text_is_refused),
		cmocka_unit_test(dotted_names_lead_into_objects_and_mean_themselves_too),
		cmocka_unit_test(a_parameter_by_another_spelling_is_no_way_around_the_judge),
		cmocka_unit_test(arguments_whose_names_differ_in_case_alone_are_refused),
		cmocka_unit_test(endpoints_are_judged_on_what_was_parsed),
		cmocka_unit_test(private_addresses_are_asked_only_where_policy_says_so),
		cmocka_unit_test(paths_stay_below_their_roots),
		cmocka_unit_test(sizes_are_those_of_the_arguments_as_sent),
		cmocka_unit_test(a_text_that_does_not_fit_the_scratch_is_refused),
		cmocka_unit_test(constraints_of_a_glob_bind_tools_nobody_named),
		cmocka_unit_test(constraints_of_both_names_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
