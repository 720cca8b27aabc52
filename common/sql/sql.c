#include "common/sql/sql_int.h"

#include "common/mp.h"
#include "common/banned.h"

static const char *const whys[] = {
	[SP_SQL_OK] = "sql_ok",
	[SP_SQL_TOO_LONG] = "sql_too_long",
	[SP_SQL_ENCODING] = "sql_encoding",
	[SP_SQL_NESTING] = "sql_nesting",
	[SP_SQL_SYNTAX] = "sql_syntax",
	[SP_SQL_STATEMENTS] = "sql_statements",
	[SP_SQL_STYLE] = "sql_style",
	[SP_SQL_NODE] = "sql_node",
	[SP_SQL_FUNCTION] = "sql_function",
	[SP_SQL_TABLE] = "sql_table",
	[SP_SQL_LEXICAL] = "sql_lexical",
	[SP_SQL_WORD] = "sql_word",
	[SP_SQL_MEMORY] = "sql_memory",
};

const char *sp_sql_style_name(uint32_t bit)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} styles[] = {
		{SP_SQL_SELECT, "select-only"},
		{SP_SQL_INSERT, "insert-only"},
		{SP_SQL_UPDATE, "update"},
		{SP_SQL_DELETE, "delete"},
		{SP_SQL_EXPLAIN, "explain"},
		{SP_SQL_DDL, "ddl"},
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(styles); i++)
		if (styles[i].bit == bit)
			return styles[i].name;
	return "?";
}

const char *sp_sql_why_name(enum sp_sql_why w)
{
	return (size_t)w < SP_ARRAY_LEN(whys) ? whys[w] : "sql_unknown";
}

static size_t put_visible(char *to, size_t at, size_t cap, struct sp_bytes s)
{
	for (size_t i = 0; i < s.n && at + 1 < cap; i++)
		to[at++] = s.p[i] > 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	return at;
}

int sp_sql_refuse2(
	struct sp_sql_verdict *v, enum sp_sql_why why, struct sp_bytes a, struct sp_bytes b)
{
	size_t at;

	if (v->why)
		return -EACCES;
	v->why = why;
	at = put_visible(v->detail, 0, sizeof(v->detail), a);
	if (b.n)
		at = put_visible(v->detail, at, sizeof(v->detail), SP_LIT("."));
	at = put_visible(v->detail, at, sizeof(v->detail), b);
	v->detail[at] = 0;
	return -EACCES;
}

int sp_sql_refuse(struct sp_sql_verdict *v, enum sp_sql_why why, struct sp_bytes detail)
{
	return sp_sql_refuse2(v, why, detail, SP_NOBYTES);
}

static bool has_controls(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && !sp_sql_is_space(s.p[i])) || s.p[i] == 0x7f)
			return true;
	return false;
}

void sp_sql_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *ret)
{
	size_t most = rules->max_bytes ? sp_min(rules->max_bytes, SP_SQL_MAX) : SP_SQL_MAX;
	struct sp_sql_verdict v = {.why = SP_SQL_OK};

	if (text.n > most)
		sp_sql_refuse(&v, SP_SQL_TOO_LONG, SP_NOBYTES);
	else if (has_controls(text) || !sp_utf8_ok(text))
		sp_sql_refuse(&v, SP_SQL_ENCODING, SP_NOBYTES);
	else if (rules->dialect == SP_SQL_POSTGRES)
		sp_sql_pg_judge(text, rules, &v);
	else if (rules->dialect > SP_SQL_POSTGRES && rules->dialect <= SP_SQL_ANSI)
		sp_sql_lex_judge(text, rules, &v);
	else
		sp_sql_refuse(&v, SP_SQL_STYLE, SP_LIT("dialect"));
	*ret = v;
}
