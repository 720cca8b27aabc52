#include "common/cel/vm.h"

#include "common/banned.h"

void cel_op_list(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e = cel_new_list(vm->m.arena, in.y, vm->sp++);

	if (e)
		fail_top(vm, e);
}

void cel_op_push(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e;

	(void)in;
	if (!two(vm))
		return;
	e = cel_push(&vm->sp[-1], &vm->sp[0], vm->m.arena);
	if (e)
		fail_top(vm, e);
}

void cel_op_map(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e = cel_new_map(vm->m.arena, in.y, vm->sp++);

	if (e)
		fail_top(vm, e);
}

void cel_op_put(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp -= 2;
	enum sp_cel_error e;

	(void)in;
	v--;
	for (unsigned i = 0; i < 3; i++) {
		if (v[i].type == SP_CEL_ERROR) {
			v[0] = v[i];
			return;
		}
	}
	e = cel_put(&v[0], &v[1], &v[2], &vm->m);
	if (e)
		cel_set_error(v, e);
}

void cel_op_iter(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp - 1;
	struct cel_cursor *c;

	if (v->type == SP_CEL_LIST || v->type == SP_CEL_MAP) {
		c = sp_cel_alloc(vm->m.arena, sizeof(*c));
		if (c) {
			cel_cursor_init(c, v);
			v->type = TYPE_ITER;
			v->s.p = (const uint8_t *)c;
			return;
		}
		cel_set_error(v, SP_CEL_E_COST);
	} else if (v->type != SP_CEL_ERROR) {
		cel_set_error(v, SP_CEL_E_NO_OVERLOAD);
	}
	jump(vm, in.z);
}

void cel_op_next(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp - 2;
	enum sp_cel_error e = SP_CEL_E_BAD_PROGRAM;

	if (v[0].type == TYPE_ITER && cel_cursor_next((struct cel_cursor *)(uintptr_t)v[0].s.p,
					      vm->m.arena, vm->sp, NULL, &e)) {
		vm->sp++;
		return;
	}
	if (e)
		cel_set_error(&v[1], e);
	jump(vm, in.z);
}

/// Body of map with a condition: [iterator, result, element, condition].
void cel_op_filter(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = --vm->sp;

	if (v->type == SP_CEL_BOOL && v->b)
		return;
	vm->sp--;
	if (v->type == SP_CEL_BOOL) {
		jump(vm, in.z);
		return;
	}
	cel_set_error(&vm->sp[-1], v->type == SP_CEL_ERROR ? v->error : SP_CEL_E_NO_OVERLOAD);
	jump(vm, in.y);
}

/// Takes the body's value into the result; true when the loop goes on.
static bool gather(struct vm *vm, enum sp_cel_gather how, struct sp_cel *acc)
{
	const struct sp_cel *body = &acc[2];
	enum sp_cel_error e = SP_CEL_E_NONE;
	struct sp_cel both[2];

	if (how == SP_CEL_ALL || how == SP_CEL_EXISTS) {
		if (acc->type == SP_CEL_BOOL && body->type == SP_CEL_BOOL) {
			cel_set_bool(acc, body->b);
			return body->b != (how == SP_CEL_EXISTS);
		}
		both[0] = *acc;
		both[1] = *body;
		cel_logic(both, how == SP_CEL_EXISTS);
		*acc = both[0];
		return !(acc->type == SP_CEL_BOOL && acc->b == (how == SP_CEL_EXISTS));
	}
	if (body->type == SP_CEL_ERROR)
		e = body->error;
	else if (how == SP_CEL_MAP_TO)
		e = cel_push(acc, body, vm->m.arena);
	else if (body->type != SP_CEL_BOOL)
		e = SP_CEL_E_NO_OVERLOAD;
	else if (body->b && how == SP_CEL_KEEP)
		e = cel_push(acc, &acc[1], vm->m.arena);
	else if (body->b && acc->type == SP_CEL_INT)
		acc->i++;
	if (e)
		cel_set_error(acc, e);
	return !e;
}

void cel_op_gather(struct vm *vm, struct sp_cel_insn in)
{
	vm->sp -= 2;
	if (vm->sp[-1].type == SP_CEL_ERROR && in.x > SP_CEL_EXISTS)
		return;
	if (gather(vm, (enum sp_cel_gather)in.x, vm->sp - 1))
		jump(vm, in.z);
}

void cel_op_end(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = --vm->sp - 1;

	v[0] = v[1];
	if (in.x == SP_CEL_ONE && v->type == SP_CEL_INT)
		cel_set_bool(v, v->i == 1);
}
