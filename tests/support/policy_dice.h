/// Policies by dice: `dice` is the seed.
#pragma once

#include "tests/support/policy_make.h"

static uint32_t dice;

static inline uint32_t roll(uint32_t sides)
{
	dice = dice * 1664525u + 1013904223u;
	return (dice >> 8) % sides;
}

/// Up to `most` of the words, chosen by dice.
static inline struct sp_policy_strs some(struct sp_policy *p, const char *const *from, uint32_t n, uint32_t most)
{
	char text[512] = "";
	uint32_t count = roll(most + 1);

	for (uint32_t i = 0; i < count; i++) {
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "%s ", from[roll(n)]);
	}
	return words(p, text);
}

static const char *const agent_words[] = {"a", "b", "c", "d", "e"};
static const char *const role_words[] = {"r1", "r2", "r3"};
static const char *const env_words[] = {"dev", "prod"};
static const char *const tool_words[] = {"read", "read_file", "gh__get", "gh__delete", "*", "gh__*", "re*", "*e*",
	"gh__delete_*"};
static const char *const call_words[] = {"read", "read_file", "gh__get", "gh__delete", "gh__delete_all", "reset",
	"zz", "gh__x"};

static inline struct sp_policy *by_dice(void)
{
	struct sp_policy *p = new_policy();
	struct sp_policy_group *g;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(sp_policy_group_add(p, made_at, &g), 0);
		g->name = i ? "g1" : "g0";
	}
	for (size_t i = 0; i < SP_ARRAY_LEN(agent_words); i++) {
		struct sp_policy_agent *a;

		assert_int_equal(sp_policy_agent_add(p, sp_bytes_cstr(agent_words[i]), made_at, &a), 0);
		a->roles = some(p, role_words, 3, 2);
		a->environment = roll(2) ? env_words[roll(2)] : NULL;
	}
	for (uint32_t i = 0; i < 12; i++) {
		char name[16];
		struct sp_policy_rule *r;

		snprintf(name, sizeof(name), "rule%u", i);
		r = make_rule(p, name, SP_EFFECT_ALLOW, "", "", "");
		r->agents = some(p, agent_words, 5, 2);
		r->roles = some(p, role_words, 3, 1);
		r->environments = some(p, env_words, 2, 1);
		while (r->tools.n == 0)
			r->tools = some(p, tool_words, 9, 3);
	}
	for (uint32_t i = 0; i < 6; i++) {
		char name[16];
		struct sp_policy_limit *l;

		snprintf(name, sizeof(name), "limit%u", i);
		l = make_limit(p, name, 5, "", "", "");
		l->agents = some(p, agent_words, 5, 2);
		l->roles = some(p, role_words, 3, 1);
		l->tools = some(p, tool_words, 9, 2);
		l->group = roll(3) ? UINT32_MAX : roll(2);
	}
	return p;
}
