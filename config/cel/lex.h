/// Tokens of a condition; inside of this room.
#pragma once

#include "config/cel/ast.h"

enum cel_tok {
	CEL_T_END,
	CEL_T_BAD, ///< reported
	CEL_T_NAME,
	CEL_T_QUOTED, ///< `name`
	CEL_T_INT, ///< magnitude in u
	CEL_T_UINT,
	CEL_T_DOUBLE,
	CEL_T_STRING,
	CEL_T_BYTES,
	CEL_T_OR,
	CEL_T_AND,
	CEL_T_LE,
	CEL_T_GE,
	CEL_T_EQ,
	CEL_T_NE,
	CEL_T_CHAR, ///< one character, in u
};
struct cel_lexer {
	struct cel_cc *c;
	struct sp_bytes s;
	size_t at;
	enum cel_tok tok;
	uint32_t off; ///< of the token
	struct sp_bytes text; ///< name, or value of a string
	uint64_t u;
	double d;
	uint8_t *strings; ///< values of literals, as large as the text: none is longer than it was
			  ///< written
	size_t strings_n;
};
void cel_next(struct cel_lexer *l);
bool cel_lex_string(struct cel_lexer *l, bool raw, bool bytes); ///< at the opening quote
