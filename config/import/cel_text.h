/// CEL as a row of tokens: enough to take a condition apart at its top and to see which variables
/// it reads. Not a parser: what policy is made of is compiled, and refused, elsewhere. Pure.
#pragma once

#include "config/arena.h"

enum sp_cel_tok_kind { SP_CEL_TOK_NAME = 1, SP_CEL_TOK_STRING, SP_CEL_TOK_NUMBER, SP_CEL_TOK_MARK };
struct sp_cel_tok {
	enum sp_cel_tok_kind kind;
	struct sp_bytes text; ///< of the source
	uint32_t depth; ///< brackets open around it; brackets themselves count as outside
	bool space; ///< something stood between it and the one before
};
struct sp_cel_toks {
	struct sp_cel_tok *v;
	uint32_t n;
};
#define SP_CEL_TOKS_MAX 4096u

/// -EINVAL for text that is no CEL: open strings or brackets, foreign characters, && or ||
/// without two sides; -E2BIG, -ENOMEM.
SP_MUST_CHECK int sp_cel_tokens(
	struct sp_bytes text, struct sp_arena *arena, struct sp_cel_toks *ret);
bool sp_cel_tok_is(const struct sp_cel_toks *t, uint32_t at, const char *text);
/// The row without brackets that enclose all of it.
struct sp_cel_toks sp_cel_bare(struct sp_cel_toks t);
/// Whether an operator stands outside all brackets.
bool sp_cel_has_top(const struct sp_cel_toks *t, const char *mark);
/// The part of `t` from *at up to the next `mark` outside all brackets; *at moves behind it. False
/// at the end.
bool sp_cel_next_part(
	const struct sp_cel_toks *t, const char *mark, uint32_t *at, struct sp_cel_toks *ret);
/// The value of a string literal without escapes, prefix or triple quotes; false for others.
bool sp_cel_literal(const struct sp_cel_tok *t, struct sp_bytes *ret);
