#include "config/lint/lint_run.h"

#include "common/url.h"
#include "common/banned.h"

static bool is_star(const char *s)
{
	return s[0] && strspn(s, "*") == strlen(s);
}

bool sp_lint_any(const struct sp_policy_strs *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (is_star(s->v[i]))
			return true;
	return s->n == 0;
}

bool sp_lint_has(const struct sp_policy_strs *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], name) == 0)
			return true;
	return false;
}

bool sp_lint_has_tool(const struct sp_policy_strs *globs, const char *name)
{
	for (uint32_t i = 0; i < globs->n; i++)
		if (sp_glob_match(sp_bytes_cstr(globs->v[i]), sp_bytes_cstr(name), false))
			return true;
	return globs->n == 0;
}

/// The narrow glob as a text: its stars are characters that only a star can match.
bool sp_lint_glob_covers(const char *wide, const char *narrow)
{
	if (strcmp(wide, narrow) == 0)
		return true;
	if (strchr(wide, '?'))
		return !strpbrk(narrow, "*?") &&
		       sp_glob_match(sp_bytes_cstr(wide), sp_bytes_cstr(narrow), false);
	return sp_glob_match(sp_bytes_cstr(wide), sp_bytes_cstr(narrow), false);
}

bool sp_lint_covers(const struct sp_policy_strs *wide, const struct sp_policy_strs *narrow)
{
	if (sp_lint_any(wide))
		return true;
	if (sp_lint_any(narrow))
		return false;
	for (uint32_t i = 0; i < narrow->n; i++)
		if (!sp_lint_has(wide, narrow->v[i]))
			return false;
	return true;
}

bool sp_lint_covers_tools(const struct sp_policy_strs *wide, const struct sp_policy_strs *narrow)
{
	if (sp_lint_any(wide))
		return true;
	if (narrow->n == 0)
		return false;
	for (uint32_t i = 0; i < narrow->n; i++) {
		bool covered = false;

		for (uint32_t k = 0; k < wide->n && !covered; k++)
			covered = sp_lint_glob_covers(wide->v[k], narrow->v[i]);
		if (!covered)
			return false;
	}
	return true;
}

bool sp_lint_unconditional(const struct sp_policy_rule *r)
{
	return r->when.n == 0 && r->purposes.n == 0;
}

bool sp_lint_rule_covers(const struct sp_policy_rule *wide, const struct sp_policy_rule *narrow)
{
	return sp_lint_unconditional(wide) && sp_lint_covers(&wide->agents, &narrow->agents) &&
	       sp_lint_covers(&wide->roles, &narrow->roles) &&
	       sp_lint_covers(&wide->environments, &narrow->environments) &&
	       sp_lint_covers_tools(&wide->tools, &narrow->tools);
}
