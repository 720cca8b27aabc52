/// The first byte picks dialect and options, the rest is the text. A refused text says why; an
/// allowed one holds nothing the lexer promises to keep out, and stays allowed with blanks around
/// it.
#include "common/sql/sql.h"

#include "common/banned.h"

#define STYLES                                                                                     \
	(SP_SQL_SELECT | SP_SQL_INSERT | SP_SQL_UPDATE | SP_SQL_DELETE | SP_SQL_EXPLAIN |          \
		SP_SQL_DDL)

static void check_allowed(struct sp_bytes text, const struct sp_sql_rules *rules)
{
	struct sp_sql_verdict v;
	uint8_t *padded = malloc(text.n + 2), open = 0;

	SP_BUG_IF(!padded);
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		SP_BUG_IF(c == '\\');
		if (open)
			open = c == open ? 0 : open;
		else if (c == '\'' || c == '"')
			open = c;
		else
			SP_BUG_IF(c >= 0x80 || memchr("`[]{}#$@:^", c, 10));
	}
	padded[0] = '\n';
	memcpy(padded + 1, text.p, text.n);
	padded[text.n + 1] = ' ';
	sp_sql_judge(sp_bytes(padded, text.n + 2), rules, &v);
	SP_BUG_IF(v.why != SP_SQL_OK);
	free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_bytes deny = {(const uint8_t *)"secrets", 7},
				     allow = {(const uint8_t *)"t*", 2};
	struct sp_sql_rules rules = {
		.deny_tables = &deny, .deny_tables_n = 1, .allow_tables = &allow};
	struct sp_sql_verdict v;
	struct sp_bytes text;

	if (!size || size > 4096)
		return 0;
	rules.dialect = (enum sp_sql_dialect)(SP_SQL_MYSQL + data[0] % 4);
	rules.styles = data[0] & 4 ? SP_SQL_SELECT : STYLES;
	rules.double_quote_names = data[0] & 8;
	rules.returning = data[0] & 16;
	rules.allow_tables_n = data[0] >> 5 & 1;
	text = sp_bytes(data + 1, size - 1);
	sp_sql_judge(text, &rules, &v);
	SP_BUG_IF(strlen(v.detail) >= sizeof(v.detail));
	SP_BUG_IF(v.why == SP_SQL_OK && !(v.style & rules.styles));
	if (v.why == SP_SQL_OK)
		check_allowed(text, &rules);
	return 0;
}
