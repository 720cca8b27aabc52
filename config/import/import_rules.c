#include "config/import/cel_vars.h"
#include "config/import/import_run.h"

#include "config/cel/cel_compile.h"
#include "config/judge/judge_env.h"
#include "config/policy_text.h"
#include "config/value.h"
#include "common/banned.h"

#define NAMES_MAX 256u
#define WHEN_MAX 64u
#define WHEN_BYTES_MAX 4096u

enum effect { ALLOW, DENY, REQUIRE };
static const char *const effect_words[] = {"allow", "deny", "require", NULL};

/// One native rule in the making.
struct rule {
	const struct sp_node *node;
	enum effect effect;
	unsigned number, part; ///< of the rule, of its alternatives; 0 = it has one only
	char *tool[NAMES_MAX], *agent[NAMES_MAX];
	unsigned tools_n, agents_n, when_n;
	char *when[WHEN_MAX]; ///< heap
};

static void rule_done(struct rule *v)
{
	for (unsigned i = 0; i < v->when_n; i++)
		free(v->when[i]);
}

/// The literals of `== "x"` or `in ["x", "y"]` at `at`; 0 when something else stands there.
static unsigned literals(
	const struct sp_cel_toks *t, uint32_t at, struct sp_bytes *ret, unsigned cap)
{
	unsigned n = 0;

	if (sp_cel_tok_is(t, at, "==") && at + 2 == t->n)
		return sp_cel_literal(&t->v[at + 1], ret) ? 1 : 0;
	if (!sp_cel_tok_is(t, at, "in") || !sp_cel_tok_is(t, at + 1, "["))
		return 0;
	for (at += 2; at + 1 < t->n && n < cap; at += 2) {
		if (!sp_cel_literal(&t->v[at], &ret[n]))
			return 0;
		n++;
		if (sp_cel_tok_is(t, at + 1, "]"))
			return at + 2 == t->n ? n : 0;
		if (!sp_cel_tok_is(t, at + 1, ","))
			return 0;
	}
	return 0;
}

static bool starts(const struct sp_cel_toks *t, const char *const *path)
{
	for (uint32_t i = 0; *path; i++, path++)
		if (!sp_cel_tok_is(t, i, *path))
			return false;
	return true;
}

/// Names by themselves: a list, or a comparison the other way round.
static unsigned names_of(const struct sp_cel_toks *t, const char *const *path, uint32_t path_n,
	struct sp_bytes *ret, unsigned cap)
{
	struct sp_cel_toks rest;

	if (starts(t, path))
		return literals(t, path_n, ret, cap);
	rest = (struct sp_cel_toks){t->v + 2, t->n - 2};
	if (t->n == path_n + 2 && sp_cel_tok_is(t, 1, "==") && starts(&rest, path))
		return sp_cel_literal(&t->v[0], ret) ? 1 : 0;
	return 0;
}

typedef const char *wrong_fn(const char *s);

static bool kept(char *const *v, unsigned n, const char *s)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(v[i], s) == 0)
			return true;
	return false;
}

/// Names as texts, each once; 0 when one of them could not be such a name.
static unsigned keep(struct sp_import_run *r, const struct sp_bytes *v, unsigned n,
	const char *before, const char *after, wrong_fn *wrong, char **ret)
{
	unsigned unique = 0;

	for (unsigned i = 0; i < n; i++) {
		char *s = sp_arena_alloc(&r->arena, v[i].n + 3);

		if (!s) {
			r->err = -ENOMEM;
			return 0;
		}
		if (v[i].n == 0 || memchr(v[i].p, '*', v[i].n) || memchr(v[i].p, '?', v[i].n) ||
			memchr(v[i].p, 0, v[i].n))
			return 0;
		snprintf(s, v[i].n + 3, "%s%.*s%s", before, SP_FMT(v[i]), after);
		if (wrong(s))
			return 0;
		if (!kept(ret, unique, s))
			ret[unique++] = s;
	}
	return unique;
}

static bool take_tools(struct sp_import_run *r, struct rule *v, const struct sp_cel_toks *t)
{
	static const char *const path[] = {"mcp", ".", "tool", ".", "name", NULL};
	static const struct {
		const char *method, *before, *after;
	} part[] = {{"startsWith", "", "*"}, {"endsWith", "*", ""}, {"contains", "*", "*"}};
	struct sp_bytes name[NAMES_MAX];
	unsigned n;

	if (v->tools_n)
		return false;
	n = names_of(t, path, 5, name, NAMES_MAX);
	v->tools_n = keep(r, name, n, "", "", sp_policy_tool_wrong, v->tool);
	if (v->tools_n)
		return true;
	if (!starts(t, path) || t->n != 10 || !sp_cel_tok_is(t, 5, ".") ||
		!sp_cel_tok_is(t, 7, "(") || !sp_cel_literal(&t->v[8], name) || name[0].n == 0)
		return false;
	for (size_t i = 0; i < SP_ARRAY_LEN(part) && !v->tools_n; i++)
		if (sp_cel_tok_is(t, 6, part[i].method))
			v->tools_n = keep(r, name, 1, part[i].before, part[i].after,
				sp_policy_tool_wrong, v->tool);
	return v->tools_n > 0;
}

static bool take_agents(struct sp_import_run *r, struct rule *v, const struct sp_cel_toks *t)
{
	static const char *const path[] = {"jwt", ".", "sub", NULL};
	struct sp_bytes name[NAMES_MAX];
	unsigned n;

	// in a rule that denies the claim itself has to decide, whatever names the agents
	if (v->agents_n || v->effect != ALLOW)
		return false;
	n = names_of(t, path, 3, name, NAMES_MAX);
	v->agents_n = keep(r, name, n, "", "", sp_policy_agent_wrong, v->agent);
	return v->agents_n > 0;
}

/// NULL, or why the gateway would not publish such a condition.
static const char *unfit(struct sp_import_run *r, const char *text, size_t n)
{
	struct sp_check problems;
	const struct sp_cel_ask ask = {.text = sp_bytes(text, n),
		.env = sp_judge_env(),
		.phase = SP_CEL_PHASE_CALL,
		.want_bool = true,
		.at = {r->tree->file, 1, 1}};
	const char *why = NULL;
	uint8_t *code;
	size_t code_n;
	int err;

	if (n > WHEN_BYTES_MAX)
		return "a long condition";
	sp_check_init(&problems);
	err = sp_cel_compile(&ask, &problems, &code, &code_n);
	if (err == 0)
		free(code);
	else if (err == -EBADMSG && problems.n)
		why = sp_arena_str(&r->arena, sp_bytes_cstr(problems.v[0].what));
	if (err && !why)
		r->err = -ENOMEM;
	sp_check_done(&problems);
	return why;
}

/// Add a condition in our names: NULL, or why not.
static const char *add_when(
	struct sp_import_run *r, struct rule *v, const struct sp_cel_toks *t, bool negated)
{
	const char *why;
	char *text = NULL;
	size_t n;
	FILE *f;

	if (v->when_n == WHEN_MAX)
		return "one condition too many";
	f = open_memstream(&text, &n);
	if (!f) {
		r->err = -ENOMEM;
		return NULL;
	}
	fputs(negated ? "!(" : "", f);
	sp_cel_vars_write(t, f);
	fputs(negated ? ")" : "", f);
	if (fclose(f) != 0)
		r->err = -ENOMEM;
	why = r->err ? NULL : unfit(r, text, n);
	if (why || r->err)
		free(text);
	else
		v->when[v->when_n++] = text;
	return why;
}

static void put_names(FILE *f, const char *key, char *const *v, unsigned n)
{
	if (!n)
		return;
	fprintf(f, "    %s: [", key);
	for (unsigned i = 0; i < n; i++) {
		fputs(i ? ", " : "", f);
		sp_import_put_str(f, v[i]);
	}
	fputs("]\n", f);
}

static void put_rule(struct sp_import_run *r, struct rule *v)
{
	char *every[] = {(char[]){"*"}};
	FILE *f = r->out;

	fputs(r->rules ? "" : "rules:\n", f);
	r->rules = true;
	fprintf(f, "  - name: 'agentgateway rule %u", v->number);
	if (v->part)
		fprintf(f, ".%u", v->part);
	fprintf(f, "'\n    effect: %s\n", v->effect == ALLOW ? "allow" : "deny");
	put_names(f, "tools", v->tools_n ? v->tool : every, v->tools_n ? v->tools_n : 1);
	put_names(f, "agents", v->agent, v->agents_n);
	if (v->when_n)
		fputs("    when:\n", f);
	for (unsigned i = 0; i < v->when_n; i++) {
		fputs("      - ", f);
		sp_import_put_str(f, v->when[i]);
		fputc('\n', f);
	}
	if (v->effect != ALLOW)
		fputs("    reason: 'refused by an imported rule'\n", f);
	if (v->effect == ALLOW && !v->tools_n)
		sp_import_lost(r, v->node, "name the tools",
			"rule %u names no tool: it grants every one", v->number);
	r->anybody = r->anybody || (v->effect == ALLOW && !v->agents_n);
	if (v->agents_n)
		sp_import_lost(r, v->node, "with another agent_claim, write the agents' names",
			"rule %u: jwt.sub is taken for the agent's name", v->number);
}

/// What of a conjunction is not understood: an allow is left out, a deny does without the part and
/// refuses more.
static bool not_carried(struct sp_import_run *r, const struct rule *v, const char *why)
{
	if (v->effect == ALLOW) {
		sp_import_lost(
			r, v->node, "write it anew", "rule %u is left out: %s", v->number, why);
		return false;
	}
	sp_import_lost(r, v->node, "narrow it by hand", "rule %u refuses more than it did: %s",
		v->number, why);
	return true;
}

/// NULL, or why a part of a rule is not in what it became.
static const char *convert_part(
	struct sp_import_run *r, struct rule *v, const struct sp_cel_toks *part, bool whole)
{
	struct sp_bytes what;
	char why[256];

	if (!whole && (take_tools(r, v, part) || take_agents(r, v, part)))
		return NULL;
	if (sp_cel_vars_known(part, &what))
		return add_when(r, v, part, v->effect == REQUIRE);
	snprintf(why, sizeof(why), "'%.*s' is not known to the gateway",
		(int)sp_min(what.n, (size_t)128), what.p);
	return sp_arena_str(&r->arena, sp_bytes_cstr(why));
}

/// Conditions that are all required: names of tools and agents become lists, the rest stays CEL.
static void convert_all_of(struct sp_import_run *r, struct rule *v, const struct sp_cel_toks *t)
{
	struct sp_cel_toks part;
	uint32_t at = 0;
	bool whole = v->effect == REQUIRE || sp_cel_has_top(t, "||") || sp_cel_has_top(t, "?");

	while (!r->err && sp_cel_next_part(t, whole ? "" : "&&", &at, &part)) {
		const char *why = convert_part(r, v, &part, whole);

		if (why && !not_carried(r, v, why))
			return;
	}
	SP_BUG_IF(v->effect == ALLOW && !r->err && v->tools_n + v->agents_n + v->when_n == 0);
	if (!r->err)
		put_rule(r, v);
}

/// Alternatives are rules of their own, for any of them is enough.
static void convert_any_of(struct sp_import_run *r, const struct sp_node *node, enum effect effect,
	unsigned number, struct sp_cel_toks t)
{
	bool split = effect != REQUIRE && sp_cel_has_top(&t, "||") && !sp_cel_has_top(&t, "?");
	struct sp_cel_toks part;
	uint32_t at = 0;
	unsigned n = 0;

	while (sp_cel_next_part(&t, split ? "||" : "", &at, &part) && !r->err) {
		struct rule v = {
			.node = node, .effect = effect, .number = number, .part = split ? ++n : 0};

		convert_all_of(r, &v, &part);
		rule_done(&v);
	}
}

static void convert_rule(
	struct sp_import_run *r, const struct sp_node *node, enum effect effect, unsigned number)
{
	struct sp_cel_toks t;
	int err;

	if (node->kind != SP_NODE_SCALAR) {
		sp_check_add(r->check, sp_node_at(r->tree, node), NULL,
			"rule %u: a condition has to be a text", number);
		return;
	}
	err = sp_cel_tokens(sp_bytes(node->text, node->n), &r->arena, &t);
	if (err == -ENOMEM)
		r->err = err;
	else if (err)
		sp_check_add(r->check, sp_node_at(r->tree, node), NULL,
			"rule %u is no condition in CEL", number);
	else
		convert_any_of(r, node, effect, number, sp_cel_bare(t));
}

/// "expression", or {allow: expression}, {deny: ...}, {require: ...}.
static void read_rule(struct sp_import_run *r, const struct sp_node *n, unsigned number,
	bool *allows, bool *denies)
{
	if (n->kind == SP_NODE_SCALAR) {
		*allows = true;
		convert_rule(r, n, ALLOW, number);
		return;
	}
	if (n->kind != SP_NODE_MAP || n->n != 1) {
		sp_check_add(r->check, sp_node_at(r->tree, n),
			"a condition, or one of allow, deny, require with a condition",
			"rule %u is of an unknown form", number);
		return;
	}
	for (unsigned e = ALLOW; e <= REQUIRE; e++) {
		if (strcmp(n->first->key->text, effect_words[e]) != 0)
			continue;
		*allows = *allows || e == ALLOW;
		*denies = *denies || e != ALLOW;
		convert_rule(r, n->first, (enum effect)e, number);
		return;
	}
	sp_check_add(r->check, sp_node_at(r->tree, n->first->key), "allow, deny or require",
		"rule %u: '%s' is unknown", number, n->first->key->text);
}

struct found {
	const struct sp_node *authorization;
	unsigned authorizations;
};

/// Settings of the same file that are said elsewhere here.
static void note_member(struct sp_import_run *r, const struct sp_node *n)
{
	static const struct {
		const char *key, *mend;
	} other[] = {
		{"jwtAuth", "see issuers in sallyport.yaml"},
		{"mcpAuthentication", "see issuers in sallyport.yaml"},
		{"localRateLimit", "see limits in docs/policy.md"},
		{"remoteRateLimit", "see limits in docs/policy.md"},
		{"mcpGuardrails", NULL},
		{"backendAuth", "see credential of an upstream in sallyport.yaml"},
		{"cors", "see origins of a route in sallyport.yaml"},
		{"authorization", "add rules with conditions on jwt and source"},
		{"extAuthz", NULL},
		{"apiKey", NULL},
		{"basicAuth", NULL},
		{"targets", "see upstreams in sallyport.yaml"},
	};

	for (size_t i = 0; i < SP_ARRAY_LEN(other); i++)
		if (strcmp(n->key->text, other[i].key) == 0)
			sp_import_lost(r, n->key, other[i].mend,
				"'%s' is no part of policy and not carried over", n->key->text);
}

static void find(struct sp_import_run *r, const struct sp_node *n, struct found *ret)
{
	for (const struct sp_node *c = n->kind == SP_NODE_SCALAR ? NULL : n->first; c;
		c = c->next) {
		if (n->kind == SP_NODE_MAP && strcmp(c->key->text, "mcpAuthorization") == 0) {
			if (ret->authorizations++)
				sp_check_add(r->check, sp_node_at(r->tree, c->key),
					"import them one by one, from files of their own",
					"a second mcpAuthorization: rules of one route must not "
					"grant on another");
			ret->authorization = c;
			continue;
		}
		if (n->kind == SP_NODE_MAP)
			note_member(r, c);
		find(r, c, ret);
	}
}

static void put_head(struct sp_import_run *r)
{
	fputs("# Imported from ", r->out);
	sp_import_put_comment(r->out, r->tree->file);
	fputs(" (agentgateway's mcpAuthorization).\n"
	      "# A condition that fails while it runs denies here, also in a rule that denies.\n"
	      "version: 1\n",
		r->out);
}

void sp_import_agentgateway(struct sp_import_run *r)
{
	const struct sp_node *root = r->tree->root, *rules;
	struct found found = {root, 0};
	unsigned number = 0;
	bool allows = false, denies = false;

	find(r, root, &found);
	rules = found.authorization->kind == SP_NODE_MAP ? sp_node_get(found.authorization, "rules")
							 : NULL;
	if (!rules || rules->kind != SP_NODE_SEQ) {
		sp_check_add(r->check, sp_node_at(r->tree, found.authorization),
			"mcpAuthorization: {rules: [...]}", "no list 'rules' of mcpAuthorization");
		return;
	}
	put_head(r);
	for (const struct sp_node *n = rules->first; n && !r->err; n = n->next)
		read_rule(r, n, ++number, &allows, &denies);
	fputs(r->rules ? "" : "rules: []\n", r->out);
	if (r->anybody)
		sp_import_lost(r, rules, "declare them under 'agents'",
			"there, a rule that names no agent is for everybody with a token; here, for agents that "
			"policy declares");
	if (!allows)
		sp_import_lost(r, rules, "add rules that allow",
			denies ? "nothing allows: there, what is not denied passes; here, what is "
				 "not granted is refused"
			       : "there are no rules: there, everything passes; here, everything "
				 "is refused");
}
