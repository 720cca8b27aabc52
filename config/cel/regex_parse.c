#include "config/cel/regex.h"

#include "common/banned.h"

static struct re_node *alternatives(struct re_parser *p);

struct re_node *re_fail(struct re_parser *p, const char *what)
{
	if (!p->what)
		p->what = what;
	return NULL;
}

struct re_node *re_node(struct re_parser *p, enum re_kind kind)
{
	struct re_node *n = sp_arena_alloc(p->arena, sizeof(*n));

	if (!n)
		return re_fail(p, "out of memory");
	n->kind = kind;
	return n;
}

int re_peek(const struct re_parser *p, size_t i)
{
	return p->at + i < p->s.n ? p->s.p[p->at + i] : -1;
}

uint32_t re_code_point(struct re_parser *p)
{
	uint32_t c = p->s.p[p->at++];
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more)
		c &= 0x3fu >> more;
	for (; more && p->at < p->s.n; more--)
		c = c << 6 | (p->s.p[p->at++] & 0x3fu);
	return c;
}

static bool append(struct re_node *to, struct re_node *n)
{
	if (!n)
		return false;
	if (to->last)
		to->last->next = n;
	else
		to->child = n;
	to->last = n;
	return true;
}

static uint32_t hex(struct re_parser *p)
{
	bool braces = re_peek(p, 0) == '{';
	uint32_t v = 0, n = 0;

	p->at += braces;
	for (;; p->at++, n++) {
		int c = re_peek(p, 0), low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v * 16 + (uint32_t)(c - '0');
		else if (c > 0 && low >= 'a' && low <= 'f')
			v = v * 16 + (uint32_t)(low - 'a' + 10);
		else
			break;
		if (v > RE_CODE_POINT_MAX)
			break;
		if (!braces && n == 1) {
			p->at++;
			n++;
			break;
		}
	}
	if (v > RE_CODE_POINT_MAX || n == 0 || (!braces && n != 2) ||
		(braces && re_peek(p, 0) != '}')) {
		re_fail(p, "an escape without its digits");
		return UINT32_MAX;
	}
	p->at += braces;
	return v;
}

uint32_t re_escaped(struct re_parser *p)
{
	static const char from[] = "aftnrv", to[] = "\a\f\t\n\r\v";
	int c = re_peek(p, 1);
	const char *known = c > 0 ? strchr(from, c) : NULL;

	p->at += 2;
	if (known)
		return (uint8_t)to[known - from];
	if (c == 'x')
		return hex(p);
	if (c > 0 && c < 0x80 && strchr("\\.+*?()|[]{}^$-/\"'`~!@#%&=:;<>, _", c))
		return (uint32_t)c;
	re_fail(p, c >= '1' && c <= '9'   ? "a reference back, which no linear search has"
		   : c == 'p' || c == 'P' ? "classes of Unicode are not supported"
					  : "an escape that is not supported");
	return UINT32_MAX;
}

static struct re_node *one(struct re_parser *p, uint32_t c)
{
	struct re_set set = {.n = 0};

	if (c == UINT32_MAX || !re_add(p, &set, c, c))
		return NULL;
	return re_class_of(p, &set, false);
}

static struct re_node *any(struct re_parser *p)
{
	struct re_node *n = re_node(p, RE_CLASS);

	if (!n || p->dot_all) {
		if (n)
			n->negated = true;
		return n;
	}
	n->range = sp_arena_alloc(p->arena, sizeof(*n->range));
	if (!n->range)
		return re_fail(p, "out of memory");
	*n->range = (struct sp_cel_re_range){'\n', '\n'};
	n->range_n = 1;
	n->negated = true;
	return n;
}

static struct re_node *assertion(struct re_parser *p, enum sp_cel_re_op op, size_t skip)
{
	struct re_node *n = re_node(p, RE_ASSERT);

	p->at += skip;
	if (n)
		n->assert_op = op;
	return n;
}

/// \Q...\E as it stands.
static struct re_node *verbatim(struct re_parser *p)
{
	struct re_node *cat = re_node(p, RE_CAT);

	p->at += 2;
	while (cat && re_peek(p, 0) >= 0 && !(re_peek(p, 0) == '\\' && re_peek(p, 1) == 'E'))
		if (!append(cat, one(p, re_code_point(p))))
			return NULL;
	p->at += re_peek(p, 0) >= 0 ? 2 : 0;
	return cat;
}

static struct re_node *backslash(struct re_parser *p)
{
	struct re_set set = {.n = 0};
	int c = re_peek(p, 1);

	switch (c) {
	case 'A':
		return assertion(p, SP_CEL_RE_TEXT_START, 2);
	case 'z':
		return assertion(p, SP_CEL_RE_TEXT_END, 2);
	case 'b':
		return assertion(p, SP_CEL_RE_WORD_EDGE, 2);
	case 'B':
		return assertion(p, SP_CEL_RE_NO_WORD_EDGE, 2);
	case 'Q':
		return verbatim(p);
	default:
		break;
	}
	if (c > 0 && strchr("dDwWsS", c)) {
		p->at += 2;
		return re_perl(p, &set, c) ? re_class_of(p, &set, false) : NULL;
	}
	return one(p, re_escaped(p));
}

/// (?i), (?i-s:...): true at the ":" of a group, false at the ")" of flags that hold from here on.
static bool flags(struct re_parser *p, bool *group)
{
	bool on = true;

	for (;; p->at++) {
		switch (re_peek(p, 0)) {
		case 'i':
			p->fold = on;
			break;
		case 'm':
			p->lines = on;
			break;
		case 's':
			p->dot_all = on;
			break;
		case 'U':
			break;
		case '-':
			on = false;
			break;
		case ':':
		case ')':
			*group = p->s.p[p->at++] == ':';
			return true;
		default:
			re_fail(p, "a group of a kind that is not supported");
			return false;
		}
	}
}

static bool name(struct re_parser *p)
{
	size_t skip = re_peek(p, 0) == 'P' && re_peek(p, 1) == '<' ? 2
		      : re_peek(p, 0) == '<'                       ? 1
								   : 0;
	size_t from = p->at + skip;
	int c;

	if (!skip)
		return false;
	for (p->at = from;; p->at++) {
		c = re_peek(p, 0);
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '_'))
			break;
	}
	if (c != '>' || p->at == from) {
		re_fail(p, "a group's name that is none");
		return false;
	}
	p->at++;
	return true;
}

static struct re_node *group(struct re_parser *p)
{
	struct re_parser before = *p;
	struct re_node *n;
	bool grouped = true;

	p->at++;
	if (re_peek(p, 0) == '?') {
		p->at++;
		if (!name(p) && (p->what || !flags(p, &grouped)))
			return NULL;
	}
	if (!grouped)
		return re_node(p, RE_EMPTY);
	if (++p->nest > RE_NEST_MAX)
		return re_fail(p, "groups within groups, too many levels");
	n = alternatives(p);
	p->nest--;
	if (!n)
		return NULL;
	if (re_peek(p, 0) != ')')
		return re_fail(p, "a ( without its )");
	p->at++;
	p->fold = before.fold;
	p->lines = before.lines;
	p->dot_all = before.dot_all;
	return n;
}

static struct re_node *atom(struct re_parser *p)
{
	switch (re_peek(p, 0)) {
	case '(':
		return group(p);
	case '[':
		return re_class(p);
	case '\\':
		return backslash(p);
	case '.':
		p->at++;
		return any(p);
	case '^':
		return assertion(p, p->lines ? SP_CEL_RE_LINE_START : SP_CEL_RE_TEXT_START, 1);
	case '$':
		return assertion(p, p->lines ? SP_CEL_RE_LINE_END : SP_CEL_RE_TEXT_END, 1);
	case '*':
	case '+':
	case '?':
		return re_fail(p, "nothing to repeat");
	default:
		return one(p, re_code_point(p));
	}
}

static bool count(struct re_parser *p, size_t *at, uint32_t *ret)
{
	uint32_t v = 0;
	size_t from = *at;

	for (; *at < p->s.n && p->s.p[*at] >= '0' && p->s.p[*at] <= '9'; (*at)++)
		v = sp_min(v * 10 + (p->s.p[*at] - '0'), RE_REPEAT_MAX + 1);
	*ret = v;
	return *at > from;
}

/// {2}, {2,}, {2,5}; any other brace is a character. Takes it when it is one.
static bool braces(struct re_parser *p, uint32_t *min, uint32_t *max)
{
	size_t at = p->at + 1;

	if (!count(p, &at, min))
		return false;
	*max = *min;
	if (at < p->s.n && p->s.p[at] == ',') {
		at++;
		if (!count(p, &at, max))
			*max = RE_ENDLESS;
	}
	if (at >= p->s.n || p->s.p[at] != '}')
		return false;
	p->at = at + 1;
	return true;
}

static bool repeat(struct re_parser *p, uint32_t *min, uint32_t *max)
{
	int c = re_peek(p, 0);

	if (c == '{')
		return braces(p, min, max);
	if (c != '*' && c != '+' && c != '?')
		return false;
	*min = c == '+';
	*max = c == '?' ? 1 : RE_ENDLESS;
	p->at++;
	return true;
}

static struct re_node *repeated(struct re_parser *p)
{
	struct re_node *n = atom(p), *r;
	uint32_t min, max;

	if (!n || !repeat(p, &min, &max))
		return n;
	if (min > RE_REPEAT_MAX || (max != RE_ENDLESS && (max > RE_REPEAT_MAX || max < min)))
		return re_fail(p, "a count out of range");
	if (re_peek(p, 0) == '?')
		p->at++;
	r = re_node(p, RE_REPEAT);
	if (!r)
		return NULL;
	r->child = n;
	r->min = min;
	r->max = max;
	return repeat(p, &min, &max) ? re_fail(p, "a repetition of a repetition") : r;
}

static struct re_node *sequence(struct re_parser *p)
{
	struct re_node *cat = re_node(p, RE_CAT);

	while (cat && re_peek(p, 0) >= 0 && re_peek(p, 0) != '|' && re_peek(p, 0) != ')')
		if (!append(cat, repeated(p)))
			return NULL;
	return cat;
}

static struct re_node *alternatives(struct re_parser *p)
{
	struct re_node *alt = re_node(p, RE_ALT);

	while (alt) {
		if (!append(alt, sequence(p)))
			return NULL;
		if (re_peek(p, 0) != '|')
			break;
		p->at++;
	}
	return alt;
}

struct re_node *re_parse(struct re_parser *p)
{
	struct re_node *n = alternatives(p);

	if (n && p->at < p->s.n)
		return re_fail(p, "a ) without its (");
	return n;
}
