/// Dialects and styles of SQL by the words that tests write for them.
#pragma once

#include "common/sql/sql.h"

static const char *const sql_dialects[] = {[SP_SQL_POSTGRES] = "postgres", [SP_SQL_MYSQL] = "mysql",
	[SP_SQL_MSSQL] = "mssql", [SP_SQL_SQLITE] = "sqlite", [SP_SQL_ANSI] = "ansi"};

SP_MUST_CHECK static inline int sql_dialect_of(const char *word, enum sp_sql_dialect *ret)
{
	if (strcmp(word, "mariadb") == 0)
		word = sql_dialects[SP_SQL_MYSQL];
	for (unsigned i = SP_SQL_POSTGRES; i < SP_ARRAY_LEN(sql_dialects); i++) {
		if (strcmp(sql_dialects[i], word) == 0) {
			*ret = (enum sp_sql_dialect)i;
			return 0;
		}
	}
	return -ENOENT;
}

/// As sp_sql_style_name() says them, or without "-only".
SP_MUST_CHECK static inline int sql_style_of(const char *word, uint32_t *ret_bit)
{
	size_t n = strlen(word);

	for (uint32_t bit = SP_SQL_SELECT; bit <= SP_SQL_DDL; bit <<= 1) {
		const char *name = sp_sql_style_name(bit);

		if (strncmp(name, word, n) == 0 && (!name[n] || strcmp(name + n, "-only") == 0)) {
			*ret_bit = bit;
			return 0;
		}
	}
	return -ENOENT;
}
