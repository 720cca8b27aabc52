/// A pattern's tree; regex_parse.c makes it, regex.c turns it into an automaton.
#pragma once

#include "config/cel/ast.h"

enum re_kind {
	RE_EMPTY,
	RE_CLASS, ///< ranges, sorted; one of a single code point is a character
	RE_ASSERT,
	RE_CAT,
	RE_ALT,
	RE_REPEAT, ///< child, min to max times; max RE_ENDLESS
};
#define RE_ENDLESS UINT32_MAX
#define RE_REPEAT_MAX 1000u
#define RE_NEST_MAX 100u
#define RE_RANGES_MAX 256u ///< of one class
#define RE_CODE_POINT_MAX 0x10ffffu

struct re_node {
	enum re_kind kind;
	enum sp_cel_re_op assert_op;
	struct re_node *child, *next, *last;
	struct sp_cel_re_range *range;
	uint32_t range_n;
	bool negated;
	uint32_t min, max;
};
struct re_parser {
	struct sp_arena *arena;
	struct sp_bytes s;
	size_t at;
	uint32_t nest;
	bool fold, lines, dot_all; ///< flags i, m, s
	const char *what; ///< why it failed
};
/// Ranges while a class is read.
struct re_set {
	struct sp_cel_re_range r[RE_RANGES_MAX];
	uint32_t n;
};

struct re_node *re_parse(struct re_parser *p);
struct re_node *re_node(struct re_parser *p, enum re_kind kind);
struct re_node *re_fail(struct re_parser *p, const char *what);
int re_peek(const struct re_parser *p, size_t i);
uint32_t re_code_point(struct re_parser *p);
/// regex_class.c: what stands after "[", an escape's class, a single character.
struct re_node *re_class(struct re_parser *p);
struct re_node *re_class_of(struct re_parser *p, struct re_set *set, bool negated);
bool re_add(struct re_parser *p, struct re_set *set, uint32_t lo, uint32_t hi);
/// \d \w \s and their complements into `set`; false when `c` is none of them.
bool re_perl(struct re_parser *p, struct re_set *set, int c);
/// A character after a backslash; UINT32_MAX when it is refused.
uint32_t re_escaped(struct re_parser *p);
