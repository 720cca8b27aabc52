#include "config/import/cel_vars.h"

#include "common/banned.h"

struct var {
	const char *theirs, *ours; ///< dotted; `ours` NULL: the same
	bool fields; ///< whether it has any below it
};
static const struct var vars[] = {
	{"mcp.tool.name", NULL, false},
	{"mcp.tool.target", "mcp.upstream", false},
	{"mcp.tool.arguments", NULL, true},
	{"mcp.methodName", "mcp.method", false},
	{"jwt", NULL, true},
	{"source.address", NULL, false},
};
static const char *const functions[] = {"size", "has", "int", "uint", "double", "string", "bytes",
	"bool", "type", "dyn", "timestamp", "duration", NULL};
static const char *const methods[] = {"startsWith", "endsWith", "contains", "matches", "size",
	"all", "exists", "exists_one", "map", "filter", "getFullYear", "getMonth", "getDate",
	"getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds",
	"getMilliseconds", NULL};
static const char *const loops[] = {"all", "exists", "exists_one", "map", "filter", NULL};
static const char *const words[] = {"true", "false", "null", "in", NULL};

static bool among(const struct sp_cel_toks *t, uint32_t at, const char *const *list)
{
	for (; *list; list++)
		if (sp_cel_tok_is(t, at, *list))
			return true;
	return false;
}

static bool is_name(const struct sp_cel_toks *t, uint32_t at)
{
	return at < t->n && t->v[at].kind == SP_CEL_TOK_NAME;
}

/// Tokens of the dotted path `path` at `at`, 0 when it does not stand there.
static uint32_t path_at(const struct sp_cel_toks *t, uint32_t at, const char *path)
{
	uint32_t i = at;

	for (;;) {
		size_t n = strcspn(path, ".");

		if (!is_name(t, i) || !sp_bytes_eq(t->v[i].text, sp_bytes(path, n)))
			return 0;
		i++;
		if (!path[n])
			return i - at;
		if (!sp_cel_tok_is(t, i, "."))
			return 0;
		i++;
		path += n + 1;
	}
}

static const struct var *var_at(const struct sp_cel_toks *t, uint32_t at, uint32_t *ret_n)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(vars); i++) {
		uint32_t n = path_at(t, at, vars[i].theirs);

		if (n == 0)
			continue;
		// a field of what has none: only a method may follow
		if (!vars[i].fields && sp_cel_tok_is(t, at + n, ".") &&
			!sp_cel_tok_is(t, at + n + 2, "("))
			continue;
		*ret_n = n;
		return &vars[i];
	}
	return NULL;
}

/// A name that a macro around it binds: `list.exists(x, x == 1)`.
static bool is_bound(const struct sp_cel_toks *t, uint32_t at)
{
	for (uint32_t i = 0; i + 4 < t->n && i + 3 <= at; i++)
		if (sp_cel_tok_is(t, i, ".") && among(t, i + 1, loops) &&
			sp_cel_tok_is(t, i + 2, "(") && is_name(t, i + 3) &&
			sp_cel_tok_is(t, i + 4, ",") &&
			sp_bytes_eq(t->v[i + 3].text, t->v[at].text))
			return true;
	return false;
}

/// Whether what stands at `at` is known; *ret_n is how many tokens it takes.
static bool known_at(const struct sp_cel_toks *t, uint32_t at, uint32_t *ret_n)
{
	bool selected = at > 0 && sp_cel_tok_is(t, at - 1, "."),
	     called = sp_cel_tok_is(t, at + 1, "(");

	*ret_n = 1;
	if (!is_name(t, at) || (selected && !called))
		return true;
	if (selected)
		return among(t, at, methods);
	if (called)
		return among(t, at, functions);
	if (among(t, at, words) || is_bound(t, at))
		return true;
	return var_at(t, at, ret_n) != NULL;
}

bool sp_cel_vars_known(const struct sp_cel_toks *t, struct sp_bytes *ret)
{
	for (uint32_t i = 0, n; i < t->n; i += n) {
		uint32_t end = i;

		if (known_at(t, i, &n))
			continue;
		while (sp_cel_tok_is(t, end + 1, ".") && is_name(t, end + 2))
			end += 2;
		*ret = sp_bytes(t->v[i].text.p,
			(size_t)(t->v[end].text.p + t->v[end].text.n - t->v[i].text.p));
		return false;
	}
	return true;
}

void sp_cel_vars_write(const struct sp_cel_toks *t, FILE *f)
{
	for (uint32_t i = 0, n; i < t->n; i += n) {
		bool selected = i > 0 && sp_cel_tok_is(t, i - 1, ".");
		const struct var *v =
			is_name(t, i) && !selected && !is_bound(t, i) ? var_at(t, i, &n) : NULL;

		if (i > 0 && t->v[i].space)
			fputc(' ', f);
		if (v && v->ours) {
			fputs(v->ours, f);
			continue;
		}
		n = 1;
		fwrite(t->v[i].text.p, 1, t->v[i].text.n, f);
	}
}
