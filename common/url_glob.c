#include "common/url_parts.h"

#include "common/glob.h"
#include "common/banned.h"

/// A glob taken apart; `scheme` and `port` may be absent, `host` is absent in a glob of paths.
struct parts {
	struct sp_bytes scheme, host, path;
	uint32_t port; ///< 0 = not said
	bool has_host;
};

/// "host", "host:port", "[v6]", "[v6]:port".
static bool take_authority(struct sp_bytes a, struct parts *g)
{
	bool bracketed = a.n > 0 && a.p[0] == '[';
	const uint8_t *end = a.n ? memchr(a.p, bracketed ? ']' : ':', a.n) : NULL;
	size_t host_n = end ? (size_t)(end - a.p) : a.n, from = host_n + bracketed;
	uint64_t port;

	if (bracketed && !end)
		return false;
	g->has_host = true;
	g->host = sp_bytes(a.p + bracketed, host_n - bracketed);
	if (from >= a.n)
		return true;
	if (a.p[from] != ':' || sp_bytes_u64(sp_bytes(a.p + from + 1, a.n - from - 1), &port) < 0 ||
		port == 0 || port > UINT16_MAX)
		return false;
	g->port = (uint32_t)port;
	return true;
}

static bool take_apart(struct sp_bytes glob, struct parts *ret)
{
	struct parts g = {.path = glob};
	const uint8_t *sep, *slash;

	if (!glob.p || glob.n == 0 || glob.n > SP_GLOB_MAX)
		return false;
	if (glob.p[0] != '/') {
		sep = memmem(glob.p, glob.n, "://", 3);
		if (sep) {
			g.scheme = sp_bytes(glob.p, (size_t)(sep - glob.p));
			glob = sp_bytes(sep + 3, glob.n - g.scheme.n - 3);
		}
		slash = glob.n ? memchr(glob.p, '/', glob.n) : NULL;
		if (!slash)
			return false;
		g.path = sp_bytes(slash, glob.n - (size_t)(slash - glob.p));
		if (!take_authority(sp_bytes(glob.p, glob.n - g.path.n), &g))
			return false;
	}
	*ret = g;
	return true;
}

static bool host_matches(struct sp_bytes glob, const struct sp_url *u, bool loosely)
{
	if (glob.n > 0 && glob.p[0] == '*') {
		size_t n = glob.n - 1; // ".example.com", or nothing

		if (n == 0)
			return loosely || !u->is_ip;
		return !u->is_ip && u->host.n > n &&
		       sp_bytes_ieq(
			       sp_bytes(u->host.p + u->host.n - n, n), sp_bytes(glob.p + 1, n));
	}
	return sp_bytes_ieq(glob, u->host);
}

static bool authority_matches(const struct parts *g, const struct sp_url *u, bool loosely)
{
	uint32_t usual = u->scheme.n == sizeof("https") - 1 ? 443 : 80;

	if (!g->has_host)
		return loosely || u->host.n == 0;
	if (u->host.n == 0 || !host_matches(g->host, u, loosely))
		return false;
	if (g->scheme.n > 0 && !sp_bytes_ieq(g->scheme, u->scheme))
		return false;
	return g->port ? g->port == u->port : loosely || u->port == usual;
}

bool sp_url_match(struct sp_bytes glob, const struct sp_url *u)
{
	struct parts g;
	uint64_t steps = 0;

	return take_apart(glob, &g) && authority_matches(&g, u, false) &&
	       sp_glob_run(SP_GLOB_PATH, g.path, u->path, false, &steps);
}

bool sp_url_match_forbidden(struct sp_bytes glob, const struct sp_url *u)
{
	uint8_t folder[SP_URL_MAX + 1];
	struct sp_bytes other = u->path;
	struct parts g;
	uint64_t steps = 0;

	if (!take_apart(glob, &g) || !authority_matches(&g, u, true))
		return false;
	if (sp_glob_run(SP_GLOB_PATH, g.path, u->path, true, &steps))
		return true;
	if (other.n > 1 && other.p[other.n - 1] == '/') {
		other.n--;
	} else if (other.n < sizeof(folder)) {
		memcpy(folder, other.p, other.n);
		folder[other.n] = '/';
		other = sp_bytes(folder, other.n + 1);
	}
	return sp_glob_run(SP_GLOB_PATH, g.path, other, true, &steps);
}

/// What may stand in a glob only decoded, for the parser of URLs.
static void put_encoded(struct sp_out *o, struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ' ' || (s.p[i] && strchr("\"<>^`{|}[]", s.p[i]))) {
			sp_out_lit(o, "%");
			sp_out_hex(o, sp_bytes(&s.p[i], 1));
		} else {
			sp_out_put(o, &s.p[i], 1);
		}
	}
}

/// The glob as a URL: "*." becomes a label, '*' in a path stands for itself.
static bool sample(const struct parts *g, struct sp_out *o)
{
	struct sp_bytes host = g->host;

	if (g->has_host) {
		bool v6 = memchr(host.p, ':', host.n) != NULL;

		sp_out_bytes(o, g->scheme.n ? g->scheme : SP_LIT("https"));
		sp_out_lit(o, "://");
		if (v6)
			sp_out_lit(o, "[");
		if (host.n > 0 && host.p[0] == '*') {
			if (host.n > 1 && (host.n < 3 || host.p[1] != '.'))
				return false;
			sp_out_lit(o, "x");
			host = sp_bytes(host.p + 1, host.n - 1);
		}
		sp_out_bytes(o, host);
		if (v6)
			sp_out_lit(o, "]");
	}
	put_encoded(o, g->path);
	return !o->overflow;
}

const char *sp_url_glob_wrong(struct sp_bytes glob)
{
	uint8_t text[SP_GLOB_MAX * 3 + 32], buf[SP_URL_MAX];
	struct sp_out o = sp_out_init(text, sizeof(text));
	struct sp_bytes host;
	struct parts g;
	struct sp_url u;
	bool starred;

	if (glob.n == 0)
		return "is empty";
	if (glob.n > SP_GLOB_MAX)
		return "is longer than 255 bytes";
	if (!take_apart(glob, &g))
		return "is neither '/path' nor '[scheme://]host[:port]/path'; '/*' at the end is "
		       "every path";
	if (g.has_host && g.host.n == 0)
		return "has no host";
	starred = g.has_host && g.host.p[0] == '*';
	if (!sample(&g, &o))
		return "has a '*' in its host that does not stand for whole leading labels: "
		       "'*.example.com'";
	switch (sp_url_parse(sp_bytes(text, o.len), buf, sizeof(buf), &u)) {
	case SP_URL_OK:
		break;
	case SP_URL_SCHEME:
		return "has another scheme than http or https";
	case SP_URL_HOST:
		return "has no host name or address in its usual form; other scripts are written "
		       "as punycode";
	case SP_URL_USERINFO:
		return "has a user name in front of its host";
	default:
		return "has a path that no normalised URL has: no blanks, '\\\\', '%', '?', '#', "
		       "';' or '..' there";
	}
	if (!sp_bytes_eq(u.path, g.path))
		return "has a path with dot segments, doubled slashes or percent-encoding: write "
		       "what it comes to";
	host = starred && g.host.n > 1 ? sp_bytes(g.host.p + 1, g.host.n - 1) : g.host;
	if (starred)
		u.host = sp_bytes(u.host.p + 1, u.host.n - 1);
	if (g.has_host && !(starred && g.host.n == 1) && !sp_bytes_eq(u.host, host))
		return "has a host that is not lower case, or an address that is not in its "
		       "shortest form";
	return NULL;
}
