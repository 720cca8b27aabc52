/// The URLs the gateway itself opens, taken apart strictly: one spelling of each, nothing a second
/// parser could read otherwise. Pure.
#pragma once

#include "common/bytes.h"

#define SP_FETCH_URL_MAX 2048u
#define SP_FETCH_HOST_MAX 253u

struct sp_fetch_url {
	bool tls; ///< https, else http
	bool literal; ///< host is an address
	uint16_t port;
	char host[SP_FETCH_HOST_MAX + 1]; ///< lower case; an IPv6 literal without brackets
	const char *path; ///< in `text`, "" when there is none
	char text[SP_FETCH_URL_MAX + 1]; ///< the whole URL
};
/// Absolute http(s) URL. Refused with -EINVAL: other schemes, user information, a fragment, upper
/// case or anything but letters, digits, '-', '.' in a host, a number for a host that is no plain
/// dotted address, port 0, characters outside visible ASCII, backslashes, "." and ".." segments;
/// -E2BIG.
SP_MUST_CHECK int sp_fetch_url_parse(struct sp_bytes s, struct sp_fetch_url *ret);
static inline bool sp_fetch_url_same_host(
	const struct sp_fetch_url *a, const struct sp_fetch_url *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}
/// "localhost", or a literal address of this machine.
bool sp_fetch_url_loopback(const struct sp_fetch_url *u);
