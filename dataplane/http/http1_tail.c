/// The rest of a head whose beginning is known: mostly the headers of the one before, with other values. When nothing
/// but the values differs, and these are plain, no parser is needed to tell them apart.
#include "dataplane/http/http1_int.h"
#include "common/banned.h"

/// The values of `t` in this head; the head's end, or 0 when it goes on in another way.
static size_t find_values(const struct sp_http1_tail *t, const uint8_t *buf, size_t at, size_t len,
	struct sp_http_span *value)
{
	const uint8_t *between = t->between;

	for (unsigned i = 0;; i++) {
		size_t n = t->between_n[i], end;

		if (n > len - at || memcmp(buf + at, between, n) != 0)
			return 0;
		at += n;
		between += n;
		if (i == t->values_n)
			return at;
		end = sp_http1_special(buf, at, len);
		if (end == at || buf[at] == ' ' || buf[end - 1] == ' ')
			return 0;
		value[i] = (struct sp_http_span){(uint32_t)at, (uint32_t)(end - at)};
		at = end;
	}
}

bool sp_http1_read_tail(
	struct sp_http1 *p, const struct sp_http1_tail *t, const uint8_t *buf, size_t len)
{
	struct sp_http_span value[SP_HTTP1_TAIL_VALUES];
	size_t most = sp_min(len, (size_t)p->limits.max_head_bytes);
	size_t end = p->recalled <= most ? find_values(t, buf, p->recalled, most, value) : 0;

	if (!end)
		return false;
	p->base = buf;
	// llhttp ends a line with the next one's first byte.
	if (p->line_start && p->field.len && sp_http1_take_read(p))
		return false;
	for (unsigned i = 0; i < t->values_n; i++) {
		struct sp_http_span name = {
			value[i].off - t->value[i].name_back, t->value[i].name_n};

		if (sp_http1_take(p, t->value[i].kind, name, value[i]))
			return false;
	}
	if (sp_http1_judge(p))
		return false;
	p->scan = p->fed = p->head.bytes = (uint32_t)end;
	p->state = SP_HTTP1_BODY;
	return true;
}

/// Framing, and what changes how llhttp reads on, is left to it.
static bool is_plain(int kind)
{
	return kind != SP_HDR_TRANSFER_ENCODING && kind != SP_HDR_CONNECTION &&
	       kind != SP_HDR_UPGRADE;
}

static bool add_between(struct sp_http1_tail *t, struct sp_bytes b)
{
	size_t had = 0;

	for (unsigned i = 0; i < t->values_n; i++)
		had += t->between_n[i];
	if (b.n > sizeof(t->between) - had)
		return false;
	memcpy(t->between + had, b.p, b.n);
	t->between_n[t->values_n] = (uint8_t)b.n;
	return true;
}

/// A header's value begins at `at`; `from` is where the one before it ended.
static bool add_value(struct sp_http1_tail *t, const uint8_t *buf, size_t from, size_t at,
	struct sp_http_span name)
{
	int kind = sp_http1_kind(sp_http_get(buf, name));
	size_t back = at - name.off;

	if (t->values_n == SP_HTTP1_TAIL_VALUES || back > UINT8_MAX || !is_plain(kind) ||
		!add_between(t, sp_bytes(buf + from, at - from)))
		return false;
	t->value[t->values_n].kind = (int8_t)kind;
	t->value[t->values_n].name_n = (uint8_t)name.len;
	t->value[t->values_n].name_back = (uint8_t)back;
	t->values_n++;
	return true;
}

/// Where `c` is in an accepted head, which it is.
static size_t find(const uint8_t *buf, size_t at, size_t n, char c)
{
	const uint8_t *found = memchr(buf + at, c, n - at);

	SP_BUG_IF(!found);
	return (size_t)(found - buf);
}

void sp_http1_learn_tail(struct sp_http1_tail *t, const struct sp_http1 *begun,
	const struct sp_http1 *p, const uint8_t *buf)
{
	size_t from = begun->recalled, at = from, n = p->head.bytes;
	struct sp_http_span name = begun->field;

	*t = (struct sp_http1_tail){.known = false};
	for (bool in_value = !begun->line_start; in_value || buf[at] != '\r'; in_value = false) {
		if (!in_value) {
			size_t colon = find(buf, at, n, ':');

			name = (struct sp_http_span){(uint32_t)at, (uint32_t)(colon - at)};
			at = colon + 1 + (buf[colon + 1] == ' ');
		}
		if (!add_value(t, buf, from, at, name))
			return;
		from = find(buf, at, n, '\r');
		at = from + 2;
	}
	t->known = add_between(t, sp_bytes(buf + from, n - from));
}
