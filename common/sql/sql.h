/// What an SQL text would do, judged without running it. PostgreSQL by its own grammar
/// (libpg_query's raw parse and an allow-list of node types), other dialects by a lexer that takes
/// only what every dialect reads alike. Whatever is not understood is refused with its reason.
/// Worker, tools; pure but for libpg_query's own memory, which is released before the return.
#pragma once

#include "common/bytes.h"

enum sp_sql_dialect { SP_SQL_POSTGRES = 1, SP_SQL_MYSQL, SP_SQL_MSSQL, SP_SQL_SQLITE, SP_SQL_ANSI };

/// Styles as bits.
enum sp_sql_style {
	SP_SQL_SELECT = 1u << 0,
	SP_SQL_INSERT = 1u << 1,
	SP_SQL_UPDATE = 1u << 2,
	SP_SQL_DELETE = 1u << 3,
	SP_SQL_EXPLAIN = 1u << 4, ///< without ANALYZE, over a tree of an allowed style
	SP_SQL_DDL = 1u << 5, ///< CREATE, ALTER, DROP, TRUNCATE ... : only where policy names it
};
/// "select-only", "insert-only", "update", "delete", "explain", "ddl".
const char *sp_sql_style_name(uint32_t bit);

/// Why a text is refused; names are stable and go into the audit record's detail.
enum sp_sql_why {
	SP_SQL_OK = 0,
	SP_SQL_TOO_LONG,
	SP_SQL_ENCODING, ///< not UTF-8, NUL or control characters
	SP_SQL_NESTING,
	SP_SQL_SYNTAX, ///< the dialect's grammar does not take it
	SP_SQL_STATEMENTS, ///< not exactly one statement
	SP_SQL_STYLE, ///< a style that is not allowed, or is forbidden
	SP_SQL_NODE, ///< a construct outside the style's allow-list
	SP_SQL_FUNCTION, ///< a function that is not on the list
	SP_SQL_TABLE, ///< a forbidden table, or one not among the allowed
	SP_SQL_LEXICAL, ///< characters or comments that dialects read differently
	SP_SQL_WORD, ///< a word that is forbidden outside strings
	SP_SQL_MEMORY,
};
const char *sp_sql_why_name(enum sp_sql_why w); ///< "sql_statements" ...

struct sp_sql_rules {
	enum sp_sql_dialect dialect;
	uint32_t styles; ///< bits allowed; what is forbidden is taken out already
	bool returning; ///< INSERT/UPDATE/DELETE ... RETURNING
	/// Lexer: "x" is a name; else refused as ansi, and elsewhere allowed where it may be string and name.
	bool double_quote_names;
	const struct sp_bytes *allow_tables,
		*deny_tables; ///< globs with '*', case-insensitive, "schema.table" or "table"
	uint32_t allow_tables_n, deny_tables_n; ///< allow_tables_n 0 = any
	const struct sp_bytes *allow_functions; ///< besides the built-in list
	uint32_t allow_functions_n;
	uint32_t max_bytes; ///< 0 = SP_SQL_MAX
};
#define SP_SQL_MAX 65536u
#define SP_SQL_NESTING_MAX 64u
struct sp_sql_verdict {
	enum sp_sql_why why;
	uint32_t style; ///< the statement's style bit, 0 when none was recognised
	char detail[96]; ///< visible ASCII: the table, function, node or word; never a literal
};
void sp_sql_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *ret);
