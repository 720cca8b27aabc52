#include "common/cel/program.h"

#include "common/banned.h"

#define NOT_SEEN 255u

struct checker {
	const uint8_t *p;
	struct sp_cel_head h;
	size_t pool; ///< where the bytes of constants begin
	uint32_t vars_n;
	uint8_t depth[SP_CEL_PROGRAM_MAX / sizeof(struct sp_cel_insn) +
		      1]; ///< stack before each instruction
};

static const struct {
	uint8_t takes, leaves, operand;
} rule[SP_CEL_OP_N] = {
#define RULE(name, takes, leaves, operand) {takes, leaves, SP_CEL_OPND_##operand},
	SP_CEL_OPS(RULE)
#undef RULE
};

static bool in_pool(const struct checker *c, uint64_t at, uint64_t n)
{
	return at >= c->pool && at <= c->h.bytes && n <= c->h.bytes - at;
}

static bool regex_ok(const struct checker *c, const struct sp_cel_const *k)
{
	const uint8_t *p = c->p + k->v;
	struct sp_cel_re_insn in;
	struct sp_cel_re re;

	if (k->n < sizeof(re))
		return false;
	memcpy(&re, p, sizeof(re));
	if (re.insn_n == 0 || re.insn_n > SP_CEL_RE_INSNS_MAX ||
		k->n != sizeof(re) + re.insn_n * sizeof(in) +
				re.range_n * sizeof(struct sp_cel_re_range))
		return false;
	for (uint32_t i = 0; i < re.insn_n; i++) {
		memcpy(&in, p + sizeof(re) + i * sizeof(in), sizeof(in));
		if (in.op >= SP_CEL_RE_N || (i + 1u == re.insn_n && in.op != SP_CEL_RE_MATCH))
			return false;
		if (in.op == SP_CEL_RE_CLASS && (uint64_t)in.a + in.b > re.range_n)
			return false;
		if ((in.op == SP_CEL_RE_SPLIT && in.a >= re.insn_n) ||
			((in.op == SP_CEL_RE_SPLIT || in.op == SP_CEL_RE_JUMP) &&
				in.b >= re.insn_n))
			return false;
	}
	return true;
}

/// A list's constants follow it, so lists cannot hold themselves.
static bool list_ok(const struct checker *c, uint32_t i, const struct sp_cel_const *k)
{
	if (k->n && k->v <= i)
		return false;
	if (k->v > c->h.const_n || k->n > c->h.const_n - k->v)
		return false;
	for (uint32_t j = 0; j < k->n; j++)
		if (sp_cel_const(c->p, (uint32_t)k->v + j).type > SP_CEL_TYPE)
			return false;
	return true;
}

static bool const_ok(const struct checker *c, uint32_t i)
{
	struct sp_cel_const k = sp_cel_const(c->p, i);

	switch (k.type) {
	case SP_CEL_NULL:
	case SP_CEL_INT:
	case SP_CEL_UINT:
	case SP_CEL_DOUBLE:
		return true;
	case SP_CEL_BOOL:
		return k.v <= 1;
	case SP_CEL_STRING:
	case SP_CEL_BYTES:
	case SP_CEL_TYPE:
		return in_pool(c, k.v, k.n);
	case SP_CEL_LIST:
		return list_ok(c, i, &k);
	case SP_CEL_C_REGEX:
		return in_pool(c, k.v, k.n) && regex_ok(c, &k);
	case SP_CEL_C_ZONE:
		return in_pool(c, k.v, k.n) && k.n && k.n % sizeof(struct sp_cel_shift) == 0;
	default:
		return false;
	}
}

static bool call_ok(const struct sp_cel_insn *in)
{
	if (in->z >= SP_CEL_F_CONTAINS && in->z <= SP_CEL_F_ENDS)
		return in->x == 2;
	return in->z < SP_CEL_F_N && (in->x == 1 || (in->x == 2 && in->z >= SP_CEL_F_YEAR));
}

static bool operand_ok(const struct checker *c, const struct sp_cel_insn *in, unsigned depth)
{
	uint32_t type = in->z < c->h.const_n ? sp_cel_const(c->p, in->z).type : 0;

	switch (rule[in->op].operand) {
	case SP_CEL_OPND_CONST:
		return type >= SP_CEL_NULL && type <= SP_CEL_TYPE;
	case SP_CEL_OPND_STRING:
		return type == SP_CEL_STRING;
	case SP_CEL_OPND_LIST:
		return type == SP_CEL_LIST;
	case SP_CEL_OPND_REGEX:
		return type == SP_CEL_C_REGEX;
	case SP_CEL_OPND_ZONE:
		return type == SP_CEL_C_ZONE && in->x >= SP_CEL_F_YEAR && in->x <= SP_CEL_F_MILLIS;
	case SP_CEL_OPND_VAR:
		return in->z < c->vars_n;
	case SP_CEL_OPND_SLOT:
		return in->y < depth;
	case SP_CEL_OPND_FN:
		return call_ok(in);
	case SP_CEL_OPND_ERROR:
		return in->z > SP_CEL_E_NONE && in->z <= SP_CEL_E_BAD_PROGRAM;
	default:
		return true;
	}
}

/// A place jumped to holds the same depth from wherever it is reached.
static bool reach(struct checker *c, uint32_t from, uint32_t to, unsigned depth, bool back)
{
	if (to >= c->h.code_n || (back ? to > from : to <= from))
		return false;
	if (c->depth[to] == NOT_SEEN && !back)
		c->depth[to] = (uint8_t)depth;
	return c->depth[to] == depth;
}

/// Jumps of instruction `pc`; `depth` is that after it, when it falls through.
static bool jumps_ok(struct checker *c, const struct sp_cel_insn *in, uint32_t pc, unsigned depth)
{
	switch (in->op) {
	case SP_CEL_OP_AND_JUMP:
	case SP_CEL_OP_OR_JUMP:
	case SP_CEL_OP_JUMP:
	case SP_CEL_OP_ITER:
		return reach(c, pc, in->z, depth, false);
	case SP_CEL_OP_COND:
		return reach(c, pc, in->z, depth, false) && reach(c, pc, in->y, depth + 1, false);
	case SP_CEL_OP_NEXT:
		return reach(c, pc, in->z, depth - 1, false);
	case SP_CEL_OP_FILTER:
		return reach(c, pc, in->z, depth - 1, true) &&
		       reach(c, pc, in->y, depth - 1, false);
	case SP_CEL_OP_GATHER:
		return in->x <= SP_CEL_KEEP && reach(c, pc, in->z, depth, true);
	case SP_CEL_OP_RET:
		return depth == 0;
	default:
		return true;
	}
}

static bool code_ok(struct checker *c)
{
	struct sp_cel_insn in;
	bool falls = true;
	unsigned depth = 0, takes;

	memset(c->depth, NOT_SEEN, c->h.code_n);
	c->depth[0] = 0;
	for (uint32_t pc = 0; pc < c->h.code_n; pc++) {
		if (falls && !(c->depth[pc] == NOT_SEEN || c->depth[pc] == depth))
			return false;
		if (!falls && c->depth[pc] == NOT_SEEN)
			return false;
		if (!falls)
			depth = c->depth[pc];
		c->depth[pc] = (uint8_t)depth;
		memcpy(&in, c->p + sizeof(c->h) + pc * sizeof(in), sizeof(in));
		if (in.op >= SP_CEL_OP_N || !operand_ok(c, &in, depth))
			return false;
		takes = in.op == SP_CEL_OP_CALL ? in.x : rule[in.op].takes;
		if (depth < takes)
			return false;
		depth = depth - takes + rule[in.op].leaves;
		if (depth > SP_CEL_STACK_MAX || !jumps_ok(c, &in, pc, depth))
			return false;
		falls = in.op != SP_CEL_OP_JUMP && in.op != SP_CEL_OP_RET;
	}
	return !falls;
}

int sp_cel_verify(struct sp_bytes program, uint32_t vars_n)
{
	struct checker c; // its depths are set as far as there is code

	if (program.n < sizeof(c.h) || program.n > SP_CEL_PROGRAM_MAX)
		return -EBADMSG;
	c.p = program.p;
	c.vars_n = vars_n;
	c.h = sp_cel_head(program.p);
	c.pool = sizeof(c.h) + c.h.code_n * sizeof(struct sp_cel_insn) +
		 c.h.const_n * sizeof(struct sp_cel_const);
	if (c.h.magic != SP_CEL_MAGIC || c.h.bytes != program.n || c.h.spare || c.h.code_n == 0 ||
		c.pool > program.n)
		return -EBADMSG;
	for (uint32_t i = 0; i < c.h.const_n; i++)
		if (!const_ok(&c, i))
			return -EBADMSG;
	return code_ok(&c) ? 0 : -EBADMSG;
}
