/// Which addresses the gateway may open for a name somebody else chose (SSRF): IANA's
/// special-purpose registries (RFC 6890 and successors), with mapped and translated IPv4 judged as
/// IPv4. Pure.
#pragma once

#include "common/base.h"

#include <sys/socket.h>

enum sp_fetch_addr_class {
	SP_ADDR_PUBLIC = 0,
	SP_ADDR_PRIVATE, ///< loopback, RFC 1918, shared (RFC 6598), unique local: only when the
			 ///< configuration allows
	SP_ADDR_NEVER, ///< unspecified, link-local (instance metadata), multicast, documentation,
		       ///< transition, reserved
};
enum sp_fetch_addr_class sp_fetch_addr_class(const struct sockaddr *a);
bool sp_fetch_addr_loopback(const struct sockaddr *a);
