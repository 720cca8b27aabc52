/// The parser's two files: parse.c up to unary operators, expression.c above them and macros.
#pragma once

#include "config/cel/lex.h"

struct cel_parser {
	struct cel_lexer l;
	uint32_t nest;
	bool minus; ///< the number that follows is negative
};
/// Report at the token that is looked at; NULL.
struct cel_node *cel_syntax(struct cel_parser *p, const char *mend, const char *what);
struct cel_node *cel_new(
	struct cel_parser *p, enum cel_kind kind, uint32_t off, struct cel_node **arg, uint32_t n);
bool cel_is(const struct cel_parser *p, char c);
bool cel_take(struct cel_parser *p, char c);
struct cel_node *cel_unary(struct cel_parser *p);
struct cel_node *cel_enter(struct cel_parser *p); ///< a whole expression, one level deeper
/// A call that is a macro as what it stands for, any other as it is.
struct cel_node *cel_macro(struct cel_parser *p, struct cel_node *call);
