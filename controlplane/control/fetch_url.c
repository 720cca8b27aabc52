#include "controlplane/control/fetch_url.h"

#include "controlplane/control/fetch_addr.h"

#include <arpa/inet.h>
#include "common/banned.h"

/// Visible ASCII without the characters that parsers disagree about, and no dot segments.
static bool path_sane(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || strchr("\\\"<>^`{|}#", *p))
			return false;
	for (const char *p = strchr(s, '/'); p; p = strchr(p + 1, '/')) {
		size_t n = strcspn(p + 1, "/?");

		if ((n == 1 && p[1] == '.') || (n == 2 && p[1] == '.' && p[2] == '.'))
			return false;
	}
	return true;
}

/// Letters, digits and hyphens in labels of 1 to 63; the last label no number.
static bool name_sane(const char *host)
{
	const char *label = host;

	for (;;) {
		size_t n = strcspn(label, ".");

		if (n == 0 || n > 63 || label[0] == '-' || label[n - 1] == '-')
			return false;
		for (size_t i = 0; i < n; i++)
			if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", label[i]))
				return false;
		if (!label[n])
			return label[0] < '0' || label[0] > '9';
		label += n + 1;
	}
}

static bool host_sane(struct sp_fetch_url *u, bool bracketed)
{
	uint8_t addr[16];

	u->literal = bracketed || inet_pton(AF_INET, u->host, addr) == 1;
	if (bracketed)
		return inet_pton(AF_INET6, u->host, addr) == 1;
	return u->literal || name_sane(u->host);
}

/// Host of the authority [from, to) and its port.
static int read_authority(struct sp_fetch_url *u, const char *from, const char *to)
{
	bool bracketed = from < to && *from == '[';
	const char *host = from + bracketed, *end, *port;
	uint64_t number;
	size_t n;

	end = memchr(host, bracketed ? ']' : ':', (size_t)(to - host));
	if (bracketed && !end)
		return -EINVAL;
	end = end ? end : to;
	port = end + bracketed;
	n = (size_t)(end - host);
	if (n == 0 || n > SP_FETCH_HOST_MAX)
		return -EINVAL;
	memcpy(u->host, host, n);
	u->host[n] = 0;
	u->port = u->tls ? 443 : 80;
	if (port < to) {
		if (*port != ':' || port[1] == '0' || to - port > 6 ||
			sp_bytes_u64(sp_bytes(port + 1, (size_t)(to - port) - 1), &number) < 0 ||
			number > UINT16_MAX)
			return -EINVAL;
		u->port = (uint16_t)number;
	}
	return host_sane(u, bracketed) ? 0 : -EINVAL;
}

int sp_fetch_url_parse(struct sp_bytes s, struct sp_fetch_url *ret)
{
	struct sp_fetch_url u = {0};
	const char *authority, *path;

	if (s.n > SP_FETCH_URL_MAX)
		return -E2BIG;
	if (s.n == 0 || memchr(s.p, 0, s.n))
		return -EINVAL;
	memcpy(u.text, s.p, s.n);
	u.tls = strncmp(u.text, "https://", 8) == 0;
	if (!u.tls && strncmp(u.text, "http://", 7) != 0)
		return -EINVAL;
	authority = u.text + (u.tls ? 8 : 7);
	path = authority + strcspn(authority, "/?#");
	if ((*path && *path != '/') || !path_sane(path))
		return -EINVAL;
	SP_TRY(read_authority(&u, authority, path));
	*ret = u;
	ret->path = ret->text + (path - u.text);
	return 0;
}

bool sp_fetch_url_loopback(const struct sp_fetch_url *u)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (!u->literal)
		return strcmp(u->host, "localhost") == 0;
	if (inet_pton(AF_INET, u->host, &v4.sin_addr) == 1)
		return sp_fetch_addr_loopback((const struct sockaddr *)&v4);
	return inet_pton(AF_INET6, u->host, &v6.sin6_addr) == 1 &&
	       sp_fetch_addr_loopback((const struct sockaddr *)&v6);
}
