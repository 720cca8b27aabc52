/// A bound on the depth of PostgreSQL's parse tree from the tokens alone: every open parenthesis,
/// bracket or CASE is a frame, and within a frame nothing can be deeper than the tokens since the
/// last list separator, plus the joins and set operations, which nest to the left however they are
/// separated.
#include "common/sql/sql_int.h"

#include "common/banned.h"

#define DEPTH_MAX 400u

struct frame {
	uint8_t close; // ')' , ']' or 'E' of END
	uint32_t sticky; // joins and set operations so far
	uint32_t run; // tokens since the last separator
};
struct scan {
	const uint8_t *p, *end;
	struct sp_sql_verdict *v;
	struct frame f[SP_SQL_NESTING_MAX + 1];
	uint32_t n; // frames open besides the outermost
	uint32_t below; // sticky + run of all frames but the last
	bool label; // the token before was '.' or AS: a word here is a name
};

static int lexical(struct scan *s, struct sp_bytes what)
{
	return sp_sql_refuse(s->v, SP_SQL_LEXICAL, what);
}

static int count(struct scan *s)
{
	struct frame *f = &s->f[s->n];

	f->run++;
	if (s->below + f->sticky + f->run > DEPTH_MAX)
		return sp_sql_refuse(s->v, SP_SQL_NESTING, SP_LIT("chain"));
	return 0;
}

static int open_frame(struct scan *s, uint8_t close)
{
	SP_TRY(count(s));
	if (s->n == SP_SQL_NESTING_MAX)
		return sp_sql_refuse(s->v, SP_SQL_NESTING, SP_NOBYTES);
	s->below += s->f[s->n].sticky + s->f[s->n].run;
	s->f[++s->n] = (struct frame){.close = close};
	return 0;
}

static void close_one(struct scan *s)
{
	s->n--;
	s->below -= s->f[s->n].sticky + s->f[s->n].run;
}

/// A bracket closes the CASEs left open inside it; one that has no partner is the parser's to
/// refuse.
static void close_frame(struct scan *s, uint8_t close)
{
	uint32_t at = s->n;

	while (at && s->f[at].close == 'E')
		at--;
	if (!at || s->f[at].close != close)
		return;
	while (s->n >= at)
		close_one(s);
}

static int word(struct scan *s, struct sp_bytes w)
{
	static const struct sp_bytes sticky[] = {{(const uint8_t *)"join", 4},
		{(const uint8_t *)"union", 5}, {(const uint8_t *)"except", 6},
		{(const uint8_t *)"intersect", 9}};
	static const struct sp_bytes separators[] = {{(const uint8_t *)"and", 3},
		{(const uint8_t *)"or", 2}, {(const uint8_t *)"when", 4},
		{(const uint8_t *)"then", 4}, {(const uint8_t *)"else", 4}};
	bool label = s->label;

	s->label = sp_bytes_ieq(w, SP_LIT("as"));
	for (size_t i = 0; i < SP_ARRAY_LEN(sticky); i++) {
		if (sp_bytes_ieq(w, sticky[i])) {
			s->f[s->n].sticky++;
			return count(s);
		}
	}
	if (sp_bytes_ieq(w, SP_LIT("case")))
		return open_frame(s, 'E');
	if (label)
		return count(s);
	if (sp_bytes_ieq(w, SP_LIT("end")) && s->f[s->n].close == 'E') {
		close_one(s);
		return count(s);
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(separators); i++)
		if (sp_bytes_ieq(w, separators[i]))
			s->f[s->n].run = 0;
	return count(s);
}

static bool ident_start(uint8_t c)
{
	return sp_sql_is_letter(c) || c >= 0x80;
}

static bool ident_part(uint8_t c)
{
	return ident_start(c) || sp_sql_is_digit(c) || c == '$';
}

/// Past a quoted run that ends with `q`, which is doubled inside. Not closed: the end of the text.
static int quoted(struct scan *s, uint8_t q, bool escapes)
{
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '\\' && escapes) {
			if (++s->p == s->end)
				return 0;
		} else if (*s->p == '\\' && q == '\'' && s->p + 1 < s->end && s->p[1] == q) {
			// the end of the string, or not, by standard_conforming_strings
			return lexical(s, SP_LIT("backslash-quote"));
		} else if (*s->p == q) {
			if (s->p + 1 == s->end || s->p[1] != q)
				break;
			s->p++;
		}
	}
	if (s->p < s->end)
		s->p++;
	return 0;
}

static void block_comment(struct scan *s)
{
	uint32_t open = 0;

	while (s->p + 1 < s->end) {
		if (s->p[0] == '/' && s->p[1] == '*') {
			open++;
			s->p += 2;
		} else if (s->p[0] == '*' && s->p[1] == '/') {
			s->p += 2;
			if (--open == 0)
				return;
		} else {
			s->p++;
		}
	}
	s->p = s->end;
}

static bool skip_blank(struct scan *s)
{
	const uint8_t *p = s->p;

	if (sp_sql_is_space(*p)) {
		s->p++;
		return true;
	}
	if (p + 1 < s->end && p[0] == '-' && p[1] == '-') {
		while (s->p < s->end && *s->p != '\n' && *s->p != '\r')
			s->p++;
		return true;
	}
	if (p + 1 < s->end && p[0] == '/' && p[1] == '*') {
		block_comment(s);
		return true;
	}
	return false;
}

/// E'...' goes on after a line break with its escapes; such a one is refused instead of followed.
static int escape_string(struct scan *s)
{
	SP_TRY(quoted(s, '\'', true));
	while (s->p < s->end && skip_blank(s))
		continue;
	if (s->p < s->end && *s->p == '\'')
		return lexical(s, SP_LIT("continued-string"));
	return count(s);
}

/// $tag$ ... $tag$, or a parameter.
static int dollar(struct scan *s)
{
	const uint8_t *q = s->p + 1;
	size_t n;

	if (q < s->end && ident_start(*q))
		while (q < s->end && ident_part(*q) && *q != '$')
			q++;
	if (q < s->end && *q == '$') {
		n = (size_t)(q + 1 - s->p);
		q = memmem(q + 1, (size_t)(s->end - q - 1), s->p, n);
		s->p = q ? q + n : s->end;
		return count(s);
	}
	s->p++;
	return count(s);
}

static int mark(struct scan *s, uint8_t c)
{
	s->p++;
	s->label = c == '.';
	switch (c) {
	case '(':
		return open_frame(s, ')');
	case '[':
		return open_frame(s, ']');
	case ')':
	case ']':
		close_frame(s, c);
		return count(s);
	case ',':
	case ';':
		s->f[s->n].run = 0;
		return count(s);
	case '?': // a parameter to this parser, an operator to PostgreSQL
		return lexical(s, SP_LIT("question-mark"));
	default:
		return count(s);
	}
}

static int token(struct scan *s)
{
	const uint8_t *from = s->p;
	uint8_t c = *from;

	if ((c == 'e' || c == 'E') && from + 1 < s->end && from[1] == '\'') {
		s->p++;
		s->label = false;
		return escape_string(s);
	}
	if (ident_start(c) || sp_sql_is_digit(c)) {
		while (s->p < s->end && ident_part(*s->p))
			s->p++;
		return word(s, sp_bytes(from, (size_t)(s->p - from)));
	}
	if (c == '\'' || c == '"') {
		s->label = false;
		SP_TRY(quoted(s, c, false));
		return count(s);
	}
	if (c == '$') {
		s->label = false;
		return dollar(s);
	}
	return mark(s, c);
}

int sp_sql_pg_scan(struct sp_bytes text, struct sp_sql_verdict *v)
{
	struct scan s = {.p = text.p, .end = text.p + text.n, .v = v};

	while (s.p < s.end)
		if (!skip_blank(&s))
			SP_TRY(token(&s));
	return 0;
}
