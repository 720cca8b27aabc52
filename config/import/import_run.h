/// What the two importers share. Used by import*.c only.
#pragma once

#include "config/import/import.h"
#include "config/tree.h"

#include <stdio.h>

struct sp_import_run {
	const struct sp_tree *tree;
	struct sp_check *check, *lossy;
	FILE *out; ///< what cannot be written for want of memory shows on it
	struct sp_arena arena;
	bool rules; ///< one was written
	bool anybody; ///< one allows and names no agent
	int err; ///< -ENOMEM
};
void sp_import_servers(struct sp_import_run *r);
void sp_import_agentgateway(struct sp_import_run *r);

#define sp_import_lost(r, node, mend, ...)                                                         \
	sp_check_add((r)->lossy, sp_node_at((r)->tree, (node)), (mend), __VA_ARGS__)

/// A YAML scalar in quotes.
void sp_import_put(FILE *f, struct sp_bytes s);
static inline void sp_import_put_str(FILE *f, const char *s)
{
	sp_import_put(f, sp_bytes_cstr(s));
}
/// Text in a comment: one line, visible characters.
void sp_import_put_comment(FILE *f, const char *s);
