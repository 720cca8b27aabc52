#include "config/import/cel_text.h"

#include "common/banned.h"

static bool is_alpha(uint8_t c)
{
	return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/// Length of the string literal at `s`, 0 when there is none, SIZE_MAX when it does not end.
static size_t string_length(struct sp_bytes s)
{
	bool raw = false, triple;
	size_t i = 0;
	uint8_t quote;

	for (; i < s.n && i < 2 && sp_bytes_has(SP_LIT("rRbB"), s.p[i]); i++)
		raw = raw || (s.p[i] | 0x20) == 'r';
	if (i == s.n || (s.p[i] != '"' && s.p[i] != '\''))
		return 0;
	quote = s.p[i];
	triple = s.n - i >= 3 && s.p[i + 1] == quote && s.p[i + 2] == quote;
	for (i += triple ? 3 : 1; i < s.n; i++) {
		if (s.p[i] == '\\' && !raw) {
			i++;
			continue;
		}
		if (s.p[i] == '\n' && !triple)
			return SIZE_MAX;
		if (s.p[i] != quote)
			continue;
		if (!triple)
			return i + 1;
		if (s.n - i >= 3 && s.p[i + 1] == quote && s.p[i + 2] == quote)
			return i + 3;
	}
	return SIZE_MAX;
}

static size_t blank_length(struct sp_bytes s)
{
	size_t i = 0;

	for (;;) {
		while (i < s.n && sp_bytes_has(SP_LIT(" \t\r\n\f"), s.p[i]))
			i++;
		if (s.n - i < 2 || s.p[i] != '/' || s.p[i + 1] != '/')
			return i;
		while (i < s.n && s.p[i] != '\n')
			i++;
	}
}

static size_t mark_length(struct sp_bytes s)
{
	static const char *const two[] = {"&&", "||", "==", "!=", "<=", ">="};

	for (size_t i = 0; i < SP_ARRAY_LEN(two); i++)
		if (s.n >= 2 && memcmp(s.p, two[i], 2) == 0)
			return 2;
	return s.p[0] && strchr("()[]{}.,?:+-*/%!<>", s.p[0]) ? 1 : 0;
}

static int next_token(struct sp_bytes s, struct sp_cel_tok *ret)
{
	size_t n = string_length(s);

	if (n == SIZE_MAX)
		return -EINVAL;
	ret->kind = SP_CEL_TOK_STRING;
	if (n == 0 && is_alpha(s.p[0])) {
		ret->kind = SP_CEL_TOK_NAME;
		while (n < s.n && (is_alpha(s.p[n]) || is_digit(s.p[n])))
			n++;
	} else if (n == 0 && is_digit(s.p[0])) {
		ret->kind = SP_CEL_TOK_NUMBER;
		while (n < s.n && (is_alpha(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '.'))
			n++;
	} else if (n == 0) {
		ret->kind = SP_CEL_TOK_MARK;
		n = mark_length(s);
		if (n == 0)
			return -EINVAL;
	}
	ret->text = sp_bytes(s.p, n);
	return 0;
}

/// Brackets have to close in their order.
static int nest(struct sp_cel_tok *t, uint8_t *open, uint32_t cap, uint32_t *depth)
{
	static const char pairs[] = "()[]{}";
	const char *p =
		t->kind == SP_CEL_TOK_MARK && t->text.n == 1 ? strchr(pairs, t->text.p[0]) : NULL;

	t->depth = *depth;
	if (!p)
		return 0;
	if ((p - pairs) % 2 == 0) {
		if (*depth == cap)
			return -EINVAL;
		open[(*depth)++] = (uint8_t)p[1];
		return 0;
	}
	if (*depth == 0 || open[*depth - 1] != t->text.p[0])
		return -EINVAL;
	t->depth = --*depth;
	return 0;
}

static bool is_mark(const struct sp_cel_tok *t, const char *set)
{
	return t->kind == SP_CEL_TOK_MARK && t->text.n == 1 && strchr(set, t->text.p[0]);
}

/// Both sides of && and || hold something: what is cut there has no empty part.
static bool joined(const struct sp_cel_toks *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct sp_cel_tok *v = &t->v[i];

		if (v->kind != SP_CEL_TOK_MARK || (v->text.p[0] != '&' && v->text.p[0] != '|'))
			continue;
		if (i == 0 || i + 1 == t->n)
			return false;
		if (v[-1].kind == SP_CEL_TOK_MARK && !is_mark(v - 1, ")]}"))
			return false;
		if (v[1].kind == SP_CEL_TOK_MARK && !is_mark(v + 1, "([{!-"))
			return false;
	}
	return true;
}

int sp_cel_tokens(struct sp_bytes text, struct sp_arena *arena, struct sp_cel_toks *ret)
{
	struct sp_cel_toks t = {sp_arena_alloc(arena, (text.n + 1) * sizeof(*t.v)), 0};
	uint8_t open[64];
	uint32_t depth = 0;

	if (!t.v)
		return -ENOMEM;
	for (;;) {
		size_t blank = blank_length(text);
		struct sp_cel_tok *v = &t.v[t.n];

		text = sp_bytes(text.p + blank, text.n - blank);
		if (text.n == 0)
			break;
		if (t.n == SP_CEL_TOKS_MAX)
			return -E2BIG;
		SP_TRY(next_token(text, v));
		v->space = blank > 0;
		SP_TRY(nest(v, open, sizeof(open), &depth));
		text = sp_bytes(text.p + v->text.n, text.n - v->text.n);
		t.n++;
	}
	if (depth != 0 || t.n == 0 || !joined(&t))
		return -EINVAL;
	*ret = t;
	return 0;
}

bool sp_cel_tok_is(const struct sp_cel_toks *t, uint32_t at, const char *text)
{
	return at < t->n && t->v[at].kind != SP_CEL_TOK_STRING &&
	       sp_bytes_eq(t->v[at].text, sp_bytes_cstr(text));
}

/// Depths are those of the whole text: a part's own ground is the depth of its first token.
static uint32_t ground(const struct sp_cel_toks *t)
{
	return t->n ? t->v[0].depth : 0;
}

struct sp_cel_toks sp_cel_bare(struct sp_cel_toks t)
{
	while (t.n > 2 && sp_cel_tok_is(&t, 0, "(") && sp_cel_tok_is(&t, t.n - 1, ")")) {
		for (uint32_t i = 1; i + 1 < t.n; i++)
			if (t.v[i].depth == t.v[0].depth)
				return t;
		t.v++;
		t.n -= 2;
	}
	return t;
}

bool sp_cel_has_top(const struct sp_cel_toks *t, const char *mark)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->v[i].depth == ground(t) && sp_cel_tok_is(t, i, mark))
			return true;
	return false;
}

bool sp_cel_next_part(
	const struct sp_cel_toks *t, const char *mark, uint32_t *at, struct sp_cel_toks *ret)
{
	uint32_t from = *at, i = from;

	if (from >= t->n)
		return false;
	while (i < t->n && !(t->v[i].depth == ground(t) && sp_cel_tok_is(t, i, mark)))
		i++;
	*ret = sp_cel_bare((struct sp_cel_toks){t->v + from, i - from});
	*at = i + 1;
	return true;
}

bool sp_cel_literal(const struct sp_cel_tok *t, struct sp_bytes *ret)
{
	struct sp_bytes s = t->text;

	if (t->kind != SP_CEL_TOK_STRING || s.n < 2 || (s.p[0] != '"' && s.p[0] != '\'') ||
		memchr(s.p, '\\', s.n))
		return false;
	if (s.n >= 6 && s.p[1] == s.p[0] && s.p[2] == s.p[0])
		return false;
	*ret = sp_bytes(s.p + 1, s.n - 2);
	return true;
}
