/// Policies made word by word, for tests. Lists are words with blanks between; "" is an empty list.
#pragma once

#include "config/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct sp_at made_at = {"/some/where/made.yaml", 3, 5};

static inline struct sp_policy_strs words(struct sp_policy *p, const char *text)
{
	struct sp_policy_strs s = {sp_arena_alloc(&p->arena, (strlen(text) + 1) * sizeof(*s.v)), 0};

	while (*text) {
		size_t n = strcspn(text, " ");

		if (n)
			s.v[s.n++] = sp_arena_str(&p->arena, sp_bytes(text, n));
		text += n + (text[n] == ' ');
	}
	return s;
}

static inline struct sp_policy *new_policy(void)
{
	struct sp_policy *p;

	assert_int_equal(sp_policy_new(&p), 0);
	return p;
}

static inline void make_agent(struct sp_policy *p, const char *name, const char *roles, const char *environment)
{
	struct sp_policy_agent *a;

	assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(name), made_at, &a), 0);
	a->roles = words(p, roles);
	a->environment = environment;
}

/// Valid until the next rule is made.
static inline struct sp_policy_rule *make_rule(struct sp_policy *p, const char *name, enum sp_effect effect,
	const char *agents, const char *roles, const char *tools)
{
	struct sp_policy_rule *r;

	assert_int_equal(sp_policy_rule_add(p, made_at, &r), 0);
	r->name = sp_arena_str(&p->arena, sp_bytes_cstr(name));
	r->effect = effect;
	r->group = UINT32_MAX;
	r->agents = words(p, agents);
	r->roles = words(p, roles);
	r->tools = words(p, tools);
	return r;
}

static inline void make_when(struct sp_policy *p, struct sp_policy_rule *r, const char *text)
{
	r->when.v = sp_arena_alloc(&p->arena, sizeof(*r->when.v));
	r->when.v[0] = (struct sp_policy_condition){
		.text = sp_arena_str(&p->arena, sp_bytes_cstr(text)), .at = {made_at.file, 9, 17}};
	r->when.n = 1;
}

static inline struct sp_policy_limit *make_limit(struct sp_policy *p, const char *name, uint64_t max,
	const char *agents, const char *roles, const char *tools)
{
	struct sp_policy_limit *l;

	assert_int_equal(sp_policy_limit_add(p, made_at, &l), 0);
	l->name = sp_arena_str(&p->arena, sp_bytes_cstr(name));
	l->kind = SP_LIMIT_CALLS;
	l->per = SP_PER_MINUTE;
	l->max = max;
	l->group = UINT32_MAX;
	l->by_agent = true;
	l->agents = words(p, agents);
	l->roles = words(p, roles);
	l->tools = words(p, tools);
	return l;
}

static inline struct sp_policy_tool *make_tool(struct sp_policy *p, const char *name)
{
	struct sp_policy_tool *t;

	assert_int_equal(sp_policy_tool_add(p, made_at, &t), 0);
	t->name = sp_arena_str(&p->arena, sp_bytes_cstr(name));
	t->base_risk = -1;
	return t;
}

static inline struct sp_gateway *make_gateway(struct sp_check *check)
{
	static const char text[] =
		"profile: development\nlisteners: [{address: '127.0.0.1:80', tls: false}]\n"
		"issuers: [{issuer: 'https://id', algorithms: [ES256], jwks_file: /k, audiences: [a]}]\n"
		"upstreams: [{name: crm, url: 'https://crm:8443/mcp'}]\n"
		"routes: [{path: /mcp, resource: 'https://gw/mcp', upstreams: [crm]}]\n";
	struct sp_gateway *g = NULL;

	assert_int_equal(sp_gateway_parse(SP_LIT(text), "s.yaml", check, &g), 0);
	return g;
}

/// Seal (unless it is) and compile with a small gateway: what sp_compile() returns.
static inline int make_blob(struct sp_policy *p, struct sp_check *check, uint8_t **ret, size_t *ret_n)
{
	struct sp_gateway *g = make_gateway(check);
	struct sp_upstream_facts up = {.addrs_n = 0};
	struct sp_issuer_keys keys = {NULL, 0};
	struct sp_compile_in in = {
		.gateway = g, .policy = p, .keys = &keys, .upstreams = &up, .generation = 1};
	int err = p->sealed ? 0 : sp_policy_seal_in(p, check);

	if (!err)
		err = sp_compile(&in, check, ret, ret_n);
	sp_gateway_free(g);
	return err;
}

/// The first problem as text, for comparison; "" when there is none.
static inline const char *first_problem(const struct sp_check *check)
{
	static char text[1024];

	text[0] = 0;
	if (check->n)
		sp_problem_text(&check->v[0], text, sizeof(text));
	return text;
}
