#include "config/cel/regex.h"

#include "common/banned.h"

#define KELVIN 0x212au ///< folds to k
#define LONG_S 0x17fu ///< folds to s

bool re_add(struct re_parser *p, struct re_set *set, uint32_t lo, uint32_t hi)
{
	if (set->n == RE_RANGES_MAX) {
		re_fail(p, "a class of too many ranges");
		return false;
	}
	set->r[set->n++] = (struct sp_cel_re_range){lo, hi};
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct sp_cel_re_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void normalise(struct re_set *set)
{
	uint32_t n = 0;

	qsort(set->r, set->n, sizeof(set->r[0]), by_start);
	for (uint32_t i = 0; i < set->n; i++) {
		if (n && set->r[i].lo <= set->r[n - 1].hi + 1)
			set->r[n - 1].hi = sp_max(set->r[n - 1].hi, set->r[i].hi);
		else
			set->r[n++] = set->r[i];
	}
	set->n = n;
}

/// Both cases of what ASCII letters are in the set; others have no case here and are refused.
static bool fold(struct re_parser *p, struct re_set *set)
{
	uint32_t n = set->n;

	for (uint32_t i = 0; i < n; i++) {
		struct sp_cel_re_range r = set->r[i];

		if (r.hi >= 0x80 && r.hi != RE_CODE_POINT_MAX) {
			re_fail(p, "(?i) is for ASCII characters only");
			return false;
		}
		for (uint32_t c = r.lo; c <= r.hi && c < 0x80; c++) {
			uint32_t low = c | 0x20;

			if (low < 'a' || low > 'z' || c < 'A')
				continue;
			if (!re_add(p, set, c ^ 0x20, c ^ 0x20))
				return false;
			if ((low == 'k' && !re_add(p, set, KELVIN, KELVIN)) ||
				(low == 's' && !re_add(p, set, LONG_S, LONG_S)))
				return false;
		}
	}
	return true;
}

struct re_node *re_class_of(struct re_parser *p, struct re_set *set, bool negated)
{
	struct re_node *n;

	normalise(set);
	if (p->fold && !fold(p, set))
		return NULL;
	normalise(set);
	n = re_node(p, RE_CLASS);
	if (!n)
		return NULL;
	n->range = sp_arena_alloc(p->arena, (set->n + 1) * sizeof(*n->range));
	if (!n->range)
		return re_fail(p, "out of memory");
	memcpy(n->range, set->r, set->n * sizeof(*n->range));
	n->range_n = set->n;
	n->negated = negated;
	return n;
}

static bool add_all(struct re_parser *p, struct re_set *set, const char *pairs, bool negated)
{
	uint32_t from = 0;

	for (; *pairs; pairs += 2) {
		uint32_t lo = (uint8_t)pairs[0], hi = (uint8_t)pairs[1];

		if (!negated && !re_add(p, set, lo, hi))
			return false;
		if (negated && lo > from && !re_add(p, set, from, lo - 1))
			return false;
		from = hi + 1;
	}
	return !negated || re_add(p, set, from, RE_CODE_POINT_MAX);
}

bool re_perl(struct re_parser *p, struct re_set *set, int c)
{
	static const struct {
		char c;
		const char *pairs; ///< ascending
	} perl[] = {{'d', "09"}, {'w', "09AZ__az"}, {'s', "\t\n\f\r  "}};

	for (size_t i = 0; i < SP_ARRAY_LEN(perl); i++)
		if ((c | 0x20) == perl[i].c)
			return add_all(p, set, perl[i].pairs, c < 'a');
	return false;
}

/// [:alpha:] inside of a class; false when there is none or after a failure.
static bool posix(struct re_parser *p, struct re_set *set)
{
	static const struct {
		const char *name, *pairs;
	} named[] = {{"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\x01\x7f"},
		{"blank", "\t\t  "}, {"cntrl", "\x01\x1f\x7f\x7f"}, {"digit", "09"},
		{"graph", "!~"}, {"lower", "az"}, {"print", " ~"}, {"punct", "!/:@[`{~"},
		{"space", "\t\r  "}, {"upper", "AZ"}, {"word", "09AZ__az"}, {"xdigit", "09AFaf"}};
	bool negated = re_peek(p, 2) == '^';
	size_t from = p->at + 2 + negated;

	for (size_t i = 0; i < SP_ARRAY_LEN(named); i++) {
		size_t len = strlen(named[i].name);

		if (p->s.n < from + len + 2 || memcmp(p->s.p + from, named[i].name, len) != 0 ||
			memcmp(p->s.p + from + len, ":]", 2) != 0)
			continue;
		p->at = from + len + 2;
		if ((strcmp(named[i].name, "ascii") == 0 || strcmp(named[i].name, "cntrl") == 0) &&
			!negated && !re_add(p, set, 0, 0))
			return false;
		return add_all(p, set, named[i].pairs, negated);
	}
	re_fail(p, "a class that is not known");
	return false;
}

/// One end of a range; UINT32_MAX after a failure.
static uint32_t bound(struct re_parser *p)
{
	if (re_peek(p, 0) == '\\')
		return re_escaped(p);
	return re_code_point(p);
}

static bool item(struct re_parser *p, struct re_set *set)
{
	uint32_t lo, hi;

	if (re_peek(p, 0) == '[' && re_peek(p, 1) == ':')
		return posix(p, set);
	if (re_peek(p, 0) == '\\' && re_peek(p, 1) > 0 && strchr("dDwWsS", re_peek(p, 1))) {
		p->at += 2;
		return re_perl(p, set, p->s.p[p->at - 1]);
	}
	lo = hi = bound(p);
	if (lo == UINT32_MAX)
		return false;
	if (re_peek(p, 0) == '-' && re_peek(p, 1) >= 0 && re_peek(p, 1) != ']') {
		p->at++;
		hi = bound(p);
		if (hi == UINT32_MAX)
			return false;
		if (hi < lo) {
			re_fail(p, "a range that runs backwards");
			return false;
		}
	}
	return re_add(p, set, lo, hi);
}

struct re_node *re_class(struct re_parser *p)
{
	struct re_set set = {.n = 0};
	bool negated = re_peek(p, 1) == '^', first = true;

	p->at += 1 + negated;
	while (first || re_peek(p, 0) != ']') {
		if (re_peek(p, 0) < 0)
			return re_fail(p, "a [ without its ]");
		if (!item(p, &set))
			return NULL;
		first = false;
	}
	p->at++;
	return re_class_of(p, &set, negated);
}
