#include "common/url_parts.h"

#include "common/mp.h"
#include "common/banned.h"

#define PORT_DIGITS_MAX 5

const char *sp_url_why_name(enum sp_url_why w)
{
	static const char *const name[] = {
		[SP_URL_OK] = "ok",
		[SP_URL_TOO_LONG] = "url_too_long",
		[SP_URL_CHARACTER] = "url_character",
		[SP_URL_SYNTAX] = "url_syntax",
		[SP_URL_SCHEME] = "url_scheme",
		[SP_URL_USERINFO] = "url_userinfo",
		[SP_URL_HOST] = "url_host",
		[SP_URL_PORT] = "url_port",
		[SP_URL_ENCODING] = "url_encoding",
		[SP_URL_ABOVE_ROOT] = "url_above_root",
	};

	return (size_t)w < SP_ARRAY_LEN(name) ? name[w] : "url_syntax";
}

static size_t find_any(struct sp_bytes s, size_t from, const char *set)
{
	while (from < s.n && !strchr(set, s.p[from]))
		from++;
	return from;
}

static struct sp_bytes slice(struct sp_bytes s, size_t from, size_t to)
{
	return sp_bytes(s.p + from, to - from);
}

/// Blanks and controls are dropped by some readers, a backslash is a slash for others.
static bool characters_sane(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '\\')
			return false;
	return sp_utf8_ok(s);
}

/// "http://" or "https://" in any case, and just two slashes.
static enum sp_url_why read_scheme(struct sp_bytes s, struct sp_url *u, size_t *ret)
{
	size_t n = 0;

	while (n < s.n && ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z'))
		n++;
	if (n == 0 || n == s.n || s.p[n] != ':')
		return SP_URL_SYNTAX;
	if (sp_bytes_ieq(slice(s, 0, n), SP_LIT("https")))
		u->scheme = SP_LIT("https");
	else if (sp_bytes_ieq(slice(s, 0, n), SP_LIT("http")))
		u->scheme = SP_LIT("http");
	else
		return SP_URL_SCHEME;
	if (!sp_bytes_starts(slice(s, n, s.n), SP_LIT("://")))
		return SP_URL_SYNTAX;
	*ret = n + 3;
	return SP_URL_OK;
}

static enum sp_url_why read_port(struct sp_bytes s, uint32_t *ret)
{
	uint64_t v;

	if (s.n > PORT_DIGITS_MAX || sp_bytes_u64(s, &v) < 0 || s.p[0] == '0' || v > UINT16_MAX)
		return SP_URL_PORT;
	*ret = (uint32_t)v;
	return SP_URL_OK;
}

static enum sp_url_why read_authority(struct sp_bytes s, struct sp_out *out, struct sp_url *u)
{
	size_t end;
	enum sp_url_why why;

	if (s.n > 0 && memchr(s.p, '@', s.n))
		return SP_URL_USERINFO;
	if (s.n > 0 && s.p[0] == '[') {
		end = find_any(s, 0, "]");
		if (end == s.n)
			return SP_URL_HOST;
		end++;
		if (end < s.n && s.p[end] != ':')
			return SP_URL_HOST;
	} else {
		end = find_any(s, 0, ":");
	}
	why = sp_url_host(slice(s, 0, end), out, u);
	if (why != SP_URL_OK)
		return why;
	u->port = u->scheme.n == sizeof("https") - 1 ? 443 : 80;
	return end == s.n ? SP_URL_OK : read_port(slice(s, end + 1, s.n), &u->port);
}

enum sp_url_why sp_url_parse(struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_url *ret)
{
	struct sp_out out = sp_out_init(buf, cap);
	struct sp_url u = {0};
	size_t at = 0, path_end, query_end, from;
	enum sp_url_why why = SP_URL_OK;

	if (text.n > SP_URL_MAX)
		return SP_URL_TOO_LONG;
	if (text.n == 0 || sp_bytes_starts(text, SP_LIT("//")))
		return SP_URL_SYNTAX;
	if (!characters_sane(text))
		return SP_URL_CHARACTER;
	if (text.p[0] != '/') {
		why = read_scheme(text, &u, &from);
		if (why != SP_URL_OK)
			return why;
		at = find_any(text, from, "/?#");
		why = read_authority(slice(text, from, at), &out, &u);
	}
	if (why != SP_URL_OK)
		return why;
	path_end = find_any(text, at, "?#");
	from = out.len;
	why = sp_url_path(at == path_end ? SP_LIT("/") : slice(text, at, path_end), &out);
	if (why != SP_URL_OK)
		return why;
	u.path = sp_bytes(buf + from, out.len - from);
	query_end = find_any(text, path_end, "#");
	if (path_end < query_end) {
		from = out.len;
		sp_out_bytes(&out, slice(text, path_end + 1, query_end));
		u.query = sp_bytes(buf + from, out.len - from);
	}
	if (out.overflow)
		return SP_URL_TOO_LONG;
	*ret = u;
	return SP_URL_OK;
}
