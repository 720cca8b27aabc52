/// The machine of one evaluation, shared by eval.c and loop.c.
#pragma once

#include "common/cel/value.h"

/// State of one evaluation. The program was verified: stack, jumps and constants are in bounds;
/// types are not known and are looked at by every instruction.
struct vm {
	const uint8_t *prog, *consts;
	const struct sp_cel_run *run;
	struct cel_meter m;
	uint32_t pc; ///< of the instruction after this one
	struct sp_cel *sp; ///< first free place
	struct sp_cel stack[SP_CEL_STACK_MAX];
};
/// An iterator on the stack: never seen by anything but ITER, NEXT and END, and of no type others
/// know.
#define TYPE_ITER ((enum sp_cel_type)64)

static inline void jump(struct vm *vm, uint32_t to)
{
	vm->pc = to;
}
static inline void fail_top(struct vm *vm, enum sp_cel_error e)
{
	cel_set_error(&vm->sp[-1], e);
}
/// Drop the second operand; the first becomes the error when either is one. False when that is the
/// result.
static inline bool two(struct vm *vm)
{
	struct sp_cel *v = --vm->sp - 1;

	if (sp_unlikely(v[0].type == SP_CEL_ERROR))
		return false;
	if (sp_unlikely(v[1].type == SP_CEL_ERROR)) {
		v[0] = v[1];
		return false;
	}
	return true;
}

/// v[0] = v[0] && v[1] (absorbing = false) or || (true): whichever side decides, errors of the
/// other are absorbed.
void cel_logic(struct sp_cel *v, bool absorbing);
void cel_op_list(struct vm *vm, struct sp_cel_insn in);
void cel_op_push(struct vm *vm, struct sp_cel_insn in);
void cel_op_map(struct vm *vm, struct sp_cel_insn in);
void cel_op_put(struct vm *vm, struct sp_cel_insn in);
void cel_op_iter(struct vm *vm, struct sp_cel_insn in);
void cel_op_next(struct vm *vm, struct sp_cel_insn in);
void cel_op_filter(struct vm *vm, struct sp_cel_insn in);
void cel_op_gather(struct vm *vm, struct sp_cel_insn in);
void cel_op_end(struct vm *vm, struct sp_cel_insn in);
