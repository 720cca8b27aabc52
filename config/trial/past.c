#include "config/trial/trial.h"
#include "common/banned.h"

struct member {
	const char *name;
	uint64_t max;
};
static const struct member members[] = {{"denied", UINT32_MAX}, {"failed", UINT32_MAX},
	{"minute", UINT32_MAX}, {"usual", UINT32_MAX}, {"calls", INT64_MAX}, {"new", 1},
	{"tainted", 1}};

static int member(struct sp_bytes word, uint64_t value[SP_ARRAY_LEN(members)], uint32_t *seen)
{
	const uint8_t *eq = memchr(word.p, '=', word.n);
	struct sp_bytes name;
	uint64_t v;

	if (!eq)
		return -EINVAL;
	name = sp_bytes(word.p, (size_t)(eq - word.p));
	for (uint32_t i = 0; i < SP_ARRAY_LEN(members); i++) {
		if (!sp_bytes_eq(name, sp_bytes_cstr(members[i].name)))
			continue;
		if (*seen >> i & 1 ||
			sp_bytes_u64(sp_bytes(eq + 1, word.n - name.n - 1), &v) < 0 ||
			v > members[i].max)
			return -EINVAL;
		*seen |= 1u << i;
		value[i] = v;
		return 0;
	}
	return -EINVAL;
}

int sp_trial_history(struct sp_bytes text, struct sp_judge_history *ret)
{
	uint64_t value[SP_ARRAY_LEN(members)] = {0};
	uint32_t seen = 0;
	size_t at = 0;

	while (at < text.n) {
		size_t end = at;

		while (end < text.n && text.p[end] != ' ')
			end++;
		if (end > at)
			SP_TRY(member(sp_bytes(text.p + at, end - at), value, &seen));
		at = end + 1;
	}
	*ret = (struct sp_judge_history){
		.agent_denied = (uint32_t)value[0],
		.agent_failed = (uint32_t)value[1],
		.agent_calls_minute = (uint32_t)value[2],
		.agent_usual_minute = (uint32_t)value[3],
		.tool_calls = value[4],
		.session_new = value[5],
		.session_tainted = value[6],
	};
	return 0;
}
