#include "config/policy_pinned.h"

#include "config/judge/judge_env.h"
#include "common/banned.h"

uint32_t sp_policy_pinned(
	struct sp_bytes text, struct sp_arena *arena, const char **ret, uint32_t cap)
{
	static const uint32_t vars[] = {SP_VAR_AGENT_IDENTITY, SP_VAR_AGENT_NAME};
	uint32_t n = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(vars) && n == 0; i++)
		n = sp_cel_pinned(text, sp_judge_env(), vars[i], arena, ret, cap);
	return n;
}
