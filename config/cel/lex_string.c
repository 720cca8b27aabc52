#include "config/cel/lex.h"

#include "common/banned.h"

/// What a string or bytes literal means; the result is no longer than what was written.
struct literal {
	struct cel_lexer *l;
	bool bytes;
	uint8_t *out;
	size_t n;
};

static int peek(const struct cel_lexer *l, size_t i)
{
	return l->at + i < l->s.n ? l->s.p[l->at + i] : -1;
}

static bool bad(struct cel_lexer *l, const char *mend, const char *what)
{
	cel_problem(l->c, (uint32_t)l->at, mend, "%s", what);
	return false;
}

static void put_code_point(struct literal *t, uint32_t c)
{
	uint8_t *o = t->out + t->n;

	if (c < 0x80) {
		*o = (uint8_t)c;
		t->n += 1;
	} else if (c < 0x800) {
		o[0] = (uint8_t)(0xc0 | c >> 6);
		o[1] = (uint8_t)(0x80 | (c & 0x3f));
		t->n += 2;
	} else if (c < 0x10000) {
		o[0] = (uint8_t)(0xe0 | c >> 12);
		o[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		o[2] = (uint8_t)(0x80 | (c & 0x3f));
		t->n += 3;
	} else {
		o[0] = (uint8_t)(0xf0 | c >> 18);
		o[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		o[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		o[3] = (uint8_t)(0x80 | (c & 0x3f));
		t->n += 4;
	}
}

static int digit_of(int c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c > 0 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		v = (c | 0x20) - 'a' + 10;
	return v < (int)base ? v : -1;
}

/// `n` digits from `skip` characters on; -1 when they are not there.
static int64_t digits(const struct cel_lexer *l, size_t skip, unsigned n, unsigned base)
{
	int64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		int d = digit_of(peek(l, skip + i), base);

		if (d < 0)
			return -1;
		v = v * base + d;
	}
	return v;
}

/// A number after a backslash: \x41 \u0041 \U00000041 \101.
static bool numeric(struct literal *t)
{
	struct cel_lexer *l = t->l;
	int c = peek(l, 1);
	bool unicode = c == 'u' || c == 'U', octal = c >= '0' && c <= '3';
	unsigned n = c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 2;
	int64_t v = digits(l, octal ? 1 : 2, n, octal ? 8 : 16);

	if (v < 0)
		return bad(
			l, "\\x41, \\u0041, \\U00000041 or \\101", "an escape without its digits");
	if (unicode && t->bytes)
		return bad(l, "\\x41 for one byte", "bytes have no code points");
	if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return bad(l, NULL, "an escape that is no code point");
	if (t->bytes)
		t->out[t->n++] = (uint8_t)v;
	else
		put_code_point(t, (uint32_t)v);
	l->at += n + (octal ? 1 : 2);
	return true;
}

static bool escape(struct literal *t)
{
	static const char from[] = "abfnrtv\\?\"'`", to[] = "\a\b\f\n\r\t\v\\?\"'`";
	int c = peek(t->l, 1);
	const char *known = c > 0 ? strchr(from, c) : NULL;

	if (known) {
		t->out[t->n++] = (uint8_t)to[known - from];
		t->l->at += 2;
		return true;
	}
	if ((c >= '0' && c <= '3') || c == 'x' || c == 'X' || c == 'u' || c == 'U')
		return numeric(t);
	return bad(t->l, "write \\\\ for a backslash, or r'...' for a raw string",
		"an escape that does not exist");
}

bool cel_lex_string(struct cel_lexer *l, bool raw, bool bytes)
{
	int quote = peek(l, 0);
	unsigned quotes = peek(l, 1) == quote && peek(l, 2) == quote ? 3 : 1;
	struct literal t = {.l = l, .bytes = bytes, .out = l->strings + l->strings_n};

	l->at += quotes;
	for (;;) {
		int c = peek(l, 0);

		if (c < 0 || (quotes == 1 && (c == '\n' || c == '\r')))
			return bad(l, "close it with the quote it began with",
				"a string without an end");
		if (c == quote && (quotes == 1 || (peek(l, 1) == quote && peek(l, 2) == quote)))
			break;
		if (c == '\\' && !raw) {
			if (!escape(&t))
				return false;
			continue;
		}
		t.out[t.n++] = (uint8_t)c;
		l->at++;
	}
	l->at += quotes;
	l->strings_n += t.n;
	l->text = sp_bytes(t.out, t.n);
	return true;
}
