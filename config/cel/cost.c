#include "config/cel/ast.h"

#include "common/banned.h"

#define UNKNOWN_N 100u ///< elements a list is taken to have whose length is not known
#define LOOP_STEPS 3u

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_add_overflow(a, b, &r) ? UINT64_MAX : r;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

/// Elements a value may have.
static uint64_t elements(const struct cel_node *n)
{
	switch (n->kind) {
	case CEL_LIST:
		return n->n;
	case CEL_MAP:
		return n->n / 2;
	case CEL_LOOP:
		return elements(n->arg[0]);
	case CEL_COND:
		return sp_max(elements(n->arg[1]), elements(n->arg[2]));
	case CEL_OP:
		if (n->op == SP_CEL_OP_ADD)
			return plus(elements(n->arg[0]), elements(n->arg[1]));
		return UNKNOWN_N;
	default:
		return UNKNOWN_N;
	}
}

uint64_t cel_cost(const struct cel_node *n)
{
	uint64_t sum = 1, body;

	if (n->kind == CEL_LOOP) {
		body = plus(cel_cost(n->arg[1]), LOOP_STEPS);
		if (n->n > 2)
			body = plus(body, cel_cost(n->arg[2]));
		return plus(
			cel_cost(n->arg[0]), plus(LOOP_STEPS, times(elements(n->arg[0]), body)));
	}
	for (uint32_t i = 0; i < n->n; i++)
		sum = plus(sum, cel_cost(n->arg[i]));
	if (n->kind == CEL_OP && n->op == SP_CEL_OP_IN && n->arg[1]->kind != CEL_MAP)
		sum = plus(sum, elements(n->arg[1]));
	if (n->kind == CEL_CALL && n->fn == CEL_FN_MATCHES)
		sum = plus(sum, UNKNOWN_N);
	return sum;
}
