#include "common/cel/value.h"

#include "common/banned.h"

/// Simulation of the automaton: all states it may be in at once, each at most once a position, so a
/// text takes no longer than its length times the automaton's size.
struct sim {
	uint32_t visited; ///< states entered since the last payment
	const uint8_t *insn, *range;
	uint32_t n;
	struct sp_bytes s;
	uint16_t *now, *then, *stack;
	uint32_t *mark; ///< position + 1 at which an instruction was last reached
	uint32_t now_n, then_n;
};

static struct sp_cel_re_insn insn_at(const struct sim *m, uint32_t i)
{
	struct sp_cel_re_insn in;

	memcpy(&in, m->insn + i * sizeof(in), sizeof(in));
	return in;
}

static uint32_t code_point(struct sp_bytes s, size_t *at)
{
	uint32_t c = s.p[(*at)++];
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more)
		c &= 0x3fu >> more;
	for (; more && *at < s.n && (s.p[*at] & 0xc0) == 0x80; more--)
		c = c << 6 | (s.p[(*at)++] & 0x3fu);
	return c;
}

static bool in_ranges(const struct sim *m, const struct sp_cel_re_insn *in, uint32_t c)
{
	uint32_t lo = in->a, hi = in->a + in->b;
	struct sp_cel_re_range r;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		memcpy(&r, m->range + mid * sizeof(r), sizeof(r));
		if (c < r.lo)
			hi = mid;
		else if (c > r.hi)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}

static bool takes(const struct sim *m, const struct sp_cel_re_insn *in, uint32_t c)
{
	switch (in->op) {
	case SP_CEL_RE_CHAR:
		return in->b == c;
	case SP_CEL_RE_CLASS:
		return in_ranges(m, in, c) != (in->x != 0);
	default:
		return in->op == SP_CEL_RE_ANY;
	}
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static bool asserted(const struct sim *m, uint8_t op, size_t at)
{
	bool first = at == 0, last = at == m->s.n;
	bool edge = (!first && is_word(m->s.p[at - 1])) != (!last && is_word(m->s.p[at]));

	switch (op) {
	case SP_CEL_RE_TEXT_START:
		return first;
	case SP_CEL_RE_TEXT_END:
		return last;
	case SP_CEL_RE_LINE_START:
		return first || m->s.p[at - 1] == '\n';
	case SP_CEL_RE_LINE_END:
		return last || m->s.p[at] == '\n';
	case SP_CEL_RE_WORD_EDGE:
		return edge;
	default:
		return !edge;
	}
}

static void visit(struct sim *m, uint32_t *depth, uint32_t i, size_t at)
{
	if (m->mark[i] == (uint32_t)at + 1)
		return;
	m->mark[i] = (uint32_t)at + 1;
	m->visited++;
	m->stack[(*depth)++] = (uint16_t)i;
}

/// Everything reachable from `from` without taking a character; true when that is a match.
static bool enter(struct sim *m, uint32_t from, size_t at)
{
	uint32_t depth = 0;

	visit(m, &depth, from, at);
	while (depth) {
		uint32_t i = m->stack[--depth];
		struct sp_cel_re_insn in = insn_at(m, i);

		switch (in.op) {
		case SP_CEL_RE_MATCH:
			return true;
		case SP_CEL_RE_SPLIT:
			visit(m, &depth, in.a, at);
			visit(m, &depth, in.b, at);
			break;
		case SP_CEL_RE_JUMP:
			visit(m, &depth, in.b, at);
			break;
		case SP_CEL_RE_CHAR:
		case SP_CEL_RE_CLASS:
		case SP_CEL_RE_ANY:
			m->then[m->then_n++] = (uint16_t)i;
			break;
		default:
			if (asserted(m, in.op, at))
				visit(m, &depth, i + 1, at);
		}
	}
	return false;
}

static void swap(struct sim *m)
{
	uint16_t *t = m->now;

	m->now = m->then;
	m->now_n = m->then_n;
	m->then = t;
	m->then_n = 0;
}

/// Where the next match can begin at the earliest, when nothing is under way.
static size_t first_from(const struct sim *m, size_t at)
{
	struct sp_cel_re_insn in = insn_at(m, 0);
	const uint8_t *p;

	if (in.op == SP_CEL_RE_TEXT_START && at > 0)
		return m->s.n + 1;
	if (in.op != SP_CEL_RE_CHAR || in.b >= 0x80)
		return at;
	p = at < m->s.n ? memchr(m->s.p + at, (int)in.b, m->s.n - at) : NULL;
	return p ? (size_t)(p - m->s.p) : m->s.n + 1;
}

static enum sp_cel_error run(struct sim *m, struct cel_meter *meter, bool *ret)
{
	size_t at = 0, next;
	uint32_t c;

	for (;;) {
		if (m->then_n == 0) {
			next = first_from(m, at);
			if (!cel_pay(meter, (next - at) / 64))
				return SP_CEL_E_COST;
			at = next;
			if (at > m->s.n)
				return SP_CEL_E_NONE;
		}
		if (enter(m, 0, at)) {
			*ret = true;
			return SP_CEL_E_NONE;
		}
		swap(m);
		if (at == m->s.n)
			return SP_CEL_E_NONE;
		if (!cel_pay(meter, m->now_n / 8 + m->visited / 32 + at % 2))
			return SP_CEL_E_COST;
		m->visited = 0;
		c = code_point(m->s, &at);
		for (uint32_t i = 0; i < m->now_n; i++) {
			struct sp_cel_re_insn in = insn_at(m, m->now[i]);

			if (takes(m, &in, c) && enter(m, m->now[i] + 1u, at)) {
				*ret = true;
				return SP_CEL_E_NONE;
			}
		}
	}
}

enum sp_cel_error cel_match(
	const uint8_t *re, struct sp_bytes text, struct cel_meter *meter, bool *ret)
{
	size_t used = meter->arena->used;
	struct sp_cel_re head;
	struct sim m = {.s = text, .insn = re + sizeof(head)};
	enum sp_cel_error e;

	memcpy(&head, re, sizeof(head));
	m.n = head.insn_n;
	m.range = m.insn + m.n * sizeof(struct sp_cel_re_insn);
	if (text.n >= UINT32_MAX)
		return SP_CEL_E_COST;
	m.mark = sp_cel_alloc(meter->arena, m.n * sizeof(*m.mark));
	m.now = sp_cel_alloc(meter->arena, m.n * 3 * sizeof(*m.now));
	if (!m.mark || !m.now)
		return SP_CEL_E_COST;
	memset(m.mark, 0, m.n * sizeof(*m.mark));
	m.then = m.now + m.n;
	m.stack = m.then + m.n;
	*ret = false;
	e = run(&m, meter, ret);
	meter->arena->used = used;
	return e;
}
