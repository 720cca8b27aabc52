#include "config/written.h"

#include <ctype.h>
#include "common/banned.h"

struct walk {
	const char *p; ///< as it is written
	struct sp_bytes text;
	size_t at; ///< of the text, what stands at `p`
	struct sp_at where;
	unsigned indent;
	bool block;
};

int sp_written_copy(struct sp_arena *arena, const struct sp_written *w, struct sp_written *ret)
{
	struct sp_written copy = {.style = w->style};

	if (w->s) {
		copy.s = sp_arena_str(arena, sp_bytes_cstr(w->s));
		if (!copy.s)
			return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static struct sp_at to_the_letter(struct sp_bytes text, size_t off, struct sp_at at)
{
	unsigned from = at.col;

	for (size_t i = 0; i < off && i < text.n; i++) {
		if (text.p[i] == '\n') {
			at.line++;
			at.col = from;
		} else {
			at.col++;
		}
	}
	return at;
}

static void skip_blanks(struct walk *w, unsigned most)
{
	for (; most-- && (*w->p == ' ' || *w->p == '\t'); w->p++)
		w->where.col++;
}

/// At the end of a line, blanks before it aside?
static bool line_ends(const char *p, bool block)
{
	while (!block && (*p == ' ' || *p == '\t'))
		p++;
	return *p == '\n' || (*p == '\r' && p[1] == '\n');
}

/// One line break is a blank, more are one fewer, but for a block's lines that are indented further: however many,
/// they are one run in the text too.
static void pass_breaks(struct walk *w)
{
	while (line_ends(w->p, w->block)) {
		w->p = strchr(w->p, '\n') + 1;
		w->where.line++;
		w->where.col = 1;
		skip_blanks(w, w->block ? w->indent : UINT32_MAX);
	}
	if (w->at < w->text.n && w->text.p[w->at] == ' ') {
		w->at++;
		return;
	}
	while (w->at < w->text.n && w->text.p[w->at] == '\n')
		w->at++;
}

/// How many bytes of UTF-8 an escape of `digits` hexadecimal digits at `p` stands for; *ret_n: of how many it is.
static size_t code_bytes(const char *p, unsigned digits, size_t *ret_n)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < digits; i++) {
		char c = p[2 + i];

		*ret_n = 2 + i;
		if (!isxdigit((unsigned char)c))
			return 1;
		code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*ret_n = 2 + digits;
	if (digits == 4 && code >= 0xd800 && code < 0xdc00) { // JSON's pairs
		*ret_n += 6;
		return 4;
	}
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static size_t escape_bytes(const char *p, size_t *ret_n)
{
	*ret_n = p[1] ? 2 : 1;
	switch (p[1]) {
	case 'x':
		return code_bytes(p, 2, ret_n);
	case 'u':
		return code_bytes(p, 4, ret_n);
	case 'U':
		return code_bytes(p, 8, ret_n);
	case 'N':
	case '_':
		return 2;
	case 'L':
	case 'P':
		return 3;
	default:
		return 1;
	}
}

static void pass_one(struct walk *w, enum sp_written_style style)
{
	size_t n = 1, bytes = 1;

	if (style == SP_WRITTEN_DOUBLE && *w->p == '\\')
		bytes = escape_bytes(w->p, &n);
	else if (style == SP_WRITTEN_SINGLE && *w->p == '\'')
		n = 2;
	w->where.col += (unsigned)n;
	w->at += bytes;
	while (n-- && *w->p)
		w->p++;
}

/// Blanks within a line, which are the text's: that no line ends behind them was looked for once.
static void pass_blanks(struct walk *w, size_t off)
{
	size_t n = sp_min(strspn(w->p, " \t"), off - w->at);

	w->where.col += (unsigned)n;
	w->at += n;
	w->p += n;
}

/// A line that goes on below: nothing of it stands for a part of the text.
static bool continued(const char *p, enum sp_written_style style)
{
	return style == SP_WRITTEN_DOUBLE && *p == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n'));
}

struct sp_at sp_written_at(const struct sp_written *w, struct sp_bytes text, size_t off, struct sp_at at)
{
	struct walk k = {.p = w->s, .text = text, .where = at, .indent = at.col - 1,
		.block = w->style == SP_WRITTEN_FOLDED};

	if (!w->s)
		return to_the_letter(text, off, at);
	while (*k.p && (k.at < off || continued(k.p, w->style))) {
		if (continued(k.p, w->style)) {
			k.p = strchr(k.p, '\n') + 1;
			k.where.line++;
			k.where.col = 1;
			skip_blanks(&k, UINT32_MAX);
		} else if (line_ends(k.p, k.block)) {
			pass_breaks(&k);
		} else if (*k.p == ' ' || *k.p == '\t') {
			pass_blanks(&k, off);
		} else {
			pass_one(&k, w->style);
		}
	}
	return k.where;
}
