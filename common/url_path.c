#include "common/url_parts.h"

#include "common/banned.h"

/// What dot segments and empty segments come to.
struct walk {
	size_t from;
	bool empty, up, ends_in_folder;
};

static bool is_dots(struct sp_bytes s, size_t n)
{
	return s.n == n && memcmp(s.p, "..", n) == 0;
}

/// A dot or a blank at an end is dropped by some file systems and servers.
static bool segment_sane(struct sp_bytes s)
{
	return s.p[0] != ' ' && s.p[s.n - 1] != ' ' && s.p[s.n - 1] != '.';
}

static enum sp_url_why step(struct walk *w, struct sp_bytes s, struct sp_out *out)
{
	if (is_dots(s, 1))
		return SP_URL_OK;
	if (is_dots(s, 2)) {
		w->up = true;
		if (out->len == w->from)
			return SP_URL_ABOVE_ROOT;
		while (out->p[--out->len] != '/')
			;
		return SP_URL_OK;
	}
	if (!segment_sane(s))
		return SP_URL_SYNTAX;
	sp_out_lit(out, "/");
	sp_out_bytes(out, s);
	return out->overflow ? SP_URL_TOO_LONG : SP_URL_OK;
}

/// Segments of `path`, joined anew with a '/' in front of each.
static enum sp_url_why resolve(struct sp_bytes path, struct sp_out *out, struct walk *w)
{
	enum sp_url_why why;

	*w = (struct walk){.from = out->len, .ends_in_folder = true};
	for (size_t at = 0; at < path.n;) {
		const uint8_t *slash = memchr(path.p + at, '/', path.n - at);
		struct sp_bytes s =
			sp_bytes(path.p + at, slash ? (size_t)(slash - path.p) - at : path.n - at);

		w->ends_in_folder = slash || is_dots(s, 1) || is_dots(s, 2);
		w->empty = w->empty || (s.n == 0 && at > 0);
		why = s.n == 0 ? SP_URL_OK : step(w, s, out);
		if (why != SP_URL_OK)
			return why;
		at += s.n + 1;
	}
	return SP_URL_OK;
}

enum sp_url_why sp_url_path(struct sp_bytes text, struct sp_out *out)
{
	uint8_t buf[SP_URL_MAX];
	struct sp_out decoded = sp_out_init(buf, sizeof(buf));
	enum sp_url_why why;
	struct walk w;
	bool escaped;

	why = sp_url_decode(text, SP_URL_TEXT_PATH, &decoded, &escaped);
	if (why == SP_URL_OK)
		why = resolve(sp_bytes(buf, decoded.len), out, &w);
	if (why != SP_URL_OK)
		return why;
	if (w.empty &&
		w.up) // "/a//../b": whether the empty segment counts decides what '..' removes
		return SP_URL_SYNTAX;
	if (w.ends_in_folder)
		sp_out_lit(out, "/");
	return out->overflow ? SP_URL_TOO_LONG : SP_URL_OK;
}

/// '~', '$' and schemes mean something else than a file below the folder to shells and libraries.
static bool starts_like_no_path(struct sp_bytes s)
{
	size_t n = 0;

	if (s.p[0] == '~' || s.p[0] == '$' || (s.n > 1 && s.p[0] == '/' && s.p[1] == '/'))
		return true;
	while (n < s.n && ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z'))
		n++;
	while (n > 0 && n < s.n && s.p[n] && s.p[n] < 0x80 && !sp_bytes_has(SP_LIT("/:\\%"), s.p[n]))
		n++;
	return n > 0 && n < s.n && s.p[n] == ':';
}

/// Backslashes separate for one system and belong to names for the other: they are read as
/// separators only where both readings stay below the same folder.
static enum sp_url_why slashes(struct sp_bytes text, struct sp_out *ret)
{
	sp_out_bytes(ret, text);
	if (ret->overflow)
		return SP_URL_TOO_LONG;
	if (!memchr(text.p, '\\', text.n))
		return SP_URL_OK;
	if (memchr(text.p, '/', text.n) || memmem(text.p, text.n, "..", 2) || text.p[0] == '\\')
		return SP_URL_CHARACTER;
	for (size_t i = 0; i < ret->len; i++)
		if (ret->p[i] == '\\')
			ret->p[i] = '/';
	return SP_URL_OK;
}

enum sp_url_why sp_path_normalize(
	struct sp_bytes text, uint8_t *buf, size_t cap, struct sp_bytes *ret)
{
	uint8_t straight[SP_URL_MAX], decoded[SP_URL_MAX];
	struct sp_out s = sp_out_init(straight, sizeof(straight)),
		      d = sp_out_init(decoded, sizeof(decoded));
	struct sp_out out = sp_out_init(buf, cap);
	enum sp_url_why why;
	bool escaped, absolute;
	struct sp_bytes normal;
	struct walk w;

	if (text.n == 0)
		return SP_URL_SYNTAX;
	why = slashes(text, &s);
	if (why == SP_URL_OK)
		why = sp_url_decode(sp_bytes(straight, s.len), SP_URL_TEXT_FILE, &d, &escaped);
	if (why != SP_URL_OK)
		return why;
	if (starts_like_no_path(text) || starts_like_no_path(sp_bytes(decoded, d.len)))
		return SP_URL_SYNTAX;
	absolute = decoded[0] == '/';
	if (escaped) // a reader that does not decode sees another folder
		return SP_URL_ENCODING;
	why = resolve(sp_bytes(decoded, d.len), &out, &w);
	if (why != SP_URL_OK)
		return why;
	if (out.len == 0)
		sp_out_put(&out, absolute ? "/" : "/.", absolute ? 1 : 2);
	if (out.overflow)
		return SP_URL_TOO_LONG;
	normal = absolute ? sp_bytes(buf, out.len) : sp_bytes(buf + 1, out.len - 1);
	if (starts_like_no_path(normal)) // "./file:/x"
		return SP_URL_SYNTAX;
	*ret = normal;
	return SP_URL_OK;
}

bool sp_path_below(struct sp_bytes normal, struct sp_bytes root)
{
	if (normal.n == 0 || root.n == 0)
		return false;
	if (root.n == 1 && root.p[0] == '.')
		return normal.p[0] != '/';
	while (root.n > 0 && root.p[root.n - 1] == '/')
		root.n--;
	if (root.n == 0)
		return normal.p[0] == '/';
	return sp_bytes_starts(normal, root) && (normal.n == root.n || normal.p[root.n] == '/');
}

const char *sp_path_root_wrong(struct sp_bytes root)
{
	uint8_t buf[SP_URL_MAX];
	struct sp_bytes normal;

	if (root.n > 1 && root.p[root.n - 1] == '/')
		root.n--;
	if (sp_path_normalize(root, buf, sizeof(buf), &normal) != SP_URL_OK)
		return "is no folder that every reader understands alike";
	if (!sp_bytes_eq(normal, root))
		return "has dot segments, doubled slashes or percent-encoding";
	return NULL;
}
