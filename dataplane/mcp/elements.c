#include "dataplane/mcp/elements.h"
#include "common/banned.h"

static bool between(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

/// Behind the string that begins at `i`.
static size_t skip_string(struct sp_bytes t, size_t i)
{
	for (i++; i < t.n && t.p[i] != '"'; i++)
		i += t.p[i] == '\\';
	return sp_min(i + 1, t.n);
}

bool sp_elements_next(struct sp_bytes array, size_t *at, struct sp_bytes *ret)
{
	size_t i = *at ? *at : 1, from, depth = 0;

	while (i < array.n && between(array.p[i]))
		i++;
	from = i;
	while (i < array.n) {
		uint8_t c = array.p[i];

		if (depth == 0 && (between(c) || c == ']'))
			break;
		if (c == '"') {
			i = skip_string(array, i);
			continue;
		}
		depth += c == '{' || c == '[';
		depth -= depth && (c == '}' || c == ']');
		i++;
	}
	if (i == from || i >= array.n)
		return false;
	*ret = sp_bytes(array.p + from, i - from);
	*at = i;
	return true;
}
