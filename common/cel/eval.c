#include "common/cel/vm.h"

#include "common/banned.h"

#define op_LIST cel_op_list
#define op_PUSH cel_op_push
#define op_MAP cel_op_map
#define op_PUT cel_op_put
#define op_ITER cel_op_iter
#define op_NEXT cel_op_next
#define op_FILTER cel_op_filter
#define op_GATHER cel_op_gather
#define op_END cel_op_end

static inline struct sp_cel_const konst(const struct vm *vm, uint32_t i)
{
	struct sp_cel_const c;

	memcpy(&c, vm->consts + i * sizeof(c), sizeof(c));
	return c;
}

static void op_CONST(struct vm *vm, struct sp_cel_insn in)
{
	const struct sp_cel_const c = konst(vm, in.z);
	enum sp_cel_error e = cel_const_value(vm->prog, &c, vm->m.arena, vm->sp++);

	if (sp_unlikely(e))
		fail_top(vm, e);
}

/// A variable of which the next instruction wants a field: taken at once where the caller has a way to.
static bool field_of_var(struct vm *vm, uint32_t var)
{
	struct sp_cel_insn next;
	struct sp_cel_const k;
	struct cel_meter m = vm->m;
	enum sp_cel_error e;

	memcpy(&next, vm->prog + sizeof(struct sp_cel_head) + vm->pc * sizeof(next), sizeof(next));
	if (next.op != SP_CEL_OP_FIELD)
		return false;
	k = konst(vm, next.z);
	e = vm->run->field(vm->run->user, var, sp_bytes(vm->prog + k.v, k.n), &m, vm->sp);
	if (e == SP_CEL_E_UNKNOWN_VAR || !cel_pay(&m, 1))
		return false;
	vm->m.steps = m.steps;
	vm->pc++;
	vm->sp++;
	if (sp_unlikely(e))
		fail_top(vm, e);
	return true;
}

static void op_VAR(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e;

	if (vm->run->field && field_of_var(vm, in.z))
		return;
	e = vm->run->var(vm->run->user, in.z, vm->m.arena, vm->sp++);

	if (sp_unlikely(e))
		fail_top(vm, e);
}

static void op_HASVAR(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel v;
	enum sp_cel_error e = vm->run->var(vm->run->user, in.z, vm->m.arena, &v);

	cel_set_bool(vm->sp++, !e);
	if (e && e != SP_CEL_E_NO_SUCH_KEY)
		fail_top(vm, e);
}

static void op_LOCAL(struct vm *vm, struct sp_cel_insn in)
{
	*vm->sp++ = vm->stack[in.y];
}

static void op_ERROR(struct vm *vm, struct sp_cel_insn in)
{
	cel_set_error(vm->sp++, (enum sp_cel_error)in.z);
}

static void op_FIELD(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel_const k = konst(vm, in.z);
	struct sp_cel *v = vm->sp - 1;
	enum sp_cel_error e;

	if (v->type == SP_CEL_ERROR)
		return;
	e = cel_field(v, sp_bytes(vm->prog + k.v, k.n), &vm->m, v);
	if (e)
		cel_set_error(v, e);
}

static void op_HAS(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel_const k = konst(vm, in.z);
	struct sp_cel *v = vm->sp - 1, field;
	enum sp_cel_error e;

	if (v->type == SP_CEL_ERROR)
		return;
	e = cel_field(v, sp_bytes(vm->prog + k.v, k.n), &vm->m, &field);
	cel_set_bool(v, !e);
	if (e && e != SP_CEL_E_NO_SUCH_KEY)
		cel_set_error(v, e);
}

static void op_INDEX(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e;

	(void)in;
	if (!two(vm))
		return;
	e = cel_index(&vm->sp[-1], &vm->sp[0], &vm->m, &vm->sp[-1]);
	if (e)
		fail_top(vm, e);
}

static void test_in(struct vm *vm, const struct sp_cel *container)
{
	bool r = false;
	enum sp_cel_error e = cel_in(&vm->sp[-1], container, &vm->m, &r);

	cel_set_bool(&vm->sp[-1], r);
	if (e)
		fail_top(vm, e);
}

static void op_IN(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	if (two(vm))
		test_in(vm, &vm->sp[0]);
}

static void op_IN_CONST(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel_const k = konst(vm, in.z);
	const struct sp_cel_list l = {.n = k.n, .prog = vm->prog, .first = (uint32_t)k.v};
	const struct sp_cel list = {.type = SP_CEL_LIST, .list = &l};

	if (vm->sp[-1].type != SP_CEL_ERROR)
		test_in(vm, &list);
}

/// A list of strings in order, as the compiler made it; on another the answer is some boolean.
static void op_IN_SORTED(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel_const k = konst(vm, in.z), c;
	uint32_t lo = (uint32_t)k.v, hi = lo + k.n, mid;
	struct sp_cel *v = &vm->sp[-1];
	bool found = false;

	if (v->type == SP_CEL_ERROR)
		return;
	while (v->type == SP_CEL_STRING && lo < hi && !found) {
		size_t n;
		int r;

		mid = lo + (hi - lo) / 2;
		c = konst(vm, mid);
		if (c.type != SP_CEL_STRING)
			break;
		n = sp_min(v->s.n, (size_t)c.n);
		r = n ? memcmp(v->s.p, vm->prog + c.v, n) : 0;
		if (r == 0)
			r = (v->s.n > c.n) - (v->s.n < c.n);
		found = r == 0;
		if (r > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	cel_set_bool(v, found);
}

static void equal_into(struct vm *vm, const struct sp_cel *b, bool want)
{
	struct sp_cel *v = &vm->sp[-1];
	bool same = false;
	enum sp_cel_error e = cel_equal(v, b, &vm->m, &same);

	cel_set_bool(v, same == want);
	if (sp_unlikely(e))
		cel_set_error(v, e);
}

static void op_EQ(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	if (two(vm))
		equal_into(vm, &vm->sp[0], true);
}

static void op_NE(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	if (two(vm))
		equal_into(vm, &vm->sp[0], false);
}

static void equal_const(struct vm *vm, uint32_t i, bool want)
{
	struct sp_cel_const k = konst(vm, i);
	struct sp_cel *v = &vm->sp[-1], c;
	enum sp_cel_error e;

	if (v->type == SP_CEL_ERROR)
		return;
	if (v->type == SP_CEL_STRING && k.type == SP_CEL_STRING) {
		cel_set_bool(v, sp_bytes_eq_short(v->s, sp_bytes(vm->prog + k.v, k.n)) == want);
		if (!cel_pay(&vm->m, k.n / 64))
			cel_set_error(v, SP_CEL_E_COST);
		return;
	}
	e = cel_const_value(vm->prog, &k, vm->m.arena, &c);
	if (e)
		cel_set_error(v, e);
	else
		equal_into(vm, &c, want);
}

static void op_EQ_CONST(struct vm *vm, struct sp_cel_insn in)
{
	equal_const(vm, in.z, true);
}

static void op_NE_CONST(struct vm *vm, struct sp_cel_insn in)
{
	equal_const(vm, in.z, false);
}

/// `want`: the orders that make it true, bit 0 less, bit 1 equal, bit 2 greater.
static void order(struct vm *vm, unsigned want)
{
	struct sp_cel *v = vm->sp - 2;
	enum sp_cel_error e;
	int r = 2;

	if (!two(vm))
		return;
	if (v[0].type == SP_CEL_STRING && v[1].type == SP_CEL_STRING &&
		!cel_pay(&vm->m, sp_min(v[0].s.n, v[1].s.n) / 64)) {
		cel_set_error(v, SP_CEL_E_COST);
		return;
	}
	e = cel_compare(&v[0], &v[1], &r);
	if (e)
		cel_set_error(v, e);
	else
		cel_set_bool(v, r != 2 && (want >> (r + 1) & 1));
}

static void op_LT(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	order(vm, 1);
}

static void op_LE(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	order(vm, 3);
}

static void op_GT(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	order(vm, 4);
}

static void op_GE(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	order(vm, 6);
}

static void arith(struct vm *vm, struct sp_cel_insn in)
{
	enum sp_cel_error e;

	if (!two(vm))
		return;
	e = cel_arith((enum sp_cel_op)in.op, vm->sp - 1, &vm->m);
	if (e)
		fail_top(vm, e);
}
#define op_ADD arith
#define op_SUB arith
#define op_MUL arith
#define op_DIV arith
#define op_MOD arith

static void op_NOT(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp - 1;

	(void)in;
	if (v->type == SP_CEL_BOOL)
		v->b = !v->b;
	else if (v->type != SP_CEL_ERROR)
		cel_set_error(v, SP_CEL_E_NO_OVERLOAD);
}

static void op_NEG(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp - 1;
	enum sp_cel_error e = v->type == SP_CEL_ERROR ? v->error : cel_negate(v);

	(void)in;
	if (e)
		cel_set_error(v, e);
}

void cel_logic(struct sp_cel *v, bool absorbing)
{
	if (v[0].type == SP_CEL_BOOL && v[0].b == absorbing)
		return;
	if (v[1].type == SP_CEL_BOOL && v[1].b == absorbing) {
		v[0] = v[1];
		return;
	}
	if (v[0].type == SP_CEL_ERROR)
		return;
	if (v[0].type == SP_CEL_BOOL && (v[1].type == SP_CEL_BOOL || v[1].type == SP_CEL_ERROR))
		v[0] = v[1];
	else
		cel_set_error(v, SP_CEL_E_NO_OVERLOAD);
}

static void op_AND(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	cel_logic(--vm->sp - 1, false);
}

static void op_OR(struct vm *vm, struct sp_cel_insn in)
{
	(void)in;
	cel_logic(--vm->sp - 1, true);
}

static void op_AND_JUMP(struct vm *vm, struct sp_cel_insn in)
{
	if (vm->sp[-1].type == SP_CEL_BOOL && !vm->sp[-1].b)
		jump(vm, in.z);
}

static void op_OR_JUMP(struct vm *vm, struct sp_cel_insn in)
{
	if (vm->sp[-1].type == SP_CEL_BOOL && vm->sp[-1].b)
		jump(vm, in.z);
}

static void op_CALL(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp -= in.x - 1;
	enum sp_cel_error e;

	v--;
	for (unsigned i = 0; i < in.x; i++) {
		if (v[i].type == SP_CEL_ERROR) {
			v[0] = v[i];
			return;
		}
	}
	e = cel_call((enum sp_cel_fn)in.z, v, in.x, &vm->m);
	if (e)
		cel_set_error(v, e);
}

static void op_MATCH(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = vm->sp - 1;
	enum sp_cel_error e = SP_CEL_E_NO_OVERLOAD;
	bool r = false;

	if (v->type == SP_CEL_ERROR)
		return;
	if (v->type == SP_CEL_STRING)
		e = cel_match(vm->prog + konst(vm, in.z).v, v->s, &vm->m, &r);
	cel_set_bool(v, r);
	if (e)
		cel_set_error(v, e);
}

static void op_ZONED(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel_const k = konst(vm, in.z);
	struct sp_cel *v = vm->sp - 1;
	enum sp_cel_error e = SP_CEL_E_NO_OVERLOAD;

	if (v->type == SP_CEL_ERROR)
		return;
	if (v->type == SP_CEL_TIMESTAMP)
		e = cel_time_get((enum sp_cel_fn)in.x, v,
			cel_zone_shift(
				vm->prog + k.v, k.n / (uint32_t)sizeof(struct sp_cel_shift), v->i));
	if (e)
		cel_set_error(v, e);
}

static void op_COND(struct vm *vm, struct sp_cel_insn in)
{
	struct sp_cel *v = --vm->sp;

	if (v->type == SP_CEL_BOOL) {
		if (!v->b)
			jump(vm, in.z);
		return;
	}
	if (v->type != SP_CEL_ERROR)
		cel_set_error(v, SP_CEL_E_NO_OVERLOAD);
	vm->sp++;
	jump(vm, in.y);
}

static void op_JUMP(struct vm *vm, struct sp_cel_insn in)
{
	jump(vm, in.z);
}

static void op_RET(struct vm *vm, struct sp_cel_insn in)
{
	(void)vm;
	(void)in;
}

void sp_cel_eval(struct sp_bytes program, struct sp_cel_run *run, struct sp_cel *ret)
{
	struct vm vm;
	struct sp_cel_insn in;

#ifdef __clang_analyzer__
	memset(&vm, 0, sizeof(vm)); // it does not know what verify.c proved of the stack
#endif
	vm.prog = program.p;
	vm.consts = program.p + sizeof(struct sp_cel_head) +
		    (size_t)sp_cel_head(program.p).code_n * sizeof(struct sp_cel_insn);
	vm.run = run;
	vm.m.arena = run->arena;
	vm.m.steps = 0;
	vm.m.max = run->max_steps ? run->max_steps : SP_CEL_STEPS_MAX;
	vm.pc = 0;
	vm.sp = vm.stack;
	do {
		memcpy(&in, vm.prog + sizeof(struct sp_cel_head) + vm.pc * sizeof(in), sizeof(in));
		vm.pc++;
		if (sp_unlikely(!cel_pay(&vm.m, 1))) {
			vm.sp = vm.stack + 1;
			cel_set_error(vm.stack, SP_CEL_E_COST);
			break;
		}
		switch ((enum sp_cel_op)in.op) {
#define DO(name, takes, leaves, operand)                                                           \
	case SP_CEL_OP_##name:                                                                     \
		op_##name(&vm, in);                                                                \
		break;
			SP_CEL_OPS(DO)
#undef DO
		case SP_CEL_OP_N:
			break;
		}
	} while (in.op != SP_CEL_OP_RET);
	run->steps = vm.m.steps;
	*ret = vm.sp[-1];
	if (ret->type == TYPE_ITER)
		cel_set_error(ret, SP_CEL_E_BAD_PROGRAM);
}
