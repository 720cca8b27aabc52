/// The other dialects, by a lexer: one statement whose first word tells its style, no word that
/// could make it another, only functions that compute, and every name a forbidden table could have
/// is looked at.
#include "common/sql/lex.h"
#include "common/sql/lex_tables.h"
#include "common/sql/lex_words.h"

#include "common/banned.h"

#define WORD_MAX 64u

struct judge {
	const struct sp_sql_rules *rules;
	struct sp_sql_verdict *v;
	struct sp_lex lex;
	uint8_t dialect;
	struct sp_lex_token t, next;
	uint8_t word_buf[WORD_MAX], prev_buf[WORD_MAX];
	struct sp_bytes word, prev; // lower case, empty when it is no word
	uint32_t index; // words after the first
	uint32_t depth, cases, sets;
	uint32_t style; // of the statement itself, not of its EXPLAIN
	bool started, values, with, inner_select, qualified, opened;
	struct sp_tables tables;
};

static int refuse(struct judge *j, enum sp_sql_why why, struct sp_bytes detail)
{
	return sp_sql_refuse(j->v, why, detail);
}

static bool is(struct sp_bytes word, const char *s)
{
	return sp_bytes_eq(word, sp_bytes_cstr(s));
}

static struct sp_bytes lowered(struct sp_bytes s, uint8_t *buf)
{
	size_t n = sp_min(s.n, WORD_MAX);

	for (size_t i = 0; i < n; i++)
		buf[i] = sp_sql_lower(s.p[i]);
	return sp_bytes(buf, n);
}

/// One token on; `t` is the one to judge, `next` the one after it.
static int step(struct judge *j)
{
	if (j->word.n)
		memcpy(j->prev_buf, j->word_buf, j->word.n);
	j->prev = sp_bytes(j->prev_buf, j->word.n);
	j->t = j->next;
	j->word = j->t.kind == SP_LEX_WORD ? lowered(j->t.text, j->word_buf) : SP_NOBYTES;
	if (j->t.kind == SP_LEX_END)
		return 0;
	return sp_lex_next(&j->lex, j->v, &j->next);
}

/// The first word tells the style; after EXPLAIN that of the statement explained.
static int first_word(struct judge *j)
{
	static const struct {
		const char *word;
		uint32_t style;
	} known[] = {
		{"select", SP_SQL_SELECT},
		{"with", SP_SQL_SELECT},
		{"values", SP_SQL_SELECT},
		{"insert", SP_SQL_INSERT},
		{"update", SP_SQL_UPDATE},
		{"delete", SP_SQL_DELETE},
		{"explain", SP_SQL_EXPLAIN},
		{"create", SP_SQL_DDL},
		{"alter", SP_SQL_DDL},
		{"drop", SP_SQL_DDL},
		{"truncate", SP_SQL_DDL},
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(known); i++) {
		if (!is(j->word, known[i].word))
			continue;
		if (known[i].style != SP_SQL_SELECT && j->depth)
			break;
		if (j->style != SP_SQL_EXPLAIN)
			j->v->style = known[i].style;
		else if (known[i].style >= SP_SQL_EXPLAIN)
			break;
		j->style = known[i].style;
		j->with = is(j->word, "with");
		if (j->rules->styles & known[i].style)
			return 0;
		break;
	}
	return refuse(j, SP_SQL_STYLE, j->word);
}

/// DDL goes by its second word; a view holds a SELECT, nothing holds code, and no file is named.
static int ddl_word(struct judge *j)
{
	static const char *const kinds[] = {
		"index", "table", "temp", "temporary", "unique", "view"};
	static const char *const storage[] = {
		"connection", "directory", "engine", "filename", "tablespace"};

	if (j->index == 1 && sp_sql_find(kinds, SP_ARRAY_LEN(kinds), j->word) < 0 &&
		!is(j->prev, "truncate"))
		return refuse(j, SP_SQL_WORD, j->word);
	if (sp_sql_find(storage, SP_ARRAY_LEN(storage), j->word) >= 0)
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "union") && j->next.kind != SP_LEX_WORD) // MySQL: tables that t is the union of
		return refuse(j, SP_SQL_WORD, j->word);
	return 0;
}

static bool next_is(struct judge *j, const char *const *words, size_t n)
{
	uint8_t buf[WORD_MAX];

	return j->next.kind == SP_LEX_WORD &&
	       sp_sql_find(words, n, lowered(j->next.text, buf)) >= 0;
}

/// ON DELETE SET NULL, ALTER TABLE t ADD c int, DROP COLUMN c, ALTER COLUMN c SET DEFAULT 1.
static bool ddl_excused(struct judge *j)
{
	static const char *const parts[] = {"column", "constraint"};
	static const char *const settings[] = {"default", "not", "null"};

	if (is(j->word, "delete") || is(j->word, "update"))
		return is(j->prev, "on");
	if (is(j->word, "set"))
		return next_is(j, settings, SP_ARRAY_LEN(settings));
	if (is(j->word, "drop") || is(j->word, "alter"))
		return next_is(j, parts, SP_ARRAY_LEN(parts));
	return is(j->word, "add");
}

/// A word forbidden elsewhere has its place in some styles.
static bool excused(struct judge *j)
{
	switch (j->style) {
	case SP_SQL_INSERT:
		if (j->index == 1 && is(j->word, "into"))
			return true;
		break;
	case SP_SQL_UPDATE:
		if (is(j->word, "set") && !j->depth && !j->sets++)
			return true;
		break;
	case SP_SQL_DDL:
		return ddl_excused(j);
	default:
		break;
	}
	if (j->rules->returning && (is(j->word, "returning") || is(j->word, "output")))
		return (j->style & (SP_SQL_INSERT | SP_SQL_UPDATE | SP_SQL_DELETE)) != 0;
	return false;
}

/// A second SELECT that is not part of the first one.
static int select_word(struct judge *j)
{
	static const char *const before[] = {
		"all", "distinct", "except", "intersect", "minus", "union"};

	if (j->depth || sp_sql_find(before, SP_ARRAY_LEN(before), j->prev) >= 0)
		return 0;
	if ((j->with || (j->style == SP_SQL_INSERT && !j->values) ||
		    (j->style == SP_SQL_DDL && is(j->prev, "as"))) &&
		!j->inner_select) {
		j->inner_select = true;
		return 0;
	}
	return refuse(j, SP_SQL_STATEMENTS, j->word);
}

/// OFFSET n ROWS FETCH NEXT n ROWS ONLY; FETCH NEXT FROM cursor is a statement of its own.
static int fetch_word(struct judge *j)
{
	if (is(j->prev, "fetch") && (is(j->word, "next") || is(j->word, "first")) &&
		(j->next.kind == SP_LEX_NUMBER || sp_lex_is(&j->next, '(') ||
			sp_lex_is(&j->next, '?')))
		return 0;
	if (is(j->word, "fetch") && j->next.kind == SP_LEX_WORD)
		return 0;
	return refuse(j, SP_SQL_WORD, SP_LIT("fetch"));
}

static int special_word(struct judge *j)
{
	if (is(j->word, "select"))
		return select_word(j);
	if (is(j->word, "values") && !j->depth)
		j->values = true;
	if (is(j->word, "replace") && !sp_lex_is(&j->next, '('))
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "with") && !j->opened &&
		(j->style != SP_SQL_INSERT || j->depth || j->values || j->inner_select))
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "with") && sp_lex_is(&j->next, '('))
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "fetch") || is(j->prev, "fetch"))
		return fetch_word(j);
	if (is(j->word, "do") && !(j->style == SP_SQL_INSERT && j->next.kind == SP_LEX_WORD &&
					 sp_bytes_ieq(j->next.text, SP_LIT("nothing"))))
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "if") && (j->dialect & SP_WORD_MSSQL) && j->style != SP_SQL_DDL)
		return refuse(j, SP_SQL_WORD, j->word);
	if (is(j->word, "in") && !sp_lex_is(&j->next, '(')) // SQLite: IN table
		return refuse(j, SP_SQL_LEXICAL, j->word);
	if (is(j->word, "case"))
		j->cases++;
	if (is(j->word, "end") && !j->cases--)
		return refuse(j, SP_SQL_WORD, j->word);
	return 0;
}

/// A word before a parenthesis is called, unless the grammar puts it there.
static int called_word(struct judge *j)
{
	static const char *const ddl[] = {"check", "key", "unique"};
	bool bare = !j->qualified;

	if (!sp_lex_is(&j->next, '(') || sp_tables_columns(&j->tables))
		return 0;
	if (bare && (sp_word_before_parenthesis(j->word) ||
			    sp_sql_pure_lexer(j->word, j->rules->dialect)))
		return 0;
	if (bare && is(j->word, "if") && j->dialect == SP_WORD_MYSQL)
		return 0;
	if (bare && j->style == SP_SQL_DDL && sp_sql_find(ddl, SP_ARRAY_LEN(ddl), j->word) >= 0)
		return 0;
	if (bare && sp_sql_listed(j->rules->allow_functions, j->rules->allow_functions_n, j->word))
		return 0;
	return refuse(j, SP_SQL_FUNCTION, j->word);
}

static int start_word(struct judge *j)
{
	bool explained = j->style == SP_SQL_EXPLAIN;

	if (explained && (is(j->word, "query") ? is(j->prev, "explain")
					       : is(j->word, "plan") && is(j->prev, "query")))
		return 0;
	SP_TRY(first_word(j));
	j->started = j->style != SP_SQL_EXPLAIN;
	return 0;
}

static int judge_word(struct judge *j)
{
	if (j->t.text.n > WORD_MAX)
		return refuse(j, SP_SQL_LEXICAL, SP_LIT("long-word"));
	if (!j->started) {
		SP_TRY(start_word(j));
		return 0;
	}
	j->index++;
	if (j->index == 1 && ((j->style == SP_SQL_INSERT && !is(j->word, "into")) ||
				     (j->style == SP_SQL_DELETE && !is(j->word, "from"))))
		return refuse(j, SP_SQL_WORD, j->word);
	if (j->style == SP_SQL_DDL)
		SP_TRY(ddl_word(j));
	if (sp_word_forbidden(j->word, j->dialect) && !excused(j))
		return refuse(j, SP_SQL_WORD, j->word);
	SP_TRY(special_word(j));
	return called_word(j);
}

static int judge_mark(struct judge *j)
{
	switch (j->t.text.p[0]) {
	case '(':
		if (j->depth == SP_SQL_NESTING_MAX)
			return refuse(j, SP_SQL_NESTING, SP_NOBYTES);
		j->depth++;
		return 0;
	case ')':
		if (!j->depth)
			return refuse(j, SP_SQL_SYNTAX, SP_LIT("parenthesis"));
		j->depth--;
		return 0;
	case ';':
		if (j->next.kind != SP_LEX_END)
			return refuse(j, SP_SQL_STATEMENTS, SP_LIT("many"));
		return 0;
	default:
		return 0;
	}
}

/// A quoted name; what is shown of it may be a literal's text.
static int judge_name(struct judge *j, struct sp_bytes shown)
{
	uint8_t buf[WORD_MAX];

	if (sp_lex_is(&j->next, '(') && !sp_tables_columns(&j->tables))
		return refuse(j, SP_SQL_FUNCTION, shown);
	if (sp_word_forbidden(lowered(j->t.text, buf), 0)) // its prefixes
		return refuse(j, SP_SQL_WORD, shown);
	return 0;
}

static int judge_token(struct judge *j)
{
	if (!j->started && j->t.kind != SP_LEX_WORD && !sp_lex_is(&j->t, '('))
		return refuse(j, SP_SQL_STYLE, SP_LIT("start"));
	if (j->t.either && j->style == SP_SQL_DDL)
		return refuse(j, SP_SQL_LEXICAL, SP_LIT("double-quote"));
	if (j->t.kind == SP_LEX_NAME || j->t.either)
		SP_TRY(judge_name(j, j->t.either ? SP_LIT("double-quote") : j->t.text));
	if (j->t.kind == SP_LEX_WORD)
		SP_TRY(judge_word(j));
	if (j->t.kind == SP_LEX_MARK)
		SP_TRY(judge_mark(j));
	return sp_tables_token(&j->tables, &j->t, j->word, &j->next, j->v);
}

static int run(struct judge *j)
{
	SP_TRY(sp_lex_next(&j->lex, j->v, &j->next));
	for (;;) {
		j->qualified = sp_lex_is(&j->t, '.');
		j->opened = sp_lex_is(&j->t, '(');
		SP_TRY(step(j));
		if (j->t.kind == SP_LEX_END)
			break;
		SP_TRY(judge_token(j));
	}
	if (!j->started)
		return refuse(j, SP_SQL_STATEMENTS, SP_LIT("none"));
	if (j->depth)
		return refuse(j, SP_SQL_SYNTAX, SP_LIT("parenthesis"));
	return 0;
}

void sp_sql_lex_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *v)
{
	struct judge j = {.rules = rules,
		.v = v,
		.dialect = sp_word_dialect(rules->dialect),
		.lex = {.p = text.p,
			.end = text.p + text.n,
			.names = rules->double_quote_names,
			.ansi = rules->dialect == SP_SQL_ANSI}};

	sp_tables_init(&j.tables, rules);
	(void)run(&j);
}
