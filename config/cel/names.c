#include "config/cel/ast.h"

#include "common/banned.h"

#define PATH_MAX_N 256u
#define PARTS_MAX (PATH_MAX_N / 2)

static uint32_t find(const struct sp_cel_env *env, struct sp_bytes path)
{
	for (uint32_t i = 0; i < env->n; i++) {
		const char *p = env->var[i].path;

		if (strncmp(p, (const char *)path.p, path.n) == 0 && p[path.n] == '\0')
			return i;
	}
	return SP_JSON_NONE;
}

/// A path as it is seen from the container "a.b": a.b.path, a.path, path.
static uint32_t find_from(const struct sp_cel_env *env, const char *path, size_t n, bool rooted)
{
	size_t len = env->container && !rooted ? strlen(env->container) : 0;
	char text[PATH_MAX_N * 2];
	uint32_t var;

	while (len && len + 1 + n < sizeof(text)) {
		memcpy(text, env->container, len);
		text[len] = '.';
		memcpy(text + len + 1, path, n);
		var = find(env, sp_bytes(text, len + 1 + n));
		if (var != SP_JSON_NONE)
			return var;
		while (len && env->container[--len] != '.')
			;
	}
	return find(env, sp_bytes(path, n));
}

bool cel_resolve_var(struct cel_cc *c, struct cel_node *n)
{
	struct cel_node *part[PARTS_MAX];
	char path[PATH_MAX_N];
	size_t parts = 0, len = cel_path(n, path, sizeof(path));
	uint32_t var;

	if (n->tried || !len)
		return false;
	for (struct cel_node *at = n;; at = at->arg[0]) {
		at->tried = true;
		part[parts++] = at; // no more than fit into the path
		if (at->kind == CEL_NAME)
			break;
	}
	for (size_t i = 0; i < parts; i++) {
		var = find_from(c->ask->env, path, len, part[parts - 1]->rooted);
		if (var != SP_JSON_NONE) {
			part[i]->kind = CEL_VAR;
			part[i]->var = var;
			part[i]->n = 0;
			part[i]->off = part[parts - 1]->off;
			return true;
		}
		len -= sp_min(len, part[i]->text.n + 1);
	}
	return false;
}

const char *cel_nearest_var(const struct cel_cc *c, const char *text)
{
	const struct sp_cel_env *env = c->ask->env;
	const char *best = NULL;
	unsigned least = 3;
	char part[PATH_MAX_N];
	size_t n = strlen(text);

	if (n >= sizeof(part))
		return NULL;
	memcpy(part, text, n + 1);
	for (char *dot = part + n; dot; dot = strrchr(part, '.')) {
		*dot = '\0';
		for (uint32_t i = 0; i < env->n; i++) {
			unsigned d = cel_distance(part, env->var[i].path);

			if (d < least && d < strlen(part)) {
				least = d;
				best = env->var[i].path;
			}
		}
	}
	return best;
}
