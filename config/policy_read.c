#include "config/policy_read.h"

#include "config/policy_forms.h"
#include "config/policy_native.h"

#include <stdio.h>
#include <strings.h>
#include "common/banned.h"

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcasecmp(s + n - m, end) == 0;
}

bool sp_policy_file_name(const char *name)
{
	return name[0] != '.' &&
	       (ends_with(name, ".json") || ends_with(name, ".yaml") || ends_with(name, ".yml"));
}

typedef void form_fn(struct sp_policy_reader *r, const struct sp_node *n);
struct form {
	const char *key, *name;
	form_fn *read;
};
static const struct form forms[] = {
	{"style_rules", "style rules", sp_form_styles},
	{"risk_scoring", "risk scoring", sp_form_risk},
	{"policy_definitions", "policy definitions", sp_form_definitions},
	{"TOOL_POLICIES", "tool policies", sp_form_tools},
};

static void name_form(char *names, size_t cap, const char *name)
{
	size_t n = strlen(names);

	snprintf(names + n, cap - n, "%s%s", n ? ", " : "", name);
}

static bool has_any(const struct sp_node *map, const char *const *keys)
{
	while (*keys && !sp_node_get(map, *keys))
		keys++;
	return *keys;
}

/// A document of the parts that the seeds' forms are, one or several of them.
static void read_parts(
	struct sp_policy_reader *r, const struct sp_node *root, char *names, size_t cap)
{
	const char *keys[SP_ARRAY_LEN(forms) + 3] = {NULL};

	for (size_t i = 0; i < SP_ARRAY_LEN(forms); i++)
		keys[i] = forms[i].key;
	keys[SP_ARRAY_LEN(forms)] = "version";
	keys[SP_ARRAY_LEN(forms) + 1] = "tool_id";
	sp_pn_keys(r, root, "policy text", keys, NULL);
	if (!has_any(root, keys))
		sp_check_add(r->check, sp_pn_at(r, root),
			"version: 1 begins the native form, tool_id an allow-list",
			"this is no policy");
	for (size_t i = 0; i < SP_ARRAY_LEN(forms) && !r->err; i++) {
		const struct sp_node *n = sp_node_get(root, forms[i].key);

		if (!n)
			continue;
		name_form(names, cap, forms[i].name);
		forms[i].read(r, n);
	}
}

/// Also without its version, which is then told to be missing.
static bool is_native(const struct sp_node *root)
{
	for (size_t i = 0; i < sp_policy_schema.n; i++)
		if (sp_node_get(root, sp_policy_schema.field[i].name))
			return true;
	return false;
}

static void read_root(struct sp_policy_reader *r, char *names, size_t cap)
{
	const struct sp_node *root = r->tree->root;

	if (is_native(root)) {
		name_form(names, cap, "native");
		sp_form_native(r, root);
	} else if (root->kind != SP_NODE_MAP || sp_node_get(root, "tool_id") ||
		   sp_node_get(root, "allowed_actions")) {
		name_form(names, cap, "allow-list");
		sp_form_whitelist(r, root);
	} else {
		read_parts(r, root, names, cap);
	}
}

static int note_source(
	const struct sp_policy_reader *r, const struct sp_policy *was, const char *names)
{
	const struct sp_policy *p = r->p;
	struct sp_policy_source *s;

	SP_TRY(sp_policy_source_add(r->p, (struct sp_at){r->file, 0, 0}, &s));
	s->form = sp_arena_str(&r->p->arena, sp_bytes_cstr(names));
	s->agents = p->agents_n - was->agents_n;
	s->rules = p->rules_n - was->rules_n;
	s->groups = p->groups_n - was->groups_n;
	s->limits = p->limits_n - was->limits_n;
	s->tools = p->tools_n - was->tools_n;
	s->purposes = p->purposes_n - was->purposes_n;
	s->sequences = p->sequences_n - was->sequences_n;
	s->risk = p->risk.on && !was->risk.on;
	s->intent = (p->purpose_required || p->details_required) &&
		    !(was->purpose_required || was->details_required);
	return s->form ? 0 : -ENOMEM;
}

static int read_tree(struct sp_policy *p, const struct sp_tree *tree, bool json,
	struct sp_check *check)
{
	struct sp_policy_reader r = {p, tree, check, sp_policy_file(p, tree->file), json, 0};
	struct sp_policy was = *p;
	char names[128] = "";

	if (!r.file)
		return -ENOMEM;
	read_root(&r, names, sizeof(names));
	if (!r.err)
		r.err = note_source(&r, &was, names);
	if (r.err == -E2BIG) {
		sp_check_add(check, (struct sp_at){tree->file, 0, 0}, NULL,
			"too many agents, tools or rules");
		r.err = -EBADMSG;
	}
	return r.err;
}

int sp_policy_read(
	struct sp_policy *p, struct sp_bytes text, const char *file, struct sp_check *check)
{
	bool json = ends_with(file, ".json");
	uint32_t before = sp_check_count(check);
	struct sp_tree tree;
	int err;

	if (json)
		SP_TRY(sp_json_tree_parse(text, file, check, &tree));
	else
		SP_TRY(sp_yaml_parse(text, file, check, &tree));
	err = read_tree(p, &tree, json, check);
	sp_tree_done(&tree);
	if (err)
		return err;
	return sp_check_count(check) == before ? 0 : -EBADMSG;
}
