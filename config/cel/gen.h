/// Code generation: gen.c the tree, emit.c instructions and constants.
#pragma once

#include "config/cel/ast.h"

#define CEL_CODE_MAX (SP_CEL_PROGRAM_MAX / sizeof(struct sp_cel_insn))
#define CEL_CONST_MAX (SP_CEL_PROGRAM_MAX / sizeof(struct sp_cel_const))

struct cel_gen {
	struct cel_cc *c;
	struct sp_cel_insn *code;
	struct sp_cel_const *constant; ///< `v` of texts is an offset in `pool` until the end
	uint8_t *pool;
	uint32_t code_n, const_n, pool_n, code_cap, const_cap, pool_cap;
	unsigned depth; ///< of the stack after what was emitted
	bool full; ///< code, constants, pool or stack
};

bool cel_gen_init(struct cel_gen *g, struct cel_cc *c);
/// Emits; returns its index.
uint32_t cel_emit(struct cel_gen *g, enum sp_cel_op op, uint8_t x, uint16_t y, uint32_t z);
/// Make an instruction's jump end at what is emitted next.
void cel_land(struct cel_gen *g, uint32_t insn);
uint32_t cel_const_add(struct cel_gen *g, uint32_t type, struct sp_bytes text, uint64_t v);
uint32_t cel_const_lit(struct cel_gen *g, const struct cel_node *n);
/// A literal, or a list of nothing but such.
bool cel_is_const(const struct cel_node *n);
uint32_t cel_const_list(struct cel_gen *g, const struct cel_node *n);
/// The list when all are strings, in order for IN_SORTED.
void cel_sort_strings(struct cel_node *list);
bool cel_all_strings(const struct cel_node *list);
int cel_gen_finish(struct cel_gen *g, uint8_t **ret, size_t *ret_n);
