/// One GET with every rule of fetch.h but what the document means. Inside
/// controlplane/control/fetch*.c.
#pragma once

#include "controlplane/control/fetch.h"
#include "controlplane/control/fetch_url.h"

struct sp_fetch_body {
	uint8_t *p; ///< SP_JWKS_MAX_BYTES + 1 bytes of room
	size_t n;
};
/// `url` was parsed and its scheme found right; `allow_private` is about this host. Errors and
/// `why` as sp_fetch_keys(); -ENOENT for status 404.
SP_MUST_CHECK int sp_fetch_get(const struct sp_fetch_issuer *in, const struct sp_fetch_url *url,
	bool allow_private, struct sp_fetch_body *ret, char why[SP_FETCH_WHY_MAX]);
SP_PRINTF(3, 4) int sp_fetch_fail(char why[SP_FETCH_WHY_MAX], int err, const char *fmt, ...);
