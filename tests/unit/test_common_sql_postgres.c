#include "tests/support/sql_case.h"
#include "common/sandbox.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "common/banned.h"

static const struct sp_sql_rules select_only = {
	.dialect = SP_SQL_POSTGRES, .styles = SP_SQL_SELECT};
static const struct sp_sql_rules insert_only = {
	.dialect = SP_SQL_POSTGRES, .styles = SP_SQL_INSERT};

static void a_single_select_of_any_shape_is_allowed(void **state)
{
	static const struct sql_case cases[] = {
		{"SELECT 1", SP_SQL_OK, ""},
		{"SELECT 1 ;", SP_SQL_OK, NULL},
		{"VALUES (1, 'a'), (2, 'b')", SP_SQL_OK, NULL},
		{"TABLE t", SP_SQL_OK, NULL},
		{"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", SP_SQL_OK, NULL},
		{"SELECT a, count(*) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d DESC ROWS "
		 "BETWEEN 1 PRECEDING "
		 "AND CURRENT ROW) FROM s.t AS x (a, b) LEFT JOIN u USING (id) WHERE a IN (1, 2) "
		 "AND b BETWEEN 1 "
		 "AND 2 AND c LIKE 'a%' GROUP BY ROLLUP (a) HAVING max(a) > 3 LIMIT 5 OFFSET 1",
			SP_SQL_OK, NULL},
		{"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT * FROM c",
			SP_SQL_OK, NULL},
		{"SELECT CASE WHEN a THEN 'x' ELSE $$y$$ END, d AT TIME ZONE 'UTC', x::int[], "
		 "(ARRAY[1, 2])[1], "
		 "ROW(1, 2), extract(year FROM d), j->>'k', COALESCE(a, b), EXISTS (SELECT 1) FROM "
		 "t",
			SP_SQL_OK, NULL},
		{"SELECT v FROM t, unnest(ARRAY[1, 2]) WITH ORDINALITY AS u(v, o) WHERE u.v = $1",
			SP_SQL_OK, NULL},
		{"SELECT * FROM t TABLESAMPLE bernoulli (1) -- done", SP_SQL_OK, NULL},
		{"SELECT 'drop table t; delete from t', \"into\" FROM \"update\"", SP_SQL_OK, NULL},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void what_only_looks_like_a_select_is_refused_with_its_node(void **state)
{
	static const struct sql_case cases[] = {
		{"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", SP_SQL_NODE,
			"DeleteStmt"},
		{"WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", SP_SQL_NODE,
			"InsertStmt"},
		{"WITH x AS (UPDATE t SET a = 1 RETURNING *) TABLE x", SP_SQL_NODE, "UpdateStmt"},
		{"SELECT * INTO n FROM t", SP_SQL_NODE, "SelectStmt.into_clause"},
		{"SELECT 1 FROM t FOR UPDATE", SP_SQL_NODE, "SelectStmt.locking_clause"},
		{"SELECT * FROM (SELECT 1 FROM t FOR SHARE) x", SP_SQL_NODE,
			"SelectStmt.locking_clause"},
		{"SELECT * FROM XMLTABLE('/a' PASSING x COLUMNS b int)", SP_SQL_NODE,
			"RangeTableFunc"},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void other_statements_are_refused_by_their_style(void **state)
{
	static const struct sql_case cases[] = {
		{"DELETE FROM t", SP_SQL_STYLE, "DeleteStmt"},
		{"COPY t TO PROGRAM 'id'", SP_SQL_STYLE, "CopyStmt"},
		{"DO $$ BEGIN END $$", SP_SQL_STYLE, "DoStmt"},
		{"CALL p()", SP_SQL_STYLE, "CallStmt"},
		{"MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", SP_SQL_STYLE,
			"MergeStmt"},
		{"SET ROLE admin", SP_SQL_STYLE, "VariableSetStmt"},
		{"PREPARE a AS DELETE FROM t", SP_SQL_STYLE, "PrepareStmt"},
		{"EXECUTE a", SP_SQL_STYLE, "ExecuteStmt"},
		{"EXPLAIN SELECT 1", SP_SQL_STYLE, "ExplainStmt"},
		{"DECLARE c CURSOR FOR SELECT 1", SP_SQL_STYLE, "DeclareCursorStmt"},
		{"LISTEN x", SP_SQL_STYLE, "ListenStmt"},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void exactly_one_statement_is_taken(void **state)
{
	static const struct sql_case cases[] = {
		{"", SP_SQL_STATEMENTS, "none"},
		{" ; ", SP_SQL_STATEMENTS, "none"},
		{"-- nothing", SP_SQL_STATEMENTS, "none"},
		{"SELECT 1; DROP TABLE t", SP_SQL_STATEMENTS, "many"},
		{"COMMIT; DROP SCHEMA s CASCADE", SP_SQL_STATEMENTS, "many"},
		{"SELECT 1; SELECT 2", SP_SQL_STATEMENTS, "many"},
		{"SELECT 1;;", SP_SQL_OK, NULL},
		{"SELECT 1 SELECT 2", SP_SQL_SYNTAX, NULL},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void texts_dialects_read_differently_are_judged_as_postgres_reads_them(void **state)
{
	static const struct sql_case cases[] = {
		{"/*!50000 DROP TABLE t */ SELECT 1", SP_SQL_OK, NULL},
		{"SELECT 'a\\'' ; DELETE FROM t --'", SP_SQL_LEXICAL, "backslash-quote"},
		{"SELECT E'a\\'' ; DELETE FROM t --'", SP_SQL_STATEMENTS, "many"},
		{"SELECT 1 # comment", SP_SQL_OK, NULL},
		{"SELECT `a` FROM t", SP_SQL_SYNTAX, NULL},
		{"SELECT [a] FROM t", SP_SQL_SYNTAX, NULL},
		{"SELECT TOP 1 a FROM t", SP_SQL_SYNTAX, NULL},
		{"SELECT a ? 'b' FROM t", SP_SQL_LEXICAL, "question-mark"},
		{"SELECT '?', \"?\" FROM t /* ? */", SP_SQL_OK, NULL},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void functions_that_do_more_than_compute_are_refused(void **state)
{
	static const struct sql_case cases[] = {
		{"SELECT upper(a), pg_catalog.lower(b) FROM t", SP_SQL_OK, NULL},
		{"SELECT pg_sleep(1)", SP_SQL_FUNCTION, "pg_sleep"},
		{"SELECT lo_export(1, '/tmp/x')", SP_SQL_FUNCTION, "lo_export"},
		{"SELECT set_config('a', 'b', false)", SP_SQL_FUNCTION, "set_config"},
		{"SELECT nextval('s')", SP_SQL_FUNCTION, "nextval"},
		{"SELECT query_to_xml('DELETE FROM t', true, true, '')", SP_SQL_FUNCTION,
			"query_to_xml"},
		{"SELECT ts_rewrite('a'::tsquery, 'DELETE FROM t')", SP_SQL_FUNCTION, "ts_rewrite"},
		{"SELECT \"Upper\"(a) FROM t", SP_SQL_FUNCTION, "Upper"},
		{"SELECT public.upper(a) FROM t", SP_SQL_FUNCTION, "public.upper"},
		{"SELECT * FROM dblink('x', 'y') AS t(a int)", SP_SQL_FUNCTION, "dblink"},
		{"SELECT a OPERATOR(public.+) b FROM t", SP_SQL_FUNCTION, "OPERATOR()"},
		{"SELECT a OPERATOR(pg_catalog.+) b FROM t", SP_SQL_FUNCTION, "OPERATOR()"},
		{"SELECT a <=>= b FROM t", SP_SQL_FUNCTION, "<=>="},
		{"SELECT a FROM t ORDER BY a USING OPERATOR(s.<)", SP_SQL_FUNCTION, "OPERATOR()"},
		{"SELECT * FROM t TABLESAMPLE mine (1)", SP_SQL_FUNCTION, "mine"},
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void the_field_of_a_value_is_a_call_of_a_function(void **state)
{
	static const struct sql_case cases[] = {
		{"SELECT (5.0::float8).pg_sleep", SP_SQL_FUNCTION, "().pg_sleep"},
		{"SELECT (SELECT 5.0::float8).pg_sleep", SP_SQL_FUNCTION, "().pg_sleep"},
		{"SELECT (ARRAY[5.0])[1].pg_sleep", SP_SQL_FUNCTION, "().pg_sleep"},
		{"SELECT g.pg_sleep FROM unnest(ARRAY[5.0::float8]) g", SP_SQL_FUNCTION,
			"g.pg_sleep"},
		{"SELECT lower.pg_sleep FROM lower('a')", SP_SQL_FUNCTION, "lower.pg_sleep"},
		{"SELECT text.pg_read_file FROM CAST('/x' AS text)", SP_SQL_FUNCTION,
			"text.pg_read_file"},
		{"SELECT 1 FROM unnest(ARRAY[1]) g WHERE EXISTS (SELECT g.lo_unlink)",
			SP_SQL_FUNCTION, "g.lo_unlink"},
		{"SELECT g.v, g.lower FROM unnest(ARRAY['a']) g(v)", SP_SQL_OK, NULL},
		{"SELECT j.key, j.value FROM json_each('{}') j", SP_SQL_OK, NULL},
		{"SELECT r.a FROM json_to_record('{}') AS r(a int)", SP_SQL_OK, NULL},
		{"SELECT g.*, g FROM generate_series(1, 2) g", SP_SQL_OK, NULL},
		{"SELECT t.pg_sleep FROM t", SP_SQL_OK, NULL}, // a column: t is no function
	};

	(void)state;
	sql_cases(&select_only, cases);
}

static void insert_only_takes_rows_and_allowed_selects(void **state)
{
	static const struct sql_case cases[] = {
		{"INSERT INTO t VALUES (1, DEFAULT)", SP_SQL_OK, NULL},
		{"INSERT INTO t (a, b.c) SELECT 1, 2 ON CONFLICT DO NOTHING", SP_SQL_OK, NULL},
		{"INSERT INTO t DEFAULT VALUES", SP_SQL_OK, NULL},
		{"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", SP_SQL_OK, NULL},
		{"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1", SP_SQL_NODE,
			"OnConflictClause.update"},
		{"INSERT INTO t VALUES (1) RETURNING a", SP_SQL_NODE, "InsertStmt.returning"},
		{"WITH x AS (DELETE FROM u RETURNING a) INSERT INTO t SELECT * FROM x", SP_SQL_NODE,
			"DeleteStmt"},
		{"INSERT INTO t SELECT pg_sleep(1)", SP_SQL_FUNCTION, "pg_sleep"},
		{"INSERT INTO pg_class SELECT * FROM pg_class", SP_SQL_TABLE, "pg_class"},
		{"INSERT INTO pg_catalog.t VALUES (1)", SP_SQL_TABLE, NULL},
		{"SELECT 1", SP_SQL_STYLE, "SelectStmt"},
	};
	struct sp_sql_rules rules = insert_only;

	(void)state;
	sql_cases(&insert_only, cases);
	rules.returning = true;
	sql_judged(&rules, SP_LIT("INSERT INTO t VALUES (1) RETURNING a"), SP_SQL_OK, NULL);
}

static void explain_shows_a_plan_and_runs_nothing(void **state)
{
	static const struct sql_case cases[] = {
		{"EXPLAIN SELECT 1", SP_SQL_OK, NULL},
		{"EXPLAIN (COSTS off, FORMAT json) DELETE FROM t", SP_SQL_OK, NULL},
		{"EXPLAIN ANALYZE SELECT 1", SP_SQL_NODE, "EXPLAIN.analyze"},
		{"EXPLAIN (ANALYZE) DELETE FROM t", SP_SQL_NODE, "EXPLAIN.analyze"},
		{"EXPLAIN (ANALYZE false) DELETE FROM t", SP_SQL_NODE, "EXPLAIN.analyze"},
		{"EXPLAIN INSERT INTO t VALUES (1)", SP_SQL_STYLE, "InsertStmt"},
		{"EXPLAIN EXECUTE x", SP_SQL_STYLE, "ExecuteStmt"},
		{"EXPLAIN CREATE TABLE x AS SELECT 1", SP_SQL_STYLE, "CreateTableAsStmt"},
	};
	struct sp_sql_rules rules = select_only;

	(void)state;
	rules.styles |= SP_SQL_EXPLAIN | SP_SQL_DELETE | SP_SQL_DDL;
	sql_cases(&rules, cases);
}

static void ddl_is_tables_views_and_indexes(void **state)
{
	static const struct sql_case cases[] = {
		{"CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x' NOT NULL, c int REFERENCES "
		 "u (a) ON DELETE SET "
		 "NULL)",
			SP_SQL_OK, NULL},
		{"CREATE TABLE t AS SELECT 1", SP_SQL_OK, NULL},
		{"CREATE VIEW v AS SELECT 1", SP_SQL_OK, NULL},
		{"CREATE INDEX ON t (a)", SP_SQL_OK, NULL},
		{"DROP TABLE a, b.c", SP_SQL_OK, NULL},
		{"ALTER TABLE t ADD COLUMN x int, DROP COLUMN y", SP_SQL_OK, NULL},
		{"ALTER TABLE t RENAME COLUMN a TO b", SP_SQL_OK, NULL},
		{"TRUNCATE t", SP_SQL_OK, NULL},
		{"ALTER TABLE t OWNER TO x", SP_SQL_NODE, NULL},
		{"ALTER TABLE t DISABLE ROW LEVEL SECURITY", SP_SQL_NODE, NULL},
		{"DROP FUNCTION f", SP_SQL_NODE, NULL},
		{"DROP ACCESS METHOD x", SP_SQL_NODE, NULL},
		{"CREATE TABLE t (a int DEFAULT nextval('s'))", SP_SQL_FUNCTION, "nextval"},
		{"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", SP_SQL_STYLE,
			"CreateFunctionStmt"},
		{"CREATE EXTENSION x", SP_SQL_STYLE, NULL},
		{"GRANT ALL ON t TO x", SP_SQL_STYLE, NULL},
		{"CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()", SP_SQL_STYLE, NULL},
	};
	const struct sp_sql_rules rules = {.dialect = SP_SQL_POSTGRES, .styles = SP_SQL_DDL};

	(void)state;
	sql_cases(&rules, cases);
}

static void forbidden_tables_are_found_wherever_they_stand(void **state)
{
	static const struct sp_bytes deny[] = {
		{(const uint8_t *)"Users", 5}, {(const uint8_t *)"audit.*", 7}};
	static const struct sql_case cases[] = {
		{"SELECT * FROM users", SP_SQL_TABLE, "users"},
		{"SELECT * FROM PUBLIC.\"USERS\"", SP_SQL_TABLE, "public.USERS"},
		{"SELECT * FROM a JOIN b ON a.x = b.x, LATERAL (SELECT 1 FROM s.users) l",
			SP_SQL_TABLE, "s.users"},
		{"SELECT (SELECT count(*) FROM users)", SP_SQL_TABLE, "users"},
		{"SELECT * FROM audit.log", SP_SQL_TABLE, "audit.log"},
		{"SELECT * FROM \"audit\".\"x y\"", SP_SQL_TABLE, "audit.x?y"},
		{"TABLE users", SP_SQL_TABLE, "users"},
		{"WITH users AS (SELECT 1 AS a) SELECT a FROM users", SP_SQL_OK, NULL},
		{"WITH users AS (SELECT * FROM users) SELECT * FROM users", SP_SQL_TABLE, "users"},
		{"WITH RECURSIVE users AS (SELECT 1 AS a UNION SELECT a FROM users) TABLE users",
			SP_SQL_OK, NULL},
		{"SELECT * FROM (WITH users AS (SELECT 1) SELECT * FROM users) x, users",
			SP_SQL_TABLE, "users"},
		{"SELECT users.a FROM t AS users", SP_SQL_OK, NULL},
		{"SELECT 'users'", SP_SQL_OK, NULL},
		{"SELECT most_common_vals FROM pg_stats", SP_SQL_TABLE, "pg_stats"},
		{"TABLE pg_catalog.pg_statistic", SP_SQL_TABLE, "pg_catalog.pg_statistic"},
		{"SELECT query FROM pg_stat_activity", SP_SQL_TABLE, "pg_stat_activity"},
		{"SELECT * FROM pg_stat_user_tables, pg_class", SP_SQL_OK, NULL},
	};
	const struct sp_sql_rules rules = {.dialect = SP_SQL_POSTGRES,
		.styles = SP_SQL_SELECT,
		.deny_tables = deny,
		.deny_tables_n = 2};
	struct sp_sql_rules writes = rules;

	(void)state;
	sql_cases(&rules, cases);
	writes.styles = SP_SQL_INSERT | SP_SQL_DELETE | SP_SQL_DDL;
	sql_judged(&writes,
		SP_LIT("WITH users AS (SELECT 1) INSERT INTO users SELECT * FROM users"),
		SP_SQL_TABLE, "users");
	sql_judged(&writes, SP_LIT("DELETE FROM t USING users"), SP_SQL_TABLE, "users");
	sql_judged(&writes, SP_LIT("DROP TABLE t, x.users"), SP_SQL_TABLE, "x.users");
	sql_judged(&writes, SP_LIT("CREATE TABLE t (LIKE users)"), SP_SQL_TABLE, "users");
}

static void allowed_tables_are_allowed_as_they_are_written(void **state)
{
	static const struct sp_bytes allow[] = {
		{(const uint8_t *)"shop_*", 6}, {(const uint8_t *)"public.t", 8}};
	static const struct sql_case cases[] = {
		{"SELECT * FROM shop_items, Shop_Orders", SP_SQL_OK, NULL},
		{"SELECT * FROM public.t", SP_SQL_OK, NULL},
		{"SELECT * FROM t", SP_SQL_TABLE, "t"},
		{"SELECT * FROM evil.shop_items", SP_SQL_TABLE, "evil.shop_items"},
		{"SELECT * FROM db.public.t", SP_SQL_TABLE, "db.public.t"},
		{"SELECT * FROM shop_secret.wages", SP_SQL_TABLE, "shop_secret.wages"},
		{"WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b", SP_SQL_OK, NULL},
		{"WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b", SP_SQL_TABLE, "a"},
	};
	const struct sp_sql_rules rules = {.dialect = SP_SQL_POSTGRES,
		.styles = SP_SQL_SELECT,
		.allow_tables = allow,
		.allow_tables_n = 2};

	(void)state;
	sql_cases(&rules, cases);
}

static void a_star_stands_for_no_dot_of_a_quoted_name(void **state)
{
	static const struct sp_bytes parts[] = {{(const uint8_t *)"*.t", 3}, {(const uint8_t *)"a.*", 3}};
	static const struct sp_bytes any[] = {{(const uint8_t *)"*", 1}};
	static const struct sql_case cases[] = {
		{"SELECT * FROM b.t, a.\"x y\"", SP_SQL_OK, NULL},
		{"SELECT * FROM \"a.b\".t", SP_SQL_TABLE, "a.b.t"},
		{"SELECT * FROM a.\"b.c\"", SP_SQL_TABLE, "a.b.c"},
		{"SELECT * FROM \"a.t\"", SP_SQL_TABLE, "a.t"},
	};
	struct sp_sql_rules rules = {.dialect = SP_SQL_POSTGRES,
		.styles = SP_SQL_SELECT,
		.allow_tables = parts,
		.allow_tables_n = 2};

	(void)state;
	sql_cases(&rules, cases);
	rules.dialect = SP_SQL_ANSI;
	rules.double_quote_names = true;
	sql_cases(&rules, cases);
	rules.allow_tables = any;
	rules.allow_tables_n = 1;
	sql_judged(&rules, SP_LIT("SELECT * FROM \"a.b\".t"), SP_SQL_OK, NULL);
}

static void deep_and_long_texts_are_refused_before_they_are_parsed(void **state)
{
	struct sp_sql_rules rules = select_only;

	(void)state;
	sql_repeated(&rules, "SELECT ", "(", 100000, "", SP_SQL_TOO_LONG);
	sql_repeated(&rules, "SELECT ", "(", 60000, "", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT ", "(", 65, "1", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT ", "CASE WHEN a THEN ", 65, "1", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT ", "ARRAY[", 65, "1", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT ", "NOT ", 10000, "a", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT 1", "+1", 10000, "", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT 1", "::int", 10000, "", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT 1", " UNION SELECT 1, 2", 3000, "", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT * FROM a", " JOIN b ON x AND y", 3000, "", SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT CASE WHEN x.end AND ", "CASE WHEN x.end AND ", 3000, "1",
		SP_SQL_NESTING);
	sql_repeated(&rules, "SELECT 1 IN (1", ",1", 20000, ")", SP_SQL_OK);
	sql_repeated(&rules, "SELECT 1 FROM t WHERE a = 1", " OR a = 1", 5000, "", SP_SQL_OK);
	sql_repeated(&rules, "SELECT ", "(", 60,
		"1))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", SP_SQL_OK);
	rules.max_bytes = 8;
	sql_judged(&rules, SP_LIT("SELECT 1"), SP_SQL_OK, NULL);
	sql_judged(&rules, SP_LIT("SELECT 10"), SP_SQL_TOO_LONG, NULL);
}

static void what_is_not_text_is_refused(void **state)
{
	(void)state;
	sql_judged(&select_only, SP_LIT("SELECT 1\0; DROP TABLE t"), SP_SQL_ENCODING, NULL);
	sql_judged(&select_only, SP_LIT("SELECT '\xff'"), SP_SQL_ENCODING, NULL);
	sql_judged(&select_only, SP_LIT("SELECT '\xc0\xa7'"), SP_SQL_ENCODING, NULL);
	sql_judged(&select_only, SP_LIT("SELECT\x0b 1"), SP_SQL_ENCODING, NULL);
	sql_judged(&select_only, SP_LIT("SELECT 'gr\xc3\xbc\xc3\x9f' AS \"\xc3\xbc\""), SP_SQL_OK,
		NULL);
}

static void every_truncation_is_judged(void **state)
{
	struct sp_sql_rules rules = select_only;

	(void)state;
	rules.styles = UINT32_MAX;
	sql_truncated(&rules,
		"WITH a AS (SELECT E'\\'x', $q$ ( $q$ /* ( /* */ */) SELECT CASE WHEN \"a\"\"b\" "
		"THEN 1 END, "
		"u.v FROM a, unnest(ARRAY[1]) u(v) WHERE x = ANY (ARRAY['it''s']) -- end");
	sql_truncated(
		&rules, "INSERT INTO s.t (a) VALUES ($1) ON CONFLICT DO NOTHING RETURNING (a).b");
}

static const char *const any_text[] = {"SELECT a FROM t WHERE b = 1", "SELECT FROM WHERE",
	"SELECT 1; SELECT 2", "CREATE GLOBAL TEMP TABLE x (a int)",
	"SELECT E'\\x', 'a\\b', U&'\\0041' UESCAPE '!'", "SELECT '\\''", "SELECT $a$ x",
	"SELECT 1 AS \"", "SELECT 99999999999999999999999999::int", "/* open"};

static void judge_all(uint32_t times)
{
	struct sp_sql_rules rules = select_only;
	struct sp_sql_verdict v;

	rules.styles = UINT32_MAX;
	for (uint32_t i = 0; i < times; i++)
		for (size_t t = 0; t < SP_ARRAY_LEN(any_text); t++)
			sp_sql_judge(sp_bytes_cstr(any_text[t]), &rules, &v);
}

static void a_worker_in_its_sandbox_judges_and_writes_nothing(void **state)
{
	char said[64];
	int fd[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		dup2(fd[1], STDERR_FILENO);
		dup2(fd[1], STDOUT_FILENO);
		if (sp_sandbox_enter(SP_SANDBOX_WORKER) < 0)
			_exit(3);
		judge_all(3);
		_exit(0);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], said, sizeof(said)), 0);
	close(fd[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void memory_is_given_back(void **state)
{
	struct rusage before, after;

	(void)state;
	judge_all(200);
	sql_repeated(&select_only, "SELECT 1 IN (1", ",1", 20000, ")", SP_SQL_OK);
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 20; i++) {
		judge_all(100);
		sql_repeated(&select_only, "SELECT 1 IN (1", ",1", 20000, ")", SP_SQL_OK);
	}
	getrusage(RUSAGE_SELF, &after);
#ifndef SP_SANDBOX_TOLERANT // a sanitizer's quarantine keeps what was freed
	assert_true(after.ru_maxrss - before.ru_maxrss < 8 * 1024);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_select_of_any_shape_is_allowed),
		cmocka_unit_test(what_only_looks_like_a_select_is_refused_with_its_node),
		cmocka_unit_test(other_statements_are_refused_by_their_style),
		cmocka_unit_test(exactly_one_statement_is_taken),
		cmocka_unit_test(texts_dialects_read_differently_are_judged_as_postgres_reads_them),
		cmocka_unit_test(functions_that_do_more_than_compute_are_refused),
		cmocka_unit_test(the_field_of_a_value_is_a_call_of_a_function),
		cmocka_unit_test(insert_only_takes_rows_and_allowed_selects),
		cmocka_unit_test(explain_shows_a_plan_and_runs_nothing),
		cmocka_unit_test(ddl_is_tables_views_and_indexes),
		cmocka_unit_test(forbidden_tables_are_found_wherever_they_stand),
		cmocka_unit_test(allowed_tables_are_allowed_as_they_are_written),
		cmocka_unit_test(a_star_stands_for_no_dot_of_a_quoted_name),
		cmocka_unit_test(deep_and_long_texts_are_refused_before_they_are_parsed),
		cmocka_unit_test(what_is_not_text_is_refused),
		cmocka_unit_test(every_truncation_is_judged),
		cmocka_unit_test(a_worker_in_its_sandbox_judges_and_writes_nothing),
		cmocka_unit_test(memory_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
