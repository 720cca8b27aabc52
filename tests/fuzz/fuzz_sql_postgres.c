/// The first byte picks the options, the rest is the text. What is allowed is allowed again, as one
/// statement of an allowed style; a SELECT that is allowed under all styles is allowed as
/// select-only.
#include "common/sql/sql.h"

#include "common/banned.h"

#define STYLES                                                                                     \
	(SP_SQL_SELECT | SP_SQL_INSERT | SP_SQL_UPDATE | SP_SQL_DELETE | SP_SQL_EXPLAIN |          \
		SP_SQL_DDL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sp_bytes deny = {(const uint8_t *)"secrets", 7},
				     allow = {(const uint8_t *)"t*", 2};
	struct sp_sql_rules rules = {.dialect = SP_SQL_POSTGRES,
		.styles = STYLES,
		.deny_tables = &deny,
		.deny_tables_n = 1,
		.allow_tables = &allow};
	struct sp_sql_verdict v, again;
	struct sp_bytes text;

	if (!size || size > 4096)
		return 0;
	rules.returning = data[0] & 1;
	rules.allow_tables_n = data[0] >> 1 & 1;
	text = sp_bytes(data + 1, size - 1);
	sp_sql_judge(text, &rules, &v);
	SP_BUG_IF(strlen(v.detail) >= sizeof(v.detail));
	SP_BUG_IF(v.why == SP_SQL_OK && !(v.style & STYLES));
	if (v.why == SP_SQL_OK) {
		rules.styles = v.style == SP_SQL_EXPLAIN ? STYLES : v.style;
		sp_sql_judge(text, &rules, &again);
		SP_BUG_IF(again.why != SP_SQL_OK || again.style != v.style);
	}
	return 0;
}
