#include "common/sql/lex_words.h"

#include "common/banned.h"

#define M SP_WORD_MYSQL
#define T SP_WORD_MSSQL
#define S SP_WORD_SQLITE
#define ALL (M | T | S)

/// Sorted. What starts a statement in SQL Server needs no separator before it, so all of that is
/// here.
static const struct {
	const char *word;
	uint8_t dialects;
} forbidden[] = {
	{"add", T},
	{"alter", ALL},
	{"analyse", M},
	{"analyze", ALL},
	{"attach", ALL},
	{"backup", T},
	{"begin", T},
	{"break", T},
	{"bulk", T},
	{"call", ALL},
	{"checkpoint", T},
	{"close", T},
	{"commit", T},
	{"continue", T},
	{"create", ALL},
	{"dbcc", T},
	{"deallocate", T},
	{"declare", T},
	{"delete", ALL},
	{"delimiter", M},
	{"deny", T},
	{"detach", ALL},
	{"disable", T},
	{"drop", ALL},
	{"dump", T},
	{"dumpfile", ALL},
	{"enable", T},
	{"exec", ALL},
	{"execute", ALL},
	{"exit", T},
	{"for", ALL},
	{"get", T},
	{"go", T},
	{"goto", T},
	{"grant", ALL},
	{"handler", M},
	{"insert", ALL},
	{"into", ALL},
	{"kill", T},
	{"lineno", T},
	{"load", T},
	{"load_extension", ALL},
	{"load_file", ALL},
	{"lock", ALL},
	{"merge", ALL},
	{"move", T},
	{"nextval", ALL},
	{"open", T},
	{"opendatasource", ALL},
	{"openquery", ALL},
	{"openrowset", ALL},
	{"openxml", ALL},
	{"outfile", ALL},
	{"output", T},
	{"pragma", ALL},
	{"prevval", ALL},
	{"print", T},
	{"proc", T},
	{"procedure", ALL},
	{"raiserror", T},
	{"readtext", T},
	{"receive", T},
	{"reconfigure", T},
	{"restore", T},
	{"return", T},
	{"returning", ALL},
	{"revert", T},
	{"revoke", ALL},
	{"rollback", T},
	{"save", T},
	{"send", T},
	{"set", ALL},
	{"setuser", T},
	{"setval", ALL},
	{"shutdown", T},
	{"throw", T},
	{"trigger", ALL},
	{"truncate", ALL},
	{"uescape", ALL},
	{"unlock", M},
	{"update", ALL},
	{"updatetext", T},
	{"use", T},
	{"waitfor", T},
	{"while", T},
	{"writetext", T},
};
static const char *const prefixes[] = {"xp_", "sp_", "pragma_", "sys_exec", "sys_eval"};

/// What may stand before a parenthesis without being called, besides the types of CAST.
static const char *const before_parenthesis[] = {"all", "and", "any", "as", "between", "by", "case",
	"conflict", "cross", "cube", "distinct", "else", "except", "exists", "filter", "from",
	"group", "having", "in", "intersect", "join", "like", "limit", "materialized", "not",
	"offset", "on", "or", "over", "rollup", "row", "select", "sets", "some", "then", "top",
	"union", "using", "values", "when", "where"};

uint8_t sp_word_dialect(enum sp_sql_dialect d)
{
	switch (d) {
	case SP_SQL_MYSQL:
		return M;
	case SP_SQL_MSSQL:
		return T;
	case SP_SQL_SQLITE:
		return S;
	default:
		return ALL;
	}
}

static bool starts(struct sp_bytes word, const char *prefix)
{
	size_t n = strlen(prefix);

	return word.n >= n && memcmp(word.p, prefix, n) == 0;
}

bool sp_word_forbidden(struct sp_bytes word, uint8_t dialect)
{
	size_t lo = 0, hi = SP_ARRAY_LEN(forbidden);

	for (size_t i = 0; i < SP_ARRAY_LEN(prefixes); i++)
		if (starts(word, prefixes[i]))
			return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = sp_sql_order(forbidden[mid].word, word);

		if (c == 0)
			return (forbidden[mid].dialects & dialect) != 0;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool sp_word_before_parenthesis(struct sp_bytes word)
{
	return sp_sql_find(before_parenthesis, SP_ARRAY_LEN(before_parenthesis), word) >= 0;
}
