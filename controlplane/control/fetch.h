/// An issuer's key set over HTTPS: the discovery document (OpenID Connect Discovery 1.0, RFC 8414)
/// and the JWK set, with libcurl. Control process only: blocks until an answer or the deadline, so
/// run it on a thread (sp_fetcher below). Names come from outside, hence (security.md rows 4 and
/// 5): https only, no redirects, no proxy, no cookies or credentials, 256 KiB at most, the name
/// resolved once, every address checked, and the connection pinned to the addresses checked.
#pragma once

#include "config/jwks.h"

#include <sys/socket.h>

#define SP_FETCH_ADDRS_MAX 8u
#define SP_FETCH_WHY_MAX 160u

struct sp_fetch_addrs {
	uint32_t n;
	struct sockaddr_storage addr[SP_FETCH_ADDRS_MAX]; ///< IPv4 or IPv6; ports are ignored
};
/// Addresses of `host`: 0 with at least one, or -EHOSTUNREACH.
typedef int sp_fetch_resolve(void *ctx, const char *host, struct sp_fetch_addrs *ret);

struct sp_fetch_issuer {
	const char *issuer; ///< exact, as in tokens
	const char *jwks_uri; ///< NULL = by discovery
	const char *ca_file; ///< PEM; NULL = the system's store
	uint32_t algs; ///< SP_JWT_ALG_BIT: see sp_jwks_parse()
	bool allow_private; ///< the issuer's own host (or jwks_uri's) may have private addresses
	bool development; ///< a loopback issuer may be http, and private without more words
	uint64_t total_ns; ///< for each document; 0 = 10 s
	sp_fetch_resolve *resolve; ///< NULL = getaddrinfo, whose own time-out may exceed total_ns
	void *resolve_ctx;
};
/// Once, before the first thread starts. -EIO.
SP_MUST_CHECK int sp_fetch_global_init(void);
/// The issuer's key set. `why` always ends in NUL and says what failed, without foreign text in it.
/// -EINVAL the issuer or a URL is not one to open, -EHOSTUNREACH no address, -EACCES an address
/// that may not be opened, -ECONNABORTED connection or TLS failed, -ETIMEDOUT, -E2BIG over 256 KiB,
/// -EPROTO status other than 200, -EBADMSG discovery document malformed or of another issuer, and
/// the errors of sp_jwks_parse().
SP_MUST_CHECK int sp_fetch_keys(
	const struct sp_fetch_issuer *in, struct sp_jwks **ret, char why[SP_FETCH_WHY_MAX]);

/// Fetches on threads: one a fetch, none in between. Owner: one thread of control.
struct sp_fetcher;
/// *ret_event_fd is readable while an outcome waits; it belongs to the fetcher.
SP_MUST_CHECK int sp_fetcher_new(struct sp_fetcher **ret, int *ret_event_fd);
/// Waits for fetches under way: at most their deadlines.
struct sp_fetcher *sp_fetcher_free(struct sp_fetcher *f);
/// Start one; `in` is copied. 0 (the outcome comes later), -ENOMEM, -EAGAIN no thread.
SP_MUST_CHECK int sp_fetcher_start(
	struct sp_fetcher *f, uint32_t number, const struct sp_fetch_issuer *in);
struct sp_fetched {
	uint32_t number;
	int err;
	struct sp_jwks *keys; ///< the caller's when err is 0
	char why[SP_FETCH_WHY_MAX];
};
/// The oldest outcome; -EAGAIN when there is none.
SP_MUST_CHECK int sp_fetcher_take(struct sp_fetcher *f, struct sp_fetched *ret);
