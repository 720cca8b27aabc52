#include "config/cel/parse.h"

#include "common/banned.h"

struct cel_node *cel_syntax(struct cel_parser *p, const char *mend, const char *what)
{
	if (p->l.tok != CEL_T_BAD)
		cel_problem(p->l.c, p->l.off, mend, "%s", what);
	p->l.tok = CEL_T_BAD;
	return NULL;
}

struct cel_node *cel_new(
	struct cel_parser *p, enum cel_kind kind, uint32_t off, struct cel_node **arg, uint32_t n)
{
	struct cel_node *node = cel_node(p->l.c, kind, off, n);

	for (uint32_t i = 0; node && i < n; i++) {
		if (!arg[i])
			return NULL;
		node->arg[i] = arg[i];
		node->depth = sp_max(node->depth, arg[i]->depth + 1);
	}
	if (node && node->depth > CEL_DEPTH_MAX)
		return cel_syntax(
			p, "split it into several rules", "the condition is too long a chain");
	return node;
}

bool cel_is(const struct cel_parser *p, char c)
{
	return p->l.tok == CEL_T_CHAR && p->l.u == (uint64_t)c;
}

bool cel_take(struct cel_parser *p, char c)
{
	if (!cel_is(p, c))
		return false;
	cel_next(&p->l);
	return true;
}

static bool reserved(struct sp_bytes name)
{
	static const char *const word[] = {"as", "break", "const", "continue", "else", "for",
		"function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
		"void", "while"};

	for (size_t i = 0; i < SP_ARRAY_LEN(word); i++)
		if (sp_bytes_eq(name, sp_bytes_cstr(word[i])))
			return true;
	return false;
}

static bool keyword(struct sp_bytes name)
{
	return sp_bytes_eq(name, SP_LIT("true")) || sp_bytes_eq(name, SP_LIT("false")) ||
	       sp_bytes_eq(name, SP_LIT("null")) || sp_bytes_eq(name, SP_LIT("in"));
}

/// Expressions with commas between them up to `close`, which is taken; NULL on error.
static struct cel_node *sequence(
	struct cel_parser *p, struct cel_node *into, char close, bool pairs)
{
	struct cel_node **arg;
	uint32_t cap = 0, n = 0;

	while (!cel_is(p, close)) {
		if (cel_is(p, '?'))
			return cel_syntax(p, NULL, "optional elements are not supported");
		if (n + 2 > cap) {
			arg = sp_arena_alloc(
				p->l.c->arena, (cap * 2ul + 4) * sizeof(struct cel_node *));
			if (!arg)
				return cel_syntax(p, NULL, "out of memory");
			if (n)
				memcpy(arg, into->arg, n * sizeof(struct cel_node *));
			into->arg = arg;
			cap = cap * 2 + 4;
		}
		for (unsigned i = 0; i < 1u + pairs; i++) {
			if (i && !cel_take(p, ':'))
				return cel_syntax(p, "{key: value}", "a map's key without a value");
			into->arg[n] = cel_enter(p);
			if (!into->arg[n])
				return NULL;
			into->depth = sp_max(into->depth, into->arg[n]->depth + 1);
			n++;
		}
		if (!cel_take(p, ',') && !cel_is(p, close))
			return cel_syntax(p, NULL,
				close == ')' ? "a call without its closing )"
				: pairs      ? "a map without its closing }"
					     : "a list without its closing ]");
	}
	cel_next(&p->l);
	into->n = n;
	return into;
}

static struct cel_node *literal(struct cel_parser *p, enum sp_cel_type type, uint64_t u)
{
	struct cel_node *n = cel_node(p->l.c, CEL_LIT, p->l.off, 0);

	if (n) {
		n->lit_type = type;
		n->u = u;
		n->text = p->l.text;
	}
	cel_next(&p->l);
	return n;
}

static uint64_t bits(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof(u));
	return u;
}

/// A number, after an odd count of minus signs or none.
static struct cel_node *number(struct cel_parser *p, bool minus)
{
	uint64_t u = p->l.u;

	if (p->l.tok == CEL_T_DOUBLE)
		return literal(p, SP_CEL_DOUBLE, bits(minus ? -p->l.d : p->l.d));
	if (u > (uint64_t)INT64_MAX + minus)
		return cel_syntax(p, "write 9223372036854775808u for an unsigned number",
			"the number is out of range");
	return literal(p, SP_CEL_INT, minus ? 0 - u : u);
}

/// A name, or a call of a function; `rooted` after a leading dot.
static struct cel_node *name(struct cel_parser *p, bool rooted)
{
	struct sp_bytes text = p->l.text;
	uint32_t off = p->l.off;
	struct cel_node *n;

	if (p->l.tok != CEL_T_NAME)
		return cel_syntax(p, NULL, "a name was expected");
	if (!rooted && sp_bytes_eq(text, SP_LIT("null")))
		return literal(p, SP_CEL_NULL, 0);
	if (!rooted && sp_bytes_eq(text, SP_LIT("true")))
		return literal(p, SP_CEL_BOOL, 1);
	if (!rooted && sp_bytes_eq(text, SP_LIT("false")))
		return literal(p, SP_CEL_BOOL, 0);
	if (keyword(text) || reserved(text))
		return cel_syntax(p, NULL, "a reserved word cannot be a name");
	cel_next(&p->l);
	n = cel_node(p->l.c, cel_is(p, '(') ? CEL_CALL : CEL_NAME, off, 0);
	if (!n)
		return NULL;
	n->text = text;
	n->rooted = rooted;
	if (n->kind == CEL_CALL) {
		cel_next(&p->l);
		n = sequence(p, n, ')', false);
	}
	return n && n->kind == CEL_CALL ? cel_macro(p, n) : n;
}

static struct cel_node *primary(struct cel_parser *p)
{
	struct cel_node *n;
	uint32_t off = p->l.off;
	bool minus;

	switch (p->l.tok) {
	case CEL_T_INT:
	case CEL_T_DOUBLE:
		minus = p->minus;
		p->minus = false;
		return number(p, minus);
	case CEL_T_UINT:
		return literal(p, SP_CEL_UINT, p->l.u);
	case CEL_T_STRING:
	case CEL_T_BYTES:
		return literal(p, p->l.tok == CEL_T_STRING ? SP_CEL_STRING : SP_CEL_BYTES, 0);
	case CEL_T_NAME:
		return name(p, false);
	default:
		break;
	}
	if (cel_take(p, '.'))
		return name(p, true);
	if (cel_take(p, '(')) {
		n = cel_enter(p);
		return n && !cel_take(p, ')') ? cel_syntax(p, NULL, "a ( without its )") : n;
	}
	if (cel_is(p, '[') || cel_is(p, '{')) {
		bool list = cel_is(p, '[');

		cel_next(&p->l);
		n = cel_node(p->l.c, list ? CEL_LIST : CEL_MAP, off, 0);
		return n ? sequence(p, n, list ? ']' : '}', !list) : NULL;
	}
	if (p->l.tok == CEL_T_END)
		return cel_syntax(p, NULL, "the condition ends where a value was expected");
	return cel_syntax(p, NULL, "a value was expected");
}

/// After a dot: a field, or a method with its arguments.
static struct cel_node *selected(struct cel_parser *p, struct cel_node *of)
{
	uint32_t off = p->l.off;
	bool quoted = p->l.tok == CEL_T_QUOTED;
	struct sp_bytes text = p->l.text;
	struct cel_node *n, *call;

	if (cel_is(p, '?'))
		return cel_syntax(p, "has(a.b) ? a.b : ...", "optional fields are not supported");
	if ((p->l.tok != CEL_T_NAME && !quoted) || (!quoted && keyword(text)))
		return cel_syntax(p, "a field's other characters go between `",
			"a field's name was expected");
	cel_next(&p->l);
	if (quoted || !cel_is(p, '(')) {
		n = cel_new(p, CEL_SELECT, off, &of, 1);
		if (n)
			n->text = text;
		return n;
	}
	cel_next(&p->l);
	call = cel_node(p->l.c, CEL_CALL, off, 0);
	if (!call || !sequence(p, call, ')', false))
		return NULL;
	n = cel_node(p->l.c, CEL_CALL, off, call->n + 1);
	if (!n)
		return NULL;
	n->arg[0] = of;
	if (call->n)
		memcpy(n->arg + 1, call->arg, call->n * sizeof(struct cel_node *));
	n->depth = sp_max(call->depth, of->depth + 1);
	n->text = text;
	n->method = true;
	if (n->depth > CEL_DEPTH_MAX)
		return cel_syntax(p, NULL, "the condition is too long a chain");
	return cel_macro(p, n);
}

static struct cel_node *member(struct cel_parser *p)
{
	struct cel_node *n = primary(p), *both[2];
	uint32_t off;

	while (n) {
		off = p->l.off;
		if (cel_take(p, '.')) {
			n = selected(p, n);
		} else if (cel_take(p, '[')) {
			if (cel_is(p, '?'))
				return cel_syntax(p, NULL, "optional elements are not supported");
			both[0] = n;
			both[1] = cel_enter(p);
			n = cel_new(p, CEL_OP, off, both, 2);
			if (!n)
				return NULL;
			n->op = SP_CEL_OP_INDEX;
			if (!cel_take(p, ']'))
				return cel_syntax(p, NULL, "a [ without its ]");
		} else if (cel_is(p, '{') && (n->kind == CEL_NAME || n->kind == CEL_SELECT)) {
			return cel_syntax(
				p, "use a map, {'key': value}", "messages cannot be made here");
		} else {
			break;
		}
	}
	return n;
}

struct cel_node *cel_unary(struct cel_parser *p)
{
	bool minus = cel_is(p, '-');
	uint32_t off = p->l.off, count = 0;
	struct cel_node *n;

	while (cel_take(p, minus ? '-' : '!'))
		if (++count > CEL_DEPTH_MAX)
			return cel_syntax(p, NULL, "too many signs in a row");
	if (minus && count && (p->l.tok == CEL_T_INT || p->l.tok == CEL_T_DOUBLE)) {
		p->minus = true;
		count--;
	}
	n = member(p);
	for (; n && count; count--) {
		n = cel_new(p, CEL_OP, off, &n, 1);
		if (n)
			n->op = minus ? SP_CEL_OP_NEG : SP_CEL_OP_NOT;
	}
	return n;
}
