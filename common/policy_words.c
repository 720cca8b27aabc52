#include "common/policy_words.h"

#include "common/banned.h"

#define NAME_OF(list, i) ((i) < SP_ARRAY_LEN(list) && (list)[i] ? (list)[i] : "")

const char *sp_effect_name(unsigned e)
{
	static const char *const names[] = {[SP_EFFECT_DENY] = "deny",
		[SP_EFFECT_REVIEW] = "review",
		[SP_EFFECT_ALLOW] = "allow"};

	return NAME_OF(names, e);
}

const char *sp_limit_kind_name(unsigned k)
{
	static const char *const names[] = {[SP_LIMIT_CALLS] = "calls",
		[SP_LIMIT_TOKENS] = "tokens",
		[SP_LIMIT_MONEY] = "money"};

	return NAME_OF(names, k);
}

const char *sp_limit_per_name(unsigned p)
{
	static const char *const names[] = {[SP_PER_REQUEST] = "request",
		[SP_PER_SECOND] = "second",
		[SP_PER_MINUTE] = "minute",
		[SP_PER_HOUR] = "hour",
		[SP_PER_DAY] = "day",
		[SP_PER_SESSION] = "session"};

	return NAME_OF(names, p);
}

const char *sp_action_class_name(unsigned c)
{
	static const char *const names[] = {[SP_CLASS_AUTO] = "auto",
		[SP_CLASS_READ] = "read",
		[SP_CLASS_WRITE] = "write",
		[SP_CLASS_SEND] = "send",
		[SP_CLASS_DELETE] = "delete",
		[SP_CLASS_EXECUTE] = "execute",
		[SP_CLASS_ADMIN] = "admin"};

	return NAME_OF(names, c);
}

const char *sp_risk_mode_name(unsigned m)
{
	static const char *const names[] = {[SP_RISK_AUTOMATIC] = "automatic",
		[SP_RISK_MIXED] = "mixed",
		[SP_RISK_MANUAL] = "manual"};

	return NAME_OF(names, m);
}

const char *sp_risk_term_name(unsigned t)
{
	static const char *const names[] = {[SP_TERM_CLASS] = "class",
		[SP_TERM_HIGH_RISK] = "high-risk",
		[SP_TERM_SENSITIVITY] = "sensitivity",
		[SP_TERM_ARGUMENTS] = "arguments",
		[SP_TERM_EGRESS] = "egress",
		[SP_TERM_TAINT] = "taint",
		[SP_TERM_HISTORY] = "history",
		[SP_TERM_FAILURES] = "failures",
		[SP_TERM_RARITY] = "rarity",
		[SP_TERM_RATE] = "rate",
		[SP_TERM_TIME] = "time",
		[SP_TERM_NEW_SESSION] = "new-session"};

	_Static_assert(SP_ARRAY_LEN(names) == SP_TERM__COUNT, "a name a term");
	return NAME_OF(names, t);
}

struct verb {
	const char *word;
	enum sp_action_class cls;
};
static const struct verb verbs[] = {
	{"access", SP_CLASS_READ},
	{"add", SP_CLASS_WRITE},
	{"approve", SP_CLASS_WRITE},
	{"browse", SP_CLASS_READ},
	{"call", SP_CLASS_SEND},
	{"check", SP_CLASS_READ},
	{"count", SP_CLASS_READ},
	{"create", SP_CLASS_WRITE},
	{"delete", SP_CLASS_DELETE},
	{"deploy", SP_CLASS_EXECUTE},
	{"describe", SP_CLASS_READ},
	{"destroy", SP_CLASS_DELETE},
	{"download", SP_CLASS_READ},
	{"drop", SP_CLASS_DELETE},
	{"email", SP_CLASS_SEND},
	{"erase", SP_CLASS_DELETE},
	{"eval", SP_CLASS_EXECUTE},
	{"exec", SP_CLASS_EXECUTE},
	{"execute", SP_CLASS_EXECUTE},
	{"fetch", SP_CLASS_READ},
	{"find", SP_CLASS_READ},
	{"get", SP_CLASS_READ},
	{"grant", SP_CLASS_ADMIN},
	{"list", SP_CLASS_READ},
	{"lookup", SP_CLASS_READ},
	{"notify", SP_CLASS_SEND},
	{"post", SP_CLASS_SEND},
	{"publish", SP_CLASS_SEND},
	{"purge", SP_CLASS_DELETE},
	{"query", SP_CLASS_READ},
	{"read", SP_CLASS_READ},
	{"remove", SP_CLASS_DELETE},
	{"revoke", SP_CLASS_ADMIN},
	{"run", SP_CLASS_EXECUTE},
	{"search", SP_CLASS_READ},
	{"send", SP_CLASS_SEND},
	{"set", SP_CLASS_WRITE},
	{"shell", SP_CLASS_EXECUTE},
	{"show", SP_CLASS_READ},
	{"spawn", SP_CLASS_EXECUTE},
	{"transfer", SP_CLASS_SEND},
	{"truncate", SP_CLASS_DELETE},
	{"update", SP_CLASS_WRITE},
	{"upload", SP_CLASS_SEND},
	{"verify", SP_CLASS_READ},
	{"view", SP_CLASS_READ},
	{"wipe", SP_CLASS_DELETE},
	{"write", SP_CLASS_WRITE},
};

static bool letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// The first word of a name in snake_case, kebab-case, camelCase or dotted form.
static size_t first_word(struct sp_bytes t)
{
	size_t n = 0;

	while (n < t.n && letter(t.p[n]) && !(n > 0 && t.p[n] <= 'Z' && t.p[n - 1] >= 'a'))
		n++;
	return n;
}

enum sp_action_class sp_action_class_guess(struct sp_bytes tool)
{
	const uint8_t *two = tool.n > 2 ? memmem(tool.p, tool.n, "__", 2) : NULL;
	struct sp_bytes word;

	if (two) // behind its upstream's name
		tool = sp_bytes(two + 2, tool.n - (size_t)(two + 2 - tool.p));
	word = sp_bytes(tool.p, first_word(tool));

	for (size_t i = 0; i < SP_ARRAY_LEN(verbs); i++)
		if (sp_bytes_ieq(word, sp_bytes_cstr(verbs[i].word)))
			return verbs[i].cls;
	return SP_CLASS_WRITE;
}
