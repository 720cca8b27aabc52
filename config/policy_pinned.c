#include "config/policy_pinned.h"

#include "common/banned.h"

static struct sp_bytes trim(struct sp_bytes s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t'))
		s = sp_bytes(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool take(struct sp_bytes *s, struct sp_bytes word)
{
	*s = trim(*s);
	if (!sp_bytes_starts(*s, word))
		return false;
	*s = sp_bytes(s->p + word.n, s->n - word.n);
	return true;
}

uint32_t sp_policy_pinned(
	struct sp_bytes text, struct sp_arena *arena, const char **ret, uint32_t cap)
{
	uint8_t quote;

	if (!cap || (!take(&text, SP_LIT("agent.identity")) && !take(&text, SP_LIT("agent.name"))))
		return 0;
	if (!take(&text, SP_LIT("==")))
		return 0;
	text = trim(text);
	if (text.n < 2 || (text.p[0] != '\'' && text.p[0] != '"'))
		return 0;
	quote = text.p[0];
	text = sp_bytes(text.p + 1, text.n - 1);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			return 0;
		if (text.p[i] == quote) {
			*ret = i + 1 == text.n ? sp_arena_str(arena, sp_bytes(text.p, i)) : NULL;
			return *ret != NULL;
		}
	}
	return 0;
}
