#include "config/tree.h"
#include "common/banned.h"

void sp_tree_done(struct sp_tree *t)
{
	sp_arena_done(&t->arena);
	*t = (struct sp_tree){0};
}

const struct sp_node *sp_node_get(const struct sp_node *map, const char *key)
{
	if (map->kind != SP_NODE_MAP)
		return NULL;
	for (const struct sp_node *c = map->first; c; c = c->next)
		if (strcmp(c->key->text, key) == 0)
			return c;
	return NULL;
}
