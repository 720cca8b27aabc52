/// Between records.c and keys.c only.
#pragma once

#include "dataplane/tls/records.h"

/// -ENOMEM; tls_half_done() is right after either.
SP_MUST_CHECK int tls_half_init(
	struct tls_half *h, enum tls_suite suite, const uint8_t *secret, bool seals);
void tls_half_done(struct tls_half *h);
/// On to the next generation of the direction's keys. -ENOMEM: the direction is of no use any more.
SP_MUST_CHECK int tls_half_update(struct tls_half *h, enum tls_suite suite, bool seals);
