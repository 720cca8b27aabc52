#include "tests/support/sql_case.h"
#include "common/sql/sql_int.h"
#include "common/banned.h"

static const enum sp_sql_dialect dialects[] = {
	SP_SQL_MYSQL, SP_SQL_MSSQL, SP_SQL_SQLITE, SP_SQL_ANSI};

#define sql_everywhere(styles, list) everywhere((styles), (list), SP_ARRAY_LEN(list))
static void everywhere(uint32_t styles, const struct sql_case *cases, size_t n)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(dialects); i++) {
		struct sp_sql_rules rules = {.dialect = dialects[i], .styles = styles};

		sql_cases_n(&rules, cases, n);
	}
}

static void plain_selects_are_allowed_in_every_dialect(void **state)
{
	static const struct sql_case cases[] = {
		{"SELECT 1", SP_SQL_OK, ""},
		{"select name, count(*) from a join b on a.x = b.y where c in (select d from e) "
		 "and f like 'x''y' "
		 "group by name having count(*) > 3 order by 2 desc",
			SP_SQL_OK, NULL},
		{"SELECT CASE WHEN a > 1.5e3 THEN 'x' ELSE 'gr\xc3\xbc\xc3\x9f' END FROM t;",
			SP_SQL_OK, NULL},
		{"(SELECT 1) UNION ALL SELECT 2 EXCEPT SELECT 3", SP_SQL_OK, NULL},
		{"WITH x AS (SELECT 1), y (a, b) AS (SELECT 1, 2) SELECT * FROM x, y", SP_SQL_OK,
			NULL},
		{"SELECT replace(a, 'x', 'y') FROM t WHERE b = ? AND c <> -1", SP_SQL_OK, NULL},
		{"SELECT a FROM t ORDER BY a OFFSET 1 ROWS FETCH NEXT 5 ROWS ONLY", SP_SQL_OK,
			NULL},
		{"SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM s.t", SP_SQL_OK, NULL},
		{"VALUES (1, 'a')", SP_SQL_OK, NULL},
	};

	(void)state;
	sql_everywhere(SP_SQL_SELECT, cases);
}

static void characters_dialects_read_differently_are_refused(void **state)
{
	static const struct sql_case cases[] = {
		{"/*!50000 DROP TABLE t */ SELECT 1", SP_SQL_LEXICAL, "comment"},
		{"SELECT 'a\\'' ; DELETE FROM t --'", SP_SQL_LEXICAL, "backslash"},
		{"SELECT 1 -- x", SP_SQL_LEXICAL, "comment"},
		{"SELECT 1--1", SP_SQL_LEXICAL, "comment"},
		{"SELECT 1 # x", SP_SQL_LEXICAL, "#"},
		{"SELECT `a` FROM t", SP_SQL_LEXICAL, "`"},
		{"SELECT [a] FROM t", SP_SQL_LEXICAL, "["},
		{"SELECT $$x$$", SP_SQL_LEXICAL, "$"},
		{"SELECT E'x'", SP_SQL_LEXICAL, "adjacent"},
		{"SELECT N'x'", SP_SQL_LEXICAL, "adjacent"},
		{"SELECT _utf8 'x'", SP_SQL_LEXICAL, "prefixed-string"},
		{"SELECT @@version", SP_SQL_LEXICAL, "@"},
		{"SELECT @a := 1", SP_SQL_LEXICAL, "@"},
		{"SELECT {fn now()}", SP_SQL_LEXICAL, "{"},
		{"SELECT 1.union SELECT 2", SP_SQL_LEXICAL, "number"},
		{"SELECT 1from t", SP_SQL_LEXICAL, "number"},
		{"SELECT 0x41", SP_SQL_LEXICAL, "number"},
		{"SELECT t.1e5 FROM t", SP_SQL_LEXICAL, "number"},
		{"SELECT 'a' 'b'", SP_SQL_LEXICAL, "adjacent-strings"},
		{"SELECT 'a", SP_SQL_LEXICAL, "open-quote"},
		{"SELECT \xc3\xa4 FROM t", SP_SQL_LEXICAL, "non-ascii"},
		{"SELECT\xc2\xa0"
		 "1",
			SP_SQL_LEXICAL, "non-ascii"},
		{"SELECT * FROM 't'", SP_SQL_LEXICAL, "string-name"},
		{"SELECT * FROM a, 't'", SP_SQL_LEXICAL, "string-name"},
		{"SELECT 1 WHERE 1 IN t", SP_SQL_LEXICAL, "in"},
		{"SELECT 'main'.t", SP_SQL_LEXICAL, "string-name"},
		{"SELECT !1", SP_SQL_LEXICAL, "!"},
		{"SELECT (5).pg_sleep", SP_SQL_LEXICAL, "field"},
	};

	(void)state;
	sql_everywhere(SP_SQL_SELECT, cases);
}

static void words_that_make_it_another_act_are_refused(void **state)
{
	static const struct sql_case cases[] = {
		{"SELECT 1 INTO OUTFILE 'x'", SP_SQL_WORD, "into"},
		{"SELECT * INTO n FROM t", SP_SQL_WORD, "into"},
		{"SELECT 1 DROP TABLE t", SP_SQL_WORD, "drop"},
		{"SELECT 1 FOR UPDATE", SP_SQL_WORD, "for"},
		{"SELECT 1 EXEC xp_cmdshell 'x'", SP_SQL_WORD, "exec"},
		{"SELECT 1 xp_cmdshell", SP_SQL_WORD, "xp_cmdshell"},
		{"SELECT a FROM t PROCEDURE ANALYSE()", SP_SQL_WORD, "procedure"},
		{"SELECT a FROM t LOCK IN SHARE MODE", SP_SQL_WORD, "lock"},
		{"SELECT LOAD_FILE('x')", SP_SQL_WORD, "load_file"},
		{"WITH x AS (SELECT 1) DELETE FROM t", SP_SQL_WORD, "delete"},
		{"WITH x AS (SELECT 1) REPLACE INTO t SELECT 1", SP_SQL_WORD, "replace"},
		{"SELECT * FROM pragma_table_info", SP_SQL_WORD, "pragma_table_info"},
		{"SELECT s.nextval", SP_SQL_WORD, "nextval"},
		{"SELECT 1 FROM t FETCH NEXT FROM c", SP_SQL_WORD, "fetch"},
		{"SELECT 1 END CONVERSATION x", SP_SQL_WORD, "end"},
		{"SELECT * FROM t WITH (TABLOCKX)", SP_SQL_WORD, "with"},
		{"SELECT 1 SELECT 2", SP_SQL_STATEMENTS, "select"},
		{"SELECT 1; SELECT 2", SP_SQL_STATEMENTS, "many"},
		{"WITH x AS (SELECT 1) SELECT 1 SELECT 2", SP_SQL_STATEMENTS, "select"},
		{"", SP_SQL_STATEMENTS, "none"},
		{";", SP_SQL_STYLE, "start"},
		{"SELECT SLEEP(1)", SP_SQL_FUNCTION, "sleep"},
		{"SELECT dbo.upper('x')", SP_SQL_FUNCTION, "upper"},
		{"SELECT BENCHMARK (9, 9)", SP_SQL_FUNCTION, "benchmark"},
		{"DELETE FROM t", SP_SQL_STYLE, "delete"},
		{"sp_help", SP_SQL_STYLE, "sp_help"},
		{"EXPLAIN SELECT 1", SP_SQL_STYLE, "explain"},
		{"SELECT (1", SP_SQL_SYNTAX, NULL},
		{"SELECT 1)", SP_SQL_SYNTAX, NULL},
	};

	(void)state;
	sql_everywhere(SP_SQL_SELECT, cases);
}

static void statements_that_sql_server_takes_without_a_separator_are_refused_there(void **state)
{
	static const char *const words[] = {"BACKUP DATABASE a", "BEGIN TRAN", "COMMIT", "DBCC x",
		"DECLARE a int", "GO", "IF 1=1", "KILL 5", "OPEN c", "PRINT 1", "RAISERROR",
		"SHUTDOWN", "USE m", "WAITFOR DELAY '1'", "WHILE 1=1", "SET NOCOUNT ON", "REVERT",
		"DENY x", "THROW"};
	struct sp_sql_rules rules = {.dialect = SP_SQL_MSSQL, .styles = UINT32_MAX};
	char text[100];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(words); i++) {
		snprintf(text, sizeof(text), "SELECT 1 %s", words[i]);
		sql_judged(&rules, sp_bytes_cstr(text), SP_SQL_WORD, NULL);
		snprintf(text, sizeof(text), "UPDATE t SET a = 1 %s", words[i]);
		sql_judged(&rules, sp_bytes_cstr(text), SP_SQL_WORD, NULL);
	}
	rules.dialect = SP_SQL_MYSQL;
	sql_judged(&rules, SP_LIT("SELECT open, close FROM t"), SP_SQL_OK, NULL);
}

static void inserts_updates_and_deletes_are_one_act(void **state)
{
	static const struct sql_case cases[] = {
		{"INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", SP_SQL_OK, NULL},
		{"INSERT INTO s.t SELECT a FROM u ON CONFLICT DO NOTHING", SP_SQL_OK, NULL},
		{"INSERT OR REPLACE INTO t VALUES (1)", SP_SQL_WORD, "or"},
		{"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1", SP_SQL_WORD, NULL},
		{"INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", SP_SQL_WORD, NULL},
		{"INSERT INTO t SET a = 1", SP_SQL_WORD, "set"},
		{"INSERT INTO t VALUES (1) SELECT 1", SP_SQL_STATEMENTS, NULL},
		{"INSERT INTO mysql.user VALUES (1)", SP_SQL_TABLE, "user"},
		{"DELETE FROM sqlite_sequence", SP_SQL_TABLE, NULL},
		{"INSERT INTO t EXEC p", SP_SQL_WORD, "exec"},
		{"INSERT INTO openquery (a, 'b') VALUES (1)", SP_SQL_WORD, "openquery"},
		{"INSERT INTO f (a, 'b') VALUES (1)", SP_SQL_FUNCTION, "columns"},
		{"INSERT INTO t VALUES (SLEEP(1))", SP_SQL_FUNCTION, "sleep"},
		{"INSERT INTO t VALUES (1) RETURNING a", SP_SQL_WORD, "returning"},
		{"UPDATE t SET a = a + 1 WHERE b = 2", SP_SQL_OK, NULL},
		{"UPDATE t SET a = 1 SET b = 2", SP_SQL_WORD, "set"},
		{"DELETE FROM t WHERE a = 1", SP_SQL_OK, NULL},
		{"DELETE t FROM t", SP_SQL_WORD, "t"},
		{"UPDATE t SET a = 1 DELETE FROM t", SP_SQL_WORD, "delete"},
	};
	struct sp_sql_rules rules = {
		.dialect = SP_SQL_SQLITE, .styles = SP_SQL_INSERT, .returning = true};

	(void)state;
	sql_everywhere(SP_SQL_INSERT | SP_SQL_UPDATE | SP_SQL_DELETE, cases);
	sql_judged(&rules, SP_LIT("INSERT INTO t VALUES (1) RETURNING a"), SP_SQL_OK, NULL);
	sql_judged(&rules, SP_LIT("SELECT 1"), SP_SQL_STYLE, "select");
}

static void explain_is_of_a_style_that_is_allowed(void **state)
{
	static const struct sql_case cases[] = {
		{"EXPLAIN SELECT 1", SP_SQL_OK, NULL},
		{"EXPLAIN QUERY PLAN SELECT 1", SP_SQL_OK, NULL},
		{"EXPLAIN", SP_SQL_STATEMENTS, NULL},
		{"EXPLAIN ANALYZE SELECT 1", SP_SQL_STYLE, "analyze"},
		{"EXPLAIN DELETE FROM t", SP_SQL_STYLE, "delete"},
		{"EXPLAIN EXPLAIN SELECT 1", SP_SQL_STYLE, "explain"},
		{"EXPLAIN PLAN SELECT 1", SP_SQL_STYLE, "plan"},
	};

	(void)state;
	sql_everywhere(SP_SQL_SELECT | SP_SQL_EXPLAIN, cases);
}

static void ddl_is_tables_views_and_indexes_in_the_database_itself(void **state)
{
	static const struct sql_case cases[] = {
		{"CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10) DEFAULT 'x', FOREIGN KEY (a) "
		 "REFERENCES u (b) ON DELETE "
		 "SET NULL)",
			SP_SQL_OK, NULL},
		{"CREATE VIEW v AS SELECT a FROM t", SP_SQL_OK, NULL},
		{"DROP TABLE a, b", SP_SQL_OK, NULL},
		{"ALTER TABLE t ADD c INT", SP_SQL_OK, NULL},
		{"ALTER TABLE t DROP COLUMN c", SP_SQL_OK, NULL},
		{"TRUNCATE TABLE t", SP_SQL_OK, NULL},
		{"CREATE TRIGGER x", SP_SQL_WORD, "trigger"},
		{"CREATE TEMP TRIGGER x", SP_SQL_WORD, "trigger"},
		{"CREATE VIRTUAL TABLE x", SP_SQL_WORD, "virtual"},
		{"CREATE USER x", SP_SQL_WORD, "user"},
		{"DROP DATABASE x", SP_SQL_WORD, "database"},
		{"CREATE TABLE t (a INT) DATA DIRECTORY = 'x'", SP_SQL_WORD, "directory"},
		{"CREATE TABLE t (a INT) DROP TABLE u", SP_SQL_WORD, "drop"},
		{"CREATE INDEX i ON t (a)", SP_SQL_OK, NULL},
		{"CREATE VIEW v AS SELECT a.x FROM a JOIN b ON (a.x = b.x)", SP_SQL_OK, NULL},
		{"CREATE VIEW v AS SELECT 1 FROM a JOIN b ON evil(b.x) = 1", SP_SQL_FUNCTION, "evil"},
		{"CREATE TABLE v AS SELECT 1 FROM a JOIN b ON evil(b.x)", SP_SQL_FUNCTION, "evil"},
		{"CREATE VIEW v AS SELECT 1 FROM (SELECT 1 FROM a JOIN b ON evil(b.x)) c",
			SP_SQL_FUNCTION, "evil"},
		{"CREATE VIEW v AS SELECT 1 UNION SELECT 1 FROM a JOIN b ON evil(b.x)",
			SP_SQL_FUNCTION, "evil"},
	};

	(void)state;
	sql_everywhere(SP_SQL_DDL, cases);
}

static void a_function_must_be_the_databases_own(void **state)
{
	struct sp_sql_rules rules = {.dialect = SP_SQL_MSSQL, .styles = SP_SQL_SELECT};
	static const struct sp_bytes more = {(const uint8_t *)"Total", 5};

	(void)state;
	sql_judged(&rules, SP_LIT("SELECT len(a) FROM t"), SP_SQL_OK, NULL);
	rules.dialect = SP_SQL_MYSQL; // somebody's stored function there
	sql_judged(&rules, SP_LIT("SELECT len(a) FROM t"), SP_SQL_FUNCTION, "len");
	sql_judged(
		&rules, SP_LIT("SELECT IF(a, 1, 2), DATE_FORMAT(b, 'x') FROM t"), SP_SQL_OK, NULL);
	rules.dialect = SP_SQL_ANSI;
	sql_judged(&rules, SP_LIT("SELECT char_length(a) FROM t"), SP_SQL_OK, NULL);
	sql_judged(&rules, SP_LIT("SELECT length(a) FROM t"), SP_SQL_FUNCTION, "length");
	sql_judged(&rules, SP_LIT("SELECT total(a) FROM t"), SP_SQL_FUNCTION, "total");
	rules.allow_functions = &more;
	rules.allow_functions_n = 1;
	sql_judged(&rules, SP_LIT("SELECT total(a) FROM t"), SP_SQL_OK, NULL);
}

static void every_list_of_names_is_in_order(void **state)
{
	static const char *const pg[] = {"abbrev", "jsonb_set", "xpath_exists", "now", "upper"};
	static const char *const other[] = {"abs", "yearweek", "concat", "upper", "ltrim"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(pg); i++) {
		assert_true(sp_sql_pure_pg(sp_bytes_cstr(pg[i])));
		assert_true(sp_sql_pure_lexer(sp_bytes_cstr(other[i]), SP_SQL_MYSQL));
	}
	assert_false(sp_sql_pure_pg(SP_LIT("")));
	assert_false(sp_sql_pure_pg(SP_LIT("jsonb_se")));
	assert_false(sp_sql_pure_lexer(SP_LIT("zzz"), SP_SQL_MSSQL));
}

static void a_forbidden_table_is_refused_wherever_its_name_stands(void **state)
{
	static const struct sp_bytes deny[] = {
		{(const uint8_t *)"Users", 5}, {(const uint8_t *)"audit.l*", 8}};
	static const struct sql_case cases[] = {
		{"SELECT * FROM users", SP_SQL_TABLE, "users"},
		{"SELECT USERS.a FROM t", SP_SQL_TABLE, "USERS"},
		{"SELECT * FROM x.\"Users\"", SP_SQL_TABLE, "Users"},
		{"SELECT a AS users FROM t", SP_SQL_TABLE, "users"},
		{"SELECT * FROM audit.log", SP_SQL_TABLE, "log"},
		{"SELECT * FROM log", SP_SQL_TABLE, "log"},
		{"SELECT * FROM other.log", SP_SQL_OK, NULL},
		{"SELECT 'users' FROM t", SP_SQL_OK, NULL},
		{"SELECT a FROM users_old", SP_SQL_OK, NULL},
		{"SELECT * FROM sqlite_stat4", SP_SQL_TABLE, "sqlite_stat4"},
		{"SELECT * FROM sqlite_dbpage", SP_SQL_TABLE, "sqlite_dbpage"},
		{"SELECT * FROM mysql.column_stats", SP_SQL_TABLE, "column_stats"},
		{"SELECT * FROM information_schema.processlist", SP_SQL_TABLE, "processlist"},
		{"SELECT * FROM sys.dm_exec_query_stats", SP_SQL_TABLE, "dm_exec_query_stats"},
		{"SELECT * FROM sys.session", SP_SQL_TABLE, "session"},
		{"SELECT * FROM sys.schema_table_lock_waits", SP_SQL_TABLE, "schema_table_lock_waits"},
		{"SELECT * FROM sys.query_store_query_text", SP_SQL_TABLE, "query_store_query_text"},
		{"SELECT sys.name FROM systems AS sys", SP_SQL_OK, NULL},
		{"SELECT * FROM information_schema.tables", SP_SQL_OK, NULL},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(dialects); i++) {
		struct sp_sql_rules rules = {.dialect = dialects[i],
			.styles = SP_SQL_SELECT,
			.deny_tables = deny,
			.deny_tables_n = 2,
			.double_quote_names = true};

		sql_cases(&rules, cases);
	}
}

static void tables_that_are_not_allowed_are_found_in_every_place_a_table_has(void **state)
{
	static const struct sp_bytes allow[] = {{(const uint8_t *)"t*", 2}};
	static const struct sql_case cases[] = {
		{"SELECT a, b FROM t1 AS x, t2 y WHERE a IN (1, 2) ORDER BY a, b", SP_SQL_OK, NULL},
		{"SELECT EXTRACT(YEAR FROM d), trim('x' FROM c), secret FROM t", SP_SQL_OK, NULL},
		{"SELECT * FROM secret", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM t, secret", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM t JOIN t2 ON f IN (1, 2), secret", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM (t JOIN secret ON 1 = 1)", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM (t, secret)", SP_SQL_TABLE, "secret"},
		{"SELECT (SELECT max(a) FROM secret) FROM t", SP_SQL_TABLE, "secret"},
		{"SELECT 1 UNION SELECT a FROM secret", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM t LEFT JOIN LATERAL secret", SP_SQL_TABLE, "secret"},
		{"SELECT * FROM (TABLE secret) t", SP_SQL_TABLE, "secret"},
		{"SELECT 1 FROM t STRAIGHT_JOIN secret", SP_SQL_TABLE, "secret"},
		{"SELECT 1 FROM t CROSS APPLY secret", SP_SQL_TABLE, "secret"},
		{"CREATE VIEW t2 AS SELECT a FROM t WHERE a LIKE 'x'", SP_SQL_OK, NULL},
		{"SELECT * FROM t.secret", SP_SQL_TABLE, "t.secret"}, // "t*" are no schemas
		{"SELECT * FROM a.b.c.t", SP_SQL_TABLE, NULL},
		{"WITH c AS (SELECT 1) SELECT * FROM c", SP_SQL_OK, NULL},
		{"WITH c AS (SELECT * FROM c) SELECT * FROM c", SP_SQL_TABLE, "c"},
		{"WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT a FROM c) SELECT * FROM c",
			SP_SQL_OK, NULL},
		{"SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c) x, c", SP_SQL_TABLE, "c"},
		{"INSERT INTO secret (a) VALUES (1)", SP_SQL_TABLE, "secret"},
		{"INSERT INTO t (secret) SELECT a FROM t", SP_SQL_OK, NULL},
		{"INSERT INTO t (SELECT a FROM t)", SP_SQL_OK, NULL},
		{"INSERT INTO t (SELECT a, b FROM secret)", SP_SQL_TABLE, "secret"},
		{"INSERT INTO t (a) (SELECT a FROM secret)", SP_SQL_TABLE, "secret"},
		{"INSERT INTO t (VALUES (a))", SP_SQL_OK, NULL},
		{"INSERT INTO t (a b) VALUES (1)", SP_SQL_FUNCTION, "columns"},
		{"WITH c (SELECT a, b FROM secret) SELECT a FROM t", SP_SQL_TABLE, NULL},
		{"UPDATE secret SET a = 1", SP_SQL_TABLE, "secret"},
		{"UPDATE t SET a = 1, b = 2 FROM secret", SP_SQL_TABLE, "secret"},
		{"DELETE FROM t USING secret WHERE 1 = 1", SP_SQL_TABLE, "secret"},
		{"DROP TABLE t, secret", SP_SQL_TABLE, "secret"},
		{"CREATE TABLE IF NOT EXISTS secret (a INT)", SP_SQL_TABLE, "secret"},
		{"CREATE INDEX i ON secret (a)", SP_SQL_TABLE, "secret"},
		{"CREATE TABLE t (a INT REFERENCES secret (a))", SP_SQL_TABLE, "secret"},
		{"ALTER TABLE t RENAME TO secret", SP_SQL_TABLE, "secret"},
		{"TRUNCATE secret", SP_SQL_TABLE, "secret"},
		{"CREATE TABLE t (SELECT a, b FROM secret)", SP_SQL_TABLE, "secret"},
		{"UPDATE (t JOIN t2 ON 1 = 1) SET a = 1", SP_SQL_OK, NULL},
		{"UPDATE (secret) SET a = 1", SP_SQL_TABLE, "secret"},
		{"UPDATE ((secret JOIN t ON 1 = 1)) SET a = 1", SP_SQL_TABLE, "secret"},
		{"UPDATE (t, secret) SET a = 1", SP_SQL_TABLE, "secret"},
		{"DELETE FROM t USING t JOIN t2 USING (secret)", SP_SQL_OK, NULL},
		{"DELETE FROM t WHERE a IN (SELECT a FROM t JOIN t2 USING (b))", SP_SQL_OK, NULL},
		{"DELETE FROM t USING (secret JOIN t)", SP_SQL_TABLE, "secret"},
		{"DELETE FROM t USING (t JOIN secret)", SP_SQL_TABLE, "secret"},
		{"CREATE TABLE t (a INT) UNION = (secret)", SP_SQL_WORD, "union"},
		{"ALTER TABLE t UNION (secret)", SP_SQL_WORD, "union"},
		{"ALTER TABLE t RENAME secret", SP_SQL_TABLE, "secret"},
		{"ALTER TABLE t RENAME TO t2", SP_SQL_OK, NULL},
		{"CREATE VIEW t AS SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", SP_SQL_OK, NULL},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(dialects); i++) {
		struct sp_sql_rules rules = {.dialect = dialects[i],
			.styles = UINT32_MAX,
			.allow_tables = allow,
			.allow_tables_n = 1,
			.double_quote_names = true};

		sql_cases(&rules, cases);
	}
}

/// SQLite takes 'x' for a name wherever it wants one.
static void a_string_names_no_query(void **state)
{
	static const struct sp_bytes allow[] = {{(const uint8_t *)"t", 1}};
	struct sp_sql_rules rules = {.dialect = SP_SQL_SQLITE,
		.styles = SP_SQL_SELECT,
		.allow_tables = allow,
		.allow_tables_n = 1};

	(void)state;
	sql_judged(&rules, SP_LIT("WITH 't' AS (SELECT a, b FROM secret) SELECT a FROM t"),
		SP_SQL_LEXICAL, "string-name");
	sql_judged(&rules,
		SP_LIT("WITH c AS (SELECT 1), 't' AS (SELECT a, b FROM secret) SELECT a FROM t"),
		SP_SQL_LEXICAL, "string-name");
}

/// A string in MySQL, a name in SQL Server, the one or the other in SQLite: allowed where both readings are.
static void double_quotes_are_allowed_where_string_and_name_both_are(void **state)
{
	static const struct sp_bytes deny[] = {{(const uint8_t *)"secret", 6}};
	static const struct sql_case cases[] = {
		{"SELECT a FROM t WHERE b = \"x\" AND c IN (\"y\", \"it\"\"s\") OR d LIKE \"%z%\"",
			SP_SQL_OK, ""},
		{"SELECT count(*) AS \"n\", \"a\" FROM t GROUP BY \"a\" ORDER BY \"n\"", SP_SQL_OK, ""},
		{"INSERT INTO t (a, b) VALUES (\"x\", \"y\")", SP_SQL_OK, ""},
		{"UPDATE t SET a = \"x\" WHERE b = \"y\"", SP_SQL_OK, ""},
		{"DELETE FROM t WHERE a = \"x\"", SP_SQL_OK, ""},
		{"SELECT a FROM \"t\"", SP_SQL_LEXICAL, "string-name"},
		{"SELECT a FROM t, \"u\"", SP_SQL_LEXICAL, "string-name"},
		{"SELECT a FROM t JOIN \"u\"", SP_SQL_LEXICAL, "string-name"},
		{"INSERT INTO \"t\" VALUES (1)", SP_SQL_LEXICAL, "string-name"},
		{"INSERT INTO t (\"a\") VALUES (1)", SP_SQL_FUNCTION, "columns"},
		{"UPDATE \"t\" SET a = 1", SP_SQL_LEXICAL, "string-name"},
		{"WITH \"t\" AS (SELECT a, b FROM u) SELECT a FROM t", SP_SQL_LEXICAL, "string-name"},
		{"SELECT \"t\".a FROM t", SP_SQL_LEXICAL, "string-name"},
		{"SELECT t.\"a\" FROM t", SP_SQL_LEXICAL, "string-name"},
		{"SELECT \"sleep\"(1)", SP_SQL_FUNCTION, "double-quote"},
		{"SELECT \"sleep\" (1)", SP_SQL_FUNCTION, "double-quote"},
		{"SELECT \"xp_cmdshell\"", SP_SQL_WORD, "double-quote"},
		{"SELECT a FROM t WHERE b = \"secret\"", SP_SQL_TABLE, "double-quote"},
		{"SELECT \"a\" \"b\"", SP_SQL_LEXICAL, "adjacent-strings"},
		{"SELECT 'a' \"b\"", SP_SQL_LEXICAL, "adjacent-strings"},
		{"SELECT _utf8 \"x\"", SP_SQL_LEXICAL, "prefixed-string"},
		{"SELECT X\"41\"", SP_SQL_LEXICAL, "adjacent"},
		{"SELECT \"a\\\"; DELETE FROM t --\"", SP_SQL_LEXICAL, "backslash"},
		{"SELECT \"a\"; DELETE FROM t", SP_SQL_STATEMENTS, "many"},
		{"SELECT \"\xc3\xa4\"", SP_SQL_LEXICAL, "non-ascii"},
		{"SELECT \"a", SP_SQL_LEXICAL, "open-quote"},
		{"\"sp_who\"", SP_SQL_STYLE, "start"},
		{"CREATE TABLE t (a INT DEFAULT \"x\")", SP_SQL_LEXICAL, "double-quote"},
	};
	static const struct sql_case ansi[] = {
		{"SELECT \"a\" FROM t", SP_SQL_LEXICAL, "double-quote"},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(dialects); i++) {
		struct sp_sql_rules rules = {.dialect = dialects[i],
			.styles = UINT32_MAX,
			.deny_tables = deny,
			.deny_tables_n = 1};

		if (dialects[i] == SP_SQL_ANSI)
			sql_cases(&rules, ansi);
		else
			sql_cases(&rules, cases);
	}
	sql_truncated(&(struct sp_sql_rules){.dialect = SP_SQL_MYSQL, .styles = UINT32_MAX},
		cases[0].text);
}

static void double_quotes_are_names_only_where_policy_says_so(void **state)
{
	struct sp_sql_rules rules = {
		.dialect = SP_SQL_ANSI, .styles = SP_SQL_SELECT, .double_quote_names = true};

	(void)state;
	sql_judged(&rules, SP_LIT("SELECT \"a b\", \"it\"\"s\" FROM \"into\""), SP_SQL_OK, NULL);
	sql_judged(&rules, SP_LIT("SELECT \"sleep\"(1)"), SP_SQL_FUNCTION, "sleep");
	sql_judged(&rules, SP_LIT("SELECT \"\xc3\xa4\""), SP_SQL_LEXICAL, "non-ascii");
	sql_judged(&rules, SP_LIT("SELECT \"a\\\""), SP_SQL_LEXICAL, "backslash");
}

static void deep_texts_are_refused_and_truncations_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(dialects); i++) {
		struct sp_sql_rules rules = {
			.dialect = dialects[i], .styles = UINT32_MAX, .returning = true};

		sql_repeated(&rules, "SELECT ", "(", 60000, "", SP_SQL_NESTING);
		sql_repeated(&rules, "SELECT ", "(", 65, "1", SP_SQL_NESTING);
		sql_repeated(&rules, "WITH ", "a AS (SELECT 1), ", 3000, "b AS (SELECT 1) SELECT 1",
			SP_SQL_NESTING);
		sql_judged(&rules, SP_LIT("SELECT 1\0"), SP_SQL_ENCODING, NULL);
		sql_truncated(&rules, "WITH RECURSIVE a (b) AS (SELECT 'it''s' FROM t.u WHERE x IN "
				      "(1.5e3, .5)) SELECT b FROM a "
				      "UNION SELECT EXTRACT(YEAR FROM c) FROM (d JOIN e USING (f)) "
				      "FETCH FIRST 1 ROWS ONLY;");
		sql_truncated(&rules, "INSERT INTO s.t (a, b) VALUES (upper('x'), ?) ON CONFLICT "
				      "DO NOTHING RETURNING a");
	}
}

static void names_of_styles_and_reasons_are_stable(void **state)
{
	(void)state;
	assert_string_equal(sp_sql_style_name(SP_SQL_SELECT), "select-only");
	assert_string_equal(sp_sql_style_name(SP_SQL_DDL), "ddl");
	assert_string_equal(sp_sql_style_name(0), "?");
	assert_string_equal(sp_sql_why_name(SP_SQL_STATEMENTS), "sql_statements");
	assert_string_equal(sp_sql_why_name((enum sp_sql_why)99), "sql_unknown");
}

static void a_text_without_a_dialect_is_refused(void **state)
{
	struct sp_sql_rules rules = {.styles = UINT32_MAX};

	(void)state;
	sql_judged(&rules, SP_LIT("SELECT 1"), SP_SQL_STYLE, "dialect");
}

static void globs_match_runs_and_ignore_case(void **state)
{
	(void)state;
	assert_true(sp_sql_glob(SP_LIT("a*c*"), SP_LIT("AbbcdC")));
	assert_true(sp_sql_glob(SP_LIT("*"), SP_LIT("")));
	assert_true(sp_sql_glob(SP_LIT("*b"), SP_LIT("abab")));
	assert_false(sp_sql_glob(SP_LIT("a*b"), SP_LIT("abc")));
	assert_false(sp_sql_glob(SP_LIT(""), SP_LIT("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_selects_are_allowed_in_every_dialect),
		cmocka_unit_test(characters_dialects_read_differently_are_refused),
		cmocka_unit_test(words_that_make_it_another_act_are_refused),
		cmocka_unit_test(
			statements_that_sql_server_takes_without_a_separator_are_refused_there),
		cmocka_unit_test(inserts_updates_and_deletes_are_one_act),
		cmocka_unit_test(explain_is_of_a_style_that_is_allowed),
		cmocka_unit_test(ddl_is_tables_views_and_indexes_in_the_database_itself),
		cmocka_unit_test(a_function_must_be_the_databases_own),
		cmocka_unit_test(every_list_of_names_is_in_order),
		cmocka_unit_test(a_forbidden_table_is_refused_wherever_its_name_stands),
		cmocka_unit_test(tables_that_are_not_allowed_are_found_in_every_place_a_table_has),
		cmocka_unit_test(a_string_names_no_query),
		cmocka_unit_test(double_quotes_are_allowed_where_string_and_name_both_are),
		cmocka_unit_test(double_quotes_are_names_only_where_policy_says_so),
		cmocka_unit_test(deep_texts_are_refused_and_truncations_judged),
		cmocka_unit_test(names_of_styles_and_reasons_are_stable),
		cmocka_unit_test(a_text_without_a_dialect_is_refused),
		cmocka_unit_test(globs_match_runs_and_ignore_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
