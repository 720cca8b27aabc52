#include "config/gateway_words.h"

#include "config/metadata.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>
#include "common/banned.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
#define DIGITS "0123456789"

/// All bytes of `s` are letters, digits or among `more`.
static bool only(const char *s, const char *more)
{
	for (; *s; s++)
		if (!strchr(letters, *s) && !strchr(DIGITS, *s) && !strchr(more, *s))
			return false;
	return true;
}

const char *sp_word_path_wrong(const char *s)
{
	if (s[0] != '/')
		return "has to be an absolute path";
	return strlen(s) < SP_PATH_MAX ? NULL : "is too long for a path";
}

const char *sp_word_uri_wrong(const char *s)
{
	struct sp_bytes authority, path;
	bool tls;

	if (sp_uri_split(sp_bytes_cstr(s), &tls, &authority, &path) < 0)
		return "has to be an http(s) URI without query, fragment and user";
	return NULL;
}

const char *sp_word_name_wrong(const char *s)
{
	if (!only(s, "_-") || !strchr(letters, s[0]))
		return "has to be letters, digits, - and _, a letter first";
	return strstr(s, "__") ? "may not hold __, which ends the prefix of a name" : NULL;
}

const char *sp_word_sni_wrong(const char *s)
{
	const char *name = strncmp(s, "*.", 2) == 0 ? s + 2 : s;

	if (strlen(s) > 127)
		return "is too long for a server name";
	return name[0] && only(name, ".-") ? NULL : "has to be a server name or *.name";
}

const char *sp_word_alg_wrong(const char *s)
{
	enum sp_jwt_alg alg;

	return sp_jwt_alg_parse(sp_bytes_cstr(s), &alg) == 0 ? NULL
							     : "is not an accepted algorithm";
}

/// Headers that frame or route the request are the gateway's own to write.
const char *sp_word_header_wrong(const char *s)
{
	static const char *const own[] = {"host", "content-length", "content-type", "connection",
		"transfer-encoding", "accept", "te", "trailer", "upgrade", "expect", "keep-alive",
		"mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name",
		"last-event-id"};

	if (!only(s, "!#$%&'*+-.^_`|~"))
		return "is no header name";
	for (size_t i = 0; i < SP_ARRAY_LEN(own); i++)
		if (sp_bytes_ieq(sp_bytes_cstr(s), sp_bytes_cstr(own[i])))
			return "is a header the gateway writes itself";
	return NULL;
}

const char *sp_word_route_wrong(const char *s)
{
	if (s[0] != '/' || !only(s, "/-._~!$&'()*+,;=:@"))
		return "has to begin with / and hold no query, escapes or blanks";
	if (strstr(s, "//") || strstr(s, "/./") || strstr(s, "/../"))
		return "has an empty or dotted segment";
	if (strncmp(s, "/.well-known/", 13) == 0)
		return "lies below /.well-known/, which the gateway answers itself";
	return NULL;
}

const char *sp_word_scope_wrong(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s == '"' || *s == '\\' || (uint8_t)*s >= 0x7f)
			return "is no scope (RFC 6749: visible ASCII without blanks, \" and \\)";
	return NULL;
}

const char *sp_word_host_wrong(const char *s)
{
	return only(s, ".-:[]_") ? NULL : "has to be host or host:port as in a Host header";
}

const char *sp_word_origin_wrong(const char *s)
{
	struct sp_bytes authority, path;
	bool tls;

	if (sp_uri_split(sp_bytes_cstr(s), &tls, &authority, &path) < 0 || path.n)
		return "has to be scheme://host[:port] as in an Origin header";
	return NULL;
}

struct method {
	const char *name;
	unsigned flags;
};
static const struct method methods[] = {[SP_METHOD_OTHER] = {"", SP_M_FROM_SERVER},
#define X(sym, text, name, flags) [SP_METHOD_##sym] = {text, flags},
	SP_METHODS(X)
#undef X
};
_Static_assert(SP_METHOD__COUNT <= 32, "a route's methods are bits of a u32");

uint32_t sp_word_methods(const char *s)
{
	size_t n = strlen(s);
	bool family = n > 2 && strcmp(s + n - 2, "/*") == 0;
	uint32_t bits = 0;

	for (unsigned m = 1; m < SP_METHOD__COUNT; m++) {
		bool hit = family ? strncmp(methods[m].name, s, n - 1) == 0
				  : strcmp(methods[m].name, s) == 0;

		if (hit && !(methods[m].flags & SP_M_FROM_SERVER))
			bits |= 1u << m;
	}
	return bits;
}

uint32_t sp_word_methods_all(void)
{
	uint32_t bits = 0;

	for (unsigned m = 1; m < SP_METHOD__COUNT; m++)
		if (!(methods[m].flags & SP_M_FROM_SERVER))
			bits |= 1u << m;
	return bits;
}

const char *sp_word_method_wrong(const char *s)
{
	return sp_word_methods(s) ? NULL : "is no MCP method an agent may send";
}

const char *sp_word_route_era_wrong(const char *s)
{
	return strcmp(s, "legacy") == 0 || strcmp(s, "modern") == 0
		       ? NULL
		       : "is neither legacy nor modern";
}

const char *sp_word_user_wrong(const char *s)
{
	return only(s, "._-") && s[0] != '-' ? NULL : "is no user name";
}

const char *sp_word_visible_wrong(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || (uint8_t)*s >= 0x7f)
			return "has to be visible ASCII without blanks";
	return NULL;
}

const char *sp_word_who_wrong(const char *s)
{
	const char *name = s[0] == '@' ? s + 1 : s;

	return name[0] && only(name, "._-") && name[0] != '-' ? NULL : "is no user, @group or uid";
}

static int port_of(struct sp_bytes s, uint16_t *ret)
{
	uint64_t v;

	SP_TRY(sp_bytes_u64(s, &v));
	if (v == 0 || v > 65535)
		return -ERANGE;
	*ret = (uint16_t)v;
	return 0;
}

static int unix_address(const char *path, struct sockaddr_storage *ret, uint32_t *ret_len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;

	if (path[0] != '/' || path[1] == 0 || strlen(path) >= sizeof(un->sun_path))
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path));
	*ret_len = sizeof(*un);
	return 0;
}

int sp_word_address(const char *s, struct sockaddr_storage *ret, uint32_t *ret_len)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(s, ':');
	char host[64];
	size_t n;
	uint16_t port;

	if (strncmp(s, "unix:", 5) == 0)
		return unix_address(s + 5, ret, ret_len);
	if (!colon || port_of(sp_bytes_cstr(colon + 1), &port) < 0)
		return -EINVAL;
	n = (size_t)(colon - s);
	if (n == 0 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, n);
	host[n] = 0;
	in.sin_port = in6.sin6_port = htons(port);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		if (inet_pton(AF_INET6, host + 1, &in6.sin6_addr) != 1)
			return -EINVAL;
		memset(ret, 0, sizeof(*ret));
		memcpy(ret, &in6, sizeof(in6));
		*ret_len = sizeof(in6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &in, sizeof(in));
	*ret_len = sizeof(in);
	return 0;
}

static const char *unix_url(const char *s, struct sp_word_url *ret)
{
	const char *path = strchr(s, ':');
	size_t n = path ? (size_t)(path - s) : strlen(s);
	struct sockaddr_un un;

	if (s[0] != '/' || n < 2 || n >= sizeof(un.sun_path))
		return "has to be unix:/path/to/socket:/path";
	if (path && sp_word_route_wrong(path + 1))
		return "has a path that does not begin with / or holds a query";
	*ret = (struct sp_word_url){
		.kind = SP_UP_UNIX,
		.address = sp_bytes(s, n),
		.path = path ? sp_bytes_cstr(path + 1) : SP_LIT("/"),
	};
	return NULL;
}

/// Why an http(s) URL is none for an upstream: clients' own files have keys and users in theirs.
static const char *http_wrong(const char *s)
{
	size_t scheme = strncmp(s, "https://", 8) == 0 ? 8 : 7;
	const char *rest = s + scheme;

	if (scheme == 7 && strncmp(s, "http://", 7) != 0)
		return "has to be http(s)://host:port/path or unix:/path/to/socket:/path";
	if (strchr(rest, '?'))
		return "has a query, which an upstream's url cannot have: send a key as its credential";
	if (strchr(rest, '#'))
		return "has a fragment, which no server is ever sent";
	if (memchr(rest, '@', strcspn(rest, "/")))
		return "has a user in front of its host: name a credential instead";
	return "has to be http(s)://host:port/path or unix:/path/to/socket:/path";
}

const char *sp_word_url(const char *s, struct sp_word_url *ret)
{
	struct sp_bytes authority, path, host;
	uint16_t port;
	bool tls, v6;
	size_t n;

	if (strncmp(s, "unix:", 5) == 0)
		return unix_url(s + 5, ret);
	if (sp_uri_split(sp_bytes_cstr(s), &tls, &authority, &path) < 0)
		return http_wrong(s);
	port = tls ? 443 : 80;
	host = authority;
	v6 = host.p[0] == '[';
	for (n = host.n; n > 0 && host.p[n - 1] != ':' && host.p[n - 1] != ']';)
		n--;
	if (n > 0 && host.p[n - 1] == ':') {
		if (port_of(sp_bytes(host.p + n, host.n - n), &port) < 0)
			return "has no valid port";
		host.n = n - 1;
	}
	if (v6 && (host.n < 4 || host.p[host.n - 1] != ']'))
		return "has an IPv6 address without closing bracket";
	if (v6)
		host = sp_bytes(host.p + 1, host.n - 2);
	if (host.n == 0 || host.n > 253 || (!v6 && memchr(host.p, ':', host.n)))
		return "has no valid host";
	*ret = (struct sp_word_url){
		tls ? SP_UP_TLS : SP_UP_TCP, authority, host, path.n ? path : SP_LIT("/"), port};
	return NULL;
}
