#include "config/import/import_run.h"

#include "config/gateway_words.h"
#include "config/policy_text.h"
#include "config/value.h"
#include "common/banned.h"

#define NAME_MAX_BYTES 48u

struct server {
	const struct sp_node *node;
	char name[NAME_MAX_BYTES + 8]; ///< as an upstream
	const char *url; ///< NULL: started by a command, or nothing this gateway reaches
	bool disabled;
};

static const char *text_of(const struct sp_node *map, const char *key)
{
	const struct sp_node *n = sp_node_get(map, key);

	return n && n->kind == SP_NODE_SCALAR ? n->text : NULL;
}

static bool name_taken(const struct server *v, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return true;
	return false;
}

/// Letters, digits, '-' and single '_', as upstreams are called; unique.
static void name_server(struct sp_import_run *r, struct server *v, uint32_t at)
{
	const char *from = v[at].node->key->text;
	char name[NAME_MAX_BYTES + 1];
	size_t n = 0;

	for (const char *p = from; *p && n < NAME_MAX_BYTES; p++) {
		bool fine = (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
		char c = fine ? *p : *p == '_' ? '_' : '-';

		if (fine || (n > 0 && name[n - 1] != '-' && name[n - 1] != '_'))
			name[n++] = c;
	}
	while (n > 0 && (name[n - 1] == '-' || name[n - 1] == '_'))
		n--;
	name[n] = 0;
	if (n == 0)
		snprintf(name, sizeof(name), "server");
	snprintf(v[at].name, sizeof(v[at].name), "%s", name);
	for (unsigned k = 2; name_taken(v, at, v[at].name) && k < 1000000; k++)
		snprintf(v[at].name, sizeof(v[at].name), "%.*s-%u", (int)NAME_MAX_BYTES, name, k);
	if (strcmp(v[at].name, from) != 0)
		sp_import_lost(r, v[at].node->key, NULL,
			"server '%s' is called '%s': letters, digits, - and single _", from,
			v[at].name);
}

static void url_of(struct sp_import_run *r, struct server *s)
{
	const char *url = text_of(s->node, "url"), *type = text_of(s->node, "type"), *wrong;
	struct sp_word_url parsed;

	url = url ? url : text_of(s->node, "serverUrl");
	url = url ? url : text_of(s->node, "httpUrl");
	type = type ? type : text_of(s->node, "transport");
	if (!url) {
		sp_import_lost(r, s->node, "serve it over streamable HTTP, then name its url",
			"'%s' %s: the gateway reaches servers over HTTP or a unix socket only", s->name,
			sp_node_get(s->node, "command") ? "is started by a command" : "has no url");
		return;
	}
	if (type && strcmp(type, "sse") == 0)
		sp_import_lost(r, s->node, "use the server's streamable HTTP endpoint",
			"'%s' uses the transport of before 2025, which the gateway does not speak",
			s->name);
	wrong = sp_word_url(url, &parsed);
	if (wrong) {
		sp_import_lost(r, s->node, NULL, "'%s': its url is not carried over: it %s",
			s->name, wrong);
		return;
	}
	s->url = url;
}

/// Members whose meaning ends with the client.
static void other_members(struct sp_import_run *r, const struct server *s)
{
	static const char *const known[] = {"command", "args", "env", "cwd", "envFile", "url",
		"serverUrl", "httpUrl", "type", "transport", "headers", "disabled", "enabled", "autoApprove",
		"alwaysAllow", NULL};

	for (const struct sp_node *n = s->node->first; n; n = n->next) {
		bool found = false;

		for (size_t i = 0; known[i] && !found; i++)
			found = strcmp(n->key->text, known[i]) == 0;
		if (!found)
			sp_import_lost(r, n->key, NULL, "'%s': '%s' is not carried over", s->name,
				n->key->text);
	}
	if (sp_node_get(s->node, "env") && sp_node_get(s->node, "env")->n)
		sp_import_lost(r, sp_node_get(s->node, "env"),
			"give them to the server where it runs",
			"'%s': environment variables are not copied, they may be secrets", s->name);
}

static void read_server(struct sp_import_run *r, struct server *v, uint32_t at)
{
	struct server *s = &v[at];
	const char *disabled, *enabled;

	name_server(r, v, at);
	if (s->node->kind != SP_NODE_MAP) {
		sp_check_add(r->check, sp_node_at(r->tree, s->node), NULL,
			"server '%s' has to be a mapping", s->node->key->text);
		return;
	}
	disabled = text_of(s->node, "disabled");
	enabled = text_of(s->node, "enabled");
	s->disabled = (disabled && strcmp(disabled, "true") == 0) ||
		      (enabled && strcmp(enabled, "false") == 0);
	if (s->disabled)
		sp_import_lost(r, s->node, NULL,
			"'%s' is disabled there and left out of the upstreams", s->name);
	else
		url_of(r, s);
	other_members(r, s);
}

static void put_credential(struct sp_import_run *r, const struct server *s)
{
	const struct sp_node *headers = sp_node_get(s->node, "headers");
	const struct sp_node *chosen = NULL;

	if (!headers || headers->kind != SP_NODE_MAP)
		return;
	for (const struct sp_node *n = headers->first; n; n = n->next)
		if (!chosen || sp_bytes_ieq(sp_bytes_cstr(n->key->text), SP_LIT("authorization")))
			chosen = n;
	if (!chosen)
		return;
	fputs("#     credential:\n#       header: ", r->out);
	sp_import_put_comment(r->out, chosen->key->text);
	fprintf(r->out, "\n#       value_file: /etc/sallyport/credentials/%s\n", s->name);
	sp_import_lost(r, chosen->key, "put it into the file named as value_file",
		"'%s': the value of header '%s' is not copied, it may be a secret", s->name,
		chosen->key->text);
	for (const struct sp_node *n = headers->first; n; n = n->next)
		if (n != chosen)
			sp_import_lost(r, n->key, NULL,
				"'%s': header '%s' is not carried over: an upstream has one "
				"credential",
				s->name, n->key->text);
}

static void put_upstreams(struct sp_import_run *r, const struct server *v, uint32_t n)
{
	bool first = true;

	fputs("# For sallyport.yaml:\n# upstreams:\n", r->out);
	for (uint32_t i = 0; i < n; i++) {
		if (!v[i].url)
			continue;
		fprintf(r->out, "#   - name: %s\n#     url: ", v[i].name);
		sp_import_put_str(r->out, v[i].url);
		fputc('\n', r->out);
		put_credential(r, &v[i]);
	}
	fputs("# routes:\n#   - path: /mcp\n#     resource: https://gateway.example.com/mcp\n#     "
	      "prefix: true\n"
	      "#     upstreams: [",
		r->out);
	for (uint32_t i = 0; i < n; i++) {
		if (!v[i].url)
			continue;
		fprintf(r->out, "%s%s", first ? "" : ", ", v[i].name);
		first = false;
	}
	fputs("]\n", r->out);
	for (uint32_t i = 0; i < n; i++)
		if (!v[i].url)
			fprintf(r->out, "# Not among them: %s (%s)\n", v[i].name,
				v[i].disabled ? "disabled" : "has no url the gateway can ask");
}

/// What the client's user had waved through, as a rule to be thought over.
static void put_approved(struct sp_import_run *r, const struct server *s)
{
	static const char *const keys[] = {"autoApprove", "alwaysAllow"};

	for (size_t k = 0; k < SP_ARRAY_LEN(keys); k++) {
		const struct sp_node *list = sp_node_get(s->node, keys[k]);
		bool any = false;

		if (!list || list->kind != SP_NODE_SEQ)
			continue;
		for (const struct sp_node *t = list->first; t; t = t->next) {
			if (t->kind != SP_NODE_SCALAR || sp_policy_action_wrong(t->text))
				continue;
			if (!any)
				fprintf(r->out,
					"  # - name: allow-%s\n  #   effect: allow\n"
					"  #   agents: [the-agent]\n  #   tools:\n",
					s->name);
			any = true;
			fprintf(r->out, "  #     - '%s__", s->name);
			sp_import_put_comment(r->out, t->text);
			fputs("'\n", r->out);
		}
		if (any)
			sp_import_lost(r, list, "name agents in it",
				"'%s': what the client called without asking is a rule in comments",
				s->name);
	}
}

static void put_rules(struct sp_import_run *r, const struct server *v, uint32_t n)
{
	fputs("#\n# Nothing is granted. Grant tools by rules with the effect allow, agent by "
	      "agent, and remove the rule\n"
	      "# here that denies the server: a deny wins over every grant.\n"
	      "version: 1\n",
		r->out);
	fputs(n ? "rules:\n" : "rules: []\n", r->out);
	for (uint32_t i = 0; i < n; i++) {
		fprintf(r->out,
			"  - name: closed-%s\n    effect: deny\n    tools: '%s__*'\n    reason: ",
			v[i].name, v[i].name);
		fputs("'imported; not granted to anybody yet'\n", r->out);
		if (v[i].node->kind == SP_NODE_MAP)
			put_approved(r, &v[i]);
	}
}

void sp_import_servers(struct sp_import_run *r)
{
	const struct sp_node *root = r->tree->root, *servers;
	struct server *v;
	uint32_t n = 0;

	servers = root->kind == SP_NODE_MAP ? sp_node_get(root, "mcpServers") : NULL;
	if (!servers && root->kind == SP_NODE_MAP)
		servers = sp_node_get(root, "servers");
	if (!servers || servers->kind != SP_NODE_MAP) {
		sp_check_add(r->check, sp_node_at(r->tree, root),
			"{\"mcpServers\": {\"name\": {\"url\": ...}}}",
			"no mapping 'mcpServers' at its top");
		return;
	}
	v = sp_arena_alloc(&r->arena, (servers->n + 1) * sizeof(*v));
	if (!v) {
		r->err = -ENOMEM;
		return;
	}
	for (const struct sp_node *s = servers->first; s; s = s->next) {
		v[n].node = s;
		read_server(r, v, n);
		n++;
	}
	fputs("# Imported from ", r->out);
	sp_import_put_comment(r->out, r->tree->file);
	fputs(" (mcpServers).\n", r->out);
	put_upstreams(r, v, n);
	put_rules(r, v, n);
}
