#include "common/sql/lex.h"

#include "common/banned.h"

static int refuse(struct sp_sql_verdict *v, struct sp_bytes what)
{
	return sp_sql_refuse(v, SP_SQL_LEXICAL, what);
}

/// Both quotes: doubled inside, closed before the end, and no backslash, which MySQL takes as an
/// escape.
static int quoted(struct sp_lex *l, struct sp_sql_verdict *v, uint8_t q, struct sp_bytes *ret)
{
	const uint8_t *from = ++l->p;

	for (; l->p < l->end; l->p++) {
		if (*l->p == '\\')
			return refuse(v, SP_LIT("backslash"));
		if (q == '"' && *l->p >= 0x80)
			return refuse(v, SP_LIT("non-ascii"));
		if (*l->p != q)
			continue;
		if (l->p + 1 < l->end && l->p[1] == q) {
			l->p++;
			continue;
		}
		*ret = sp_bytes(from, (size_t)(l->p - from));
		l->p++;
		return 0;
	}
	return refuse(v, SP_LIT("open-quote"));
}

/// 12, 1.5, .5, 1e-3. What follows must not be taken for a part of it by anybody.
static int number(struct sp_lex *l, struct sp_sql_verdict *v, struct sp_bytes *ret)
{
	const uint8_t *from = l->p;

	while (l->p < l->end && sp_sql_is_digit(*l->p))
		l->p++;
	if (l->p < l->end && *l->p == '.') {
		l->p++;
		if (l->p == l->end || !sp_sql_is_digit(*l->p))
			return refuse(v, SP_LIT("number"));
		while (l->p < l->end && sp_sql_is_digit(*l->p))
			l->p++;
	}
	if (l->p < l->end && (*l->p | 0x20) == 'e') {
		l->p++;
		if (l->p < l->end && (*l->p == '+' || *l->p == '-'))
			l->p++;
		if (l->p == l->end || !sp_sql_is_digit(*l->p))
			return refuse(v, SP_LIT("number"));
		while (l->p < l->end && sp_sql_is_digit(*l->p))
			l->p++;
	}
	if (l->p < l->end &&
		(sp_sql_is_letter(*l->p) || *l->p == '.' || *l->p == '\'' || *l->p == '"'))
		return refuse(v, SP_LIT("number"));
	*ret = sp_bytes(from, (size_t)(l->p - from));
	return 0;
}

static int mark(struct sp_lex *l, struct sp_sql_verdict *v, struct sp_bytes *ret)
{
	uint8_t c = *l->p, next = l->p + 1 < l->end ? l->p[1] : 0;

	if ((c == '-' && next == '-') || (c == '/' && next == '*') || (c == '*' && next == '/'))
		return refuse(v, SP_LIT("comment"));
	if (c >= 0x80)
		return refuse(v, SP_LIT("non-ascii"));
	if (c == '!' ? next != '=' : !sp_bytes_has(SP_LIT("(),.;+-*/%<>=|&~?"), c))
		return refuse(v, sp_bytes(l->p, 1));
	*ret = sp_bytes(l->p++, 1);
	return 0;
}

/// Words and quotes that touch are prefixes (E'', N'', X''), or one token to some and two to
/// others.
static int touching(const struct sp_lex *l, const struct sp_lex_token *t, struct sp_sql_verdict *v)
{
	const struct sp_lex_token *a = &l->last;
	bool quote = t->kind == SP_LEX_STRING || t->kind == SP_LEX_NAME;
	bool quote_before = a->kind == SP_LEX_STRING || a->kind == SP_LEX_NAME;

	if (a->kind == SP_LEX_STRING &&
		t->kind == SP_LEX_STRING) // one literal, or a name after one
		return refuse(v, SP_LIT("adjacent-strings"));
	if (t->kind == SP_LEX_STRING && a->kind == SP_LEX_WORD &&
		a->text.p[0] == '_') // _charset 'x'
		return refuse(v, SP_LIT("prefixed-string"));
	if ((a->kind == SP_LEX_STRING && sp_lex_is(t, '.')) ||
		(t->kind == SP_LEX_STRING && sp_lex_is(a, '.')))
		return refuse(v, SP_LIT("string-name")); // SQLite takes 'x' for a name
	if (sp_lex_is(t, '.') && a->kind != SP_LEX_WORD && a->kind != SP_LEX_NAME)
		return refuse(v, SP_LIT("field")); // PostgreSQL: (x).f calls f
	if (t->space)
		return 0;
	if (quote && sp_lex_is(a, '&')) // U&"..." UESCAPE '!'
		return refuse(v, SP_LIT("adjacent"));
	if ((quote && (quote_before || a->kind == SP_LEX_WORD)) ||
		(quote_before && t->kind == SP_LEX_WORD))
		return refuse(v, SP_LIT("adjacent"));
	if (t->kind == SP_LEX_NUMBER && t->text.p[0] == '.' && a->kind != SP_LEX_MARK &&
		a->kind != SP_LEX_END)
		return refuse(v, SP_LIT("number"));
	return 0;
}

static int scan(struct sp_lex *l, struct sp_sql_verdict *v, struct sp_lex_token *t)
{
	const uint8_t *from = l->p;

	if (l->p == l->end)
		return 0;
	if (sp_sql_is_letter(*l->p)) {
		while (l->p < l->end && (sp_sql_is_letter(*l->p) || sp_sql_is_digit(*l->p)))
			l->p++;
		t->kind = SP_LEX_WORD;
		t->text = sp_bytes(from, (size_t)(l->p - from));
		return 0;
	}
	if (*l->p == '\'' || *l->p == '"') {
		if (*l->p == '"' && !l->names && l->ansi)
			return refuse(v, SP_LIT("double-quote"));
		t->either = *l->p == '"' && !l->names;
		t->kind = *l->p == '"' && l->names ? SP_LEX_NAME : SP_LEX_STRING;
		return quoted(l, v, *l->p, &t->text);
	}
	if (sp_sql_is_digit(*l->p) ||
		(*l->p == '.' && l->p + 1 < l->end && sp_sql_is_digit(l->p[1]))) {
		t->kind = SP_LEX_NUMBER;
		return number(l, v, &t->text);
	}
	t->kind = SP_LEX_MARK;
	return mark(l, v, &t->text);
}

int sp_lex_next(struct sp_lex *l, struct sp_sql_verdict *v, struct sp_lex_token *ret)
{
	struct sp_lex_token t = {.kind = SP_LEX_END, .text = SP_NOBYTES};
	const uint8_t *from = l->p;

	while (l->p < l->end && sp_sql_is_space(*l->p))
		l->p++;
	t.space = l->p > from || l->last.kind == SP_LEX_END;
	SP_TRY(scan(l, v, &t));
	SP_TRY(touching(l, &t, v));
	l->last = t;
	*ret = t;
	return 0;
}
