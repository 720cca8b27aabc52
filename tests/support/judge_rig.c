#include "tests/support/judge_rig.h"

#include "config/compiled.h"
#include "config/snapshot_build.h"

#include <stdio.h>
#include "common/banned.h"

#define LIMIT_SLOTS 16384u

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "judge rig: %s\n", what);
	abort();
}

static void must_check(int r, struct sp_check *check, const char *what)
{
	char text[512];

	for (uint32_t i = 0; i < check->n; i++) {
		sp_problem_text(&check->v[i], text, sizeof(text));
		(void)fprintf(stderr, "%s\n", text);
	}
	must(r == 0, what);
}

static const char *keep(struct sp_policy *p, const char *s)
{
	char *copy = sp_arena_alloc(&p->arena, strlen(s) + 1);

	must(copy != NULL, "memory");
	memcpy(copy, s, strlen(s) + 1);
	return copy;
}

void rig_init(struct rig *r)
{
	*r = (struct rig){.arena = {.p = malloc(SP_JUDGE_ARENA_BYTES), .cap = SP_JUDGE_ARENA_BYTES},
		.params_tok = calloc(RIG_TOKENS, sizeof(struct sp_json_tok)),
		.claims_tok = calloc(RIG_TOKENS, sizeof(struct sp_json_tok))};
	must(r->arena.p && r->params_tok && r->claims_tok, "memory");
	must(sp_policy_new(&r->p) == 0, "policy");
}

void rig_done(struct rig *r)
{
	sp_policy_free(r->p);
	free(r->blob);
	free(r->arena.p);
	free(r->params_tok);
	free(r->claims_tok);
}

int rig_tear_down(void **state)
{
	rig_done(*state);
	return 0;
}

struct sp_policy_strs rig_list(struct sp_policy *p, const char *names)
{
	struct sp_policy_strs ret = {0};
	char *copy;

	if (!names || !names[0])
		return ret;
	copy = (char *)(uintptr_t)keep(p, names);
	ret.n = 1;
	for (const char *c = names; *c; c++)
		ret.n += *c == ',';
	ret.v = sp_arena_alloc(&p->arena, ret.n * sizeof(*ret.v));
	must(ret.v != NULL, "memory");
	for (uint32_t i = 0; i < ret.n; i++) {
		char *comma = strchr(copy, ',');

		ret.v[i] = copy;
		if (comma) {
			*comma = '\0';
			copy = comma + 1;
		}
	}
	return ret;
}

static struct sp_at here(unsigned line)
{
	return (struct sp_at){"rig.yaml", line, 1};
}

struct sp_policy_agent *rig_agent(struct sp_policy *p, const char *name)
{
	struct sp_policy_agent *a;
	int r = sp_policy_agent_add(p, sp_bytes_cstr(name), here(1), &a);

	must(r == 0 || r == -EEXIST, "agent");
	return a;
}

void rig_allow_list(struct sp_policy *p, const char *agent, const char *tools)
{
	struct sp_policy_strs t = rig_list(p, tools);
	struct sp_policy_agent *a = rig_agent(p, agent);

	a->actions = sp_arena_alloc(&p->arena, (t.n + 1) * sizeof(*a->actions));
	must(a->actions != NULL, "memory");
	for (uint32_t i = 0; i < t.n; i++)
		must(sp_policy_action(p, sp_bytes_cstr(t.v[i]), &a->actions[i]) == 0, "action");
	a->actions_n = t.n;
	a->has_allow_list = true;
}

void rig_when(struct sp_policy *p, struct sp_policy_rule *r, const char *when)
{
	struct sp_policy_condition *v =
		sp_arena_alloc(&p->arena, (r->when.n + 1) * sizeof(*v));

	must(v != NULL, "memory");
	if (r->when.n)
		memcpy(v, r->when.v, r->when.n * sizeof(*v));
	v[r->when.n] = (struct sp_policy_condition){.text = keep(p, when), .at = here(r->at.line)};
	r->when.v = v;
	r->when.n++;
}

struct sp_policy_rule *rig_rule(struct sp_policy *p, const char *name, enum sp_effect effect,
	const char *agents, const char *tools, const char *when)
{
	struct sp_policy_rule *r;

	must(sp_policy_rule_add(p, here(p->rules_n + 1), &r) == 0, "rule");
	r->name = keep(p, name);
	r->effect = effect;
	r->group = UINT32_MAX;
	r->agents = rig_list(p, agents);
	r->tools = rig_list(p, tools);
	if (when)
		rig_when(p, r, when);
	return r;
}

struct sp_policy_tool *rig_tool(struct sp_policy *p, const char *name)
{
	struct sp_policy_tool *t;

	must(sp_policy_tool_add(p, here(p->tools_n + 100), &t) == 0, "tool");
	t->name = keep(p, name);
	t->base_risk = -1;
	return t;
}

struct sp_policy_limit *rig_limit(
	struct sp_policy *p, const char *name, enum sp_limit_per per, uint64_t max)
{
	struct sp_policy_limit *l;

	must(sp_policy_limit_add(p, here(p->limits_n + 200), &l) == 0, "limit");
	l->name = keep(p, name);
	l->kind = SP_LIMIT_CALLS;
	l->per = per;
	l->max = max;
	l->group = UINT32_MAX;
	l->by_agent = true;
	return l;
}

struct sp_policy_purpose *rig_purpose(struct sp_policy *p, const char *name, const char *tools)
{
	struct sp_policy_purpose *q;

	must(sp_policy_purpose_add(p, here(p->purposes_n + 300), &q) == 0, "purpose");
	q->name = keep(p, name);
	q->tools = rig_list(p, tools);
	return q;
}

struct sp_policy_sequence *rig_sequence(struct sp_policy *p, const char *name,
	enum sp_sequence_kind kind, const char *first, const char *then)
{
	struct sp_policy_sequence *q;

	must(sp_policy_sequence_add(p, here(p->sequences_n + 400), &q) == 0, "sequence");
	q->name = keep(p, name);
	q->kind = kind;
	q->effect = SP_EFFECT_DENY;
	q->first = rig_list(p, first);
	q->then = rig_list(p, then);
	return q;
}

/// Allow-lists as the builder takes them, for the compiled agents.
static void build(struct rig *r, const struct sp_compiled *c)
{
	static const struct sp_bytes hosts[] = {{(const uint8_t *)"gw", 2}};
	const struct sp_snap_in_route route = {.path = SP_LIT("/mcp"),
		.resource = SP_LIT("https://gw/mcp"), .hosts = {hosts, 1}, .modern = true};
	static const struct sp_snap_in_upstream upstream = {
		.name = SP_LIT("crm"), .host = SP_LIT("crm:80"), .path = SP_LIT("/mcp")};
	uint32_t agents_n = r->p->agents_n, actions_n = r->p->actions_n;
	struct sp_snap_in_agent *agents = calloc(agents_n + 1, sizeof(*agents));
	struct sp_bytes *actions = calloc(actions_n + 1, sizeof(*actions));
	struct sp_snap_in in = {.generation = 1,
		.profile = SP_LIT("production"),
		.upstreams = &upstream,
		.upstreams_n = 1,
		.routes = &route,
		.routes_n = 1,
		.agents = agents,
		.agents_n = agents_n,
		.actions = {actions, actions_n},
		.policy = c};
	size_t n;

	must(agents && actions, "memory");
	for (uint32_t i = 0; i < actions_n; i++)
		actions[i] = sp_bytes_cstr(r->p->action[i]);
	for (uint32_t i = 0; i < agents_n; i++) {
		const struct sp_policy_agent *a = &r->p->agent[i];

		agents[i] = (struct sp_snap_in_agent){.name = sp_bytes_cstr(a->name),
			.source = SP_LIT("rig.yaml"),
			.limit_slot = i,
			.audit_level = a->audit_level,
			.actions = a->actions,
			.actions_n = a->actions_n};
	}
	must(sp_snap_build(&in, &r->blob, &n) == 0, "build");
	must(sp_snap_open(r->blob, n, &r->snap) == 0, "open");
	free(agents);
	free(actions);
}

void rig_publish(struct rig *r)
{
	struct sp_check check;
	struct sp_compiled *c;

	sp_check_init(&check);
	if (!r->p->sealed)
		must_check(sp_policy_seal_in(r->p, &check), &check, "seal");
	must_check(sp_policy_compile(r->p, &check, &c), &check, "compile");
	build(r, c);
	sp_compiled_free(c);
	sp_check_done(&check);
}

static bool scan(const char *text, struct sp_json_tok *tok, struct sp_json *ret)
{
	return sp_json_scan(sp_bytes_cstr(text), 64, tok, RIG_TOKENS, ret, NULL) == 0;
}

void rig_call(struct rig *r, const char *agent, const char *tool, const char *params)
{
	r->call = (struct sp_judge_call){
		.snap = &r->snap,
		.agent = sp_snap_find_agent(&r->snap, sp_bytes_cstr(agent)),
		.tool = sp_bytes_cstr(tool),
		.args = SP_JSON_NONE,
		.meta = SP_JSON_NONE,
		.route = SP_LIT("/mcp"),
		.upstream = SP_LIT("crm"),
		.revision = SP_LIT("2026-07-28"),
		.method = SP_LIT("tools/call"),
		.peer = SP_LIT("192.0.2.7"),
		.wall_ns = 1784476800000000000u,
		.arena = &r->arena,
	};
	must(r->call.agent != SP_SNAP_NONE, "no such agent");
	if (!params[0])
		return;
	must(scan(params, r->params_tok, &r->params), "params are no JSON");
	r->call.args_doc = &r->params;
	r->call.args = sp_json_get(&r->params, 0, SP_LIT("arguments"));
	r->call.meta = sp_json_get(&r->params, 0, SP_LIT("_meta"));
}

void rig_claims(struct rig *r, const char *json)
{
	must(scan(json, r->claims_tok, &r->claims), "claims are no JSON");
	r->call.claims = &r->claims;
}

enum sp_reason rig_judge(struct rig *r)
{
	return sp_judge(&r->call, &r->v);
}

enum sp_reason rig_ask(struct rig *r, const char *agent, const char *tool, const char *params)
{
	rig_call(r, agent, tool, params);
	return rig_judge(r);
}
