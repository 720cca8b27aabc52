/// A small environment for tests and fuzzers of conditions: a few variables over one JSON document.
#pragma once

#include "config/cel/cel_compile.h"

enum { SCENE_AGENT, SCENE_AGENT_ATTRS, SCENE_ARGS, SCENE_ROLES, SCENE_NOW, SCENE_ANY, SCENE_N };

static const struct sp_cel_var scene_vars[SCENE_N] = {
	{"agent.identity", SP_CEL_T_STRING, SP_CEL_PHASE_CALL | SP_CEL_PHASE_LIST, "name",
		SCENE_AGENT_ATTRS},
	{"agent.attributes", SP_CEL_T_MAP, SP_CEL_PHASE_CALL | SP_CEL_PHASE_LIST, "attributes",
		SP_JSON_NONE},
	{"request", SP_CEL_T_MAP, SP_CEL_PHASE_CALL, "arguments", SP_JSON_NONE},
	{"agent.roles", SP_CEL_T_LIST, SP_CEL_PHASE_CALL | SP_CEL_PHASE_LIST, "roles",
		SP_JSON_NONE},
	{"now", SP_CEL_T_TIMESTAMP, 7, "time", SP_JSON_NONE},
	{"any", SP_CEL_T_DYN, 7, "anything", SP_JSON_NONE},
};
static const struct sp_cel_env scene_env = {scene_vars, SCENE_N, NULL};

struct scene {
	struct sp_json doc;
	struct sp_json_tok tok[1024];
	uint32_t at[SCENE_N]; ///< tokens of the variables
	uint8_t memory[1 << 16];
	struct sp_cel_arena arena;
	struct sp_cel_run run;
};

static inline enum sp_cel_error scene_var(
	void *user, uint32_t var, struct sp_cel_arena *arena, struct sp_cel *ret)
{
	struct scene *s = user;

	if (var == SCENE_NOW) {
		*ret = (struct sp_cel){.type = SP_CEL_TIMESTAMP, .i = 1234567890, .ns = 5};
		return SP_CEL_E_NONE;
	}
	return sp_cel_from_json(&s->doc, s->at[var], arena, ret);
}

static inline void scene_init(struct scene *s, struct sp_bytes json)
{
	static const char *const key[] = {
		"identity", "attributes", "request", "roles", "now", "any"};

	if (sp_json_scan(json, 32, s->tok, SP_ARRAY_LEN(s->tok), &s->doc, NULL) < 0)
		abort();
	for (uint32_t i = 0; i < SCENE_N; i++)
		s->at[i] = sp_json_get(&s->doc, 0, sp_bytes_cstr(key[i]));
	s->arena = (struct sp_cel_arena){.p = s->memory, .cap = sizeof(s->memory)};
	s->run = (struct sp_cel_run){.var = scene_var, .user = s, .arena = &s->arena};
}
#define SCENE_JSON                                                                                 \
	SP_LIT("{\"identity\":\"support\",\"attributes\":{\"user_id\":\"u1\",\"team\":null},"      \
	       "\"request\":{\"user_id\":\"u1\",\"n\":7,\"x\":1.5,\"tags\":[\"a\",\"b\\n\","       \
	       "[1,{\"k\":2}]],\"deep\":{\"a\":{\"b\":true}},\"whole\":1e3,\"big\":"               \
	       "18446744073709551616},\"roles\":[\"reader\",\"writer\"],\"any\":[1,2,3]}")
