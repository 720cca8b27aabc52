#include "config/cel/lex.h"

#include "common/banned.h"

static int at(const struct cel_lexer *l, size_t i)
{
	return l->at + i < l->s.n ? l->s.p[l->at + i] : -1;
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void blanks(struct cel_lexer *l)
{
	for (;;) {
		int c = at(l, 0);

		if (c == '/' && at(l, 1) == '/') {
			while (at(l, 0) >= 0 && at(l, 0) != '\n')
				l->at++;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
			l->at++;
		} else {
			return;
		}
	}
}

static void bad(struct cel_lexer *l, const char *mend, const char *what)
{
	cel_problem(l->c, l->off, mend, "%s", what);
	l->tok = CEL_T_BAD;
}

/// "0x1f", "12", with `u` behind it.
static bool integer(struct cel_lexer *l)
{
	bool hex = at(l, 0) == '0' && (at(l, 1) == 'x' || at(l, 1) == 'X');
	uint64_t u = 0, base = hex ? 16 : 10;
	size_t from;

	l->at += hex ? 2 : 0;
	for (from = l->at;; l->at++) {
		int c = at(l, 0), low = c | 0x20;
		uint64_t digit;

		if (is_digit(c))
			digit = (unsigned)c - '0';
		else if (hex && c >= 0 && low >= 'a' && low <= 'f')
			digit = (unsigned)low - 'a' + 10;
		else
			break;
		if (__builtin_mul_overflow(u, base, &u) || __builtin_add_overflow(u, digit, &u)) {
			bad(l, NULL, "the number is out of range");
			return false;
		}
	}
	if (l->at == from) {
		bad(l, NULL, "a hexadecimal number without digits");
		return false;
	}
	l->u = u;
	l->tok = CEL_T_INT;
	if (at(l, 0) == 'u' || at(l, 0) == 'U') {
		l->tok = CEL_T_UINT;
		l->at++;
	}
	return true;
}

/// Length of a number with a fraction or an exponent; 0 when it is an integer.
static size_t double_length(const struct cel_lexer *l)
{
	size_t i = 0, e;
	bool is_double = false;

	while (is_digit(at(l, i)))
		i++;
	if (at(l, i) == '.' && is_digit(at(l, i + 1))) {
		is_double = true;
		for (i++; is_digit(at(l, i)); i++)
			;
	}
	if ((at(l, i) | 0x20) == 'e') {
		e = i + 1;
		e += at(l, e) == '+' || at(l, e) == '-';
		if (is_digit(at(l, e))) {
			is_double = true;
			for (i = e; is_digit(at(l, i)); i++)
				;
		}
	}
	return is_double ? i : 0;
}

static void number(struct cel_lexer *l)
{
	char text[128];
	size_t n = double_length(l);

	if (n >= sizeof(text)) {
		bad(l, NULL, "the number has too many digits");
		return;
	}
	if (n) {
		memcpy(text, l->s.p + l->at, n);
		text[n] = '\0';
		l->d = strtod(text, NULL);
		l->tok = CEL_T_DOUBLE;
		l->at += n;
		if (__builtin_isinf(l->d)) {
			bad(l, NULL, "the number is out of range");
			return;
		}
	} else if (!integer(l)) {
		return;
	}
	if (is_letter(at(l, 0)) || is_digit(at(l, 0)))
		bad(l, NULL, "a number ends in letters");
}

static void name(struct cel_lexer *l)
{
	size_t n = 0;

	while (is_letter(at(l, n)) || is_digit(at(l, n)))
		n++;
	l->text = sp_bytes(l->s.p + l->at, n);
	l->at += n;
	l->tok = CEL_T_NAME;
}

/// `name`: letters, digits and "_.-/ ".
static void quoted(struct cel_lexer *l)
{
	size_t n = 1;

	while (is_letter(at(l, n)) || is_digit(at(l, n)) ||
		(at(l, n) > 0 && strchr("_.-/ ", at(l, n))))
		n++;
	if (n == 1 || at(l, n) != '`') {
		bad(l, "letters, digits and _ . - / between two `", "a quoted name that is none");
		return;
	}
	l->text = sp_bytes(l->s.p + l->at + 1, n - 1);
	l->at += n + 1;
	l->tok = CEL_T_QUOTED;
}

static bool two_characters(struct cel_lexer *l)
{
	static const struct {
		char a, b;
		enum cel_tok tok;
	} pair[] = {{'|', '|', CEL_T_OR}, {'&', '&', CEL_T_AND}, {'<', '=', CEL_T_LE},
		{'>', '=', CEL_T_GE}, {'=', '=', CEL_T_EQ}, {'!', '=', CEL_T_NE}};

	for (size_t i = 0; i < SP_ARRAY_LEN(pair); i++) {
		if (at(l, 0) == pair[i].a && at(l, 1) == pair[i].b) {
			l->tok = pair[i].tok;
			l->at += 2;
			return true;
		}
	}
	return false;
}

/// A string's prefix: r, b, br, rb in any case, directly before a quote.
static bool string(struct cel_lexer *l)
{
	bool raw = false, bytes = false;
	size_t i;

	for (i = 0; i < 2; i++) {
		int c = at(l, i) | 0x20;

		if (c == 'r' && !raw)
			raw = true;
		else if (c == 'b' && !bytes)
			bytes = true;
		else
			break;
	}
	if (at(l, i) != '"' && at(l, i) != '\'')
		return false;
	l->at += i;
	l->tok = bytes ? CEL_T_BYTES : CEL_T_STRING;
	if (!cel_lex_string(l, raw, bytes))
		l->tok = CEL_T_BAD;
	return true;
}

void cel_next(struct cel_lexer *l)
{
	int c;

	if (l->tok == CEL_T_BAD)
		return;
	blanks(l);
	l->off = (uint32_t)l->at;
	c = at(l, 0);
	if (c < 0)
		l->tok = CEL_T_END;
	else if (string(l))
		return;
	else if (is_letter(c))
		name(l);
	else if (is_digit(c) || (c == '.' && is_digit(at(l, 1))))
		number(l);
	else if (c == '`')
		quoted(l);
	else if (two_characters(l))
		return;
	else if (strchr("()[]{}.,:?+-*/%!<>", c) && c) {
		l->tok = CEL_T_CHAR;
		l->u = (uint64_t)c;
		l->at++;
	} else if (c == '=' || c == '&' || c == '|') {
		bad(l,
			c == '='   ? "compare with =="
			: c == '&' ? "write &&"
				   : "write ||",
			"an operator that is none");
	} else {
		bad(l, NULL, "a character that means nothing here");
	}
}
