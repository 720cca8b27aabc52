/// What other people's files become: every text given is read again as policy.
#include "config/import/cel_text.h"
#include "config/import/import.h"
#include "config/load.h"
#include "config/policy_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_check check, lossy;
static struct sp_policy *p;
static char *out;

static void begin(enum sp_import_from from, const char *text, const char *file, int want)
{
	int err;

	sp_check_init(&check);
	sp_check_init(&lossy);
	out = NULL;
	p = NULL;
	err = sp_import(from, sp_bytes_cstr(text), file, &check, &lossy, &out);
	if (err != want)
		fail_msg("%d: %s", err, check.n ? check.v[0].what : "no problem");
	if (want)
		return;
	assert_true(sp_check_ok(&check));
	assert_int_equal(sp_policy_new(&p), 0);
	if (sp_policy_read(p, sp_bytes_cstr(out), "out.yaml", &check) < 0 ||
		sp_policy_seal_in(p, &check) < 0)
		fail_msg("%s in:\n%s", check.n ? check.v[0].what : "?", out);
}

static void end(void)
{
	p = p ? sp_policy_free(p) : NULL;
	free(out);
	sp_check_done(&check);
	sp_check_done(&lossy);
}

static bool told(const struct sp_check *c, const char *what, unsigned line)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strstr(c->v[i].what, what) && (!line || c->v[i].line == line))
			return true;
	return false;
}

static void rules_yaml(const char *rules)
{
	char text[8192];

	snprintf(text, sizeof(text), "mcpAuthorization:\n  rules:\n%s", rules);
	begin(SP_IMPORT_AGENTGATEWAY, text, "gw.yaml", 0);
}

static const struct sp_policy_rule *only_rule(void)
{
	assert_int_equal(p->rules_n, 1);
	return &p->rule[0];
}

static void names_of_tools_and_agents_become_lists_and_the_rest_stays_a_condition(void **state)
{
	const struct sp_policy_rule *r;

	(void)state;
	rules_yaml("  - 'mcp.tool.name == \"echo\"'\n"
		   "  - jwt.sub == \"test-user\" && mcp.tool.name in [\"add\", 'sub', \"add\"]\n"
		   "  - (mcp.tool.name.startsWith('read_') && jwt.nested.key == \"it's\" && "
		   "has(jwt.x))\n"
		   "  - '\"printEnv\" == mcp.tool.name'\n");
	assert_int_equal(p->rules_n, 4);
	r = &p->rule[0];
	assert_int_equal(r->effect, SP_EFFECT_ALLOW);
	assert_string_equal(r->tools.v[0], "echo");
	assert_int_equal(r->agents.n + r->when.n, 0);
	r = &p->rule[1];
	assert_int_equal(r->tools.n, 2);
	assert_string_equal(r->tools.v[1], "sub");
	assert_string_equal(r->agents.v[0], "test-user");
	assert_int_equal(r->when.n, 0);
	r = &p->rule[2];
	assert_string_equal(r->tools.v[0], "read_*");
	assert_int_equal(r->when.n, 2);
	assert_string_equal(r->when.v[0].text, "jwt.nested.key == \"it's\"");
	assert_string_equal(r->when.v[1].text, "has(jwt.x)");
	assert_string_equal(p->rule[3].tools.v[0], "printEnv");
	assert_true(told(&lossy, "jwt.sub is taken for the agent's name", 4));
	assert_true(told(&lossy, "here, for agents that policy declares", 3));
	end();
	rules_yaml("  - jwt.sub == 'a' && mcp.tool.name == 'echo'\n  - deny: mcp.tool.name == 'b'\n");
	assert_false(told(&lossy, "here, for agents that policy declares", 0));
	end();
}

static void alternatives_become_rules_of_their_own(void **state)
{
	(void)state;
	rules_yaml("  - mcp.tool.name == 'a' && (jwt.x == 1 || jwt.y == 2) || (mcp.tool.name == "
		   "'b')\n");
	assert_int_equal(p->rules_n, 2);
	assert_string_equal(p->rule[0].tools.v[0], "a");
	assert_string_equal(p->rule[0].when.v[0].text, "jwt.x == 1 || jwt.y == 2");
	assert_string_equal(p->rule[1].tools.v[0], "b");
	assert_string_equal(p->rule[1].name, "agentgateway rule 1.2");
	end();
}

static void what_looks_like_a_name_but_is_negated_or_compared_otherwise_stays_a_condition(
	void **state)
{
	static const char *const kept[] = {"!(mcp.tool.name == \"a\")", "mcp.tool.name != \"a\"",
		"mcp.tool.name == jwt.tool", "mcp.tool.name == \"a\" + \"b\"",
		"mcp.tool.name in jwt.tools", "mcp.tool.name in [\"a\", jwt.b]",
		"mcp.tool.name == \"a*\"", "mcp.tool.name == \"a\\\"b\"",
		"mcp.tool.name == \"a\" ? true : jwt.x", "mcp.tool.name.startsWith(\"a\") == false",
		"mcp.tool.name.matches(\"^a\")", "mcp.tool.name == \"\"",
		"size(mcp.tool.name) == 3", "jwt.tools.exists(t, t == mcp.tool.name)"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(kept); i++) {
		const struct sp_policy_rule *r;

		snprintf(text, sizeof(text), "  - '%s'\n", kept[i]);
		rules_yaml(text);
		r = only_rule();
		assert_string_equal(r->tools.v[0], "*");
		assert_int_equal(r->when.n, 1);
		if (!strstr(kept[i], "!("))
			assert_string_equal(r->when.v[0].text, kept[i]);
		assert_true(told(&lossy, "names no tool: it grants every one", 3));
		end();
	}
}

static void variables_are_called_as_they_are_here(void **state)
{
	(void)state;
	rules_yaml("  - 'mcp.tool.target == \"github\" && mcp.methodName == \"tools/call\" && "
		   "jwt.mcp.tool.target == 1 && \"mcp.tool.target\" in jwt.a && source.address == "
		   "\"10.0.0.1\"'\n");
	assert_int_equal(only_rule()->when.n, 5);
	assert_string_equal(p->rule[0].when.v[0].text, "mcp.upstream == \"github\"");
	assert_string_equal(p->rule[0].when.v[1].text, "mcp.method == \"tools/call\"");
	assert_string_equal(p->rule[0].when.v[2].text, "jwt.mcp.tool.target == 1");
	assert_string_equal(p->rule[0].when.v[3].text, "\"mcp.tool.target\" in jwt.a");
	end();
}

static void an_allow_that_is_not_understood_is_left_out(void **state)
{
	static const char *const unknown[] = {"mcp.prompt.name == \"x\"",
		"mcp.resource.name == \"x\"", "request.headers[\"x\"] == \"y\"",
		"request.method == \"POST\"", "apiKey.owner == \"x\"", "mcp.sessionId == \"x\"",
		"source.identity.namespace == \"x\"",
		"cidr(\"10.0.0.0/8\").containsIP(source.address)", "x", "jwt.a.exists(y, z == 1)",
		"mcp.tool.description == \"x\"", "mcp.tool.name.foo == 1", "jwt.a.frob() == 1",
		"llm.model == \"x\""};
	char text[512];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(unknown); i++) {
		snprintf(text, sizeof(text),
			"  - 'mcp.tool.name == \"a\" && %s'\n  - 'mcp.tool.name == \"b\"'\n",
			unknown[i]);
		rules_yaml(text);
		assert_string_equal(only_rule()->tools.v[0], "b");
		assert_true(told(&lossy, "rule 1 is left out", 3));
		end();
		snprintf(text, sizeof(text), "  - '%s'\n", unknown[i]);
		rules_yaml(text);
		assert_int_equal(p->rules_n, 0);
		end();
	}
}

static void a_deny_that_is_not_understood_denies_more_and_a_require_everything(void **state)
{
	(void)state;
	rules_yaml("  - deny: 'mcp.tool.name == \"a\" && apiKey.owner == \"x\" && jwt.y == 1'\n");
	assert_int_equal(only_rule()->effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[0].tools.v[0], "a");
	assert_int_equal(p->rule[0].when.n, 1);
	assert_true(told(&lossy, "rule 1 refuses more than it did: 'apiKey.owner'", 3));
	assert_true(told(&lossy, "what is not denied passes", 3));
	end();
	rules_yaml("  - require: 'apiKey.owner == \"x\" && jwt.y == 1'\n");
	assert_int_equal(only_rule()->effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[0].tools.v[0], "*");
	assert_int_equal(p->rule[0].when.n, 0);
	end();
}

static void a_require_denies_whatever_does_not_meet_it(void **state)
{
	(void)state;
	rules_yaml(
		"  - require: 'jwt.a == 1 || jwt.b == 2'\n  - allow: 'mcp.tool.name == \"a\"'\n");
	assert_int_equal(p->rules_n, 2);
	assert_int_equal(p->rule[0].effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[0].when.v[0].text, "!(jwt.a == 1 || jwt.b == 2)");
	assert_int_equal(p->rule[1].effect, SP_EFFECT_ALLOW);
	end();
}

static void a_deny_by_subject_keeps_the_claim(void **state)
{
	(void)state;
	rules_yaml("  - deny: 'jwt.sub == \"eve\"'\n");
	assert_int_equal(only_rule()->agents.n, 0);
	assert_string_equal(p->rule[0].when.v[0].text, "jwt.sub == \"eve\"");
	end();
}

static void rules_are_found_wherever_the_configuration_has_them(void **state)
{
	(void)state;
	begin(SP_IMPORT_AGENTGATEWAY,
		"binds:\n- port: 3000\n  listeners:\n  - routes:\n    - policies:\n        cors: "
		"{allowOrigins: ['*']}\n"
		"        jwtAuth: {issuer: x}\n        mcpAuthorization:\n          rules:\n"
		"          - 'mcp.tool.name == \"a\"'\n      backends:\n      - mcp:\n          "
		"targets:\n"
		"          - name: everything\n            stdio: {cmd: npx}\n",
		"gw.yaml", 0);
	assert_int_equal(p->rules_n, 1);
	assert_true(told(&lossy, "'jwtAuth' is no part of policy", 7));
	assert_true(told(&lossy, "'targets' is no part of policy", 13));
	end();
	begin(SP_IMPORT_AGENTGATEWAY, "{\"rules\": [\"mcp.tool.name == 'a'\"]}", "rules.json", 0);
	assert_int_equal(p->rules_n, 1);
	end();
	begin(SP_IMPORT_AGENTGATEWAY, "mcp: {policies: {mcpAuthorization: {rules: []}}}", "gw.yaml",
		0);
	assert_int_equal(p->rules_n, 0);
	assert_true(told(&lossy, "there, everything passes; here, everything is refused", 1));
	end();
}

static void what_could_grant_too_much_or_is_no_condition_is_refused(void **state)
{
	static const char *const wrong[][2] = {
		{"a: {mcpAuthorization: {rules: [x]}}\nb: {mcpAuthorization: {rules: [x]}}",
			"a second mcpAuthorization"},
		{"rules: ['mcp.tool.name == \"a']", "rule 1 is no condition"},
		{"rules: ['(a']", "rule 1 is no condition"},
		{"rules: ['a)']", "rule 1 is no condition"},
		{"rules: ['a ] [']", "rule 1 is no condition"},
		{"rules: ['a # b']", "rule 1 is no condition"},
		{"rules: ['']", "rule 1 is no condition"},
		{"rules: ['a &&']", "rule 1 is no condition"},
		{"rules: ['|| a']", "rule 1 is no condition"},
		{"rules: ['a && && b']", "rule 1 is no condition"},
		{"rules: ['(a ||) && b']", "rule 1 is no condition"},
		{"rules: ['a || == b']", "rule 1 is no condition"},
		{"rules: ['a & b']", "rule 1 is no condition"},
		{"rules: ['// a']", "rule 1 is no condition"},
		{"rules: [{audit: x}]", "'audit' is unknown"},
		{"rules: [{allow: x, deny: y}]", "unknown form"}, {"rules: [[x]]", "unknown form"},
		{"rules: [{allow: [x]}]", "has to be a text"}, {"rules: x", "no list 'rules'"},
		{"x: 1", "no list 'rules'"}, {"- x", "no list 'rules'"}, {"rules: [", "not YAML"}};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++) {
		begin(SP_IMPORT_AGENTGATEWAY, wrong[i][0], "gw.yaml", -EBADMSG);
		if (!told(&check, wrong[i][1], 0))
			print_error("%s: %s\n", wrong[i][0], check.v[0].what);
		assert_true(told(&check, wrong[i][1], 0));
		assert_null(out);
		end();
	}
}

static void conditions_of_many_lines_and_comments_are_put_on_one(void **state)
{
	(void)state;
	rules_yaml("  - |\n    mcp.tool.name == \"a\" // the tool\n      && jwt.x == \"// no "
		   "comment\"\n      && jwt.y ==\n      2\n");
	assert_int_equal(only_rule()->when.n, 2);
	assert_string_equal(p->rule[0].when.v[0].text, "jwt.x == \"// no comment\"");
	assert_string_equal(p->rule[0].when.v[1].text, "jwt.y == 2");
	end();
}

#define SERVERS                                                                                    \
	"{\"mcpServers\": {\n"                                                                     \
	" \"git_hub\": {\"type\": \"http\", \"url\": \"https://api.example.com/mcp\",\n"           \
	"  \"headers\": {\"X-Other\": \"o\", \"Authorization\": \"Bearer SECRET\"},\n"             \
	"  \"alwaysAllow\": [\"list_issues\", \"bad tool\"]},\n"                                   \
	" \"files (local)\": {\"command\": \"npx\", \"args\": [\"-y\"], \"env\": {\"TOKEN\": "     \
	"\"SECRET\"}},\n"                                                                          \
	" \"files__local\": {\"url\": \"${URL}\", \"timeout\": 5},\n"                              \
	" \"old\": {\"url\": \"http://127.0.0.1:1/sse\", \"type\": \"sse\"},\n"                    \
	" \"off\": {\"url\": \"http://127.0.0.1:2/mcp\", \"disabled\": true}\n"                    \
	"}}"

static void servers_become_upstreams_in_comments_and_closed_rules(void **state)
{
	(void)state;
	begin(SP_IMPORT_MCP_SERVERS, SERVERS, "claude_desktop_config.json", 0);
	assert_int_equal(p->rules_n, 5);
	for (uint32_t i = 0; i < p->rules_n; i++)
		assert_int_equal(p->rule[i].effect, SP_EFFECT_DENY);
	assert_string_equal(p->rule[0].tools.v[0], "git_hub__*");
	assert_string_equal(p->rule[1].tools.v[0], "files-local__*");
	assert_string_equal(p->rule[2].tools.v[0], "files_local__*");
	assert_null(strstr(out, "SECRET"));
	assert_non_null(strstr(out,
		"#   - name: git_hub\n#     url: 'https://api.example.com/mcp'\n#     credential:\n"
		"#       header: Authorization\n"));
	assert_non_null(strstr(out, "  #     - 'git_hub__list_issues'\n"));
	assert_null(strstr(out, "agents: []")); // that would be every agent
	assert_null(strstr(out, "bad tool"));
	assert_non_null(strstr(out, "#     upstreams: [git_hub, old]\n"));
	assert_true(told(&lossy, "header 'X-Other' is not carried over", 3));
	assert_true(told(&lossy, "the value of header 'Authorization' is not copied", 3));
	assert_true(told(&lossy, "'files-local' is started by a command", 5));
	assert_true(told(&lossy, "server 'files (local)' is called 'files-local'", 5));
	assert_true(told(&lossy, "environment variables are not copied", 5));
	assert_true(told(&lossy, "'files_local': its url is not carried over", 6));
	assert_true(told(&lossy, "'timeout' is not carried over", 6));
	assert_true(told(&lossy, "transport of before 2025", 7));
	assert_true(told(&lossy, "'off' is disabled", 8));
	end();
}

static void a_server_is_reached_by_any_of_the_clients_words_for_its_url(void **state)
{
	static const char *const words[] = {"url", "serverUrl", "httpUrl"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(words); i++) {
		snprintf(text, sizeof(text), "{\"mcpServers\": {\"s\": {\"%s\": \"https://s.example/mcp\"}}}",
			words[i]);
		begin(SP_IMPORT_MCP_SERVERS, text, "settings.json", 0);
		assert_non_null(strstr(out, "url: 'https://s.example/mcp'"));
		assert_int_equal(lossy.n, 0);
		end();
	}
	begin(SP_IMPORT_MCP_SERVERS, "{\"mcpServers\": {\"s\": {\"disabled\": false}}}", "x.json", 0);
	assert_true(told(&lossy, "'s' has no url", 1));
	end();
}

static void a_url_that_is_not_carried_over_is_told_why_and_never_shown(void **state)
{
	(void)state;
	begin(SP_IMPORT_MCP_SERVERS,
		"{\"mcpServers\":{\n\"a\":{\"url\":\"https://a.example/mcp?api_key=topsecret\"},\n"
		"\"b\":{\"url\":\"https://me:topsecret@b.example/mcp\"},\n"
		"\"c\":{\"url\":\"wss://c.example/topsecret\"}}}",
		"c.json", 0);
	assert_true(told(&lossy, "'a': its url is not carried over: it has a query", 2));
	assert_true(told(&lossy, "'b': its url is not carried over: it has a user", 3));
	assert_true(told(&lossy, "'c': its url is not carried over: it has to be http(s)", 4));
	assert_null(strstr(out, "topsecret"));
	for (uint32_t i = 0; i < lossy.n; i++)
		assert_null(strstr(lossy.v[i].what, "topsecret"));
	end();
}

/// The comment's lines as the configuration they are meant for.
static void the_upstreams_in_the_comments_are_configuration(void **state)
{
	static const char rest[] =
		"profile: development\nlisteners: [{address: '127.0.0.1:8080', tls: false}]\n"
		"issuers: [{issuer: 'https://i.example', algorithms: [ES256], jwks_file: /x}]\n";
	struct sp_gateway *g = NULL;
	size_t n = sizeof(rest) - 1;
	char text[8192];

	(void)state;
	begin(SP_IMPORT_MCP_SERVERS, SERVERS, "x.json", 0);
	memcpy(text, rest, n);
	for (const char *line = strstr(out, "# upstreams:"); line && strncmp(line, "# ", 2) == 0;
		line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n") + 1;

		if (strncmp(line, "# Not among", 11) == 0)
			break;
		memcpy(text + n, line + 2, len - 2);
		n += len - 2;
	}
	if (sp_gateway_parse(sp_bytes(text, n), "c.yaml", &check, &g) < 0)
		fail_msg("%s:%u in\n%.*s", check.v[0].what, check.v[0].line, (int)n, text);
	assert_int_equal(g->upstreams.n, 2);
	sp_gateway_free(g);
	end();
}

static void names_of_servers_stay_apart(void **state)
{
	(void)state;
	begin(SP_IMPORT_MCP_SERVERS,
		"{\"servers\": {\"a b\": {\"url\":\"http://h:1/\"}, \"a-b\": "
		"{\"url\":\"http://h:1/\"}, \"a.b\": "
		"{\"url\":\"http://h:1/\"}, \"--\": {\"url\":\"http://h:1/\"}, \"客\": "
		"{\"url\":\"http://h:1/\"}}}",
		"x.json", 0);
	assert_int_equal(p->rules_n, 5);
	assert_string_equal(p->rule[0].tools.v[0], "a-b__*");
	assert_string_equal(p->rule[1].tools.v[0], "a-b-2__*");
	assert_string_equal(p->rule[2].tools.v[0], "a-b-3__*");
	assert_string_equal(p->rule[3].tools.v[0], "server__*");
	assert_string_equal(p->rule[4].tools.v[0], "server-2__*");
	end();
}

static void a_servers_file_without_servers_is_refused_and_an_empty_one_is_not(void **state)
{
	static const char *const wrong[] = {"{}", "[]", "{\"mcpServers\": []}",
		"{\"mcpServers\": {\"a\": 1}}", "{\"mcpServers\": {", "1"};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(wrong); i++) {
		begin(SP_IMPORT_MCP_SERVERS, wrong[i], "x.json", -EBADMSG);
		end();
	}
	begin(SP_IMPORT_MCP_SERVERS, "{\"mcpServers\": {}}", "x.json", 0);
	assert_int_equal(p->rules_n, 0);
	end();
}

static void no_truncation_or_changed_byte_gives_text_that_is_no_policy(void **state)
{
	static const char rules[] = "mcpAuthorization:\n  rules:\n  - 'mcp.tool.name in [\"a\", "
				    "\"b\"] && (jwt.x == 1 || "
				    "jwt.sub == \"c\")'\n  - deny: 'mcp.tool.name == \"a\" || "
				    "source.address == r\"1\"'\n";
	const struct {
		enum sp_import_from from;
		const char *file, *text;
	} in[] = {{SP_IMPORT_AGENTGATEWAY, "x.yaml", rules},
		{SP_IMPORT_MCP_SERVERS, "x.json", SERVERS}};
	unsigned good = 0;

	(void)state;
	for (size_t k = 0; k < SP_ARRAY_LEN(in); k++) {
		size_t n = strlen(in[k].text);
		char *copy = strdup(in[k].text);

		for (size_t i = 0; i < 2 * n; i++) {
			static const char bytes[] = "'\"\\*&|()[]\n x";

			copy[i % n] = bytes[i % (sizeof(bytes) - 1)];
			sp_check_init(&check);
			sp_check_init(&lossy);
			out = NULL;
			if (sp_import(in[k].from, sp_bytes(copy, i < n ? i : n), in[k].file, &check,
				    &lossy, &out) == 0) {
				assert_int_equal(sp_policy_new(&p), 0);
				if (sp_policy_read(p, sp_bytes_cstr(out), "o.yaml", &check) < 0)
					fail_msg("%s in:\n%s\nfrom:\n%s", check.v[0].what, out,
						copy);
				good++;
			}
			end();
			copy[i % n] = in[k].text[i % n];
		}
		free(copy);
	}
	assert_true(good > 50);
}

static void tokens_nest_and_split_outside_brackets_only(void **state)
{
	struct sp_arena a;
	struct sp_cel_toks t, part;
	struct sp_bytes s;
	uint32_t at = 0;

	(void)state;
	sp_arena_init(&a);
	assert_int_equal(sp_cel_tokens(SP_LIT("a && f(b && c) && \"&&\" && [d && e]"), &a, &t), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(sp_cel_next_part(&t, "&&", &at, &part));
	assert_false(sp_cel_next_part(&t, "&&", &at, &part));
	assert_int_equal(sp_cel_tokens(SP_LIT("((a) && (b))"), &a, &t), 0);
	t = sp_cel_bare(t);
	assert_true(sp_cel_has_top(&t, "&&"));
	assert_int_equal(t.n, 7);
	t = sp_cel_bare(t);
	assert_int_equal(t.n, 7);
	assert_int_equal(sp_cel_tokens(SP_LIT("'''a'b''' + r'\\' + b\"x\""), &a, &t), 0);
	assert_int_equal(t.n, 5);
	assert_false(sp_cel_literal(&t.v[0], &s));
	assert_false(sp_cel_literal(&t.v[2], &s));
	assert_false(sp_cel_literal(&t.v[4], &s));
	assert_int_equal(sp_cel_tokens(SP_LIT("'a\nb'"), &a, &t), -EINVAL);
	assert_int_equal(sp_cel_tokens(SP_LIT("rrse + rb'\\' + brr"), &a, &t), 0);
	assert_int_equal(t.n, 5);
	assert_int_equal(sp_cel_tokens(SP_LIT("(]"), &a, &t), -EINVAL);
	assert_int_equal(sp_cel_tokens(SP_LIT("é"), &a, &t), -EINVAL);
	sp_arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			names_of_tools_and_agents_become_lists_and_the_rest_stays_a_condition),
		cmocka_unit_test(alternatives_become_rules_of_their_own),
		cmocka_unit_test(
			what_looks_like_a_name_but_is_negated_or_compared_otherwise_stays_a_condition),
		cmocka_unit_test(variables_are_called_as_they_are_here),
		cmocka_unit_test(an_allow_that_is_not_understood_is_left_out),
		cmocka_unit_test(
			a_deny_that_is_not_understood_denies_more_and_a_require_everything),
		cmocka_unit_test(a_require_denies_whatever_does_not_meet_it),
		cmocka_unit_test(a_deny_by_subject_keeps_the_claim),
		cmocka_unit_test(rules_are_found_wherever_the_configuration_has_them),
		cmocka_unit_test(what_could_grant_too_much_or_is_no_condition_is_refused),
		cmocka_unit_test(conditions_of_many_lines_and_comments_are_put_on_one),
		cmocka_unit_test(servers_become_upstreams_in_comments_and_closed_rules),
		cmocka_unit_test(a_server_is_reached_by_any_of_the_clients_words_for_its_url),
		cmocka_unit_test(a_url_that_is_not_carried_over_is_told_why_and_never_shown),
		cmocka_unit_test(the_upstreams_in_the_comments_are_configuration),
		cmocka_unit_test(names_of_servers_stay_apart),
		cmocka_unit_test(a_servers_file_without_servers_is_refused_and_an_empty_one_is_not),
		cmocka_unit_test(no_truncation_or_changed_byte_gives_text_that_is_no_policy),
		cmocka_unit_test(tokens_nest_and_split_outside_brackets_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
