/// Form of a compiled condition: what config/cel/ writes, verify.c checks and eval.c runs. Little
/// endian, read with memcpy, so a program may lie at any address. Head, instructions, constants,
/// then their bytes.
#pragma once

#include "common/cel/cel.h"

#define SP_CEL_MAGIC 0x314c4543u ///< "CEL1"
struct sp_cel_head {
	uint32_t magic;
	uint16_t code_n, const_n;
	uint32_t bytes; ///< of the whole program
	uint32_t spare;
};
struct sp_cel_insn {
	uint8_t op; ///< enum sp_cel_op
	uint8_t x;
	uint16_t y;
	uint32_t z;
};
/// STRING and BYTES: `v` offset in the program, `n` length. LIST: `v` first constant, `n` how many.
/// Types below are constants an instruction uses, never values.
struct sp_cel_const {
	uint32_t type; ///< enum sp_cel_type or one of SP_CEL_C_*
	uint32_t n;
	uint64_t v;
};
#define SP_CEL_C_REGEX 32u ///< bytes of struct sp_cel_re
#define SP_CEL_C_ZONE 33u ///< bytes of struct sp_cel_shift, ascending

/// Operands an instruction carries, for verify.c.
enum sp_cel_operand {
	SP_CEL_OPND_NONE,
	SP_CEL_OPND_CONST, ///< z: a constant that is a value
	SP_CEL_OPND_STRING, ///< z: a STRING constant
	SP_CEL_OPND_LIST, ///< z: a LIST constant
	SP_CEL_OPND_REGEX,
	SP_CEL_OPND_ZONE, ///< z: zone, x: enum sp_cel_fn of an accessor
	SP_CEL_OPND_VAR, ///< z: variable
	SP_CEL_OPND_SLOT, ///< y: a place on the stack
	SP_CEL_OPND_FN, ///< z: enum sp_cel_fn, x: arguments
	SP_CEL_OPND_ERROR, ///< z: enum sp_cel_error
	SP_CEL_OPND_JUMP, ///< the rest: jumps, each with its own rule
};

/// X(name, values taken, values left, operand). Branches say what is left when they fall through.
#define SP_CEL_OPS(X)                                                                              \
	X(CONST, 0, 1, CONST)                                                                      \
	X(VAR, 0, 1, VAR)                                                                          \
	X(HASVAR, 0, 1, VAR)                                                                       \
	X(LOCAL, 0, 1, SLOT)                                                                       \
	X(ERROR, 0, 1, ERROR)                                                                      \
	X(FIELD, 1, 1, STRING)                                                                     \
	X(HAS, 1, 1, STRING)                                                                       \
	X(INDEX, 2, 1, NONE)                                                                       \
	X(IN, 2, 1, NONE)                                                                          \
	X(IN_CONST, 1, 1, LIST)                                                                    \
	X(IN_SORTED, 1, 1, LIST)                                                                   \
	X(EQ, 2, 1, NONE)                                                                          \
	X(NE, 2, 1, NONE)                                                                          \
	X(EQ_CONST, 1, 1, CONST)                                                                   \
	X(NE_CONST, 1, 1, CONST)                                                                   \
	X(LT, 2, 1, NONE)                                                                          \
	X(LE, 2, 1, NONE)                                                                          \
	X(GT, 2, 1, NONE)                                                                          \
	X(GE, 2, 1, NONE)                                                                          \
	X(ADD, 2, 1, NONE)                                                                         \
	X(SUB, 2, 1, NONE)                                                                         \
	X(MUL, 2, 1, NONE)                                                                         \
	X(DIV, 2, 1, NONE)                                                                         \
	X(MOD, 2, 1, NONE)                                                                         \
	X(NOT, 1, 1, NONE)                                                                         \
	X(NEG, 1, 1, NONE)                                                                         \
	X(AND, 2, 1, NONE)                                                                         \
	X(OR, 2, 1, NONE)                                                                          \
	X(CALL, 0, 1, FN)                                                                          \
	X(MATCH, 1, 1, REGEX)                                                                      \
	X(ZONED, 1, 1, ZONE)                                                                       \
	X(LIST, 0, 1, NONE)                                                                        \
	X(PUSH, 2, 1, NONE)                                                                        \
	X(MAP, 0, 1, NONE)                                                                         \
	X(PUT, 3, 1, NONE)                                                                         \
	X(AND_JUMP, 1, 1, JUMP)                                                                    \
	X(OR_JUMP, 1, 1, JUMP)                                                                     \
	X(COND, 1, 0, JUMP)                                                                        \
	X(JUMP, 0, 0, JUMP)                                                                        \
	X(ITER, 1, 1, JUMP)                                                                        \
	X(NEXT, 2, 3, JUMP)                                                                        \
	X(FILTER, 4, 3, JUMP)                                                                      \
	X(GATHER, 4, 2, JUMP)                                                                      \
	X(END, 2, 1, NONE)                                                                         \
	X(RET, 1, 0, JUMP)
/// AND_JUMP, OR_JUMP z: where the decided result goes. COND z: else, y: where an error goes.
/// ITER z: where an error goes, past END. NEXT z: done, at END. FILTER z: NEXT, y: done. GATHER x:
/// enum sp_cel_gather, z: NEXT; falls through when the result is decided.

enum sp_cel_op {
#define SP_CEL_OP(name, takes, leaves, operand) SP_CEL_OP_##name,
	SP_CEL_OPS(SP_CEL_OP)
#undef SP_CEL_OP
		SP_CEL_OP_N,
};

enum sp_cel_gather {
	SP_CEL_ALL,
	SP_CEL_EXISTS,
	SP_CEL_ONE, ///< counts; END with x = SP_CEL_ONE turns the count into a boolean
	SP_CEL_MAP_TO, ///< appends the body's value
	SP_CEL_KEEP, ///< appends the element when the body is true
};

enum sp_cel_fn {
	SP_CEL_F_SIZE,
	SP_CEL_F_CONTAINS,
	SP_CEL_F_STARTS,
	SP_CEL_F_ENDS,
	SP_CEL_F_TYPE,
	SP_CEL_F_BOOL,
	SP_CEL_F_BYTES,
	SP_CEL_F_DOUBLE,
	SP_CEL_F_INT,
	SP_CEL_F_UINT,
	SP_CEL_F_STRING,
	SP_CEL_F_TIMESTAMP,
	SP_CEL_F_DURATION,
	SP_CEL_F_YEAR, ///< first accessor; one argument, or two with a time zone
	SP_CEL_F_MONTH,
	SP_CEL_F_DATE,
	SP_CEL_F_DAY_OF_MONTH,
	SP_CEL_F_DAY_OF_WEEK,
	SP_CEL_F_DAY_OF_YEAR,
	SP_CEL_F_HOURS,
	SP_CEL_F_MINUTES,
	SP_CEL_F_SECONDS,
	SP_CEL_F_MILLIS, ///< last accessor
	SP_CEL_F_N,
};

/// From `at` on (seconds since 1970) local time is UTC + `shift` seconds; the first one holds
/// before, too.
struct sp_cel_shift {
	int64_t at;
	int32_t shift;
	uint32_t spare;
};

/// A regular expression: an automaton without captures, `insn_n` instructions, then ranges of code
/// points.
struct sp_cel_re {
	uint16_t insn_n, range_n;
};
struct sp_cel_re_insn {
	uint8_t op; ///< enum sp_cel_re_op
	uint8_t x; ///< CLASS: 1 = none of the ranges
	uint16_t a; ///< CLASS: first range; SPLIT: other way
	uint32_t b; ///< CHAR: code point; CLASS: ranges; SPLIT, JUMP: where
};
struct sp_cel_re_range {
	uint32_t lo, hi;
};
enum sp_cel_re_op {
	SP_CEL_RE_CHAR,
	SP_CEL_RE_CLASS,
	SP_CEL_RE_ANY,
	SP_CEL_RE_SPLIT,
	SP_CEL_RE_JUMP,
	SP_CEL_RE_TEXT_START,
	SP_CEL_RE_TEXT_END,
	SP_CEL_RE_LINE_START,
	SP_CEL_RE_LINE_END,
	SP_CEL_RE_WORD_EDGE,
	SP_CEL_RE_NO_WORD_EDGE,
	SP_CEL_RE_MATCH,
	SP_CEL_RE_N,
};
#define SP_CEL_RE_INSNS_MAX 2048u

static inline struct sp_cel_head sp_cel_head(const uint8_t *p)
{
	struct sp_cel_head h;

	memcpy(&h, p, sizeof(h));
	return h;
}
static inline struct sp_cel_const sp_cel_const(const uint8_t *p, uint32_t i)
{
	struct sp_cel_const c;

	memcpy(&c,
		p + sizeof(struct sp_cel_head) +
			(size_t)sp_cel_head(p).code_n * sizeof(struct sp_cel_insn) + i * sizeof(c),
		sizeof(c));
	return c;
}
/// Well-formed UTF-8: no surrogates, nothing overlong.
bool sp_cel_utf8(struct sp_bytes s);
/// Seconds east of UTC of "UTC" or "[+-]HH:MM"; false for any other zone.
bool sp_cel_zone_fixed(struct sp_bytes name, int64_t *ret);
