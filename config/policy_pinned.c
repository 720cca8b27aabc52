#include "config/policy_pinned.h"

#include "config/judge/judge_env.h"
#include "common/banned.h"

uint32_t sp_policy_pinned(
	struct sp_bytes text, struct sp_arena *arena, const char **ret, uint32_t cap)
{
	static const struct {
		uint32_t var;
		const char *word; ///< a text without it need not be parsed
	} of[] = {{SP_VAR_AGENT_IDENTITY, "identity"}, {SP_VAR_AGENT_NAME, "name"}};
	uint32_t n = 0;

	for (size_t i = 0; i < SP_ARRAY_LEN(of) && n == 0; i++)
		if (memmem(text.p, text.n, of[i].word, strlen(of[i].word)))
			n = sp_cel_pinned(text, sp_judge_env(), of[i].var, arena, ret, cap);
	return n;
}
