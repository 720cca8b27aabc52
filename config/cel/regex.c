#include "config/cel/regex.h"

#include "common/banned.h"

#define RANGES_TOTAL_MAX 4096u
#define VISITS_MAX 65536u ///< of the tree: nothing repeated often costs time, too

struct writer {
	struct sp_cel_re_insn *insn;
	struct sp_cel_re_range *range;
	uint32_t n, range_n, visits;
	bool full;
};

static uint32_t put(struct writer *w, enum sp_cel_re_op op, uint8_t x, uint32_t a, uint32_t b)
{
	if (w->n == SP_CEL_RE_INSNS_MAX) {
		w->full = true;
		return 0;
	}
	w->insn[w->n] = (struct sp_cel_re_insn){(uint8_t)op, x, (uint16_t)a, b};
	return w->n++;
}

static void put_class(struct writer *w, const struct re_node *n)
{
	if (n->negated && n->range_n == 0) {
		put(w, SP_CEL_RE_ANY, 0, 0, 0);
		return;
	}
	if (!n->negated && n->range_n == 1 && n->range[0].lo == n->range[0].hi) {
		put(w, SP_CEL_RE_CHAR, 0, 0, n->range[0].lo);
		return;
	}
	if (n->range_n > RANGES_TOTAL_MAX - w->range_n) {
		w->full = true;
		return;
	}
	put(w, SP_CEL_RE_CLASS, n->negated, w->range_n, n->range_n);
	if (n->range_n)
		memcpy(w->range + w->range_n, n->range, n->range_n * sizeof(*n->range));
	w->range_n += n->range_n;
}

static void emit(struct writer *w, const struct re_node *n);

static void emit_alternatives(struct writer *w, const struct re_node *n)
{
	uint32_t ends = UINT32_MAX, split, jump;

	for (const struct re_node *c = n->child; c; c = c->next) {
		if (!c->next) {
			emit(w, c);
			break;
		}
		split = put(w, SP_CEL_RE_SPLIT, 0, w->n + 1, 0);
		emit(w, c);
		jump = put(w, SP_CEL_RE_JUMP, 0, 0, ends);
		ends = jump;
		w->insn[split].b = w->n;
	}
	while (!w->full && ends != UINT32_MAX) {
		jump = ends;
		ends = w->insn[jump].b;
		w->insn[jump].b = w->n;
	}
}

static void emit_repeat(struct writer *w, const struct re_node *n)
{
	uint32_t at, splits = UINT32_MAX;

	for (uint32_t i = 0; i < n->min && !w->full; i++)
		emit(w, n->child);
	if (n->max == RE_ENDLESS) {
		at = put(w, SP_CEL_RE_SPLIT, 0, w->n + 1, 0);
		emit(w, n->child);
		put(w, SP_CEL_RE_JUMP, 0, 0, at);
		w->insn[at].b = w->n;
		return;
	}
	for (uint32_t i = n->min; i < n->max && !w->full; i++) {
		splits = put(w, SP_CEL_RE_SPLIT, 0, w->n + 1, splits);
		emit(w, n->child);
	}
	while (!w->full && splits != UINT32_MAX) {
		at = splits;
		splits = w->insn[at].b;
		w->insn[at].b = w->n;
	}
}

static void emit(struct writer *w, const struct re_node *n)
{
	if (w->visits++ > VISITS_MAX)
		w->full = true;
	if (w->full)
		return;
	switch (n->kind) {
	case RE_EMPTY:
		break;
	case RE_CLASS:
		put_class(w, n);
		break;
	case RE_ASSERT:
		put(w, n->assert_op, 0, 0, 0);
		break;
	case RE_CAT:
		for (const struct re_node *c = n->child; c; c = c->next)
			emit(w, c);
		break;
	case RE_ALT:
		emit_alternatives(w, n);
		break;
	case RE_REPEAT:
		emit_repeat(w, n);
		break;
	}
}

const uint8_t *cel_regex(struct sp_arena *arena, struct sp_bytes pattern, size_t *ret_n,
	const char **ret_what, size_t *ret_at)
{
	struct re_parser p = {.arena = arena, .s = pattern};
	struct re_node *root = re_parse(&p);
	struct writer w = {.n = 0};
	struct sp_cel_re head;
	uint8_t *out = NULL;
	size_t insns, ranges;

	w.insn = sp_arena_alloc(arena, SP_CEL_RE_INSNS_MAX * sizeof(*w.insn));
	w.range = sp_arena_alloc(arena, RANGES_TOTAL_MAX * sizeof(*w.range));
	*ret_at = p.at;
	*ret_what = p.what ? p.what : "out of memory";
	if (!root || !w.insn || !w.range)
		return NULL;
	emit(&w, root);
	put(&w, SP_CEL_RE_MATCH, 0, 0, 0);
	*ret_what = "it is too large";
	if (w.full)
		return NULL;
	head = (struct sp_cel_re){(uint16_t)w.n, (uint16_t)w.range_n};
	insns = w.n * sizeof(*w.insn);
	ranges = w.range_n * sizeof(*w.range);
	out = sp_arena_alloc(arena, sizeof(head) + insns + ranges);
	if (!out)
		return NULL;
	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), w.insn, insns);
	if (ranges)
		memcpy(out + sizeof(head) + insns, w.range, ranges);
	*ret_n = sizeof(head) + insns + ranges;
	return out;
}
