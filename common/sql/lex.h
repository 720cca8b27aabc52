/// Tokens that PostgreSQL, MySQL, SQL Server and SQLite read alike; anything else is refused.
/// Internal to this folder.
#pragma once

#include "common/sql/sql_int.h"

enum sp_lex_kind {
	SP_LEX_END = 0,
	SP_LEX_WORD,
	SP_LEX_NAME, ///< "quoted", without the quotes; doubled ones stand as they are
	SP_LEX_NUMBER,
	SP_LEX_STRING,
	SP_LEX_MARK, ///< one character, in text
};
struct sp_lex_token {
	enum sp_lex_kind kind;
	struct sp_bytes text;
	bool either; ///< "x", a string to some and a name to others: a STRING that must pass as a name as well
	bool space; ///< blank, or the start of the text, comes before it
};
struct sp_lex {
	const uint8_t *p, *end;
	bool names; ///< "x" is a name, else it is either
	bool ansi; ///< nobody knows who reads it: "x" is refused unless it is a name
	struct sp_lex_token last;
};

/// 0 and the token, or -EACCES with the verdict set.
SP_MUST_CHECK int sp_lex_next(struct sp_lex *l, struct sp_sql_verdict *v, struct sp_lex_token *ret);
static inline bool sp_lex_is(const struct sp_lex_token *t, uint8_t mark)
{
	return t->kind == SP_LEX_MARK && t->text.n && t->text.p[0] == mark;
}
