/// Words of the lexer's dialects. Lower case throughout. Internal to this folder.
#pragma once

#include "common/sql/sql_int.h"

#define SP_WORD_MYSQL 1u
#define SP_WORD_MSSQL 2u
#define SP_WORD_SQLITE 4u

/// The bit of a dialect; ansi has all, since its text may reach any of them.
uint8_t sp_word_dialect(enum sp_sql_dialect d);
/// Outside strings this word makes, or may make, the text more than its first word says.
bool sp_word_forbidden(struct sp_bytes word, uint8_t dialect);
bool sp_word_before_parenthesis(struct sp_bytes word);
