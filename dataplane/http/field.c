#include "dataplane/http/http1_int.h"
#include "common/banned.h"

enum { TOKEN = 1, HOSTCH = 2, NAME2 = 4 };
#define ALNUM                                                                                      \
	['0' ... '9'] = TOKEN | HOSTCH | NAME2, ['a' ... 'z'] = TOKEN | HOSTCH | NAME2,            \
		 ['A' ... 'Z'] = TOKEN | HOSTCH
static const uint8_t class[256] = {
	ALNUM,
	['-'] = TOKEN | HOSTCH | NAME2,
	['.'] = TOKEN | HOSTCH | NAME2,
	['_'] = TOKEN | HOSTCH | NAME2,
	['~'] = TOKEN | HOSTCH | NAME2,
	['%'] = TOKEN | HOSTCH | NAME2,
	['!'] = TOKEN | NAME2,
	['#'] = TOKEN | NAME2,
	['$'] = TOKEN | NAME2,
	['&'] = TOKEN | NAME2,
	['\''] = TOKEN | NAME2,
	['*'] = TOKEN | NAME2,
	['+'] = TOKEN | NAME2,
	['^'] = TOKEN | NAME2,
	['`'] = TOKEN | NAME2,
	['|'] = TOKEN | NAME2,
	[':'] = HOSTCH,
	['['] = HOSTCH,
	[']'] = HOSTCH,
};

static bool all(struct sp_bytes s, uint8_t want)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(class[s.p[i]] & want))
			return false;
	return s.n > 0;
}

bool sp_http_token_ok(struct sp_bytes s)
{
	return all(s, TOKEN);
}

bool sp_http2_name_ok(struct sp_bytes s)
{
	return all(s, NAME2);
}

bool sp_field_host_ok(struct sp_bytes host)
{
	return all(host, HOSTCH);
}

bool sp_http_value_ok(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] >= 0x7f)
			return false;
	return true;
}

static struct sp_bytes trim(struct sp_bytes s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/// Cut the next member off `*list` at `sep`, not within a quoted string.
static struct sp_bytes cut(struct sp_bytes *list, uint8_t sep)
{
	struct sp_bytes s = *list;
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n && (quoted || s.p[i] != sep); i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
	}
	list->p += sp_min(i + 1, s.n);
	list->n -= sp_min(i + 1, s.n);
	return trim(sp_bytes(s.p, i));
}

bool sp_field_has_token(struct sp_bytes list, struct sp_bytes token)
{
	while (list.n)
		if (sp_bytes_ieq(cut(&list, ','), token))
			return true;
	return false;
}

/// q=0, q=0.0, q=0.00, q=0.000: not acceptable.
static bool is_q_zero(struct sp_bytes param)
{
	if (param.n < 3 || (param.p[0] | 0x20) != 'q' || param.p[1] != '=' || param.p[2] != '0')
		return false;
	for (size_t i = 3; i < param.n; i++)
		if (param.p[i] != '0' && param.p[i] != '.')
			return false;
	return true;
}

static void prefer(struct sp_accept *a, unsigned which, uint8_t rank, bool yes)
{
	if (rank < a->rank[which])
		return;
	a->yes[which] = rank == a->rank[which] ? a->yes[which] || yes : yes;
	a->rank[which] = rank;
}

static void add_range(struct sp_accept *a, struct sp_bytes member)
{
	struct sp_bytes range = cut(&member, ';');
	bool yes = true;

	while (member.n)
		if (is_q_zero(cut(&member, ';')))
			yes = false;
	if (sp_bytes_eq(range, SP_LIT("*/*"))) {
		prefer(a, 0, 1, yes);
		prefer(a, 1, 1, yes);
	} else if (sp_bytes_ieq(range, SP_LIT("application/*"))) {
		prefer(a, 0, 2, yes);
	} else if (sp_bytes_ieq(range, SP_LIT("text/*"))) {
		prefer(a, 1, 2, yes);
	} else if (sp_bytes_ieq(range, SP_LIT("application/json"))) {
		prefer(a, 0, 3, yes);
	} else if (sp_bytes_ieq(range, SP_LIT("text/event-stream"))) {
		prefer(a, 1, 3, yes);
	}
}

void sp_accept_add(struct sp_accept *a, struct sp_bytes value)
{
	// As MCP clients send it: each range of rank 3, in one comparison.
	if (sp_bytes_eq(value, SP_LIT("application/json, text/event-stream"))) {
		prefer(a, 0, 3, true);
		prefer(a, 1, 3, true);
		return;
	}
	while (value.n)
		add_range(a, cut(&value, ','));
}
