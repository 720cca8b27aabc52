#include "config/cel/type.h"

#include <stdio.h>
#include "common/banned.h"

static const struct cel_type *use_var(struct cel_checker *k, struct cel_node *n)
{
	const struct sp_cel_ask *ask = k->c->ask;
	const struct sp_cel_var *v = &ask->env->var[n->var];

	if (ask->phase && !(v->phases & ask->phase))
		cel_problem(k->c, n->off,
			v->phases & SP_CEL_PHASE_RESULT && !(v->phases & SP_CEL_PHASE_CALL)
				? "it is known only when an answer is judged"
			: v->phases & SP_CEL_PHASE_CALL ? "it is known only when a call is judged"
							: "it is known only when tools are listed",
			"'%s' has no value here", v->path);
	return cel_type_of_var(v->type);
}

bool cel_redirect_fields(struct cel_checker *k, struct cel_node *base)
{
	const struct sp_cel_env *env = k->c->ask->env;
	uint32_t to;

	if (base->kind != CEL_VAR)
		return false;
	to = env->var[base->var].fields_of;
	if (to == SP_JSON_NONE || to >= env->n)
		return false;
	base->var = to;
	base->type = use_var(k, base);
	return true;
}

static const struct cel_type *unknown(struct cel_checker *k, struct cel_node *n)
{
	const struct sp_cel_env *env = k->c->ask->env;
	const struct cel_node *root = n;
	char path[256], mend[320];
	const char *near;
	size_t len = cel_path(n, path, sizeof(path));

	while (root->n)
		root = root->arg[0];
	if (!len)
		snprintf(path, sizeof(path), "%.*s...", (int)sp_min(root->text.n, 64ul),
			(const char *)root->text.p);
	n->off = root->off;
	n->kind = CEL_FAIL;
	n->error = SP_CEL_E_UNKNOWN_VAR;
	n->n = 0;
	if (k->c->ask->skip_check)
		return cel_dyn;
	for (uint32_t i = 0; len && i < env->n; i++) {
		if (strncmp(env->var[i].path, path, len) == 0 && env->var[i].path[len] == '.') {
			snprintf(mend, sizeof(mend), "ask for a part of it, such as %s",
				env->var[i].path);
			cel_problem(k->c, n->off, mend, "'%s' is no value by itself", path);
			return cel_dyn;
		}
	}
	near = cel_nearest_var(k->c, path);
	if (near)
		snprintf(mend, sizeof(mend), "did you mean %s?", near);
	cel_problem(k->c, n->off, near ? mend : NULL, "unknown variable '%s'", path);
	return cel_dyn;
}

/// The loop whose element a chain of selects begins with.
static const struct cel_scope *local_of(const struct cel_checker *k, const struct cel_node *n)
{
	if (n->kind == CEL_HAS)
		n = n->arg[0];
	while (n->kind == CEL_SELECT)
		n = n->arg[0];
	if (n->kind != CEL_NAME || n->rooted)
		return NULL;
	for (const struct cel_scope *s = k->scope; s; s = s->outer)
		if (sp_bytes_eq(s->loop->text, n->text))
			return s;
	return NULL;
}

static const struct cel_type *select_from(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_type *of = cel_check_node(k, n->arg[0]);

	if (cel_redirect_fields(k, n->arg[0]))
		of = n->arg[0]->type;
	if (of->kind == SP_CEL_MAP && (!of->key->kind || of->key->kind == SP_CEL_STRING))
		return n->kind == CEL_HAS ? &cel_scalar[SP_CEL_BOOL] : of->elem;
	if (of->kind)
		return cel_mismatch(k, n, NULL, "a value without fields", of, NULL);
	return n->kind == CEL_HAS ? &cel_scalar[SP_CEL_BOOL] : cel_dyn;
}

/// A chain of selects over a name that is no loop's: its variable, a type, or nothing known. True
/// with its type when nothing of it is left to be selected.
static bool whole_chain(struct cel_checker *k, struct cel_node *n, const struct cel_type **ret)
{
	bool has = n->kind == CEL_HAS;
	struct sp_bytes type;
	char path[256];

	n->kind = n->kind == CEL_NAME ? CEL_NAME : CEL_SELECT;
	if (cel_path(n, path, sizeof(path)) == 0) {
		if (n->kind == CEL_NAME) // longer than any name there is
			*ret = unknown(k, n);
		n->kind = has ? CEL_HAS : n->kind;
		return n->kind == CEL_FAIL;
	}
	if (cel_resolve_var(k->c, n)) {
		*ret = has ? &cel_scalar[SP_CEL_BOOL] : cel_dyn;
		if (n->kind == CEL_VAR) {
			const struct cel_type *t = use_var(k, n);

			*ret = has ? *ret : t;
			n->kind = has ? CEL_HAS : CEL_VAR;
			return true;
		}
		n->kind = has ? CEL_HAS : n->kind;
		return false;
	}
	if (!has && cel_type_named(path, &type)) {
		n->kind = CEL_LIT;
		n->lit_type = SP_CEL_TYPE;
		n->text = type;
		n->n = 0;
		*ret = &cel_scalar[SP_CEL_TYPE];
	} else {
		*ret = unknown(k, n);
	}
	return true;
}

const struct cel_type *cel_check_name(struct cel_checker *k, struct cel_node *n)
{
	const struct cel_scope *s = local_of(k, n);
	const struct cel_type *t;

	if (s && n->kind == CEL_NAME) {
		n->kind = CEL_LOCAL;
		n->loop = s->loop;
		return s->element;
	}
	if (!s && n->kind == CEL_VAR)
		return use_var(k, n);
	if (!s && !n->tried && whole_chain(k, n, &t))
		return t;
	return select_from(k, n);
}
