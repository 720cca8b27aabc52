#include "config/gateway.h"

#include "config/gateway_schema.h"
#include "common/banned.h"

const char *sp_profile_name(enum sp_profile p)
{
	return p <= SP_PROFILE_COMPLIANCE ? sp_profile_words[p] : "";
}

/// The profile is needed before anything else is read, for it gives the defaults. What is no
/// profile is reported by the table; meanwhile the one with the least trust holds.
static unsigned profile_of(const struct sp_node *root)
{
	const struct sp_node *n = sp_node_get(root, "profile");

	if (!n)
		return SP_PROFILE_PRODUCTION;
	for (unsigned i = 0; sp_profile_words[i]; i++)
		if (n->kind == SP_NODE_SCALAR && strcmp(n->text, sp_profile_words[i]) == 0)
			return i;
	return SP_PROFILE_COMPLIANCE;
}

static int read_tree(const struct sp_tree *tree, struct sp_check *check, struct sp_gateway *g)
{
	struct sp_schema_in in = {
		.tree = tree,
		.arena = &g->arena,
		.check = check,
		.profile_defaults = sp_gateway_profile_defaults,
		.profile = profile_of(tree->root),
	};
	uint32_t before = sp_check_count(check);

	g->file = sp_arena_str(&g->arena, sp_bytes_cstr(tree->file));
	if (!g->file)
		return -ENOMEM;
	SP_TRY(sp_schema_read(&in, &sp_gateway_schema, tree->root, g));
	/* Parts are fitted together only when each is right by itself. */
	if (sp_check_count(check) != before)
		return -EBADMSG;
	SP_TRY(sp_gateway_fit(g, check));
	return sp_check_count(check) == before ? 0 : -EBADMSG;
}

int sp_gateway_parse(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_gateway **ret)
{
	struct sp_gateway *g;
	struct sp_tree tree;
	int err;

	SP_TRY(sp_yaml_parse(text, file, check, &tree));
	g = calloc(1, sizeof(*g));
	err = g ? read_tree(&tree, check, g) : -ENOMEM;
	sp_tree_done(&tree);
	if (err) {
		sp_gateway_free(g);
		return err;
	}
	*ret = g;
	return 0;
}

struct sp_gateway *sp_gateway_free(struct sp_gateway *g)
{
	if (g)
		sp_arena_done(&g->arena);
	free(g);
	return NULL;
}

void sp_gateway_show(const struct sp_gateway *g, struct sp_out *out)
{
	sp_schema_show(out, &sp_gateway_schema, g);
}

void sp_gateway_example(struct sp_out *out)
{
	sp_out_lit(out,
		"# Sallyport's configuration: every setting, with its default behind # when "
		"it has one.\n"
		"# Made from the table in config/gateway_schema.c; durations: 500us 10ms 5s 1m "
		"12h 30d; sizes: 16KiB 4MiB.\n"
		"# (live) takes effect with a reload, (at restart) with the next start.\n");
	sp_schema_example(out, &sp_gateway_schema, sp_gateway_profile_defaults, sp_profile_words);
}

unsigned sp_gateway_needs_restart(
	const struct sp_gateway *running, const struct sp_gateway *next, struct sp_out *out)
{
	return sp_schema_diff(&sp_gateway_schema, running, next, SP_APPLY_RESTART, out);
}
