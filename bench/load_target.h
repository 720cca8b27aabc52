/// Where the load goes: an address, and TLS when the URL says https. Names are not resolved.
#pragma once

#include "common/base.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

struct load_target {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	char host[256]; ///< value of the Host header
	char name[128]; ///< what the certificate must be for
	char path[256];
	SSL_CTX *tls; ///< NULL = plain
};

/// `where` is ADDRESS:PORT, localhost:PORT or unix:PATH; *ret is zero before. -EINVAL, -ENAMETOOLONG.
SP_MUST_CHECK int load_address(const char *where, struct sockaddr_storage *ret, socklen_t *ret_len);
/// `url` is http[s]://NAME_OR_ADDRESS:PORT/PATH; `connect_to` (ADDRESS:PORT or unix:PATH) overrides where to
/// connect, otherwise NAME must be an address or "localhost". `ca` is the PEM file to trust.
/// 0 or -errno with a message on standard error.
SP_MUST_CHECK int load_target_init(
	struct load_target *t, const char *url, const char *connect_to, const char *ca);
void load_target_done(struct load_target *t);
/// A non-blocking socket on its way, or -errno.
SP_MUST_CHECK int load_target_dial(const struct load_target *t);
