#include "config/cel/ast.h"

#include "common/banned.h"

static int compile(struct cel_cc *c, uint8_t **ret, size_t *ret_n)
{
	uint64_t max = c->ask->max_cost ? c->ask->max_cost : SP_CEL_STEPS_MAX, cost;
	struct cel_node *root = cel_parse(c);

	if (!root)
		return c->no_memory && !c->failed ? -ENOMEM : -EBADMSG;
	if (!cel_check_types(c, root))
		return -EBADMSG;
	if (c->no_memory)
		return -ENOMEM;
	cost = cel_cost(root);
	if (cost > max) {
		cel_problem(c, 0, "fewer loops within loops, or lists of known length",
			"the condition may take %llu steps, over the limit of %llu",
			(unsigned long long)cost, (unsigned long long)max);
		return -EBADMSG;
	}
	return cel_generate(c, root, ret, ret_n);
}

int sp_cel_compile(
	const struct sp_cel_ask *ask, struct sp_check *check, uint8_t **ret, size_t *ret_n)
{
	struct sp_arena arena;
	struct cel_cc c = {.arena = &arena, .ask = ask, .check = check};
	int err;

	sp_arena_init(&arena);
	err = compile(&c, ret, ret_n);
	sp_arena_done(&arena);
	return err;
}
