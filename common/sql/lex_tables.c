#include "common/sql/lex_tables.h"

#include "common/banned.h"

enum effect {
	NONE,
	TABLES, // tables follow, separated by commas
	TABLE, // one table follows
	TARGET, // one table follows that is written or defined
	ENDS, // no table follows before the next of the above
	PASSES, // may stand between such a word and its table
	WITH_CTE,
	SELECTS, // ENDS, and the names of a WITH are complete
};
static const struct {
	const char *word;
	enum effect select, ddl;
} keywords[] = {
	{"alter", NONE, NONE},
	{"apply", TABLES, TABLES},
	{"drop", NONE, NONE},
	{"exists", NONE, PASSES},
	{"from", TABLES, TABLES},
	{"group", ENDS, ENDS},
	{"having", ENDS, ENDS},
	{"if", NONE, PASSES},
	{"into", TARGET, TARGET},
	{"join", TABLES, TABLES},
	{"lateral", PASSES, PASSES},
	{"like", NONE, TABLE},
	{"not", NONE, PASSES},
	{"on", NONE, TARGET},
	{"only", PASSES, PASSES},
	{"order", ENDS, ENDS},
	{"references", NONE, TARGET},
	{"rename", NONE, TARGET},
	{"returning", ENDS, ENDS},
	{"select", SELECTS, SELECTS},
	{"set", ENDS, ENDS},
	{"straight_join", TABLES, TABLES},
	{"table", TABLE, TARGET},
	{"to", NONE, TARGET},
	{"truncate", NONE, TARGET},
	{"update", TABLES, NONE},
	{"using", TABLES, NONE},
	{"values", SELECTS, SELECTS},
	{"view", NONE, TARGET},
	{"where", ENDS, ENDS},
	{"with", WITH_CTE, WITH_CTE},
};

void sp_tables_init(struct sp_tables *t, const struct sp_sql_rules *rules)
{
	*t = (struct sp_tables){.rules = rules};
}

bool sp_tables_columns(const struct sp_tables *t)
{
	const struct sp_tables_frame *f = &t->f[t->n];

	return f->with == 1 || (f->expect && t->target);
}

static bool is(struct sp_bytes word, const char *s)
{
	return sp_bytes_eq(word, sp_bytes_cstr(s));
}

static enum effect effect_of(const struct sp_tables *t, struct sp_bytes word)
{
	size_t lo = 0, hi = SP_ARRAY_LEN(keywords);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = sp_sql_order(keywords[mid].word, word);

		if (c == 0)
			return t->ddl && !t->f[t->n].query ? keywords[mid].ddl
							   : keywords[mid].select;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NONE;
}

static int hide(struct sp_tables *t, struct sp_bytes name, struct sp_sql_verdict *v)
{
	if (!name.n)
		return 0;
	if (t->cte_n == SP_TABLES_CTES)
		return sp_sql_refuse(v, SP_SQL_NESTING, SP_LIT("names"));
	t->cte[t->cte_n++] = name;
	return 0;
}

static int cte_over(struct sp_tables *t, struct sp_tables_frame *f, struct sp_sql_verdict *v)
{
	struct sp_bytes name = f->pending;

	f->pending = SP_NOBYTES;
	return hide(t, name, v);
}

static int table_here(struct sp_tables *t, struct sp_sql_verdict *v)
{
	bool target = t->target;

	t->f[t->n].expect = false;
	t->target = false;
	t->columns_next = target;
	if (t->long_chain)
		return sp_sql_refuse(v, SP_SQL_TABLE, t->chain.part[2]);
	if (t->chain.n == 1 && !target)
		for (uint32_t i = 0; i < t->cte_n; i++)
			if (sp_bytes_eq(t->cte[i], t->chain.part[0]))
				return 0;
	// of UPDATE and DELETE every table may be what is written: several, behind options, by an
	// alias
	if (target || t->writes)
		return sp_sql_target(t->rules, &t->chain, v);
	return sp_sql_table(t->rules, &t->chain, v);
}

static void link_name(struct sp_tables *t, struct sp_bytes name)
{
	if (!t->dot) {
		t->chain.n = 0;
		t->long_chain = false;
	}
	if (t->chain.n == SP_ARRAY_LEN(t->chain.part)) {
		t->chain.part[0] = t->chain.part[1];
		t->chain.part[1] = t->chain.part[2];
		t->chain.n--;
		t->long_chain = true;
	}
	t->chain.part[t->chain.n++] = name;
}

/// A word with an effect. 1 it is no name.
static int keyword(struct sp_tables *t, struct sp_bytes word, const struct sp_lex_token *next,
	struct sp_sql_verdict *v)
{
	struct sp_tables_frame *f = &t->f[t->n];
	enum effect e = effect_of(t, word);

	switch (e) {
	case NONE:
		return 0;
	case PASSES:
		return 1;
	case WITH_CTE:
		f->with = 1;
		f->from = f->expect = t->recursive = false;
		return 1;
	case TABLES:
	case TABLE:
	case TARGET:
		if (f->function && is(word, "from"))
			return 1;
		// DELETE FROM t USING (u JOIN v)
		if (is(word, "using") && sp_lex_is(next, '(') && (!t->writes || f->joined))
			return 1;
		if (is(word, "on") && next->kind == SP_LEX_WORD &&
			(sp_bytes_ieq(next->text, SP_LIT("delete")) ||
				sp_bytes_ieq(next->text, SP_LIT("update"))))
			return 1;
		if (is(word, "like") && next->kind != SP_LEX_WORD && next->kind != SP_LEX_NAME)
			return 1;
		f->from = e == TABLES || (t->drop && is(word, "table"));
		f->expect = true;
		t->target = e == TARGET || is(word, "update") || t->deletes;
		t->deletes = false;
		f->joined |= is(word, "join") || is(word, "straight_join");
		return 1;
	default:
		f->from = f->expect = f->function = false;
		t->target = false;
		f->query |= is(word, "select");
		if (e == SELECTS && f->with) {
			f->with = 0;
			SP_TRY(cte_over(t, f, v));
		}
		return 1;
	}
}

static int with_name(struct sp_tables *t, struct sp_tables_frame *f, struct sp_bytes name,
	struct sp_sql_verdict *v)
{
	f->with = 2;
	t->columns_next = true;
	if (t->recursive)
		return hide(t, name, v);
	f->pending = name;
	return 0;
}

/// A function in a table's place, where PostgreSQL might read the text: f.g calls g on what f
/// gives.
static bool gives_rows(
	const struct sp_tables *t, struct sp_bytes word, const struct sp_lex_token *next)
{
	static const char *const without_parentheses[] = {"current_catalog", "current_date",
		"current_role", "current_schema", "current_time", "current_timestamp",
		"current_user", "localtime", "localtimestamp", "session_user", "system_user",
		"user"};
	bool own = t->rules->dialect == SP_SQL_SQLITE || t->rules->dialect == SP_SQL_MSSQL;

	if (t->target || own)
		return false;
	return sp_lex_is(next, '(') ||
	       sp_sql_find(without_parentheses, SP_ARRAY_LEN(without_parentheses), word) >= 0;
}

static int name_token(struct sp_tables *t, const struct sp_lex_token *token, struct sp_bytes word,
	const struct sp_lex_token *next, struct sp_sql_verdict *v)
{
	struct sp_tables_frame *f = &t->f[t->n];
	int r = 0;

	link_name(t, token->text);
	if (t->rules->deny_tables_n && sp_sql_denied(t->rules, &t->chain))
		return sp_sql_refuse(v, SP_SQL_TABLE, token->text);
	if (word.n && !t->dot && !f->columns) {
		static const char *const with_from[] = {
			"extract", "overlay", "position", "substring", "trim"};

		if (is(word, "create") || is(word, "alter") || is(word, "drop") ||
			is(word, "truncate"))
			t->ddl = true;
		if (is(word, "delete"))
			t->deletes = true;
		if (is(word, "delete") || is(word, "update"))
			t->writes = true;
		if (is(word, "drop") || is(word, "truncate"))
			t->drop = true;
		if (f->with == 1 && is(word, "recursive")) {
			t->recursive = true;
			return 0;
		}
		t->function_next = sp_sql_find(with_from, SP_ARRAY_LEN(with_from), word) >= 0;
		SP_TRY(r = keyword(t, word, next, v));
	}
	if (r == 1)
		return 0;
	if (f->with == 1)
		return with_name(t, f, token->text, v);
	if (!f->expect || sp_lex_is(next, '.'))
		return 0;
	if (gives_rows(t, word, next))
		return sp_sql_refuse(v, SP_SQL_FUNCTION, token->text);
	return table_here(t, v);
}

static int mark_token(struct sp_tables *t, uint8_t c, struct sp_sql_verdict *v)
{
	struct sp_tables_frame *f = &t->f[t->n];
	bool nested = f->expect;

	switch (c) {
	case '(':
		if (t->n == SP_SQL_NESTING_MAX)
			return sp_sql_refuse(v, SP_SQL_NESTING, SP_NOBYTES);
		f->expect = false;
		t->f[++t->n] = (struct sp_tables_frame){.from = nested,
			.expect = nested,
			.function = t->function_next,
			.query = f->query,
			.columns = t->columns_next && !t->ddl,
			.ctes = t->cte_n};
		break;
	case ')':
		t->cte_n = f->ctes;
		if (t->n)
			t->n--;
		break;
	case ',':
		if (f->with == 2) {
			f->with = 1;
			SP_TRY(cte_over(t, f, v));
		} else if (f->from) {
			f->expect = true;
		}
		break;
	default:
		break;
	}
	return 0;
}

/// Where columns may stand, a query may too.
static int column_token(struct sp_tables_frame *f, const struct sp_lex_token *token,
	struct sp_bytes word, struct sp_sql_verdict *v)
{
	static const char *const queries[] = {"select", "table", "values", "with"};
	bool name = token->kind == SP_LEX_WORD || token->kind == SP_LEX_NAME;

	if (!f->named && sp_sql_find(queries, SP_ARRAY_LEN(queries), word) >= 0) {
		f->columns = false;
		return 0;
	}
	if (name ? f->named : !sp_lex_is(token, ',') && !sp_lex_is(token, ')'))
		return sp_sql_refuse(v, SP_SQL_FUNCTION, SP_LIT("columns"));
	f->named = name;
	return 0;
}

/// As a string it names nothing; as a name it must be no forbidden table.
static int either_token(
	const struct sp_tables *t, const struct sp_lex_token *token, struct sp_sql_verdict *v)
{
	struct sp_sql_name name = {.part = {token->text}, .n = 1};

	if (t->rules->deny_tables_n && sp_sql_denied(t->rules, &name))
		return sp_sql_refuse(v, SP_SQL_TABLE, SP_LIT("double-quote"));
	return 0;
}

int sp_tables_token(struct sp_tables *t, const struct sp_lex_token *token, struct sp_bytes word,
	const struct sp_lex_token *next, struct sp_sql_verdict *v)
{
	struct sp_tables_frame *f = &t->f[t->n];
	bool name = token->kind == SP_LEX_WORD || token->kind == SP_LEX_NAME;
	int err;

	if (f->columns)
		SP_TRY(column_token(f, token, word, v));
	if (token->kind == SP_LEX_STRING && (f->expect || f->with == 1)) // SQLite takes it for a name
		return sp_sql_refuse(v, SP_SQL_LEXICAL, SP_LIT("string-name"));
	if (token->either)
		SP_TRY(either_token(t, token, v));
	if (name) {
		t->columns_next = t->function_next = false;
		err = name_token(t, token, word, next, v);
		t->dot = false;
		return err;
	}
	err = token->kind == SP_LEX_MARK ? mark_token(t, token->text.p[0], v) : 0;
	t->dot = sp_lex_is(token, '.');
	if (!t->dot)
		t->columns_next = t->function_next = false;
	return err;
}
