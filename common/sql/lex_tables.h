/// Where tables can stand, followed over the lexer's tokens. Every name is held against the
/// forbidden tables wherever it stands; those in a table's place also against the allowed ones.
/// Internal to this folder.
#pragma once

#include "common/sql/lex.h"

#define SP_TABLES_CTES 64u

struct sp_tables_frame {
	bool from; ///< a comma is followed by a table
	bool expect; ///< the next name is a table
	bool function; ///< EXTRACT(... FROM ...) and its like
	bool columns; ///< names, with commas between
	bool named; ///< the token before was one of them
	bool joined; ///< behind a JOIN: USING (a) names columns
	bool query; ///< of a definition: ON and its like name no table from here on
	uint8_t with; ///< 1 the next name is a WITH's, 2 after it
	uint32_t ctes; ///< visible when the frame was opened
	struct sp_bytes pending; ///< a WITH's name that hides a table once its query is over
};
struct sp_tables {
	const struct sp_sql_rules *rules;
	struct sp_tables_frame f[SP_SQL_NESTING_MAX + 1];
	uint32_t n;
	struct sp_bytes cte[SP_TABLES_CTES];
	uint32_t cte_n;
	struct sp_sql_name chain; ///< a.b.c so far
	bool dot, long_chain; ///< the token before was '.'; more parts than three
	bool target; ///< the table expected is one that is written or defined
	bool columns_next, function_next, recursive, ddl, drop, deletes, writes;
};

void sp_tables_init(struct sp_tables *t, const struct sp_sql_rules *rules);
/// The name at hand may be followed by its columns in parentheses.
bool sp_tables_columns(const struct sp_tables *t);
/// `word` is the token in lower case when it is a word. 0, or -EACCES with the verdict set.
SP_MUST_CHECK int sp_tables_token(struct sp_tables *t, const struct sp_lex_token *token,
	struct sp_bytes word, const struct sp_lex_token *next, struct sp_sql_verdict *v);
